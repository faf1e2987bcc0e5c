"""A file, folder or address of one's own -> the release that a new catalog entry begins with.

What the bytes say is computed; what only a person knows is left open, and looks like `<…>`.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from covcat.archives.kinds import stem_of
from covcat.catalog.entries import Release
from covcat.catalog.files import WebFile
from covcat.digests import Digest
from covcat.download.answers import not_the_file
from covcat.download.http import Web
from covcat.download.remote import Network
from covcat.download.retry import retry
from covcat.errors import NotFoundError, TransientError, UsageError
from covcat.files import StoredFile, disk_errors, hashed
from covcat.hosts.base import kind_of
from covcat.hosts.draft import MOST_FILES, Draft, place_all
from covcat.hosts.record import DescribedFile, Description, HostRecord, clean_name
from covcat.names import is_litter
from covcat.progress import Progress
from covcat.text import plural

_HEAD = 4096  # bytes that tell a web page from a file


def draft_disk(
    path: Path, at: str | None, progress: Progress, today: str, *, each: bool = False
) -> Draft:
    """Read a file, or all of a folder; `at` is where it is served, a folder's with a `/`.

    Raises:
        NotFoundError: there is no file in it.
        UsageError: there are more than MOST_FILES, and not `each` is wanted.
    """
    notes: list[str] = []
    with disk_errors(f"read `{path}`"):
        inside = list(_files_in(path, notes)) if path.is_dir() else [path.name]
    if not inside:
        raise NotFoundError(f"`{path}` has no file in it", hint="covcat catalog draft --help")
    if len(inside) > MOST_FILES and not each:
        raise UsageError(
            f"`{path}` has {plural(len(inside), 'file')}, each of which would get an entry",
            hint="pack it into one archive and draft that, or add --each",
        )
    top = path if path.is_dir() else path.parent
    found = []
    for inner in inside:
        with disk_errors(f"read `{top / inner}`"):
            task = progress.start(inner, (top / inner).stat().st_size)
            read = hashed(
                top / inner,
                StoredFile(path=inner, bytes=0, sha256=""),
                lambda size, task=task: progress.advance(task, size),  # type: ignore[misc]
            )
            progress.finish(task)
        served = f"{at}{quote(inner)}" if at and at.endswith("/") else at
        url = served or f"<https://…/{quote(inner)}>"
        found.append(_described(inner, url, read.bytes, read.sha256))
    if at is None:
        notes.insert(0, "`url`: covcat cannot know where it is served; --at URL says it")
    return _draft(path.absolute().name, found, tuple(notes), today)


def draft_address(url: str, network: Network, progress: Progress, today: str) -> Draft:
    """Read what an address serves, without keeping it.

    Raises:
        NetworkError: it does not come whole, or is a web page.
    """
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    if not name:
        raise UsageError(f"`{url}` names no file at its end", hint="covcat catalog draft --help")
    with closing(Web(network)) as web:
        size, sha256 = retry(lambda: _read(web, url, name, progress), web, network, progress)
    return _draft(name, [_described(name, url, size, sha256)], (), today)


def _read(web: Web, url: str, name: str, progress: Progress) -> tuple[int, str]:
    sha256, size, head = hashlib.sha256(), 0, b""
    with web.get(url, private=url.startswith("http:")) as answer:
        task = progress.start(name, answer.length)
        for data in answer.chunks:
            sha256.update(data)
            size += len(data)
            head += data[: _HEAD - len(head)]
            progress.advance(task, len(data))
        progress.finish(task)
        content_type = answer.headers.get("content-type", "")
        if answer.length not in (None, size):
            raise TransientError(f"`{url}` ended after {size:,} of {answer.length:,} bytes")
        if (error := not_the_file(head, kind_of(name), content_type, url)) is not None:
            raise error
    return size, sha256.hexdigest()


def _files_in(folder: Path, notes: list[str]) -> Iterator[str]:
    """Give the regular files below a folder, by name; say what else is there."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            inside = path.relative_to(folder).as_posix()
            if is_litter(inside):
                continue
            if stat.S_ISREG(path.lstat().st_mode):
                yield inside
            else:
                notes.append(f"left out, for it is no regular file: {inside}")


def _described(path: str, url: str, size: int, sha256: str) -> DescribedFile:
    file = WebFile(
        host="web",
        name=clean_name(path.rpartition("/")[2]),
        url=url,
        private="yes" if url.startswith("http:") else None,
    )
    return DescribedFile(file, path, size, [Digest("sha256", sha256, "sha256")])


def _draft(name: str, files: list[DescribedFile], notes: tuple[str, ...], today: str) -> Draft:
    entries = place_all(files)
    source = f"sizes and sha256 as covcat read them on {today}"
    release = Release(id="1", source=source, files=tuple(file for _, file in entries))
    said = Description(
        asked="", release="1", date="", title="", license="", files=tuple(files), notes=notes
    )
    id = stem_of(name) if kind_of(name) != "none" else name.lstrip(".").partition(".")[0]
    record = HostRecord(host="web", id=id, page="")
    return Draft(record, said, release, is_set=False, entries=tuple(entries))
