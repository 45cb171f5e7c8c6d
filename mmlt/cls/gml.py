"""GML: contrast with a queue of a teacher's features.  N images, 3 views, C classes, D and D_t features, K slots."""
import os

import torch
from torch.nn import functional as F

from ..core.checks import check_range
from ..core.contrast import ClassQueue, GaussianMixtureLoss
from ..core.contrast.projector import Projector
from ..engine.inputs import sample_indices
from ..engine.teacher import FrozenTeacher
from .views import MultiViewClassifier, labels_of, rows

QUEUE = dict(length=4096, min_size=2)


def distillation(logits, teacher, temperature=4.0):
    """(N, C), (N, C) -> T^2 KL(softmax(t / T) || softmax(z / T)). Hinton et al., 2015, arXiv:1503.02531."""
    student, teacher = ((x.float() / temperature).log_softmax(1) for x in (logits, teacher))
    return temperature**2 * F.kl_div(student, teacher, reduction='batchmean', log_target=True)


class GMLClassifier(MultiViewClassifier):
    """gamma CE + beta GML + alpha KD: a head with logit adjustment on the first view; the likelihood of the second
    view's projection among a teacher's features of the third, kept in a queue a class; and the teacher's logits of the
    first. Suh and Seo, Long-Tailed Recognition by Mutual Information Maximization between Latent Features and
    Ground-Truth Labels, ICML 2023, arXiv:2305.01160.

    The queue keeps the teacher's features as they are; all of it is projected anew each step. The temperature of the
    likelihood trains; give its parameter no weight decay: ``paramwise_cfg=dict(custom_keys=dict(log_temperature=
    dict(decay_mult=0.)))``. The teacher stays out of parameters, EMA and checkpoint, and is not needed for evaluation:
    at test this is an ``ImageClassifier``. ``ClassCountsHook`` numbers the images and checks the teacher.

    Args:
        teacher (dict, optional): ``dict(config=, checkpoint=)``, see :class:`~mmlt.engine.teacher.FrozenTeacher`. None:
            the model's own features of the third view, without gradient, fill the queue; ``alpha`` must be 0.
        queue (dict): ``length`` and ``min_size`` of :class:`~mmlt.core.contrast.ClassQueue`; the authors' are 4096 and
            2 on CIFAR-100-LT, 16384 and 3 on ImageNet-LT.
        temperature (float): where it starts; 0.1 on CIFAR, 0.07 on ImageNet-LT.
        alpha (float): weight of the distillation; 0 on ImageNet-LT.
        beta (float): of the likelihood.
        gamma (float): of the head's loss.
        dim (int): of the projections; 32 on CIFAR, 1024 on ImageNet-LT.
        **kwargs: of ``ImageClassifier``; the published head is ``LongTailClsHead`` with ``CosineLinear`` and
            ``LogitAdjustLoss``.

    Raises:
        ValueError: the pipeline does not make 3 views, the queue is shorter than C min_size, the teacher does not go
            with the training set, or the batch has one image.
        FileNotFoundError: the teacher's checkpoint is missing, when a training begins.
    """
    requires = ('sample_idx', )

    def __init__(self, backbone, teacher=None, queue=None, temperature=0.1, alpha=1.0, beta=1.0, gamma=1.0, dim=32,
                 **kwargs):
        check_range(self, '[0, inf)', alpha=alpha, beta=beta, gamma=gamma)
        if teacher is None and alpha:
            raise ValueError(f'GMLClassifier: alpha={alpha} weighs the distillation of a teacher, and there is none; '
                             'give teacher=dict(config=..., checkpoint=...) or alpha=0')
        super().__init__(backbone, **kwargs)
        self.alpha, self.beta, self.gamma = alpha, beta, gamma
        self.teacher, self.missing = None, None
        path = teacher.get('checkpoint') if isinstance(teacher, dict) else None
        if path and '://' not in path and not os.path.isfile(path):
            self.missing = path
            return
        self.teacher = None if teacher is None else FrozenTeacher.build(teacher)
        key_width = self.width if teacher is None else self.teacher.width
        self.queue = ClassQueue(**{**QUEUE, **(queue or {})}, dim=key_width)
        self.project_query, self.project_key = Projector(self.width, dim), Projector(key_width, dim)
        self.contrast = GaussianMixtureLoss(temperature, learn_temperature=True)

    def init_weights(self):
        if self.missing is not None:  # called where a training begins
            raise FileNotFoundError(f"the teacher's checkpoint {self.missing} does not exist; train the teacher first, "
                                    'with the overlay gml_teacher, or gml_alone for gml_again')
        super().init_weights()

    def loss(self, inputs, data_samples):
        views, n = self.views_of(inputs, 3), len(data_samples)
        feats = self.extract_feat(torch.cat(views[:2] if self.teacher else views))
        losses = self.head.loss(rows(feats, n), data_samples)
        losses = {name: self.gamma * x if name.startswith('loss') else x for name, x in losses.items()}
        keys = self._keys(views, feats, n, losses)
        labels = labels_of(data_samples)
        index = sample_indices(data_samples).to(labels.device, non_blocking=True)
        if self.training:
            self.queue.enqueue(keys, labels, index)
        queries = self.project_query(self.head.pre_logits(rows(feats, n, 2 * n)))
        likelihood = self.contrast(queries, labels, self.project_key(self.queue.feat), self.queue.label, index,
                                   self.queue.index, self.queue.filled)
        losses['loss_gml'] = self.beta * likelihood
        return losses

    def _keys(self, views, feats, n, losses):
        """Features (N, D_t) of the third view; adds the distillation to the losses."""
        if self.teacher is None:
            return self.head.pre_logits(rows(feats, 2 * n, 3 * n)).detach()
        if not self.alpha:
            return self.teacher(views[2]).feats
        logits, keys = self.teacher(torch.cat([views[0], views[2]]))
        losses['loss_kd'] = self.alpha * distillation(self.head(rows(feats, n)), logits[:n])
        return keys[n:]

    def _load_from_state_dict(self, state_dict, prefix, *args):
        if self.missing is not None:  # evaluation alone: what belongs to training stays out
            for key in list(state_dict):
                if key.startswith(tuple(f'{prefix}{part}.' for part in ('queue', 'project_query', 'project_key',
                                                                        'contrast'))):
                    del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *args)
