"""GitHub: a repository's state as codeload's zip, or its files one by one; assets of releases.

The archive is made anew for each request, so its own digest is never pinned (GitHub's docs,
"Downloading source code archives"); its contents are, by tree id and listing. It has no length
and no ranges: where it breaks twice, the files come one by one, each resumable and checked by
its git blob id.
"""

from dataclasses import replace
from urllib.parse import quote

from covcat.catalog.entries import Contents
from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import ListedFile, totals
from covcat.catalog.marks import GitId, OwnerName
from covcat.digests import EXECUTABLE, LINK, REGULAR, Digest, VerifiedBy, tree_id
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError, IntegrityError, NetworkError
from covcat.hosts import github_lfs
from covcat.hosts.base import HostContext, check_safe, claim, is_pinned, one_of, remote_file
from covcat.hosts.logins import of_github
from covcat.hosts.record import (
    NAME,
    Description,
    Forms,
    HostRecord,
    Newest,
    find_date,
)
from covcat.hosts.trees import MOST_FILES, Tree
from covcat.names import MAX_DEPTH

API = "https://api.github.com/repos"
RAW = "https://raw.githubusercontent.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_SHA = r"[0-9a-f]{40}"
_MODE = r"(?:100|120|160)[0-7]{3}"
FILE_PAGE = "https://github.com/{0.repository}"
FORMS = Forms(
    short=rf"(?P<id>{NAME}/{NAME}?)(?:\.git)?(?:@(?P<version>[^\s?#~^:]+))?",
    full=rf"github\.com/(?P<id>{NAME}/{NAME}?)(?:\.git)?(?:/tree/(?P<version>[^\s?#~^:]+))?/?",
    example="github:OWNER/REPOSITORY or github:OWNER/REPOSITORY@REF",
    page="https://github.com/{id}",
)
BREAKS = 2  # of an archive, after which its files are asked for one by one


def list_files(file: GitHubFile, context: HostContext) -> list[RemoteFile]:
    """The archive, or every file of it; an asset is one file."""
    if file.asset is None:
        if context.by_file:
            return _list_state(file, context)
        name = file.repository.rpartition("/")[2]
        archive = f"{name}-{file.commit or file.branch}.zip".replace("/", "-")
        return [replace(remote_file(file, archive), breaks=BREAKS)]
    if is_pinned(file):
        return [remote_file(file, file.asset)]
    asked = f"{file.repository}/releases/tags/{quote(file.tag or '')}"
    for row in _ask(asked, context).rows("assets"):
        if row.text("name") == file.asset:
            if row.text("state") not in ("", "uploaded"):
                text = f"the asset `{file.asset}` of {file.repository} is a broken upload"
                raise NetworkError(text)
            kind, _, value = row.text("digest").partition(":")  # since June 2025
            claims = claim(kind, value, file.asset)
            return [remote_file(file, file.asset, size=row.size("size"), claims=claims)]
    raise GoneError(
        f"the release {file.tag} of {file.repository} has no asset `{file.asset}`",
        hint=f"open https://github.com/{file.repository}/releases",
    )


def locate(remote: RemoteFile, context: HostContext) -> Location:
    """Ask codeload directly: github.com/…/archive only redirects there."""
    file = remote.file
    assert isinstance(file, GitHubFile)
    if remote.id.startswith(github_lfs.PREFIX):
        return github_lfs.locate(remote, file, context)
    if file.asset is not None:
        url = f"https://github.com/{file.repository}/releases/download/{quote(file.tag or '')}/"
        return Location(url=url + quote(file.asset), name=remote.name)
    if remote.id:
        return Location(url=f"{RAW}/{file.repository}/{quote(remote.id)}", name=remote.name)
    state = file.commit or f"refs/heads/{quote(file.branch or '')}"
    return Location(
        url=f"https://codeload.github.com/{file.repository}/zip/{state}", name=remote.name
    )


def _list_state(file: GitHubFile, context: HostContext) -> list[RemoteFile]:
    """Return every file of a state: by the pinned listing, else by the API's tree of it."""
    asked = f"{file.repository}/commits/{quote(file.branch or '')}"
    commit = file.commit or _ask(asked, context).match(_SHA, "sha")
    means: VerifiedBy = "git-blob"
    if context.listing is None:
        kept = file.keep or ""
        inside = [row for row in _list_tree(file, commit, context) if row.path.startswith(kept)]
        if file.tree is None:
            means = "host-sha1"
        else:  # the API's word is worth a pin, if its files have the pinned tree's id
            ids = ((row.path.removeprefix(kept), row.mode or "", row.blob or "") for row in inside)
            if (got := tree_id(ids)) != file.tree:
                raise IntegrityError(
                    f"GitHub lists another state of {file.repository}: git tree expected "
                    f"{file.tree}, got {got}"
                )
    else:
        inside = list(context.listing.values())
        if any(row.bytes is None for row in inside):
            rows = _list_tree(file, commit, context)
            sizes = {(row.path, row.blob): row.bytes for row in rows}  # of the same contents only
            inside = [
                replace(row, bytes=sizes.get((row.path, row.blob))) if row.bytes is None else row
                for row in inside
            ]
    found = []
    for row in inside:
        if row.mode == LINK and file.links == "skip" and file.tree is None:
            continue
        digests = [Digest("sha256", row.sha256, "sha256")] if row.sha256 else []
        if row.blob and row.bytes is not None:
            digests.append(Digest("git-blob", row.blob, means))
        id = f"{commit}/{row.path}"
        one = one_of(file, row.path, id=id, size=row.bytes, claims=digests, as_is=True)
        found.append(replace(one, mode=row.mode))
    return found


def _list_tree(file: GitHubFile, commit: str, context: HostContext) -> list[ListedFile]:
    """Return all files of a commit; a tree that GitHub cuts is walked level by level.

    Links and other repositories are among them: their modes say so.
    """
    trees = f"{file.repository}/git/trees"
    answer = _ask(f"{trees}/{commit}?recursive=1", context)
    if not answer.is_true("truncated"):
        return [_row(one, "") for one in answer.rows("tree") if one.text("type") != "tree"]
    found: list[ListedFile] = []
    left: list[tuple[str, tuple[str, ...]]] = [("", (commit,))]  # path; ids down to the folder's
    entries = 0
    while left:
        folder, line = left.pop()
        inside = _ask(f"{trees}/{line[-1]}", context).rows("tree")
        entries += len(inside)
        if len(line) > MAX_DEPTH or entries > MOST_FILES:
            raise NetworkError(f"GitHub lists the files of {file.repository} without end")
        for entry in inside:
            if entry.text("type") != "tree":
                found.append(_row(entry, folder))
                continue
            path, sha = folder + entry.text("path"), entry.match(_SHA, "sha")
            if sha in line:
                raise NetworkError(f"GitHub lists `{path}` of {file.repository} within itself")
            left.append((f"{path}/", (*line, sha)))
    return found


def _ask(path: str, context: HostContext) -> Tree:
    return context.ask(f"{API}/{path}", _HEADERS, login=of_github())


def _row(entry: Tree, folder: str) -> ListedFile:
    path, mode = folder + entry.text("path"), entry.match(_MODE, "mode")
    check_safe(path, "github")
    return ListedFile(path, mode, entry.match(_SHA, "sha"), entry.size("size"), None)


def odd(path: str, mode: str | None) -> str:
    """Say what is no file of a repository, though it is in its tree; "" of a file."""
    if mode in (None, REGULAR, EXECUTABLE):
        return ""
    return f"the repository holds `{path}`, which is a link or another repository (mode {mode})"


def newest(file: GitHubFile, context: HostContext) -> Newest:
    """Return the newest commit of the branch, or the newest release of assets.

    A commit that left the pinned tree as it was is not newer.
    """
    if file.asset is not None:
        last = _ask(f"{file.repository}/releases/latest", context)
        tag, at = last.text("tag_name"), last.text("published_at")
        return Newest(kind="tag", version=tag, at=at, is_held=tag == file.tag)
    head = _ask(f"{file.repository}/commits/{quote(file.branch or 'HEAD')}", context)
    sha, tree = head.match(_SHA, "sha"), head.match(_SHA, "commit", "tree", "sha")
    if sha != file.commit:
        for name in (file.keep or "").strip("/").split("/") if file.keep else ():
            rows = _ask(f"{file.repository}/git/trees/{tree}", context).rows("tree") if tree else ()
            tree = next((row.text("sha") for row in rows if row.text("path") == name), "")
    is_held = None if file.branch else sha == file.commit or tree == file.tree
    at = head.text("commit", "committer", "date")
    return Newest(kind="commit", version=sha, at=at, is_held=is_held, ids=(sha, tree))


def describe(record: HostRecord, context: HostContext) -> Description:
    """Return what GitHub says of a repository at a branch, tag or commit."""
    about = _ask(record.id, context)
    ref = record.version or about.text("default_branch")
    asked = f"{record.id}/commits/{quote(ref, errors='replace')}"
    tree = _ask(asked, context)
    file = GitHubFile(
        host="github",
        repository=about.mark(OwnerName, "full_name"),
        commit=tree.mark(GitId, "sha"),
        tree=tree.mark(GitId, "commit", "tree", "sha"),
        unpack="zip",
    )
    date = find_date(tree.text("commit", "committer", "date"))
    contents, notes = _describe_contents(file, context)
    return Description(
        asked=f"{API}/{asked}",
        release=date or str(file.commit),
        date=date,
        title=about.text("description") or file.repository,
        license=about.text("license", "spdx_id") or about.text("license", "name"),
        license_url=about.text("license", "url"),
        authors=[about.text("owner", "login")],
        whole=file,
        contents=contents,
        notes=notes,
    )


def _describe_contents(
    file: GitHubFile, context: HostContext
) -> tuple[Contents | None, tuple[str, ...]]:
    """Count what a commit holds: `fetch` refuses links and other repositories in it."""
    try:
        rows = _list_tree(file, str(file.commit), context)
    except IntegrityError as error:
        return None, (f"{error.message}: `keep` a folder without it, with that folder's tree id",)
    if what := next(filter(None, (odd(row.path, row.mode) for row in rows)), ""):
        way_out = "`exclude` it, without `tree`, or `keep` a folder without it, with its tree id"
        return None, (f"{what}: {way_out}",)
    has_lfs = any(row.path.endswith(".gitattributes") for row in rows)
    note = ".gitattributes: where it names Git LFS, the bytes counted are those of pointers"
    return totals(row.bytes for row in rows), (note,) if has_lfs else ()
