"""extract: any archive on disk, by the rules and the engine of `fetch`."""

import codecs
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer

from covcat.cli.declare import choice, flag, value
from covcat.cli.formats import Rows
from covcat.cli.options import FORMATS, Exclude, Include, size
from covcat.cli.passwords import PasswordFile, password_of
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.errors import UsageError
from covcat.store.folder import check_outside
from covcat.text import format_size, plural, took

if TYPE_CHECKING:
    from covcat.archives.base import Opening, Padding
    from covcat.archives.extract import Extracted
    from covcat.archives.links import Handling
    from covcat.archives.rules import Layout
    from covcat.progress import Progress

T = TypeVar("T")


def extract(
    ctx: typer.Context,
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="zip, tar, 7z, rar, gz …, or a volume of one.")
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PART]... [DIR]",
            help="Volumes that are not beside it. New or empty; by default the archive's name.",
        ),
    ] = None,
    list_only: bool = flag("--list", "Check it and list its files, write nothing.", "-l"),
    include: Include = None,
    exclude: Exclude = None,
    max_bytes: str | None = value("--max-bytes", "Refuse to write more, such as 500M.", "SIZE"),
    max_files: int | None = value("--max-files", "Refuse more members than these.", "N", min=1),
    nested: list[str] | None = value(
        "--nested", "Unpack these archives inside it too; repeatable.", "GLOB"
    ),
    name_encoding: str | None = value(
        "--name-encoding", "Of names that are not UTF-8, such as gbk.", "NAME"
    ),
    links: str | None = choice(
        ("skip", "copy"), "Links that stay inside: skip them, or copy their files.", "--links"
    ),
    password_file: PasswordFile = None,
    allow: str | None = choice(
        ("padding",), "padding: bytes before and after it.", "--allow", metavar="WHAT"
    ),
    output: str | None = choice(FORMATS, "Of --list: table, tsv, csv …", metavar="NAME"),
) -> None:
    """Unpack an archive of any format safely; print the folder.

    One unsafe, ambiguous or damaged member refuses the whole archive, and nothing is left behind.
    Of an archive in volumes give one, with the others beside it, or all.

    Example: covcat extract P001.rar scans/P001
    """
    from covcat.archives.base import Opening
    from covcat.archives.by_hand import listed, unpacked
    from covcat.archives.kinds import stem_of
    from covcat.names import unsafe_name, whole_of

    session: Session = ctx.obj
    most = None if max_bytes is None else size("--max-bytes", max_bytes)
    encoding = None if name_encoding is None else _encoding(name_encoding)
    opening = Opening(encoding, allows_padding=allow is not None)
    password = password_of(session, password_file)
    layout = _layout(include, exclude, nested, cast("Handling | None", links))
    name = whole_of(archive.name)
    paths, folder = [archive, *(more or ())], None
    if more and whole_of(more[-1].name).lower() != name.lower():
        folder = paths.pop()
    if list_only:
        kind, files, padding = password.opening(
            lambda word: listed(paths, layout, most, max_files, replace(opening, password=word))
        )
        listing = [{"path": one.path, "bytes": one.member.size} for one in files]
        session.rows("extract", Rows(("path", "bytes"), listing, key="path"), output=output)
        _tell_padding(session, name, padding)
        session.say(f"{name}: {kind}, {plural(len(files), 'file')}; nothing was written")
        return
    stem = stem_of(name)
    if folder is None and (reason := unsafe_name(stem)):
        raise UsageError(f"`{name}` cannot name the folder: {reason}", hint="give a folder too")
    target = folder or Path(stem)
    check_outside(session.data_dir, target, "give another folder")

    since = time.monotonic()
    work = partial(unpacked, paths, target, layout, most, max_files)
    kind, done = password.opening(
        lambda word: _drawing(session, work, replace(opening, password=word))
    )
    _tell(session, name, target, kind, done, time.monotonic() - since)


def _drawing(session: Session, work: "Callable[[Progress, Opening], T]", opening: "Opening") -> T:
    with drawn(session, "auto") as progress:
        return work(progress, opening)


def _tell(
    session: Session, name: str, target: Path, kind: str, done: "Extracted", seconds: float
) -> None:
    from covcat.archives.links import describe_links

    total = sum(one.bytes for one in done.files)
    parts = [
        f"{plural(len(done.files), 'file')}, {format_size(total)}",
        f"{done.left_out} left out" if done.left_out else "",
        f"{done.repeated} repeated with the same contents" if done.repeated else "",
        f"{plural(len(done.nested), 'archive')} inside" if done.nested else "",
        describe_links(done.links),
    ]
    for which, padding in [(name, done.padding), *((one.path, one.padding) for one in done.nested)]:
        _tell_padding(session, which, padding)
    session.say(f"{name}: {kind}, {', '.join(part for part in parts if part)}{took(seconds)}")
    data = {
        "path": str(target),
        "format": kind,
        "bytes": total,
        "left_out": done.left_out,
        "repeated": done.repeated,
        "padding": None if done.padding is None else asdict(done.padding),
        "links": [asdict(one) for one in done.links],
        "nested": [
            {
                "path": one.path,
                "sha256": one.sha256,
                "padding": None if one.padding is None else asdict(one.padding),
            }
            for one in done.nested
        ],
        "files": [
            {"path": one.path, "bytes": one.bytes, "sha256": one.sha256} for one in done.files
        ],
    }
    session.result_path("extract", target, data)


def _tell_padding(session: Session, name: str, padding: "Padding | None") -> None:
    if padding:
        session.say(f"{name}: passed over {padding}")


def _layout(
    include: Include, exclude: Exclude, nested: list[str] | None, links: "Handling | None"
) -> "Layout":
    from covcat.archives.rules import Layout

    return Layout(
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        nested=tuple(nested or ()),
        links=links,
        command="covcat extract",
    )


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # refuses codecs that are not of text, such as hex and zlib
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise UsageError(
            f"unknown --name-encoding `{name}`: expected one such as gbk, cp437 or latin-1"
        ) from None
