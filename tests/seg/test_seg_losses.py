"""Pixel losses against a naive recomputation and against MMSegmentation's own cross entropy."""
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('mmseg')
from mmseg.models.losses import CrossEntropyLoss
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from mmlt import seg
from mmlt.core import losses as core
from mmlt.seg import losses

COUNTS = [800, 150, 40, 10]
NEUTRAL = [('LogitAdjustLoss', dict(tau=0)), ('VSLoss', dict(tau=0, gamma=0)), ('CDTLoss', dict(gamma=0))]


def batch(seed=0, ignored=0.2, dtype=torch.float32, shape=(3, 5)):
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 4, *shape, generator=g, dtype=torch.float64).to(dtype)
    labels = torch.randint(4, (2, *shape), generator=g)
    labels[torch.rand(2, *shape, generator=g) < ignored] = 255
    return logits.requires_grad_(), labels


def run(loss, logits, labels, **kwargs):
    value = loss(logits, labels, **kwargs)
    return value, torch.autograd.grad(value.sum(), logits)[0]


@pytest.mark.parametrize('name', losses.__all__)
@given(seed=st.integers(0, 99), ignored=st.sampled_from([0.0, 0.3]))
@settings(max_examples=5, deadline=None)
def test_the_loss_of_every_pixel_is_that_of_the_classification_loss(name, seed, ignored):
    logits, labels = batch(seed, ignored, torch.float64)
    valid = labels < 255
    rows = logits.movedim(1, -1)[valid]
    args = dict(class_counts=COUNTS, **({'rho': 0.2} if name == 'GeneralizedReweightLoss' else {}))
    want = getattr(core, name)(reduction='none', **args)(rows, labels[valid])
    pixels, gradient = run(getattr(losses, name)(reduction='none', **args), logits, labels)
    torch.testing.assert_close(pixels[valid], want)
    assert not pixels[~valid].any() and not gradient.movedim(1, -1)[~valid].any()

    weighted = name in ('GeneralizedReweightLoss', 'CostSensitiveLoss', 'WeightedSoftmaxLoss', 'ClassBalancedLoss')
    mean = getattr(losses, name)(avg_non_ignore=True, **args)(logits, labels)
    torch.testing.assert_close(mean, getattr(core, name)(**args)(rows, labels[valid]), atol=1e-6, rtol=1e-6)
    over_all = getattr(losses, name)(**args)(logits, labels)
    torch.testing.assert_close(over_all, mean if weighted else want.sum() / labels.numel(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize('name, args', NEUTRAL)
@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('case', ['plain', 'ohem', 'none', 'sum', 'avg_factor', 'all_ignored', 'points'])
def test_neutral_is_mmseg_to_the_last_bit(name, args, avg_non_ignore, dtype, case):
    logits, labels = batch(1, dtype=dtype, shape=(6, ) if case == 'points' else (3, 5))
    kwargs = dict(ohem=dict(weight=(torch.rand(2, 3, 5) > 0.5).float()), none=dict(reduction_override='none'),
                  sum=dict(reduction_override='sum'), avg_factor=dict(avg_factor=7.0)).get(case, {})
    labels = torch.full_like(labels, 255) if case == 'all_ignored' else labels
    settings = dict(avg_non_ignore=avg_non_ignore, loss_weight=0.4)
    want = run(CrossEntropyLoss(**settings), logits, labels, ignore_index=255, **kwargs)
    got = run(getattr(losses, name)(class_counts=COUNTS, **args, **settings), logits, labels, ignore_index=255,
              **kwargs)
    assert all(a.equal(b) for a, b in zip(want, got))


def test_no_reweighting_is_mmseg_over_the_pixels_that_count():
    logits, labels = batch(2)
    want = run(CrossEntropyLoss(avg_non_ignore=True), logits, labels, ignore_index=255)
    got = run(losses.GeneralizedReweightLoss(rho=0, class_counts=COUNTS), logits, labels)
    assert all(a.equal(b) for a, b in zip(want, got))


def test_class_weights_average_as_mmseg_does():
    logits, labels = batch(3)
    loss = losses.GeneralizedReweightLoss(rho=0.7, class_counts=COUNTS)
    weights = loss.class_weights(4).tolist()
    want = CrossEntropyLoss(class_weight=weights)(logits, labels, ignore_index=255)
    torch.testing.assert_close(loss(logits, labels), want)
    torch.testing.assert_close(losses.LogitAdjustLoss(tau=0, class_weight=weights, class_counts=COUNTS)(
        logits, labels), want)


def test_worked_example():
    logits = torch.tensor([[2.0, 1.0, 0.1], [0.5, 1.5, -0.3]]).t()[None, :, None]  # one image of two pixels
    labels = torch.tensor([[[0, 2]]])
    assert losses.BalancedSoftmaxLoss(class_counts=[100, 50, 10])(logits, labels).item() == pytest.approx(
        2.080576, abs=1e-5)
    assert losses.LogitAdjustLoss(tau=1.5, class_counts=[100, 50, 10])(logits, labels).item() == pytest.approx(
        2.530516, abs=1e-5)


@pytest.mark.parametrize('name', losses.__all__)
def test_half_precision_is_lifted_and_stays_finite(name):
    logits, labels = batch(dtype=torch.bfloat16)
    loss = getattr(losses, name)(class_counts=COUNTS)
    value, gradient = run(loss, logits, labels)
    assert value.dtype == torch.float32 and value.isfinite() and gradient.isfinite().all()
    assert loss(1e4 * logits.float(), labels).isfinite()


@pytest.mark.parametrize('name', losses.__all__)
def test_protocol_of_the_decode_head(name):
    loss = MODELS.build(dict(type=name, class_counts=COUNTS, use_sigmoid=False, loss_name='loss_tail'))
    assert type(loss) is getattr(seg, name) and loss.loss_name == 'loss_tail'
    assert getattr(losses, name)().loss_name == 'loss_ce'
    assert loss.count_unit == 'pixel' and list(loss.state_dict()) == ['class_counts']
    fresh = getattr(losses, name)()
    fresh.load_state_dict(loss.state_dict())
    logits, labels = batch()
    assert fresh(logits, labels).equal(loss(logits, labels))


def test_ohem_sampler_asks_for_the_loss_of_each_pixel(model):
    model.decode_head.update(loss_decode=dict(type='LogitAdjustLoss', class_counts=COUNTS),
                             sampler=dict(type='OHEMPixelSampler', min_kept=20))
    head = MODELS.build(model.decode_head)
    logits, labels = batch(shape=(8, 8))
    weight = head.sampler.sample(logits, labels[:, None])
    pixels = head.loss_decode(logits, labels, reduction_override='none')
    assert weight.sum() == 40 and pixels[weight > 0].min() >= pixels[(weight == 0) & (labels < 255)].max()


def test_two_losses_add_up_under_their_names(model):
    model.decode_head.loss_decode = [
        dict(type='LogitAdjustLoss', class_counts=COUNTS, loss_weight=0.5), dict(type='CrossEntropyLoss'),
        dict(type='DiceLoss', loss_name='loss_dice')]
    head = MODELS.build(model.decode_head)
    assert isinstance(head.loss_decode, nn.ModuleList)
    logits, labels = batch(shape=(8, 8))
    samples = [type('S', (), dict(gt_sem_seg=type('G', (), dict(data=label[None])))) for label in labels]
    out = head.loss_by_feat(logits, samples)
    assert set(out) == {'loss_ce', 'loss_dice', 'acc_seg'}
    ce = F.cross_entropy(logits, labels, ignore_index=255, reduction='sum') / labels.numel()
    torch.testing.assert_close(out['loss_ce'], head.loss_decode[0](logits, labels) + ce)


@pytest.mark.parametrize('make, words', [
    (lambda: losses.LogitAdjustLoss(use_sigmoid=True), 'use_sigmoid'),
    (lambda: losses.LogitAdjustLoss(avg='batch'), 'avg_non_ignore'),
    (lambda: losses.LogitAdjustLoss(class_counts=[5, 0, 1, 1]), 'class 1 has the training count 0'),
])
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_bad_calls():
    logits, labels = batch()
    loss = losses.LogitAdjustLoss(class_counts=COUNTS)
    with pytest.raises(RuntimeError, match=r'tools/count_classes\.py'):
        losses.LogitAdjustLoss()(logits, labels)
    with pytest.raises(ValueError, match='counts of 3 classes, the logits have 4'):
        losses.LogitAdjustLoss(class_counts=[3, 2, 1])(logits, labels)
    with pytest.raises(ValueError, match='out_channels=2'):
        loss(logits[:, :1], labels)
    with pytest.raises(ValueError, match=r'holds 4, expected 0 \.\. 3 or ignore_index=255; .*reduce_zero_label'):
        loss(logits, labels.where(labels < 255, 4))
    with pytest.raises(ValueError, match=r'shape \(2, 1, 3, 5\), expected \(2, 3, 5\)'):
        loss(logits, labels[:, None])
    with pytest.raises(ValueError, match='avg_factor'):
        loss(logits, labels, avg_factor=3, reduction_override='sum')


@pytest.mark.parametrize('name', core.__all__)
def test_every_loss_has_a_form_or_is_refused_by_name(name):
    """They were built, and stopped at the first step for want of ``loss_name``."""
    if name in losses.__all__:
        assert MODELS.build(dict(type=name, class_counts=COUNTS)).loss_name == 'loss_ce'
    else:
        with pytest.raises(ValueError, match=f'{name} has no form for label maps.*LogitAdjustLoss'):
            MODELS.build(dict(type=name, class_counts=COUNTS))


def test_focal_needs_no_counts_unless_its_weights_do():
    logits, labels = batch()
    loss = losses.SoftmaxFocalLoss()
    loss.check_counts()
    assert loss(logits, labels) > 0
    with pytest.raises(RuntimeError, match='no class counts'):
        losses.SoftmaxFocalLoss(class_weight='inverse')(logits, labels)
