"""Parts that hold one variant a stage and switch between them: the loss and the data pipeline."""
import torch
from mmengine.dataset import Compose
from torch import nn


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
    def needs_features(self):
        return getattr(self.active, 'needs_features', False)

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


class StagedPipeline:
    """One data pipeline a stage. The stage number lives in shared memory, so loader workers that persist see it.

    Args:
        pipelines (list[callable]): the data set's own pipeline first.
        stage (Tensor): shared int64 scalar, the index of the active pipeline.
    """

    def __init__(self, pipelines, stage):
        self.pipelines = [p if callable(p) else Compose(p) for p in pipelines]
        self.stage = stage

    def __call__(self, data):
        return self.pipelines[int(self.stage)](data)

    @property
    def transforms(self):
        return self.pipelines[int(self.stage)].transforms


def shared_stage():
    """An int64 scalar that loader workers see change."""
    return torch.zeros((), dtype=torch.int64).share_memory_()


def leaf_datasets(dataset):
    """The innermost data sets below any wrappers, in order."""
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else [])
    return [leaf for part in inner for leaf in leaf_datasets(part)] if inner else [dataset]
