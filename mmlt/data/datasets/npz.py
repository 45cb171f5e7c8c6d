"""NpzImages: image arrays in one ``.npz``, with MedMNIST's key names."""
import zipfile
import zlib

import numpy as np
from mmpretrain.datasets import BaseDataset

SPLITS = ('train', 'val', 'test')
MAX_CLASSES = 2 ** 20  # a wrong label must not make that many names
BROKEN = (ValueError, TypeError, AttributeError, EOFError, MemoryError, OSError, zipfile.BadZipFile, zlib.error)
BOMB = 2 ** 28, 200  # an array of more bytes than this, packed better than so many to one, is none of images


class NpzImages(BaseDataset):
    """Images of a ``.npz`` with the arrays ``{train,val,test}_images`` and ``{train,val,test}_labels``.

    Images (N, H, W), (N, H, W, 1) or (N, H, W, 3) uint8, labels (N,) or (N, 1) integers, the keys of MedMNIST (Yang et
    al., Scientific Data 2023, arXiv:2110.14795). Records hold ``img`` (H, W, 3) uint8 RGB: use ``to_rgb=False`` in the
    preprocessor. Class names come from ``classes`` or ``metainfo``, else from an array ``class_names``, else
    they are ``'class 0'`` and so on up to the largest label of all splits.

    Args:
        ann_file (str): the ``.npz`` file, relative to ``data_root``.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        data_root (str): its folder.
        **kwargs: of MMPretrain's ``BaseDataset``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated or no ``.npz``, lacks a split, has arrays of another shape or type, or a label
            that is not in [0, C).
    """

    def __init__(self, ann_file: str, split: str = 'train', data_root: str = '', **kwargs):
        if split not in SPLITS:
            raise ValueError(f'split must be one of {SPLITS}, got {split!r}')
        self.split = split
        super().__init__(ann_file=ann_file, data_root=data_root, **kwargs)

    def load_data_list(self):
        """Records ``img`` and ``gt_label``."""
        images, labels, classes = self._read()
        if self.CLASSES is None:
            self._metainfo['classes'] = classes
        if len(images) != len(labels):
            raise ValueError(f'{self.ann_file}: {len(images)} {self.split}_images, but {len(labels)} labels')
        if images.ndim == 3:
            images = images[..., None]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise ValueError(f'{self.ann_file}: {self.split}_images is {images.dtype} {images.shape}, expected uint8 '
                             '(N, H, W), (N, H, W, 1) or (N, H, W, 3)')
        bad = np.flatnonzero((labels < 0) | (labels >= len(self.CLASSES)))
        if len(bad):
            raise ValueError(f'{self.ann_file}: {self.split}_labels[{bad[0]}] is {labels[bad[0]]}, expected '
                             f'0 <= label < {len(self.CLASSES)}, the number of classes')
        images = np.broadcast_to(images, (*images.shape[:3], 3))
        return [dict(img=image, gt_label=int(label)) for image, label in zip(images, labels)]

    def _read(self):
        """Images and labels (N,) of the split, and the class names."""
        image_key, label_key = f'{self.split}_images', f'{self.split}_labels'
        wanted = {image_key, 'class_names', *(f'{split}_labels' for split in SPLITS)}
        try:
            with np.load(self.ann_file, allow_pickle=False) as pack:
                keys = pack.files
                for entry in pack.zip.infolist():
                    if entry.file_size > max(BOMB[0], BOMB[1] * entry.compress_size):
                        raise ValueError(f'{entry.filename} unpacks {entry.compress_size} bytes to {entry.file_size}')
                arrays = {key: pack[key] for key in wanted.intersection(keys)}
        except FileNotFoundError:
            raise FileNotFoundError(f'{self.ann_file} is missing; put the .npz there or set ann_file') from None
        except BROKEN as error:
            raise ValueError(f'{self.ann_file} is truncated or not an .npz of plain arrays ({error}); '
                             'fetch or write it again') from error
        if not {image_key, label_key} <= arrays.keys():
            raise ValueError(f'{self.ann_file} lacks {image_key} or {label_key}; it holds {keys}')
        images, names = arrays.pop(image_key), arrays.pop('class_names', None)
        for key, array in arrays.items():
            if array.dtype.kind not in 'iu' or array.shape[1:] not in ((), (1,)):
                raise ValueError(f'{self.ann_file}: {key} is {array.dtype} {array.shape}, expected integers (N,) or '
                                 '(N, 1), one label an image')
            if len(array) and not 0 <= array.min() <= array.max() < MAX_CLASSES:
                raise ValueError(f'{self.ann_file}: {key} holds {array.min()} to {array.max()}, expected labels from 0 '
                                 f'on, below {MAX_CLASSES}')
        if names is None:
            names = [f'class {c}' for c in range(1 + max(int(array.max(initial=0)) for array in arrays.values()))]
        return images, arrays[label_key].reshape(-1).astype(np.int64), tuple(str(name) for name in names)
