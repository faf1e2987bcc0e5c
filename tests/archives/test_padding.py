"""Bytes before and after an archive: refused as long as nobody allows them, never hiding any."""

import bz2
import gzip
import io
import lzma
import os
import random
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.runs import tree_on_disk

from covcat.archives import extract
from covcat.archives.base import Opening, Padding
from covcat.archives.rules import Budget, Layout
from covcat.archives.writing import UnpackTarget
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
    "zip, before": ("x.zip", JUNK + _zip(), "has 17 bytes before its first member"),
    "zip, before, offsets of the file": (
        "x.zip",
        _zip_that_counts_from_the_file(),
        "has 17 bytes before its first member",
    ),
    "zip, after": ("x.zip", _zip() + JUNK, "has 17 bytes after its end"),
    "zip, both": ("x.zip", JUNK + _zip() + JUNK, "member and 17 bytes after its end"),
    "tar, after": ("x.tar", _tar() + JUNK, "has 17 bytes after its end"),
    "tar after a tar": ("x.tar", _tar() + _tar("b.txt"), "1 further tar"),
    "tar.gz, after the stream": (
        "x.tar.gz",
        gzip.compress(_tar()) + JUNK,
        "has 17 bytes after its end",
    ),
    "tar.gz, after the tar": (
        "x.tar.gz",
        gzip.compress(_tar() + JUNK),
        "has 17 bytes after its end",
    ),
    "tar.gz, tars one after the other": (
        "x.tar.gz",
        gzip.compress(_tar() + _tar("b.txt")),
        "1 further tar",
    ),
    "tar.gz, packed one after the other": (
        "x.tar.gz",
        gzip.compress(_tar()) * 2,
        "1 further tar",
    ),
    "tar.bz2, after the stream": (
        "x.tar.bz2",
        bz2.compress(_tar()) + JUNK,
        "has 17 bytes after its end",
    ),
    "tar.xz, after the stream": (
        "x.tar.xz",
        lzma.compress(_tar()) + JUNK,
        "has 17 bytes after its end",
    ),
}


HIDING = {  # refused whoever allows padding
    "zip after a zip": ("x.zip", _zip("b.txt") + _zip()),
    "zip before junk and a zip": ("x.zip", _zip("b.txt") + JUNK + _zip()),
    "junk before two zips": ("x.zip", JUNK + _zip("b.txt") + _zip()),
    "zip whose comment is a zip": ("x.zip", _zip(comment=_zip("b.txt"))),
    "zip after the junk after a zip": ("x.zip", _zip() + JUNK + _zip("b.txt") + JUNK),
    "RAR before a zip": ("x", JUNK + b"Rar!\x1a\x07\x01\0" + _zip()),
    "7z before a zip": ("x", JUNK + b"7z\xbc\xaf\x27\x1c" + _zip()),
    "tar after a zip": ("x.zip", _zip() + _tar()),
    "zip after a tar": ("x.tar", _tar() + _zip()),
    "tar after junk after a tar": ("x.tar", _tar() + JUNK + _tar("b.txt")),
    "zip after a tar.gz": ("x.tar.gz", gzip.compress(_tar()) + _zip()),
    "xz after a tar.gz": ("x.tar.gz", gzip.compress(_tar()) + lzma.compress(_tar("b.txt"))),
    "gz after zeros after a tar.gz": (
        "x.tar.gz",
        gzip.compress(_tar()) + bytes(9) + gzip.compress(_tar()),
    ),
    "a PDF before a zip": ("x", b"%PDF-1.7\n" + _zip()),
    "a picture before a zip": ("x", b"\x89PNG\r\n\x1a\n" + _zip()),
    "2 MiB after a zip": ("x.zip", _zip() + b"x" * (2 << 20)),
    "2 MiB after a tar": ("x.tar", _tar() + b"x" * (2 << 20)),
    "one packed file": ("x.txt.gz", gzip.compress(b"text") + JUNK),
    "one empty block in a tar": ("x.tar", _tar()[:1024] + bytes(512) + _tar("b.txt")),
    "zeros between two tars that fill no record": (
        "x.tar",
        _tar()[:1024] + bytes(4096) + _tar("b.txt"),
    ),
}


TEXT = b"hidden" * 50
V7_TAR = _tar()[:257] + bytes(8) + _tar()[265:]  # without the mark, and so with another sum
V7_TAR = V7_TAR[:148] + b"%06o\0 " % (sum(V7_TAR[:148] + V7_TAR[156:512]) + 256) + V7_TAR[156:]
STARTS = {  # of what 7-Zip takes for the archive where it lies in the padding of a zip
    "gz": gzip.compress(TEXT),
    "bz2": bz2.compress(TEXT),
    "xz": lzma.compress(TEXT),
    "zst": b"\x28\xb5\x2f\xfd\x20\x05" + TEXT,
    "lzip": b"LZIP\x01\x0c" + TEXT,
    "lzma-alone": lzma.compress(TEXT, lzma.FORMAT_ALONE),
    "cpio": b"070701" + b"0000000A" * 13 + TEXT,
    "cpio of the other byte order": b"\x71\xc7" + bytes(24) + b"TRAILER!!!\0\0",
    "ar": b"!<arch>\n" + TEXT,
    "cab": b"MSCF" + bytes(4) + TEXT,
    "xar": b"xar!\0\x1c\0\x01" + TEXT,
    "wim": b"MSWIM\0\0\0\xd0" + TEXT,
    "lzh": b"\x20\x00-lh5-" + TEXT,
    "arj": b"\x60\xea\x2c\0\x22\x0b\x01\x02\x10\0\x02" + TEXT,
    "ISO 9660": b"\x01CD001\x01\0" + TEXT,
    "NTFS": b"\xeb\x52\x90NTFS    \0" + TEXT,
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("is_before", [True, False])
def test_nothing_that_7zip_would_take_for_the_archive_may_be_around_a_zip(
    tmp_path: Path, start: bytes, is_before: bool
) -> None:
    data = JUNK + start + _zip() if is_before else JUNK + _zip() + start
    with pytest.raises(ExtractionError) as caught:
        _listed(tmp_path, "x.zip", data, allows=True)
    assert "another archive" in (caught.value.cause or "")


@pytest.mark.parametrize("size", [131_072 - 8, 131_072 - 2, 131_072])
def test_a_hidden_start_is_seen_where_two_reads_meet(tmp_path: Path, size: int) -> None:
    data = b"#!" + b"x" * (size - 2) + b"Compressed ROMFS" + _zip()
    with pytest.raises(ExtractionError) as caught:
        _listed(tmp_path, "x", data, allows=True)
    assert "cramfs" in (caught.value.cause or "")


def test_a_tar_without_a_mark_may_not_follow_an_archive(tmp_path: Path) -> None:
    for data in (_zip() + V7_TAR, JUNK + _zip() + JUNK + V7_TAR):
        with pytest.raises(ExtractionError) as caught:
            _listed(tmp_path, "x.zip", data, allows=True)
        assert "another archive (tar)" in (caught.value.cause or "")


def _listed(folder: Path, name: str, data: bytes, *, allows: bool = False) -> list[str]:
    path = folder / name
    path.write_bytes(data)
    kind = extract.kind(path, allows_padding=allows)
    opening = Opening(allows_padding=allows)
    return [one.path for one in extract.inspect(path, kind, Layout(), Budget(1 << 20), opening)]


def _unpacked(folder: Path, name: str, data: bytes) -> tuple[dict[str, bytes], Padding | None]:
    """What comes out where padding is allowed, and what was passed over."""
    (folder / "in").mkdir(exist_ok=True)
    path = folder / "in" / name
    path.write_bytes(data)
    out = folder / os.urandom(4).hex()
    out.mkdir()
    kind = extract.kind(path, allows_padding=True)
    place = UnpackTarget(out, folder / "inside")
    opening = Opening(allows_padding=True)
    done = extract.extract(path, kind, Layout(), Budget(1 << 20), place, opening)
    return tree_on_disk(out), done.padding


@pytest.mark.parametrize(("name", "data", "why"), PADDED.values(), ids=PADDED)
def test_padding_is_refused(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    with pytest.raises(ExtractionError) as caught:
        _listed(tmp_path, name, data)
    assert why in (caught.value.cause or "")
    assert f"covcat extract {name} --allow padding" in (caught.value.hint or "")


@pytest.mark.parametrize(("name", "data", "why"), PADDED.values(), ids=PADDED)
def test_padding_is_passed_over_where_it_is_allowed(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    files, padding = _unpacked(tmp_path, name, data)
    assert why in f"has {padding}"
    has_both = "tar" in why and b"b.txt" in (data if name == "x.tar" else gzip.decompress(data))
    assert set(files) == ({"a.txt", "b.txt"} if has_both else {"a.txt"})


@pytest.mark.parametrize(("name", "data"), HIDING.values(), ids=HIDING)
def test_padding_may_hide_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    for allows in (False, True):
        with pytest.raises(ExtractionError) as caught:
            _listed(tmp_path, name, data, allows=allows)
        if name != "x.tar":  # the second of two tars may be the wrong one
            assert "--allow" not in (caught.value.hint or "")


def test_a_tar_after_a_tar_may_repeat_only_the_same(tmp_path: Path) -> None:
    assert _unpacked(tmp_path, "x.tar", _tar() * 2)[0] == {"a.txt": b"a.txt"}
    other = _tar().replace(b"a.txt", b"XXXXX").replace(b"XXXXX", b"a.txt", 1)
    with pytest.raises(ExtractionError):
        _unpacked(tmp_path, "x.tar", _tar() + other)


DAMAGED = {
    "zip, both": ("x.zip", JUNK + _zip() + JUNK),
    "zip, offsets of the file": ("x.zip", _zip_that_counts_from_the_file() + JUNK),
    "tar.gz, after": ("x.tar.gz", gzip.compress(_tar(), mtime=0) + JUNK),
    "two tar.gz": (
        "x.tar.gz",
        gzip.compress(_tar(), mtime=0) + gzip.compress(_tar("b.txt"), mtime=0),
    ),
    "two tar.xz": ("x.tar.xz", lzma.compress(_tar()) + lzma.compress(_tar("b.txt"))),
}


@pytest.mark.parametrize(("name", "data"), DAMAGED.values(), ids=DAMAGED)
def test_damage_never_becomes_padding(tmp_path: Path, name: str, data: bytes) -> None:
    """Names in a zip or tar are of the archive's own word: only contents and their number count."""
    right, _ = _unpacked(tmp_path, name, data)
    start = data[:6] if name.endswith("xz") else data[:3]
    border = data.find(start, 1) if start in data[1:] else len(data)
    whole = (data[:border], data[border:])
    chance = random.Random(name + str(len(data)))
    damaged = [
        data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        for at in range(len(data))
    ]
    damaged += [data[:at] for at in range(0, len(data), 3)] + [
        data[at:] for at in range(1, len(data), 3)
    ]
    for one in damaged:
        try:
            files, _ = _unpacked(tmp_path, name, one)
        except ExtractionError:
            continue
        if one in whole:  # cut between the two: nothing shows that there was another
            continue
        assert sorted(files.values()) == sorted(right.values())


@pytest.mark.parametrize("level", [0, 1])
def test_a_backup_of_gnu_tar_is_read_where_it_is_allowed(tmp_path: Path, level: int) -> None:
    if (
        shutil.which("tar") is None
        or b"GNU"
        not in subprocess.run(["tar", "--version"], capture_output=True, check=True).stdout
    ):
        pytest.skip("GNU tar is not installed")
    (tmp_path / "d" / "e").mkdir(parents=True)
    command = ["tar", "-V", "label", "--listed-incremental=snar", "-cf", "x.tar", "d"]
    expected = {}
    for number in range(level + 1):
        name = f"d/e/{number}.txt"
        (tmp_path / name).write_text(name)
        expected = {name: name.encode()}
        subprocess.run(command, cwd=tmp_path, check=True)
    data = (tmp_path / "x.tar").read_bytes()
    with pytest.raises(ExtractionError) as caught:
        _listed(tmp_path, "x.tar", data)
    assert "incremental" in (caught.value.cause or "")
    files, padding = _unpacked(tmp_path, "x.tar", data)
    assert files == expected
    assert padding is not None
    assert padding.incremental > 0


@pytest.mark.parametrize("is_adjusted", [False, True])
def test_a_program_that_unpacks_itself_is_read(tmp_path: Path, is_adjusted: bool) -> None:
    stub = shutil.which("unzipsfx")
    if stub is None or shutil.which("zip") is None:
        pytest.skip("unzipsfx or zip is not installed")
    program = Path(stub).read_bytes()
    (tmp_path / "x.bin").write_bytes(program + _zip())
    if is_adjusted:
        subprocess.run(["zip", "-qA", "x.bin"], cwd=tmp_path, check=True)
    files, padding = _unpacked(tmp_path, "x.bin", (tmp_path / "x.bin").read_bytes())
    assert files == {"a.txt": b"a.txt" * 9}
    assert padding == Padding(before=len(program))


@pytest.mark.parametrize("make", [_zip, _tar])
def test_without_padding_it_is_read(tmp_path: Path, make: Callable[[], bytes]) -> None:
    name = "x.zip" if make is _zip else "x.tar"
    assert _listed(tmp_path, name, make()) == ["a.txt"]
