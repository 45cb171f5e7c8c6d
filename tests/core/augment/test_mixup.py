"""Remix, UniMix, CMO and the draws they share. N images, C classes."""
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.augment.cmo import ContextMinorityOversample, cut_box
from mmlt.core.augment.manifold import ManifoldMixup
from mmlt.core.augment.mixup import BatchAugment, mix
from mmlt.core.augment.remix import Remix, remix_lambda
from mmlt.core.augment.unimix import UniMix, unimix_lambda

COUNTS = [100, 50, 10]
WITH_COUNTS = [Remix, UniMix, ContextMinorityOversample]
quick = settings(deadline=None, max_examples=30)


def batch(n=12, seed=0, size=(6, 8)):
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=g)
    return torch.rand(n, 3, *size, generator=g), F.one_hot(labels, 3), labels


def fixed(augment, **draws):
    """Replace draws by fixed ones."""
    for name, value in draws.items():
        setattr(augment, f'draw_{name}', lambda *args, value=value: value)
    return augment


# draws

@pytest.mark.parametrize('alpha', [0.2, 1., 8.])
def test_beta_moments(alpha):
    n = 40000
    lam = BatchAugment(seed=3).draw_beta(alpha, n)
    assert lam.dtype == torch.float64 and lam.min() >= 0 and lam.max() <= 1
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(lam.mean() - 0.5) < 5 * math.sqrt(variance / n)
    assert abs(lam.var() - variance) < 0.02 * variance + 1e-3


def test_beta_of_one_is_uniform():
    lam = BatchAugment(seed=0).draw_beta(1., 20000)
    assert (torch.histc(lam, 10, 0, 1) - 2000).abs().max() < 5 * math.sqrt(2000)


def test_beta_of_a_tiny_alpha_is_a_coin():
    lam = BatchAugment(seed=0).draw_beta(1e-5, 10000)
    assert ((lam < 1e-9) | (lam > 1 - 1e-9)).double().mean() > 0.99
    assert abs(lam.mean() - 0.5) < 0.025


def test_weighted_draws_follow_the_weights():
    augment = BatchAugment(seed=0)
    weighted = Remix(seed=0).draw_weighted
    weights = torch.tensor([5., 0., 1., 2., 0.], dtype=torch.float64)
    drawn = torch.cat([weighted(weights.log()) for _ in range(4000)])
    expected = weights / weights.sum() * len(drawn)
    hits = torch.bincount(drawn, minlength=5)
    assert hits[1] == hits[4] == 0
    assert ((hits - expected).abs() <= 5 * expected.sqrt()).all()
    assert augment.draw_permutation(9, 'cpu').sort().values.tolist() == list(range(9))


def test_steep_weights_neither_overflow_nor_vanish():
    drawn = Remix(seed=0).draw_weighted(torch.tensor([-3000., -2000., -5000.], dtype=torch.float64))
    assert drawn.tolist() == [1, 1, 1]


def test_draws_depend_on_seed_epoch_and_rank_alone(monkeypatch):
    def draws(seed, epoch, rank=0):
        monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: rank > 0)
        monkeypatch.setattr(torch.distributed, 'get_rank', lambda: rank)
        monkeypatch.setattr(torch.distributed, 'get_world_size', lambda: 2)
        augment = BatchAugment(seed)
        augment.draw_beta(1., 7)
        augment.set_epoch(epoch)
        return tuple(augment.draw_beta(1., 4).tolist()) + tuple(augment.draw_permutation(50, 'cpu').tolist())

    assert draws(0, 3) == draws(0, 3)
    assert len({draws(0, 3), draws(1, 3), draws(0, 4), draws(3, 0), draws(0, 3, rank=1)}) == 5


def test_default_seed_is_that_of_the_run():
    draws = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        draws.append(BatchAugment().draw_beta(1.).item())
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize('cls', WITH_COUNTS)
def test_global_generators_are_left_alone(cls):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    cls(class_counts=COUNTS)(*batch()[:2])
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()


# what holds for all

@quick
@given(st.sampled_from(WITH_COUNTS), st.integers(1, 20), st.integers(0, 99))
def test_labels_stay_a_distribution_and_inputs_in_range(cls, n, seed):
    images, one_hot, _ = batch(n, seed)
    before = images.clone()
    mixed, soft = cls(class_counts=COUNTS, seed=seed)(images, one_hot)
    assert mixed.shape == images.shape and soft.shape == one_hot.shape and soft.dtype == torch.float32
    assert torch.equal(images, before)
    assert (soft >= 0).all() and torch.allclose(soft.sum(1), torch.ones(n))
    assert (mixed >= -1e-6).all() and (mixed <= 1 + 1e-6).all()
    assert (soft.gt(0).sum(1) <= 2).all()


@pytest.mark.parametrize('cls', WITH_COUNTS)
def test_uniform_images_and_one_class_are_unchanged(cls):
    augment = cls(class_counts=COUNTS, seed=0)
    images, one_hot = torch.full((5, 3, 4, 4), 0.25), F.one_hot(torch.full((5,), 2), 3)
    for _ in range(10):
        mixed, soft = augment(images, one_hot)
        assert torch.allclose(mixed, images) and torch.allclose(soft, one_hot.float())


@pytest.mark.parametrize('cls', WITH_COUNTS)
def test_counts(cls):
    images, one_hot, _ = batch()
    with pytest.raises(RuntimeError, match='ClassCountsHook'):
        cls()(images, one_hot)
    with pytest.raises(ValueError, match='12 inputs have 11 labels'):
        cls(class_counts=COUNTS)(images, one_hot[:11])
    with pytest.raises(ValueError, match='counts of 4 classes, the labels have 3'):
        cls(class_counts=[4, 3, 2, 1])(images, one_hot)
    with pytest.raises(ValueError, match='class 1 has the training count -1'):
        cls(class_counts=[4, -1, 2])
    with pytest.raises(ValueError, match='one-hot'):
        cls(class_counts=COUNTS)(images, one_hot.argmax(1))
    augment = cls()
    augment.set_class_counts([9, 0, 1])  # no image of the empty class: no harm
    assert augment.class_counts.tolist() == [9, 0, 1]
    soft = augment(images, F.one_hot(one_hot.argmax(1).clamp(max=1) * 2, 3))[1]
    assert soft.isfinite().all() and not soft[:, 1].any()


@pytest.mark.parametrize('cls', WITH_COUNTS + [ManifoldMixup])
@pytest.mark.parametrize('alpha', [0, -1., math.nan, math.inf])
def test_alpha_must_be_positive(cls, alpha):
    with pytest.raises(ValueError, match=rf'{cls.__name__}: alpha must be a number in \(0, inf\), got {alpha}'):
        cls(alpha=alpha)


@pytest.mark.parametrize('cls, arguments, message', [
    (Remix, dict(kappa=0.5), r'kappa must be a number in \[1, inf\]'),
    (Remix, dict(tau=1.5), r'tau must be a number in \[0, 1\], got 1.5'),
    (UniMix, dict(tau=math.nan), r'tau must be a number in \(-inf, inf\), got nan'),
    (ContextMinorityOversample, dict(beta=0), 'beta must be .* got 0'),
    (ContextMinorityOversample, dict(prob=-0.1), r'prob must be .* got -0.1'),
    (Remix, dict(seed=-1), 'seed must be an integer >= 0, got -1'),
])
def test_bad_arguments(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


def test_mix_is_the_convex_combination():
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    index, lam = torch.tensor([4, 0, 0, 3, 1]), torch.rand(5, dtype=torch.float64)
    for i in range(5):
        assert torch.allclose(mix(x, x[index], lam)[i], lam[i] * x[i] + (1 - lam[i]) * x[index[i]])
        assert torch.allclose(mix(x, x[index], 0.3)[i], 0.3 * x[i] + 0.7 * x[index[i]])


# Remix

@pytest.mark.parametrize('n_i, n_j, lam, expected', [
    (100, 10, .4, 0), (100, 10, .6, .6), (10, 100, .6, 1), (10, 100, .4, .4), (100, 50, .4, .4), (30, 10, .49, 0),
    (30, 10, .5, .5), (10, 30, .5, .5), (10, 30, .51, 1), (29, 10, .1, .1), (10, 29, .9, .9)])
def test_remix_oracle(n_i, n_j, lam, expected):
    assert remix_lambda(lam, torch.tensor([n_i]), torch.tensor([n_j])).item() == pytest.approx(expected, abs=1e-7)


@quick
@given(st.integers(0, 99), st.floats(0, 1), st.floats(1, 8), st.floats(0, 1))
def test_remix_against_a_loop(seed, lam, kappa, tau):
    images, one_hot, labels = batch(9, seed)
    index = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    augment = Remix(kappa=kappa, tau=tau, class_counts=COUNTS)
    mixed, soft = fixed(augment, beta=torch.tensor([lam], dtype=torch.float64), permutation=index)(images, one_hot)
    for i, j in enumerate(index.tolist()):
        ratio, factor = COUNTS[labels[i]] / COUNTS[labels[j]], lam
        if ratio >= kappa and lam < tau:
            factor = 0
        if ratio <= 1 / kappa and 1 - lam < tau:
            factor = 1
        target = factor * one_hot[i].double() + (1 - factor) * one_hot[j].double()
        assert torch.allclose(soft[i].double(), target, atol=1e-6)
        assert torch.allclose(mixed[i], lam * images[i] + (1 - lam) * images[j], atol=1e-6)


def test_remix_label_factors_stay_with_their_images():
    labels, index = torch.tensor([0, 2, 1, 0]), torch.tensor([1, 0, 3, 2])
    augment = fixed(Remix(class_counts=COUNTS), beta=torch.tensor([0.4]).double(), permutation=index)
    logits = torch.tensor([[2., 1., .1], [.5, 1.5, -.3], [0., 0., 3.], [-1., 2., 2.]])
    _, soft = augment(torch.rand(4, 3, 2, 2), F.one_hot(labels, 3))
    factor = torch.tensor([0., .4, .4, .4])  # (100, 10), (10, 100), (50, 100), (100, 50)
    ce = [F.cross_entropy(logits, y, reduction='none') for y in (labels, labels[index])]
    per_sample = (factor * ce[0] + (1 - factor) * ce[1]).mean()
    averaged = factor.mean() * ce[0].mean() + (1 - factor.mean()) * ce[1].mean()
    assert torch.isclose(F.cross_entropy(logits, soft), per_sample)
    assert (per_sample - averaged).abs() > 0.05


def test_mixed_cross_entropy_of_the_fixture():
    z, y = torch.tensor([[2., 1., .1], [.5, 1.5, -.3]]), torch.tensor([0, 2])
    soft = F.one_hot(y, 3).float()
    soft = mix(soft, soft[[1, 0]], 0.3)
    assert F.cross_entropy(z, soft).item() == pytest.approx(1.707186, abs=1e-6)


# UniMix

def test_unimix_oracle():
    n_i, n_j = torch.tensor([100., 10.]), torch.tensor([10., 100.])
    assert unimix_lambda(torch.zeros(2), n_i, n_j).tolist() == pytest.approx([0.090909, 0.909091], abs=1e-6)
    assert unimix_lambda(torch.full((2,), .95), n_i, n_j).tolist() == pytest.approx([0.040909, 0.859091], abs=1e-6)


@quick
@given(st.integers(0, 99))
def test_unimix_against_a_loop(seed):
    images, one_hot, labels = batch(9, seed)
    g = torch.Generator().manual_seed(seed)
    lam, index = torch.rand(9, generator=g, dtype=torch.float64), torch.randint(9, (9,), generator=g)
    mixed, soft = fixed(UniMix(class_counts=COUNTS), beta=lam, weighted=index)(images, one_hot)
    for i, j in enumerate(index.tolist()):
        n_i, n_j = COUNTS[labels[i]], COUNTS[labels[j]]
        factor = math.fmod(lam[i].item() + n_j / (n_i + n_j), 1)
        target = factor * one_hot[i].double() + (1 - factor) * one_hot[j].double()
        assert torch.allclose(soft[i].double(), target, atol=1e-6)
        assert torch.allclose(mixed[i], factor * images[i] + (1 - factor) * images[j], atol=1e-6)


@pytest.mark.parametrize('tau', [-1., 0., 1.])
def test_unimix_partners_follow_the_power_of_the_counts(tau):
    labels = torch.arange(3).repeat_interleave(torch.tensor(COUNTS))  # a batch that is the data set
    one_hot, augment, drawn = F.one_hot(labels, 3), UniMix(tau=tau, class_counts=COUNTS, seed=0), []
    draw = augment.draw_weighted
    augment.draw_weighted = lambda weights: drawn.append(draw(weights)) or drawn[-1]
    for _ in range(100):
        augment(torch.zeros(160, 1), one_hot)
    hits = torch.bincount(labels[torch.cat(drawn)], minlength=3)
    expected = torch.tensor(COUNTS, dtype=torch.float64) ** tau
    expected *= 16000 / expected.sum()
    assert ((hits - expected).abs() < 5 * expected.sqrt()).all()


def test_unimix_leans_towards_the_tail():
    labels = torch.tensor([0] * 60 + [2] * 4)
    augment = UniMix(class_counts=COUNTS, seed=0)
    share = torch.stack([augment(torch.zeros(64, 1), F.one_hot(labels, 3))[1].mean(0) for _ in range(50)]).mean(0)
    assert share[2] > 5 * 4 / 64


# CMO

def test_cut_box_oracle(monkeypatch):
    rows, cols = cut_box(32, 32, 0.36, (5, 30))
    assert (rows, cols) == (slice(0, 17), slice(18, 32))
    monkeypatch.setattr('mmlt.core.augment.cmo.cut_box', lambda *size_and_lam: cut_box(*size_and_lam[:3], (5, 30)))
    augment = fixed(ContextMinorityOversample(prob=1, class_counts=COUNTS), weighted=torch.tensor([1, 0]),
                    beta=torch.tensor([0.36], dtype=torch.float64))
    soft = augment(torch.rand(2, 1, 32, 32), torch.eye(3)[[0, 2]])[1]
    assert soft[0].tolist() == pytest.approx([0.767578, 0, 1 - 0.767578], abs=1e-6)


@quick
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.data())
def test_cut_box_lies_in_the_image(height, width, lam, data):
    center = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    for box, size in zip(cut_box(height, width, lam, center), (height, width)):
        assert 0 <= box.start <= box.stop <= size
        assert box.stop - box.start <= math.sqrt(1 - lam) * size + 1e-9


@quick
@given(st.integers(0, 99))
def test_cmo_pastes_the_foreground_and_counts_its_area(seed):
    images, one_hot, _ = batch(7, seed)
    index = torch.randint(7, (7,), generator=torch.Generator().manual_seed(seed))
    augment = fixed(ContextMinorityOversample(prob=1, class_counts=COUNTS, seed=seed), weighted=index)
    mixed, soft = augment(images, one_hot)
    for i, j in enumerate(index.tolist()):
        pasted = (mixed[i] != images[i]).all(0)
        assert torch.equal(mixed[i], torch.where(pasted, images[j], images[i]))
        if i != j:
            area = pasted.double().mean()
            target = (1 - area) * one_hot[i] + area * one_hot[j]
            assert torch.allclose(soft[i].double(), target.double(), atol=1e-6)


def test_cmo_foregrounds_are_class_balanced():
    labels = torch.arange(3).repeat_interleave(torch.tensor(COUNTS))
    augment, images = ContextMinorityOversample(prob=1, class_counts=COUNTS, seed=0), torch.zeros(160, 1, 8, 8)
    drawn, draw = [], augment.draw_weighted
    augment.draw_weighted = lambda weights: drawn.append(draw(weights)) or drawn[-1]
    for _ in range(60):
        augment(images, F.one_hot(labels, 3))
    hits = torch.bincount(labels[torch.cat(drawn)], minlength=3)
    assert (hits - 3200).abs().max() < 5 * math.sqrt(3200)


def test_cmo_probability():
    images, one_hot, _ = batch()
    mixed, soft = ContextMinorityOversample(prob=0, class_counts=COUNTS)(images, one_hot)
    assert torch.equal(mixed, images) and torch.equal(soft, one_hot.float())
    augment = ContextMinorityOversample(class_counts=COUNTS, seed=0)
    times = sum(augment(images, one_hot)[0] is not images for _ in range(400))
    assert abs(times - 200) < 50
