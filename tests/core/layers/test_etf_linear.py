import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.layers import ETFLinear
from mmlt.core.layers.etf import is_simplex, simplex


def test_worked_example():
    layer = ETFLinear(3, 3, scale=1).double()
    layer.weight.copy_(1.5 ** .5 * (torch.eye(3) - 1 / 3))
    z = layer(torch.tensor([[.6, 0, .8]], dtype=torch.float64))
    assert z[0, 0].item() == pytest.approx(.163299, abs=1e-6)
    assert ((z[0, 0] - 1) ** 2 / 2).item() == pytest.approx(.350034, abs=1e-6)


@given(c=st.integers(2, 12), extra=st.integers(0, 5), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_gram(c, extra, seed):
    m = simplex(c, c + extra, seed)
    want = torch.full((c, c), -1 / (c - 1), dtype=torch.float64).fill_diagonal_(1)
    torch.testing.assert_close(m @ m.t(), want)
    assert is_simplex(m.half())


def test_weight_is_a_buffer_that_a_checkpoint_brings_back():
    layer, other = ETFLinear(8, 5), ETFLinear(8, 5, seed=7)
    assert not list(layer.parameters()) and not other.weight.equal(layer.weight)
    other.load_state_dict(layer.state_dict())
    assert other.weight.equal(layer.weight)


def test_a_foreign_initialiser_is_undone():
    mmengine = pytest.importorskip('mmengine.model')

    class Head(mmengine.BaseModule):
        def __init__(self):
            super().__init__(init_cfg=dict(type='Normal', std=.01, override=dict(name='fc')))
            self.fc = ETFLinear(8, 5)

    head = Head()
    head.init_weights()
    assert head.fc.weight.equal(ETFLinear(8, 5).weight)


def test_logits_reach_the_scale_on_a_vertex():
    layer = ETFLinear(8, 5, scale=30)
    torch.testing.assert_close(layer(7 * layer.weight).diagonal(), torch.full((5,), 30.))


@pytest.mark.parametrize('d, c', [(64, 100), (4, 1)])
def test_too_few_dimensions(d, c):
    with pytest.raises(ValueError, match=f'{c} classes.*{d}'):
        ETFLinear(d, c)
