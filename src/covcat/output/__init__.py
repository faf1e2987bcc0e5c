"""Outputs: rows -> text. One module each, and every one escapes what it shows.

To add one: a module with `text(rows)`, and a line in OUTPUTS; tests/test_output.py runs over it.
JSON is not here: it is the envelope that every command prints (`covcat.cli.session`).
"""

from collections.abc import Callable, Mapping

from covcat.output import as_csv, as_ids, as_table, as_tsv, as_yaml
from covcat.output.rows import Rows

__all__ = ["OUTPUTS", "Cell", "Rows", "counted", "shown", "sized"]

OUTPUTS: Mapping[str, Callable[[Rows], str]] = {
    "table": as_table.text,
    "tsv": as_tsv.text,
    "csv": as_csv.text,
    "ids": as_ids.text,
    "yaml": as_yaml.text,
}
