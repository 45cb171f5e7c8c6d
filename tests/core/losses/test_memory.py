"""What a step of each loss holds at most, beside cross entropy as mixed precision runs it."""
import weakref

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmlt.core import losses as lt

N, C = 64, 3000  # so many rows that a vector of C numbers counts little
COUNTS = torch.arange(C, 0, -1) + 4
MODULES = ['BalancedSoftmaxLoss', 'CDTLoss', 'ClassBalancedLoss', 'CostSensitiveLoss', 'GeneralizedReweightLoss',
           'LDAMLoss', 'LabelAwareSmoothLoss', 'LogitAdjustLoss', 'SeesawSoftmaxLoss', 'SoftmaxEqualizationLoss',
           'SoftmaxFocalLoss', 'VSLoss', 'WeightedSoftmaxLoss', 'LADELoss', 'AdaptiveClassSuppressionLoss',
           'EqualizationLoss', 'EqualizationLossV2', 'GCLLoss', 'BalancedBCELoss']


class Peak(TorchDispatchMode):
    """Bytes of all tensors that live at one time."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.storages = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self.watch(tensor.untyped_storage())
        return out

    def watch(self, storage):
        key, size = storage._cdata, storage.nbytes()
        if key not in self.storages:
            self.storages.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.forget, key, size)

    def forget(self, key, size):
        self.storages.discard(key)
        self.now -= size


def peak(loss):
    logits = torch.randn(N, C, generator=torch.Generator().manual_seed(0)).bfloat16().requires_grad_()
    target = torch.arange(N) * 40
    with Peak() as held:
        loss(logits, target).backward()
    return held.peak


def cross_entropy(logits, target):
    return F.cross_entropy(logits.float(), target)


@pytest.mark.parametrize('name', MODULES)
def test_memory_of_a_step(name):
    assert peak(getattr(lt, name)(class_counts=COUNTS)) <= 1.3 * peak(cross_entropy)
