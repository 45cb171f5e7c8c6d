"""Parts that hold one variant a stage and switch between them: the loss and the data pipeline."""
from torch import nn

from .pipelines import StagedPipeline, leaf_datasets, shared_stage

__all__ = ['StagedLoss', 'StagedPipeline', 'leaf_datasets', 'shared_stage']


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
