"""An image index on disk -> the same, open to be asked, if nothing but covcat wrote it.

It lies in the folder of a release, which people move and share, or in the user's cache. So SQLite
reads no file whose seal is broken, and of a sealed one nothing is believed that would lead
elsewhere: each file that a row names must be one of the manifest's. Whatever else is wrong, the
index is made anew.
"""

import hashlib
import json
import math
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from covcat import seal, stopping
from covcat.catalog.columns import NAMES, Record, Value
from covcat.catalog.entries import USES
from covcat.errors import DiskError, IntegrityError, UsageError
from covcat.files import opened
from covcat.imaging import checked
from covcat.imaging.build import SCHEMA, IndexReport
from covcat.imaging.checked import IndexOrigin, ReleaseState
from covcat.names import unsafe_name
from covcat.store.usual_files import usual_files

LONGEST = 60.0  # seconds that a question may work on one row
PICTURED = "pictured"  # the view of `Index.join_pictures`
_AT_ONCE = 100  # rows of few columns that are in memory together
_STEPS = 10_000  # of SQLite's machine, between two looks at the clock and at signals
_MOST_BYTES = 1 << 28  # of a text that a condition of a user's own may make
_ALLOWED = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)
_PLAIN = {str, int, type(None)}
_OF_THE_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")
_NAMED = (  # files; nothing, which is no file, for one whose size is no number
    "SELECT CASE WHEN typeof(bytes) = 'integer' THEN 'files/' || path END, "
    "CAST(bytes AS TEXT), sha256 FROM images WHERE path NOT NULL"
)
_OF_THE_FILE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

OF_A_PICTURE = (  # what a row takes from a picture that lies elsewhere
    *("path", "sha256", "bytes", "width", "height", "slices", "bits", "mask_path", "mask_fits"),
    "same_as",
    *("license", "license_spdx", *(f"allows_{use}" for use in USES), "found_subject"),
)

Row = tuple[Any, ...]  # values of the columns that were asked for
Joined = tuple[Value, Value, Value, int | None]  # rowid, found_in, found_by, number of a picture


class Index:
    """An image index that is open: removing its file takes nothing away any more."""

    def __init__(
        self, base: sqlite3.Connection, state: ReleaseState, report: IndexReport, path: Path
    ) -> None:
        self.name, self.state, self.report, self.path = state.release, state, report, path
        self._base, self._limit = base, _TimeLimit()
        base.set_progress_handler(self._limit.is_over, _STEPS)
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        base.set_authorizer(_allow_reading)
        weakref.finalize(self, base.close)  # with the last use of this object

    def rows(
        self, text: str, values: Sequence[Any] = (), where: str | None = None
    ) -> Iterator[Record]:
        """Give the rows of a question in SQL, part of which (`where`) a user may have written.

        Raises:
            sqlite3.Error: the question itself is wrong, and nobody's `where` is in it.
        """
        with self._asked(text, values, where) as cursor:
            names = [one[0] for one in cursor.description]
            for row in cursor:  # one at a time: a cell may have a megabyte
                yield dict(zip(names, _to_values(row), strict=True))
                self._limit.begin()  # whoever reads the rows may have taken a day

    def batches(
        self, text: str, values: Sequence[Any] = (), where: str | None = None
    ) -> Iterator[list[Row]]:
        """Give the rows of a question as `rows` does, as plain tuples and many at a time."""
        with self._asked(text, values, where) as cursor:
            is_long = "raw" in {one[0] for one in cursor.description}  # a whole row of a table
            size = 1 if is_long or where is not None else _AT_ONCE  # one row has a limit of time
            while batch := cursor.fetchmany(size):
                if not _PLAIN.issuperset(map(type, chain.from_iterable(batch))):
                    batch = [tuple(_to_values(row)) for row in batch]
                yield batch
                self._limit.begin()

    def join_pictures(self, joined: Sequence[Joined], pictures: Sequence[Row]) -> None:
        """Make the view PICTURED, of the rows that are `joined`, with pictures that lie elsewhere.

        A picture is its values of OF_A_PICTURE. The view is of this object alone, and goes with it.
        """
        taken = {name: f"p.{name}" for name in OF_A_PICTURE if name in NAMES} | {
            "matched": "'both'"
        }
        columns = [
            f"CASE WHEN picture IS NULL THEN i.{name} ELSE {taken[name]} END AS {name}"
            if name in taken
            else f"i.{name}"
            for name in ("rowid", *NAMES)
        ]
        view = (
            f"CREATE TEMP VIEW {PICTURED} AS SELECT {', '.join(columns)}, found_subject, found_in, "  # noqa: S608
            "found_by FROM joined JOIN main.images i ON i.rowid = joined.row "
            "LEFT JOIN pictures p ON p.id = picture"
        )
        self._base.set_authorizer(None)
        try:
            self._base.execute(
                "CREATE TEMP TABLE joined (row INTEGER PRIMARY KEY, found_in, found_by, picture)"
            )
            named, holes = ", ".join(OF_A_PICTURE), ", ".join("?" * len(OF_A_PICTURE))
            self._base.execute(f"CREATE TEMP TABLE pictures (id INTEGER PRIMARY KEY, {named})")
            self._base.execute(view)
            with self._base:
                self._base.executemany("INSERT INTO joined VALUES (?, ?, ?, ?)", joined)
                text = f"INSERT INTO pictures VALUES (?, {holes})"  # noqa: S608
                self._base.executemany(text, ((at, *one) for at, one in enumerate(pictures)))
        except sqlite3.Error as error:
            self._check_readable(error)
            raise
        finally:
            self._base.set_authorizer(_allow_reading)

    @contextmanager
    def _asked(
        self, text: str, values: Sequence[Any], where: str | None
    ) -> Iterator[sqlite3.Cursor]:
        """Ask, with the limit of time; errors say whose they are."""
        self._limit.seconds = LONGEST if where is not None else math.inf
        self._limit.begin()
        try:
            if where is not None:  # it must be one condition: `1) OR (1` would undo the others
                self._base.execute(f"EXPLAIN SELECT 1 FROM images WHERE {where}\n")  # noqa: S608
            yield self._base.execute(text, values)
        except (sqlite3.Error, sqlite3.Warning, UnicodeError) as error:
            stopping.raise_again()  # SQLite dropped what a signal raised in a handler
            self._check_readable(error)
            if where is None:
                raise
            is_long = self._limit.is_over()
            cause = f"it works for more than {LONGEST:.0f} seconds" if is_long else error
            raise UsageError(
                f"--where `{where}` cannot be asked: {cause}",
                hint="covcat images --where \"view = 'PA' AND age > 40\"",
            ) from error

    def _check_readable(self, error: Exception) -> None:
        """Tell a file that was changed since it was opened, a disk that fails, and Ctrl-C."""
        code = str(getattr(error, "sqlite_errorname", ""))
        if code == "SQLITE_INTERRUPT" and not self._limit.is_over():
            raise KeyboardInterrupt from error  # in a notebook, whose signals are its own
        is_undecodable = isinstance(error, sqlite3.OperationalError) and not code
        if code.startswith(_OF_THE_FILE) or is_undecodable:
            raise IntegrityError(
                f"the image index of {self.name} was changed while it was read: {error}",
                hint="run the same command again: the index is made anew",
            ) from error
        if code.startswith(_OF_THE_DISK):
            raise DiskError(
                f"cannot read the image index of {self.name}: {error}", hint="see `covcat doctor`"
            ) from error


def _allow_reading(action: int, *_: object) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def open_index(path: Path, origin: IndexOrigin) -> Index | None:
    """Open an index to be read only; None if it is not there, not whole, or of another origin."""
    try:
        with opened(path, follow=False) as stream:
            status = os.fstat(stream.fileno())
            if not (sha256 := seal.holds(stream, status.st_size)):
                return None
            uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            base = sqlite3.connect(uri, uri=True)
            index = None
            try:
                if os.path.samestat(status, path.lstat()):
                    index = _check(base, origin, path, sha256)
            finally:
                if index is None:
                    base.close()
        return index
    except (OSError, sqlite3.Error, sqlite3.Warning, KeyError, TypeError, ValueError):
        return None


def _check(base: sqlite3.Connection, origin: IndexOrigin, path: Path, sha256: str) -> Index | None:
    """Look at what would lead elsewhere, were it forged: what the tables are, and every path."""
    if [row[0] for row in base.execute("SELECT sql FROM sqlite_master")] != list(SCHEMA):
        return None
    about = dict(base.execute("SELECT key, value FROM about").fetchall())
    if about["key"] != origin.key:
        return None
    report = _report(json.loads(about["report"]))
    state = checked.recall(origin, sha256)
    if state is None:
        if (files := _named_files(base, origin)) is None:
            return None
        state = _state(origin, files)
        checked.remember(origin, sha256, state)
    return Index(base, state, report, path)


def _named_files(
    base: sqlite3.Connection, origin: IndexOrigin
) -> list[tuple[str, str, str]] | None:
    """Return path, bytes and sha256 of the release's files, if the rows name no others."""
    found = base.execute("SELECT DISTINCT resource, release, mask_path FROM images").fetchall()
    if {row[:2] for row in found} - {(origin.resource, origin.release)}:
        return None
    usual = usual_files(origin.manifest)
    files = usual or [
        (row["path"], str(row["bytes"]), row["sha256"])
        for row in json.loads(origin.manifest)["files"]
    ]
    if not {*files}.issuperset(base.execute(_NAMED)):
        return None
    masks = {f"files/{mask}" for *_, mask in found if mask is not None}
    if masks and not masks <= {path for path, *_ in files}:
        return None
    if usual is None and any(unsafe_name(path.partition("/")[2]) for path, *_ in files):
        return None
    return files


def _state(origin: IndexOrigin, files: Sequence[tuple[str, str, str]]) -> ReleaseState:
    """Tell the state now that the files are known: to read a manifest once more takes longer."""
    lines = [f"{sha256}  {path}\n" for path, _, sha256 in files if path.startswith("files/")]
    whole = "".join(lines).encode("utf-8", "surrogatepass")
    digests = [hashlib.sha256(one).hexdigest() for one in (whole, origin.manifest)]
    return ReleaseState(origin.name, len(lines), *digests)


def _report(tree: Mapping[str, Any]) -> IndexReport:
    """Return a report whose values have its types; pydantic would take 100 ms to import."""
    found = IndexReport(**tree)
    for name, default in vars(IndexReport()).items():
        value = getattr(found, name)
        texts = list(value) if isinstance(value, list | dict) else []
        numbers = list(value.values()) if isinstance(value, dict) else []
        kinds = [type(value), *map(type, texts), *map(type, numbers)]
        if kinds != [type(default), *[str] * len(texts), *[int] * len(numbers)]:
            raise TypeError(f"`{name}` is no part of a report")
    return found


def _to_values(row: Sequence[Value | bytes]) -> Sequence[Any]:
    """Return the values of a row: 65.0 years are 65."""
    kinds = set(map(type, row))
    if bytes in kinds:
        raise sqlite3.OperationalError("a value is neither text nor number")
    if float not in kinds:
        return row
    return [int(one) if isinstance(one, float) and one.is_integer() else one for one in row]


class _TimeLimit:
    """Ends a user's own condition that takes too long for one row.

    Of covcat's own questions it ends none, but lets signals through while SQLite works.
    """

    def __init__(self) -> None:
        self.seconds = math.inf
        self.begin()

    def begin(self) -> None:
        self._since = time.monotonic()

    def is_over(self) -> int:
        return int(time.monotonic() - self._since > self.seconds)
