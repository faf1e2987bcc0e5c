"""Attempts to make covcat write, delete, claim or show what it must not; each one was once real."""

import bz2
import hashlib
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from makers.archives import tar_of, zip_of
from makers.runs import tree_on_disk
from makers.said import check_said
from makers.zips import DESCRIPTOR, Made, zip_made
from servers.server import Answer

from covcat.archives import extract, rules, writing
from covcat.archives.rules import Layout
from covcat.download.answers import not_the_file
from covcat.errors import ExtractionError

DATA = Path("covcat-data")
RECORD = "sample/1/manifest.json"
DAMAGED = "the manifest of `sample@1` is damaged"


# ---- the data folder ---------------------------------------------------------------------------


@pytest.mark.parametrize("planted", [".covcat", ".covcat/staging", ".covcat/locks"])
def test_a_planted_link_in_the_private_folder_is_never_followed(covcat, planted: str) -> None:
    victim = Path("victim/0123456789abcdef")
    victim.mkdir(parents=True)
    (victim / "thesis.tex").write_text("years of work")
    (DATA / planted).parent.mkdir(parents=True)
    (DATA / planted).symlink_to(victim.parent.absolute())
    check_said(covcat("fetch", "sample"), 8, "is not a private folder of covcat's own")
    assert tree_on_disk(Path("victim")) == {"0123456789abcdef/thesis.tex": b"years of work"}


def test_only_covcats_own_staging_names_are_swept(covcat) -> None:
    kept = DATA / ".covcat/staging/notes"
    kept.mkdir(parents=True)
    assert covcat("fetch", "sample").code == 0
    assert kept.is_dir()


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_covcat_did_not_make_is_never_replaced(covcat, kind: str) -> None:
    final = DATA / "sample" / "1"
    final.parent.mkdir(parents=True)
    if kind == "link":
        final.symlink_to("/nowhere")
    else:
        mine = final if kind == "file" else final / "annotations.csv"
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("mine")
    before = tree_on_disk(DATA)
    ran = covcat("fetch", "sample")
    assert (ran.code, ran.out) == (8, "")
    assert f"error: `{final}` is in the way, and covcat did not make it" in ran.err
    after = {path: data for path, data in tree_on_disk(DATA).items() if ".covcat" not in path}
    assert after == before
    assert final.is_symlink() is (kind == "link")


def test_a_release_is_not_written_through_a_linked_folder(covcat) -> None:
    Path("outside").mkdir()
    DATA.mkdir()
    (DATA / "sample").symlink_to(Path("outside").absolute())
    assert covcat("fetch", "sample").code == 8
    assert list(Path("outside").iterdir()) == []


def test_a_users_own_files_in_a_release_stop_its_replacement(covcat) -> None:
    assert covcat("fetch", "sample").code == 0
    mine = DATA / "sample/1/files/labels.csv"
    mine.write_text("mine")
    ran = covcat("fetch", "sample", "--keep-archives")
    check_said(ran, 8, "  files/labels.csv\n")
    assert "extra" not in ran.err
    assert mine.read_text() == "mine"


# ---- records -----------------------------------------------------------------------------------


def _altered(old: str, new: str, path: str = "plain/1/manifest.json") -> None:
    manifest = DATA / path
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))


@pytest.fixture
def pinned_archive(covcat, shelf, server):
    """A release that is kept as its archive only, pinned by sha256."""
    right = zip_of({"a.txt": b"right"})
    digest = hashlib.sha256(right).hexdigest()
    shelf.add_web("plain", "a.zip", unpack="zip", sha256=digest)
    server.serve("/data.example.org/a.zip", Answer(right))
    assert covcat("fetch", "plain", "--no-extract").code == 0
    return right


def test_an_altered_record_does_not_replace_the_pin(covcat, pinned_archive: bytes) -> None:
    evil = zip_of({"a.txt": b"evil!"})
    archive = DATA / "plain/1/archives/a.zip"
    archive.write_bytes(evil)
    right, wrong = (hashlib.sha256(data).hexdigest() for data in (pinned_archive, evil))
    _altered(right, wrong)
    _altered(f'"bytes": {len(pinned_archive)}', f'"bytes": {len(evil)}')
    sums = DATA / "plain/1/SHA256SUMS"
    sums.write_text(sums.read_text().replace(right, wrong))
    assert covcat("verify").code == 5
    check_said(covcat("fetch", "plain", "--offline"), 5, "is not the pinned file")
    assert not (DATA / "plain/1/files").exists()


@pytest.mark.parametrize("place", ["/etc/hostname", "archives/../../x", "archives/other.zip"])
def test_a_record_cannot_name_another_archive(covcat, pinned_archive, place: str) -> None:
    _altered('"archive": "archives/a.zip"', f'"archive": "{place}"')
    for command in (["verify"], ["fetch", "plain"]):
        check_said(covcat(*command), 5, "is damaged")


def _linked(files: str) -> None:
    moved = (DATA / files).rename(DATA / "moved")
    (DATA / files).symlink_to(moved.absolute())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (partial(_altered, '"resource": "sample"', '"resource": "cohen"', RECORD), DAMAGED),
        (
            partial(_altered, "0", "1", "sample/1/SHA256SUMS"),
            "changed: SHA256SUMS: not as recorded",
        ),
        (partial(_linked, "sample/1/files"), "sample@1: extra: files"),
    ],
    ids=["another release's record", "altered sums", "files that are a link"],
)
def test_verify_finds_what_was_changed(covcat, change: Callable[[], None], said: str) -> None:
    covcat("fetch", "sample")
    change()
    ran = covcat("verify")
    assert (ran.code, said in ran.err) == (5, True), ran.err


# ---- the catalog of a stranger -----------------------------------------------------------------


@pytest.mark.parametrize("into", ["/etc/", "../up/", "a/../../up/", "..\\up/", '"a\\u202eb/"'])
def test_a_folder_of_the_catalog_cannot_lead_outside(covcat, shelf, into: str) -> None:
    shelf.add_web("evil", "a.zip", unpack="zip", into=into)
    check_said(covcat("fetch", "evil"), 5, "expected a folder like `data/`")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: evil", "id: ../evil"),
        ('- id: "1"', "- id: .."),
        ("name: a.zip", "name: ../a.zip"),
        ("https://data.example.org/a.zip", "https://[zz/a"),
        ("https://data.example.org/a.zip", "https://u:p@example.org/a"),
        ("https://data.example.org/a.zip", "file:///etc/passwd"),
    ],
)
def test_a_hostile_entry_is_refused_with_its_line(covcat, shelf, old: str, new: str) -> None:
    shelf.add_web("evil", "a.zip", unpack="zip")
    path = shelf.folder / "evil.yaml"
    path.write_text(path.read_text().replace(old, new))
    ran = covcat("list")
    assert ran.code == 5
    assert ran.err.startswith(f"error: {path}:")


def test_a_branch_is_a_plain_name(covcat, shelf) -> None:
    shelf.add(
        "evil",
        "releases: [{id: latest, source: x, files: [{host: github, repository: a/b, "
        'branch: "x\\ny", unpack: zip}]}]\n',
    )
    check_said(covcat("list"), 5, "expected a branch name")


# ---- servers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("unpack", ["none", "zip"])
def test_a_body_without_end_stops_at_the_room_there_is(
    covcat, shelf, server, monkeypatch, unpack: str
) -> None:
    monkeypatch.setattr("covcat.store.folder.Store.free_bytes", lambda self: 100_000)
    shelf.add_web("plain", "a.zip", unpack=unpack)
    server.serve("/data.example.org/a.zip", Answer(b"PK\x03\x04" * 100_000, has_length=False))
    check_said(
        covcat("fetch", "plain"), 8, "goes on beyond the 100000 bytes that there is room for"
    )


def test_a_file_and_what_it_unpacks_to_are_bounded_by_the_catalog(covcat, shelf, server) -> None:
    shelf.add_web("plain", "a.csv", max_bytes=1000)
    server.serve("/data.example.org/a.csv", Answer(b"x" * 1001))
    assert covcat("fetch", "plain").code == 5
    shelf.add_web("bomb", "a.zip", unpack="zip", max_bytes=1000)
    server.serve("/data.example.org/a.zip", Answer(zip_of({"a": bytes(1_000_000)})))
    check_said(
        covcat("fetch", "bomb"), 6, "unpacks to 1,000,000 bytes or more: expected at most 1,000"
    )


def test_comments_before_a_page_do_not_hang() -> None:
    head = b"<!---->" * 5000 + b"x" * 400
    assert not_the_file(head, "none", "", "u") is None
    page = not_the_file(b"<!-- a -->\n<!-- b --><HTML>", "zip", "", "u")
    assert "web page" in str(page)


def test_tracebacks_are_escaped_and_a_name_of_megabytes_is_cut(covcat, shelf, server) -> None:
    shelf.add_web("plain", "a.tar", unpack="tar")
    names = ("\x1b[2J\u202e", "x" * 1_000_000)
    server.serve("/data.example.org/a.tar", *(Answer(tar_of({name: b""})) for name in names))
    ran = covcat("fetch", "plain", "-vv")
    assert (ran.code, "Traceback" in ran.err) == (6, True)
    assert not {"\x1b", "\u202e"} & set(ran.err)
    ran = covcat("fetch", "plain")
    assert ran.code == 6
    assert len(ran.err) < 5000


# ---- archives ----------------------------------------------------------------------------------

MEMBERS = {"a.txt": b"a" * 600, "b.txt": b"b" * 600, "c.txt": b"c" * 600}


def inspected(tmp_path: Path, kind: str, data: bytes) -> list[str]:
    archive = tmp_path / "archive"
    archive.write_bytes(data)
    place = writing.UnpackTarget(None, tmp_path / "inside")
    done = extract.extract(archive, kind, Layout(), rules.Budget(10**9), place)
    return [one.path for one in done.files]


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress], ids=["bz2", "xz"])
def test_a_second_stream_is_read_and_its_damage_is_not_swallowed(tmp_path: Path, compress) -> None:
    whole = tar_of(MEMBERS)
    first, second = compress(whole[:1536]), compress(whole[1536:])
    assert inspected(tmp_path, "tar", first + second) == list(MEMBERS)
    assert inspected(tmp_path, "tar", first + second + bytes(512)) == list(MEMBERS)
    damaged = bytearray(second)
    damaged[len(damaged) // 2] ^= 0xFF
    for body in (first + bytes(damaged), first, first + second[:-1], first + second + b"junk"):
        with pytest.raises(ExtractionError):
            inspected(tmp_path, "tar", body)


@pytest.mark.parametrize("offset", [4, 8, 12], ids=["crc", "packed", "size"])
def test_a_data_descriptor_must_say_what_the_directory_says(tmp_path: Path, offset: int) -> None:
    data = bytearray(zip_made(Made("a.txt", b"a" * 600, flags=DESCRIPTOR)))
    assert inspected(tmp_path, "zip", bytes(data)) == ["a.txt"]
    data[data.index(b"PK\x07\x08") + offset] ^= 1
    with pytest.raises(ExtractionError) as info:
        inspected(tmp_path, "zip", bytes(data))
    assert "data descriptor that differs" in (info.value.cause or "")


def zip_with_extra(extra: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("a.txt")
        info.extra = extra
        archive.writestr(info, b"a")
    return buffer.getvalue()


def unicode_path(name: bytes, of: bytes = b"a.txt") -> bytes:
    field = struct.pack("<BI", 1, zlib.crc32(of)) + name
    return struct.pack("<HH", 0x7075, len(field)) + field


EXTRA = {
    "another name": unicode_path(b"../canary"),
    "a wrong crc": unicode_path(b"a.txt", of=b"b"),
    "two of them": unicode_path(b"a.txt") * 2,
    "three bytes": b"\1\2\3",
    "past the end": struct.pack("<HH", 0x9999, 100) + b"x",
}


@pytest.mark.parametrize("extra", EXTRA.values(), ids=EXTRA)
def test_extra_fields_cannot_say_something_else(tmp_path: Path, extra: bytes) -> None:
    assert inspected(tmp_path, "zip", zip_with_extra(unicode_path(b"a.txt"))) == ["a.txt"]
    with pytest.raises(ExtractionError):
        inspected(tmp_path, "zip", zip_with_extra(extra))


@pytest.mark.parametrize("flag", [1, 64, 2048, 8192])
def test_flags_must_agree_in_both_headers(tmp_path: Path, flag: int) -> None:
    data = bytearray(zip_of({"a.txt": b"a"}))
    struct.pack_into("<H", data, 6, flag)
    with pytest.raises(ExtractionError):
        inspected(tmp_path, "zip", bytes(data))
