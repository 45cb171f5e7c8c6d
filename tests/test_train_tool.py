"""tools/train.py and tools/test.py, run as a user runs them but in this process."""
import sys
from functools import partial

import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from toolbox import tool


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    cfg = tiny.config(tmp_path / 'run', custom_imports=dict(imports=['tiny']))
    (tmp_path / 'tiny_config.py').write_text('\n'.join(f'{key} = {value!r}' for key, value in cfg.to_dict().items()))

    def run(name, *args, config=tmp_path / 'tiny_config.py'):
        monkeypatch.setattr(sys, 'argv', [f'{name}.py', str(config), *map(str, args)])
        tool(name).main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def train(run):
    return partial(run, 'train')


def table(out):
    return [line for line in out.splitlines() if 'tiny_config' in line]


def test_a_finished_run_that_is_resumed_is_validated_again(train):
    first = train('--cfg-options', 'train_cfg.val_interval=2')
    assert table(first)
    assert table(train('--resume', '--cfg-options', 'train_cfg.val_interval=2')) == table(first)


def test_wrong_arguments(train):
    with pytest.raises(SystemExit, match=r'error: no config nope\.py'):
        train(config='nope.py')
    with pytest.raises(SystemExit, match='does not say for which batch its learning rate is'):
        train('--auto-scale-lr')


def test_a_checkpoint_of_a_deeper_network(run, tmp_path):
    run('train', '--cfg-options', 'model.backbone.depth=14', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1')
    checkpoint = tmp_path / 'run/epoch_1.pth'
    assert '│' in run('test', checkpoint, '--cfg-options', 'model.backbone.depth=14')
    with pytest.raises(SystemExit, match=r'error: the checkpoint does not fit .*has too many \d+ weights: backbone\.'):
        run('test', checkpoint)


def test_a_training_is_not_written_over(train, run, tmp_path):
    work = tmp_path / 'run'
    short = '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=9'
    train('--resume', *short)  # nothing there yet: begins
    first = (work / 'epoch_1.pth').read_bytes()
    with pytest.raises(SystemExit, match=r'holds a training up to epoch_1\.pth: go on with --resume, begin anew with'):
        train(*short)
    assert (work / 'epoch_1.pth').read_bytes() == first
    train('--restart', *short)
    assert (work / 'before_restart_1/epoch_1.pth').read_bytes() == first and (work / 'epoch_1.pth').is_file()


def test_resume_takes_the_newest_whole_checkpoint(train, tmp_path):
    short = '--cfg-options', 'train_cfg.max_epochs=2', 'train_cfg.val_interval=9'
    train(*short)
    moved = tmp_path / 'moved'
    (tmp_path / 'run').rename(moved)  # last_checkpoint names a file that is gone
    whole = torch.load(moved / 'epoch_2.pth', weights_only=False)['state_dict']
    (moved / 'epoch_2.pth').write_bytes((moved / 'epoch_2.pth').read_bytes()[:-100])
    train('--resume', '--work-dir', moved, *short)
    again = torch.load(moved / 'epoch_2.pth', weights_only=False)['state_dict']
    assert all(torch.equal(again[key], value) for key, value in whole.items())
