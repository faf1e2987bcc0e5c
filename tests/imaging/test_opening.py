"""What covcat wrote for itself and reads again is not trusted as it lies.

A release's folder is moved, copied and shared, disks rot, people open an index with other
programs. So each file is damaged and edited here, its seal made good again too: the rows stay
right, nothing is written elsewhere.
"""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from makers.laid import DATA, open_index

from covcat import seal
from covcat.catalog import load
from covcat.errors import DiskError, IntegrityError
from covcat.imaging import checked, index, opening
from covcat.imaging.build import IndexReport
from covcat.imaging.checked import ReleaseState
from covcat.imaging.opening import Index
from covcat.store import cached

RELEASE = DATA / "sample/1"
INDEX = RELEASE / "index.sqlite"
FILM = "images/synthetic-01-0-pa.png"
OTHER = "images/synthetic-01-4-pa.png"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a release and its index."""
    folder = tmp_path_factory.mktemp("made")
    line = [sys.executable, "-m", "covcat", "--data-dir", str(folder)]
    for command in ("fetch", "images"):
        subprocess.run([*line, command, "sample"], check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made, DATA)
    monkeypatch.setattr(checked, "_LEAST", 0)  # as of a large one it is kept that it was looked at


def asked() -> Index:
    return open_index(load.load().find("sample@1"))


def rows() -> list[dict]:
    return list(asked().rows("SELECT * FROM images"))


@pytest.fixture
def whole(here: None) -> list[dict]:
    """The rows of the index that is here."""
    return rows()


def edit(*statements: str) -> None:
    """Change the index as any program may, and seal it anew as only an attacker would."""
    data = INDEX.read_bytes()
    INDEX.write_bytes(data[: -seal.SIZE])
    with closing(sqlite3.connect(INDEX)) as base:
        for one in statements:
            base.execute(one)
        base.commit()
    seal.append(INDEX)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:4096] + b"\xff" * 100 + data[4196:],
        lambda data: data[: -seal.SIZE],
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: b"\n" + data,
        lambda data: data[-seal.SIZE :],
        lambda data: data[:100],
        lambda data: b"",
        lambda data: data.replace(b"COVID-19", b"COVID-18"),
        lambda data: data.replace(b"CC0-1.0", b"CC9-1.0"),
        lambda data: data[: -seal.SIZE] + data[-seal.SIZE :].upper(),
    ],
    ids=count(),
)
def test_a_damaged_index_is_made_anew(whole: list[dict], damage) -> None:
    INDEX.write_bytes(damage(INDEX.read_bytes()))
    assert rows() == whole


@pytest.mark.large
def test_no_flip_of_a_bit_gives_another_row(whole: list[dict]) -> None:
    data = INDEX.read_bytes()
    dice = random.Random(15)
    for _ in range(60):
        place = dice.randrange(len(data))
        changed = bytearray(data)
        changed[place] ^= 1 << dice.randrange(8)
        INDEX.write_bytes(changed)
        assert rows() == whole, place


OUTSIDE = "../../../../outside.desktop"


@pytest.mark.parametrize(
    "change",
    [
        *(f"path = '{OUTSIDE}'", "path = '/etc/passwd'", f"path = '{OTHER}'"),
        *(f"path = 'images/../{FILM}'", "path = 'images/none.png'", "path = ''"),
        *("path = x'2e2e2f61'", f"sha256 = '{'0' * 64}'", "bytes = 1"),
        *(f"mask_path = '{OUTSIDE}'", "mask_path = 'images/none.png'"),
        *("resource = '../../..'", "resource = NULL", "release = '../..'"),
    ],
)
def test_a_forged_row_leads_nowhere(whole: list[dict], covcat, change: str) -> None:
    edit(f"UPDATE images SET {change} WHERE path = '{FILM}'")
    before = {one for one in Path().parent.rglob("*") if not one.is_relative_to(DATA)}
    ran = covcat("select", "sample", "--as", "copies", "-o", "cohort")
    assert ran.code == 0
    assert len(list(Path("cohort/images").rglob("*.png"))) == len(whole)
    after = {one for one in Path().parent.rglob("*") if not one.is_relative_to(DATA)}
    assert all(one.is_relative_to("cohort") for one in after - before)
    assert rows() == whole


@pytest.mark.parametrize("value", ["x'c3'", "CAST(x'ff41' AS TEXT)", "1e999"])
@pytest.mark.parametrize("command", [("images", "--format", "csv"), ("counts", "--by", "view")])
def test_a_forged_cell_is_no_bug_of_covcat(here: None, covcat, command, value: str) -> None:
    edit(f"UPDATE images SET view = {value} WHERE path = '{FILM}'")
    ran = covcat(*command, "sample")
    assert ran.code in ((0,) if value == "1e999" else (5,))
    assert "Traceback" not in ran.err


def test_a_row_of_a_file_that_fits_its_forged_digest_is_no_row(here: None, covcat) -> None:
    outside = Path("outside.desktop")
    outside.write_bytes(b"[Desktop Entry]")
    digest = sha256(outside.read_bytes()).hexdigest()
    forged = f"path = '../../../../{outside}', sha256 = '{digest}', bytes = 15"
    edit(f"UPDATE images SET {forged} WHERE path = '{FILM}'")
    ran = covcat("images", "sample", "--paths")
    assert (ran.code, len(ran.out.splitlines())) == (0, 12)
    assert str(outside) not in ran.out


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
OF_REPORT = "WHERE key = 'report'"


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE images RENAME TO i", f"CREATE VIEW images AS {ENDLESS} SELECT * FROM n"],
        ["CREATE VIEW more AS SELECT 1"],
        ["CREATE TABLE more (a)"],
        ["CREATE INDEX more ON images (path)"],
        ["CREATE TRIGGER t AFTER INSERT ON about BEGIN SELECT 1; END"],
        ["ALTER TABLE images ADD COLUMN more"],
        ["ALTER TABLE images RENAME COLUMN sex TO gender"],
        ["DROP TABLE images"],
        [f"UPDATE about SET value = x'00ff' {OF_REPORT}"],
        [f"UPDATE about SET value = NULL {OF_REPORT}"],
        ["DELETE FROM about"],
        *(
            [f"UPDATE about SET value = '{report}' {OF_REPORT}"]
            for report in (
                *('{"images": "x"}', '{"rows": 1}', '{"rows": {"a": "b"}}', '{"absent": [1]}'),
                *('{"is_part": 1}', '{"more": 1}', '{"unread": {}}', "[]", "1"),
            )
        ),
    ],
    ids=" ".join,
)
def test_an_index_of_another_shape_is_made_anew(whole: list[dict], statements) -> None:
    edit(*statements)
    assert rows() == whole


@pytest.mark.parametrize(
    "place_another",
    [
        lambda copy: os.mkfifo(INDEX),
        lambda copy: INDEX.symlink_to(copy),
        lambda copy: INDEX.symlink_to("nowhere"),
    ],
    ids=["pipe", "link", "link to nothing"],
)
def test_what_is_no_file_is_no_index(whole: list[dict], place_another) -> None:
    copy = INDEX.rename("copy").absolute()
    place_another(copy)
    assert rows() == whole
    assert not INDEX.is_symlink()
    assert copy.is_file()


def test_a_folder_in_the_place_of_an_index_is_an_error_of_the_disk(here: None, covcat) -> None:
    INDEX.unlink()
    INDEX.mkdir()
    assert covcat("images", "sample", "--format", "ids").code == 8


def test_an_index_that_was_looked_at_is_not_looked_at_again(here: None, monkeypatch) -> None:
    before, looked = asked(), []
    monkeypatch.setattr(opening, "_named_files", lambda *args: looked.append(args))
    again = asked()
    assert (again.state, again.report, looked) == (before.state, before.report, [])
    kept = cached.file_of(RELEASE, "checked")
    assert kept is not None
    whole = kept.read_text()
    for damaged in ("", "[]", whole[:-1], whole.replace(before.state.files_sha256, "0" * 64)):
        kept.write_text(damaged)
        with pytest.raises(DiskError):  # it was looked at, and found to be none
            asked()
        assert looked, damaged
        looked.clear()
    kept.write_text(whole)
    kept.chmod(0o666)  # anybody can have written it
    with pytest.raises(DiskError):
        asked()


def test_an_index_that_is_removed_is_still_read(here: None, monkeypatch) -> None:
    one = asked()
    INDEX.unlink()
    assert len(list(one.rows("SELECT * FROM images"))) == 12
    replace = Path.replace

    def replaced(self: Path, target: Path) -> Path:
        found = replace(self, target)
        INDEX.unlink()  # as soon as it is made
        return found

    monkeypatch.setattr(Path, "replace", replaced)
    assert len(rows()) == 12


def test_a_release_that_changes_all_the_time_is_an_error(here: None, monkeypatch) -> None:
    monkeypatch.setattr(index, "open_index", lambda path, origin: None)
    with pytest.raises(DiskError, match="changes while it is read"):
        asked()
    assert not list((DATA / ".covcat/staging").iterdir())


def test_an_index_that_is_swapped_after_it_was_looked_at_is_none(here, monkeypatch) -> None:
    other = Path("other").absolute()
    shutil.copy(INDEX, other)
    holds = seal.holds

    def held(*args: object) -> bool:
        found = holds(*args)
        if other.exists():
            other.rename(INDEX)
        return found

    monkeypatch.setattr(seal, "holds", held)
    before = INDEX.stat().st_ino
    assert len(rows()) == 12
    assert INDEX.stat().st_ino != before


def test_an_index_that_changes_under_its_reader_is_an_error_of_integrity(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"\xff" * 8192)  # SQLite keeps small ones in memory, so it is opened as such
    one = Index(sqlite3.connect(path), ReleaseState("sample@1", 0, "", ""), IndexReport(), path)
    with pytest.raises(IntegrityError, match="changed while it was read"):
        list(one.rows("SELECT * FROM images"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("360ffc17", "360ffc18"),
        ("360ffc17", "360FFC17"),
        (FILM, "images/synthetic-01-0-pb.png"),
    ],
)
def test_rows_never_have_what_an_edited_manifest_says(here: None, covcat, old, new) -> None:
    place = RELEASE / "manifest.json"
    whole = place.read_text()
    assert old in whole
    place.write_text(whole.replace(old, new))
    for command in ("images", "counts", "select"):
        ran = covcat(command, "sample")
        assert (ran.code, ran.out) == (5, ""), command
    assert covcat("verify", "sample").code == 5
    place.write_text(whole)
    assert covcat("images", "sample").code == 0


def test_a_record_of_another_shape_is_not_sealed() -> None:
    one = seal.sealed({"a": 1, "b": [1.5, None, "ä\ud800"]})
    assert seal.unsealed(one) == {"a": 1, "b": [1.5, None, "ä\ud800"]}
    for other in (one | {"a": 2}, one | {"c": 1}, {"a": 1}, [one], None, one | {"seal": None}):
        assert seal.unsealed(other) is None
