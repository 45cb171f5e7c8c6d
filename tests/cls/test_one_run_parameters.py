"""LWS, MARC and DisAlign in one run: what the second stage trains is frozen in the first, and the other way round."""
import pytest
import tiny
import torch

OWN = {'LWSLinear': ['head.fc.scales'], 'MARCLinear': ['head.fc.logit_scale', 'head.fc.margin'],
       'DisAlignLinear': ['head.fc.logit_scale', 'head.fc.logit_bias', 'head.fc.confidence_layer']}


@pytest.mark.parametrize('name', OWN)
def test_second_stage_of_one_run(name, tmp_path):
    stages = [dict(begin=0, freeze=OWN[name]),
              dict(begin=1, freeze=['backbone', 'head.fc.weight', 'head.fc.bias'], bn='frozen', lr=0.1)]
    run = tiny.train(tmp_path, epochs=2, stages=stages, model__head=dict(
        type='LongTailClsHead', num_classes=3, in_channels=16, classifier=dict(type=name, freeze=False)))
    start = tiny.runner(tmp_path / 'start', model__head=run.cfg.model.head).model.state_dict()
    first = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    for key, value in run.model.named_parameters():
        own = key.startswith(tuple(OWN[name]))
        assert first[key].equal(start[key]) == own and value.equal(first[key]) != own, key
    for key, value in run.model.named_buffers():
        if 'running_' in key:
            assert value.equal(first[key])
