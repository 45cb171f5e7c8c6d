"""Values: the naive formula beside each loss, and every worked example of the specification."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core import losses as lt
from mmlt.core.counts import effective_weights
from mmlt.core.losses.base import check_target
from mmlt.core.losses.distribution_balanced import rebalanced_weights
from mmlt.core.losses.eqlv2 import balance_weights
from mmlt.core.losses.equalization import softmax_equalization
from mmlt.core.losses.label_aware_smoothing import smoothing
from mmlt.core.losses.lade import lade_regularizer
from mmlt.core.losses.ldam import ldam_margins
from mmlt.core.losses.reweight import cost_sensitive_weights, generalized_weights, weighted_softmax_weights
from mmlt.core.losses.seesaw import seesaw

CIFAR10_LT = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def close(value, expected, digits=6):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(torch.as_tensor(value).double(), expected, rtol=0, atol=10**-digits)


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


def batch(c, size=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(size, c, generator=g, dtype=torch.float64)
    y = torch.randint(c, (size, ), generator=g)
    soft = torch.rand(size, c, generator=g, dtype=torch.float64)**4 + 1e-3
    return z, y, soft / soft.sum(1, keepdim=True)


@pytest.mark.parametrize('counts', [[100, 50, 10], [30, 200, 7, 7, 1], [4], [10, 10]])
def test_naive(case, counts, extra):
    if case.naive is None:
        pytest.skip('its loss of one image depends on the batch or on state; tested on its own')
    z, y, soft = batch(len(counts))
    loss = case.build(counts)
    kwargs = extra(loss, len(z))
    w = np.ones(len(counts)) if case.weights is None else case.weights(counts)
    table = np.array([[w[c] * case.naive(row, c, counts) for c in range(len(counts))] for row in z.numpy()])
    hard = table[np.arange(len(z)), y]
    close(loss(z, y, reduction_override='none', **kwargs), hard, 9)
    close(loss(z, soft, reduction_override='none', **kwargs), (table * soft.numpy()).sum(1), 9)
    by_weight = loss.avg == 'weight'
    close(loss(z, y, **kwargs), hard.sum() / (w[y].sum() if by_weight else len(y)), 9)
    mass = (soft.numpy() * w).sum() if by_weight else len(y)
    close(loss(z, soft, **kwargs), (table * soft.numpy()).sum() / mass, 9)


def test_soft_row_is_the_weighted_hard_loss(case, extra):
    """Two labels a row, as Mixup makes them; for every loss whose images stand alone."""
    if not case.linear:
        pytest.skip('a statistic of the batch')
    counts = [30, 200, 7, 7, 1]
    z, y, _ = batch(5)
    other = (y + 2) % 5
    loss = case.build(counts, avg='batch')
    kwargs = extra(loss, len(z))
    soft = 0.3 * F.one_hot(y, 5).double() + 0.7 * F.one_hot(other, 5).double()
    close(loss(z, soft, **kwargs), 0.3 * loss(z, y, **kwargs) + 0.7 * loss(z, other, **kwargs), 9)
    close(loss(z, F.one_hot(y, 5).double(), **kwargs), loss(z, y, **kwargs), 9)


def test_mixed_cross_entropy(fixture):
    z, y, n = fixture
    soft = 0.3 * F.one_hot(y, 3).double() + 0.7 * F.one_hot(y.flip(0), 3).double()
    close(lt.CostSensitiveLoss(gamma=0.0, class_counts=n)(z, soft), 1.707186)


UNIFORM = dict(
    cost_sensitive=1, weighted_inverse=1, weighted_log=1, grw=1, cb_ce=1, balanced_softmax=1, logit_adjust=1, vs=1,
    cdt=1)


def test_uniform_counts_give_cross_entropy(case):
    if case.name not in UNIFORM:
        pytest.skip('does not reduce to CE')
    z, y, soft = batch(5)
    loss = case.build([7] * 5)
    close(loss(z, y), F.cross_entropy(z, y), 12)
    close(loss(z, soft), F.cross_entropy(z, soft), 12)


NEUTRAL = [
    lt.CostSensitiveLoss(gamma=0.0), lt.GeneralizedReweightLoss(rho=0.0), lt.ClassBalancedLoss(beta=0.0),
    lt.LogitAdjustLoss(tau=0.0), lt.VSLoss(gamma=0.0, tau=0.0), lt.CDTLoss(gamma=0.0), lt.SoftmaxFocalLoss(gamma=0.0),
    lt.LDAMLoss(max_margin=0.0), lt.SoftmaxEqualizationLoss(gamma=0.0), lt.SoftmaxEqualizationLoss(threshold=0.0),
    lt.GCLLoss(amplitude=0.0),
    lt.LabelAwareSmoothLoss(smooth_head=0.0, smooth_tail=0.0), lt.SeesawSoftmaxLoss(p=0.0, q=0.0)
]


@pytest.mark.parametrize('loss', NEUTRAL, ids=lambda x: type(x).__name__)
def test_neutral_settings_give_cross_entropy(loss):
    z, y, _ = batch(3)
    loss.set_class_counts([100, 50, 10])
    close(loss(z, y), F.cross_entropy(z, y), 12)


@pytest.mark.parametrize('build, weight, by_batch', [
    (lt.CostSensitiveLoss, 2.062769, 1.134523),
    (lambda **k: lt.CostSensitiveLoss(gamma=0.5, **k), 1.792410, 1.179610),
    (lt.WeightedSoftmaxLoss, 2.062769, 18.152367),
    (lambda **k: lt.WeightedSoftmaxLoss(form='log', **k), 1.806593, None),
    (lambda **k: lt.ClassBalancedLoss(beta=0.9, **k), 1.513300, 1.625499),
    (lambda **k: lt.ClassBalancedLoss(beta=0.999, **k), 2.055972, 2.603137),
    (lambda **k: lt.ClassBalancedLoss(beta=0.9999, **k), 2.062095, 2.616634),
])
def test_fixture_reweighted(fixture, build, weight, by_batch):
    z, y, n = fixture
    close(build(class_counts=n)(z, y), weight)
    close(build(class_counts=n)(z, y, avg_factor=77), weight)
    if by_batch:
        close(build(class_counts=n, avg='batch')(z, y), by_batch)
        close(build(class_counts=n, avg='batch')(z, y, avg_factor=4), by_batch / 2)


@pytest.mark.parametrize('loss, expected', [
    (lt.ClassBalancedLoss(beta=0.999, base='focal', gamma=0.5), 3.591108),
    (lt.ClassBalancedLoss(beta=0.999, base='sigmoid'), 4.308020),
    (lt.ClassBalancedLoss(beta=0.0, base='focal', gamma=2.0), 1.352719),
    (lt.SoftmaxFocalLoss(), 0.910723),
    (lt.BalancedSoftmaxLoss(), 2.080576),
    (lt.LogitAdjustLoss(), 2.080576),
    (lt.LogitAdjustLoss(tau=1.5), 2.530516),
    (lt.VSLoss(), 1.919193),
    (lt.CDTLoss(), 1.195983),
    (lt.SoftmaxEqualizationLoss(gamma=1.0, threshold=0.1), 1.270302),
    (lt.SoftmaxEqualizationLoss(gamma=1.0, threshold=0.1).eval(), 1.270302),
    (lt.EqualizationLoss(threshold=0.1), 2.485018),
    (lt.EqualizationLoss(), 2.857216),
    (lt.AdaptiveClassSuppressionLoss(), 1.997979),
    (lt.AdaptiveClassSuppressionLoss(threshold=0.0), 2.857216),
    (lt.LabelAwareSmoothLoss(), 1.472186),
    (lt.LabelAwareSmoothLoss(form='paper'), 1.547186),
    (lt.LabelAwareSmoothLoss(smooth_head=0.1, smooth_tail=0.1), 1.327186),
    (lt.EqualizationLossV2(), 2.857216),
], ids=lambda x: type(x).__name__ if not isinstance(x, float) else '')
def test_fixture(fixture, loss, expected):
    z, y, n = fixture
    loss.set_class_counts(n)
    close(loss(z, y), expected)


def test_fixture_per_sample(fixture):
    z, y, n = fixture
    per_sample = {
        lt.BalancedSoftmaxLoss: [0.181402, 3.979750], lt.VSLoss: [0.154164, 3.684221],
        lt.CDTLoss: [0.383465, 2.008501], lt.LabelAwareSmoothLoss: [0.803697, 2.140676]
    }
    for build, expected in per_sample.items():
        close(build(class_counts=n, reduction='none')(z, y), expected)


def test_weights():
    n = f64(100, 50, 10)
    close(cost_sensitive_weights(n), [0.1, 0.2, 1.0])
    close(cost_sensitive_weights(n, 0.5), [0.316228, 0.447214, 1])
    close(weighted_softmax_weights(n, 'log'), [1, 1.693147, 3.302585])
    toy = f64(100, 10, 1)
    close(generalized_weights(toy, 1.0), [0.027027, 0.270270, 2.702703])
    close(generalized_weights(toy, 1.2), [0.011192, 0.177389, 2.811419])
    z, y = f64([2, -1, 0.5], [0, 1, 0]), torch.tensor([0, 2])
    close(lt.GeneralizedReweightLoss(class_counts=toy)(z, y), 1.546250)
    close(lt.GeneralizedReweightLoss(class_counts=toy, avg='batch')(z, y), 2.182231)


def test_weights_are_exact_in_float64():
    close(effective_weights(f64(*CIFAR10_LT)), [0.050611, 0.0769, 0.121134, 0.195037, 0.318805, 0.52459, 0.868349,
                                               1.442627, 2.409223, 3.992724])
    ratio = effective_weights(f64(5000, 1), 0.999999)  # float32 would be off by 1.3 %
    close(ratio[1] / ratio[0], -np.expm1(5000 * np.log(0.999999)) / 1e-6, 4)
    for beta in (0.99, 1):
        close(effective_weights(torch.tensor([9, 1]), beta), effective_weights(f64(9, 1), beta), 6)
    close(lt.LogitAdjustLoss(tau=2.5).bias(f64(5, 115841))[0], -25.126448)


def test_ldam():
    z, y, n = f64([0.8, 0.1, -0.2], [0.3, 0.5, 0.1]), torch.tensor([0, 2]), [100, 50, 10]
    close(ldam_margins(f64(*n)), [0.281171, 0.334370, 0.5])
    close(ldam_margins(f64(*CIFAR10_LT)), [0.158114, 0.179697, 0.204238, 0.232091, 0.263829, 0.299768, 0.340675,
                                           0.387221, 0.440497, 0.5])
    loss = lt.LDAMLoss(class_counts=n, logits_scaled=False)
    close(loss(z, y, reduction_override='none'), [0.000003, 27.002476])
    close(loss(z, y), 13.501239)
    close(lt.LDAMLoss(class_counts=n)(30 * z, y), 13.501239)
    drw = lt.LDAMLoss(class_counts=n, logits_scaled=False, class_weight='effective', avg='weight')
    close(drw(z, y), 24.537653)
    close(lt.LDAMLoss(max_margin=0.0, class_counts=n, logits_scaled=False)(z, y), 6.001241)
    z.requires_grad_()
    loss(z, y).backward()
    close(z.grad[1], [0.037089, 14.962911, -15.0])


def test_eqlv2_two_steps(fixture):
    z, y, _ = fixture
    loss = lt.EqualizationLossV2()
    close(loss(z, y), 2.857216)
    close(loss.positive, [0.119203, 0, 0.574443])
    close(loss.negative, [0.622459, 1.548633, 0.524979])
    positive, negative = balance_weights(loss.positive, loss.negative)
    close(negative, [0.000674, 0.000068, 0.971547])
    close(positive, [4.997305, 4.999729, 1.113812])
    close(loss(z, y), 1.154983)


def test_eqlv2_soft_equals_one_hot(fixture):
    z, y, _ = fixture
    hard, soft = lt.EqualizationLossV2(), lt.EqualizationLossV2()
    for _ in range(3):
        close(hard(z, y), soft(z, F.one_hot(y, 3).double()), 12)
    close(hard.positive, soft.positive, 12)
    close(hard.negative, soft.negative, 12)


def test_seesaw(fixture):
    z, y, n = fixture
    close(seesaw(z, y, f64(*n)), [0.211068, 5.452881])
    s = [[1, 0.574349, 0.158489], [4.953032, 36.598234, 1]]
    close(seesaw(z, y, f64(*n)), F.cross_entropy(z + f64(*s).log(), y, reduction='none'), 6)
    loss = lt.SeesawSoftmaxLoss()
    loss.seen = f64(99, 50, 9)
    close(loss(z, y), 2.831974)  # the batch itself makes them 100, 50, 10


def test_seesaw_naive():
    z, y, _ = batch(7, 9)
    n, p, q, eps = [5, 1, 80, 0, 12, 5, 3], 0.8, 2.0, 1e-2
    prob = z.softmax(1)
    expected = []
    for row, s, i in zip(z, prob, y.tolist()):
        total = 0
        for j in range(7):
            m = min(1, (max(n[j], 1) / max(n[i], 1)))**p
            c = (s[j] / max(s[i], eps))**q if s[j] > max(s[i], eps) else 1
            total += (1 if j == i else m * c) * row[j].exp()
        expected.append((total.log() - row[i]).item())
    close(seesaw(z, y, f64(*n)), expected, 9)


def test_seesaw_counts(fixture):
    z, y, _ = fixture
    loss = lt.SeesawSoftmaxLoss()
    loss(z, y)
    loss(z, f64([0.25, 0.75, 0], [0, 0, 1]))
    close(loss.seen, [1.25, 0.75, 2])
    state = loss.seen.clone()
    loss.eval()(z, y)
    with torch.no_grad():
        loss.train()(z, y)
    assert loss.seen.equal(state)
    with pytest.raises(ValueError, match='max_labels=2'):
        loss(z, f64([0.2, 0.3, 0.5], [0, 0, 1]))
    lt.SeesawSoftmaxLoss(max_labels=3)(z, f64([0.2, 0.3, 0.5], [0, 0, 1]))


def test_distribution_balanced(fixture):
    z, _, n = fixture
    y = f64([1, 0, 1], [0, 1, 0])
    close(rebalanced_weights(y, f64(*n)), [[0.351447, 0.554670, 1.099168], [1.052574, 1.099665, 1.1]])
    loss = lt.DistributionBalancedLoss(num_images=120, class_counts=n)
    elements = [[0.001137, 0.905214, 0.355376], [0.805362, 0.015060, 0.046771]]
    close(loss(z, y, reduction_override='none'), elements)
    close(loss(z, y), 0.354820)
    close(loss(z, y, avg_factor=2), 1.064460)
    close(loss(z, y, weight=f64(1, 0), reduction_override='sum'), sum(elements[0]), 5)
    assert loss(z, torch.zeros_like(z)).isfinite()
    with pytest.raises(RuntimeError, match=r'does not know the size of the training set.*ClassCountsHook'):
        lt.DistributionBalancedLoss(class_counts=n)(z, y)
    with pytest.raises(ValueError, match='num_images=100'):
        lt.DistributionBalancedLoss(num_images=100, class_counts=n)
    with pytest.raises(ValueError, match='multi-hot'):
        loss(z, torch.tensor([0, 1]))


def test_distribution_balanced_without_its_parts(fixture):
    z, _, n = fixture
    y = f64([1, 0, 1], [0, 1, 0])
    loss = lt.DistributionBalancedLoss(beta=0.0, neg_scale=1.0, init_bias=0.0, gamma=0.0, balance_param=1.0,
                                       num_images=120, class_counts=n)
    close(loss(z, y), 0.6 * F.binary_cross_entropy_with_logits(z, y), 12)
    assert loss(z, torch.zeros_like(z)).isfinite()


def test_smoothing():
    n = f64(100, 50, 10)
    close(smoothing(n), [0.4, 0.292836, 0.1])
    close(smoothing(n, shape='linear'), [0.4, 0.233333, 0.1])
    close(smoothing(n, shape='convex'), [0.4, 0.170187, 0.1])
    close(smoothing(n, shape='exp', power=3), [0.4, 0.126337, 0.1])
    n = f64(500, 50, 5)
    close(smoothing(n), [0.4, 0.142694, 0.1])
    close(smoothing(n, shape='convex'), [0.4, 0.103054, 0.1])
    close(smoothing(n, shape='exp', power=2), [0.4, 0.102479, 0.1])
    close(smoothing(f64(5, 5)), [0.4, 0.4])
    z, y = f64([2, 0, -1]), torch.tensor([1])
    close(lt.LabelAwareSmoothLoss(class_counts=n)(z, y), 2.122281)
    close(lt.LabelAwareSmoothLoss(form='paper', class_counts=n)(z, y), 2.098499)


def test_influence_balanced(fixture):
    z, y, n = fixture
    feats = f64([1, -2], [2, 0])
    for detach, grad in ((False, [[-3.737745, 2.657348, 1.080397], [56.688052, 154.094102, -210.782154]]),
                         (True, [[-19.221375, 13.665427, 5.555948], [77.557524, 210.823207, -288.380731]])):
        z = z.detach().requires_grad_()
        loss = lt.InfluenceBalancedLoss(class_counts=n, detach=detach)(z, y, feats=feats)
        close(loss, 743.450188)
        loss.backward()
        close(z.grad, grad)
    with pytest.raises(ValueError, match='feats'):
        lt.InfluenceBalancedLoss(class_counts=n)(z, y)


def test_lade(fixture):
    z, y, n = fixture
    log_pi = (f64(*n) / 160).log()
    close(lade_regularizer(z, y, log_pi), -0.040579)
    close(lade_regularizer(z, F.one_hot(y, 3).double(), log_pi), -0.040579)
    close(lt.LADELoss(class_counts=n)(z, y), 2.080576 - 0.0040579)
    z, y, soft = batch(4, 5)
    n = f64(40, 10, 3, 1)
    first = [sum(soft[b, c] * z[b, c] for b in range(5)) / soft[:, c].sum() for c in range(4)]
    second = [(z[:, c] - (n / n.sum()).log()[c] - np.log(4)).exp().mean().log() for c in range(4)]
    expected = -sum(n[c] / n.sum() * (first[c] - second[c] - 0.1 * second[c]**2) for c in range(4))
    close(lade_regularizer(z, soft, (n / n.sum()).log()), expected, 9)


def test_group_softmax_scores():
    loss = lt.BalancedGroupSoftmaxLoss(bins=(10, ), class_counts=[5, 5, 50, 50])
    logits = f64([0, 1, -1, 1, 0.5, 0])
    close(loss.get_activation(logits)[0], [0.665241, 0.090031, 0.307196, 0.186324])
    assert loss.get_cls_channels(4) == 6
    assert lt.BalancedGroupSoftmaxLoss(class_counts=[5, 5000]).get_cls_channels(2) == 4


def test_group_softmax_naive():
    """With every "others" taken, in training and, in expectation, in evaluation."""
    n, groups = [50, 5, 500, 3, 2000], [[1, 3], [0], [2], [4]]
    z = torch.randn(6, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([1, 0, 3, 0, 1, 4])
    loss = lt.BalancedGroupSoftmaxLoss(class_counts=n, others_ratio=1e6)
    expected, start = 0, 0
    for group in groups:
        part = z[:, start:start + 1 + len(group)]
        start += part.size(1)
        slots = torch.tensor([1 + group.index(c) if c in group else 0 for c in y.tolist()])
        if slots.any():
            expected += F.cross_entropy(part, slots)
    close(loss(z, y), expected, 9)
    close(loss(z, F.one_hot(y, 5).double()), expected, 9)
    close(loss.eval()(z, y), expected, 9)
    close(loss(z, y, avg_factor=12), expected / 2, 9)


def test_group_softmax_samples_others():
    """Two groups of one class; group 1 has one image, so int(ratio) of its others take part."""
    loss = lt.BalancedGroupSoftmaxLoss(bins=(10, ), others_ratio=3.7, class_counts=[5, 50])
    inside = F.one_hot(torch.tensor([0] + [1] * 20), 2).double()
    kept = torch.stack([loss.sample_others(inside) for _ in range(50)])
    assert kept.sum(1).unique(dim=0).tolist() == [[3, 1]]  # at most the one image that is an other of group 1
    assert (kept[:, 0, 0] == 0).all() and (kept[:, 1:, 0].sum(0) > 0).sum() > 15
    nothing = loss.sample_others(F.one_hot(torch.tensor([1, 1]), 2).double())
    assert not nothing.any()
    z = torch.randn(2, 4, requires_grad=True)
    loss(z, torch.tensor([1, 1])).backward()
    assert not z.grad[:, :2].any() and z.grad[:, 2:].any()
    close(loss.eval().sample_others(inside).sum(0), [3, 1], 9)


def test_softmax_equalization_draws():
    z, y, _ = batch(6, 400)
    loss = lt.SoftmaxEqualizationLoss(gamma=0.75, threshold=0.05, class_counts=[900, 100, 20, 10, 5, 1])
    values = loss(z, y, reduction_override='none')
    full = F.cross_entropy(z, y, reduction='none')
    assert (values <= full + 1e-12).all() and (values >= 0).all()
    logits = z.clone().requires_grad_()
    loss(logits, y).backward()
    negatives = ~F.one_hot(y, 6).bool()
    dropped = (logits.grad == 0) & negatives
    assert not dropped[:, :2].any()
    rate = dropped[:, 2:].sum() / negatives[:, 2:].sum()
    assert abs(rate - 0.75) < 5 * (0.75 * 0.25 / negatives[:, 2:].sum())**0.5


def test_clouds_are_drawn_for_each_image_and_class():
    counts = [1000, 100, 10]
    loss = lt.GCLLoss(counts, amplitude=0.2, scale=10.0, reduction='none')
    z, y = torch.zeros(20000, 3, dtype=torch.float64), torch.zeros(20000, dtype=torch.int64)
    noise = lt.GCLLoss(counts).draw(z)  # the same step of the same seed
    assert noise.min() >= 0 and noise.max() == 1
    assert abs((noise == 1).double().mean() - 0.0027) < 0.001  # beyond three sigma
    assert abs(noise.mean() - 0.26571) < 0.003 and abs(torch.corrcoef(noise.T)[0, 1]) < 0.03
    size = torch.tensor([0, 0.5, 1], dtype=torch.float64)
    close(loss(z, y), F.cross_entropy(-10 * 0.2 * noise * size, y, reduction='none'), 12)
    assert not loss(z, y).equal(loss(z, y))
    soft = torch.full((20000, 3), 1 / 3, dtype=torch.float64)
    margin = lt.GCLLoss(counts, margin=0.1, reduction='none')
    assert (margin(z, soft) > lt.GCLLoss(counts, reduction='none')(z, soft)).all()


@pytest.mark.parametrize('soft', [False, True])
def test_the_focus_of_clouded_logits_takes_no_gradient(soft):
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 1, 2, 0, 1])
    target = F.one_hot(y, 3).double() if soft else y
    plain, focused = (lt.GCLLoss([9, 3, 1], margin=0.1, gamma=gamma, reduction='none').eval() for gamma in (0, 2.0))
    nll = plain(z, target)
    factor = (1 - (-nll).exp())**2
    gradient, expected = (torch.autograd.grad(x, z)[0] for x in (focused(z, target).sum(),
                                                                 (factor.detach() * nll).sum()))
    torch.testing.assert_close(gradient, expected)


def test_softmax_equalization_of_rare_classes_alone():
    """Every class dropped: only the label is left, and the loss is 0."""
    z, y, soft = batch(4)
    log_keep = torch.full((4, ), -1e30, dtype=torch.float64)
    close(softmax_equalization(z, y, log_keep), torch.zeros(6), 12)
    z.requires_grad_()
    softmax_equalization(z, soft, log_keep).sum().backward()
    close(softmax_equalization(z, soft, log_keep), torch.zeros(6), 12)
    close(z.grad, torch.zeros(6, 4), 12)


COUNTS = st.lists(st.integers(1, 10**6), min_size=2, max_size=6)


@settings(max_examples=25, deadline=None)
@given(COUNTS, st.floats(-50, 50), st.integers(0, 10**6))
def test_properties(counts, shift, seed):
    z, y, soft = batch(len(counts), 4, seed)
    reweighted = [lt.CostSensitiveLoss, lt.WeightedSoftmaxLoss, lt.GeneralizedReweightLoss, lt.ClassBalancedLoss]
    for build in [lt.BalancedSoftmaxLoss, lt.LogitAdjustLoss, lt.LDAMLoss, lt.LabelAwareSmoothLoss,
                  lt.SeesawSoftmaxLoss, lt.SoftmaxFocalLoss] + reweighted:
        loss = build(class_counts=counts).eval()
        torch.testing.assert_close(loss(z, y), loss(z + shift, y))  # softmax does not see a constant
    for build in [lt.BalancedSoftmaxLoss, lt.VSLoss, lt.CDTLoss, lt.LDAMLoss, lt.CostSensitiveLoss]:
        many = build(class_counts=[n * 1000 for n in counts])
        torch.testing.assert_close(build(class_counts=counts)(z, soft), many(z, soft))  # nor they the size of the set
    for build in reweighted:  # one class alone: the weights cancel
        torch.testing.assert_close(build(class_counts=counts)(z, y[:1].expand(4)), F.cross_entropy(z, y[:1].expand(4)))
    plain = F.cross_entropy(z, y, reduction='none')
    assert (lt.LDAMLoss(class_counts=counts, reduction='none')(z, y) >= plain).all()
    assert (lt.SoftmaxFocalLoss(reduction='none')(z, y) <= plain).all()
    order = torch.randperm(len(counts), generator=torch.Generator().manual_seed(seed))
    for build in [lt.BalancedSoftmaxLoss, lt.LDAMLoss, lt.LADELoss, lt.EqualizationLoss, lt.VSLoss]:
        moved = build(class_counts=[counts[i] for i in order])(z[:, order], soft[:, order])
        torch.testing.assert_close(build(class_counts=counts)(z, soft), moved)  # classes have no order


def test_balanced_softmax_is_fisher_consistent():
    """Logits log p(y|x) of a balanced world minus nothing: training under the prior recovers them."""
    n = f64(100, 50, 10)
    posterior = f64([0.2, 0.5, 0.3])
    z = posterior.log().requires_grad_()
    train = posterior * n / (posterior * n).sum()  # the label distribution training sees
    lt.BalancedSoftmaxLoss(class_counts=n)(z, train).backward()
    close(z.grad, torch.zeros(1, 3), 12)


def test_gradient_is_that_of_the_shifted_softmax(fixture):
    z, y, n = fixture
    z.requires_grad_()
    lt.BalancedSoftmaxLoss(class_counts=n)(z, y).backward()
    close(z.grad, ((z.detach() + f64(*n).log()).softmax(1) - F.one_hot(y, 3)) / 2, 12)


@pytest.mark.parametrize('target, message', [
    (torch.tensor([0, 3]), r'holds 3, expected values in \[0, 3\)'), (torch.tensor([-1, 0]), 'holds -1'),
    (torch.tensor([0]), r'shape \(1,\)'), (torch.tensor([0.0, 1.0]), 'integers'),
    (torch.ones(2, 3) / 3 * 2, 'misses the sum 1'), (torch.eye(2, 4), r'\(2, 4\)'),
    (torch.tensor([[-0.5, 1.5, 0], [1, 0, 0]]), 'holds -0.5')
])
def test_bad_targets(target, message):
    with pytest.raises(ValueError, match=message):
        check_target(target, torch.zeros(2, 3), 3)
