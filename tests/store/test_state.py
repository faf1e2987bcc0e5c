"""Odd states on disk: damaged records, odd folders, odd clocks and masks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from makers.said import check_said

RELEASE = Path("covcat-data/sample/1")


def fetched(covcat) -> None:
    assert covcat("fetch", "sample", "-q").code == 0


@pytest.mark.large
def test_a_manifest_that_was_cut_anywhere_is_damaged_and_nothing_is_deleted(covcat) -> None:
    from covcat.errors import IntegrityError
    from covcat.store import manifest

    fetched(covcat)
    path = RELEASE / "manifest.json"
    whole = path.read_bytes()
    for size in range(len(whole.rstrip())):
        path.write_bytes(whole[:size])
        with pytest.raises(IntegrityError, match="is damaged"):
            manifest.load(RELEASE)
    check_said(covcat("fetch", "sample"), 5, "is damaged")
    path.write_bytes(whole)
    assert covcat("verify", "sample").code == 0


def test_path_makes_no_object_of_each_file(covcat, monkeypatch) -> None:
    from covcat.store import manifest

    def load(folder: Path) -> None:
        raise AssertionError(folder)

    fetched(covcat)
    monkeypatch.setattr(manifest, "load", load)
    assert covcat("path", "sample").out == "covcat-data/sample/1/files\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"total_files": 15', '"total_files": 16'),
        ('"complete": true', '"complete": true, "complete": true'),
        ("manifest/1", "manifest/2"),
        ('"release": "1"', '"release": "2"'),
        ('"files/LICENSE"', '"files/a/../LICENSE"'),
        ('"files/LICENSE"', '"files//LICENSE"'),
        ('"selection": []', '"selection": ["--nothing"]'),
        (" ]\n}\n", " ]\n"),
        (" ]\n}\n", " ]\n}\n{}\n"),
    ],
)
def test_path_refuses_each_record_that_verify_refuses(covcat, old: str, new: str) -> None:
    fetched(covcat)
    path = RELEASE / "manifest.json"
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new))
    assert [covcat(command, "sample").code for command in ("verify", "path")] == [5, 5]


def test_a_data_folder_may_be_a_link_or_lie_below_one(covcat) -> None:
    Path("real").mkdir()
    Path("link").symlink_to("real")
    for folder in ("link", "link/below"):
        assert covcat("fetch", "sample", "--data-dir", folder).code == 0
        assert covcat("verify", "sample", "--data-dir", folder).code == 0


@pytest.mark.parametrize("name", ["a b", "a\nb", "a'b\"c", "x" * 200, "данные", "-q"])
def test_a_data_folder_may_have_any_name(covcat, name: str) -> None:
    assert covcat("fetch", "sample", f"--data-dir={name}").code == 0
    assert covcat("verify", "sample", f"--data-dir={name}").code == 0
    assert (Path(name) / "sample/1/files/LICENSE").is_file()


def test_a_data_folder_name_need_not_be_utf_8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff\xfe"
    command = [os.fsencode(sys.executable), b"-m", b"covcat", b"fetch", b"sample"]
    ran = subprocess.run([*command, b"--data-dir", folder], capture_output=True, check=False)
    assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False), ran.stderr
    assert Path(os.fsdecode(folder), "sample/1/files/LICENSE").is_file()


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_the_mask_decides_who_may_read_and_nobody_else_may_write(covcat, mask: int) -> None:
    before = os.umask(mask)
    try:
        fetched(covcat)
    finally:
        os.umask(before)
    for path in [RELEASE, *RELEASE.rglob("*")]:
        mode = path.stat().st_mode
        assert not mode & 0o002
        assert mode & 0o400
        assert not mode & 0o077 & mask


def test_without_a_home_everything_works(tmp_path: Path) -> None:
    env = {key: value for key, value in os.environ.items() if key in ("PATH", "SYSTEMROOT")}
    command = [sys.executable, "-m", "covcat", "fetch", "sample", "-q"]
    ran = subprocess.run(command, env=env, capture_output=True, cwd=tmp_path, check=False)
    assert (ran.returncode, ran.stdout) == (0, b"covcat-data/sample/1/files\n"), ran.stderr


@pytest.mark.parametrize("time", [0, 2**31 - 1, 2**32])
def test_times_of_files_prove_nothing_and_disturb_nothing(covcat, time: int) -> None:
    fetched(covcat)
    for path in RELEASE.rglob("*"):
        os.utime(path, (time, time))
    assert covcat("fetch", "sample").code == 0
    assert covcat("verify", "sample").code == 0
    changed = RELEASE / "files/LICENSE"
    data = changed.read_bytes()
    changed.write_bytes(data[:-1] + b"?")
    os.utime(changed, (time, time))
    assert covcat("verify", "sample").code == 5


def test_a_data_folder_that_is_copied_or_moved_is_still_right(covcat) -> None:
    fetched(covcat)
    shutil.copytree("covcat-data", "copy")
    Path("covcat-data").rename("moved")
    for folder in ("copy", "moved"):
        assert covcat("verify", "sample", "--data-dir", folder).code == 0
        assert "nothing to do" in covcat("fetch", "sample", "--data-dir", folder).err


def test_a_manifest_is_json_that_says_each_file_once(covcat) -> None:
    fetched(covcat)
    record = json.loads((RELEASE / "manifest.json").read_text())
    paths = [one["path"] for one in record["files"]]
    assert len(paths) == len(set(paths)) == record["total_files"] == 15


def test_what_is_not_even_there_is_not_called_complete(covcat, offered) -> None:
    folder = Path(covcat("fetch", "set", "--keep-archives").out.strip())
    (folder / "README.md").unlink()
    for args in (("fetch", "set"), ("fetch", "set", "--dry-run")):
        ran = covcat(*args)
        text = ran.out + ran.err
        assert "is here, but not whole: 1 of" in text
    check_said(covcat("fetch", "set"), 5, "hint: covcat verify set@1 --repair")
    assert covcat("verify", "set", "--repair").code == 0
    assert "nothing to do" in covcat("fetch", "set").err
