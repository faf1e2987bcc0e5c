"""What all hosts share: a catalog's file, or one of a set, as it is served."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from covcat.archives.kinds import SUFFIXES, stem_of
from covcat.catalog.files import AnyFile
from covcat.catalog.listing import Listing
from covcat.catalog.series import SeriesTable
from covcat.digests import Digest, Hash, VerifiedBy
from covcat.download.remote import Login, RemoteFile
from covcat.errors import IntegrityError
from covcat.hosts.trees import Tree
from covcat.names import unsafe_name

if TYPE_CHECKING:  # httpx is loaded where a host is asked
    from covcat.download.api import Api

_HOLDERS = ("zip", "tar", "7z", "rar")  # formats that hold files: .nii.gz stays what it is
Claims = Iterable[Digest]  # what a host says of a file
_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


@dataclass(frozen=True, slots=True)
class HostContext:
    """What a host's module works with."""

    api: "Api"
    listing: Listing | None = None  # what the catalog pins of the release
    by_file: bool = False  # every file by itself, in place of an archive of them
    series: SeriesTable | None = None  # which of a bucket are of the release
    jobs: int = 1  # questions at once
    needs_digests: bool = False  # what has none is refused in the end
    silent: set[str] = field(default_factory=set)  # hosts that did not answer, and have a twin

    def ask(self, url: str, headers: Mapping[str, str] = {}, login: Login | None = None) -> Tree:
        """Return what an API answers; the same question is asked once."""
        return Tree(self.api.json(url, headers, login=login))


def remote_file(
    file: AnyFile,
    name: str,
    *,
    id: str = "",
    entry: int = 0,
    size: int | None = None,
    claims: Claims = (),
) -> RemoteFile:
    """Return the one file that a catalog's entry names."""
    pins: list[tuple[Hash, str | None, VerifiedBy]] = [  # strongest first
        ("sha256", file.sha256, "sha256"),
        ("md5", file.md5, "md5"),
        ("md5", file.md5_prefix, "md5-prefix"),
        ("sha1", file.sha1_prefix, "md5-prefix"),
    ]
    pinned = [Digest(kind, value, means) for kind, value, means in pins if value]
    return RemoteFile(
        file=file,
        name=file.name or name,
        id=id,
        entry=entry,
        folder=file.into or "",
        unpack=file.unpack,
        bytes=file.bytes if file.bytes is not None else size,
        digests=(*pinned, *claims),
    )


def one_of(
    file: AnyFile,
    path: str,
    *,
    id: str,
    size: int | None,
    claims: Claims = (),
    as_is: bool = False,
) -> RemoteFile:
    """Return one file of a set; `path` is the host's.

    An archive gets a folder of its own name, unless it stays `as_is`.
    """
    check_safe(path, file.host)
    place = PurePosixPath(path)
    folder = (file.into or "") + ("" if str(place.parent) == "." else f"{place.parent}/")
    unpack = "none" if as_is else kind_of(place.name, file.unpack)
    own = stem_of(place.name) if unpack != "none" else ""
    return RemoteFile(
        file=file,
        name=place.name,
        id=id,
        folder=folder + (f"{own}/" if own else ""),
        own_folder=own,
        unpack=unpack,
        bytes=size,
        digests=tuple(claims),
        is_alone=False,
    )


def kind_of(name: str, asked: str = "any") -> Any:
    """Return what a file of this name is unpacked as, where archives of the kind `asked` are."""
    kind = next((SUFFIXES[one] for one in SUFFIXES if name.lower().endswith(one)), "none")
    is_asked = kind in _HOLDERS if asked == "any" else kind == asked
    return kind if is_asked else "none"


def check_safe(path: str, host: str) -> None:
    """Refuse a path that no file may have, as the host wrote it."""
    if reason := unsafe_name(path):
        raise IntegrityError(f"{host} lists the file `{path[:1000]}`: {reason}")


def is_pinned(file: AnyFile) -> bool:
    """Tell if the catalog has a digest of the whole file, so that the host need not be asked."""
    return bool(file.sha256 or file.md5)


def claim(kind: str, value: object, name: str) -> list[Digest]:
    """Return what a host says of a file's digest; nothing where it is empty or of another kind.

    Hosts write `MD5`, `SHA-1`, `md5:…`, and "" where they have none. What is none of its kind is
    an IntegrityError: nothing could be compared with it.
    """
    plain = kind.lower().replace("-", "")
    found = value.strip().lower() if isinstance(value, str) else value
    if found in (None, "") or plain not in _LENGTHS:
        return []
    if not isinstance(found, str) or not re.fullmatch(f"[0-9a-f]{{{_LENGTHS[plain]}}}", found):
        raise IntegrityError(
            f"the host's {plain} of `{name}` is none: expected {_LENGTHS[plain]} hexadecimal "
            f"digits, got `{str(found)[:80]}`"
        )
    return [Digest(plain, found, f"host-{plain}")]  # type: ignore[arg-type]


def page(file: AnyFile) -> str | None:
    """Return the page on which a person gets a file, where its host has one for each."""
    pattern = getattr(import_module(f"covcat.hosts.{file.host}"), "FILE_PAGE", None)
    return pattern.format(file) if pattern else None
