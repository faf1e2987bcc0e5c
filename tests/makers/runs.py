"""What a run of covcat left: its output, the tree on disk, what a terminal showed."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict:
        """Stdout as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[dict[str, str]]:
        """Stdout as the table that it must be: tab separated, or csv."""
        delimiter = "\t" if "\t" in self.out.partition("\n")[0] else ","
        return list(csv.DictReader(io.StringIO(self.out, newline=""), delimiter=delimiter))


Covcat = Callable[..., Ran]  # what the fixture `covcat` is


def read_csv(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a table that covcat wrote."""
    with Path(path).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def tree_on_disk(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, as relative path -> bytes; not when it was verified."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "verified.json"
    }


def here(ran: Ran) -> dict[str, bytes]:
    """Return the files of the folder that a command printed; it must have gone well."""
    assert ran.code == 0, ran.err
    return tree_on_disk(Path(ran.out.strip()))


def seen_by(leader: int) -> bytes:
    """Return all that is written to a terminal until its last program ends."""
    seen = b""
    with contextlib.suppress(OSError):  # Linux says EIO when the other side is closed
        while piece := os.read(leader, 65536):
            seen += piece
    os.close(leader)
    return seen
