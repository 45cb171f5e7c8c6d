"""What mmlt registers, and where. The only file that touches the frameworks' registries.

A row names a registry and the packages whose ``__all__`` goes into it. MMEngine's root registries are seen from
every framework's scope; MMPretrain's own hold what derives from its classes.
"""
import inspect
from importlib import import_module
from importlib.util import find_spec

REGISTRIES = {
    'mmengine': {
        'MODELS': ['mmlt.core.losses', 'mmlt.core.layers', 'mmlt.core.contrast', 'mmlt.engine.models'],
        'DATA_SAMPLERS': ['mmlt.data.samplers'],
        'HOOKS': ['mmlt.engine.hooks'],
        'METRICS': ['mmlt.engine.metric'],
        'OPTIM_WRAPPERS': ['mmlt.engine.amp', 'mmlt.engine.sam'],
    },
    'mmpretrain': {
        'MODELS': ['mmlt.cls'],
        'BATCH_AUGMENTS': ['mmlt.core.augment'],
    },
    'mmdet': {
        'MODELS': ['mmlt.det'],
    },
    'mmseg': {
        'MODELS': ['mmlt.seg'],
    },
}
# imported to see whether a framework works
PROBES = {'mmengine': 'mmengine.registry', 'mmpretrain': 'mmpretrain.models', 'mmdet': 'mmdet.registry',
          'mmseg': 'mmseg.models'}
# data sets derive from MMPretrain's, yet hold for every scope
ROOT_DATASETS = 'mmlt.data.datasets'


def installed(framework):
    """True if the framework can be found."""
    try:
        return find_spec(framework) is not None
    except ImportError:
        return False


def obstacle(framework):
    """Why the framework's adapters cannot be used, and what to install; None if they can."""
    missing = [name for name in ('mmengine', framework) if not installed(name)]  # first what MMCV imports
    if missing:
        extra = {'mmdet': 'det', 'mmseg': 'seg'}.get(framework, 'onedl')
        return f'{missing[-1]} is not installed; pip install "mmlt[{extra}]"'
    if framework in ('mmdet', 'mmseg') and not (installed('mmcv') and installed('mmcv._ext')):
        return (f'{framework} needs MMCV with compiled ops, this one has none; with torch, ninja and psutil installed: '
                'MMCV_WITH_OPS=1 pip install --force-reinstall --no-deps --no-build-isolation onedl-mmcv')
    try:
        import_module(PROBES[framework])
    except Exception as error:  # whatever a framework's own check of versions raises
        return f'{framework} is installed, but cannot be imported: {type(error).__name__}: {error}'


def require(framework):
    """Raise ImportError if the framework is missing, RuntimeError if MMCV lacks the ops that it needs."""
    reason = obstacle(framework)
    if reason:  # MMEngine hides an ImportError of custom_imports behind one about PYTHONPATH
        raise (RuntimeError if installed(framework) else ImportError)(reason)


def register_all():
    """Register every part that the installed frameworks allow; safe to call twice."""
    for framework, rows in REGISTRIES.items():
        if not obstacle(framework):
            for name, packages in rows.items():
                for package in packages:
                    _register(framework, name, package)
    if not obstacle('mmpretrain'):
        _register('mmengine', 'DATASETS', ROOT_DATASETS)


def _register(framework, name, package):
    registry = getattr(import_module(f'{framework}.registry'), name)
    package = import_module(package)
    for key in package.__all__:
        part = getattr(package, key)
        if (inspect.isclass(part) or key == 'SwapClassifier') and registry.module_dict.get(key) is not part:
            registry.register_module(name=key, module=part)


def build(name, cfg, **defaults):
    """Build a config dict from MMEngine's registry ``name``, in the current scope."""
    registry = getattr(import_module('mmengine.registry'), name)
    return registry.build(cfg, default_args=defaults)
