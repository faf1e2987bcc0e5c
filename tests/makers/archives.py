"""Archives from dicts, as hosts serve them."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RAW = f"/raw.githubusercontent.com/test/set/{COMMIT}"  # where its files are, each by itself


REPOSITORY = {
    "README.md": b"# a synthetic repository\n",
    "images/one.png": b"\x89PNG one" * 100,
    "images/two.png": b"\x89PNG two" * 100,
    "scripts/run.sh": b"#!/bin/sh\n",
}


def zip_of(members: Mapping[str, bytes], comment: str = "", modes: Mapping[str, int] = {}) -> bytes:
    """A deflated zip as `git archive` writes it: a mode only where it is special."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2020, 5, 8, 0, 0, 0))
            info.external_attr = modes.get(name, 0) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
        archive.comment = comment.encode()
    return buffer.getvalue()


def tar_of(members: Mapping[str, bytes], packing: str = "") -> bytes:
    """A tar, packed with gz, bz2, xz or nothing."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def git_zip(files: Mapping[str, bytes], name: str = "set", commit: str = COMMIT) -> bytes:
    """A repository as codeload serves it: one root folder, the commit in the comment."""
    root = f"{name}-{commit}/"
    modes = {root + path: stat.S_IFREG | 0o755 for path in files if path.endswith(".sh")}
    return zip_of({root: b"", **{root + path: data for path, data in files.items()}}, commit, modes)


def doubled(files: Mapping[str, bytes], root: str = "archive") -> dict[str, bytes]:
    """Return files as Kaggle's zips hold them: each twice, with what a desktop leaves."""
    found = {f"{root}/.DS_Store": b"junk"}
    for path, data in files.items():
        found |= {f"{root}/{path}": data, f"{root}/{root}/{path}": data}
        found[f"__MACOSX/{root}/._{path.rpartition('/')[2]}"] = b"junk"
    return found
