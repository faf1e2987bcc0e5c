"""How this machine reaches hosts, as far as `doctor` can tell without asking any."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from covcat.cli.formats import Cell
from covcat.cli.session import Session
from covcat.download import STORES, proxies
from covcat.errors import UsageError

Row = dict[str, Cell]
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def check(name: str, found: str, fix: str = "", trouble: str = "look") -> Row:
    """Return one look, which is `ok` unless there is something to do; then `look` or `wrong`."""
    return {"check": name, "state": trouble if fix else "ok", "found": found, "fix": fix}


def unused(name: str, found: str) -> Row:
    """Return a look at what does no harm and is of no use."""
    return {**check(name, found), "state": "unused"}


def checks(session: Session) -> Iterator[Row]:
    """Look at mirror, proxies and certificates; nobody is asked."""
    if session.mirror:
        yield _mirror(session.mirror)
    for name in (*_PROXIES, "NO_PROXY", "no_proxy"):
        if value := os.environ.get(name):
            yield _proxy(name, value)
    for name, kind in (("SSL_CERT_FILE", "file"), ("SSL_CERT_DIR", "folder")):
        if value := os.environ.get(name):
            why = _unusable(kind, Path(value))
            fix = f"unset {name}, or name a {kind} of certificates" if why else ""
            yield check(name, f"{Path(value)}{why}", fix, "wrong")
    if session.offline:
        yield check("offline", "no socket is opened")


def _mirror(address: str) -> Row:
    """Look at an address, which is shown without what may be secret: user, password and query."""
    try:
        parts = urlsplit(address)
        if address.startswith(STORES):
            return check("mirror", address)
        if parts.hostname and parts.port != 0:
            place = parts.netloc.rpartition("@")[2]
            return check("mirror", urlunsplit((parts.scheme, place, parts.path, "", "")))
    except ValueError:
        pass
    return check("mirror", "no web address", "such as --mirror http://127.0.0.1:8080", "wrong")


def _proxy(name: str, value: str) -> Row:
    """Look at what a fetch would make of a variable; its address may hold a password."""
    kind = name.lower().removesuffix("_proxy")
    if (winner := proxies.variable_of(kind)) != name:
        return unused(name, f"{winner} is set too, and counts")
    if kind != "no":
        try:
            proxies.read(name, value)
        except UsageError as error:
            return check(name, error.message, error.hint or "", "wrong")
    elif idle := [one.text for one in proxies.items(value) if one.is_idle]:
        fix = "names, addresses, or networks such as 10.0.0.0/8, with commas between them"
        return check(name, f"set, but nothing can match {', '.join(idle)}", fix)
    return check(name, "set")


def _unusable(kind: str, path: Path) -> str:
    """Say why a fetch could not take the certificates of authorities from there."""
    if not (path.is_file() if kind == "file" else path.is_dir()):
        return f" is no {kind}"
    if not os.access(path, os.R_OK):
        return " may not be read"
    try:
        if kind == "file":
            ssl.create_default_context(cafile=path)
    except OSError:  # of which SSLError is one
        return " holds no certificates"
    return ""
