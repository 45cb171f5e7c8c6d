"""Predictions, and one rank that evaluates them; in a module of its own, so that spawned processes can import it."""
import json

import torch
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmpretrain.structures import DataSample
from torch import distributed

from mmlt.engine.metric import LongTailMetric

COUNTS = [500, 101, 100, 20, 19, 0]


def predictions(num, classes=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    scores = (2 * torch.randn(num, classes, generator=g)).softmax(1)
    right, other = torch.rand(num, generator=g) < .4, torch.randint(classes, (num,), generator=g)
    labels = torch.where(right, scores.argmax(1), other)
    return scores, labels


def samples_of(scores, labels):
    return [DataSample().set_gt_label(int(y)).set_pred_score(s).set_pred_label(s.argmax(0, keepdim=True))
            for s, y in zip(scores, labels)]


def multi_label_samples(num, classes=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    scores = torch.rand(num, classes, generator=g).mul(8).round() / 8  # with ties
    targets = torch.rand(num, classes, generator=g) < torch.tensor([.5, .4, .3, .2, .1, 0])
    return [dict(gt_label=y.nonzero().flatten(), pred_score=s) for s, y in zip(scores, targets)]


def worker(rank, path, sizes, batch):
    distributed.init_process_group('gloo')
    results = {}
    for size in sizes:
        for round_up in (True, False):
            metric = LongTailMetric(class_counts=COUNTS, topk=(1, 2), per_class=True)
            evaluator, samples = Evaluator(metric), samples_of(*predictions(size))
            mine = list(DefaultSampler(samples, shuffle=False, round_up=round_up))
            for i in range(0, len(mine), batch):
                evaluator.process([samples[j] for j in mine[i:i + batch]], None)
            results[f'{size} {round_up}'] = evaluator.evaluate(size)
    for shares in ([300, 201], [1, 500], [0, 501], [251, 249], [252, 252]):  # of 501; the last two are refused
        samples, metric = samples_of(*predictions(501)), LongTailMetric(class_counts=COUNTS, topk=(1, 2))
        metric.process(None, [s.to_dict() for s in samples[:shares[0]] if rank == 0])
        metric.process(None, [s.to_dict() for s in samples[501 - shares[1]:] if rank == 1])
        try:
            results[str(shares)] = metric.evaluate(501)
        except ValueError as error:
            results[str(shares)] = str(error)
    for shares in ([20, 21], [11, 30], [21, 21]):  # of 41; the last is filled up
        metric = LongTailMetric(class_counts=COUNTS, multi_label=True)
        rows = multi_label_samples(41)
        mine = rows[:shares[0]] if rank == 0 else rows[41 - shares[1]:]
        if shares == [21, 21]:
            mine = [rows[i % 41] for i in range(rank, 42, 2)]
        metric.process(None, mine)
        results[f'multi {shares}'] = metric.evaluate(41)
    with open(f'{path}/{rank}.json', 'w') as f:
        json.dump(results, f)
