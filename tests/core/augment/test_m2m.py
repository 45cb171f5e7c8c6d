"""M2m's pure functions: the specification's examples, naive loops, invariants."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmlt.core.augment.m2m import draw_seeds, keep_probability, random_start, seed_probability, translate

TOY = torch.tensor([100., 10., 1.], dtype=torch.float64)


def test_examples():
    p = seed_probability(TOY[:, None], TOY[None])
    assert p[0].tolist() == pytest.approx([0, .086110, .094302], abs=1e-6)
    assert p[1].tolist() == pytest.approx([0, 0, .008964], abs=1e-6)
    assert p[2].tolist() == [0, 0, 0]
    assert (1 - keep_probability(TOY)).tolist() == pytest.approx([0, .9, .99])


@given(st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_seed_has_more_images_than_its_target(seed):
    rng = np.random.default_rng(seed)
    n = torch.tensor(rng.integers(1, 50, 12), dtype=torch.float64)
    weights = seed_probability(n[None], n[:, None])
    rows = (weights.amax(1) > 0).nonzero().flatten()
    drawn = draw_seeds(weights[rows], torch.tensor(rng.random(len(rows))))
    assert (n[drawn] > n[rows]).all()


def test_seeds_follow_their_weights():
    weights = torch.tensor([[0., 1, 0, 3]], dtype=torch.float64)
    drawn = draw_seeds(weights.expand(4000, -1), torch.linspace(0, 1 - 1e-9, 4000, dtype=torch.float64))
    assert np.bincount(drawn, minlength=4).tolist() == pytest.approx([0, 1000, 0, 3000], abs=2)


def nets():
    torch.manual_seed(0)
    return [nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)).double() for _ in range(2)]


@pytest.mark.parametrize('steps', [0, 1, 10])
def test_translate_as_a_loop_over_images(steps):
    g, f = nets()
    images = torch.rand(4, 3, 2, 2, dtype=torch.float64)
    targets, seeds = torch.tensor([1, 2, 2, 1]), torch.tensor([0, 0, 1, 0])
    moved, sure = translate(images, targets, seeds, g, f, steps=steps)
    for i in range(4):
        x = images[i:i + 1]
        for _ in range(steps):
            x = x.clone().requires_grad_()
            loss = -g(x).log_softmax(1)[0, targets[i]] + 0.5 * f(x)[0, seeds[i]]
            grad, = torch.autograd.grad(loss, x)
            x = (x.detach() - 0.1 * grad / grad.norm()).clamp(0, 1)
        torch.testing.assert_close(moved[i], x[0], rtol=0, atol=1e-7)
        torch.testing.assert_close(sure[i], g(x).softmax(1)[0, targets[i]].detach(), rtol=0, atol=1e-7)
    assert (moved - images).flatten(1).norm(dim=1).max() <= 0.1 * steps + 1e-9
    assert not moved.requires_grad and all(p.grad is None for net in (g, f) for p in net.parameters())


def test_random_start():
    images, noise = torch.full((16, 3, 8, 8), 0.5), torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    lengths = (random_start(images, noise) - images).flatten(1).norm(dim=1)
    assert lengths == pytest.approx(np.full(16, 0.5), abs=1e-5)
    by_channel = (random_start(images, noise, 'code') - images).transpose(0, 1).flatten(1).norm(dim=1)
    assert by_channel == pytest.approx(np.full(3, 0.5), abs=1e-5)
    assert random_start(images, noise, None) is images
    assert (random_start(images * 0, noise) >= 0).all()
