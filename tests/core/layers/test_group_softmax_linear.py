import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.layers import GroupSoftmaxLinear
from mmlt.core.layers.group_softmax import group_layout

COUNTS = torch.tensor([500., 5, 50, 9, 10, 1000, 99])


def test_layout_by_hand():
    slots, sizes = group_layout(COUNTS, (10, 100, 1000))
    # [o 1 3 | o 2 4 6 | o 0 | o 5]
    assert sizes == [3, 4, 2, 2]
    assert slots.tolist() == [8, 1, 4, 2, 5, 10, 6]


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_layout_equals_the_naive_one(counts):
    bins, column, want, widths = (10, 100, 1000), 0, {}, []
    for low, high in zip((0, *bins), (*bins, math.inf)):
        members = [c for c, n in enumerate(counts) if low <= n < high]
        if members:
            widths.append(1 + len(members))
            want.update({c: column + 1 + i for i, c in enumerate(members)})
            column += 1 + len(members)
    slots, sizes = group_layout(torch.tensor(counts), bins)
    assert sizes == widths and slots.tolist() == [want[c] for c in range(len(counts))]


def test_worked_example():
    layer = GroupSoftmaxLinear(5, 4, class_counts=[5, 6, 50, 60], bins=(10,)).double().eval()
    layer.load_state_dict({**layer.state_dict(), 'weight': torch.zeros(6, 5),
                           'bias': torch.tensor([0, 1, -1, 1, .5, 0])})
    want = torch.tensor([[.665241, .090031, .307196, .186324]], dtype=torch.float64)
    torch.testing.assert_close(layer(torch.zeros(1, 5, dtype=torch.float64)).exp(), want, atol=1e-6, rtol=0)


def test_training_gives_the_loss_its_logits_and_evaluation_its_scores():
    from mmlt.core.losses import BalancedGroupSoftmaxLoss
    layer = GroupSoftmaxLinear(8, 7, class_counts=COUNTS)
    loss = BalancedGroupSoftmaxLoss(class_counts=COUNTS)
    x, y = torch.randn(20, 8), torch.arange(20) % 7
    logits = layer(x)
    assert logits.shape == (20, loss.get_cls_channels(7))
    loss(logits, y).backward()
    assert layer.weight.grad.isfinite().all()
    torch.testing.assert_close(layer.eval()(x).exp(), loss.get_activation(logits))


def test_linear_rows_go_to_the_classes_and_others_stay():
    layer = GroupSoftmaxLinear(8, 7, class_counts=COUNTS)
    before = layer.weight.clone()
    linear = torch.nn.Linear(8, 7)
    layer.load_state_dict(linear.state_dict(), strict=True)
    others = [0, 3, 7, 9]
    assert layer.weight[others].equal(before[others])
    torch.testing.assert_close(layer(torch.ones(2, 8))[:, layer.class_rows], linear(torch.ones(2, 8)))


def test_counts_of_the_same_grouping_are_welcome_others_not():
    layer = GroupSoftmaxLinear(8, 7, class_counts=COUNTS)
    layer.set_class_counts(COUNTS + 0.5)
    assert layer.state_dict()['class_counts'].equal(COUNTS.double() + 0.5)
    with pytest.raises(ValueError, match='other groups'):
        layer.set_class_counts(COUNTS.flip(0))
    with pytest.raises(ValueError, match='classes'):
        layer.set_class_counts(COUNTS[:3])


@pytest.mark.parametrize('kwargs, words', [
    (dict(), 'class_counts'), (dict(class_counts=[1, 2]), '2 class counts for 7'),
    (dict(class_counts=COUNTS, bins=(100, 10)), 'ascend'),
    (dict(class_counts=COUNTS, bins=(-5, 5)), 'positive'), (dict(class_counts=COUNTS * 0), 'training count 0'),
])
def test_bad_arguments(kwargs, words):
    with pytest.raises(ValueError, match=words):
        GroupSoftmaxLinear(8, 7, **kwargs)
