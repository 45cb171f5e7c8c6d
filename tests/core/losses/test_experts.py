"""Losses of experts: the naive formula, the specification's examples, invariants, bad input."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.counts import rarest
from mmlt.core.losses import (
    BalancedSoftmaxLoss,
    BalPoELoss,
    NCLLoss,
    ResLTLoss,
    RIDEDistillLoss,
    RIDELoss,
    SADELoss,
    SHIKELoss,
)
from mmlt.core.losses.experts import diversity_temperatures, expert_divergence, reversed_prior
from mmlt.core.losses.nested import hard_classes, mutual_divergence

TOY = [100, 10, 1]
COUNTS = [60, 200, 7, 7, 1]


def close(value, expected, digits=6):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(torch.as_tensor(value).double(), expected, rtol=0, atol=10**-digits)


def batch(c=5, experts=3, size=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(experts, size, c, generator=g, dtype=torch.float64)
    return z, torch.randint(c, (size, ), generator=g)


def log_softmax(z):
    z = z - z.max()
    return z - np.log(np.exp(z).sum())


def ce(z, y):
    return -log_softmax(z)[y]


def naive_ride(z, y, n, f, eta, late):
    z, n, (experts, size, c) = z.numpy(), np.array(n, float), z.shape
    margins = 30 * 0.5 * (n.min() / n)**0.25
    w = (1 - 0.9999) / (1 - 0.9999**n) if late else np.ones(c)
    w *= c / w.sum()
    t = np.array([c * x / n.sum() * eta + 1 - eta for x in n]) if late else np.ones(c)
    t /= t.max()
    total = 0
    for e in range(experts):
        losses = [w[y[i]] * ce(z[e, i] - margins * (np.arange(c) == int(y[i])), y[i]) for i in range(size)]
        total += sum(losses) / sum(w[y])
        for i in range(size):
            mean, own = log_softmax(z[:, i].mean(0) / t), log_softmax(z[e, i] / t)
            total += f * t.mean()**2 * (np.exp(mean) * (mean - own)).sum() / size
    return total


def naive_balpoe(z, y, n, taus):
    prior = np.log(np.array(n) / sum(n) + 1e-9)
    return np.mean([[ce(z[e, i].numpy() + tau * prior, y[i]) for i in range(len(y))] for e, tau in enumerate(taus)])


def naive_sade(z, y, n, tau):
    n, order = np.array(n, float), np.argsort(n, kind='stable')
    inverse = np.empty_like(n)
    inverse[order] = n[order][::-1]
    prior, inverse = np.log(n / n.sum() + 1e-9), np.log(inverse / n.sum() + 1e-9)
    shifts = np.zeros_like(n), prior, prior - tau * inverse
    return sum(np.mean([ce(z[e, i].numpy() + shifts[e], y[i]) for i in range(len(y))]) for e in range(3))


def naive_reslt(z, y, beta, medium, rare):
    own = [ce(z[0, i].numpy(), c) for i, c in enumerate(y)]
    own += [ce(z[1, i].numpy(), c) for i, c in enumerate(y) if int(c) in medium]
    own += [ce(z[2, i].numpy(), c) for i, c in enumerate(y) if int(c) in rare]
    return beta * np.mean(own) + (1 - beta) * np.mean([ce(z[:, i].sum(0).numpy(), c) for i, c in enumerate(y)])


@given(st.integers(0, 99), st.sampled_from([0., 0.3, 0.995]))
@settings(max_examples=15, deadline=None)
def test_reslt(seed, beta):
    z, y = batch(seed=seed)
    loss = ResLTLoss(class_counts=COUNTS, beta=beta, shares=(0.8, 0.4))
    expected = naive_reslt(z, y, beta, {0, 2, 3, 4}, {3, 4})
    close(loss(z, y), expected, 9)
    close(loss(z, F.one_hot(y, 5).double()), expected, 9)
    again = ResLTLoss(class_counts=COUNTS, beta=beta, shares=(0.8, 0.4), reduction='none')
    close(again(z, y).mean(), expected, 9)
    if beta == 0:
        close(loss(z, y), F.cross_entropy(z.sum(0), y), 9)


def test_reslt_takes_the_rarest_classes():
    assert rarest(torch.tensor(COUNTS), 2).tolist() == [False, False, False, True, True]
    assert rarest(torch.tensor([5, 5, 5, 5]), 2).tolist() == [False, False, True, True]
    assert not rarest(torch.tensor(COUNTS), 0).any() and rarest(torch.tensor(COUNTS), 5).all()
    z, y = batch()
    mixed = 0.3 * F.one_hot(y, 5).double() + 0.7 * F.one_hot(y.flip(0), 5)
    m, r = (rarest(torch.tensor(COUNTS), number).double() for number in (3, 2))  # 0.65 and 0.3 of five
    own = -sum((row * x.log_softmax(1)).sum() for row, x in zip((mixed, mixed * m, mixed * r), z))
    fused = -(mixed * z.sum(0).log_softmax(1)).sum(1).mean()
    close(ResLTLoss(class_counts=COUNTS)(z, mixed),
          0.995 * own / sum(row.sum() for row in (mixed, mixed * m, mixed * r)) + 0.005 * fused, 9)
    for call, message in ((lambda: ResLTLoss(shares=(0.3, 0.6)), 'is part of the first'),
                          (lambda: ResLTLoss(shares=(0.3, )), 'expected two'),
                          (lambda: ResLTLoss(beta=2), 'beta must be a number'),
                          (lambda: ResLTLoss(class_counts=COUNTS)(z[:2], y), 'is for 3 branches')):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize('late', [False, True])
@pytest.mark.parametrize('f', [-0.45, -0.2, 0.])
def test_ride(late, f):
    z, y = batch()
    loss = RIDELoss(diversity=f, temperatures=late, class_counts=COUNTS)
    close(loss(z, y), naive_ride(z, y, COUNTS, f, 0.05, late), 9)


@pytest.mark.parametrize('late', [False, True])
def test_ride_distilled(late):
    z, y = batch()
    teacher = 3 * torch.randn(len(y), 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    own = RIDEDistillLoss(class_counts=COUNTS, diversity=-0.2, distill_temperature=1.5, distill_weight=0.7,
                          temperatures=late)
    kl = 0
    for i in range(len(y)):
        t, s = log_softmax(teacher[i].numpy() / 1.5), log_softmax(z[:, i].mean(0).numpy() / 1.5)
        kl += 1.5**2 * (np.exp(t) * (t - s)).sum() / len(y)
    close(own(z, y, teacher), 3 * (naive_ride(z, y, COUNTS, -0.2, 0.05, late) + 0.7 * kl), 9)
    alone = RIDEDistillLoss(class_counts=COUNTS, diversity=-0.2, temperatures=late, distill_weight=0.)
    close(alone(z, y, teacher), 3 * naive_ride(z, y, COUNTS, -0.2, 0.05, late), 9)
    with pytest.raises(ValueError, match='teacher_logits have shape'):
        own(z, y, teacher[:, :4])


def test_ride_examples():
    z, y = torch.tensor([[[2., 0., -1.]], [[1., 1., 0.]]], dtype=torch.float64), torch.tensor([0])
    n = torch.tensor(TOY, dtype=torch.float64)
    close(diversity_temperatures(n, 0.05), [1, .887920, .876712])
    mean = torch.log_softmax(z.mean(0), -1)
    close((mean.exp() * (mean - z.log_softmax(-1))).sum((1, 2)), [.096999, .119630])
    close(expert_divergence(z, 1), [.096999 + .119630], 5)
    close(expert_divergence(z, diversity_temperatures(n, 0.05)), [.110301 + .136499], 5)
    close(RIDELoss(diversity=-0.45, temperatures=False, class_counts=TOY)(z, y), 8.068191)
    close(RIDELoss(diversity=-0.45, class_counts=TOY)(z, y), 8.071356)


@given(st.integers(0, 99), st.booleans())
@settings(max_examples=15, deadline=None)
def test_ride_invariants(seed, late):
    z, y = batch(seed=seed)
    loss = RIDELoss(temperatures=late, class_counts=COUNTS)
    close(loss(z[[2, 0, 1]], y), loss(z, y), 9)
    close(expert_divergence(z[:1].expand(3, -1, -1), 0.7), torch.zeros(6), 12)
    z.requires_grad_()
    plain = RIDELoss(max_margin=0, diversity=0, temperatures=False, class_counts=COUNTS)(z, y)
    close(plain, sum(F.cross_entropy(e, y) for e in z), 9)


def test_ride_mean_is_detached():
    """The gradient of the divergence towards expert e is T (softmax(z_e / T) - softmax(mean / T)), class by class."""
    z, _ = batch(size=1)
    z.requires_grad_()
    grad = torch.autograd.grad(expert_divergence(z, 0.5).sum(), z)[0]
    mean = (z.detach().mean(0) / 0.5).softmax(-1)
    close(grad, ((z / 0.5).softmax(-1) - mean) / 0.5, 9)


@pytest.mark.parametrize('tau', [1, 2])
def test_sade(tau):
    z, y = batch()
    close(SADELoss(tau=tau, class_counts=COUNTS)(z, y), naive_sade(z, y, COUNTS, tau), 9)


def test_sade_and_balpoe_examples():
    z, y = torch.tensor([1, .5, .2], dtype=torch.float64).expand(3, 1, 3), torch.tensor([2])
    close(reversed_prior(torch.tensor([100., 10, 1])), torch.tensor([1., 10, 100]) / 111)
    close(SADELoss(class_counts=TOY)(z, y), 1.520694 + 5.468282 + 14.616117, 5)
    close(SADELoss(class_counts=TOY)(z, y), 21.605094, 5)
    close(BalPoELoss(class_counts=TOY)(z, y), (1.520694 + 5.468282 + 10.016432) / 3, 5)
    close(BalPoELoss(class_counts=TOY)(z, y), 5.668469, 5)


@pytest.mark.parametrize('taus', [(0., 1., 2.), (1., 1.), (0.5, 1., 1., 1.5)])
def test_balpoe(taus):
    z, y = batch(experts=len(taus))
    loss = BalPoELoss(taus=taus, class_counts=COUNTS)
    close(loss(z, y), naive_balpoe(z, y, COUNTS, taus), 9)
    other = (y + 1) % 5
    soft = 0.3 * F.one_hot(y, 5).double() + 0.7 * F.one_hot(other, 5).double()
    close(loss(z, soft), 0.3 * loss(z, y) + 0.7 * loss(z, other), 9)


def test_balpoe_limits_and_one_expert():
    z, y = batch(experts=5)
    close(BalPoELoss(taus='limits', class_counts=COUNTS)(z, y), naive_balpoe(z, y, COUNTS, [0, .5, 1, 1.5, 2]), 9)
    one = BalPoELoss(taus='limits', eps=0, class_counts=COUNTS)(z[:1], y)
    close(one, BalancedSoftmaxLoss(class_counts=COUNTS)(z[0], y), 9)


def naive_ncl(z, y, n, hard, factor, mask):
    z, total = z.numpy(), 0
    for i, label in enumerate(y.tolist()):
        order = sorted(range(len(n)), key=lambda c: (c != label, -z[0, i, c]))
        kept = order[:hard]
        for part in ('all', 'hard'):
            rows = []
            for expert in z[:, i]:
                row = expert + np.log(n)
                if part == 'hard':
                    row = np.array([row[c] if c in kept else (0. if mask == 'zero' else -1e9) for c in range(len(n))])
                rows.append(log_softmax(row))
            total -= sum(row[label] for row in rows)
            for a, left in enumerate(rows):
                for b, right in enumerate(rows):
                    if a != b:
                        total += factor * (np.exp(right) * (right - left)).sum() / (len(rows) - 1)
    return total / len(y)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.sampled_from(['zero', 'neginf']), st.integers(0, 99))
def test_ncl(experts, hard, mask, seed):
    z, y = batch(experts=experts, seed=seed)
    loss = NCLLoss(hard=hard, mask=mask, distillation=0.7, class_counts=COUNTS)
    close(loss(z, y), naive_ncl(z, y, COUNTS, hard, 0.7, mask), 8)


def test_ncl_examples():
    z, y = torch.tensor([[[2., 0, -1]], [[1, 1, 0]]]), torch.tensor([0])
    close(0.6 * mutual_divergence(z + torch.tensor([100., 10, 1]).log()), [.096122])
    four = torch.tensor([[[2., 1, -3, -4]]])
    for mask, expected in (('zero', .493812), ('neginf', .313262)):
        loss = NCLLoss(class_counts=[1] * 4, hard=2, distillation=0, mask=mask)
        close(loss(four, y) - F.cross_entropy(four[0], y), expected)
    assert hard_classes(four[0], torch.tensor([3]), 2).tolist() == [[True, False, False, True]]
    assert hard_classes(four[0], torch.tensor([[0., .3, 0, .7]]), 1).tolist() == [[False, True, False, True]]
    whole = NCLLoss(class_counts=COUNTS, hard=5, distillation=0)(*batch())
    close(whole, 2 * sum(BalancedSoftmaxLoss(class_counts=COUNTS)(z, batch()[1]) for z in batch()[0]), 9)
    z, y = batch()
    share, number = (NCLLoss(class_counts=COUNTS, hard=hard)(z, y) for hard in (0.4, 2))
    assert share == number


def naive_shike(z, y, suppression, mutual):
    experts, size, c = z.shape
    total = 0
    for i in range(size):
        others = [k for k in range(c) if k != y[i]]
        mean, best = z[:, i].mean(0), z[:, i].max(0)
        hardest = max(others, key=lambda k: mean[k])
        teacher = log_softmax(np.array([mean[k] if k == hardest else best[k] for k in others]))
        for e in range(experts):
            student = log_softmax(z[e, i, others])
            total += ce(z[e, i], y[i]) + suppression * sum(np.exp(teacher) * (teacher - student))
            for j in range(experts):
                p, q = log_softmax(z[j, i]), log_softmax(z[e, i])
                total += mutual * sum(np.exp(p) * (p - q))
    return total / size


@given(experts=st.integers(2, 4), c=st.integers(2, 7), suppression=st.floats(0, 20), mutual=st.floats(0, 2))
@settings(max_examples=15, deadline=None)
def test_shike(experts, c, suppression, mutual):
    z, y = batch(c, experts)
    loss = SHIKELoss(class_counts=[3] * c, suppression=suppression, mutual=mutual)
    close(loss(z, y), naive_shike(z.numpy(), y.numpy(), suppression, mutual), 9)
    close(loss(z, F.one_hot(y, c).double()), loss(z, y), 9)


def test_shike_mixed_targets():
    """No class of a mixed image is a rival; an image of all classes has no rivals at all."""
    z, _ = batch(4, 2, 2)
    z.requires_grad_()
    rows = torch.tensor([[0.5, 0.5, 0, 0], [0.25] * 4])
    value = SHIKELoss(class_counts=[1] * 4, mutual=0)(z, rows)
    plain = SHIKELoss(class_counts=[1] * 4, mutual=0, suppression=0)(z, rows)
    grad, expected = (torch.autograd.grad(x, z)[0] for x in (value, plain))
    torch.testing.assert_close(grad[:, 1], expected[:, 1])
    torch.testing.assert_close(grad[:, 0, :2], expected[:, 0, :2])
    assert not torch.equal(grad[:, 0, 2:], expected[:, 0, 2:])


LOSSES = [RIDELoss, SADELoss, BalPoELoss, NCLLoss, SHIKELoss]


@pytest.mark.parametrize('kind', LOSSES)
def test_reduction_and_precision(kind):
    z, y = batch()
    loss = kind(class_counts=COUNTS)
    z = z.float().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(loss(z.bfloat16(), y), loss(z.detach(), y), rtol=0.02, atol=0)
    for factor in (1, 1e4):
        value = loss(factor * z, y)
        grad, = torch.autograd.grad(value, z)
        assert value.isfinite() and grad.isfinite().all()
    if kind is not RIDELoss:  # whose mean is over class weights
        each = loss(z, y, reduction_override='none')
        torch.testing.assert_close(each.mean(), loss(z, y))
        torch.testing.assert_close(each.sum() / 4, loss(z, y, avg_factor=4))
    compiled = torch.compile(loss, backend='eager', fullgraph=True)
    torch.testing.assert_close(compiled(z, y), loss(z, y))


@pytest.mark.parametrize('kind', LOSSES)
def test_state_is_the_counts(kind):
    z, y = batch()
    loss, other = kind(class_counts=COUNTS), kind()
    assert list(loss.state_dict()) == ['class_counts']
    if kind is not SHIKELoss:
        with pytest.raises(RuntimeError, match='no class counts'):
            other(z, y)
    other.load_state_dict(loss.state_dict())
    assert other(z, y) == loss(z, y)
    with pytest.raises(ValueError, match=r'takes logits \(E, N, C\).*MultiExpertClsHead'):
        loss(z[0], y)


@pytest.mark.parametrize('build, message', [
    (lambda: BalPoELoss(taus=(0., 1.)), r'taus=\(0.0, 1.0\) have the mean 0.5, expected 1.*test_prior'),
    (lambda: BalPoELoss(taus='limit'), "or 'limits', got 'limit'"),
    (lambda: BalPoELoss(taus=(0., float('nan'), 2.)), 'taus must be a number'),
    (lambda: BalPoELoss(taus=(0., 2.), class_counts=COUNTS)(*batch()),
     'are 2, the logits are of 3 experts.*num_experts=2'),
    (lambda: SADELoss(class_counts=COUNTS)(*batch(experts=2)), '3 experts, the logits are of 2; set num_experts=3'),
    (lambda: SADELoss(tau=-1), 'tau must be a number'),
    (lambda: NCLLoss(mask='inf'), "mask='inf'; expected 'neginf' or 'zero'"),
    (lambda: NCLLoss(hard=0), r'hard must be a number in \(0, inf\), got 0'),
    (lambda: SHIKELoss(mutual=-1), 'mutual must be a number'),
    (lambda: RIDELoss(reweight_factor=1.), 'reweight_factor must be a number'),
    (lambda: RIDELoss(diversity='a'), 'diversity must be a number'),
])
def test_bad_input(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_test_prior_allows_any_mean():
    assert BalPoELoss(taus=(0., 1.), test_prior=[1, 1, 2]).taus == (0., 1.)
