"""LIFT inside MMEngine's training."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmpretrain.registry import TRANSFORMS
from torch.nn import functional as F

from mmlt.core.text_head import text_head

MODEL = dict(
    _delete_=True, type='LIFTClassifier',
    backbone=dict(type='VisionTransformer', arch=dict(embed_dims=24, num_layers=2, num_heads=2,
                                                      feedforward_channels=48), img_size=8, patch_size=4),
    head=dict(type='LongTailClsHead', num_classes=3, in_channels=24, classifier=dict(type='CosineLinear', scale=25.),
              loss=dict(type='LogitAdjustLoss')))


def model(**settings):
    return {**MODEL, **settings}


@pytest.mark.parametrize('adapter', ['adaptformer', 'lora', 'vpt-deep', 'none'])
def test_adapters_and_classifier_train_the_base_stays(adapter, tmp_path):
    runner = tiny.runner(tmp_path, model=model(adapter=adapter), default_hooks__fit=dict(type='FitClassifierHook'))
    runner.model.init_weights()
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    runner.train()
    after = runner.model.state_dict()
    moved = {key for key in before if not torch.equal(before[key], after[key]) and 'class_counts' not in key}
    assert 'head.fc.weight' in moved
    assert (adapter == 'none') == (moved == {'head.fc.weight'})
    assert not [key for key in moved if not any(part in key for part in ('adapter', 'lora', 'prompts', 'head.fc'))]
    assert runner.message_hub.get_scalar('val/lt/mean_class').current() > 33.4


def test_full_fine_tuning_moves_the_base(tmp_path):
    runner = tiny.runner(tmp_path, model=model(adapter='full'))
    before = runner.model.backbone.layers[0].ffn.layers[1].weight.clone()
    runner.train()
    assert not torch.equal(before, runner.model.backbone.layers[0].ffn.layers[1].weight)


@pytest.mark.parametrize('plain', [False, True])
def test_class_means_are_where_the_classifier_starts(plain, tmp_path):
    settings = dict(train_cfg=dict(_delete_=True, by_epoch=True, max_epochs=0), param_scheduler=None)
    pack = [dict(type='PackInputs')]
    if plain:  # training flips the images and repeats those of the tail
        settings.update(train_dataloader__sampler=dict(_delete_=True, type='ClassBalancedSampler'),
                        train_dataloader__dataset__pipeline=[dict(type='RandomFlip', prob=1.0), *pack])
    fit = dict(type='FitClassifierHook', pipeline=pack if plain else None)
    runner = tiny.runner(tmp_path, model=model(), default_hooks__fit=fit, **settings)
    runner.train()
    net, means = runner.model.eval() or runner.model, torch.zeros(3, 24)
    for item in tiny.TinyImages(pipeline=pack):
        x = ((item['inputs'].float() - 127) / 60)[None]
        means[int(item['data_samples'].gt_label)] += F.normalize(net.extract_feat(x, stage='pre_logits')[0], dim=0)
    assert torch.allclose(net.head.fc.weight, F.normalize(means, dim=1), atol=1e-5)


def test_text_weights_and_their_names(tmp_path):
    weight = torch.randn(3, 24)
    torch.save(dict(weight=weight, names=['a', 'b', 'c']), tmp_path / 'text.pth')
    file = str(tmp_path / 'text.pth')

    def build(**settings):
        net = tiny.runner(tmp_path, model=model(text_weights=file, **settings)).model
        net.init_weights()
        return net

    assert torch.allclose(build(classnames=['a', 'b', 'c']).head.fc.weight, F.normalize(weight, dim=1))
    with pytest.raises(ValueError, match="'b' as class 1, the data 'c'"):
        build(classnames=['a', 'c', 'b'])
    with pytest.raises(ValueError, match='3 class names, the data 4'):
        build(classnames=['a', 'b', 'c', 'd'])
    torch.save(dict(weight=weight[:, :5], names=['a', 'b', 'c']), tmp_path / 'text.pth')
    with pytest.raises(ValueError, match=r'weight of \(3, 5\), the classifier \(3, 24\)'):
        build()
    torch.save(weight, tmp_path / 'text.pth')
    with pytest.raises(ValueError, match='no weight and names'):
        build()
    file = str(tmp_path / 'none.pth')
    with pytest.raises(FileNotFoundError, match=r'tools/text_head\.py'):
        build()


def test_five_crops_and_the_mean_of_their_logits(tmp_path):
    image = torch.randint(256, (10, 12, 3), dtype=torch.uint8)
    out = torch.from_numpy(TRANSFORMS.build(dict(type='FiveCrop', crop_size=8))(dict(img=image.numpy()))['img'])
    chw = image.permute(2, 0, 1)
    assert torch.equal(out, torch.stack([chw[:, :8, :8], chw[:, :8, 4:], chw[:, 2:, :8], chw[:, 2:, 4:],
                                         chw[:, 1:9, 2:10]]))
    bgr = TRANSFORMS.build(dict(type='FiveCrop', crop_size=8, flip_channels=True))(dict(img=image.numpy()))['img']
    assert torch.equal(torch.from_numpy(bgr), out.flip(1))
    with pytest.raises(ValueError, match='smaller than the crop'):
        TRANSFORMS.build(dict(type='FiveCrop', crop_size=11))(dict(img=image.numpy()))
    net = tiny.runner(tmp_path, model=model()).model
    net.eval()
    views = torch.randn(4, 5, 3, 8, 8)
    scores = torch.stack([sample.pred_score for sample in net.predict(views)])
    logits = torch.stack([net.head(net.extract_feat(views[:, v])) for v in range(5)])
    assert torch.allclose(scores, logits.mean(0).softmax(1), atol=1e-5)
    pipeline = [dict(type='Resize', scale=(12, 12)), dict(type='FiveCrop', crop_size=8), dict(type='PackInputs')]
    runner = tiny.runner(tmp_path, model=model(), val_dataloader__dataset__pipeline=pipeline)
    runner.train()
    assert runner.message_hub.get_scalar('val/lt/top1').current() >= 0


def test_text_head_naive():
    torch.manual_seed(0)
    table = {}

    def encode(texts):
        return torch.stack([table.setdefault(text, torch.randn(6, dtype=torch.float64)) for text in texts]).float()

    projection, prompts = torch.randn(9, 6), ['a {}.', 'the {}!']
    rows = text_head(encode, ['sea_lion', 'cat'], prompts, projection)
    assert set(table) == {'a sea lion.', 'the sea lion!', 'a cat.', 'the cat!'}
    for row, name in zip(rows, ['sea lion', 'cat']):
        mean = sum(table[p.format(name)] / table[p.format(name)].norm() for p in prompts)
        expected = (mean / mean.norm()) @ projection.double().T
        assert torch.allclose(row.double(), expected / expected.norm(), atol=1e-6)
    for names, prompts, match in ((['a', 'a'], ['{}'], "'a' stands there twice"), ([], ['{}'], 'no class name'),
                                  (['a'], ['a photo'], "'a photo' has no place")):
        with pytest.raises(ValueError, match=match):
            text_head(encode, names, prompts)
    with pytest.raises(ValueError, match=r'expected \(D, 6\)'):
        text_head(encode, ['a'], ['{}'], torch.randn(6, 9))


def test_checkpointing_wants_timm(tmp_path):
    with pytest.raises(ValueError, match='wants a backbone of timm, VisionTransformer'):
        tiny.runner(tmp_path, model=model(with_cp=True))


def test_images_and_patches(tmp_path):
    net = tiny.runner(tmp_path, model=model()).model
    with pytest.raises(ValueError, match=r'images of \(3, 8\) pixels are smaller than a patch of \(4, 4\)'):
        net.extract_feat(torch.zeros(1, 3, 3, 8))
    pytest.importorskip('timm')
    timm = dict(type='TIMMBackbone', model_name='vit_tiny_patch16_224', img_size=32, depth=1)
    net = tiny.runner(tmp_path, model=model(backbone=timm, neck=dict(type='ClassToken'), head=dict(
        MODEL['head'], in_channels=192))).model
    assert net.extract_feat(torch.zeros(1, 3, 32, 32))[0].shape == (1, 192)
    with pytest.raises(ValueError, match=r'images are \(48, 48\) pixels, TIMMBackbone was built for \(32, 32\)'):
        net.extract_feat(torch.zeros(1, 3, 48, 48))


def test_the_average_of_the_weights_is_tested_and_saved(tmp_path):
    from mmengine.runner import Runner

    from mmlt.engine.overlays import load
    tiny.config(tmp_path, 2, model=model(), experiment_name='ema').dump(tmp_path / 'config.py')
    cfg = load(tmp_path / 'config.py', 'ema')
    runner = Runner.from_cfg(cfg)
    runner.train()
    saved = torch.load(tmp_path / 'epoch_2.pth', weights_only=False)
    averaged = saved['state_dict']['head.fc.weight']
    assert not torch.equal(averaged, saved['ema_state_dict']['module.head.fc.weight'])
    assert runner.message_hub.get_scalar('val/lt/top1').current() >= 0


@pytest.mark.parametrize('adapter', ['adaptformer', 'lora', 'vpt-shallow'])
def test_adapters_begin_on_a_base_that_has_none(adapter, tmp_path):
    base = tiny.runner(tmp_path, model=model(adapter='full'))
    torch.save(dict(state_dict=base.model.state_dict()), tmp_path / 'base.pth')
    runner = tiny.runner(tmp_path, 1, model=model(adapter=adapter), load_from=str(tmp_path / 'base.pth'),
                         default_hooks__load=dict(type='CheckedLoadHook'))
    runner.train()
    assert torch.equal(runner.model.backbone.cls_token, base.model.backbone.cls_token)
    runner = tiny.runner(tmp_path, 1, model=model(adapter=adapter), load_from=str(tmp_path / 'base.pth'),
                         default_hooks__load=dict(type='CheckedLoadHook'))
    with pytest.raises(ValueError, match='it lacks'):
        runner.test()
