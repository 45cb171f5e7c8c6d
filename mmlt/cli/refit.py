"""Fit second stages on cached features.

    mmlt refit cifar100_lt work_dirs/ce_cifar100_lt/epoch_200.pth --methods maxnorm crt
    mmlt refit --timm vit_base_patch16_clip_224.openai --weights model.safetensors --data data/birds

The first form takes the config and the checkpoint of a training; the second one a pretrained model of timm and a folder
of classes, without a config, a training or a GPU. The pooled features of the training, test (and validation) images are
computed once, by the test pipeline, and kept under OUT/features; a run that was killed goes on from there. (The two-run
recipes see augmented images instead.) Each method then takes seconds. Settings such as tau are chosen on --val, by
default the config's val split if it is not the test set, else by folds of the training set. Every result is written to
OUT/<method>/{config.py,checkpoint.pth}, which tools/test.py evaluates to the same numbers. The processes of torchrun
deal the images among them.
"""
import argparse
import sys
from contextlib import contextmanager
from pathlib import Path

import mmengine
import torch
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn, track

from mmlt.cli.report import after_training
from mmlt.core.counts import log_prior
from mmlt.core.dist import rank
from mmlt.core.refit import METHODS, Recipe, evaluate, select, tuning_rounds
from mmlt.engine.cli import Options, Parser, add_config, load_config, plain_errors, ranks
from mmlt.engine.features import grouped_folds
from mmlt.engine.joint import possible_methods, prior_loss
from mmlt.engine.load import add_arguments, read_checkpoint
from mmlt.engine.refit import (
    FirstStage,
    TimmStage,
    bound_config,
    dataset_config,
    metric_settings,
    text_rows,
    timm_config,
    zero_shot,
)
from mmlt.report.classifier import find_classifier
from mmlt.report.refit_files import draw_reliability, dump_predictions
from mmlt.report.table import print_results

console = Console(soft_wrap=True, highlight=False)
FOLDS = 5
NORM = 16.  # of features, for which the learning rates of the second stages are


def parse_args(args=None):
    args = sys.argv[1:] if args is None else list(args)
    timm = any(word.split('=')[0] == '--timm' for word in args)
    p = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    if not timm:
        add_config(p)
        p.add_argument('checkpoint', help='of the joint (first) stage, with a linear classifier')
    add_timm(p)
    p.add_argument('--methods', nargs='+', choices=['joint', *METHODS], metavar='METHOD',
                   help=f'any of {" ".join(METHODS)} (default: all that can follow the first '
                        'stage); joint always comes first')
    p.add_argument('--val', metavar='DATA', help='choose settings on this: val, or a key of the config with a data set '
                                                 'or loader (default: val if it is not the test set)')
    p.add_argument('--folds', type=int, help='of the training set, to choose settings on (default: 5, without a val '
                                             'split)')
    p.add_argument('--groups', metavar='CSV', help='path,group: folds tear no group apart (default: groups.csv, '
                                                   'which mmlt holdout wrote beside the training list)')
    p.add_argument('--tune-on-test', action='store_true', help='choose settings on the test set: no fair result')
    p.add_argument('--bound', metavar='DATA', help='a balanced training set: .npz, config .py or key of the config; a '
                                                   'classifier fitted to it bounds what these features allow')
    p.add_argument('--reliability', action='store_true', help='draw OUT/<method>/reliability.png')
    p.add_argument('--out', type=Path, help='default: a folder refit beside CHECKPOINT; with --timm '
                                            'work_dirs/refit_MODEL_FOLDER')
    p.add_argument('--epochs', type=int, default=10)
    p.add_argument('--batch-size', type=int, default=128)
    p.add_argument('--lr', type=float, help="default: each method's own")
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--amp', action='store_true', help='pass the images in bfloat16 (on a GPU float16), on a CPU that '
                                                      'has it three times as fast; features differ by about 1 %%')
    p.add_argument('--dtype', choices=['float32', 'float16'], default='float32', help='of the features on disk')
    p.add_argument('--path', help='of the classifier in the model (default: head.fc and other usual ones)')
    add_arguments(p)
    p.add_argument('--cfg-options', '--set', nargs='+', action=Options, help='override settings: key=value ...')
    p.set_defaults(launcher='none', local_rank=0, work_dir=None)
    args = p.parse_intermixed_args(args)
    for name in ('epochs', 'batch_size'):
        if getattr(args, name) < 1:
            p.error(f'--{name.replace("_", "-")} {getattr(args, name)}: must be at least 1')
    if timm and not args.data:
        p.error('--timm needs --data FOLDER')
    for name in ('weights', 'data', 'text', 'image_size'):
        if not timm and getattr(args, name):
            p.error(f'--{name.replace("_", "-")} goes with --timm MODEL')
    return args


def add_timm(p):
    group = p.add_argument_group('a pretrained model in place of CONFIG and CHECKPOINT')
    group.add_argument('--timm', metavar='MODEL', help='name of a model of timm')
    group.add_argument('--weights', metavar='FILE', help='of it, as timm, open_clip or a training with timm wrote them '
                                                         '(default: timm downloads its own)')
    group.add_argument('--data', metavar='FOLDER', help='with train/ and test/ or val/ (with both, settings are chosen '
                       'on val/); or folders of classes, of which a share is held out; or the lists of mmlt holdout')
    group.add_argument('--hold-out', type=float, default=0.2, metavar='SHARE', help='for testing, of a FOLDER of '
                                                                                    'classes (default: 0.2)')
    group.add_argument('--text', metavar='FILE', help='of tools/text_head.py: adds zero_shot, zero_shot-gla, ensemble '
                                                      'and gla, the sums of zero-shot and fitted logits')
    group.add_argument('--image-size', type=int, metavar='PX', help="default: the model's own")


@contextmanager
def progress(name):
    """A bar for the features of a data set."""
    bar = Progress('{task.description}', BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console)
    with bar:
        task = bar.add_task(f'features of {name}', total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def first_stage(args):
    """The model of the config with the checkpoint's weights, or that of timm."""
    if args.timm:
        out = args.out or Path('work_dirs', f'refit_{args.timm}_{Path(args.data).resolve().name}')
        init_default_scope('mmpretrain')
        cfg = timm_config(args.timm, args.weights or True, args.data, out, args.image_size, args.hold_out, args.seed)
        cfg.merge_from_dict(args.cfg_options or {})
        return TimmStage(cfg, out, args.dtype, progress, args.amp)
    cfg = load_config(args)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    checkpoint = read_checkpoint(args.checkpoint, trust=args.trust)
    out = args.out or Path(args.checkpoint).parent / 'refit'
    return FirstStage(cfg, checkpoint, find_classifier(checkpoint, args.path)[0], out, args.dtype, args.allow_missing,
                      progress, args.amp)


def tuning_split(args, stage, test):
    """The split to choose settings on, None for folds, and its name."""
    if args.tune_on_test:
        console.print('[bold red]settings are chosen on the test set: no fair result, do not report it[/]')
        return test, 'the test set'
    folds, name = (None, f'{args.folds or FOLDS} folds'), args.val
    if name is None and args.folds is None:
        val = stage.cfg.get('val_dataloader')
        name = 'val' if val and val.dataset != stage.cfg.test_dataloader.dataset else None
    if name is None:
        return folds
    val = stage.split('val', dataset_config(stage.cfg, name))
    if torch.equal(val.labels, test.labels) and torch.equal(val.features, test.features):
        if args.val is None:
            return folds
        raise ValueError(f'--val {name} holds the test images: settings must not be chosen on the test set. Leave '
                         '--val out for folds of the training set, or pass --tune-on-test')
    return val, name


def warn_of_memory(joint, train, counts):
    right = evaluate(joint, train, counts)['top1']
    if right > 90:
        console.print(f'[yellow]the joint classifier is right on {right:.1f} % of the training images: the features '
                      'know them by heart, and folds of them choose too weak a correction of the tail; prefer '
                      '--val with images kept out of the first stage[/]')


def refit(args):
    """Everything; returns the results by method."""
    norm = NORM if args.timm and args.lr is None else None
    stage, recipe = first_stage(args), Recipe(args.epochs, args.batch_size, args.lr, args.seed, norm)
    cfg, text = stage.cfg, args.text and zero_shot(args.text, stage.classes, stage.joint)
    methods, left_out = possible_methods(args.methods, stage.joint, prior_loss(cfg, stage.model))
    if left_out:
        console.print(left_out, style='yellow', markup=False)
    choice = any(len(METHODS[name].grid) > 1 for name in methods)
    if choice and args.folds is not None and args.folds < 2 and not (args.val or args.tune_on_test):
        raise ValueError(f'{", ".join(methods)}: no split to choose settings on; pass --val, or --folds of at least 2')
    test = stage.split('test', dataset_config(cfg, 'test'))
    val, chosen_on = tuning_split(args, stage, test) if choice else (None, None)
    train = stage.split('train', dataset_config(cfg, 'train'))
    bound = args.bound and stage.split('bound', bound_config(cfg, args.bound))
    if rank():
        return {}  # the first rank fits
    counts = train.counts(stage.joint.out_features).cpu()
    if args.timm:
        stage.fit_joint(train, recipe)
    elif choice and val is None:
        warn_of_memory(stage.joint, train, counts)

    fitted = {'joint': (stage.joint, {})}
    rounds = None
    for name in track(methods, 'fitting', console=console, transient=True):
        setting = {}
        if len(METHODS[name].grid) > 1:
            if rounds is None:
                fold = None
                if val is None:
                    fold, sentence = grouped_folds(dataset_config(cfg, 'train'), train.labels, args.groups,
                                                   args.folds or FOLDS, args.seed)
                    console.print(sentence, end='', markup=False)
                rounds = tuning_rounds(train, stage.joint, recipe, val, args.folds or FOLDS, fold)
            setting = select(name, rounds, recipe)
        fitted[name] = METHODS[name].fit(train, stage.joint, recipe, **setting), setting
    if text:
        fitted.update((name, (layer, {})) for name, layer in text_rows(text, train, stage.joint, log_prior(
            counts.clamp_min(1))).items())
    if args.bound:
        n = bound.counts(len(counts))
        if n.min() < n.max():
            console.print(f'[bold red]--bound is not balanced: {int(n.min())} to {int(n.max())} images a class[/]')
        fitted['bound'] = METHODS['crt'].fit(bound, stage.joint, recipe), {}

    results, rows = {}, {}
    for name, (layer, setting) in fitted.items():
        results[name] = dict(evaluate(layer, test, counts, **metric_settings(cfg)), **setting)
        label = ' '.join([name, *(f'{key}={value}' for key, value in setting.items())])
        rows[label] = results[name]
        stage.save(name, layer, counts)
        dump_predictions(stage.out / name / 'predictions.npz', layer, test, counts, metric_settings(cfg), stage.classes)
        if args.reliability:
            draw_reliability(stage.out / name / 'reliability.png', label, layer, test, counts, metric_settings(cfg))
    mmengine.dump(results, stage.out / 'results.json')
    chosen = f', settings chosen on {chosen_on}' if choice else ''
    print_results(rows, title=f'{args.timm or Path(args.checkpoint).name}{chosen}', console=console)
    console.print(f'Checkpoints and configs: {stage.out}', markup=False)
    after_training(stage.out)
    best = max((name for name in results if name != 'bound'), key=lambda name: results[name]['mean_class'])
    console.print(f'Next: mmlt test {stage.out / best}/config.py {stage.out / best}/checkpoint.pth evaluates {best}, '
                  f'the best; mmlt report {stage.out} shows every class', markup=False)
    return results


@plain_errors
def main(args=None):
    args = parse_args(args)
    try:
        with ranks():
            console.quiet = rank() > 0
            return refit(args)
    except ImportError as error:
        extra = error.name if error.name == 'timm' else 'onedl,report'
        raise SystemExit(f'error: {error}; pip install "mmlt[{extra}]"') from None
