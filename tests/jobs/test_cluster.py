"""Runs on Ray and through submitit, with a training script of milliseconds."""
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
from sweeps import TRAIN, epochs, pid_of, run_of, wait_for, write_config

from mmlt.jobs.cluster import NoProgress, RayCluster, RemoteSweep, Task
from mmlt.jobs.slurm import Queue, SlurmArray


def parent_of(pid):
    return int(Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[1])


def sweep_of(tmp_path, cluster, events, **configs):
    runs = [run_of(write_config(tmp_path / f'gallery/{name}.py', **settings), tmp_path / 'out')
            for name, settings in configs.items()]
    return RemoteSweep(runs, TRAIN, cluster, report=lambda run, event, text: events.append((run.name, event, text)))


def test_submitit_runs_the_sweep(tmp_path):
    pytest.importorskip('submitit')
    cluster = SlurmArray(tmp_path / 'slurm', None, gpus=0, options=['--time=1:00:00'], cluster='local')
    events = []
    sweep = sweep_of(tmp_path, cluster, events, good={}, bad=dict(crash=1))
    sweep.run()
    assert [run.result() and run.result()['metrics']['lt/top1'] for run in sweep.runs] == [40., None]
    assert {run.name: reason for run, reason in sweep.failed.items()} == {'bad': 'exit status 1'}
    assert ('good', 'done') in [event[:2] for event in events]
    assert any('loss is nan' in text for name, event, text in events if event == 'failed')


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder of commands: sbatch keeps its script, jobs are 11, 12 and on; squeue prints a file."""
    pytest.importorskip('submitit')
    folder = tmp_path / 'bin'
    folder.mkdir()
    for name, script in dict(sbatch='cp "$1" "$0.script"; echo >> "$0.jobs"; echo job $((10 + $(wc -l < "$0.jobs")))',
                             squeue='cat "$0.states"', srun='', scancel='').items():
        (folder / name).write_text(f'#!/bin/sh\n{script}\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv('PATH', str(folder), prepend=':')
    return folder


def test_slurm_gets_an_array_that_is_requeued(tmp_path, slurm):
    import submitit

    cluster = SlurmArray(tmp_path / 'slurm', 'gpu', cpus=4, at_once=2, options=['--time=4:00:00', '--mem=16G'])
    run = run_of(write_config(tmp_path / 'ce.py'), tmp_path / 'out')
    cluster.submit([Task(run, TRAIN) for _ in range(3)])
    script = (slurm / 'sbatch.script').read_text()
    for line in ('array=0-2%2', 'partition=gpu', 'gpus-per-node=1', 'cpus-per-task=4', 'mem=16G', 'time=240',
                 'requeue'):
        assert f'#SBATCH --{line}\n' in script
    assert re.search(r'^srun .*--cpus-per-task=4 ', script, re.M)
    assert isinstance(Task(run, TRAIN).checkpoint(), submitit.helpers.DelayedSubmission)


@pytest.mark.parametrize('state', ['RUNNING', 'PENDING', 'SUSPENDED', 'CANCELLED', None])
def test_a_new_sweep_waits_for_the_job_of_a_killed_one(tmp_path, slurm, state):
    task = Task(run_of(write_config(tmp_path / 'ce.py'), tmp_path / 'out'), TRAIN)
    (slurm / 'squeue.states').write_text('11|PENDING\n')
    SlurmArray(tmp_path / 'slurm', 'gpu').submit([task])
    (slurm / 'squeue.states').write_text(f'11|{state}\n12|PENDING\n' if state else '12|PENDING\n')
    job, = SlurmArray(tmp_path / 'slurm', 'gpu').submit([task])
    assert job.job_id == ('12' if state in ('CANCELLED', None) else '11') and not job.done()
    other = Task(run_of(write_config(tmp_path / 'ce.py', epochs=4), tmp_path / 'out'), TRAIN)
    (slurm / 'squeue.states').write_text(f'{job.job_id}|RUNNING\n')
    assert SlurmArray(tmp_path / 'slurm', 'gpu').submit([other])[0].job_id != job.job_id


def test_a_cancelled_job_is_a_failure(tmp_path, slurm, monkeypatch):
    monkeypatch.setattr('submitit.SlurmJob._results_timeout_s', 0)  # for slow file systems
    events = []
    sweep = sweep_of(tmp_path, SlurmArray(tmp_path / 'slurm', 'gpu'), events, ce={})
    (slurm / 'squeue.states').write_text('11|CANCELLED\n')
    sweep.run()
    reason, = sweep.failed.values()
    assert reason.startswith('Slurm job 11 CANCELLED, see ')
    assert [event for _, event, _ in events] == ['start', 'failed']


def test_a_job_that_never_reaches_a_checkpoint_is_given_up(tmp_path):
    pytest.importorskip('submitit')
    task = Task(run_of(write_config(tmp_path / 'ce.py', epochs=9), tmp_path / 'out'), TRAIN)
    task.run.write('settings.json')
    for number in (None, 1, 2):
        if number:
            with zipfile.ZipFile(task.run.folder / f'epoch_{number}.pth', 'w') as file:
                file.writestr('epoch', str(number))
        task = task.checkpoint().function
        task = task.checkpoint().function
    task = task.checkpoint().function
    with pytest.raises(NoProgress, match='--time'):
        task.checkpoint()


def test_squeue_that_does_not_answer_ends_nothing(slurm, monkeypatch):
    queue = Queue(seconds=0)
    assert not queue.is_done('11')
    (slurm / 'squeue.states').write_text('11|RUNNING\n')
    assert queue.get_state('11') == 'RUNNING'
    (slurm / 'squeue.states').unlink()
    assert not queue.is_done('11')
    (slurm / 'squeue.states').write_text('')
    assert queue.is_done('11')


@pytest.mark.skipif(sys.platform != 'linux', reason='processes end with their parent')
def test_a_preempted_slurm_job_goes_on(tmp_path, slurm):
    """SIGTERM to all its processes, time to end, SIGKILL, and in the queue again."""
    config = write_config(tmp_path / 'slow.py', epochs=4, seconds=1.5)
    (slurm / 'squeue.states').write_text('11|RUNNING\n')
    job, = SlurmArray(tmp_path / 'slurm', 'gpu').submit([Task(run_of(config, tmp_path / 'out'), TRAIN)])

    def start():
        return subprocess.Popen([sys.executable, '-m', 'submitit.core._submit', tmp_path / 'slurm'],
                                env={**os.environ, 'SLURM_JOB_ID': '11', 'SUBMITIT_EXECUTOR': 'slurm'},
                                start_new_session=True)

    process = start()
    wait_for((tmp_path / 'out/slow/seed_0/epoch_2.pth').exists, 200)
    os.killpg(process.pid, signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    assert not Path(f'/proc/{pid_of(tmp_path, "slow")}').exists() and not job.done()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert start().wait(200) == 0 and job.done()
    events, reason = job.result()
    assert reason is None and 'goes on from' in dict(events)['start']
    assert epochs(tmp_path, 'slow')[-2:] == [2, 3]


@pytest.mark.skipif(sys.platform != 'linux', reason='finds processes in /proc')
def test_a_killed_ray_worker_is_tried_again_from_its_checkpoint(tmp_path):
    pytest.importorskip('ray')
    events = []
    sweep = sweep_of(tmp_path, RayCluster(gpus=0), events, slow=dict(epochs=5, seconds=1.5), quick={})

    def kill():
        wait_for((tmp_path / 'out/slow/seed_0/epoch_2.pth').exists, 200)
        os.kill(parent_of(pid_of(tmp_path, 'slow')), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    sweep.run()
    killer.join()
    assert not sweep.failed and all(run.result() for run in sweep.runs)
    trained = epochs(tmp_path, 'slow')
    assert trained[:3] == [0, 1, 2] and trained[-1] == 4 and 5 <= len(trained) <= 6  # the epoch of the kill comes again
    assert any('goes on from' in text for name, _, text in events if name == 'slow')
