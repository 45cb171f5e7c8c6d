"""Runs on Ray and through submitit, with a training script of milliseconds."""
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
from sweeps import TRAIN, epochs, pid_of, run_of, wait_for, write_config

from mmlt.jobs.cluster import RayCluster, RemoteSweep, SlurmArray, Task


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


def test_slurm_gets_an_array_that_is_requeued(tmp_path, monkeypatch):
    submitit = pytest.importorskip('submitit')
    (tmp_path / 'sbatch').write_text('#!/bin/sh\ncp "$1" "$0.script"; echo Submitted batch job 12\n')
    (tmp_path / 'srun').write_text('')
    for name in ('sbatch', 'srun'):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=':')
    cluster = SlurmArray(tmp_path / 'slurm', 'gpu', cpus=4, at_once=2, options=['--time=4:00:00', '--mem=16G'])
    run = run_of(write_config(tmp_path / 'ce.py'), tmp_path / 'out')
    cluster.submit([Task(run, TRAIN)] * 3)
    script = (tmp_path / 'sbatch.script').read_text()
    for line in ('array=0-2%2', 'partition=gpu', 'gpus-per-node=1', 'cpus-per-task=4', 'mem=16G', 'time=240'):
        assert f'#SBATCH --{line}\n' in script
    assert isinstance(Task(run, TRAIN).checkpoint(), submitit.helpers.DelayedSubmission)


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
