"""IoU by groups of classes.  C classes."""
import numpy as np
import torch
from mmseg.evaluation import IoUMetric

from ..core.counts import as_counts

__all__ = ['LongTailIoUMetric']


class LongTailIoUMetric(IoUMetric):
    """MMSegmentation's ``IoUMetric``, and the mean IoU of the third of the classes with the most training pixels
    (``mIoU_many``), the next third and the last (``mIoU_medium``, ``mIoU_few``), in percent.

    A class that is neither in the images nor predicted is left out, as in ``mIoU``; a group of such classes alone is
    left out too.

    Args:
        class_counts: training pixels (C,), or the json file of ``tools/count_classes.py``.
        **kwargs: of ``IoUMetric``.

    Raises:
        ValueError: counts of another number of classes.
    """

    def __init__(self, class_counts, **kwargs):
        super().__init__(**kwargs)
        self.class_counts = as_counts(class_counts, allow_empty=True)

    def compute_metrics(self, results):
        metrics = super().compute_metrics(results)
        if self.format_only or not results:
            return metrics
        intersect, union = (sum(parts) for parts in list(zip(*results))[:2])
        if len(self.class_counts) != len(union):
            raise ValueError(f'LongTailIoUMetric has class_counts of {len(self.class_counts)} classes, the data set '
                             f'has {len(union)}; count its label maps with tools/count_classes.py')
        iou = np.array(100 * intersect / union)
        order = self.class_counts.argsort(descending=True, stable=True)
        for name, group in zip(('many', 'medium', 'few'), torch.tensor_split(order, 3)):
            if not np.isnan(iou[group]).all():
                metrics[f'mIoU_{name}'] = float(np.nanmean(iou[group]).round(2))
        return metrics
