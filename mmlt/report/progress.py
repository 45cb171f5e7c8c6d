"""Bars of long work, with the time left."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn


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
