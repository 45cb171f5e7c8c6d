"""tools/train.py, run as a user runs it but in this process."""
import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
import tiny

TOOL = Path(__file__).resolve().parents[1] / 'tools/train.py'


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location('train_tool', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    cfg = tiny.config(tmp_path / 'run', custom_imports=dict(imports=['tiny']))
    (tmp_path / 'tiny_config.py').write_text('\n'.join(f'{key} = {value!r}' for key, value in cfg.to_dict().items()))

    def run(*args, config=tmp_path / 'tiny_config.py'):
        monkeypatch.setattr(sys, 'argv', ['train.py', str(config), *args])
        tool.main()
        return capsys.readouterr().out

    return run


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
