"""ISDA: the naive formula, the bound that it is, covariances of all images, bad input. Two ranks:
test_losses_distributed.py."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from mmlt.core.counts import effective_weights
from mmlt.core.losses import ISDALoss, LDAMLoss
from mmlt.core.losses.semantic import augmented_logits

COUNTS, DIM = [40, 12, 5, 1], 3


def batch(seed=0, size=9):
    g = torch.Generator().manual_seed(seed)
    h = torch.randn(size, DIM, generator=g, dtype=torch.float64)
    w = torch.randn(4, DIM, generator=g, dtype=torch.float64)
    return h @ w.T, torch.randint(4, (size, ), generator=g), dict(feats=h, class_vectors=w, progress=(7, 10))


def naive(z, y, w, covariances, strength, max_margin, weights):
    losses = []
    for row, k in zip(z, y):
        row = row + [strength / 2 * (w[c] - w[k]) @ covariances[k] @ (w[c] - w[k]) for c in range(len(row))]
        row[k] -= max_margin * (min(COUNTS) / COUNTS[k])**0.25
        losses.append(np.log(np.exp(row).sum()) - row[k])
    return np.average(losses, weights=weights[y])


@given(seed=st.integers(0, 99), strength=st.floats(0, 3), diagonal=st.booleans(), margin=st.sampled_from([0, 0.5]),
       weighted=st.booleans())
@how(max_examples=25, deadline=None)
def test_naive(seed, strength, diagonal, margin, weighted):
    settings = dict(class_weight='effective', avg='weight') if weighted else {}
    loss = ISDALoss(class_counts=COUNTS, dim=DIM, strength=strength, diagonal=diagonal, max_margin=margin, **settings)
    seen, y, more = batch(seed + 1, 40)
    loss(seen, y, **more)
    covariances = loss.covariances.double().numpy()
    if diagonal:
        covariances = np.stack([np.diag(v) for v in covariances])
    z, y, more = batch(seed)
    expected = naive(z.numpy(), y.numpy(), more['class_vectors'].numpy(), covariances, 0.7 * strength, margin,
                     effective_weights(torch.tensor(COUNTS), 0.9999).numpy() if weighted else np.ones(4))
    assert loss.eval()(z, y, **more).item() == pytest.approx(expected, rel=1e-7)


def test_it_bounds_the_mean_over_features_drawn_around():
    z, y, more = batch()
    h, w, half = more['feats'], more['class_vectors'], torch.randn(4, DIM, DIM, dtype=torch.float64)
    covariances, strength = half @ half.mT, 0.5
    bound = torch.nn.functional.cross_entropy(augmented_logits(z, y, w, covariances, strength), y, reduction='none')
    drawn = h + strength**0.5 * (half[y] @ torch.randn(4000, len(h), DIM, 1, dtype=torch.float64)).squeeze(-1)
    means = torch.nn.functional.cross_entropy((drawn @ w.T).mT, y.expand(4000, -1), reduction='none').mean(0)
    assert (bound > means).all() and (bound > torch.nn.functional.cross_entropy(z, y, reduction='none')).all()


@pytest.mark.parametrize('diagonal', [True, False])
def test_covariances_are_those_of_all_images(diagonal):
    loss = ISDALoss(class_counts=COUNTS, dim=DIM, diagonal=diagonal)
    parts = [batch(s, size=5 + 9 * s) for s in range(3)]
    for z, y, more in parts:
        before = loss.covariances.clone()
        loss(z, y, **more)
        loss.eval()(z, y, **more)
        with torch.no_grad():
            loss.train()(z, y, **more)
    h, y = torch.cat([more['feats'] for _, _, more in parts]), torch.cat([y for _, y, _ in parts])
    expected = np.stack([np.cov(h[y == c].numpy().T, bias=True) for c in range(4)])
    expected = np.stack([np.diag(m) for m in expected]) if diagonal else expected
    np.testing.assert_allclose(loss.covariances.numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(loss.means.numpy(), [h[y == c].numpy().mean(0) for c in range(4)], atol=1e-6)
    assert loss.seen.tolist() == torch.bincount(y).tolist() and not torch.equal(before, loss.covariances)
    z, y, more = parts[0]
    for other in (ISDALoss(dim=DIM, diagonal=diagonal), ISDALoss(class_counts=COUNTS, dim=DIM, diagonal=diagonal)):
        other.load_state_dict(loss.state_dict())
        assert other.eval()(z, y, **more) == loss.eval()(z, y, **more)


def test_without_covariances_it_is_the_margin_loss_on_plain_logits():
    z, y, more = batch()
    loss = ISDALoss(class_counts=COUNTS, dim=DIM, max_margin=0.5)
    expected = LDAMLoss(class_counts=COUNTS, scale=1.0)(z, y)
    torch.testing.assert_close(loss(z, y, **more), expected)  # its first batch
    assert loss(z, y, **more) > expected
    torch.testing.assert_close(loss(z, y, **dict(more, progress=(0, 10))), expected)


def test_the_gradient_reaches_logits_and_weights():
    z, y, more = batch()
    loss, w = ISDALoss(class_counts=COUNTS, dim=DIM, diagonal=False), more['class_vectors'].requires_grad_()
    z = z.detach().requires_grad_()
    loss(z, y, **more)
    loss.eval()
    assert torch.autograd.gradcheck(lambda z, w: loss(z, y, **dict(more, class_vectors=w)), (z, w))


def test_precision():
    z, y, more = batch()
    for diagonal in (True, False):
        loss = ISDALoss(class_counts=COUNTS, dim=DIM, strength=2.0, diagonal=diagonal)
        loss(z, y, **more)
        loss.eval()
        low = {name: x.bfloat16() if torch.is_tensor(x) else x for name, x in more.items()}
        with torch.autocast('cpu', torch.bfloat16):
            rounded = loss(z.bfloat16(), y, **low)
            kept = loss(z.float(), y, **more)
        assert rounded.item() == pytest.approx(loss(z, y, **more).item(), rel=0.02)
        assert kept.item() == pytest.approx(loss(z, y, **more).item(), rel=1e-5)
        torch.testing.assert_close(loss(z.bfloat16(), y, **low), rounded)  # a model in bfloat16


@pytest.mark.parametrize('change, message', [
    (dict(feats=None), r'needs feats=\(9, dim=3\), got None; LongTailClsHead'),
    (dict(class_vectors=torch.ones(4, 2)), r'needs class_vectors=\(4, dim=3\), got \(4, 2\)'),
    (dict(class_vectors=None), 'of a linear classifier, its weight'),
    (dict(progress=None), r'progress=\(epoch, max_epochs\)'),
])
def test_missing_inputs(change, message):
    z, y, more = batch()
    with pytest.raises(ValueError, match=message):
        ISDALoss(class_counts=COUNTS, dim=DIM)(z, y, **{**more, **change})


def test_bad_input():
    z, _, more = batch()
    with pytest.raises(ValueError, match='takes labels'):
        ISDALoss(class_counts=COUNTS, dim=DIM)(z, torch.full((9, 4), 0.25), **more)
    with pytest.raises(ValueError, match='dim must be an integer >= 1, got 0'):
        ISDALoss(dim=0)
    with pytest.raises(ValueError, match=r'strength must be a number in \[0, inf\)'):
        ISDALoss(dim=3, strength=-1)
