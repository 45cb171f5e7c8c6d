"""Labels and class counts of any data set, through its wrappers.  N images, C classes."""
import pickle
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, Subset

from ..core.block_index import label_parts
from .ragged import Ragged

# whose `get_gt_labels` and `get_cat_ids` return what their records hold
STOCK = ('mmengine.dataset.base_dataset', 'mmpretrain.datasets.base_dataset', 'mmpretrain.datasets.multi_label',
         'mmdet.datasets.base_det_dataset')

MAX_CLASSES = 2 ** 24  # that the largest label alone may make


def labels_of(dataset: Any):
    """Labels of a data set as its index runs, without reading an image.

    Walks MMEngine's and MMPretrain's data sets and wrappers (concatenated, repeated, class-balanced, K-fold, sliced,
    image-mixing), torch's ``Subset`` and ``ConcatDataset`` in any nesting, and data sets in the manner of torchvision
    (``targets``, ``labels``, ``samples``, with their ``target_transform``) and timm. MMDetection's crowds, which do not
    train, have no label. A data set of another kind gets an attribute ``mmlt_labels`` with its labels. Labels
    themselves pass, too.

    Returns:
        ndarray (N,) int64 if each image has one label, else :class:`Ragged`. Rows of a 2-D array or tensor are
        multi-hot; rows of a list are label lists. Memory-mapped labels, ``numpy.load(file, mmap_mode='r')``, stay what
        they are, of any integer type.

    Raises:
        TypeError: no labels were found, or they are not integers.
        ValueError: another number of labels than of images.

    >>> dataset = torch.utils.data.TensorDataset(torch.zeros(4, 2), torch.tensor([3, 0, 1, 1]))
    >>> labels_of(torch.utils.data.Subset(dataset, [0, 3])).tolist()
    [3, 1]
    """
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    labels = _walk(dataset)
    if hasattr(dataset, '__len__') and len(labels) != len(dataset):
        raise ValueError(f'found {len(labels)} labels for the {len(dataset)} images of {type(dataset).__name__}; '
                         'set its attribute mmlt_labels = [label of each image]')
    return labels


def class_counts(dataset: Any, num_classes: int | None = None, unit: str = 'image'):
    """Images, or labels, of each class.

    Args:
        dataset: anything :func:`labels_of` takes.
        num_classes (int, optional): C; by default the number of the data set's class names, else the largest label + 1.
        unit (str): ``'image'`` counts an image once for each class it has, ``'instance'`` counts every label.

    Returns:
        ndarray (C,) int64.

    Raises:
        ValueError: a label outside [0, C), no label at all, or an unknown ``unit``.

    >>> class_counts([0, 2, 2, 0, 2], num_classes=4).tolist()
    [2, 0, 3, 0]
    """
    if unit not in ('image', 'instance'):
        raise ValueError(f"unit must be 'image' or 'instance', got {unit!r}")
    labels = labels_of(dataset)
    if isinstance(labels, Ragged):
        labels = labels.unique() if unit == 'image' else labels
        flat = labels.flat
    else:
        flat = labels
    if not len(flat):
        raise ValueError(f'{type(dataset).__name__} has no label to count; is its annotation file empty?')
    lows, highs = zip(*((part.min(), part.max()) for part in label_parts(flat, 1 << 20)))
    low, high = int(min(lows)), int(max(highs))
    if num_classes is None:
        num_classes = num_classes_of(dataset) or high + 1
        if num_classes > MAX_CLASSES:
            raise ValueError(f'image {int(flat.argmax())} has the label {num_classes - 1}, which would make more than '
                             f'{MAX_CLASSES} classes; correct it, or pass num_classes')
    if low < 0 or high >= num_classes:
        bad = int(((flat < 0) | (flat >= num_classes)).argmax())
        image = int(labels.images[bad]) if isinstance(labels, Ragged) else bad
        raise ValueError(f'image {image} has the label {flat[bad]}, expected 0 <= label < {num_classes} classes; '
                         'correct the label, or the class names or num_classes')
    return sum(np.bincount(part.astype(np.int64, copy=False), minlength=num_classes)
               for part in label_parts(flat, 1 << 20))


def num_classes_of(dataset: Any):
    """Number of class names of a data set or of what it wraps; None if there are no names."""
    if isinstance(dataset, ConcatDataset):
        return max((num_classes_of(part) or 0 for part in dataset.datasets), default=0) or None
    metainfo = getattr(dataset, 'metainfo', None)
    names = (metainfo.get('classes') if hasattr(metainfo, 'get') else None) or getattr(dataset, 'classes', None)
    if names is not None and hasattr(names, '__len__') and len(names):
        return len(names)
    inner = getattr(dataset, 'dataset', None)
    return num_classes_of(inner) if inner is not None else None


def _walk(dataset):
    if isinstance(dataset, (list, tuple, np.ndarray, torch.Tensor, Ragged)):
        return _as_labels(dataset, dataset)
    if type(dataset).__name__ == '_SlicedDataset':  # MMEngine's; whatever it lacks it answers from the whole set
        return labels_of(dataset._dataset).take(np.arange(len(dataset)))
    if hasattr(dataset, 'mmlt_labels'):
        return _as_labels(dataset.mmlt_labels, dataset)
    if isinstance(dataset, Subset):
        labels, indices = labels_of(dataset.dataset), np.asarray(dataset.indices, dtype=np.int64)
        if len(indices) and not -len(labels) <= indices.min() <= indices.max() < len(labels):
            raise ValueError(f'a Subset takes the images {indices.min()} to {indices.max()} of a data set of '
                             f'{len(labels)}; correct its indices')
        return labels.take(indices)
    if isinstance(dataset, ConcatDataset):
        return _concatenate([labels_of(part) for part in dataset.datasets])
    if hasattr(dataset, 'repeat_indices'):
        return labels_of(dataset.dataset).take(np.asarray(dataset.repeat_indices, dtype=np.int64))
    if hasattr(dataset, 'times') and hasattr(dataset, 'dataset'):
        labels = labels_of(dataset.dataset)
        return labels.take(np.tile(np.arange(len(labels)), dataset.times))
    return _leaf(dataset)


def _leaf(dataset):
    first = _first_record(dataset)
    if 'gt_label' in first:
        return _as_labels([record['gt_label'] for record in _records(dataset)], dataset)
    if 'instances' in first:
        return _single(Ragged.from_lists([[x['bbox_label'] for x in record['instances'] if not x.get('ignore_flag')]
                                          for record in _records(dataset)]))
    for read in (_gt_labels, _cat_ids):
        labels = read(dataset)
        if labels is not None:
            return labels
    return _target_transform(_attribute(dataset), dataset)


def _attribute(dataset):
    for name in ('targets', 'labels', '_labels'):
        if getattr(dataset, name, None) is not None:
            return _as_labels(getattr(dataset, name), dataset)
    if getattr(dataset, 'samples', None) is not None:
        return _as_labels([sample[1] for sample in dataset.samples], dataset)
    if len(getattr(dataset, 'tensors', ())) == 2:
        return _as_labels(dataset.tensors[1], dataset)
    for name in ('dataset', 'reader'):
        if hasattr(dataset, name):
            return labels_of(getattr(dataset, name))
    raise _unreadable(dataset, 'it has none of get_gt_labels, get_cat_ids, targets, labels, samples, dataset')


def _first_record(dataset):
    """Of a data set whose labels can be read off its records; else empty."""
    readers = [getattr(type(dataset), name, None) for name in ('get_data_info', 'get_gt_labels', 'get_cat_ids')]
    if readers[0] is None or any(read is not None and read.__module__ not in STOCK for read in readers):
        return {}
    return dataset.get_data_info(0) if len(dataset) else {}


def _records(dataset):
    """The annotations of an MMEngine data set, not copied; a third of the time of ``get_data_info`` in a loop."""
    if not dataset.serialize_data:
        return dataset.data_list
    data, ends = memoryview(dataset.data_bytes), dataset.data_address.tolist()
    return (pickle.loads(data[start:end]) for start, end in zip([0, *ends], ends))


def _gt_labels(dataset):
    if callable(getattr(dataset, 'get_gt_labels', None)):
        try:
            labels = np.asarray(dataset.get_gt_labels())
        except ValueError:  # numpy refuses rows of several lengths: a multi-label set
            return None
        if labels.ndim == 1 and labels.dtype.kind in 'iu':
            return labels.astype(np.int64)


def _cat_ids(dataset):
    if callable(getattr(dataset, 'get_cat_ids', None)):
        try:
            return _single(Ragged.from_lists([dataset.get_cat_ids(i) for i in range(len(dataset))]))
        except NotImplementedError:
            return None


def _single(labels):
    return labels.flat if (np.diff(labels.offsets) == 1).all() else labels


def _as_labels(values, owner):
    if isinstance(values, Ragged) or (isinstance(values, np.memmap) and values.ndim == 1 and values.dtype.kind in 'iu'):
        return values
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    first = values[0] if len(values) else 0
    if isinstance(values, (list, tuple)) and (isinstance(first, (list, tuple, set)) or getattr(first, 'ndim', 0)):
        try:
            return Ragged.from_lists(values)
        except TypeError as error:
            raise _unreadable(owner, str(error)) from error
    array = np.asarray(values) if len(values) else np.zeros(0, np.int64)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and np.isin(array, (0, 1)).all():
        rows, columns = array.nonzero()
        return Ragged(columns, np.searchsorted(rows, np.arange(len(array) + 1)))
    if array.ndim == 1 and array.dtype.kind in 'USO' and all(isinstance(value, str) for value in array.tolist()):
        raise _unreadable(owner, f'they are strings, as {array[0]!r}; number them: classes, labels = '
                                 'numpy.unique(labels, return_inverse=True)')
    if array.ndim != 1 or array.dtype.kind not in 'iu':
        raise _unreadable(owner, f'they are {array.dtype} of shape {array.shape}, expected integers (N,), '
                                 'label lists or a multi-hot (N, C)')
    return array.astype(np.int64, copy=False)


def _concatenate(parts):
    if not any(isinstance(part, Ragged) for part in parts):
        return np.concatenate(parts)
    parts = [part if isinstance(part, Ragged) else Ragged(part, np.arange(len(part) + 1)) for part in parts]
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    return Ragged(np.concatenate([part.flat for part in parts]), np.concatenate([[0], np.cumsum(sizes)]))


def _target_transform(labels, dataset):
    transform = getattr(dataset, 'target_transform', None)
    if transform is None or isinstance(labels, Ragged):
        return labels
    old, where = np.unique(labels, return_inverse=True)
    try:
        new = [int(transform(int(label))) for label in old]
    except (TypeError, ValueError, RuntimeError) as error:
        raise _unreadable(dataset, f'its target_transform does not give integers ({error})') from error
    return np.asarray(new, dtype=np.int64)[where]


def _unreadable(dataset, why):
    return TypeError(f'cannot read the labels of {type(dataset).__name__}: {why}; '
                     'set its attribute mmlt_labels = [label of each image]')
