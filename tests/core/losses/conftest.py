"""One row a loss: how to build it from counts and, where the loss of an image stands alone, the naive formula."""
from collections import namedtuple

import numpy as np
import pytest
import torch

from mmlt.core import losses as lt

Case = namedtuple('Case', 'name build naive weights linear', defaults=(None, None, True))


def log_sum(z):
    return float(np.log(np.sum(np.exp(z - np.max(z)))) + np.max(z))


def ce(z, y):
    return log_sum(z) - z[y]


def bce(x, positive):
    return float(np.logaddexp(0, -x if positive else x))


def others(z, y):
    return [j for j in range(len(z)) if j != y]


def ldam(z, y, n, scale=1.0):
    z = scale * np.array(z)
    z[y] -= 30 * 0.5 * (min(n) / n[y])**0.25
    return ce(z, y)


def focal(z, y, gamma):
    return (1 - np.exp(-ce(z, y)))**gamma * ce(z, y)


def sigmoid_focal(z, y, gamma):
    out = 0
    for j, x in enumerate(z):
        p = 1 / (1 + np.exp(-x))
        out += ((1 - p) if j == y else p)**gamma * bce(x, j == y)
    return out


def smooth(z, y, n, form):
    x = (n[y] - min(n)) / (max(n) - min(n)) if max(n) > min(n) else 1.0
    eps = 0.1 + 0.3 * np.sin(np.pi * x / 2)
    nll = np.array([ce(z, j) for j in range(len(z))])
    if form == 'code' or len(z) == 1:
        return (1 - eps) * nll[y] + eps * nll.mean()
    return (1 - eps) * nll[y] + eps / (len(z) - 1) * sum(nll[j] for j in others(z, y))


def equalization(z, y, n, threshold):
    return bce(z[y], True) + sum(bce(z[j], False) for j in others(z, y) if n[j] / sum(n) >= threshold)


def softmax_equalization(z, y, n, gamma, threshold):
    """With the expected weights of evaluation."""
    w = np.array([1 - gamma * (n[j] / sum(n) < threshold) * (j != y) for j in range(len(z))])
    return float(np.log(np.sum(w * np.exp(z)))) - z[y]


def balanced_bce(z, y, n):
    odds = np.log(arr(n) / np.maximum(sum(n) - arr(n), 1e-30))
    return sum(bce(x, j == y) for j, x in enumerate(z + odds))


def clouded(z, y, n, margin, noise=0.2657067507229233):
    """With the mean noise of evaluation."""
    size = np.log(max(n) / arr(n)) / max(np.log(max(n) / min(n)), 1e-12)
    z = np.array(z) - 30 * 0.5 * noise * size
    z[y] -= 30 * margin
    return ce(z, y)


def effective(n, beta=0.9999):
    w = np.array([(1 - beta) / (1 - beta**x) for x in n])
    return w / w.sum() * len(n)


def row(name, build, naive=None, weights=None, linear=True):
    return Case(name, build, naive, weights, linear)


def arr(n):
    return np.asarray(n, dtype=float)


CASES = [
    row('cost_sensitive', lambda n, **k: lt.CostSensitiveLoss(gamma=0.5, class_counts=n, **k), lambda z, y, n: ce(z, y),
        lambda n: (min(n) / arr(n))**0.5),
    row('weighted_inverse', lambda n, **k: lt.WeightedSoftmaxLoss(class_counts=n, **k), lambda z, y, n: ce(z, y),
        lambda n: sum(n) / arr(n)),
    row('weighted_log', lambda n, **k: lt.WeightedSoftmaxLoss(n, form='log', **k), lambda z, y, n: ce(z, y),
        lambda n: 1 - np.log(arr(n) / max(n))),
    row('grw', lambda n, **k: lt.GeneralizedReweightLoss(class_counts=n, **k), lambda z, y, n: ce(z, y),
        lambda n: arr(n)**-1.2 / sum(arr(n)**-1.2) * len(n)),
    row('cb_ce', lambda n, **k: lt.ClassBalancedLoss(class_counts=n, **k), lambda z, y, n: ce(z, y), effective),
    row('cb_sigmoid', lambda n, **k: lt.ClassBalancedLoss(base='sigmoid', class_counts=n, **k),
        lambda z, y, n: sigmoid_focal(z, y, 0), effective),
    row('cb_focal', lambda n, **k: lt.ClassBalancedLoss(base='focal', gamma=0.5, class_counts=n, **k),
        lambda z, y, n: sigmoid_focal(z, y, 0.5), effective),
    row('focal', lambda n, **k: lt.SoftmaxFocalLoss(class_counts=n, **k), lambda z, y, n: focal(z, y, 2)),
    row('ldam', lambda n, **k: lt.LDAMLoss(class_counts=n, **k), ldam),
    row('ldam_cos', lambda n, **k: lt.LDAMLoss(logits_scaled=False, class_counts=n, **k),
        lambda z, y, n: ldam(z, y, n, 30.0)),
    row('balanced_softmax', lambda n, **k: lt.BalancedSoftmaxLoss(class_counts=n, **k),
        lambda z, y, n: ce(z + np.log(n), y)),
    row('logit_adjust', lambda n, **k: lt.LogitAdjustLoss(tau=1.5, class_counts=n, **k),
        lambda z, y, n: ce(z + 1.5 * np.log(arr(n) / sum(n)), y)),
    row('vs', lambda n, **k: lt.VSLoss(class_counts=n, **k),
        lambda z, y, n: ce(z * (arr(n) / max(n))**0.3 + np.log(arr(n) / sum(n)), y)),
    row('cdt', lambda n, **k: lt.CDTLoss(class_counts=n, **k), lambda z, y, n: ce(z * (arr(n) / max(n))**0.2, y)),
    row('gcl', lambda n, **k: lt.GCLLoss(class_counts=n, **k).eval(), lambda z, y, n: clouded(z, y, n, 0)),
    row('gcl_margin', lambda n, **k: lt.GCLLoss(margin=0.1, class_counts=n, **k).eval(),
        lambda z, y, n: clouded(z, y, n, 0.1)),
    row('gcl_focus', lambda n, **k: lt.GCLLoss(margin=0.1, gamma=0.5, class_counts=n, **k).eval(),
        lambda z, y, n: clouded(z, y, n, 0.1) * (1 - np.exp(-clouded(z, y, n, 0.1)))**0.5),
    row('balanced_bce', lambda n, **k: lt.BalancedBCELoss(class_counts=n, **k), balanced_bce),
    row('seql', lambda n, **k: lt.SoftmaxEqualizationLoss(threshold=0.1, class_counts=n, **k).eval(),
        lambda z, y, n: softmax_equalization(z, y, n, 0.9, 0.1)),
    row('eql', lambda n, **k: lt.EqualizationLoss(threshold=0.1, class_counts=n, **k),
        lambda z, y, n: equalization(z, y, n, 0.1)),
    row('acsl', lambda n, **k: lt.AdaptiveClassSuppressionLoss(class_counts=n, **k),
        lambda z, y, n: bce(z[y], True) + sum(bce(z[j], False) for j in others(z, y) if z[j] >= np.log(0.7 / 0.3))),
    row('las_code', lambda n, **k: lt.LabelAwareSmoothLoss(class_counts=n, **k),
        lambda z, y, n: smooth(z, y, n, 'code')),
    row('las_paper', lambda n, **k: lt.LabelAwareSmoothLoss(form='paper', class_counts=n, **k),
        lambda z, y, n: smooth(z, y, n, 'paper')),
    row('ib', lambda n, **k: lt.InfluenceBalancedLoss(class_counts=n, **k),
        lambda z, y, n: ce(z, y) * 1000 / (2 * (1 - np.exp(-ce(z, y))) * 3.0 + 1e-3),
        lambda n: 1 / arr(n) / sum(1 / arr(n)) * len(n)),
    row('lade', lambda n, **k: lt.LADELoss(class_counts=n, **k), linear=False),
    row('eqlv2', lambda n, **k: lt.EqualizationLossV2(class_counts=n, **k).eval()),
    row('seesaw', lambda n, **k: lt.SeesawSoftmaxLoss(class_counts=n, **k).eval()),
]


@pytest.fixture(params=CASES, ids=[case.name for case in CASES])
def case(request):
    """Every loss of (N, C) logits and single labels; stateful ones in evaluation."""
    return request.param


@pytest.fixture
def extra():
    """What a call needs besides logits and target: features of L1 norm 3."""
    return lambda loss, size: dict(feats=torch.full((size, 3), -1.0)) if 'feats' in loss.requires else {}


@pytest.fixture
def fixture():
    """The specification's logits, labels and counts."""
    return (torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]], dtype=torch.float64), torch.tensor([0, 2]), [100, 50, 10])
