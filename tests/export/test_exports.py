"""The record of a release in other tools' forms: each complete, exact, and whole or not at all."""

import csv
import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from makers.archives import REPOSITORY, git_zip
from makers.runs import tree_on_disk

from covcat import export as exports
from covcat.catalog import load as catalogs
from covcat.catalog.entries import Allows, License
from covcat.cli import session
from covcat.errors import DiskError, IntegrityError
from covcat.export import json_ld
from covcat.export.bagit import bag, encoded, info, payload
from covcat.files import StoredFile
from covcat.progress import Silent
from covcat.store import manifest as manifests
from covcat.store.manifest import Manifest

NAMES = (
    *("plain.txt", "a b  c.txt", " first", "100%.png", "%0A and %25.txt", "quo'te\".txt"),
    *("back\\slash.txt", "line\nbreak.txt", "carriage\rreturn", "crlf\r\n.txt", "*star?.txt"),
    *("-dash", "blåbær 肺.dcm"),
)


def make_release(folder: Path, names: list[str]) -> tuple[Path, Manifest]:
    """A release folder with files of any name: more than a fetch would let in."""
    home = folder / "data" / "odd" / "1"
    files = []
    for name in names:
        path = home / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        digest = hashlib.sha256(name.encode()).hexdigest()
        files.append(StoredFile(path=f"files/{name}", bytes=len(name.encode()), sha256=digest))
    made = Manifest(
        covcat="0",
        resource="odd",
        release="1",
        title="Odd: names\n and breaks",
        homepage=None,
        license=License(
            spdx="LicenseRef-none-stated",
            allows=Allows(commercial="no", derivatives="unknown", redistribution="no"),
            source="made up",
        ),
        citation=(),
        created_at="2026-01-02T03:04:05+00:00",
        form="files",
        complete=True,
        missing=(),
        selection=(),
        downloads=(),
        total_files=len(files),
        total_bytes=sum(one.bytes for one in files),
        files=tuple(files),
    )
    manifests.write(home, made)
    return home, made


@pytest.fixture
def here(covcat, shelf, server) -> Path:
    """A release that was fetched; its folder."""
    shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    assert covcat("fetch", "set").code == 0
    return Path("covcat-data/set/1")


def document(form: str, folder: Path, made: Manifest) -> bytes:
    return exports.DOCUMENTS[form](exports.ExportedRelease(folder, made))


def full(*args: object) -> None:
    raise OSError(errno.ENOSPC, "no space")


# ---- documents ---------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["set"], ["-o", "-"]])
def test_json_is_the_manifest_byte_for_byte_and_a_dash_is_stdout(covcat, here, args) -> None:
    ran = covcat("manifest", "export", *args)
    assert (ran.code, ran.out) == (0, (here / "manifest.json").read_text())
    assert not Path("-").exists()


def test_csv_has_a_row_for_each_file(covcat, here) -> None:
    rows = list(csv.DictReader(io.StringIO(covcat("manifest", "export", "--format", "csv").out)))
    assert {row["path"]: int(row["bytes"]) for row in rows} == {
        f"files/{name}": len(data) for name, data in REPOSITORY.items()
    }
    assert rows[0]["sha256"] == hashlib.sha256(REPOSITORY["README.md"]).hexdigest()


def test_csv_gives_back_every_name(tmp_path: Path) -> None:
    folder, made = make_release(tmp_path, list(NAMES))
    rows = csv.DictReader(io.StringIO(document("csv", folder, made).decode(), newline=""))
    assert [row["path"] for row in rows] == [f"files/{name}" for name in NAMES]


def test_sha256sums_check_in_the_release_folder(covcat, here) -> None:
    ran = covcat("manifest", "export", "set@1", "--format", "sha256sums", "-o", "sums")
    assert (ran.code, ran.out) == (0, "sums\n")
    assert Path("sums").read_bytes() == (here / "SHA256SUMS").read_bytes()


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum")
def test_sha256sum_reads_names_that_need_escapes(tmp_path: Path) -> None:
    folder, made = make_release(tmp_path, list(NAMES))
    (tmp_path / "sums").write_bytes(document("sha256sums", folder, made))
    check = ["sha256sum", "--check", "--strict", "--quiet", str(tmp_path / "sums")]
    assert subprocess.run(check, cwd=folder, capture_output=True, timeout=20).stderr == b""
    (folder / "files" / "line\nbreak.txt").write_bytes(b"changed")
    assert subprocess.run(check, cwd=folder, capture_output=True, timeout=20).returncode == 1


def test_a_name_that_is_not_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    _, made = make_release(tmp_path, ["x"])
    odd = StoredFile(path="files/\udcff.png", bytes=1, sha256="0" * 64)
    made = replace(made, files=(odd,))
    for form in ("csv", "sha256sums"):
        assert b"files/\xff.png" in document(form, tmp_path, made)
    assert document("croissant", tmp_path, made).isascii()


def test_an_export_does_not_depend_on_the_encoding_of_stdout(covcat, here, monkeypatch) -> None:
    stream = io.TextIOWrapper(written := io.BytesIO(), encoding="ascii")
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        session.put_document("files/肺\r\n".encode())
    assert written.getvalue() == "files/肺\r\n".encode()


def test_with_json_an_export_is_inside_the_one_document(covcat, here) -> None:
    for form, kind in (("csv", str), ("croissant", dict), ("json", dict)):
        data = covcat("manifest", "export", "--format", form, "--json").document["data"]
        assert (data["id"], data["format"], data["files"]) == ("set@1", form, 4)
        assert isinstance(data["content"], kind)


# ---- croissant ---------------------------------------------------------------------------------


def test_croissant_names_each_file_with_its_digest(covcat, here) -> None:
    tree = json.loads(covcat("manifest", "export", "--format", "croissant").out)
    assert tree["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert tree["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert "@misc{set," in tree["citeAs"]
    files = {one["contentUrl"]: one for one in tree["distribution"]}
    assert set(files) == {f"files/{name}" for name in REPOSITORY}
    one = files["files/images/one.png"]
    assert one["sha256"] == hashlib.sha256(REPOSITORY["images/one.png"]).hexdigest()
    assert (one["encodingFormat"], one["contentSize"]) == ("image/png", "800 B")


def test_croissant_of_many_files_has_sets_and_the_list_that_vouches_for_them(
    covcat, here, monkeypatch
) -> None:
    monkeypatch.setattr(json_ld, "MOST_FILES", 3)
    sums, *sets = json.loads(covcat("manifest", "export", "--format", "croissant").out)[
        "distribution"
    ]
    assert sums["sha256"] == hashlib.sha256((here / "SHA256SUMS").read_bytes()).hexdigest()
    found = [path for one in sets for glob in one["includes"] for path in here.glob(glob)]
    assert {p for p in found if p.is_file()} == {here / "files" / name for name in REPOSITORY}


def test_a_set_holds_only_what_is_of_its_kind(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(json_ld, "MOST_FILES", 1)
    uids = [f"1.2.840.{number}" for number in range(300)]
    folder, made = make_release(tmp_path, [*uids, "a.png", "d/b.png", "odd.[x]", "odd.*", "none"])
    rest, images = json.loads(document("croissant", folder, made))["distribution"][1:]
    assert rest["description"] == "303 files"
    assert rest["includes"] == ["files/*", "files/**/*"]
    assert rest["excludes"] == images["includes"] == ["files/*.png", "files/**/*.png"]
    assert (images["description"], images["encodingFormat"]) == ("2 files", "image/png")
    assert "excludes" not in images


def test_sets_are_few_however_many_suffixes_there_are(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(json_ld, "MOST_FILES", 1)
    folder, made = make_release(tmp_path, [f"x.s{number}" for number in range(150)])
    found = json.loads(document("croissant", folder, made))["distribution"]
    assert (len(found), found[1]["description"]) == (102, "50 files")


def test_croissant_of_a_part_says_that_it_is_one(covcat) -> None:
    assert covcat("fetch", "sample", "--include", "images/*").code == 0
    tree = json.loads(covcat("manifest", "export", "--format", "croissant").out)
    assert "Not all of the release is here: " in tree["description"]
    assert "images/*" in tree["description"]


def test_a_release_without_files_is_exported_in_every_form(tmp_path: Path) -> None:
    (tmp_path / "data/odd/1/files").mkdir(parents=True)
    folder, made = make_release(tmp_path, [])
    assert document("csv", folder, made).count(b"\n") == 1
    assert "distribution" not in json.loads(document("croissant", folder, made))
    bag(folder, made, tmp_path / "bag", Silent())
    assert "Payload-Oxum: 0.0\n" in (tmp_path / "bag/bag-info.txt").read_text()


def test_a_release_that_the_catalog_does_not_know_can_be_exported(covcat, tmp_path: Path) -> None:
    make_release(tmp_path, ["x.csv"])
    ran = covcat("manifest", "export", "--format", "croissant", "--data-dir", "data")
    assert json.loads(ran.out)["license"] == "LicenseRef-none-stated"


# ---- bags --------------------------------------------------------------------------------------


def test_a_bag_has_the_files_and_the_rfcs_tag_files(covcat, here) -> None:
    ran = covcat("manifest", "export", "set", "--format", "bagit", "--output", "bag")
    assert (ran.code, ran.out) == (0, "bag\n")
    assert tree_on_disk(Path("bag/data/files")) == REPOSITORY
    tags = {path.name for path in Path("bag").iterdir() if path.is_file()}
    assert tags == {
        *("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"),
        "covcat-manifest.json",
    }
    declared = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    assert Path("bag/bagit.txt").read_text() == declared
    size = sum(map(len, REPOSITORY.values()))
    assert f"Payload-Oxum: {size}.4\n" in Path("bag/bag-info.txt").read_text()
    for line in Path("bag/tagmanifest-sha256.txt").read_text().splitlines():
        digest, name = line.split("  ", 1)
        assert hashlib.sha256((Path("bag") / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("files/100%.png", "files/100%25.png"),
        ("files/%0A", "files/%250A"),
        ("a\nb\rc", "a%0Ab%0Dc"),
        ("a b 肺 'q' \"\\", "a b 肺 'q' \"\\"),
    ],
)
def test_a_bag_encodes_percent_signs_and_line_breaks_and_nothing_else(
    path: str, expected: str
) -> None:
    assert encoded(path) == expected
    assert unquote(encoded(path)) == path


def test_a_bag_lists_and_holds_names_that_need_it(tmp_path: Path) -> None:
    folder, made = make_release(tmp_path, list(NAMES))
    bag(folder, made, tmp_path / "bag", Silent())
    lines = (tmp_path / "bag" / "manifest-sha256.txt").read_bytes().decode().split("\n")
    listed = {unquote(line[66:]): line[:64] for line in lines if line}
    for name in NAMES:
        data = (tmp_path / "bag" / "data" / "files" / name).read_bytes()
        assert listed[f"data/files/{name}"] == hashlib.sha256(data).hexdigest()
    assert len(payload(made.files).splitlines()) == len(NAMES)
    assert "External-Description: Odd: names and breaks\n" in info(made)


def test_a_record_that_lies_about_a_size_makes_no_bag(tmp_path: Path) -> None:
    folder, made = make_release(tmp_path, ["x"])
    lying = replace(made, files=(replace(made.files[0], bytes=2),))
    with pytest.raises(IntegrityError, match="`files/x` of odd@1 is not as it was fetched"):
        bag(folder, lying, tmp_path / "bag", Silent())


@pytest.mark.parametrize("harm", ["changed", "gone", "link", "pipe"])
def test_a_file_that_is_not_as_it_was_fetched_makes_no_bag(covcat, here, harm: str) -> None:
    victim = here / "files" / "images" / "two.png"
    data = victim.read_bytes()
    victim.unlink()
    if harm == "changed":
        victim.write_bytes(data[:-1] + b"?")
    elif harm == "link":
        Path("elsewhere").write_bytes(data)
        victim.symlink_to(Path("elsewhere").absolute())
    elif harm == "pipe":
        os.mkfifo(victim)
    before = set(Path().iterdir())
    ran = covcat("manifest", "export", "set", "--format", "bagit", "-o", "new/bag")
    assert ran.code == 5
    assert "files/images/two.png" in ran.err
    assert "covcat verify set@1" in ran.err
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize("name", [[], ["set"]])
def test_the_hint_for_an_unknown_suffix_is_of_the_same_release(covcat, here, name) -> None:
    ran = covcat("manifest", "export", *name, "-o", "new.txt")
    assert ran.code == 2
    command = " ".join(["covcat", "manifest", "export", *name])
    assert f"hint: {command} --format json --output new.txt\n" in ran.err


def test_a_full_disk_leaves_nothing_and_the_way_out_is_another_output(
    covcat, here, monkeypatch
) -> None:
    monkeypatch.setattr("covcat.export.bagit.sync", full)
    monkeypatch.setattr("covcat.beside.sync", full)
    before = set(Path().iterdir())
    for form in ("bagit", "csv"):
        ran = covcat("manifest", "export", "--format", form, "-o", "new")
        assert (ran.code, set(Path().iterdir())) == (8, before)
        assert os.strerror(errno.ENOSPC) in ran.err
        assert "hint: give another --output, where there is room" in ran.err


def test_too_little_space_is_said_before_the_copying(tmp_path: Path, monkeypatch) -> None:
    folder, made = make_release(tmp_path, ["x"])
    with pytest.raises(DiskError, match="not enough space for the bag"):
        bag(folder, replace(made, total_bytes=1 << 60), tmp_path / "bag", Silent())
    assert not (tmp_path / "bag").exists()


def test_a_percent_sign_is_pointed_out_because_bagit_python_errs(covcat, tmp_path: Path) -> None:
    make_release(tmp_path, ["100%.png"])
    args = ("manifest", "export", "--format", "bagit", "-o", "bag", "--data-dir", "data")
    assert "note: 1 path with a `%`" in covcat(*args).err


# ---- what is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["nothing"], 3, "the catalog has no resource `nothing`"),
        (["cohen"], 3, "`cohen` is not in"),
        (["set@2"], 3, "`set@2` is not in"),
        (["--format", "xml"], 2, "unknown format `xml`"),
        (["--format", "bagit"], 2, "a bag is a folder"),
        (["--format", "csv", "--force"], 2, "--force writes over an --output"),
        (["--format", "csv", "-o", "there"], 8, "`there` is there already"),
        (["--format", "bagit", "-o", "there"], 8, "`there` is there already"),
        (["--format", "csv", "-o", "covcat-data/set/1/files/x"], 2, "is inside the release"),
        (["--format", "bagit", "-o", "covcat-data/set/1/b"], 2, "is inside the release"),
        (["-o", "covcat-data/set/2/manifest.json"], 2, "taken for the record of a release"),
        (["-o", "covcat-data/.covcat/staging/x"], 2, "inside covcat's own folder"),
        (["-o", "there/x"], 8, "there` is not a folder"),
        (["-o", "x.xml"], 2, "expected --format json, csv, sha256sums, bagit, croissant"),
        (["--format", "bagit", "-o", "-"], 2, "a bag is a folder"),
    ],
)
def test_what_cannot_be_exported_says_why(
    covcat, here, args: list[str], code: int, text: str
) -> None:
    Path("there").write_text("mine")
    before = tree_on_disk(Path())
    ran = covcat("manifest", "export", *args)
    assert ran.code == code
    assert text in ran.err
    assert tree_on_disk(Path()) == before


def test_a_document_is_written_over_by_force_and_a_bag_over_nothing(covcat, here) -> None:
    Path("there").write_text("mine")
    line = ("manifest", "export", "-o", "there", "--format")
    assert "hint: --force" in covcat(*line, "csv").err
    assert covcat(*line, "bagit", "--force").code == 8
    assert Path("there").read_text() == "mine"
    assert covcat(*line, "csv", "--force").code == 0
    assert Path("there").read_text().startswith("path,")


def test_of_several_resources_one_must_be_named(covcat, here) -> None:
    assert covcat("fetch", "sample").code == 0
    ran = covcat("manifest", "export")
    assert ran.code == 2
    assert "expected one of sample, set" in ran.err
    assert covcat("manifest", "export", "sample", "--format", "csv").code == 0


def test_nothing_here_is_said(covcat) -> None:
    assert covcat("manifest", "export").code == 3


def test_an_edited_manifest_is_not_exported(covcat, here) -> None:
    record = here / "manifest.json"
    record.write_text(record.read_text().replace("files/README.md", "files/../../x"))
    assert covcat("manifest", "export", "--format", "csv").code == 5


def test_the_suffix_of_an_output_decides_where_no_format_is_named(covcat, here) -> None:
    starts = {"a.csv": "path,bytes", "a.json": "{", "a": "{", "a.jsonld": '{\n  "@context"'}
    for name, start in starts.items():
        assert covcat("manifest", "export", "-o", name).code == 0
        assert Path(name).read_text().startswith(start)
    assert covcat("manifest", "export", "--format", "csv", "-o", "x.xml").code == 0


def test_files_that_went_away_since_are_told_beside_a_document(covcat, here) -> None:
    told = covcat("manifest", "export", "--format", "sha256sums").err
    assert told == f"note: the paths are below `{here}`: sha256sum -c belongs there\n"
    (here / "files" / "README.md").unlink()
    ran = covcat("manifest", "export", "--format", "sha256sums")
    assert ran.code == 0
    assert "1 file of set@1 went away or changed since: covcat verify set@1" in ran.err


def test_a_bag_in_the_data_folder_is_not_taken_for_a_resource(covcat, here) -> None:
    args = ("manifest", "export", "set", "--format", "bagit", "-o", "covcat-data/bag")
    assert covcat(*args).code == 0
    assert covcat("status", "--format", "ids").out == "set@1\n"


def test_what_took_the_name_meanwhile_is_not_replaced(covcat, here, monkeypatch) -> None:
    monkeypatch.setattr("covcat.beside.sync", lambda _: Path("a.csv").write_text("mine"))
    assert covcat("manifest", "export", "-o", "a.csv").code == 8
    assert Path("a.csv").read_text() == "mine"


def test_a_document_goes_to_a_file_system_without_hard_links_too(covcat, here, monkeypatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(1, "not permitted")

    monkeypatch.setattr("covcat.export.os.link", refuse)
    assert covcat("manifest", "export", "-o", "a.csv").code == 0
    assert Path("a.csv").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_stdout_without_room_is_told_as_that(covcat, here) -> None:
    with Path("/dev/full").open("wb") as stream:
        command = [sys.executable, "-m", "covcat", "manifest", "export"]
        done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 8
    assert os.strerror(errno.ENOSPC).encode() in done.stderr
    assert b"hint: make room there, or send it elsewhere" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_named(covcat, here) -> None:
    Path("shut").mkdir(mode=0o500)
    ran = covcat("manifest", "export", "-o", "shut/a.csv")
    assert (ran.code, "you may not write to" in ran.err) == (8, True)


# ---- schema.org --------------------------------------------------------------------------------


def test_schema_org_says_what_search_engines_ask_for(covcat) -> None:
    tree = json.loads(covcat("show", "v7", "--format", "schema.org").out)
    assert (tree["@context"], tree["@type"]) == ("https://schema.org/", "Dataset")
    assert 50 <= len(tree["description"]) <= 5000  # Google's limits
    assert tree["isBasedOn"][0]["name"] == "COVID-19 Image Data Collection"
    assert "identifier" not in tree  # Kermany's DOI is Kermany's
    assert json.loads(covcat("show", "kermany", "--format", "schema.org").out)["identifier"] == [
        "https://doi.org/10.17632/rscbjbr9sj.2"
    ]


def test_schema_org_of_every_resource_is_complete() -> None:
    for resource in catalogs.load().resources:
        tree = json.loads(json.dumps(json_ld.schema_org(resource)))
        assert tree["name"]
        assert tree["license"]
        assert tree["creator"][0]["name"]
        assert None not in tree.values()


def test_schema_org_may_stand_in_a_web_page(covcat, shelf) -> None:
    shelf.add_web("one", "one.csv")
    shelf.edit("one", "A made-up set", "A </script> set")
    out = covcat("show", "one", "--format", "schema.org").out
    assert "<" not in out
    assert json.loads(out)["name"] == "A </script> set"


def test_schema_org_lists_files_that_have_an_address(covcat, shelf) -> None:
    shelf.add_web("one", "one.csv", bytes=7)
    tree = json.loads(covcat("show", "one", "--format", "schema.org").out)
    (one,) = tree["distribution"]
    assert one == {
        "@type": "DataDownload",
        "name": "one.csv",
        "contentUrl": "https://data.example.org/one.csv",
        "encodingFormat": "text/csv",
        "contentSize": "7 B",
    }


def test_show_in_json_is_the_same_by_both_options(covcat) -> None:
    assert covcat("show", "v7", "--format", "json").out == covcat("show", "v7", "--json").out
    assert covcat("show", "v7", "--format", "xml").code == 2
