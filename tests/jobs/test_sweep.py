"""tools/sweep.py: mostly with a training script of milliseconds, and what it promises of real runs with tiny ones."""
import csv
import importlib.util
import json
import multiprocessing
import os
import re
import signal
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
import tiny
import torch
from rich.console import Console
from sweeps import TRAIN, epochs, pid_of, run_of, wait_for, write_config

from mmlt.engine.load import damage
from mmlt.jobs.runs import Run, find_configs, load_config
from mmlt.jobs.sweep import Sweep, default_jobs
from mmlt.report.sweep_table import summarize, to_markdown, to_rich

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location('sweep_tool', ROOT / 'mmlt/cli/sweep.py')
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
CB, SQUARE = dict(type='ClassBalancedSampler'), dict(type='SquareRootSampler')


@pytest.fixture
def gallery(tmp_path):
    return tmp_path / 'gallery'


@pytest.fixture
def sweep(tmp_path, gallery, capsys):
    """Run the tool in this process -> exit status, printed text."""
    def run(*args, train=TRAIN):
        old = signal.getsignal(signal.SIGTERM)
        status = tool.main([str(gallery), '--out', str(tmp_path / 'out'), *map(str, args)], train)
        signal.signal(signal.SIGTERM, old)
        return status, capsys.readouterr().out
    return run


@pytest.fixture
def background(tmp_path, gallery):
    """Start the tool in a process of its own."""
    started = []

    def start(*args):
        args = [str(gallery), '--out', str(tmp_path / 'out'), '--jobs', '1', *map(str, args)]

        def run():
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
            os._exit(tool.main(args, TRAIN))
        process = multiprocessing.get_context('fork').Process(target=run)
        process.start()
        started.append(process)
        return process
    yield start
    for process in started:
        process.kill()
        process.join()


def is_alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().split()[2] != 'Z'
    except OSError:
        return False


# --- a sweep that nothing disturbs

def test_results_and_table(gallery, sweep, tmp_path):
    write_config(gallery / 'ce.py', top1=40.)
    write_config(gallery / 'drs.py', top1=44.)
    write_config(gallery / '_base.py', top1=99.)
    paper = dict(source='Zhang et al., AAAI 2021', split='IF 100', top1=dict(drs=41.5, dsr=41.5))
    (gallery / 'published.json').write_text(json.dumps([paper]))
    status, printed = sweep('--seeds', 0, 2, '--jobs', 2)
    assert status == 0
    assert 'rows of no config: dsr' in printed
    assert re.search(r'\[\d/4\] drs seed 2: finished, lt/top1 46.00', printed) and '[4/4]' in printed
    rows = list(csv.DictReader((tmp_path / 'out/results.csv').open()))
    assert [(row['config'], row['seeds'], float(row['top1'])) for row in rows] == [('ce', '2', 41), ('drs', '2', 45)]
    assert float(rows[0]['top1_sd']) == pytest.approx(2**0.5) and rows[0]['few'] == rows[0]['published'] == ''
    assert (rows[1]['published'], rows[1]['source'], rows[1]['split']) == ('41.5', paper['source'], 'IF 100')
    lines = (tmp_path / 'out/results.md').read_text().splitlines()
    assert lines[3] == ('| drs | 2 | 45.00 ± 1.41 | – | – | – | – | 5.00 ± 0.00 | – | 41.50 | '
                        'Zhang et al., AAAI 2021 | IF 100 |')
    result = json.loads((tmp_path / 'out/drs/seed_2/result.json').read_text())
    assert result['metrics'] == {'lt/top1': 46.0, 'lt/ece': 5.0} and result['seed'] == 2


def test_a_finished_sweep_only_prints_its_table(gallery, sweep, tmp_path):
    write_config(gallery / 'ce.py')
    sweep()
    status, printed = sweep('--share')
    assert status == 0 and '1 of 1 runs are finished' in printed and '40.00' in printed and 'starts' not in printed
    assert epochs(tmp_path, 'ce') == [0, 1, 2]


def test_more_seeds_are_added(gallery, sweep, tmp_path):
    write_config(gallery / 'ce.py')
    sweep('--seeds', 0)
    assert '41.00 ± 1.41' in sweep('--seeds', 0, 2)[1]
    assert epochs(tmp_path, 'ce') == epochs(tmp_path, 'ce', 2) == [0, 1, 2]


def test_options_reach_the_training(gallery, sweep, tmp_path):
    write_config(gallery / 'ce.py')
    sweep('--cfg-options', 'model.top1=7', 'a.b=[1,2]')
    assert 'options model.top1=7 a.b=[1,2]' in (tmp_path / 'out/ce/seed_0/log.txt').read_text()
    assert 'the config changed' in sweep('--cfg-options', 'model.top1=8')[1]
    assert 'the config changed' in sweep('--cfg-options', 'model.top1=8', '--amp')[1]


def test_changed_config_starts_anew_and_the_old_run_is_kept(gallery, sweep, tmp_path):
    write_config(gallery / 'ce.py')
    write_config(gallery / 'drs.py')
    sweep()
    write_config(gallery / 'ce.py', top1=50.)
    status, printed = sweep()
    assert status == 0 and 'the config changed, it starts anew' in printed and '50.00' in printed
    assert epochs(tmp_path, 'ce') == [0, 1, 2] * 2 and epochs(tmp_path, 'drs') == [0, 1, 2]
    old = json.loads((tmp_path / 'out/ce/seed_0.old1/result.json').read_text())
    assert old['metrics']['lt/top1'] == 40


# --- failures

def test_a_failure_is_named_and_the_rest_goes_on(gallery, sweep, tmp_path):
    write_config(gallery / 'bad.py', crash=1)
    write_config(gallery / 'ce.py')
    (gallery / 'syntax.py').write_text('model = = 3')
    (gallery / 'lacks.py').write_text('model = dict()')
    write_config(gallery / 'stage.py', stages=[dict(begin=1, sampelr=CB)])
    status, printed = sweep()
    assert status == 1
    assert 'bad seed 0: failed, exit status 1' in printed and 'RuntimeError: loss is nan' in printed
    assert 'syntax.py: SyntaxError' in printed and 'lacks.py has no model, train_dataloader' in printed
    assert 'did you mean sampler' in printed
    assert '0 of 1' in printed and '40.00' in printed
    status, printed = sweep()
    assert status == 1 and 'ce seed 0: ' not in printed and 'epoch_1.pth' in printed
    assert epochs(tmp_path, 'bad') == [0, 1, 1]


def test_without_a_validation_it_is_no_result(gallery, sweep, tmp_path):
    write_config(gallery / 'ce.py', validates=False)
    assert 'failed, ended without a validation' in sweep()[1]
    # the newest checkpoint is that of the last epoch, from which no validation would follow
    write_config(gallery / 'ce.py', validates=False)
    sweep()
    assert epochs(tmp_path, 'ce') == [0, 1, 2, 2]


def test_half_written_files(gallery, sweep, tmp_path):
    write_config(gallery / 'ce.py', crash=2)
    sweep()
    newest = tmp_path / 'out/ce/seed_0/epoch_2.pth'
    newest.write_bytes(newest.read_bytes()[:-9])
    (tmp_path / 'out/ce/seed_0/result.json').write_text('{"hash')
    next(newest.parent.glob('*/vis_data/scalars.json')).open('a').write('{"lt/top1": 9')
    sweep()
    assert epochs(tmp_path, 'ce') == [0, 1, 2, 1, 2]


def test_damage_inside_a_checkpoint(tmp_path):
    torch.save(dict(a=torch.arange(1000.)), tmp_path / 'a.pth')
    assert damage(tmp_path / 'a.pth') is None
    data = bytearray((tmp_path / 'a.pth').read_bytes())
    data[2000] ^= 1
    (tmp_path / 'a.pth').write_bytes(data)
    assert damage(tmp_path / 'a.pth') and damage(tmp_path / 'missing.pth')


def test_killed_training_resumes(gallery, sweep, background, tmp_path):
    write_config(gallery / 'ce.py', epochs=8, seconds=0.2)
    write_config(gallery / 'drs.py')
    running = background()
    wait_for(lambda: len(epochs(tmp_path, 'ce')) == 4)
    os.kill(pid_of(tmp_path, 'ce'), signal.SIGKILL)
    running.join()
    assert running.exitcode == 1 and epochs(tmp_path, 'drs') == [0, 1, 2]
    status, printed = sweep()
    assert status == 0 and '40.00' in printed
    assert epochs(tmp_path, 'ce') == [0, 1, 2, 3, 3, 4, 5, 6, 7]


@pytest.mark.parametrize('sign', [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_the_training_too(gallery, sweep, background, tmp_path, sign):
    write_config(gallery / 'ce.py', epochs=30, seconds=0.1)
    write_config(gallery / 'a.py')
    running = background()
    wait_for(lambda: len(epochs(tmp_path, 'ce')) == 3)
    os.kill(running.pid, sign)
    running.join(20)
    assert running.exitcode == 130 and not is_alive(pid_of(tmp_path, 'ce'))
    assert '| a | 1 | 40.00 |' in (tmp_path / 'out/results.md').read_text()
    begun = epochs(tmp_path, 'ce')
    assert sweep()[0] == 0
    assert epochs(tmp_path, 'ce')[len(begun):] == list(range(begun[-1], 30))


def test_killed_sweep(gallery, sweep, background, tmp_path):
    """Its training lives on; the next sweep waits for it and takes its result."""
    write_config(gallery / 'ce.py', epochs=10, seconds=0.2)
    running = background()
    wait_for(lambda: len(epochs(tmp_path, 'ce')) == 2)
    os.kill(running.pid, signal.SIGKILL)
    running.join()
    assert is_alive(pid_of(tmp_path, 'ce'))
    status, printed = sweep()
    assert status == 0 and f'another process (pid {pid_of(tmp_path, "ce")}) trains it' in printed and '40.00' in printed
    assert epochs(tmp_path, 'ce') == list(range(10))


def test_two_sweeps_share_the_work(gallery, sweep, background, tmp_path):
    for name in 'abcd':
        write_config(gallery / f'{name}.py', seconds=0.1)
    other = background('--seeds', 0, 1)
    status, _ = sweep('--seeds', 0, 1, '--jobs', 2)
    other.join()
    assert status == other.exitcode == 0
    assert [epochs(tmp_path, name, seed) for name in 'abcd' for seed in (0, 1)] == [[0, 1, 2]] * 8


# --- bad input

@pytest.mark.parametrize('args, message', [
    (['--jobs', '0'], '--jobs 0'), (['--jobs', 'two'], 'invalid int'), (['--seeds', '-1'], '--seeds -1'),
    (['--seeds', 'x'], 'invalid int'), (['--seeds', '1', '1'], 'different numbers'),
    (['--cfg-options', 'a'], 'KEY=VALUE'), (['--set', 'a', '1'], '--set a 1'),
    (['--set', 'a=1', 'b=2'], '--set again'), (['--slurm', 'gpu'], 'no sbatch'),
    (['--ray', '--slurm', 'gpu'], 'not allowed with'), (['--ray', '--share'], 'leave --ray out')])
def test_bad_arguments(sweep, gallery, capsys, monkeypatch, args, message):
    monkeypatch.setenv('PATH', '')
    with pytest.raises(SystemExit) as end:
        sweep(*args)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_no_configs(tmp_path, gallery, sweep):
    with pytest.raises(SystemExit, match=r'no config .*gallery'):
        sweep()
    gallery.mkdir()
    with pytest.raises(SystemExit, match='no config in'):
        sweep()
    a, b = write_config(gallery / 'ce.py'), write_config(tmp_path / 'b/ce.py')
    assert find_configs([gallery, a]) == [a]
    with pytest.raises(ValueError, match='one name'):
        find_configs([gallery, b])
    (gallery / 'published.json').write_text('{')
    with pytest.raises(SystemExit, match=r'published.json is no JSON'):
        sweep()


# --- command lines and resources

def test_gpus_and_cores_are_dealt(gallery, tmp_path, monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '2,5')
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: range(16))
    runs = [run_of(write_config(gallery / f'{i}.py'), tmp_path) for i in range(4)]
    sweep = Sweep(runs, TRAIN, jobs=3)
    seen = []
    for run in runs:
        env, gpu = sweep.environment()
        sweep.active[run] = type('Job', (), dict(gpu=gpu))
        seen.append((env['CUDA_VISIBLE_DEVICES'], env['OMP_NUM_THREADS']))
    assert seen == [('2', '5'), ('5', '5'), ('2', '5'), ('5', '5')]
    monkeypatch.setenv('OMP_NUM_THREADS', '3')
    assert sweep.environment()[0]['OMP_NUM_THREADS'] == '3'
    assert default_jobs() == 2
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 0)
    assert default_jobs() == 16


def test_bars_on_a_terminal(gallery, tmp_path):
    run = run_of(write_config(gallery / 'ce.py', epochs=4, seconds=0.5), tmp_path)
    console = Console(force_terminal=True, width=80, record=True)
    display = tool.Display(console, 1)
    sweep, seen = Sweep([run], TRAIN, report=display.report), []

    def tick(sweep):
        display.tick(sweep)
        seen.extend((task.completed, task.total, task.fields['eta']) for task in display.progress.tasks[1:])
    with display.progress:
        sweep.run(tick, interval=0.1)
    assert (0, 4, '') in seen and any(done == 3 and eta == '0 min left' for done, _, eta in seen)
    assert display.done == 1


def test_table_on_a_terminal():
    result = dict(method='ce[x]', metrics={'accuracy/top1': 1.0, 'lt/top1': 2.0, 'lt/top5': 9.0})
    rows = summarize({'ce[x]': [result]}, 3, [dict(top1={'ce[x]': 3})])
    assert rows[0]['top1'] == 2.0 and rows[0]['top1_sd'] is None and '| 1 of 3 | 2.00 |' in to_markdown(rows)
    console = Console(width=150, record=True)
    console.print(to_rich(rows))
    assert 'ce[x]' in console.export_text()


# --- shared epochs

STAGES = {'plain': None, 'cb': [dict(begin=4, sampler=CB)], 'sqrt': [dict(begin=4, sampler=SQUARE)],
          'cb_lr': [dict(begin=4, sampler=CB), dict(begin=6, lr=0.1)],
          'cb_sqrt': [dict(begin=4, sampler=CB), dict(begin=7, sampler=SQUARE)],
          'early': [dict(begin=2, lr=1.0), dict(begin=4, sampler=CB)],
          'never': [dict(begin=99, sampler=CB)]}


def test_common_epochs(gallery, tmp_path):
    runs = {name: run_of(write_config(gallery / f'{name}.py', stages, epochs=8), tmp_path)
            for name, stages in STAGES.items()}
    common = {(a, b): runs[a].common_epochs(runs[b]) for a in runs for b in runs}
    assert all(common[a, b] == common[b, a] for a, b in common)
    expected = {('plain', 'cb'): 4, ('cb', 'sqrt'): 4, ('cb', 'cb_lr'): 6, ('cb_lr', 'cb_sqrt'): 6,
                ('cb', 'cb_sqrt'): 7, ('plain', 'early'): 2, ('cb', 'early'): 2,
                ('cb', 'cb'): 0, ('plain', 'never'): 0, ('cb', 'never'): 4}
    assert {pair: common[pair] for pair in expected} == expected


@pytest.mark.parametrize('other', [
    dict(top1=41.), dict(hooks=dict(ema=dict(type='EMAHook'))), dict(epochs=9),
    dict(stages=[dict(begin=0, sampler=CB)])])
def test_another_config_shares_nothing(gallery, tmp_path, other):
    a = run_of(write_config(gallery / 'a.py', STAGES['cb'], epochs=8), tmp_path)
    b = run_of(write_config(gallery / 'b.py', **{'epochs': 8, **other}), tmp_path)
    assert a.common_epochs(b) == 0


def test_seeds_precision_and_best_checkpoints_share_nothing(gallery, tmp_path):
    a, b = (write_config(gallery / f'{name}.py', STAGES[name], epochs=8) for name in ('plain', 'cb'))
    assert run_of(a, tmp_path).common_epochs(run_of(b, tmp_path)) == 4
    assert run_of(a, tmp_path, 0).common_epochs(run_of(b, tmp_path, 1)) == 0
    assert run_of(a, tmp_path, amp=True).common_epochs(run_of(b, tmp_path)) == 0
    best = dict(checkpoint=dict(type='CheckpointHook', save_best='lt/top1'))
    a, b = (write_config(gallery / f'{name}.py', STAGES[name], epochs=8, hooks=best) for name in ('plain', 'cb'))
    assert run_of(a, tmp_path).common_epochs(run_of(b, tmp_path)) == 0


def test_shared_epochs_are_trained_once(gallery, sweep, tmp_path):
    for name, stages in STAGES.items():
        write_config(gallery / f'{name}.py', stages, epochs=8)
    assert sweep('--share', '--jobs', 3, '--seeds', 0, 1)[0] == 0
    for seed in (0, 1):
        trained = {name: epochs(tmp_path, name, seed) for name in STAGES}
        assert {name: e[0] for name, e in trained.items()} == dict(
            cb=0, cb_lr=6, cb_sqrt=7, early=2, never=4, plain=4, sqrt=4)
        assert all(e == list(range(e[0], 8)) for e in trained.values())
    result = json.loads((tmp_path / 'out/early/seed_1/result.json').read_text())
    assert result['shared'] == dict(run='cb seed 1', epochs=2)
    assert json.loads((tmp_path / 'out/cb/seed_1/result.json').read_text())['shared'] is None


def test_share_goes_on_without_a_failed_run(gallery, sweep, tmp_path):
    write_config(gallery / 'a.py', STAGES['plain'], epochs=8, crash=3)
    write_config(gallery / 'b.py', STAGES['cb'], epochs=8, crash=3)
    status, printed = sweep('--share')
    assert status == 1 and epochs(tmp_path, 'a') == epochs(tmp_path, 'b') == [0, 1, 2, 3]
    assert printed.count('RuntimeError: loss is nan') == 2


def test_share_ignores_the_prefix_of_an_older_config(gallery, sweep, tmp_path):
    write_config(gallery / 'a.py', STAGES['plain'], epochs=8)
    write_config(gallery / 'b.py', STAGES['cb'], epochs=8)
    sweep('--share')
    for name, stages in (('a', 'plain'), ('b', 'cb')):
        write_config(gallery / f'{name}.py', STAGES[stages], epochs=8, top1=45.)
    sweep('--share')
    assert epochs(tmp_path, 'a') == [*range(8)] * 2 and epochs(tmp_path, 'b') == [4, 5, 6, 7] * 2


def test_a_run_beyond_the_branch_is_not_waited_for(gallery, sweep, background, tmp_path):
    """It was trained without --share, so there is no checkpoint to go on from."""
    write_config(gallery / 'a.py', STAGES['plain'], epochs=8, crash=6)
    sweep()
    write_config(gallery / 'b.py', STAGES['cb'], epochs=8, crash=6)
    sweep('--share', '--jobs', 2)
    assert epochs(tmp_path, 'b') == [*range(7)]


# --- with real trainings

LOSS = dict(type='BalancedSoftmaxLoss')
REAL = {
    'plain': None,
    'sampler': [dict(begin=2, sampler=CB)],
    'cam': [dict(begin=2, sampler=CB, cam=dict(prob=0.7))],
    'loss': [dict(begin=2, loss=LOSS)],
    'remix': [dict(begin=2, batch_augments=dict(type='Remix', alpha=1.0))],
    'tune': [dict(begin=2, freeze=['backbone'], reinit=['head.fc'], lr=0.1)],
    'two': [dict(begin=1, loss=LOSS), dict(begin=2, lr=0.02)],
    'three': [dict(begin=1, loss=LOSS), dict(begin=2, loss=dict(type='LDAMLoss'))],
}
SETTINGS = {'': {}, 'eqlv2': dict(model__head__loss=dict(type='EqualizationLossV2')),
            'ema': dict(custom_hooks=[dict(type='EMAHook', momentum=0.1)])}
KEEP = dict(default_hooks__prefix=dict(type='PrefixCheckpointHook', epochs=[2]))


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """(stages, settings) -> the folder of a run that kept its first two epochs; each is trained once."""
    folders = {}

    def train(name, settings=''):
        if (name, settings) not in folders:
            folders[name, settings] = tmp_path_factory.mktemp('trained')
            tiny.train(folders[name, settings], epochs=3, stages=REAL[name], **KEEP, **SETTINGS[settings])
        return folders[name, settings]
    return train


@pytest.mark.parametrize('leader, follower, settings', [
    ('plain', 'cam', ''), ('plain', 'loss', ''), ('loss', 'plain', ''), ('loss', 'remix', ''), ('cam', 'tune', ''),
    ('two', 'three', ''), ('three', 'two', ''), ('loss', 'plain', 'eqlv2'), ('loss', 'sampler', 'ema')])
def test_a_run_from_shared_epochs_is_the_same(trained, tmp_path, leader, follower, settings):
    tiny.train(tmp_path, epochs=3, stages=REAL[follower], **SETTINGS[settings], resume=True,
               load_from=str(trained(leader, settings) / 'prefix_2.pth'))
    whole, shared = (torch.load(folder / 'epoch_3.pth', weights_only=False)
                     for folder in (trained(follower, settings), tmp_path))
    for part in {'state_dict', 'ema_state_dict'} & whole.keys():
        assert same(whole[part], shared[part])
    assert ('ema_state_dict' in shared) == (settings == 'ema')


def test_keeping_epochs_changes_nothing(trained, tmp_path):
    run = tiny.train(tmp_path, epochs=3, stages=REAL['loss'])
    kept = torch.load(trained('loss') / 'epoch_3.pth', weights_only=False)
    assert same(run.model.state_dict(), kept['state_dict'])
    names = {path.name for path in trained('loss').iterdir() if 'prefix' in path.name or path.suffix == '.pth'}
    assert names == {'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'prefix_2.pth'}
    assert (trained('loss') / 'last_checkpoint').read_text().endswith('epoch_3.pth')
    prefix = torch.load(trained('loss') / 'prefix_2.pth', weights_only=False)
    assert prefix['meta']['epoch'] == 2 and not [key for key in prefix['state_dict'] if '.losses.' in key]


def test_real_sweep(gallery, sweep, tmp_path, monkeypatch):
    """Two configs by tools/train.py, the second from the first's epochs; its weights are those of a whole run."""
    monkeypatch.setenv('PYTHONPATH', str(ROOT / 'tests'), prepend=os.pathsep)
    gallery.mkdir()
    for name in ('plain', 'sampler'):
        cfg = tiny.config('', epochs=3, stages=REAL[name], custom_imports__imports=['mmlt', 'tiny'])
        cfg.dump(gallery / f'{name}.py')
    status, printed = sweep('--share', '--seeds', 5, '--jobs', 2, train=ROOT / 'tools/train.py')
    assert status == 0, printed
    whole = tiny.train(tmp_path / 'whole', epochs=3, stages=REAL['sampler'], randomness__seed=5)
    saved = torch.load(tmp_path / 'out/sampler/seed_5/epoch_3.pth', weights_only=False)
    assert same(whole.model.state_dict(), saved['state_dict'])
    assert not (tmp_path / 'out/sampler/seed_5/epoch_2.pth').exists()
    metrics = json.loads((tmp_path / 'out/sampler/seed_5/result.json').read_text())['metrics']
    top1 = whole.message_hub.get_scalar('val/lt/top1').current()
    assert metrics['lt/top1'] == top1 and f'{top1:.2f}' in printed
    assert {'lt/mean_class', 'lt/many', 'lt/medium', 'lt/few', 'lt/ece'} <= metrics.keys()


@pytest.mark.parametrize('content', ['[]', 'null', '3', '{}', '{"metrics": null}', '{"metrics": {"lt/top1": "x"}}',
                                     '[' * 10**5])
def test_any_json_in_the_files_of_a_run(tmp_path, content):
    path = tmp_path / 'a.py'
    path.write_text("model = dict(type='A')\ntrain_dataloader = val_dataloader = dict(batch_size=1)\n"
                    'train_cfg = dict(max_epochs=2)')
    run = Run(path, load_config(path), 0, tmp_path)
    run.folder.mkdir(parents=True)
    own = content.replace('{', f'{{"hash": "{run.settings["hash"]}", ', 1).replace(', }', '}')
    for text in (content, own):
        for name in ('result.json', 'settings.json', '1/vis_data/scalars.json'):
            file = run.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        assert run.result() is None and run.validation() is None and run.progress() == 0
        if content[0] != '{':
            assert not run.is_own()


def test_a_grid_of_methods_and_settings(sweep, tmp_path, gallery):
    """Two methods by two imbalances; an earlier run in OUT stays in the table."""
    write_config(gallery / 'old.py', top1=1.)
    sweep()
    for file in gallery.glob('*'):
        file.unlink()
    base = write_config(gallery / 'set.py')
    base.write_text(base.read_text() + '\ndata_name = "set"\ndefault_scope = "mmengine"\n')
    methods = tmp_path / 'methods'
    methods.mkdir()
    (methods / 'ce.py').write_text('')
    (methods / 'x.py').write_text('model = dict(top1=44.)')
    (methods / 'published.json').write_text(json.dumps([dict(data='set', imbalance=50, source='P', top1=dict(x=30.5))]))
    status, printed = sweep('--methods', methods / 'ce.py', methods / 'x.py', '--set',
                            'train_dataloader.dataset.imbalance=100', '50', '--seeds', 0, 1)
    assert status == 0 and 'log: ' in printed and ' left' in printed, printed
    rows = {row['config']: row for row in csv.DictReader((tmp_path / 'out/results.csv').open())}
    assert list(rows) == [f'{method}_set_imbalance={n}' for method in ('ce', 'x') for n in (100, 50)] + ['old']
    assert [row['published'] for row in rows.values()] == ['', '', '', '30.5', '']
    settings = json.loads((tmp_path / 'out/x_set_imbalance=50/seed_1/settings.json').read_text())
    assert settings['overlays'] == [str(methods / 'x.py')] and settings['imbalance'] == 50


def test_against_cross_entropy():
    def result(method, imbalance, *values):
        return [dict(method=method, data='set', imbalance=imbalance, metrics={'lt/mean_class': x}) for x in values]
    rows = summarize({'a': result('ce', 100, 40., 42.), 'b': result('x', 100, 44.), 'c': result('x', 50, 50.)}, 2)
    assert [row['against_ce'] for row in rows] == [0, 3, None]
