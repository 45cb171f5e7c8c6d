"""A resumed run equals one that was never stopped, bit for bit, with the frameworks' own random transforms."""
import random

import numpy as np
import pytest
import tiny
import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import DataLoader, Dataset

from mmlt.engine.positions import Position, PositionedSampler, position_samples

PIPELINE = [dict(type='RandomResizedCrop', scale=8), dict(type='RandomFlip', prob=0.5),
            dict(type='ColorJitter', brightness=0.4), dict(type='PackInputs')]
AUGMENTS = [dict(type='Mixup', alpha=1.), dict(type='CutMix', alpha=1.)]
HOOKS = dict(default_hooks__random_state=dict(type='RandomStateHook'), train_dataloader__dataset__pipeline=PIPELINE,
             train_cfg__val_interval=10, data_preprocessor__batch_augments=dict(augments=AUGMENTS),
             model__head__loss=dict(type='CrossEntropyLoss', use_soft=True),
             param_scheduler=[dict(type='MultiStepLR', milestones=[7], gamma=0.5, by_epoch=False)])
LOADERS = {'main process': dict(num_workers=0, persistent_workers=False),
           'workers': dict(num_workers=2, persistent_workers=False),
           'persistent workers': dict(num_workers=1, persistent_workers=True)}


def weights(runner):
    return {key: value.clone() for key, value in runner.model.state_dict().items()}


def equal(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def train(folder, loader='main process', **settings):
    loader = {f'train_dataloader__{key}': value for key, value in LOADERS[loader].items()}
    return tiny.train(folder, 2, **{**HOOKS, **loader, **settings})


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    runner = train(folder, default_hooks__checkpoint=dict(type='AtomicCheckpointHook', interval=1, by_epoch=False))
    return folder, weights(runner)


@pytest.mark.parametrize(('step', 'loader'), [(3, 'main process'), (6, 'workers'), (6, 'main process'),
                                              (8, 'persistent workers'), (11, 'workers')])
def test_resumed_at_any_step_with_any_workers(whole, tmp_path, step, loader):
    folder, state = whole  # 6 steps an epoch
    resumed = train(tmp_path, loader, resume=True, load_from=str(folder / f'iter_{step}.pth'))
    assert resumed.iter == 12 and equal(weights(resumed), state)


def test_partners_beside_it(tmp_path):
    settings = dict(data_preprocessor__batch_augments=dict(augments=[dict(type='UniMix')]),
                    default_hooks__partners=dict(type='PartnerHook'),
                    default_hooks__checkpoint=dict(type='AtomicCheckpointHook', interval=1))
    state = weights(train(tmp_path / 'whole', 'persistent workers', **settings))
    resumed = train(tmp_path / 'part', 'persistent workers', resume=True,
                    load_from=str(tmp_path / 'whole/epoch_1.pth'), **settings)
    assert equal(weights(resumed), state)


def test_without_the_hook_it_differs(whole, tmp_path):
    folder, state = whole
    off = train(tmp_path, resume=True, load_from=str(folder / 'iter_6.pth'),
                default_hooks__random_state=dict(type='IterTimerHook'))
    assert not equal(weights(off), state)


class Noise(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return index, np.random.rand(), random.random(), float(torch.rand(()))


def rows(seed=0, epoch=0, workers=0, rank=0, world=1, leave_out=0):
    data = Noise()
    sampler = DefaultSampler(data, seed=3)
    sampler.rank, sampler.world_size = rank, world
    sampler.num_samples = 12 // world
    loader = DataLoader(data, batch_size=2, sampler=sampler, num_workers=workers)
    positioned = position_samples(loader, seed)
    positioned.rank, positioned.world_size = rank, world
    positioned.set_epoch(epoch)
    positioned.leave_out = leave_out
    assert position_samples(loader, seed) is positioned and len(loader) == 6 // world
    return [tuple(map(float, row)) for batch in loader for row in zip(*batch)]


def test_draws_follow_from_seed_epoch_and_position_alone():
    first = rows()
    assert len(set(first)) == 12
    assert rows(workers=3) == first and rows(leave_out=4) == first[4:]
    dealt = rows(rank=0, world=2), rows(rank=1, world=2)
    assert [row for pair in zip(*dealt) for row in pair] == first
    for other in (rows(seed=1), rows(epoch=1)):
        assert not set(other) & set(first)


def test_an_image_drawn_twice_looks_different():
    data = Noise()
    loader = DataLoader(data, batch_size=4, sampler=[5, 5, 5, 5])
    position_samples(loader, 0)
    [(_, draws, _, _)] = list(loader)
    assert len(set(draws.tolist())) == 4


def test_the_sampler_inside_stays_in_reach():
    inner = DefaultSampler(Noise(), seed=3)
    sampler = PositionedSampler(inner, 0)
    sampler.set_epoch(5)
    assert inner.epoch == 5 and sampler.shuffle and sampler.current is inner and not hasattr(sampler, 'nothing')
    position = next(iter(sampler))
    assert isinstance(position, Position) and position.key == (0, 5, 0) and position == next(iter(inner))
