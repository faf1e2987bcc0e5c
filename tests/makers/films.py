"""A made-up set of films: its entry, its table of labels, its pictures."""

import csv
import io
from collections.abc import Iterable, Mapping

from makers.pictures import encoded, film

COLUMNS = (
    *("patientid", "offset", "sex", "age", "finding", "view", "filename", "license", "split"),
    *("location", "clinical_notes"),
)
ENTRY = """\
releases:
  - id: "1"
    source: made up
    files: [{host: web, name: a.zip, url: "https://data.example.org/a.zip", unpack: zip}]
tables:
  - reader: delimited
    path: metadata.csv
    source: made up
    columns:
      patient_id: patientid
      offset: offset
      sex: sex
      age: age
      finding: finding
      view: view
      filename: filename
      license: license
      split: split
      location: location
      clinical_notes: clinical_notes
    image: "images/{filename}"
"""
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
