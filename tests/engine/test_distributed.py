"""Two gloo processes through MMEngine's own runner."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import gloo
import tiny_ranks
from mmengine.config import Config

from mmlt.engine.cli import distribute_on_cpu


def launch(folder, resume=None, **settings):
    folder.mkdir()
    gloo.spawn(tiny_ranks.worker, str(folder), resume, settings)
    return [torch.load(folder / f'rank{r}.pt', weights_only=False) for r in range(2)]


def test_two_ranks_train_freeze_and_resume(tmp_path):
    whole = launch(tmp_path / 'whole')
    for key, value in whole[0]['state'].items():
        if 'running' not in key:  # batch norm statistics are a rank's own without SyncBN
            assert torch.equal(value, whole[1]['state'][key]), key
    assert whole[0]['top1'] == whole[1]['top1']
    assert len(whole[0]['drawn']) == len(whole[1]['drawn']) == 30
    part = launch(tmp_path / 'part', resume=str(tmp_path / 'whole/epoch_3.pth'))
    assert all(torch.equal(v, part[0]['state'][k]) for k, v in whole[0]['state'].items())


def test_two_ranks_teach_one_weight_net(tmp_path):
    head = dict(type='LongTailClsHead', num_classes=3, in_channels=16, loss=dict(type='MetaWeightLoss', hidden=8))
    a, b = (rank['state'] for rank in launch(tmp_path / 'run', model__head=head,
                                             custom_hooks=[dict(type='MetaWeightHook')]))
    learnt = [key for key in a if 'running' not in key]
    assert 'head.loss_module.w2' in learnt and [k for k in learnt if not torch.equal(a[k], b[k])] == []
    hook = torch.load(tmp_path / 'run/epoch_4.pth', weights_only=False)['mmlt_meta_weight']
    assert hook['state'][0]['step'] > 0


@pytest.mark.parametrize('given, kept', [
    ({}, dict(broadcast_buffers=False, find_unused_parameters=False)),
    (dict(find_unused_parameters=True), dict(broadcast_buffers=False, find_unused_parameters=True)),
    (dict(model_wrapper_cfg=dict(type='Other', static_graph=True)), dict(type='Other', static_graph=True))])
def test_a_config_keeps_its_wrapper_on_cpu(monkeypatch, given, kept):
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: True)
    cfg = Config(given)
    distribute_on_cpu(cfg)
    assert cfg.model_wrapper_cfg == {'type': 'MMDistributedDataParallel', **kept, 'device_ids': None}
