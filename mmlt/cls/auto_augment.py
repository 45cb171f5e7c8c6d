"""CIFAR-10's policy for MMPretrain's ``AutoAugment``, which has ImageNet's alone: ``dict(type='AutoAugment',
policies='cifar10')``. Cubuk et al., AutoAugment: Learning Augmentation Strategies from Data, CVPR 2019,
arXiv:1805.09501.
"""
from mmpretrain.datasets.transforms.auto_augment import AUTOAUG_POLICIES

# the paper's 25 pairs, each operation with its probability in tenths and its level of 0 to 9
CIFAR10 = """
Invert 1 7, Contrast 2 6; Rotate 7 2, TranslateX 3 9; Sharpness 8 1, Sharpness 9 3; ShearY 5 8, TranslateY 7 9;
AutoContrast 5 8, Equalize 9 2; ShearY 2 7, Posterize 3 7; Color 4 3, Brightness 6 7; Sharpness 3 9, Brightness 7 9;
Equalize 6 5, Equalize 5 1; Contrast 6 7, Sharpness 6 5; Color 7 7, TranslateX 5 8; Equalize 3 7, AutoContrast 4 8;
TranslateY 4 3, Sharpness 2 6; Brightness 9 6, Color 2 8; Solarize 5 2, Invert 0 3; Equalize 2 0, AutoContrast 6 0;
Equalize 2 8, Equalize 6 4; Color 9 9, Equalize 6 6; AutoContrast 8 4, Solarize 2 8; Brightness 1 3, Color 7 0;
Solarize 4 5, AutoContrast 9 3; TranslateY 9 9, TranslateY 7 9; AutoContrast 9 2, Solarize 8 3;
Equalize 8 8, Invert 1 3; TranslateY 7 9, AutoContrast 9 1"""
ARGUMENTS = {  # at a share of the range
    'Rotate': lambda x: dict(angle=30 * x),
    'Posterize': lambda x: dict(bits=round(8 - 4 * x)),
    'Solarize': lambda x: dict(thr=256 * (1 - x)),
    'Shear': lambda x: dict(magnitude=0.3 * x),
    'Translate': lambda x: dict(magnitude=150 / 331 * x),
    **dict.fromkeys(('ColorTransform', 'Contrast', 'Brightness', 'Sharpness'), lambda x: dict(magnitude=0.9 * x)),
    **dict.fromkeys(('AutoContrast', 'Equalize', 'Invert'), lambda x: {}),
}


def policies(table: str):
    """-> MMPretrain's list of lists of transforms."""
    return [[_transform(*operation.split()) for operation in pair.split(',')] for pair in table.split(';')]


def _transform(name, tenths, level):
    name = name.replace('Color', 'ColorTransform')
    axis = dict(direction='horizontal' if name[-1] == 'X' else 'vertical') if name[-1] in 'XY' else {}
    name = name.rstrip('XY')
    return dict(type=name, prob=int(tenths) / 10, **ARGUMENTS[name](int(level) / 9), **axis)


AUTOAUG_POLICIES.setdefault('cifar10', policies(CIFAR10))
