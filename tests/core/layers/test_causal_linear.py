import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.layers import CausalLinear

W = torch.tensor([[1., 0, 0, 1], [0, 1, 1, 0], [.5, .5, -.5, .5]], dtype=torch.float64)
X = torch.tensor([[3., 4, 1, 0]], dtype=torch.float64)
BATCHES = torch.tensor([[1., 0, 0, 1], [0, 2, 1, 0], [1, 1, 1, 1]], dtype=torch.float64)


def make(**kwargs):
    layer = CausalLinear(4, 3, **kwargs).double()
    layer.load_state_dict({'weight': W})
    return layer


def trained(**kwargs):
    layer = make(**kwargs)
    for mean in BATCHES:
        layer(torch.stack([mean + 0.25, mean - 0.25]))
    return layer.eval()


def random_layer(seed, **kwargs):
    torch.manual_seed(seed)
    layer = CausalLinear(8, 5, num_heads=2, **kwargs).double()
    layer(torch.randn(4, 8, dtype=torch.float64))
    return layer.eval(), torch.randn(3, 8, dtype=torch.float64)


def naive(layer, x, alpha):
    out = torch.zeros(len(x), 3, dtype=torch.float64)
    for b in range(len(x)):
        for c in range(3):
            for k in range(2):
                part = slice(2 * k, 2 * k + 2)
                xk, wk, dk = x[b, part], layer.weight[c, part].detach(), layer.embed[part]
                xk, dk = xk / xk.norm(), dk / dk.norm()
                out[b, c] += 16 / 2 * (xk - alpha * (xk @ dk) * dk) @ (wk / (wk.norm() + 1 / 32))
    return out


def close(got, want):
    torch.testing.assert_close(got, torch.as_tensor(want, dtype=got.dtype), atol=1e-6, rtol=0)


def test_worked_example():
    layer = trained()
    close(layer.embed, [1.81, 2.8, 1.9, 1.81])
    close(layer(X), [[-7.458608, -1.885327, -8.839944]])
    close(make()(X), [[4.654545, 13.963636, 2.166974]])
    close(layer(X), naive(layer, X, 1.5))


def test_state_changes_in_training_only():
    layer = make()
    layer(X)
    before = layer.embed.clone()
    layer.eval()(2 * X)
    assert layer.embed.equal(before) and not layer.embed.requires_grad


@pytest.mark.parametrize('layer', [trained(alpha=0), make().eval()], ids=['alpha=0', 'before training'])
def test_no_effect(layer):
    close(layer(X), [[4.654545, 13.963636, 2.166974]])


@given(st.integers(0, 99), st.floats(.01, 100))
@settings(max_examples=20, deadline=None)
def test_lengths_of_heads_and_of_the_average_do_not_matter(seed, k):
    layer, x = random_layer(seed)
    z = layer(x)
    torch.testing.assert_close(layer(torch.cat([k * x[:, :4], x[:, 4:]], 1)), z)
    layer.embed.mul_(k)
    torch.testing.assert_close(layer(x), z)


@given(st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_parallel_head_vanishes_and_orthogonal_head_stays(seed):
    layer, x = random_layer(seed, alpha=1.0)
    torch.testing.assert_close(layer(3 * layer.embed[None]), torch.zeros(1, 5, dtype=torch.float64))
    d = layer.embed.view(2, 4)
    heads = x.view(-1, 2, 4)
    heads = heads - (heads * d).sum(-1, keepdim=True) / d.square().sum(-1, keepdim=True) * d
    z = layer(heads.flatten(1))
    layer.alpha = 0.0
    torch.testing.assert_close(layer(heads.flatten(1)), z)


@pytest.mark.parametrize('poison', [torch.zeros(0, 4), torch.full((2, 4), torch.inf), torch.full((1, 4), torch.nan)])
def test_a_bad_batch_does_not_poison_the_average(poison):
    layer = make()
    layer(X)
    before = layer.embed.clone()
    layer(poison.double())
    assert layer.embed.equal(before)


def test_average_over_pixels():
    rows, maps = make(), make(dim=1)
    x = torch.randn(2, 4, 3, 3, dtype=torch.float64)
    rows(x.permute(0, 2, 3, 1).reshape(-1, 4))
    maps(x)
    torch.testing.assert_close(rows.embed, maps.embed)


def test_heads_must_divide_the_features():
    with pytest.raises(ValueError, match=r'10 features.*4'):
        CausalLinear(10, 3, num_heads=4)
