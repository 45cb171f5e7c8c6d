"""StagedSampler, alone, in a DataLoader and in MMEngine's loops."""
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from mmlt.data.samplers import (
    ClassBalancedSampler,
    CurriculumSampler,
    PowerSampler,
    ProgressivelyBalancedSampler,
    RandomOverSampler,
    RandomUnderSampler,
    StagedSampler,
    base,
)


class Squares(Dataset):
    targets = np.repeat([0, 1, 2], [40, 8, 2])

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, idx):
        return idx, idx ** 2


def staged(*stages, dataset=None, **kwargs):
    return StagedSampler(dataset or Squares(), [dict(begin=begin, sampler=sampler) for begin, sampler in stages],
                         **{'seed': 0, **kwargs})


PLAN = (0, dict(type='PowerSampler', q=1)), (3, ClassBalancedSampler), (5, dict(type='mmlt.ReversedSampler'))


def test_each_epoch_has_the_sampler_of_its_stage():
    sampler = staged(*PLAN)
    for epoch in (0, 4, 2, 3, 99, 5, 0):
        sampler.set_epoch(epoch)
        kind, q = ((PowerSampler, dict(q=1)), (ClassBalancedSampler, {}))[epoch >= 3] if epoch < 5 else (
            type(sampler.samplers[2]), {})
        alone = kind(Squares(), seed=0, **q)
        alone.set_epoch(epoch)
        assert type(sampler.current) is kind
        assert list(sampler) == list(alone) and len(sampler) == 50
        assert sampler.class_probabilities.equal(alone.class_probabilities)
    assert type(sampler.samplers[2]).__name__ == 'ReversedSampler'


def test_epoch_0_without_set_epoch():
    assert sorted(staged(*PLAN)) == list(range(50))


def test_schedules_start_with_their_stage():
    sampler = staged((0, dict(type='PowerSampler', q=1)),
                     (160, dict(type='ProgressivelyBalancedSampler', max_epochs=40)),
                     (200, CurriculumSampler(Squares(), max_epochs=10, schedule='linear', seed=0)))
    sampler.set_epoch(180)
    half = ProgressivelyBalancedSampler(Squares(), max_epochs=40, seed=0)
    half.set_epoch(20)
    assert sampler.class_probabilities.equal(half.class_probabilities)
    assert list(sampler) != list(half)
    sampler.set_epoch(205)
    assert sampler.class_probabilities.equal(PowerSampler(Squares(), q=.5).class_probabilities)


def test_later_stages_take_the_length_of_the_first():
    under = dict(type=RandomUnderSampler)
    assert len(staged((0, dict(type='PowerSampler')), (1, under))) == 50
    sampler = staged((0, under), (1, dict(type='RandomOverSampler')), (2, ClassBalancedSampler))
    lengths = []
    for epoch in range(4):
        sampler.set_epoch(epoch)
        lengths.append((len(sampler), len(list(sampler)), len(sampler.current)))
    assert set(lengths) == {(6, 6, 6)}
    assert len(staged((0, under), (1, ClassBalancedSampler), num_samples=17)) == 17


def test_seeds():
    own = staged((0, dict(type='ClassBalancedSampler', seed=7)), (1, ClassBalancedSampler))
    assert [s.seed for s in own.samplers] == [7, 0]
    drawn = staged((0, ClassBalancedSampler), (1, ClassBalancedSampler), seed=None)
    assert drawn.samplers[0].seed == drawn.samplers[1].seed == drawn.seed


@pytest.mark.parametrize('round_up', [True, False])
def test_ranks(monkeypatch, round_up):
    parts = []
    for rank in range(4):
        monkeypatch.setattr(base, 'rank_and_world_size', lambda rank=rank: (rank, 4))
        sampler = staged(*PLAN, round_up=round_up)
        parts.append([])
        for epoch in (0, 3, 5):
            sampler.set_epoch(epoch)
            parts[-1].append(list(sampler))
            assert len(sampler) == len(parts[-1][-1]) == (13 if round_up or rank < 2 else 12)
    assert sampler.total_size == (52 if round_up else 50)
    monkeypatch.undo()
    alone = staged(*PLAN)
    for k, epoch in enumerate((0, 3, 5)):
        alone.set_epoch(epoch)
        merged = [parts[i % 4][k][i // 4] for i in range(52 if round_up else 50)]
        assert merged == (2 * list(alone))[:len(merged)]  # the list of one process, whatever the number of ranks


@pytest.mark.parametrize('stages, message', [
    ([], 'first stage must begin at epoch 0'),
    ([(1, ClassBalancedSampler)], r'first stage must begin at epoch 0, the stages begin at \[1\]'),
    ([(0, ClassBalancedSampler), (5, PowerSampler), (3, PowerSampler)], r'rising order.*\[0, 5, 3\]'),
    ([(0, ClassBalancedSampler), (0, PowerSampler)], r'rising order.*\[0, 0\]'),
    ([(0, ClassBalancedSampler), (4, RandomOverSampler(Squares()))],
     'RandomOverSampler, the stage at epoch 4, has 120 indices a rank, the first stage 50.*num_samples'),
    ([(0, RandomOverSampler), (4, SequentialSampler(Squares()))], 'SequentialSampler.*has 50.*first stage 120'),
])
def test_errors(stages, message):
    with pytest.raises(ValueError, match=message):
        staged(*stages)


@pytest.mark.parametrize('persistent', [True, False])
def test_in_a_data_loader(persistent):
    sampler = staged(*PLAN)
    loader = DataLoader(Squares(), batch_size=7, sampler=sampler, num_workers=1, persistent_workers=persistent)
    for epoch in (0, 2, 3, 5, 3):
        loader.sampler.set_epoch(epoch)
        indices, squares = (torch.cat(column).tolist() for column in zip(*loader))
        assert indices == list(sampler) and squares == [i ** 2 for i in indices]
        assert len(loader) == 8


class TestMMEngine:
    @pytest.fixture(autouse=True)
    def engine(self):
        return pytest.importorskip('mmengine')

    def test_config_names(self):
        from mmengine.registry import DATA_SAMPLERS

        from mmlt.data import samplers
        for name in samplers.__all__:
            cls = getattr(samplers, name)
            assert DATA_SAMPLERS.get(name) is cls
        sampler = DATA_SAMPLERS.build(dict(type='PowerSampler', q=.2), default_args=dict(dataset=Squares(), seed=4))
        assert sampler.q == .2 and sampler.seed == 4

    def test_stages_of_the_framework(self):
        from mmengine.dataset import DefaultSampler
        plan = (0, dict(type='DefaultSampler', shuffle=True)), (2, ClassBalancedSampler), (3, dict(type=DefaultSampler))
        sampler = staged(*plan, seed=5)
        reference = DefaultSampler(Squares(), seed=5)
        for epoch in (0, 1, 3):
            sampler.set_epoch(epoch)
            reference.set_epoch(epoch)
            assert list(sampler) == list(reference) and sampler.class_probabilities is None
        sampler.set_epoch(2)
        assert sampler.class_probabilities.tolist() == [1 / 3] * 3

    def test_default_sampler_on_ranks(self, monkeypatch):
        """50 images on 4 ranks: the framework's 13 a rank are mmlt's, too."""
        from mmengine.dataset import sampler as engine_sampler
        parts = []
        for rank in range(4):
            monkeypatch.setattr(base, 'rank_and_world_size', lambda rank=rank: (rank, 4))
            monkeypatch.setattr(engine_sampler, 'get_dist_info', lambda rank=rank: (rank, 4))
            sampler = staged((0, dict(type='DefaultSampler')), (1, PowerSampler(Squares(), q=1, seed=0)),
                             (2, ClassBalancedSampler))
            assert len(sampler) == 13 and sampler.samplers[2].epoch_length == 50
            sampler.set_epoch(1)
            parts += sampler
        assert set(parts) == set(range(50))

    def test_epoch_hook_and_iter_loop(self, monkeypatch):
        """DistSamplerSeedHook passes the epoch; in iter-based loops it advances whenever the loader starts again."""
        from types import SimpleNamespace

        from mmengine.hooks import DistSamplerSeedHook
        from mmengine.runner import loops
        monkeypatch.setattr(loops.time, 'sleep', lambda seconds: None)
        sampler = staged(*PLAN)
        loader = DataLoader(Squares(), batch_size=10, sampler=sampler)
        runner = SimpleNamespace(train_loop=SimpleNamespace(dataloader=loader), epoch=4)
        DistSamplerSeedHook().before_train_epoch(runner)
        assert sampler.epoch == sampler.current.epoch == 4 and type(sampler.current) is ClassBalancedSampler
        sampler.set_epoch(0)
        batches = loops._InfiniteDataloaderIterator(loader)
        seen = torch.cat([next(batches)[0] for _ in range(20)]).tolist()
        for epoch in range(4):
            sampler.set_epoch(epoch)
            assert seen[50 * epoch:50 * epoch + 50] == list(sampler)
