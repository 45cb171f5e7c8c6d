"""The queue beside lists of each class; its sizes beside exact fractions."""
import math
from collections import deque
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.contrast import ClassQueue, KeyQueue, cumulative_weight
from mmlt.core.contrast.queue import queue_ends


def sizes(counts, length, min_size):
    ends = queue_ends(counts, length, min_size)
    return [b - a for a, b in zip([0, *ends], ends)]


@pytest.mark.parametrize(('counts', 'length', 'min_size', 'expected'), [
    ([100, 10, 2], 10, 2, [6, 2, 2]), ([100, 10, 2], 64, 2, [54, 7, 3])])
def test_sizes(counts, length, min_size, expected):
    assert sizes(counts, length, min_size) == expected


def test_sizes_of_cifar100():
    """Where floating point ends one slot past the queue."""
    counts = [int(500 * 0.01**(c / 99)) for c in range(100)]
    got = sizes(counts, 4096, 2)
    assert (got[0], got[-1], sum(got)) == (182, 3, 4096)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=60), st.integers(1, 4), st.integers(0, 5000))
def test_sizes_add_up(counts, min_size, spare):
    length = min_size * len(counts) + spare
    got = sizes(counts, length, min_size)
    assert sum(got) == length and min(got) >= min_size
    for size, n in zip(got, counts):
        assert abs(size - min_size - Fraction(spare * n, sum(counts))) < 1


def test_the_six_images_of_three_classes():
    queue = ClassQueue(10, 2, 2, class_counts=[100, 10, 2])
    queue.enqueue(torch.ones(6, 2), torch.tensor([0, 0, 2, 2, 2, 1]), torch.arange(100, 106))
    assert queue.index.tolist() == [100, 101, -8, -7, -6, -5, 105, -3, 102, 103] and queue.ptr.tolist() == [2, 1, 0]
    queue.enqueue(torch.ones(4, 2), torch.tensor([0, 2, 0, 0]), torch.arange(200, 204))
    assert queue.index.tolist() == [100, 101, 200, 202, 203, -5, 105, -3, 201, 103] and queue.ptr.tolist() == [5, 1, 1]
    assert queue.filled.tolist() == [x >= 0 for x in queue.index.tolist()]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=15), min_size=1, max_size=6))
def test_the_last_images_of_each_class(batches):
    queue = ClassQueue(12, 2, 1, class_counts=[50, 9, 3])
    rings, number = [deque(maxlen=int(n)) for n in queue.size], 0
    for batch in batches:
        index = torch.arange(number, number + len(batch))
        queue.enqueue(index[:, None] / 7, torch.tensor(batch), index)
        for c, ring in enumerate(rings):
            own = [number + i for i, y in enumerate(batch) if y == c]
            ring.extend(own[:ring.maxlen])
        number += len(batch)
    for c, ring in enumerate(rings):
        mine = (queue.label == c) & queue.filled
        assert sorted(queue.index[mine].tolist()) == sorted(ring)
    torch.testing.assert_close(queue.feat[queue.filled, 0], queue.index[queue.filled] / 7)


def test_state_round_trip():
    queue = ClassQueue(12, 2, 3, class_counts=[50, 9, 3])
    queue.enqueue(torch.randn(5, 3), torch.tensor([0, 1, 2, 2, 2]), torch.arange(5))
    fresh = ClassQueue(12, 2, 3)
    fresh.load_state_dict(queue.state_dict())
    fresh.set_class_counts([50, 9, 3])  # as ClassCountsHook does after a resume
    for part in (queue, fresh):
        part.enqueue(torch.ones(4, 3), torch.tensor([2, 0, 1, 2]), torch.arange(5, 9))
    assert set(queue.state_dict()) == {'class_counts', 'feat', 'label', 'index', 'ptr'}
    assert all(x.equal(fresh.state_dict()[key]) for key, x in queue.state_dict().items())
    fresh.set_class_counts([9, 9, 9])
    assert not fresh.filled.any() and not fresh.ptr.any()


@pytest.mark.parametrize(('call', 'words'), [
    (lambda: ClassQueue(5, 2, 4, [9, 5, 1]), r'length=5 is too short for 3 classes.*set length >= 6'),
    (lambda: ClassQueue(9, 2, 4, [9, 0, 1]), 'class 1 has the training count 0'),
    (lambda: ClassQueue(9, 0, 4), 'min_size must be an integer >= 1'),
    (lambda: ClassQueue(9, 2, 4, [9, 5]).enqueue(torch.ones(2, 3), torch.tensor([0, 1]), torch.tensor([0, 1])),
     r'\(2, 3\)'),
    (lambda: ClassQueue(9, 2, 4, [9, 5]).load_state_dict(ClassQueue(8, 2, 4, [9, 5]).state_dict()),
     r'\(8, 4\).*\(9, 4\); set length=8 and dim=4'),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize('batches', [[3], [3, 3, 3], [12], [1, 4, 5, 2, 4]])
def test_first_in_first_out(batches):
    queue, ring, number = KeyQueue(5, 2), deque(maxlen=5), 0
    for size in batches:
        label = torch.arange(number, number + size)
        queue.enqueue(label[:, None].expand(-1, 2) / 7, label)
        ring.extend(label.tolist())
        number += size
        taken = queue.label >= 0
        assert sorted(queue.label[taken].tolist()) == list(ring)
        torch.testing.assert_close(queue.feat[taken, 1], queue.label[taken] / 7)
        fresh = KeyQueue(5, 2)
        fresh.load_state_dict(queue.state_dict())
        queue = fresh
    with pytest.raises(ValueError, match=r'features \(2, 3\) and labels \(2,\); expected \(B, 2\)'):
        queue.enqueue(torch.ones(2, 3), torch.tensor([0, 1]))


def test_counts_are_asked_for():
    with pytest.raises(RuntimeError, match='no class counts'):
        ClassQueue(9, 2, 4).enqueue(torch.ones(1, 4), torch.tensor([0]), torch.tensor([0]))


@pytest.mark.parametrize(('epoch', 'total', 'shape', 'alpha'), [
    (0, 200, 'parabolic', 1), (100, 200, 'parabolic', .75), (199, 200, 'parabolic', .009975),
    (89, 100, 'parabolic', .2079), (50, 200, 'linear', .75), (50, 100, 'cosine', math.cos(math.pi / 4)),
    (7, 10, 'fixed', .5)])
def test_alpha(epoch, total, shape, alpha):
    assert cumulative_weight(epoch, total, shape) == pytest.approx(alpha, abs=1e-12)


@pytest.mark.parametrize(('args', 'words'), [
    ((5, 4), 'epoch 5 of max_epochs=4'), ((-1, 4), 'epoch -1'), ((0, 0), 'max_epochs=0'), ((0, 4, 'convex'), 'convex')])
def test_alpha_stays_a_weight(args, words):
    with pytest.raises(ValueError, match=words):
        cumulative_weight(*args)
