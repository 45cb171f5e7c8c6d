"""Experts that know a part of the classes each teach one network.  N images, C classes in G groups of similar count;
logits z (N, C), those of the G experts t (G, N, C)."""
import torch
from torch import Tensor

from ..checks import check_range, check_tensor
from ..counts import Counts, shot_groups
from ..dist import sum_over_ranks
from .base import LongTailLoss
from .cross_entropy import adjusted_cross_entropy


def expert_weights(student: Tensor, experts: Tensor, threshold: float) -> Tensor:
    """Images that are right, (G,), (G,) -> (G,): 1 until the student has ``threshold`` times the accuracy of the
    expert, then linear down to 0 at the same accuracy."""
    ratio = student / experts.masked_fill(experts == 0, torch.inf)
    return ((1 - ratio) / (1 - threshold)).clamp(0, 1)


class LFMELoss(LongTailLoss):
    """v CE(z) + sum_g w_g KL(softmax(t_g / T) || softmax(z / T)), the softmax of g over its classes alone. LFME, Xiang
    et al., Learning From Multiple Experts, ECCV 2020, arXiv:2001.01536.

    The groups are many (n > ``many``), medium and few (n < ``few``), those that have classes; their experts saw the
    images of their group alone. w_g is :func:`expert_weights` of the accuracies on the training images of about the
    last hundred steps, all ranks together; the released code takes those on the validation set. v rises with the epochs
    from s + (1 - s) p to 1 in the middle of the run: p is the probability that the expert of its group gives an image's
    class, s the mean count of the rarest group over that of its own. The released code multiplies the logits by v, lets
    it go on rising, and stretches p to [0, 1] in each class.

    Args:
        many, few (float): bounds of the groups.
        temperature (float): T, of the experts and the student.
        threshold (float): share of its expert's accuracy up to which the student hears it in full.

    Raises:
        ValueError: soft rows; logits of another shape or number of experts; no progress.

    >>> loss = LFMELoss(class_counts=[300, 150, 10]).eval()
    >>> z, t = torch.tensor([[1., 1., 0.]]), torch.tensor([[[2., -1., 0.]], [[0., 0., 1.]]])
    >>> loss(z, torch.tensor([0]), t, progress=(50, 200))
    tensor(1.0606)
    """

    requires = 'expert_logits', 'progress'
    memory = 0.99

    def __init__(self, class_counts: Counts | None = None, *, many: float = 100, few: float = 20,
                 temperature: float = 2.0, threshold: float = 0.3, **kwargs):
        check_range(self, '(0, inf)', temperature=temperature)
        check_range(self, '[0, 1)', threshold=threshold)
        check_range(self, '[0, inf]', many=many, few=few)
        self.many, self.few = many, few
        super().__init__(**kwargs)
        self.temperature, self.threshold = temperature, threshold
        self.register_buffer('hits', torch.zeros(2, 3))  # of the student, of the experts; many, medium, few
        self.take(class_counts)

    def derive(self) -> None:
        super().derive()
        counts = self.class_counts
        masks = torch.stack(list(shot_groups(counts, self.many, self.few).values()))
        sizes = masks.sum(1)
        means = (masks * counts).sum(1) / sizes.clamp(min=1)
        self.present = sizes.nonzero().flatten().tolist()
        self.sizes = sizes[self.present].tolist()
        group = masks.int().argmax(0)
        self.register_buffer('group', group, persistent=False)
        self.register_buffer('order', group.argsort(stable=True), persistent=False)
        self.register_buffer('place', self.order.argsort(), persistent=False)
        self.register_buffer('start', means[self.present[-1]] / means[group], persistent=False)

    def forward(self, logits: Tensor, target: Tensor, expert_logits: Tensor, weight: Tensor | None = None,
                avg_factor: float | Tensor | None = None, reduction_override: str | None = None, *,
                progress: tuple[int, int] | None = None) -> Tensor:
        """As :meth:`LongTailLoss.forward`, with the logits (G, N, C) of the experts on the same images, and
        ``progress``, (epoch, max_epochs)."""
        check_tensor('logits', logits, floating=True)
        check_tensor('expert_logits', expert_logits, floating=True)
        self.check_counts(self.classes_of(logits))
        if expert_logits.shape != (len(self.present), *logits.shape):
            names = ', '.join(('many', 'medium', 'few')[g] for g in self.present)
            raise ValueError(f'expert_logits have shape {tuple(expert_logits.shape)}, expected '
                             f'{(len(self.present), *logits.shape)}: one expert for each group of classes, {names}')
        if progress is None:
            raise ValueError('LFMELoss needs progress=(epoch, max_epochs), got None; LongTailClsHead passes it')
        return super().forward(logits, target, weight, avg_factor, reduction_override, experts=expert_logits.detach(),
                               progress=progress)

    def losses(self, logits: Tensor, target: Tensor, experts: Tensor, progress: tuple[int, int]) -> Tensor:
        if target.ndim == 2:
            raise ValueError('LFMELoss takes labels (N,), got soft rows; leave out mixup and label smoothing')
        groups = self._in_groups(logits), [self._in_groups(x.to(logits.dtype))[i] for i, x in enumerate(experts)]
        heard, loss = expert_weights(self.hits[0], self.hits[1], self.threshold).to(logits.dtype), 0
        for g, z, t in zip(self.present, *groups):
            z, t = ((x / self.temperature).log_softmax(1) for x in (z, t))
            loss = loss + heard[g] * (t.exp() * (t - z)).sum(1)
        if self.counting:
            self._remember(logits, groups[1], target)
        scores = torch.cat([t.log_softmax(1) for t in groups[1]], 1)
        p = scores.gather(1, self.place[target, None]).squeeze(1).exp()
        v = p + (1 - p) * self.start.to(logits.dtype)[target]
        v = v + (1 - v) * min(1, 2 * progress[0] / progress[1])
        return loss + v * adjusted_cross_entropy(logits, target)

    def _in_groups(self, x):
        """(N, C) -> its columns of each group."""
        return x[:, self.order].split(self.sizes, 1)

    @torch.no_grad()
    def _remember(self, logits, known, target):
        """Count the images that the student, and the expert of their group, gets right."""
        tops = torch.cat([t == t.amax(1, keepdim=True) for t in known], 1)
        right = torch.stack([logits.argmax(1) == target, tops.gather(1, self.place[target, None]).squeeze(1)])
        hits = torch.zeros_like(self.hits).index_add_(1, self.group[target], right.to(self.hits.dtype))
        self.hits = self.memory * self.hits + sum_over_ranks(hits)
