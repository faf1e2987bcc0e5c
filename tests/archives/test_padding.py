"""Bytes before and after an archive: refused as long as nobody allows them."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from covcat.archives import extract
from covcat.archives.rules import Budget, Layout
from covcat.errors import ExtractionError

JUNK = b"#!/bin/sh\nexit 0\n"


def _zip(name: str = "a.txt", comment: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, name * 9)
        archive.comment = comment
    return made.getvalue()


def _tar(name: str = "a.txt") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(name)
        archive.addfile(member, io.BytesIO(name.encode()))
    return made.getvalue()


def _zip_that_counts_from_the_file() -> bytes:
    made = io.BytesIO(JUNK)
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("a.txt", "a")
    return made.getvalue()


PADDED = {
    "zip, before": ("x.zip", JUNK + _zip(), "is of no format"),
    "zip, before, offsets of the file": (
        "x.zip",
        _zip_that_counts_from_the_file(),
        "is of no format",
    ),
    "zip, after": ("x.zip", _zip() + JUNK, "bytes after its end"),
    "zip, both": ("x.zip", JUNK + _zip() + JUNK, "is of no format"),
    "zip after a zip": ("x.zip", _zip("b.txt") + _zip(), "hidden bytes before"),
    "zip whose comment is a zip": ("x.zip", _zip(comment=_zip("b.txt")), "hidden bytes before"),
    "tar, after": ("x.tar", _tar() + JUNK, "after its last member"),
    "tar after a tar": ("x.tar", _tar() + _tar("b.txt"), "after its last member"),
    "tar.gz, after the stream": (
        "x.tar.gz",
        gzip.compress(_tar()) + JUNK,
        "end of its compressed stream",
    ),
    "tar.gz, after the tar": ("x.tar.gz", gzip.compress(_tar() + JUNK), "after its last member"),
    "tar.gz, tars one after the other": (
        "x.tar.gz",
        gzip.compress(_tar() + _tar("b.txt")),
        "after its last member",
    ),
    "tar.gz, packed one after the other": (
        "x.tar.gz",
        gzip.compress(_tar()) * 2,
        "after its last member",
    ),
    "tar.bz2, after the stream": (
        "x.tar.bz2",
        bz2.compress(_tar()) + JUNK,
        "end of its compressed stream",
    ),
    "tar.xz, after the stream": (
        "x.tar.xz",
        lzma.compress(_tar()) + JUNK,
        "end of its compressed stream",
    ),
}


def _listed(folder: Path, name: str, data: bytes) -> list[str]:
    path = folder / name
    path.write_bytes(data)
    kind = extract.kind(path)
    return [one.path for one in extract.inspect(path, kind, Layout(), Budget(1 << 20))]


@pytest.mark.parametrize(("name", "data", "why"), PADDED.values(), ids=PADDED)
def test_padding_is_refused(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    with pytest.raises(ExtractionError) as caught:
        _listed(tmp_path, name, data)
    assert why in (caught.value.cause or "")


@pytest.mark.parametrize("make", [_zip, _tar])
def test_without_padding_it_is_read(tmp_path: Path, make: Callable[[], bytes]) -> None:
    name = "x.zip" if make is _zip else "x.tar"
    assert _listed(tmp_path, name, make()) == ["a.txt"]
