"""Attention between the images of a batch.  N images, D in_channels."""
import torch
from torch import nn

from ..core.checks import check_integer, check_range
from .heads import LongTailClsHead


class BatchFormerClsHead(LongTailClsHead):
    """One classifier for each feature twice: as it is, and after a transformer layer between the images of the batch,
    through which rare classes have a share in the gradient of frequent ones. BatchFormer: Hou et al., CVPR 2022,
    arXiv:2203.01522.

    The loss sees 2 N rows, with the labels twice. At test there is no layer: predictions do not depend on the batch.
    Over several ranks a batch is that of the rank. The released code gives the layer a tenth of the learning rate.

    Args:
        num_heads (int): of the attention, a divisor of D.
        dropout (float): of the layer.
        **kwargs: of :class:`LongTailClsHead`.

    Raises:
        ValueError: ``num_heads`` does not divide D, or ``cal_acc``.
    """

    def __init__(self, num_classes, in_channels, num_heads=4, dropout=0.5, **kwargs):
        check_integer(self, 1, num_heads=num_heads)
        check_range(self, '[0, 1)', dropout=dropout)
        super().__init__(num_classes, in_channels, **kwargs)
        if in_channels % num_heads:
            raise ValueError(f'num_heads={num_heads} must divide in_channels={in_channels}')
        if self.cal_acc:
            raise ValueError('BatchFormerClsHead has no cal_acc; LongTailMetric measures the accuracy')
        self.encoder = nn.TransformerEncoderLayer(in_channels, num_heads, in_channels, dropout)

    def loss(self, feats, data_samples, **kwargs):
        x = self.pre_logits(feats)
        related = self.encoder(x[:, None])[:, 0]  # a sequence of N images
        return super().loss((torch.cat([x, related]), ), [*data_samples, *data_samples], **kwargs)
