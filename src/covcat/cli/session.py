"""What the global options say, and how a command prints: results to stdout, talk to stderr."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from covcat.cli import formats, meant, table
from covcat.cli.formats import Rows
from covcat.cli.printing import RED, bold, has_color, has_events, labelled, put, put_event
from covcat.errors import CovcatError, SeveralError
from covcat.setting_files import Settings
from covcat.store.folder import Store
from covcat.text import escaped

if TYPE_CHECKING:
    from covcat.catalog.entries import Resource
    from covcat.catalog.load import Catalog

_MOST_NAMED = 3  # entries that a note names


@dataclass(frozen=True)
class Session:
    """One run of covcat."""

    data_dir: Path
    catalog_folders: tuple[Path, ...] = ()
    mirror: str | None = None
    offline: bool = False
    color: str = "auto"
    no_input: bool = False
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    settings: Settings = field(default_factory=Settings)
    words: tuple[str, ...] = ()  # the command and all that follows it
    _told: set[str] = field(default_factory=set)  # names whose meaning was told

    @cached_property
    def catalog(self) -> "Catalog":
        """The catalog, loaded when it is first needed; says which packaged entries it replaces."""
        from covcat.catalog.load import load

        loaded = load(self.catalog_folders)
        replaced: dict[Path, list[str]] = {}
        for resource in loaded.resources:
            if resource.override:
                replaced.setdefault(loaded.folders[resource.id], []).append(f"`{resource.id}`")
        for folder, ids in replaced.items():
            verb = "comes" if len(ids) == 1 else "come"
            names = ", ".join(ids) if len(ids) <= _MOST_NAMED else f"{len(ids)} entries"
            self.say(f"note: {names} {verb} from {folder}, not from covcat's catalog")
        return replace(loaded, elsewhere=self._meant)

    def _meant(self, name: str) -> "Resource | None":
        found = meant.resource(self.catalog, name, self.words)
        if found is not None and name not in self._told:
            self._told.add(name)
            self.say(f"`{name}` is `{found.id}`: {found.title}")
        return found

    @cached_property
    def store(self) -> Store:
        """The data folder."""
        return Store(self.data_dir)

    def say(self, text: str) -> None:
        """Talk: one line on stderr, folded on a terminal, unless --quiet."""
        if not self.quiet:
            put_talk(text)

    def result(self, command: str, data: object, text: str) -> None:
        """Print a result: `data` as the JSON envelope with --json, else `text`."""
        put(sys.stdout, envelope(command, data) if self.json else text)

    def result_path(self, command: str, path: object, data: object) -> None:
        """Print where a result lies, or `data` likewise."""
        self.result(command, data, f"{escaped(path) if sys.stdout.isatty() else path}\n")

    def format(self, asked: str | None) -> str:
        """Decide the format of a table: --json, --format, --quiet, then the terminal."""
        if self.json:
            return "json"
        return asked or ("ids" if self.quiet else "table" if sys.stdout.isatty() else "tsv")

    def rows(
        self,
        command: str,
        rows: Rows,
        *,
        data: object = None,
        output: str | None = None,
        footnotes: str = "",
    ) -> None:
        """Print a table in the format that was asked for; TSV on a pipe unless one was."""
        chosen = self.format(output)
        if chosen == "json":
            plain = [{k: row.get(k) for k in rows.columns} for row in rows.rows]
            put(sys.stdout, envelope(command, plain if data is None else data))
        elif chosen == "table":
            put(sys.stdout, table.to_table(rows, color=has_color(sys.stdout)) + footnotes)
        else:
            put(sys.stdout, OUTPUTS[chosen](rows))


_WARNING = re.compile(r"^(\S+: )?warning: ")  # of a release, or of all


def put_talk(text: str) -> None:
    """Write one line of talk to stderr; with `--progress json` as an event."""
    if not has_events():
        put(sys.stderr, readable(escaped(text), sys.stderr))
        return
    plain, warnings = _WARNING.subn(r"\1", text)
    put_event("warning" if warnings else "note", text=plain)


def put_error(error: CovcatError) -> None:
    """Write an error to stderr; with `--progress json` as an event, with all that --json says."""
    if has_events():
        put_event("error", **(_as_dict(error) or {}))
    else:
        put(sys.stderr, error_text(error))


def readable(text: str, stream: TextIO) -> str:
    """Return one line of text with its end: on a terminal folded between words, else whole.

    A hint is there to be copied: only one that marks its commands with `…` is folded.
    """
    is_whole = text.startswith("hint: ") and ("`" not in text or bool(_BARE.search(text)))
    if is_whole or not stream.isatty():
        return f"{labelled(text, stream)}\n"
    first, *more = table.prose(text, table.terminal_width(stream)) or [""]
    return "".join(f"{line}\n" for line in (labelled(first, stream), *more))


def envelope(command: str, data: object, error: CovcatError | None = None) -> str:
    """Return the one document that --json prints, on success and on failure."""
    schema = f"covcat.{command.replace(' ', '-') or 'covcat'}/1"
    document = {"schema": schema, "ok": error is None, "data": data, "error": _as_dict(error)}
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def _as_dict(error: CovcatError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    names = ("code", "kind", "message", "hint")
    found: dict[str, Any] = {name: getattr(error, name) for name in names}
    if error.cause:
        found["cause"] = error.cause
    if error.details:
        found["details"] = list(error.details)
    if isinstance(error, SeveralError):
        found["errors"] = [_as_dict(one) for one in error.errors]
    return found


MAX_DETAILS = 40
_FEWEST = 10
_AROUND = 6  # lines: the command, the error, its cause and hint, how many more, the prompt
_BARE = re.compile(r"^(?:[^`]|`[^`]*`)*?covcat [a-z]")  # a command that no `…` marks
_KIND = re.compile(r"(?<=: )(?:changed|missing|extra)(?=: )")  # of damage, in a detail
_MAX_LENGTH = 2000  # of a line: a member's name may be megabytes


def _most_details() -> int:
    """Return how many details are shown: on a terminal, what is wrong stays on the screen."""
    if not sys.stderr.isatty():
        return MAX_DETAILS
    return min(MAX_DETAILS, max(_FEWEST, shutil.get_terminal_size().lines - _AROUND))


def error_text(error: CovcatError) -> str:
    """Return an error as stderr shows it: what, its details, `cause:` and `hint:`."""
    lines = [f"error: {escaped(error.message, _MAX_LENGTH)}"]
    most = _most_details()
    lines += [f"  {escaped(detail, _MAX_LENGTH)}" for detail in error.details[:most]]
    if len(error.details) > most:
        more = len(error.details) - most
        lines.append(f"  … and {more} more; --json prints all")
    if error.cause:
        lines.append(f"cause: {escaped(error.cause, _MAX_LENGTH)}")
    if error.hint:
        lines.append(f"hint: {escaped(error.hint)}")
    texts = [readable(line, sys.stderr) for line in lines]
    if has_color(sys.stderr):
        texts = [_KIND.sub(lambda kind: bold(kind[0], RED), text, count=1) for text in texts]
    return "".join(texts)


OUTPUTS: Mapping[str, Callable[[Rows], str]] = {
    "table": table.to_table,
    "tsv": formats.to_tsv,
    "csv": formats.to_csv,
    "ids": formats.to_ids,
    "yaml": formats.to_yaml,
}


def put_document(data: bytes) -> None:
    """Print a document byte for byte; on a terminal, what that would obey is made visible."""
    if sys.stdout.isatty():
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")  # as RIS ends its lines
        put(sys.stdout, "\n".join(map(escaped, text.split("\n"))))
        return
    put(sys.stdout, data)


def without_ids(session: Session) -> str | None:
    """Return the format with -q, where that means ids elsewhere: a table of counts has none."""
    if not session.quiet:
        return None
    return "table" if sys.stdout.isatty() else "tsv"
