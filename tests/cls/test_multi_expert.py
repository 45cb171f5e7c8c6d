"""Experts: shapes, widths, what is shared, losses and prediction in a training run, resume, bad input."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmpretrain.models import ResNet
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from mmlt.cls import (
    DepthExperts,
    ExpertNetworks,
    MultiExpertClsHead,
    MultiExpertResNet,
    MultiExpertResNetCIFAR32,
    ResidualBranches,
    ResidualClsHead,
    ResNetCIFAR32,
)
from mmlt.core.losses import BalPoELoss

COSINE = dict(type='CosineLinear', scale=30.)
PLAIN = dict(type='ResNetCIFAR32', depth=8, base_channels=4)


def settings(loss, num_experts=3, **head):
    return dict(
        model__backbone=dict(type='MultiExpertResNetCIFAR32', depth=8, base_channels=4, num_experts=num_experts),
        model__head=dict(type='MultiExpertClsHead', num_classes=3, in_channels=12, num_experts=num_experts,
                         classifier=COSINE, loss=dict(type=loss), **head))


@pytest.mark.parametrize('reduce, width', [(True, 48), (False, 64)])
def test_cifar_backbone(reduce, width):
    model = MultiExpertResNetCIFAR32(num_experts=4, reduce=reduce, depth=14)
    plain = ResNetCIFAR32(depth=14)
    x = torch.randn(2, 3, 32, 32)
    maps = model(x)
    assert [tuple(m.shape) for m in maps] == [(2, width, 8, 8)] * 4
    assert len({m.sum().item() for m in maps}) == 4  # each expert has weights of its own
    if not reduce:  # an expert on the trunk is the plain network
        state = model.state_dict()
        own = {k.replace('layer2.1.', 'layer2.').replace('layer3.1.', 'layer3.'): v for k, v in state.items()
               if not k.startswith(('layer2.', 'layer3.')) or k.split('.')[1] == '1'}
        plain.load_state_dict(own)
        torch.testing.assert_close(plain.eval()(x)[0], model.eval()(x)[1])


@pytest.mark.parametrize('kwargs, width, mid', [
    ({}, 1536, 192), (dict(reduce=False), 2048, 256), (dict(groups=32, width_per_group=4), 1536, 384)])
def test_resnet(kwargs, width, mid):
    model = MultiExpertResNet(num_experts=2, **kwargs)
    model.eval()
    with torch.no_grad():
        assert [tuple(m.shape) for m in model(torch.zeros(1, 3, 64, 64))] == [(1, width, 2, 2)] * 2
    assert model.layer3[0][1].conv2.out_channels == mid and isinstance(model.layer2, nn.Sequential)
    assert model.feat_dim == width


@pytest.mark.parametrize('plain, experts', [
    (lambda: ResNetCIFAR32(depth=14), lambda: MultiExpertResNetCIFAR32(depth=14, reduce=False)),
    (lambda: ResNet(50), lambda: MultiExpertResNet(num_experts=2, reduce=False))])
def test_weights_of_a_plain_network_load_into_each_expert(plain, experts):
    plain, experts = plain(), experts()
    for model in (plain, experts):
        model.eval()  # MMPretrain's ResNet returns None
    experts.load_state_dict(plain.state_dict())
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert all(torch.equal(own, plain(x)[-1]) for own in experts(x))
    again = type(experts)(**(dict(depth=14) if isinstance(plain, ResNetCIFAR32) else dict(num_experts=2)), reduce=False)
    again.load_state_dict(experts.state_dict())


def test_whole_networks_begin_apart_and_take_the_weights_of_one():
    networks, plain = ExpertNetworks(PLAIN, num_experts=2), MODELS.build(PLAIN)
    x = torch.randn(2, 3, 16, 16)
    first, second = networks.eval()(x)
    assert not torch.equal(first, second) and torch.equal(networks.expert(networks.trunk(x), 1), second)
    networks.load_state_dict(plain.state_dict())
    assert all(torch.equal(out, plain.eval()(x)[-1]) for out in networks(x))
    again = ExpertNetworks(PLAIN, num_experts=2).eval()
    again.load_state_dict(networks.state_dict())
    assert torch.equal(again(x)[1], networks(x)[1])
    with pytest.raises(ValueError, match='num_experts=1 is a plain network'):
        ExpertNetworks(PLAIN, num_experts=1)


def test_the_prediction_is_the_mean_of_logits():
    head = MultiExpertClsHead(5, 8, num_experts=3, classifier=COSINE)
    feats = tuple(torch.randn(3, 4, 8))
    expected = torch.stack([layer(x) for layer, x in zip(head.fc, feats)])
    torch.testing.assert_close(head.expert_logits(feats), expected)
    torch.testing.assert_close(head(feats), expected.mean(0))
    assert torch.stack(head.predict(feats)[1].pred_score.softmax(0).unbind()).shape == (5, )
    torch.testing.assert_close(head.predict(feats)[1].pred_score, expected.mean(0).softmax(1)[1])
    weights = [layer.weight for layer in head.fc]
    assert not torch.equal(weights[0], weights[1])


def test_a_plain_loss_is_averaged_over_the_experts():
    head = MultiExpertClsHead(5, 8, num_experts=2)
    feats, labels = tuple(torch.randn(2, 4, 8)), torch.tensor([0, 3, 1, 1])
    loss = head.loss(feats, [DataSample().set_gt_label(int(y)) for y in labels])['loss']
    expected = sum(nn.functional.cross_entropy(z, labels) for z in head.expert_logits(feats)) / 2
    torch.testing.assert_close(loss, expected)
    head.loss_module = BalPoELoss(taus='limits', class_counts=[9, 5, 4, 2, 1])
    loss = head.loss(feats, [DataSample().set_gt_label(int(y)) for y in labels])['loss']
    torch.testing.assert_close(loss, head.loss_module(head.expert_logits(feats), labels))


def test_residual_branches_share_a_map_and_a_classifier():
    plain, model = MODELS.build(PLAIN), ResidualBranches(PLAIN, 16)
    model.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        for e, norm in enumerate(model.branches):
            norm.weight.fill_(e + 1)
    maps, expected = model.eval()(x), plain.eval()(x)[-1]
    assert len(maps) == 3
    for e, own in enumerate(maps):
        torch.testing.assert_close(own, (e + 1) * expected / (1 + 1e-5)**0.5)
    again = ResidualBranches(PLAIN, 16).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(x)[2], maps[2])
    head, feats = ResidualClsHead(5, 16), tuple(m.mean((2, 3)) for m in maps)
    torch.testing.assert_close(head(feats), sum(head.fc(f) for f in feats) / 3)
    loss = head.loss(feats, [DataSample().set_gt_label(y) for y in (1, 4)])['loss']  # a plain one, of each branch
    expected = sum(nn.functional.cross_entropy(head.fc(f), torch.tensor([1, 4])) for f in feats) / 3
    torch.testing.assert_close(loss, expected)


def test_experts_read_several_depths():
    plain, model = MODELS.build(PLAIN), DepthExperts(PLAIN, 16, num_experts=3)
    model.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(2, 3, 16, 16)
    maps, deep = model.eval()(x), plain.eval()(x)[-1]
    plain.out_indices = 0, 1
    shallow = plain(x)
    assert [len(r) for r in model.reductions] == [5, 3, 5]  # layer1 with one ReLU, layer2, layer1
    for e, own in enumerate(maps):
        torch.testing.assert_close(own, deep * model.reductions[e](shallow[e % 2]))
    again = DepthExperts(PLAIN, 16).eval()
    again.load_state_dict(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(again(x), maps))
    begins = {stage[0].conv1.weight.sum().item() for stage in DepthExperts(PLAIN, 16).backbone.layer3}
    assert len(begins) == 3  # each last stage has weights of its own


def test_experts_of_a_large_network():
    model = DepthExperts(dict(type='ResNet', depth=50), 2048, num_experts=4).eval()
    with torch.no_grad():
        assert [tuple(m.shape) for m in model(torch.zeros(1, 3, 64, 64))] == [(1, 2048, 2, 2)] * 4
    assert [sum(isinstance(m, nn.Conv2d) for m in r) for r in model.reductions] == [3, 2, 1, 3]


STAGES = [dict(begin=1, loss=dict(type='RIDELoss'))]


@pytest.mark.parametrize('loss', ['RIDELoss', 'SADELoss', 'BalPoELoss', 'NCLLoss', 'ResLTLoss', 'SHIKELoss'])
def test_training_lowers_the_loss_and_resumes(tmp_path, loss):
    run = dict(settings(loss), epochs=3)
    if loss == 'RIDELoss':
        run.update(stages=STAGES)
        run['model__head']['loss']['temperatures'] = False
    if loss == 'NCLLoss':
        run['model__backbone'] = dict(_delete_=True, type='ExpertNetworks', backbone=PLAIN)
        run['model__head'].update(in_channels=16, classifier=None)
    if loss == 'ResLTLoss':
        run['model__backbone'] = dict(_delete_=True, type='ResidualBranches', backbone=PLAIN, channels=16)
        run['model__head'] = dict(_delete_=True, type='ResidualClsHead', num_classes=3, in_channels=16,
                                  loss=dict(type=loss, beta=0.9))
    if loss == 'SHIKELoss':
        run['model__backbone'] = dict(_delete_=True, type='DepthExperts', backbone=PLAIN, channels=16)
        run['model__head'].update(in_channels=16)
        run.update(stages=[dict(begin=2, freeze=['backbone'], reinit=['head.fc'], lr=0.1,
                                loss=dict(type='BalancedSoftmaxLoss'))])
    if loss == 'BalPoELoss':
        run.update(data_preprocessor__batch_augments=dict(augments=dict(type='UniMix')))
    whole = tiny.train(tmp_path / 'whole', **run)
    part = tiny.train(tmp_path / 'part', resume=True, load_from=str(tmp_path / 'whole/epoch_2.pth'), **run)
    a, b = whole.model.state_dict(), part.model.state_dict()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []
    losses = whole.message_hub.get_scalar('train/loss').data[0]
    assert losses[-3:].mean() < losses[:3].mean()
    assert whole.message_hub.get_scalar('val/lt/top1').current() > 33


@pytest.mark.parametrize('call, message', [
    (lambda: MultiExpertResNetCIFAR32(num_experts=1), 'num_experts=1 is a plain network; take 2'),
    (lambda: MultiExpertResNet(num_experts=1), 'num_experts=1 is a plain network'),
    (lambda: MultiExpertClsHead(5, 8, num_experts=1), 'MultiExpertClsHead: num_experts=1'),
    (lambda: MultiExpertClsHead(5, 8, num_experts=0), 'must be an integer >= 1, got 0'),
    (lambda: MultiExpertClsHead(5, 8, cal_acc=True), 'no cal_acc'),
    (lambda: ResidualClsHead(5, 8)(tuple(torch.randn(2, 4, 8))), 'reads 3 features, the backbone gives 2'),
    (lambda: ResidualClsHead(5, 8, cal_acc=True), 'no cal_acc'),
    (lambda: DepthExperts(dict(type='VisionTransformer', img_size=32), 192), 'VisionTransformer has 0 such stages'),
    (lambda: MultiExpertClsHead(5, 8)(tuple(torch.randn(2, 4, 8))), 'num_experts=3, the backbone gives 2'),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
