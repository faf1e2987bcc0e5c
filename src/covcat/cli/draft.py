"""catalog draft: the `releases:` block of a new entry, from what a host's API says of a record.

Of a file, folder or address of one's own it is the whole entry, with `<…>` for what is not known.

Whatever a server said is text in quotes or in a comment: it can neither end its line nor reach
the terminal as a control character.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

from covcat.catalog.entries import CONTENT_FLAGS
from covcat.catalog.files import AnyFile
from covcat.catalog.yaml import MAX_BYTES
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.download.remote import Network
from covcat.errors import UsageError
from covcat.hosts.draft import Draft, draft, file_tree, record_of, tree_of
from covcat.hosts.own import draft_address, draft_disk
from covcat.hosts.record import DescribedFile
from covcat.names import unsafe_name
from covcat.text import escaped

_ADDRESS = re.compile(r"https?://[^\s@?#<>\"]+")  # with neither a login nor a question in it
_NAMED = 5  # files that a note names
_MOST = 300  # characters of a text in a comment
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}  # elsewhere no text


def run(session: Session, name: str, network: Network, *, each: bool, at: str | None) -> None:
    """Ask or read, and print the block or the entry."""
    own = _own(name, at)
    record = None if own else record_of(name)
    today = datetime.now(UTC).date().isoformat()
    with drawn(session, "none" if session.quiet else "plain") as progress:
        if record is not None:
            found = draft(record, network, progress, today, each=each)
        elif isinstance(own, Path):
            found = draft_disk(own, at, progress, today, each=each)
        else:
            found = draft_address(name, network, progress, today)
    notes = notes_of(found)
    text = text_of(found, notes) if record else entry_of(found, notes)
    page = quote(found.record.page)
    count = len(found.release.files)
    if len(text.encode()) > MAX_BYTES:
        raise UsageError(
            f"a catalog file has at most {MAX_BYTES:,} bytes: too few for {count:,} entries",
            hint=f"covcat catalog draft {quote(name)}" if each else f"open {page}",
        )
    session.result("catalog draft", _document(found, notes), text)
    entries = "1 entry" if count == 1 else f"{count:,} entries"
    left = "comments to look at" if record else "each `<…>` to fill in"
    session.say(f"{found.record.host}: {entries}, and {left}")


def _own(name: str, at: str | None) -> Path | str | None:
    """Return what is one's own: a path that is there, or an address that no host's record has."""
    path = Path(name)
    if os.path.lexists(path):
        if at is not None and (path.is_dir() > at.endswith("/") or not _ADDRESS.fullmatch(at)):
            form = "that of a folder, which ends with `/`" if path.is_dir() else "that of a file"
            raise UsageError(
                f"--at `{at}` is no address of it: expected {form}",
                hint=f"covcat catalog draft {quote(name)} --at https://example.org/data/",
            )
        return path
    if at is not None:
        raise UsageError("--at says where a file or folder of yours is served: expected its path")
    if _ADDRESS.fullmatch(name):
        try:
            record_of(name)
        except UsageError:
            return name
    return None


def entry_of(found: Draft, notes: Sequence[str]) -> str:
    """Return a whole entry, in which a person replaces every `<…>`."""
    id = re.sub(r"[^a-z0-9]+", "-", found.record.id.lower()).strip("-")[:64] or "newset"
    flags = "".join(f"{flag}: U, " for flag in CONTENT_FLAGS)
    lines = ["# A draft: replace every <…>; docs/catalog.md explains each key."]
    lines += ["# To look at, before it is used:"] if notes else []
    lines += [f"# - {escaped(note, 4 * _MOST)}" for note in notes]
    lines += [
        f"id: {scalar(id)}  # the name of this file, without .yaml",
        'title: "<title>"  # TODO',
        'organization: "<who made it>"  # TODO',
        'summary: "<what it holds, of whom, in which file format>"  # TODO',
        'homepage: "<https://…/about>"  # TODO',
        'homepage_source: "<where this address is stated>"  # TODO',
        "found:  # TODO Y or N where you know it",
        f'  {{{flags}source: "<what shows it>"}}',
        "license:",
        '  spdx: "<SPDX id>"  # TODO or LicenseRef-none-stated, LicenseRef-something',
        '  allows:  # TODO "yes" or "no" where the licence says so',
        "    {commercial: unknown, derivatives: unknown, redistribution: unknown}",
        '  source: "<the page or file that states it>"  # TODO',
        "access: open  # account, if a login is needed",
    ]
    return "\n".join([*lines, *_release_lines(found)]) + "\n"


def text_of(found: Draft, notes: Sequence[str]) -> str:
    """Return the block, with what the host says of the whole and what to look at before it."""
    said, contents, count = found.said, found.said.contents, ""
    if contents is not None:
        unknown = contents.of_unknown_size
        more = f" and {unknown} of unknown size" if unknown else ""
        count = f"{contents.files:,}, {contents.bytes:,} bytes{more}"
    terms = " ".join(one for one in (said.license, said.license_url) if one)
    facts = {
        "title": said.title,
        "license": terms or "none stated",
        "authors": "; ".join(said.authors),
        "doi": said.doi,
        "files": count,
    }
    lines = [f"# What {found.record.host} says; read it at {found.record.page}"]
    lines += [f"#   {key}: {escaped(value, _MOST)}" for key, value in facts.items() if value]
    lines += ["# To look at, before this is committed:"]
    lines += [f"# - {escaped(note, 4 * _MOST)}" for note in notes]
    return "\n".join([*lines, *_release_lines(found)]) + "\n"


def _release_lines(found: Draft) -> list[str]:
    head, files = tree_of(found.release), found.release.files
    lines = ["releases:", f"  - id: {scalar(head['id'])}"]
    lines += [f"    {key}: {scalar(head[key])}" for key in ("date", "source") if key in head]
    lines += ["    files:"]
    lines += [f"      {line}" for file in files for line in _entry(file)]
    for one, file in _left_out(found):
        lines += [f"      # left out, {escaped(one.closed, _MOST)}:"]
        lines += [f"      # {line}" for line in _entry(file)]
    return lines


def _entry(file: AnyFile) -> Iterator[str]:
    for number, (key, value) in enumerate(file_tree(file).items()):
        yield f"{'  ' if number else '- '}{key}: {scalar(value)}"


def scalar(value: object) -> str:
    """Return a value as YAML: a number of the catalog plain, a text in quotes unless it is safe."""
    if isinstance(value, int):
        return str(value)
    text = str(value)
    is_plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/+-]*", text) and text.lower() not in _WORDS
    if is_plain and not re.fullmatch(r"[0-9.+_-]+(?:[eE][0-9.+_-]*)?|0[xob].*", text):
        return text
    whole = re.sub("[\ud800-\udfff]", "\ufffd", text)  # half a character, which no YAML can hold
    return '"' + escaped(whole.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _document(found: Draft, notes: Sequence[str]) -> Mapping[str, Any]:
    said, record = found.said, found.record
    return {
        "host": record.host,
        "record": record.id,
        "page": record.page,
        "title": said.title,
        "license": {"name": said.license, "url": said.license_url},
        "authors": list(said.authors),
        "doi": said.doi,
        "contents": asdict(said.contents) if said.contents else None,
        "notes": list(notes),
        "releases": [tree_of(found.release)],
        "left_out": [{"why": one.closed, **file_tree(file)} for one, file in _left_out(found)],
    }


def notes_of(found: Draft) -> list[str]:
    """Return what the host does not say, and what of it a catalog cannot take as it is."""
    notes = list(found.said.notes)
    files = [one for one, _ in found.entries]
    if not found.is_set:
        notes += _notes_of_files(found.entries)
    elif files:
        notes.append(
            f"one entry stands for all {len(files)} files: their digests are what the host says "
            "at each fetch; --each pins them one by one"
        )
        if closed := [one.path for one in files if one.closed]:
            notes.append(
                f"restricted: {_named(closed)}; fetch ends there unless a login may have them "
                "(`access: account`); --each leaves them out"
            )
    if found.refusal:
        notes.append(f"`covcat fetch` will refuse it: {found.refusal}")
    if found.record.page:  # else the keys are there already
        notes.append(
            "the keys above `releases:`, as in catalog/_template.yaml, from the page itself"
        )
    return notes


def _left_out(found: Draft) -> list[tuple[DescribedFile, AnyFile]]:
    return [] if found.is_set else [(one, file) for one, file in found.entries if one.closed]


def _notes_of_files(entries: Sequence[tuple[DescribedFile, AnyFile]]) -> list[str]:
    kept = [(one, file) for one, file in entries if not one.closed]
    counts = Counter(one.name for one, _ in kept)
    found: dict[str, list[str]] = {}
    for one, _ in sorted(entries, key=lambda entry: not entry[0].closed):  # what is closed first
        if why := one.closed or _why_unpinned(one):
            found.setdefault(f"{why}:", []).append(one.path)
    found |= {
        "without `name:`, which refuses the name that the host has:": [
            one.name for one, file in kept if file.name is None
        ],
        "kept under another name, as `name:` refuses the host's:": [
            f"{escaped(one.name, _MOST)} as {file.name}"
            for one, file in kept
            if file.name not in (None, one.name)
        ],
        "in other folders, because the host's are unsafe:": [
            one.path for one, _ in kept if unsafe_name(one.path.rpartition("/")[0] or "a")
        ],
        "several files are called": [name for name, count in counts.items() if count > 1],
        "put apart, because another file has its place:": [
            f"{one.path} in {file.into}"
            for one, file in kept
            if re.match(r"file-\d+/", file.into or "") and not one.path.startswith("file-")
        ],
    }
    notes = [f"{why} {_named(paths)}" for why, paths in found.items() if paths]
    if sum(file.unpack != "none" for _, file in kept) > 1:
        notes.append("each archive goes into a folder of its name; not needed if it brings one")
    if any(file.md5 and not file.sha256 for _, file in kept):
        notes.append(
            "md5 shows accidents, not attacks; the first fetch records sha256, which may be added"
        )
    return notes


def _why_unpinned(one: DescribedFile) -> str:
    """Say why a file has no pin; "" of one that has."""
    kinds = {digest.kind for digest in one.digests}
    if kinds & {"sha256", "md5"}:
        return ""
    if kinds:
        return f"no pin, because the host only has {', '.join(sorted(kinds))}; fetch asks for it"
    return f"no digest{f', because {one.why}' if one.why else ''}"


def _named(names: Sequence[str]) -> str:
    first = ", ".join(f"`{escaped(name, 120)}`" for name in names[:_NAMED])
    return first + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
