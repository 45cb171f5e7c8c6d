"""``loss``: one loss a stage."""
from torch import nn

from ...registry import build
from ..access import unwrap
from .part import StagePart, register


@register
class LossPart(StagePart):
    """Replaces the loss of the head, or of a model without head."""

    keys = dict(loss=(dict, ))

    def build(self, runner):
        staged = self.plan.having('loss')
        if not staged:
            return
        model = unwrap(runner.model)
        owner = next((m for m in (model, getattr(model, 'head', None)) if hasattr(m, 'loss_module')), None)
        if owner is None:
            raise ValueError(f'{type(model).__name__} has no loss_module, neither its own nor its head\'s; '
                             'StageSwitchHook(loss=...) cannot switch its loss')
        device = next(model.parameters()).device
        losses = [build('MODELS', stage['loss']).to(device) for stage in staged]
        if any(p.requires_grad for loss in losses for p in loss.parameters()):
            raise ValueError('a stage\'s loss has parameters, which the optimizer would miss; switch to it by a second '
                             'run with load_from')
        if not isinstance(owner.loss_module, StagedLoss):
            owner.loss_module = StagedLoss([owner.loss_module, *losses])
        self.loss = owner.loss_module

    def switch(self, runner, time, begins):
        stage = self.plan.current(time, 'loss')
        if stage:
            self.loss.stage = 1 + self.plan.having('loss').index(stage)


class StagedLoss(nn.Module):
    """One loss a stage; the active one is called. All are in the model, so that checkpoints, devices, EMA copies and
    class counts reach each.

    Args:
        losses (list[nn.Module]): the first stage's loss first. Each may appear once.
    """

    def __init__(self, losses):
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.stage = 0

    @property
    def active(self):
        return self.losses[self.stage]

    @property
    def requires(self):
        return getattr(self.active, 'requires', ())

    @property
    def corrects_prior(self):
        return getattr(self.active, 'corrects_prior', False)

    def forward(self, *args, **kwargs):
        return self.active(*args, **kwargs)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # a checkpoint of a single-loss run: its loss is the first stage's
        first = f'{prefix}losses.0.'
        for key in [k for k in state_dict if k.startswith(prefix) and not k.startswith(f'{prefix}losses.')]:
            state_dict[first + key[len(prefix):]] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)
