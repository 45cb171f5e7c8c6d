"""MaxNorm as a projection after each step. Alshammari et al., CVPR 2022, arXiv:2203.14197."""
from mmengine.hooks import Hook

from mmlt.core.max_norm import max_norm_radius, project_rows
from mmlt.engine.access import submodule, unwrap


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
