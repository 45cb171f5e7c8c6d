"""A zero-shot classifier beside a linear one.  N batch, D in_features, E width of the text features, C classes."""
import torch
from torch import Tensor

from ..checks import check_integer, check_range
from ..precision import at_least_float32, unit
from .base import LinearClassifier


class ZeroShotLinear(LinearClassifier):
    """``z_c = scale * cos(x P, t_c) + w_c . x + b_c``: text features t beside a classifier that was trained.

    Without w it is CLIP's zero-shot classifier (Radford et al., ICML 2021, arXiv:2103.00020), with w the sum of both,
    and with minus the log of their priors in b it is generalized logit adjustment (Zhu et al., NeurIPS 2023,
    arXiv:2310.08106; :mod:`mmlt.core.gla`). The buffers ``text`` (C, E) and ``projection`` (D, E), CLIP's own after
    its image tower, start at zero: then it is a linear layer. Float32 under autocast.

    Args:
        embed_dim (int, optional): E; without it there is no projection, text features have the width D.
        scale (float): CLIP's inverse temperature, 100 after its training.

    Raises:
        ValueError: ``embed_dim`` below 1, or a scale that is not positive.

    >>> layer = ZeroShotLinear(2, 2, bias=False, scale=10.)
    >>> _ = layer.load_state_dict({'weight': torch.zeros(2, 2), 'text': torch.tensor([[3., 4.], [0., 1.]])})
    >>> layer(torch.tensor([[0., 5.]])).tolist()
    [[8.0, 10.0]]
    """
    full_precision = True

    def __init__(self, in_features: int, out_features: int, embed_dim: int | None = None, scale: float = 100.0,
                 bias: bool = True, dim: int = -1):
        super().__init__(in_features, out_features, bias, dim)
        check_integer(self, 1, embed_dim=embed_dim or 1)
        check_range(self, '(0, inf)', scale=scale)
        self.embed_dim, self.scale = embed_dim, scale
        self.register_buffer('text', torch.zeros(out_features, embed_dim or in_features))
        self.register_buffer('projection', torch.zeros(in_features, embed_dim) if embed_dim else None)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        for buffer in self.buffers():
            buffer.zero_()

    def logits(self, x: Tensor) -> Tensor:
        logits = self.zero_shot(x) + self.linear(x, at_least_float32(self.weight))
        return logits if self.bias is None else logits + self.bias

    def zero_shot(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., C): the first term."""
        image = x if self.projection is None else x @ self.projection.to(x)
        return self.scale * self.linear(unit(image), unit(self.text).to(image))
