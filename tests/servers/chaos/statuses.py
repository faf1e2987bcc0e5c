"""Behaviours of the status line: refusals, pauses asked for, redirects."""

import time
from email.utils import formatdate

from servers.chaos.exchange import Exchange, Field
from servers.chaos.server import behaviour

NAMES = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently"}
SECRETS = ("authorization", "cookie", "x-api-key", "x-dataverse-key", "proxy-authorization")


@behaviour
def _status(ex: Exchange) -> None:
    """Answer `code` on the first `times` visits, with pauses as the address asks for them.

    `after` is Retry-After as it stands, `after-date` and `reset-epoch` are seconds from now,
    `reset` is RateLimit-Reset; `bodied=1` sends a piece of the file with it.
    """
    if not ex.fails:
        ex.whole()
        return
    fields: list[Field] = []
    if after := ex.word("after"):
        fields.append(("Retry-After", after.encode("utf-8")))
    if "after-date" in ex.request.target:
        when = time.time() + ex.number("after-date")
        fields.append(("Retry-After", formatdate(when, usegmt=True)))
    if reset := ex.word("reset"):
        fields.append(("RateLimit-Reset", reset))
    if "reset-epoch" in ex.request.target:
        fields.append(("x-ratelimit-reset", str(round(time.time()) + ex.number("reset-epoch"))))
    code = ex.number("code", 503)
    body = ex.content().read(0, 5000) if ex.word("bodied") == "1" else b"the server says no\n"
    if code in (204, 304):
        ex.head(f"{code} {NAMES.get(code, 'As Asked')}", fields)
        return
    if code in (300, 201):
        fields.append(("Location", "/data.example.org/file"))
    ex.page(f"{code} {NAMES.get(code, 'As Asked')}", body, fields)


@behaviour
def _flaky_status(ex: Exchange) -> None:
    """Answer the codes of `codes` (by commas) in turn, then the file."""
    codes = ex.word("codes").split(",")
    if ex.visit > len(codes):
        ex.whole()
    else:
        ex.page(f"{codes[ex.visit - 1]} As Asked", b"no")


# ---- redirects ---------------------------------------------------------------------------------


@behaviour
def _redirect(ex: Exchange) -> None:
    """Redirect with `code` to `to`; {port}, {second}, {here} are filled in.

    `pad` makes it longer by so many letters; `cookie=1` sets a cookie.
    """
    to = ex.word("to", "/file")
    to += "x" * ex.number("pad")
    for name, value in (
        ("{here}", ex.server.url),
        ("{port}", str(ex.server.port)),
        ("{second}", str(ex.server.second_port)),
    ):
        to = to.replace(name, value)
    fields: list[Field] = [("Location", to.encode("utf-8"))]
    if ex.word("cookie") == "1":
        fields.append(("Set-Cookie", "session=secret; Path=/"))
    ex.page(f"{ex.number('code', 302)} Found", b"moved", fields)


@behaviour
def _no_location(ex: Exchange) -> None:
    """Redirect to nowhere: without Location, or with an empty one (`empty=1`)."""
    ex.page("302 Found", b"", [("Location", "")] if ex.word("empty") == "1" else [])


@behaviour
def _hops(ex: Exchange) -> None:
    """Redirect `n` times, then serve the file."""
    left = ex.number("n", 11)
    if left == 0:
        ex.whole()
        return
    ex.page("302 Found", b"", [("Location", f"hops?n={left - 1}")])


@behaviour
def _loop(ex: Exchange) -> None:
    """Redirect to itself; with a new query each time if `fresh=1`."""
    query = f"?fresh=1&at={ex.visit}" if ex.word("fresh") == "1" else ""
    ex.page("302 Found", b"", [("Location", f"loop{query}")])


@behaviour
def _detector(ex: Exchange) -> None:
    """Serve the file, unless a credential came along: then 400, as S3 answers."""
    if any(ex.request.get(name) for name in SECRETS):
        ex.page("400 Bad Request", b"a credential came along")
    else:
        ex.whole()
