"""The long-tail profile and draw against LDAM's numbers and a naive copy of its protocol."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.data.longtail import largest_head, long_tail_counts, long_tail_indices, profile, shuffled_classes

TOTALS = {10: {200: 11203, 100: 12406, 50: 13996, 20: 17023, 10: 20431},
          100: {200: 9502, 100: 10847, 50: 12608, 20: 15907, 10: 19573}}


@pytest.mark.parametrize('imbalance', [200, 100, 50, 20, 10])
@pytest.mark.parametrize('num_classes, n_max', [(10, 5000), (100, 500)])
def test_totals_of_cifar_lt(num_classes, n_max, imbalance):
    assert long_tail_counts(n_max, num_classes, imbalance).sum() == TOTALS[num_classes][imbalance]


@pytest.mark.parametrize('imbalance, counts', [
    (100, [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]),
    (50, [5000, 3237, 2096, 1357, 878, 568, 368, 238, 154, 100]),
    (10, [5000, 3871, 2997, 2320, 1796, 1391, 1077, 834, 645, 500]),
    (1, [5000] * 10),
])
def test_counts_of_cifar10(imbalance, counts):
    assert long_tail_counts(5000, 10, imbalance).tolist() == counts


def test_step_counts():
    assert long_tail_counts(5000, 10, 100, 'step').tolist() == [5000] * 5 + [50] * 5
    assert long_tail_counts(5000, 10, 100, 'step').sum() == 25250
    assert long_tail_counts(10, 3, 10, 'step').tolist() == [10, 1, 1]


@pytest.mark.parametrize('imbalance, shots', [(100, (35, 35, 30)), (50, (41, 41, 18)), (10, (69, 31, 0))])
def test_shot_groups_of_cifar100(imbalance, shots):
    n = long_tail_counts(500, 100, imbalance)
    assert ((n > 100).sum(), ((n >= 20) & (n <= 100)).sum(), (n < 20).sum()) == shots


@pytest.mark.parametrize('num_classes, first, last, total', [
    (10, [3980, 38330, 48360, 45720, 6360], [22049, 38169, 22069, 25079, 19269], 309550124),
    (100, [9000, 25400, 28300, 44500, 46100], [34899, 15399, 36399, 36199, 29999], 271164136),
])
def test_seed_0_draw_is_that_of_ldam(num_classes, first, last, total):
    labels = np.arange(50000) % num_classes
    indices = long_tail_indices(labels, num_classes, imbalance=100)
    assert indices[:5].tolist() == first
    assert indices[labels[indices] == num_classes - 1][:5].tolist() == last
    assert indices.sum() == total


def naive_draw(labels, counts, seed):
    """The protocol word by word: seed the global generator, shuffle where(labels == c), keep the first n_c."""
    state = np.random.get_state()
    np.random.seed(seed)
    drawn = []
    for c, n in enumerate(counts):
        idx = np.where(labels == c)[0]
        np.random.shuffle(idx)
        drawn += idx[:n].tolist()
    np.random.set_state(state)
    return drawn


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(2, 6), st.sampled_from(['exp', 'step']), st.integers(0, 2 ** 32 - 1))
def test_draw_equals_the_naive_protocol(data, num_classes, kind, seed):
    n_max = data.draw(st.integers(2, 30))
    imbalance = data.draw(st.floats(1, n_max))
    labels = np.random.RandomState(seed).permutation(np.repeat(np.arange(num_classes), n_max))
    counts = long_tail_counts(n_max, num_classes, imbalance, kind)
    indices = long_tail_indices(labels, num_classes, imbalance, kind, seed)
    assert indices.tolist() == naive_draw(labels, counts, seed)
    assert len(set(indices.tolist())) == len(indices)
    assert np.bincount(labels[indices], minlength=num_classes).tolist() == counts.tolist()
    assert (np.diff(labels[indices]) >= 0).all()


def test_a_larger_imbalance_keeps_a_subset():
    labels = np.arange(3000) % 10
    large, small = long_tail_indices(labels, 10, 10), long_tail_indices(labels, 10, 100)
    assert set(small) < set(large)


def test_global_generator_and_labels_are_untouched():
    labels = np.arange(100) % 4
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    long_tail_indices(labels, 4, 5)
    assert (np.random.get_state()[1] == before).all()
    assert (labels == np.arange(100) % 4).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.floats(1, 40), st.sampled_from(['exp', 'step']))
def test_largest_head_fits_and_the_next_does_not(sizes, imbalance, kind):
    def fits(n_max):
        return all(int(n_max * share) <= size for size, share in zip(sizes, profile(len(sizes), imbalance, kind)))
    n_max = largest_head(sizes, imbalance, kind)
    assert fits(n_max) and not fits(n_max + 1)


def test_n_max():
    labels = np.repeat([0, 1, 2], [50, 40, 30])
    assert np.bincount(labels[long_tail_indices(labels, 3, 4, n_max=20)]).tolist() == [20, 10, 5]


@pytest.mark.parametrize('kwargs, message', [
    (dict(imbalance=0.01), 'imbalance=100'),
    (dict(imbalance=float('nan')), 'got nan'),
    (dict(kind='pareto'), "'exp' or 'step', got 'pareto'"),
    (dict(num_classes=1), 'at least 2 classes'),
    (dict(n_max=0), 'n_max.*got 0'),
    (dict(n_max=float('inf')), 'n_max.*got inf'),
    (dict(imbalance=200), 'class 4 without an image: the largest class has 100'),
])
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        long_tail_counts(**{**dict(n_max=100, num_classes=5), **kwargs})


def test_a_class_too_small_names_what_would_fit():
    labels = np.repeat([0, 1, 2], [100, 5, 100])
    with pytest.raises(ValueError, match='class 1 has 5 images, the long tail needs 31; n_max <= 18 fits all classes'):
        long_tail_indices(labels, 3, imbalance=10)
    assert len(long_tail_indices(labels, 3, imbalance=10, n_max=18)) == 18 + 5 + 1
    with pytest.raises(ValueError, match='class 3 has 0 images'):
        long_tail_indices(labels, 4, imbalance=10, n_max=10)


@pytest.mark.parametrize('labels, message', [([0, 1, 2], 'image 2 has the label 2, expected 0 <= label < 2'),
                                             ([0, -1, 1], 'image 1 has the label -1'),
                                             ([[0, 1]], r'shape \(N,\)')])
def test_bad_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        shuffled_classes(labels, 2)
