"""Finished files of a release that is not whole yet: they wait here, whatever stops a run.

A journal, and one of each shard, says what each one is; a file is believed only after its bytes
were hashed again.
"""

import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from covcat.download.remote import Download, RemoteFile
from covcat.files import AT_ONCE, BYTES, FILE_MODE, NO_LINK, disk_errors, make_folder, opened
from covcat.names import collision_key
from covcat.seal import parse_json, sealed, unsealed
from covcat.store.folder import CLOSED

_JOURNAL = "journal.jsonl"
_LONGEST = 1 << 20  # bytes of a line that are read
_FIELDS = {one.name for one in fields(Download)}
_IDENTITY = "covcat.file/1"  # what names and values `_identity` states
# Keys of files, where they are not set.
_ADDED_SINCE = re.compile(", (?:links|prefix|private|token|user|password)=None")
_LACKS = "lacks"  # of a line: only a release that may lack files is made of it
Line = dict[str, Any]


class Waiting:
    """The waiting files of one release, in its `Store.partial`; making it touches nothing."""

    def __init__(self, folder: Path, shard: str = "") -> None:
        self.folder = folder
        self._journal = f"journal-{shard.replace('/', '-of-')}.jsonl" if shard else _JOURNAL
        self._lock = threading.Lock()
        self._shared = os.urandom(4).hex()  # a folder for each file would be half the work on it
        self._names: set[str] = set()  # of what is in it
        self._earlier: dict[bytes, list[Line]] | None = None  # lines without what they are of
        self._has_former = False  # lines of an earlier run

    def target(self, number: int, name: str) -> Path:
        """Return a new place for file `number` of the release, which is called `name`.

        Those of one run share a folder, but for names that some file system takes for one.
        """
        key = collision_key(name)
        with self._lock:
            own = f"{number}-{os.urandom(4).hex()}" if key in self._names else self._shared
            self._names.add(key)
        folder = self.folder / own
        with disk_errors(f"make the folder for `{name}`"):
            make_folder(folder)
        return folder / name

    def add(self, file: RemoteFile, got: Download) -> None:
        """Note that a file is here and verified."""
        line: Line = {key: getattr(got, key) for key in _FIELDS}
        line |= {"path": f"{got.path.parent.name}/{got.path.name}", "of": _identity(file)}
        self._write(line, f"note that `{got.name}` is here")

    def _write(self, line: Line, doing: str) -> None:
        data = (json.dumps(sealed(line)) + "\n").encode()
        how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | BYTES | NO_LINK
        how |= AT_ONCE  # or fail: a pipe there would hold us up
        with (
            self._lock,
            disk_errors(doing),
            suppress(FileNotFoundError),  # another process published the release meanwhile
        ):
            with os.fdopen(os.open(self.folder / self._journal, how, FILE_MODE), "wb") as journal:
                journal.write(data)
            if self._earlier is not None:  # another try of this run will not bring it again
                self._earlier.setdefault(_key(line.pop("of")), []).insert(0, line)

    def holds(self, file: RemoteFile, *, may_lack: bool) -> bool:
        """Tell if something is here that `found` may give, without reading it."""
        return bool(self._of(file, may_lack=may_lack))

    def found(self, file: RemoteFile, *, may_lack: bool = False) -> Download | None:
        """Return what an earlier run left of `file`, if its bytes are as they were.

        With `may_lack` also what was set apart.
        """
        for line in self._of(file, may_lack=may_lack):
            path = self._place(line)
            with suppress(TypeError):
                got = Download(**{key: line[key] for key in _FIELDS & line.keys()})
                with disk_errors(f"read `{path.name}`"), opened(path) as stream:
                    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                if sha256 == got.sha256:
                    return replace(got, path=path)
        return None

    def forget(self, files: Iterable[RemoteFile]) -> None:
        """Drop what would be taken again though nothing but itself vouches for it."""
        for line in (line for one in _unpinned(files) for line in self._of(one)):
            with suppress(OSError):
                self._place(line).unlink()

    def holds_unpinned(self, files: Iterable[RemoteFile]) -> bool:
        """Tell if something is here that nothing but itself vouches for."""
        return any(self._of(one) for one in _unpinned(files))

    def set_apart(self, files: Iterable[RemoteFile]) -> None:
        """Leave what nothing but itself vouches for to a run that allows files to be missing.

        Any other asks for it again: its host may have the whole by then.
        """
        for file in _unpinned(files):
            lines = self._of(file)
            for line in lines[:1]:
                lacking = {**line, "of": _identity(file), _LACKS: True}
                self._write(lacking, f"note that `{file.name}` lacks files")
            for line in lines[1:]:
                with suppress(OSError):
                    self._place(line).unlink()

    def _of(self, file: RemoteFile, *, may_lack: bool = True) -> list[Line]:
        """Return the last lines on what is here of a file, the newest first."""
        if self._earlier == {}:
            return []
        with self._lock:
            if self._earlier is None:
                earlier: dict[bytes, list[Line]] = {}
                for key, line in reversed(self._lines()):
                    earlier.setdefault(key, []).append(line)
                self._has_former, self._earlier = bool(earlier), earlier
            keys = [_identity(file), *([_former(file)] if self._has_former else [])]
            lines = [line for key in keys for line in self._earlier.get(_key(key), ())]
        last: dict[Path, Line] = {}
        for line in lines:
            last.setdefault(self._place(line), line)
        return [
            one
            for path, one in last.items()
            if path.is_file() and not path.is_symlink() and (may_lack or not one.get(_LACKS))
        ]

    def close(self) -> None:
        """The release is about to get its name: what waits is no longer needed after that."""
        with suppress(OSError):
            self.folder.rename(self._closed)

    def clear(self) -> None:
        """Drop everything: the release is whole."""
        for folder in (self._closed, self.folder):
            shutil.rmtree(folder, ignore_errors=True)

    def settle(self, *, is_whole: bool) -> None:
        """Put in order what a run left that was killed between `close` and `clear`."""
        if is_whole:
            shutil.rmtree(self._closed, ignore_errors=True)
        else:
            with suppress(OSError):
                self._closed.rename(self.folder)

    @property
    def _closed(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}{CLOSED}")

    def _place(self, line: Line) -> Path:
        """Return where the file of a line is; the journal is not trusted to name other places."""
        path = Path(str(line.get("path")))
        return self.folder / path.parent.name / path.name

    def _lines(self) -> list[tuple[bytes, Line]]:
        """Read the journal; a line that a crash cut, or that was changed, is none.

        Lines are given with the key of what they are of, in its place.
        """
        found = []
        for place in (*sorted(self.folder.glob("journal-*-of-*.jsonl")), self.folder / _JOURNAL):
            with suppress(OSError), opened(place, follow=False) as journal:
                for text in iter(partial(journal.readline, _LONGEST), b""):
                    with suppress(ValueError):
                        line = unsealed(parse_json(text))
                        found += [] if line is None else [(_key(line.pop("of", None)), line)]
        return found


def _unpinned(files: Iterable[RemoteFile]) -> list[RemoteFile]:
    return [one for one in files if {digest.means for digest in one.digests} <= {"md5-prefix"}]


def _identity(file: RemoteFile) -> dict[str, Any]:
    """Return what stays the same as long as the catalog's entry and the host's word do.

    It is stated by names of its own, so that a class may change; whoever changes what these names
    mean gives it another version.
    """
    return {
        "schema": _IDENTITY,
        "host": file.file.host,
        "entry": file.file.identity,
        "id": file.id,
        "path": file.path,
        "bytes": file.bytes,
        "digests": [[one.kind, one.value, one.means] for one in file.digests],
    }


def _key(of: object) -> bytes:
    """Return what two values share if they are equal: short, since a release has half a million."""
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).digest()


def _former(file: RemoteFile) -> str:
    """Return how journals before the stated identity called a file: by its classes, as they were.

    Whoever adds a key to one of these names it in `_ADDED_SINCE`, or those files come again.
    """
    text = _ADDED_SINCE.sub("", repr(file)).replace("RemoteFile(", "Served(", 1)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
