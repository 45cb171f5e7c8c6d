"""Distillation on long-tailed data.  Logits z (N, C), teacher's t (N, C); features f (N, D), teacher's g (N, D)."""
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_range, check_tensor
from ..counts import Counts, effective_weights, log_prior
from .base import LongTailLoss
from .cross_entropy import adjusted_cross_entropy
from .experts import RIDELoss


def virtual_examples(teacher_logits: Tensor, temperature: float = 2.0, power: float = 0.5) -> Tensor:
    """(N, C) -> (N, C): log of softmax(t / T)^p, normalised, which is softmax(p t / T)."""
    return (teacher_logits * (power / temperature)).log_softmax(1)


def distillation(teacher: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """log-probabilities (N, C), (N, C), T -> (N,): T^2 KL(teacher || softmax(z / T))."""
    student = (logits / temperature).log_softmax(1)
    return temperature**2 * (teacher.exp() * (teacher - student)).sum(1)


class TaughtLoss(LongTailLoss):
    """Base: :meth:`losses` has the logits (N, C) of a teacher on the same images, too; the prior is corrected."""

    corrects_prior = True
    requires: tuple[str, ...] = ('teacher_logits', )

    def forward(self, logits: Tensor, target: Tensor, teacher_logits: Tensor, weight: Tensor | None = None,
                avg_factor: float | Tensor | None = None, reduction_override: str | None = None) -> Tensor:
        """As :meth:`LongTailLoss.forward`, with the logits (N, C) of the teacher on the same images."""
        _check_teacher('teacher_logits', teacher_logits, logits, 'class order and number')
        return super().forward(logits, target, weight, avg_factor, reduction_override, teacher_logits=teacher_logits)


class DiVELoss(TaughtLoss):
    """alpha T^2 KL(t || softmax(z / T)) + (1 - alpha) CE(z + log n), t the teacher's flattened softmax. He et al.,
    Distilling Virtual Examples for Long-tailed Recognition, ICCV 2021, arXiv:2103.15042.

    The teacher is the same network trained with :class:`BalancedSoftmaxLoss`. Values of T, p and alpha are those of the
    authors' configs for CIFAR-10/100-LT. At test use the raw logits.

    Args:
        temperature (float): T, of teacher and student.
        power (float): p of the teacher's probabilities; below 1 it moves mass to the tail.
        alpha (float): weight of the teacher.

    >>> loss = DiVELoss(class_counts=[100, 10, 1])
    >>> loss(torch.tensor([[1., 1., 0.]]), torch.tensor([1]), torch.tensor([[2., 0., -1.]]))
    tensor(1.2476)
    """

    def __init__(self, class_counts: Counts | None = None, *, temperature: float = 2.0, power: float = 0.5,
                 alpha: float = 0.5, **kwargs):
        check_range(self, '(0, inf)', temperature=temperature, power=power)
        check_range(self, '[0, 1]', alpha=alpha)
        super().__init__(class_counts, **kwargs)
        self.temperature, self.power, self.alpha = temperature, power, alpha

    def losses(self, logits: Tensor, target: Tensor, teacher_logits: Tensor) -> Tensor:
        bias = log_prior(self.class_counts).to(logits.dtype)
        loss = adjusted_cross_entropy(logits, target, None, bias)
        teacher = virtual_examples(teacher_logits.detach().to(logits.dtype), self.temperature, self.power)
        return self.alpha * distillation(teacher, logits, self.temperature) + (1 - self.alpha) * loss


class BKDLoss(TaughtLoss):
    """CE + alpha T^2 KL(q || softmax(z / T)), q the softmax(t / T) of a plain teacher times class weights by the
    effective number, normalised. Zhang et al., Balanced Knowledge Distillation for Long-tailed Learning, Neurocomputing
    2023, arXiv:2104.10510.

    The teacher is the same network trained with cross entropy. At test use the raw logits.

    Args:
        temperature (float): T, of teacher and student.
        alpha (float): weight of the teacher.
        beta (float): of the effective number, see :class:`ClassBalancedLoss`; 0 is plain distillation.

    >>> loss = BKDLoss(class_counts=[100, 10, 1])
    >>> loss(torch.tensor([[1., 1., 0.]]), torch.tensor([1]), torch.tensor([[2., 0., -1.]]))
    tensor(4.1403)
    """

    def __init__(self, class_counts: Counts | None = None, *, temperature: float = 2.0, alpha: float = 1.0,
                 beta: float = 0.9999, **kwargs):
        check_range(self, '(0, inf)', temperature=temperature)
        check_range(self, '[0, inf)', alpha=alpha)
        check_range(self, '[0, 1]', beta=beta)
        super().__init__(class_counts, **kwargs)
        self.temperature, self.alpha, self.beta = temperature, alpha, beta

    def losses(self, logits: Tensor, target: Tensor, teacher_logits: Tensor) -> Tensor:
        weights = effective_weights(self.class_counts, self.beta).log().to(logits.dtype)
        teacher = (teacher_logits.detach().to(logits.dtype) / self.temperature + weights).log_softmax(1)
        loss = F.cross_entropy(logits, target, reduction='none')
        return loss + self.alpha * distillation(teacher, logits, self.temperature)


def balanced_share(own: Tensor, balanced: Tensor, gamma: float = 1.5, eps: float = 1e-5) -> Tensor:
    """CE of the teacher's logits as they are (N,), CE of those for a uniform prior (N,) -> the weight of the latter's
    prediction, b^gamma / (b^gamma + a^gamma + eps), (N,)."""
    own, balanced = own**gamma, balanced**gamma
    total = balanced + own + eps
    return balanced / total.clamp(min=torch.finfo(total.dtype).tiny)


class XERMLoss(TaughtLoss):
    """(1 - w) CE(z, y) + w CE(z, q), with the balanced prediction q = softmax(t - log pi) of a plain teacher; w grows
    with the loss of q against that of softmax(t). Zhu et al., Cross-Domain Empirical Risk Minimization for Unbiased
    Long-tailed Classification, AAAI 2022, arXiv:2112.14380.

    The teacher is the same network trained with cross entropy. At test use the raw logits.

    Args:
        gamma (float): power of the teacher's two losses in w; 1.5 in the authors' configs for CIFAR-100-LT, 2 for
            ImageNet-LT.
        eps (float): of w. Where the teacher knows an image by heart, with losses below 5e-4 at gamma 1.5, it leaves
            the label alone, as released; 0 weighs both losses however small they are.

    >>> loss = XERMLoss(class_counts=[100, 10, 1])
    >>> loss(torch.tensor([[1., 1., 0.]]), torch.tensor([1]), torch.tensor([[2., 0., -1.]]))
    tensor(1.1386)
    """

    def __init__(self, class_counts: Counts | None = None, *, gamma: float = 1.5, eps: float = 1e-5, **kwargs):
        check_range(self, '(0, inf)', gamma=gamma)
        check_range(self, '[0, inf)', eps=eps)
        super().__init__(class_counts, **kwargs)
        self.gamma, self.eps = gamma, eps

    def losses(self, logits: Tensor, target: Tensor, teacher_logits: Tensor) -> Tensor:
        teacher = teacher_logits.detach().to(logits.dtype)
        balanced = teacher - log_prior(self.class_counts).to(logits.dtype)
        own, other = (F.cross_entropy(t, target, reduction='none') for t in (teacher, balanced))
        w = balanced_share(own, other, self.gamma, self.eps)
        virtual = F.cross_entropy(logits, balanced.softmax(1), reduction='none')
        return (1 - w) * F.cross_entropy(logits, target, reduction='none') + w * virtual


class CBDLoss(LongTailLoss):
    """(1 - alpha) CE + alpha beta (1 - cos(f, g)). Iscen et al., Class-Balanced Distillation for Long-Tailed Visual
    Recognition, BMVC 2021, arXiv:2104.05279.

    The teachers saw the data as they are, the student is drawn class-balanced. f is the student's feature projected to
    the width of the teachers' features, one beside the other. No class counts are needed.

    Args:
        alpha (float): weight of the teacher.
        beta (float): scale of the cosine distance, 100 in the authors' code.

    >>> f = torch.tensor([[3., 4.]])
    >>> CBDLoss()(torch.tensor([[1., 1.]]), torch.tensor([0]), feats=f, teacher_feats=2 * f)
    tensor(0.4159)
    """

    needs_counts = False
    requires = 'feats', 'teacher_feats'

    def __init__(self, class_counts: Counts | None = None, *, alpha: float = 0.4, beta: float = 100.0, **kwargs):
        check_range(self, '[0, 1]', alpha=alpha)
        check_range(self, '[0, inf)', beta=beta)
        super().__init__(class_counts, **kwargs)
        self.alpha, self.beta = alpha, beta

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None,
                avg_factor: float | Tensor | None = None, reduction_override: str | None = None, *, feats: Tensor,
                teacher_feats: Tensor) -> Tensor:
        """As :meth:`LongTailLoss.forward`, with features (N, D) of the student and of the teacher."""
        _check_teacher('teacher_feats', teacher_feats, feats, 'width')
        if feats.ndim != 2:
            raise ValueError(f'feats have shape {tuple(feats.shape)}, expected (N, D)')
        return super().forward(logits, target, weight, avg_factor, reduction_override, feats=feats,
                               teacher_feats=teacher_feats)

    def losses(self, logits: Tensor, target: Tensor, feats: Tensor, teacher_feats: Tensor) -> Tensor:
        loss = F.cross_entropy(logits, target, reduction='none')
        feats = feats.to(torch.promote_types(feats.dtype, torch.float32))
        cosine = F.cosine_similarity(feats, teacher_feats.detach().to(feats.dtype), dim=1)
        return (1 - self.alpha) * loss + self.alpha * self.beta * (1 - cosine).to(loss.dtype)


class RIDEDistillLoss(RIDELoss):
    """E (RIDE + weight T^2 KL(softmax(t / T) || softmax(mean z / T))): RIDE of E experts, z (E, N, C), with a teacher
    of more of them. Wang et al., ICLR 2021, arXiv:2010.01809; the authors' code adds both terms once an expert.

    Args:
        distill_temperature (float): T; 1.5 in the authors' configs, whose teachers have six experts.
        distill_weight (float): of the teacher.
        **kwargs: of :class:`RIDELoss`.
    """

    requires = ('teacher_logits', )

    def __init__(self, class_counts: Counts | None = None, *, distill_temperature: float = 1.5,
                 distill_weight: float = 1.0, **kwargs):
        check_range(self, '(0, inf)', distill_temperature=distill_temperature)
        check_range(self, '[0, inf)', distill_weight=distill_weight)
        super().__init__(class_counts, **kwargs)
        self.distill_temperature, self.distill_weight = distill_temperature, distill_weight

    def forward(self, logits: Tensor, target: Tensor, teacher_logits: Tensor, weight: Tensor | None = None,
                avg_factor: float | Tensor | None = None, reduction_override: str | None = None) -> Tensor:
        """As :meth:`RIDELoss.forward`, with the logits (N, C) of the teacher on the same images."""
        loss = super().forward(logits, target, weight, avg_factor, reduction_override)
        student = logits.to(torch.promote_types(logits.dtype, torch.float32)).mean(0)
        _check_teacher('teacher_logits', teacher_logits, student, 'class order and number')
        t = self.distill_temperature
        virtual = distillation((teacher_logits.detach().to(student.dtype) / t).log_softmax(1), student, t)
        if weight is not None:
            virtual = virtual * weight.to(virtual.dtype)
        reduction = reduction_override or self.reduction
        virtual = LongTailLoss._reduce(self, virtual, weight, avg_factor, reduction)
        return len(logits) * (loss + self.loss_weight * self.distill_weight * virtual)


def _check_teacher(name, teacher, student, what):
    check_tensor(name, teacher, floating=True)
    check_tensor(name.removeprefix('teacher_'), student, floating=True)
    if teacher.shape != student.shape:
        raise ValueError(f'{name} have shape {tuple(teacher.shape)}, the student\'s {tuple(student.shape)}; teacher '
                         f'and student must see the same images and agree in {what}')
