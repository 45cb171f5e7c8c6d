"""Weight norms, biases and accuracies of a trained classifier against the class counts, as PNG and CSV:
python tools/analyze_classifier.py work_dirs/ce_cifar100_lt/epoch_200.pth

A cosine classifier divides the weights by their norms; there the cosine with the nearest class stands in their place.
"""
import argparse
from pathlib import Path

import numpy as np

from mmlt.core.counts import as_counts
from mmlt.engine.load import add_arguments, read_checkpoint
from mmlt.report.classifier import (
    class_names,
    classifier_table,
    find_classifier,
    is_cosine,
    log_count_correlation,
    plot_classifier,
    read_accuracy,
    stored_counts,
    write_csv,
)


def parse_args(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='of MMEngine, or a plain state dict')
    parser.add_argument('--path', help='module path of the classifier (default: head.fc and other usual ones)')
    parser.add_argument('--counts', help='json with the training counts (default: those stored in the checkpoint)')
    parser.add_argument('--config', help='count the classes of the training set of this config')
    parser.add_argument('--accuracy', help='per-class accuracy: json of a test with per_class=True, json list or csv')
    parser.add_argument('--many', type=int, default=100)
    parser.add_argument('--few', type=int, default=20)
    parser.add_argument('--cosine', action='store_true', default=None,
                        help='the classifier ignores norms (default: what the config in the checkpoint says)')
    add_arguments(parser, fit=False)
    parser.add_argument('--out', help='path of the results without suffix (default: <checkpoint>_classifier)')
    return parser.parse_args(args)


def config_counts(path):
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    from mmlt.data.labels import class_counts
    from mmlt.registry import build
    config = Config.fromfile(path)
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    return class_counts(build('DATASETS', config.train_dataloader.dataset))


def main(args=None):
    args = parse_args(args)
    try:
        checkpoint = read_checkpoint(args.checkpoint, trust=args.trust)
        counts = args.counts or (config_counts(args.config) if args.config else stored_counts(checkpoint))
        if counts is None:
            raise ValueError(f'{args.checkpoint} stores no class counts; pass --counts counts.json or --config '
                             'config.py')
        counts = as_counts(counts, allow_empty=True)
        path, weight, bias = find_classifier(checkpoint, args.path, len(counts))
        accuracy = read_accuracy(args.accuracy, len(counts)) if args.accuracy else None
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from None
    cosine = is_cosine(checkpoint) if args.cosine is None else args.cosine
    table = classifier_table(weight, bias, counts, accuracy, args.many, args.few, class_names(checkpoint), cosine)
    out = Path(args.out or Path(args.checkpoint).with_suffix('').as_posix() + '_classifier')
    out.parent.mkdir(parents=True, exist_ok=True)
    png, csv = out.with_name(out.name + '.png'), out.with_name(out.name + '.csv')
    write_csv(csv, table)
    plot_classifier(png, table, f'{Path(args.checkpoint).name}: {path}')

    print(f'{path}: {len(weight)} classes x {weight.shape[1]} features')
    for key in ('norm', 'nearest', 'bias', 'accuracy'):
        if key in table:
            groups = {group: table[key][table['group'] == group] for group in ('many', 'medium', 'few')}
            means = ', '.join(f'{group} {np.nanmean(x):.3f}' for group, x in groups.items() if np.isfinite(x).any())
            print(f'{key:<9} correlation with log count {log_count_correlation(table, key):+.3f}; mean {means}')
    print(f'wrote {png} and {csv}')


if __name__ == '__main__':
    main()
