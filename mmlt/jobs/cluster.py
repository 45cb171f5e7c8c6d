"""The runs of a sweep on a Ray cluster, or on Slurm through submitit."""
import os
import re
import time
from pathlib import Path

from mmlt.jobs.sweep import Sweep


class Task:
    """Train a run where this is called, from its newest whole checkpoint; the training ends with the caller.

    Returns the events of its :class:`~mmlt.jobs.sweep.Sweep`: (event, text), and why it failed or None.
    """

    def __init__(self, run, train):
        self.run, self.train, self.folder = run, str(Path(train).resolve()), os.getcwd()

    def __call__(self):
        os.chdir(self.folder)
        events = []
        sweep = Sweep([self.run], self.train, bound=True, report=lambda _, event, text: events.append((event, text)))
        sweep.run()
        return events, sweep.failed.get(self.run)

    def checkpoint(self):
        """What submitit puts into the queue again when Slurm takes the machine away."""
        from submitit.helpers import DelayedSubmission

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


class SlurmArray:
    """One array of Slurm jobs. A job that is preempted, or out of time, is put into the queue again.

    Args:
        folder (str): of submitit's scripts and logs, seen by all nodes.
        partition (str): of Slurm.
        gpus, cpus (int): of each run; one GPU by default.
        at_once (int, optional): jobs of the array that run at the same time.
        options (list[str]): further ones of sbatch, ``--time=4:00:00``; without a time a day.
        cluster (str): ``'local'`` runs the array as processes here.
    """

    def __init__(self, folder, partition, gpus=None, cpus=1, at_once=None, options=(), cluster='slurm'):
        import submitit

        self.executor = submitit.AutoExecutor(str(folder), cluster=cluster, slurm_max_num_timeout=1000)
        more = dict(option.lstrip('-').partition('=')[::2] for option in options)
        self.executor.update_parameters(
            name='mmlt', timeout_min=minutes(more.pop('time', '1-0')), gpus_per_node=1 if gpus is None else gpus,
            cpus_per_task=cpus, slurm_partition=partition, slurm_array_parallelism=at_once or 1000,
            slurm_additional_parameters={key.replace('-', '_'): value or True for key, value in more.items()})
        self.jobs = []

    def submit(self, tasks):
        """A job for each task."""
        with self.executor.batch():
            self.jobs = [self.executor.submit(task) for task in tasks]
        return self.jobs

    def close(self):
        """Cancel what is not over."""
        for job in self.jobs:
            if not job.done():
                job.cancel()


def minutes(time):
    """Of a time as Slurm writes it: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S.

    >>> minutes('90'), minutes('4:00:00'), minutes('1-12')
    (90, 240, 2160)
    """
    match = re.fullmatch(r'(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?', time)
    if not match:
        raise ValueError(f'--time={time}: give minutes, hours:minutes:seconds or days-hours')
    days, *parts = (int(part or 0) for part in match.groups())
    if match[1] is None and match[4] is None:  # M or M:S
        parts = [0, *parts[:2]]
    return (days * 24 + parts[0]) * 60 + parts[1] + (parts[2] > 0)


class RemoteSweep:
    """As :class:`~mmlt.jobs.sweep.Sweep`, with a cluster that decides what runs when, and where.

    Args:
        runs (list[Run]): of a folder that all machines see.
        train (str): path of tools/train.py.
        cluster: a :class:`RayCluster` or :class:`SlurmArray`.
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
            reason = str(error).strip().rpartition('\n')[2]
            events = [('failed', f'failed, {reason}')]
        for event, text in events:
            self.report(run, event, text)
        if reason:
            self.failed[run] = reason
