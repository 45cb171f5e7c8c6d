"""BALMS' meta step against plain double backward, and the law of the draws."""
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmlt.core.meta_sampling import (
    class_log_rates,
    draw_gradient,
    gumbel_given,
    initial_weights,
    straight_through,
    weight_gradient,
)

COUNTS = torch.tensor([100., 10., 1., 4.], dtype=torch.float64)


def test_straight_through():
    noise = torch.tensor([[0.1, 2.9, 0.3, 0.], [0.2, 0., 7., 0.1]], dtype=torch.float64)
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    draws = straight_through(class_log_rates(w, COUNTS), noise, 2.0)
    assert draws.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    soft = ((COUNTS.log() + w.sigmoid().log() + noise) / 2).softmax(1)
    coefficients = torch.randn(2, 4, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad((x * coefficients).sum(), w)[0] for x in (draws, soft))
    torch.testing.assert_close(ours, theirs)


def test_noise_given_the_draws_has_the_law_of_the_noise():
    """Classes by their probabilities, then the noise: together it is Gumbel noise, whose argmax they are."""
    g = torch.Generator().manual_seed(0)
    log_rates = class_log_rates(initial_weights(COUNTS, 0.4), COUNTS)
    classes = torch.multinomial(log_rates.softmax(0), 40_000, replacement=True, generator=g)
    noise = gumbel_given(log_rates, classes, g)
    assert (log_rates + noise).argmax(1).equal(classes)
    for c in range(4):  # mean .5772, variance pi^2 / 6
        assert noise[:, c].mean().item() == pytest.approx(.5772, abs=0.03)
        assert noise[:, c].var().item() == pytest.approx(1.6449, rel=0.05)
    assert torch.corrcoef(noise.T).fill_diagonal_(0).abs().max() < 0.02


def test_noise_of_an_empty_class():
    counts = torch.tensor([3., 0., 2.])
    noise = gumbel_given(class_log_rates(initial_weights(counts), counts), torch.tensor([0, 2, 2]))
    assert noise.isfinite().all()
    w = weight_gradient(initial_weights(counts), counts, noise, torch.tensor([0, 2, 2]), torch.tensor([1., 2., -1.]))
    assert w.isfinite().all() and w[1] == 0


@pytest.mark.parametrize('momentum', [0., 0.9])
def test_one_step_as_double_backward(momentum):
    torch.manual_seed(0)
    layer = nn.Linear(6, 4).double()
    feats, meta_feats = torch.randn(8, 6).double(), torch.randn(5, 6).double()
    labels, meta_labels = torch.tensor([0, 0, 0, 1, 1, 2, 3, 0]), torch.tensor([0, 1, 2, 3, 3])
    w = initial_weights(COUNTS, 0.3).requires_grad_()
    noise = gumbel_given(class_log_rates(w.detach(), COUNTS), labels, torch.Generator().manual_seed(1))
    buffers = {name: torch.randn_like(p) for name, p in layer.named_parameters()}

    params = dict(layer.named_parameters())
    draws = straight_through(class_log_rates(w, COUNTS), noise, 1.5)
    losses = F.cross_entropy(layer(feats) + COUNTS.log(), labels, reduction='none')
    inner = (losses * (draws.detach() * draws).sum(1)).mean()
    torch.testing.assert_close(inner, losses.mean())
    grads = torch.autograd.grad(inner, params.values(), create_graph=True)
    weight, bias = (p - 0.3 * (g + 1e-2 * p + momentum * b)
                    for p, g, b in zip(params.values(), grads, buffers.values()))
    expected, = torch.autograd.grad(F.cross_entropy(F.linear(meta_feats, weight, bias), meta_labels), w)

    params = {name: p.detach() for name, p in params.items()}
    ours = draw_gradient(layer, params, feats, labels, COUNTS.log(), meta_feats, meta_labels, 0.3,
                         momentum_buffers=buffers, momentum=momentum, weight_decay=1e-2)
    ours = weight_gradient(w, COUNTS, noise, labels, ours, 1.5)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)
    assert expected.abs().max() > 1e-6
