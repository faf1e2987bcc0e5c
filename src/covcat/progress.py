"""The progress protocol: stages say what happens; who draws it is the command line's business."""

from collections.abc import Callable
from threading import Lock
from typing import Literal, Protocol

Unit = Literal["bytes", "rows"]


class Progress(Protocol):
    """Hears of long work, from several threads. Sizes are bytes; a total of None is unknown."""

    def start(
        self,
        label: str,
        total: int | None,
        within: int | None = None,
        *,
        about: int | None = None,
        unit: Unit = "bytes",
    ) -> int:
        """Begin a task and return its number; `within` is one that it is a part of.

        `about` is a guess for who waits, where the total is unknown; `unit` is what is counted.
        """
        ...

    def set_total(self, task: int, total: int | None) -> None:
        """Say how large a task is, once that is known."""
        ...

    def advance(self, task: int, size: int) -> None:
        """Say that `size` more bytes are done; fewer than none, where work begins again."""
        ...

    def finish(self, task: int) -> None:
        """End a task."""
        ...

    def note(self, text: str) -> None:
        """Say something that is not an error."""
        ...


class Silent:
    """Hears and says nothing."""

    def start(self, label: str, total: int | None, within: int | None = None, **_: object) -> int:  # noqa: ARG002 -- the protocol's
        """Do nothing."""
        return 0

    def set_total(self, task: int, total: int | None) -> None:
        """Do nothing."""

    def advance(self, task: int, size: int) -> None:
        """Do nothing."""

    def finish(self, task: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class Callback(Silent):
    """Tells one function of all work: what is done, how many bytes of it, and of how many."""

    def __init__(self, heard: Callable[[str, int, int | None], object]) -> None:
        self._heard, self._lock = heard, Lock()
        self._tasks: list[tuple[str, int, int | None]] = []

    def start(self, label: str, total: int | None, within: int | None = None, **_: object) -> int:  # noqa: ARG002 -- the protocol's
        """Tell of it, with no byte done."""
        with self._lock:
            self._tasks.append((label, 0, total))
            self._heard(label, 0, total)
            return len(self._tasks) - 1

    def set_total(self, task: int, total: int | None) -> None:
        """Tell of it again."""
        self._tell(task, 0, total)

    def advance(self, task: int, size: int) -> None:
        """Tell how far it is."""
        self._tell(task, size, self._tasks[task][2])

    def _tell(self, task: int, size: int, total: int | None) -> None:
        with self._lock:
            label, done, _ = self._tasks[task]
            self._tasks[task] = label, done + size, total
            self._heard(*self._tasks[task])
