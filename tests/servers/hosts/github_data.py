"""Repositories as GitHub holds them: commits with their trees, LFS contents, releases."""

import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from makers.archives import zip_of

from covcat.digests import EXECUTABLE, REGULAR, blob_id, tree_id
from servers.message import sha256, spoilt

LINK, SUBMODULE, TREE = "120000", "160000", "040000"
_API = "https://api.github.com/repos"
_KINDS = {TREE: "tree", SUBMODULE: "commit"}


@dataclass(frozen=True)
class Entry:
    """One path of a commit; `data` is what git holds: a pointer where LFS has the rest."""

    path: str
    mode: str
    id: str
    data: bytes


@dataclass
class Commit:
    sha: str
    entries: dict[str, Entry]
    trees: dict[str, str] = field(default_factory=dict)  # folder -> id; "" is the root

    def __post_init__(self) -> None:
        folders = {"", *(folder for path in self.entries for folder in _above(path))}
        for folder in folders:
            self.trees[folder] = tree_id(
                (entry.path.removeprefix(folder), entry.mode, entry.id)
                for entry in self.entries.values()
                if entry.path.startswith(folder)
            )

    def level(self, folder: str) -> list[tuple[str, str, str]]:
        """List one folder, in git's order: whole path, mode, id. A folder ends in a slash."""
        found: dict[str, tuple[str, str, str]] = {}
        for entry in self.entries.values():
            if entry.path.startswith(folder):
                name, slash, _ = entry.path.removeprefix(folder).partition("/")
                below = f"{folder}{name}/"
                inside = (below[:-1], TREE, self.trees[below]) if slash else None
                found[name + slash] = inside or (entry.path, entry.mode, entry.id)
        return [found[name] for name in sorted(found, key=str.encode)]

    def walk(self, folder: str = "") -> Iterator[tuple[str, str, str]]:
        for path, mode, id in self.level(folder):
            yield path, mode, id
            if mode == TREE:
                yield from self.walk(f"{path}/")

    def archive(self, root: str, wrong: Collection[str] = ()) -> bytes:
        """Return the whole as codeload packs it, under one root folder."""
        files = {f"{root}/{path}": entry for path, entry in self.entries.items()}
        members = {
            path: spoilt(entry.data) if entry.path in wrong else entry.data
            for path, entry in files.items()
            if entry.mode != SUBMODULE
        }
        folders = {f"{root}/": b""} | {
            f"{path}/": b"" for path, entry in files.items() if entry.mode == SUBMODULE
        }
        modes = {path: _zip_mode(entry.mode) for path, entry in files.items()}
        return zip_of(folders | members, self.sha, modes)


@dataclass
class Repository:
    name: str  # owner/name
    number: int
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # heads/master -> commit
    lfs: dict[str, bytes] = field(default_factory=dict)  # contents by oid
    wrong: set[str] = field(default_factory=set)  # paths of which other bytes come
    releases: dict[str, dict[str, Any]] = field(default_factory=dict)
    assets: dict[int, tuple[str, bytes]] = field(default_factory=dict)  # name, what comes
    branch: str = "master"

    def find(self, ref: str) -> Commit | None:
        """Find a commit by id, branch or tag."""
        for known in (ref, ref.removeprefix("refs/"), f"heads/{ref}", f"tags/{ref}"):
            if sha := self.refs.get(known):
                return self.commits[sha]
        wanted = self.refs.get(f"heads/{self.branch}", "") if ref == "HEAD" else ref
        return self.commits.get(wanted)

    def split(self, parts: list[str]) -> tuple[Commit, str] | None:
        """Find a commit and a path in `REF/PATH`, where a ref may have slashes."""
        for count in range(1, len(parts)):
            if commit := self.find("/".join(parts[:count])):
                return commit, "/".join(parts[count:])
        return None

    def tree(self, id: str) -> tuple[Commit, str] | None:
        """Find a folder by its tree's id, or the root by a commit's."""
        for commit in self.commits.values():
            for folder, known in commit.trees.items():
                if known == id:
                    return commit, folder
        commit_there = self.find(id)
        return (commit_there, "") if commit_there else None

    def blob(self, id: str) -> Entry | None:
        every = (entry for commit in self.commits.values() for entry in commit.entries.values())
        return next((entry for entry in every if entry.id == id), None)

    def row(self, path: str, mode: str, id: str) -> dict[str, Any]:
        kind = _KINDS.get(mode, "blob")
        found: dict[str, Any] = {"path": path, "mode": mode, "type": kind, "sha": id}
        if kind == "commit":
            return found
        if kind == "blob" and (entry := self.blob(id)):
            found["size"] = len(entry.data)
        plural = "trees" if kind == "tree" else "blobs"
        return {**found, "url": f"{_API}/{self.name}/git/{plural}/{id}"}


def pointer(data: bytes) -> bytes:
    """Return what LFS leaves in git."""
    lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{sha256(data)}")
    return "".join(f"{line}\n" for line in (*lines, f"size {len(data)}")).encode()


def pointed(data: bytes) -> str | None:
    """Return the oid that a pointer names."""
    head = b"version https://git-lfs.github.com/spec/v1\noid sha256:"
    return data.removeprefix(head)[:64].decode() if data.startswith(head) else None


def committed(
    sha: str,
    files: Mapping[str, bytes],
    lfs: Collection[str],
    links: Mapping[str, str],
    submodules: Mapping[str, str],
    modes: Mapping[str, str],
) -> Commit:
    """Return a commit; a file's mode is given, or said by its name: `.sh` may be run."""
    entries: dict[str, Entry] = {}
    for path, data in files.items():
        kept = pointer(data) if path in lfs else data
        mode = modes.get(path) or (EXECUTABLE if path.endswith(".sh") else REGULAR)
        entries[path] = Entry(path, mode, blob_id(kept), kept)
    for path, target in links.items():
        entries[path] = Entry(path, LINK, blob_id(target.encode()), target.encode())
    for path, other in submodules.items():
        entries[path] = Entry(path, SUBMODULE, other, b"")
    return Commit(sha, entries)


def _above(path: str) -> Iterator[str]:
    steps = path.split("/")[:-1]
    for depth in range(len(steps)):
        yield "/".join(steps[: depth + 1]) + "/"


def _zip_mode(mode: str) -> int:
    special = {EXECUTABLE: stat.S_IFREG | 0o755, LINK: stat.S_IFLNK | 0o777}
    return special.get(mode, 0)  # a mode only where it is special
