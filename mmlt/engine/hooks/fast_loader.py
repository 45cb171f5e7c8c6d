"""The data sets of a run in the memory of its device."""
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from mmlt.engine.access import unwrap
from mmlt.engine.fast import FastLoader


class FastLoaderHook(Hook):
    """Put a :class:`~mmlt.engine.fast.FastLoader` in the place of every loader of the run.

    Samplers, class counts, stages, partners, cached CAMs and several ranks work as before; a resumed run is the same
    bit for bit, which it is not with the framework's own random transforms.

    Raises:
        ValueError: see ``FastLoader``; a loop that counts iterations.
    """

    priority = 'VERY_HIGH'  # the others see the new loader

    def before_train(self, runner):
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(f'FastLoaderHook counts epochs, the run has {type(runner.train_loop).__name__}; set '
                             'train_cfg=dict(by_epoch=True, max_epochs=...)')
        _replace(runner, runner.train_loop)

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
