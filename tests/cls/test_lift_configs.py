"""The overlays around LIFT, over ViTs of the configs."""
import pytest

pytest.importorskip('mmpretrain')
pytest.importorskip('timm')
from mmengine.registry import MODELS, init_default_scope

from mmlt.engine.overlays import load


@pytest.mark.parametrize('method', ['lift', 'lift_plus', 'linear_probe', 'classifier_only+la', 'full_ft+la'])
@pytest.mark.parametrize(('data', 'vit'), [('timm/vit_small_imagenet_lt', ()), ('cifar100_lt', ('vit_b16_clip', )),
                                           ('folder_lt', ('vit_b16_clip', ))])
def test_each_over_each_vit(data, vit, method):
    path = data if '/' not in data else f'configs/{data}.py'
    name = 'model.backbone.name' if vit else 'model.backbone.model_name'
    cfg = load(path, *vit, method, options={name: 'vit_tiny_patch16_224', 'model.head.in_channels': 192})
    init_default_scope('mmpretrain')
    model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert type(model).__name__ == 'LIFTClassifier' and 'head.fc.weight' in trained
    if method == 'full_ft+la':
        assert len(trained) > 100
    else:
        assert all('adapter' in name or name == 'head.fc.weight' for name in trained)
        assert (len(trained) > 1) == method.startswith('lift')
    loss = type(model.head.loss_module).__name__
    assert loss == ('CrossEntropyLoss' if method == 'linear_probe' else 'LogitAdjustLoss')
    epochs = cfg.train_cfg.max_epochs
    assert (epochs, cfg.param_scheduler[0].T_max) == ((5, 5) if method == 'lift_plus' else (10, 10))
    assert cfg.optim_wrapper.optimizer.lr == (0.02 if method == 'lift_plus' else 0.01)
    if data == 'cifar100_lt':
        assert cfg.train_dataloader.dataset.pipeline[0].type == 'RandomResizedCrop'


def test_a_large_set_takes_longer():
    """As in the released commands: 20 epochs of LIFT, 15 of LIFT+."""
    for method, epochs in (('lift', 20), ('lift_plus', 15)):
        cfg = load('inat2018', 'vit_b16_clip', method)
        assert (cfg.train_cfg.max_epochs, cfg.param_scheduler[0].T_max) == (epochs, epochs)


def test_five_crops_of_files_and_of_arrays():
    for data, first in (('imagenet_lt', 'LoadImageFromFile'), ('cifar100_lt', 'Resize')):
        cfg = load(data, 'vit_b16_clip', 'lift', 'five_crop')
        pipeline = cfg.test_dataloader.dataset.pipeline
        assert [pipeline[0].type, *(step.type for step in pipeline[-2:])] == [first, 'FiveCrop', 'PackInputs']
        assert pipeline[-2].get('flip_channels', False) == cfg.data_preprocessor.to_rgb
        assert 'FiveCrop' not in str(cfg.val_dataloader)


@pytest.mark.parametrize('adapter', ['adaptformer', 'full'])
def test_checkpointing_keeps_the_gradients(adapter):
    import torch

    grads = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        cfg = load('cifar100_lt', 'vit_b16_clip', 'lift', options={
            'model.backbone.name': 'test_vit', 'model.backbone.image_size': 32, 'model.head.in_channels': 64,
            'model.adapter': adapter, 'model.with_cp': with_cp})
        init_default_scope('mmpretrain')
        model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor)).train()
        blocks, calls = model.backbone.model.blocks, []
        blocks[0].register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        for module in model.modules():
            if hasattr(module, 'up'):
                torch.nn.init.ones_(module.up.weight)
        model.extract_feat(torch.linspace(-1, 1, 6144).view(2, 3, 32, 32))[0].square().sum().backward()
        assert len(calls) == 1 + with_cp
        grads.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert grads[0].keys() == grads[1].keys() and len(grads[0]) > 5
    for name, grad in grads[0].items():
        assert torch.allclose(grad, grads[1][name], atol=1e-5), name
