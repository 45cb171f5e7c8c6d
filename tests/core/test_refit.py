"""Second stages on cached features against naive recomputation, on Gaussian classes."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.max_norm import max_norm_radius, project_rows
from mmlt.core.refit import (
    METHODS,
    Recipe,
    as_split,
    class_hits,
    evaluate,
    fit,
    linear,
    new_linear,
    norm_scales,
    prior_shifts,
    select,
    stratified_folds,
    sweep,
    tuning_rounds,
)

COUNTS = [300, 100, 40, 12, 5]
C, D = len(COUNTS), 8
RECIPE = Recipe(epochs=5, batch_size=32)
MILD = dict(tau_norm=dict(tau=.5), ncm=dict(mode='cl2n'), disalign=dict(rho=.8), marc=dict(rho=.8),
            logit_adjust=dict(tau=.6), los=dict(smoothing=.5))


def gaussians(counts, seed):
    """(N, D) features around fixed class means, and labels."""
    means = 0.9 * torch.randn(len(counts), D, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    noise = torch.randn(len(labels), D, generator=torch.Generator().manual_seed(seed))
    return (means[labels] + noise).relu(), labels


@pytest.fixture(scope='module')
def train():
    return as_split(*gaussians(COUNTS, 2), C)


@pytest.fixture(scope='module')
def test():
    return as_split(*gaussians([200] * C, 3), C)


@pytest.fixture(scope='module')
def joint(train):
    return fit(new_linear(linear(torch.zeros(C, D)), 0), train, RECIPE._replace(epochs=20), lr=0.1, balanced=False)


def naive_hits(scores, labels):
    """(N, C), (N,) -> (C,): right predictions, the lower class first among equals."""
    hits = [0] * scores.shape[1]
    for row, y in zip(scores.tolist(), labels.tolist()):
        hits[y] += row.index(max(row)) == y
    return hits


def rng_state():
    return torch.random.get_rng_state()


# --- sweeps

@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(1, 4), st.integers(0, 99))
def test_sweep_is_the_naive_loop(n, classes, settings_, seed):
    g = torch.Generator().manual_seed(seed)
    x, y = torch.randn(n, 3, generator=g), torch.randint(classes, (n,), generator=g)
    weight, bias = torch.randn(classes, 3, generator=g), torch.randn(classes, generator=g)
    scales, shifts = torch.rand(settings_, classes, generator=g), torch.randn(settings_, classes, generator=g)
    right = sweep(as_split(x, y, classes), weight, bias, scales, shifts)
    for t in range(settings_):
        assert right[t].tolist() == naive_hits((x @ weight.T + bias) * scales[t] + shifts[t], y)


def test_sweep_breaks_ties_like_argmax_and_runs_over_many_chunks():
    x, y = torch.zeros(10_000, 2), torch.arange(10_000) % 3
    right = sweep(as_split(x, y, 3), torch.ones(3, 2), None, torch.ones(2, 3), torch.zeros(2, 3))
    assert right.tolist() == [[3334, 0, 0]] * 2


@pytest.mark.parametrize('tau, logits', [
    (0., [11, 1, 2.2]), (.5, [4.919350, 1, 2.2]), (.7, [3.565445, 1, 2.2]), (1., [2.2, 1, 2.2])])
def test_tau_norm_of_the_worked_example(tau, logits):
    joint = linear(torch.tensor([[3., 4], [1, 0], [.6, .8]]), torch.tensor([.1, -.2, .3]))
    layer = METHODS['tau_norm'].fit(None, joint, RECIPE, tau=tau)
    assert layer(torch.tensor([[1., 2.]]))[0].tolist() == pytest.approx(logits, abs=1e-5)


def test_zero_row_has_finite_scale():
    assert norm_scales(torch.zeros(1, 4), [2.]).isfinite().all()


def test_prior_shifts_of_the_worked_example():
    z = torch.tensor([25., 26., 24.5]) + prior_shifts(torch.tensor([100, 10, 1]), [1.])[0]
    assert z.tolist() == pytest.approx([25.104360, 28.406945, 29.209530], abs=1e-5)
    assert prior_shifts(torch.tensor([5, 0]), [1.]).isfinite().all()


@pytest.mark.parametrize('name', ['tau_norm', 'logit_adjust'])
def test_sweep_agrees_with_the_written_layers(name, train, test, joint):
    hits = class_hits(name, train, test, joint, RECIPE)
    for setting, right in zip(METHODS[name].grid, hits):
        layer = METHODS[name].fit(train, joint, RECIPE, **setting)
        assert right.tolist() == naive_hits(layer(test.features), test.labels)


# --- methods

def test_methods_at_their_neutral_setting_are_the_joint_classifier(train, test, joint):
    want = joint(test.features)
    no_bias = METHODS['tau_norm'].fit(train, joint, RECIPE, tau=0.)
    torch.testing.assert_close(no_bias(test.features), want - joint.bias)
    torch.testing.assert_close(METHODS['logit_adjust'].fit(train, joint, RECIPE, tau=0.)(test.features), want)
    still = RECIPE._replace(lr=0.)
    torch.testing.assert_close(METHODS['lws'].fit(train, joint, still)(test.features), want)
    torch.testing.assert_close(METHODS['disalign'].fit(train, joint, still, rho=1.)(test.features), want)
    torch.testing.assert_close(METHODS['marc'].fit(train, joint, still, rho=1.)(test.features), want)
    torch.testing.assert_close(METHODS['los'].fit(train, joint, still, smoothing=.5)(test.features), want)


@pytest.mark.parametrize('name', METHODS)
def test_every_method_lifts_the_few_shot_classes_and_leaves_the_rest_alone(name, train, test, joint):
    before, weight = rng_state(), joint.weight.clone()
    layer, again = (METHODS[name].fit(train, joint, Recipe(), **MILD.get(name, {})) for _ in range(2))
    assert torch.equal(rng_state(), before) and torch.equal(joint.weight, weight)
    assert torch.equal(layer(test.features), again(test.features))
    assert not layer.training and not any(p.requires_grad for p in layer.parameters())
    base, result = (evaluate(model, test, COUNTS) for model in (joint, layer))
    assert result['few'] > base['few']


def test_crt_is_plain_sgd_on_class_balanced_batches(train):
    """One epoch step by step in float64, from the draws alone."""
    from mmlt.core.random import seeded_generator
    from mmlt.core.sampling import ClassIndex, drawn_indices
    recipe = Recipe(epochs=1, batch_size=64, seed=7)
    layer = METHODS['crt'].fit(train, linear(torch.zeros(C, D)), recipe)
    x, y = train.features.double().numpy(), train.labels.numpy()
    order = drawn_indices(ClassIndex(y, C), torch.ones(C).double(), len(y), seeded_generator(7, 0)).numpy()
    assert np.bincount(y[order], minlength=C).max() < 2 * len(y) / C
    w = torch.empty(C, D).normal_(std=0.01, generator=seeded_generator(7)).double().numpy()
    params, velocity = np.c_[w, np.zeros(C)], np.zeros((C, D + 1))
    steps = -(-len(y) // 64)
    for step in range(steps):
        rows = order[64 * step:64 * (step + 1)]
        inputs = np.c_[x[rows], np.ones(len(rows))]
        z = inputs @ params.T
        p = np.exp(z - z.max(1, keepdims=True))
        p = p / p.sum(1, keepdims=True) - np.eye(C)[y[rows]]
        velocity = 0.9 * velocity + p.T @ inputs / len(rows) + 5e-4 * params
        params -= 0.1 * (1 + np.cos(np.pi * step / steps)) / 2 * velocity
    np.testing.assert_allclose(np.c_[layer.weight, layer.bias], params, atol=1e-5)


def test_maxnorm_stays_in_the_ball(train, joint):
    layer = METHODS['maxnorm'].fit(train, joint, RECIPE)
    assert layer.weight.norm(dim=1).max() <= max_norm_radius(joint.weight) + 1e-6


@given(st.integers(0, 99), st.floats(.1, 3))
@settings(max_examples=20, deadline=None)
def test_projection_is_idempotent_and_keeps_short_rows(seed, radius):
    weight = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
    once = project_rows(weight, torch.tensor(radius))
    torch.testing.assert_close(project_rows(once, torch.tensor(radius)), once)
    short = weight.norm(dim=1) <= radius
    assert torch.equal(once[short], weight[short])
    torch.testing.assert_close(F.normalize(once), F.normalize(weight))


def test_half_precision_features_and_an_empty_class(test):
    features, labels = gaussians([60, 0, 20, 10, 5], 4)
    train = as_split(features.half(), labels, C)
    joint = fit(new_linear(linear(torch.zeros(C, D)), 0), train, RECIPE, lr=0.1, balanced=False)
    for method in METHODS.values():
        layer = method.fit(train, joint, RECIPE, **method.grid[0])
        assert not layer(test.features).isnan().any()
    for name in ('tau_norm', 'logit_adjust', 'ncm'):
        assert select(name, tuning_rounds(train, joint, RECIPE, folds=3), RECIPE) in METHODS[name].grid


# --- choosing settings

@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(any), st.integers(2, 5), st.integers(0, 99))
def test_folds_deal_every_class_evenly(counts, folds, seed):
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    fold = stratified_folds(labels, folds, seed)
    for c, n in enumerate(counts):
        sizes = torch.bincount(fold[labels == c], minlength=folds)
        assert sizes.sum() == n and sizes.max() - sizes.min() <= 1
    assert torch.equal(fold, stratified_folds(labels, folds, seed))


def test_select_takes_the_best_mean_of_class_accuracies(train, test, joint):
    rounds = tuning_rounds(train, joint, RECIPE, val=test)
    chosen = select('logit_adjust', rounds, RECIPE)
    results = [evaluate(METHODS['logit_adjust'].fit(train, joint, RECIPE, **setting), test, COUNTS)['mean_class']
               for setting in METHODS['logit_adjust'].grid]
    assert METHODS['logit_adjust'].grid.index(chosen) == int(np.argmax(results)) > 0


def test_folds_hold_out_each_image_once_with_a_joint_classifier_that_has_not_seen_it(train, joint):
    rounds = tuning_rounds(train, joint, RECIPE, folds=3)
    held_out = torch.cat([r[1].rows for r in rounds])
    assert torch.equal(held_out.sort().values, torch.arange(len(train.rows)))
    for rest, out, own in rounds:
        assert not set(rest.rows.tolist()) & set(out.rows.tolist())
        assert not torch.equal(own.weight, joint.weight)
    assert select('tau_norm', rounds, RECIPE)['tau'] > 0


def test_sweep_without_a_validation_split(train, joint):
    with pytest.raises(ValueError, match='folds=0 and no validation split'):
        tuning_rounds(train, joint, RECIPE, folds=0)
    assert select('crt', [], RECIPE) == {}


def test_evaluate_is_the_metric(test, joint):
    result = evaluate(joint, test, COUNTS, many=50, few=20)
    predicted = joint(test.features).argmax(1).numpy()
    accuracy = [100 * (predicted[test.labels == c] == c).mean() for c in range(C)]
    assert result['many'] == pytest.approx(np.mean(accuracy[:2]))
    assert result['few'] == pytest.approx(np.mean(accuracy[3:]))


# --- bad input

@pytest.mark.parametrize('value, message', [
    (float('nan'), 'feature 2 of image 4100 is nan, not finite'), (float('inf'), 'feature 2 of image 4100 is inf'),
    (1e5, r'feature 2 of image 4100 is 100000, beyond 10000: were the images normalised')])
def test_bad_features_are_named(value, message):
    features = torch.zeros(5000, 4)
    features[4100, 2] = value
    with pytest.raises(ValueError, match=message):
        as_split(features, torch.zeros(5000), 2, 'train')


@pytest.mark.parametrize('labels', [[0, 2], [-1, 0]])
def test_wrong_number_of_classes(labels):
    with pytest.raises(ValueError, match='the classifier has 2 classes'):
        as_split(torch.zeros(2, 4), labels, 2)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r'expected features \(N, D\)'):
        as_split(torch.zeros(2, 4, 1), [0, 1], 2)
    with pytest.raises(ValueError, match=r'N > 0'):
        as_split(torch.zeros(0, 4), [], 2)


def test_divergence_is_an_error(train):
    with pytest.raises(ValueError, match='diverged with lr=1e\\+38'):
        fit(new_linear(linear(torch.zeros(C, D)), 0), train, Recipe(epochs=1, lr=1e38), lr=.1)


def test_with_a_norm_the_unit_of_the_features_does_not_matter():
    torch.manual_seed(0)
    features, labels = torch.randn(64, 5), torch.arange(64) % 3
    layers = []
    for unit in (1., 100.):
        train = as_split(unit * features, labels, 3)
        layers.append(fit(linear(torch.zeros(3, 5)).requires_grad_(), train, Recipe(2, 16, norm=2.), lr=0.1,
                          weight_decay=0.))
    assert layers[0].weight.abs().max() > 0.05
    assert torch.allclose(layers[0].weight, 100 * layers[1].weight, rtol=1e-4)
    assert torch.allclose(layers[0].bias, layers[1].bias, rtol=1e-4)
