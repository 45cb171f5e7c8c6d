"""timm backbones in MMPretrain under every classifier layer, and their configs."""
import pytest
import torch

pytest.importorskip('timm')
pytest.importorskip('mmpretrain')
import timm
from mmengine.registry import MODELS, DefaultScope
from mmpretrain.registry import MODELS as MM_MODELS
from mmpretrain.structures import DataSample

import mmlt.cls.heads
from mmlt.core import layers
from mmlt.engine.overlays import load

EXTRA = dict(GroupSoftmaxLinear=dict(class_counts=[300, 40, 5]), TaxonomicLinear=dict(parents=[3, 3, 4, -1, -1]))
RECIPES = {
    'cnn': dict(backbone=dict(model_name='test_resnet'), neck='GlobalAveragePooling'),
    'vit': dict(backbone=dict(model_name='test_vit', img_size=32), neck='ClassToken'),
    'distilled': dict(backbone=dict(model_name='deit_tiny_distilled_patch16_224', depth=1, img_size=32), neck=None),
}


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


def build(recipe, **head):
    backbone = dict(type='TIMMBackbone', pretrained=False, **recipe['backbone'])
    width = timm.create_model(**recipe['backbone']).num_features
    head = dict(dict(type='LongTailClsHead', num_classes=3, in_channels=width), **head)
    neck = recipe['neck'] and dict(type=recipe['neck'])
    return MODELS.build(dict(type='ImageClassifier', backbone=backbone, neck=neck, head=head))


@pytest.mark.parametrize('recipe', RECIPES)
@pytest.mark.parametrize('name', [None, *layers.__all__])
def test_every_layer_on_a_timm_backbone(recipe, name):
    classifier = name and dict(type=name, **EXTRA.get(name, {}))
    loss = dict(type='BalancedGroupSoftmaxLoss', class_counts=[300, 40, 5]) if name == 'GroupSoftmaxLinear' else dict(
        type='GeneralizedReweightLoss', class_counts=[300, 40, 5])
    model = build(RECIPES[recipe], classifier=classifier, loss=loss)
    samples = [DataSample().set_gt_label(i) for i in (0, 2)]
    model.train()
    value = model(torch.randn(2, 3, 32, 32), samples, mode='loss')['loss']
    value.backward()
    assert value.isfinite()
    model.eval()
    scores = model(torch.randn(2, 3, 32, 32), samples, mode='predict')[1].pred_score
    assert scores.shape == (3, ) and scores.isfinite().all()


@pytest.mark.parametrize('head', [h for h in mmlt.cls.heads.__all__ if h != 'LongTailClsHead'])
def test_every_head_on_a_timm_vit(head):
    model = build(RECIPES['vit'], type=head)
    model.eval()
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize('recipe', RECIPES)
def test_a_timm_checkpoint_gives_the_same_logits(recipe):
    recipe = RECIPES[recipe]
    ours, theirs = build(recipe), timm.create_model(num_classes=3, **recipe['backbone']).eval()
    state = theirs.state_dict()
    ours.backbone.timm_model.load_state_dict(state, strict=False)
    path = theirs.default_cfg['classifier']
    if recipe['neck']:
        ours.head.fc.load_state_dict({key: state[f'{path}.{key}'] for key in ('weight', 'bias')})
    ours.eval()
    x = torch.randn(2, 3, 32, 32)
    if recipe['neck']:
        torch.testing.assert_close(ours(x), theirs(x))
    else:  # two classifiers, one feature
        features = ours.extract_feat(x)[-1]
        torch.testing.assert_close(features, theirs.forward_head(theirs.forward_features(x), pre_logits=True))


def test_feature_maps_are_not_tokens():
    with pytest.raises(ValueError, match=r'\(2, 8, 4, 4\).*GlobalAveragePooling'):
        MM_MODELS.build(dict(type='ClassToken'))((torch.zeros(2, 8, 4, 4), ))


METHODS = 'cb_sampling', 'balanced_softmax', 'cosine', 'tau_norm', 'lws', 'ncm', 'causal', 'disalign', 'crt', 'ldam-drw'


@pytest.mark.parametrize('name', ['resnet50_imagenet_lt', 'vit_small_imagenet_lt'])
@pytest.mark.parametrize('method', ['', *METHODS])
def test_recipe_builds_without_a_download(name, method):
    cfg = load(name, *method.split())
    assert cfg.model.backbone.type == 'TIMMBackbone' and not cfg.model.backbone.pretrained
    cfg.model.backbone.update({'depth': 1} if 'vit' in name else {'layers': [1, 1, 1, 1]})  # built sooner
    model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
    features = model.backbone.timm_model.num_features
    assert model.head.fc.in_features == features and model.head.num_classes == cfg.data_preprocessor.num_classes
    schedule = cfg.param_scheduler or [{}]
    assert schedule[-1].get('end', 0) in (0, cfg.train_cfg.max_epochs)
