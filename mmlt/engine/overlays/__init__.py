"""Any config and what methods change of it: ``load('mmpretrain::resnet/resnet50_8xb32_in1k.py', 'ldam-drw')``."""
import itertools
import warnings

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from .files import find_config, find_overlay, read, run_name, stem
from .fit import fit
from .heads import place
from .merge import merge, plain_types, refer, refuse_iterations, tune
from .unread import warn_of_unread

__all__ = ['find_config', 'find_overlay', 'load', 'overlaid', 'run_name']


def load(config, *overlays, options=None):
    """The config with each overlay merged over it, left to right, then the options.

    What a dict of an overlay does to the config:

    - it is merged into a dict, and into each item of a list of dicts; with a ``type`` it replaces a list;
    - with another ``type`` it starts anew, without the old arguments, as with ``_delete_=True``, unless the new class
      derives from the old one (``LongTailClsHead`` from ``LinearClsHead``); a loss or sampler always starts anew;
    - stages join those that are there, in order of ``begin``; ``custom_hooks`` and ``custom_imports`` are added.

    ``'{{path.to.value}}'`` stands for a value of the config below, ``'{{train_cfg.max_epochs + 10}}'`` too;
    ``dict(_append_=[...])`` adds to a list. ``tuned`` holds what a method sets on a data set,
    ``{'cifar100_lt': {...}, 'cifar100_lt/50': {...}}``, by the config's ``data_name`` and imbalance. A stage's
    ``begin`` below 1 is a fraction of the run. A classification config gets ``ClassCountsHook`` and ``LongTailMetric``
    beside its own, and ``LongTailClsHead`` or ``SwapClassifier`` where a method needs one.

    Args:
        config (str | Path): a file, ``package::path``, or the name of a data config, ``cifar100_lt``.
        *overlays (str | Path): files, or names of methods, ``ldam-drw``.
        options (dict, optional): dotted keys, as of ``--cfg-options``.

    Returns:
        Config: it depends on no other file.

    Raises:
        FileNotFoundError: no such config or overlay.
        ValueError: an overlay does not fit the config; the sentence says why.
    """
    options = options or {}
    base = read(config)
    if '{{' in str(base.get('data_preprocessor')):  # the number of classes of a folder
        base.merge_from_dict(options)
        resolved = refer(base.to_dict(), base.to_dict(), options, '', stem(config))
        base = Config(resolved, cfg_text=base.text, filename=base.filename)
    cfg = base.to_dict()
    if not overlays:
        warn_of_unread(options, cfg)
        base.merge_from_dict(options)
        return base
    scope = cfg.setdefault('default_scope', 'mmpretrain')
    plain_types(cfg, scope)
    files = [find_overlay(overlay, scope) for overlay in overlays]
    first, losses = stem(config, cfg), []
    for file in files:
        name, own = stem(file), read(file).to_dict()
        loss = own
        for key in ('model', 'head', 'loss', 'type'):
            loss = loss.get(key) if isinstance(loss, dict) else None
        losses += [f'{loss} of {name}'] if loss else []
        diff = place(tune(own, cfg, options, name), cfg, name)
        import_modules_from_strings(**diff.get('custom_imports', dict(imports=[])))
        if 'max_epochs' in diff.get('train_cfg', {}):
            refuse_iterations(cfg, name)
        merge(cfg, diff, name)  # refuses what does not fit, before the training set is counted
        cfg = merge(cfg, refer(diff, cfg, options, first, name), name)
    if len(losses) > 1:
        warnings.warn(f'a model trains with one loss: {losses[-1]} takes the place of {", ".join(losses[:-1])}',
                      stacklevel=2)
    warn_of_unread(options, cfg)
    merged = Config(cfg)
    merged.merge_from_dict(options)
    cfg = fit(merged.to_dict(), [stem(file) for file in files])
    import_modules_from_strings(**cfg['custom_imports'])
    text = '\n'.join(itertools.chain([f'# {config}'], (f'# + {file}' for file in files)))
    return Config(cfg, cfg_text=text, filename=f'{run_name(config, cfg, files)}.py')


def overlaid(config, *overlays):
    """:func:`load` as a plain dict, for a config file's ``globals().update(overlaid('cifar100_lt', 'ldam-drw'))``."""
    return load(config, *overlays).to_dict()
