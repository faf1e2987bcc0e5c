"""Archive -> files: what `covcat.archives.rules` lets in is written and hashed, for all formats.

Only folders and regular files are made, in a private staging folder, and only their bytes are
taken from the archive: no links, modes, times or owners. Unpatched Pythons leak through
`extractall` even with filters (CVE-2025-4517, CVE-2026-11940, CVE-2026-82049), so no library
writes for us. After an error the staging folder holds part of the archive: the caller drops it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Literal

from covcat import files as disk
from covcat import names
from covcat.archives import ListedFormat, StreamFormat, base, load_format
from covcat.archives.base import (
    ArchiveLink,
    Member,
    NestedArchive,
    Opening,
    Source,
    UnsafeError,
    Writer,
)
from covcat.archives.kinds import kind_of, stem_of
from covcat.archives.links import KnownLinks, folders_of, follow
from covcat.archives.rules import Admitted, Budget, Layout, Rules
from covcat.archives.volumes import Archive, VolumeSet
from covcat.archives.writing import Unpacking, UnpackTarget, UnwantedBytes
from covcat.errors import ExtractionError
from covcat.files import StoredFile, disk_errors

_NOTHING_SAID = Opening()


class PaddedArchiveError(ExtractionError):
    """An archive has padding that nobody allowed; nothing else was found wrong until there."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What came out of an archive and those inside it."""

    files: tuple[StoredFile, ...]
    left_out: int  # files that the layout did not want
    repeated: int  # members that came again, with the same bytes
    nested: tuple[NestedArchive, ...] = ()
    litter: int = 0  # files of desktops and version control that were left out besides
    padding: base.Padding | None = None  # of the archive itself
    links: tuple[ArchiveLink, ...] = ()


def inspect(
    archive: Archive,
    kind: str,
    layout: Layout,
    budget: Budget,
    opening: Opening = _NOTHING_SAID,
) -> list[Admitted]:
    """Check an archive and list its wanted files, writing nothing."""
    return inspect_all(archive, kind, layout, budget, opening)[0]


def inspect_all(
    archive: Archive, kind: str, layout: Layout, budget: Budget, opening: Opening
) -> tuple[list[Admitted], base.Padding | None]:
    """Return what lies around its files, too."""
    if isinstance(archive, VolumeSet) and archive.cut_by == "files":
        looks = [inspect_all(one, kind, layout, budget, opening) for one in archive.paths]
        files = [one for found, _ in looks for one in found]
        _check_no_collision(one.path for one in files)
        return files, next((padding for _, padding in looks if padding), None)
    rules = Rules(archive.name, layout, budget)
    admitted: list[Admitted] = []

    def look(member: Member) -> Writer | None:
        if (one := rules.admit(member)) and not (one.is_again or one.is_link or one.is_spare):
            admitted.append(one)
        budget.check(archive.name)
        return UnwantedBytes(budget, archive.name) if member.size is None else None

    with _opened(archive, opening, layout.command) as source:
        form = load_format(kind)
        if form.IS_STREAM:
            form.unpack(source, look)
        else:
            for member in form.members(source):
                look(member)
        rules.close()
    return admitted, source.padding


def kind(archive: Archive, *, allows_padding: bool = False, command: str = "") -> str:
    """Return an archive's format, by its first bytes, or by its end where padding is allowed.

    Raises:
        PaddedArchiveError: only by its end, and that is not allowed.
        ExtractionError: it has none that covcat knows, or its name says another.
    """
    with _archive_errors(archive, command=command):
        return kind_of(archive, allows_padding=allows_padding)


def extract(
    archive: Archive,
    kind: str,
    layout: Layout,
    budget: Budget,
    place: UnpackTarget,
    opening: Opening = _NOTHING_SAID,
) -> Extracted:
    """Write the wanted files, then those of the archives inside it that the layout names.

    An archive inside is unpacked beside
    where it lay, into a folder of its own name, and is not kept; archives in that one stay files.

    Raises:
        ExtractionError: it is damaged or unsupported, or a member is unsafe or ambiguous.
        DiskError: the disk refused, or has less than is needed.
    """
    if isinstance(archive, VolumeSet) and archive.cut_by == "files":
        return _extract_each(archive, kind, layout, budget, place, opening)
    rules = Rules(archive.name, layout, budget)
    with Unpacking(archive.name, place, budget) as unpacking:
        with _opened(archive, opening, layout.command) as source:
            form = load_format(kind)
            if form.IS_STREAM:
                _unpack_stream(form, source, rules, unpacking)
            else:
                _unpack_listed(form, source, rules, unpacking)
            links = _place_links(rules, unpacking, opening.encoding)
        files, repeated, litter = [*unpacking.files()], len(unpacking.again), rules.litter
        nested = []
        for number, file in sorted(unpacking.nested.items()):
            stored = unpacking.done[number]
            got = _unpack_nested(stored.path, file, layout, budget, place, opening)
            files += got.files
            repeated, litter = repeated + got.repeated, litter + got.litter
            links += got.links
            nested.append(
                NestedArchive(
                    path=stored.path,
                    bytes=stored.bytes,
                    sha256=stored.sha256,
                    files=len(got.files),
                    left_out=got.left_out,
                    padding=got.padding,
                )
            )
    _check_no_collision(one.path for one in files if nested)
    what = (tuple(files), rules.left_out, repeated, tuple(nested), litter)
    return Extracted(*what, source.padding, tuple(links))


def _extract_each(
    archive: VolumeSet,
    kind: str,
    layout: Layout,
    budget: Budget,
    place: UnpackTarget,
    opening: Opening,
) -> Extracted:
    """Write the files of archives that each hold a part of them, into one folder."""
    done = []
    for number, path in enumerate(archive.paths, start=1):
        own = replace(place, workspace=place.workspace.with_name(f"{place.workspace.name}{number}"))
        done.append(extract(path, kind, layout, budget, own, opening))
        _check_no_collision(file.path for one in done for file in one.files)
    return Extracted(
        files=tuple(file for one in done for file in one.files),
        left_out=sum(one.left_out for one in done),
        repeated=sum(one.repeated for one in done),
        nested=tuple(inner for one in done for inner in one.nested),
        litter=sum(one.litter for one in done),
        padding=next((one.padding for one in done if one.padding), None),
        links=tuple(link for one in done for link in one.links),
    )


def _check_no_collision(paths: Iterable[str]) -> None:
    if both := names.collision(paths):
        raise ExtractionError(f"`{both[0]}` and `{both[1]}` of two archives would be one path")


def _unpack_stream(form: StreamFormat, source: Source, rules: Rules, unpacking: Unpacking) -> None:
    def open_member(member: Member) -> Writer | None:
        admitted = rules.admit(member)
        rules.budget.check(rules.archive)
        if admitted is None and member.size is None:
            return UnwantedBytes(rules.budget, rules.archive)
        return unpacking.writer(admitted) if admitted else None

    unpacking.start(None)
    form.unpack(source, open_member)
    rules.close()


def _unpack_listed(form: ListedFormat, source: Source, rules: Rules, unpacking: Unpacking) -> None:
    listed = form.members(source)
    admitted = {one.number: found for one in listed if (found := rules.admit(one))}
    rules.budget.check(rules.archive)
    rules.close()
    unpacking.start(sum(one.member.size or 0 for one in admitted.values()))

    def open_member(member: Member) -> Writer | None:
        found = admitted.get(member.number)
        return unpacking.writer(found) if found else None

    form.unpack(source, listed, open_member)
    unpacking.check(len(admitted))


def _place_links(rules: Rules, unpacking: Unpacking, encoding: str | None) -> list[ArchiveLink]:
    """Look where each link leads, now that all is known; put copies there if they are wanted."""
    for name, link in rules.links.items() if unpacking.targets else ():
        if link.target is None:
            raw = unpacking.targets[link.number]
            with suppress(UnicodeDecodeError, LookupError):
                rules.links[name] = replace(link, target=raw.decode(encoding or "utf-8"))
    numbers = {one.path: number for number, one in unpacking.done.items()} if rules.places else {}
    found: list[ArchiveLink] = []
    known: KnownLinks = {}
    is_copied = rules.layout.links == "copy"
    handled: Literal["copied", "skipped"] = "copied" if is_copied else "skipped"
    folders = folders_of([*rules.places, *rules.links]) if is_copied and rules.links else None
    for name, link in rules.links.items():
        if not link.path:  # left out by its name: it need not be safe
            continue
        out = rules.way_out(link.path.removeprefix(rules.layout.into))
        try:
            reached = follow(name, rules.links, known, folders)
        except UnsafeError as error:
            error.way_out = out
            raise
        if is_copied:
            if (path := rules.places.get(reached)) is None:
                raise ExtractionError(
                    f"`{rules.archive}` has a link to no file that is unpacked: `{name}` leads to "
                    f"`{link.target}`",
                    hint=rules.without_links(out),
                )
            unpacking.copy(link, numbers[path])
        found.append(ArchiveLink(path=link.path, target=link.target or "", handled=handled))
    return found


def _unpack_nested(
    path: str, file: Path, layout: Layout, budget: Budget, place: UnpackTarget, opening: Opening
) -> Extracted:
    """Unpack an archive that lay at `path` of another one, and drop it."""
    with _archive_errors(file, path, layout.command):
        form = kind_of(file, allows_padding=opening.allows_padding)
    if reason := names.unsafe_name(stem_of(file.name)):
        raise ExtractionError(f"`{path}` cannot name the folder that it is unpacked to: {reason}")
    folder = PurePosixPath(path).parent / stem_of(file.name)
    inner = Layout(
        into=f"{folder}/",
        own_folder=folder.name,
        exclude=layout.exclude,
        wants=layout.wants,
        bars=layout.bars,
        litter=layout.litter,
        links=layout.links,
        command=layout.command,
    )
    own = replace(place, workspace=Path(f"{file.parent}.inside"))  # paths of two may be the same
    got = extract(file, form, inner, budget, own, opening)
    with disk_errors(f"drop `{path}`"):
        file.unlink()
    return got


@contextmanager
def _opened(archive: Archive, opening: Opening, command: str) -> Iterator[Source]:
    volumes = archive.paths if isinstance(archive, VolumeSet) else ()
    with _archive_errors(archive, archive.name, command), archive.open("rb") as stream:
        said = opening.encoding, volumes, opening.password, opening.allows_padding
        yield Source(archive.absolute(), stream, *said)


@contextmanager
def _archive_errors(archive: Archive, name: str = "", command: str = "") -> Iterator[None]:
    """Turn whatever a reader raises on damage into one sentence that names the archive."""
    name = name or archive.name
    try:
        yield
    except base.EncodingError as error:
        option = "covcat extract … --name-encoding NAME"
        such = "its makers' encoding, such as cp1256, gbk or cp437"
        hint = f"{option} unpacks it alone; its entry in a catalog may have `name_encoding`: {such}"
        if command == "covcat extract":
            hint = f"{option}, where NAME is {such}"
        raise ExtractionError(f"`{name}` {error}", hint=hint) from error
    except base.PasswordError as error:
        raise error.told(name, command) from error
    except UnicodeEncodeError as error:
        raise disk.locale_error(error) from error
    except base.DAMAGE as error:
        if isinstance(error, OSError) and error.errno:
            raise disk.disk_error(error, f"read `{name}`") from error
        cause = base.describe(error)
        if isinstance(archive, VolumeSet) and isinstance(error, base.CutOffError):
            raise archive.cut_off(error) from error
        volume = names.volume(name)
        if isinstance(error, base.SplitError) and volume and volume.is_rar:
            what = f"`{volume.whole}` comes in several volumes"  # whichever of them was given
            raise names.VolumeError(what, cause=cause, hint=volume.how) from error
        if isinstance(error, base.SplitError) or (volume and not volume.is_rar):
            raise names.split(name, str(error) or None) from error
        if isinstance(error, base.UnsupportedError):
            hint = error.hint.replace("{}", quote(name))
            raise ExtractionError(f"`{name}` is not supported", cause=cause, hint=hint) from error
        if isinstance(error, base.PaddedError):
            what, hint = f"`{name}` is refused as unsafe", error.hint(name, command)
            raise PaddedArchiveError(what, cause=cause, hint=hint) from error
        what = "refused as unsafe" if isinstance(error, UnsafeError) else "damaged"
        out = error.way_out if isinstance(error, base.BadArchiveError) else None
        raise ExtractionError(f"`{name}` is {what}", cause=cause, hint=out) from error
