"""Progress on stderr: bars on a terminal, lines for logs, events for programs."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from covcat.cli.printing import put
from covcat.cli.session import Session, readable
from covcat.progress import Progress, Silent
from covcat.text import escaped, format_size

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_AFTER = 0.4  # seconds: what is over sooner gets no bar of its own
_HEARTBEAT = 10  # seconds between two lines on a task in a log
_EVENTS = 1  # the same between two events
_REDRAW = 0.1  # seconds between two drawings of the bars


@contextmanager
def drawn(session: Session, how: str) -> Iterator[Progress]:
    """Give what draws progress for this run, and clear it away in the end."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if how == "json":
        yield _Events()
    elif how == "none" or (session.quiet and how == "auto"):
        yield Silent()
    elif how == "auto" and is_terminal:
        bars = _rich_bars(session)
        with bars:
            yield _Bars(bars)
    else:
        yield _Lines(session)


@dataclass(slots=True)
class _Task:
    number: int
    label: str
    total: int | None
    within: int | None
    done: int = 0
    said_at: float = 0
    bar: "TaskID | None" = None


class _Known:
    """Keeps what is known of all tasks; the drawing is up to the classes below."""

    heartbeat: float = _HEARTBEAT

    def __init__(self) -> None:
        self._tasks: dict[int, _Task] = {}
        self._next = 0
        self._lock = threading.RLock()

    def start(self, label: str, total: int | None, within: int | None = None) -> int:
        """Remember a task."""
        with self._lock:
            self._next += 1
            task = _Task(self._next, label, total, within, said_at=time.monotonic())
            self._tasks[self._next] = task
            self._draw("start", task)
            return self._next

    def set_total(self, task: int, total: int | None) -> None:
        """Remember how large it is."""
        with self._lock:
            self._tasks[task].total = total

    def advance(self, task: int, size: int) -> None:
        """Count bytes, of the task and of what it is a part of."""
        with self._lock:
            found: int | None = task
            while found is not None and found in self._tasks:
                one = self._tasks[found]
                one.done += size
                self._advanced(one)
                found = one.within

    def finish(self, task: int) -> None:
        """Forget it."""
        with self._lock:
            if task in self._tasks:
                self._draw("finish", self._tasks.pop(task))

    def _advanced(self, task: _Task) -> None:
        if time.monotonic() - task.said_at >= self.heartbeat:
            task.said_at = time.monotonic()
            self._draw("advance", task)

    def _draw(self, event: str, task: _Task) -> None:
        """Show that a task starts, advances or finishes."""
        raise NotImplementedError


class _Lines(_Known):
    """For logs: what was said, and now and then how far a long transfer is."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.note = session.say

    def _draw(self, event: str, task: _Task) -> None:
        if event == "advance":
            of = f" of {format_size(task.total)}" if task.total else ""
            self.note(f"{task.label}: {format_size(task.done)}{of}")


class _Events(_Known):
    """For programs: one JSON object a line, on stderr."""

    heartbeat = _EVENTS

    def note(self, text: str) -> None:
        """Print a note."""
        self._put({"event": "note", "text": text})

    def _draw(self, event: str, task: _Task) -> None:
        self._put(
            {
                "event": event,
                "task": task.number,
                "within": task.within,
                "label": task.label,
                "done": task.done,
                "total": task.total,
            }
        )

    def _put(self, event: dict[str, object]) -> None:
        with self._lock:
            put(sys.stderr, json.dumps(event, ensure_ascii=True) + "\n")


class _Bars(_Known):
    """One bar for each task that takes a while, and one for all of a release.

    Whatever draws holds the lock: rich tears its bars when two threads draw at once.
    """

    def __init__(self, bars: "RichProgress") -> None:
        super().__init__()
        self._bars = bars
        self._drawn_at = 0.0

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        with self._lock:
            self._bars.console.print(
                readable(escaped(text), sys.stderr),
                end="",
                soft_wrap=True,
                markup=False,
                highlight=False,
                emoji=False,
            )

    def _draw(self, event: str, task: _Task) -> None:
        if event == "start" and task.within is None:
            self._add(task)
        elif event == "finish" and task.bar is not None:
            self._bars.remove_task(task.bar)
            self._bars.refresh()

    def _add(self, task: _Task) -> None:
        label, width = escaped(task.label), max(12, self._bars.console.width // 3)
        if len(label) > width:  # cut in its middle: names of one release differ at their ends
            tail = (width - 1) // 2
            label = f"{label[: width - 1 - tail]}…{label[-tail:]}"
        task.bar = self._bars.add_task(label.ljust(width), total=task.total, completed=task.done)

    def _advanced(self, task: _Task) -> None:  # noqa: ARG002 -- all are drawn at once
        now = time.monotonic()
        if now - self._drawn_at < _REDRAW:
            return
        self._drawn_at = now
        for one in self._tasks.values():
            if one.bar is not None:
                self._bars.update(one.bar, completed=max(0, one.done), total=one.total)
            elif now - one.said_at > _AFTER:
                self._add(one)
        self._bars.refresh()


class _Terminal:
    """stderr as rich draws on it: that its window was closed must not stop the work."""

    def __init__(self) -> None:
        self._stream = sys.stderr  # for a while rich puts another in its place
        self.encoding = self._stream.encoding
        self.isatty, self.fileno = self._stream.isatty, self._stream.fileno

    def write(self, text: str) -> int:
        put(self._stream, text)
        return len(text)

    def flush(self) -> None: ...  # `put` does


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

    no_color = not session.has_color(sys.stderr)
    console = Console(file=cast("IO[str]", _Terminal()), no_color=no_color, highlight=False)
    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
    ]
    if console.width >= 100:  # narrower, the lines would wrap and leave torn bars behind
        columns += [TransferSpeedColumn(), TimeRemainingColumn(elapsed_when_finished=True)]
    return Progress(*columns, console=console, transient=True, expand=True, auto_refresh=False)
