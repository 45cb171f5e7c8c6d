"""A loss is called with what it requires."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.registry import MODELS
from mmpretrain.models.heads import LinearClsHead  # noqa: F401 registers MMPretrain's parts
from torch import nn

from mmlt.cls import LongTailClsHead
from mmlt.engine.inputs import loss_inputs
from mmlt.engine.stages import StagedLoss

HEAD = dict(model__head__type='LongTailClsHead')


@MODELS.register_module()
class Curious(nn.Module):
    """Cross entropy that notes what it is called with."""
    requires = ('feats', 'sample_idx', 'progress')
    calls = []

    def forward(self, logits, target, avg_factor=None, **kwargs):
        self.calls.append({'labels': target, **kwargs})
        return nn.functional.cross_entropy(logits, target)


def seen(*args, **kwargs):
    Curious.calls = []
    tiny.train(*args, model__head__loss=dict(type='Curious'), **HEAD, **kwargs)
    return Curious.calls


def test_each_image_has_its_own_number_and_each_epoch_its_progress(tmp_path):
    calls = seen(tmp_path, epochs=2)
    assert [tuple(call['progress']) for call in calls] == [(0, 2)] * 6 + [(1, 2)] * 6
    for epoch in (calls[:6], calls[6:]):
        indices = torch.cat([call['sample_idx'] for call in epoch])
        assert indices.dtype == torch.int64 and sorted(indices.tolist()) == list(range(60))
        labels = torch.cat([call['labels'] for call in epoch])
        assert torch.equal(labels, torch.arange(3).repeat_interleave(torch.tensor(tiny.COUNTS))[indices])
    assert all(call['feats'].shape == (10, 16) for call in calls)


@pytest.mark.parametrize('workers', [0, 1])
def test_numbers_go_on_over_data_sets_and_stages(tmp_path, workers):
    """Also where PackInputs was told to keep nothing."""
    bare = [dict(type='PackInputs', meta_keys=())]
    parts = [dict(type='TinyImages', counts=counts, pipeline=bare) for counts in ((9, 5, 1), (4, 3, 8))]
    calls = seen(tmp_path, epochs=2, stages=[dict(begin=1, train_pipeline=bare)],
                 train_dataloader__dataset=dict(type='ConcatDataset', datasets=parts, _delete_=True),
                 train_dataloader__num_workers=workers)
    for epoch in (calls[:3], calls[3:]):
        assert sorted(torch.cat([call['sample_idx'] for call in epoch]).tolist()) == list(range(30))
    labels = torch.tensor([0] * 9 + [1] * 5 + [2] + [0] * 4 + [1] * 3 + [2] * 8)
    assert all(torch.equal(call['labels'], labels[call['sample_idx']]) for call in calls)


def test_an_iteration_based_run_counts_iterations(tmp_path):
    calls = seen(tmp_path, train_cfg=dict(by_epoch=False, max_iters=8, val_interval=8, _delete_=True),
                 param_scheduler=None, default_hooks__checkpoint=dict(type='CheckpointHook', interval=-1))
    assert [tuple(call['progress']) for call in calls] == [(i, 8) for i in range(8)]


def test_the_active_loss_of_a_stage_decides():
    class Needy(nn.Module):
        requires = ('teacher_logits', )

    loss = StagedLoss([nn.CrossEntropyLoss(), Needy()])
    given = dict(teacher_logits=torch.zeros(2, 3), feats=torch.ones(2, 4), label_smooth_val=0.1)
    assert loss_inputs(loss, [], **given) == dict(label_smooth_val=0.1)
    loss.stage = 1
    assert loss_inputs(loss, [], **given).keys() == {'teacher_logits', 'label_smooth_val'}
    with pytest.raises(ValueError, match='Needy requires teacher_logits, which the classifier gives'):
        loss_inputs(loss, [])
    Needy.requires = ('phase', )
    with pytest.raises(ValueError, match='phase, which is none of feats, class_vectors'):
        loss_inputs(loss, [])


def test_what_the_classifier_gives_wins():
    Curious.calls = []
    head = LongTailClsHead(3, 4, loss=dict(type='Curious'))
    from mmpretrain.structures import DataSample
    samples = [DataSample().set_gt_label(1) for _ in range(2)]
    given = dict(sample_idx=torch.tensor([7, 8]), progress=(1, 2))
    head.loss((torch.zeros(2, 4), ), samples, **given)
    assert all(Curious.calls[0][name] is value for name, value in given.items())
    del given['sample_idx']
    with pytest.raises(ValueError, match=r'no sample_idx.*ClassCountsHook'):
        head.loss((torch.zeros(2, 4), ), samples, **given)
