"""Meta-Weight-Net.  N batch, l (N,) the cross entropy of each image, v(l) in (0, 1) its weight, H hidden units."""
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_integer
from ..counts import Counts
from ..precision import no_autocast
from .base import LongTailLoss


def loss_weights(own: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """(N,), three of (H,) and (1,) -> v = sigmoid(w2' relu(w1 l + b1) + b2), (N,)."""
    return ((own[:, None] * w1 + b1).relu() @ w2 + b2).sigmoid()


class MetaWeightLoss(LongTailLoss):
    """CE with the weight v(l) / mean v that a small network reads from it. Shu et al., NeurIPS 2019, arXiv:1902.07379.

    ``MetaWeightHook`` teaches the network, ``weight_net``, by the loss of balanced images; the optimizer of the model
    does not move it.

    Args:
        hidden (int): H, the width of its one hidden layer.

    >>> loss = MetaWeightLoss(hidden=10)
    >>> for p in loss.weight_net.values():
    ...     _ = p.fill_(0.1)
    >>> loss(torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]]), torch.tensor([0, 2]))  # of 0.417 and 2.227
    tensor(1.3564)
    """

    needs_counts = False

    def __init__(self, class_counts: Counts | None = None, *, hidden: int = 100, **kwargs):
        check_integer(self, 1, hidden=hidden)
        super().__init__(class_counts, **kwargs)
        self.hidden = hidden
        # as nn.Linear begins; buffers, which neither a head's init_cfg nor the optimizer of the model touches
        ranges = dict(w1=1.0, b1=1.0, w2=hidden**-0.5, b2=hidden**-0.5)
        for name, limit in ranges.items():
            x = torch.empty(1 if name == 'b2' else hidden, dtype=torch.float64)
            self.register_buffer(name, x.uniform_(-limit, limit))

    @property
    def weight_net(self) -> dict[str, Tensor]:
        """w1, b1, w2 (H,) and b2 (1,)."""
        return {name: getattr(self, name) for name in ('w1', 'b1', 'w2', 'b2')}

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        own = F.cross_entropy(logits, target, reduction='none')
        return own * self.shares(own.detach()) * len(own)

    def shares(self, own: Tensor, net: dict[str, Tensor] | None = None) -> Tensor:
        """l (N,) -> v(l) / sum v, (N,), by ``weight_net`` or another one."""
        with no_autocast(own):
            weights = loss_weights(own, **{name: x.to(own.dtype) for name, x in (net or self.weight_net).items()})
        return weights / weights.sum().clamp(min=1e-12)
