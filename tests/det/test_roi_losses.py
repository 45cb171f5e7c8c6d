"""The losses of RoI heads against their formulas, recomputed in float64."""
import json

import numpy as np
import pytest

pytest.importorskip('mmdet')
pytest.importorskip('mmcv._ext', reason='MMCV has no compiled ops')
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mmlt import det
from mmlt.core import losses as plain
from mmlt.det.prior import prior_shift

COUNTS = (200, 40, 6, 3)
C = len(COUNTS)


def rois(n=40, width=C + 1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, width, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, C + 1, (n,), generator=generator)
    labels[: C + 1] = torch.arange(C + 1)
    return logits.requires_grad_(), labels


def built(name, **kwargs):
    loss = getattr(det, name)(**kwargs)
    loss.get_cls_channels(C)
    return loss


def bce(z, positive):
    return np.logaddexp(0, -z if positive else z)


def cross_entropy(z, y):
    return np.logaddexp.reduce(z) - z[y]


ALL = {
    'BalancedSoftmaxLoss': dict(class_counts=COUNTS), 'LogitAdjustLoss': dict(class_counts=COUNTS),
    'GeneralizedReweightLoss': dict(class_counts=COUNTS), 'EqualizationLossV2': {},
    'EqualizationLoss': dict(class_counts=COUNTS, num_images=250), 'AdaptiveClassSuppressionLoss': dict(
        class_counts=COUNTS), 'BalancedGroupSoftmaxLoss': dict(class_counts=COUNTS, bins=(10, 100)),
}


@pytest.mark.parametrize('name', ALL)
def test_protocol(name):
    loss = getattr(det, name)(**ALL[name])
    width = loss.get_cls_channels(C)
    assert loss.custom_cls_channels and loss.custom_activation and loss.custom_accuracy and loss.num_classes == C
    logits, labels = rois(width=width)
    scores = loss.get_activation(logits)
    assert scores.shape == (40, C + 1) and scores.min() >= 0 and scores.max() <= 1
    accuracy = loss.get_accuracy(logits, labels)
    assert accuracy.keys() == {'acc'}
    assert accuracy['acc'].item() == pytest.approx(100 * (scores.argmax(1) == labels).double().mean().item())
    weight = torch.ones(40, dtype=torch.float64)
    value = loss(logits, labels, weight, avg_factor=40.0, reduction_override=None)
    assert value.ndim == 0 and value.isfinite()
    value.backward()
    assert logits.grad.isfinite().all() and logits.grad.abs().sum() > 0
    assert loss.eval()(logits, labels, weight, avg_factor=40.0).isfinite()
    assert loss(logits[:0], labels[:0], weight[:0], avg_factor=1.0) == 0  # no RoI on this rank


@pytest.mark.parametrize('name', ALL)
def test_finite_in_half_precision_and_for_huge_logits(name):
    loss = getattr(det, name)(**ALL[name])
    logits, labels = rois(width=loss.get_cls_channels(C))
    for scaled in (logits.detach().half(), logits.detach().bfloat16(), 5000 * logits.detach().float()):
        scaled.requires_grad_()
        value = loss(scaled, labels)
        value.backward()
        assert value.isfinite() and scaled.grad.isfinite().all() and loss.get_activation(scaled).isfinite().all()


@pytest.mark.parametrize('background', [None, 0.75])
@pytest.mark.parametrize('tau', [0.5, 1.0])
def test_logit_adjustment(background, tau):
    pi = np.array(COUNTS) / sum(COUNTS)
    prior = [*(C * pi), 1] if background is None else [*((1 - background) * pi), background]
    logits, labels = rois()
    expected = [cross_entropy(z + tau * np.log(prior), y) for z, y in zip(logits.detach().numpy(), labels)]
    loss = built('LogitAdjustLoss', class_counts=COUNTS, tau=tau, background=background)
    torch.testing.assert_close(loss(logits, labels, reduction_override='none').detach(), torch.tensor(expected))
    if tau == 1:
        same = built('BalancedSoftmaxLoss', class_counts=COUNTS, background=background)
        torch.testing.assert_close(same(logits, labels), loss(logits, labels))


def test_a_background_share_is_one_more_class():
    """With counts of the background's RoIs as well the classification loss says the same."""
    logits, labels = rois()
    loss = built('BalancedSoftmaxLoss', class_counts=COUNTS, background=0.9)
    counts = [*COUNTS, sum(COUNTS) * 9]
    torch.testing.assert_close(loss(logits, labels), plain.BalancedSoftmaxLoss(class_counts=counts)(logits, labels))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10**6), st.floats(0.1, 3))
def test_equal_counts_are_cross_entropy(count, tau):
    logits, labels = rois()
    loss = built('LogitAdjustLoss', class_counts=[count] * C, tau=tau)
    torch.testing.assert_close(loss(logits, labels), F.cross_entropy(logits, labels))


def test_prior_shift_keeps_the_background():
    """A Bayes classifier of the training prior, shifted, is that of equal classes with the same background."""
    pi, share = torch.tensor(COUNTS).double() / sum(COUNTS), 0.7
    train = torch.cat([(1 - share) * pi, torch.tensor([share])]).log()
    test = (train - prior_shift(torch.tensor(COUNTS).double())).exp()
    torch.testing.assert_close(test, torch.tensor([(1 - share) / C] * C + [share]).double())


def test_generalized_reweighting():
    logits, labels = rois()
    weights = (sum(COUNTS) / np.array(COUNTS))**0.8
    weights = [*(weights * C / weights.sum()), 1]
    each = np.array([cross_entropy(z, y) * weights[y] for z, y in zip(logits.detach().numpy(), labels)])
    loss = built('GeneralizedReweightLoss', class_counts=COUNTS)
    assert loss(logits, labels).item() == pytest.approx(each.sum() / sum(weights[y] for y in labels), rel=1e-12)
    by_batch = built('GeneralizedReweightLoss', class_counts=COUNTS, avg='batch')
    assert by_batch(logits, labels, avg_factor=40).item() == pytest.approx(each.sum() / 40, rel=1e-12)


@pytest.mark.parametrize('class_weight', ['effective', 'inverse', [1.0, 2, 3, 4, 0.5]])
def test_class_weights_leave_the_background(class_weight):
    logits, labels = rois()
    loss = built('LogitAdjustLoss', class_counts=COUNTS, tau=0, class_weight=class_weight)
    weights = loss.class_weights(C + 1)
    assert len(weights) == C + 1 and weights[-1] == (1 if isinstance(class_weight, str) else 0.5)
    expected = (F.cross_entropy(logits, labels, reduction='none') * weights[labels]).mean()
    torch.testing.assert_close(loss(logits, labels), expected)


def test_equalization():
    logits, labels = rois()
    loss = built('EqualizationLoss', class_counts=COUNTS, num_images=1000, threshold=0.01)  # the last two are rare
    expected = []
    for z, y in zip(logits.detach().numpy(), labels):
        kept = [j in (y, C) or y == C or COUNTS[j] >= 10 for j in range(C + 1)]
        expected.append(sum(bce(z[j], j == y) for j in range(C + 1) if kept[j]))
    torch.testing.assert_close(loss(logits, labels, reduction_override='none').detach(), torch.tensor(expected))


def test_equalization_v2_over_two_steps():
    loss = built('EqualizationLossV2')
    positive, negative = np.zeros(C), np.zeros(C)
    for step in range(3):
        logits, labels = rois(seed=step)
        ratio = positive / (negative + 1e-10) if step else np.full(C, 100.0)
        f = [*(1 / (1 + np.exp(-12 * (ratio - 0.8)))), 1]
        up = [*(1 + 4 * (1 - np.array(f[:C]))), 1]
        expected = 0
        for z, y in zip(logits.detach().numpy(), labels):
            expected += sum(up[j] * bce(z[j], True) if j == y else f[j] * bce(z[j], False) for j in range(C + 1)) / 40
            s = 1 / (1 + np.exp(-z))
            for j in range(C):
                if j == y:
                    positive[j] += up[j] * (1 - s[j])
                else:
                    negative[j] += f[j] * s[j]
        assert loss(logits, labels).item() == pytest.approx(expected, rel=1e-10)
        np.testing.assert_allclose(loss.positive[:-1], positive, rtol=1e-10)
        np.testing.assert_allclose(loss.negative[:-1], negative, rtol=1e-10)
    before = loss.positive.clone()
    loss.eval()(logits, labels)
    assert loss.positive.equal(before)


def test_objectness():
    logits, _ = rois()
    s = logits.sigmoid()
    scores = built('EqualizationLossV2').get_activation(logits)
    torch.testing.assert_close(scores, torch.cat([s[:, :-1] * (1 - s[:, -1:]), s[:, -1:]], 1))
    assert built('EqualizationLossV2', test_with_obj=False).get_activation(logits).equal(s)


def test_class_suppression():
    logits, labels = rois()
    settings = dict(class_counts=(200, 101, 100, 10), threshold=0.6)  # frequent, frequent, common, rare
    loss = built('AdaptiveClassSuppressionLoss', **settings).eval()
    share = (1, 1, 0.1, 0.01, 1)
    expected = []
    for z, y in zip(logits.detach().numpy(), labels):
        high = 1 / (1 + np.exp(-z)) >= 0.6
        weight = [1 if j == y else share[j] if y == C else float(high[j]) for j in range(C + 1)]
        expected.append(sum(weight[j] * bce(z[j], j == y) for j in range(C + 1)))
    torch.testing.assert_close(loss(logits, labels, reduction_override='none').detach(), torch.tensor(expected))


def test_class_suppression_draws_background():
    loss = built('AdaptiveClassSuppressionLoss', class_counts=(200, 101, 100, 10), shares=(0.02, 0.25, 1.0))
    grads = []
    for _ in range(2):
        logits = torch.zeros(50, C + 1, requires_grad=True)
        loss(logits, torch.full((50,), C)).backward()
        taken = logits.grad != 0
        assert taken.sum(0).tolist() == [50, 50, 12, 1, 50]
        grads.append(taken)
    assert not grads[0].equal(grads[1])  # a new draw each step
    again = built('AdaptiveClassSuppressionLoss', class_counts=(200, 101, 100, 10), shares=(0.02, 0.25, 1.0))
    logits = torch.zeros(50, C + 1, requires_grad=True)
    again(logits, torch.full((50,), C)).backward()
    assert grads[0].equal(logits.grad != 0)


def group_logits(classes, background, foreground, others):
    return torch.tensor([[*classes, background, foreground, *others]], dtype=torch.float64)


def test_groups_worked_example():
    loss = built('BalancedGroupSoftmaxLoss', class_counts=(1, 2, 100, 200), bins=(10,))
    scores = loss.get_activation(group_logits((1, -1, 0.5, 0), 0.2, 1, (0, 1)))
    expected = torch.tensor([[0.458999, 0.062119, 0.211957, 0.128559, 0.310026]], dtype=torch.float64)
    torch.testing.assert_close(scores, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize('ratio', [0.5, 2, 1e6])
def test_groups_against_the_formula(ratio):
    counts, bins = (5, 300, 7, 2000), (10, 100, 1000)  # groups {0, 2}, {}, {1}, {3}
    loss = built('BalancedGroupSoftmaxLoss', class_counts=counts, bins=bins, others_ratio=ratio).eval()
    logits, labels = rois(width=C + 2 + 4)
    z = logits.detach().numpy()
    expected = np.mean([cross_entropy(z[i, C:C + 2], int(y < C)) for i, y in enumerate(labels)])
    for g, members in {0: [0, 2], 2: [1], 3: [3]}.items():
        columns = [C + 2 + g, *members]
        inside = [int(y) in members for y in labels]
        others = len(labels) - sum(inside)
        weight = min(int(ratio * sum(inside)) / others, 1)
        total = sum(inside) + weight * others
        for i, y in enumerate(labels):
            slot = columns.index(int(y)) if inside[i] else 0
            expected += (1 if inside[i] else weight) * cross_entropy(z[i, columns], slot) / max(total, 1)
    assert loss(logits, labels).item() == pytest.approx(expected, rel=1e-12)
    scores = loss.get_activation(logits)
    pair = F.softmax(logits[:, C:C + 2], 1)
    torch.testing.assert_close(scores[:, -1], pair[:, 0])
    torch.testing.assert_close(scores[:, 1], pair[:, 1] * logits[:, [C + 4, 1]].softmax(1)[:, 1])
    assert (scores[:, :-1] <= pair[:, 1:]).all()


def test_one_group_with_all_others_is_a_softmax():
    loss = built('BalancedGroupSoftmaxLoss', class_counts=COUNTS, bins=(), others_ratio=1e9)
    logits, labels = rois(width=C + 3)
    softmax = F.cross_entropy(logits[:, [*range(C), C + 2]], labels)
    pair = F.cross_entropy(logits[:, C:C + 2], (labels < C).long())
    torch.testing.assert_close(loss(logits, labels), softmax + pair)


def test_groups_draw_others_and_skip_the_absent():
    loss = built('BalancedGroupSoftmaxLoss', class_counts=(1, 2, 100, 200), bins=(10,), others_ratio=3)
    labels = torch.tensor([0, 0] + [C] * 28)
    logits = torch.zeros(30, C + 4, requires_grad=True)
    loss(logits, labels).backward()
    taken = logits.grad[:, C + 2:] != 0
    assert taken.sum(0).tolist() == [2 + 6, 0] and taken[:2, 0].all()
    assert (logits.grad[:, C] != 0).all()


def test_a_class_without_images_joins_the_first_group():
    loss = built('BalancedGroupSoftmaxLoss', class_counts=(0, 2, 100, 200), bins=(10,))
    assert loss.group_of.tolist() == [0, 0, 1, 1]


def test_settings_of_nothing_change_nothing():
    """tau = 0 and rho = 0 are MMDetection's cross entropy, bit for bit."""
    from mmdet.registry import MODELS
    reference = MODELS.build(dict(type='mmdet.CrossEntropyLoss'))
    logits, labels = rois(256)
    logits, weight = logits.detach().float().requires_grad_(), torch.ones(256)
    value = reference(logits, labels, weight, avg_factor=256.0)
    value.backward()
    grad, logits.grad = logits.grad, None
    for loss in (built('LogitAdjustLoss', class_counts=COUNTS, tau=0),
                 built('GeneralizedReweightLoss', class_counts=COUNTS, rho=0)):
        same = loss(logits, labels, weight, avg_factor=256.0)
        same.backward()
        assert same.equal(value) and logits.grad.equal(grad)
        assert loss.get_activation(logits).equal(logits.softmax(-1))
        logits.grad = None


def test_one_vs_all_without_their_weights_is_bce():
    logits, labels = rois()
    onehot = F.one_hot(labels, C + 1).double()
    expected = F.binary_cross_entropy_with_logits(logits, onehot, reduction='sum') / 40
    for loss in (built('EqualizationLoss', class_counts=COUNTS, num_images=10, threshold=0),
                 built('EqualizationLossV2'),
                 built('AdaptiveClassSuppressionLoss', class_counts=COUNTS, threshold=0, shares=(1, 1, 1))):
        torch.testing.assert_close(loss(logits, labels), expected)


def test_sample_weights_and_avg_factor():
    logits, labels = rois()
    weight = torch.rand(40, dtype=torch.float64)
    for name in ('EqualizationLossV2', 'BalancedSoftmaxLoss'):
        loss = built(name, **ALL[name]).eval()
        each = loss(logits, labels, reduction_override='none')
        torch.testing.assert_close(loss(logits, labels, weight, avg_factor=7.0), (each * weight).sum() / 7)


def test_state_resumes():
    """Draws and gathered gradients go on from a checkpoint as without it."""
    for name in ('EqualizationLossV2', 'BalancedGroupSoftmaxLoss', 'AdaptiveClassSuppressionLoss'):
        one, two = built(name, **ALL[name]), built(name, **ALL[name])
        width = one.get_cls_channels(C)
        for step in range(4):
            logits, labels = rois(200, width, seed=step)
            value = one(logits, labels)
            if step == 1:
                two.load_state_dict(one.state_dict())
            elif step > 1:
                assert two(logits, labels).equal(value)


# bad input


def test_counts_of_another_number_of_categories():
    with pytest.raises(ValueError, match='5 class counts for 4 classes'):
        built('BalancedSoftmaxLoss').set_class_counts([1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match='3 class counts for 4 classes'):
        built('BalancedGroupSoftmaxLoss', class_counts=[1, 2, 3])
    with pytest.raises(ValueError, match='num_classes=80, its head 4'):
        det.EqualizationLossV2(num_classes=80).get_cls_channels(4)


def test_category_without_images():
    for name in ('BalancedSoftmaxLoss', 'LogitAdjustLoss', 'GeneralizedReweightLoss'):
        with pytest.raises(ValueError, match='class 2 has the training count 0'):
            built(name).set_class_counts([9, 9, 0, 9])
    for name in ('EqualizationLoss', 'AdaptiveClassSuppressionLoss', 'BalancedGroupSoftmaxLoss', 'EqualizationLossV2'):
        built(name).set_class_counts([9, 9, 0, 9])


def test_missing_counts_and_images():
    logits, labels = rois()
    with pytest.raises(RuntimeError, match='BalancedSoftmaxLoss has no class counts'):
        built('BalancedSoftmaxLoss')(logits, labels)
    with pytest.raises(RuntimeError, match='num_images'):
        built('EqualizationLoss', class_counts=COUNTS)(logits, labels)


@pytest.mark.parametrize('kwargs, match', [
    (dict(background=1.0), 'share of RoIs'), (dict(background=0), 'share of RoIs'), (dict(avg='rows'), 'avg='),
])
def test_bad_settings(kwargs, match):
    with pytest.raises(ValueError, match=match):
        det.BalancedSoftmaxLoss(**kwargs)


def test_bad_groups():
    with pytest.raises(ValueError, match='ascend'):
        built('BalancedGroupSoftmaxLoss', class_counts=COUNTS, bins=(100, 10))
    with pytest.raises(ValueError, match='groups, each with a share'):
        det.AdaptiveClassSuppressionLoss(shares=(0.1, 1.0))


def test_a_label_out_of_range():
    logits, labels = rois()
    labels[3] = C + 1
    with pytest.raises(ValueError, match=r'holds 5, expected values in \[0, 5\)'):
        built('LogitAdjustLoss', class_counts=COUNTS)(logits, labels)


def test_logits_of_a_head_without_the_seam():
    logits, labels = rois()
    loss = built('BalancedGroupSoftmaxLoss', class_counts=COUNTS)
    with pytest.raises(ValueError, match='needs 10 logits for 4 classes, got 5'):
        loss(logits, labels)
    with pytest.raises(RuntimeError, match='loss of RoI heads'):
        det.EqualizationLossV2()(logits, labels)


def test_counts_from_a_file(tmp_path):
    path = tmp_path / 'counts.json'
    path.write_text(json.dumps(dict(class_counts=[9, 8, 7, 6], image_counts=[5, 4, 3, 2], num_images=6)))
    assert built('BalancedSoftmaxLoss', class_counts=str(path)).class_counts.tolist() == [9, 8, 7, 6]
    assert built('EqualizationLoss', class_counts=str(path)).class_counts.tolist() == [5, 4, 3, 2]
