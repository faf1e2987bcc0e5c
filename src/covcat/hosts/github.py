"""GitHub: a repository's state as codeload's zip, or its files one by one; assets of releases.

The archive is made anew for each request, so its own digest is never pinned (GitHub's docs,
"Downloading source code archives"); its contents are, by tree id and listing. It has no length
and no ranges: where it breaks twice, the files come one by one, each resumable and checked by
its git blob id.
"""

from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import quote

from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import ListedFile
from covcat.digests import EXECUTABLE, REGULAR, Digest, VerifiedBy, tree_id
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError, IntegrityError, NetworkError
from covcat.hosts import github_lfs
from covcat.hosts.base import (
    MOST_FILES,
    HostContext,
    alone,
    check_safe,
    claim,
    field,
    matching,
    rows,
    size,
    text,
)
from covcat.hosts.logins import of_github
from covcat.names import MAX_DEPTH

API = "https://api.github.com/repos"
RAW = "https://raw.githubusercontent.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_SHA = r"[0-9a-f]{40}"
_MODE = r"(?:100|120|160)[0-7]{3}"
BREAKS = 2  # of an archive, after which its files are asked for one by one


def listed(file: GitHubFile, ask: HostContext) -> list[RemoteFile]:
    """The archive, or every file of it; an asset is one file."""
    if file.asset is not None:
        return [_asset(file, file.asset, ask)]
    if ask.by_file:
        return _files(file, ask)
    name = file.repository.rpartition("/")[2]
    archive = f"{name}-{file.commit or file.branch}.zip".replace("/", "-")
    return [replace(alone(file, archive), breaks=BREAKS)]


def locate(served: RemoteFile, ask: HostContext) -> Location:
    """Ask codeload directly: github.com/…/archive only redirects there."""
    file = served.file
    assert isinstance(file, GitHubFile)
    if served.id.startswith(github_lfs.PREFIX):
        return github_lfs.locate(served, file, ask)
    if file.asset is not None:
        url = f"https://github.com/{file.repository}/releases/download/{quote(file.tag or '')}/"
        return Location(url=url + quote(file.asset), name=served.name)
    if served.id:
        return Location(url=f"{RAW}/{file.repository}/{quote(served.id)}", name=served.name)
    state = file.commit or f"refs/heads/{quote(file.branch or '')}"
    return Location(
        url=f"https://codeload.github.com/{file.repository}/zip/{state}", name=served.name
    )


# ---- one by one --------------------------------------------------------------------------------


def _files(file: GitHubFile, ask: HostContext) -> list[RemoteFile]:
    """Return every file of a state: by the pinned listing, else by the API's tree of it."""
    commit = file.commit or matching(_SHA, _commit(file, ask), "sha")
    if ask.listing is None:
        inside = [row for row in tree(file, commit, ask) if row.path.startswith(file.keep or "")]
        means = _proven(file, inside)
    else:
        inside, means = list(ask.listing.values()), "git-blob"
        if any(row.bytes is None for row in inside):
            known = {row.path: row for row in tree(file, commit, ask)}
            inside = [_sized(row, known.get(row.path)) for row in inside]
    return [_file(file, row, f"{commit}/{row.path}", means) for row in inside]


def _file(file: GitHubFile, row: ListedFile, id: str, means: VerifiedBy) -> RemoteFile:
    place = PurePosixPath(row.path)
    folder = "" if str(place.parent) == "." else f"{place.parent}/"
    digests = [Digest("sha256", row.sha256, "sha256")] if row.sha256 else []
    if row.blob and row.bytes is not None:
        digests.append(Digest("git-blob", row.blob, means))
    return RemoteFile(
        file=file,
        name=place.name,
        id=id,
        folder=(file.into or "") + folder,
        bytes=row.bytes,
        digests=tuple(digests),
        mode=row.mode,
        is_alone=False,
    )


def _sized(row: ListedFile, known: ListedFile | None) -> ListedFile:
    """Take the size of a file from the API, if it is of the same contents."""
    if row.bytes is not None or known is None or known.blob != row.blob:
        return row
    return replace(row, bytes=known.bytes)


def _proven(file: GitHubFile, listed: list[ListedFile]) -> VerifiedBy:
    """Say what the API's word is worth: a pin, if its files have the pinned tree's id.

    Raises:
        IntegrityError: they have another one.
    """
    if file.tree is None:
        return "host-sha1"
    kept = file.keep or ""
    got = tree_id((row.path.removeprefix(kept), row.mode or "", row.blob or "") for row in listed)
    if got != file.tree:
        raise IntegrityError(
            f"GitHub lists another state of {file.repository}: git tree expected {file.tree}, "
            f"got {got}"
        )
    return "git-blob"


def _commit(file: GitHubFile, ask: HostContext) -> object:
    url = f"{API}/{file.repository}/commits/{quote(file.branch or '')}"
    return ask.api.json(url, _HEADERS, login=of_github())


def tree(file: GitHubFile, commit: str, ask: HostContext) -> list[ListedFile]:
    """Return all files of a commit; a tree that GitHub cuts is walked level by level.

    Links and other repositories are among them: their modes say so.

    Raises:
        IntegrityError: it holds names that no file may have.
        NetworkError: it does not end.
    """
    answer = _tree(file, commit, ask, recursive=True)
    if field(answer, "truncated") is not True:
        return [_row(entry, "") for entry in rows(answer, "tree") if _is_leaf(entry)]
    return _walked(file, commit, ask)


def _walked(file: GitHubFile, commit: str, ask: HostContext) -> list[ListedFile]:
    found: list[ListedFile] = []
    left: list[tuple[str, tuple[str, ...]]] = [("", (commit,))]  # path; ids down to the folder's
    entries = 0
    while left:
        folder, line = left.pop()
        inside = rows(_tree(file, line[-1], ask, recursive=False), "tree")
        entries += len(inside)
        if len(line) > MAX_DEPTH or entries > MOST_FILES:
            raise NetworkError(f"GitHub lists the files of {file.repository} without end")
        for entry in inside:
            if _is_leaf(entry):
                found.append(_row(entry, folder))
                continue
            path, sha = folder + text(entry, "path"), matching(_SHA, entry, "sha")
            if sha in line:
                raise NetworkError(f"GitHub lists `{path}` of {file.repository} within itself")
            left.append((f"{path}/", (*line, sha)))
    return found


def _tree(file: GitHubFile, sha: str, ask: HostContext, *, recursive: bool) -> object:
    query = "?recursive=1" if recursive else ""
    url = f"{API}/{file.repository}/git/trees/{sha}{query}"
    return ask.api.json(url, _HEADERS, login=of_github())


def _is_leaf(entry: object) -> bool:
    return text(entry, "type") != "tree"


def _row(entry: object, folder: str) -> ListedFile:
    path, mode = folder + text(entry, "path"), matching(_MODE, entry, "mode")
    check_safe(path, "github")
    return ListedFile(path, mode, matching(_SHA, entry, "sha"), size(entry, "size"), None)


def odd(path: str, mode: str | None) -> str:
    """Say what is no file of a repository, though it is in its tree; "" of a file."""
    if mode in (None, REGULAR, EXECUTABLE):
        return ""
    return f"the repository holds `{path}`, which is a link or another repository (mode {mode})"


# ---- assets ------------------------------------------------------------------------------------


def _asset(file: GitHubFile, name: str, ask: HostContext) -> RemoteFile:
    """Return an asset with GitHub's digest of it: those of before June 2025 have none."""
    if file.sha256 or file.md5:
        return alone(file, name)
    url = f"{API}/{file.repository}/releases/tags/{quote(file.tag or '')}"
    for row in rows(ask.api.json(url, _HEADERS, login=of_github()), "assets"):
        if text(row, "name") == name:
            if text(row, "state") not in ("", "uploaded"):
                raise NetworkError(f"the asset `{name}` of {file.repository} is a broken upload")
            kind, _, value = text(row, "digest").partition(":")
            claims = claim(kind, value, name)
            return alone(file, name, size=size(row, "size"), claims=claims)
    raise GoneError(
        f"the release {file.tag} of {file.repository} has no asset `{name}`",
        hint=f"open https://github.com/{file.repository}/releases",
    )
