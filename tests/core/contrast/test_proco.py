"""ProCo's closed form beside SciPy's and mpmath's Bessel functions, and its running means."""
import math

import pytest
import torch
from torch.nn import functional as F

from mmlt.core.contrast import ProCoLoss
from mmlt.core.contrast.proco import log_mgf, vmf_logits

mpmath = pytest.importorskip('mpmath')
COUNTS = [30, 10, 4]


def exact(kappa, nu):
    """log I_nu(k) - nu log k."""
    if kappa == 0:
        return -nu * mpmath.log(2) - mpmath.loggamma(nu + 1)
    with mpmath.workdps(40):
        return mpmath.log(mpmath.besseli(nu, kappa)) - nu * mpmath.log(kappa)


@pytest.mark.parametrize(('dim', 'tol'), [(3, 1e-7), (8, 1e-7), (16, 1e-7), (33, 1e-7), (128, 1e-9)])
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_bessel(dim, tol, dtype):
    nu = dim / 2 - 1
    for kappa in (0., .5, 3., 10., 100., 3000., 1e5):
        for delta in (1., 25., 400., -.5 * kappa**2):
            with mpmath.workdps(40):
                expected = exact(mpmath.sqrt(mpmath.mpf(kappa)**2 + delta), nu) - exact(mpmath.mpf(kappa), nu)
            got = log_mgf(torch.tensor([[delta]], dtype=dtype), torch.tensor([kappa], dtype=dtype), nu).item()
            assert abs(got - expected) < tol + (2e-6 if dtype == torch.float32 else 1e-12) * max(1, abs(expected))


def mean_of(kappa, dim):
    """R with D R / (1 - R^2) = kappa."""
    return (math.sqrt(dim**2 + 4 * kappa**2) - dim) / (2 * kappa)


def test_logits_of_three_classes():
    z = torch.zeros(1, 8, dtype=torch.float64)
    z[0, :2] = torch.tensor([1., .5])
    mean = torch.eye(8, dtype=torch.float64)[:3] * torch.tensor([[mean_of(k, 8)] for k in (10, 20, 5)]).double()
    logits = vmf_logits(F.normalize(z), mean, 0.5)
    torch.testing.assert_close(logits, torch.tensor([[1.309601, .815554, .195020]]).double(), atol=1e-6, rtol=0)
    loss = ProCoLoss(8, 0.5, class_counts=[100, 10, 1]).eval()
    loss.mean, loss.amount = mean, torch.ones(3, dtype=torch.float64)
    for label, expected in ((0, .062313), (2, 5.782064)):
        value = loss(F.normalize(z)[:, None], torch.tensor([label]))
        torch.testing.assert_close(value.item(), expected, atol=1e-6, rtol=0)


def test_a_sharp_class_is_a_prototype():
    z = F.normalize(torch.randn(5, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(vmf_logits(z, z * (1 - 1e-12), 0.1), z @ z.t() / 0.1, atol=2e-2, rtol=0)


def test_equal_classes_leave_the_prior():
    loss = ProCoLoss(16, class_counts=COUNTS).eval()
    loss.mean[:] = 0.5 * F.normalize(torch.ones(16, dtype=torch.float64), dim=0)
    loss.amount[:] = 1
    z = F.normalize(torch.randn(3, 1, 16, dtype=torch.float64), dim=-1)
    expected = -sum(math.log(n / 44) for n in COUNTS) / 3
    torch.testing.assert_close(loss(z, torch.arange(3)), torch.tensor(expected).double())


def test_means_go_on_from_the_last_epoch():
    g = torch.Generator().manual_seed(0)
    loss, seen = ProCoLoss(8, class_counts=COUNTS), []
    batches = [(F.normalize(torch.randn(6, 2, 8, generator=g), dim=-1), torch.randint(3, (6, ), generator=g))
               for _ in range(6)]
    for step, (z, y) in enumerate(batches):
        if step % 2 == 0:
            loss.new_epoch()
        loss(z, y)
        seen.append((z.flatten(0, 1), y.repeat_interleave(2)))
        for mean, amount, begin in ((loss.mean, loss.amount, max(0, step // 2 * 2 - 2)),
                                    (loss.next_mean, loss.next_amount, step // 2 * 2)):
            z_all, y_all = (torch.cat(x) for x in zip(*seen[begin:step + 1]))
            for c in range(3):
                own = z_all[y_all == c].double()
                assert amount[c] == len(own)
                torch.testing.assert_close(mean[c], own.mean(0) if len(own) else own.sum(0))


def test_one_view_after_the_other():
    """The first view's logits do not know the second."""
    z, y = F.normalize(torch.randn(4, 2, 8, dtype=torch.float64), dim=-1), torch.tensor([0, 1, 2, 0])
    loss, steps = ProCoLoss(8, class_counts=COUNTS), ProCoLoss(8, class_counts=COUNTS)
    torch.testing.assert_close(loss(z, y), (steps(z[:, :1], y) + steps(z[:, 1:], y)) / 2)


def test_evaluation_changes_no_state_and_an_unseen_class_takes_no_part():
    loss = ProCoLoss(8, class_counts=COUNTS)
    z = F.normalize(torch.randn(4, 2, 8), dim=-1)
    value = loss(z, torch.tensor([0, 0, 1, 1]))
    two = ProCoLoss(8, class_counts=COUNTS[:2])
    torch.testing.assert_close(value, two(z, torch.tensor([0, 0, 1, 1])))
    state = {key: x.clone() for key, x in loss.state_dict().items()}
    unseen = loss.eval()(z, torch.tensor([2, 2, 2, 2]))
    with torch.no_grad():
        loss.train()(z, torch.tensor([0, 0, 1, 1]))
    assert unseen == 0 and all(x.equal(loss.state_dict()[key]) for key, x in state.items())


def test_state_round_trip():
    loss = ProCoLoss(8, class_counts=COUNTS)
    loss(F.normalize(torch.randn(4, 2, 8), dim=-1), torch.tensor([0, 2, 1, 1]))
    fresh = ProCoLoss(8)
    fresh.load_state_dict(loss.state_dict())
    fresh.set_class_counts(COUNTS)
    assert all(x.equal(fresh.state_dict()[key]) for key, x in loss.state_dict().items())
    assert set(loss.state_dict()) == {'class_counts', 'mean', 'amount', 'next_mean', 'next_amount'}
