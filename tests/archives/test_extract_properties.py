"""What must hold for any archive: nothing outside, one file per path, readers agree or refusal."""

import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makers.archives import tar_of, zip_of
from makers.rars import rar5_of
from makers.runs import tree_on_disk
from makers.seven_zips import seven_zip_of

from covcat.archives import extract
from covcat.archives.rules import Budget, Layout
from covcat.archives.writing import UnpackTarget
from covcat.errors import ExtractionError
from covcat.names import collision_key, unsafe_name

QUICK = settings(max_examples=150, derandomize=True, suppress_health_check=list(HealthCheck))
PART = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6),
    st.sampled_from(
        ["..", ".", "", "a", "A", "caf\u00e9", "cafe\u0301", "C:", "x" * 256, "a.", "-n"]
    ),
)
NAME = st.lists(PART, min_size=1, max_size=4).map("/".join)
MEMBERS = st.dictionaries(
    NAME.filter(lambda name: name[-1:] != "/" and name), st.binary(max_size=40), max_size=6
)
WRITERS = {
    "zip": zip_of,
    "tar": lambda members: tar_of(members, "gz"),
    "7z": seven_zip_of,
    "rar": rar5_of,
}


def unpacked(kind: str, data: bytes) -> dict[str, bytes] | None:
    """Return what was written, or None if the archive was refused; nothing lies outside."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        (top / "archive").write_bytes(data)
        (top / "out").mkdir()
        try:
            place = UnpackTarget(top / "out", top / "inside")
            extract.extract(top / "archive", kind, Layout(), Budget(10**6), place)
        except ExtractionError:
            return None
        finally:
            assert {one.name for one in top.iterdir()} <= {"archive", "out"}
            assert not any(path.is_symlink() for path in (top / "out").rglob("*"))
        return tree_on_disk(top / "out")


def is_good(members: dict[str, bytes]) -> bool:
    """Tell by the rules alone if every member has a place of its own."""
    if not members or any(unsafe_name(name) for name in members):
        return False
    keys = [collision_key(name) for name in members]
    folders: dict[str, str] = {}
    for name in members:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folders.setdefault(collision_key(folder), folder) != folder:
                return False
    return len(set(keys)) == len(keys) and not set(keys) & folders.keys()


@QUICK
@given(members=MEMBERS, kind=st.sampled_from([*WRITERS]))
def test_good_names_are_written_whole_and_any_other_refuses_the_archive(members, kind) -> None:
    got = unpacked(kind, WRITERS[kind](members))
    assert got == (members if is_good(members) else None)


LINK = st.sampled_from([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])


@QUICK
@given(
    names=st.lists(st.sampled_from(["a", "a/b", "b", "b/c"]), min_size=1, max_size=4),
    kinds=st.lists(st.one_of(st.just(tarfile.REGTYPE), LINK), min_size=4, max_size=4),
    target=st.sampled_from(["..", "/etc/passwd", "a", "b/../../x"]),
)
def test_no_tar_with_a_link_or_device_is_unpacked(names, kinds, target) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, kind in zip(names, kinds, strict=False):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    got = unpacked("tar", data.getvalue())
    if any(kind != tarfile.REGTYPE for kind in kinds[: len(names)]):
        assert got is None


@QUICK
@given(
    declared=st.integers(0, 2**32 - 1),
    data=st.binary(max_size=200),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_a_zip_that_lies_about_a_size_is_refused(declared, data, method) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        archive.writestr("a", data)
    raw = bytearray(whole.getvalue())
    directory = raw.rindex(b"PK\x01\x02")
    for field in (22, directory + 24):  # the unpacked size, in both headers
        raw[field : field + 4] = declared.to_bytes(4, "little")
    got = unpacked("zip", bytes(raw))
    assert got == ({"a": data} if declared == len(data) else None)


@QUICK
@given(
    edits=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=4),
    kind=st.sampled_from(["zip", "tar"]),
)
def test_an_edited_archive_is_refused_or_read_as_the_standard_library_reads_it(edits, kind) -> None:
    raw = bytearray(zip_of({"a": b"1" * 50, "b/c": b"2" * 60}))
    if kind == "tar":
        raw = bytearray(tar_of({"a": b"1" * 50, "b/c": b"2" * 60}, ""))
    for place, value in edits:
        raw[int(place * len(raw))] = value
    got = unpacked(kind, bytes(raw))
    if got is not None:
        assert got == read_by_library(kind, bytes(raw))


def read_by_library(kind: str, raw: bytes) -> dict[str, bytes]:
    if kind == "zip":
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return {one.filename: archive.read(one) for one in archive.infolist()}
    with tarfile.open(fileobj=io.BytesIO(raw)) as packed:
        files = [one for one in packed if one.isreg()]
        return {os.fspath(one.name): packed.extractfile(one).read() for one in files}
