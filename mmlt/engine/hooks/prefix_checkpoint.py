"""Checkpoints from which runs with other later stages can go on."""
import re

from mmengine.hooks import Hook

from ...core.checks import check_integer
from .atomic_checkpoint import BACKEND
from .stage_switch import StageSwitchHook

STAGED_LOSS = re.compile(r'^(.*\bloss_module\.)losses\.(\d+)\.')


class PrefixCheckpointHook(Hook):
    """After ``n`` epochs write ``prefix_<n>.pth``, from which a run that differs only in its stages from epoch ``n`` on
    can resume: it then equals, as any resumed run does, one that trained the first epochs itself.

    The file holds no loss of a stage that has not begun, and has its name only once it is complete. It is none of
    ``CheckpointHook``'s: not counted, not removed, and not what ``--resume`` without a path finds.

    Args:
        epochs (int | list[int]): after how many epochs to write one.
    """

    priority = 80  # after the schedulers' step; before CheckpointHook, so that a run resumed at n has written it

    def __init__(self, epochs):
        self.epochs = {epochs} if isinstance(epochs, int) else set(epochs)
        for n in self.epochs:
            check_integer(self, 1, epochs=n)
        self._saving = None

    def after_train_epoch(self, runner):
        n = runner.epoch + 1
        if n in self.epochs:
            self._saving = n
            runner.save_checkpoint(runner.work_dir, f'prefix_{n}.pth', backend_args=dict(backend=BACKEND))
            self._saving = None

    def before_save_checkpoint(self, runner, checkpoint):
        if self._saving is None:
            return
        stages = [s for hook in runner.hooks if isinstance(hook, StageSwitchHook) for s in hook.stages if 'loss' in s]
        begun = sum(stage['begin'] < self._saving for stage in stages)
        for part in ('state_dict', 'ema_state_dict'):
            _keep_begun(checkpoint.get(part, {}), begun)


def _keep_begun(state, begun):
    """Drop the losses of later stages; a single loss gets the name that it has in a run without stages."""
    for key in list(state):
        value, loss = state.pop(key), STAGED_LOSS.match(key)
        if not loss or (begun and int(loss[2]) <= begun):
            state[key] = value
        elif loss[2] == '0':
            state[loss[1] + key[loss.end():]] = value
