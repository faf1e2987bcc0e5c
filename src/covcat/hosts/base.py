"""What all hosts share: a catalog's file, or one of a set, as it is served."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from covcat.archives.kinds import SUFFIXES, stem_of
from covcat.catalog.files import (
    AnyFile,
    DataverseFile,
    FigshareFile,
    GitHubFile,
    KaggleFile,
    MendeleyFile,
    ZenodoFile,
)
from covcat.catalog.listing import Listing
from covcat.digests import Digest, Hash, VerifiedBy
from covcat.download.remote import RemoteFile
from covcat.errors import IntegrityError, NetworkError
from covcat.names import unsafe_name

if TYPE_CHECKING:  # httpx is loaded where a host is asked
    from covcat.download.api import Api

_HOLDERS = ("zip", "tar", "7z", "rar")  # formats that hold files: .nii.gz stays what it is
MOST_FILES = 1_000_000  # of a data set: a list of more does not end
_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_MEANS: dict[str, VerifiedBy] = {
    "sha512": "host-sha512",
    "sha256": "host-sha256",
    "sha1": "host-sha1",
    "md5": "host-md5",
}


@dataclass(frozen=True, slots=True)
class HostContext:
    """What a host's module works with."""

    api: "Api"
    listing: Listing | None = None  # what the catalog pins of the release
    by_file: bool = False  # every file by itself, in place of an archive of them


def alone(
    file: AnyFile,
    name: str,
    *,
    id: str = "",
    size: int | None = None,
    claims: Iterable[Digest] = (),
) -> RemoteFile:
    """Return the one file that a catalog's entry names."""
    return RemoteFile(
        file=file,
        name=file.name or name,
        id=id,
        folder=file.into or "",
        unpack=file.unpack,
        bytes=file.bytes if file.bytes is not None else size,
        digests=(*pins_of(file), *claims),
    )


def one_of(
    file: AnyFile, path: str, *, id: str, size: int | None, claims: Iterable[Digest] = ()
) -> RemoteFile:
    """Return one file of a set; `path` is the host's. An archive gets a folder of its own name.

    Raises:
        IntegrityError: no file may be called so.
    """
    check_safe(path, file.host)
    place = PurePosixPath(path)
    folder = (file.into or "") + ("" if str(place.parent) == "." else f"{place.parent}/")
    unpack = _unpack(file.unpack, place.name)
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


def _unpack(asked: str, name: str) -> str:
    """Say how one file of a set is unpacked: archives of the kind that is asked for."""
    kind = next((SUFFIXES[one] for one in SUFFIXES if name.lower().endswith(one)), "none")
    if asked == "any":
        return kind if kind in _HOLDERS else "none"
    return kind if kind == asked else "none"


def check_safe(path: str, host: str) -> None:
    """Refuse a path that no file may have, as the host wrote it."""
    if reason := unsafe_name(path):
        raise IntegrityError(f"{host} lists the file `{path[:1000]}`: {reason}")


def pins_of(file: AnyFile) -> list[Digest]:
    """Return what the catalog itself pins of a file, strongest first."""
    found: list[tuple[Hash, str | None, VerifiedBy]] = [
        ("sha256", file.sha256, "sha256"),
        ("md5", file.md5, "md5"),
        ("md5", file.md5_prefix, "md5-prefix"),
        ("sha1", file.sha1_prefix, "md5-prefix"),
    ]
    return [Digest(kind, value, means) for kind, value, means in found if value]


def is_pinned(file: AnyFile) -> bool:
    """Tell if the catalog has a digest of the whole file, so that the host need not be asked."""
    return bool(file.sha256 or file.md5)


def claim(kind: str, value: object, name: str) -> list[Digest]:
    """Return what a host says of a file's digest; nothing where it is empty or of another kind.

    Hosts write `MD5`, `SHA-1`, `md5:…`, and "" where they have none.

    Raises:
        IntegrityError: it is none of its kind, so nothing could be compared with it.
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
    return [Digest(plain, found, _MEANS[plain])]  # type: ignore[arg-type]


def field(tree: object, *keys: str | int) -> object:
    """Return a value of an API's answer, or None where it has another shape."""
    for key in keys:
        if isinstance(tree, dict) and isinstance(key, str):
            tree = tree.get(key)
        elif isinstance(tree, list) and isinstance(key, int) and -len(tree) <= key < len(tree):
            tree = tree[key]
        else:
            return None
    return tree


def text(tree: object, *keys: str | int) -> str:
    """Return a text or number of an API's answer as text, or ""."""
    found = field(tree, *keys)
    is_plain = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found) if is_plain else ""


def size(tree: object, *keys: str | int) -> int | None:
    """Return a size in bytes, or None where there is none."""
    found = text(tree, *keys)
    return int(found) if found.isdecimal() and len(found) < 16 else None


def rows(tree: object, *keys: str | int) -> list[object]:
    """Return a list of an API's answer.

    Raises:
        NetworkError: there is none: the API changed, or something else answered.
    """
    found = field(tree, *keys)
    if not isinstance(found, list):
        where = ".".join(map(str, keys)) or "the answer"
        raise NetworkError(
            f"the host's API answered in a shape that covcat does not know: `{where}` is no list",
            hint="pip install -U covcat",
        )
    return found


def matching(rule: str, tree: object, *keys: str | int) -> str:
    """Return a text of an API's answer that addresses are made of.

    Raises:
        NetworkError: it is not what it should be.
    """
    found = text(tree, *keys)
    if not re.fullmatch(rule, found):
        raise NetworkError(
            "the host's API answered in a shape that covcat does not know: "
            f"`{'.'.join(map(str, keys))}` is `{found[:80]}`"
        )
    return found


class Pages:
    """A list of files that comes in pages."""

    def __init__(self, what: str, page: int, *keys: str) -> None:
        """`page` rows are asked for at once; `keys` lead to what tells one row from another."""
        self.rows: list[object] = []
        self._what, self._keys, self._left = what, keys, MOST_FILES // page
        self._known: set[str] = set()

    def add(self, page: list[object]) -> None:
        """Take the next page.

        Raises:
            NetworkError: it brings nothing new, or the list does not end.
        """
        ids = {text(row, *self._keys) for row in page}
        if page and ids <= self._known:
            raise NetworkError(
                f"{self._what} lists the same files again and again", hint="try again later"
            )
        self._known |= ids
        self.rows += page
        self._left -= 1
        if self._left < 0 or len(self.rows) > MOST_FILES:
            raise NetworkError(f"{self._what} lists files without end", hint="try again later")


def page(file: AnyFile) -> str | None:
    """Return the page on which a person gets a file, where one is known by its host's pattern."""
    match file:
        case KaggleFile():
            return f"https://www.kaggle.com/datasets/{file.dataset}"
        case DataverseFile():
            return f"https://doi.org/{file.doi}"
        case ZenodoFile():
            return f"https://zenodo.org/records/{file.record}"
        case MendeleyFile():
            return f"https://data.mendeley.com/datasets/{file.dataset}/{file.version}"
        case FigshareFile():
            return f"https://doi.org/10.6084/m9.figshare.{file.article}.v{file.version}"
        case GitHubFile():
            return f"https://github.com/{file.repository}"
        case _:
            return None
