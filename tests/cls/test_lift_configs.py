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
    cfg = load(path, *vit, method, options={'model.backbone.model_name': 'vit_tiny_patch16_224',
                                            'model.head.in_channels': 192})
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
