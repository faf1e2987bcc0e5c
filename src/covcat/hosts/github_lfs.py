"""Git LFS: large files, of which a repository itself holds only a pointer.

Format: git-lfs docs/spec.md; the batch API: docs/api/batch.md. The pointer's oid is the sha256
of the content, and git's ids bind the pointer.
"""

import json
import re
from urllib.parse import quote, urlsplit

from covcat.errors import NetworkError
from covcat.hosts.served import Ask, field, rows, text
from covcat.model import Digest, GitHubFile, Location, Login, Served, StoredFile

PREFIX = "lfs:"
MOST = 1024  # bytes of a pointer, by the specification
_VERSION = b"version https://git-lfs.github.com/spec/v1\n"
_LINES = re.compile(rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n")
_KIND = "application/vnd.git-lfs+json"


def pointer(data: bytes) -> tuple[str, int] | None:
    """Return (sha256, bytes) of the content that `data` points to, or None if it is no pointer."""
    if len(data) > MOST or not data.startswith(_VERSION):
        return None
    found = _LINES.search(data)
    return (found[1].decode(), int(found[2])) if found else None


def content(stored: StoredFile, file: GitHubFile, commit: str, found: tuple[str, int]) -> Served:
    """Return what a pointer points to, to be put in its place."""
    folder, slash, name = stored.path.rpartition("/")
    oid, size = found
    return Served(
        file=file,
        name=name,
        id=f"{PREFIX}{oid}:{commit}/{stored.path}",
        folder=folder + slash,
        bytes=size,
        digests=(Digest("sha256", oid, "sha256"),),
        mode=stored.mode,
        is_alone=False,
    )


def locate(served: Served, file: GitHubFile, ask: Ask) -> Location:
    """Ask for a signed address of a content."""
    oid, _, place = served.id.removeprefix(PREFIX).partition(":")
    question = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": oid, "size": served.bytes}],
        "hash_algo": "sha256",
    }
    answer = ask.api.json(
        f"https://github.com/{file.repository}.git/info/lfs/objects/batch",
        {"Accept": _KIND, "Content-Type": _KIND},
        body=json.dumps(question).encode(),
        once=False,
    )
    one = next(iter(rows(answer, "objects")), None)
    href = text(one, "actions", "download", "href")
    if not href.startswith("https://"):
        raise NetworkError(
            f"Git LFS does not give the content of `{served.path}`",
            cause=text(one, "error", "message") or None,
            hint=f"open https://github.com/{file.repository}",
        )
    headers = field(one, "actions", "download", "header")
    plain = {str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {}
    return Location(
        url=f"https://media.githubusercontent.com/media/{file.repository}/{quote(place)}",
        name=served.name,
        signed=href,
        login=Login(urlsplit(href).netloc.lower(), plain, at_once=True),
    )
