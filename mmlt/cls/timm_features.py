"""Pooled features of any model of timm.  N images, D features."""
from mmengine.model import BaseModule

from ..engine.timm_models import timm_backbone


class TimmFeatures(BaseModule):
    """Backbone: images -> ((N, D),), what the model's own classifier would read. It needs no neck.

    ``TIMMBackbone`` gives feature maps or tokens instead, which a neck has to pool; this one pools as the model does,
    so that CLIP's towers, ViTs with average pooling, Swin and CNNs stand in one config.

    Args:
        name, weights, image_size, **kwargs: of :func:`~mmlt.engine.timm_models.timm_backbone`.

    Raises:
        ValueError: see there.

    >>> import torch
    >>> TimmFeatures('vit_tiny_patch16_224', image_size=32, depth=1)(torch.zeros(2, 3, 32, 32))[0].shape
    torch.Size([2, 192])
    """

    def __init__(self, name, weights=None, image_size=None, init_cfg=None, **kwargs):
        super().__init__(init_cfg)
        self.model = timm_backbone(name, weights, image_size, **kwargs)

    def init_weights(self):
        """timm has given the model its weights; MMEngine would have it begin anew, at random."""

    def forward(self, x):
        """(N, 3, H, W) -> ((N, D),)."""
        return (self.model(x), )
