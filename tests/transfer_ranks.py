"""One rank of tests/engine/test_transfer_ranks.py: SAM's step, the class accuracies and CReST+'s means on half of a
batch."""
import copy
from types import SimpleNamespace

import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from torch import nn
from torch.nn import functional as F

from mmlt.data.samplers import AccuracyDrivenSampler
from mmlt.engine.hooks import ClassAccuracyHook
from mmlt.engine.sam import SAMOptimWrapper


def model_and_batch():
    from mmengine.model import BaseModel

    class Model(BaseModel):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))

        def forward(self, inputs, labels, mode='loss'):
            return dict(loss=F.cross_entropy(self.net(inputs), labels))

    torch.manual_seed(0)
    return Model().double(), torch.randn(8, 4).double(), torch.tensor([0, 1, 2, 0, 0, 1, 0, 2])


def accuracy(logits, labels):
    hook = ClassAccuracyHook()
    hook.samplers = [AccuracyDrivenSampler([0, 1, 2], seed=0)]
    hook.before_train_epoch(SimpleNamespace())
    hook.watch(logits, labels)
    hook.after_train_epoch(SimpleNamespace())
    return hook.samplers[0].class_accuracy


def aligned_means(logits):
    from mmlt.cls.fixmatch import Alignment
    alignment = Alignment(3, [4, 2, 2], window=2)
    alignment(logits.float().softmax(1))
    return alignment.means


def one_process():
    model, x, y = model_and_batch()
    logits = model.net(x).detach()
    model.train_step(dict(inputs=x, labels=y), SAMOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.5), rho=0.3))
    return model.state_dict(), accuracy(logits, y), aligned_means(logits)


def worker(rank, path):
    dist.init_process_group('gloo')
    model, x, y = model_and_batch()
    x, y = x[rank::2], y[rank::2]
    logits = copy.deepcopy(model).net(x).detach()
    wrapped = MMDistributedDataParallel(model, device_ids=None)
    optimizer = SAMOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.5), rho=0.3)
    wrapped.train_step(dict(inputs=x, labels=y), optimizer)
    torch.save((model.state_dict(), accuracy(logits, y), aligned_means(logits)), f'{path}/{rank}.pt')
