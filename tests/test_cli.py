"""The command mmlt: its commands, names, and what it says of methods."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmlt.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[1]


def test_every_command_has_a_module_a_line_of_help_and_an_example():
    for name in COMMANDS:
        text = (ROOT / f'mmlt/cli/{name}.py').read_text()
        assert 'def main(' in text and text.startswith('"""'), name
    assert {path.stem for path in (ROOT / 'mmlt/cli').glob('[a-z]*.py')} - {'names', 'completion'} == set(COMMANDS)


def test_help_and_version(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f'  {name}' in shown for name in COMMANDS) and 'mmlt diagnose data/birds' in shown
    assert main(['--version']) == 0 and capsys.readouterr().out.count('.') == 2
    with pytest.raises(SystemExit):
        main(['trian'])
    assert 'invalid choice' in capsys.readouterr().err


@pytest.mark.parametrize('command', ['report', 'split', 'count', 'configs', 'methods', 'diagnose'])
def test_commands_explain_themselves(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, '--help'])
    assert end.value.code == 0 and f'mmlt {command}' in capsys.readouterr().out


def test_methods_are_listed_with_paper_cost_and_evidence(capsys):
    pytest.importorskip('mmengine')
    main(['methods', 'ldam'])
    shown = capsys.readouterr().out
    assert 'ldam-drw' in shown and 'Cao et al., NeurIPS 2019, arXiv:1906.07413' in shown
    assert '59.40 on mini pack (CE 53.90 ± 1.47)' in shown and '1.0 times CE' in shown
    with pytest.raises(SystemExit, match="no method has 'xyzzy'"):
        main(['methods', 'xyzzy'])


def test_a_method_is_shown_with_its_overlay_and_docstrings(capsys):
    pytest.importorskip('mmpretrain')
    main(['methods', 'ldam', '--show'])
    shown = capsys.readouterr().out
    assert "type='LDAMLoss'" in shown and 'LDAMLoss\n' in shown and '1906.07413' in shown


@pytest.mark.parametrize('task', ['', 'det', 'seg'])
def test_every_overlay_has_family_paper_and_cost(task):
    pytest.importorskip('mmengine')
    from mmlt.cli.names import methods
    found = methods(task).values()
    assert len(found) >= (70 if task == '' else 6)
    for method in found:
        assert method.text and method.cost and method.family not in ('', 'other'), method
        assert re.search(r"(et al\.|and [A-Z]\w+|& [A-Z]\w+), |mmlt's own", method.paper), method


def test_what_is_said_of_an_overlay():
    pytest.importorskip('mmengine')
    from mmlt.cli.names import OWN_COSTS, configs, methods, paper
    found = methods()
    assert found['cam_bs'].family == 'augmentation' and found['crt'].family == 'second stage'
    assert found['ldam'].family == found['seesaw'].family == 'loss' and found['cosine'].family == 'classifier'
    assert found['accuracy_driven'].paper.endswith('ICCV 2021, arXiv:2105.02668')
    assert found['gallery/mixup'].paper == 'Zhang et al., ICLR 2018, arXiv:1710.09412' and 'gallery/ldam' not in found
    assert found['ldam'].paper == 'Cao et al., NeurIPS 2019, arXiv:1906.07413'
    assert found['balpoe'].paper == 'Sanchez Aimar et al., CVPR 2023, arXiv:2206.05260'
    assert found['ride_router'].paper == 'Wang et al., ICLR 2021, arXiv:2010.01809'
    assert paper('Routers. Wang et al., arXiv:2010.01809.') == 'Wang et al., arXiv:2010.01809'  # 2010 is no year
    assert found['bbn'].paper.endswith(', arXiv:1912.02413') and methods('seg')['gml'].paper.startswith('Suh and Seo')
    assert found['lift_plus'][2:4] == ('Shi et al., 2025, arXiv:2504.13282', 'foundation')
    assert all(text for text, _ in configs().values())
    assert set(OWN_COSTS) <= {*found, *(f'{task}/{name}' for task in ('det', 'seg') for name in methods(task))}


@pytest.mark.parametrize('line, wanted, unwanted', [
    ('mmlt tr', 'train', 'test'), ('mmlt ', 'report', 'cifar100_lt'), ('mmlt train cifar1', 'cifar100_lt', 'crt'),
    ('mmlt train cifar100_lt ld', 'ldam-drw', 'cdt'), ('mmlt train --am', '--amp', '--allow-missing'),
    ('mmlt sweep x --methods ldam', 'ldam-drw', 'vs'), ('mmlt refit x y --methods max', 'maxnorm', 'ldam'),
    ('mmlt report --ba', '--baseline', 'balpoe')])
def test_the_shell_completes(line, wanted, unwanted, tmp_path):
    """As bash does after eval "$(register-python-argcomplete mmlt)"."""
    pytest.importorskip('argcomplete')
    script = tmp_path / 'mmlt'
    script.write_text(f'#!{sys.executable}\nimport sys\nfrom mmlt.cli import main\nsys.exit(main())\n')
    script.chmod(0o755)
    code = subprocess.run([sys.executable, '-c', 'import argcomplete; print(argcomplete.shellcode(["mmlt"]))'],
                          capture_output=True, text=True, check=True).stdout
    words = line.split(' ')
    ask = (f'{code}\nCOMP_LINE="{line}"; COMP_POINT={len(line)}; COMP_TYPE=9; COMP_CWORD={len(words) - 1}\n'
           f'COMP_WORDS=({" ".join(repr(word) for word in words)})\n_python_argcomplete mmlt\n'
           'printf "%s\\n" "${COMPREPLY[@]}"')
    env = dict(os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}')
    done = subprocess.run(['bash', '-c', ask], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    shown = done.stdout.split()
    assert wanted in shown and unwanted not in shown, (shown, done.stderr)


def test_costs_are_measured_ones_and_results_those_of_all_tables(tmp_path):
    pytest.importorskip('mmengine')
    from mmlt.cli.names import costs, evidence, methods, results
    kept = tmp_path / 'benchmarks/results'
    for folder in (kept, tmp_path / 'docs', tmp_path / 'configs/methods'):
        folder.mkdir(parents=True)
    rows = [dict(benchmark='methods', what='a', value=1.26), dict(benchmark='methods', what='b', value=1.04),
            dict(benchmark='losses', what='c', value=9)]
    (kept / 'speed.json').write_text(json.dumps(dict(rows=rows)))
    runs = [dict(method='a', seed=s, status='done', metrics={'lt/top1': 40. + 2 * s}) for s in (0, 1)]
    runs += [dict(method='a', seed=2, status='failed'), dict(method='ce', metrics={'lt/mean_class': 38.})]
    (kept / 'cifar.json').write_text(json.dumps(dict(title='CIFAR-100-LT', runs=runs)))
    (tmp_path / 'docs/results.md').write_text(
        '## Some, mini pack\n\n| recipe | seeds | mean-class |\n|---|---|---|\n| `ce` | 1 | 50.00 |\n'
        '| `a` | 1 | **60.00 ± 1.00** |\n\n| speed | x |\n|---|---|\n| `a` | 3 |\n\n## Other, digits\n\n'
        '| method | mean-class |\n|---|---|\n| tau-norm | 70.0 |\n')
    assert costs(tmp_path) == dict(a=1.26, b=1.04)
    found = results(tmp_path)
    assert found == dict(ce={'mini pack': '50.00', 'CIFAR-100-LT': '38.00'}, tau_norm={'digits': '70.0'},
                         a={'mini pack': '60.00 ± 1.00', 'CIFAR-100-LT': '41.00 ± 1.41'})
    assert evidence('a', found) == '60.00 ± 1.00 on mini pack (CE 50.00); 41.00 ± 1.41 on CIFAR-100-LT (CE 38.00)'
    assert evidence('tau_norm', found) == '70.0 on digits' and evidence('b', found) == ''
    for name in 'abc':
        (tmp_path / f'configs/methods/{name}.py').write_text("model = dict(head=dict(loss=dict(type='X')))")
    assert {m.name: m.cost for m in methods(root=tmp_path / 'configs').values()} == \
        dict(a='1.3 times CE', b='1.0 times CE', c='1.0 to 1.3 times CE')


def test_train_finds_data_and_overlays_by_name(tmp_path):
    pytest.importorskip('mmpretrain')
    command = [sys.executable, '-m', 'mmlt', 'train', 'digits', 'balanced_softmax', '--work-dir', str(tmp_path),
               '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'model.backbone.depth=8']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    whole = tmp_path / 'balanced_softmax_digits.py'  # with the options
    assert 'mean-class' in done.stdout and whole.is_file()
    assert f'Next: mmlt refit {whole} {tmp_path / "epoch_1.pth"} for second' in done.stdout.replace('\n', '')
    assert (tmp_path / 'report.html').is_file() and '"mmlt train' not in done.stderr


@pytest.mark.parametrize('line', [
    'folder_32 cam_bs drs --set a=1', 'folder_32 --set a=1 cam_bs drs', '--set a=1 folder_32 cam_bs drs',
    '--amp folder_32 --allow-missing x --cfg-options a=1 cam_bs drs', '--work-dir w folder_32 cam_bs --set a=1 drs'])
def test_settings_and_overlays_come_in_any_order(line):
    from mmlt.engine.cli import parser
    args = parser('').parse_intermixed_args(line.split())
    assert (args.config, args.overlays, args.cfg_options) == ('folder_32', ['cam_bs', 'drs'], dict(a=1))


@pytest.mark.parametrize('command, end', [('train', 'with --resume goes on'),
                                          ('refit', 'goes on from the features it has'),
                                          ('diagnose', 'begins anew')])
def test_ctrl_c_ends_a_command_with_a_sentence(command, end, monkeypatch, capsys):
    pytest.importorskip('mmengine')

    def interrupted(rest):
        raise KeyboardInterrupt
    monkeypatch.setattr(f'mmlt.cli.{command}.main', interrupted)
    assert main([command]) == 130
    assert re.fullmatch(f'\ninterrupted; the same command {end}\n', capsys.readouterr().err)


def test_what_mmpretrain_prints_for_debugging_stays_out():
    pytest.importorskip('mmpretrain')
    code = 'import mmlt.cli, mmpretrain.datasets; from mmengine.logging import print_log; print_log("said")'
    ran = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert ran.stdout == 'said\n'


def test_names_that_look_like_markup_are_printed_as_they_are(tmp_path, capsys):
    """Of classes without an instance; rich would end with an error."""
    file, box = tmp_path / 'coco.json', dict(id=1, image_id=1, category_id=1, bbox=[0, 0, 4, 4])
    file.write_text(json.dumps(dict(images=[dict(id=1, width=9, height=9)], annotations=[box],
                                    categories=[dict(id=1, name='a'), dict(id=5, name='[/b]')])))
    main(['count', str(file), '--out', str(tmp_path / 'counts.json')])
    assert '1 classes have none: [/b];' in capsys.readouterr().out


def test_each_script_of_a_command_is_that_command():
    for path in (ROOT / 'tools').glob('*.py'):
        if path.read_text().startswith('"""The command'):
            name = path.read_text().split()[3].strip('."')
            assert name in COMMANDS and f"main(['{name}', *sys.argv[1:]])" in path.read_text(), path


@pytest.mark.parametrize('command', ['train', 'test', 'refit'])
def test_options_that_cannot_be_read(command, capsys):
    for word in 'a=[dict(b=1, c=2)]', 'a=[1,2':
        with pytest.raises(SystemExit, match='2'):
            main([command, 'digits', 'x.pth', '--cfg-options', word])
        assert f'cannot read {word}; expected key=value' in capsys.readouterr().err
