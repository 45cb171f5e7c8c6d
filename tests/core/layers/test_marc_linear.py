"""MARC: the naive formula and its gradients, where it starts, the second stage folded into a linear layer."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlt.core.layers import MARCLinear
from mmlt.core.refit import METHODS, Recipe, as_split, linear

X = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(7) % 4


@pytest.fixture
def layer():
    torch.manual_seed(1)
    layer = MARCLinear(3, 4).double()
    with torch.no_grad():
        layer.logit_scale.uniform_(.5, 2)
        layer.margin.normal_()
    return layer


def test_naive_and_its_gradients(layer):
    w, b, a, m = (p.detach().numpy() for p in (layer.weight, layer.bias, layer.logit_scale, layer.margin))
    norm = np.sqrt((w**2).sum(1))
    plain = X.numpy() @ w.T + b
    z = layer(X)
    np.testing.assert_allclose(z.detach().numpy(), a * plain + m * norm, rtol=1e-12)
    F.cross_entropy(z, Y, reduction='sum').backward()
    slope = (z.softmax(1) - F.one_hot(Y, 4)).detach().numpy()
    np.testing.assert_allclose(layer.logit_scale.grad, (slope * plain).sum(0), rtol=1e-10)
    np.testing.assert_allclose(layer.margin.grad, slope.sum(0) * norm, rtol=1e-10)
    assert layer.weight.grad is None and layer.bias.grad is None


def test_margins_shift_distances_to_the_boundary(layer):
    """Rows of any length: a margin moves the boundary w x + b = 0 as far, by m in units of the features."""
    with torch.no_grad():
        layer.logit_scale.fill_(1)
        near = X - ((X @ layer.weight.T + layer.bias)[:, 2] / layer.weight[2].square().sum())[:, None] * layer.weight[2]
        moved = near - layer.margin[2] * layer.weight[2] / layer.weight[2].norm()
        torch.testing.assert_close(layer(moved)[:, 2], torch.zeros(7, dtype=torch.float64))


def test_the_second_stage_is_its_layer_folded():
    torch.manual_seed(0)
    train, joint = as_split(torch.randn(60, 5), torch.arange(60) % 3, 3), linear(torch.randn(3, 5), torch.randn(3))
    folded = METHODS['marc'].fit(train, joint, Recipe(epochs=2), rho=1.)
    scale = (folded.weight / joint.weight)
    torch.testing.assert_close(scale, scale[:, :1].expand(3, 5))
    margin = (folded.bias - scale[:, 0] * joint.bias) / joint.weight.norm(dim=1)
    layer = MARCLinear(5, 3)
    layer.load_state_dict(dict(joint.state_dict(), logit_scale=scale[:, 0], margin=margin))
    torch.testing.assert_close(layer(train.features), folded(train.features))
    assert margin.abs().min() > 0 and (scale - 1).abs().min() > 0
