"""``rare_samples``: new maps of rare classes, or none."""
from ..access import unwrap
from .part import StagePart, register


@register
class RareSamplesPart(StagePart):
    """Turns the generator of an ``RSGClassifier`` on and off."""

    keys = dict(rare_samples=(bool, ))

    def check(self, runner):
        model = unwrap(runner.model)
        if self.plan.having('rare_samples') and not hasattr(model, 'generate'):
            raise ValueError(f"rare_samples needs model=dict(type='RSGClassifier'), the model is a "
                             f'{type(model).__name__}')

    def switch(self, runner, time, begins):
        if self.plan.having('rare_samples'):
            unwrap(runner.model).generate = self.plan.value('rare_samples', time, default=False)
