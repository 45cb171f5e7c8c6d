"""Classifier layers and post-hoc adjustment in the decode head, against MMSegmentation's own model."""
import sys
from copy import deepcopy

import pytest
import torch

pytest.importorskip('mmseg')
from mmengine.registry import MODELS as ROOT
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmlt.core import layers
from mmlt.core.adjust import LogitAdjust

COUNTS = [800, 150, 40, 10]
IDENTITY = [dict(type='DisAlignLinear'), dict(type='DisAlignLinear', parametrization='residual'),
            dict(type='LWSLinear'), dict(type='LWSLinear', scale_bias=False)]


def build(cfg, state=None):
    torch.manual_seed(0)
    model = ROOT.build(cfg).eval()
    if state is not None:
        model.load_state_dict(state, strict=True)
    return model


def samples(n=2, size=(32, 32)):
    meta = dict(ori_shape=size, img_shape=size, pad_shape=size, padding_size=[0] * 4)
    return [SegDataSample(metainfo=dict(meta)) for _ in range(n)]


def predict(model, x):
    with torch.no_grad():
        return torch.stack([s.seg_logits.data for s in model(x, samples(len(x), x.shape[2:]), mode='predict')])


@pytest.fixture
def images():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def long_tail(model, **kwargs):
    return dict(model, type='LongTailEncoderDecoder', **kwargs)


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('layer', IDENTITY, ids=lambda x: '-'.join(map(str, x.values())))
def test_identity_at_the_start_to_the_last_bit(model, images, layer, align_corners):
    model.decode_head.align_corners = align_corners
    plain = build(deepcopy(model))
    want = predict(plain, images)
    for cfg in (long_tail(model, classifier=layer),
                dict(type='SwapClassifier', path='decode_head.conv_seg', to=layer, model=model)):
        ours = build(deepcopy(cfg), plain.state_dict())
        assert type(ours.decode_head.conv_seg).__name__ == layer['type']
        assert predict(ours, images).equal(want)
        ours.init_weights()  # the head's init_cfg names conv_seg
        assert torch.isfinite(predict(ours, images)).all()


def test_neutral_adjustment_to_the_last_bit(model, images):
    plain = build(deepcopy(model))
    want = predict(plain, images)
    for settings in (dict(tau=0, class_counts=COUNTS), dict(class_counts=[7] * 4),
                     dict(class_counts=COUNTS, target=COUNTS)):
        ours = build(long_tail(deepcopy(model), logit_adjust=settings))
        ours.load_state_dict(plain.state_dict(), strict=False)
        assert predict(ours, images).equal(want), settings
    assert predict(build(long_tail(model), plain.state_dict()), images).equal(want)


@pytest.mark.parametrize('mode', ['whole', 'slide'])
def test_posthoc_adds_the_log_prior(model, images, mode):
    model.test_cfg = dict(mode=mode, crop_size=(16, 16), stride=(8, 8))
    plain = build(deepcopy(model))
    ours = build(long_tail(model, logit_adjust=dict(tau=1.5, class_counts=COUNTS)))
    ours.load_state_dict(plain.state_dict(), strict=False)
    pi = torch.tensor(COUNTS) / sum(COUNTS)
    want = predict(plain, images) - 1.5 * (pi.log() + torch.tensor(4.0).log())[:, None, None]
    torch.testing.assert_close(predict(ours, images), want)
    fresh = build(long_tail(model, logit_adjust=dict(tau=1.5)), ours.state_dict())  # the counts come with the weights
    assert predict(fresh, images).equal(predict(ours, images))


def test_cosine_logits_are_bounded(model, images):
    ours = build(long_tail(model, classifier=dict(type='CosineLinear', scale=10)))
    assert isinstance(ours.decode_head.conv_seg, layers.CosineLinear)
    assert predict(ours, images).abs().max() <= 10.001
    ours.init_weights()
    assert predict(ours, images).abs().max() <= 10.001


def test_etf_survives_the_init_of_the_head(model):
    ours = build(long_tail(model, classifier=dict(type='ETFLinear')))
    weight = ours.decode_head.conv_seg.weight.clone()
    ours.init_weights()
    assert ours.decode_head.conv_seg.weight.equal(weight)


def test_every_layer_stands_in_the_decode_head(model, images):
    extra = dict(GroupSoftmaxLinear=dict(class_counts=COUNTS), TaxonomicLinear=dict(parents=[4, 4, 5, 5, -1, -1]))
    for name in layers.__all__:
        ours = build(long_tail(deepcopy(model), classifier=dict(type=name, **extra.get(name, {}))))
        assert predict(ours, images).shape == (2, 4, 32, 32), name


def test_freeze_trains_the_layer_alone(model, images):
    ours = build(long_tail(model, classifier=dict(type='DisAlignLinear'), auxiliary_head=None, freeze=True)).train()
    before = {key: value.clone() for key, value in ours.state_dict().items()}
    names = [name for name, p in ours.named_parameters() if p.requires_grad]
    assert len(names) == 4 and all(name.startswith('decode_head.conv_seg.') for name in names)
    assert sum(p.numel() for p in ours.parameters() if p.requires_grad) == 2 * 4 + 16 + 1
    ours(images, mode='tensor').sum().backward()
    assert all(value.equal(before[key]) for key, value in ours.state_dict().items())  # batch norm's statistics, too


def test_cascades_take_it_in_their_last_stage(model):
    head = model.decode_head
    cascade = dict(model, type='LongTailCascadeEncoderDecoder', num_stages=2, auxiliary_head=None, decode_head=[
        head, dict(type='OCRHead', in_channels=16, in_index=1, channels=16, ocr_channels=8, num_classes=4,
                   dropout_ratio=0, norm_cfg=dict(type='BN'), align_corners=False,
                   loss_decode=dict(type='CrossEntropyLoss'))])
    ours = build(dict(cascade, classifier=dict(type='CosineLinear'), logit_adjust=dict(class_counts=COUNTS)))
    assert [type(h.conv_seg).__name__ for h in ours.decode_head] == ['Conv2d', 'CosineLinear']
    assert predict(ours, torch.randn(1, 3, 32, 32)).shape == (1, 4, 32, 32)


def test_bad_models(model):
    def wrong(words, error=ValueError, loss=None, **kwargs):
        cfg = deepcopy(model)
        if loss:
            cfg.decode_head.loss_decode = dict(type=loss, class_counts=COUNTS)
        with pytest.raises(error, match=words):
            build(long_tail(cfg, **kwargs))

    wrong('LogitAdjustLoss corrects the class prior', loss='LogitAdjustLoss', logit_adjust=dict(class_counts=COUNTS))
    wrong('3 class counts for 4 classes', logit_adjust=dict(class_counts=[3, 2, 1]))
    wrong('class 2 has the training count 0', logit_adjust=dict(class_counts=[3, 2, 0, 1]))
    wrong('CosinLinear', classifier=dict(type='CosinLinear'))
    forced = long_tail(deepcopy(model), logit_adjust=dict(class_counts=COUNTS, force=True))
    forced['decode_head'].loss_decode = dict(type='LogitAdjustLoss', class_counts=COUNTS)
    build(forced)
    binary = long_tail(deepcopy(model), logit_adjust=dict(class_counts=[3, 2]))
    binary['decode_head'].update(num_classes=2, out_channels=1, threshold=0.5)
    with pytest.raises(ValueError, match='out_channels=2'):
        build(binary)


def test_a_head_without_the_seam(model, images):
    head = dict(type='SegmenterMaskTransformerHead', in_channels=16, in_index=1, channels=16, num_classes=4,
                num_layers=1, num_heads=2, embed_dims=16, loss_decode=dict(type='CrossEntropyLoss'))
    with pytest.raises(ValueError, match='SegmenterMaskTransformerHead has no conv_seg'):
        build(long_tail(dict(model, decode_head=head), classifier=dict(type='CosineLinear')))
    with pytest.raises(ValueError, match=r'no module .decode_head\.conv_seg.'):
        build(dict(type='SwapClassifier', path='decode_head.conv_seg', to=dict(type='CosineLinear'),
                   model=dict(model, decode_head=head)))


def test_prediction_without_counts_names_the_fix(model, images):
    with pytest.raises(RuntimeError, match='class counts'):
        predict(build(long_tail(model, logit_adjust=dict(tau=1))), images)


def test_adjust_in_training_mode_is_off():
    adjust = LogitAdjust(2, class_counts=[3, 1])
    x = torch.zeros(1, 2, 1, 1)
    assert adjust.train()(x) is x and not adjust.eval()(x).equal(x)


def test_registered_in_mmseg_alone():
    assert MODELS.get('LongTailEncoderDecoder') is not None
    assert MODELS.get('LogitAdjustLoss') is not ROOT.get('mmengine.LogitAdjustLoss')


def test_without_mmseg_the_part_names_the_extra(monkeypatch):
    import importlib.util
    real = importlib.util.find_spec
    monkeypatch.setattr('mmlt.registry.find_spec', lambda name, *a: None if name == 'mmseg' else real(name, *a))
    monkeypatch.delitem(sys.modules, 'mmlt.seg')
    with pytest.raises(ImportError, match=r'mmlt\[seg\]'):
        importlib.import_module('mmlt.seg')
