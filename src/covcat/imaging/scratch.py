"""What must be kept while tables are read or counted, and may be a million things of some kB each.

So it lies in a base of SQLite's without a name, which is in memory while it is small, and then in
a file that nobody sees and that goes with the process.
"""

import json
import sqlite3
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

from covcat.catalog.columns import Record, Value
from covcat.files import sqlite_errors

_MEMORY = 16_384  # kB that SQLite keeps before it writes


def _open_scratch(owner: object, *tables: str) -> sqlite3.Connection:
    """Return a base that nobody else sees, on disk if it is large; it goes with its owner."""
    base = sqlite3.connect("")
    for text in (f"PRAGMA cache_size = -{_MEMORY}", "PRAGMA journal_mode = OFF", *tables):
        base.execute(text)
    weakref.finalize(owner, base.close)
    return base


@dataclass(frozen=True, slots=True)
class Kept:
    """A row that adds to others, and where its table has it."""

    record: Record
    at: str


class Additions:
    """Rows of tables that only add to others, by what they add to, until that comes by."""

    def __init__(self) -> None:
        self.count = 0  # of rows
        self._base = _open_scratch(
            self,
            "CREATE TABLE rows (key TEXT, source TEXT, at TEXT, record TEXT)",
            "CREATE TABLE asked (key TEXT PRIMARY KEY) WITHOUT ROWID",
        )

    def keep(self, key: str, record: Record, source: str = "", at: str = "") -> None:
        """Keep a row of a source that adds to `key`."""
        known = {name: value for name, value in record.items() if value is not None}
        self._base.execute(
            "INSERT INTO rows VALUES (?, ?, ?, ?)", (key, source, at, json.dumps(known))
        )
        self.count += 1

    def several(self) -> Iterator[tuple[str, str]]:
        """Give each key that several rows of one source have, and that source."""
        if self.count:
            self._sort()
            text = "SELECT key, source FROM rows GROUP BY key, source HAVING count(*) > 1"
            yield from self._base.execute(text)

    def rows_of(self, key: str, source: str) -> Iterator[Kept]:
        """Give what one source has for a key, in its order."""
        text = "SELECT record, at FROM rows WHERE key = ? AND source = ? ORDER BY rowid"
        for record, at in self._base.execute(text, (key, source)):
            yield Kept(json.loads(record), at)

    def change(self, key: str, source: str, change: Record) -> None:
        """Let all that a source has for a key say something else in some columns."""
        text = "SELECT rowid, record FROM rows WHERE key = ? AND source = ?"
        for row, record in self._base.execute(text, (key, source)):
            new = json.dumps(json.loads(record) | change)
            self._base.execute("UPDATE rows SET record = ? WHERE rowid = ?", (new, row))

    def places(self) -> Iterator[tuple[str, str]]:
        """Give the key of each row, and where it is."""
        yield from self._base.execute("SELECT key, at FROM rows ORDER BY rowid")

    def rows_for(self, key: str) -> Iterator[Kept]:
        """Give the rows that add to `key`, in their order; all must have been kept before."""
        if not self.count:
            return
        self._sort()
        found = "SELECT record, at FROM rows WHERE key = ? ORDER BY rowid"
        for number, (record, at) in enumerate(self._base.execute(found, (key,))):
            if not number:
                self._base.execute("INSERT OR IGNORE INTO asked VALUES (?)", (key,))
            yield Kept(json.loads(record), at)

    def count_unused(self) -> int:
        """Return how many rows add to what was never asked for."""
        text = "SELECT count(*) FROM rows WHERE key NOT IN (SELECT key FROM asked)"
        return int(self._base.execute(text).fetchone()[0])

    def _sort(self) -> None:
        self._base.execute("CREATE INDEX IF NOT EXISTS by_key ON rows (key, source)")


class Distinct:
    """How many different keys each of some groups has, which have numbers from 0 on."""

    def __init__(self) -> None:
        table = "CREATE TABLE keys (place INTEGER, key TEXT, PRIMARY KEY (place, key))"
        self._base = _open_scratch(self, f"{table} WITHOUT ROWID")

    def add(self, group: int, key: Value) -> None:
        """Add a key to a group, which may have it already."""
        with sqlite_errors("count"):
            self._base.execute("INSERT OR IGNORE INTO keys VALUES (?, ?)", (group, key))

    def counts(self) -> dict[int, int]:
        """Return the number of keys of each group that has any."""
        with sqlite_errors("count"):
            return dict(self._base.execute("SELECT place, count(*) FROM keys GROUP BY place"))
