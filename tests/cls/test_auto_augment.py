"""AutoAugment's policy for CIFAR-10 against torchvision's, and the overlay that adds it to a pipeline."""
import numpy as np
import pytest

pytest.importorskip('mmpretrain')
from mmengine.registry import DefaultScope
from mmpretrain.registry import TRANSFORMS
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

import mmlt  # noqa: F401
from mmlt.data.batched import compile_transforms
from mmlt.data.batched.crops import Cutout
from mmlt.data.batched.policies import AutoAugment as BatchedAutoAugment
from mmlt.engine.overlays import load

SIZE = 32
NAMES = dict(Color='ColorTransform')


def as_torchvision():
    """The 25 pairs of (name, probability, argument, axis) that torchvision has."""
    theirs = AutoAugment(AutoAugmentPolicy.CIFAR10)
    space = theirs._augmentation_space(10, (SIZE, SIZE))
    for pair in theirs.policies:
        yield [(NAMES.get(name.rstrip('XY'), name.rstrip('XY')), prob,
                None if level is None else float(space[name][0][level]) / (SIZE if 'Translate' in name else 1),
                {'X': 'horizontal', 'Y': 'vertical'}.get(name[-1])) for name, prob, level in pair]


def as_ours(transform):
    name = type(transform).__name__
    value = {'Rotate': 'angle', 'Posterize': 'bits', 'Solarize': 'thr'}.get(name, 'magnitude')
    value = None if name in ('AutoContrast', 'Equalize', 'Invert') else getattr(transform, value)
    return name, transform.prob, value, getattr(transform, 'direction', None)


def test_policy_is_that_of_torchvision():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        ours = TRANSFORMS.build(dict(type='AutoAugment', policies='cifar10')).transforms
    theirs = list(as_torchvision())
    assert len(ours) == len(theirs) == 25
    for pair, expected in zip(ours, theirs):
        for transform, (name, prob, value, axis) in zip(pair.transforms, expected, strict=True):
            mine = as_ours(transform)
            assert mine[:2] == (name, prob) and mine[3] == axis
            near = 1 if name == 'Solarize' else 1e-6  # torchvision's thresholds span 255 grey levels, MMPretrain's 256
            assert (mine[2] is None) == (value is None) and (value is None or mine[2] == pytest.approx(value, abs=near))


def test_overlay_adds_it_before_packing_and_the_fast_loader_takes_it():
    cfg = load('cifar10_lt_mini', 'autoaugment')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        pipeline = TRANSFORMS.build(cfg.train_dataloader.dataset.pipeline[0])
    image = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    packed = pipeline(dict(img=image, gt_label=3, img_shape=(SIZE, SIZE)))
    assert packed['inputs'].shape == (3, SIZE, SIZE) and int(packed['data_samples'].gt_label) == 3
    assert (packed['inputs'] == 0).all(0).sum() >= 64  # a corner of the 16 x 16 box at least
    ops = compile_transforms([pipeline])[1]
    assert isinstance(ops[-1], Cutout) and isinstance(ops[-2], BatchedAutoAugment) and len(ops) == 4


@pytest.mark.parametrize('method', ['bcl', 'proco', 'gml'])
def test_views_of_contrast_on_cifar(method):
    views = load('cifar100_lt', method).train_dataloader.dataset.pipeline[0].views
    names = [[t.type for t in view] for view in views]
    strong, similar = ['AutoAugment', 'Cutout'], ['RandomResizedCrop', 'RandomApply', 'RandomGrayscale']
    assert names == ([strong] * 3 if method == 'gml' else [strong, similar, similar])
