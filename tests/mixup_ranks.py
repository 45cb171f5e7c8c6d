"""A net of three layers, and one rank that mixes inside it; importable by spawned processes."""
import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from mmlt.core.augment.manifold import ManifoldMixup


class Net(nn.Module):
    """``cut`` recomputes the first two layers in the backward pass, with this ``use_reentrant``."""

    def __init__(self, cut=None):
        super().__init__()
        self.cut = cut
        self.layer1, self.layer2, self.head = nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3)

    def body(self, x):
        return self.layer2(self.layer1(x).tanh()).tanh()

    def forward(self, x):
        return self.head(self.body(x) if self.cut is None else checkpoint(self.body, x, use_reentrant=self.cut))


def batch(n=7):
    g = torch.Generator().manual_seed(1)
    one_hot = F.one_hot(torch.randint(3, (n,), generator=g), 3)
    return torch.randn(n, 4, generator=g, dtype=torch.float64), one_hot


def replay(augment):
    """lambda and permutation of the batch to come."""
    twin = copy.copy(augment)
    twin._generator = copy.deepcopy(augment.generator)
    torch.randint(len(augment.layers), (), generator=twin.generator)
    return twin.draw_beta(augment.alpha).item(), twin.draw_permutation(7, 'cpu')


def worker(rank, folder):
    torch.distributed.init_process_group('gloo')
    torch.manual_seed(0)
    net = Net().double()
    model, augment = DistributedDataParallel(net), ManifoldMixup(layer='layer2', seed=0).attach(net)
    x, one_hot = batch()
    x = x + rank
    lam, index = replay(augment)
    inputs, soft = augment(x, one_hot)
    F.cross_entropy(model(inputs), soft.double()).backward()
    torch.save((lam, index, x, soft, [p.grad for p in net.parameters()]), f'{folder}/rank{rank}')
