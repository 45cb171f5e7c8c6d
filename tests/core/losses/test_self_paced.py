"""LFME: the naive formula, what its weights follow, bad input."""
import numpy as np
import pytest
import torch

from mmlt.core.losses import LFMELoss
from mmlt.core.losses.self_paced import expert_weights

COUNTS = [5, 300, 40, 150, 12]  # few, many, medium, many, few
GROUPS = [[1, 3], [2], [0, 4]]
MEANS = [225, 40, 8.5]


def batch(size=12, experts=3):
    g = torch.Generator().manual_seed(0)
    z, *t = 2 * torch.randn(1 + experts, size, 5, generator=g, dtype=torch.float64)
    return z, torch.randint(5, (size, ), generator=g), torch.stack(t)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def naive(z, y, t, epoch, epochs, hits, temperature=2.0, threshold=0.3):
    z, t = z.numpy(), t.numpy()
    total = 0
    for i, c in enumerate(y.tolist()):
        for g, classes in enumerate(GROUPS):
            a, b = softmax(t[g, i, classes] / temperature), softmax(z[i, classes] / temperature)
            ratio = hits[0][g] / hits[1][g] if hits[1][g] else 0
            weight = 1 if ratio < threshold else max(0, (1 - ratio) / (1 - threshold))
            total += weight * (a * np.log(a / b)).sum()
            if c in classes:
                p, s = softmax(t[g, i, classes])[classes.index(c)], MEANS[2] / MEANS[g]
        v = s + (1 - s) * p
        v += (1 - v) * min(1, epoch / (epochs / 2))
        total -= v * np.log(softmax(z[i])[c])
    return total / len(y)


@pytest.mark.parametrize('epoch', [0, 3, 5, 9])
@pytest.mark.parametrize('hits', [[[0, 0, 0], [0, 0, 0]], [[3, 8, 9], [10, 10, 9]], [[2, 5, 7], [4, 0, 3]]])
def test_formula(epoch, hits):
    z, y, t = batch()
    loss = LFMELoss(COUNTS).eval()
    loss.hits[:] = torch.tensor(hits)
    value = loss(z, y, t, progress=(epoch, 10)).item()
    assert value == pytest.approx(naive(z, y, t, epoch, 10, hits), rel=1e-6)


def test_weights_fall_from_the_threshold_on():
    weights = expert_weights(torch.tensor([0., 3, 4, 10, 11]), torch.tensor([0., 10, 10, 10, 10]), 0.3)
    torch.testing.assert_close(weights, torch.tensor([1, 1, 6 / 7, 0, 0]))


def test_it_follows_the_accuracies_in_training_alone():
    z, y, t = batch()
    loss = LFMELoss(COUNTS)
    expected = torch.zeros(2, 3)
    for _ in range(2):
        loss(z.requires_grad_(), y, t, progress=(0, 10))
        expected *= 0.99
        for i, c in enumerate(y.tolist()):
            g = next(g for g, classes in enumerate(GROUPS) if c in classes)
            expected[0, g] += z[i].argmax() == c
            expected[1, g] += GROUPS[g][t[g, i, GROUPS[g]].argmax()] == c
    torch.testing.assert_close(loss.hits, expected)
    assert expected[0].sum() < expected[1].sum()
    with torch.no_grad():
        loss(z, y, t, progress=(0, 10))
    loss.eval()(z, y, t, progress=(0, 10))
    torch.testing.assert_close(loss.hits, expected)
    other = LFMELoss()
    other.load_state_dict(loss.state_dict())
    assert other.eval()(z, y, t, progress=(0, 10)) == loss(z, y, t, progress=(0, 10))


def test_experts_are_not_trained_and_others_classes_do_not_matter():
    z, y, t = batch()
    loss = LFMELoss(COUNTS).eval()
    t.requires_grad_()
    loss(z.requires_grad_(), y, t, progress=(0, 10)).backward()
    assert t.grad is None and z.grad.abs().sum() > 0
    strange = t.detach().clone()
    for g, classes in enumerate(GROUPS):
        others = [c for c in range(5) if c not in classes]
        strange[g, :, others] = 50 * torch.randn(len(z), len(others), dtype=z.dtype)
    torch.testing.assert_close(loss(z, y, strange, progress=(0, 10)), loss(z, y, t, progress=(0, 10)))


def test_a_group_without_classes_has_no_expert():
    z, y, t = batch(experts=2)
    counts = [60, 300, 40, 150, 50]
    value = LFMELoss(counts).eval()(z, y, t, progress=(0, 10))
    same = LFMELoss([6, 30, 4, 15, 5], many=10, few=1).eval()(z, y, t, progress=(0, 10))
    assert value.isfinite() and value == pytest.approx(same.item())
    with pytest.raises(ValueError, match=r'expected \(2, 12, 5\): one expert for each group of classes, many, medium'):
        LFMELoss(counts)(z, y, batch()[2], progress=(0, 10))


def test_reduction_precision_and_compilation():
    z, y, t = batch()
    loss = LFMELoss(COUNTS).eval()
    call = dict(expert_logits=t, progress=(2, 10))
    each = loss(z, y, reduction_override='none', **call)
    torch.testing.assert_close(each.mean(), loss(z, y, **call))
    w = torch.rand(len(z), dtype=z.dtype)
    torch.testing.assert_close((w * each).sum() / 3, loss(z, y, weight=w, avg_factor=3, **call))
    with torch.autocast('cpu', torch.bfloat16):
        low = loss(z.bfloat16(), y, t.bfloat16(), progress=(2, 10))
    torch.testing.assert_close(low.double(), loss(z, y, **call), rtol=0.02, atol=0)
    compiled = torch.compile(loss, backend='eager', fullgraph=True)
    torch.testing.assert_close(compiled(z, y, **call), loss(z, y, **call))


@pytest.mark.parametrize(('call', 'match'), [
    (lambda z, y, t: LFMELoss(COUNTS)(z, y, t), r'needs progress=\(epoch, max_epochs\)'),
    (lambda z, y, t: LFMELoss(COUNTS)(z, torch.eye(5)[y], t, progress=(0, 1)), 'leave out mixup'),
    (lambda z, y, t: LFMELoss()(z, y, t, progress=(0, 1)), 'no class counts'),
    (lambda z, y, t: LFMELoss(COUNTS)(z, y, t[:2], progress=(0, 1)), r'expected \(3, 12, 5\).*many, medium, few'),
    (lambda z, y, t: LFMELoss(COUNTS, threshold=1.0), 'threshold'),
    (lambda z, y, t: LFMELoss(COUNTS, temperature=0), 'temperature'),
])
def test_bad_input(call, match):
    with pytest.raises((ValueError, RuntimeError), match=match):
        call(*batch())
