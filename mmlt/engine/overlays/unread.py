"""Settings that nothing reads: a word misspelt on the command line changes nothing, and no framework says so."""
import warnings
from inspect import signature

from mmengine.runner import Runner

from ...core.checks import near

# what MMEngine and our overlays read, beside the arguments of the runner
READ = {'activation_checkpointing', 'compile', 'cudnn_benchmark', 'custom_imports', 'efficient_conv_bn_eval',
        'find_unused_parameters', 'model_wrapper_cfg', 'runner_type', 'strategy', 'sync_bn', 'class_counts',
        'data', 'data_name', 'num_classes', 'num_images', 'size', 'test_split', 'unlabelled'}


def warn_of_unread(options, cfg) -> None:
    """Warn of dotted ``options`` whose first name the config ``cfg``, MMEngine and our overlays do not know."""
    known = {*cfg, *signature(Runner.__init__).parameters} | READ
    for first in dict.fromkeys(key.partition('.')[0] for key in options):
        if first not in known:
            warnings.warn(f'nothing here reads the setting {first}: the config has no such name'
                          f'{near([first], known)}', stacklevel=3)
