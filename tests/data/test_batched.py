"""Batched transforms: exactly the framework's for the same parameters, and drawn by its law."""
import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain')
from mmpretrain.registry import TRANSFORMS

import mmlt.cls  # noqa: F401
from mmlt.data.batched import compile_transforms, uniforms
from mmlt.data.batched.crops import Cutout, RandomCrop, RandomFlip
from mmlt.data.batched.per_image import PerImage
from mmlt.data.batched.pipeline import RandomApply

RNG = np.random.default_rng(0)


def images(count=64, h=7, w=9):
    return torch.from_numpy(RNG.integers(1, 256, (count, 3, h, w), dtype=np.uint8))


def build(**cfg):
    return TRANSFORMS.build(cfg)


def through(transform, image):
    """A framework's transform of one image (C, H, W)."""
    out = transform(dict(img=image.permute(1, 2, 0).numpy().copy(), img_shape=image.shape[1:]))['img']
    return torch.from_numpy(np.ascontiguousarray(out)).permute(2, 0, 1)


@pytest.mark.parametrize('cfg', [
    dict(crop_size=7, padding=4), dict(crop_size=(5, 9), padding=(2, 1), pad_val=3),
    dict(crop_size=6, padding=(1, 0, 2, 3), pad_val=(9, 0, 200)), dict(crop_size=4),
    dict(crop_size=(20, 8), padding=1)])
def test_crop_equals_the_frameworks_at_every_place(cfg):
    transform = build(type='RandomCrop', **cfg)
    op, batch = RandomCrop(transform), images(40)
    u = torch.rand(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    u[:4] = torch.tensor([[0, 0], [0, 1 - 1e-12], [1 - 1e-12, 0], [1 - 1e-12, 1 - 1e-12]], dtype=torch.float64)
    padded = (7 + op.top + op.bottom, 9 + op.left + op.right)
    for image, out, (a, b) in zip(batch, op(batch, u), u.tolist()):
        h, w = (min(c, p) for c, p in zip(transform.crop_size, padded))
        place = int(a * (padded[0] - h + 1)), int(b * (padded[1] - w + 1)), h, w
        transform.rand_crop_params = lambda img, place=place: place
        assert torch.equal(out, through(transform, image))


def test_crop_places_follow_the_frameworks_law():
    """Chi-square over the 9 x 9 places, ours and the framework's; a place is read off two gradients."""
    gradient = torch.arange(1, 33, dtype=torch.uint8)
    image = torch.stack([gradient[:, None].expand(32, 32), gradient.expand(32, 32), gradient.expand(32, 32)])
    transform, n = build(type='RandomCrop', crop_size=32, padding=4), 8100
    np.random.seed(0)
    theirs = torch.stack([through(transform, image) for _ in range(n)])
    ours = RandomCrop(transform)(image.expand(n, 3, 32, 32), torch.from_numpy(uniforms(3, 1, np.arange(n), 2)))
    for batch in (ours, theirs):
        places = (batch[:, 0, 16, 16].long() - 13) * 9 + batch[:, 1, 16, 16].long() - 13
        counts = torch.bincount(places, minlength=81).double()
        assert len(counts) == 81
        assert ((counts - n / 81) ** 2 / (n / 81)).sum() < 80 + 4 * 160 ** 0.5
    known = {image.numpy().tobytes() for image in theirs}
    assert {image.contiguous().numpy().tobytes() for image in ours} == known


@pytest.mark.parametrize(('cfg', 'share'), [
    (dict(prob=0.5), [0.5]), (dict(prob=0.3, direction='vertical'), [0.3]),
    (dict(prob=0.6, direction=['horizontal', 'vertical', 'diagonal']), [0.2, 0.2, 0.2]),
    (dict(prob=[0.1, 0.5], direction=['diagonal', 'horizontal']), [0.1, 0.5])])
def test_flip_is_one_of_the_frameworks_with_its_frequency(cfg, share):
    transform, n = build(type='RandomFlip', **cfg), 4000
    op, image = RandomFlip(transform), images(1)[0]
    out = op(image.expand(n, -1, -1, -1), torch.from_numpy(uniforms(0, 0, np.arange(n), 1)))
    names = [cfg.get('direction', 'horizontal')] if isinstance(cfg.get('direction', ''), str) else cfg['direction']
    results = [through(build(type='RandomFlip', prob=1., direction=d), image) for d in names] + [image]
    share = [*share, 1 - sum(share)]
    for result, p in zip(results, share):
        hits = (out == result).flatten(1).all(1).sum()
        assert abs(hits - n * p) < 4 * (n * p * (1 - p)) ** 0.5
    assert sum((out == result).flatten(1).all(1).sum() for result in results) == n


@pytest.mark.parametrize(('shape', 'pad_val'), [(4, (1, 2, 3)), (3, 128), ((2, 5), (1, 2, 3)), (30, 0)])
def test_cutout_equals_the_frameworks(shape, pad_val, monkeypatch):
    transform = build(type='Cutout', shape=shape, pad_val=pad_val, prob=0.7)
    batch, u = images(60), torch.rand(60, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    out = Cutout(transform)(batch, u)
    for image, result, (p, y, x) in zip(batch, out, u.tolist()):
        centre = iter((y * 7, x * 9))
        monkeypatch.setattr(np.random, 'uniform', lambda *a, centre=centre, **k: next(centre))
        monkeypatch.setattr(np.random, 'rand', lambda p=p: p)
        assert torch.equal(result, through(transform, image))
    assert 0 < sum(torch.equal(a, b) for a, b in zip(out, batch)) < 60


def test_other_transforms_run_the_frameworks_own_and_leave_the_global_generators_alone():
    transform = build(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=9)
    op, batch = PerImage(transform), images(12, 16, 16)
    u = torch.rand(12, 1, dtype=torch.float64)
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    out = op(batch, u)
    assert (np.random.get_state()[1] == before).all()
    assert torch.equal(out, op(batch, u))
    for image, result, a in zip(batch, out, u[:, 0].tolist()):
        np.random.seed(int(a * 2 ** 32))
        assert torch.equal(result, through(transform, image))
    assert not torch.equal(out, op(batch, u.roll(1)))


def test_views_are_independent_and_as_many_as_said():
    crop, flip = dict(type='RandomCrop', crop_size=7, padding=2), dict(type='RandomFlip', prob=0.5)
    (op,) = compile_transforms([build(type='MultiView', num_views=[2, 1], transforms=[[crop, flip], [flip]])])[1]
    assert op.draws == 7
    batch = images(50)
    u = torch.from_numpy(uniforms(0, 0, np.arange(50), 7))
    views = op(batch, u)
    assert len(views) == 3
    crop, flip = RandomCrop(build(**crop)), RandomFlip(build(**flip))
    assert torch.equal(views[1], flip(crop(batch, u[:, 3:5]), u[:, 5:6]))
    assert torch.equal(views[2], flip(batch, u[:, 6:7]))


def test_a_repeated_pipeline_gives_views_too():
    crop, flip, resize = dict(type='RandomCrop', crop_size=7), dict(type='RandomFlip', prob=0.5), dict(
        type='Resize', scale=(9, 9))
    repeat = build(type='RepeatPipeline', pipeline=[resize, crop, dict(type='PackInputs')], views=[[flip], []])
    fixed, (op,), pack = compile_transforms([repeat])
    assert [type(t).__name__ for t in fixed] == ['Resize'] and type(pack).__name__ == 'PackInputs'
    batch = images(50, 9)
    u = torch.from_numpy(uniforms(0, 0, np.arange(50), op.draws))
    crop, flip = RandomCrop(build(**crop)), RandomFlip(build(**flip))
    first, second = op(batch, u)
    assert torch.equal(first, flip(crop(batch, u[:, :2]), u[:, 2:3]))
    assert torch.equal(second, crop(batch, u[:, 3:5]))


def test_random_apply_draws_with_the_frameworks_frequency():
    n, batch = 4000, images(1).expand(4000, -1, -1, -1)
    op = RandomApply(build(type='RandomApply', prob=0.8, transforms=[dict(type='RandomFlip', prob=1.0)]))
    u = torch.from_numpy(uniforms(0, 0, np.arange(n), op.draws))
    flipped = (op(batch, u) == batch.flip(3)).flatten(1).all(1)
    assert torch.equal(flipped, u[:, 0] < 0.8) and abs(flipped.double().mean() - 0.8) < 4 * (0.16 / n) ** 0.5
    assert torch.equal(op(batch, u, 0), torch.where(flipped.view(-1, 1, 1, 1), batch.flip(3), batch))  # a map follows


def test_draws_are_uniform_and_independent_of_who_draws():
    u = uniforms(7, 2, np.arange(20000), 5)
    assert u.shape == (20000, 5)
    assert u.min() >= 0 and u.max() < 1
    for column in u.T:
        counts = np.histogram(column, 50, (0, 1))[0]
        assert ((counts - 400) ** 2 / 400).sum() < 49 + 4 * 98 ** 0.5
    assert np.abs(np.corrcoef(u.T) - np.eye(5)).max() < 0.03
    assert np.abs(np.corrcoef(u[:-1, 0], u[1:, 0])[0, 1]) < 0.03
    assert (uniforms(7, 2, np.arange(1, 20000, 2), 5) == u[1::2]).all()
    assert not np.isin(uniforms(7, 3, np.arange(2000), 5), u).any()
    assert not np.isin(uniforms(8, 2, np.arange(2000), 5), u).any()


@pytest.mark.parametrize(('pipeline', 'name'), [
    ([dict(type='RandomFlip', prob=0.5), dict(type='Resize', scale=8)], 'Resize after random transforms'),
    ([dict(type='Normalize', mean=[0.] * 3, std=[1.] * 3)], 'Normalize'),
    ([dict(type='RandomCrop', crop_size=9, pad_if_needed=True)], 'pad_if_needed'),
    ([dict(type='RandomApply', transforms=[dict(type='Resize', scale=8)])], 'Resize within MultiView or RandomApply'),
    ([dict(type='RandomFlip', prob=0.5), dict(type='RepeatPipeline', pipeline=[dict(type='PackInputs')])],
     'RepeatPipeline after random'),
    ([dict(type='RepeatPipeline', views=[[], [dict(type='Resize', scale=8)]], pipeline=[dict(type='PackInputs')])],
     'views of several sizes'),
    ([dict(type='PackInputs'), dict(type='RandomFlip', prob=0.5)], 'RandomFlip after PackInputs')])
def test_what_cannot_be_done_is_refused_by_name(pipeline, name):
    with pytest.raises(ValueError, match=name):
        compile_transforms([TRANSFORMS.build(cfg) for cfg in pipeline])
