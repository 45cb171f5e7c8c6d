"""Class probabilities against the tables of the papers, and epochs of indices against their definitions."""
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core import sampling
from mmlt.core.random import seeded_generator
from mmlt.core.sampling import (
    ClassIndex,
    balanced_indices,
    class_cycle_indices,
    curriculum_exponent,
    drawn_indices,
    effective_probabilities,
    power_probabilities,
    progressive_probabilities,
    shuffled_indices,
)

FIXTURE = [100, 50, 10]
CIFAR10_LT = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def close(actual, expected, atol=5e-7):
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), atol=atol, rtol=0)


@pytest.mark.parametrize('actual, expected', [
    (power_probabilities(FIXTURE, 0.5), [0.494234, 0.349476, 0.156290]),
    (power_probabilities(FIXTURE, 1), [.625, .3125, .0625]),
    (power_probabilities(FIXTURE, 0), [1 / 3] * 3),
    (power_probabilities(FIXTURE, -1), [0.076923, 0.153846, 0.769231]),
    (effective_probabilities(FIXTURE), [0.334111, 0.333277, 0.332612]),
    (progressive_probabilities(FIXTURE, 5, 10), [0.479167, 0.322917, 0.197917]),
    (power_probabilities([100, 10, 1], 0.5), [.706101, .223289, .070610]),
    (progressive_probabilities([100, 10, 1], 3, 10), [.730631, .163063, .106306]),
    (power_probabilities(CIFAR10_LT, 0.5), [0.244738, 0.189478, 0.146679, 0.113586, 0.087901, 0.068088, 0.052718,
                                            0.040806, 0.031532, 0.024474]),
    (power_probabilities(CIFAR10_LT, -1), [0.004024, 0.006713, 0.011202, 0.018680, 0.031191, 0.051985, 0.086717,
                                           0.144736, 0.242389, 0.402365]),
    (effective_probabilities(CIFAR10_LT), [0.119290, 0.108642, 0.102555, 0.099019, 0.096933, 0.095701, 0.094966,
                                           0.094526, 0.094263, 0.094107]),
])
def test_published_tables(actual, expected):
    close(actual, expected)


def test_effective_number_is_the_count_over_its_definition():
    n = np.array([7., 3., 1.])
    expected = n / ((1 - .9 ** n) / (1 - .9))
    close(effective_probabilities(n, .9), (expected / expected.sum()).tolist(), 1e-14)
    close(effective_probabilities(n, 0), (n / n.sum()).tolist(), 1e-14)
    close(effective_probabilities(n, 1), [1 / 3] * 3, 1e-14)


@pytest.mark.parametrize('q', [1, .5, 0, -1, -50, 50])
def test_an_empty_class_has_probability_zero(q):
    p = power_probabilities([0, 1000, 0, 1, 0], q)
    assert p[[0, 2, 4]].tolist() == [0, 0, 0]
    assert p.isfinite().all() and p.sum().item() == pytest.approx(1)


def test_empty_classes_do_not_change_the_others():
    with_empty = [0, 100, 0, 50, 10]
    for f in (effective_probabilities, lambda n: progressive_probabilities(n, 3, 10)):
        close(f(with_empty)[[1, 3, 4]], f(FIXTURE).tolist(), 1e-14)
        assert f(with_empty)[[0, 2]].tolist() == [0, 0]


def test_progressive_runs_from_the_data_to_balanced():
    data, balanced = power_probabilities(FIXTURE, 1).tolist(), power_probabilities(FIXTURE, 0).tolist()
    close(progressive_probabilities(FIXTURE, 0, 10), data, 0)
    for epoch, last in ((10, 'paper'), (25, 'paper'), (9, 'balanced'), (25, 'balanced')):
        close(progressive_probabilities(FIXTURE, epoch, 10, last), balanced, 1e-15)
    for epoch, last, t in ((9, 'paper', .9), (3, 'balanced', 1 / 3)):
        expected = [(1 - t) * d + t * b for d, b in zip(data, balanced)]
        close(progressive_probabilities(FIXTURE, epoch, 10, last), expected, 1e-15)
    close(progressive_probabilities(FIXTURE, -3, 10), data, 0)
    close(progressive_probabilities(FIXTURE, 0, 1), data, 0)
    close(progressive_probabilities(FIXTURE, 0, 1, 'balanced'), balanced, 0)


@pytest.mark.parametrize('schedule, quarter, end', [
    ('convex', math.cos(math.pi / 8), 0), ('linear', .75, 0), ('concave', .9 ** 5, .9 ** 20),
    ('composite', .5 * math.cos(math.pi / 4) + .5, 0)])
def test_curriculum(schedule, quarter, end):
    def g(epoch):
        return curriculum_exponent(epoch, 20, schedule, base=.9)
    assert (g(0), g(5), g(20)) == pytest.approx((1, quarter, end), abs=1e-12)
    assert g(-4) == g(0) and g(100) == g(20)
    assert all(g(e) > g(e + 1) for e in range(20))


@pytest.mark.parametrize('call, message', [
    (lambda: power_probabilities(FIXTURE, math.nan), 'q must be a finite number, got nan'),
    (lambda: power_probabilities([0, 0]), 'every class has 0 images'),
    (lambda: power_probabilities([3, -1]), 'class 1 has the training count -1'),
    (lambda: progressive_probabilities(FIXTURE, 0, 10, 'code'), "'paper' or 'balanced', got 'code'"),
    (lambda: progressive_probabilities(FIXTURE, 0, 0), 'max_epochs must be a number of at least 1, got 0'),
    (lambda: curriculum_exponent(0, 10, 'cosine'), "got 'cosine'"),
    (lambda: effective_probabilities(FIXTURE, 2), 'beta must lie in'),
])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_seeds_and_epochs_do_not_overlap():
    draws = {(s, e): torch.rand(4, generator=seeded_generator(s, e)).tolist() for s in range(4) for e in range(4)}
    assert len({tuple(d) for d in draws.values()}) == 16
    assert draws[1, 2] == torch.rand(4, generator=seeded_generator(1, 2)).tolist()


def test_class_index():
    labels = np.array([3, 0, 3, 1, 0, 3])
    index = ClassIndex(labels, 5)
    assert index.counts.tolist() == [2, 1, 0, 3, 0]
    images = [index.order[start:start + n].tolist() for start, n in zip(index.start, index.counts)]
    assert images == [[1, 4], [3], [], [0, 2, 5], []]
    index = ClassIndex(np.array([1, 0, 1]), 2, images=np.array([5, 5, 9]))
    assert index.order.tolist() == [5, 5, 9]


@pytest.mark.parametrize('num_classes', [1 << 16, (1 << 16) + 1])
def test_class_index_beyond_16_bits(num_classes):
    labels = np.array([num_classes - 1, 0, num_classes - 1, 1])
    assert ClassIndex(labels, num_classes).order.tolist() == [1, 3, 0, 2]


def assert_chi_square(observed, expected):
    keep = expected > 0
    assert (observed[~keep] == 0).all()
    chi2 = ((observed[keep] - expected[keep]) ** 2 / expected[keep]).sum()
    df = max(int(keep.sum()) - 1, 1)
    assert chi2 < df + 5 * math.sqrt(2 * df), (chi2, df)


@pytest.mark.parametrize('p', [
    [1 / 3, 0, 1 / 3, 1 / 3, 0], [.625, 0, .3125, .0625, 0], [.01, 0, .01, .98, 0], [0, 0, .5, .5, 0]])
def test_draws_follow_the_probabilities(p):
    labels = np.random.default_rng(0).permutation(np.repeat([0, 2, 3], FIXTURE))
    index, m = ClassIndex(labels, 5), 60_000
    drawn = drawn_indices(index, torch.tensor(p, dtype=torch.float64), m, seeded_generator(0)).numpy()
    assert_chi_square(np.bincount(labels[drawn], minlength=5), m * np.array(p))
    per_image = np.array(p) / np.bincount(labels, minlength=5).clip(1)
    assert_chi_square(np.bincount(drawn, minlength=160), m * per_image[labels])
    # independent of the place in the epoch: first half like second half, neighbours uncorrelated
    for half in (drawn[:m // 2], drawn[m // 2:]):
        assert_chi_square(np.bincount(labels[half], minlength=5), m / 2 * np.array(p))
    pairs = np.bincount(labels[drawn[::2]] * 5 + labels[drawn[1::2]], minlength=25)
    assert_chi_square(pairs, m / 2 * np.outer(p, p).ravel())


def test_cycles_are_uniform_permutations():
    """Class of 3 images, 4 draws a class: each of the 6 orders, and each fourth image, equally often."""
    index = ClassIndex(np.repeat([0, 1], 3), 2)
    generator = seeded_generator(0)
    seen = torch.stack([sampling._cycles(index, torch.tensor([4, 4]), generator) for _ in range(2000)]).numpy()
    for first, rows in ((0, seen[:, :4]), (3, seen[:, 4:])):
        codes = (rows - first) @ [27, 9, 3, 1]
        values, observed = np.unique(codes, return_counts=True)
        assert len(values) == 18
        assert_chi_square(observed, np.full(18, 2000 / 18))


counts = st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(any)


@settings(max_examples=60, deadline=None)
@given(n=counts, m=st.integers(1, 150), k=st.integers(1, 5), seed=st.integers(0, 99))
def test_properties(n, m, k, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(n)), n))
    index, n = ClassIndex(labels, len(n)), np.array(n)
    lists = {
        'shuffled': shuffled_indices(len(labels), m, seeded_generator(seed)),
        'drawn': drawn_indices(index, power_probabilities(n, .5), m, seeded_generator(seed)),
        'balanced': balanced_indices(index, m, seeded_generator(seed)),
        'cycle': class_cycle_indices(index, m, k, seeded_generator(seed)),
    }
    lists = {name: values.numpy() for name, values in lists.items()}
    for values in lists.values():
        assert values.shape == (m,) and values.dtype == np.int64
        assert values.min() >= 0 and values.max() < len(labels)

    times = np.bincount(lists['shuffled'], minlength=len(labels))
    assert times.max() - times.min() <= 1

    times = np.bincount(labels[lists['balanced']], minlength=len(n))
    assert times[n > 0].max() - times[n > 0].min() <= 1

    # visits of k equal labels; each run of C' visits has every class once
    visits = labels[lists['cycle']][::k]
    present = (n > 0).sum()
    for start in range(0, len(visits), present):
        assert len(set(visits[start:start + present])) == len(visits[start:start + present])
    assert (np.repeat(visits, k)[:m] == labels[lists['cycle']]).all()

    # a class shows all of its images before one comes again
    for name in ('balanced', 'cycle'):
        times = np.bincount(lists[name], minlength=len(labels))
        for c in np.flatnonzero(n):
            assert times[labels == c].max() - times[labels == c].min() <= 1
    for c in np.flatnonzero(n):
        own = lists['cycle'][labels[lists['cycle']] == c].tolist()
        for start in range(0, len(own), n[c]):
            assert len(set(own[start:start + n[c]])) == len(own[start:start + n[c]])


def test_memory_does_not_grow_with_images_times_classes():
    """50,000 classes of one or two images: N x C would be 30 GB."""
    index = ClassIndex(np.arange(75_000) % 50_000, 50_000)
    g = seeded_generator(0)
    for values in (drawn_indices(index, power_probabilities(index.counts, .5), 75_000, g),
                   balanced_indices(index, 75_000, g), class_cycle_indices(index, 75_000, 4, g)):
        assert len(values) == 75_000


def test_the_remainder_goes_to_random_classes():
    index, generator = ClassIndex(np.repeat([0, 1, 2], 4), 3), seeded_generator(0)
    extra = [np.bincount(balanced_indices(index, 7, generator) // 4).argmax() for _ in range(300)]
    assert_chi_square(np.bincount(extra, minlength=3), np.full(3, 100.))
