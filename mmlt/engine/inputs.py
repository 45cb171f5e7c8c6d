"""What a loss may ask for beside logits and labels, and where it comes from.  N images, D features.

A loss names its inputs, ``requires = ('feats', 'sample_idx')``, and is called with them as keywords:

==================  =================================================================================================
``feats``           (N, D), what the classifier layer reads; the head has them
``sample_idx``      (N,) int64, the place of each image in the training set, from 0; see :mod:`mmlt.engine.pipelines`
``class_vectors``   (C, D), the weight of a linear classifier layer; the head has it
``progress``        :class:`Progress`, read from MMEngine's ``MessageHub``
``projections``     what a projection head makes of the features; the classifier that owns it gives them
``teacher_logits``  (N, C) of a :class:`~mmlt.engine.teacher.FrozenTeacher`; the classifier that owns it gives them
``teacher_feats``   (N, D) of the same
``expert_logits``   (G, N, C) of G teachers, one after another; the classifier that owns them gives them
==================  =================================================================================================

``LongTailClsHead.loss(feats, data_samples, **given)`` fills the first four, and passes on what the classifier gives.
"""
from typing import NamedTuple

import torch
from mmengine.logging import MessageHub

INPUTS = ('feats', 'class_vectors', 'sample_idx', 'progress', 'projections', 'teacher_logits', 'teacher_feats',
          'expert_logits')


class Progress(NamedTuple):
    """How far a run is: the 0-based epoch and their number. MMEngine calls an iteration-based run one epoch; there, it
    is the iteration and the number of iterations."""
    epoch: int
    max_epochs: int


def progress() -> Progress:
    """The progress of the current run.

    Raises:
        RuntimeError: no training is running.
    """
    hub = MessageHub.get_current_instance()
    unit = 'epoch' if hub.runtime_info.get('max_epochs', 1) > 1 else 'iter'
    if f'max_{unit}s' not in hub.runtime_info:
        raise RuntimeError('progress is known in a run of MMEngine only; elsewhere, pass progress=(epoch, max_epochs) '
                           'to the loss')
    return Progress(hub.get_info(unit), hub.get_info(f'max_{unit}s'))


def sample_indices(data_samples: list) -> torch.Tensor:
    """``sample_idx`` of MMPretrain's data samples, (N,) int64 on the CPU.

    Raises:
        ValueError: a sample has none.
    """
    if any('sample_idx' not in sample for sample in data_samples):
        raise ValueError('a data sample has no sample_idx; add dict(type="ClassCountsHook") to the hooks, which '
                         'numbers the training set for a loss that requires it')
    return torch.tensor([sample.sample_idx for sample in data_samples])


def loss_inputs(loss, data_samples, **given) -> dict:
    """The keyword arguments that ``loss`` requires: those given, else what can be found. Known ones that it does not
    require are left out.

    Raises:
        ValueError: a required one is neither given nor known here.
    """
    wanted = getattr(loss, 'requires', ())
    found = {name: value for name, value in given.items() if name in wanted or name not in INPUTS}
    for name in wanted:
        if name in found:
            continue
        if name == 'sample_idx':
            found[name] = sample_indices(data_samples)
        elif name == 'progress':
            found[name] = progress()
        else:
            raise ValueError(f'{type(getattr(loss, "active", loss)).__name__} requires {name}, which '
                             f'{"is none of " + ", ".join(INPUTS) if name not in INPUTS else "the classifier gives"}; '
                             f'call the head\'s loss with {name}=...')
    return found
