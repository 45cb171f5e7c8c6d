"""Reach the parts of a running training."""
import logging
from contextlib import contextmanager

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper

from ..core.checks import submodule


def unwrap(model):
    """The model inside MMEngine's distributed wrapper, or the model itself."""
    return model.module if is_model_wrapper(model) else model


@contextmanager
def evaluating(model):
    """The model in eval mode; afterwards each module is in its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def ema_models(runner):
    """The averaged copies that MMEngine's EMA hooks keep of the model."""
    return [hook.ema_model.module for hook in runner.hooks if hasattr(hook, 'ema_model')]


def parameters(model, path):
    """The parameters of the module at ``path``, or the one that lies there itself.

    Raises:
        ValueError: there is neither.
    """
    own = dict(model.named_parameters()).get(path)
    return [own] if own is not None else list(submodule(model, path).parameters())


def batch_augments(model):
    """The batch augmentations of MMPretrain's data preprocessor, without the None among its own, which does nothing."""
    augments = getattr(getattr(model, 'data_preprocessor', None), 'batch_augments', None)
    return [augment for augment in getattr(augments, 'augments', []) if augment is not None]


def prepare_augments(augments, model, counts):
    """Give batch augmentations the model and the class counts that they ask for."""
    for augment in augments:
        if hasattr(augment, 'attach'):
            augment.attach(model)
        if counts is not None and hasattr(augment, 'set_class_counts'):
            give_counts(augment, counts)


def give_counts(part, counts):
    """Hand a part the training counts (C,). One that was given its own keeps them; if they differ, the log says so.

    Raises:
        ValueError: its own are of another number of classes.
    """
    own, name = getattr(part, 'own_counts', None), type(part).__name__
    if own is not None and len(own) != len(counts):
        raise ValueError(f'{name} was given class_counts of {len(own)} classes, the training set has {len(counts)}; '
                         'correct them, or drop them and have them counted')
    if own is not None and not own.equal(counts):
        c = int((own != counts).nonzero()[0])
        print_log(f'{name} keeps the class_counts it was given; they differ from the training set, first in class {c}: '
                  f'{own[c]:g} against {counts[c]:g}', 'current', logging.WARNING)
    part.set_class_counts(counts if own is None else own)  # a checkpoint may have brought others


def counts_of(runner):
    """The class counts (C,) that ``ClassCountsHook`` found, or None."""
    return next((hook.counts for hook in runner.hooks if hasattr(hook, 'counts')), None)


def build_augments(cfg, model, counts):
    """Batch augmentations ready to use, from one config, several, or MMPretrain's ``dict(augments=, probs=)``; None
    from none."""
    if not cfg:
        return None
    from mmpretrain.models import RandomBatchAugment
    augments = RandomBatchAugment(**(cfg if isinstance(cfg, dict) and 'augments' in cfg else dict(augments=cfg)))
    prepare_augments(augments.augments, model, counts)
    return augments
