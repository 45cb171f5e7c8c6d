"""Write the trick gallery, configs/lt/gallery: python tools/make_gallery.py

The tables here are its only source: what each trick changes of the data set's cross-entropy config, and the errors
that Zhang et al. published (Bag of Tricks for Long-Tailed Visual Recognition, AAAI 2021, and its trick_gallery.md).
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / 'configs/lt'


def loss(type, **kwargs):
    return dict(model=dict(head=dict(loss=dict(_delete_=True, type=type, **kwargs))))


def sampler(type, **kwargs):
    return dict(train_dataloader=dict(sampler=dict(_delete_=True, type=type, **kwargs)))


def augments(type, **kwargs):
    return dict(model=dict(train_cfg=dict(augments=dict(type=type, **kwargs))))


def stages(*stages):
    return dict(default_hooks=dict(stages=dict(type='StageSwitchHook', stages=list(stages))))


def rates(warm_up, milestones, gamma):
    return dict(param_scheduler=[warm_up, dict(type='MultiStepLR', milestones=milestones, gamma=gamma)])


def tricks(epochs, defer, tune, lr, half, halved, beta, focal, rare, scale):
    """name -> what differs from plain cross entropy, with the values of a schedule and those of a data set."""
    sigmoid_focal = dict(type='ClassBalancedLoss', base='focal', beta=0.0)
    losses = {
        'cost_sensitive': dict(type='CostSensitiveLoss'),
        'cost_sensitive_sqrt': dict(type='CostSensitiveLoss', gamma=0.5),
        'focal': dict(sigmoid_focal, gamma=2.0),
        'cb_focal': dict(sigmoid_focal, **focal),
        'class_balanced': dict(type='ClassBalancedLoss', beta=beta),
        'label_smooth': dict(type='LabelSmoothLoss', label_smooth_val=0.1),
        'las': dict(type='LabelAwareSmoothLoss', smooth_head=0.4, smooth_tail=0.1),
        'softmax_eql': dict(type='SoftmaxEqualizationLoss', gamma=0.9, threshold=rare),
        'cdt': dict(type='CDTLoss', gamma=0.2),
        'balanced_softmax': dict(type='BalancedSoftmaxLoss'),
    }
    later = {
        **{name: losses[name] for name in losses if name not in ('cost_sensitive_sqrt', 'softmax_eql')},
        'focal': dict(losses['focal'], beta=1.0, loss_weight=scale),  # weights n_min / n_c
    }
    cosine = dict(type='CosineLinear', scale=30.0)
    ldam = dict(model=dict(head=dict(classifier=cosine, loss=dict(_delete_=True, type='LDAMLoss'))))
    progressive = dict(type='ProgressivelyBalancedSampler', max_epochs=epochs)
    samplers = {
        'sqrt': dict(type='SquareRootSampler'),
        'pb': progressive,
        'cb': dict(type='ClassBalancedSampler'),
    }
    mixups = {
        'mixup': augments('Mixup', alpha=1.0),
        'manifold_mixup': augments('ManifoldMixup', alpha=1.0, layer='neck'),
        'remix': augments('Remix', alpha=1.0),
    }
    balanced, plain = samplers['cb'], dict(begin=tune, **lr, batch_augments=None)
    # progressive sampling goes on from the share of epoch ``defer`` in DRS, and starts anew with CAMs, a run of its own
    drs = dict(samplers, pb=dict(type='StagedSampler', stages=[dict(begin=0, sampler=progressive)]))
    cam_bs = dict(samplers, pb=dict(progressive, max_epochs=epochs - defer))

    return {
        'ce': {},
        **{name: loss(**row) for name, row in losses.items()},
        'ldam': ldam,
        **{f'{name}_sampling': sampler(**row) for name, row in samplers.items()},
        **mixups,
        **{f'{name}-ft': {**row, **stages(plain)} for name, row in mixups.items()},
        **{f'{name}-drw': stages(dict(begin=defer, loss=row)) for name, row in later.items()},
        # focal losses have their form from the first epoch on, without weights
        **{f'{name}-drw': {**loss(**dict(losses[name], beta=0.0)), **stages(dict(begin=defer, loss=later[name]))}
           for name in ('focal', 'cb_focal')},
        'ldam-drw': {**ldam, **stages(dict(
            begin=defer, loss=dict(type='LDAMLoss', class_weight='effective', avg='weight')))},
        'ib-drw': {**halved, **stages(dict(begin=half, loss=dict(type='InfluenceBalancedLoss')))},
        **{f'drs_{name}': stages(dict(begin=defer, sampler=row)) for name, row in drs.items()},
        **{f'cam_bs_{name}': stages(dict(begin=defer, sampler=row, cam={})) for name, row in cam_bs.items()},
        # the best combination, and what it is made of
        'mixup-drs': {**mixups['mixup'], **stages(dict(begin=defer, sampler=balanced))},
        'mixup-drs-ft': {**mixups['mixup'], **stages(dict(begin=defer, sampler=balanced), plain)},
        'mixup-cam_bs': {**mixups['mixup'], **stages(dict(begin=defer, sampler=balanced, cam={}))},
        'mixup-cam_bs-ft': {
            **mixups['mixup'], **stages(dict(begin=defer, sampler=balanced, cam={}), dict(plain, cam=None))},
    }


WARM_UP = dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False)
MINI_WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=True, end=3)
CIFAR = dict(epochs=200, defer=160, tune=180, lr={}, half=100, halved=rates(WARM_UP, [100, 160, 180], 0.01))
MINI = dict(epochs=45, defer=33, tune=40, lr={}, half=22, halved=rates(MINI_WARM_UP, [22, 33, 40], 0.1))
# Mixups take twice the epochs on CIFAR, as the paper's authors did, and 20 more to be tuned without (configs/cui_cifar)
LONG = dict(CIFAR, epochs=400, defer=320, tune=400, lr=dict(lr=0.001))
LONG_SCHEDULE = dict(train_cfg=dict(max_epochs=400), **rates(WARM_UP, [320, 360], 0.01))
TUNE_SCHEDULE = dict(train_cfg=dict(max_epochs=420), param_scheduler=[
    *LONG_SCHEDULE['param_scheduler'], dict(type='MultiStepLR', milestones=[408, 416], gamma=0.1)])
HALF = dict(train_dataloader=dict(dataset=dict(imbalance=50)))

# folder -> (cross-entropy config, or the folder it derives from; schedule; that of mixups)
GALLERY = {
    'cifar10_lt_if100': ('ce_cifar10_lt', CIFAR, LONG),
    'cifar10_lt_if50': ('cifar10_lt_if100', CIFAR, LONG),
    'cifar100_lt_if100': ('ce_cifar100_lt', CIFAR, LONG),
    'cifar100_lt_if50': ('cifar100_lt_if100', CIFAR, LONG),
    'cifar10_lt_mini': ('ce_cifar10_lt_mini', MINI, MINI),
}

# folder -> beta of class_balanced, beta and gamma of cb_focal, the share below which a class is rare in softmax_eql, as
# released (github.com/zhangyongshun/BagofTricks-LT, configs/cao_cifar), and the mean of n_min / n_c
VALUES = {
    'cifar10_lt_if100': dict(beta=0.9999, focal=dict(beta=0.9999, gamma=1.0), rare=0.05, scale=0.2485),
    'cifar10_lt_if50': dict(beta=0.9999, focal=dict(beta=0.9999, gamma=2.0), rare=0.05, scale=0.2804),
    'cifar100_lt_if100': dict(beta=0.9, focal=dict(beta=0.9, gamma=1.0), rare=0.005, scale=0.2282),
    'cifar100_lt_if50': dict(beta=0.9, focal=dict(beta=0.99, gamma=1.0), rare=0.006, scale=0.2594),
    # of imbalance 50, with the values of CIFAR-10
    'cifar10_lt_mini': dict(beta=0.9999, focal=dict(beta=0.9999, gamma=2.0), rare=0.05, scale=0.2831),
}

# published top-1 error: CIFAR-10-LT of imbalance 100, 50, CIFAR-100-LT of imbalance 100, 50; None where there is none
# left out: label_smooth-drw and las-drw, which the released code smooths from the first epoch on
PUBLISHED = {
    'ce': (28.05, 23.55, 62.27, 56.22),
    'cost_sensitive': (31.70, 23.20, 67.73, 63.49),
    'cost_sensitive_sqrt': (None, 22.22, 61.64, 57.23),
    'focal': (28.44, 22.09, 62.78, 58.21),
    'cb_focal': (24.80, 21.01, 61.44, 57.63),
    'class_balanced': (29.52, 22.52, 61.03, 56.22),
    'label_smooth': (27.19, 23.43, 61.56, 57.66),
    'las': (27.49, 22.04, 62.32, 56.22),
    'ldam': (26.34, 20.99, 61.12, 56.41),
    'softmax_eql': (None, None, 59.51, 55.19),
    'cdt': (22.90, 18.19, 60.41, 55.17),
    'balanced_softmax': (22.46, 18.89, 57.01, 53.45),
    'cb_sampling': (27.55, 21.92, 64.76, 60.54),
    'sqrt_sampling': (28.58, 22.32, 63.21, 58.87),
    'pb_sampling': (28.02, 21.43, 60.96, 56.88),
    'mixup': (25.94, 21.33, 59.18, 54.08),
    'manifold_mixup': (24.81, 20.42, 60.12, 54.76),
    # released code averages the label factors over the batch
    'remix': (26.57, 20.74, 58.61, 54.30),
    'cost_sensitive-drw': (25.18, 20.18, 58.38, 53.20),
    'focal-drw': (28.85, 20.68, 62.47, 56.39),
    'cb_focal-drw': (24.57, 18.62, 61.94, 55.01),
    'class_balanced-drw': (25.36, 20.65, 60.79, 56.63),
    'ldam-drw': (22.27, 18.40, 57.53, 52.71),
    'cdt-drw': (22.45, 18.73, 57.78, 53.20),
    'balanced_softmax-drw': (22.83, 19.16, 58.18, 53.51),
    'ib-drw': (23.34, 19.08, 59.21, 54.54),
    'drs_sqrt': (26.78, 21.15, 59.64, 55.46),
    'drs_pb': (26.15, 19.47, 59.59, 54.79),
    'drs_cb': (24.93, 19.27, 59.36, 54.58),
    # released code moves foreground of 0.75 times the mean CAM, rotates and scales in one, and draws once
    'cam_bs_sqrt': (26.45, 20.46, 59.33, 54.58),
    'cam_bs_pb': (27.08, 20.76, 58.92, 53.90),
    'cam_bs_cb': (23.10, 19.28, 58.05, 53.27),
    'mixup-cam_bs-ft': (19.97, 16.41, 52.17, 48.31),
}
SOURCE = 'Zhang et al., AAAI 2021'
NAMES = list(tricks(**CIFAR, **VALUES['cifar10_lt_if100']))


def difference(folder, name):
    """What a trick changes of the data set's cross-entropy config, but for the data."""
    _, schedule, long = GALLERY[folder]
    slow = 'mixup' in name or 'remix' in name
    lasting = TUNE_SCHEDULE if name.endswith('-ft') else LONG_SCHEDULE
    diff = tricks(**(long if slow else schedule), **VALUES[folder])[name]
    return {**(lasting if slow and long is LONG else {}), **diff}


def changes(new, old):
    """What of ``new`` differs from ``old``, which has the same keys."""
    return {key: changes(value, old[key]) if isinstance(value, dict) else value
            for key, value in new.items() if value != old[key]}


def leaf(folder, name):
    """(base config, what the leaf changes of it)."""
    base, diff = GALLERY[folder][0], difference(folder, name)
    if base in GALLERY:
        return f'../{base}/{name}.py', {**HALF, **changes(diff, difference(base, name))}
    return f'../../{base}.py', diff


def source(value):
    """A value as Python, dicts as calls of dict."""
    if isinstance(value, dict):
        return 'dict(' + ', '.join(f'{key}={source(v)}' for key, v in value.items()) + ')'
    if isinstance(value, list):
        return '[' + ', '.join(map(source, value)) + ']'
    return repr(value)


def published(column):
    """name -> published accuracy with its source and split."""
    split = list(GALLERY)[column].replace('_if', ', imbalance ').replace('cifar10', 'CIFAR-10').replace('0_lt', '0-LT')
    return {name: dict(top1=round(100 - row[column], 2), source=SOURCE, split=f'{split}, seed-0 draw of Cao et al.')
            for name, row in PUBLISHED.items() if row[column] is not None}


def main():
    for column, folder in enumerate(GALLERY):
        (ROOT / 'gallery' / folder).mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            base, diff = leaf(folder, name)
            lines = [f'_base_ = {base!r}', *(f'{key} = {source(value)}' for key, value in diff.items())]
            (ROOT / 'gallery' / folder / f'{name}.py').write_text('\n'.join(lines) + '\n')
        if column < 4:
            text = json.dumps(published(column), indent=1)
            (ROOT / 'gallery' / folder / 'published.json').write_text(text + '\n')
    subprocess.run([sys.executable, '-m', 'ruff', 'format', '-q', ROOT / 'gallery'], check=True)
    print(f'{len(list(ROOT.glob("gallery/*/*.py")))} configs in {ROOT / "gallery"}')


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
