"""Augmentation as strong as a class has learnt to bear.  C classes, H x W pixels, levels 0 .. max_level."""
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from ..core.checks import check_integer, check_range

__all__ = ['ClassWiseAugment']

# MMPretrain's transforms at full magnitude; those without magnitude_range have one form
_SIGNED = dict(random_negative_prob=0.5)
OPERATIONS = (
    dict(type='RandomFlip', prob=1.0, direction='vertical'), dict(type='RandomFlip', prob=1.0),
    dict(type='AutoContrast'), dict(type='Equalize'), dict(type='Invert'),
    dict(type='GaussianBlur', magnitude_range=(0, 2)), dict(type='Rotate', magnitude_range=(0, 30), **_SIGNED),
    dict(type='Posterize', magnitude_range=(0, 3)), dict(type='Solarize', magnitude_range=(0, 256)),
    dict(type='SolarizeAdd', magnitude_range=(0, 110)),
    *(dict(type=kind, magnitude_range=(-0.9, 0.9), random_negative_prob=0.0)
      for kind in ('ColorTransform', 'Contrast', 'Brightness', 'Sharpness')),
    *(dict(type=kind, magnitude_range=(0, top), direction=direction, **_SIGNED)
      for kind, top in (('Shear', 0.3), ('Translate', 0.45)) for direction in ('horizontal', 'vertical')),
)


class ClassWiseAugment(BaseTransform):
    """CUDA: an image of a class at level L gets L operations, drawn with replacement, of the magnitude L / total_level
    of their ranges. Ahn et al., ICLR 2023, arXiv:2302.05499.

    ``ClassLevelHook`` raises and lowers the levels, which lie in shared memory, so that loader workers see them. Every
    draw is NumPy's, which ``RandomStateHook`` seeds for each image.

    The authors' code has further EdgeEnhance, Detail, Smooth and ResizeCrop, which MMPretrain lacks; its translations
    go to 100 pixels whatever the image's size, here to 0.45 of it, as its comment says; its SolarizeAdd inverts what is
    bright afterwards. Posterize keeps one bit at levels of 10 and less, as it does there.

    Args:
        pipeline (list[dict]): from loading to packing, which comes last and after the operations.
        prob (float): share of the images that get their class's level; the others none.
        max_level (int): of a class.
        total_level (int): the level of full magnitude; the authors' 30 is never reached.
        operations (sequence[dict], optional): transforms in place of :data:`OPERATIONS`.
    """

    def __init__(self, pipeline, prob=0.5, max_level=10, total_level=30, operations=OPERATIONS):
        check_range(self, '[0, 1]', prob=prob)
        check_integer(self, 1, max_level=max_level, total_level=total_level)
        self.before, self.pack = Compose(pipeline[:-1]), Compose(pipeline[-1:])
        self.prob, self.max_level = prob, max_level
        scaled = [dict(dict(prob=1.0), **cfg, **(dict(total_level=total_level) if 'magnitude_range' in cfg else {}))
                  for cfg in operations]
        self.operations = Compose(scaled).transforms
        self.levels = self.forced = None  # (C,) of all classes; a level for whatever image comes

    def level_of(self, label):
        """The level that an image of this class gets now."""
        if self.forced is not None:
            return self.forced
        own = np.random.rand() < self.prob
        return int(self.levels[int(label)]) if own and self.levels is not None else 0

    def transform(self, results):
        results = self.before(results)
        level = self.level_of(results['gt_label'])
        for i in np.random.randint(len(self.operations), size=level):
            operation = self.operations[i]
            operation.magnitude_level = level
            results = operation(results)
        return self.pack(results)
