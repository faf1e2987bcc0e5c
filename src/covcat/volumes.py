"""Archives that were cut into volumes: told by their names, with how they are put together."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from shlex import quote
from typing import NamedTuple

from covcat.errors import ExtractionError

_ARCHIVE = r"\.(?:zip|7z|rar|tar|t[gbx]z2?|tzst|gz|bz2|xz|zst)"
# As `split` and 7-Zip number them: x.zip.001, x.tar.gz.aa, x.7z.part2, x.tar-partab
_CUT = re.compile(
    rf"(?P<start>(?P<whole>.+{_ARCHIVE})[._-])(?:\d{{2,4}}|a[a-z]{{1,2}})"
    rf"|(?P<start2>(?P<whole2>.+{_ARCHIVE})[._-]?part[._-]?)(?:\d{{1,4}}|[a-z]{{2,3}})",
    re.I,
)
_ZIP = re.compile(r"(?P<stem>.+)\.z\d{2,3}", re.I)
_RAR = re.compile(r"(?P<stem>.+)\.r\d{2,3}", re.I)
_NEW_RAR = re.compile(r"(?P<stem>.+)\.part(?P<number>\d+)\.rar", re.I)


class VolumeError(ExtractionError):
    """An archive is one volume of several."""


class Volume(NamedTuple):
    """One volume of an archive."""

    whole: str  # what the archive is called
    how: str  # the command that puts it together, or reads all of it


def volume(name: str) -> Volume | None:
    """Return what a file name says of the archive that it is a volume of; None if it is none."""
    name = PurePosixPath(name).name
    if found := _ZIP.fullmatch(name):
        return Volume(f"{found['stem']}.zip", _unsplit(found["stem"]))
    if found := _RAR.fullmatch(name):
        return Volume(f"{found['stem']}.rar", _from_first(f"{found['stem']}.rar"))
    if found := _NEW_RAR.fullmatch(name):
        first = f"{found['stem']}.part{'1'.zfill(len(found['number']))}.rar"
        return Volume(f"{found['stem']}.rar", _from_first(first))
    if found := _CUT.fullmatch(name):
        start, whole = found["start"] or found["start2"], found["whole"] or found["whole2"]
        return Volume(whole, f"cat {quote(start)}* > {quote(whole)}")
    return None


def split(name: str, cause: str | None = None) -> VolumeError:
    """Return the error for an archive that is not whole: a volume of several."""
    found = volume(name)
    how = found.how if found else None
    if how is None and name.lower().endswith(".zip"):
        how = _unsplit(name[: -len(".zip")])
    if how is None and name.lower().endswith(".rar"):
        how = _from_first(name)
    return VolumeError(
        f"`{name}` is one volume of several that must be put together", cause=cause, hint=how
    )


def only_volumes(names: Iterable[str]) -> str | None:
    """Return one of the names if all of them are volumes of one archive."""
    volumes = {name: found.whole for name in names if (found := volume(name))}
    return min(volumes) if volumes and set(names) <= {*volumes, *volumes.values()} else None


def _unsplit(stem: str) -> str:
    return f"zip -s 0 {quote(f'{stem}.zip')} --out {quote(f'{stem}-whole.zip')}"


def _from_first(name: str) -> str:
    return f"covcat extract {quote(name)}, with all the others beside it"
