"""Contrastive losses beside naive loops in float64, the papers' properties, and what must not break them."""
import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mmlt.core.contrast import (
    BalancedContrastiveLoss,
    GaussianMixtureLoss,
    KPositiveLoss,
    PaCoLoss,
    ProCoLoss,
    PrototypicalContrastiveLoss,
    SupConLoss,
    TargetedContrastiveLoss,
    cumulative_weight,
)
from mmlt.core.contrast.k_positive import draw_positives, uniform_targets

D, C, COUNTS = 8, 4, [100., 30., 10., 3.]


def circle(*degrees):
    angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], 1)


def sphere(*shape, seed=0, dtype=torch.float64):
    return F.normalize(torch.randn(*shape, D, generator=torch.Generator().manual_seed(seed), dtype=dtype), dim=-1)


def close(got, expected, tol=1e-6):
    expected = torch.as_tensor(expected, dtype=got.dtype)
    torch.testing.assert_close(got, expected, rtol=0, atol=tol)


# the papers' formulas, loop by loop

def naive_sup_con(f, labels, t):
    losses = []
    for i in range(len(f)):
        others = [k for k in range(len(f)) if k != i]
        positives = [k for k in others if labels[k] == labels[i]]
        if positives:
            total = sum((f[i] @ f[k] / t).exp() for k in others)
            losses.append(-sum(((f[i] @ f[p] / t).exp() / total).log() for p in positives) / len(positives))
    return sum(losses) / max(len(losses), 1)


def naive_bcl(f, labels, prototypes, t):
    losses = []
    for i in range(len(f)):
        total = 0
        for c, prototype in enumerate(prototypes):
            members = [f[k] for k in range(len(f)) if labels[k] == c and k != i] + [prototype]
            total = total + sum((f[i] @ m / t).exp() for m in members) / len(members)
            if c == labels[i]:
                positives = members
        losses.append(-sum(((f[i] @ p / t).exp() / total).log() for p in positives) / len(positives))
    return sum(losses) / len(losses)


def naive_gml(q, labels, keys, key_labels, t, counts, skip=lambda i, k: False):
    losses = []
    prior = torch.tensor(counts, dtype=q.dtype)
    prior = prior / prior.sum()
    for i in range(len(q)):
        joint = {}
        for c in range(len(counts)):
            members = [k for k in range(len(keys)) if key_labels[k] == c]
            members = [k for k in members if not skip(i, k)] or members
            if members:
                joint[c] = prior[c] * sum((q[i] @ keys[k] / t).exp() for k in members) / len(members)
        if int(labels[i]) in joint:
            losses.append(-(joint[int(labels[i])] / sum(joint.values())).log())
    return sum(losses) / max(len(losses), 1)


def naive_paco(f, labels, logits, keys, key_labels, t, counts, alpha):
    losses = []
    for i in range(len(f)):
        terms = [(z + math.log(n / sum(counts)), float(c == labels[i]))
                 for c, (z, n) in enumerate(zip(logits[i], counts))]
        terms += [(f[i] @ f[k] / t, alpha * float(labels[k] == labels[i])) for k in range(len(f)) if k != i]
        terms += [(f[i] @ k / t, alpha * float(c == labels[i])) for k, c in zip(keys, key_labels) if c >= 0]
        total = sum(x.exp() for x, _ in terms)
        losses.append(-sum(w * (x.exp() / total).log() for x, w in terms) / sum(w for _, w in terms))
    return sum(losses) / len(losses)


def naive_kcl(f, own, labels, keys, key_labels, t, positive=None, target=None, targets=(), target_weight=0):
    losses = []
    for i in range(len(f)):
        terms = [(f[i] @ own[i] / t, 1.)]
        terms += [(f[i] @ keys[k] / t, float(key_labels[k] == labels[i] if positive is None else positive[i][k]))
                  for k in range(len(keys)) if key_labels[k] >= 0]
        number = sum(w for _, w in terms)
        terms += [(f[i] @ x / t, target_weight * float(j == target[labels[i]])) for j, x in enumerate(targets)]
        total = sum(x.exp() for x, _ in terms)
        losses.append(-sum(w * (x.exp() / total).log() for x, w in terms) / (number + (len(targets) > 0)))
    return sum(losses) / len(losses)


def views(labels, seed=0):
    labels = torch.tensor(labels)
    return sphere(len(labels), 2, seed=seed).requires_grad_(), labels


def targeted(targets, t):
    loss = TargetedContrastiveLoss(C, targets.size(1), t, target_weight=0.3).eval()
    loss.targets = targets
    loss.assign(torch.tensor([2, 0, 3, 1]))
    return loss


BATCH = st.lists(st.integers(0, C - 1), min_size=1, max_size=6)


@settings(max_examples=30, deadline=None)
@given(BATCH, st.integers(0, 99), st.sampled_from([0.07, 0.3, 1.0]))
def test_formulas(labels, seed, t):
    f, y = views(labels, seed)
    g = f.detach().clone().requires_grad_()
    flat, flat_y = g.flatten(0, 1), y.repeat_interleave(2)
    prototypes, keys = sphere(C, seed=seed + 1), sphere(7, seed=seed + 2)
    key_labels = torch.tensor([0, 0, 0, 1, 1, 3, 3])  # no key of class 2
    cases = [
        (SupConLoss(t)(f, y), naive_sup_con(flat, flat_y, t)),
        (BalancedContrastiveLoss(t)(f, y, prototypes), naive_bcl(flat, flat_y, prototypes, t)),
        (PrototypicalContrastiveLoss(t)(f[:, 0], y, prototypes * 3),
         sum(-(g[i, 0] @ prototypes[c] / t) + torch.stack([g[i, 0] @ prototypes[k] / t for k in range(C)
                                                           if k != c]).exp().sum().log()
             for i, c in enumerate(labels)) / len(labels)),
        (GaussianMixtureLoss(t, class_counts=COUNTS)(f[:, 0], y, keys, key_labels),
         naive_gml(g[:, 0], y, keys, key_labels, t, COUNTS)),
        (PaCoLoss(t, 0.3, class_counts=COUNTS)(f[:, 0], y, f[:, 1, :C], keys, key_labels - 1),
         naive_paco(g[:, 0], y, g[:, 1, :C], keys, key_labels - 1, t, COUNTS, 0.3)),  # the first three are empty
        (KPositiveLoss(t).eval()(f[:, 0], y, f[:, 1], keys, key_labels - 1),
         naive_kcl(g[:, 0], g[:, 1], y, keys, key_labels - 1, t)),
        (targeted(prototypes, t)(f[:, 0], y, f[:, 1], keys, key_labels),
         naive_kcl(g[:, 0], g[:, 1], y, keys, key_labels, t, None, [2, 0, 3, 1], prototypes, 0.3)),
    ]
    for value, expected in cases:
        close(value, expected, 1e-9)
        if expected is not None and torch.is_tensor(expected) and expected.requires_grad:
            close(torch.autograd.grad(value, f, allow_unused=True)[0],
                  torch.autograd.grad(expected, g, retain_graph=True)[0], 1e-8)


# the figures of the literature, on the unit circle

def test_sup_con_on_the_circle():
    loss = SupConLoss(0.5, reduction='none')
    values = loss(circle(0, 30, 90, 120).view(2, 2, 2), torch.tensor([0, 1]))
    close(values.flatten(), [.216729, .505517, .505517, .216729])
    close(loss(circle(0, 30, 90, 120)[:, None], torch.tensor([0, 0, 0, 1]))[:, 0], [1.082754, .871543, 1.737568, 0])
    close(SupConLoss(0.5)(circle(0, 30, 90, 120)[:, None], torch.tensor([0, 0, 0, 1])), 3.691865 / 3)
    alpha = cumulative_weight(50, 200)  # Hybrid-SC in epoch 50 of 200, beside a cross entropy of 0.5
    close(alpha * values.mean() + (1 - alpha) * 0.5, .369803)


def test_prototypes_on_the_circle():
    query, label = circle(30), torch.tensor([0])
    for factor in (1, 7):
        close(PrototypicalContrastiveLoss(0.5)(query, label, factor * circle(10, 100, 200)), -1.127319)
        close(PrototypicalContrastiveLoss(0.5, include_positive=True)(query, label, factor * circle(10, 100, 200)),
              0.280582)


def test_bcl_on_the_circle():
    loss = BalancedContrastiveLoss(0.5, reduction='none')
    values = loss(circle(0, 30, 90, 120).view(2, 2, 2), torch.tensor([0, 1]), circle(10, 100, 200))
    close(values.flatten(), [.130755, .291123, .303927, .291102])
    close(BalancedContrastiveLoss(0.5)(circle(0, 30, 90, 120).view(2, 2, 2), torch.tensor([0, 1]),
                                       circle(10, 100, 200)), .254227)


def test_gml_on_the_circle():
    keys = circle(30), circle(0, 30, 90, 120), torch.tensor([0, 0, 1, 2])
    loss = GaussianMixtureLoss(0.1, class_counts=[100, 10, 2])
    for label, expected in ((0, .001069), (2, 13.452573)):
        close(loss(keys[0], torch.tensor([label]), *keys[1:]), expected)
    learnt = GaussianMixtureLoss(0.1, learn_temperature=True, class_counts=[100, 10, 2])
    index = dict(query_index=torch.tensor([5]), key_index=torch.tensor([1, 5, 2, 3]))
    close(learnt(keys[0], torch.tensor([0]), *keys[1:], **index), .001069 + .002573, 2e-6)


# what holds for any numbers

def test_rotations_and_permutations_change_nothing():
    f, y = views([0, 0, 1, 3])
    turn = torch.linalg.qr(torch.randn(D, D, generator=torch.Generator().manual_seed(3), dtype=torch.float64)).Q
    order, prototypes = torch.tensor([2, 0, 3, 1]), sphere(C, seed=5)
    new = order.argsort()  # class c becomes new[c]
    close(SupConLoss()(f @ turn, y), SupConLoss()(f, y), 1e-10)
    loss = BalancedContrastiveLoss()
    close(loss(f @ turn, y, prototypes @ turn), loss(f, y, prototypes), 1e-10)
    close(loss(f, new[y], prototypes[order]), loss(f, y, prototypes), 1e-10)
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    a, b = (ProCoLoss(D, class_counts=n) for n in (counts, counts[order]))
    close(a(f, y), ProCoLoss(D, class_counts=counts)(f @ turn, y), 1e-9)
    close(a(f, y), (b(f, new[y]), b(f, new[y]))[1], 1e-9)


def test_equal_views_of_one_class():
    f = sphere(1).expand(5, 2, D)
    close(SupConLoss()(f, torch.zeros(5, dtype=torch.long)), math.log(9), 1e-9)


def test_a_doubled_negative_class_weighs_the_same():
    """Twice every member of class 1: its mean stays; it has no anchors here."""
    f, prototypes = sphere(3), sphere(2, seed=1)
    loss = BalancedContrastiveLoss(0.3, reduction='none')
    once = loss(torch.cat([f, prototypes[1:]])[:, None], torch.tensor([0, 0, 0, 1]), prototypes)
    more = loss(torch.cat([f, prototypes[1:].repeat(3, 1)])[:, None], torch.tensor([0, 0, 0, 1, 1, 1]), prototypes)
    close(once[:3], more[:3], 1e-10)


def test_gml_of_equal_keys_is_the_prior():
    keys = sphere(1).expand(C, D)
    loss = GaussianMixtureLoss(0.05, class_counts=COUNTS)
    for y in range(C):
        value = loss(sphere(1, seed=2), torch.tensor([y]), keys, torch.arange(C))
        close(value, -math.log(COUNTS[y] / sum(COUNTS)), 1e-9)


def test_gml_of_doubled_keys():
    q, y, keys, labels = sphere(5), torch.tensor([0, 1, 2, 3, 0]), sphere(C, seed=1), torch.arange(C)
    loss = GaussianMixtureLoss(0.1, class_counts=COUNTS)
    once = loss(q, y, keys, labels)
    close(loss(q, y, torch.cat([keys, keys[1:2]]), torch.tensor([0, 1, 2, 3, 1])), once, 1e-10)
    close(loss(q, y, torch.cat([keys, -keys]), labels.repeat(2), keep=torch.arange(2 * C) < C), once, 1e-10)


def test_gml_learns_its_temperature_from_other_images():
    q, y, keys, labels = sphere(4).requires_grad_(), torch.tensor([0, 1, 2, 3]), sphere(9, seed=1), torch.tensor(
        [0, 0, 0, 1, 1, 2, 2, 3, 3])
    query_index, key_index = torch.tensor([5, 7, 9, 11]), torch.tensor([5, 6, 5, 7, 8, 0, 1, 11, 11])
    loss = GaussianMixtureLoss(0.1, learn_temperature=True, class_counts=COUNTS)
    value = loss(q, y, keys, labels, query_index=query_index, key_index=key_index)
    plain = naive_gml(q, y, keys, labels, 0.1, COUNTS)
    t = torch.tensor(0.1).double().requires_grad_()
    rest = naive_gml(q.detach(), y, keys, labels, t, COUNTS, lambda i, k: query_index[i] == key_index[k])
    close(value, plain + rest, 1e-6)
    to_q, to_t = torch.autograd.grad(value, [q, loss.log_temperature])
    close(to_q, torch.autograd.grad(plain, q)[0], 1e-6)
    close(to_t, torch.autograd.grad(rest, t)[0].view(1) * 0.1, 1e-6)


@pytest.mark.parametrize(('start', 'stop'), [(0.5, 5.0), (0.5, 1e-4)])
def test_the_temperature_is_bounded(start, stop):
    loss = GaussianMixtureLoss(start, learn_temperature=True, class_counts=COUNTS)
    torch.nn.init.constant_(loss.log_temperature, math.log(stop))
    bound = GaussianMixtureLoss(min(max(stop, .01), 1), class_counts=COUNTS)
    args = sphere(4), torch.arange(C), sphere(C, seed=1), torch.arange(C)
    index = dict(query_index=torch.arange(4), key_index=torch.arange(10, 14))
    torch.nn.init.constant_(loss.eval().log_temperature, math.log(stop))
    close(loss(*args, **index), 2 * bound(*args), 1e-5)
    assert loss.log_temperature.exp().item() == pytest.approx(stop)  # evaluation changes nothing
    value = loss.train()(*args, **index)
    close(value, 2 * bound(*args), 1e-5)
    assert loss.log_temperature.exp().item() == pytest.approx(min(max(stop, .01), 1))
    grad, = torch.autograd.grad(value, loss.log_temperature)
    assert grad != 0  # a way back


def test_paco_of_three_classes():
    anchor, keys = torch.tensor([[1., 0]]), torch.tensor([[.8, 0], [.1, 0], [-.2, 0]])
    args = torch.tensor([1]), torch.tensor([[1, .5, -.5]])
    loss = PaCoLoss(0.2, 0.05, class_counts=[100, 10, 1])
    close(loss(anchor, *args, keys, torch.arange(3)), 5.873548, 1e-5)
    balanced = F.cross_entropy(args[1] + torch.tensor([100., 10, 1]).log(), args[0])
    alone = PaCoLoss(0.2, 0., class_counts=[100, 10, 1])
    close(alone(anchor, *args, keys[:0], torch.arange(0)), balanced)
    close(alone(anchor, *args, keys, torch.full((3, ), -1)), balanced)
    assert alone(anchor, *args, keys, torch.arange(3)) > balanced  # keys remain below the line


def test_as_many_positives_of_frequent_as_of_rare_classes():
    keys, key_labels = sphere(40, seed=1), torch.tensor([0] * 30 + [1] * 5 + [2] + [-1] * 4)
    f, own, y = sphere(3, seed=2), sphere(3, seed=3), torch.arange(3)
    positive = draw_positives(y[:, None] == key_labels, 4, torch.Generator().manual_seed(0))
    assert positive.sum(1).tolist() == [4, 4, 1]
    assert (key_labels.expand(3, -1)[positive] == torch.tensor([0] * 4 + [1] * 4 + [2])).all()
    seen = sum(draw_positives(y[:1, None] == key_labels, 4, torch.Generator().manual_seed(s)) for s in range(600))
    assert seen[0, :30].min() > 40 and seen[0, 30:].max() == 0  # 80 times each, on average
    loss = KPositiveLoss(0.5, k=4)
    first, second = loss(f, y, own, keys, key_labels), loss(f, y, own, keys, key_labels)
    assert first != second
    drawn = draw_positives(y[:, None] == key_labels, 4, KPositiveLoss().draws.generator('cpu'))
    close(first, naive_kcl(f, own, y, keys, key_labels, 0.5, drawn), 1e-12)
    close(KPositiveLoss(0.5)(f, y, own, keys, -torch.ones_like(key_labels)), torch.tensor(0.))  # nothing to tell from


def test_targets_lie_far_apart():
    simplex = uniform_targets(10, 16)
    close(simplex @ simplex.t(), 10 / 9 * torch.eye(10) - 1 / 9, 1e-6)
    assert uniform_targets(1, 4).norm() == 1
    square = uniform_targets(4, 2)
    near = (square @ square.t()).fill_diagonal_(-1).amax(1)
    close(near, torch.zeros(4), 1e-3)  # the corners of a square
    many = uniform_targets(40, 8)
    random = F.normalize(torch.randn(40, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    nearest = [(x @ x.t()).fill_diagonal_(-1).max().item() for x in (many, random)]
    assert nearest[0] < 0.6 < nearest[1] and many.equal(uniform_targets(40, 8))


@pytest.mark.parametrize('classes', [3, 2 * D])
def test_targets_are_made_when_they_are_asked_for(classes):
    """A simplex, and, of more classes than dimensions, by descent, though nothing around it takes a gradient."""
    loss = TargetedContrastiveLoss(classes, D)
    keys, key_labels = sphere(2, dtype=torch.float32), torch.tensor([0, 2])
    similarity = loss.similarity(keys, key_labels)
    close(loss.targets, uniform_targets(classes, D))
    assert not loss.targets.requires_grad and not similarity.requires_grad
    close(similarity[[0, 2]], keys @ loss.targets.t(), 1e-6)


def test_centers_follow_their_classes():
    loss = TargetedContrastiveLoss(3, D)
    keys, key_labels = sphere(4, dtype=torch.float32), torch.tensor([2, 2, -1, 0])
    with torch.autocast('cpu', torch.bfloat16):
        similarity = loss.similarity(keys, key_labels)
    mean = F.normalize(keys[:2].sum(0), dim=0)
    close(similarity, torch.stack([keys[3], torch.zeros(D), mean]) @ loss.targets.t(), 1e-6)
    f = F.normalize(torch.arange(16.).view(2, D), dim=1)
    loss(f, torch.tensor([1, 1]), f, keys, key_labels)
    first = F.normalize(f.sum(0), dim=0)
    close(loss.centers, torch.stack([torch.zeros(D), first, torch.zeros(D)]), 1e-6)
    loss(f[:1], torch.tensor([1]), f[:1], keys, key_labels)
    close(loss.centers[1], F.normalize(0.9 * first + 0.1 * f[0], dim=0), 1e-6)
    state = copy.deepcopy(loss.state_dict())
    loss.eval()(f, torch.tensor([0, 2]), f, keys, key_labels)
    assert all(x.equal(state[key]) for key, x in loss.state_dict().items())


# what must not break them

def calls(f, y, t=0.1):
    """Every loss, and its arguments, on views (N, 2, D)."""
    keys, prototypes = sphere(C, seed=8, dtype=torch.float32), sphere(C, seed=9, dtype=torch.float32)
    keys, prototypes = keys * f.detach().abs().max(), prototypes * f.detach().abs().max()
    index = torch.arange(len(y)), torch.arange(C)
    return {
        'sup_con': (SupConLoss(t), f, y),
        'bcl': (BalancedContrastiveLoss(t), f, y, prototypes),
        'psc': (PrototypicalContrastiveLoss(t), f[:, 0], y, prototypes),
        'gml': (GaussianMixtureLoss(t, class_counts=COUNTS), f[:, 0], y, keys, torch.tensor([0, 0, 1, 1])),
        'gml_t': (GaussianMixtureLoss(t, True, class_counts=COUNTS), f[:, 0], y, keys, torch.arange(C), *index),
        'proco': (ProCoLoss(D, t, class_counts=COUNTS), f, y),
        'kcl': (KPositiveLoss(t).eval(), f[:, 0], y, f[:, 1], keys, torch.arange(-1, C - 1)),
        'tsc': (targeted(prototypes, t), f[:, 0], y, f[:, 1], keys, torch.arange(-1, C - 1)),
        'paco': (PaCoLoss(t, class_counts=COUNTS), f[:, 0], y, f[:, 1, :C], keys, torch.arange(-1, C - 1)),
    }


def run(loss, *args):
    return loss(*args)


LOSSES = tuple(calls(sphere(1, 2), torch.tensor([0])))


@pytest.mark.parametrize('labels', [[2], [1, 1, 1], [0, 1, 2, 3], [3, 3, 0]])
@pytest.mark.parametrize('scale', [1, 30])  # logits up to 10 and up to 9000
@pytest.mark.parametrize('name', LOSSES)
def test_finite(name, labels, scale):
    f = (scale * sphere(len(labels), 2, dtype=torch.float32)).requires_grad_()
    value = run(*calls(f, torch.tensor(labels))[name])
    assert value.isfinite()
    if value.requires_grad:
        value.backward()
        assert f.grad.isfinite().all()


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast(name, dtype):
    f, y = sphere(6, 2, dtype=torch.float32).to(dtype), torch.tensor([0, 0, 1, 2, 3, 3])
    expected = run(*calls(f.float(), y)[name])
    with torch.autocast('cpu', dtype):
        value = run(*calls(f, y)[name])
    assert value.dtype == torch.float32
    close(value, expected)


def test_a_batch_without_a_loss_is_zero():
    f = sphere(2, 1).requires_grad_()
    value = SupConLoss()(f, torch.tensor([0, 1]))
    value.backward()
    assert value == 0 and not f.grad.any()
    f.grad = None
    value = GaussianMixtureLoss(class_counts=COUNTS)(f[:, 0], torch.tensor([2, 3]), sphere(3), torch.tensor([0, 0, 1]))
    value.backward()
    assert value == 0 and not f.grad.any()


@pytest.mark.parametrize('name', LOSSES)
def test_compile(name):
    f, y = sphere(6, 2, dtype=torch.float32), torch.tensor([0, 0, 1, 2, 3, 3])
    torch.compiler.reset()
    loss, *args = calls(f, y)[name]
    expected = run(*calls(f, y)[name])  # a fresh one: ProCo counts
    close(torch.compile(loss, backend='eager', fullgraph=True)(*args), expected)


@pytest.mark.parametrize(('call', 'words'), [
    (lambda: SupConLoss()(sphere(3), torch.zeros(3, dtype=torch.long)), r'\(3, 8\), expected \(N, V, D\)'),
    (lambda: SupConLoss()(sphere(3, 2), torch.zeros(2, dtype=torch.long)), '3 images'),
    (lambda: PaCoLoss(alpha=-1), r'alpha must be a number in \[0, inf\), got -1'),
    (lambda: PaCoLoss(class_counts=COUNTS)(sphere(2), torch.tensor([0, 4]), sphere(2)[:, :4], sphere(3),
                                           torch.tensor([0, 1, 2])), r'a label is 4.*0 \.\. 3'),
    (lambda: PaCoLoss(class_counts=COUNTS)(sphere(2), torch.tensor([0, 1]), sphere(2)[:, :4], sphere(3),
                                           torch.tensor([0, 1])), r'keys \(3, 8\).*\(2,\); expected \(2, C\)'),
    (lambda: SupConLoss()(sphere(3, 2), torch.zeros(3, 4)), 'mixed labels'),
    (lambda: BalancedContrastiveLoss()(sphere(3, 2), torch.tensor([0, 1, 4]), sphere(4)), r'a label is 4.*0 \.\. 3'),
    (lambda: BalancedContrastiveLoss()(sphere(3, 2), torch.tensor([0, 1, 2]), sphere(4)[:, :5]), r'\(4, 5\)'),
    (lambda: PrototypicalContrastiveLoss()(sphere(3), torch.tensor([0, 0, 0]), sphere(1)), 'C >= 2'),
    (lambda: GaussianMixtureLoss(class_counts=COUNTS)(sphere(1), torch.tensor([-1]), sphere(4), torch.arange(4)),
     'a label is -1'),
    (lambda: GaussianMixtureLoss(class_counts=COUNTS)(sphere(1), torch.tensor([0]), sphere(4), torch.arange(3)),
     'keys'),
    (lambda: GaussianMixtureLoss(class_counts=COUNTS, learn_temperature=True)(
        sphere(1), torch.tensor([0]), sphere(4), torch.arange(4)), 'query_index'),
    (lambda: GaussianMixtureLoss(class_counts=[3, 0]), 'class 1 has the training count 0'),
    (lambda: ProCoLoss(16, class_counts=COUNTS)(sphere(3, 2), torch.tensor([0, 1, 2])), 'expected dim=16'),
    (lambda: ProCoLoss(2), 'dim must be an integer >= 3'),
    (lambda: KPositiveLoss(k=0), 'k must be an integer >= 1'),
    (lambda: KPositiveLoss()(sphere(2), torch.tensor([0, 1]), sphere(1), sphere(3), torch.arange(3)),
     r'views \(1, 8\).*expected \(2, 8\)'),
    (lambda: TargetedContrastiveLoss(2, D)(sphere(1), torch.tensor([2]), sphere(1), sphere(3), torch.arange(3)),
     r'a label is 2.*0 \.\. 1'),
    (lambda: TargetedContrastiveLoss(2, 4)(sphere(1), torch.tensor([1]), sphere(1), sphere(3), torch.arange(3)),
     'targets of dim=4'),
    (lambda: SupConLoss(0), 'temperature must be a number in'),
    (lambda: SupConLoss(reduction='avg'), "'avg'"),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize('loss', [GaussianMixtureLoss(), ProCoLoss(D)])
def test_counts_are_asked_for(loss):
    args = (sphere(1), torch.tensor([0]), sphere(1), torch.tensor([0])) if loss.counted == 'keys' else (
        sphere(1, 2), torch.tensor([0]))
    with pytest.raises(RuntimeError, match='no class counts'):
        loss(*args)
