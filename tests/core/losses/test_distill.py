"""Losses with a teacher: the naive formula, the specification's examples, invariants, bad input."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.losses import BalancedSoftmaxLoss, BKDLoss, CBDLoss, DiVELoss, XERMLoss
from mmlt.core.losses.distill import virtual_examples

COUNTS = [60, 200, 7, 7, 1]


def close(value, expected, digits=6):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(torch.as_tensor(value).double(), expected, rtol=0, atol=10**-digits)


def batch(seed=0, size=6, c=5):
    g = torch.Generator().manual_seed(seed)
    z, t = 3 * torch.randn(2, size, c, generator=g, dtype=torch.float64)
    return z, t, torch.randint(c, (size, ), generator=g)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


@pytest.mark.parametrize('temperature, power', [(2, 0.5), (3, 1), (1, 0.5)])
def test_dive(temperature, power):
    z, t, y = batch()
    total = 0
    for i in range(len(y)):
        target = softmax(t[i].numpy() / temperature)**power
        target /= target.sum()
        kl = (target * (np.log(target) - np.log(softmax(z[i].numpy() / temperature)))).sum()
        ce = -np.log(softmax(z[i].numpy() + np.log(COUNTS))[y[i]])
        total += 0.3 * temperature**2 * kl + 0.7 * ce
    close(DiVELoss(COUNTS, temperature=temperature, power=power, alpha=0.3)(z, y, t), total / len(y), 9)


@pytest.mark.parametrize('temperature, beta', [(2, 0.99), (3, 1), (1, 0)])
def test_bkd(temperature, beta):
    z, t, y = batch()
    n, total = np.array(COUNTS, float), 0
    weights = 1 / n if beta == 1 else (1 - beta) / (1 - beta**n)
    for i in range(len(y)):
        target = softmax(t[i].numpy() / temperature) * weights
        target /= target.sum()
        kl = (target * (np.log(target) - np.log(softmax(z[i].numpy() / temperature)))).sum()
        total += 0.3 * temperature**2 * kl - np.log(softmax(z[i].numpy())[y[i]])
    close(BKDLoss(COUNTS, temperature=temperature, alpha=0.3, beta=beta)(z, y, t), total / len(y), 9)


@pytest.mark.parametrize('gamma, eps', [(1.5, 1e-5), (2, 0)])
def test_xerm(gamma, eps):
    z, t, y = batch()
    total = 0
    for i in range(len(y)):
        student, own = softmax(z[i].numpy()), softmax(t[i].numpy())
        balanced = softmax(t[i].numpy() - np.log(COUNTS))
        a, b = ((-np.log(p[y[i]]))**gamma for p in (own, balanced))
        w = b / (b + a + eps)
        total -= (1 - w) * np.log(student[y[i]]) + w * (balanced * np.log(student)).sum()
    close(XERMLoss(COUNTS, gamma=gamma, eps=eps)(z, y, t), total / len(y), 9)


def test_xerm_of_a_teacher_that_knows_the_image():
    """Both of its losses are nothing: the label alone is left."""
    z, t = torch.zeros(1, 2).double(), torch.tensor([[40., 0]]).double()
    y, z[0, 1] = torch.tensor([0]), 3
    own = F.cross_entropy(z, y)
    for eps in (1e-5, 0.0):
        close(XERMLoss([1, 1], eps=eps)(z, y, t), own)


def test_dive_example():
    z, t = torch.tensor([[[1., 1, 0]], [[2., 0, -1]]], dtype=torch.float64)
    y, counts = torch.tensor([1]), [100, 10, 1]
    close(virtual_examples(t).exp(), [[.481024, .291756, .227220]])
    close(virtual_examples(torch.tensor([[.7, .2, .1]]).double().log(), 1.0, 0.5).exp(), [[.522879, .279491, .197630]])
    close(DiVELoss(alpha=1, class_counts=counts)(z, y, t), .093998)
    close(DiVELoss(alpha=0, class_counts=counts)(z, y, t), 2.401234)
    close(DiVELoss(class_counts=counts)(z, y, t), 1.247616)


@given(st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_dive_invariants(seed):
    z, t, y = batch(seed)
    close(DiVELoss(alpha=0, class_counts=COUNTS)(z, y, t), BalancedSoftmaxLoss(class_counts=COUNTS)(z, y), 9)
    close(DiVELoss(alpha=1, power=1, class_counts=COUNTS)(z, y, z + 1), 0, 9)
    other = (y + 1) % 5
    loss = DiVELoss(class_counts=COUNTS)
    soft = 0.3 * F.one_hot(y, 5).double() + 0.7 * F.one_hot(other, 5).double()
    close(loss(z, soft, t), 0.3 * loss(z, y, t) + 0.7 * loss(z, other, t), 9)


def test_cbd():
    g = torch.Generator().manual_seed(0)
    z, _, y = batch()
    f, t = torch.randn(2, 6, 8, generator=g, dtype=torch.float64)
    cosines = [float(a @ b / (a.norm() * b.norm())) for a, b in zip(f, t)]
    expected = 0.6 * F.cross_entropy(z, y) + 0.4 * 100 * (1 - np.mean(cosines))
    close(CBDLoss()(z, y, feats=f, teacher_feats=t), expected, 9)
    close(CBDLoss()(z, y, feats=f, teacher_feats=3 * f), 0.6 * F.cross_entropy(z, y), 9)


def test_cbd_example():
    """CE 0.7, cosine 0.98 -> 0.42 + 0.8."""
    z = torch.tensor([[0., np.log(np.exp(0.7) - 1)]], dtype=torch.float64)
    f, t = torch.tensor([[1., 0.]]).double(), torch.tensor([[0.98, (1 - 0.98**2)**0.5]]).double()
    close(CBDLoss()(z, torch.tensor([0]), feats=f, teacher_feats=t), 1.22)


def test_no_gradient_reaches_the_teacher_and_half_precision_is_finite():
    z, t, y = (x.bfloat16().mul(1e3) if x.is_floating_point() else x for x in batch())
    z.requires_grad_(), t.requires_grad_()
    for loss in (DiVELoss(class_counts=COUNTS), BKDLoss(COUNTS), XERMLoss(class_counts=COUNTS)):
        loss(z, y, t).backward()
        assert z.grad.isfinite().all() and t.grad is None
    CBDLoss()(z, y, feats=z, teacher_feats=t).backward()
    assert z.grad.isfinite().all() and t.grad is None


@pytest.mark.parametrize('call, message', [
    (lambda z, t, y: DiVELoss(class_counts=COUNTS)(z, y, t[:, :4]), r'\(6, 4\).*\(6, 5\).*class order and number'),
    (lambda z, t, y: DiVELoss(class_counts=COUNTS)(z, y, t[:3]), 'see the same images'),
    (lambda z, t, y: CBDLoss()(z, y, feats=z, teacher_feats=t[:, :4]), 'agree in width'),
    (lambda z, t, y: DiVELoss(power=0), 'power must be a number'),
    (lambda z, t, y: XERMLoss(COUNTS)(z, y, t[:3]), 'see the same images'),
    (lambda z, t, y: BKDLoss(COUNTS)(z, y, t[:3]), 'see the same images'),
    (lambda z, t, y: BKDLoss(beta=2), 'beta must be a number'),
    (lambda z, t, y: XERMLoss(gamma=0), 'gamma must be a number'),
    (lambda z, t, y: DiVELoss(alpha=1.5), 'alpha must be a number'),
    (lambda z, t, y: CBDLoss(beta=-1), 'beta must be a number'),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(*batch())
