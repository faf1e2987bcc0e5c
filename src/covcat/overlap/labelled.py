"""What the indexes say of the pictures that are compared: their rows, read once."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from covcat.catalog.columns import Record
from covcat.imaging.opening import Index

_COLUMNS = (
    *("resource", "release", "path", "sha256", "image_id", "patient_id", "finding", "covid"),
    *("split", "license", "license_spdx", "filename"),
)
_STUDIES = ("StudyInstanceUID", "SeriesInstanceUID")  # DICOM's, of whom nobody says the patient
_RAW = " OR ".join(f"raw LIKE '%{one}%'" for one in _STUDIES)
_ROWS = (
    f"SELECT {', '.join(_COLUMNS)}, CASE WHEN {_RAW} THEN raw END AS raw FROM images "  # noqa: S608
    "WHERE path NOT NULL ORDER BY rowid"
)

Key = tuple[str, str]  # ID@RELEASE and path


@dataclass(slots=True)
class Labelled:
    """The rows of pictures, by set and path; a picture may have several."""

    rows: dict[Key, list[Record]] = field(default_factory=dict)

    def of(self, set: str, path: str) -> list[Record]:
        """Return the rows of a picture; a user's own has none."""
        return self.rows.get((set, path), [])


def read_labels(indexes: Iterable[Index]) -> Labelled:
    """Read the rows of all pictures that are here."""
    found = Labelled()
    for index in indexes:
        for row in index.rows(_ROWS):
            row["studies"] = "\n".join(sorted(_studies(str(row.pop("raw") or "{}"))))
            found.rows.setdefault((index.name, str(row["path"])), []).append(row)
    return found


def _studies(raw: str) -> set[str]:
    cells = [row for row in json.loads(raw).values() if isinstance(row, dict)]
    return {str(row[name]) for row in cells for name in _STUDIES if row.get(name)}
