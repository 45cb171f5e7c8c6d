import pytest
from torch import nn

from mmlt.core.losses import BalancedSoftmaxLoss, DistributionBalancedLoss
from mmlt.engine.label_checks import refuse_multi_label


class Head(nn.Module):

    def __init__(self, loss):
        super().__init__()
        self.loss_module = loss


class MultiLabelHead(Head):
    pass


def model(head, loss, to_onehot=False):
    out = nn.Sequential(head(loss))
    out.data_preprocessor = nn.Module()
    out.data_preprocessor.to_onehot = to_onehot
    return out


def test_multi_label_losses_want_multi_label_heads():
    loss = DistributionBalancedLoss([5, 3], num_images=9)
    with pytest.raises(ValueError, match='DistributionBalancedLoss is a multi-label loss, Head a softmax'):
        refuse_multi_label(model(Head, loss))
    refuse_multi_label(model(MultiLabelHead, loss))
    refuse_multi_label(model(Head, loss, to_onehot=True))
    refuse_multi_label(model(Head, BalancedSoftmaxLoss([5, 3])))
