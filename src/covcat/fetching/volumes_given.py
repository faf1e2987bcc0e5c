"""Volumes that a person gave -> the archive that they are of, as if it had been given whole.

Nothing is put together on disk. What a release itself calls as a volume stays one file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from covcat.archives.volumes import Archive, VolumeSet, grouped
from covcat.download.remote import RemoteFile
from covcat.fetching.base import Build
from covcat.fetching.brought import GivenPath, Lying, archives_in, check_no_volume, printable, stamp
from covcat.names import VolumeError, is_litter, only_volumes, portion, unsafe_name, volume


def put_together(
    build: Build, sources: Sequence[GivenPath], own: Iterable[str], *, may_lack: bool = False
) -> list[GivenPath]:
    """Take the volumes of an archive for one file that was given; others may lie beside them.

    `own` are the paths of the release's files. With `may_lack` an archive is told and left out if
    volumes of it are missing.

    Raises:
        VolumeError: some volumes are missing; it names them.
    """
    kept = _volumes_among(own)
    given = {one.path: one for one in sources if isinstance(one.path, Path)}
    found = [one for one in given.values() if one.is_folder]
    for group in grouped(path for path, one in given.items() if not one.is_folder):
        try:
            archives = _archives(build, group, kept)
        except VolumeError as error:
            if not may_lack:
                raise
            build.say(f"{error.message}: nothing of it is taken")
            continue
        found += (
            _as_given(one, given) if isinstance(one, VolumeSet) else given[one] for one in archives
        )
    return found


def put_together_inside(build: Build, source: GivenPath, own: Iterable[str]) -> GivenPath:
    """Take those that lie in a folder so; if some are missing, it is told, and they stay."""
    kept = _volumes_among(own)
    places = {path: name for name, path in source.single if not is_litter(name)}
    sets: dict[Path, VolumeSet] = {}
    for group in grouped(places) if source.is_folder else ():
        try:
            archives = _archives(build, group, kept)
        except VolumeError as error:  # perhaps of no archive that is needed
            build.say(error.message)
            continue
        sets |= {path: one for one in archives if isinstance(one, VolumeSet) for path in group}
    everything: dict[Lying, None] = {}  # in order, each once
    for name, path in source.single:
        archive = sets.get(path)
        above = name[: name.rfind("/") + 1]
        everything[(name, path) if archive is None else (above + archive.whole, archive)] = None
    return replace(source, everything=tuple(everything))


def check_whole(build: Build, served: RemoteFile, lying: Iterable[Lying]) -> None:
    """Refuse the volumes of an archive, which nobody wants for what is in it."""
    paths = {name: path for name, path in lying if not is_litter(name)}
    if served.unpack != "none" and (part := only_volumes(paths)):
        path = paths[part]
        if isinstance(path, Path):
            archives_in(build, [path])  # names those that are missing
            check_no_volume(path)


def _volumes_among(paths: Iterable[str]) -> set[str]:
    """Return which names of a release's files are called as volumes."""
    names = {path.rpartition("/")[2].lower() for path in paths}
    return {name for name in names if volume(name) or portion(name)}


def _archives(build: Build, group: list[Path], kept: set[str]) -> Sequence[Archive]:
    is_own = any(path.name.lower() in kept for path in group)
    return group if is_own else archives_in(build, group)


def _as_given(archive: VolumeSet, given: Mapping[Path, GivenPath]) -> GivenPath:
    """Return all volumes as one; those that nobody named are looked at now."""
    stamps = ((path in given and given[path].stamp) or stamp(path) for path in archive.paths)
    unsafe = (printable(archive.whole),) if unsafe_name(archive.whole) else ()
    everything = ((archive.whole, archive),)
    return GivenPath(archive, False, tuple(one[0] for one in stamps), everything, unsafe)
