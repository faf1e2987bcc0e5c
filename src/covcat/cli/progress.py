"""Progress on stderr: bars on a terminal, lines for logs, events for programs."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from covcat.cli.printing import has_color, put, put_event
from covcat.cli.session import Session, put_talk, readable
from covcat.progress import Progress, Silent, Unit
from covcat.text import escaped, format_size

_AFTER = 0.4  # seconds: what is over sooner gets no bar of its own
_HEARTBEAT = 10  # seconds between two lines on a task in a log
_EVENTS = 1  # the same between two events
_WIDE, _NARROW = 100, 64  # columns: less for names; neither rate nor time
_REDRAW = 0.1  # seconds between two drawings of the bars


@contextmanager
def drawn(session: Session, how: str) -> Iterator[Progress]:
    """Give what draws progress for this run, and clear it away in the end."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if how == "json":
        yield _Events(session)
    elif how == "none" or (session.quiet and how == "auto"):
        yield Silent()
    elif how == "auto" and is_terminal:
        drawing = _Bars(session)
        with drawing.bars:
            yield drawing
    else:
        yield _KnownTasks(session)


@dataclass(slots=True)
class _ShownTask:
    number: int
    label: str
    total: int | None
    within: int | None
    said_at: float
    about: int | None = None
    unit: Unit = "bytes"
    done: int = 0
    bar: Any = None  # rich's number of it

    @property
    def is_about(self) -> bool:
        """True if how large it is is a guess, and may still be right."""
        return self.total is None and self.about is not None and self.done <= self.about

    @property
    def most(self) -> int | None:
        """Return how large it is, or about that."""
        return self.about if self.is_about else self.total

    def told(self, count: float) -> str:
        """Return a number of what is counted."""
        return format_size(round(count)) if self.unit == "bytes" else f"{count:,.0f} {self.unit}"


class _KnownTasks:
    """Keeps what is known of all tasks; for logs it says now and then how far a long one is."""

    heartbeat: float = _HEARTBEAT

    def __init__(self, session: Session) -> None:
        self._say = session.say
        self._tasks: dict[int, _ShownTask] = {}
        self._next = 0
        self._lock = threading.RLock()

    def start(
        self,
        label: str,
        total: int | None,
        within: int | None = None,
        *,
        about: int | None = None,
        unit: Unit = "bytes",
    ) -> int:
        """Remember a task."""
        with self._lock:
            self._next += 1
            task = self._tasks[self._next] = _ShownTask(
                self._next, label, total, within, time.monotonic(), about, unit
            )
            self._draw("start", task)
            return task.number

    def set_total(self, task: int, total: int | None) -> None:
        """Remember how large it is."""
        with self._lock:
            self._tasks[task].total = total

    def advance(self, task: int, size: int) -> None:
        """Count bytes, of the task and of what it is a part of."""
        with self._lock:
            one = self._tasks.get(task)
            while one is not None:
                one.done += size
                self._advanced(one)
                one = self._tasks.get(one.within or 0)

    def finish(self, task: int) -> None:
        """Forget it."""
        with self._lock:
            if task in self._tasks:
                self._draw("finish", self._tasks.pop(task))

    def note(self, text: str) -> None:
        """Print a note."""
        self._say(text)

    def _advanced(self, task: _ShownTask) -> None:
        if time.monotonic() - task.said_at >= self.heartbeat:
            task.said_at = time.monotonic()
            self._draw("advance", task)

    def _draw(self, event: str, task: _ShownTask) -> None:
        """Show that a task starts, advances or finishes."""
        if event == "advance":
            of = f" of {'about ' * task.is_about}{task.told(task.most)}" if task.most else ""
            self.note(f"{task.label}: {task.told(task.done)}{of}")


class _Events(_KnownTasks):
    """For programs: one JSON object a line, on stderr."""

    heartbeat = _EVENTS

    def note(self, text: str) -> None:
        """Print a note."""
        with self._lock:
            put_talk(text)

    def _draw(self, event: str, task: _ShownTask) -> None:
        known = {"task": task.number, "within": task.within, "label": task.label}
        with self._lock:
            put_event(
                event, **known, done=task.done, total=task.total, about=task.about, unit=task.unit
            )


class _Bars(_KnownTasks):
    """One bar for each task that takes a while, and one for all of a release.

    Whatever draws holds the lock: rich tears its bars when two threads draw at once.
    """

    def __init__(self, session: Session) -> None:
        from rich import progress
        from rich.console import Console

        super().__init__(session)
        self._drawn_at = 0.0
        console = Console(
            file=cast("IO[str]", _Terminal()), no_color=not has_color(sys.stderr), highlight=False
        )
        self._columns = [
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=None),
            progress.TextColumn("{task.fields[amount]}", justify="right", markup=False),
            progress.TextColumn("{task.fields[rate]}", justify="right", markup=False),
            progress.TimeRemainingColumn(elapsed_when_finished=True),
        ]
        self.bars = progress.Progress(
            *self._columns, console=console, transient=True, expand=True, auto_refresh=False
        )

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        line = readable(escaped(text), sys.stderr)
        with self._lock:
            self.bars.console.print(
                line, end="", soft_wrap=True, markup=False, highlight=False, emoji=False
            )

    def _draw(self, event: str, task: _ShownTask) -> None:
        if event == "start" and task.within is None:
            self._add(task)
        elif event == "finish" and task.bar is not None:
            self.bars.remove_task(task.bar)
            self.bars.refresh()

    def _add(self, task: _ShownTask) -> None:
        task.bar = self.bars.add_task("", total=task.most, amount="", rate="")
        self._show(task)

    def _show(self, task: _ShownTask) -> None:
        """Tell rich how far a task is; its name is cut in the middle: ends tell files apart."""
        width = self.bars.console.width
        label, room = escaped(task.label), max(12, width // (3 if width >= _WIDE else 4))
        if len(label) > room:
            tail = (room - 1) // 2
            label = f"{label[: room - 1 - tail]}…{label[-tail:]}"
        of = f"/{'~' * task.is_about}{task.told(task.most)}" if task.most else ""
        speed = next((one.speed for one in self.bars.tasks if one.id == task.bar), None)
        self.bars.update(
            task.bar,
            description=label.ljust(room),
            completed=max(0, task.done),
            total=task.most,
            amount=f"{task.told(max(0, task.done))}{of}",
            rate=f"{task.told(speed)}/s" if speed else "",
        )

    def _advanced(self, task: _ShownTask) -> None:  # noqa: ARG002 -- all are drawn at once
        now = time.monotonic()
        if now - self._drawn_at < _REDRAW:
            return
        self._drawn_at = now
        is_narrow = self.bars.console.width < _NARROW  # its lines would wrap and leave torn bars
        self.bars.columns = tuple(self._columns[:3] if is_narrow else self._columns)
        for one in self._tasks.values():
            if one.bar is not None:
                self._show(one)
            elif now - one.said_at > _AFTER:
                self._add(one)
        self.bars.refresh()


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
