"""Overlays of two branches and of contrast: the released learning rates, and views of any pipeline."""
import math

import pytest

pytest.importorskip('mmpretrain')
import torch
from mmengine.registry import PARAM_SCHEDULERS

from mmlt.engine.overlays import load
from mmlt.engine.stages.plan import StagePlan


def learning_rates(cfg):
    """The learning rate of every epoch."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=cfg.optim_wrapper.optimizer.lr)
    schedulers = [PARAM_SCHEDULERS.build(dict(s, optimizer=optimizer, **{
        key: False for key in ('convert_to_iter_based', ) if key in s})) for s in cfg.param_scheduler]
    rates, epochs, stages = [], cfg.train_cfg.max_epochs, cfg.default_hooks.get('stages', {}).get('stages', [])
    stages = StagePlan(stages).resolve(epochs).stages if stages else []
    for epoch in range(epochs):
        for stage in stages:
            if stage['begin'] == epoch and 'lr' in stage:
                optimizer.param_groups[0]['lr'] = stage['lr']
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


@pytest.mark.parametrize(('method', 'expected'), [
    ('bbn', {0: .1 * 7 / 15, 1: .06, 3: .1 * 13 / 15, 4: .1, 118: .1, 119: 1e-3, 158: 1e-3, 159: 1e-5}),
    ('gml', {0: .02, 4: .10, 5: .12, 6: .1, 160: .1, 161: .01, 180: .01, 181: .001}),  # too high in epoch 5
    ('gml_teacher', {5: .12, 6: .1, 161: .01, 181: .001}),
    ('proco', {0: .06, 4: .3, 160: .03, 180: .003}),
    ('bcl', {4: .1, 160: 1e-3, 180: 1e-5}),
    ('paco', {0: .005, 9: .05, 10: .055, 11: .05, 320: .05, 321: .005, 361: .0005}),  # too high in epoch 10
    ('gpaco', {0: .01, 10: .11, 11: .1, 321: .01, 361: .001}),
    ('imagenet_lt/paco', {0: .002, 9: .02, 10: .01 * (1 + math.cos(math.pi / 391)),
                          399: .01 * (1 + math.cos(math.pi * 390 / 391))}),
    ('inat2018/gpaco', {0: .004, 9: .04}),
    ('imagenet_lt/kcl', {0: .1, 100: .05, 199: .05 * (1 + math.cos(math.pi * 199 / 200))}),
    ('reslt', {0: .1 * 7 / 15, 4: .1, 160: .01, 180: .001}),
    ('shike', {0: .025, 4: .125, 5: .15, 92: .075 * (1 + math.cos(math.pi * 87 / 175)),
               180: .0375, 183: .0375 + .0625 * .6, 185: .1, 192: .05 * (1 + math.cos(math.pi * 7 / 15)),
               199: .05 * (1 + math.cos(math.pi * 14 / 15))}),  # its classifiers begin anew at 180
    ('metasaug', {0: .1, 158: .1, 159: 1e-3, 179: 1e-5}),
    ('dive', {0: .1 * 7 / 15, 4: .1, 118: .1, 119: 1e-3, 159: 1e-5}),
    ('glmc', {0: .01, 100: .005}),
    ('imagenet_lt/glmc', {1: .02, 9: .1, 73: .05, 134: .05 * (1 + math.cos(math.pi * 124 / 126))}),
    ('imagenet_lt/ride', {0: .02, 4: .1, 59: .1, 60: .01, 80: .001}),
    ('imagenet_lt/sade', {0: .025, 90: .0125}),
    ('inat2018/bbn', {0: .05, 118: .05, 119: 5e-3, 159: 5e-4}),
    ('inat2018/ride', {0: .04, 4: .2, 60: .02, 80: .002}),
    ('inat2018/balpoe', {0: .2, 50: .1}),
    ('inat2018/glmc', {9: .1, 119: .05 * (1 + math.cos(math.pi * 109 / 111))}),
    ('places_lt/meta_sampler', {0: .02, 5: .01}),
    ('places_lt/sade', {0: 1e-3, 9: 1e-3, 10: 1e-4, 20: 1e-5}),
])
def test_released_learning_rates(method, expected):
    data, _, method = method.rpartition('/')
    rates = learning_rates(load(data or 'cifar100_lt', method))
    assert {epoch: rates[epoch] for epoch in expected} == pytest.approx(expected)


@pytest.mark.parametrize(('imbalance', 'expected'), [
    (100, (4.0, 1.0, 1.2)), (50, (6.0, 0.8, 1.2)), (10, (4.0, 0.8, 1.2))])
def test_glmc_by_imbalance(imbalance, expected):
    model = load('cifar100_lt', 'glmc', options={'train_dataloader.dataset.imbalance': imbalance}).model
    defaults = dict(contrast_weight=4.0, partner_power=1.0, label_weighting=1.2)
    assert tuple({**defaults, **model}[key] for key in defaults) == expected


@pytest.mark.parametrize('method', ['bcl', 'proco', 'gml', 'glmc', 'hybrid_sc', 'paco', 'gpaco', 'kcl', 'tsc'])
@pytest.mark.parametrize('data', ['imagenet_lt', 'digits'])
def test_views_are_made_of_the_pipeline_of_the_data(method, data):
    repeat, = load(data, method).train_dataloader.dataset.pipeline
    assert repeat.pipeline == load(data).train_dataloader.dataset.pipeline
    assert repeat.num_views == (2 if method in ('glmc', 'hybrid_sc', 'paco', 'gpaco', 'kcl', 'tsc') else 3)


@pytest.mark.parametrize(('data', 'method', 'jitters', 'others'), [
    ('imagenet_lt', 'bcl', [1, 2, 2], [[], ['RandomGrayscale']]),  # brightness, contrast and saturation, then hue
    ('inat2018', 'proco', [1, 1, 1], [[], ['RandomGrayscale']]),
    ('imagenet_lt', 'gml', [1, 1, 1], [[], ['RandomGrayscale', 'GaussianBlur']]),
    ('cifar100_lt', 'proco', [0, 1, 1], [[], ['RandomResizedCrop', 'RandomGrayscale']]),
    ('imagenet_lt', 'gml_teacher', [1], [[]]),
    ('imagenet_lt', 'paco', [1, 1], [['RandomGrayscale', 'GaussianBlur']] * 2),
    ('places_lt', 'paco', [1, 1], [['RandomGrayscale', 'GaussianBlur']] * 2),
    ('imagenet_lt', 'gpaco', [1, 1], [[], ['RandomGrayscale', 'GaussianBlur']]),
    ('inat2018', 'gpaco', [1, 1], [[], ['RandomGrayscale', 'GaussianBlur']]),
    ('cifar100_lt', 'gpaco', [0, 1], [[], ['RandomResizedCrop', 'RandomGrayscale', 'GaussianBlur']]),
])
def test_released_views(data, method, jitters, others):
    """Colours are jittered once, whether the data's own pipeline does so or the view."""
    repeat, = load(data, method).train_dataloader.dataset.pipeline
    for view, expected, own in zip(repeat.views, jitters, [others[0]] + others[1:] * 2):
        whole = [*repeat.pipeline, *view]
        flat = [step for t in whole for step in ([t] if t.type != 'RandomApply' else t.transforms)]
        assert sum(t.type == 'ColorJitter' for t in flat) == expected
        assert [t.type for t in view if t.type in ('RandomGrayscale', 'GaussianBlur', 'RandomResizedCrop')] == own
    strong = repeat.views[0][-1]
    assert strong.type == 'Cutout' or (strong.type == 'RandAugment' and strong.magnitude_std == 0.5)
