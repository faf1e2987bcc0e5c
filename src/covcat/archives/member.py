"""What formats and `covcat.extract` share: a member as claimed, and where its bytes go."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

CHUNK = 1 << 20


class BadArchiveError(Exception):
    """The archive contradicts itself or its format; the text completes "the archive …"."""


@dataclass(frozen=True, slots=True)
class Source:
    """An archive to be read: its open file, and its absolute path for tools that need one."""

    path: Path
    stream: BinaryIO
    encoding: str | None = None  # of names that do not say theirs, as a person declared it


class SplitError(BadArchiveError):
    """It is one volume of several; the text, if there is any, says what lacks."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry as the archive claims it: never trusted."""

    number: int  # its place in the archive
    name: str
    kind: Literal["file", "folder", "link", "special"]
    size: int | None  # bytes after unpacking; None where the format does not say
    is_executable: bool = False
    barred: str = ""  # why nobody gets its bytes; completes "the archive …"


def folder_name(name: str) -> str:
    """Give a folder's name its slash; a missing name with one would be that of the root folder."""
    return name if not name or name.endswith("/") else name + "/"


class Writer(Protocol):
    """Takes the bytes of one member; refuses more than were declared."""

    def write(self, data: bytes | memoryview) -> object:
        """Take the next bytes."""
        ...

    def finish(self) -> None:
        """The member is whole: check that all declared bytes came."""
        ...


Open = Callable[[Member], Writer | None]  # None: the member is not wanted


def copy(source: BinaryIO, writer: Writer) -> None:
    """Push everything from `source`, then say that it is whole."""
    while data := source.read(CHUNK):
        writer.write(data)
    writer.finish()
