"""``lr``: another learning rate."""
from ...core.checks import check_range
from .part import StagePart, register


@register
class LRPart(StagePart):
    """Sets the learning rate once, when its stage begins; the schedulers multiply on from it."""

    keys = dict(lr=(int, float))

    @staticmethod
    def check_value(stage):
        check_range(LRPart(None), '[0, inf)', lr=stage.get('lr', 0))

    def switch(self, runner, time, begins):
        stage = self.plan.current(time)
        if begins and 'lr' in stage:
            optimizer = runner.optim_wrapper.optimizer
            for group in optimizer.param_groups:
                group['lr'] = stage['lr'] * (group.get('initial_lr', group['lr']) / optimizer.defaults['lr'])
