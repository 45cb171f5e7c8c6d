"""Five crops of an image, for testing.  H x W pixels."""
import numpy as np
from mmcv.transforms import BaseTransform

__all__ = ['FiveCrop']


class FiveCrop(BaseTransform):
    """The four corners and the centre of ``img`` (H, W, 3), as one array (5, 3, height, width).

    A classifier has to take (N, 5, 3, H, W): ``LIFTClassifier`` averages the logits.

    Args:
        crop_size (int | tuple): height and width.
        flip_channels (bool): turn BGR into RGB here, where MMPretrain's preprocessor with ``to_rgb=True`` would not,
            as it looks for three channels in the second place.

    Raises:
        ValueError: an image smaller than the crop.
    """

    def __init__(self, crop_size, flip_channels=False):
        self.size = (crop_size, crop_size) if isinstance(crop_size, int) else tuple(crop_size)
        self.flip_channels = flip_channels

    def transform(self, results):
        img, (h, w) = results['img'], self.size
        bottom, right = img.shape[0] - h, img.shape[1] - w
        if min(bottom, right) < 0:
            raise ValueError(f'an image of {img.shape[:2]} pixels is smaller than the crop {self.size}; resize '
                             'it first')
        places = [(0, 0), (0, right), (bottom, 0), (bottom, right), (round(bottom / 2), round(right / 2))]
        crops = np.stack([img[y:y + h, x:x + w].transpose(2, 0, 1) for y, x in places])
        results['img'] = np.ascontiguousarray(crops[:, ::-1] if self.flip_channels else crops)
        results['img_shape'] = self.size
        return results
