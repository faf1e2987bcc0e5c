"""What `overlap` found, into a new file."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from covcat.beside import write_whole
from covcat.cli.formats import Rows
from covcat.cli.printing import put
from covcat.cli.session import OUTPUTS, Session, envelope
from covcat.errors import UsageError
from covcat.files import check_new
from covcat.store.folder import check_outside
from covcat.text import plural

_TO_FILES = ("csv", "tsv", "json")


def form_of(session: Session, asked: str | None, output: Path | None, *, force: bool) -> str:
    """Decide the format: --json, --format, the file's suffix, then the terminal; a new file's."""
    if output is None:
        form = session.format(asked)
        return ("table" if sys.stdout.isatty() else "tsv") if form == "ids" else form
    form = asked or output.suffix.lstrip(".").lower()
    if form not in _TO_FILES:
        raise UsageError(
            f"the suffix of `{output}` says no format: expected .csv, .tsv or .json",
            hint=f"--output {shlex.quote(f'{output.stem}.csv')}, or --format csv",
        )
    check_new(output, force=force)
    check_outside(session.data_dir, output)
    return form


def write(
    session: Session, rows: Rows, data: Mapping[str, Any], form: str, output: Path, *, force: bool
) -> None:
    """Write a file whole, or none; print its path."""
    text = envelope("overlap", data) if form == "json" else OUTPUTS[form](rows)
    write_whole(output, text.encode(), force=force)
    session.say(f"{plural(len(rows.rows), 'row')} written to `{output}`")
    done = {**data, "path": str(output)}
    put(sys.stdout, envelope("overlap", done) if session.json else f"{output}\n")
