"""The data sets of a run in the memory of its device."""
from mmengine.hooks import Hook

from ..access import unwrap
from ..fast import FastLoader


class FastLoaderHook(Hook):
    """Put a :class:`~mmlt.engine.fast.FastLoader` in the place of every loader of the run.

    Samplers, class counts, stages, partners, cached CAMs and several ranks work as before; a resumed run is the same
    bit for bit.

    Raises:
        ValueError: see ``FastLoader``.
    """

    priority = 'VERY_HIGH'  # the others see the new loader

    def before_train(self, runner):
        loop = runner.train_loop
        _replace(runner, loop)
        if hasattr(loop, 'dataloader_iterator'):  # a loop that counts iterations
            loop.dataloader_iterator = type(loop.dataloader_iterator)(loop.dataloader)

    def before_train_epoch(self, runner):
        runner.train_dataloader.check()  # the other hooks have put their stages' pipelines in by now

    def before_val(self, runner):
        _replace(runner, runner.val_loop)

    def before_test(self, runner):
        _replace(runner, runner.test_loop)


def _replace(runner, loop):
    if not isinstance(loop.dataloader, FastLoader):
        device = next(unwrap(runner.model).parameters()).device
        loop.dataloader = FastLoader(loop.dataloader, runner.seed or 0, device)
