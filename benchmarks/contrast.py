"""Contrastive losses against the plain operations that they are made of, and the training steps of BBN, BCL and GML
against plain steps on as many images, forward + backward on one thread.

    python benchmarks/contrast.py [--rounds 11]

Each line is measured in turn with what it is compared with; exits with 1 if a target is missed.
"""
import argparse
import statistics
import sys
import time
from importlib.util import find_spec

import torch
from record import record
from torch.nn import functional as F

from mmlt.core.contrast import BalancedContrastiveLoss, ClassQueue, GaussianMixtureLoss, ProCoLoss, SupConLoss
from mmlt.core.contrast.proco import vmf_logits

N, V, D, K = 256, 2, 128, 8192
ENQUEUE_MS = 1.0


def long_tail(c, top=1000, imbalance=500):
    """Counts (C,) of an exponential profile."""
    return (top * imbalance**(-torch.arange(c, dtype=torch.float64) / (c - 1))).floor().clamp(min=1)


def unit(*shape):
    return F.normalize(torch.randn(*shape, D), dim=-1).requires_grad_()


def softmax_of(*keys):
    """One matrix product of the 2 x 256 views with themselves and ``keys``, and a softmax."""
    f, labels = unit(V * N), torch.arange(V * N)
    return lambda: F.cross_entropy(f @ torch.cat([f, *keys]).t() / 0.1, labels).backward()


def gaussian_mixture(classes, **kwargs):
    counts = long_tail(classes)
    queue, loss = ClassQueue(K, 1, D, counts), GaussianMixtureLoss(0.1, class_counts=counts, **kwargs)
    queries, keys, labels = unit(N), unit(K), torch.randint(classes, (N, ))
    return lambda: loss(queries, labels, keys, queue.label, torch.arange(N), queue.index).backward()


def cases():
    """name -> (target ratio, ours, what it is compared with)."""
    torch.manual_seed(0)
    features, labels, prototypes = unit(N, V), torch.randint(1000, (N, )), unit(1000)
    sup_con, balanced, proco = SupConLoss(), BalancedContrastiveLoss(), ProCoLoss(D, class_counts=long_tail(8142))
    proco(features, torch.randint(8142, (N, )))
    z, weight, grad = unit(N), unit(8142), torch.randn(N, 8142)
    return {
        'SupCon, C = 1000': (1.5, lambda: sup_con(features, labels).backward(), softmax_of()),
        'BCL, C = 1000': (1.5, lambda: balanced(features, labels, prototypes).backward(), softmax_of(prototypes)),
        'GML, C = 8142 / C = 1000': (2.0, gaussian_mixture(8142), gaussian_mixture(1000)),
        'GML with T, C = 8142 / 1000': (2.0, *(gaussian_mixture(c, learn_temperature=True) for c in (8142, 1000))),
        'ProCo logits / cosine, C = 8142': (
            6.0, lambda: vmf_logits(z, proco.mean, 0.1).backward(grad),
            lambda: (30 * F.normalize(z, dim=1) @ F.normalize(weight, dim=1).t()).backward(grad)),
    }


def step_cases():
    """name -> (target ratio, a step of the method, the plain steps and teacher passes on as many images)."""
    from mmengine.logging import MessageHub
    from mmpretrain.registry import MODELS
    from mmpretrain.structures import DataSample

    hub, n, classes = MessageHub.get_instance('contrast'), 32, 100
    for key, value in dict(epoch=1, max_epochs=10).items():
        hub.update_info(key, value)
    images, labels = torch.randn(n, 3, 32, 32), torch.randint(classes, (n, )).tolist()
    samples = [DataSample(metainfo=dict(sample_idx=i)).set_gt_label(y) for i, y in enumerate(labels)]

    def build(kind, **kwargs):
        head = dict(type='LongTailClsHead', num_classes=classes, in_channels=64, loss=dict(type='LogitAdjustLoss'),
                    classifier=dict(type='CosineLinear'))
        model = MODELS.build(dict(type=kind, backbone=dict(type='ResNetCIFAR32'), head=head,
                                  neck=dict(type='GlobalAveragePooling'), **kwargs))
        for part in model.modules():
            if hasattr(part, 'set_class_counts'):
                part.set_class_counts(long_tail(classes))
        return model

    def step(model, inputs):
        model.zero_grad()
        sum(value for key, value in model.loss(inputs, samples).items() if 'loss' in key).backward()

    def with_teacher():
        steps(2)
        with torch.no_grad():
            teacher(torch.cat([images, images]))

    def steps(k):
        for _ in range(k):
            step(plain, images)

    plain, teacher = build('ImageClassifier'), build('ImageClassifier').eval()
    bbn, bcl = build('BilateralBranchClassifier'), build('ContrastiveClassifier', hidden=512)
    bbn.partners = type('Partners', (), dict(take=lambda self, n: (images, samples)))()
    gml = build('GMLClassifier', teacher=teacher)
    return {
        'BBN step / 2 plain ones': (1.1, lambda: step(bbn, images), lambda: steps(2)),
        'BCL step / 3 plain ones': (1.1, lambda: step(bcl, [images] * 3), lambda: steps(3)),
        'GML step / 2 and the teacher': (1.1, lambda: step(gml, [images] * 3), with_teacher),
    }


def ms(run):
    start = time.process_time()  # of this process: a busy machine does not count
    run()
    return 1e3 * (time.process_time() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=11)
    args = parser.parse_args()
    torch.set_num_threads(1)
    missed = []
    print(f'{"":34}{"ms":>9}{"against":>9}{"ratio":>8}{"target":>8}')
    for name, (target, ours, other) in {**cases(), **(step_cases() if find_spec('mmpretrain') else {})}.items():
        for _ in range(2):
            ours(), other()
        pairs = [(ms(ours), ms(other)) for _ in range(args.rounds)]
        a, b = (statistics.median(x) for x in zip(*pairs))
        ratio = statistics.median(x / y for x, y in pairs)
        missed += [name] if ratio > target else []
        record(name, ratio, target)
        print(f'{name:34}{a:9.2f}{b:9.2f}{ratio:8.2f}{target:8}', flush=True)
    queue, rows = ClassQueue(K, 1, D, long_tail(8142)), (unit(N), torch.randint(8142, (N, )), torch.arange(N))
    a = statistics.median(ms(lambda: queue.enqueue(*rows)) for _ in range(10 * args.rounds))
    missed += ['enqueue'] if a > ENQUEUE_MS else []
    print(f'{"enqueue 256 into 8192":34}{a:9.2f}{"":17}{ENQUEUE_MS:5} ms')
    print('missed: ' + ', '.join(missed) if missed else 'every target met')
    sys.exit(bool(missed))


if __name__ == '__main__':
    main()
