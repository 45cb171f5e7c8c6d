"""Experts, teachers, M2m, the online samplers and SAM against the plain step: ratios of CPU time within one
interleaved run, one thread.
"""
import statistics
import sys
import time
from unittest import mock

import numpy as np
import torch
from record import record
from torch import nn

from mmlt.core.augment.m2m import translate
from mmlt.core.meta_sampling import class_log_rates, draw_gradient, gumbel_given, initial_weights, weight_gradient
from mmlt.data.samplers import AccuracyDrivenSampler

TARGETS = dict(experts=2.2, dive=1.35, m2m_pairs=12, meta=1.5)
N, CLASSES = 64, 100


def cpu(job):
    start = time.process_time()
    job()
    return time.process_time() - start


def interleaved(jobs, repeats):
    """Median CPU seconds of each job."""
    for job in jobs.values():
        job()
    times = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            times[name].append(cpu(job))
    return {name: statistics.median(t) for name, t in times.items()}


def classifier(**model):
    from mmengine.registry import MODELS, DefaultScope
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(dict(dict(
            type='ImageClassifier', backbone=dict(type='ResNetCIFAR32'), neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LongTailClsHead', num_classes=CLASSES, in_channels=64)), **model))


def step_of(model):
    from mmpretrain.structures import DataSample
    g = torch.Generator().manual_seed(0)
    images = torch.randn(N, 3, 32, 32, generator=g)
    samples = [DataSample().set_gt_label(int(y)) for y in torch.randint(CLASSES, (N, ), generator=g)]
    counts = torch.linspace(500, 5, CLASSES)
    for module in model.modules():
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts(counts)

    def step():
        sum(model.loss(images, samples).values()).backward()
        for p in model.parameters():
            p.grad = None
    return step


def routed(model, share):
    """A test batch of which ``share`` goes on after each expert."""
    images = torch.randn(N, 3, 32, 32)
    bias = 1e4 if share else -1e4
    for router in model.routers:
        nn.init.constant_(router.out.bias, bias)

    def test():
        for router in model.routers:
            nn.init.constant_(router.out.bias, bias)
        with torch.no_grad():
            model.eval().routed(images)
    return test


def networks(repeats):
    cosine = dict(type='CosineLinear', scale=30.)
    experts = dict(backbone=dict(type='MultiExpertResNetCIFAR32'),
                   head=dict(type='MultiExpertClsHead', num_classes=CLASSES, in_channels=48, classifier=cosine,
                             loss=dict(type='SADELoss')))
    plain, teacher = classifier(), classifier()
    with mock.patch('mmlt.engine.teacher.FrozenTeacher.build', new=classmethod(lambda cls, x: cls(x))):
        student = classifier(type='DistillClassifier', teacher=teacher)
    router = classifier(type='RoutedExpertClassifier', **experts)
    jobs = dict(plain=step_of(plain), experts=step_of(classifier(**experts)), dive=step_of(student),
                all_experts=routed(router, 1), one_expert=routed(router, 0))
    t = interleaved(jobs, repeats)
    print(f'three reduced experts {t["experts"] / t["plain"]:.2f} of the full network\'s step, target '
          f'{TARGETS["experts"]}; DiVE {t["dive"] / t["plain"]:.2f}, target {TARGETS["dive"]}')
    print(f'router: one expert takes {t["one_expert"] / t["all_experts"]:.2f} of the time of three')
    for name in ('experts', 'dive'):
        record(name, t[name] / t['plain'], TARGETS[name])
    return t['experts'] / t['plain'] <= TARGETS['experts'] and t['dive'] / t['plain'] <= TARGETS['dive']


def m2m(repeats):
    f, g = (classifier().eval().requires_grad_(False) for _ in range(2))
    images, k = torch.rand(16, 3, 32, 32), torch.zeros(16, dtype=torch.int64)
    call = [lambda x, net=net: net(x, mode='tensor') for net in (g, f)]

    def pair():
        x = images.clone().requires_grad_()
        torch.autograd.grad(call[0](x).sum(), x)
    t = interleaved(dict(pair=pair, m2m=lambda: translate(images, k, k + 1, *call)), repeats)
    pairs = t['m2m'] / t['pair'] / 2  # of each of the two nets
    print(f'M2m: {pairs:.1f} forward-backward pairs of the two nets for each image it makes, target '
          f'{TARGETS["m2m_pairs"]}')
    record('pairs of M2m', pairs, TARGETS['m2m_pairs'])
    return pairs <= TARGETS['m2m_pairs']


def meta(repeats, c=8142, d=512, b=64):
    """The hook's part beside a step whose frozen ResNet-18 reads the batch at 112 x 112."""
    from mmpretrain.models import ResNet
    backbone, layer = ResNet(18), nn.Linear(d, c)
    backbone.eval()
    images, labels, meta_labels = torch.randn(b, 3, 112, 112), torch.randint(c, (b, )), torch.randint(c, (b // 4, ))
    counts = torch.linspace(1000, 2, c, dtype=torch.float64)
    w, feats = initial_weights(counts), torch.randn(b, d)

    def features(x):
        with torch.no_grad():
            return backbone(x)[0].mean((2, 3))

    def plain():
        nn.functional.cross_entropy(layer(features(images)), labels).backward()
        layer.zero_grad()

    def with_meta():
        plain()
        params = {key: p.detach() for key, p in layer.named_parameters()}
        slope = draw_gradient(layer, params, feats, labels, counts.log().float(), features(images[:b // 4]),
                              meta_labels, 0.1)
        noise = gumbel_given(class_log_rates(w, counts), labels)
        weight_gradient(w, counts, noise, labels, slope.double())
    t = interleaved(dict(plain=plain, meta=with_meta), repeats)
    print(f'MetaSampler: {t["meta"] / t["plain"]:.2f} of the step at C = {c}, balanced batch of a quarter, target '
          f'{TARGETS["meta"]}')
    record('MetaSampler', t['meta'] / t['plain'], TARGETS['meta'])
    return t['meta'] / t['plain'] <= TARGETS['meta']


def accuracy_driven(repeats):
    jobs = {}
    for c in (1000, 8000):
        sampler = AccuracyDrivenSampler(np.arange(c).repeat(50), seed=0)
        jobs[c] = lambda s=sampler, c=c: [
            (s.set_class_accuracy(torch.rand(c)), s.class_probabilities) for _ in range(99)]
    t = interleaved(jobs, repeats)
    print(f'AccuracyDrivenSampler: a new accuracy of 8000 classes takes {t[8000] / t[1000]:.1f} times that of 1000')
    record('AccuracyDrivenSampler, 8000 over 1000 classes', t[8000] / t[1000], 12)
    return t[8000] / t[1000] <= 12


def main(repeats=7):
    torch.set_num_threads(1)
    import mmlt.cls  # noqa: F401 registers its parts
    return all([part(repeats) for part in (networks, m2m, meta, accuracy_driven)])


if __name__ == '__main__':
    sys.exit(not main(*map(int, sys.argv[1:])))
