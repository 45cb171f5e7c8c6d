import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from mmlt.core.calibration import (
    apply_temperature,
    bin_index,
    classwise_ece,
    ece,
    group_temperatures,
    reliability_bins,
    temperature_scaling,
)
from mmlt.core.counts import shot_groups


def naive_ece(confidence, correct, bins):
    error = 0.
    for k in range(bins):
        inside = [i for i, c in enumerate(confidence) if k / bins < c <= (k + 1) / bins or (k == 0 and c == 0)]
        if inside:
            error += abs(sum(correct[i] for i in inside) - sum(confidence[i] for i in inside)) / len(confidence)
    return error


def nll(logits, labels, t):
    p = torch.softmax(torch.as_tensor(logits, dtype=torch.float64) / t, 1)
    return log_loss(labels, p.numpy(), labels=range(p.shape[1]))


def sample_logits(num=400, classes=5, seed=0, sharpness=3.):
    g = torch.Generator().manual_seed(seed)
    z = torch.randn(num, classes, generator=g, dtype=torch.float64)
    labels = torch.multinomial(z.softmax(1), 1, generator=g)[:, 0]
    return sharpness * z, labels


def test_worked_example():
    confidence, correct = [.95, .9, .62, .6, .2], [1, 0, 1, 1, 0]
    assert (bin_index(confidence, 15) + 1).tolist() == [15, 14, 10, 9, 3]
    assert ece(confidence, correct, 15) == pytest.approx(.386, abs=1e-12)


@pytest.mark.parametrize('bins', [1, 7, 15, 25, 29, 100])
def test_every_edge_belongs_to_the_bin_on_its_left(bins):
    edges = np.arange(bins + 1) / bins
    assert bin_index(edges, bins).tolist() == [0, *range(bins)]
    above = np.nextafter(edges[:-1], 1)
    assert bin_index(above, bins).tolist() == list(range(bins))
    below = np.nextafter(edges[1:], 0)
    assert bin_index(below, bins).tolist() == list(range(bins))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.integers(1, 20))
def test_ece_equals_the_definition(pairs, bins):
    confidence, correct = [c for c, _ in pairs], [int(r) for _, r in pairs]
    assert ece(confidence, correct, bins) == pytest.approx(naive_ece(confidence, correct, bins), abs=1e-12)
    assert ece(torch.tensor(confidence, dtype=torch.float64), torch.tensor(correct), bins) == ece(
        confidence, correct, bins)


def test_perfect_confidence_has_no_error_and_overconfidence_is_the_gap():
    assert ece(np.ones(9), np.ones(9)) == 0
    assert ece(np.ones(8), np.repeat([0, 1], [6, 2])) == .75


def test_bins_equal_sklearn():
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.random(500), np.arange(11) / 10])
    correct = rng.random(len(confidence)) < confidence
    got = reliability_bins(confidence, correct, 10)
    accuracy, mean = calibration_curve(correct, confidence, n_bins=10, strategy='uniform')
    np.testing.assert_allclose(got.accuracy[got.count > 0], accuracy, atol=1e-12)
    np.testing.assert_allclose(got.confidence[got.count > 0], mean, atol=1e-12)
    assert got.count.sum() == len(confidence)


def test_empty_bin_is_nan():
    got = reliability_bins([.1, .9], [0, 1], 3)
    assert got.count.tolist() == [1, 0, 1]
    assert np.isnan(got.accuracy).tolist() == np.isnan(got.confidence).tolist() == [False, True, False]


def test_classwise_ece_equals_one_ece_a_class(monkeypatch):
    logits, labels = sample_logits(60)
    p = logits.softmax(1)
    expected = [naive_ece(p[:, c].tolist(), (labels == c).int().tolist(), 15) for c in range(5)]
    np.testing.assert_allclose(classwise_ece(p, labels, per_class=True), expected, atol=1e-12)
    assert classwise_ece(p, labels) == pytest.approx(np.mean(expected), abs=1e-12)
    monkeypatch.setattr('mmlt.core.calibration._chunks', lambda n, c: [slice(0, 7), slice(7, n)])
    assert classwise_ece(p, labels) == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.parametrize('sharpness', [.5, 1., 3., 10.])
def test_temperature_minimises_the_cross_entropy(sharpness):
    logits, labels = sample_logits(sharpness=sharpness)
    t = temperature_scaling(logits, labels)
    best = minimize_scalar(lambda t: nll(logits, labels, t), bounds=(.05, 20), method='bounded',
                           options={'xatol': 1e-9})
    assert t == pytest.approx(best.x, rel=1e-5)
    assert nll(logits, labels, t) <= best.fun + 1e-12
    assert t == pytest.approx(sharpness, rel=.2)  # the labels were drawn at temperature 1


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.floats(.2, 5), st.floats(-50, 50))
def test_temperature_scales_with_the_logits_and_ignores_a_shift(seed, scale, shift):
    logits, labels = sample_logits(seed=seed, sharpness=1.5)
    t = temperature_scaling(logits, labels)
    assert temperature_scaling(scale * logits + shift, labels, bounds=(1e-3, 1e3)) == pytest.approx(scale * t, rel=1e-7)


def test_temperature_of_float16_huge_and_masked_logits():
    logits, labels = sample_logits()
    half = logits.half()
    assert temperature_scaling(half, labels) == temperature_scaling(half.double(), labels)
    assert temperature_scaling(1e4 * logits, labels, bounds=(1, 1e6)) == pytest.approx(
        1e4 * temperature_scaling(logits, labels), rel=1e-9)
    masked = torch.cat([logits, torch.full((len(logits), 1), -torch.inf)], 1)
    assert temperature_scaling(masked, labels) == pytest.approx(temperature_scaling(logits, labels), rel=1e-9)


def test_temperature_without_a_minimum_is_the_bound():
    logits = torch.eye(4)
    assert temperature_scaling(logits, torch.arange(4)) == .05
    assert temperature_scaling(logits, torch.tensor([1, 2, 3, 0]), bounds=(.1, 9)) == 9


def test_group_temperatures_fit_each_predicted_group():
    logits, labels = sample_logits(900)
    groups = torch.tensor([0, 0, 1, 1, 1])
    few = groups[logits.argmax(1)] == 1
    logits[few] *= 2  # predictions of group 1 are twice as sharp
    t = group_temperatures(logits, labels, groups)
    for g, rows in enumerate((~few, few)):
        assert t[g] == temperature_scaling(logits[rows], labels[rows])
    assert t[1] / t[0] == pytest.approx(2, rel=.3)
    calibrated = apply_temperature(logits, t, groups)
    assert torch.equal(calibrated.argmax(1), logits.argmax(1))
    single = apply_temperature(logits, temperature_scaling(logits, labels))
    assert nll(calibrated, labels, 1) < nll(single, labels, 1)
    naive = torch.stack([z / t[groups[z.argmax()]] for z in logits])
    torch.testing.assert_close(calibrated, naive, rtol=0, atol=0)


def test_group_temperatures_take_shot_groups_and_fall_back_for_small_groups():
    logits, labels = sample_logits(300)
    masks = shot_groups(torch.tensor([500., 300., 50., 10., 5.]))
    by_mask = group_temperatures(logits, labels, masks)
    assert torch.equal(by_mask, group_temperatures(logits, labels, torch.tensor([0, 0, 1, 2, 2])))
    assert torch.equal(apply_temperature(logits, by_mask, masks),
                       apply_temperature(logits, by_mask, torch.tensor([0, 0, 1, 2, 2])))
    small = group_temperatures(logits, labels, torch.arange(5), min_samples=10 ** 6)
    assert small.tolist() == [temperature_scaling(logits, labels)] * 5


@pytest.mark.parametrize('call, message', [
    (lambda: ece([.5, float('nan')], [0, 1]), 'nan'),
    (lambda: ece([.5, 1.5], [0, 1]), r'span \[0.5, 1.5\].*softmax'),
    (lambda: ece([-.1], [0]), 'probabilities'),
    (lambda: ece([.5], [0, 1]), r'shape \(N,\)'),
    (lambda: ece([], []), 'N > 0'),
    (lambda: classwise_ece(torch.full((2, 3), 1 / 3), torch.tensor([0, 3])), r'labels span \[0, 3\], expected 0 ... 2'),
    (lambda: temperature_scaling(torch.zeros(2, 3), torch.tensor([-1, 0])), r'labels span \[-1, 0\]'),
    (lambda: temperature_scaling(torch.zeros(2, 3), torch.tensor([0])), r'scores \(N, C\)'),
    (lambda: temperature_scaling(torch.tensor([[0., float('nan')]]), torch.tensor([0])), 'NaN'),
    (lambda: group_temperatures(torch.zeros(2, 3), torch.tensor([0, 1]), [1]), '1 numbers from 1 on.*3 classes'),
    (lambda: apply_temperature(torch.zeros(2, 3), torch.ones(3), [0, -1, 2]), '3 numbers from -1 on'),
    (lambda: apply_temperature(torch.zeros(2, 3), 3, [0, 1, 2]), r'shape \(\), expected \(G,\) for 3 groups'),
    (lambda: apply_temperature(torch.zeros(2, 3), torch.ones(2), [0, 1, 2]), r'shape \(2,\), expected \(G,\)'),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
