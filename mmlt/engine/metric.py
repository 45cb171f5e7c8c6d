"""Accuracy over all, many, medium and few classes as an MMEngine metric."""
import logging

import numpy as np
import torch
from mmengine.dist import all_gather_object, all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..core.accuracy import LongTailAccuracy, label_rank
from ..core.average_precision import MultiLabelAccuracy
from ..core.checks import check_integer, check_tensor
from ..core.counts import as_counts

__all__ = ['LongTailMetric']

FLUSH = 4096  # samples whose predicted classes wait to be counted together


class LongTailMetric(BaseMetric):
    """Overall, mean-class, many/medium/few-shot and worst-class accuracy and ECE, all in percent.

    Samples carry ``gt_label`` and ``pred_score`` (C,), or ``gt_label``, ``pred_label`` and, for the ECE,
    ``pred_confidence``. It streams in O(C) memory. Over several ranks it equals one rank exactly: shares of any
    lengths that add up to the data set are all counted; equal shares that exceed it must be those of
    ``DefaultSampler``, sample i on rank i mod world_size, whose padding is dropped.

    Reports ``lt/top1`` (and the other k), ``lt/mean_class``, ``lt/many`` (n > ``many`` training images),
    ``lt/medium``, ``lt/few`` (n < ``few``), ``lt/worst_class`` and ``lt/ece``. A class without test images is left out
    of every mean; the key of an empty group is left out. After an evaluation ``class_accuracy`` holds the fractions
    (C,), NaN for a class without test images. Groups as in Liu et al., CVPR 2019, arXiv:1904.05160.

    Args:
        topk (int | Sequence[int]): the k of the top-k accuracies.
        many (int): a class with more training images is many-shot.
        few (int): a class with fewer training images is few-shot.
        bins (int): bins of the ECE, each open to the left; a confidence of 0 falls in the first.
        class_counts: training counts (C,), 0 allowed, or a json path. ``ClassCountsHook`` sets them if None; without
            any the groups are left out, with a warning.
        per_class (bool): also report ``lt/class_{i}``.
        collect_device (str): as in every metric; the ranks' sums travel by one ``all_reduce`` either way.
        prefix (str, optional): instead of ``lt``.
        multi_label (bool): samples have several labels: ``gt_score`` (C,) or any number of ``gt_label``, and
            ``pred_score`` (C,). Reports ``lt/mAP``, and the mean average precision of each group under its name;
            ``topk`` and ``bins`` have no meaning. All scores are kept until the end.

    Raises:
        ValueError: ``bins`` below 1, ``few`` above ``many``, label or prediction out of range, scores that are NaN or
            no probabilities, a number of counts that is not the number of classes, or samples that are neither all of
            the data set once nor that padded to equal shares.

    >>> metric = LongTailMetric(class_counts=[500, 5])
    >>> metric.process(None, [dict(gt_label=torch.tensor([1]), pred_score=torch.tensor([.25, .75]))])
    >>> metric.evaluate(size=1)
    {'lt/top1': 100.0, 'lt/mean_class': 100.0, 'lt/few': 100.0, 'lt/worst_class': 100.0, 'lt/ece': 25.0}
    """
    default_prefix = 'lt'

    def __init__(self, topk=(1,), many=100, few=20, bins=15, class_counts=None, per_class=False, collect_device='cpu',
                 prefix=None, multi_label=False):
        check_integer(self, 1, bins=bins)
        if not few <= many:
            raise ValueError(f'few={few} lies above many={many}: a class would be both')
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.topk = (topk,) if isinstance(topk, int) else tuple(topk)
        self.many, self.few, self.bins, self.per_class = many, few, bins, per_class
        self.class_counts = self.class_accuracy = None
        if class_counts is not None:
            self.set_class_counts(class_counts)
            self.own_counts = self.class_counts.clone()
        self.multi_label = multi_label
        self._warned = False
        self._reset()

    def _reset(self):
        self._accuracy, self._seen, self._waiting, self._last = None, 0, [], ()

    def set_class_counts(self, counts):
        """Take the training counts (C,), zeros allowed."""
        self.class_counts = as_counts(counts, allow_empty=True).cpu()

    def process(self, data_batch, data_samples):
        """Add a batch of samples."""
        if not data_samples:
            return
        self._last = self._rows(data_samples) if self.multi_label else self._columns(data_samples)
        self._waiting.append(self._last)
        self._seen += len(data_samples)
        if len(self._waiting) * len(data_samples) >= FLUSH:
            self._flush()

    def _rows(self, data_samples):
        """Multi-hot labels and scores, both (N, C)."""
        if 'pred_score' not in data_samples[0]:
            raise ValueError('multi_label=True needs pred_score (C,) of each sample')
        scores = _stack([sample['pred_score'] for sample in data_samples]).float().cpu().numpy()
        self._stream(scores.shape[1])
        if 'gt_score' in data_samples[0]:
            return _stack([sample['gt_score'] for sample in data_samples]).float().cpu().numpy(), scores
        targets = np.zeros(scores.shape, bool)
        for row, sample in zip(targets, data_samples):
            row[np.asarray(sample['gt_label'].cpu(), np.int64)] = True
        return targets, scores

    def _columns(self, data_samples):
        """Labels, predictions, confidences and ranks, (N,) or None."""
        labels = _column(data_samples, 'gt_label')
        ranks = confidence = None
        if 'pred_score' in data_samples[0]:
            scores = _stack([sample['pred_score'] for sample in data_samples])
            accuracy = self._stream(scores.shape[1])
            preds, confidence = _top1(scores)
            if max(self.topk, default=1) > 1:
                accuracy.check('label', labels)
                ranks = label_rank(scores, torch.from_numpy(labels).to(scores.device)).cpu().numpy()
        else:
            accuracy = self._stream(self._num_classes(data_samples[0]))
            preds = _column(data_samples, 'pred_label')
            if 'pred_confidence' in data_samples[0]:
                confidence = _column(data_samples, 'pred_confidence')
        return labels, preds, confidence, ranks

    def evaluate(self, size):
        """Results over the ``size`` samples of the data set and all ranks; starts anew."""
        rank, world_size = get_dist_info()
        classes = torch.tensor(self._accuracy.num_classes if self._accuracy else 0)
        all_reduce(classes, 'max')
        if not classes:
            raise ValueError('LongTailMetric processed no sample; the evaluation data set is empty')
        accuracy = self._stream(int(classes))
        self._flush()
        self._drop_padding(size, rank, world_size)
        if self.multi_label:
            parts = all_gather_object((accuracy.targets, accuracy.scores))
            accuracy.targets, accuracy.scores = map(np.concatenate, zip(*parts))
        else:
            all_reduce(torch.from_numpy(accuracy.state))
        results = self.compute_metrics(accuracy)
        self._reset()
        return {f'{self.prefix}/{name}': value for name, value in results.items()}

    def compute_metrics(self, results):
        """The dictionary of results of a :class:`~mmlt.core.accuracy.LongTailAccuracy`."""
        if self.class_counts is None and not self._warned:
            self._warned = True
            print_log('LongTailMetric has no training class counts, so lt/many, lt/medium and lt/few are left out; add '
                      'dict(type="ClassCountsHook") to custom_hooks or pass class_counts=[...] or a json path',
                      logger='current', level=logging.WARNING)
        metrics = results.compute(self.class_counts, self.many, self.few)
        self.class_accuracy = results.class_accuracy
        if self.per_class:
            metrics.update((f'class_{c}', 100 * float(a)) for c, a in enumerate(self.class_accuracy) if a == a)
        return metrics

    def _stream(self, num_classes):
        if self._accuracy is None:
            if self.class_counts is not None:
                as_counts(self.class_counts, num_classes, allow_empty=True)
            self._accuracy = MultiLabelAccuracy(num_classes) if self.multi_label else LongTailAccuracy(
                num_classes, self.bins, self.topk)
        if self._accuracy.num_classes != num_classes:
            raise ValueError(f'got scores of {num_classes} classes after scores of {self._accuracy.num_classes}')
        return self._accuracy

    def _flush(self):
        if self._waiting:
            self._accuracy.update(*(None if x[0] is None else np.concatenate(x) for x in zip(*self._waiting)))
            self._waiting.clear()

    def _num_classes(self, sample):
        for classes in (self.class_counts, (self.dataset_meta or {}).get('classes')):
            if classes is not None:
                return len(classes)
        if 'num_classes' in sample:
            return sample['num_classes']
        raise ValueError('pred_label alone does not tell the number of classes; pass class_counts, or give the data '
                         'set metainfo=dict(classes=[...])')

    def _drop_padding(self, size, rank, world_size):
        """Take back the last sample of this rank if it only fills up the ranks' lists to one length."""
        shares = torch.zeros(world_size, dtype=torch.int64)
        shares[rank] = self._seen
        all_reduce(shares)
        if shares.sum() == size:  # of whatever lengths: nothing was filled up
            return
        if not (shares == -(-size // world_size)).all():
            raise ValueError(f'the ranks processed {shares.tolist()} samples of a data set of {size}: neither all of '
                             'them once, nor equal shares filled up; evaluate with a sampler that visits each sample '
                             'once, such as DefaultSampler')
        if self._seen > len(range(rank, size, world_size)):
            self._accuracy.update(*(x if x is None else x[-1:] for x in self._last), sign=-1)


def _column(samples, key):
    """One number of each sample -> (N,) array."""
    values = [sample[key] for sample in samples]
    if isinstance(values[0], torch.Tensor):
        column = torch.cat(values) if values[0].ndim else torch.stack(values)
        column = column.detach().cpu()
        column = (column if column.dtype != torch.bfloat16 else column.float()).numpy()
    else:
        column = np.asarray(values).reshape(-1)
    if len(column) != len(samples):
        raise ValueError(f'{len(samples)} samples have {len(column)} values of {key}; LongTailMetric takes '
                         'single-label data, one value a sample')
    return column


def _stack(rows):
    """N scores (C,) -> (N, C). A head hands out the rows of one tensor: these are seen as that tensor, uncopied."""
    check_tensor('pred_score', rows[0], floating=True)
    first, last = rows[0].detach(), rows[-1].detach()
    start, step = first.data_ptr(), first.numel() * first.element_size()
    if (first.untyped_storage().data_ptr() == last.untyped_storage().data_ptr() and first.is_contiguous()
            and [row.data_ptr() for row in rows] == list(range(start, start + len(rows) * step, step))):
        return first.as_strided((len(rows), len(first)), (len(first), 1))
    return torch.stack(rows).detach()


def _top1(scores):
    """(N, C) -> predicted class (N,) and its score (N,), as arrays. NumPy's argmax is the faster on the CPU."""
    if scores.device.type != 'cpu':
        confidence, preds = scores.max(1)
        return preds.cpu().numpy(), confidence.cpu().double().numpy()
    scores = (scores if scores.dtype == torch.float64 else scores.float()).numpy()
    preds = scores.argmax(1)
    return preds, scores[np.arange(len(preds)), preds]
