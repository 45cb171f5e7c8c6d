import pytest
import torch

from mmlt.core.adjust import LogitAdjust, adjustment

Z = torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]])


@pytest.mark.parametrize('tau', [0, 0.5, 1.5])
@pytest.mark.parametrize('target', [None, [5, 1, 1]])
@pytest.mark.parametrize('shape', [(), (4, ), (2, 3)])
def test_naive(tau, target, shape):
    counts, z = [100, 50, 10], torch.randn(2, 3, *shape, dtype=torch.float64)
    adjust = LogitAdjust(3, tau, target, counts).eval()
    want = z.clone()
    for c in range(3):
        share = (target or [1, 1, 1])[c] / sum(target or [1, 1, 1])
        want[:, c] += tau * (torch.tensor(share, dtype=torch.float64).log()
                             - torch.tensor(counts[c] / 160, dtype=torch.float64).log())
    torch.testing.assert_close(adjust(z), want)


def test_worked_example():
    """Minus tau log pi, up to a constant: [2.470004, 2.163151, 2.872589], [0.970004, 2.663151, 2.472589]."""
    out = LogitAdjust(3, class_counts=[100, 50, 10]).eval()(Z) + torch.tensor(3.0).log()
    want = torch.tensor([[2.470004, 2.163151, 2.872589], [0.970004, 2.663151, 2.472589]])
    torch.testing.assert_close(out, want, atol=1e-5, rtol=0)


def test_neutral_half_precision_and_state():
    assert LogitAdjust(3, tau=0, class_counts=[9, 2, 1]).eval()(Z).equal(Z)
    adjust = LogitAdjust(3, class_counts=[9, 2, 1]).eval()
    assert adjust(Z.half()).dtype == torch.float32 and list(adjust.state_dict()) == ['class_counts']
    fresh = LogitAdjust(3).eval()
    fresh.load_state_dict(adjust.state_dict())
    assert fresh(Z).equal(adjust(Z)) and fresh.train()(Z) is Z


def test_the_shift_survives_half_precision():
    counts = [5e9, 1e6, 1e4]
    want = LogitAdjust(3, class_counts=counts).eval()(Z)
    adjust = LogitAdjust(3, class_counts=counts).half().eval()
    assert adjust(Z).equal(want) and adjust.class_counts.tolist() == counts
    adjust.load_state_dict(adjust.state_dict())
    assert adjust(Z).equal(want)


def test_bad_input():
    with pytest.raises(ValueError, match=r'LogitAdjust: tau .* got nan'):
        LogitAdjust(3, tau=float('nan'))
    with pytest.raises(ValueError, match='2 class counts for 3 classes'):
        LogitAdjust(3, class_counts=[2, 1])
    with pytest.raises(ValueError, match='class 1 has the training count 0'):
        LogitAdjust(3, class_counts=[2, 0, 1])
    with pytest.raises(ValueError, match='2 class counts for 3 classes'):
        LogitAdjust(3, target=[1, 1])
    with pytest.raises(RuntimeError, match='no class counts'):
        LogitAdjust(3).eval()(Z)
    with pytest.raises(ValueError, match='counts of 3 classes, the logits have 2'):
        LogitAdjust(3, class_counts=[3, 2, 1]).eval()(Z[:, :2])


def test_bad_counts():
    with pytest.raises(ValueError, match='counts must be positive and finite, they reach from 0 to 2'):
        adjustment(torch.tensor([2, 0]), torch.ones(2))
    for target in ([-1, 1], [0, 0]):
        with pytest.raises(ValueError, match='target must not be negative, and not 0 for every class'):
            adjustment(torch.tensor([2, 1]), torch.tensor(target))
    assert adjustment(torch.tensor([2, 1]), torch.tensor([0, 1])).tolist() == [-float('inf'), pytest.approx(1.0986123)]
