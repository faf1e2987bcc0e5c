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
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from covcat import seal
from covcat.catalog import load
from covcat.errors import DiskError, IntegrityError
from covcat.imaging import index
from covcat.imaging.build import IndexReport
from covcat.imaging.opening import Index
from covcat.progress import Silent
from covcat.store.folder import Store

DATA = Path("covcat-data")
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
def here(made: Path) -> None:
    shutil.copytree(made, DATA)


def asked() -> Index:
    resource, release = load.load().find("sample@1")
    assert release is not None
    return index.index_of(resource, release, Store(DATA), Silent())


def rows() -> list[dict]:
    return list(asked().rows("SELECT * FROM images"))


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
    ids=[
        *("overwritten", "no seal", "cut seal", "longer", "moved", "seal alone", "head alone"),
        *("empty", "finding", "licence", "digest in capitals"),
    ],
)
def test_a_damaged_index_is_made_anew(here: None, damage: Callable[[bytes], bytes]) -> None:
    whole = rows()
    INDEX.write_bytes(damage(INDEX.read_bytes()))
    assert rows() == whole


def test_no_flip_of_a_bit_gives_another_row(here: None) -> None:
    whole, data = rows(), INDEX.read_bytes()
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
        pytest.param(f"path = '{OUTSIDE}'", id="path outside"),
        pytest.param("path = '/etc/passwd'", id="absolute path"),
        pytest.param(f"path = '{OTHER}'", id="path of another file"),
        pytest.param(f"path = 'images/../{FILM}'", id="path round about"),
        pytest.param("path = 'images/none.png'", id="no such file"),
        pytest.param("path = ''", id="empty path"),
        pytest.param("path = x'2e2e2f61'", id="path of bytes"),
        pytest.param(f"sha256 = '{'0' * 64}'", id="digest"),
        pytest.param("bytes = 1", id="size"),
        pytest.param(f"mask_path = '{OUTSIDE}'", id="mask outside"),
        pytest.param("mask_path = 'images/none.png'", id="no such mask"),
        pytest.param("resource = '../../..'", id="resource"),
        pytest.param("resource = NULL", id="no resource"),
        pytest.param("release = '../..'", id="release"),
    ],
)
def test_a_forged_row_leads_nowhere(here: None, covcat, change: str) -> None:
    whole = rows()
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
    edit(
        f"UPDATE images SET path = '../../../../{outside}', sha256 = '{digest}', bytes = 15 "
        f"WHERE path = '{FILM}'"
    )
    ran = covcat("images", "sample", "--paths")
    assert (ran.code, len(ran.out.splitlines())) == (0, 12)
    assert str(outside) not in ran.out


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE images RENAME TO i", f"CREATE VIEW images AS {ENDLESS} SELECT * FROM n"],
        pytest.param(["CREATE VIEW more AS SELECT 1"], id="view beside"),
        pytest.param(["CREATE TABLE more (a)"], id="table beside"),
        pytest.param(["CREATE INDEX more ON images (path)"], id="index"),
        pytest.param(["CREATE TRIGGER t AFTER INSERT ON about BEGIN SELECT 1; END"], id="trigger"),
        pytest.param(["ALTER TABLE images ADD COLUMN more"], id="column"),
        pytest.param(["ALTER TABLE images RENAME COLUMN sex TO gender"], id="renamed column"),
        pytest.param(["DROP TABLE images"], id="no table"),
        pytest.param(["UPDATE about SET value = x'00ff' WHERE key = 'report'"], id="bytes"),
        pytest.param(["UPDATE about SET value = NULL WHERE key = 'report'"], id="no report"),
        pytest.param(["DELETE FROM about"], id="nothing about it"),
        *(
            pytest.param([f"UPDATE about SET value = '{report}' WHERE key = 'report'"], id=report)
            for report in (
                *('{"images": "x"}', '{"rows": 1}', '{"rows": {"a": "b"}}', '{"absent": [1]}'),
                *('{"is_part": 1}', '{"more": 1}', '{"unread": {}}', "[]", "1"),
            )
        ),
    ],
)
def test_an_index_of_another_shape_is_made_anew(here: None, statements: list[str]) -> None:
    whole = rows()
    edit(*statements)
    assert rows() == whole


@pytest.mark.parametrize("kind", ["pipe", "link", "folder of nothing", "link to nothing"])
def test_what_is_no_file_is_no_index(here: None, covcat, kind: str) -> None:
    whole = rows()
    copy = Path("copy").absolute()
    shutil.copy(INDEX, copy)
    INDEX.unlink()
    if kind == "pipe":
        os.mkfifo(INDEX)
    elif kind == "link":
        INDEX.symlink_to(copy)
    elif kind == "link to nothing":
        INDEX.symlink_to("nowhere")
    else:
        INDEX.mkdir()
        assert covcat("images", "sample", "--format", "ids").code == 8
        return
    assert rows() == whole
    assert not INDEX.is_symlink()
    assert copy.is_file()


def test_removing_an_index_takes_nothing_from_whoever_reads_it(here: None) -> None:
    one = asked()
    INDEX.unlink()
    assert len(list(one.rows("SELECT * FROM images"))) == 12


def test_an_index_that_is_removed_as_soon_as_it_is_made_can_be_read(here, monkeypatch) -> None:
    INDEX.unlink()
    replace = Path.replace

    def replaced(self: Path, target: Path) -> Path:
        found = replace(self, target)
        INDEX.unlink()
        return found

    monkeypatch.setattr(Path, "replace", replaced)
    assert len(rows()) == 12


def test_a_release_that_changes_all_the_time_is_an_error(here, monkeypatch) -> None:
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
    one = Index(sqlite3.connect(path), "sample@1", IndexReport())
    with pytest.raises(IntegrityError, match="changed while it was read"):
        list(one.rows("SELECT * FROM images"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("360ffc17", "360ffc18"), id="digest"),
        pytest.param(lambda text: text.replace("360ffc17", "360FFC17"), id="letters of a digest"),
        lambda text: text.replace(FILM, "images/synthetic-01-0-pb.png"),  # name of a film
    ],
)
def test_rows_never_have_what_an_edited_manifest_says(here, covcat, change) -> None:
    place = RELEASE / "manifest.json"
    whole = place.read_text()
    assert change(whole) != whole
    place.write_text(change(whole))
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
