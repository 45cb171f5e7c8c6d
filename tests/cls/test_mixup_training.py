"""The mixup family in MMPretrain: as configs, through stages, resumed, and on its backbones."""
import pytest
import tiny
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmlt.core.augment import ManifoldMixup

PLACES = ['input', 'backbone.layer1', 'backbone.layer3', 'neck']
AUGMENTS = {
    'remix': dict(type='Remix'),
    'unimix': dict(type='UniMix'),
    'cmo': dict(type='ContextMinorityOversample'),
    'manifold': dict(type='ManifoldMixup'),
    'manifold-random': dict(type='ManifoldMixup', layer=PLACES),
    'chosen': [dict(type='Remix'), dict(type='ManifoldMixup', layer='neck')],
}


def weights(runner):
    return {k: v for k, v in runner.model.state_dict().items() if v.is_floating_point()}


def same(a, b):
    return all(torch.equal(v, weights(b)[k]) for k, v in weights(a).items())


@pytest.mark.parametrize('name', AUGMENTS)
def test_one_epoch(tmp_path, name):
    runner = tiny.train(tmp_path, epochs=1, model__train_cfg=dict(augments=AUGMENTS[name]))
    plain = tiny.train(tmp_path / 'plain', epochs=1)
    assert all(v.isfinite().all() for v in weights(runner).values())
    assert not same(runner, plain)
    for augment in runner.model.data_preprocessor.batch_augments.augments:
        assert getattr(augment, 'class_counts', torch.tensor(tiny.COUNTS)).tolist() == list(tiny.COUNTS)


@pytest.mark.parametrize('name', ['remix', 'unimix', 'cmo', 'manifold-random'])
def test_resumed_training_is_the_same(tmp_path, name):
    train_cfg = dict(augments=AUGMENTS[name])
    whole = tiny.train(tmp_path / 'whole', epochs=3, model__train_cfg=train_cfg)
    resumed = tiny.train(tmp_path / 'resumed', epochs=3, model__train_cfg=train_cfg, resume=True,
                         load_from=str(tmp_path / 'whole/epoch_1.pth'))
    assert same(whole, resumed)


def test_the_seed_of_the_run_is_that_of_the_draws(tmp_path):
    runs = [tiny.runner(tmp_path, model__train_cfg=dict(augments=dict(type='Remix')), randomness__seed=seed)
            for seed in (1, 2)]
    draws = []
    for seed in (1, 2, 1):
        runs[seed - 1].set_randomness(seed)
        draws.append(runs[seed - 1].model.data_preprocessor.batch_augments.augments[0])
        draws[-1].set_epoch(0)
        draws[-1] = draws[-1].draw_beta(1.).item()
    assert draws[0] == draws[2] != draws[1]


def test_fine_tuning_without_mixup(tmp_path):
    plain, mixed = dict(begin=1, batch_augments=None), dict(begin=0, batch_augments=dict(type='ManifoldMixup'))
    calls = []

    def count(self, inputs, one_hot, call=ManifoldMixup.__call__):
        calls.append(self)
        return call(self, inputs, one_hot)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ManifoldMixup, '__call__', count)
        runner = tiny.train(tmp_path, epochs=3, stages=[mixed, plain])
    assert len(calls) == len(runner.train_dataloader) == 6


def test_with_averaged_weights(tmp_path):
    runner = tiny.train(tmp_path, epochs=2, model__train_cfg=dict(augments=AUGMENTS['manifold-random']),
                        custom_hooks=[dict(type='EMAHook')])
    assert all(v.isfinite().all() for v in weights(runner).values())


def test_an_unknown_layer_ends_the_run_with_near_names(tmp_path):
    with pytest.raises(ValueError, match=r"'backbone\.layr2' in ImageClassifier; did you mean backbone\.layer2"):
        tiny.train(tmp_path, model__train_cfg=dict(augments=dict(type='ManifoldMixup', layer='backbone.layr2')))


@pytest.mark.parametrize('backbone, neck, in_channels, head, layer', [
    (dict(type='ResNet', depth=18), 'pool', 512, 'LinearClsHead', 'backbone.layer3'),
    (dict(type='ResNet', depth=18, with_cp=True), 'pool', 512, 'LinearClsHead', 'backbone.layer3.0.conv2'),
    (dict(type='ResNet', depth=18), 'pool', 512, 'LinearClsHead', 'neck'),
    (dict(type='TIMMBackbone', model_name='resnet18'), 'pool', 512, 'LinearClsHead', 'backbone.timm_model.layer2'),
    (dict(type='VisionTransformer', img_size=64, patch_size=16,
          arch=dict(embed_dims=24, num_layers=3, num_heads=2, feedforward_channels=24)),
     None, 24, 'VisionTransformerClsHead', 'backbone.layers.1'),
    (dict(type='SwinTransformer', img_size=64, window_size=2,
          arch=dict(embed_dims=12, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1])),
     'pool', 96, 'LinearClsHead', 'backbone.stages.1'),
])
def test_backbones(backbone, neck, in_channels, head, layer):
    torch.manual_seed(0)
    model = MODELS.build(dict(
        type='ImageClassifier', backbone=backbone, neck=neck and dict(type='GlobalAveragePooling'),
        head=dict(type=head, num_classes=3, in_channels=in_channels)))
    augment = ManifoldMixup(layer=layer, seed=0).attach(model)
    images, outputs = torch.rand(4, 3, 64, 64), []
    model.get_submodule(layer).register_forward_hook(lambda module, args, output: outputs.append(
        (output[0] if isinstance(output, tuple) else output).detach()))  # sees what the augment's hook returned
    _, soft = augment(images, torch.eye(3)[[0, 1, 2, 0]])
    lam, index = augment.drawn['lam'], augment.drawn['index']
    samples = [DataSample().set_gt_label(0).set_gt_score(score) for score in soft]
    model.train()
    for m in model.modules():  # batch statistics and stochastic depth would differ between the two forwards
        if isinstance(m, torch.nn.modules.batchnorm._BatchNorm) or 'Drop' in type(m).__name__:
            m.eval()
    model.loss(images, samples)['loss'].backward()
    del outputs[1:]
    model.loss(images, samples)
    mixed, plain = outputs
    assert torch.allclose(mixed, lam * plain + (1 - lam) * plain[index], atol=1e-5)
    assert not torch.allclose(mixed, plain)
