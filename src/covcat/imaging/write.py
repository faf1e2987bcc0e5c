"""Image records -> files that other programs read, a record at a time: csv, tsv, jsonl, and more.

Whatever is written can be read back as it was. In csv a text that a spreadsheet would run gets a
`'` in front, as does one that begins with `'`: to take one away gives the value back.
"""

import csv
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

from covcat.catalog.columns import COLUMNS, Record, Value
from covcat.errors import UsageError
from covcat.files import sqlite_errors
from covcat.text import escaped

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_TYPES = {column.name: column.type for column in COLUMNS}
_BATCH, _BATCH_LETTERS = 1000, 4_000_000  # records that are in memory together, and their cells


def csv_to(stream: TextIO, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Write comma separated values; a blank is an empty cell."""
    writer = csv.writer(_Lines(stream))
    writer.writerow(columns)
    count = 0
    for record in records:
        writer.writerow([_tame(name, record.get(name)) for name in columns])
        count += 1
    return count


class _Lines:
    r"""Ends rows with `\n`; the writer is told of `\r\n`, so that it quotes a bare `\r` too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: str) -> None:
        self._stream.write(row.removesuffix("\r\n") + "\n")


def _tame(name: str, value: Value) -> Value:
    if isinstance(value, str) and value.startswith(_FORMULA) and _TYPES.get(name, "text") == "text":
        return f"'{value}"
    return value


def tsv_to(stream: TextIO, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    r"""Write tab separated values; what is not visible in a cell is written `\t`, `\x1b`, `\u202e`.

    A backslash is two. So a cell never breaks a line or moves a cursor, and can be read back.
    """
    stream.write("\t".join(columns) + "\n")
    count = 0
    for record in records:
        cells = ("" if record.get(name) is None else str(record[name]) for name in columns)
        stream.write("\t".join(escaped(cell.replace("\\", r"\\")) for cell in cells) + "\n")
        count += 1
    return count


def jsonl_to(stream: TextIO, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Write one JSON object a line; a blank is null."""
    count = 0
    for record in records:
        stream.write(json.dumps({name: record.get(name) for name in columns}) + "\n")
        count += 1
    return count


STREAMS: Mapping[str, Callable[[TextIO, tuple[str, ...], Iterable[Record]], int]] = {
    "csv": csv_to,
    "tsv": tsv_to,
    "jsonl": jsonl_to,
}


def sqlite_to(path: Path, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Write a table `images` into a new SQLite file."""
    types = {"text": "TEXT", "integer": "INTEGER", "number": "REAL"}
    spelt = ", ".join(f"{name} {types[_TYPES[name]]}" for name in columns)
    count = 0
    with sqlite_errors(f"write `{path.name}`"), closing(sqlite3.connect(path)) as base:
        base.execute(f"CREATE TABLE images ({spelt})")
        insert = f"INSERT INTO images VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        for batch in batches(records):
            base.executemany(insert, [[one.get(name) for name in columns] for one in batch])
            count += len(batch)
        base.commit()
    return count


def parquet_to(path: Path, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Write a Parquet file.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs the package pyarrow", hint="pip install 'covcat[parquet]'"
        ) from error
    schema = _schema(pyarrow, columns)
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for batch in batches(records):
            plain = [{name: one.get(name) for name in columns} for one in batch]
            writer.write_table(pyarrow.Table.from_pylist(plain, schema=schema))
            count += len(batch)
    return count


def _schema(arrow: Any, columns: tuple[str, ...]) -> Any:
    types = {"text": arrow.string(), "integer": arrow.int64(), "number": arrow.float64()}
    return arrow.schema([(name, types[_TYPES[name]]) for name in columns])


FILES: Mapping[str, Callable[[Path, tuple[str, ...], Iterable[Record]], int]] = {
    "sqlite": sqlite_to,
    "parquet": parquet_to,
}


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Give records together, as many as are short enough."""
    batch: list[Record] = []
    letters = 0
    for one in records:
        batch.append(one)
        letters += len(str(one.get("raw") or ""))
        if len(batch) == _BATCH or letters > _BATCH_LETTERS:
            yield batch
            batch, letters = [], 0
    if batch:
        yield batch
