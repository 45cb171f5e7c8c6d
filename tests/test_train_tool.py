"""tools/train.py and tools/test.py, run as a user runs them but in this process."""
import sys
from functools import partial

import pytest

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
