"""A ViT whose weights are sharded over two gloo ranks trains as one whose are not, by the train command."""
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip('timm')
pytest.importorskip('mmpretrain')
import fsdp_ranks
import gloo

from mmlt.cli import test as test_command
from mmlt.engine.hooks import MaxNormHook, MetaWeightHook, StageSwitchHook
from mmlt.engine.sharded import ShardedRunner

LIFT = dict(adapter='adaptformer', epochs=1)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """The folder, and of each run what its ranks did."""
    folder = tmp_path_factory.mktemp('runs')
    alone = {name: fsdp_ranks.run(folder / f'{name}_config', folder / name, **settings)
             for name, settings in (('alone', {}), ('lift_alone', LIFT))}
    tasks = [('fsdp', ['fsdp'], {}), ('lift', ['fsdp'], LIFT),
             ('resumed', ['fsdp', '--resume', str(folder / 'fsdp/epoch_1.pth')], {})]
    gloo.spawn(fsdp_ranks.worker, 2, folder, tasks)
    return folder, {**{name: [kept] for name, kept in alone.items()},
                    **{task[0]: [torch.load(folder / f'{task[0]}.{rank}.pt') for rank in range(2)] for task in tasks}}


def state(folder, name, part='state_dict', file='epoch_2.pth'):
    return torch.load(folder / name / file, weights_only=False)[part]


def losses(kept):
    return torch.tensor([rank['losses'] for rank in kept]).mean(0)


@pytest.mark.parametrize(('name', 'other', 'epochs'), [('fsdp', 'alone', 2), ('lift', 'lift_alone', 1)])
def test_sharded_equals_whole(runs, name, other, epochs):
    folder, kept = runs
    one, two = losses(kept[name]), losses(kept[other])
    assert len(two) == 5 * epochs
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)
    one, two = (state(folder, key, file=f'epoch_{epochs}.pth') for key in (name, other))
    assert one.keys() == two.keys()
    for key, value in two.items():
        torch.testing.assert_close(one[key], value, rtol=1e-5, atol=1e-5)
    assert kept[name][0]['metric'] == kept[other][0]['metric']


def test_each_rank_holds_its_part_and_the_counts(runs):
    _, kept = runs
    ranks = kept['fsdp']
    assert sum(rank['local'] for rank in ranks) == ranks[0]['whole'] == kept['alone'][0]['whole']
    assert max(rank['local'] for rank in ranks) < 0.6 * ranks[0]['whole']
    for rank in ranks:
        for key, value in kept['alone'][0]['buffers'].items():
            assert rank['buffers'][key].equal(value), key
    assert any('class_counts' in key for key in ranks[0]['buffers'])


def test_the_optimizer_is_saved_whole(runs):
    one, two = (state(runs[0], name, 'optimizer')['state'] for name in ('fsdp', 'alone'))
    assert one.keys() == two.keys()
    for i, part in two.items():
        for key, value in part.items():
            torch.testing.assert_close(one[i][key], value, rtol=1e-5, atol=1e-5)


def test_resumed_is_the_same_to_the_last_bit(runs):
    whole, part = (state(runs[0], name) for name in ('fsdp', 'resumed'))
    assert all(value.equal(part[key]) for key, value in whole.items())


def test_one_process_goes_on_and_tests(runs, tmp_path, capsys):
    folder, kept = runs
    fsdp_ranks.run(tmp_path, tmp_path / 'run', 'fsdp', '--resume', str(folder / 'fsdp/epoch_1.pth'))
    for key, value in state(tmp_path, 'run').items():
        torch.testing.assert_close(value, state(folder, 'alone')[key], rtol=1e-5, atol=1e-5)
    capsys.readouterr()
    test_command.main([str(tmp_path / 'vit.py'), 'fsdp', str(folder / 'fsdp/epoch_2.pth'), '--work-dir', str(tmp_path)])
    assert f'{kept["fsdp"][0]["metric"]:.2f}' in capsys.readouterr().out


@pytest.mark.parametrize(('hooks', 'wrapper', 'word'), [
    ([StageSwitchHook([dict(begin=1, freeze=['backbone'])])], 'OptimWrapper', 'freeze'),
    ([MaxNormHook()], 'OptimWrapper', 'MaxNormHook'), ([MetaWeightHook()], 'OptimWrapper', 'MetaWeightHook'),
    ([], 'SAMOptimWrapper', 'SAMOptimWrapper')])
def test_what_works_on_whole_weights_is_refused(hooks, wrapper, word):
    with pytest.raises(ValueError, match=f'{word} works on whole weights'):
        ShardedRunner._refuse(SimpleNamespace(hooks=hooks, optim_wrapper=type(wrapper, (), {})()))
