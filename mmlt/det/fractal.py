"""FRACAL in the test step of RoI heads.  C classes."""
import json
from pathlib import Path

import torch
from mmengine.hooks import Hook
from torch.nn import functional as F

from ..core.checks import check_range
from ..core.fractal import calibrate_sigmoid, calibrate_softmax, log_frequency
from ..engine.access import unwrap
from .base import SigmoidRoILoss

__all__ = ['FractalCalibrationHook']
KEYS = 'fractal_dimensions', 'image_counts', 'num_images'


class FractalCalibrationHook(Hook):
    """Calibrate the scores of every RoI head in validation and test: rare classes up, classes that lie everywhere in
    the image down. Nothing is trained. Alexandridis et al., FRACAL, CVPR 2025,
    arXiv:2410.11774.

    Softmax scores and those of losses of their own (Seesaw) are divided by exp(log10(C p)) D^power, sigmoid ones are
    multiplied by shifted ones; see :mod:`mmlt.core.fractal`. The authors test with ``score_thr=1e-4``.

    Args:
        file (str): what ``mmlt count ANNOTATIONS --fractal --out FILE`` writes about the training set.
        power (float): lambda, 2 in the authors' configs.

    Raises:
        FileNotFoundError: no such file.
        ValueError: one without dimensions, or of another number of classes; a model without RoI head.
    """

    def __init__(self, file, power=2.0):
        check_range(self, '[0, inf)', power=power)
        if not Path(file).is_file():
            raise FileNotFoundError(f'no {file}; write it with mmlt count ANNOTATIONS --fractal --out {file}')
        self.file, self.power = file, power
        found = json.loads(Path(file).read_text())
        if missing := [key for key in KEYS if not isinstance(found, dict) or key not in found]:
            raise ValueError(f'{file} has no {", ".join(missing)}; write it with mmlt count ANNOTATIONS --fractal')
        self.dimensions = torch.tensor(found['fractal_dimensions'], dtype=torch.float64)
        self.log_freq = log_frequency(torch.tensor(found['image_counts'], dtype=torch.float64), found['num_images'])
        self.losses = []

    def _begin(self, runner):
        heads = [m for m in unwrap(runner.model).modules() if hasattr(m, 'loss_cls') and hasattr(m, 'fc_cls')]
        if not heads:
            raise ValueError('FractalCalibrationHook is for detectors with a RoI head, which '
                             f'{type(unwrap(runner.model)).__name__} has not')
        for head in heads:
            if head.num_classes != len(self.dimensions):
                raise ValueError(f'{self.file} is of {len(self.dimensions)} classes, the head of {head.num_classes}; '
                                 'count the annotations of its training set')
            self._calibrate(head.loss_cls)

    def _calibrate(self, loss):
        plain = loss.get_activation if getattr(loss, 'custom_cls_channels', False) else None
        sigmoid = isinstance(loss, SigmoidRoILoss) or getattr(loss, 'use_sigmoid', False)
        rule = calibrate_sigmoid if sigmoid else calibrate_softmax

        def get_activation(logits):
            scores = plain(logits) if plain else logits.sigmoid() if sigmoid else F.softmax(logits, -1)
            return rule(scores, self.log_freq, self.dimensions, self.power)

        self.losses.append((loss, {key: vars(loss).get(key) for key in ('get_activation', 'custom_cls_channels')}))
        loss.get_activation, loss.custom_cls_channels = get_activation, True

    def _end(self, runner, metrics=None):
        for loss, kept in self.losses:
            for key, value in kept.items():
                delattr(loss, key) if value is None else setattr(loss, key, value)
        self.losses = []

    before_val_epoch = before_test_epoch = _begin
    after_val_epoch = after_test_epoch = _end
