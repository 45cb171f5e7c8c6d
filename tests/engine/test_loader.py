"""Fails where PyTorch moves what a batch sampler keeps its sampler in."""
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from mmlt.engine.loader import replace_sampler


@pytest.mark.parametrize('workers', [0, 1])
def test_batches_are_drawn_by_the_new_sampler(workers):
    data = torch.arange(6)
    loader = DataLoader(data, 2, num_workers=workers, persistent_workers=bool(workers))
    assert torch.cat(list(loader)).tolist() == [0, 1, 2, 3, 4, 5]
    replace_sampler(loader, [5, 3, 1, 0])
    assert torch.cat(list(loader)).tolist() == [5, 3, 1, 0]


def test_a_batch_sampler_without_a_sampler_is_named():
    class Batches(list):
        pass

    with pytest.raises(ValueError, match='Batches keeps no sampler that could be replaced'):
        replace_sampler(DataLoader(torch.arange(4), batch_sampler=Batches([[0, 1], [2, 3]])), [3, 2, 1, 0])


def test_a_batch_sampler_that_keeps_it_elsewhere_is_named():
    class Moved(BatchSampler):
        def __init__(self, sampler, size):
            super().__init__(sampler, size, False)
            self._own = self.sampler
            del self.sampler

    with pytest.raises(ValueError, match='Moved keeps no sampler'):
        replace_sampler(DataLoader(torch.arange(4), batch_sampler=Moved(SequentialSampler(range(4)), 2)), [0])
