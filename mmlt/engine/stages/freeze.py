"""``freeze`` and ``bn``: parameters without gradient, and what their batch norm does."""
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from torch.nn.modules.batchnorm import _BatchNorm

from ..access import parameters, unwrap
from .part import StagePart, register


@register
class FreezePart(StagePart):
    """Takes the gradient from paths of modules or parameters; a distributed wrapper is made again."""

    keys = dict(freeze=(list, tuple), bn=(str, ))

    @staticmethod
    def check_value(stage):
        if stage.get('bn', 'update') not in ('update', 'frozen'):
            raise ValueError(f'bn must be "update" or "frozen", got {stage["bn"]!r}')

    def __init__(self, plan):
        super().__init__(plan)
        self.frozen, self.norms = {}, []

    def check(self, runner):
        model = unwrap(runner.model)
        for stage in self.plan.stages:
            frozen = {id(p) for path in stage.get('freeze', []) for p in parameters(model, path)}
            if all(id(p) in frozen or not p.requires_grad for p in model.parameters()):
                raise ValueError(f'freeze={stage.get("freeze")} leaves nothing to train')

    def switch(self, runner, time, begins):
        model, paths = unwrap(runner.model), self.plan.value('freeze', time, [])
        wanted = {id(p): p for path in paths for p in parameters(model, path)}
        changed = False
        for p in wanted.values():
            if p.requires_grad:
                p.requires_grad_(False)
                p.grad = None
                self.frozen[id(p)] = p
                changed = True
        for key in [key for key in self.frozen if key not in wanted]:
            self.frozen.pop(key).requires_grad_(True)
            changed = True
        still = self.plan.value('bn', time) == 'frozen'
        self.norms = [module for name, module in model.named_modules() if still and isinstance(module, _BatchNorm)
                      and any(f'{name}.'.startswith(f'{path}.') for path in paths)]
        if changed and is_model_wrapper(runner.model):
            # the reducer of a distributed wrapper expects the gradients it saw when it was built
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)

    def before_step(self, runner, batch_idx, data_batch):
        if batch_idx == 0 or not isinstance(runner.train_loop, EpochBasedTrainLoop):  # others call train() every step
            for module in self.norms:
                module.eval()
