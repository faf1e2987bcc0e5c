"""A made-up set of films: its entry, its table of labels, its pictures."""

import csv
import io
from collections.abc import Iterable, Mapping

from makers.pictures import encoded, film
from makers.releases import labelled

COLUMNS = (
    *("patientid", "offset", "sex", "age", "finding", "view", "filename", "license", "split"),
    *("location", "clinical_notes"),
)
ENTRY = labelled(
    {"patient_id": "patientid", **{name: name for name in COLUMNS[1:]}}, "images/{filename}"
)
Row = Mapping[str, object]


def table_of(rows: Iterable[Row]) -> bytes:
    out, rows = io.StringIO(), list(rows)
    columns = dict.fromkeys((*COLUMNS, *(name for row in rows for name in row)))
    writer = csv.DictWriter(out, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def png(seed: int, width: int = 200, height: int = 160) -> bytes:
    return encoded(film(seed, width, height))
