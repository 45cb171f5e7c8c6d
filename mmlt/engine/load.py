"""The one way in for checkpoints: nothing in them is executed, and a damaged one is refused.

MMEngine's checkpoints hold more than tensors: log histories, NumPy numbers, and the pickled names of their methods.
These few types are let in by ``torch.load(weights_only=True)``; everything else is refused unless ``trust`` is given.
"""
import re
import zipfile
import zlib
from collections import OrderedDict
from functools import cache
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch

from ..core.counts import as_counts
from ..core.dist import world_size

LOSS = r'(^|\.)loss_module(\.|$)'  # its state is that of a stage; nothing of it enters a prediction
# what classifiers of several views or branches train beside their prediction: a plain one needs none of it
BESIDE = r'^(contrast|draws|generator|key_encoder|label_weights|plain_fc|predictor|project\w*|prototypes|queue)(\.|$)'
STATISTICS = 'min', 'max', 'mean', 'current'  # of HistoryBuffer, which pickles them as getattr(HistoryBuffer, name)


def read_checkpoint(path, map_location='cpu', trust=False):
    """The dict in a checkpoint file or at its URL.

    ``meta['config']``, which MMEngine's resume would execute, is left out.

    Args:
        path (str): a file, or an address that MMEngine knows.
        map_location: as of ``torch.load``.
        trust (bool): unpickle whatever it holds, which may execute code.

    Raises:
        FileNotFoundError: there is no such file. The message names the newest one in its folder.
        IsADirectoryError: it is a folder, in the same words.
        ValueError: it is no checkpoint, a damaged one, holds NaN or infinite weights, or more than data.
    """
    file = _download(path) if str(path).startswith(('http://', 'https://')) else path
    if not Path(file).is_file() and re.match(r'\S+://', str(path)):
        from mmengine.runner import CheckpointLoader  # a model zoo: its names stand for fixed addresses
        return _checked(CheckpointLoader.load_checkpoint(str(path), map_location=map_location, logger='silent'), path)
    if not Path(file).exists():
        raise FileNotFoundError(f'no checkpoint {path}{_newest_beside(Path(path).parent)}')
    if Path(file).is_dir():
        raise IsADirectoryError(f'{path} is a folder, no checkpoint{_newest_beside(Path(path))}')
    with open(file, 'rb') as opened:  # what cannot be read says so here
        packed = opened.read(4) == b'PK\x03\x04'
    if packed and (fault := damage(file)):
        raise ValueError(f'{path} is no checkpoint, or a truncated one ({fault}); take another copy or an older one')
    torch.serialization.add_safe_globals(_types())
    try:
        checkpoint = torch.load(file, map_location=map_location, weights_only=not trust)
    except Exception as error:  # unpickling another kind of file raises almost anything, OSError too
        unsafe = not trust and re.search(r'GLOBAL (\S+)|[Uu]nsupported class (\S+)|getattr of \S+', str(error))
        if unsafe:
            raise ValueError(f'{path} holds more than data: loading it would call {unsafe[1] or unsafe[2] or unsafe[0]}'
                             '. If you trust where it comes from, pass --trust (trust=True)') from None
        reason = str(error).split('\n')[0]
        raise ValueError(f'{path} is no checkpoint, or a truncated one ({type(error).__name__}: {reason}); give a .pth '
                         'file as training writes it') from None
    return _checked(checkpoint, path)


def _newest_beside(folder):
    """What there is instead, for an error."""
    from .checkpoints import newest_checkpoint  # which reads checkpoints itself
    newest = newest_checkpoint(folder)
    return f'; give {newest}, the newest of the folder' if newest else ''


def add_arguments(parser, fit=True):
    """``--trust`` of every tool that loads a checkpoint, and ``--allow-missing`` if it must ``fit`` a model."""
    parser.add_argument('--trust', action='store_true', help='load checkpoints that hold more than data: they may '
                                                             'execute code')
    if fit:
        parser.add_argument('--allow-missing', nargs='+', default=[], metavar='PATTERN',
                            help='regular expressions of weights in which the checkpoint and the model may differ')


def guard(trust=False):
    """Have MMEngine load files and URLs by :func:`read_checkpoint`: for resume, ``load_from`` and ``Pretrained``."""
    from mmengine.runner import CheckpointLoader

    def load_from_checked(filename, map_location=None, logger=None):
        return read_checkpoint(filename, map_location, trust)

    for prefix in ('', 'http://', 'https://'):
        CheckpointLoader.register_scheme(prefix, load_from_checked, force=True)


def damage(path):
    """What is wrong with a checkpoint's archive, as a string; None if it was written to its end and reads back.

    ``torch.load`` compares no checksum: a flipped bit would go unseen.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if packed := [entry.filename for entry in archive.infolist() if entry.compress_type != zipfile.ZIP_STORED]:
                return f'{packed[0]} is compressed, torch.save compresses nothing'
            bad = archive.testzip()
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        return f'{type(error).__name__}: {error}'
    return bad and f'wrong checksum of {bad}'


def saved_counts(checkpoint, key='class_counts'):
    """The training counts (C,) in ``meta[key]`` of a checkpoint, or None. A path is no count."""
    counts = (checkpoint.get('meta') or {}).get(key)
    if counts is not None and not isinstance(counts, (list, tuple, np.ndarray, torch.Tensor)):
        raise ValueError(f'meta.{key} of the checkpoint is {counts!r:.80}, expected a number for each class')
    return None if counts is None else as_counts(counts, allow_empty=True)


def misfits(model, state):
    """Load a state dict as far as it fits, and say where it does not.

    Returns:
        tuple: keys that the model lacks a value for, keys that it has no place for, keys of another shape; names as
        the model's own loading hooks make them.
    """
    found = [], [], []

    def note(module, keys):
        found[0][:] = [key for key in keys.missing_keys if not key.endswith('num_batches_tracked')]
        found[1][:] = keys.unexpected_keys

    handle = model.register_load_state_dict_post_hook(note)
    try:
        model.load_state_dict(OrderedDict((re.sub(r'^module\.', '', key), value) for key, value in state.items()),
                              strict=False)
    except RuntimeError as error:
        found[2][:] = re.findall(r'size mismatch for ([^\s:]+):', str(error))
        if not found[2]:
            raise
    finally:
        handle.remove()
    return found


def check_fit(model, state, allowed=()):
    """Load a state dict into a model.

    Args:
        allowed (sequence[str]): regular expressions of keys in which they may differ; those of a loss always may, and
            the state may have more of what serves training alone.

    Returns:
        list[str]: the keys in which they differ.

    Raises:
        ValueError: they differ in others, which are listed.
    """
    differing, faults = [], []
    for keys, what in zip(misfits(model, state), ('lacks', 'has too many', 'has in another shape')):
        patterns = LOSS, *allowed, *([BESIDE] if what == 'has too many' else [])
        bad = [key for key in keys if not any(re.search(pattern, key) for pattern in patterns)]
        differing += [key for key in keys if key not in bad]
        if bad:
            faults.append(f'{what} {len(bad)} weights: {", ".join(bad)}')
    if faults:
        raise ValueError(f'the checkpoint does not fit the config: it {"; it ".join(faults)}. Take the config that it '
                         'was trained with, or name what may differ: --allow-missing PATTERN')
    return differing


def _checked(checkpoint, path):
    """The checkpoint without what MMEngine would execute; errors for what is no weight and no count."""
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} holds a {type(checkpoint).__name__}, expected a checkpoint or state dict')
    meta, state = checkpoint.get('meta') or {}, checkpoint.get('state_dict', checkpoint)
    if not isinstance(meta, dict) or not isinstance(state, dict):
        raise ValueError(f'{path} is no checkpoint: its meta and state_dict must be dicts')
    meta.pop('config', None)
    saved_counts(checkpoint)
    for part in (state, checkpoint.get('ema_state_dict') or {}):
        if bad := [name for name, value in part.items() if not _finite(name, value)]:
            raise ValueError(f'{path} holds NaN or infinite weights: {_some(bad)}; take an older checkpoint')
    return checkpoint


def _finite(name, value):
    if not torch.is_tensor(value) or not value.is_floating_point() or name.endswith('mask') or value.is_sparse:
        return True  # attention masks hold -inf
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():  # expanded: look at what is stored
        value = value.new_empty(0).set_(value.untyped_storage())
    return bool(value.isfinite().all())


def _some(names, n=10):
    return ', '.join(names[:n]) + (f' and {len(names) - n} more' if len(names) > n else '')


def _download(url):
    """The file in PyTorch's cache that holds what is at the URL."""
    from mmengine.dist import master_only

    file = Path(torch.hub.get_dir()) / 'checkpoints' / Path(url.split('?')[0]).name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        master_only(torch.hub.download_url_to_file)(url, str(file))
        if world_size() > 1:
            torch.distributed.barrier()
    return file


def _statistic(owner, name):
    """``getattr`` for the one thing that MMEngine's checkpoints need it for."""
    from mmengine.logging import HistoryBuffer
    if owner is not HistoryBuffer or name not in STATISTICS:
        raise UnpicklingError(f'getattr of {owner!r}')
    return getattr(owner, name)


@cache
def _types():
    """What MMEngine's checkpoints hold beside tensors and plain values."""
    numpy_core = np._core if hasattr(np, '_core') else np.core
    types = [slice, np.ndarray, np.dtype, *{type(np.dtype(code)) for code in '?bhilqpBHILQPefdgFDUS'}]
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # files of either version of NumPy
        types += [_named(getattr(numpy_core.multiarray, name), module, name) for name in ('_reconstruct', 'scalar')]
    types += [_named(_statistic, module, 'getattr') for module in ('builtins', '__builtin__')]
    try:
        from mmengine.logging import HistoryBuffer
        types.append(HistoryBuffer)
    except ImportError:
        pass
    return types


def _named(function, module, name):
    """The function under the name by which a pickle calls it."""
    def call(*args):
        return function(*args)
    call.__module__, call.__qualname__ = module, name
    return call
