"""DRO-LT: the naive formula, centers that follow, bad input. Two ranks: test_losses_distributed.py."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from mmlt.core.losses import DROLTLoss

COUNTS = [40, 12, 5, 1]


def batch(seed=0, size=9, dim=3):
    g = torch.Generator().manual_seed(seed)
    return (torch.randn(size, 4, generator=g, dtype=torch.float64), torch.randint(4, (size, ), generator=g),
            torch.randn(size, dim, generator=g, dtype=torch.float64))


def naive(z, y, h, centers, weight, margin, temperature, natural):
    n, classes, robust = np.array(COUNTS, float), sorted(set(y.tolist())), []
    for c in classes:
        far = [np.linalg.norm(x - centers[c]) + margin / n[c]**0.5 * (k == c) for x, k in zip(h, y)]
        e = np.exp(-np.array(far) / temperature)
        robust.append(-np.mean(np.log(e / e.sum())[y == c]))
    ce = np.array([np.log(np.exp(row).sum()) - row[k] for row, k in zip(z, y)])
    return np.average(ce, weights=n[y] if natural else None) + weight * np.mean(robust)


@given(seed=st.integers(0, 99), weight=st.floats(0, 3), margin=st.floats(0, 4), temperature=st.floats(0.3, 3),
       natural=st.booleans())
@how(max_examples=25, deadline=None)
def test_naive(seed, weight, margin, temperature, natural):
    z, y, h = batch(seed)
    settings = dict(weight=weight, margin=margin, temperature=temperature, natural=natural)
    loss = DROLTLoss(class_counts=COUNTS, dim=3, **settings)
    loss.eval().centers.copy_(batch(seed + 1)[2][:4])
    expected = naive(z.numpy(), y.numpy(), h.numpy(), loss.centers.double().numpy(), **settings)
    assert loss(z, y, feats=h).item() == pytest.approx(expected, rel=1e-9)


def test_the_ball_of_a_rare_class_is_larger():
    """Features and centers are alike for both classes: the images of the rare one have the larger loss."""
    z, y, h = torch.zeros(4, 4), torch.tensor([0, 0, 3, 3]), torch.tensor([[1., 0], [-1., 0], [1., 0], [-1., 0]])
    for margin in (0., 2.):
        loss = DROLTLoss(class_counts=COUNTS, dim=2, margin=margin, natural=False, reduction='none').eval()
        values = loss(z, y, feats=h)
        assert ((values[2:] > values[:2]).all() if margin else torch.equal(values[2:], values[:2]))


def test_centers_follow_the_last_count_images():
    loss, (z, _, h) = DROLTLoss(class_counts=COUNTS, dim=3), batch(size=4)
    y = torch.tensor([0, 0, 3, 1])
    loss(z, y, feats=h)
    first = torch.stack([h[:2].mean(0), h[3], torch.zeros(3), h[2]]).float()
    torch.testing.assert_close(loss.centers, first)
    loss(z, y, feats=2 * h)
    rates = torch.tensor([2 / 40, 1 / 12, 1, 1])[:, None]
    torch.testing.assert_close(loss.centers, first + rates * first)
    kept = loss.centers.clone()
    loss.eval()(z, y, feats=h)
    with torch.no_grad():
        loss.train()(z, y, feats=h)
    assert torch.equal(loss.centers, kept)
    loss(z, torch.tensor([3, 3, 3, 0]), feats=h)  # balanced batches have a rare class's images more often than the set
    torch.testing.assert_close(loss.centers[3], h[:3].mean(0).float())
    loss.centers.copy_(kept)
    for other in (DROLTLoss(dim=3), DROLTLoss(class_counts=[3, 2, 1, 1], dim=3), DROLTLoss(dim=3, num_classes=4)):
        other.load_state_dict(loss.state_dict())
        assert other(z, y, feats=h) == loss(z, y, feats=h)
        loss.centers.copy_(kept)
    loss.load_state_dict(DROLTLoss(dim=3).state_dict())  # saved before its first step
    assert loss.centers.shape == (4, 3)


def test_precision():
    (z, y, h), loss = batch(), DROLTLoss(class_counts=COUNTS, dim=3).eval()
    z, h = z.float(), h.float().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        halved = loss(z.bfloat16(), y, feats=h.bfloat16())
    torch.testing.assert_close(halved, loss(z, y, feats=h), rtol=0.02, atol=0)
    torch.testing.assert_close(loss(z.bfloat16(), y, feats=h.bfloat16()), halved)  # a model in bfloat16
    for factor in (0, 1e4):  # at its center a feature has no direction
        value = loss(z, y, feats=factor * h)
        assert value.isfinite() and torch.autograd.grad(value, h)[0].isfinite().all()


@pytest.mark.parametrize('call, message', [
    (lambda: DROLTLoss(dim=0), 'dim must be an integer >= 1, got 0'),
    (lambda: DROLTLoss(dim=3, margin=-1), r'margin must be a number in \[0, inf\)'),
    (lambda: DROLTLoss(dim=3, temperature=0), 'temperature must be a number'),
    (lambda: DROLTLoss(dim=2, class_counts=COUNTS)(*batch()[:2], feats=batch()[2]), r'\(9, dim=2\).*got \(9, 3\)'),
    (lambda: DROLTLoss(dim=3, class_counts=COUNTS)(batch()[0], torch.full((9, 4), 0.25), feats=batch()[2]),
     'takes labels'),
    (lambda: DROLTLoss(dim=2, class_counts=COUNTS)(*batch()[:2]), 'got None; LongTailClsHead passes it'),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
