"""DigitsLT: scikit-learn's handwritten digits as a long-tailed set. Real images, nothing to download."""
import cv2
import numpy as np
from mmpretrain.datasets import BaseDataset

from ..longtail import long_tail_indices, shuffled_classes

TEST_IMAGES = 50  # a class


class DigitsLT(BaseDataset):
    """The 1,797 digits of UCI's optical recognition set (Alpaydin and Kaynak, 1998), as scikit-learn ships them.

    The test split is balanced, 50 images a class, and the same for every seed. The rest is thinned to a long tail with
    124 images of class 0. Records hold ``img`` (size, size, 3) uint8, grey, scaled up bilinearly from 8 x 8.

    Args:
        imbalance (float): n_max / n_min, at most 124. The default gives 124, 80, 51, 33, 21, 14, 9, 5, 3, 2.
        kind (str): ``'exp'`` or ``'step'``.
        seed (int): of the thinning.
        split (str): ``'train'`` or ``'test'``.
        size (int): side of the images in pixels.
        **kwargs: of MMPretrain's ``BaseDataset``.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: a bad ``split``, ``imbalance`` or ``kind``.
    """

    METAINFO = {'classes': tuple('0123456789')}

    def __init__(self, imbalance: float = 50, kind: str = 'exp', seed: int = 0, split: str = 'train', size: int = 32,
                 **kwargs):
        if split not in ('train', 'test'):
            raise ValueError(f"split must be 'train' or 'test', got {split!r}")
        self.imbalance, self.kind, self.seed, self.split, self.size = imbalance, kind, seed, split, size
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self):
        """Records ``img`` and ``gt_label``."""
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise ImportError("DigitsLT needs scikit-learn: pip install 'mmlt[demo]'") from error
        digits = load_digits()
        classes = shuffled_classes(digits.target, 10)
        if self.split == 'test':
            chosen = np.concatenate([c[:TEST_IMAGES] for c in classes])
        else:
            pool = np.concatenate([c[TEST_IMAGES:] for c in classes])
            n_max = min(map(len, classes)) - TEST_IMAGES
            labels = digits.target[pool]
            chosen = pool[long_tail_indices(labels, 10, self.imbalance, self.kind, self.seed, n_max)]
        return [dict(img=self._image(digits.images[i]), gt_label=int(digits.target[i])) for i in chosen]

    def _image(self, pixels):
        """(8, 8) in [0, 16] -> (size, size, 3) uint8."""
        grey = cv2.resize(np.rint(pixels * (255 / 16)).astype(np.uint8), (self.size, self.size))
        return np.repeat(grey[..., None], 3, axis=2)
