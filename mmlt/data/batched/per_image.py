"""Random transforms without a batched form."""
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.random import host_draws_kept


class PerImage:
    """Any other random transform of the framework: image by image on the CPU, its global generators seeded from the
    image's draw and put back afterwards."""

    draws = 1
    names = {'AutoAugment', 'RandAugment', 'RandomResizedCrop', 'ColorJitter', 'RandomGrayscale', 'Lighting', 'Cutout',
             'RandomErasing', 'GaussianBlur', 'Rotate', 'Shear', 'Translate', 'AutoContrast', 'Brightness', 'Contrast',
             'ColorTransform', 'Equalize', 'Invert', 'Posterize', 'Sharpness', 'Solarize', 'SolarizeAdd'}
    geometric = {'AutoAugment', 'RandAugment', 'RandomResizedCrop', 'Rotate', 'Shear', 'Translate'}

    def __init__(self, transform: Any):
        self.transform, self.follows = transform, type(transform).__name__ not in self.geometric

    def __call__(self, images: Tensor, u: Any, pad_val: Any = None):
        if pad_val is not None:
            return images
        with host_draws_kept():
            out = [self._one(image, seed) for image, seed in zip(
                images.permute(0, 2, 3, 1).cpu().numpy(), (u[:, 0].numpy() * 2 ** 32).astype(np.uint32))]
        return torch.from_numpy(np.stack(out)).to(images.device).permute(0, 3, 1, 2)

    def _one(self, image, seed):
        np.random.seed(seed)
        random.seed(int(seed))
        image = self.transform(dict(img=np.ascontiguousarray(image), img_shape=image.shape[:2]))['img']
        return np.rint(image).clip(0, 255).astype(np.uint8)
