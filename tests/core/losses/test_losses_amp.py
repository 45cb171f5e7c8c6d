"""Training in bfloat16 through MMEngine, with mixed labels and accumulated gradients."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.model import ExponentialMovingAverage

from mmlt.core.losses import SeesawSoftmaxLoss

COUNTS = sum(tiny.COUNTS)


@pytest.mark.parametrize('loss', [
    dict(type='CostSensitiveLoss'), dict(type='LDAMLoss', class_weight='effective'), dict(type='VSLoss'),
    dict(type='ClassBalancedLoss', base='focal', gamma=0.5), dict(type='LADELoss'),
    dict(type='SoftmaxEqualizationLoss', threshold=0.3), dict(type='SeesawSoftmaxLoss'),
    dict(type='GCLLoss'), dict(type='BalancedBCELoss'),
    dict(type='EqualizationLossV2'), dict(type='InfluenceBalancedLoss'),
    dict(type='DistributionBalancedLoss', num_images=COUNTS)
], ids=lambda loss: loss['type'])
def test_bfloat16_training(tmp_path, loss):
    run = tiny.runner(
        tmp_path, epochs=2, model__head=dict(type='LongTailClsHead', loss=loss),
        model__train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]),
        optim_wrapper=dict(type='CPUAmpOptimWrapper', accumulative_counts=3))
    seen, module = [], run.model.head.loss_module
    module.register_forward_pre_hook(lambda _, args: seen.append((args[0].dtype, args[1].shape)))
    module.register_forward_hook(lambda _, args, value: seen.append((value.dtype, bool(value.isfinite()))))
    before = [p.detach().clone() for p in run.model.parameters()]
    run.train()
    steps = 2 * -(-COUNTS // 10)
    assert seen == [(torch.bfloat16, (10, 3)), (torch.float32, True)] * steps
    after = list(run.model.parameters())
    assert all(p.isfinite().all() and p.dtype == torch.float32 for p in after)
    assert not any(p.equal(old) for p, old in zip(after, before))
    if hasattr(module, 'seen'):  # every micro-batch counts
        torch.testing.assert_close(module.seen.sum().item(), 2.0 * COUNTS)
    if hasattr(module, 'positive'):
        assert (module.positive > 0).all() and (module.negative > 0).all()
    if hasattr(module, 'draws'):
        assert module.draws.step == steps


@pytest.mark.parametrize('update_buffers', [False, True])
def test_averaged_copies_in_half_precision(update_buffers):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), SeesawSoftmaxLoss(class_counts=[5e6, 501, 3])).half()
    copy = ExponentialMovingAverage(model, update_buffers=update_buffers, momentum=0.5)
    for count in (1001, 2003):
        model[1].seen = torch.full((3, ), count, dtype=torch.float64)
        copy.update_parameters(model)
    assert copy.module[0].weight.dtype == torch.float16
    assert copy.module[1].class_counts.tolist() == [5e6, 501, 3]
    assert copy.module[1].seen.tolist() == [1502 if update_buffers else 2003] * 3
