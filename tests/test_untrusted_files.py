"""No tool and no hook executes what a checkpoint holds."""
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
import tiny
import torch
from mmengine.hooks import Hook
from toolbox import tool

from mmlt.engine.teacher import FrozenTeacher

TOOLS = {'train --resume': ('train', ['--resume', '{file}']),
         'train load_from': ('train', ['--cfg-options', 'load_from={file}']),
         'train Pretrained': ('train', ['--cfg-options', 'model.backbone.init_cfg.type=Pretrained',
                                        'model.backbone.init_cfg.checkpoint={file}']),
         'test': ('test', ['{file}']),
         'refit': ('refit', ['{file}']),
         'analyze': ('analyze_classifier', ['{file}']),
         'vis': ('vis_cam_foreground', ['{file}'])}
HOOKS = ['CheckedLoadHook', 'ClassCountsHook', 'MaxNormHook', 'StageSwitchHook']


SCRIPTS = 'analyze_classifier', 'vis_cam_foreground'


def script(name):
    """A tool that is no command of mmlt."""
    spec = spec_from_file_location(f'{name}_tool', Path(__file__).parents[1] / 'tools' / f'{name}.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Evil:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp('good')
    tiny.train(folder, 1, train_cfg__val_interval=9)
    return folder / 'epoch_1.pth'


@pytest.fixture
def spoiled(good, tmp_path):
    """Write the checkpoint with something else in it; returns the file and the mark that execution would leave."""
    mark, file = tmp_path / 'executed', tmp_path / 'spoiled.pth'

    def spoil(kind):
        checkpoint = torch.load(good, weights_only=False)
        if kind == 'pickle':
            checkpoint['message_hub']['runtime_info']['x'] = Evil(mark)
        elif kind == 'config':
            checkpoint['meta']['config'] = f'open({str(mark)!r}, "w")'
        else:
            checkpoint['meta']['class_counts'] = str(tmp_path / 'counts.json')
            (tmp_path / 'counts.json').write_text('[9, 9, 9]')
        torch.save(checkpoint, file)
        return file, mark
    return spoil


def start(name, arguments, file, folder, monkeypatch):
    cfg = tiny.config(folder / 'run', 1, custom_imports=dict(imports=['tiny']), train_cfg__val_interval=9)
    config = folder / 'cfg.py'
    config.write_text('\n'.join(f'{key} = {value!r}' for key, value in cfg.to_dict().items()))
    config = [] if name == 'analyze_classifier' else [str(config)]
    arguments = [*config, *(argument.format(file=file) for argument in arguments)]
    monkeypatch.setattr(sys, 'argv', [f'{name}.py', *arguments])
    (script(name) if name in SCRIPTS else tool(name)).main()


@pytest.mark.parametrize('case', TOOLS)
def test_a_pickle_that_acts(spoiled, tmp_path, monkeypatch, case):
    file, mark = spoiled('pickle')
    with pytest.raises(SystemExit, match=r'error: .*holds more than data'):
        start(*TOOLS[case], file, tmp_path, monkeypatch)
    assert not mark.exists()


@pytest.mark.parametrize('case', ['train --resume', 'analyze', 'test'])
def test_a_config_that_acts(spoiled, tmp_path, monkeypatch, case):
    file, mark = spoiled('config')
    start(*TOOLS[case], file, tmp_path, monkeypatch)
    assert not mark.exists()


@pytest.mark.parametrize('case', TOOLS)
def test_a_path_in_the_place_of_counts(spoiled, tmp_path, monkeypatch, case):
    file, _ = spoiled('path')
    with pytest.raises(SystemExit, match=r'meta\.class_counts of the checkpoint is '):
        start(*TOOLS[case], file, tmp_path, monkeypatch)


@pytest.mark.parametrize('kind', ['pickle', 'config'])
@pytest.mark.parametrize('hook', HOOKS)
def test_hooks_beside_the_one_that_checks(spoiled, tmp_path, kind, hook):
    file, mark = spoiled(kind)
    hooks = dict(default_hooks__load=dict(type='CheckedLoadHook'))
    if hook != 'CheckedLoadHook':
        stages = dict(stages=[dict(begin=0, lr=0.01)]) if hook == 'StageSwitchHook' else {}
        hooks['default_hooks__other'] = dict(type=hook, **stages)
    runner = tiny.runner(tmp_path / 'run', 1, train_cfg__val_interval=9, load_from=str(file), resume=True, **hooks)
    assert all(isinstance(h, Hook) for h in runner.hooks)
    if kind == 'pickle':
        with pytest.raises(ValueError, match='holds more than data'):
            runner.train()
    else:
        runner.train()
    assert not mark.exists()


def test_a_teacher(spoiled):
    file, mark = spoiled('pickle')
    with pytest.raises(ValueError, match='holds more than data'):
        FrozenTeacher.build(dict(config=tiny.config('unused'), checkpoint=str(file)))
    assert not mark.exists()
