"""MaxNorm as a projection. Alshammari et al., CVPR 2022, arXiv:2203.14197."""
from mmengine.hooks import Hook

from ...core.checks import check_range, submodule
from ...core.max_norm import max_norm_radius, project_rows
from ..access import unwrap


class MaxNormHook(Hook):
    """Project the classifier's rows onto a ball whose radius is fixed when training starts.

    The authors' code projects after each epoch, ``by_epoch=True``. Its loss there is the binary cross entropy of the
    softmax scores times class-balanced weights, averaged over N·C, in place of ``ClassBalancedLoss``.

    Args:
        path (str): module whose ``weight`` (C, D) is constrained.
        share (float): where the radius lies between the shortest (0) and the longest (1) row at the start.
        by_epoch (bool): after each epoch instead of each step.

    Raises:
        ValueError: ``share`` lies outside [0, 1]; no module at ``path``, when training starts.
    """

    def __init__(self, path='head.fc', share=0.1, by_epoch=False):
        check_range(self, '[0, 1]', share=share)
        self.path, self.share, self.by_epoch = path, share, by_epoch
        self.radius = None

    def before_train(self, runner):
        if self.radius is None:
            self.radius = max_norm_radius(self._weight(runner), self.share)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if not self.by_epoch:
            self._project(runner)

    def after_train_epoch(self, runner):
        if self.by_epoch:
            self._project(runner)

    def _project(self, runner):
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
