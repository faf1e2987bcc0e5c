"""Image records -> files that other programs read, a record at a time: csv, tsv, jsonl, and more.

Whatever is written can be read back as it was. In csv a text that a spreadsheet would run gets a
`'` in front, as does one that begins with `'`: to take one away gives the value back.
"""

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from covcat.catalog.columns import COLUMNS, FOUND_COLUMNS, Record, Value
from covcat.errors import UsageError
from covcat.files import sqlite_errors
from covcat.text import escaped

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_RISKY = re.compile(r"[=+\-@\t\r'](?<=[,\"\n].)", re.DOTALL)  # one of these begins a cell
_TYPES = {column.name: column.type for column in (*COLUMNS, *FOUND_COLUMNS)}
_SQL_TYPES = {"text": "TEXT", "integer": "INTEGER", "number": "REAL"}
_ROWS = 100  # of csv that are written at once
_BATCH, _BATCH_LETTERS = 1000, 4_000_000  # records that are in memory together, and their cells


def write_csv(stream: TextIO, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Write comma separated values; a blank is an empty cell."""
    rows = (tuple(map(one.get, columns)) for one in records)
    batches = iter(lambda: list(islice(rows, _ROWS)), [])
    return write_rows(stream, columns, batches)


def write_rows(
    stream: TextIO, columns: tuple[str, ...], batches: Iterable[Sequence[Sequence[Value]]]
) -> int:
    """Write the same of rows that come many at a time, their values in the order of the columns."""
    count = 0
    texts = [_TYPES.get(name, "text") == "text" for name in columns]
    stream.write(_quoted([columns]))
    for rows in batches:
        text = _joined(rows) or _quoted(rows)
        if _RISKY.search(text) or text[0] in _FORMULA:  # perhaps a cell: look at each
            text = _quoted([_tamed(row, texts) for row in rows])
        stream.write(text)
        count += len(rows)
    return count


def _tamed(row: Sequence[Value], texts: Sequence[bool]) -> list[Value]:
    """Put a `'` before each text that a spreadsheet would run."""
    return [
        f"'{one}" if is_text and isinstance(one, str) and one.startswith(_FORMULA) else one
        for one, is_text in zip(row, texts, strict=True)
    ]


def _joined(rows: Sequence[Sequence[Any]]) -> str:
    """Return what `_quoted` does, if nothing is to be quoted, in a third of the time; else ""."""
    try:
        lines = [*map(",".join, rows)]
    except TypeError:  # not all are texts
        lines = [",".join(["" if one is None else str(one) for one in row]) for row in rows]
    text, commas = "\n".join(lines) + "\n", len(rows) * (len(rows[0]) - 1)
    is_plain = commas and text.count(",") == commas and text.count("\n") == len(rows)
    return text if is_plain and '"' not in text and "\r" not in text else ""


def _quoted(rows: Sequence[Sequence[Value]]) -> str:
    r"""Return rows with \n at their ends; csv quotes a bare CR only where rows end in CR LF."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    spelt = text.getvalue()
    if spelt.count("\r") == len(rows):
        return spelt.replace("\r\n", "\n")
    if len(rows) == 1:
        return spelt.removesuffix("\r\n") + "\n"
    return "".join(_quoted([row]) for row in rows)


def write_tsv(stream: TextIO, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    r"""Write tab separated values; what is not visible in a cell is written `\t`, `\x1b`, `\u202e`.

    A backslash is two. So a cell never breaks a line or moves a cursor, and can be read back.
    """
    rows = ([one.get(name) for name in columns] for one in records)
    texts = (["" if value is None else str(value) for value in row] for row in rows)
    lines = ("\t".join(escaped(cell.replace("\\", r"\\")) for cell in row) for row in texts)
    return _write_lines(stream, chain(["\t".join(columns)], lines)) - 1


def write_jsonl(stream: TextIO, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Write one JSON object a line; a blank is null."""
    rows = ({name: one.get(name) for name in columns} for one in records)
    return _write_lines(stream, map(json.dumps, rows))


def _write_lines(stream: TextIO, lines: Iterable[str]) -> int:
    count = 0
    for line in lines:
        stream.write(f"{line}\n")
        count += 1
    return count


STREAMS: Mapping[str, Callable[[TextIO, tuple[str, ...], Iterable[Record]], int]] = {
    "csv": write_csv,
    "tsv": write_tsv,
    "jsonl": write_jsonl,
}


def write_sqlite(path: Path, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Write a table `images` into a new SQLite file."""
    with sqlite_errors(f"write `{path.name}`"), closing(sqlite3.connect(path)) as base:
        base.execute(table_of(columns))
        count = insert(base, columns, records)
        base.commit()
    return count


def table_of(columns: tuple[str, ...]) -> str:
    """Return the SQL that makes the table `images`; the names are covcat's own."""
    spelt = ", ".join(f"{name} {_SQL_TYPES[_TYPES[name]]}" for name in columns)
    return f"CREATE TABLE images ({spelt})"


def insert(base: sqlite3.Connection, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Put records into the table `images`; return how many."""
    count, text = 0, f"INSERT INTO images VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    for batch in _in_batches(records):
        base.executemany(text, [tuple(map(one.get, columns)) for one in batch])
        count += len(batch)
    return count


def write_parquet(path: Path, columns: tuple[str, ...], records: Iterable[Record]) -> int:
    """Write a Parquet file, by pyarrow, which is an extra."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs the package pyarrow", hint="pip install 'covcat[parquet]'"
        ) from error
    types = {"text": pyarrow.string(), "integer": pyarrow.int64(), "number": pyarrow.float64()}
    schema = pyarrow.schema([(name, types[_TYPES[name]]) for name in columns])
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for batch in _in_batches(records):
            plain = [{name: one.get(name) for name in columns} for one in batch]
            writer.write_table(pyarrow.Table.from_pylist(plain, schema=schema))
            count += len(batch)
    return count


FILES: Mapping[str, Callable[[Path, tuple[str, ...], Iterable[Record]], int]] = {
    "sqlite": write_sqlite,
    "parquet": write_parquet,
}


def _in_batches(records: Iterable[Record]) -> Iterator[list[Record]]:
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
