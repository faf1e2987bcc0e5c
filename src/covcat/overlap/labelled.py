"""What the indexes say of the pictures that are compared: their rows, read once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from covcat.catalog.columns import Record
from covcat.imaging.opening import Index

_COLUMNS = (
    *("resource", "release", "path", "sha256", "image_id", "patient_id", "finding", "covid"),
    *("split", "license", "license_spdx", "filename", "study", "series"),
)
_ROWS = f"SELECT {', '.join(_COLUMNS)} FROM images WHERE path NOT NULL ORDER BY rowid"  # noqa: S608

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
            found.rows.setdefault((index.name, str(row["path"])), []).append(row)
    return found
