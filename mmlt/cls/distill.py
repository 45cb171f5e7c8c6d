"""A student of one or several frozen teachers.  N images, C classes, D features of the student, D_t of a teacher."""
import torch
from mmpretrain.models import ImageClassifier
from torch import nn

from ..engine.teacher import FrozenTeacher


class DistillClassifier(ImageClassifier):
    """MMPretrain's classifier whose loss also hears a frozen teacher.

    With a loss of the teacher's logits (``DiVELoss``, ``BKDLoss``, ``XERMLoss``) nothing else changes; with one of its
    features (``CBDLoss``) a linear ``projection`` takes the student's features to the width of the teachers', side by
    side. Several teachers give the mean of their logits, or all (``LFMELoss``).

    Args:
        teacher (dict or sequence of dict): ``dict(config=, checkpoint=)``, see
            :class:`mmlt.engine.teacher.FrozenTeacher`.
        loss (dict): of the head.
        **kwargs: of ``ImageClassifier``.

    Raises:
        FileNotFoundError: a teacher's checkpoint is missing.
        ValueError: no teacher, or one whose width is unknown.
    """

    def __init__(self, teacher, head, loss=None, **kwargs):
        loss = dict(type='DiVELoss') if loss is None else loss
        super().__init__(head=dict(head, loss=loss), **kwargs)
        teachers = teacher if isinstance(teacher, (list, tuple)) else [teacher]
        if not teachers:
            raise ValueError('DistillClassifier: teacher=[]; expected dict(config=..., checkpoint=...), or several')
        for i, one in enumerate(teachers):
            setattr(self, f'teacher_{i}' if i else 'teacher', FrozenTeacher.build(one))
        self.teachers = [getattr(self, f'teacher_{i}' if i else 'teacher') for i in range(len(teachers))]
        self.projection = None
        if 'teacher_feats' in self.head.loss_module.requires:
            widths = [one.width for one in self.teachers]
            if None in widths:
                raise ValueError(f'DistillClassifier: the feature widths of the teachers are {widths}; take a teacher '
                                 'whose head has a layer fc')
            self.projection = nn.Linear(self.head.in_channels, sum(widths))

    def loss(self, inputs, data_samples):
        feats = self.extract_feat(inputs)
        answers = [teacher(inputs) for teacher in self.teachers]
        if self.projection is None:
            logits = torch.stack([answer.logits for answer in answers])
            return self.head.loss(feats, data_samples, teacher_logits=logits.mean(0), expert_logits=logits)
        x = self.head.pre_logits(feats)
        return self.head._get_loss(self.head.fc(x), data_samples, feats=self.projection(x),
                                   teacher_feats=torch.cat([answer.feats for answer in answers], 1))
