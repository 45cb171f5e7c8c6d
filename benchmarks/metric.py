"""Cost of LongTailMetric: against counting samples through MMEngine's Evaluator, and against three bincounts."""
import sys
import time
import tracemalloc

import numpy as np
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample
from record import record

from mmlt.core.accuracy import LongTailAccuracy
from mmlt.engine.metric import LongTailMetric


class CountSamples(BaseMetric):
    default_prefix = 'count'
    seen = 0

    def process(self, data_batch, data_samples):
        self.seen += len(data_samples)

    def compute_metrics(self, results):
        return {'seen': self.seen}


def ratio(job, base, repeats):
    """Job over base, run in turns, and the seconds of each: of their fastest fifths, as others share the machine."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        base()
        middle = time.perf_counter()
        job()
        times.append((time.perf_counter() - middle, middle - start))
    job, base = np.percentile(times[3:], 20, axis=0)
    return job / base, job, base


def evaluator_ratio(batch=256, classes=1000, **kwargs):
    samples = [DataSample(metainfo=dict(sample_idx=i, img_path='x.jpg', img_shape=(224, 224), ori_shape=(500, 375),
                                        scale_factor=(.5, .5))).set_gt_label(i % classes) for i in range(batch)]
    with torch.no_grad():
        samples = LinearClsHead(classes, 16).predict((torch.randn(batch, 16),), samples)
    metric = Evaluator(LongTailMetric(class_counts=np.arange(classes), **kwargs))
    count = Evaluator(CountSamples())
    return ratio(lambda: metric.process(samples, None), lambda: count.process(samples, None), 400)


def array_inputs(num=1_000_000, classes=8142):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, num)
    preds = np.where(rng.random(num) < .6, labels, rng.integers(0, classes, num))
    return classes, labels, preds, rng.random(num, np.float32)


def array_ratio():
    classes, labels, preds, confidence = array_inputs()
    accuracy = LongTailAccuracy(classes)

    def bincounts():
        np.bincount(labels, minlength=classes)
        np.bincount(preds, minlength=classes)
        np.bincount(labels, minlength=classes)

    return ratio(lambda: accuracy.update(labels, preds, confidence), bincounts, 40)


def peak_bytes():
    """Largest allocation while 1e6 predictions stream in."""
    classes, *arrays = array_inputs()
    tracemalloc.start()
    LongTailAccuracy(classes).update(*arrays)
    return tracemalloc.get_traced_memory()[1]


def main():
    torch.set_num_threads(1)
    rows = [('Evaluator.process, 256 x 1000 / counting samples', evaluator_ratio(), 1.3),
            ('the same with topk=(1, 5)', evaluator_ratio(topk=(1, 5)), None),
            ('1e6 predictions, 8142 classes / three bincounts', array_ratio(), 5.)]
    print(f'{"":<50} {"ms":>8} {"base ms":>8} {"ratio":>6} {"target":>6}')
    for name, (value, job, base), target in rows:
        record(name, value, target)
        print(f'{name:<50} {1e3 * job:8.3f} {1e3 * base:8.3f} {value:6.2f} {target or "":>6}')
    peak = peak_bytes() / 2 ** 20
    print(f'{"peak memory of the stream, MiB (its input has 19)":<50} {peak:8.2f} {"":>15} {8:>6}')
    return int(any(target and value > target for _, (value, *_), target in rows) or peak > 8)


if __name__ == '__main__':
    sys.exit(main())
