"""Lists drawn in parts: permutations by place, and the index of the images of each class."""
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.block_index import BLOCK, BlockIndex
from mmlt.core.permutation import Permutations, permuted
from mmlt.core.sampling import ClassIndex
from mmlt.core.streaming import balanced_part, class_cycle_part, drawn_part, shuffled_part


def assert_uniform(observed):
    chi2 = ((observed - observed.mean()) ** 2 / observed.mean()).sum()
    assert chi2 < observed.size - 1 + 5 * np.sqrt(2 * observed.size), observed


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 5000), key=st.integers(0, 2**64 - 1))
def test_permutation(size, key):
    values = permuted(np.arange(size), size, key)
    assert sorted(values.tolist()) == list(range(size))
    assert permuted(np.arange(size)[::-3], size, key).tolist() == values[::-3].tolist()


def test_permutations_of_many_sizes_at_once():
    sizes = np.arange(1, 60).repeat(np.arange(1, 60))
    places = np.concatenate([np.arange(n) for n in range(1, 60)])
    permutations = Permutations(np.arange(1, 60), key=5)
    for number in (None, np.full(len(places), 3)):
        values = permutations.at(places, number, sizes - 1)
        for n in range(1, 60):
            assert sorted(values[sizes == n].tolist()) == list(range(n))


@pytest.mark.parametrize('vary', ['key', 'number', 'size'])
@pytest.mark.parametrize('size', [2, 3, 4, 6, 7])
def test_pairs_of_places_come_alike(size, vary):
    many, places = np.arange(20_000), np.array([0, size - 1])
    if vary == 'key':
        pairs = np.stack([permuted(places, size, key) for key in many])
    elif vary == 'number':
        pairs = Permutations(size, 5).at(places.repeat(len(many)), np.tile(many, 2)).reshape(2, -1).T
    else:
        pairs = Permutations(np.full(len(many), size), 5).at(
            places.repeat(len(many)), None, np.tile(many, 2)).reshape(2, -1).T
    first, second = pairs.T
    pairs = np.bincount(first * size + second, minlength=size**2).reshape(size, size)
    assert not pairs.diagonal().any()
    assert_uniform(pairs[~np.eye(size, dtype=bool)])


@pytest.mark.parametrize('size', [5_000, 1 << 20, 10**9, (1 << 32) - 1])
def test_long_permutations_look_random(size):
    values = permuted(np.arange(5_000), size, key=3)
    assert len(set(values.tolist())) == 5_000 and values.min() >= 0 and values.max() < size
    root = int(size ** .5)
    for lag in (1, 2, root, root + 1):  # the network's grid is as wide as the root
        steps = (values[lag:].astype(np.int64) - values[:-lag]) % size if lag < 2500 else values
        observed = np.histogram(steps, 25, (0, size))[0]
        chi2 = ((observed - observed.mean()) ** 2 / observed.mean()).sum()
        assert chi2 < 24 + 5 * np.sqrt(48), (lag, observed)


@pytest.mark.parametrize('size, num_classes, wide, sort', [
    (1, 1, False, False), (BLOCK, 3, False, False), (BLOCK + 1, 70_000, False, True), (3 * BLOCK - 5, 300, False, True),
    (3 * BLOCK - 5, 300, False, False), (3 * BLOCK, 300, True, False)])
def test_block_index_equals_the_plain_one(monkeypatch, size, num_classes, wide, sort):
    if wide:
        monkeypatch.setattr(BlockIndex, 'max_cells', 300)
    rng = np.random.default_rng(0)
    labels = (rng.random(size) ** 3 * num_classes).astype(np.int64)
    labels = np.sort(labels) if sort else labels
    index = BlockIndex(labels, num_classes)
    plain = ClassIndex(labels, num_classes)
    assert index.counts.equal(plain.counts) and index.start.equal(plain.start)
    places = rng.permutation(size)
    assert (index.at(places) == plain.at(places)).all()
    assert (index.at(np.arange(size), rising=True) == plain.order.numpy()).all()
    assert index.bits.itemsize == (4 if wide else 2)


def test_a_permutation_beyond_32_bits_is_an_error():
    with pytest.raises(ValueError, match='size must lie below'):
        permuted(np.arange(3), 1 << 32, 0)


@pytest.mark.parametrize('size', [0, 1 << 32])
def test_block_index_refuses_what_32_bits_cannot_tell_apart(size):
    with pytest.raises(ValueError, match='size must lie in'):
        BlockIndex(np.broadcast_to(np.uint8(0), size), 2)


def test_draws_are_independent():
    labels = np.repeat([0, 2, 3], [5, 3, 1])
    index, p = ClassIndex(labels, 4), np.array([.5, 0, .25, .25])
    drawn = np.stack([drawn_part(index, p, 4, np.random.default_rng(seed)) for seed in range(20_000)])
    share = (p / index.counts.numpy().clip(1))[labels]
    for a, b in itertools.combinations(range(4), 2):
        expected = 20_000 * np.outer(share, share)
        observed = np.bincount(drawn[:, a] * 9 + drawn[:, b], minlength=81).reshape(9, 9)
        assert ((observed - expected) ** 2 / expected).sum() < 80 + 5 * np.sqrt(160)


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(1, 99), max_size=5), seed=st.integers(0, 99), key=st.integers(0, 2**63))
def test_parts_make_one_list(cuts, seed, key):
    n = np.random.default_rng(seed).integers(0, 12, 6)
    n[0] += 1
    index = ClassIndex(np.arange(6).repeat(n), 6)
    for draw in (lambda a, b: shuffled_part(n.sum(), a, b, key), lambda a, b: balanced_part(index, a, b, 100, key),
                 lambda a, b: class_cycle_part(index, a, b, 3, key)):
        ends = sorted({0, 100, *cuts})
        assert np.concatenate([draw(a, b) for a, b in itertools.pairwise(ends)]).tolist() == draw(0, 100).tolist()


def test_small_classes_show_each_image_first_equally_often():
    index = ClassIndex(np.array([0, 0, 0, 1, 1]), 2)
    first = np.array([class_cycle_part(index, 0, 1, 1, key)[0] for key in range(1500)])
    assert_uniform(np.bincount(first < 3, minlength=2))
    assert_uniform(np.bincount(first[first < 3], minlength=3))
    extra = [np.bincount(balanced_part(index, 0, 7, 7, key) < 3, minlength=2).argmax() for key in range(300)]
    assert_uniform(np.bincount(extra, minlength=2))
