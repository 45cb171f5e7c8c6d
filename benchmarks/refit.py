"""Second stages on cached features: cRT at the size of CIFAR-100-LT, the tau sweep at that of ImageNet.

With --two-run CHECKPOINT (of ce_cifar100_lt), cRT by tools/refit.py against crt_cifar100_lt by tools/train.py: time and
accuracy. --data takes the images from a .npz instead of data/cifar100. The two-run recipe takes minutes on a CPU.

With --size, every method at 50,000 x 768 features and 1,000 classes, settings chosen on 10,000 images: CPU seconds of
choosing and fitting, all threads together (60 s on two cores are 120), and the most memory. --epochs 1 takes a tenth.
"""
import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from record import record

from mmlt.core.counts import log_prior
from mmlt.core.layers import ZeroShotLinear
from mmlt.core.refit import METHODS, Recipe, as_split, fit, linear, new_linear, norm_scales, select, sweep
from mmlt.core.refit.methods import TAUS
from mmlt.engine.refit.text import text_rows, with_linear

ROOT = Path(__file__).resolve().parents[1]
CONFIG = '''_base_ = '{base}'
data = dict(_delete_=True, type='NpzImages', ann_file='{data}')
train_dataloader = dict(dataset=dict(split='train', pipeline={{{{_base_.train_pipeline}}}}, **data))
val_dataloader = dict(dataset=dict(split='test', pipeline={{{{_base_.test_pipeline}}}}, **data))
test_dataloader = val_dataloader
'''


def seconds(*jobs, repeats=3):
    """Median time of each job; they take turns."""
    times = [[] for _ in jobs]
    for _ in range(repeats):
        for job, list_ in zip(jobs, times):
            start = time.perf_counter()
            job()
            list_.append(time.perf_counter() - start)
    return [statistics.median(list_) for list_ in times]


def crt_seconds():
    """10 epochs' worth of class-balanced samples of 10,847 x 64 features, 100 classes."""
    labels = torch.arange(100).repeat_interleave(torch.tensor([int(500 * 0.01 ** (c / 99)) for c in range(100)]))
    train = as_split(torch.randn(len(labels), 64).relu(), labels, 100)
    joint = linear(torch.zeros(100, 64))
    return seconds(lambda: METHODS['crt'].fit(train, joint, Recipe(epochs=10)))[0]


def sweep_seconds(n=50_000, classes=1_000, dim=2_048):
    """21 taus, and one product of the same features and weight."""
    weight = 0.02 * torch.randn(classes, dim)
    split = as_split(torch.randn(n, dim).relu_(), torch.randint(classes, (n,)), classes)
    scales = norm_scales(weight, TAUS)
    return seconds(lambda: sweep(split, weight, None, scales, torch.zeros_like(scales)),
                   lambda: split.features @ weight.T)


def structured(n, classes=1_000, dim=768, imbalance=256, seed=0):
    """Long-tailed features: class means beside noise, of norm 8."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(classes, dim, generator=torch.Generator().manual_seed(1))
    share = imbalance ** -(torch.arange(classes) / (classes - 1))
    labels = torch.multinomial(share, n, replacement=True, generator=generator)
    labels[:classes] = torch.arange(classes)
    features = torch.randn(n, dim, generator=generator).mul_(3).add_(means[labels])
    return as_split(features.mul_(8 / (10 * dim) ** .5), labels, classes)


def methods_at_size(epochs, names):
    """CPU seconds, times 10 / epochs where epochs count, and the peak memory in GB after each method."""
    train, val = structured(50_000), structured(10_000, seed=2)
    joint = fit(new_linear(linear(torch.zeros(1_000, 768)), 0), train, Recipe(1), lr=0.1, balanced=False)
    text = ZeroShotLinear(768, 1_000)
    text.text.copy_(joint.weight)
    for name in names:
        trains, begun = name in ('crt', 'lws', 'disalign', 'marc', 'maxnorm', 'los'), time.process_time()
        if name == 'gla':
            text_rows(with_linear(text, 0., 0.), train, joint, log_prior(train.counts(1_000)))
        else:
            recipe = Recipe(epochs)
            METHODS[name].fit(train, joint, recipe, **select(name, [(train, val, joint)], recipe))
        seconds = (time.process_time() - begun) * (10 / epochs if trains else 1)
        yield name, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 20


def two_run(args):
    """Seconds and accuracies by what was run."""
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    configs = {name: ROOT / f'configs/lt/{name}_cifar100_lt.py' for name in ('ce', 'crt')}
    if args.data:
        for name, base in configs.items():
            configs[name] = out / f'{name}.py'
            configs[name].write_text(CONFIG.format(base=base, data=args.data.resolve()))

    def tool(name, *arguments):
        command = [sys.executable, str(ROOT / f'tools/{name}.py'), *map(str, arguments)]
        return seconds(lambda: subprocess.run(command, check=True), repeats=1)[0]

    checkpoint = args.two_run.resolve()
    train = tool('train', configs['crt'], '--work-dir', out / 'crt', '--no-validate', '--seed', args.seed,
                 '--cfg-options', f'load_from={checkpoint}', *args.options)
    trained = (out / 'crt/last_checkpoint').read_text()
    tool('test', configs['crt'], trained, '--work-dir', out / 'crt', '--out', out / 'two_run.json')
    for file in (out / 'refit/features').glob('*'):
        file.unlink()
    refit = [configs['ce'], checkpoint, '--methods', 'crt', '--seed', args.seed, '--out', out / 'refit']
    extracting, cached = tool('refit', *refit), tool('refit', *refit)
    accuracy = (json.loads((out / 'two_run.json').read_text())['lt/top1'],
                json.loads((out / 'refit/results.json').read_text())['crt']['top1'])
    return train, extracting, cached, fit_seconds(refit), *accuracy


def fit_seconds(refit):
    """Of cRT alone, on the features that tools/refit.py left."""
    spec = importlib.util.spec_from_file_location('refit_tool', ROOT / 'mmlt/cli/refit.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    args = tool.parse_args([str(word) for word in refit])
    stage = tool.first_stage(args)
    train = stage.split('train', tool.dataset_config(stage.cfg, 'train'))
    return seconds(lambda: METHODS['crt'].fit(train, stage.joint, Recipe(epochs=10)))[0]


def row(name, value, target=''):
    print(f'{name:<60} {value:8.2f} {target:>8}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--two-run', type=Path, metavar='CHECKPOINT')
    parser.add_argument('--data', type=Path, metavar='NPZ')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, default='work_dirs/refit_benchmark')
    parser.add_argument('--options', nargs='+', default=[], help='--cfg-options of the two-run recipe')
    parser.add_argument('--size', nargs='*', metavar='METHOD', help='of mmlt refit, gla for the rows with text; all')
    parser.add_argument('--epochs', type=int, default=10)
    args = parser.parse_args()
    if args.size is not None:
        missed = 0
        for name, cpu, memory in methods_at_size(args.epochs, args.size or [*METHODS, 'gla']):
            row(f'{name} at 50,000 x 768 x 1,000, CPU seconds', cpu, '<= 120')
            row('most memory so far, GB', memory, '<= 2')
            missed += cpu > 120 or memory > 2
        return int(missed > 0)
    if args.two_run:
        train, extracting, cached, fit, trained, refitted = two_run(args)
        row('two runs: tools/train.py crt_cifar100_lt, seconds', train)
        row('tools/refit.py, features of train and test computed', extracting)
        row('tools/refit.py, features cached', cached)
        row('cRT on the features, without starting Python', fit, '<= 30')
        row('times faster than tools/train.py: features computed', train / extracting)
        row('times faster: features cached, the whole tool', train / cached)
        row('times faster: features cached, the fit', train / fit, '>= 20')
        row('accuracy of the two-run recipe', trained)
        row('accuracy of the refit', refitted, f'>= {trained - .5:.2f}')
        return int(fit > 30 or train < 20 * fit or refitted < trained - .5)
    torch.manual_seed(0)
    crt = crt_seconds()
    sweep_time, product = sweep_seconds()
    row('cRT, 10 epochs of 10,847 x 64, seconds', crt, '<= 30')
    row('21 taus at 50,000 x 1,000 x 2,048, seconds', sweep_time)
    row('one matrix product of that size, seconds', product)
    row('ratio', sweep_time / product, '<= 3')
    record('21 taus over one matrix product', sweep_time / product, 3)
    return int(crt > 30 or sweep_time > 3 * product)


if __name__ == '__main__':
    sys.exit(main())
