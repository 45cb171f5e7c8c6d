import warnings

import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny

from mmlt.engine.cam import CAMTeacher
from mmlt.engine.hooks import StageSwitchHook
from mmlt.engine.stages import PARTS, StagePart, StagePlan, register

AMP = dict(optim_wrapper__type='CPUAmpOptimWrapper')
CENTRE = dict(type='CenterCrop', crop_size=8)
ALL = [
    dict(begin=0, freeze=['backbone.conv1']),
    dict(begin=1, sampler=dict(type='ClassBalancedSampler'), loss=dict(type='BalancedSoftmaxLoss'), lr=0.02,
         train_pipeline=[CENTRE, dict(type='PackInputs')], cam=dict(prob=0.7)),
    dict(begin=2, freeze=['backbone'], bn='frozen', reinit=['head.fc'], lr=0.1, loss=dict(type='CrossEntropyLoss')),
]


def same(a, b):
    a, b = a.model.state_dict(), b.model.state_dict()
    assert a.keys() == b.keys()
    return [k for k in a if not torch.equal(a[k], b[k])]


@pytest.mark.parametrize('settings', [
    {}, dict(train_dataloader__num_workers=1, train_dataloader__persistent_workers=True),
    dict(custom_hooks=[dict(type='EMAHook', momentum=0.1)]), dict(optim_wrapper__accumulative_counts=3),
    AMP, AMP | dict(optim_wrapper__accumulative_counts=3, custom_hooks=[dict(type='EMAHook', momentum=0.1)])])
def test_resumed_run_is_bit_identical(tmp_path, settings):
    whole = tiny.train(tmp_path / 'whole', epochs=4, stages=ALL, **settings)
    for epoch in ((1, 2, 3) if not settings else (2, )):
        part = tiny.train(tmp_path / f'part{epoch}', epochs=4, stages=ALL, resume=True,
                          load_from=str(tmp_path / f'whole/epoch_{epoch}.pth'), **settings)
        assert same(whole, part) == []
        rates = [[g['lr'] for g in r.optim_wrapper.param_groups] for r in (whole, part)]
        assert rates[0] == rates[1]


def test_frozen_means_frozen(tmp_path):
    run = tiny.train(tmp_path, epochs=2, stages=[dict(begin=1, freeze=['backbone'], bn='frozen')])
    before = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    after = run.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in after if k.startswith('backbone'))
    assert not torch.equal(before['head.fc.weight'], after['head.fc.weight'])


def test_bn_update_shifts_statistics_only(tmp_path):
    run = tiny.train(tmp_path, epochs=2, stages=[dict(begin=1, freeze=['backbone'])])
    before = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    after = run.model.state_dict()
    changed = {k for k in after if k.startswith('backbone') and not torch.equal(after[k], before[k])}
    assert changed and all('running' in k or 'num_batches' in k for k in changed)


def test_unfreezing(tmp_path):
    run = tiny.train(tmp_path, epochs=2, stages=[dict(begin=0, freeze=['backbone']), dict(begin=1, freeze=[])])
    before = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    assert not torch.equal(before['backbone.conv1.weight'], run.model.state_dict()['backbone.conv1.weight'])


class Spy(StageSwitchHook):
    """Notes what each epoch drew, with which loss and learning rate."""

    def before_train(self, runner):
        super().before_train(runner)
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        super().before_train_iter(runner, batch_idx, data_batch)
        if batch_idx == 0:
            self.seen.append(dict(
                sampler=type(getattr(runner.train_dataloader.batch_sampler.sampler, 'current', None)).__name__,
                loss=type(getattr(runner.model.head.loss_module, 'active', None)).__name__,
                lr=runner.optim_wrapper.param_groups[0]['lr'],
                augments=runner.model.data_preprocessor.batch_augments is not None,
                size=len(data_batch['inputs'])))


def spy(tmp_path, stages, epochs, **settings):
    r = tiny.runner(tmp_path, epochs=epochs, **settings)
    hook = Spy(stages)
    r.register_hook(hook, priority='HIGH')
    r.train()
    return hook.seen


def test_each_key_acts_from_its_epoch_on(tmp_path):
    seen = spy(tmp_path, [dict(begin=1, sampler=dict(type='ClassBalancedSampler'), lr=0.3),
                          dict(begin=2, loss=dict(type='BalancedSoftmaxLoss'),
                               batch_augments=dict(type='Mixup', alpha=1.)),
                          dict(begin=3, batch_augments=None)], 4, param_scheduler=None)
    assert [s['sampler'] for s in seen] == ['DefaultSampler'] + ['ClassBalancedSampler'] * 3
    assert [s['loss'] for s in seen] == ['CrossEntropyLoss'] * 2 + ['BalancedSoftmaxLoss'] * 2
    assert [s['lr'] for s in seen] == [0.05, 0.3, 0.3, 0.3]
    assert [s['augments'] for s in seen] == [False, False, True, False]


def test_stage_at_epoch_zero_and_two_at_once(tmp_path):
    seen = spy(tmp_path, [dict(begin=0, sampler=dict(type='ClassBalancedSampler')),
                          dict(begin=0, lr=0.2, loss=dict(type='BalancedSoftmaxLoss'))], 1)
    assert seen == [dict(sampler='ClassBalancedSampler', loss='BalancedSoftmaxLoss', lr=0.2, augments=False, size=10)]


def test_schedule_multiplies_on_from_the_stage_rate(tmp_path):
    scheduler = [dict(type='CosineAnnealingLR', begin=1, end=4, T_max=3, eta_min=0)]
    seen = spy(tmp_path, [dict(begin=1, lr=0.2)], 4, param_scheduler=scheduler)
    assert [s['lr'] for s in seen] == pytest.approx([0.05, 0.2, 0.15, 0.05])


def test_reinit_is_seeded_drops_momentum_and_reaches_ema(tmp_path):
    weights = []
    for name in ('a', 'b'):
        r = tiny.runner(tmp_path / name, epochs=1, custom_hooks=[dict(type='EMAHook')],
                        stages=[dict(begin=0, reinit=['head.fc'])])
        hook = next(h for h in r.hooks if isinstance(h, StageSwitchHook))
        before = hook.before_train_iter

        def note(runner, batch_idx, data_batch=None, before=before):
            if batch_idx == 0:
                ema = next(h.ema_model for h in runner.hooks if hasattr(h, 'ema_model')).module
                assert torch.equal(ema.head.fc.weight, runner.model.head.fc.weight)
                assert runner.model.head.fc.weight not in runner.optim_wrapper.optimizer.state
                weights.append(runner.model.head.fc.weight.detach().clone())
            before(runner, batch_idx, data_batch)
        hook.before_train_iter = note
        r.train()
    assert torch.equal(*weights)
    assert weights[0].std() < 0.03  # the head's init_cfg, Normal(0, 0.01), not the layer's default


def test_epoch_length_never_changes(tmp_path):
    run = tiny.train(tmp_path, epochs=3, stages=[dict(begin=1, sampler=dict(type='RandomOverSampler')),
                                                 dict(begin=2, sampler=dict(type='RandomUnderSampler'))])
    assert run.iter == 3 * 6


def test_stage_beyond_the_end_warns(tmp_path):
    with pytest.warns(UserWarning, match='never begins'):
        tiny.train(tmp_path, epochs=1, stages=[dict(begin=9, lr=0.1)])


@pytest.mark.parametrize('stages, message', [
    ([dict(begin=2, lr=1.), dict(begin=1, lr=1.)], 'in order'),
    ([dict(begin=0, sampelr=dict())], 'did you mean sampler'),
    ([dict(lr=0.1)], 'begin='),
    ([dict(begin=0, bn='eval')], 'update'),
    ([dict(begin=5.5, lr=1.)], 'begin must be int, got 5.5'),
    ([dict(begin=5, lr=-1)], 'lr must be .* got -1'),
    ([dict(begin=5, lr='a')], "lr must be int or float, got 'a'"),
    ([dict(begin=5, sampler=1)], 'sampler must be dict.*got 1'),
    ([dict(begin=5, freeze='backbone')], "freeze must be list or tuple, got 'backbone'"),
    ([], 'at least one'),
])
def test_bad_stages(stages, message):
    with pytest.raises(ValueError, match=message):
        StageSwitchHook(stages)


def test_unknown_path_lists_near_names(tmp_path):
    with pytest.raises(ValueError, match=r"no module 'head\.cf'.*head\.fc"):
        tiny.train(tmp_path, stages=[dict(begin=1, freeze=['head.cf'])])


def test_freezing_everything(tmp_path):
    with pytest.raises(ValueError, match='nothing to train'):
        tiny.train(tmp_path, stages=[dict(begin=0, freeze=['backbone', 'head'])])


def test_no_warning_without_reason(tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings('error', message='.*(counted twice|never begins).*')
        tiny.train(tmp_path, epochs=2, stages=[dict(begin=1, sampler=dict(type='ClassBalancedSampler'))])


def test_balanced_sampler_with_prior_loss_warns(tmp_path):
    with pytest.warns(UserWarning, match='counted twice'):
        tiny.train(tmp_path, epochs=2, stages=[dict(begin=1, sampler=dict(type='ClassBalancedSampler'),
                                                    loss=dict(type='BalancedSoftmaxLoss'))])


def test_cams_come_from_the_model_before_it_is_reset(tmp_path):
    run = tiny.runner(tmp_path, epochs=2, stages=[dict(begin=1, reinit=['head.fc'], cam=dict(prob=0.5))])
    run.train()
    stage_1 = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    hook = next(h for h in run.hooks if isinstance(h, StageSwitchHook))
    assert torch.equal(hook.parts['cam'].active.teacher.weight, stage_1['head.fc.weight'])


@pytest.mark.parametrize('settings', [
    {}, AMP, dict(train_dataloader__num_workers=1, train_dataloader__persistent_workers=True)])
def test_cached_cams_resume(tmp_path, settings):
    stages = [dict(begin=1, sampler=dict(type='ClassBalancedSampler'), cam=dict(cached=True))]
    whole = tiny.train(tmp_path / 'whole', epochs=3, stages=stages, **settings)
    assert (tmp_path / 'whole/cams_of_epoch_1.pth').exists()
    part = tiny.train(tmp_path / 'part', epochs=3, stages=stages, resume=True,
                      load_from=str(tmp_path / 'whole/epoch_2.pth'), **settings)
    assert same(whole, part) == []


@pytest.mark.parametrize('cached', [False, True])
def test_mixed_precision_reaches_the_cams(tmp_path, monkeypatch, cached):
    seen, forward = set(), CAMTeacher.forward
    monkeypatch.setattr(CAMTeacher, 'forward', lambda self, images, labels, amp=False: (
        seen.add(amp), forward(self, images, labels, amp))[1])
    for settings, dtype in ((AMP, torch.bfloat16), ({}, False)):
        seen.clear()
        tiny.train(tmp_path / str(dtype), epochs=1, stages=[dict(begin=0, cam=dict(prob=1., cached=cached))],
                   **settings)
        assert seen == {dtype}


def test_cached_cams_outlive_a_change_of_the_pipeline_and_then_end(tmp_path):
    stages = [dict(begin=1, cam=dict(prob=1., cached=True)),
              dict(begin=2, train_pipeline=[CENTRE, dict(type='PackInputs')]), dict(begin=3, cam=None)]
    hook, seen = StageSwitchHook(stages), []
    act = hook.before_train_iter

    def note(runner, batch_idx, data_batch=None):
        seen.append((runner.epoch, 'cam' in data_batch['data_samples'][0]))
        act(runner, batch_idx, data_batch)
    hook.before_train_iter = note
    run = tiny.runner(tmp_path, epochs=4)
    run.register_hook(hook, priority='HIGH')
    run.train()
    assert set(seen) == {(0, False), (1, True), (2, True), (3, False)}
    assert [path.name for path in tmp_path.glob('cams_of_epoch_*')] == ['cams_of_epoch_1.pth']


@pytest.mark.parametrize(('stage', 'words'), [
    (dict(cam=dict(ration=0.75)), 'ration'),
    (dict(cam=dict(kinds=['shear'])), 'kinds must be some of'),
    (dict(freeze=['backbone', 'head']), 'leaves nothing to train'),
    (dict(reinit=['neck']), 'neck .* has no reset_parameters')])
def test_what_cannot_work_late_fails_at_the_start(stage, words, tmp_path):
    runner = tiny.runner(tmp_path, stages=[dict(begin=2, **stage)])
    with pytest.raises((TypeError, ValueError), match=words):
        runner.train()
    assert runner.iter == 0


def test_a_model_without_cams_fails_at_the_start(tmp_path):
    runner = tiny.runner(tmp_path, stages=[dict(begin=2, cam=dict())], model__neck=dict(type='GeneralizedMeanPooling'))
    with pytest.raises(ValueError, match='CAM needs'):
        runner.train()
    assert runner.iter == 0


def test_cams_beside_an_empty_class(tmp_path):
    runner = tiny.train(tmp_path, 2, [dict(begin=1, sampler=dict(type='ClassBalancedSampler'), cam=dict())],
                        train_dataloader__dataset__counts=(40, 20, 0))
    assert runner.epoch == 2


# fractions of the run, and what else says when

@pytest.mark.parametrize(('begin', 'epochs', 'expected'), [
    (0.8, 200, 160), (0.29, 100, 29), (0.5, 5, 3), (0.1, 4, 0), (0.001, 200, 0), (0.75, 90, 68)])
def test_fractions_are_of_the_run(begin, epochs, expected):
    assert StagePlan([dict(begin=begin, lr=1.)]).resolve(epochs).stages == [dict(begin=expected, lr=1.)]


def test_a_fraction_in_a_run(tmp_path):
    seen = spy(tmp_path, [dict(begin=0.5, lr=0.3), dict(begin=0.5, loss=dict(type='BalancedSoftmaxLoss'))], 4,
               param_scheduler=None)
    assert [s['lr'] for s in seen] == [0.05, 0.05, 0.3, 0.3]
    assert [s['loss'] for s in seen] == ['CrossEntropyLoss'] * 2 + ['BalancedSoftmaxLoss'] * 2


def test_stages_that_end_up_at_one_epoch(tmp_path):
    with pytest.raises(ValueError, match=r'begin=0\.7 and begin=0\.8 both begin at epoch 2 of 3; train longer'):
        tiny.train(tmp_path, 3, [dict(begin=0.7, lr=0.1), dict(begin=0.8, lr=0.2)])
    with pytest.raises(ValueError, match=r'begin=2 and begin=0\.7 both begin at epoch 2 of 3'):
        StagePlan([dict(begin=2, lr=0.1), dict(begin=0.7, lr=0.2)]).resolve(3)
    with pytest.raises(ValueError, match=r'in order of begin.*\[160, 100\]'):
        StagePlan([dict(begin=0.8, lr=0.1), dict(begin=100, lr=0.2)]).resolve(200)
    for begin in (1.0, 0.0, -0.5, 2.5):
        with pytest.raises(ValueError, match=r'begin must be int, got .*\(0, 1\) is a fraction'):
            StagePlan([dict(begin=begin, lr=0.1)])


def test_the_schedule_of_mmpretrains_hook(tmp_path):
    from mmpretrain.engine.hooks import SwitchRecipeHook
    mixup = dict(augments=dict(type='Mixup', alpha=1.))
    schedule = [dict(action_epoch=3, batch_augments=None), dict(
        action_epoch=2, batch_augments=mixup, loss=dict(type='BalancedSoftmaxLoss'),
        train_pipeline=[CENTRE, dict(type='PackInputs')])]
    SwitchRecipeHook(schedule)
    hook = StageSwitchHook(schedule=schedule)
    assert [stage['begin'] for stage in hook.stages] == [1, 2]
    seen = spy(tmp_path, hook.stages, 3)
    assert [s['augments'] for s in seen] == [False, True, False]
    assert [s['loss'] for s in seen] == ['CrossEntropyLoss'] + ['BalancedSoftmaxLoss'] * 2
    for wrong in (dict(begin=1), dict(action_epoch=0.5)):
        with pytest.raises(ValueError, match='needs action_epoch, an integer from 1 on'):
            StageSwitchHook(schedule=[wrong])
    with pytest.raises(ValueError, match='give one of both'):
        StageSwitchHook(stages=[dict(begin=1, lr=1.)], schedule=schedule)


# a part of one's own

def test_a_method_adds_a_part(tmp_path):
    class Temperature(StagePart):
        keys = dict(temperature=(int, float))

        def switch(self, runner, time, begins):
            runner.model.head.temperature = self.plan.value('temperature', time)

    register(Temperature)
    try:
        runner = tiny.train(tmp_path, 2, [dict(begin=1, temperature=0.5)])
        assert runner.model.head.temperature == 0.5
        with pytest.raises(ValueError, match='did you mean temperature'):
            StageSwitchHook([dict(begin=1, temprature=0.5)])
        with pytest.raises(ValueError, match="temperature must be int or float, got 'hot'"):
            StageSwitchHook([dict(begin=1, temperature='hot')])

        class Second(Temperature):
            pass
        with pytest.raises(ValueError, match="Second: stages have a key 'temperature' already"):
            register(Second)
    finally:
        PARTS.remove(Temperature)


def test_the_state_of_a_part_travels(tmp_path):
    class Counter(StagePart):
        keys = dict(counter=(bool, ))
        steps = 0

        def before_step(self, runner, batch_idx, data_batch):
            self.steps += 1

        def state_dict(self):
            return self.steps

        def load_state_dict(self, state):
            self.steps = state

    register(Counter)
    try:
        stages = [dict(begin=0, counter=True)]
        tiny.train(tmp_path / 'whole', 2, stages)
        run = tiny.train(tmp_path / 'part', 2, stages, resume=True, load_from=str(tmp_path / 'whole/epoch_1.pth'))
        assert next(h for h in run.hooks if isinstance(h, StageSwitchHook)).parts['counter'].steps == 12
    finally:
        PARTS.remove(Counter)


def test_the_override_of_a_head_is_heard():
    from mmlt.engine.stages.reinit import _own_part
    step = dict(type='Normal', std=0.01, override=dict(name='conv_seg'))
    assert _own_part(step, 'conv_seg', ['Conv2d']) == [dict(type='Normal', std=0.01, layer=['Conv2d'])]
    assert _own_part(step, 'convs.0', ['Conv2d']) == [] and _own_part(step, '', ['FCNHead']) == [step]
    step = dict(type='Xavier', layer='Linear', override=[dict(name='fc', type='Constant', val=0)])
    assert _own_part(step, 'fc', ['Linear']) == [dict(type='Constant', val=0, layer=['Linear'])]
    assert _own_part(step, 'other', ['Linear']) == [dict(type='Xavier', layer='Linear')]
