"""Inputs of a model's classifier over a data set, computed once and kept on disk.  N images, D features."""
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from torch.utils.data import SequentialSampler, Subset

from ..core.dist import from_first, rank_and_world_size
from ..core.files import allocate, checksum, write_whole
from ..data.labels import Ragged, labels_of
from ..data.split import group_folds, groups_of
from .load import check_fit

NESTED = ('dataset', 'datasets')


def load_model(cfg, state_dict, path, allow_missing=()):
    """Build the model of a config with a checkpoint's weights, in eval mode.

    Args:
        cfg (Config): a whole config.
        state_dict (dict): weights, with the classifier at ``path``.
        path (str): where the classifier lies, ``'head.fc'``.
        allow_missing (sequence[str]): regular expressions of weights in which they may differ.

    Raises:
        ValueError: the checkpoint is of another number of classes, or of another model.
    """
    model = MODELS.build(cfg.model, default_args=dict(data_preprocessor=cfg.get('data_preprocessor')))
    own = model.state_dict().get(f'{path}.weight')
    if own is None:
        raise ValueError(f'the checkpoint has its classifier at {path}, the model of the config has none there')
    saved = state_dict[f'{path}.weight']
    if len(saved) != len(own):
        raise ValueError(f'the classifier {path} has {len(saved)} classes in the checkpoint and {len(own)} in the '
                         'config; set num_classes, or take the config that the checkpoint was trained with')
    check_fit(model, state_dict, allow_missing)
    return model.eval()


def eval_dataset(cfg, pipeline):
    """A data set's config with ``pipeline`` in the place of its own, through any wrappers."""
    cfg = dict(cfg)
    inner = [key for key in NESTED if key in cfg]
    for key in inner:
        part = cfg[key]
        cfg[key] = [eval_dataset(p, pipeline) for p in part] if key == 'datasets' else eval_dataset(part, pipeline)
    if 'pipeline' in cfg or not inner:
        cfg['pipeline'] = pipeline
    return cfg


def pipeline_of(cfg):
    """The pipeline of a data set's config, that of the innermost one."""
    for key in NESTED:
        if key in cfg:
            return pipeline_of(cfg[key][0] if key == 'datasets' else cfg[key])
    return cfg.get('pipeline', [])


def extract_features(model, path, dataset, loader, file, cfg=None, dtype='float32', progress=None, flush_seconds=2.):
    """What the classifier at ``path`` is given for every image, in the data set's order.

    The features lie in ``<file>-<key>.npy``, mapped into memory; the key is a hash of all other weights, ``cfg``, the
    data set's config and labels and ``dtype``. How many images are done is noted on the way, so a run that was killed
    goes on from there, and a finished one is read. A truncated or foreign file, or one whose checksum is wrong, is
    computed anew. The ranks of ``torch.distributed`` deal the batches among them and write into one file, which must
    lie where all see it.

    Args:
        model (nn.Module): in eval mode, with MMEngine's ``data_preprocessor``.
        path (str): where the classifier lies.
        dataset (dict): config of the data set, with the pipeline to use.
        loader (dict): config of a data loader; its data set and sampler are not read.
        file (str): folder and first part of the file's name.
        cfg: what else the features depend on (the model's config); anything with a ``repr``.
        dtype (str): ``'float32'`` or ``'float16'``, half the disk, about three digits.
        progress: called with (images done, N) after every batch.
        flush_seconds (float): time between two notes on the disk.

    Returns:
        tuple: features (N, D), a memory-mapped array, and labels (N,) int64.

    Raises:
        ValueError: images with several labels; the classifier's input is not (batch, D).
    """
    data = DATASETS.build(dataset)
    labels = labels_of(data)
    if isinstance(labels, Ragged):
        raise ValueError(f'{dataset["type"]} has images with several labels; refitting needs one label an image')
    key = _key(model, path, dataset, labels, dtype, cfg)
    file = Path(f'{file}-{key[:16]}.npy')
    shape = (len(labels), model.get_submodule(path).in_features)
    rank, world = rank_and_world_size()
    features, done, total = _reopen(file, key, shape, dtype) if rank == 0 else (None, 0, 0)
    if features is None and rank == 0:
        features, done, total = _create(file, dtype, shape), 0, 0
        _note(file, key, features, 0, 0)
    done = from_first(done)
    if rank:
        features = np.load(file, mmap_mode='r+')
    noted = time.monotonic()
    for rows, places, after in _batches(model, path, data, loader, done):
        if places:
            if rows.ndim != 2:
                raise ValueError(f'{path} is given features of shape {tuple(rows.shape)}, expected (batch, D); pool '
                                 "them, with neck=dict(type='GlobalAveragePooling') for example")
            features[places.start:places.stop] = rows.float().cpu().numpy()
        before, done = done, after
        if world > 1:
            dist.barrier()
        if rank == 0:
            total = checksum([features[before:done]], total)
            if time.monotonic() - noted >= flush_seconds or done == len(labels):
                _note(file, key, features, done, total)
                noted = time.monotonic()
        if progress is not None:
            progress(done, len(labels))
    if world > 1:
        dist.barrier()  # the last note is written
    return np.load(file, mmap_mode='c'), labels


def grouped_folds(dataset, labels, file, folds, seed):
    """The fold of each training image (N,) by the groups in a csv, and a line that says so; None and '' without groups.

    Args:
        dataset (dict): of the training set, whose ``ann_file`` may have a ``groups.csv`` beside it.
        file (str, optional): the csv.
    """
    beside = Path(dataset['ann_file']).parent / 'groups.csv' if dataset.get('ann_file') else None
    if file is None and not (beside and beside.is_file()):
        return None, ''
    groups = groups_of(DATASETS.build(dataset), file or beside)
    fold = group_folds(labels.cpu().numpy(), groups, folds, seed)
    return fold, f'folds of {len(set(groups.tolist()))} groups, from {file or beside}\n'


@torch.no_grad()
def _batches(model, path, data, loader, done):
    """For each round of batches, one a rank, from image ``done`` on: (B, D) of this rank's batch, its images (a range,
    empty without a batch), and how many images are done after the round."""
    (rank, world), size = rank_and_world_size(), loader['batch_size']
    rounds = [range(len(data))[begin:begin + size * world] for begin in range(done, len(data), size * world)]
    own = [images[rank * size:(rank + 1) * size] for images in rounds]
    indices = [i for images in own for i in images]
    loader = {key: value for key, value in loader.items() if key not in ('batch_sampler', 'num_batch_per_epoch')}
    loader.update(dataset=Subset(data, indices), sampler=SequentialSampler(indices), drop_last=False,
                  persistent_workers=False)
    batches = iter(Runner.build_dataloader(loader, seed=0) if indices else ())
    seen = []
    hook = model.get_submodule(path).register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    try:
        for images, places in zip(rounds, own):
            if places:
                model(**model.data_preprocessor(next(batches), False), mode='tensor')
            yield seen.pop() if places else None, places, images.stop
    finally:
        hook.remove()


def _key(model, path, dataset, labels, dtype, cfg):
    digest = hashlib.sha256(repr((path, _plain(dataset), dtype, cfg)).encode())
    digest.update(labels.tobytes())
    for name, value in sorted(model.state_dict().items()):
        if not name.startswith(f'{path}.'):
            digest.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
            digest.update(value.cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _plain(cfg):
    """Nested dicts in one order of keys."""
    if isinstance(cfg, dict):
        return {key: _plain(cfg[key]) for key in sorted(cfg)}
    return [_plain(value) for value in cfg] if isinstance(cfg, (list, tuple)) else cfg


def _create(file, dtype, shape):
    """An array on the disk that has its space, so that no write into it can fail."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_suffix('.json').unlink(missing_ok=True)
    features = np.lib.format.open_memmap(file, 'w+', dtype, shape)
    try:
        allocate(file, file.stat().st_size)
    except OSError:
        file.unlink()
        raise
    return features


def _note(file, key, features, done, total):
    """Write the features through, then how many are done, and their checksum."""
    features.flush()
    write_whole(file.with_suffix('.json'), json.dumps({'key': key, 'done': done, 'crc32': total}).encode())


def _reopen(file, key, shape, dtype):
    """The array, how many images are done and their checksum; None if it is not what was written."""
    try:
        note = json.loads(file.with_suffix('.json').read_text())
        np.load(file, mmap_mode='r')  # refuses a truncated file, which 'r+' fills up with zeros
        features = np.load(file, mmap_mode='r+')
        done, total = note['done'], note['crc32']
        if note['key'] == key and features.shape == shape and features.dtype == dtype and 0 <= done <= shape[0] \
                and checksum([features[:done]]) == total:
            return features, done, total
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None, 0, 0
