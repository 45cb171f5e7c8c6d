"""The losses inside MMPretrain's heads and classifiers, as a config builds them."""
import itertools
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip('mmpretrain')

from mmpretrain.models import HuggingFaceClassifier
from mmpretrain.models.utils.batch_augments import CutMix, Mixup, RandomBatchAugment
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from mmpretrain.utils import register_all_modules

import mmlt
from mmlt.core import losses as lt

COUNTS = [90, 40, 12, 5, 2]
# of experts, taught, or with a width
SPECIAL = {'BalPoELoss', 'NCLLoss', 'ResLTLoss', 'RIDEDistillLoss', 'RIDELoss', 'SADELoss', 'SHIKELoss', 'DiVELoss',
           'CBDLoss', 'DROLTLoss', 'ISDALoss', 'LFMELoss', 'XERMLoss', 'BKDLoss'}
NAMES = [name for name in lt.__all__ if isinstance(getattr(lt, name), type) and name not in SPECIAL]
LINEAR = [name for name in NAMES if name not in ('BalancedGroupSoftmaxLoss', 'DistributionBalancedLoss')]
HEADS = [dict(type='LinearClsHead', num_classes=5, in_channels=8),
         dict(type='VisionTransformerClsHead', num_classes=5, in_channels=8, hidden_dim=6),
         dict(type='LongTailClsHead', classifier=dict(type='CosineLinear'), num_classes=5, in_channels=8)]


@pytest.fixture(autouse=True, scope='module')
def scope():
    register_all_modules(init_default_scope=True)
    mmlt.register_all()


def samples(soft=None):
    labels = [0, 3, 1, 2]
    out = [DataSample().set_gt_label(label) for label in labels]
    for i, sample in enumerate(out):
        if soft is not None:
            sample.set_gt_score(soft[i])
    return out


def mixed(augment, c=5):
    """What MMPretrain's batch augmentation makes of four labels."""
    score = torch.nn.functional.one_hot(torch.tensor([0, 3, 1, 2]), c).float()
    return RandomBatchAugment(augment)(torch.randn(4, 3, 8, 8), score)[1]


@pytest.mark.parametrize('head', HEADS, ids=lambda cfg: cfg['type'])
@pytest.mark.parametrize('name', LINEAR)
def test_heads(head, name):
    if name == 'InfluenceBalancedLoss' and head['type'] != 'LongTailClsHead':
        pytest.skip('it needs the features, which only mmlt\'s head passes')
    head = MODELS.build(dict(head, loss=dict(type=name, class_counts=COUNTS, loss_weight=1.0)))
    head.init_weights()
    feats = torch.randn(4, 8).relu()
    feats = ([torch.zeros(4, 2, 8), feats] if head.__class__.__name__.startswith('Vision') else feats, )
    batches = samples(), samples(mixed(Mixup(0.8))), samples(mixed(CutMix(1.0)))
    for batch, dtype in itertools.product(batches, (torch.bfloat16, torch.float16)):
        head.zero_grad()
        with torch.autocast('cpu', dtype):
            loss = head.loss(feats, batch)['loss']
        loss.backward()
        assert loss.isfinite() and all(p.grad.isfinite().all() for p in head.parameters())


def test_influence_balanced_names_the_head_it_needs():
    head = MODELS.build(dict(HEADS[0], loss=dict(type='InfluenceBalancedLoss', class_counts=COUNTS)))
    with pytest.raises(ValueError, match='LongTailClsHead'):
        head.loss((torch.randn(4, 8), ), samples())


def test_multi_label_head():
    head = MODELS.build(dict(
        type='MultiLabelLinearClsHead', num_classes=5, in_channels=8,
        loss=dict(type='DistributionBalancedLoss', class_counts=COUNTS, num_images=100)))
    batch = [DataSample().set_gt_score(row) for row in torch.tensor([[1., 0, 1, 0, 0], [0, 0, 0, 0, 1]])]
    feats = torch.randn(2, 8)
    value = head.loss((feats, ), batch)['loss']
    plain = lt.DistributionBalancedLoss(num_images=100, class_counts=COUNTS)
    expected = plain(head.fc(feats), torch.stack([s.gt_score for s in batch]), reduction_override='sum') / 2
    torch.testing.assert_close(value, expected)


def test_group_softmax_head():
    head = MODELS.build(dict(
        type='LongTailClsHead', num_classes=5, in_channels=8,
        classifier=dict(type='GroupSoftmaxLinear', class_counts=COUNTS, bins=(10, 50)),
        loss=dict(type='BalancedGroupSoftmaxLoss', class_counts=COUNTS, bins=(10, 50))))
    assert head.loss((torch.randn(4, 8), ), samples())['loss'].isfinite()
    with torch.no_grad():
        x = torch.randn(4, 8)
        scores = head.loss_module.get_activation(head.fc(x))
        torch.testing.assert_close(scores.log(), head.fc.eval()(x))


@pytest.mark.parametrize('name', LINEAR)
def test_timm_and_hugging_face_call(name):
    """TimmClassifier calls the loss without avg_factor, HuggingFaceClassifier with N: the same mean."""
    pytest.importorskip('timm')
    if name == 'InfluenceBalancedLoss':
        pytest.skip('it needs the features')
    model = MODELS.build(dict(type='TimmClassifier', model_name='test_resnet', num_classes=5,
                              loss=dict(type=name, class_counts=COUNTS)))
    model.loss_module.eval()
    inputs = torch.randn(4, 3, 32, 32)
    for batch in (samples(), samples(mixed(Mixup(0.8)))):
        value = model(inputs, batch, mode='loss')['loss']
        value.backward()
        assert value.isfinite()
        logits = torch.randn(4, 5)
        stub = SimpleNamespace(loss_module=model.loss_module)
        with_factor = HuggingFaceClassifier._get_loss(stub, logits, batch)['loss']
        torch.testing.assert_close(with_factor, type(model)._get_loss(stub, logits, batch)['loss'])


@pytest.mark.parametrize('name', NAMES)
def test_registered_in_the_root_and_built_from_any_scope(name):
    from mmengine.registry import MODELS as ROOT
    extra = dict(num_images=1000) if name == 'DistributionBalancedLoss' else {}
    for registry in (ROOT, MODELS):
        assert type(registry.build(dict(type=name, reduction='mean', **extra))) is getattr(lt, name)
