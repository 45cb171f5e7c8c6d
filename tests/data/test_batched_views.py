"""Crops and colours of contrast's views, of a batch, against MMPretrain's, image by image and by their law."""
import mmcv
import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain')
from mmengine.registry import DefaultScope
from mmpretrain.registry import TRANSFORMS

from mmlt.data.batched import compile_transforms, uniforms
from mmlt.data.batched.per_image import PerImage
from mmlt.data.batched.pipeline import OR_PER_IMAGE
from mmlt.data.batched.policies import Single
from mmlt.data.batched.views import JITTERS, ColorJitter, RandomGrayscale, RandomResizedCrop

RNG = np.random.default_rng(0)
IMAGES = np.concatenate([RNG.integers(0, 256, (20, 16, 12, 3)), np.repeat(RNG.integers(0, 256, (3, 16, 12, 1)), 3, -1),
                         RNG.integers(0, 2, (5, 16, 12, 3)) * 255, np.full((1, 16, 12, 3), 7)]).astype(np.uint8)


def build(**cfg):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return TRANSFORMS.build(cfg)


def batch(images=IMAGES):
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def through(transform, image):
    return transform(dict(img=image.copy(), img_shape=image.shape[:2]))['img']


def draws(op, n, seed=0):
    return torch.from_numpy(uniforms(seed, 0, np.arange(n), op.draws))


@pytest.mark.parametrize('cfg', [
    dict(scale=(10, 14)), dict(scale=12, crop_ratio_range=(0.2, 1.0)), dict(scale=20, crop_ratio_range=(0.02, 0.1))])
def test_a_resized_crop_is_the_frameworks_window_within_one_level(cfg):
    transform = build(type='RandomResizedCrop', **cfg)
    op = RandomResizedCrop(transform)
    u = draws(op, len(IMAGES))
    out = op(batch(), u)
    for image, mine, *window in zip(IMAGES, out, *op.windows((16, 12), u)):
        transform.rand_crop_params = lambda img, window=window: tuple(map(int, window))
        apart = (mine.permute(1, 2, 0).numpy().astype(int) - through(transform, image)).__abs__()
        assert apart.max() <= 1 and (apart > 0).mean() < 0.3


@pytest.mark.parametrize('cfg', [dict(), dict(crop_ratio_range=(0.5, 1.0), aspect_ratio_range=(2., 3.)),
                                 dict(crop_ratio_range=(0.9, 1.), aspect_ratio_range=(0.2, 0.3), max_attempts=2)])
def test_windows_follow_the_frameworks_law(cfg):
    """Two-sample chi-square over place and size, in quarters; where no attempt fits, the middle."""
    transform, n = build(type='RandomResizedCrop', scale=8, **cfg), 4000
    op, image = RandomResizedCrop(transform), np.zeros((9, 12, 3), np.uint8)
    np.random.seed(0)
    theirs = np.array([transform.rand_crop_params(image) for _ in range(n)])
    ours = torch.stack(op.windows((9, 12), draws(op, n)), 1).numpy()
    assert (ours[:, 2:] > 0).all() and (ours[:, :2] + ours[:, 2:] <= (9, 12)).all()
    for columns in ((0, 2), (1, 3), (2, 3)):
        a, b = (np.bincount(13 * w[:, columns[0]] + w[:, columns[1]], minlength=169) for w in (ours, theirs))
        some = a + b > 0
        chi = ((a - b)[some] ** 2 / (a + b)[some]).sum()
        assert chi < some.sum() + 4 * (2 * some.sum()) ** 0.5, columns


@pytest.mark.parametrize('weights', [(0.114, 0.587, 0.2989), (1., 1., 1.)])
def test_grayscale_equals_the_frameworks(weights):
    transform = build(type='RandomGrayscale', prob=0.6, keep_channels=True, channel_weights=weights)
    op = RandomGrayscale(transform)
    u = draws(op, len(IMAGES))
    for image, mine, p in zip(IMAGES, op(batch(), u), u[:, 0].tolist()):
        transform._random_prob = lambda p=p: p
        assert (mine.permute(1, 2, 0).numpy() == through(transform, image)).all()


@pytest.mark.parametrize('kind', range(4))
def test_each_jitter_equals_the_frameworks(kind):
    adjust = mmcv.adjust_brightness, mmcv.adjust_contrast, lambda x, v, backend: mmcv.adjust_color(
        x, alpha=v, backend=backend), mmcv.adjust_hue
    for value in ((0., 0.6, 0.777, 1., 1.4, 1.123456, 3.) if kind < 3 else (-0.5, -0.1, -0.0333, 0., 0.05, 0.1, 0.5)):
        values = torch.full((len(IMAGES), 1, 1, 1), value, dtype=torch.float64)
        out = JITTERS[kind](batch(), values).permute(0, 2, 3, 1).numpy()
        for image, mine in zip(IMAGES, out):
            assert (mine == adjust[kind](image, value, backend='pillow')).all(), value


def test_jitter_draws_values_and_an_order_for_each_image():
    transform = build(type='ColorJitter', brightness=0.4, contrast=(0.5, 2.), hue=0.1)
    op = ColorJitter(transform)
    assert op.draws == 6
    images = np.concatenate([IMAGES] * 4)
    u = draws(op, len(images))
    orders = set()
    for image, mine, row in zip(images, op(batch(images), u), u.tolist()):
        b, c, h = 0.6 + 0.8 * row[0], 0.5 + 1.5 * row[2], -0.1 + 0.2 * row[4]
        order = np.argsort(row[1::2])
        orders.add(tuple(order))
        values = np.array([0, 1, 3])[order], b, c, None, h
        transform._rand_params = lambda values=values: values
        assert (mine.permute(1, 2, 0).numpy() == through(transform, image)).all()
    assert len(orders) == 6


def test_blur_and_single_operations_have_their_probability():
    blur = build(type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf', prob=0.5)
    (op,) = compile_transforms([blur])[1]
    assert isinstance(op, Single) and op.follows
    out = op(batch(IMAGES[:1]).expand(2000, -1, -1, -1), draws(op, 2000))
    still = (out == batch(IMAGES[:1])).flatten(1).all(1).double().mean()
    assert abs(still - 0.5) < 4 * (0.25 / 2000) ** 0.5
    for radius in (0., 0.1, 0.5, 1., 1.3, 2., 3.5):
        transform = build(type='GaussianBlur', radius=radius, prob=1.)
        out = Single(transform)(batch(), torch.rand(len(IMAGES), 3, dtype=torch.float64))
        for image, mine in zip(IMAGES, out):
            assert (mine.permute(1, 2, 0).numpy() == through(transform, image)).all(), radius
    rotate = Single(build(type='Rotate', angle=10.))
    maps = torch.rand(3, 1, 8, 8)
    assert not rotate.follows and op(maps, torch.rand(3, 3), 0) is maps  # colours leave a map as it is


@pytest.mark.parametrize('cfg', [
    dict(type='RandomResizedCrop', scale=8, interpolation='bicubic'), dict(type='ColorJitter', hue=0.1, backend='cv2'),
    dict(type='RandomGrayscale', keep_channels=True, color_format='hsv'), dict(type='Cutout', magnitude_range=(1, 5)),
    dict(type='Shear', magnitude=0.1, interpolation='lanczos'),
    dict(type='Lighting', eigval=[1.] * 3, eigvec=[[1.] * 3] * 3)])
def test_what_has_no_batched_form_runs_image_by_image(cfg):
    (op,) = compile_transforms([build(**cfg)])[1]
    assert isinstance(op, PerImage)


def test_every_batched_transform_may_run_image_by_image():
    assert set(OR_PER_IMAGE) <= PerImage.names
