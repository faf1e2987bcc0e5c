"""Git LFS: large files, of which a repository itself holds only a pointer.

Format: git-lfs docs/spec.md; the batch API: docs/api/batch.md. The pointer's oid is the sha256
of the content, and git's ids bind the pointer.
"""

import json
import re
from urllib.parse import quote, urlsplit

from covcat.catalog.files import GitHubFile
from covcat.digests import Digest
from covcat.download.remote import Location, Login, RemoteFile
from covcat.errors import GoneError, NetworkError
from covcat.files import StoredFile
from covcat.hosts.base import HostContext
from covcat.hosts.trees import Tree

PREFIX = "lfs:"
MOST = 1024  # bytes of a pointer, by the specification
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:[a-z0-9.-]+ [^\n]+\n)*"  # of extensions
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n"
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header: RFC 9110, section 5.6.2
_OURS = {  # headers that covcat alone decides on
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "if-range",
    "range",
    "transfer-encoding",
}
_KIND = "application/vnd.git-lfs+json"


def pointer(data: bytes) -> tuple[str, int] | None:
    """Return (sha256, bytes) of the content that `data` points to, or None if it is no pointer."""
    found = _POINTER.fullmatch(data) if len(data) <= MOST else None
    return (found[1].decode(), int(found[2])) if found else None


def content(
    stored: StoredFile, file: GitHubFile, commit: str, found: tuple[str, int]
) -> RemoteFile:
    """Return what a pointer points to, to be put in its place."""
    folder, slash, name = stored.path.rpartition("/")
    oid, size = found
    return RemoteFile(
        file=file,
        name=name,
        id=f"{PREFIX}{oid}:{commit}/{stored.path}",
        folder=folder + slash,
        bytes=size,
        digests=(Digest("sha256", oid, "sha256"),),
        mode=stored.mode,
        is_alone=False,
    )


def locate(remote: RemoteFile, file: GitHubFile, context: HostContext) -> Location:
    """Ask for a signed address of a content."""
    oid, _, place = remote.id.removeprefix(PREFIX).partition(":")
    question = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": oid, "size": remote.bytes}],
        "hash_algo": "sha256",
    }
    answer = context.api.json(
        f"https://github.com/{file.repository}.git/info/lfs/objects/batch",
        {"Accept": _KIND, "Content-Type": _KIND},
        body=json.dumps(question).encode(),
        once=False,
    )
    one = next(iter(Tree(answer).rows("objects")), Tree(None))
    href = one.text("actions", "download", "href")
    if not href:
        is_gone = one.text("error", "code") in ("404", "410")
        raise (GoneError if is_gone else NetworkError)(
            f"Git LFS does not give the content of `{remote.path}`",
            cause=one.text("error", "message") or None,
            hint=f"open https://github.com/{file.repository}",
        )
    host, headers = _host(href), _headers(one.get("actions", "download", "header").value)
    return Location(
        url=f"https://media.githubusercontent.com/media/{file.repository}/{quote(place)}",
        name=remote.name,
        signed=href,
        login=Login(host, headers, at_once=True),
    )


def _host(href: str) -> str:
    """Return the host of a signed address, with its port."""
    try:
        parts = urlsplit(href)
        is_plain = href.isascii() and href.isprintable() and " " not in href
        is_web = is_plain and parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        is_web, parts = False, urlsplit("")
    if not is_web:
        raise NetworkError("Git LFS names something else than an https address")
    if parts.username is not None or parts.password is not None:
        raise NetworkError("Git LFS names an address with a user name in it")
    return parts.netloc.lower()


def _headers(found: object) -> dict[str, str]:
    """Return the headers that Git LFS wants to be sent along, without those that are covcat's."""
    told = found if isinstance(found, dict) else {}
    for name, value in told.items():
        is_value = isinstance(value, str) and value.isascii() and value.isprintable()
        if not _NAME.fullmatch(name) or not is_value:  # which is not shown: it may be a secret
            raise NetworkError("Git LFS names a header that cannot be sent")
    return {name: value for name, value in told.items() if name.lower() not in _OURS}
