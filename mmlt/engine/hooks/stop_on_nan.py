"""A loss that is no number ends the run."""
import math

from mmengine.hooks import Hook

from ..checkpoints import checkpoint_number, newest_checkpoint
from ..load import read_checkpoint


class StopOnNaNHook(Hook):
    """Stop the training when a loss turns NaN or infinite, with the step and the last good checkpoint.

    It reads what ``RuntimeInfoHook`` has logged already, so no step waits for the device. A checkpoint with weights
    that are NaN or infinite is not written.

    Raises:
        FloatingPointError: a loss or a weight is no number; the run ends as failed.
    """

    priority = 'HIGH'  # after RuntimeInfoHook has logged the step

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        for name in outputs if isinstance(outputs, dict) else ():
            logged = runner.message_hub.log_scalars.get(f'train/{name}')
            if logged is not None and not math.isfinite(logged.current()):
                self._stop(runner, f'{name} is {logged.current()} at step {runner.iter + 1} (epoch {runner.epoch + 1})')

    def before_save_checkpoint(self, runner, checkpoint):
        for name, value in checkpoint['state_dict'].items():
            if value.is_floating_point() and not value.isfinite().all() and not name.endswith('mask'):
                self._stop(runner, f'the weight {name} holds NaN or infinity after step {checkpoint["meta"]["iter"]}')

    @staticmethod
    def _stop(runner, what):
        good = last_good(runner.work_dir)
        raise FloatingPointError(
            f'{what}; ' + (f'the last good checkpoint is {good}: go on from it with a smaller learning rate'
                           if good else 'no checkpoint was written before: start with a smaller learning rate'))


def last_good(folder):
    """The newest checkpoint in a folder whose weights are all finite, or None."""
    below = None
    while (path := newest_checkpoint(folder, below)) is not None:
        try:
            read_checkpoint(path)
            return path
        except ValueError:
            below = checkpoint_number(path)
            if below is None:
                return None
    return None
