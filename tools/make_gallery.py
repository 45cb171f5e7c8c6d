"""Write the trick gallery, configs/lt/gallery: python tools/make_gallery.py

The tables here are its only source: what each trick changes of the data set's cross-entropy config, and the errors
that Zhang et al. published (Bag of Tricks for Long-Tailed Visual Recognition, AAAI 2021, and its trick_gallery.md).
"""
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


def join(a, b):
    return dict(model=dict(head={**a['model']['head'], **b['model']['head']}))


def stages(*stages):
    return dict(default_hooks=dict(stages=dict(type='StageSwitchHook', stages=list(stages))))


def tricks(epochs, defer, tune, las, classes):
    """name -> what differs from plain cross entropy; ``las`` are the smoothing factors of head and tail."""
    prior = dict(model=dict(head=dict(init_cfg=dict(type='Normal', layer='Linear', std=0.01, bias_prob=1 / classes))))
    losses = {
        'cost_sensitive': dict(type='CostSensitiveLoss'),
        'cost_sensitive_sqrt': dict(type='CostSensitiveLoss', gamma=0.5),
        'focal': dict(type='SoftmaxFocalLoss', gamma=2.0),
        'cb_focal': dict(type='ClassBalancedLoss', base='focal', beta=0.9, gamma=1.0),
        'class_balanced': dict(type='ClassBalancedLoss', beta=0.9),
        'label_smooth': dict(type='LabelSmoothLoss', label_smooth_val=0.1),
        'las': dict(type='LabelAwareSmoothLoss', smooth_head=las[0], smooth_tail=las[1]),
        'softmax_eql': dict(type='SoftmaxEqualizationLoss', gamma=0.9, threshold=0.005),
        'cdt': dict(type='CDTLoss', gamma=0.2),
        'balanced_softmax': dict(type='BalancedSoftmaxLoss'),
    }
    later = {
        **{name: losses[name] for name in losses if name not in ('cost_sensitive_sqrt', 'softmax_eql')},
        'focal': dict(type='SoftmaxFocalLoss', gamma=2.0, class_weight='inverse'),
        'ib': dict(type='InfluenceBalancedLoss'),
    }
    cosine = dict(type='CosineLinear', scale=30.0)
    ldam = dict(model=dict(head=dict(classifier=cosine, loss=dict(_delete_=True, type='LDAMLoss'))))
    samplers = {
        'sqrt': dict(type='SquareRootSampler'),
        'pb': dict(type='ProgressivelyBalancedSampler'),
        'cb': dict(type='ClassBalancedSampler'),
    }
    mixups = {
        'mixup': augments('Mixup', alpha=1.0),
        'manifold_mixup': augments('ManifoldMixup', alpha=1.0, layer='neck'),
        'remix': augments('Remix', alpha=1.0),
    }
    balanced, plain = samplers['cb'], dict(begin=tune, batch_augments=None)

    def lasting(name, length):
        return dict(samplers[name], max_epochs=length) if name == 'pb' else samplers[name]

    return {
        'ce': {},
        **{name: loss(**row) for name, row in losses.items()},
        'cb_focal': join(prior, loss(**losses['cb_focal'])),  # a sigmoid a class
        'ldam': ldam,
        **{f'{name}_sampling': sampler(**lasting(name, epochs)) for name in samplers},
        **mixups,
        **{f'{name}-ft': {**row, **stages(plain)} for name, row in mixups.items()},
        **{f'{name}-drw': stages(dict(begin=defer, loss=row)) for name, row in later.items()},
        'ldam-drw': {**ldam, **stages(dict(
            begin=defer, loss=dict(type='LDAMLoss', class_weight='effective', avg='weight')))},
        **{f'drs_{name}': stages(dict(begin=defer, sampler=lasting(name, epochs - defer))) for name in samplers},
        **{f'cam_bs_{name}': stages(dict(begin=defer, sampler=lasting(name, epochs - defer), cam={}))
           for name in samplers},
        # the best combination, and what it is made of
        'mixup-drs': {**mixups['mixup'], **stages(dict(begin=defer, sampler=balanced))},
        'mixup-drs-ft': {**mixups['mixup'], **stages(dict(begin=defer, sampler=balanced), plain)},
        'mixup-cam_bs': {**mixups['mixup'], **stages(dict(begin=defer, sampler=balanced, cam={}))},
        'mixup-cam_bs-ft': {
            **mixups['mixup'], **stages(dict(begin=defer, sampler=balanced, cam={}), dict(plain, cam=None))},
    }


# Mixups take twice the epochs on CIFAR, as the paper's authors did.
CIFAR = dict(epochs=200, defer=160, tune=180)
LONG = dict(epochs=400, defer=320, tune=360)
LONG_SCHEDULE = dict(
    train_cfg=dict(max_epochs=400),
    param_scheduler=[dict(type='LinearLR', start_factor=0.2, by_epoch=True, end=5, convert_to_iter_based=False),
                     dict(type='MultiStepLR', milestones=[320, 360], gamma=0.01)])
MINI = dict(epochs=45, defer=33, tune=40)
HALF = dict(train_dataloader=dict(dataset=dict(imbalance=50)))

# folder -> (cross-entropy config, schedule, that of mixups, what depends on the data), or the folder it derives from
GALLERY = {
    'cifar10_lt_if100': ('ce_cifar10_lt', CIFAR, LONG, dict(las=(0.3, 0.0), classes=10)),
    'cifar10_lt_if50': 'cifar10_lt_if100',
    'cifar100_lt_if100': ('ce_cifar100_lt', CIFAR, LONG, dict(las=(0.4, 0.1), classes=100)),
    'cifar100_lt_if50': 'cifar100_lt_if100',
    'cifar10_lt_mini': ('ce_cifar10_lt_mini', MINI, MINI, dict(las=(0.3, 0.0), classes=10)),
}

# published top-1 error: CIFAR-10-LT of imbalance 100, 50, CIFAR-100-LT of imbalance 100, 50; None where there is none
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
    'remix': (26.57, 20.74, 58.61, 54.30),
    'cost_sensitive-drw': (25.18, 20.18, 58.38, 53.20),
    'focal-drw': (28.85, 20.68, 62.47, 56.39),
    'cb_focal-drw': (24.57, 18.62, 61.94, 55.01),
    'class_balanced-drw': (25.36, 20.65, 60.79, 56.63),
    'label_smooth-drw': (28.39, 22.71, 61.10, 57.16),
    'las-drw': (27.88, 22.27, 62.42, 57.25),
    'ldam-drw': (22.27, 18.40, 57.53, 52.71),
    'cdt-drw': (22.45, 18.73, 57.78, 53.20),
    'balanced_softmax-drw': (22.83, 19.16, 58.18, 53.51),
    'ib-drw': (23.34, 19.08, 59.21, 54.54),
    'drs_sqrt': (26.78, 21.15, 59.64, 55.46),
    'drs_pb': (26.15, 19.47, 59.59, 54.79),
    'drs_cb': (24.93, 19.27, 59.36, 54.58),
    'cam_bs_sqrt': (26.45, 20.46, 59.33, 54.58),
    'cam_bs_pb': (27.08, 20.76, 58.92, 53.90),
    'cam_bs_cb': (23.10, 19.28, 58.05, 53.27),
    'mixup-cam_bs-ft': (19.97, 16.41, 52.17, 48.31),
}
SOURCE = 'Zhang et al., AAAI 2021'
NAMES = list(tricks(**CIFAR, las=(0, 0), classes=10))


def leaf(folder, name):
    """(base config, what the leaf changes of it)."""
    row = GALLERY[folder]
    if isinstance(row, str):
        return f'../{row}/{name}.py', HALF
    base, schedule, long, data = row
    slow = 'mixup' in name or 'remix' in name
    diff = tricks(**(long if slow else schedule), **data)[name]
    return f'../../{base}.py', {**(LONG_SCHEDULE if slow and long is LONG else {}), **diff}


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
    main()
