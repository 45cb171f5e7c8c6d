"""CIFAR-10-LT and CIFAR-100-LT from the official python files, thinned as LDAM does it."""
import hashlib

from mmengine.fileio import exists, get, join_path
from mmpretrain.datasets import CIFAR10, CIFAR100

from ..longtail import long_tail_indices


class _LongTailCIFAR:
    """What the two sets share: the checks of the official files and the thinning."""

    _checked = False

    def __init__(self, data_root='', imbalance=100, kind='exp', seed=0, split='train', download=False, **kwargs):
        if split not in ('train', 'test'):
            raise ValueError(f"split must be 'train' or 'test', got {split!r}")
        self.imbalance, self.kind, self.seed = imbalance, kind, seed
        super().__init__(data_root=data_root, split=split, download=download, **kwargs)

    def load_data_list(self):
        """Records ``img`` (32, 32, 3) uint8 RGB and ``gt_label``; the training records are sorted by class."""
        if not self.download:
            self._check_integrity()  # on every rank, else the others would wait for one that raised
        data_list = super().load_data_list()
        if self.split == 'test':
            return data_list
        labels = [info['gt_label'] for info in data_list]
        indices = long_tail_indices(labels, len(self.METAINFO['classes']), self.imbalance, self.kind, self.seed)
        return [data_list[i] for i in indices]

    def _check_integrity(self):
        """True if the split's official files are there; False only where a download overwrites nothing."""
        if self._checked:
            return True
        root = self.data_prefix['root']
        folder, archive = join_path(root, self.base_folder), join_path(root, self.filename)
        if self.download and not exists(folder) and not exists(archive):
            return False
        for name, md5 in self.train_list if self.split == 'train' else self.test_list:
            path = join_path(folder, name)
            if not exists(path):
                raise FileNotFoundError(f'{path} is missing; download {self.url} and extract it in {root}, '
                                        f'so that the official files lie in {folder}')
            found = hashlib.md5(get(path), usedforsecurity=False).hexdigest()
            if found != md5:
                raise ValueError(f'{path} has the md5 {found}, expected {md5}: the file is damaged or not the official '
                                 f'one; move it away and extract {self.url} in {root} again (nothing was changed)')
        self._checked = True
        return True


class CIFAR10LT(_LongTailCIFAR, CIFAR10):
    """CIFAR-10-LT: ``data_root`` holds the official ``cifar-10-batches-py``.

    With ``seed=0`` the training images are those of LDAM (Cao et al., NeurIPS 2019, arXiv:1906.07413), bit for bit and
    in the same order, drawn from a local generator. The pixels are RGB: use ``to_rgb=False`` in the preprocessor.

    Args:
        data_root (str): folder that holds ``cifar-10-batches-py``.
        imbalance (float): n_max / n_min; 5000 images of class 0, 5000 / imbalance of class 9.
        kind (str): ``'exp'`` or ``'step'`` (half of the classes full, half thinned).
        seed (int): of the draw.
        split (str): ``'train'``, or ``'test'``, the untouched test set.
        download (bool): fetch the archive if neither it nor the folder is there; a file there is never replaced.
        **kwargs: of MMPretrain's ``CIFAR10``.

    Raises:
        FileNotFoundError: an official file is missing; says what to download and where to put it.
        ValueError: an official file has another checksum, or a bad ``split``, ``imbalance`` or ``kind``.
    """


class CIFAR100LT(_LongTailCIFAR, CIFAR100):
    """CIFAR-100-LT: ``data_root`` holds the official ``cifar-100-python``; 500 images of class 0.

    Arguments and errors are those of :class:`CIFAR10LT`.
    """
