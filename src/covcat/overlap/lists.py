"""Anybody's lists of a split -> rows, each on a side: tables, lines, JSON, folders of pictures.

The side is what a column says (`split`, `fold`), else the name of the file (`train_COVIDx.txt`,
`trainCT_COVID.txt`), else that of a folder.
"""

import csv
import hashlib
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from covcat.catalog.matching import IMAGE_SUFFIXES
from covcat.errors import NotFoundError, UsageError
from covcat.files import disk_errors, opened
from covcat.imaging.readers.covidx import LINE
from covcat.seal import parse_json

_WORDS = {
    **dict.fromkeys(("train", "training", "trainset", "trn", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "tst", "ts"), "test"),
}
_NO_SIDE = ("", "none", "nan", "na", "n/a", "-", "unused", "exclude", "excluded", "ignore")
_COLUMNS = {  # what a column may be called, the first that is there is taken
    "side": ("split", "subset", "partition", "fold", "side", "set"),
    "name": (
        *("path", "filepath", "imagepath", "filename", "file", "image", "img", "imagename"),
        *("imageid", "imgname", "imgpath", "name"),
    ),
    "patient": ("patientid", "patient", "subjectid", "subject", "pid"),
    "sha256": ("sha256",),
}
_LISTS = (".csv", ".tsv", ".txt", ".lst", ".json")
_IMAGE = re.compile(rf"(?:{'|'.join(map(re.escape, IMAGE_SUFFIXES))})$", re.IGNORECASE)
_NAMED = re.compile(
    rf"(\S|\S.*?\S)((?<=.)(?:{'|'.join(map(re.escape, IMAGE_SUFFIXES))}))([\s,;]+\S+)*\s*",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_MOST_BYTES = 1 << 30
_HINT = "covcat split check --help"


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of a list, or a picture in a folder."""

    side: str  # train, val, test, `fold 1`, or what a list calls it
    name: str
    place: str  # FILE:ROW, or the path of the picture
    patient: str = ""
    sha256: str = ""
    kind: str = ""  # of which of several lists of one side: a class may number its own


def read_lists(paths: Sequence[Path], fewest: int = 2, unsaid: str = "") -> list[Listed]:
    """Read all rows that are on a side, of `fewest` sides; `unsaid` is that of a list without.

    Raises:
        UsageError: a list has no side, or no names; or fewer sides were found.
    """
    lists: list[tuple[Path, list[Listed]]] = []
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"`{path}` is not there", hint=_HINT)
        files = _lists_in(path) if path.is_dir() else [path]
        lists += [(file, _read_list(file, unsaid)) for file in files]
        if path.is_dir():
            lists.append((path, [*_pictures_in(path)]))
    rows = _told_apart([(path, rows) for path, rows in lists if rows])
    sides = list(dict.fromkeys(row.side for row in rows))
    if len(sides) < fewest:
        what = f"only the side `{sides[0]}`" if sides else "no row on a side"
        where = ", ".join(f"`{path}`" for path in paths)
        raise UsageError(
            f"{what} was found in {where}: expected {'two' if fewest > 1 else 'one'} at least",
            hint="covcat split check train.txt test.txt" if fewest > 1 else _HINT,
        )
    return rows


def _told_apart(lists: Sequence[tuple[Path, list[Listed]]]) -> list[Listed]:
    """Mark rows by their class, where a side has a list for each."""
    files = [rows for path, rows in lists if not path.is_dir()]
    sides = Counter(side for rows in files for side in {row.side for row in rows})
    found: list[Listed] = []
    for path, rows in lists:
        if path.is_dir() or not any(sides[row.side] > 1 for row in rows):
            found += rows
            continue
        rest = [word for word in _TOKEN.findall(path.stem) if word.casefold() not in _WORDS]
        folder = "" if side_in(path.parent.name) else path.parent.name
        found += [replace(row, kind=f"{folder}/{' '.join(rest)}") for row in rows]
    return found


def side_in(text: str) -> str:
    """Return the one side that a name of a file or folder tells, or nothing."""
    words = [text, *_TOKEN.findall(text), *re.split(r"[^A-Za-z]+", text)]
    found = {_WORDS[word.casefold()] for word in words if word.casefold() in _WORDS}
    return found.pop() if len(found) == 1 else ""


def _side_of(column: str, text: str) -> str:
    """Return the side that a cell says."""
    word = text.strip().casefold()
    if word in _NO_SIDE:
        return ""
    return _WORDS.get(word) or (f"fold {text.strip()}" if column == "fold" else text.strip())


def _lists_in(folder: Path) -> list[Path]:
    """Return the lists in a folder whose names have a side."""
    return [path for path in _walk(folder) if path.suffix.lower() in _LISTS and side_in(path.stem)]


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _pictures_in(folder: Path) -> Iterator[Listed]:
    """Give the pictures below a folder of a side, wherever that is in their path."""
    for path in _walk(folder):
        if not _IMAGE.search(path.name):
            continue
        parts = path.relative_to(folder).parts[:-1]
        sided = [(part, side_in(part)) for part in (*parts, folder.name)]
        at, side = next(((part, side) for part, side in sided if side), ("", ""))
        if side:
            with disk_errors(f"read `{path}`"), opened(path) as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            name = "/".join((*(part for part in parts if part != at), path.name))
            yield Listed(side, name, str(path), sha256=digest)


def _read_list(path: Path, unsaid: str) -> list[Listed]:
    """Read one list, by its suffix."""
    suffix = path.suffix.lower()
    if suffix not in _LISTS:
        raise UsageError(
            f"`{path}` is no list that is read: expected {', '.join(_LISTS)}, or a folder",
            hint="write it as csv with the columns filename and split",
        )
    try:
        with disk_errors(f"read `{path}`"), opened(path) as stream:
            data = stream.read(_MOST_BYTES)
        if suffix == ".json":
            rows = _json_rows(path, parse_json(data), unsaid)
        else:
            text = data.decode("utf-8-sig")
            read = _lines if suffix in (".txt", ".lst") else _table
            rows = read(path, text, unsaid)
        return [*rows]
    except (ValueError, csv.Error) as error:  # a UnicodeError is one
        raise UsageError(f"`{path}` cannot be read: {error}", hint=_HINT) from error


def _side_of_file(path: Path, unsaid: str) -> str:
    side = side_in(path.stem) or side_in(path.absolute().parent.name) or unsaid
    if not side:
        raise UsageError(
            f"`{path}` says no side: expected a column `split`, or train, val or test in its name",
            hint=_HINT,
        )
    return side


def _lines(path: Path, text: str, unsaid: str) -> Iterator[Listed]:
    """Read names, a line each; or COVIDx's `patientid filename class source`."""
    if "\t" in text.partition("\n")[0]:
        yield from _table(path, text, unsaid)
        return
    side = _side_of_file(path, unsaid)
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line]
    is_covidx = all(LINE.fullmatch(line) for _, line in lines)
    for number, line in lines:
        place = f"{path}:{number}"
        if is_covidx and (found := LINE.fullmatch(line)):
            yield Listed(side, found["filename"], place, found["patientid"])
        else:
            named = _NAMED.fullmatch(line)
            yield Listed(side, named[1] + named[2] if named else line, place)


def _table(path: Path, text: str, unsaid: str) -> Iterator[Listed]:
    """Read a table by the names of its columns; without such, by what is in its cells."""
    first = text.partition("\n")[0]
    delimiter = max("\t,;", key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if not rows:
        return
    columns = _known_columns(rows[0], rows[1:])
    body, start = rows[1:], 2
    if not columns and (columns := _guessed_columns(rows)):
        body, start = rows, 1
    if not {"name", "patient", "sha256"} & set(columns):
        raise UsageError(
            f"`{path}` names no pictures: expected a column such as filename, path or patientid, "
            f"got {', '.join(f'`{one}`' for one in rows[0][:12])}",
            hint=_HINT,
        )
    heading = _plain(rows[0][columns["side"]]) if "side" in columns and start == 2 else ""
    fixed = "" if "side" in columns else _side_of_file(path, unsaid)
    for number, row in enumerate(body, start):
        cells = {key: row[at].strip() for key, at in columns.items() if at < len(row)}
        side = fixed or _side_of(heading, cells.get("side", ""))
        yield from _row(side, cells, f"{path}:{number}")


def _row(side: str, cells: Mapping[str, str], place: str) -> Iterator[Listed]:
    name, patient, digest = (cells.get(one, "") for one in ("name", "patient", "sha256"))
    if side and (name or patient or digest):
        yield Listed(side, name, place, patient, digest.lower())


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _known_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return where the columns are that are known by their names."""
    names = [_plain(one) for one in header]
    found = {}
    for key, known in _COLUMNS.items():
        at = next((names.index(one) for one in known if one in names), None)
        if at is not None and (names[at] != "set" or _are_sides(row[at : at + 1] for row in rows)):
            found[key] = at
    return found


def _are_sides(cells: Iterable[Sequence[str]]) -> bool:
    """Tell if a column has nothing but sides: `set` may name the set that a picture is of."""
    words = {cell.strip().casefold() for row in cells for cell in row} - {*_NO_SIDE}
    return bool(words) and words <= set(_WORDS)


def _guessed_columns(rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return the columns of a table without a header: one of names, and perhaps one of sides."""
    found = {}
    for at in range(len(rows[0])):
        cells = [row[at : at + 1] for row in rows]
        if "name" not in found and all(cell and _IMAGE.search(cell[0]) for cell in cells):
            found["name"] = at
        elif "side" not in found and _are_sides(cells):
            found["side"] = at
    return found if "name" in found else {}


def _json_rows(path: Path, tree: object, unsaid: str) -> Iterator[Listed]:
    """Read `{"train": [name, …], "test": [name, …]}`, or a list of objects that are rows."""
    if isinstance(tree, dict):
        parts = [(_side_of("", side), rows) for side, rows in tree.items()]
    else:
        has_sides = isinstance(tree, list) and any(
            isinstance(row, dict) and {*_COLUMNS["side"]} & {*map(_plain, row)} for row in tree
        )
        parts = [("" if has_sides else unsaid, tree)]
    for side, rows in parts:
        if not isinstance(rows, list):
            continue  # what else is said of a split
        for number, row in enumerate(rows, 1):
            place = f"{path}:{side or 'row'} {number}"
            if isinstance(row, dict):
                plain = {_plain(key): str(value) for key, value in row.items()}
                cells = {
                    key: next(plain[one] for one in known if one in plain)
                    for key, known in _COLUMNS.items()
                    if set(known) & set(plain)
                }
                yield from _row(side or _side_of("", cells.get("side", "")), cells, place)
            elif isinstance(row, str | int) and side:
                yield Listed(side, str(row), place)
            else:
                raise ValueError(
                    f"expected names or objects with a name, got {json.dumps(row)[:60]}"
                )
