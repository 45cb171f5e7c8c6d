"""tau-norm, LWS and NCM: the second stages of Kang et al."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from mmlt.core.layers import CosineLinear, LWSLinear, NCMClassifier, TauNormLinear

STATE = {'weight': torch.tensor([[3., 4.], [1., 0.], [.6, .8]], dtype=torch.float64),
         'bias': torch.tensor([.1, -.2, .3], dtype=torch.float64)}
X = torch.tensor([[1., 2.]], dtype=torch.float64)


def load(layer):
    layer = layer.double()
    layer.load_state_dict(STATE)
    return layer


def close(got, want, atol=1e-6):
    torch.testing.assert_close(got, torch.as_tensor(want, dtype=got.dtype).expand_as(got), atol=atol, rtol=0)


# tau-norm

@pytest.mark.parametrize('tau, want', [(0, [11, 1, 2.2]), (.5, [4.919350, 1, 2.2]), (.7, [3.565445, 1, 2.2]),
                                       (1, [2.2, 1, 2.2])])
def test_tau_worked_examples(tau, want):
    close(load(TauNormLinear(2, 3, tau=tau))(X), want)
    layer = load(TauNormLinear(2, 3))
    layer.tau = tau
    close(layer(X), want)


def test_chosen_tau_is_state():
    layer = TauNormLinear(2, 3)
    layer.tau = 0.4
    other = TauNormLinear(2, 3)
    other.load_state_dict(layer.state_dict())
    assert other.tau.item() == layer.half().tau.item() == 0.4
    with pytest.raises(ValueError, match='TauNormLinear: tau'):
        layer.tau = float('nan')
    assert layer.tau.item() == 0.4


@given(st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_tau_one_forgets_the_norms(seed):
    g = torch.Generator().manual_seed(seed)
    layer = TauNormLinear(5, 4).double()
    x = torch.randn(3, 5, generator=g, dtype=torch.float64)
    z = layer(x)
    cosine = CosineLinear(5, 4, scale=1).double()
    cosine.load_state_dict({'weight': layer.weight.detach()})
    torch.testing.assert_close(z, cosine(x) * x.norm(dim=-1, keepdim=True))
    layer.weight.data.mul_(torch.rand(4, 1, generator=g, dtype=torch.float64) + .1)
    torch.testing.assert_close(layer(x), z)


def test_tau_zero_row_gives_zero():
    layer = TauNormLinear(3, 2, tau=1.5)
    layer.weight.data[0] = 0
    z = layer(torch.ones(1, 3))
    assert z[0, 0] == 0 and z.isfinite().all()


# LWS

def test_lws_worked_example_and_identity():
    layer = load(LWSLinear(2, 3))
    close(layer(X), [11.1, .8, 2.5])
    layer.scales.data = torch.tensor([.5, 2, 1.5], dtype=torch.float64)
    close(layer(X), [5.55, 1.6, 3.75])
    layer.scale_bias = False
    close(layer(X), [5.6, 1.8, 3.6])


def test_lws_trains_the_scales_alone_with_the_stated_gradient():
    layer = load(LWSLinear(2, 3))
    x = torch.randn(6, 2, dtype=torch.float64)
    y = torch.arange(6) % 3
    z = layer(x)
    F.cross_entropy(z, y, reduction='sum').backward()
    assert layer.weight.grad is None and layer.bias.grad is None
    torch.testing.assert_close(layer.scales.grad, ((z.softmax(1) - F.one_hot(y, 3)) * z).sum(0).detach())


def test_lws_plus_trains_all():
    layer = LWSLinear(2, 3, freeze=False)
    assert all(p.requires_grad for p in layer.parameters())


def test_lws_reproduces_tau_norm():
    lws, tau = load(LWSLinear(2, 3, scale_bias=False)), load(TauNormLinear(2, 3, tau=.7))
    lws.bias.data.zero_()
    lws.scales.data = lws.weight.norm(dim=1) ** -.7
    torch.testing.assert_close(lws(X), tau(X))


# NCM

TRAIN = torch.tensor([[1., 0], [3, 0], [0, 2], [0, 4], [-1, 1]])
LABELS = torch.tensor([0, 0, 1, 1, 2])


@pytest.mark.parametrize('mode, want', [
    ('un', [-1, -8, -9]),
    ('l2n', [-.211146, -1.105573, -2.632456]),
    ('cl2n', [-.363621, -3.282050, -3.732371]),
])
@pytest.mark.parametrize('chunk', [2, 100])
def test_ncm_worked_examples(mode, want, chunk):
    layer = NCMClassifier(2, 3, mode=mode)
    layer.fit(TRAIN, LABELS, chunk=chunk)
    close(layer(torch.tensor([[2., 1.]])), want, atol=1e-5)
    if mode == 'cl2n':
        close(layer.centroids.norm(dim=1), [.927842, .961249, 1])
        close(layer.feat_mean, [.6, 1.4])


@pytest.mark.parametrize('mode', ['un', 'l2n', 'cl2n'])
def test_ncm_equals_the_naive_computation(mode):
    rng = np.random.default_rng(0)
    x, y, q = rng.normal(3, 1, (50, 6)), rng.integers(0, 4, 50), rng.normal(3, 1, (7, 6))

    def transform(v):
        v = v - x.mean(0) if mode == 'cl2n' else v
        return v if mode == 'un' else v / np.linalg.norm(v, axis=1, keepdims=True)

    means = np.stack([transform(x)[y == c].mean(0) for c in range(4)])
    want = -((transform(q)[:, None] - means) ** 2).sum(-1)
    layer = NCMClassifier(6, 4, mode=mode).double()
    layer.fit(x, y, chunk=16)
    close(layer(torch.tensor(q)), want, atol=1e-9)


@pytest.mark.parametrize('mode', ['un', 'l2n', 'cl2n'])
def test_ncm_never_predicts_an_empty_class(mode):
    layer = NCMClassifier(2, 5, mode=mode)
    before = layer(torch.randn(4, 2)).softmax(-1)
    close(before, 0.2)
    layer.fit(TRAIN, LABELS * 2)
    x = torch.cat([torch.zeros(1, 2), torch.randn(100, 2)])
    probs = layer(x).softmax(-1)
    assert probs.isfinite().all() and probs[:, [1, 3]].eq(0).all()


def test_ncm_reads_a_memory_map(tmp_path):
    features = np.lib.format.open_memmap(tmp_path / 'f.npy', 'w+', np.float16, (5, 2))
    features[:] = TRAIN.numpy()
    layer, want = NCMClassifier(2, 3), NCMClassifier(2, 3)
    layer.fit(np.load(tmp_path / 'f.npy', mmap_mode='r'), LABELS.numpy(), chunk=2)
    want.fit(TRAIN, LABELS)
    assert layer.centroids.equal(want.centroids)


def test_ncm_refit_forgets():
    layer = NCMClassifier(2, 3)
    layer.fit(torch.randn(9, 2), torch.arange(9) % 3)
    layer.fit(TRAIN, LABELS)
    assert layer.counts.tolist() == [2, 2, 1]


@pytest.mark.parametrize('features, labels, words', [
    (TRAIN, LABELS + 1, 'label 3'), (TRAIN, LABELS - 1, 'label -1'), (TRAIN[:4], LABELS, r'\(5, 2\)'),
    (TRAIN * torch.nan, LABELS, 'NaN'), (TRAIN, LABELS + .5, 'integers'), (TRAIN[:0], LABELS[:0], 'at least one row'),
    (TRAIN[:, :1], LABELS, r'\(5, 2\)'),
])
def test_ncm_bad_input(features, labels, words):
    with pytest.raises(ValueError, match=words):
        NCMClassifier(2, 3).fit(features, labels)


def test_ncm_bad_mode():
    with pytest.raises(ValueError, match='cos'):
        NCMClassifier(2, 3, mode='cos')


def test_ncm_has_nothing_to_train():
    assert not list(NCMClassifier(2, 3).parameters())
    assert not isinstance(NCMClassifier(2, 3), nn.Linear)
