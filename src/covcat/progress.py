"""The progress protocol: stages say what happens; who draws it is the command line's business."""

from typing import Protocol


class Progress(Protocol):
    """Hears of long work, from several threads. Sizes are bytes; a total of None is unknown."""

    def start(self, label: str, total: int | None, within: int | None = None) -> int:
        """Begin a task and return its number; `within` is one that it is a part of."""
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

    def start(self, label: str, total: int | None, within: int | None = None) -> int:  # noqa: ARG002 -- the protocol's
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
