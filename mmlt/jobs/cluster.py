"""The runs of a sweep on a cluster: of Ray, or of Slurm (slurm.py)."""
import os
import signal
import sys
import time
from pathlib import Path

from mmlt.jobs.sweep import Sweep


class NoProgress(Exception):
    """A job that is put into the queue again and again without a new checkpoint."""


class Task:
    """Train a run where this is called, from its newest whole checkpoint; the training ends with the caller.

    Returns the events of its :class:`~mmlt.jobs.sweep.Sweep`: (event, text), and why it failed or None.
    """

    def __init__(self, run, train):
        self.run, self.train, self.folder = run, str(Path(train).resolve()), os.getcwd()
        self.newest, self.idle = None, 0

    def __call__(self):
        os.chdir(self.folder)
        events, asked = [], []
        if os.environ.get('SUBMITIT_EXECUTOR') == 'slurm':
            signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
        sweep = Sweep([self.run], self.train, bound=True, report=lambda _, event, text: events.append((event, text)))
        try:
            sweep.run()
        except NoProgress as error:
            return [*events, ('failed', f'failed, {error}')], str(error)
        if asked and not self.run.result():  # cancelled, or preempted: a job that ends by itself is not queued again
            time.sleep(600)
            sys.exit('not killed within 10 minutes of SIGTERM')
        return events, sweep.failed.get(self.run)

    def checkpoint(self):
        """What submitit puts into the queue again when Slurm takes the machine away.

        Raises:
            NoProgress: at the third time in a row without a newer checkpoint.
        """
        from submitit.helpers import DelayedSubmission

        newest = self.run.checkpoint()[1]
        self.newest, self.idle = newest, self.idle + 1 if newest == self.newest else 0
        if self.idle == 3:
            raise NoProgress('no new checkpoint in three jobs: give more --time, or a checkpoint more often '
                             '(default_hooks.checkpoint.interval)')
        return DelayedSubmission(self)


class RayCluster:
    """Tasks of Ray Core; one whose worker dies is tried again.

    Args:
        address (str, optional): of the cluster; by default that of RAY_ADDRESS, else Ray is started here.
        gpus (float, optional): of each run; by default 1 where the cluster has any.
        cpus (int): of each run.
        retries (int): after the death of a worker.
    """

    def __init__(self, address=None, gpus=None, cpus=1, retries=5):
        import ray

        self.ray, self.retries = ray, retries
        ray.init(address, log_to_driver=False, include_dashboard=False if address is None else None)
        has_gpus = ray.cluster_resources().get('GPU', 0) > 0
        self.resources = dict(num_cpus=cpus, num_gpus=int(has_gpus) if gpus is None else gpus)

    def submit(self, tasks):
        """A future for each task."""
        call = self.ray.remote(max_retries=self.retries, **self.resources)(lambda task: task())
        return [call.remote(task).future() for task in tasks]

    def close(self):
        """End what runs."""
        self.ray.shutdown()


class RemoteSweep:
    """As :class:`~mmlt.jobs.sweep.Sweep`, with a cluster that decides what runs when, and where.

    Args:
        runs (list[Run]): of a folder that all machines see.
        train (str): path of tools/train.py.
        cluster: a :class:`RayCluster` or :class:`~mmlt.jobs.slurm.SlurmArray`.
        report (callable): takes (run, event, text).
    """

    def __init__(self, runs, train, cluster, report=lambda *_: None):
        self.runs, self.train, self.cluster, self.report = runs, train, cluster, report
        self.active, self.failed = {}, {}

    def run(self, tick=lambda sweep: None, interval=0.5):
        """Go on until all is done, calling ``tick(self)`` each ``interval`` seconds."""
        try:
            waiting = [run for run in self.runs if not run.result()]
            futures = list(zip(waiting, self.cluster.submit([Task(run, self.train) for run in waiting])))
            for run, future in futures:
                job = f'Slurm job {future.job_id}' if hasattr(future, 'job_id') else 'submitted'
                self.report(run, 'start', f'{job}; log: {run.folder / "log.txt"}')
            while futures:
                tick(self)
                time.sleep(interval)
                for run, future in [pair for pair in futures if pair[1].done()]:
                    futures.remove((run, future))
                    self._end(run, future)
        finally:
            self.cluster.close()

    def _end(self, run, future):
        try:
            events, reason = future.result()
        except Exception as error:  # whatever the cluster says
            reason = str(error).strip().rpartition('\n')[2] or repr(error)
            if hasattr(future, 'paths'):
                reason = f'Slurm job {future.job_id} {future.watcher.get_state(future.job_id, "force")}, ' \
                         f'see {future.paths.stderr}'
            events = [('failed', f'failed, {reason}')]
        if not reason and 'done' not in dict(events):
            events.append(('done', 'finished'))  # by another process
        for event, text in events:
            if event != 'start' or text.startswith('goes on'):
                self.report(run, event, text)
        if reason:
            self.failed[run] = reason
