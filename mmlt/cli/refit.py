"""Fit second stages on cached features.

    mmlt refit cifar100_lt work_dirs/ce_cifar100_lt/epoch_200.pth --methods maxnorm crt

The pooled features of the training, test (and validation) images are computed once, by the test pipeline, and kept
under OUT/features; a run that was killed goes on from there. (The two-run recipes see augmented images instead.) Each
method then takes seconds. Settings such as tau are chosen on --val, by default the config's val split if it is not the
test set, else by folds of the training set. Every result is written to OUT/<method>/{config.py,checkpoint.pth}, which
tools/test.py evaluates to the same numbers.
"""
import argparse
from pathlib import Path

import mmengine
import torch
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn, track

from mmlt.cli.report import after_training
from mmlt.core.counts import shot_groups
from mmlt.core.refit import METHODS, Recipe, as_split, evaluate, select, tuning_rounds
from mmlt.engine.cli import Parser, add_config, load_config
from mmlt.engine.features import eval_dataset, extract_features, grouped_folds, load_model, pipeline_of
from mmlt.engine.hooks.record import save_predictions
from mmlt.engine.joint import joint_classifier, possible_methods, prior_loss, saved_layer
from mmlt.engine.load import add_arguments, read_checkpoint
from mmlt.report.classifier import find_classifier
from mmlt.report.table import print_results

console = Console(soft_wrap=True, highlight=False)
FOLDS = 5


def parse_args(args=None):
    p = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(p)
    p.add_argument('checkpoint', help='of the joint (first) stage, with a linear classifier')
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
    p.add_argument('--out', type=Path, help='default: a folder refit beside CHECKPOINT')
    p.add_argument('--epochs', type=int, default=10)
    p.add_argument('--batch-size', type=int, default=128)
    p.add_argument('--lr', type=float, help="default: each method's own")
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--dtype', choices=['float32', 'float16'], default='float32', help='of the features on disk')
    p.add_argument('--path', help='of the classifier in the model (default: head.fc and other usual ones)')
    add_arguments(p)
    p.add_argument('--cfg-options', '--set', nargs='+', action=DictAction, help='override settings: key=value ...')
    p.set_defaults(launcher='none', local_rank=0, work_dir=None)
    args = p.parse_intermixed_args(args)
    for name in ('epochs', 'batch_size'):
        if getattr(args, name) < 1:
            p.error(f'--{name.replace("_", "-")} {getattr(args, name)}: must be at least 1')
    return args


def dataset_config(cfg, name):
    """The config of a data set by the name of its loader (train, val, test) or by a key of the config."""
    node = cfg.to_dict()
    for key in (f'{name}_dataloader' if f'{name}_dataloader' in cfg else name).split('.'):
        if not isinstance(node, dict) or key not in node:
            keys = [key.removesuffix('_dataloader') for key in cfg if key.endswith('_dataloader')]
            raise ValueError(f'the config has no data set {name!r}; give one of {keys} or a key of the config')
        node = node[key]
    return node if 'type' in node else node['dataset']


def bound_config(cfg, data):
    if data.endswith('.npz'):
        return dict(type='NpzImages', ann_file=str(Path(data).resolve()), split='train')
    return dataset_config(Config.fromfile(data), 'train') if data.endswith('.py') else dataset_config(cfg, data)


class Stage1:
    """The joint model: its features of any data set, and checkpoints with another classifier in it."""

    def __init__(self, args, cfg):
        self.args, self.cfg, self.out = args, cfg, args.out or Path(args.checkpoint).parent / 'refit'
        self.checkpoint = read_checkpoint(args.checkpoint, trust=args.trust)
        self.path = find_classifier(self.checkpoint, args.path)[0]
        state = self.checkpoint.get('state_dict', self.checkpoint)
        self.state = {name.removeprefix('module.'): value for name, value in state.items()}
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.model = load_model(cfg, self.state, self.path, args.allow_missing).to(device)
        self.joint = joint_classifier(self.model, self.path)
        self.pipeline = pipeline_of(dataset_config(cfg, 'test'))

    def split(self, name, dataset):
        """Features and labels of a data set."""
        bar = Progress('{task.description}', BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console)
        with bar:
            task = bar.add_task(f'features of {name}', total=None)
            features, labels = extract_features(
                self.model, self.path, eval_dataset(dataset, self.pipeline), self.cfg.test_dataloader,
                self.out / 'features' / name, (self.cfg.model, self.cfg.get('data_preprocessor')), self.args.dtype,
                progress=lambda done, total: bar.update(task, completed=done, total=total))
            bar.update(task, completed=len(labels), total=len(labels))
        features = torch.as_tensor(features).to(self.joint.weight.device)
        return as_split(features, labels, self.joint.out_features, name)

    def save(self, name, layer, class_counts):
        """OUT/name/config.py and checkpoint.pth."""
        out = self.out / name
        out.mkdir(parents=True, exist_ok=True)
        state = {key: value for key, value in self.state.items() if not key.startswith(f'{self.path}.')}
        own, to = saved_layer(layer, self.joint)
        state.update({f'{self.path}.{key}': value.cpu() for key, value in own.items()})
        meta = dict(self.checkpoint.get('meta', {}), class_counts=class_counts.tolist())
        torch.save(dict(meta=meta, state_dict=state), out / 'checkpoint.pth')
        cfg = Config(self.cfg.to_dict())
        cfg.merge_from_dict(dict(load_from=None, resume=False, work_dir=str(out)))
        cfg.model.get('head', {}).pop('logit_adjust', None)
        if to is not None:
            cfg.model = dict(type='SwapClassifier', model=cfg.model, path=self.path, to=to)
        cfg.dump(out / 'config.py')


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


def metric_settings(cfg):
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, (list, tuple)) else [cfg.test_evaluator]
    metric = next((e for e in evaluators if e.get('type') == 'LongTailMetric'), {})
    return {key: metric[key] for key in ('many', 'few', 'bins') if key in metric}


@torch.no_grad()
def dump_predictions(file, layer, test, counts, settings):
    """For the report page."""
    parts = []
    for x, labels in test.chunks():
        scores = layer(x).softmax(1)
        parts.append((labels, *scores.topk(min(5, scores.shape[1]))[::-1], scores.gather(1, labels[:, None])[:, 0]))
    label, top, score, own = (torch.cat(column).cpu().numpy() for column in zip(*parts))
    save_predictions(file, label, top, score, own, class_counts=counts.numpy(), many=settings.get('many', 100),
                     few=settings.get('few', 20))


@torch.no_grad()
def draw_reliability(file, title, layer, test, counts, settings):
    from mmlt.report.reliability import reliability_diagram

    confidence, predicted = (torch.cat(part).cpu() for part in zip(*(layer(x).softmax(1).max(1)
                                                                     for x, _ in test.chunks())))
    labels, bins = test.y.cpu(), settings.pop('bins', 15)
    splits = {name: mask[labels].numpy() for name, mask in shot_groups(counts, **settings).items()}
    reliability_diagram(file, confidence.numpy(), (predicted == labels).numpy(), bins, splits, title)


def refit(args):
    """Everything; returns the results by method."""
    cfg = load_config(args)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    stage, recipe = Stage1(args, cfg), Recipe(args.epochs, args.batch_size, args.lr, args.seed)
    methods, left_out = possible_methods(args.methods, stage.joint, prior_loss(cfg, stage.model))
    if left_out:
        console.print(f'[yellow]{left_out}[/]')
    choice = any(len(METHODS[name].grid) > 1 for name in methods)
    if choice and args.folds is not None and args.folds < 2 and not (args.val or args.tune_on_test):
        raise ValueError(f'{", ".join(methods)}: no split to choose settings on; pass --val, or --folds of at least 2')
    test = stage.split('test', dataset_config(cfg, 'test'))
    val, chosen_on = tuning_split(args, stage, test) if choice else (None, None)
    train = stage.split('train', dataset_config(cfg, 'train'))
    counts = train.counts(stage.joint.out_features).cpu()
    if choice and val is None:
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
                    console.print(sentence, end='')
                rounds = tuning_rounds(train, stage.joint, recipe, val, args.folds or FOLDS, fold)
            setting = select(name, rounds, recipe)
        fitted[name] = METHODS[name].fit(train, stage.joint, recipe, **setting), setting
    if args.bound:
        bound = stage.split('bound', bound_config(cfg, args.bound))
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
        dump_predictions(stage.out / name / 'predictions.npz', layer, test, counts, metric_settings(cfg))
        if args.reliability:
            draw_reliability(stage.out / name / 'reliability.png', label, layer, test, counts, metric_settings(cfg))
    mmengine.dump(results, stage.out / 'results.json')
    chosen = f', settings chosen on {chosen_on}' if choice else ''
    print_results(rows, title=f'{Path(args.checkpoint).name}{chosen}', console=console)
    console.print(f'Checkpoints and configs: {stage.out}')
    after_training(stage.out)
    best = max(results.keys() - {'bound'}, key=lambda name: results[name]['mean_class'])
    console.print(f'Next: mmlt test {stage.out / best}/config.py {stage.out / best}/checkpoint.pth evaluates {best}, '
                  f'the best; mmlt report {stage.out} shows every class')
    return results


def main(args=None):
    try:
        return refit(parse_args(args))
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from None
