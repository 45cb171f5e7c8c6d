import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.layers import CosineLinear

X = torch.tensor([[3., 4.]], dtype=torch.float64)
W = torch.tensor([[1., 0.], [0., 2.]], dtype=torch.float64)


def make(**kwargs):
    layer = CosineLinear(2, 2, **kwargs).double()
    layer.load_state_dict({'weight': W})
    return layer


@pytest.mark.parametrize('kwargs, want', [
    (dict(scale=30), [18, 24]),
    (dict(scale=20), [12, 16]),
    (dict(scale=16, feat_norm='squash'), [8, 10.666667]),
    (dict(scale=1, feat_norm='none'), [3, 4]),
])
def test_worked_examples(kwargs, want):
    torch.testing.assert_close(make(**kwargs)(X), torch.tensor([want], dtype=torch.float64), atol=1e-6, rtol=0)


def test_bias_is_added():
    layer = CosineLinear(2, 2, bias=True)
    layer.load_state_dict({'weight': W.float(), 'bias': torch.tensor([1., -1.])})
    torch.testing.assert_close(layer(X.float()), torch.tensor([[19., 23.]]))


@given(k=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_only_directions_matter_and_logits_are_bounded(k, seed):
    generator = torch.Generator().manual_seed(seed)
    layer = CosineLinear(6, 4, scale=30).double()
    x = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    z = layer(x)
    torch.testing.assert_close(layer(k * x), z)
    layer.weight.data.mul_(k)
    torch.testing.assert_close(layer(x), z)
    assert z.abs().max() <= 30 + 1e-9


def test_squash_tends_to_the_cosine():
    squash, cosine = make(scale=16, feat_norm='squash'), make(scale=16)
    torch.testing.assert_close(squash(1e9 * X), cosine(X), rtol=1e-8, atol=1e-8)
    assert (squash(X) < cosine(X)).all()


def test_learnt_scale_starts_where_asked_trains_and_is_clamped():
    layer = CosineLinear(4, 3, scale=20, learn_scale=True)
    torch.testing.assert_close(layer.scale, torch.tensor([20.]))
    layer(torch.randn(2, 4))[:, 0].sum().backward()
    assert layer.log_scale.grad.abs() > 0
    layer.log_scale.data.fill_(50.)
    assert layer(torch.randn(2, 4)).abs().max() <= 1000.1


def test_zero_weights_train_from_the_first_step():
    layer = CosineLinear(4, 3)
    layer.weight.data.zero_()
    layer(torch.randn(8, 4)).logsumexp(-1).sum().backward()
    assert 0 < layer.weight.grad.abs().max() < 1e4


@pytest.mark.parametrize('kwargs', [dict(feat_norm='l1'), dict(scale=0, learn_scale=True)])
def test_bad_arguments(kwargs):
    with pytest.raises(ValueError, match=r'l1|0'):
        CosineLinear(4, 3, **kwargs)
