"""Loaded weights that fit."""
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop

from ..access import unwrap
from ..load import check_fit, guard

CLASSIFIER = r'(^|\.)(head|fc|fc_cls|classifier|conv_seg|cls_head|linear)(\.|$)'
ADAPTERS = r'(^|\.)(adapter|lora|prompts)\.'  # they begin as nothing on any base


class CheckedLoadHook(Hook):
    """Load checkpoints as data alone, and only ones that fit the model.

    Files are read by :func:`mmlt.engine.load.read_checkpoint`. A weight of the model that the checkpoint lacks, one
    that it has too many, and one of another shape are errors that list them. With ``load_from`` in training the
    classifier may be another one, and adapters may begin.

    Args:
        allow_missing (sequence[str]): regular expressions; keys that one of them is found in may be missing, too many
            or of another shape.
        trust (bool): unpickle files that hold more than data, which may execute code.

    Raises:
        ValueError: the checkpoint does not fit, or is one that ``read_checkpoint`` refuses.
    """

    priority = 'LOWEST'  # after the hooks that change what is loaded, such as EMAHook

    def __init__(self, allow_missing=(), trust=False):
        self.allow_missing = (allow_missing,) if isinstance(allow_missing, str) else tuple(allow_missing)
        self.trust = trust
        self.replaced = []

    def before_run(self, runner):
        guard(self.trust)

    def after_load_checkpoint(self, runner, checkpoint):
        new_task = isinstance(runner._train_loop, BaseLoop) and not runner._resume  # a test has not built the loop
        allowed = [*self.allow_missing, CLASSIFIER, ADAPTERS] if new_task else self.allow_missing
        self.replaced = check_fit(unwrap(runner.model), checkpoint.get('state_dict', checkpoint), allowed)

    def before_train(self, runner):
        if self.replaced:
            runner.logger.info(f'not taken from the checkpoint: {", ".join(self.replaced)}')
