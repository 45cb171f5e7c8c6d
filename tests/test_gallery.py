"""The trick gallery: every leaf says what the generator's table says, and trains."""
import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

import mmlt.data.samplers
from mmlt.data.longtail import long_tail_counts
from mmlt.data.samplers import StagedSampler

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location('make_gallery', ROOT / 'tools/make_gallery.py')
gallery = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(gallery)
NAMES = gallery.NAMES


def plain(cfg):
    return {key: value for key, value in cfg.to_dict().items() if key != '_base_'}


@pytest.mark.parametrize('folder', gallery.GALLERY)
def test_leaves_are_the_table(folder):
    here = ROOT / 'configs/lt/gallery' / folder
    assert sorted(path.stem for path in here.glob('*.py')) == sorted(NAMES)
    for name in NAMES:
        base, diff = gallery.leaf(folder, name)
        expected = Config.fromfile(here / base)
        expected.merge_from_dict(diff)
        assert plain(Config.fromfile(here / f'{name}.py')) == plain(expected), name


@pytest.mark.parametrize('folder', gallery.GALLERY)
def test_leaves_build(folder):
    init_default_scope('mmpretrain')
    for name in NAMES:
        cfg = Config.fromfile(ROOT / f'configs/lt/gallery/{folder}/{name}.py')
        MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
        stages = cfg.default_hooks.get('stages', dict(stages=[]))['stages']
        for stage in stages:
            assert stage['begin'] < cfg.train_cfg.max_epochs
            if 'loss' in stage:
                MODELS.build(stage['loss'])
        staged = [dict(begin=stage['begin'], sampler=stage['sampler']) for stage in stages if 'sampler' in stage]
        if staged:
            StagedSampler([0, 0, 1], [dict(begin=0, sampler=dict(type='PowerSampler', q=1)), *staged], seed=0)
        elif cfg.train_dataloader.sampler.type in mmlt.data.samplers.__all__:
            args = dict(cfg.train_dataloader.sampler)
            getattr(mmlt.data.samplers, args.pop('type'))([0, 0, 1], seed=0, **args)


COUNTS = {
    'cifar10_lt_if100': (5000, 10, 100), 'cifar10_lt_if50': (5000, 10, 50), 'cifar100_lt_if100': (500, 100, 100),
    'cifar100_lt_if50': (500, 100, 50), 'cifar10_lt_mini': (900, 10, 50)}


@pytest.mark.parametrize('folder', gallery.GALLERY)
def test_deferred_focal_weights_are_those_of_cost_sensitive(folder):
    counts = torch.as_tensor(long_tail_counts(*COUNTS[folder]), dtype=torch.float64)
    cfg = Config.fromfile(ROOT / f'configs/lt/gallery/{folder}/focal-drw.py')
    loss = MODELS.build(dict(cfg.default_hooks.stages.stages[0].loss, class_counts=counts))
    weights = loss.loss_weight * loss.class_weights(len(counts))
    torch.testing.assert_close(weights, counts.min() / counts, rtol=3e-4, atol=0)


def test_progressive_sampling_goes_on_in_drs_and_starts_anew_with_cams():
    for name, shares in (('drs_pb', (0.8, 0.9)), ('cam_bs_pb', (0, 0.5))):
        cfg = Config.fromfile(ROOT / f'configs/lt/gallery/cifar10_lt_if100/{name}.py')
        stage = cfg.default_hooks.stages.stages[0]
        sampler = StagedSampler([0, 0, 0, 1], [
            dict(begin=0, sampler=dict(type='PowerSampler', q=1)),
            dict(begin=stage.begin, sampler=stage.sampler)], seed=0)
        for epoch, t in zip((160, 180), shares):
            sampler.set_epoch(epoch)
            assert sampler.class_probabilities[1].item() == pytest.approx((1 - t) / 4 + t / 2)


@pytest.mark.parametrize(('column', 'folder'), enumerate(list(gallery.GALLERY)[:4]))
def test_published_numbers_are_those_of_the_table(column, folder):
    rows = json.loads((ROOT / 'configs/lt/gallery' / folder / 'published.json').read_text())
    assert rows == gallery.published(column)
    assert set(rows) <= set(NAMES)


TWINS = [(name, {'drs_cb': 'drs', 'cam_bs_cb': 'cam_bs', 'ib-drw': 'ib'}.get(name, name)) for name in NAMES
         if 'focal' not in name]  # those in configs/lt follow the papers of the losses


@pytest.mark.parametrize(
    ('name', 'twin'), [(n, t) for n, t in TWINS if (ROOT / f'configs/lt/{t}_cifar100_lt.py').exists()])
def test_twins_agree(name, twin):
    """A recipe that has a config of its own in configs/lt is the same there."""
    ours = Config.fromfile(ROOT / f'configs/lt/gallery/cifar100_lt_if100/{name}.py')
    assert plain(ours) == plain(Config.fromfile(ROOT / f'configs/lt/{twin}_cifar100_lt.py'))
