"""The prior inside zero-shot logits."""
import pytest
import torch
from torch.nn import functional as F

from mmlt.core.gla import estimate_prior, generalized_logit_adjustment


def world(q, counts, seed=0):
    """Gaussian classes whose likelihoods are known: zero-shot logits carry the prior q, images follow counts."""
    generator = torch.Generator().manual_seed(seed)
    means = 1.5 * torch.randn(len(q), 4, generator=generator, dtype=torch.float64)
    labels = torch.repeat_interleave(torch.arange(len(q)), torch.tensor(counts))
    x = means[labels] + torch.randn(len(labels), 4, generator=generator, dtype=torch.float64)
    likelihood = -torch.cdist(x, means).square() / 2
    return likelihood, likelihood + torch.tensor(q, dtype=torch.float64).log(), labels


def test_a_known_prior_is_found_whatever_the_images_follow():
    q = [.5, .3, .15, .05]
    for counts in ([5000, 5000, 5000, 5000], [8000, 4000, 1500, 1000]):
        _, logits, labels = world(q, counts)
        assert estimate_prior(logits, labels).tolist() == pytest.approx(q, abs=0.03)
        assert torch.allclose(estimate_prior(logits + torch.randn(len(labels), 1), labels),
                              estimate_prior(logits, labels), atol=1e-6)


def test_it_is_the_minimum_naively():
    """At the minimum each class has as much probability, summed over images, as it has images."""
    _, logits, labels = world([.7, .2, .1], [60, 30, 10])
    q, pi = estimate_prior(logits, labels, ridge=0.), torch.tensor([.6, .3, .1], dtype=torch.float64)
    total = torch.zeros(3, dtype=torch.float64)
    for row in logits:
        shifted = [float((row[c] - q[c].log() + pi[c].log()).exp()) for c in range(3)]
        total += torch.tensor([s / sum(shifted) for s in shifted], dtype=torch.float64)
    assert total.tolist() == pytest.approx([60, 30, 10], abs=1e-4)


def test_without_its_prior_a_zero_shot_model_is_better_on_balanced_images():
    likelihood, logits, labels = world([.9, .06, .04], [3000, 3000, 3000])
    adjusted = generalized_logit_adjustment(logits, estimate_prior(logits, labels))
    hits = [(z.argmax(1) == labels).double().mean() for z in (logits, adjusted, likelihood)]
    assert hits[0] + 0.02 < hits[1] and abs(hits[1] - hits[2]) < 0.01


def test_the_sum_of_both_models():
    zero_shot, fine_tuned = torch.randn(5, 3), torch.randn(5, 3)
    prior, counts = torch.tensor([.5, .3, .2], dtype=torch.float64), [70, 20, 10]
    expected = zero_shot - prior.log().float() + fine_tuned - torch.tensor([.7, .2, .1]).log()
    assert torch.allclose(generalized_logit_adjustment(zero_shot, prior, fine_tuned, counts), expected, atol=1e-6)
    plain = generalized_logit_adjustment(zero_shot, prior, fine_tuned)
    assert torch.allclose(plain, zero_shot - prior.log().float() + fine_tuned, atol=1e-6)


def test_separable_images_and_absent_classes_stay_finite():
    logits = 50 * F.one_hot(torch.tensor([0, 1, 1]), 3).double()
    q = estimate_prior(logits, torch.tensor([0, 1, 1]))
    assert q.isfinite().all() and (q > 0).all() and q.sum() == pytest.approx(1)


@pytest.mark.parametrize(('logits', 'labels', 'match'), [
    (torch.zeros(3, 2), torch.zeros(2, dtype=torch.long), r'expected \(N, C\)'),
    (torch.zeros(2, 2), torch.tensor([0, 2]), 'run from 0 to 2'),
    (torch.tensor([[0., float('nan')]]), torch.tensor([0]), 'not finite'),
    (torch.zeros(0, 2), torch.zeros(0, dtype=torch.long), 'at least one image')])
def test_bad_input_is_named(logits, labels, match):
    with pytest.raises(ValueError, match=match):
        estimate_prior(logits, labels)
    with pytest.raises(ValueError, match='expected 2 positive numbers'):
        generalized_logit_adjustment(torch.zeros(1, 2), torch.tensor([1., 0.]))
