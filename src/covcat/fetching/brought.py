"""What a person gave -> files, each known by its contents; archives are unpacked."""

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote

from covcat.archives import extract, writing
from covcat.archives.base import Opening, Padding
from covcat.archives.kinds import SUFFIXES
from covcat.archives.rules import Layout
from covcat.archives.volumes import Archive, VolumeSet, archives_of, grouped
from covcat.catalog.files import File
from covcat.catalog.listing import Listing
from covcat.digests import Digests, Stamp, stamp_of
from covcat.download.remote import RemoteFile
from covcat.errors import DiskError, ExtractionError, IntegrityError, NotFoundError, UsageError
from covcat.fetching.base import Build, page_of
from covcat.fetching.place import budget_for, is_pinned, tell
from covcat.files import CHUNK, StoredFile, disk_errors, hashed, make_folder
from covcat.hosts.base import remote_file
from covcat.names import VolumeError, history_of, is_litter, portion, split, unsafe_name, volume
from covcat.store.folder import MANIFEST, OWN, SUMS, Store
from covcat.text import plural

_SHOWN = 3  # names in a note
Stamps = tuple[Stamp, ...]  # of each file


def stamp(path: Archive) -> Stamps:
    """Return what differs after a file was changed or replaced; it must be readable."""
    found = list[Stamp]()
    for one in path.paths if isinstance(path, VolumeSet) else [path]:
        with reading(one), one.open("rb") as stream:
            found.append(stamp_of(os.fstat(stream.fileno())))
    return tuple(found)


def size_of(stamp: Stamps) -> int:
    """Return the bytes of all files."""
    return sum(size for _, size, *_ in stamp)


@dataclass(frozen=True, slots=True)
class GivenPath:
    """One path that was given: an archive, or all its volumes, a plain file or a folder."""

    path: Archive
    is_folder: bool
    stamp: Stamps | None  # of a file
    everything: "tuple[Lying, ...]"  # every regular file
    unsafe: tuple[str, ...] = ()  # regular files whose names no release may have
    special: tuple[str, ...] = ()  # links, pipes, devices
    history: tuple[str, ...] = ()  # files of version control, by the folder that they lie in

    @property
    def name(self) -> str:
        """Return its own name, as messages and the manifest have it."""
        if isinstance(self.path, VolumeSet):
            return printable(self.path.whole)
        return printable(self.path.resolve().name or str(self.path))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return what was given as it is on disk."""
        return self.path.paths if isinstance(self.path, VolumeSet) else (self.path,)

    @property
    def files(self) -> "list[Lying]":
        """Return its files without what a desktop leaves in a folder."""
        return [one for one in self.everything if not self.is_folder or not is_litter(one[0])]

    @property
    def single(self) -> list[tuple[str, Path]]:
        """Return every file by itself, the volumes of an archive too."""
        found: list[tuple[str, Path]] = []
        for name, path in self.everything:
            above = name[: name.rfind("/") + 1]
            paths = path.paths if isinstance(path, VolumeSet) else [path]
            found += [(name if one is path else above + one.name, one) for one in paths]
        return found


Lying = tuple[str, Archive]  # its relative path in what was given, and its path


@dataclass(frozen=True, slots=True)
class GivenFile:
    """One file that may be the release's; `stored.path` is where it lay in what was given."""

    stored: StoredFile
    path: Path
    source: GivenPath | None  # None: it is here already
    is_ours: bool  # so that it may be linked
    padding: Padding | None = None  # of the archive that it was in


def look_at(path: Path, store: Store) -> GivenPath:
    """Look at what was given, before anything is written; covcat's own folder is no part of it."""
    with reading(path):
        if not path.exists():
            raise NotFoundError(f"`{path}` is not there")
        own = store.folder.stat() if store.folder.exists() else None
        if path.is_dir():
            if own is not None and os.path.samestat(path.stat(), own):
                raise UsageError(f"`{path}` is the data folder itself", hint="covcat list --help")
            return _walk(path, own)
    if not path.is_file():
        raise NotFoundError(f"`{path}` is neither a file nor a folder")
    name = path.resolve().name
    unsafe = (printable(name),) if unsafe_name(name) else ()
    return GivenPath(path, False, stamp(path), ((name, path),), unsafe)


def _walk(top: Path, own: os.stat_result | None) -> GivenPath:
    """Sort what lies in a folder; links are not followed, and `own` is not looked into.

    Of the folder of a release, the records beside its data are no part of what is given.
    """
    records = OWN if (top / MANIFEST).is_file() and (top / SUMS).is_file() else ()

    def is_closed(error: OSError) -> None:
        if not is_litter(Path(error.filename).relative_to(top).as_posix()):  # of a network disk
            raise error

    files = list[tuple[str, Path]]()
    unsafe, special, history = list[str](), list[str](), list[str]()
    for parent, folders, names in os.walk(top, onerror=is_closed):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        inside = sorted(set(folders) - set(links))
        folders[:] = [
            one
            for one in inside
            if own is None or not os.path.samestat(Path(parent, one).lstat(), own)
        ]
        for path in (Path(parent, name) for name in sorted([*names, *links])):
            relative = path.relative_to(top).as_posix()
            if relative in records:
                continue
            if place := history_of(relative):
                history.append(place)
            elif not stat.S_ISREG(path.lstat().st_mode):
                special.append(printable(relative))
            elif not unsafe_name(relative):
                files.append((relative, path))
            elif not is_litter(relative):
                unsafe.append(printable(relative))
    return GivenPath(top, True, None, tuple(files), *map(tuple, (unsafe, special, history)))


def say_what_is_left_out(build: Build, sources: Iterable[GivenPath]) -> None:
    """Name what of a folder no release takes."""
    for source in sources:
        for place, count in Counter(source.history).items():
            what = f"`{printable(place)}` of `{source.name}` left out: {plural(count, 'file')}"
            build.say(f"{what} of version control, which is no part of a data set")
        unsafe = f"{plural(len(source.unsafe), 'file')} of `{source.name}` left out, unsafe names"
        special = f"links and special files of `{source.name}` left out"
        for what, names in ((special, source.special), (unsafe, source.unsafe)):
            if source.is_folder and names:
                more = ["…"] if len(names) > _SHOWN else []
                shown = ", ".join([*(f"`{name}`" for name in names[:_SHOWN]), *more])
                build.say(f"{what}: {shown}")


def printable(name: str) -> str:
    """Write what of a name is not UTF-8 as the numbers of its bytes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@contextmanager
def reading(path: Archive) -> Iterator[None]:
    """Turn what the system refuses into an error about the person's own file."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        where = error.filename if isinstance(error.filename, str) else str(path)
        raise DiskError(
            f"cannot read `{printable(where)}`: {reason}", hint=f"ls -ld {quote(printable(where))}"
        ) from error


def read(
    path: Archive,
    digests: Digests | None = None,
    target: Path | None = None,
    doing: str = "",
) -> Digests:
    """Hash a person's file, and copy it if it is to stay: a link would change with their own.

    `doing` is what is said where the copy cannot be written.
    """
    found = digests or Digests()
    with disk_errors(doing or f"write `{target and target.name}`"), ExitStack() as stack:
        copy = None
        if target is not None:
            make_folder(target.parent)
            copy = stack.enter_context(target.open("xb"))
        stack.callback(found.settle)
        for data in _pieces(path):
            found.update(data)
            if copy is not None:
                copy.write(data)
    return found


def _pieces(path: Archive) -> Iterator[bytes]:
    """Give the bytes of a person's file: what cannot be read is no error of the copy."""
    opening = path.open_all() if isinstance(path, VolumeSet) else None
    with reading(path), opening or path.open("rb") as stream:
        while data := stream.read(CHUNK):
            yield data


def check_unchanged(path: Archive, before: Stamps | None) -> None:
    """Refuse what is not the file that was there when the work began."""
    if before is not None and stamp(path) != before:
        raise IntegrityError(
            f"`{path}` changed while it was read; nothing of it was kept",
            hint="wait until it is whole, then run the same command again",
        )


def read_given(build: Build, sources: Iterable[GivenPath], listing: Listing) -> list[GivenFile]:
    """Return every file of what was given, with its sha256 and git id; archives are unpacked."""
    found: list[GivenFile] = []
    for source in sources:
        kind = None if source.is_folder else _kind_in(build, source.path)
        if kind:  # what the listing has as it is (a workbook is a zip too) is not unpacked
            sizes, names = {one[1] for one in stamp(source.path)}, {one for one, _ in source.single}
            known = {  # a file is hashed only where it may be one of these
                row.sha256 or row.blob
                for path, row in listing.items()
                if row.bytes in sizes or (row.bytes is None and path.split("/")[-1] in names)
            }
            whole = _hash_all(build, source) if known else ()
            if same := [one for one in whole if known & {one.stored.sha256, one.stored.blob}]:
                found += same
                continue
        try:
            found += _unpack(build, source.path, kind, source) if kind else _hash_all(build, source)
        except VolumeError:
            if isinstance(source.path, VolumeSet):
                raise
            found += _hash_all(build, source)  # the release may have it as it is
    return found


def unpack_inside(build: Build, lying: Iterable[GivenFile]) -> Iterator[GivenFile]:
    """Give the files of archives that lie in a folder: a person gave what they downloaded to.

    What came out of an archive itself is not opened.
    """
    closed = {
        one.path: one.source
        for one in lying
        if one.source and not one.is_ours and not is_litter(one.stored.path)
    }
    for group in grouped(closed):
        for archive in archives_in(build, group):
            if kind := _kind_in(build, archive):
                yield from _unpack(build, archive, kind, closed[group[0]])


def archives_in(build: Build, group: list[Path]) -> Sequence[Archive]:
    """Return the archive that all of a group are volumes of; they themselves if they are none.

    Raises:
        VolumeError: some volumes are missing, and nothing else would tell what lacks.
    """
    try:
        return archives_of(group)
    except VolumeError as error:
        is_known = build.listing is not None or build.lacking or build.options.allow_missing
        if not (is_known and portion(group[0].name)):
            raise
        build.say(f"{error.message}; taking what is here")
        return group


def kind_of(path: Archive, *, allows_padding: bool = False) -> str | None:
    """Return an archive's format; None for any other file.

    Raises:
        PaddedArchiveError: it is called an archive, and is one with bytes before it.
    """
    try:
        kind = extract.kind(path, allows_padding=allows_padding)
    except extract.PaddedArchiveError:
        if not path.name.lower().endswith(tuple(SUFFIXES)):
            return None
        raise
    except ExtractionError:
        return None
    return kind if kind in ("zip", "tar", "7z", "rar") else None


def _kind_in(build: Build, path: Archive) -> str | None:
    """Return an archive's format, also behind padding where the catalog pins these very bytes."""
    try:
        extract.kind(path)
    except extract.PaddedArchiveError:
        return kind_of(path, allows_padding=_is_pinned(build, path))
    except ExtractionError:
        return None
    return kind_of(path)


def _is_pinned(build: Build, path: Archive) -> bool:
    """Tell if a file has what the catalog pins of a file of the release."""
    pinned = [one for file in build.release.files if is_pinned(one := remote_file(file, path.name))]
    if not pinned:
        return False
    found = read(path, Digests([digest.kind for one in pinned for digest in one.digests]))
    return any(has_digests(found, one) for one in pinned)


def has_digests(found: Digests, served: RemoteFile) -> bool:
    """Tell if a file that was read has all digests that are known of one that is served."""
    return all(
        (found.hexdigest(one.kind) or "")[: len(one.value)] == one.value for one in served.digests
    )


def check_no_volume(path: Archive) -> None:
    """Refuse what is no archive because it is only a volume of one; its hint is how to join it."""
    if isinstance(path, Path) and volume(path.name):
        archives_of([path])  # names those that are missing
        raise split(path.name)
    try:
        extract.kind(path)
    except VolumeError:
        raise
    except ExtractionError:
        return


def no_archive(build: Build, served: RemoteFile, path: Archive) -> IntegrityError:
    """Say what lies where an archive should: often a page that asks for a login, saved as one."""
    check_no_volume(path)
    error = IntegrityError(f"`{printable(path.name)}` is not the archive of `{build.name}`")
    where = page_of(build, served) or "its page"
    error.hint = f"open {where}, log in if it asks, and download it there again"
    try:
        error.cause = f"is of the format {extract.kind(path)}"
    except ExtractionError as reason:
        error.cause = reason.cause
        if reason.hint and not reason.hint.startswith("file "):  # which only asks what it is
            error.hint = reason.hint
    return error


def _unpack(build: Build, path: Archive, kind: str, source: GivenPath) -> Iterator[GivenFile]:
    before = stamp(path)
    folder = build.workshop / f"brought-{os.urandom(4).hex()}"
    opening = Opening(password=build.run.password)

    def unpack(opening: Opening) -> extract.Extracted:
        with disk_errors("make a folder to unpack to"):
            folder.mkdir()
        inside = folder.with_name(f"{folder.name}.inside")
        place = writing.UnpackTarget(folder, inside, True, build.run.progress)
        budget = budget_for(File(), build.run.store)
        return extract.extract(path, kind, Layout(command=""), budget, place, opening)

    try:
        done = unpack(opening)
    except extract.PaddedArchiveError:
        if not _is_pinned(build, path):
            raise
        shutil.rmtree(folder)
        done = unpack(replace(opening, allows_padding=True))
    check_unchanged(path, before)
    tell(build, printable(path.name), done)
    for stored in done.files:
        yield GivenFile(stored, folder / stored.path, source, is_ours=True, padding=done.padding)


def _hash_all(build: Build, source: GivenPath) -> Iterator[GivenFile]:
    progress, size = build.run.progress, 0
    for _, path in source.single:
        with reading(path):
            size += path.stat().st_size
    task = progress.start(f"reading {source.name}", size)
    try:
        for name, path in source.single:
            with reading(path):
                known = StoredFile(path=name, bytes=0, sha256="", blob="wanted")
                stored = hashed(path, known, partial(progress.advance, task))
            yield GivenFile(stored, path, source, is_ours=False)
    finally:
        progress.finish(task)
