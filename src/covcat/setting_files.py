"""Settings that a project or a user writes down once: `covcat.toml` and the user's `config.toml`.

Flags, and arguments in Python, win over the environment, that over these files. Of them the
project's wins over the user's. On the command line typer has the precedence; `resolve` has it for
the functions of `covcat`.

A cloned repository is not to be trusted: its file may say where data lies and how hard to try,
but not who is asked (`mirror`, `allow-private`) nor what is true (`catalog`).
"""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from covcat.errors import UsageError

CONFIG = "COVCAT_CONFIG"  # `none`, or the one file to read
PROJECT_FILE = "covcat.toml"
_MOST = 1 << 20  # bytes of a file
_WAY_OUT = f"edit that file, or run with {CONFIG}=none to read none"
_PLANTED = "it is somebody else's, in a folder that anybody may write to"
# Commands; and `catalog draft`.
_WITH_NETWORK = ("fetch", "import", "links", "outdated", "pull", "push", "verify")


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: `read` gives the value for the option of its name, or None if it is wrong."""

    read: Callable[[Any, Path], Any]  # of the value and the folder of its file
    expected: str
    danger: str = ""  # why a project's file may not set it
    default: Any = None
    of_text: Callable[[str], Any] = str  # of what its variable holds; ValueError if that is wrong


@dataclass(frozen=True, slots=True)
class Setting:
    """What counts for one setting, and what said so: a variable, a file, or `default`."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file of settings, there or not."""

    path: Path
    role: str  # project, user or named
    state: str = ""  # "read", "not there", or why it was not read
    values: Mapping[str, Any] = field(default_factory=dict)  # by key


@dataclass(frozen=True, slots=True)
class Settings:
    """What the files say."""

    files: tuple[SettingsFile, ...] = ()  # strongest first

    def defaults(self) -> dict[str, Any]:
        """Return typer's `default_map`: values by parameter, and the same below each command."""
        values: dict[str, Any] = {}
        for file in reversed(self.files):
            values |= {name.replace("-", "_"): value for name, value in file.values.items()}
        if "catalog" in values:
            values["catalog_folders"] = values.pop("catalog")  # `catalog` is a command too
        return {**values, **dict.fromkeys(_WITH_NETWORK, values), "catalog": {"draft": values}}


_SPELT = dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True)  # as typer reads variables
_SPELT |= dict.fromkeys(("0", "false", "f", "no", "n", "off"), False)


def _spelt(text: str) -> bool | None:
    return _SPELT.get(text.strip().lower())


def _of_here(text: str) -> str:
    return os.path.join(".", text)  # noqa: PTH118 -- so that no `~` begins it: shells have read it


def _flag(value: Any, _: Path) -> bool | None:
    return value if isinstance(value, bool) else None


def _folder(value: Any, folder: Path) -> str | None:
    if not (isinstance(value, str) and value and value.isprintable()) or "://" in value:
        return None
    home = _home()
    if home and (value == "~" or value.startswith("~/")):  # no shell reads this file
        return str(home / value[2:])
    return str(folder / value)


def _folders(value: Any, folder: Path) -> list[str] | None:
    values = [_folder(one, folder) for one in (value if isinstance(value, list) else [value])]
    found = [one for one in values if one and os.pathsep not in one]
    return found if found and len(found) == len(values) else None


def _number(least: float, most: float, *types: type) -> Callable[[Any, Path], float | None]:
    """Read a number of exactly these types: to Python `true` is one too."""
    return lambda value, _: value if type(value) in types and least <= value <= most else None


def _text(pattern: str) -> Callable[[Any, Path], str | None]:
    """Read a text of this form, or a whole number that has it."""

    def read(value: Any, _: Path) -> str | None:
        text = str(value) if type(value) is int else value
        is_printable = isinstance(text, str) and text.isprintable()
        return text if is_printable and re.fullmatch(pattern, text) else None

    return read


ENGINE = r"[a-z]+://[^\s@/]+:\d+"  # how Dask writes an address
_RUNS = "whoever answers there can run programs as you"
_ASKED = "whoever answers there sees, and can change, what is fetched"
KEYS = {
    "data-dir": Key(_folder, "a folder", default="covcat-data", of_text=_of_here),
    "catalog": Key(
        _folders,
        f"a folder, or a list of them, without `{os.pathsep}` in it",
        "its entries decide where data comes from and what is right",
        default=(),
        of_text=lambda text: [_of_here(one) for one in text.split(os.pathsep)],
    ),
    "mirror": Key(_text(r"(?:https?|s3|gs|az)://[^@]+"), "an address without a user name", _ASKED),
    "offline": Key(_flag, "true or false", "", False, _spelt),
    "color": Key(_text("auto|always|never"), "auto, always or never", default="auto"),
    "no-input": Key(_flag, "true or false", "", False, _spelt),
    "jobs": Key(_number(1, 64, int), "a whole number from 1 to 64", of_text=int),
    "retries": Key(_number(0, 1000, int), "a whole number from 0 to 1000", "", 5, int),
    "timeout": Key(_number(0.1, 86400, int, float), "seconds, from 0.1 to 86400", "", 30, float),
    "limit-rate": Key(_text(r"0*[1-9]\d{0,14}[kMGT]?B?"), "bytes a second, such as 500k or 5M"),
    "progress": Key(_text("auto|plain|json|none"), "auto, plain, json or none", default="auto"),
    "allow-private": Key(_flag, "true or false", _ASKED, False, _spelt),
    "engine": Key(
        _text(ENGINE), "the address of a Dask scheduler, such as tcp://scheduler:8786", _RUNS
    ),
}


def variable_of(key: str) -> str:
    """Return the variable that says the same."""
    return f"COVCAT_{key.upper().replace('-', '_')}"


def read() -> Settings:
    """Read the files that count."""
    named = os.environ.get(CONFIG)
    if named == "none":
        return Settings()
    if named:
        file = _read(Path(named).absolute(), "named")
        if file.state == "not there":
            problem = f"{CONFIG} names `{named}`, which is not there"
            raise UsageError(problem, hint=f"write it, or set {CONFIG}=none")
        return Settings((file,))
    places = ((_project_file(), "project"), (_user_file(), "user"))
    return Settings(tuple(_read(path, role) for path, role in places if path is not None))


def resolve() -> dict[str, Setting]:
    """Return what counts for each setting, by the name that its option has in Python.

    Raises:
        UsageError: a file or a variable says what cannot be.
    """
    files, found = read().files, dict[str, Setting]()
    for name, key in KEYS.items():
        variable = variable_of(name)
        said = next((one for one in files if name in one.values), None)
        setting = Setting(key.default, "default")
        if said is not None:
            setting = Setting(said.values[name], str(said.path))
        if text := os.environ.get(variable):
            value = None
            with suppress(ValueError):
                value = key.read(key.of_text(text), Path())
            if value is None:
                problem = f"{variable} is `{text}`: expected {key.expected}"
                raise UsageError(problem, hint=f"unset {variable}")
            setting = Setting(value, variable)
        found[name.replace("-", "_")] = setting
    return found


def _project_file() -> Path | None:
    """Return the nearest file, from the working folder up to the top of the disk."""
    try:
        here = Path.cwd()
    except OSError:  # somebody removed it
        return None
    paths = [one / PROJECT_FILE for one in (here, *here.parents)]
    return next(filter(os.path.lexists, paths), paths[0])


def _user_file() -> Path | None:
    base, home = os.environ.get("XDG_CONFIG_HOME", ""), _home()
    if base.startswith("/"):  # the XDG specification: others are ignored
        return Path(base) / "covcat" / "config.toml"
    return home / ".config" / "covcat" / "config.toml" if home else None


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # no HOME, and no such user: containers
        return None


def _read(path: Path, role: str) -> SettingsFile:
    from covcat.files import NoFileError, is_anybodys, opened

    try:
        if role != "named" and _is_planted(path):  # before it is opened: it may be a pipe
            return SettingsFile(path, role, _PLANTED)
        with opened(path) as stream:
            if role != "named" and is_anybodys(os.fstat(stream.fileno()).st_mode):
                return SettingsFile(path, role, "anybody may write to it")
            data = stream.read(_MOST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return SettingsFile(path, role, "not there")
    except NoFileError as error:  # a pipe must not hold us up
        raise UsageError(f"`{path}` is no regular file", hint=_WAY_OUT) from error
    except OSError as error:
        problem = f"cannot read the settings `{path}`: {os.strerror(error.errno or 0)}"
        raise UsageError(problem, hint=_WAY_OUT) from error
    return SettingsFile(path, role, "read", _values(path, role, data))


def _is_planted(path: Path) -> bool:
    """Tell if somebody else laid it there; /tmp is where that happens."""
    from covcat.files import is_anybodys

    is_public = is_anybodys(path.parent.stat().st_mode)
    return is_public and path.lstat().st_uid not in (0, os.geteuid())


def _values(path: Path, role: str, data: bytes) -> dict[str, Any]:
    """Return the values by key; all mistakes are said at once."""
    import tomllib

    if len(data) > _MOST:
        raise UsageError(f"`{path}` has more than {_MOST:,} bytes", hint=_WAY_OUT)
    try:
        text = data.decode("utf-8-sig")
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of which UnicodeDecodeError is one
        why = "its brackets go too deep" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"`{path}` is no TOML: {why}", hint=_WAY_OUT) from error
    mistakes: list[str] = []
    for name, value in tree.items():
        if problem := _problem(path.parent, role, name, value):
            key = re.compile(rf"\s*\[*\s*[\"']?{re.escape(name)}[\"']?\s*[=.\]]")
            lines = enumerate(text.splitlines(), 1)  # for tomllib tells none
            place = next((f" line {number}" for number, line in lines if key.match(line)), "")
            mistakes.append(f"`{path}`{place}: {problem}")
    if mistakes:
        barred = [name for name in KEYS if name in tree and KEYS[name].danger]
        own, hint = _user_file(), _WAY_OUT
        if role == "project" and barred and own:
            hint = f"if you want it, say so in {own}, or set {variable_of(barred[0])}"
        raise UsageError(mistakes[0], details=mistakes[1:], hint=hint)
    return {name: KEYS[name].read(tree[name], path.parent) for name in KEYS if name in tree}


def _problem(folder: Path, role: str, name: str, value: Any) -> str:
    """Say in words what is wrong with one key, if anything."""
    key = KEYS.get(name)
    if key is None:
        import difflib

        near = difflib.get_close_matches(name.replace("_", "-").lower(), KEYS, 1)
        known = f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(KEYS)}"
        return f"unknown key `{name}`: {known}"
    if key.danger and role == "project":
        return f"a project's file may not set `{name}`: {key.danger}"
    if key.read(value, folder) is None:
        import json

        return f"`{name}` is {json.dumps(value, default=str)}: expected {key.expected}"
    return ""
