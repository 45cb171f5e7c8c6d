"""The classifier layers in box heads: direct effect, alignment, and what MMDetection builds from them."""
import pytest

pytest.importorskip('mmdet')
pytest.importorskip('mmcv._ext', reason='MMCV has no compiled ops')
import torch
from mmengine.registry import init_default_scope
from torch import nn

from mmlt import det
from mmlt.core import layers
from mmlt.det.causal import exempt_background


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmdet')


def head(predictor=None, loss=None, kind='Shared2FCBBoxHead', num_classes=4, **kwargs):
    from mmdet.registry import MODELS
    cfg = dict(type=kind, in_channels=8, fc_out_channels=16, roi_feat_size=2, num_classes=num_classes, **kwargs)
    if predictor is not None:
        cfg['cls_predictor_cfg'] = predictor
    if loss is not None:
        cfg['loss_cls'] = loss
    torch.manual_seed(0)
    built = MODELS.build(cfg)
    built.init_weights()
    return built


def step(built, labels, feats=None):
    """One training call of a box head, as RoI heads make it."""
    feats = torch.randn(len(labels), 8, 2, 2) if feats is None else feats
    scores, boxes = built(feats)
    rois = torch.cat([torch.zeros(len(labels), 1), torch.rand(len(labels), 4)], 1)
    return built.loss(scores, boxes, rois, labels, torch.ones(len(labels)), torch.zeros(len(labels), 4),
                      torch.ones(len(labels), 4))


LAYERS = ['CosineLinear', 'TauNormLinear', 'CausalLinear', 'DisAlignLinear']


@pytest.mark.parametrize('kind', LAYERS)
@pytest.mark.parametrize('box_head', ['Shared2FCBBoxHead', 'Shared4Conv1FCBBoxHead'])
def test_every_layer_in_a_box_head(kind, box_head):
    built = head(dict(type=kind), kind=box_head)
    assert type(built.fc_cls) is getattr(det, kind, getattr(layers, kind))
    losses = step(built, torch.tensor([0, 1, 4, 4]))
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert losses['loss_cls'].isfinite()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in built.fc_cls.parameters())
    plain = head(kind=box_head)
    built.load_state_dict(plain.state_dict())  # strictly: a baseline's checkpoint fits


@pytest.mark.parametrize('kind', LAYERS)
def test_neutral_settings_change_nothing(kind):
    """tau = 0, alpha = 0 and the identity at the start: the same logits, bit for bit."""
    neutral = dict(CausalLinear=dict(alpha=0), TauNormLinear=dict(tau=0)).get(kind, {})
    layer, x = head(dict(type=kind, **neutral)).fc_cls.eval(), torch.randn(32, 16)
    if kind == 'DisAlignLinear':
        expected = nn.functional.linear(x, layer.weight, layer.bias)
    elif kind == 'TauNormLinear':
        expected = nn.functional.linear(x, layer.weight)
    elif kind == 'CausalLinear':
        layer.embed.normal_()
        expected = layer.scores(x, 0)
    else:
        expected = 30 * nn.functional.normalize(x) @ nn.functional.normalize(layer.weight).t()
        return torch.testing.assert_close(layer(x), expected)
    assert layer(x).equal(expected)


# direct effect


def test_exempted_background_example():
    p = torch.tensor([[4.654545, 13.963636, 2.166974]], dtype=torch.float64)
    q = torch.tensor([[-7.458608, -1.885327, -8.839944]], dtype=torch.float64)
    probs = exempt_background(p, q).softmax(1)
    torch.testing.assert_close(probs, torch.tensor([[0.003784, 0.996209, 0.000008]]).double(), atol=1e-6, rtol=0)
    assert probs[0, 2].item() == pytest.approx(p.softmax(1)[0, 2].item(), rel=1e-12)
    assert probs.sum().item() == pytest.approx(1)
    assert exempt_background(p, p).equal(p)


def test_direct_effect_example():
    """The worked example: the layer of the classification, its last class taken for background."""
    layer = det.CausalLinear(4, 3).double()
    layer.load_state_dict(dict(weight=torch.tensor([[1., 0, 0, 1], [0, 1, 1, 0], [.5, .5, -.5, .5]]).double(),
                               embed=torch.tensor([1.81, 2.8, 1.9, 1.81]).double()))
    x = torch.tensor([[3., 4, 1, 0]]).double()
    probs = layer.eval()(x).softmax(1)
    torch.testing.assert_close(probs, torch.tensor([[0.003784, 0.996209, 0.000008]]).double(), atol=1e-6, rtol=0)


def test_scores_are_no_second_softmax():
    """The author's bug: probabilities that the head's softmax squeezed towards 1 / (C + 1)."""
    built = head(dict(type='CausalLinear', alpha=1.0), num_classes=1203).eval()
    built.fc_cls.embed.normal_()
    with torch.no_grad():
        feature = torch.randn(1, 16)
        built.fc_cls.weight[7] = feature[0]
        scores = built.fc_cls(feature)
        plain = built.fc_cls.scores(feature, 0).softmax(1)
    assert plain[0, 7] > 0.9 and scores.softmax(1)[0, 7] > 0.5  # the bug leaves e / (e + 1203) = 0.002
    torch.testing.assert_close(scores.softmax(1)[:, -1], plain[:, -1])


def test_average_is_of_foreground_rois():
    """The author's bug: ``label > 0`` drops class 0 and takes the background in."""
    built = head(dict(type='CausalLinear', momentum=0.5))
    built.fc_cls.attach(built)
    expected = torch.zeros(16)
    for labels in ([0, 3, 4, 4, 1], [4, 4, 0, 4, 4], [2, 4, 4, 4, 4]):
        labels, feats = torch.tensor(labels), torch.randn(5, 8, 2, 2)
        seen = []
        handle = built.fc_cls.register_forward_pre_hook(lambda m, args, seen=seen: seen.append(args[0].detach()))
        step(built, labels, feats)
        handle.remove()
        expected = 0.5 * expected + seen[0][labels < 4].mean(0)
        torch.testing.assert_close(built.fc_cls.embed, expected)
    before = built.fc_cls.embed.clone()
    step(built, torch.full((5,), 4))  # no foreground: no NaN
    assert built.fc_cls.embed.equal(before)
    built.eval()
    step(built, torch.tensor([0, 1, 2, 3, 4]))
    assert built.fc_cls.embed.equal(before)


def test_every_stage_of_a_cascade_has_its_own_average():
    heads = [head(dict(type='CausalLinear')) for _ in range(2)]
    for built in heads:
        built.fc_cls.attach(built)
        built.fc_cls.attach(built)  # once is enough
        assert len(built.loss_cls._forward_pre_hooks) == 1
    step(heads[0], torch.tensor([0, 4]))
    assert heads[0].fc_cls.embed.any() and not heads[1].fc_cls.embed.any()


def test_a_copy_is_attached_to_its_own_head():
    from copy import deepcopy
    built = head(dict(type='CausalLinear'))
    built.fc_cls.attach(built)
    copy = deepcopy(built)
    step(copy, torch.tensor([0, 4]))
    assert copy.fc_cls.embed.any() and not built.fc_cls.embed.any()


def test_not_attached():
    built = head(dict(type='CausalLinear'))
    step(built, torch.tensor([0, 4]))
    with pytest.raises(RuntimeError, match='not told which they are; add dict\\(type="ClassCountsHook"\\)'):
        step(built, torch.tensor([0, 4]))


# alignment


def test_background_passes_alignment():
    layer = det.DisAlignLinear(16, 5)
    baseline = nn.Linear(16, 5)
    layer.load_state_dict(baseline.state_dict())
    with torch.no_grad():
        layer.logit_scale.uniform_(0.5, 2)
        layer.logit_bias.normal_()
    x = torch.randn(7, 16)
    out, z = layer(x), baseline(x)
    assert out[:, -1].equal(z[:, -1])
    s = torch.sigmoid(x @ layer.confidence_layer.weight.t() + layer.confidence_layer.bias)
    expected = s * (layer.logit_scale * z[:, :-1] + layer.logit_bias) + (1 - s) * z[:, :-1]
    torch.testing.assert_close(out[:, :-1], expected)
    out.sum().backward()
    trained = {name for name, p in layer.named_parameters() if p.grad is not None}
    assert trained == {'logit_scale', 'logit_bias', 'confidence_layer.weight', 'confidence_layer.bias'}
    assert sum(p.numel() for p in layer.parameters() if p.requires_grad) == 2 * 4 + 16 + 1


def test_alignment_with_seesaw():
    built = head(dict(type='DisAlignLinear', background=2), dict(type='SeesawLoss', num_classes=4))
    assert built.fc_cls.logit_scale.shape == (4,) and built.fc_cls.weight.shape == (6, 16)
    step(built, torch.tensor([0, 4]))


# heads and losses


LOSSES = {
    'BalancedSoftmaxLoss': dict(class_counts=[9, 5, 2, 1]), 'LogitAdjustLoss': dict(class_counts=[9, 5, 2, 1]),
    'GeneralizedReweightLoss': dict(class_counts=[9, 5, 2, 1]), 'EqualizationLossV2': {},
    'EqualizationLoss': dict(class_counts=[9, 5, 2, 1], num_images=10), 'AdaptiveClassSuppressionLoss': dict(
        class_counts=[9, 5, 2, 1]), 'BalancedGroupSoftmaxLoss': dict(class_counts=[9, 5, 2, 1], bins=(3, 6)),
}


@pytest.mark.parametrize('kind', LOSSES)
def test_every_loss_in_a_box_head(kind):
    built = head(loss=dict(type=kind, use_sigmoid=False, loss_weight=2.0, **LOSSES[kind]))
    assert type(built.loss_cls) is getattr(det, kind)
    assert built.fc_cls.out_features == built.loss_cls.get_cls_channels(4)
    losses = step(built, torch.tensor([0, 1, 4, 4]))
    assert {'loss_cls', 'acc', 'loss_bbox'} == losses.keys()
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    scores, boxes = built.eval()(torch.randn(6, 8, 2, 2))
    rois = torch.cat([torch.zeros(6, 1), torch.tensor([[0., 0, 20, 20]]).repeat(6, 1)], 1)
    cfg = torch.nn.Module()
    cfg.score_thr, cfg.nms, cfg.max_per_img = 0.0, dict(type='nms', iou_threshold=0.5), 10
    found = built.predict_by_feat((rois,), (scores,), (boxes,), [dict(img_shape=(32, 32))], cfg)[0]
    assert len(found.scores) and found.labels.max() < 4


def test_tau_zero_head_trains_as_the_stock_head():
    """Whole heads: losses and every gradient, bit for bit."""
    grads = []
    for loss in (dict(type='CrossEntropyLoss'), dict(type='LogitAdjustLoss', tau=0, class_counts=[9, 5, 2, 1])):
        built = head(loss=loss)
        torch.manual_seed(1)
        losses = step(built, torch.tensor([0, 1, 2, 4, 4, 4]))
        sum(value for key, value in losses.items() if 'loss' in key).backward()
        grads.append([losses['loss_cls'].detach(), losses['acc'].flatten(), *(p.grad for p in built.parameters())])
    assert all(a.flatten().equal(b.flatten()) for a, b in zip(*grads))


def test_head_without_the_seam():
    """DoubleConvFCBBoxHead hard-codes its classifier, DIIHead its activation as well."""
    from mmdet.registry import MODELS
    double = MODELS.build(dict(type='DoubleConvFCBBoxHead', num_convs=1, num_fcs=1, in_channels=8, roi_feat_size=2,
                               conv_out_channels=8, fc_out_channels=16, num_classes=4,
                               loss_cls=dict(type='BalancedGroupSoftmaxLoss', class_counts=[9, 5, 2, 1])))
    with pytest.raises(ValueError, match='needs 10 logits for 4 classes, got 5'):
        double.loss_cls(double.fc_cls(torch.zeros(2, 16)), torch.tensor([0, 4]))
    dii = dict(type='DIIHead', num_classes=4, num_ffn_fcs=2, num_heads=1, in_channels=8, feedforward_channels=8,
               dynamic_conv_cfg=dict(type='DynamicConv', in_channels=8, feat_channels=4, out_channels=8,
                                     input_feat_shape=2))
    with pytest.raises(AttributeError, match='EqualizationLossV2 brings its own activation'):
        MODELS.build(dict(dii, loss_cls=dict(type='EqualizationLossV2')))
    built = MODELS.build(dict(dii, loss_cls=dict(type='LogitAdjustLoss', class_counts=[9, 5, 2, 1])))
    assert built.fc_cls.out_features == 5  # its softmax is this loss's, too


@pytest.mark.parametrize('use_sigmoid', [True, False])
def test_dense_head(use_sigmoid):
    from mmdet.registry import MODELS
    dense = MODELS.build(dict(
        type='RetinaHead', num_classes=4, in_channels=8, stacked_convs=1, feat_channels=8,
        loss_cls=dict(type='EqualizationLossV2', use_sigmoid=use_sigmoid),
        train_cfg=dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0),
                       sampler=dict(type='PseudoSampler'), allowed_border=-1, pos_weight=-1)))
    from mmengine.structures import InstanceData
    scores, boxes = dense([torch.randn(1, 8, 8 // 2**i, 8 // 2**i) for i in range(4)] + [torch.randn(1, 8, 1, 1)])
    truth = InstanceData(bboxes=torch.tensor([[0., 0, 30, 30]]), labels=torch.tensor([1]))
    with pytest.raises(RuntimeError, match='RetinaNet, FCOS'):
        dense.loss_by_feat(scores, boxes, [truth], [dict(img_shape=(64, 64), pad_shape=(64, 64))])


def test_swapped_classifiers_of_dense_heads():
    """1 x 1 convolutions and linear layers are swapped; 3 x 3 convolutions are refused."""
    from mmdet.registry import MODELS
    yolox = dict(type='YOLOXHead', num_classes=4, in_channels=8, feat_channels=8, stacked_convs=1)
    paths = [f'multi_level_conv_cls.{i}' for i in range(3)]
    torch.manual_seed(0)
    plain = MODELS.build(yolox)
    to = dict(type='CosineLinear', bias=True)
    swapped = MODELS.build(dict(type='SwapClassifier', model=yolox, path=paths, to=to))
    swapped.load_state_dict(plain.state_dict())
    feats = [torch.randn(2, 8, 4, 4)] * 3
    scores = swapped(feats)[0][0]
    assert scores.shape == plain(feats)[0][0].shape == (2, 4, 4, 4)
    layer = swapped.multi_level_conv_cls[0]
    x = swapped.multi_level_cls_convs[0](feats[0])
    cosine = torch.einsum('nchw,kc->nkhw', nn.functional.normalize(x, dim=1),
                          nn.functional.normalize(layer.weight, dim=1))
    torch.testing.assert_close(scores, 30 * cosine + layer.bias[:, None, None])
    retina = dict(type='RetinaHead', num_classes=4, in_channels=8, feat_channels=8)
    with pytest.raises(TypeError, match='1x1 convolution'):
        MODELS.build(dict(type='SwapClassifier', model=retina, path='retina_cls', to=dict(type='CosineLinear')))


def test_swapped_classifier_of_a_box_head():
    from mmdet.registry import MODELS
    double = dict(type='DoubleConvFCBBoxHead', num_convs=1, num_fcs=1, in_channels=8, roi_feat_size=2,
                  conv_out_channels=8, fc_out_channels=16, num_classes=4)
    swapped = MODELS.build(dict(type='SwapClassifier', model=double, path='fc_cls', to=dict(type='CosineLinear')))
    assert swapped.fc_cls(torch.randn(3, 16)).shape == (3, 5)
