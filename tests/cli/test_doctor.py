"""What `doctor` finds, and the fix that it tells."""

import os
import time
from pathlib import Path

import pytest

from covcat.archives import tools
from covcat.cli import doctor


@pytest.fixture(autouse=True)
def no_tools(monkeypatch) -> None:
    """Trying every program takes a second; tests of tools try them."""
    monkeypatch.setattr(tools, "survey", list)


def checks(covcat, *args: str) -> dict[str, dict]:
    """All checks by name."""
    ran = covcat("doctor", *args, "--json")
    assert ran.code == 0, ran.err
    return {row["check"]: row for row in ran.document["data"]["checks"]}


def test_doctor_has_a_fix_for_whatever_is_not_ok(covcat) -> None:
    Path("covcat-data").mkdir()
    Path("covcat-data").chmod(0o777)
    found = checks(covcat)
    assert found["open folders"]["state"] == "wrong"
    assert found["open folders"]["fix"] == f"chmod o-w {Path.cwd() / 'covcat-data'}"
    assert not [row for row in found.values() if row["state"] != "ok" and not row["fix"]]


def test_a_folder_above_that_anybody_may_write_to_is_found(covcat) -> None:
    Path("above/data").mkdir(parents=True)
    Path("above").chmod(0o777)
    found = checks(covcat, "--data-dir", "above/data")["open folders"]
    assert found["found"] == f"anybody may write to {Path.cwd() / 'above'}"
    Path("above").chmod(0o1777)
    assert checks(covcat, "--data-dir", "above/data")["open folders"]["state"] == "ok"


def test_doctor_exits_0_and_prints_a_table_in_every_format(covcat) -> None:
    ran = covcat("doctor")
    assert ran.code == 0
    assert ran.out.startswith("check\tstate\tfound\tfix\n")
    assert "checks ask for a look" in ran.err or "all is well" in ran.err


def test_a_shared_folder_asks_for_a_umask_that_lets_the_group_in(covcat) -> None:
    Path("covcat-data").mkdir()
    Path("covcat-data").chmod(0o2775)
    before = os.umask(0o022)
    try:
        shut = checks(covcat)
        os.umask(0o002)
        let_in = checks(covcat)
    finally:
        os.umask(before)
    assert shut["umask"]["state"] == "look"
    assert shut["umask"]["fix"].startswith("umask 002")
    assert let_in["umask"]["state"] == "ok"
    assert let_in["shared folders"]["state"] == "ok"


def test_folders_that_shut_the_group_out_or_lost_their_group_are_named(covcat) -> None:
    Path("covcat-data/set/1").mkdir(parents=True)
    for name, mode in (("set", 0o2755), ("set/1", 0o2775), (".", 0o2775)):
        Path("covcat-data", name).chmod(mode)
    shut = checks(covcat)["shared folders"]
    assert (shut["state"], "chmod -R g+rwX" in shut["fix"]) == ("wrong", True)
    assert shut["found"].endswith("covcat-data/set")
    Path("covcat-data/set").chmod(0o775)
    lost = checks(covcat)["shared folders"]
    assert (lost["state"], "chmod g+s" in lost["fix"]) == ("look", True)


def test_what_was_left_for_more_than_a_day_is_told(covcat) -> None:
    assert covcat("fetch", "sample").code == 0
    assert {checks(covcat)[f"left {one}"]["state"] for one in ("parts", "staging")} == {"ok"}
    part = Path("covcat-data/.covcat/parts/web-0123.89abcdef.part")
    part.touch()
    os.utime(part, (time.time() - 90_000,) * 2)
    found = checks(covcat)["left parts"]
    assert (found["state"], found["fix"]) == ("look", "covcat cache")


def test_certificates_that_are_not_there_are_told_and_a_proxy_is_not_shown(
    covcat, monkeypatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    monkeypatch.setenv("SSL_CERT_DIR", __file__)
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy.example.org")
    ran = covcat("doctor", "--json", mirror=None)
    found = {row["check"]: row for row in ran.document["data"]["checks"]}
    assert found["SSL_CERT_FILE"]["found"] == "/nowhere.pem is no file"
    assert found["SSL_CERT_DIR"]["state"] == "wrong"
    assert found["https_proxy"]["found"] == "set"
    assert "secret" not in ran.out + ran.err


def test_credentials_are_said_to_be_there_and_never_shown(covcat, monkeypatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "hidden-word")
    monkeypatch.setenv("GITHUB_TOKEN", "hidden-word")
    ran = covcat("doctor")
    assert ran.out.count("present, for ") == 2
    assert "hidden-word" not in ran.out + ran.err


def test_a_clock_that_is_years_off_is_told(covcat, monkeypatch) -> None:
    assert checks(covcat)["clock"]["state"] == "ok"
    monkeypatch.setattr(doctor, "_WRITTEN", "2090-01-01")
    found = checks(covcat)["clock"]
    assert (found["state"], found["fix"][:6]) == ("wrong", "set it")


def test_a_catalog_of_the_users_that_is_wrong_or_gone_stops_no_doctor_and_has_its_fix(
    covcat, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/set.yaml").write_text("id: [")
    found = checks(covcat, "--catalog", str(tmp_path / "broken"))["catalog"]
    assert found["state"] == "wrong"
    assert "set.yaml" in found["found"]
    found = checks(covcat, "--catalog", "nowhere")["catalog"]
    assert (found["state"], "COVCAT_CATALOG" in found["fix"]) == ("wrong", True)


def test_the_files_of_settings_are_told_with_their_keys(covcat) -> None:
    Path("covcat.toml").write_text("jobs = 2\ntimeout = 5.5")
    found = checks(covcat)
    assert found["settings project"]["found"].endswith("covcat.toml: sets jobs, timeout")
    assert found["settings user"]["found"].endswith("config.toml: not there")


@pytest.mark.parametrize(
    ("banner", "expected"),
    [
        ("7-Zip (z) 26.03 (x64) : Copyright (c) 1999-2026 Igor Pavlov : 2026-09-03", "26.03"),
        ("bsdtar 3.6.2 - libarchive 3.6.2 zlib/1.2.13", "3.6.2"),
        ("v1.10.1", "1.10.1"),
        ("", "unknown version"),
        ("a banner that says a lot and no number", "a banner that says a"),
    ],
)
def test_of_a_tools_banner_only_the_version_is_shown(
    covcat, monkeypatch, banner: str, expected: str
) -> None:
    tool = tools.Surveyed("7zz", Path("/bin/7zz"), banner, ("7z",))
    monkeypatch.setattr(tools, "survey", lambda: [tool])
    assert checks(covcat)["tool 7zz"]["found"] == f"{expected} in /bin/7zz: reads 7z"


def test_a_password_in_the_address_of_a_server_is_not_shown(covcat, monkeypatch) -> None:
    monkeypatch.setenv("DATAVERSE_SERVER", "https://me:hidden-word@dataverse.example.org")
    monkeypatch.setenv("DATAVERSE_API_TOKEN", "hidden-word")
    ran = covcat("doctor", "--json", mirror="https://mirror.example.org/a?key=hidden-word#x")
    found = {row["check"]: row for row in ran.document["data"]["checks"]}
    assert found["login Dataverse"]["state"] == "look"
    assert found["mirror"]["found"] == "https://mirror.example.org/a"
    assert "hidden-word" not in ran.out + ran.err


def test_a_data_folder_that_is_a_file_or_can_never_be_is_told(covcat) -> None:
    Path("covcat-data").write_text("")
    assert checks(covcat)["data folder"]["state"] == "wrong"
    found = checks(covcat, "--data-dir", "a" * 5000)["data folder"]
    assert found["state"] == "wrong"
    assert found["found"].startswith("File name too long: ")
    Path("loop").symlink_to("loop")
    assert checks(covcat, "--data-dir", "loop/x")["data folder"]["state"] == "wrong"


def test_a_working_folder_that_is_gone_is_told(covcat, tmp_path: Path, monkeypatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(tools, "survey", Path.cwd)
    found = checks(covcat)
    assert found["data folder"]["found"] == "the working folder is gone"
    assert found["tools"]["state"] == "wrong"
    assert covcat("paths").err.startswith("error: the working folder is gone")
    assert covcat("paths", "--data-dir", str(tmp_path)).code == 0


def test_without_a_home_doctor_asks_for_one(covcat, monkeypatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr("covcat.cli.doctor.Path.home", homeless)
    found = checks(covcat)["login Kaggle"]
    assert (found["state"], found["fix"]) == ("look", "set HOME")


def test_a_file_of_logins_that_cannot_be_looked_at_is_named(covcat, monkeypatch) -> None:
    def shut() -> None:
        raise PermissionError(13, "no", "/home/me/.kaggle/kaggle.json")

    monkeypatch.setitem(doctor._LOGINS, "Kaggle", shut)
    found = checks(covcat)["login Kaggle"]
    assert found["fix"] == "let yourself read /home/me/.kaggle/kaggle.json"


def test_a_tool_that_unpacks_nothing_is_not_called_ok_and_asks_for_nothing(
    covcat, monkeypatch
) -> None:
    useful = tools.Surveyed("7zz", Path("/bin/7zz"), "26.03", ("7z", "RAR 4", "RAR 5"))
    free = tools.Surveyed("unrar-free", Path("/usr/bin/unrar-free"), "0.3.1", ())
    monkeypatch.setattr(tools, "survey", lambda: [useful, free])
    found = checks(covcat)["tool unrar-free"]
    assert found["state"] == "unused"
    assert "not used, it could not unpack covcat's trial archives" in found["found"]
    assert found["fix"] == ""


def test_what_is_in_order_is_said_in_plain_words(covcat) -> None:
    Path("covcat-data").mkdir(mode=0o755)
    found = checks(covcat)
    assert found["open folders"]["found"] == "none; only owners and groups may write here"
    assert found["umask"]["found"].endswith("; no group shares the data folder")
