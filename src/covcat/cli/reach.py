"""How this machine reaches hosts, as far as `doctor` can tell without asking any."""

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from covcat.cli.session import Session
from covcat.download import proxies
from covcat.errors import UsageError

_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class Check:
    """One look: its state is `ok`, `unused`, `look` or `wrong`; `fix` is what to do."""

    name: str
    state: str
    found: str
    fix: str = ""


def checks(session: Session) -> Iterator[Check]:
    """Look at mirror, proxies and certificates; nobody is asked."""
    if session.mirror:
        yield _mirror(session.mirror)
    for name in (*_PROXIES, "NO_PROXY", "no_proxy"):
        if value := os.environ.get(name):
            yield _proxy(name, value)
    for name, kind in (("SSL_CERT_FILE", "file"), ("SSL_CERT_DIR", "folder")):
        value = os.environ.get(name)
        if value:
            yield _certificates(name, kind, Path(value))
    if session.offline:
        yield Check("offline", "ok", "no socket is opened")


def _mirror(address: str) -> Check:
    """Look at an address, which is shown without what may be secret: user, password and query."""
    try:
        parts = urlsplit(address)
        bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        is_web = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web, bare = False, ""
    fix = "" if is_web else "such as --mirror http://127.0.0.1:8080"
    return Check("mirror", "ok" if is_web else "wrong", bare if is_web else "no web address", fix)


def _proxy(name: str, value: str) -> Check:
    """Look at what a fetch would make of a variable; its address may hold a password."""
    kind = name.lower().removesuffix("_proxy")
    if (winner := proxies.variable_of(kind)) != name:
        return Check(name, "unused", f"{winner} is set too, and counts")
    if kind == "no":
        idle = [one.text for one in proxies.items(value) if one.is_idle]
        words = f"set, but nothing can match {', '.join(idle)}" if idle else "set"
        fix = "names, addresses, or networks such as 10.0.0.0/8, with commas between them"
        return Check(name, "look" if idle else "ok", words, fix if idle else "")
    try:
        proxies.read(name, value)
    except UsageError as error:
        return Check(name, "wrong", error.message, error.hint or "")
    return Check(name, "ok", "set")


def _certificates(name: str, kind: str, path: Path) -> Check:
    """Look if a fetch could take the certificates of authorities from there."""
    why = "" if (path.is_file() if kind == "file" else path.is_dir()) else f"is no {kind}"
    if not why and not os.access(path, os.R_OK):
        why = "may not be read"
    if not why and kind == "file":
        try:
            ssl.create_default_context(cafile=path)
        except OSError:  # of which SSLError is one
            why = "holds no certificates"
    if why:
        fix = f"unset {name}, or name a {kind} of certificates"
        return Check(name, "wrong", f"{path} {why}", fix)
    return Check(name, "ok", str(path))
