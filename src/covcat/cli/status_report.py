"""What is here as Markdown, for a chat or a wiki: rows of `status` -> one text.

Its order is that of names, and no line depends on a terminal. Text that covcat did not write itself
is shown as text, whatever marks of Markdown or HTML it has.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from covcat.catalog.entries import MODALITIES, USES, License, Resource
from covcat.cli.formats import Cell
from covcat.cli.session import Session
from covcat.errors import CovcatError, NotFoundError
from covcat.store import accepted, manifest
from covcat.store import remove as removing
from covcat.text import escaped, format_size, plural
from covcat.version import __version__

_Row = Mapping[str, Cell]
_MARKS = re.compile(r"[\\`*_\[\]<>|~#&!$@]|(?<=www)\.|:(?=//)")  # what Markdown may obey in a line
_NAMES = dict(zip(MODALITIES, ("CT", "X-ray", "MRI", "ultrasound"), strict=True))


def plain(text: object) -> str:
    """Return text of one line that Markdown shows as it is."""
    return _MARKS.sub(r"\\\g<0>", escaped(text)).strip()


def code(text: object, *, in_table: bool = False) -> str:
    """Return text to be copied, as Markdown marks it; `|` would end the cell of a table."""
    safe = escaped(text).replace("|", "\\|") if in_table else escaped(text)
    around = "`" * (1 + max((len(run) for run in re.findall("`+", safe)), default=0))
    space = " " if safe.startswith("`") or safe.endswith("`") else ""
    return f"{around}{space}{safe}{space}{around}"


def to_markdown(session: Session, rows: Sequence[_Row]) -> str:
    """Return what is here, if it is intact, what one may do with it, what waits, and the disk."""
    here = [row for row in rows if row["state"] != "unfinished"]
    waiting = [row for row in rows if row["state"] == "unfinished"]
    resources = {name: _resource(session, name) for name in dict.fromkeys(map(_id, here))}
    sound = sum(row.get("verdict") in ("ok", "ok (quick)") and not row.get("note") for row in here)
    never = sum(not row.get("verdict") for row in here)
    counts = [f"{sound:,} verified and as fetched", f"{never:,} never verified"]
    counts.append(f"{len(here) - sound - never:,} to look at")
    if waiting:
        counts.append(f"and {len(waiting):,} unfinished")
    parts = [
        f"# Imaging data in {code(session.data_dir)}",
        f"{plural(len(here), 'release')}: {', '.join(counts)}.",
        _section("What is here", _HERE, [_told(row, resources[_id(row)]) for row in here]),
        _section("Is it intact", _INTACT, [_intact(row) for row in here]),
        _listed("To look at", [(row["id"], row["note"]) for row in here if row.get("note")]),
        _section("Licences", _LICENCES, _licences(session, here, resources)),
        _listed("What waits", [(row["id"], _waits(row)) for row in waiting]),
        _section("Disk", ("what", "files", "size"), _disk(session, here)),
        f"By covcat {__version__}, {manifest.now()[:10]}: {code('covcat status --report')}.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _section(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [heads, ["---"] * len(heads), *rows]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _listed(title: str, rows: Sequence[tuple[Cell, Cell]]) -> str:
    lines = [f"- {code(name)}: {plain(text)}" for name, text in rows]
    return f"## {title}\n\n" + "\n".join(lines) if lines else ""


_HERE = ("release", "what", "pictures", "state", "files", "size", "fetched", "newest")


def _told(row: _Row, resource: Resource | None) -> list[str]:
    kinds = [name for flag, name in _NAMES.items() if resource and resource.has(flag)]
    title = plain(resource.title) if resource else "not in the catalog"
    return [
        code(row["id"], in_table=True),
        title,
        ", ".join(kinds) or "unknown",
        plain(row["state"]),
        _number(row.get("files")),
        _size(row.get("bytes")),
        str(row.get("fetched_at") or "unknown")[:10],
        plain(row["newest"]),
    ]


_INTACT = ("release", "when fetched, verified by", "last verified", "found")


def _intact(row: _Row) -> list[str]:
    last = str(row.get("verified_at") or "never")[:10]
    words = {"ok": "ok: every file hashed", "ok (quick)": "ok: sizes and times only"}
    verdict = str(row.get("verdict") or "not looked at")
    return [
        code(row["id"], in_table=True),
        plain(row.get("verified_by") or "unknown"),
        last,
        plain(words.get(verdict, verdict)),
    ]


_LICENCES = ("resource", "licence", *USES, "terms accepted")


def _licences(
    session: Session, here: Sequence[_Row], resources: Mapping[str, Resource | None]
) -> list[list[str]]:
    """Return a row for each resource and licence: that which the record has, else the catalog."""
    try:
        known = accepted.accepted(session.store)
    except CovcatError:  # `license` says what is wrong with it
        known = []
    found: dict[tuple[str, License | None], None] = {}
    for row in here:
        id, _, release = str(row["id"]).partition("@")
        resource = resources[id]
        terms = resource.license if resource else None
        with suppress(CovcatError):  # else it is to be looked at, as the row says
            terms = manifest.load(session.store.release(id, release)).license
        found[id, terms] = None
    lines = []
    for id, one in found:
        resource = resources[id]
        last = accepted.last(known, resource) if resource else None
        uses = [getattr(one.allows, use) if one else "unknown" for use in USES]
        name = plain(one.short) if one else "unknown"
        each = " (each image has its own)" if one and one.per_image else ""
        lines.append([code(id, in_table=True), name + each, *uses, last.at[:10] if last else "no"])
    return lines


def _waits(row: _Row) -> str:
    files = plural(int(row["files"] or 0), "file")
    return f"{files}, {_size(row['bytes'])}; {row['note']}"


def _disk(session: Session, here: Sequence[_Row]) -> list[list[str]]:
    known = [(row.get("files"), row.get("bytes")) for row in here]
    kinds: dict[str, list[tuple[Cell, Cell]]] = {"releases": list(known)}
    for one in removing.found(session.store):
        kinds.setdefault(one.kind, []).append((one.files, one.bytes))
    lines = [
        [
            plain(kind),
            *(f(sum(int(one[at] or 0) for one in each)) for at, f in ((0, _number), (1, _size))),
        ]
        for kind, each in kinds.items()
    ]
    return [*lines, ["left on the disk", "", format_size(session.store.free_bytes())]]


def _resource(session: Session, id: str) -> Resource | None:
    try:
        return session.catalog.get(id)
    except NotFoundError:
        return None


def _id(row: _Row) -> str:
    return str(row["id"]).partition("@")[0]


def _number(value: Cell) -> str:
    return f"{value:,}" if isinstance(value, int) else "unknown"


def _size(value: Cell) -> str:
    return format_size(value) if isinstance(value, int) else "unknown"
