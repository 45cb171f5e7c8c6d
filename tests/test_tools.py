"""What the tools answer to wrong arguments."""
import json
import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from toolbox import TOOLS, tool


@pytest.mark.parametrize('arguments, message', [
    (['{tmp}/config.py', '{tmp}/x.pth', '--out', 'r.txt'], '--out r.txt: the name must end in .json or .yaml'),
    (['{tmp}/nope.py', '{tmp}/x.pth'], 'error: no config .*nope.py'),
    (['{tmp}/config.py', '{tmp}/x.pth'], 'error: .*x.pth is no checkpoint, or a truncated one'),
    (['{tmp}/config.py', '{tmp}/nope.pth'], 'error: .*nope.pth'),
])
def test_test(arguments, message, tmp_path, monkeypatch, capsys):
    (tmp_path / 'config.py').write_text('model = dict()')
    (tmp_path / 'x.pth').write_text('model')
    monkeypatch.setattr(sys, 'argv', ['test.py', *(argument.format(tmp=tmp_path) for argument in arguments)])
    with pytest.raises(SystemExit) as error:
        tool('test').main()
    assert re.search(message, f'{error.value} {capsys.readouterr().err}')


def test_count_classes(tmp_path):
    data = dict(images=[dict(id=1, width=9, height=9)], categories=[dict(id=1, name='cat')], annotations=[])
    (tmp_path / 'none.json').write_text(json.dumps(data))
    cv2.imwrite(str(tmp_path / 'map.png'), np.zeros((4, 4), np.uint8))
    for subject, more, message in (('none.json', [], 'none.json holds no instance to count, in 1 classes'),
                                   ('map.png', [], 'map.png is a single label map; give their folder'),
                                   ('none.json', ['--num-classes', '3'], '--num-classes is for a folder of label')):
        with pytest.raises(SystemExit, match=f'error: .*{message}'):
            tool('count').main([str(tmp_path / subject), '--out', str(tmp_path / 'out.json'), *more])
    assert not (tmp_path / 'out.json').exists()


def test_sweep_into_a_file(tmp_path, capsys):
    (tmp_path / 'file').touch()
    with pytest.raises(SystemExit):
        tool('sweep').main([str(tmp_path), '--out', str(tmp_path / 'file')])
    assert 'file: is a file, give a folder' in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r'error: .*Not a directory'):
        tool('sweep').main(['digits', '--out', str(tmp_path / 'file/below')])


@pytest.mark.parametrize('name', ['demo'])
def test_tools_without_options_do_nothing_when_asked_for_help(name):
    for argument, status in (('--help', 0), ('nonsense', 2)):
        done = subprocess.run([sys.executable, TOOLS / f'{name}.py', argument], capture_output=True, text=True)
        assert done.returncode == status and 'usage: ' in done.stdout + done.stderr


@pytest.mark.parametrize('name, given', [('slurm_train', 'digits'), ('slurm_test', 'digits epoch_1.pth')])
@pytest.mark.parametrize('gpus, a_node', [(2, 2), (16, 8)])
def test_slurm_tools_ask_for_gpus(tmp_path, name, given, gpus, a_node):
    (tmp_path / 'srun').write_text('#!/bin/sh\necho "$@" port "$MASTER_PORT"\n')
    (tmp_path / 'srun').chmod(0o755)
    env = {**os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'GPUS': str(gpus), 'SRUN_ARGS': '--mem=9G'}
    done = subprocess.run(['bash', TOOLS / f'{name}.sh', 'low', 'job', *given.split(), '--amp'], env=env, text=True,
                          capture_output=True, check=True)
    asked, command = done.stdout.split(' python -u ')
    assert asked == (f'-p low --job-name=job --gres=gpu:{a_node} --ntasks={gpus} --ntasks-per-node={a_node} '
                     '--cpus-per-task=5 --kill-on-bad-exit=1 --mem=9G')
    assert re.fullmatch(rf'\S+/{name[6:]}.py {given} --launcher slurm --amp port \d{{5}}\n', command)


@pytest.mark.parametrize('name, first', [('dist_train', 'CONFIG GPUS'), ('dist_test', 'CONFIG CHECKPOINT GPUS'),
                                         ('slurm_train', 'PARTITION JOB CONFIG'),
                                         ('slurm_test', 'PARTITION JOB CONFIG CHECKPOINT')])
def test_shell_tools_print_their_usage(name, first):
    arguments = first.split()[:-1]
    done = subprocess.run(['bash', TOOLS / f'{name}.sh', *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and f'{name}.sh {first} [options of' in done.stderr
