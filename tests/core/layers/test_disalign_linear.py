import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmlt.core.layers import DisAlignLinear

Z, ALPHA, BETA = [2., -1., .5], [1.2, .8, 1.], [.1, -.2, .3]


def make(parametrization='interp', alpha=ALPHA):
    """z = (2, -1, .5) and the gate's logit .4 for x = (1,)."""
    layer = DisAlignLinear(1, 3, parametrization=parametrization).double()
    layer.load_state_dict({'weight': torch.tensor(Z)[:, None], 'bias': torch.zeros(3)})
    nn.init.constant_(layer.confidence_layer.weight, .4)
    layer.logit_scale.data = torch.tensor(alpha, dtype=torch.float64)
    layer.logit_bias.data = torch.tensor(BETA, dtype=torch.float64)
    return layer


def test_worked_examples():
    x = torch.ones(1, 1, dtype=torch.float64)
    want = torch.tensor([[2.299344, -1, .679606]], dtype=torch.float64)
    torch.testing.assert_close(make()(x), want, atol=1e-6, rtol=0)
    residual = make('residual', [a - 1 for a in ALPHA])
    torch.testing.assert_close(residual(x), want, atol=1e-6, rtol=0)
    code = make('residual', [1., 1., 1.])
    code.logit_bias.data.zero_()
    torch.testing.assert_close(code(x), torch.tensor([[3.197375, -1.598688, .799344]], dtype=torch.float64), atol=1e-6,
                               rtol=0)


@pytest.mark.parametrize('parametrization', ['interp', 'residual'])
@pytest.mark.parametrize('dtype', [None, torch.bfloat16, torch.float16])
@given(seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_identity_at_the_start_bit_for_bit(parametrization, dtype, seed):
    torch.manual_seed(seed)
    linear, x = nn.Linear(6, 4), 10 * torch.randn(5, 6)
    layer = DisAlignLinear(6, 4, parametrization=parametrization)
    layer.load_state_dict(linear.state_dict(), strict=True)
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
        assert layer(x).eq(linear(x)).all()


def test_closed_gate_is_the_baseline():
    layer = make()
    layer.confidence_layer.bias.data.fill_(-1e9)
    torch.testing.assert_close(layer(torch.ones(1, 1, dtype=torch.float64)), torch.tensor([Z], dtype=torch.float64))


def test_only_2c_d_1_parameters_train():
    layer = DisAlignLinear(6, 4)
    layer(torch.randn(3, 6)).logsumexp(-1).sum().backward()
    got = {name: p.grad is not None for name, p in layer.named_parameters()}
    assert got == {'weight': False, 'bias': False, 'logit_scale': True, 'logit_bias': True,
                   'confidence_layer.weight': True, 'confidence_layer.bias': True}
    assert sum(p.numel() for p in layer.parameters() if p.requires_grad) == 2 * 4 + 6 + 1


def test_bad_parametrization():
    with pytest.raises(ValueError, match='paper'):
        DisAlignLinear(6, 4, parametrization='paper')
