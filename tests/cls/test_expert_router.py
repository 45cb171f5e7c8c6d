"""RIDE's router: targets, skipped experts, its stage and report."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmpretrain.structures import DataSample
from torch.nn.functional import softplus

from mmlt.cls.expert_router import Router, router_targets

HEAD = dict(type='MultiExpertClsHead', num_classes=3, in_channels=12, classifier=dict(type='CosineLinear', scale=30.))
EXPERTS = dict(model__backbone=dict(type='MultiExpertResNetCIFAR32', depth=8, base_channels=4), model__head=HEAD)
ROUTED = dict(EXPERTS, model__type='RoutedExpertClassifier',
              custom_hooks=[dict(type='ExpertRouterHook', input_shape=(3, 8, 8))])


@pytest.fixture(scope='module')
def stages(tmp_path_factory):
    folder = tmp_path_factory.mktemp('router')
    tiny.train(folder / 'first', epochs=2, **dict(EXPERTS, model__head=dict(HEAD, loss=dict(type='SADELoss'))))
    run = tiny.train(folder / 'second', epochs=2, load_from=str(folder / 'first/epoch_2.pth'), **ROUTED)
    return folder, run


def test_targets():
    z = torch.zeros(3, 4, 2)
    z[0, :, 1] = 1.  # the first expert says class 1
    z[1, 0, 0] = z[1, 1, 0] = 2.  # with the second, images 0 and 1 are class 0
    z[2, 2, 0] = 3.  # with the third, image 2 too
    labels = torch.tensor([0, 0, 0, 0])
    assert router_targets(z, labels).tolist() == [[True, True, True, False], [False, False, True, False]]
    assert not router_targets(z, torch.ones(4, dtype=torch.int64))[0].any()


def test_only_the_routers_train(stages):
    folder, run = stages
    first = torch.load(folder / 'first/epoch_2.pth', weights_only=False)['state_dict']
    now = run.model.state_dict()
    shared = [k for k in first if k in now and not k.startswith('head.loss')]
    assert len(shared) > 20 and all(torch.equal(first[k], now[k]) for k in shared)
    new = torch.load(folder / 'second/epoch_1.pth', weights_only=False)['state_dict']
    assert any(not torch.equal(new[k], now[k]) for k in now if k.startswith('routers'))


def test_the_loss_is_the_mean_over_the_routers_which_share_a_layer(stages):
    model = stages[1].model.train()
    x, samples = torch.randn(6, 3, 8, 8), [DataSample().set_gt_label(c) for c in (0, 1, 2, 0, 1, 2)]
    losses = model.loss(x, samples)
    with torch.no_grad():
        feats = model.extract_feat(x)
        z = [model.head.fc[e](feats[e]) for e in range(3)]
        expected = 0
        for e in range(2):
            for i, sample in enumerate(samples):
                hits = [bool(sum(z[:k + 1])[i].argmax() == sample.gt_label) for k in range(3)]
                unit = feats[e][i] / feats[e][i].norm()
                top = (sum(z[:e + 1])[i] / (e + 1)).sort(descending=True).values
                hidden = model.routers[e].hidden(unit).relu()
                asked = model.routers[0].out(torch.cat([top, hidden]))
                expected += 100 * softplus(-asked) if not hits[e] and any(hits[e + 1:]) else softplus(asked)
    torch.testing.assert_close(sum(losses.values()), (expected / 6 / 2)[0], rtol=1e-5, atol=1e-6)


def test_routing_is_the_mean_of_the_experts_used(stages):
    model = stages[1].model.eval()
    x = torch.randn(8, 3, 8, 8)
    with torch.no_grad():
        z = model.head.expert_logits(model.extract_feat(x))
        for bias, e in ((-1e4, 1), (1e4, 3)):
            saved = [router.out.bias.clone() for router in model.routers]
            for router in model.routers:
                router.out.bias.fill_(bias)
            logits, used = model.routed(x)
            assert used.tolist() == [e] * 8
            torch.testing.assert_close(logits, z[:e].mean(0))
            for router, value in zip(model.routers, saved):
                router.out.bias.copy_(value)
        asked = model.routers[0](z[0], model.extract_feat(x)[0]).sigmoid() > 0.5
        logits, used = model.routed(x)
        assert (used > 1).equal(asked)


def test_a_skipped_expert_does_not_run(stages, monkeypatch):
    model = stages[1].model.eval()
    calls, expert = [], model.backbone.expert
    monkeypatch.setattr(model.backbone, 'expert', lambda x, e: (calls.append((e, len(x))), expert(x, e))[1])
    monkeypatch.setattr(Router, 'forward', lambda self, mean, feats: torch.where(mean[:, 0] > mean[:, 1], 1., -1.))
    with torch.no_grad():
        _, used = model.routed(torch.randn(16, 3, 8, 8))
    assert calls == [(e, int((used > e).sum())) for e in range(3) if (used > e).any()]


def test_report(stages):
    hub = stages[1].message_hub
    mean, flops, whole = (hub.get_scalar(f'val/experts/{k}').current() for k in ('mean_used', 'gflops', 'gflops_all'))
    assert 1 <= mean <= 3 and 0 < flops <= whole


def test_bad_backbone(tmp_path):
    with pytest.raises(ValueError, match='got ResNetCIFAR32 with LinearClsHead'):
        tiny.runner(tmp_path, model__type='RoutedExpertClassifier')
