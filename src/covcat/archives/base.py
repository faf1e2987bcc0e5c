"""What formats and `covcat.archives.extract` share: a member as claimed, and where its bytes go."""

import lzma
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import BinaryIO, Literal, Protocol

from covcat.errors import ActionNeededError
from covcat.text import plural


class BadArchiveError(Exception):
    """The archive is damaged; the text says where and completes "the archive …"."""

    way_out: str | None = None  # a hint, where there is any


class UnsafeError(BadArchiveError):
    """Two readers may see different things in it, or it hides something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """What lies in an archive's file and is passed over, or what some readers take differently."""

    before: int = 0  # bytes before the first member
    after: int = 0  # bytes after the end
    archives: int = 0  # further tars after the first
    incremental: int = 0  # GNU headers of `tar --listed-incremental`

    def __add__(self, other: "Padding") -> "Padding":
        """Return both together."""
        return Padding(
            before=self.before + other.before,
            after=self.after + other.after,
            archives=self.archives + other.archives,
            incremental=self.incremental + other.incremental,
        )

    def __str__(self) -> str:
        """Say it in words that complete "the archive has …"."""
        parts = [
            f"{plural(self.before, 'byte')} before its first member" if self.before else "",
            f"{plural(self.after, 'byte')} after its end" if self.after else "",
            f"{plural(self.archives, 'further tar')} after its end" if self.archives else "",
            f"{plural(self.incremental, 'GNU header')} of an incremental backup, which other "
            "readers take differently"
            if self.incremental
            else "",
        ]
        return " and ".join(part for part in parts if part)


class PaddedError(UnsafeError):
    """It has padding, and nobody allowed that; nothing else was found wrong until there."""

    def __init__(self, padding: Padding) -> None:
        super().__init__(f"has {padding}")

    @staticmethod
    def hint(archive: str, command: str) -> str:
        """Return what a person types who runs `command`."""
        hint = f"to pass over it: covcat extract {quote(archive)} --allow padding"
        if command != "covcat extract":
            hint += ", then covcat import with the folder that it prints"
        return hint


class UnsupportedError(BadArchiveError):
    """It may be sound, and covcat does not read it; `hint` is what to do, `{}` the archive."""

    def __init__(self, text: str, hint: str = "7zz x {}") -> None:
        super().__init__(text)
        self.hint = hint


DAMAGE = (
    BadArchiveError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
    NotImplementedError,
    RecursionError,
    MemoryError,
    OSError,  # gzip's BadGzipFile, bz2; what the disk refuses to write is raised as DiskError
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedArchive:
    """An archive that lay inside another: it was unpacked, and not kept."""

    path: str  # where it lay
    bytes: int
    sha256: str
    files: int
    left_out: int = 0
    padding: Padding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLink:
    """A link in an archive, and what became of it: none is ever made."""

    path: str  # that it would have had
    target: str  # as the archive has it
    handled: Literal["skipped", "copied"]  # copied: there is a file with the target's bytes


CHUNK = 1 << 20
_NO_LETTER = re.compile("[\x80-\x9f]")  # what bytes of another encoding become in latin-1


@dataclass(frozen=True, slots=True)
class Opening:
    """What a person says of an archive that it does not say itself."""

    encoding: str | None = None  # of names that do not say theirs
    password: str | None = field(default=None, repr=False)
    allows_padding: bool = False  # or its digest is pinned: these very bytes are meant


@dataclass(frozen=True, slots=True)
class Source:
    """An archive to be read: its open file, and its absolute path for tools that need one."""

    path: Path
    stream: BinaryIO
    encoding: str | None = None  # of names that do not say theirs, as a person declared it
    volumes: tuple[Path, ...] = ()  # that the stream is of, if it is of several files
    password: str | None = field(default=None, repr=False)
    allows_padding: bool = False
    passed: list[Padding] = field(default_factory=list)  # all of it together, if there is any

    @property
    def padding(self) -> Padding | None:
        """Return what was passed over until now."""
        return self.passed[0] if self.passed else None

    def pass_over(self, padding: Padding) -> None:
        """Take note of padding; raises where nobody allowed any."""
        if not self.allows_padding:
            raise PaddedError(padding)
        self.passed[:] = [self.passed[0] + padding if self.passed else padding]


class CutOffError(BadArchiveError):
    """It ends too early: a volume after the last one may be missing."""

    lacking = 0  # bytes, if that is known
    way_out = "download it again: what is here of it is not whole"


class PasswordError(BadArchiveError):
    """It is encrypted, and no password is here, or a wrong one."""

    def __init__(self, text: str, *, is_wrong: bool = False) -> None:
        super().__init__(text)
        self.is_wrong = is_wrong

    def told(self, archive: str, command: str, other: str | None = None) -> "LockedError":
        """Return the error for a person, who runs `command`; `other` is another way out."""
        hint = "the same command with --password-file FILE"
        if command == "covcat extract":
            hint = f"covcat extract {quote(archive)} --password-file FILE"
        hint += f"; {other}" if other else ""
        if self.is_wrong:
            what = f"the password of `{archive}` is wrong, or the archive is damaged"
        else:
            what = f"`{archive}` needs a password"
        error = LockedError(what, cause=str(self), hint=hint)
        error.is_wrong = self.is_wrong
        return error


class LockedError(ActionNeededError):
    """An archive needs a password, or another one: a person must give it."""

    is_wrong = False  # one was given; or the archive is damaged


@contextmanager
def decrypting(password: str | None) -> Iterator[None]:
    """Take what fails after decryption for a wrong password: nothing tells it from damage."""
    try:
        yield
    except (PasswordError, UnsupportedError):
        raise
    except DAMAGE as error:
        if password is None or (isinstance(error, OSError) and error.errno):
            raise
        raise PasswordError(describe(error), is_wrong=True) from error


class SplitError(BadArchiveError):
    """It is one volume of several; the text, if there is any, says what lacks."""


class EncodingError(BadArchiveError):
    """A name is not in the encoding that it should be; only a person can know in which it is."""


@dataclass(slots=True)
class Member:
    """One entry as the archive claims it: never trusted, and never changed.

    Not frozen: there may be a million, and to make frozen ones takes six times as long.
    """

    number: int  # its place in the archive
    name: str
    kind: Literal["file", "folder", "link", "special"]
    size: int | None  # bytes after unpacking; None where the format does not say
    is_executable: bool = False
    barred: str = ""  # why nobody gets its bytes; completes "the archive …"
    is_locked: bool = False  # with a password they may be had
    # Of a link: None where it is in the member's bytes, "" if no name can be made of it.
    target: str | None = field(default=None, kw_only=True)
    is_hard: bool = field(default=False, kw_only=True)  # a link from the archive's top
    is_copy: bool = field(default=False, kw_only=True)  # of the file at its target: RAR's own


def folder_name(name: str) -> str:
    """Give a folder's name its slash; a missing name with one would be that of the root folder."""
    return name if not name or name.endswith("/") else name + "/"


class Writer(Protocol):
    """Takes the bytes of one member; refuses more than were declared, or less at the end."""

    def write(self, data: bytes | memoryview) -> object:
        """Take the next bytes."""

    def finish(self) -> None:
        """Take it that the member is whole."""


Open = Callable[[Member], Writer | None]  # None: the member is not wanted


def label(raw: bytes) -> str:
    """Write some bytes for a person: what is not ASCII as its numbers."""
    return raw.decode("ascii", "backslashreplace")


def decode_name(raw: bytes, encoding: str | None) -> str:
    """Return a name that does not say its encoding: what a person declared, or UTF-8."""
    try:
        name = raw.decode("ascii" if raw.isascii() else encoding or "utf-8")
    except (UnicodeDecodeError, LookupError):
        name = None
    if name is None or (encoding and _NO_LETTER.search(name)):
        what = f"is not {encoding}" if encoding else "is not UTF-8, and no encoding is declared"
        raise EncodingError(f"has a name that {what}: `{label(raw)}`")
    return name


def describe(error: BaseException) -> str:
    """Say a library's error in words: some have none, and py7zr's are a tuple with a sentence."""
    if len(error.args) > 1 and str(error) == str(error.args):
        texts = [one for one in error.args if isinstance(one, str)]
        return " ".join(texts) or type(error).__name__
    return str(error) or type(error).__name__
