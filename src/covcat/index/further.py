"""Rows of tables that only add to others, until the records that they add to come by.

They may be a million, each of some kB: so they lie in a base of SQLite's without a name, which is
in memory while it is small, and then in a file that nobody sees and that goes with the process.
"""

import json
import sqlite3
import weakref
from collections.abc import Iterator

from covcat.model import Record

_MEMORY = 16_384  # kB that SQLite keeps before it writes


def unnamed(*tables: str) -> sqlite3.Connection:
    """Return a base that nobody else sees, on disk if it is large; it goes when it is closed."""
    base = sqlite3.connect("")
    for text in (f"PRAGMA cache_size = -{_MEMORY}", "PRAGMA journal_mode = OFF", *tables):
        base.execute(text)
    return base


class Further:
    """Rows by what they add to."""

    def __init__(self) -> None:
        self.count = 0  # of rows
        self._base = unnamed(
            "CREATE TABLE rows (key TEXT, record TEXT)",
            "CREATE TABLE asked (key TEXT PRIMARY KEY) WITHOUT ROWID",
        )
        weakref.finalize(self, self._base.close)

    def keep(self, key: str, record: Record) -> None:
        """Keep a row that adds to `key`."""
        known = {name: value for name, value in record.items() if value is not None}
        self._base.execute("INSERT INTO rows VALUES (?, ?)", (key, json.dumps(known)))
        self.count += 1

    def of(self, key: str) -> Iterator[Record]:
        """Give the rows that add to `key`, in their order; all must have been kept before."""
        if not self.count:
            return
        self._base.execute("CREATE INDEX IF NOT EXISTS by_key ON rows (key)")
        self._base.execute("INSERT OR IGNORE INTO asked VALUES (?)", (key,))
        found = "SELECT record FROM rows WHERE key = ? ORDER BY rowid"
        for (record,) in self._base.execute(found, (key,)):
            yield json.loads(record)

    def left(self) -> int:
        """Return how many rows add to what was never asked for."""
        text = "SELECT count(*) FROM rows WHERE key NOT IN (SELECT key FROM asked)"
        (number,) = self._base.execute(text).fetchone()
        return int(number)
