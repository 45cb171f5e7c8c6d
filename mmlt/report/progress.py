"""Bars of long work, with the time left."""
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def progress_bar(console: Console | None = None) -> Iterator[tuple[Progress, Callable[[str, float], None]]]:
    """The bars, and a function of what is done and which share of it; on a terminal only."""
    console, tasks = console or Console(stderr=True), {}
    bars = Progress('{task.description}', BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console,
                    transient=True, disable=not console.is_terminal)

    def show(what: str, share: float) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=1.)
        bars.update(tasks[what], completed=share)

    with bars:
        yield bars, show


def silent(what: str, share: float) -> None:
    """Nothing is shown."""


class Display:
    """Of a sweep: bars on a terminal, else a line for each event."""

    def __init__(self, console, total):
        self.console, self.total, self.done, self.tasks = console, total, 0, {}
        columns = TextColumn('{task.description}'), BarColumn(), TextColumn('{task.completed:g}/{task.total:g}'), \
            TextColumn('{task.fields[eta]}')
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self.all = self.progress.add_task('runs', total=total, eta='')
        self.start, self.work, self.trained, self.active = time.time(), {}, 0, {}

    def expect(self, runs, sources):
        """What is left to train, in epochs or iterations, for the time left; ``sources`` {run: its (epochs, earlier
        run), ...} are trained once."""
        self.work = {run: run.end - max([run.checkpoint()[0], *(epochs for epochs, _ in sources.get(run, ()))])
                     for run in runs}

    def left(self):
        """', about .. left', judged by what was trained so far."""
        under_way = sum(max(run.progress(job.since) - job.began, 0) for run, job in self.active.items())
        trained, rest = self.trained + under_way, sum(self.work.values()) - under_way
        if rest <= 0 or not trained:
            return ''
        minutes = (time.time() - self.start) / 60 * rest / trained
        return f', about {minutes / 60:.1f} h left' if minutes > 90 else f', about {minutes:.0f} min left'

    def report(self, run, event, text):
        if event in ('done', 'failed'):
            self.done += 1
            self.trained += self.work.pop(run, 0)
            text += self.left() if event == 'done' else ''
        style = dict(done='green', failed='bold red', note='yellow').get(event)
        self.console.print(f'[{self.done}/{self.total}] {run}: {text}', style=style, markup=False)

    def tick(self, sweep):
        self.progress.update(self.all, completed=self.done)
        self.active = sweep.active
        if self.progress.disable:
            return
        for run in set(self.tasks) - set(sweep.active):
            self.progress.remove_task(self.tasks.pop(run))
        for run, job in sweep.active.items():
            if run not in self.tasks:
                self.tasks[run] = self.progress.add_task(escape(str(run)), total=run.end, completed=job.began, eta='')
            step = max(run.progress(job.since), job.began)
            seconds, steps = time.time() - job.since, step - job.began
            left = f'{seconds / steps * (run.end - step) / 60:.0f} min left' if steps else ''
            self.progress.update(self.tasks[run], completed=step, eta=left)
