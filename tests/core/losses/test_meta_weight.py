"""Meta-Weight-Net: the loss against plain loops, its teaching against double backward."""
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from mmlt.core.losses import MetaWeightLoss
from mmlt.core.meta_sampling import share_gradient

LABELS = torch.tensor([0, 0, 1, 3, 2, 0])


def taught(hidden=30):
    """A loss in float64 whose weights differ."""
    torch.manual_seed(1)
    loss = MetaWeightLoss(hidden=hidden).double()
    for p in loss.weight_net.values():
        p.mul_(3)
    return loss


def test_loss_by_hand():
    loss, z = taught(), torch.randn(6, 4).double()
    net = {name: p.tolist() for name, p in loss.weight_net.items()}
    total = weights = 0
    for row, y in zip(z.tolist(), LABELS.tolist()):
        own = math.log(sum(map(math.exp, row))) - row[y]
        hidden = [max(0, w * own + b) for w, b in zip(net['w1'], net['b1'])]
        v = 1 / (1 + math.exp(-sum(h * w for h, w in zip(hidden, net['w2'])) - net['b2'][0]))
        total, weights = total + v * own, weights + v
    assert loss(z, LABELS).item() == pytest.approx(total / weights, rel=1e-12)


def test_weights_are_no_part_of_the_gradient():
    loss, z = taught(), torch.randn(6, 4).double().requires_grad_()
    ours, = torch.autograd.grad(loss(z, LABELS), z)
    shares = loss.shares(F.cross_entropy(z, LABELS, reduction='none')).detach()
    expected, = torch.autograd.grad(F.cross_entropy(z, LABELS, reduction='none') @ shares, z)
    torch.testing.assert_close(ours, expected)
    assert shares.max() > 1.2 * shares.min() and not list(loss.parameters())


def test_teaching_is_double_backward():
    loss = taught()
    model = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 4)).double()
    x, meta_x, meta_y = torch.randn(6, 5).double(), torch.randn(8, 5).double(), torch.arange(8) % 4
    params = {name: p.detach() for name, p in model.named_parameters()}

    def losses(p, x=x, y=LABELS):
        buffers = {name: b.clone() for name, b in model.named_buffers()}
        return F.cross_entropy(functional_call(model, {**p, **buffers}, (x, )), y, reduction='none')

    own, slope = share_gradient(losses, lambda p: losses(p, meta_x, meta_y).mean(), params, loss.shares, 0.3)
    net = {name: p.detach().requires_grad_() for name, p in loss.weight_net.items()}
    ours = torch.autograd.grad(loss.shares(own, net) @ slope, net.values())

    weights = {name: p.clone().requires_grad_() for name, p in params.items()}
    plain = losses(weights)
    inner = torch.autograd.grad(plain @ loss.shares(plain.detach(), net), weights.values(), create_graph=True)
    after = {name: p - 0.3 * g for (name, p), g in zip(weights.items(), inner)}
    expected = torch.autograd.grad(losses(after, meta_x, meta_y).mean(), net.values())
    for a, b in zip(ours, expected):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    assert max(g.abs().max() for g in expected) > 1e-4


def test_bad_argument():
    with pytest.raises(ValueError, match='hidden must be an integer >= 1, got 0'):
        MetaWeightLoss(hidden=0)
