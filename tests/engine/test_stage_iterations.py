"""Stages of a run that counts iterations."""
from itertools import islice

import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from torch.utils.data import BatchSampler

from mmlt.data.samplers.stream import SamplerStream
from mmlt.engine.hooks import StageSwitchHook

CENTRE = [dict(type='CenterCrop', crop_size=8), dict(type='PackInputs')]
ALL = [
    dict(begin=0, freeze=['backbone.conv1']),
    dict(begin=4, sampler=dict(type='ClassBalancedSampler'), loss=dict(type='BalancedSoftmaxLoss'), lr=0.02,
         train_pipeline=CENTRE, cam=dict(prob=0.7)),
    dict(begin=9, freeze=['backbone'], bn='frozen', reinit=['head.fc'], lr=0.1, loss=dict(type='CrossEntropyLoss')),
]


def run(folder, stages, iterations=12, by_epoch=False, train=True, sampler='InfiniteSampler', **settings):
    hook = dict(type='StageSwitchHook', stages=stages, by_epoch=by_epoch)
    runner = tiny.runner(
        folder, default_hooks__stages=hook, train_cfg=dict(
            by_epoch=False, max_iters=iterations, val_interval=iterations, _delete_=True),
        train_dataloader__sampler=dict(type=sampler, shuffle=True, _delete_=True),
        param_scheduler=[dict(type='MultiStepLR', by_epoch=False, milestones=[3, 10], gamma=0.5)],
        default_hooks__checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False), **settings)
    if train:
        runner.train()
    return runner


@pytest.mark.parametrize('settings', [
    {}, dict(train_dataloader__num_workers=2), dict(custom_hooks=[dict(type='EMAHook', momentum=0.1)])])
def test_resumed_run_is_bit_identical(tmp_path, settings):
    """Within a stage, and where one begins."""
    whole = run(tmp_path / 'whole', ALL, **settings)
    for iteration in ((2, 4, 6, 9, 10) if not settings else (6, )):
        part = run(tmp_path / f'part{iteration}', ALL, resume=True,
                   load_from=str(tmp_path / f'whole/iter_{iteration}.pth'), **settings)
        for key, value in whole.model.state_dict().items():
            assert torch.equal(value, part.model.state_dict()[key]), (iteration, key)
        rates = [[group['lr'] for group in r.optim_wrapper.param_groups] for r in (whole, part)]
        assert rates[0] == rates[1]


class Watch(Hook):
    """Notes each step, when every other hook has acted."""
    priority = 'VERY_LOW'

    def __init__(self):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        head = runner.model.head
        self.seen.append(dict(
            loss=type(getattr(head.loss_module, 'active', head.loss_module)).__name__,
            lr=runner.optim_wrapper.param_groups[0]['lr'], size=data_batch['inputs'].shape[-1],
            labels=[int(sample.gt_label) for sample in data_batch['data_samples']],
            norms={m.training for m in runner.model.modules() if isinstance(m, torch.nn.BatchNorm2d)}))


@pytest.mark.parametrize('workers', [0, 2])
def test_each_key_acts_from_its_iteration_on(tmp_path, workers):
    small = [dict(type='CenterCrop', crop_size=6), dict(type='PackInputs')]
    stages = [dict(begin=5, loss=dict(type='BalancedSoftmaxLoss'), lr=0.3, train_pipeline=small,
                   sampler=dict(type='ClassBalancedSampler')),
              dict(begin=8, freeze=['backbone'], bn='frozen', train_pipeline=CENTRE)]
    runner, watch = run(tmp_path, stages, train=False, train_dataloader__num_workers=workers), Watch()
    runner.register_hook(watch)
    runner.train()
    seen = watch.seen
    assert [s['loss'] for s in seen] == ['CrossEntropyLoss'] * 5 + ['BalancedSoftmaxLoss'] * 7
    assert [s['size'] for s in seen] == [8] * 5 + [6] * 3 + [8] * 4
    assert [s['lr'] for s in seen] == pytest.approx([0.05] * 3 + [0.025] * 2 + [0.3] * 5 + [0.15] * 2)
    assert [s['norms'] for s in seen] == [{True}] * 8 + [{False}] * 4
    labels = torch.tensor([s['labels'] for s in seen])
    indices = torch.tensor(list(islice(InfiniteSampler(range(60), seed=1), 50)))
    assert torch.equal(labels[:5].flatten(), torch.arange(3).repeat_interleave(torch.tensor(tiny.COUNTS))[indices])
    assert ((torch.bincount(labels[5:].flatten()) - 70 / 3).abs() < 16).all()


def test_fractions_fit_either_kind_of_run(tmp_path):
    stages = [dict(begin=0, freeze=['backbone.conv1']), dict(begin=0.75, lr=0.3)]
    for by_epoch in (True, False):
        runner = run(tmp_path / str(by_epoch), stages, 8, by_epoch)
        hook = next(h for h in runner.hooks if isinstance(h, StageSwitchHook))
        assert hook.stages[1] == dict(begin=6, lr=0.3) and hook.begun == 6


@pytest.mark.parametrize(('stage', 'settings', 'words'), [
    (dict(lr=1.), dict(by_epoch=True), r'counts epochs, the run has IterBasedTrainLoop; .*by_epoch=False of the hook'),
    (dict(sampler=dict(type='ClassBalancedSampler')), dict(sampler='DefaultSampler'),
     'need InfiniteSampler and plain batches, the loader has DefaultSampler'),
    (dict(train_pipeline=CENTRE), dict(sampler='DefaultSampler', train_dataloader__num_workers=1),
     'needs a sampler that can be told its place, the loader has DefaultSampler')])
def test_what_cannot_be_done_is_refused(tmp_path, stage, settings, words):
    with pytest.raises(ValueError, match=words):
        run(tmp_path, [dict(stage, begin=5)], **settings)


def test_epochs_refuse_iterations(tmp_path):
    runner = tiny.runner(tmp_path, default_hooks__stages=dict(
        type='StageSwitchHook', by_epoch=False, stages=[dict(begin=5, lr=1.)]))
    with pytest.raises(ValueError, match=r'counts iterations, the run has EpochBased.*by_epoch=False, max_iters=.*'):
        runner.train()


def test_a_stream_is_one_list_for_all_ranks_and_places():
    stages = [dict(begin=0, sampler=dict(type='PowerSampler', q=1)),
              dict(begin=5, sampler=dict(type='ProgressivelyBalancedSampler', max_epochs=3)),
              dict(begin=20, sampler=InfiniteSampler(range(12), seed=4))]
    labels = [0] * 9 + [1] * 3

    def stream(rank=0, world=1):
        made = SamplerStream(labels, stages, 3, seed=2)
        for sampler in made.samplers[:2]:
            sampler.rank, sampler.world_size = rank, world
        return made

    whole = list(islice(stream(), 90))
    for first in (0, 1, 14, 15, 16, 40, 60, 61, 75):
        part = stream()
        part.skip(first)
        assert list(islice(part, 90 - first)) == whole[first:]
    assert sorted(whole[:12]) == list(range(12)), 'a shuffled epoch'
    assert whole[60:] == list(islice(InfiniteSampler(range(12), seed=4), 30))
    parts = [list(islice(stream(rank, 2), 15)) for rank in range(2)]
    assert sorted(parts[0][:6] + parts[1][:6]) == list(range(12))
    made = stream()
    assert len({tuple(batch) for batch in islice(BatchSampler(made, 3, False), 30)}) > 20
    assert made.class_probabilities.tolist() == [0.75, 0.25]
    made.announce(5)
    assert type(made.current).__name__ == 'ProgressivelyBalancedSampler'
    with pytest.raises(ValueError, match='the first at 0'):
        SamplerStream(labels, stages[1:], 3)
