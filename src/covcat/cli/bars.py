"""Progress on stderr: bars on a terminal, a line per finished file elsewhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from covcat.cli.session import Session
from covcat.output import shown
from covcat.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


@contextmanager
def drawn(session: Session) -> Iterator[Progress]:
    """Give what draws progress for this run, and clear it away in the end."""
    if session.quiet:
        yield Silent()
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        bars = _rich_bars(session)
        with bars:
            yield _Bars(bars)
    else:
        yield _Lines(session)


class _Lines(Silent):
    """For logs: what was said, and nothing that moves."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def note(self, text: str) -> None:
        """Print one line."""
        self._session.say(text)


class _Bars:
    """One bar for each running task."""

    def __init__(self, bars: "RichProgress") -> None:
        self._bars = bars
        self._tasks: dict[int, TaskID] = {}

    def start(self, label: str, total: int | None) -> int:
        """Add a bar."""
        task = self._bars.add_task(shown(label, 40), total=total)
        self._tasks[int(task)] = task
        return int(task)

    def advance(self, task: int, size: int) -> None:
        """Move a bar."""
        self._bars.advance(self._tasks[task], size)

    def finish(self, task: int) -> None:
        """Take a bar away."""
        self._bars.remove_task(self._tasks.pop(task))

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(shown(text), markup=False, highlight=False, emoji=False)


def _rich_bars(session: Session) -> "RichProgress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True, no_color=not session.has_color(sys.stderr), highlight=False)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
    )
