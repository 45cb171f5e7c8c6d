"""The class token of a token map.  N images, T tokens, D channels."""
from mmengine.model import BaseModule


class ClassToken(BaseModule):
    """Neck that hands the class token of a timm ViT to the head: MMPretrain's ``TIMMBackbone`` gives all tokens
    (N, T, D), the class token first.

    Raises:
        ValueError: the last feature is no token map.

    >>> import torch
    >>> ClassToken()((torch.zeros(2, 197, 192), ))[0].shape
    torch.Size([2, 192])
    """

    def forward(self, feats):
        """tuple, the last (N, T, D) -> ((N, D),)."""
        tokens = feats[-1]
        if tokens.ndim != 3:
            raise ValueError(f'ClassToken takes tokens (N, T, D), got {tuple(tokens.shape)}; feature maps want '
                             'GlobalAveragePooling')
        return (tokens[:, 0], )
