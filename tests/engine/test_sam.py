"""SAM in a training run: the update against plain torch, its forms, resume, bad input."""
import copy

import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.model import BaseModel
from torch import nn
from torch.nn import functional as F

from mmlt.engine.amp import use_amp
from mmlt.engine.sam import SAMOptimWrapper, perturbed_share

COUNTS = [60, 20, 3]


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.loss_module = nn.Linear(8, 3), Loss()


class Loss(nn.Module):
    def forward(self, logits, target, weight=None):
        loss = F.cross_entropy(logits, target, reduction='none')
        return (loss if weight is None else loss * weight).mean()


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.net, self.bn, self.head = nn.Linear(4, 8), nn.BatchNorm1d(8), Head()

    def forward(self, inputs, labels, mode='loss'):
        return dict(loss=self.head.loss_module(self.head.fc(self.bn(self.net(inputs)).tanh()), labels))


def naive_step(model, x, y, lr, rho, share):
    """One step of SGD along the gradient of (1 - s) l at w plus that of s l at w + rho g / |g|, g that of s l at w."""
    def grads(weight):
        loss = F.cross_entropy(model.head.fc(model.bn(model.net(x)).tanh()), y, reduction='none')
        return torch.autograd.grad((loss * weight).mean(), list(model.parameters()))
    share = share[y]
    stays, climb = grads(1 - share), grads(share)
    norm = sum(g.square().sum() for g in climb).sqrt()
    with torch.no_grad():
        for p, g in zip(model.parameters(), climb):
            p += rho * g / norm
    descend = grads(share)
    with torch.no_grad():
        for p, g, a, b in zip(model.parameters(), climb, stays, descend):
            p -= rho * g / norm + lr * (a + b)


@pytest.mark.parametrize('form', ['sam', 'tail', 'focal'])
def test_step(form):
    torch.manual_seed(0)
    model = Model().double()
    x, y = torch.randn(12, 4).double(), torch.tensor([0] * 6 + [1] * 4 + [2] * 2)
    expected, before = copy.deepcopy(model), copy.deepcopy(model)
    kwargs = dict(form=form, few=10, sharpness=0.7, gamma=2.0, class_counts=COUNTS)
    wrapper = SAMOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.3), rho=0.2, **kwargs)
    model.train_step(dict(inputs=x, labels=y), wrapper)
    pi = torch.tensor(COUNTS).double() / sum(COUNTS)
    share = dict(sam=torch.ones(3), tail=torch.tensor([0., 0, 1]), focal=0.7 * (1 - pi)**2)[form].double()
    naive_step(expected, x, y, 0.3, 0.2, share)
    for (name, p), q in zip(model.named_parameters(), expected.parameters()):
        torch.testing.assert_close(p, q, rtol=1e-7, atol=1e-9, msg=name)
    before.bn(before.net(x))
    torch.testing.assert_close(model.bn.running_mean, before.bn.running_mean)  # one pass updates them
    assert all(p.grad is None for p in model.parameters())


def test_without_radius_it_is_plain_sgd(tmp_path):
    plain = tiny.train(tmp_path / 'plain', epochs=1)
    flat = tiny.train(tmp_path / 'flat', epochs=1, optim_wrapper__type='SAMOptimWrapper', optim_wrapper__rho=0.)
    for (name, a), b in zip(plain.model.named_parameters(), flat.model.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=name)


HEAD = dict(type='LongTailClsHead', num_classes=3, in_channels=16, loss=dict(type='BalancedSoftmaxLoss'))


@pytest.mark.parametrize('settings', [
    {}, dict(optim_wrapper__form='tail', optim_wrapper__few=10, model__head=HEAD),
    dict(optim_wrapper__form='focal', optim_wrapper__dtype='bfloat16', model__head=HEAD,
         data_preprocessor__batch_augments=dict(augments=dict(type='UniMix')))])
def test_resumed_run_is_bit_identical(tmp_path, settings):
    settings = dict(settings, optim_wrapper__type='SAMOptimWrapper')
    whole = tiny.train(tmp_path / 'whole', epochs=3, **settings)
    saved = str(tmp_path / 'whole/epoch_1.pth')
    part = tiny.train(tmp_path / 'part', epochs=3, resume=True, load_from=saved, **settings)
    a, b = whole.model.state_dict(), part.model.state_dict()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


def test_amp_is_its_own():
    for wrapper, expected in ((dict(type='SAMOptimWrapper', rho=0.1), dict(type='SAMOptimWrapper', rho=0.1,
                                                                          dtype='bfloat16')),
                              (dict(), dict(type=('Amp' if torch.cuda.is_available() else 'CPUAmp') + 'OptimWrapper'))):
        use_amp(wrapper)
        assert wrapper == expected


def test_shares():
    n = torch.tensor([90., 9, 1])
    assert perturbed_share(n).tolist() == [1, 1, 1]
    assert perturbed_share(n, 'tail', few=9).tolist() == [0, 0, 1]
    assert perturbed_share(n, 'focal', sharpness=0.5, gamma=2).tolist() == pytest.approx([.005, .41405, .49005])


@pytest.mark.parametrize('kwargs, message', [
    (dict(rho=-1), 'rho must be a number'), (dict(form='imb'), "form must be 'sam', 'tail' or 'focal', got 'imb'"),
    (dict(accumulative_counts=2), 'accumulative_counts=2.*larger batch'), (dict(sharpness=2), 'sharpness must be'),
])
def test_bad_input(kwargs, message):
    with pytest.raises(ValueError, match=message):
        SAMOptimWrapper(torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1), **kwargs)


def test_forms_say_what_they_miss(tmp_path):
    wrapper = dict(optim_wrapper__type='SAMOptimWrapper', optim_wrapper__form='tail')
    with pytest.raises(RuntimeError, match=r'no class counts.*ClassCountsHook'):
        tiny.train(tmp_path, epochs=1, **wrapper)  # a plain head holds none
    loss = dict(type='CostSensitiveLoss')
    with pytest.raises(RuntimeError, match=r'CostSensitiveLoss divides by the sum of its weights.*avg="batch"'):
        tiny.train(tmp_path, epochs=1, model__head=dict(HEAD, loss=loss), **wrapper)
