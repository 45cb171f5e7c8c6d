import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score, top_k_accuracy_score

from mmlt.core import accuracy as module
from mmlt.core.accuracy import LongTailAccuracy, label_rank
from mmlt.core.calibration import ece


def draw(num=500, classes=12, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, num)
    preds = np.where(rng.random(num) < .5, labels, rng.integers(0, classes, num))
    return labels, preds, rng.random(num)


def test_results_equal_sklearn_and_the_definition():
    labels, preds, confidence = draw()
    counts = np.array([1000, 500, 101, 100, 99, 50, 21, 20, 19, 5, 1, 0])
    accuracy = LongTailAccuracy(12)
    accuracy.update(labels, preds, confidence)
    got = accuracy.compute(counts)
    recall = 100 * recall_score(labels, preds, average=None)
    assert got['top1'] == pytest.approx(100 * accuracy_score(labels, preds), abs=1e-12)
    assert got['mean_class'] == pytest.approx(100 * balanced_accuracy_score(labels, preds), abs=1e-12)
    assert got['worst_class'] == pytest.approx(recall.min(), abs=1e-12)
    assert got['many'] == pytest.approx(recall[:3].mean(), abs=1e-12)
    assert got['medium'] == pytest.approx(recall[3:8].mean(), abs=1e-12)
    assert got['few'] == pytest.approx(recall[8:].mean(), abs=1e-12)
    assert got['ece'] == pytest.approx(100 * ece(confidence, labels == preds), abs=1e-7)
    np.testing.assert_allclose(accuracy.class_accuracy, recall / 100, atol=1e-15)
    assert all(type(value) is float for value in got.values())


def test_worked_ece_in_percent():
    accuracy = LongTailAccuracy(2)
    accuracy.update([0] * 5, [0, 1, 0, 0, 1], [.95, .9, .62, .6, .2])
    assert accuracy.compute()['ece'] == pytest.approx(38.6, abs=1e-6)


def test_confidence_zero_counts():
    accuracy = LongTailAccuracy(2)
    accuracy.update([0, 0], [0, 0], [0., 0.])
    assert accuracy.compute()['ece'] == 100


def test_unseen_classes_and_empty_groups_are_left_out():
    accuracy = LongTailAccuracy(4)
    accuracy.update([0, 0, 1], [0, 3, 2])
    got = accuracy.compute([500, 500, 500, 5])
    assert got == {'top1': 100 / 3, 'mean_class': 25., 'many': 25., 'worst_class': 0.}
    assert np.isnan(accuracy.class_accuracy).tolist() == [False, False, True, True]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.lists(st.integers(0, 60), max_size=4), st.permutations(range(60)))
def test_any_cut_and_order_gives_the_same_bits(seed, cuts, order):
    labels, preds, confidence = draw(60, seed=seed)
    whole, parts = LongTailAccuracy(12), LongTailAccuracy(12)
    whole.update(labels, preds, confidence)
    for rows in np.split(np.array(order), sorted(cuts)):
        parts.update(labels[rows], preds[rows], confidence[rows])
    assert np.array_equal(whole.state, parts.state)
    half = LongTailAccuracy(12)
    half.update(labels[:30], preds[:30], confidence[:30])
    whole.update(labels[30:], preds[30:], confidence[30:], sign=-1)
    assert np.array_equal(whole.state, half.state)


def test_chunks(monkeypatch):
    labels, preds, confidence = draw()
    whole, chunked = LongTailAccuracy(12), LongTailAccuracy(12)
    whole.update(labels, preds, confidence)
    monkeypatch.setattr(module, 'CHUNK', 7)
    chunked.update(labels, preds, confidence)
    assert np.array_equal(whole.state, chunked.state)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_top_k_equals_sklearn(dtype):
    scores = torch.rand(200, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    if dtype in (torch.float16, torch.bfloat16):  # sklearn breaks ties another way: leave rows with a tie out
        scores = scores[[len(row.unique()) == 12 for row in scores]]
    labels = torch.randint(12, (len(scores),), generator=torch.Generator().manual_seed(1))
    accuracy = LongTailAccuracy(12, topk=(1, 3, 5))
    accuracy.update(labels, scores.argmax(1), ranks=label_rank(scores, labels))
    got = accuracy.compute()
    assert len(scores) > 20
    for k in (1, 3, 5):
        expected = top_k_accuracy_score(labels, scores.double(), k=k, labels=range(12))
        assert got[f'top{k}'] == pytest.approx(100 * expected, abs=1e-12)


def test_rank_of_equal_scores():
    scores = torch.zeros(3, 4)
    assert label_rank(scores, torch.tensor([0, 1, 3])).tolist() == [0, 1, 3]
    assert torch.equal(label_rank(scores, torch.tensor([0, 1, 3])) < 1, scores.argmax(1) == torch.tensor([0, 1, 3]))


def test_accepts_tensors_and_narrow_integers():
    labels, preds, confidence = draw()
    whole, other = LongTailAccuracy(12), LongTailAccuracy(12)
    whole.update(labels, preds, confidence)
    other.update(torch.tensor(labels, dtype=torch.uint8), torch.tensor(preds, dtype=torch.int32),
                 torch.tensor(confidence))
    assert np.array_equal(whole.state, other.state)


def test_narrow_integers_do_not_overflow():
    accuracy = LongTailAccuracy(250)
    accuracy.update(np.array([249, 200], np.uint8), np.array([249, 0], np.uint8))
    assert accuracy.class_accuracy[249] == 1 and accuracy.class_accuracy[200] == 0


def test_memory_does_not_grow_with_the_samples():
    labels, preds, confidence = draw(1_000_000, 1000)
    tracemalloc.start()
    LongTailAccuracy(1000).update(labels, preds, confidence)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2 ** 20  # one float64 array of the samples would take 7.6 MiB


@pytest.mark.parametrize('args, message', [
    (([3], [0]), r'labels of type int64 span \[3, 3\], expected integers in 0 ... 2'),
    (([-1], [0]), r'labels of type int64 span \[-1, -1\]'),
    (([0], [7]), 'predictions of type int64 span'),
    (([0.], [0]), 'expected integers'),
    (([0, 1], [0]), 'of one N'),
    (([0], [0], [float('nan')]), 'NaN'),
    (([0], [0], [3.2]), 'softmax'),
    (([0], [0], [-.1]), 'softmax'),
])
def test_bad_input(args, message):
    accuracy = LongTailAccuracy(3)
    with pytest.raises(ValueError, match=message):
        accuracy.update(*args)
    assert not accuracy.state.any()


def test_other_errors():
    with pytest.raises(ValueError, match='evaluation data set is empty'):
        LongTailAccuracy(3).compute()
    with pytest.raises(ValueError, match=r'1 \.\.\. 3'):
        LongTailAccuracy(3, topk=(1, 5))
    with pytest.raises(ValueError, match='needs the scores'):
        LongTailAccuracy(9, topk=5).update([0], [0])
    accuracy = LongTailAccuracy(3)
    accuracy.update([0], [0])
    with pytest.raises(ValueError, match='2 class counts for 3 classes'):
        accuracy.compute([5, 5])


def test_rounding_above_one_is_no_error():
    accuracy = LongTailAccuracy(2)
    accuracy.update([0], [0], np.array([1 + 1e-6]))
    assert accuracy.compute()['ece'] == 0
