"""``batch_augments``: other batch augmentations, or none."""
from ..access import build_augments, counts_of, unwrap
from .part import StagePart, register


@register
class BatchAugmentsPart(StagePart):
    """Replaces the augmentations of MMPretrain's data preprocessor."""

    keys = dict(batch_augments=(dict, list, tuple, type(None)))

    def check(self, runner):
        model = unwrap(runner.model)
        self.augments = {stage['begin']: build_augments(stage['batch_augments'], model, counts_of(runner))
                         for stage in self.plan.having('batch_augments')}
        preprocessor = getattr(model, 'data_preprocessor', None)  # with batch augments it always makes one-hot labels
        self.to_onehot = getattr(preprocessor, 'to_onehot', False) and preprocessor.batch_augments is None

    def switch(self, runner, time, begins):
        stage = self.plan.current(time, 'batch_augments')
        if stage:
            preprocessor = unwrap(runner.model).data_preprocessor
            preprocessor.batch_augments = self.augments[stage['begin']]
            preprocessor.to_onehot = self.to_onehot or preprocessor.batch_augments is not None
