"""Git's ids, against literal ids and against git itself."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from covcat.digests import EXECUTABLE, REGULAR, blob_hasher, tree_id

EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def blob_id(data: bytes) -> str:
    hasher = blob_hasher(len(data))
    hasher.update(data)
    return hasher.hexdigest()


def git(folder: Path, *args: str, feed: bytes = b"") -> str:
    """Run the real git in `folder`, with nobody's settings."""
    quiet = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    quiet |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(folder)}
    done = subprocess.run(
        ["git", *args], cwd=folder, env=quiet, input=feed, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def tree_by_git(folder: Path, files: Mapping[str, bytes], executable: set[str]) -> str:
    git(folder, "init", "--quiet")
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    git(folder, "-c", "core.autocrlf=false", "add", "--all", ".")
    for name in executable:
        git(folder, "update-index", "--chmod=+x", name)
    return git(folder, "write-tree")


def test_blobs_and_trees_have_the_ids_that_git_gives_them() -> None:
    assert blob_id(b"") == EMPTY_BLOB
    assert blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    in_pro_git = "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    assert blob_id(b"what is up, doc?") == in_pro_git
    assert tree_id([]) == EMPTY_TREE


def test_a_tree_has_the_id_that_its_bytes_spell_out() -> None:
    body = b"100644 empty\0" + bytes.fromhex(EMPTY_BLOB)
    expected = hashlib.sha1(b"tree 33\0" + body).hexdigest()
    assert tree_id([("empty", REGULAR, EMPTY_BLOB)]) == expected


SORTED = ("a/b", "a.b", "a0", "a-b", "a b", "aa")
TREES: dict[str, tuple[dict[str, bytes], set[str]]] = {
    "one-file": ({"a": b"a"}, set()),
    "folder-sorts-as-with-a-slash": (dict.fromkeys(SORTED, b"1"), set()),
    "file-beside-longer-names": ({"a": b"1", "a.b/x": b"2", "a0/x": b"3", "a-b/x": b"4"}, set()),
    "nested": (dict.fromkeys(("x/y/z/deep.txt", "x/y/z.txt", "x/y-z", "x.y/z"), b"1"), set()),
    "executable": ({"run.sh": b"#", "x/y": b"x", "x/data": b"x"}, {"run.sh", "x/y"}),
    "capitals-before-small": ({"B": b"1", "a": b"2", "Z/x": b"3", "_": b"4"}, set()),
    "not-ascii": ({"röntgen/肺.png": b"1", "röntgen.png": b"2", "\U0001fac1": b"3"}, set()),
    "odd-names": ({"p6-52%10.png": b"1", "a  b/ c": b"2", "-": b"3", "#x": b"4"}, set()),
    "equal-contents": ({"a/one": b"same", "b/one": b"same", "one": b"same"}, set()),
}


@pytest.mark.parametrize("data", [b"", b"x", b"a\r\nb\r\n", bytes(range(256)) * 5000], ids=len)
def test_a_blob_agrees_with_git(tmp_path: Path, data: bytes) -> None:
    assert blob_id(data) == git(tmp_path, "hash-object", "--stdin", feed=data)


@pytest.mark.parametrize(("files", "executable"), TREES.values(), ids=TREES)
def test_a_tree_agrees_with_git(
    tmp_path: Path, files: dict[str, bytes], executable: set[str]
) -> None:
    entries = [
        (path, EXECUTABLE if path in executable else REGULAR, blob_id(data))
        for path, data in files.items()
    ]
    assert tree_id(entries) == tree_by_git(tmp_path, files, executable)
    assert tree_id(reversed(entries)) == tree_id(entries)


def test_a_tree_is_bound_to_every_name_mode_and_byte() -> None:
    one = ("a", REGULAR, EMPTY_BLOB)
    others = [("b", REGULAR, EMPTY_BLOB), ("a", EXECUTABLE, EMPTY_BLOB)]
    others += [("a", REGULAR, blob_id(b"x")), ("a/a", REGULAR, EMPTY_BLOB)]
    for other in (*([row] for row in others), [one, others[0]], []):
        assert tree_id(other) != tree_id([one]), other
