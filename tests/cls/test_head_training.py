"""Each classifier layer as a second stage on a frozen backbone, trained in bfloat16."""
import math

import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.hooks import Hook

from mmlt.core import layers
from mmlt.data.samplers import ClassCycleSampler

EXTRA = {
    'GroupSoftmaxLinear': dict(class_counts=list(tiny.COUNTS), bins=(10, 20)),
    'TaxonomicLinear': dict(parents=[3, 3, -1, -1], drop_rate=0.3),
}
TRAINED = {
    'CosineLinear': {'weight'}, 'TauNormLinear': {'weight'}, 'LWSLinear': {'scales'}, 'CausalLinear': {'weight'},
    'DisAlignLinear': {'logit_scale', 'logit_bias', 'confidence_layer.weight', 'confidence_layer.bias'},
    'MARCLinear': {'logit_scale', 'margin'},
    'GroupSoftmaxLinear': {'weight', 'bias'}, 'TaxonomicLinear': {'weight', 'bias'},
}
WIDE = ('LWSLinear', 'MARCLinear', 'DisAlignLinear', 'TaxonomicLinear')  # float32 scales, gate or sampling behind it


@pytest.fixture(scope='module')
def stage1(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('stage1')
    tiny.train(work_dir, epochs=1)
    return str(work_dir / 'epoch_1.pth')


def second_stage(tmp_path, stage1, name, stage, **settings):
    """A run of two epochs; the logits of its last step, in the dtype that they had, come with it."""
    classifier = dict(type=name, **EXTRA.get(name, {}))
    head = dict(type='LongTailClsHead', num_classes=3, in_channels=16, classifier=classifier)
    if name == 'GroupSoftmaxLinear':
        head['loss'] = dict(type='BalancedGroupSoftmaxLoss', bins=(10, 20))
    settings = dict(dict(optim_wrapper__type='CPUAmpOptimWrapper', load_from=stage1), **settings)
    run = tiny.runner(tmp_path, epochs=2, stages=[dict(begin=0, **stage)], model__head=head, **settings)
    logits = []
    run.model.head.fc.register_forward_hook(lambda fc, args, out: logits.append(out.detach()) if fc.training else None)
    run.train()
    return run, logits[-1]


@pytest.mark.parametrize('name', TRAINED)
def test_second_stage_in_bfloat16(name, tmp_path, stage1):
    old = torch.load(stage1, weights_only=False)['state_dict']
    run, logits = second_stage(tmp_path, stage1, name, dict(freeze=['backbone']))
    new = run.model.state_dict()
    for key, value in run.model.backbone.state_dict().items():
        moves = 'running_' in key or 'num_batches' in key
        assert value.equal(old[f'backbone.{key}']) != moves, key
    fc = run.model.head.fc
    assert {key for key, p in fc.named_parameters() if p.requires_grad} == TRAINED[name]
    rows = getattr(fc, 'class_rows', slice(None))
    assert fc.weight[rows].equal(old['head.fc.weight']) == ('weight' not in TRAINED[name])
    assert logits.isfinite().all() and all(value.isfinite().all() for value in new.values())
    assert logits.dtype == (torch.float32 if fc.full_precision or name in WIDE else torch.bfloat16)
    assert math.isfinite(run.message_hub.get_scalar('train/loss').current())
    assert 0 <= run.message_hub.get_scalar('val/lt/top1').current() <= 100


@pytest.mark.parametrize('name', ['CosineLinear', 'LWSLinear'])
def test_frozen_batch_norm_stays_in_every_number(name, tmp_path, stage1):
    old = torch.load(stage1, weights_only=False)['state_dict']
    run, _ = second_stage(tmp_path, stage1, name, dict(freeze=['backbone'], bn='frozen'))
    for key, value in run.model.backbone.state_dict().items():
        assert value.equal(old[f'backbone.{key}']), key


def test_a_fixed_classifier_trains_the_backbone(tmp_path, stage1):
    run, logits = second_stage(tmp_path, stage1, 'ETFLinear', dict(lr=0.01))
    fc, start = run.model.head.fc, layers.ETFLinear(16, 3)
    assert fc.weight.equal(start.weight) and not list(fc.parameters())
    assert logits.dtype == torch.float32 and logits.abs().max() <= fc.scale * 1.001


def test_ncm_from_the_first_stage(tmp_path, stage1):
    head = dict(type='NCMClsHead', num_classes=3, in_channels=16)
    run = tiny.train(tmp_path, epochs=0, model__head=head, load_from=stage1, optim_wrapper__type='CPUAmpOptimWrapper',
                     param_scheduler=None, custom_hooks=[dict(type='FitClassifierHook')], train_cfg__val_interval=1)
    assert run.model.head.fc.counts.tolist() == list(tiny.COUNTS)
    assert run.message_hub.get_scalar('val/lt/top1').current() > 40


# one run: the second stage begins at an epoch

def test_crt_in_one_run_is_crt_in_two(tmp_path):
    """Two epochs of joint training, two of a new classifier; the schedule starts again at the stage."""
    stage = dict(begin=2, freeze=['backbone'], reinit=['head.fc'], lr=0.1,
                 sampler=dict(type='ClassCycleSampler', samples_per_class=4))
    schedule = [dict(type='MultiStepLR', milestones=[1], gamma=0.01),
                dict(type='CosineAnnealingLR', begin=2, end=4, T_max=2)]
    rates = []

    class Rates(Hook):
        def after_train_epoch(self, runner):
            rates.append(runner.optim_wrapper.get_lr()['lr'][0])

    run = tiny.runner(tmp_path, epochs=4, stages=[stage], param_scheduler=schedule,
                      model__head=dict(type='LongTailClsHead', num_classes=3, in_channels=16))
    run.register_hook(Rates(), priority='VERY_HIGH')  # before the scheduler steps
    run.train()
    assert rates == pytest.approx([0.05, 0.0005, 0.1, 0.05])
    joint = torch.load(tmp_path / 'epoch_2.pth', weights_only=False)['state_dict']
    for key, value in run.model.backbone.named_parameters():
        assert value.equal(joint[f'backbone.{key}']) and not value.requires_grad
    assert not run.model.head.fc.weight.equal(joint['head.fc.weight'])
    assert isinstance(run.train_dataloader.batch_sampler.sampler.current, ClassCycleSampler)


@pytest.mark.parametrize('name', ['GroupSoftmaxLinear', 'LWSLinear', 'DisAlignLinear', 'CosineLinear'])
def test_the_backbone_freezes_half_way(name, tmp_path):
    """Layers that train from the start (LWS and DisAlign with their W and b) and go on alone."""
    classifier = dict(EXTRA.get(name, {}), type=name)
    if name in ('LWSLinear', 'DisAlignLinear'):
        classifier['freeze'] = False
    loss = dict(type='BalancedGroupSoftmaxLoss', bins=(10, 20)) if name == 'GroupSoftmaxLinear' else \
        dict(type='GeneralizedReweightLoss') if name == 'DisAlignLinear' else dict(type='CrossEntropyLoss')
    head = dict(type='LongTailClsHead', num_classes=3, in_channels=16, classifier=classifier, loss=loss)
    run = tiny.train(tmp_path, epochs=2, stages=[dict(begin=1, freeze=['backbone'], lr=0.1)], model__head=head,
                     optim_wrapper__type='CPUAmpOptimWrapper')
    joint = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    for key, value in run.model.named_parameters():
        assert value.equal(joint[key]) == key.startswith('backbone.'), key
