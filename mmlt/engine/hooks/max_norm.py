"""MaxNorm: keep classifier rows inside a ball.  C classes, D features.

Alshammari et al., CVPR 2022, arXiv:2203.14197.
"""
import torch
from mmengine.hooks import Hook

from mmlt.engine.access import submodule, unwrap


def max_norm_radius(weight, share=0.1):
    """(C, D) -> scalar: min ||w|| + share * (max ||w|| - min ||w||)."""
    norms = weight.norm(dim=1)
    low, high = norms.aminmax()
    return low + share * (high - low)


def project_rows(weight, radius):
    """(C, D), scalar -> (C, D): rows longer than ``radius`` are scaled back to it, the others unchanged.

    >>> project_rows(torch.tensor([[3., 4.], [.6, .8]]), 1.4)
    tensor([[0.8400, 1.1200],
            [0.6000, 0.8000]])
    """
    norms = weight.norm(dim=1, keepdim=True)
    return torch.where(norms > radius, weight * (radius / norms.clamp_min(1e-12)), weight)


class MaxNormHook(Hook):
    """After each step, project the classifier's rows onto a ball whose radius is fixed when training starts.

    Args:
        path (str): module whose ``weight`` (C, D) is constrained.
        share (float): where the radius lies between the shortest (0) and the longest (1) row at the start.
    """

    def __init__(self, path='head.fc', share=0.1):
        self.path, self.share = path, share
        self.radius = None

    def before_train(self, runner):
        if self.radius is None:
            self.radius = max_norm_radius(self._weight(runner), self.share)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        weight = self._weight(runner)
        weight.copy_(project_rows(weight, self.radius.to(weight.device)))

    def _weight(self, runner):
        return submodule(unwrap(runner.model), self.path).weight.data

    def before_save_checkpoint(self, runner, checkpoint):
        if self.radius is not None:
            checkpoint['mmlt_max_norm'] = self.radius

    def after_load_checkpoint(self, runner, checkpoint):
        if runner._resume:
            self.radius = checkpoint.get('mmlt_max_norm')
