"""Train many configs with several seeds, each run a process of its own: what tools/sweep.py does."""
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import torch

from mmlt.engine.load import damage


class Sweep:
    """Train the runs, ``jobs`` at once.

    A finished run is left alone, an unfinished one resumes from its newest complete checkpoint, and one whose config
    changed is put aside and starts anew. A failure stops nothing else. The lock beside a run's folder is held by the
    process that trains there, even if the sweep that started it is gone; other sweeps wait for it.

    Args:
        runs (list[Run]): in the order of their start.
        train (str): path of tools/train.py.
        jobs (int): processes at once.
        share (bool): train epochs that runs have in common (same seed, configs that differ in later stages) once.
        bound (bool): a training ends with this process, even if it is killed.
        report (callable): takes (run, event, text); the event is start, done, failed or note.

    Attributes:
        failed (dict): run -> reason.
    """

    def __init__(self, runs, train, jobs=1, share=False, bound=False, report=lambda *_: None):
        self.runs, self.train, self.jobs, self.report = runs, str(train), jobs, report
        self.bound = bound
        self.waiting, self.active, self.failed = list(runs), {}, {}
        self.gpus = _visible_gpus()
        self._elsewhere = set()
        self.sources, self.keep = {run: [] for run in runs}, {run: set() for run in runs}
        for i, run in enumerate(runs if share else []):
            for earlier in runs[:i]:
                if epochs := run.common_epochs(earlier):
                    self.sources[run].append((epochs, earlier))
                    self.keep[earlier].add(epochs)
            self.sources[run].sort(key=lambda source: -source[0])

    def run(self, tick=lambda sweep: None, interval=0.5):
        """Go on until all is done, calling ``tick(self)`` each ``interval`` seconds."""
        try:
            while self.waiting or self.active:
                for run in list(self.waiting):
                    if run.result() or (len(self.active) < self.jobs and self._start(run)):
                        self.waiting.remove(run)
                tick(self)
                time.sleep(interval if self.active or self.waiting else 0)
                for run, job in list(self.active.items()):
                    if job.process.poll() is not None:
                        del self.active[run]
                        self._end(run, job)
        finally:
            self.stop()

    def stop(self, patience=10):
        """End what runs: the processes are asked first."""
        processes = [job.process for job in self.active.values()]
        for process in processes:
            process.terminate()
        deadline = time.time() + patience
        for process in processes:
            try:
                process.wait(max(0, deadline - time.time()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, run):
        """Start the run or find it finished: True; or leave it waiting."""
        run.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = _take_lock(run.folder.with_suffix('.lock'))
        if lock is None:
            if run not in self._elsewhere:
                pid = run.folder.with_suffix('.lock').read_text().strip()
                self.report(run, 'note', f'another process{pid and f" ({pid})"} trains it; waiting for it')
            self._elsewhere.add(run)
            return False
        with lock:
            if run.result() or self._finish(run, run.is_own() and run.validation()):
                return True
            number, checkpoint = run.checkpoint() if run.is_own() else (0, None)
            shared = None
            if checkpoint is None:
                number, shared = self._source(run)
                if number and shared is None:
                    return False
                checkpoint = shared and shared.prefix(number)
            aside = run.set_aside()
            if aside:
                self.report(run, 'note', f'the config changed, it starts anew; the old run is kept in {aside}')
            if number == 0 or shared:
                run.write('settings.json', shared=shared and dict(run=str(shared), epochs=number))
            self.active[run] = Job(self, run, number, checkpoint, lock)
        self.report(run, 'start', (f'goes on from {checkpoint}' if checkpoint else 'starts') +
                    f'; log: {run.folder / "log.txt"}')
        return True

    def _source(self, run):
        """(epochs, run) to go on from; (epochs, None) to wait for; (0, None) if there is none."""
        for epochs, other in self.sources[run]:
            if other.is_own() and damage(other.prefix(epochs)) is None:
                return epochs, other
            if other in self.waiting or (other in self.active and self.active[other].began < epochs):
                return epochs, None
        return 0, None

    def _end(self, run, job):
        code = job.process.returncode
        if self._finish(run, run.validation() or (code == 0 and run.validation(job.since))):
            return
        reason = 'ended without a validation' if code == 0 else (
            f'exit status {code}' if code > 0 else f'killed by signal {-code}')
        self.failed[run] = reason
        self.report(run, 'failed', f'failed, {reason}; the end of {run.folder / "log.txt"}:\n{job.tail()}')

    def _finish(self, run, metrics):
        if metrics:
            started = run.saved('settings.json') or {}
            run.write('result.json', **{**started, 'metrics': metrics})
            main = ''.join(f', {key} {value:.2f}' for key, value in metrics.items()
                           if key.rpartition('/')[2] in ('top1', 'mean_class'))
            self.report(run, 'done', f'finished{main}')
        return bool(metrics)

    def command(self, run, checkpoint=None):
        """The command line of a run."""
        options = list(run.cfg_options)
        if self.keep[run]:
            options += ['default_hooks.prefix_checkpoint.type=PrefixCheckpointHook',
                        f'default_hooks.prefix_checkpoint.epochs={sorted(self.keep[run])}'.replace(' ', '')]
        command = [sys.executable, self.train, str(run.path), *run.overlays]
        command += ['--work-dir', str(run.folder), '--seed', str(run.seed), '--no-report']
        command += ['--resume', str(checkpoint)] if checkpoint else ['--restart']
        command += ['--amp'] if run.settings['amp'] else []
        command += ['--cfg-options', *options] if options else []
        return command

    def environment(self):
        """Of a new process: its share of the cores and the GPU with the fewest processes, and that GPU."""
        env, gpu = dict(os.environ), None
        env.setdefault('OMP_NUM_THREADS', str(max(1, len(os.sched_getaffinity(0)) // self.jobs)))
        if len(self.gpus) > 1:
            used = Counter(job.gpu for job in self.active.values())
            gpu = min(self.gpus, key=lambda gpu: used[gpu])
            env['CUDA_VISIBLE_DEVICES'] = gpu
        return env, gpu


class Job:
    """The process of a run that trains."""

    def __init__(self, sweep, run, began, checkpoint, lock):
        self.began, self.since = began, time.time()
        env, self.gpu = sweep.environment()
        self.log = run.folder / 'log.txt'
        with open(self.log, 'ab') as log:
            self.offset = log.tell()
            # the process inherits the lock and holds it to its end, whatever becomes of the sweep
            self.process = subprocess.Popen(sweep.command(run, checkpoint), stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, env=env, pass_fds=[lock.fileno()],
                                            preexec_fn=_end_with_parent if sweep.bound else None)
        lock.truncate(0)
        lock.write(f'pid {self.process.pid}')
        lock.flush()

    def tail(self, lines=15):
        """The last lines that the process printed."""
        with open(self.log, 'rb') as log:
            log.seek(self.offset)
            return '\n'.join(log.read().decode(errors='replace').splitlines()[-lines:])


def _end_with_parent():
    """The process that calls this is killed when its parent dies (Linux)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _take_lock(path):
    """The locked file, or None if another process holds it."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT), 'w')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def default_jobs():
    """One run a GPU, else one a core: on a CPU two runs of one thread train more images than one of two threads."""
    return len(_visible_gpus()) or len(os.sched_getaffinity(0))


def _visible_gpus():
    given = os.environ.get('CUDA_VISIBLE_DEVICES')
    return given.split(',') if given else [str(i) for i in range(torch.cuda.device_count())]
