"""What mmlt registers, where, and when. The only file that touches the frameworks' registries.

Nothing is imported here: a row waits until its framework is imported, before or after mmlt, and then puts the parts
in a package's ``__all__`` into a registry. MMEngine's root registries are seen from every framework's scope;
MMPretrain's, MMDetection's and MMSegmentation's own hold what derives from or goes with their classes.
"""
import sys
import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec

from wrapt import when_imported

# module of a framework -> registry -> packages of mmlt
ROWS = {
    'mmengine': {
        'mmengine.MODELS': ['mmlt.core.losses', 'mmlt.core.layers', 'mmlt.core.layers.adapters',
                            'mmlt.core.contrast', 'mmlt.engine.models'],
        'mmengine.DATASETS': ['mmlt.data.datasets'],
        'mmengine.DATA_SAMPLERS': ['mmlt.data.samplers'],
        'mmengine.HOOKS': ['mmlt.engine.hooks'],
        'mmengine.METRICS': ['mmlt.engine.metric'],
        'mmengine.RUNNERS': ['mmlt.engine.sharded'],
        'mmengine.OPTIM_WRAPPERS': ['mmlt.engine.amp', 'mmlt.engine.sam'],
    },
    'mmpretrain.datasets': {
        'mmengine.DATASETS': ['mmlt.data.datasets'],
        'mmpretrain.TRANSFORMS': ['mmlt.data.repeat', 'mmlt.cls.auto_augment', 'mmlt.cls.class_wise_augment',
                                  'mmlt.cls.five_crop'],
    },
    'mmpretrain.models': {
        'mmpretrain.MODELS': ['mmlt.cls'],
        'mmpretrain.HOOKS': ['mmlt.cls.expert_router'],
        'mmpretrain.BATCH_AUGMENTS': ['mmlt.core.augment', 'mmlt.cls.major_to_minor'],
    },
    'mmdet.models': {
        'mmdet.MODELS': ['mmlt.det'],
        'mmdet.HOOKS': ['mmlt.det.fractal'],
    },
    'mmdet.evaluation': {
        'mmdet.METRICS': ['mmlt.det.lvis'],
    },
    'mmseg.models': {
        'mmseg.MODELS': ['mmlt.seg'],
    },
    'mmseg.evaluation': {
        'mmseg.METRICS': ['mmlt.seg.metric'],
    },
}
# imported to see whether a framework works
PROBES = {'mmengine': 'mmengine.registry', 'mmpretrain': 'mmpretrain.models', 'mmdet': 'mmdet.registry',
          'mmseg': 'mmseg.models'}


def installed(framework):
    """True if the framework can be found."""
    try:
        return find_spec(framework) is not None
    except ImportError:
        return False


def obstacle(framework):
    """Why the framework's adapters cannot be used, and what to install; None if they can. Imports the framework."""
    missing = [name for name in ('mmengine', framework) if not installed(name)]  # first what MMCV imports
    if missing:
        extra = {'mmdet': 'det', 'mmseg': 'seg'}.get(framework, 'onedl')
        return f'{missing[-1]} is not installed; pip install "mmlt[{extra}]", or -e ".[{extra}]" in a checkout'
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
    """Register every part whose framework is imported, now or when that happens; safe to call twice."""
    when_imported('mmengine.config.utils')(lambda module: module.MODULE2PACKAGE.setdefault('mmlt', 'mmlt'))
    when_imported('mmengine.config.config')(_serve_configs)
    for module, registries in ROWS.items():
        for registry, packages in registries.items():
            for package in packages:
                register = partial(_register, module, registry, package)
                when_imported(module)(register)
                when_imported(package)(register)  # one that itself imported its framework is not complete before


def _serve_configs(module):
    """Let ``_base_ = 'mmlt::lt/cam_bs_imagenet_lt.py'`` find our configs, in a checkout too.

    MMEngine has no public way for a package that is no framework: it takes the word before ``::`` for the scope of
    registries that would hold the parts, and ours lie in the frameworks' own.
    """
    find = module.Config._get_cfg_path
    if getattr(find, '__module__', None) == __name__:
        return

    def _get_cfg_path(cfg_path, filename):
        if not cfg_path.startswith('mmlt::'):
            return find(cfg_path, filename)
        from .engine.overlays import find_config
        return str(find_config(cfg_path.removeprefix('mmlt::'))), None

    module.Config._get_cfg_path = staticmethod(_get_cfg_path)


def _register(module, registry, package, _):
    """Put ``package.__all__`` into the registry once both are imported."""
    if module not in sys.modules:
        return
    try:
        framework, name = registry.split('.')
        parts, registry = import_module(package), getattr(import_module(f'{framework}.registry'), name)
        for key in getattr(parts, '__all__', ()):  # none yet while the package itself is being imported
            if key in vars(parts) or module != 'mmengine':
                part = getattr(parts, key, None)  # None while its file is being imported
            else:  # MMPretrain's kind of data set, wanted in every scope
                part = _later(parts, key)
            known = registry.module_dict.get(key)
            if part and known is not part and key[0].isupper() and not (known and _is_later(part)):
                registry.register_module(name=key, module=part, force=_is_later(known))
    except Exception as error:  # the framework's import goes on, whatever happens to mmlt's part of it
        warnings.warn(f'not all of {package} could be registered: {type(error).__name__}: {error}', stacklevel=2)


def _later(package, key):
    """A function that builds the part and imports its framework only then."""
    def build_later(*args, **kwargs):
        return getattr(package, key)(*args, **kwargs)
    return build_later


def _is_later(part):
    return getattr(part, '__name__', None) == 'build_later'


def build(name, cfg, **defaults):
    """Build a config dict from MMEngine's registry ``name``, in the current scope."""
    registry = getattr(import_module('mmengine.registry'), name)
    return registry.build(cfg, default_args=defaults)
