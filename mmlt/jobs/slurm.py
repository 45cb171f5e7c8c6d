"""The runs of a sweep as jobs of Slurm, through submitit."""
import json
import re
import subprocess
import time
from pathlib import Path

from mmlt.core.files import write_whole

# the states of a job that does not come again
OVER = {'BOOT_FAIL', 'CANCELLED', 'COMPLETED', 'DEADLINE', 'FAILED', 'NODE_FAIL', 'OUT_OF_MEMORY', 'PREEMPTED',
        'TIMEOUT', 'GONE'}


class SubmissionError(ValueError):
    """What sbatch answered."""


class SlurmArray:
    """One array of Slurm jobs. A job that is preempted, or out of time, is put into the queue again.

    The job of a run is noted beside its folder: a sweep that finds it in the queue waits for it.

    Args:
        folder (str): of submitit's scripts and logs, seen by all nodes.
        partition (str): of Slurm.
        gpus, cpus (int): of each run; one GPU by default.
        at_once (int, optional): jobs of the array that run at the same time.
        options (list[str]): further ones of sbatch, ``--time=4:00:00``; without a time a day.
        cluster (str): ``'local'`` runs the array as processes here.

    Raises:
        ValueError: of a time that Slurm does not know, or under 3 minutes: a job leaves 90 seconds before its end.
    """

    def __init__(self, folder, partition, gpus=None, cpus=1, at_once=None, options=(), cluster='slurm'):
        import submitit

        self.folder = Path(folder).absolute()
        self.executor = submitit.AutoExecutor(self.folder, cluster=cluster, slurm_max_num_timeout=1000)
        more = dict(option.lstrip('-').partition('=')[::2] for option in options)
        limit = minutes(more.pop('time', '1-0'))
        if limit < 3:
            raise ValueError(f'--time={limit}: give 3 minutes or more, a job leaves 90 seconds before its end')
        self.executor.update_parameters(
            name='mmlt', timeout_min=limit, gpus_per_node=1 if gpus is None else gpus,
            cpus_per_task=cpus, slurm_partition=partition, slurm_array_parallelism=at_once or 1000,
            slurm_srun_args=[f'--cpus-per-task={cpus}'],  # which srun does not take from sbatch since Slurm 22.05
            slurm_additional_parameters={
                'requeue': True, **{key.replace('-', '_'): value or True for key, value in more.items()}})
        self.jobs, self.queue = [], Queue()

    def submit(self, tasks):
        """A job for each task.

        Raises:
            SubmissionError: Slurm does not take them.
        """
        from submitit.core.utils import FailedJobError

        if self.executor.cluster == 'local':
            self.jobs = [self.executor.submit(task) for task in tasks]
            return self.jobs
        jobs = {task: self._earlier(task.run) for task in tasks}
        if None in jobs.values():
            try:
                with self.executor.batch():
                    jobs.update({task: self.executor.submit(task) for task, job in jobs.items() if job is None})
            except FailedJobError as error:
                raise SubmissionError(str(error).strip()) from None
            self.queue = Queue()  # that has not asked yet
        for task, job in jobs.items():
            job.watcher = self.queue
            write_whole(_note(task.run), json.dumps([job.job_id, task.run.settings['hash']]).encode())
        self.jobs = list(jobs.values())
        return self.jobs

    def _earlier(self, run):
        """The job that another sweep submitted for the run, if it is not over."""
        try:
            job_id, digest = json.loads(_note(run).read_text())
        except (OSError, ValueError):
            return None
        from submitit import SlurmJob

        job = SlurmJob(self.folder, job_id)
        over = job.paths.result_pickle.exists() or self.queue.is_done(job_id)
        return None if over or digest != run.settings['hash'] else job

    def close(self):
        """Cancel what is not over."""
        for job in self.jobs:
            if not job.done():
                job.cancel(check=False)


def _note(run):
    return run.folder.with_suffix('.job')


class Queue:
    """The states of this user's jobs, as squeue tells them; it takes the place of submitit's watcher.

    That one asks sacct, which needs an accounting data base, and takes a job that is suspended for one that is over.
    """

    def __init__(self, seconds=20):
        self.seconds, self.asked, self.states = seconds, float('-inf'), None

    def get_state(self, job_id, mode='standard'):
        if time.time() - self.asked > (0 if mode == 'force' else self.seconds):
            self.asked = time.time()
            squeue = subprocess.run(['squeue', '--me', '--array', '--noheader', '--states=all', '--format=%i|%T'],
                                    stdout=subprocess.PIPE, text=True)
            if squeue.returncode == 0:
                self.states = dict(line.split('|') for line in squeue.stdout.splitlines())
        return 'UNKNOWN' if self.states is None else self.states.get(job_id, 'GONE')

    def is_done(self, job_id, mode='standard'):
        return self.get_state(job_id, mode) in OVER

    def register_job(self, job_id):
        """All are known."""


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
