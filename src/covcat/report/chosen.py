"""The table of a cohort or a split that covcat wrote -> which rows of which releases are in it."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from covcat.errors import NotFoundError, UsageError
from covcat.files import disk_errors, opened
from covcat.imaging.query import Question

_TABLES = ("split.csv", "cohort.csv")  # of a folder
_NEEDED = ("image_id", "resource", "release")
_MOST_BYTES = 1 << 30
_KEY = "resource || '@' || release || ' ' || image_id"
_HINT = "covcat select cohen --covid yes --output cohort"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that a table names."""

    path: Path
    releases: tuple[str, ...]  # ID@RELEASE
    keys: frozenset[str]  # `ID@RELEASE image_id`
    sides: tuple[tuple[str, int, int], ...]  # of a split: side, pictures, patients

    @property
    def question(self) -> Question:
        """Return what asks an index for these rows."""
        texts = ", ".join("'" + key.replace("'", "''") + "'" for key in sorted(self.keys))
        return Question(where=f"{_KEY} IN ({texts})", with_files_only=False)


def read_chosen(path: Path) -> Chosen:
    """Read the table of a cohort or a split, or of the folder of one.

    Raises:
        NotFoundError: it is not there.
        UsageError: it is no table with the columns that name rows.
    """
    if not path.exists():
        raise NotFoundError(f"`{path}` is not there", hint=_HINT)
    if path.is_dir():
        path = next((path / one for one in _TABLES if (path / one).is_file()), path / _TABLES[1])
    keys, releases = dict[str, None](), dict[str, None]()
    pictures: Counter[str] = Counter()
    patients: dict[str, set[str]] = {}
    seen = set[tuple[str, str]]()
    try:
        with disk_errors(f"read `{path}`"), opened(path) as stream:
            text = stream.read(_MOST_BYTES).decode("utf-8-sig")
        csv.field_size_limit(1 << 28)
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if lacking := set(_NEEDED) - set(rows.fieldnames or ()):
            raise ValueError(f"it has no column {', '.join(sorted(lacking))}")
        for row in rows:
            name = f"{row['resource']}@{row['release']}"
            releases[name] = None
            keys[f"{name} {row['image_id']}"] = None
            side, picture = row.get("split") or "", row.get("path") or row["image_id"]
            if side:
                pictures[side] += (name, picture) not in seen
                seen.add((name, picture))
                patients.setdefault(side, set()).add(row.get("patient_id") or "")
    except (ValueError, csv.Error, TypeError) as error:
        raise UsageError(
            f"`{path}` is no table of a cohort or a split: {error}", hint=_HINT
        ) from error
    if not keys:
        raise UsageError(f"`{path}` has no row", hint=_HINT)
    order = ("train", "val", "test")
    sides = sorted(pictures, key=lambda one: (order.index(one) if one in order else 3, one))
    told = tuple((one, pictures[one], len(patients[one] - {""})) for one in sides)
    return Chosen(path, tuple(releases), frozenset(keys), told)
