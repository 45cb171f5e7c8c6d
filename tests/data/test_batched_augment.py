"""AutoAugment and RandAugment of a batch against MMPretrain's, image by image and by their law."""
from collections import Counter

import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain')
from mmengine.registry import DefaultScope
from mmpretrain.registry import TRANSFORMS

import mmlt.cls  # noqa: F401
from mmlt.data.batched import compile_transforms, uniforms
from mmlt.data.batched.per_image import PerImage
from mmlt.data.batched.policies import AutoAugment, Operations, RandAugment

RNG = np.random.default_rng(0)
IMAGES = np.concatenate([  # noise, gradients of few levels, one colour
    RNG.integers(0, 256, (6, 16, 12, 3)), (RNG.integers(0, 240, (6, 1, 1, 3)) + RNG.integers(0, 9, (6, 16, 12, 3))),
    RNG.integers(0, 250, (40, 1, 1, 3)) + RNG.integers(0, RNG.integers(2, 250, (40, 1, 1, 3)), (40, 16, 12, 3)),
    np.broadcast_to(np.arange(0, 192, 12)[:, None, None], (1, 16, 12, 3)), np.full((1, 16, 12, 3), 7),
]).clip(0, 255).astype(np.uint8)
VALUES = dict(Rotate=dict(angle=(-30., 13.3, 30.)), Posterize=dict(bits=(0, 1, 3.2, 8)),
              Solarize=dict(thr=(0, 113.8, 128, 256)), SolarizeAdd=dict(magnitude=(0., 33.3, 110.)),
              Shear=dict(magnitude=(-0.3, 0.1, 0.3)), Translate=dict(magnitude=(-0.45, 0.1, 0.453)),
              AutoContrast={}, Equalize={}, Invert={},
              **{name: dict(magnitude=(-0.9, -0.35, 0., 0.1, 0.3, 0.8, 0.9, 1.8))
                 for name in ('Brightness', 'Contrast', 'ColorTransform', 'Sharpness')})


def build(**cfg):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return TRANSFORMS.build(cfg)


def one(name, **cfg):
    signed = name not in ('Posterize', 'Solarize', 'SolarizeAdd')
    return build(type=name, prob=1.0, **(dict(random_negative_prob=0.) if signed else {}), **cfg)


def batch(images=IMAGES):
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def theirs(transform, images=IMAGES):
    out = [transform(dict(img=image.copy(), img_shape=image.shape[:2]))['img'] for image in images]
    return batch(np.stack(out))


def ours(transform, images=IMAGES):
    first = torch.zeros(len(images), dtype=torch.long)
    return Operations([transform])(batch(images), first, torch.rand(len(images), 3, dtype=torch.float64))


@pytest.mark.parametrize('name', VALUES)
def test_each_operation_equals_the_frameworks(name):
    for key, values in (VALUES[name] or {None: (None,)}).items():
        for value in values:
            for axis in (('horizontal', 'vertical') if name in ('Shear', 'Translate') else (None,)):
                cfg = {key: value} if key else {}
                cfg.update(dict(direction=axis, interpolation='nearest') if axis else {})
                transform = one(name, **cfg)
                assert torch.equal(ours(transform), theirs(transform)), cfg


@pytest.mark.parametrize('how', ['bilinear', 'bicubic'])
@pytest.mark.parametrize('cfg', [
    dict(name='Rotate', angle=20., center=(3., 9.), scale=1.3), dict(name='Rotate', angle=-7., pad_val=(1, 2, 200)),
    dict(name='Shear', magnitude=0.2, direction='vertical'), dict(name='Translate', magnitude=-0.1)])
def test_an_interpolated_warp_is_within_one_level(cfg, how):
    transform = one(**cfg, interpolation=how)
    apart = (ours(transform).int() - theirs(transform).int()).abs()
    assert apart.max() <= 1 and (apart > 0).double().mean() < 0.05


def outcomes(op, n):
    """How often one image becomes which."""
    image = batch(IMAGES[:1]).expand(n, -1, -1, -1)
    out = op(image, torch.from_numpy(uniforms(1, 0, np.arange(n), op.draws)))
    return Counter(x.contiguous().numpy().tobytes() for x in out)


def same_law(op, transform, n=6000):
    """Two-sample chi-square over the images that come out."""
    a, b = outcomes(op, n), outcomes(PerImage(transform), n)
    assert {x for x, k in a.items() if k > 12} <= set(b) and {x for x, k in b.items() if k > 12} <= set(a)
    chi = sum((a[x] - b[x]) ** 2 / (a[x] + b[x]) for x in {*a, *b})
    assert chi < len({*a, *b}) + 4 * (2 * len({*a, *b})) ** 0.5


@pytest.mark.parametrize('policies', ['cifar10', [
    [dict(type='Translate', magnitude=0.3, prob=0.4), dict(type='Invert', prob=0.7), dict(type='Equalize', prob=1.)],
    [dict(type='Brightness', magnitude=0.4, prob=0.5, random_negative_prob=0.2)]]])
def test_auto_augment_follows_the_frameworks_law(policies):
    transform = build(type='AutoAugment', policies=policies)
    for policy in transform.transforms:
        for t in policy.transforms:
            t.interpolation = 'nearest'  # so that images can be told apart to the bit
    same_law(AutoAugment(transform), transform)


def test_policies_may_have_probabilities():
    transform = build(type='AutoAugment', policies=[[dict(type='Invert', prob=1.)], [dict(type='Equalize', prob=1.)]])
    transform.prob = [0.9, 0.1]
    same_law(AutoAugment(transform), transform, 2000)


def test_rand_augment_follows_the_frameworks_law():
    kinds = [dict(type='Posterize', magnitude_range=(4, 0)), dict(type='AutoContrast', prob=0.8), dict(type='Invert'),
             dict(type='Translate', magnitude_range=(0, 0.45), direction='vertical')]
    transform = build(type='RandAugment', policies=kinds, num_policies=2, magnitude_level=7)
    same_law(RandAugment(transform), transform)


@pytest.mark.parametrize('std', [1.5, 'inf'])
def test_random_levels_follow_the_frameworks_law(std):
    """Kolmogorov-Smirnov over the brightness of what comes out."""
    kinds = [dict(type='Brightness', magnitude_range=(0.1, 0.9), prob=1.0)]
    transform = build(type='RandAugment', policies=kinds, num_policies=1, magnitude_level=6, magnitude_std=std)
    image, n = torch.full((1, 3, 1, 2), 100, dtype=torch.uint8).expand(4000, -1, -1, -1), 4000
    levels = [op(image, torch.from_numpy(uniforms(1, 0, np.arange(n), op.draws)))[:, 0, 0, 0].numpy()
              for op in (RandAugment(transform), PerImage(transform))]
    steps = [np.searchsorted(np.sort(x), np.arange(257)) / n for x in levels]
    assert len(set(levels[0])) > 50 and np.abs(steps[0] - steps[1]).max() < 1.63 * (2 / n) ** 0.5


def test_an_image_alone_is_what_it_is_in_a_batch():
    op = AutoAugment(build(type='AutoAugment', policies='imagenet'))
    u = torch.from_numpy(uniforms(0, 0, np.arange(len(IMAGES)), op.draws))
    out = op(batch(), u)
    assert torch.equal(out, torch.cat([op(x[None], draws[None]) for x, draws in zip(batch(), u)]))
    assert not torch.equal(out, batch())


def test_an_operation_without_a_batched_form_runs_image_by_image():
    other = dict(type='AutoAugment', policies=[[dict(type='RandomErasing')], [dict(type='Invert')]])
    lanczos = dict(type='RandAugment', num_policies=1, magnitude_level=3, policies=[
        dict(type='Rotate', magnitude_range=(0, 30), interpolation='lanczos')])
    ops = compile_transforms([build(**other), build(**lanczos), build(type='AutoAugment', policies='cifar10')])[1]
    assert [type(op) for op in ops] == [PerImage, PerImage, AutoAugment]
