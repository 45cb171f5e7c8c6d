import pytest
import torch
from torch import nn

pytest.importorskip('mmpretrain')
from mmengine.registry import DefaultScope
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample

from mmlt.cls import heads
from mmlt.core import layers

C, D = 5, 8
COUNTS = [500, 50, 5, 2000, 60]
SHORT = {
    'CosineClsHead': 'CosineLinear', 'TauNormClsHead': 'TauNormLinear', 'LWSClsHead': 'LWSLinear',
    'NCMClsHead': 'NCMClassifier', 'CausalClsHead': 'CausalLinear', 'DisAlignClsHead': 'DisAlignLinear',
}
EXTRA = {
    'GroupSoftmaxLinear': dict(class_counts=COUNTS),
    'TaxonomicLinear': dict(parents=[5, 5, 6, 6, 6, -1, -1]),
}


@pytest.fixture(autouse=True)
def scope():
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


def long_tail(name=None, **kwargs):
    classifier = name and dict(type=name, **EXTRA.get(name, {}))
    return heads.LongTailClsHead(C, D, classifier=classifier, **kwargs)


def samples(n=4, soft=False):
    out = [DataSample().set_gt_label(i % C) for i in range(n)]
    if soft:
        for i, sample in enumerate(out):
            sample.set_gt_score(torch.eye(C)[i % C] * .7 + torch.eye(C)[(i + 1) % C] * .3)
    return out


def feats(n=4):
    return (torch.randn(n, D),)


def scores(head, x):
    return torch.stack([sample.pred_score for sample in head.eval().predict(x)])


def spoil(head):
    """Make the loss of the head one that corrects the prior."""
    head.loss_module = nn.CrossEntropyLoss()
    head.loss_module.corrects_prior = True
    return head


def test_a_loss_without_a_rule_for_soft_labels():
    head = long_tail(loss=dict(type='SeesawLoss', num_classes=C))
    assert head.loss(feats(), samples())['loss'].isfinite()
    with pytest.raises(ValueError, match='SeesawLoss takes labels, a mixup makes soft ones; use SeesawSoftmaxLoss'):
        head.loss(feats(), samples(soft=True))


@pytest.mark.parametrize('name', layers.__all__)
@pytest.mark.parametrize('soft', [False, True])
def test_every_layer_fits_the_head(name, soft):
    loss = dict(type='BalancedGroupSoftmaxLoss', class_counts=COUNTS) if name == 'GroupSoftmaxLinear' else \
        dict(type='CrossEntropyLoss')
    head = long_tail(name, loss=loss)
    start = {key: value.clone() for key, value in head.state_dict().items()}
    head.init_weights()
    for key, value in head.state_dict().items():
        assert value.equal(start[key]), key  # init_cfg reaches none of them
    checkpoint = LinearClsHead(C, D).state_dict()
    missing, unexpected = head.load_state_dict(checkpoint, strict=False)
    assert not unexpected and all(key.startswith('loss_module.') for key in missing)
    losses = head.loss(feats(), samples(soft=soft))
    assert all(value.isfinite() for value in losses.values())
    assert ('loss_node' in losses) == (name == 'TaxonomicLinear')
    p = scores(head, feats())
    assert p.shape == (4, C)
    torch.testing.assert_close(p.sum(1), torch.ones(4))


@pytest.mark.parametrize('head, layer', SHORT.items())
def test_short_names(head, layer):
    built = getattr(heads, head)(num_classes=C, in_channels=D, topk=(1, 2), cal_acc=True)
    assert type(built.fc) is getattr(layers, layer)
    assert set(built.loss(feats(), samples())) == {'loss', 'accuracy_top-1', 'accuracy_top-2'}


@pytest.mark.parametrize('kwargs', [dict(scale=16, bias=True), dict(classifier=dict(scale=16, bias=True)),
                                    dict(classifier=dict(scale=16), bias=True)])
def test_short_names_take_the_arguments_of_the_layer(kwargs):
    head = heads.CosineClsHead(C, D, **kwargs)
    assert head.fc.scale == 16 and head.fc.bias is not None
    assert type(heads.LongTailClsHead(C, D, classifier='CosineLinear').fc) is layers.CosineLinear


def test_without_a_classifier_it_is_the_linear_head():
    head, plain = long_tail(init_cfg=dict(type='Constant', layer='Linear', val=.5)), LinearClsHead(C, D)
    head.init_weights()
    assert head.fc.weight.eq(.5).all()
    head.load_state_dict(plain.state_dict())
    x = feats()
    assert scores(head, x).equal(scores(plain, x))
    assert head.loss(x, samples())['loss'].equal(plain.loss(x, samples())['loss'])


def test_vit_head_style_zero_init_leaves_the_layer():
    head = heads.CosineClsHead(C, D, init_cfg=dict(type='Constant', layer='Linear', val=0))
    head.init_weights()
    assert head.fc.weight.abs().min() > 0


def test_losses_that_ask_get_the_features():
    class Loss(nn.Module):
        requires = ('feats', )

        def forward(self, z, y, avg_factor=None, feats=None):
            self.seen = feats
            return z.sum()

    head, x = long_tail('CosineLinear', loss=Loss()), feats()
    head.loss(x, samples())
    assert head.loss_module.seen is x[0]
    head = long_tail('CosineLinear', loss=dict(type='InfluenceBalancedLoss', class_counts=COUNTS))
    assert head.loss(x, samples())['loss'].isfinite()


# logit adjustment at test

def test_adjustment_by_hand():
    head = heads.LongTailClsHead(3, 3, logit_adjust=dict(tau=1.0), class_counts=[100, 10, 1])
    head.fc.weight.data, head.fc.bias.data = torch.eye(3), torch.zeros(3)
    got = scores(head, (torch.tensor([[25., 26., 24.5]]),))
    torch.testing.assert_close(got, torch.tensor([[.011257, .305989, .682754]]), atol=1e-6, rtol=0)


@pytest.mark.parametrize('tau', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('target', [None, [1, 2, 3, 4, 5], [0, 1, 1, 1, 1]])
def test_adjustment_equals_the_naive_computation(tau, target):
    head = long_tail(logit_adjust=dict(tau=tau, target=target), class_counts=COUNTS)
    x = feats()
    prior = torch.tensor(COUNTS) / sum(COUNTS)
    goal = torch.full((C,), 1 / C) if target is None else torch.tensor(target) / sum(target)
    want = head.fc(x[0]).softmax(1) * (goal / prior) ** tau
    torch.testing.assert_close(scores(head, x), want / want.sum(1, keepdim=True))


def test_target_equal_to_the_training_prior_changes_nothing():
    head, x = long_tail(logit_adjust=dict(tau=1.7, target=COUNTS), class_counts=COUNTS), feats()
    torch.testing.assert_close(scores(head, x), head.fc(x[0]).softmax(1))


def test_adjustment_is_for_predictions_alone():
    x, plain, head = feats(), long_tail(), long_tail(logit_adjust=dict(), class_counts=COUNTS)
    head.load_state_dict(plain.state_dict())
    assert head(x).equal(plain(x))
    assert head.loss(x, samples())['loss'].equal(plain.loss(x, samples())['loss'])


@pytest.mark.parametrize('name', ['CosineLinear', 'NCMClassifier', 'CausalLinear'])
def test_adjustment_goes_with_every_layer(name):
    assert scores(long_tail(name, logit_adjust=dict(tau=.5), class_counts=COUNTS), feats()).isfinite().all()


def test_counts_travel_in_the_checkpoint():
    full, empty = long_tail(logit_adjust=dict(), class_counts=COUNTS), long_tail(logit_adjust=dict())
    x = feats()
    want = scores(full, x)
    with pytest.raises(RuntimeError, match='class counts'):
        empty.predict(x)
    empty.load_state_dict(full.state_dict())
    assert empty.class_counts.tolist() == COUNTS and scores(empty, x).equal(want)
    full.load_state_dict(long_tail().state_dict())  # without counts it keeps its own
    assert full.class_counts.tolist() == COUNTS


def test_adjustment_in_half_precision():
    counts = [300000, 70000, 500, 20, 1]
    want = long_tail(logit_adjust=dict(), class_counts=counts)
    head = long_tail(logit_adjust=dict(), class_counts=counts).half()
    z = torch.randn(2, C)
    assert head.adjust_logits(z).equal(want.adjust_logits(z)) and head.fc.weight.dtype == torch.float16
    head.load_state_dict(want.state_dict())
    assert head.class_counts.tolist() == counts and head.adjust_logits(z).equal(want.adjust_logits(z))


def test_no_counts_no_matter_without_adjustment():
    assert scores(long_tail(), feats()).isfinite().all()


def test_an_empty_class_matters_to_the_adjustment_alone():
    long_tail().set_class_counts([1, 2, 0, 3, 4])
    with pytest.raises(ValueError, match='class 2 has the training count 0'):
        long_tail(logit_adjust=dict()).set_class_counts([1, 2, 0, 3, 4])


def test_refused_on_top_of_a_loss_that_corrects_the_prior():
    cfg = dict(type='BalancedSoftmaxLoss', class_counts=COUNTS)
    with pytest.raises(ValueError, match=r'BalancedSoftmaxLoss.*force=True'):
        long_tail(loss=cfg, logit_adjust=dict())
    head = long_tail(loss=cfg, logit_adjust=dict(force=True), class_counts=COUNTS)
    assert scores(head, feats()).isfinite().all()


def test_the_loss_is_asked_when_it_matters():
    head = spoil(long_tail(logit_adjust=dict(), class_counts=COUNTS))  # a later stage of the loss
    with pytest.raises(ValueError, match='corrects the class prior'):
        head.eval().predict(feats())


@pytest.mark.parametrize('kwargs, words', [
    (dict(logit_adjust=dict(gamma=1)), 'gamma'), (dict(class_counts=[1, 2]), '2 class counts for 5'),
    (dict(logit_adjust=dict(target=[1, 2])), '2 class counts for 5'),
    (dict(logit_adjust=dict(target=[0] * C)), 'target is 0'), (dict(logit_adjust=dict(tau=float('nan'))), 'tau'),
    (dict(classifier=dict(type='GroupSoftmaxLinear', class_counts=COUNTS), cal_acc=True), 'cal_acc'),
    (dict(classifier=dict(type='CausalLinear', num_heads=3)), '3 equal heads'),
    (dict(classifier=dict(type='ETFLinear'), in_channels=4), '5 classes'),
])
def test_bad_arguments(kwargs, words):
    with pytest.raises(ValueError, match=words):
        heads.LongTailClsHead(**dict(dict(num_classes=C, in_channels=D), **kwargs))
    with pytest.raises(TypeError, match=r'logit_adjust=1\.0; expected a dict'):
        long_tail(logit_adjust=1.0)
