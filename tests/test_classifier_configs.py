"""The second-stage recipes: what they freeze, and that the first stage's checkpoint loads."""
import json
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmpretrain')
from mmengine.registry import MODELS, init_default_scope

from mmlt.core.counts import shot_groups
from mmlt.engine.overlays import load

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
TWO_RUN = ['crt', 'lws', 'tau_norm', 'ncm', 'disalign', 'marc', 'bags', 'weight_balancing']
ONE_RUN = ['causal', 'etf']
TRAINED = {
    'crt': {'weight', 'bias'}, 'lws': {'scales'}, 'bags': {'weight', 'bias'}, 'weight_balancing': {'weight', 'bias'},
    'marc': {'logit_scale', 'margin'},
    'disalign': {'logit_scale', 'logit_bias', 'confidence_layer.weight', 'confidence_layer.bias'},
}


def config(name):
    """``<method>_<data set>``, ce being the data set's own recipe."""
    method, dataset = name.rsplit('_', 2)[0], '_'.join(name.rsplit('_', 2)[1:])
    return load(dataset, *([] if method == 'ce' else [method]))


def build(cfg):
    init_default_scope('mmpretrain')
    return MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))


@pytest.mark.parametrize('dataset', ['cifar100_lt', 'imagenet_lt'])
@pytest.mark.parametrize('name', TWO_RUN)
def test_the_first_stage_loads(name, dataset):
    torch.manual_seed(0)
    stage1, cfg = config(f'ce_{dataset}'), config(f'{name}_{dataset}')
    joint, model = build(stage1), build(cfg)
    epochs = stage1.train_cfg.max_epochs
    assert cfg.load_from == f'work_dirs/ce_{dataset}/epoch_{epochs}.pth'
    assert epochs % stage1.default_hooks.checkpoint.interval == 0  # the checkpoint is written
    missing, unexpected = model.load_state_dict(joint.state_dict(), strict=False)
    assert not unexpected and all(key.startswith('head.loss_module.') for key in missing)
    if name != 'ncm':
        rows = getattr(model.head.fc, 'class_rows', slice(None))
        assert model.head.fc.weight[rows].equal(joint.head.fc.weight)


@pytest.mark.parametrize('dataset', ['cifar100_lt', 'imagenet_lt'])
@pytest.mark.parametrize('name', TRAINED)
def test_only_the_classifier_trains(name, dataset):
    cfg = config(f'{name}_{dataset}')
    stage, = cfg.default_hooks.stages.stages
    assert stage['begin'] == 0 and stage['freeze'] == ['backbone']
    assert ('reinit' in stage) == (name == 'crt')
    model = build(cfg)
    assert {key for key, p in model.head.fc.named_parameters() if p.requires_grad} == TRAINED[name]
    assert all(key.startswith(('backbone.', 'head.fc.')) for key, _ in model.named_parameters())


@pytest.mark.parametrize('dataset', ['cifar100_lt', 'imagenet_lt'])
@pytest.mark.parametrize('name', ONE_RUN)
def test_methods_of_one_run_start_from_nothing(name, dataset):
    cfg = config(f'{name}_{dataset}')
    assert cfg.load_from is None and cfg.train_cfg.max_epochs == config(f'ce_{dataset}').train_cfg.max_epochs


def test_counts_of_imagenet_lt():
    counts = torch.tensor(json.loads((CONFIGS / '_base_/counts/imagenet_lt.json').read_text())['class_counts'])
    assert len(counts) == 1000 and counts.sum() == 115_846 and (counts.max(), counts.min()) == (1280, 5)
    assert [int(group.sum()) for group in shot_groups(counts).values()] == [385, 479, 136]  # Liu et al., CVPR 2019
    assert config('bags_imagenet_lt').model.head.classifier.class_counts == counts.tolist()


def test_counts_that_are_not_those_of_the_data_are_an_error():
    model = build(config('bags_imagenet_lt'))
    counts = model.head.fc.class_counts.clone()
    model.head.fc.set_class_counts(counts)
    with pytest.raises(ValueError, match='put classes into other groups'):
        model.head.fc.set_class_counts(counts.flip(0))


def test_taxonomy_of_cifar100():
    parents = json.loads((CONFIGS / '_base_/taxonomies/cifar100.json').read_text())['parents']
    assert parents[100:] == [-1] * 20 and torch.tensor(parents[:100]).bincount()[100:].tolist() == [5] * 20
    assert len({parents[c] for c in (8, 13, 48, 58, 90)}) == 1  # bicycle, bus, motorcycle, pickup truck, train
    layer = build(config('deep_rtc_cifar100_lt')).head.fc
    assert layer.weight.shape == (120, 64) and layer.paths.shape == (100, 2) and layer.drop_rate == 0.1
