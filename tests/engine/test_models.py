import pytest
import torch
from torch import nn

pytest.importorskip('mmpretrain')
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from mmpretrain.structures import DataSample

import mmlt.core.layers as layers
import mmlt.engine.models

RESNET = dict(
    type='mmpretrain.ImageClassifier',
    backbone=dict(type='mmpretrain.ResNet_CIFAR', depth=18, base_channels=8, stem_channels=8),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    head=dict(type='mmpretrain.LinearClsHead', num_classes=5, in_channels=64,
              loss=dict(type='mmpretrain.CrossEntropyLoss')))
VIT = dict(
    type='mmpretrain.ImageClassifier',
    backbone=dict(type='mmpretrain.VisionTransformer', img_size=32, patch_size=16,
                  arch=dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16)),
    head=dict(type='mmpretrain.VisionTransformerClsHead', num_classes=5, in_channels=16))
TIMM = dict(type='mmpretrain.TimmClassifier', model_name='resnet18', num_classes=5)
CASES = [(RESNET, 'head.fc'), (VIT, 'head.layers.head'), (TIMM, 'model.fc')]


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


@pytest.mark.parametrize('cfg, path', CASES, ids=['resnet', 'vit', 'timm'])
def test_builds_trains_and_loads_the_plain_model(cfg, path):
    plain = MODELS.build(cfg)
    model = MODELS.build(dict(type='SwapClassifier', model=cfg, path=path, to=dict(type='CosineLinear', scale=16)))
    layer = model.get_submodule(path)
    assert type(layer) is layers.CosineLinear and layer.scale == 16
    start = layer.weight.clone()
    model.init_weights()
    assert layer.weight.equal(start)  # also under the zeros of a ViT head's init_cfg
    state = plain.state_dict()
    assert model.state_dict().keys() <= state.keys()
    model.load_state_dict(state, strict=True)
    assert layer.weight.equal(plain.get_submodule(path).weight)
    samples = [DataSample().set_gt_label(i) for i in range(2)]
    loss = model(torch.randn(2, 3, 32, 32), samples, mode='loss')['loss']
    loss.backward()
    assert layer.weight.grad.isfinite().all()


def test_the_runner_hands_its_data_preprocessor_down(tmp_path):
    runner = Runner(
        model=dict(type='SwapClassifier', model=RESNET, path='head.fc', to=dict(type='TauNormLinear')),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', mean=[1., 2., 3.], std=[1., 1., 1.]),
        work_dir=str(tmp_path), default_scope='mmpretrain', experiment_name='swap')
    assert runner.model.data_preprocessor.mean.flatten().tolist() == [1, 2, 3]
    assert type(runner.model.head.fc) is layers.TauNormLinear


def test_takes_a_module_and_a_class():
    model = mmlt.engine.models.SwapClassifier(
        nn.Sequential(nn.Linear(6, 4)), dict(type=layers.LWSLinear, scale_bias=False), path='0')
    assert type(model[0]) is layers.LWSLinear and not model[0].scale_bias


def test_the_config_is_not_changed():
    to = dict(type='CosineLinear', scale=16)
    mmlt.engine.models.SwapClassifier(nn.Sequential(nn.Linear(6, 4)), to, path='0')
    assert to == dict(type='CosineLinear', scale=16)


def test_without_a_path_it_is_the_last_linear_layer():
    model = MODELS.build(dict(type='SwapClassifier', model=RESNET, to=dict(type='CosineLinear')))
    assert type(model.head.fc) is layers.CosineLinear


@pytest.mark.parametrize('kwargs, words', [
    (dict(path='head.fb', to=dict(type='CosineLinear')), 'did you mean head.fc'),
    (dict(path='head.fc', to=dict(type='CosinLinear')), 'CosinLinear'),
])
def test_bad_config(kwargs, words):
    with pytest.raises(ValueError, match=words):
        MODELS.build(dict(type='SwapClassifier', model=RESNET, **kwargs))
