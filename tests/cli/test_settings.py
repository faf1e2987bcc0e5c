"""Settings of files: which are read, what wins, and what a project's may not say."""

import json
import os
from pathlib import Path

import pytest
from makers.archives import REPOSITORY, git_zip
from typer.main import get_command

from covcat import setting_files as settings
from covcat.cli import main
from covcat.errors import UsageError


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """Where the user's own file is looked for."""
    folder = tmp_path / "xdg/covcat"
    folder.mkdir(parents=True)
    return folder / "config.toml"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch) -> Path:
    """A repository with a folder in it, which is the working folder."""
    (tmp_path / "repository/.git").mkdir(parents=True)
    (tmp_path / "repository/sub/below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository/sub/below")
    return tmp_path / "repository"


def where(covcat, *args: str) -> dict[str, dict]:
    """What `paths` says, by the name of the place."""
    ran = covcat("paths", *args, "--json")
    assert ran.code == 0, ran.err
    return {row["what"]: row for row in ran.document["data"]["paths"]}


def test_flags_win_over_the_environment_that_over_the_project_that_over_the_user(
    covcat, user: Path, repository: Path, tmp_path: Path, monkeypatch
) -> None:
    found = where(covcat)["data folder"]
    assert (found["path"], found["from"]) == (str(Path.cwd() / "covcat-data"), "default")
    user.write_text('data-dir = "of-the-user"')
    found = where(covcat)["data folder"]
    assert (found["path"], found["from"]) == (str(user.parent / "of-the-user"), str(user))
    project = repository / "covcat.toml"
    project.write_text('data-dir = "of-the-project"')
    found = where(covcat)["data folder"]
    assert (found["path"], found["from"]) == (str(repository / "of-the-project"), str(project))
    monkeypatch.setenv("COVCAT_DATA_DIR", "/of/the/environment")
    found = where(covcat)["data folder"]
    assert (found["path"], found["from"]) == ("/of/the/environment", "COVCAT_DATA_DIR")
    found = where(covcat, "--data-dir", "/of/the/flag")["data folder"]
    assert (found["path"], found["from"]) == ("/of/the/flag", "--data-dir")


def test_a_variable_that_is_empty_says_nothing_and_none_is_left_behind(
    covcat, repository: Path, monkeypatch
) -> None:
    (repository / "covcat.toml").write_text('data-dir = "mine"\njobs = 2')
    monkeypatch.setenv("COVCAT_DATA_DIR", "")
    assert where(covcat)["data folder"]["path"] == str(repository / "mine")
    assert os.environ["COVCAT_DATA_DIR"] == ""
    assert "COVCAT_JOBS" not in os.environ


def test_a_fetch_goes_where_the_project_says(covcat, shelf, server, repository: Path) -> None:
    (repository / "covcat.toml").write_text('data-dir = "data"\nretries = 0\nprogress = "none"')
    shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    ran = covcat("fetch", "set")
    assert ran.code == 0, ran.err
    assert ran.out == f"{repository / 'data/set/1/files'}\n"


def test_a_mirror_and_a_catalog_of_the_user_count(covcat, shelf, server, user: Path) -> None:
    shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    user.write_text(f'mirror = "{server.url}"\ncatalog = ["{shelf.folder}"]\nallow-private = true')
    shelf.folder = Path("elsewhere")
    shelf.folder.mkdir()  # empty: then the fixture gives no --catalog
    ran = covcat("fetch", "set", mirror=None)
    assert ran.code == 0, ran.err


def test_the_nearest_file_in_or_above_the_working_folder_counts(
    covcat, repository: Path, tmp_path: Path
) -> None:
    for folder in (tmp_path, repository, repository / "sub"):
        (folder / "covcat.toml").write_text('data-dir = "mine"')
        found = where(covcat)
        assert found["data folder"]["path"] == str(folder / "mine")
        assert found["project settings"]["path"] == str(folder / "covcat.toml")


def test_a_tilde_is_home_for_there_is_no_shell(covcat, user: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/of/somebody")
    user.write_text('data-dir = "~/data"')
    assert where(covcat)["data folder"]["path"] == "/home/of/somebody/data"


def test_one_file_may_be_named_and_none_may_be(covcat, user: Path, monkeypatch) -> None:
    user.write_text('data-dir = "of-the-user"')
    Path("named.toml").write_text('data-dir = "named"\nmirror = "https://mirror.example.org"')
    Path("covcat.toml").write_text("this is not read")
    monkeypatch.setenv("COVCAT_CONFIG", "named.toml")
    found = where(covcat)
    assert found["data folder"]["path"] == str(Path.cwd() / "named")
    assert found["named settings"]["state"] == "read: sets data-dir, mirror"
    assert "user settings" not in found
    monkeypatch.setenv("COVCAT_CONFIG", "none")
    assert where(covcat)["data folder"]["from"] == "default"
    monkeypatch.setenv("COVCAT_CONFIG", "nowhere.toml")
    ran = covcat("list")
    assert ran.code == 2
    assert "error: COVCAT_CONFIG names `nowhere.toml`, which is not there" in ran.err


@pytest.mark.parametrize("key", ["mirror", "catalog", "allow-private", "engine"])
def test_a_project_may_not_say_who_is_asked_or_what_is_true(
    covcat, repository: Path, user: Path, key: str
) -> None:
    values = {"mirror": '"https://evil.example.org"', "catalog": '"."', "allow-private": "true"}
    values["engine"] = '"tcp://evil.example.org:8786"'
    (repository / "covcat.toml").write_text(f"# mirror = 1\n{key} = {values[key]}\n")
    ran = covcat("list")
    assert ran.code == 2
    place = repository / "covcat.toml"
    assert f"error: `{place}` line 2: a project's file may not set `{key}`: " in ran.err
    variable = f"COVCAT_{key.upper().replace('-', '_')}"
    assert f"hint: if you want it, say so in {user}, or set {variable}" in ran.err
    assert ran.out == ""


WRONG = {
    "underscore": ("data_dir = 'x'", "line 1: unknown key `data_dir`: did you mean `data-dir`?"),
    "typo": ("\n\njbos = 3", "line 3: unknown key `jbos`: did you mean `jobs`?"),
    "strange": ("zzzzzzz = 3", "unknown key `zzzzzzz`: expected one of data-dir, catalog,"),
    "table": ("[fetch]\njobs = 3", "line 1: unknown key `fetch`"),
    "text for a number": ("jobs = '3'", 'line 1: `jobs` is "3": expected a whole number from 1'),
    "true for a number": ("jobs = true", "line 1: `jobs` is true: expected a whole number"),
    "too many": ("jobs = 65", "line 1: `jobs` is 65: expected a whole number from 1 to 64"),
    "no number": ("timeout = nan", "expected seconds, from 0.1 to 86400"),
    "number for a flag": ("offline = 1", "line 1: `offline` is 1: expected true or false"),
    "word": ("color = 'red'", '`color` is "red": expected auto, always or never'),
    "empty": ("data-dir = ''", '`data-dir` is "": expected a folder'),
    "control": ('data-dir = "a\\u0000b"', "expected a folder"),
    "list": ("data-dir = ['a']", "expected a folder"),
    "standstill": ("limit-rate = '0'", "expected bytes a second, such as 500k or 5M"),
    "no TOML": ("jobs = ", "is no TOML: "),
    "twice": ("jobs = 1\njobs = 2", "is no TOML: "),
    "no text": ("jobs = 1 # \udcff", "is no TOML: "),
    "deep": ("a = " + "[" * 5000, "is no TOML: "),
    "long": ("#" * (1 << 20) + "\njobs = 1", "has more than 1,048,576 bytes"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_a_mistake_in_a_file_is_said_with_its_place(covcat, text: str, words: str) -> None:
    Path("covcat.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    ran = covcat("list", "--json")
    assert ran.code == 2, ran.err
    assert words in ran.document["error"]["message"]
    assert f"`{Path.cwd() / 'covcat.toml'}`" in ran.document["error"]["message"]
    assert "COVCAT_CONFIG=none" in ran.document["error"]["hint"]


def test_all_mistakes_of_a_file_are_said_at_once(covcat) -> None:
    Path("covcat.toml").write_text("jobs = 0\ncolour = 'never'\nmirror = 'https://x.org'")
    error = covcat("list", "--json").document["error"]
    told = json.dumps([error["message"], *error["details"]])
    assert all(f"line {line}" in told for line in (1, 2, 3))


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_a_mistake_does_not_stand_before_help(covcat, word: str) -> None:
    Path("covcat.toml").write_text("nonsense")
    assert covcat(word, mirror=None).code == 0


def test_a_folder_or_a_pipe_in_place_of_a_file_is_refused(covcat) -> None:
    Path("covcat.toml").mkdir()
    assert "covcat.toml` is no regular file" in covcat("list").err
    Path("covcat.toml").rmdir()
    os.mkfifo("covcat.toml")
    assert covcat("list").code == 2


def test_a_file_that_anybody_may_have_written_is_passed_over_and_that_is_said(covcat) -> None:
    Path("covcat.toml").write_text('data-dir = "planted"')
    Path("covcat.toml").chmod(0o666)
    found = where(covcat)
    assert found["data folder"]["from"] == "default"
    assert found["project settings"]["state"] == "anybody may write to it"
    told = covcat("status").err
    assert f"note: `{Path.cwd() / 'covcat.toml'}` is not read: anybody may write to it" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_what_somebody_else_planted_in_an_open_folder_is_passed_over(covcat) -> None:
    Path("open").mkdir()
    Path("open").chmod(0o1777)
    os.chdir("open")
    Path("covcat.toml").write_text('data-dir = "planted"')
    os.chown("covcat.toml", 40_001, 40_001)
    assert where(covcat)["data folder"]["from"] == "default"
    os.chown("covcat.toml", 0, 0)
    assert where(covcat)["data folder"]["path"].endswith("open/planted")


PLANTED = {
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a link to itself": lambda path: os.symlink(path, path),
    "a file that is closed": lambda path: os.close(os.open(path, os.O_CREAT, 0)),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_nobody_stops_others_by_what_lies_in_an_open_folder(covcat, plant) -> None:
    Path("open/mine").mkdir(parents=True)
    Path("open").chmod(0o1777)
    os.chdir("open/mine")
    plant("../covcat.toml")
    os.chown("../covcat.toml", 40_001, 40_001, follow_symlinks=False)
    assert where(covcat)["data folder"]["from"] == "default"
    assert covcat("list").code == 0


def test_a_working_folder_that_is_gone_has_no_file(covcat, tmp_path: Path, monkeypatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert covcat("list").code == 0


def test_paths_names_the_record_of_accepted_licences(covcat) -> None:
    found = where(covcat)["accepted licences"]
    assert found["path"].endswith("covcat-data/.covcat/accepted.json")
    assert found["state"] == "not there"
    assert covcat("license", "v7", "--accept").code == 0
    assert where(covcat)["accepted licences"]["state"] == "there"


def test_a_file_may_begin_with_a_byte_order_mark(covcat) -> None:
    Path("covcat.toml").write_bytes(b'\xef\xbb\xbfdata-dir = "marked"')
    assert where(covcat)["data folder"]["path"].endswith("/marked")


def test_paths_of_a_folder_that_can_never_be_are_told(covcat) -> None:
    assert where(covcat, "--data-dir", "a" * 5000)["data folder"]["state"] == "not there"


# ---- the table of keys -------------------------------------------------------------------------


def commands(group, path: tuple[str, ...] = ()):
    """Every command with its path, covcat itself too."""
    yield path, group
    for name, one in getattr(group, "commands", {}).items():
        yield from commands(one, (*path, name))


OPTIONS = [
    (path, parameter)
    for path, command in commands(get_command(main.app()))
    for parameter in command.params
]


@pytest.mark.parametrize("name", settings.KEYS)
def test_each_key_is_an_option_with_its_variable_and_its_range(name: str) -> None:
    found = [one for _, one in OPTIONS if one.envvar == settings.variable_of(name)]
    assert found
    for option in found:
        assert f"--{name}" in option.opts
        key, least, most = settings.KEYS[name], option.min, option.max
        if most is not None:
            values = (least, most, most + 1, least - 1)
            read = [key.read(value, Path()) is not None for value in values]
            assert read == [True, True, False, False]


@pytest.mark.parametrize("name", settings.KEYS)
def test_python_has_the_defaults_of_the_command_line(name: str) -> None:
    found = settings.resolve()[name.replace("-", "_")]
    of_commands = {str(one.default or "") for _, one in OPTIONS if f"--{name}" in one.opts}
    assert (of_commands, found.origin) == ({str(found.value or "")}, "default")


SAID = {  # key: what its variable holds, what that means, what it may not hold
    "data-dir": ("~/data", "~/data", None),
    "catalog": ("one:/two", ["one", "/two"], None),
    "mirror": ("http://127.0.0.1:1", "http://127.0.0.1:1", "ftp://mirror"),
    "offline": ("Yes", True, "perhaps"),
    "color": ("never", "never", "sometimes"),
    "no-input": ("0", False, "none"),
    "jobs": ("8", 8, "0"),
    "retries": ("0", 0, "many"),
    "timeout": ("2.5", 2.5, "0"),
    "limit-rate": ("500k", "500k", "0"),
    "progress": ("json", "json", "loud"),
    "allow-private": ("true", True, "2"),
    "engine": ("tcp://scheduler:8786", "tcp://scheduler:8786", "scheduler"),
}


@pytest.mark.parametrize("name", settings.KEYS)
def test_a_variable_means_in_python_what_it_means_to_a_command(
    name: str, user: Path, monkeypatch
) -> None:
    user.write_text('jobs = 2\ncolor = "always"')
    text, value, wrong = SAID[name]
    monkeypatch.setenv(settings.variable_of(name), text)
    found = settings.resolve()[name.replace("-", "_")]
    assert (found.value, found.origin) == (value, settings.variable_of(name))
    if wrong is not None:
        monkeypatch.setenv(settings.variable_of(name), wrong)
        with pytest.raises(
            UsageError, match=f"{settings.variable_of(name)} is `{wrong}`: expected"
        ):
            settings.resolve()


def test_each_command_that_has_the_option_of_a_key_takes_it_from_the_files() -> None:
    values = dict.fromkeys(settings.KEYS, "x")
    defaults = settings.Settings(
        (settings.SettingsFile(Path("f"), "user", "read", values),)
    ).defaults()
    variables = {settings.variable_of(name) for name in settings.KEYS}
    for path, option in OPTIONS:
        if option.envvar in variables:
            below = defaults
            for name in path:
                below = below[name]
            assert below[option.name] == "x", (path, option.name)


def test_a_catalog_whose_name_would_be_two_is_refused(tmp_path: Path) -> None:
    read = settings.KEYS["catalog"].read
    assert read(["a", "/b"], tmp_path) == [f"{tmp_path}/a", "/b"]
    assert [read(one, tmp_path) for one in (f"a{os.pathsep}b", [], ["a", 3])] == [None] * 3
