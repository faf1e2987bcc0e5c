"""Behaviours of status, head and body: refusals, redirects, odd heads, codings, other pages."""

import gzip
import os
import time
import zlib
from email.utils import formatdate
from functools import lru_cache

from servers.chaos.exchange import FILE, Exchange, Field, failing
from servers.chaos.server import behaviour

NAMES = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently"}
SECRETS = ("authorization", "cookie", "x-api-key", "x-dataverse-key", "proxy-authorization")


@failing
def _status(ex: Exchange) -> None:
    """Answer `code`, with pauses as the address asks for them.

    `after` is Retry-After as it stands, `after-date` and `reset-epoch` are seconds from now,
    `reset` is RateLimit-Reset; `bodied=1` sends a piece of the file with it.
    """
    fields: list[Field] = []
    if after := ex.word("after"):
        fields.append(("Retry-After", after.encode("utf-8")))
    if seconds := ex.number("after-date"):
        fields.append(("Retry-After", formatdate(time.time() + seconds, usegmt=True)))
    if reset := ex.word("reset"):
        fields.append(("RateLimit-Reset", reset))
    if seconds := ex.number("reset-epoch"):
        fields.append(("x-ratelimit-reset", str(round(time.time()) + seconds)))
    code = ex.number("code", 503)
    status = f"{code} {NAMES.get(code, 'As Asked')}"
    body = ex.content().read(0, 5000) if ex.word("bodied") == "1" else b"the server says no\n"
    if code in (204, 304):
        ex.head(status, fields)
        return
    if code in (300, 201):
        fields.append(("Location", "/data.example.org/file"))
    ex.page(status, body, fields)


@behaviour
def _flaky_status(ex: Exchange) -> None:
    """Answer the codes of `codes` (by commas) in turn, then the file."""
    codes = ex.word("codes").split(",")
    if ex.visit > len(codes):
        ex.whole()
    else:
        ex.page(f"{codes[ex.visit - 1]} As Asked", b"no")


# ---- redirects ---------------------------------------------------------------------------------


def _moved(
    ex: Exchange, to: str | bytes, *fields: Field, code: int = 302, body: bytes = b""
) -> None:
    ex.page(f"{code} Found", body, [("Location", to), *fields])


@behaviour
def _redirect(ex: Exchange) -> None:
    """Redirect with `code` to `to`; {port}, {second}, {here} are filled in.

    `pad` makes it longer by so many letters; `cookie=1` sets a cookie.
    """
    to, server = ex.word("to", "/file") + "x" * ex.number("pad"), ex.server
    places = {"{here}": server.url, "{port}": server.port, "{second}": server.second_port}
    for name, value in places.items():
        to = to.replace(name, str(value))
    cookies = [("Set-Cookie", "session=secret; Path=/")] if ex.word("cookie") == "1" else []
    _moved(ex, to.encode("utf-8"), *cookies, code=ex.number("code", 302), body=b"moved")


@behaviour
def _no_location(ex: Exchange) -> None:
    """Redirect to nowhere: without Location, or with an empty one (`empty=1`)."""
    ex.page("302 Found", b"", [("Location", "")] if ex.word("empty") == "1" else [])


@behaviour
def _hops(ex: Exchange) -> None:
    """Redirect `n` times, then serve the file."""
    if left := ex.number("n", 11):
        _moved(ex, f"hops?n={left - 1}")
    else:
        ex.whole()


@behaviour
def _loop(ex: Exchange) -> None:
    """Redirect to itself; with a new query each time if `fresh=1`."""
    _moved(ex, f"loop?fresh=1&at={ex.visit}" if ex.word("fresh") == "1" else "loop")


@behaviour
def _detector(ex: Exchange) -> None:
    """Serve the file, unless a credential came along: then 400, as S3 answers."""
    if any(ex.request.get(name) for name in SECRETS):
        ex.page("400 Bad Request", b"a credential came along")
    else:
        ex.whole()


@behaviour
def _stale(ex: Exchange) -> None:
    """Redirect and promise to stay, then close as the next request comes on the connection."""
    if ex.visit == 1:
        query = ex.request.target.partition("?")[2]
        _moved(ex, f"stale?{query}", ("Connection", "keep-alive"))
    elif ex.fails:
        ex.end("fin")
    else:
        ex.whole()


@failing
def _late_close(ex: Exchange) -> None:
    """Answer 503 and say that the connection stays; close it at once."""
    ex.page("503 Busy", b"no", [("Connection", "keep-alive")])
    ex.end("fin")


# ---- heads that are too large ------------------------------------------------------------------


@behaviour
def _big_head(ex: Exchange) -> None:
    """Answer with a header of `bytes` bytes, or with `count` headers, or a long status line."""
    many: list[Field] = [(f"X-{i}", "x") for i in range(ex.number("count"))]
    large: list[Field] = [("X-Large", "A" * ex.number("bytes"))] if ex.number("bytes") else []
    reason = "O" * ex.number("status") or "OK"
    ex.head(f"200 {reason}", [FILE, *many, *large, ex.length()])
    ex.body(ex.content())


@behaviour
def _continues(ex: Exchange) -> None:
    """Send `count` interim answers, then the file; -1 sends nothing else for ever."""
    count, piece = ex.number("count", 20_000), b"HTTP/1.1 100 Continue\r\n\r\n" * 100
    while count < 0 and not ex.server.is_closed:
        ex.send(piece)
    for _ in range(count // 100):
        ex.send(piece)
    ex.whole()


@behaviour
def _endless_head(ex: Exchange) -> None:
    """Send headers for ever, or (`of=status`) a status line."""
    is_status = ex.word("of") == "status"
    ex.send(b"HTTP/1.1 200 " if is_status else b"HTTP/1.1 200 OK\r\n")
    while not ex.server.is_closed:
        ex.send(b"O" * 4096 if is_status else b"X-More: x\r\n" * 400)


# ---- not HTTP, hostile, or odd and right -------------------------------------------------------

GARBAGE = {
    "noise": bytes(range(256)) * 40,
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "http09": b"<html><title>old</title></html>",
    "tls": bytes.fromhex("15030300020228"),  # a TLS alert: the port wants TLS
    "half": b"HTTP/1.1 2",
    "no-code": b"HTTP/1.1 OK\r\n\r\n",
    "code-999": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "code-20": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "http3": b"HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "icy": b"ICY 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    "nul": b"HTTP/1.1 200 OK\r\nX-N\0l: \0\r\nContent-Length: 4\r\n\r\nbody",
    "no-colon": b"HTTP/1.1 200 OK\r\nthis is no header\r\nContent-Length: 4\r\n\r\nbody",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nbody",
}


@behaviour
def _garbage(ex: Exchange) -> None:
    """Answer with what is not HTTP; `what=random` differs each time."""
    what = ex.word("what", "noise")
    ex.send(os.urandom(5000) if what == "random" else GARBAGE[what])
    ex.end("fin")


HOSTILE = b"\x1b[2J\x1b]0;owned\x07\xc2\x9b31m\xe2\x80\xae"


@behaviour
def _escapes(ex: Exchange) -> None:
    """Put control characters into the reason, a header, a Location or the Content-Encoding."""
    where, reason = ex.word("where"), HOSTILE.decode("latin-1")
    hostile: dict[str, tuple[str, bytes, list[Field]]] = {
        "reason": (f"404 {reason}", b"", []),
        "header": ("404 Not Found", HOSTILE, [("Content-Type", HOSTILE), ("X-Odd", HOSTILE)]),
        "location": ("302 Found", b"", [("Location", b"ftp://evil/" + HOSTILE)]),
        "coding": ("200 OK", b"x", [("Content-Encoding", HOSTILE)]),
        "retry": ("503 Busy", b"x", [("Retry-After", HOSTILE)]),
        "tag": ("200 OK", ex.content().read(0, 10**6), [("ETag", b'"' + HOSTILE + b'"')]),
    }
    ex.page(*hostile[where])


DISPOSITIONS: dict[str, bytes] = {
    "up": b'attachment; filename="../../../evil.sh"',
    "absolute": b'attachment; filename="/etc/cron.d/evil"',
    "windows": b'attachment; filename="C:\\x\\evil.exe"',
    "nul": b'attachment; filename="evil\x00.sh"',
    "star": b"attachment; filename*=UTF-8''..%2F..%2Fevil",
    "bad-star": b"attachment; filename*=nonsense'''%zz%",
    "long": b'attachment; filename="' + b"e" * 10_000 + b'"',
    "other": b'attachment; filename="other.bin"',
    "escapes": b'attachment; filename="' + HOSTILE + b'"',
}


@behaviour
def _disposition(ex: Exchange) -> None:
    """Serve the file with a Content-Disposition that wants another name."""
    ex.whole(fields=[("Content-Disposition", DISPOSITIONS[ex.word("what")])])


@behaviour
def _odd_head(ex: Exchange) -> None:
    """Serve the file with a head that is unusual: HTTP/1.0, lower case, folds, bare LF."""
    size = ex.content().size
    ex.send(ODD_HEADS[ex.word("what")].replace(b"SIZE", b"%d" % size))
    ex.body(ex.content())
    ex.end("fin")


ODD_HEADS = {
    "http10": b"HTTP/1.0 200 OK\r\nContent-Type: x/y\r\n\r\n",
    "http10-length": b"HTTP/1.0 200 OK\r\nContent-Length: SIZE\r\n\r\n",
    "lower": b"HTTP/1.1 200 OK\r\ncontent-length: SIZE\r\n\r\n",
    "upper": b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: SIZE\r\n\r\n",
    "fold": b"HTTP/1.1 200 OK\r\nX-Fold: one\r\n two\r\nContent-Length: SIZE\r\n\r\n",
    "lf": b"HTTP/1.1 200 OK\nContent-Length: SIZE\n\n",
    "bare": b"HTTP/1.1 200\r\nContent-Length: SIZE\r\n\r\n",
    "blanks": b"HTTP/1.1 200 OK\r\nContent-Length:   \t SIZE  \r\n\r\n",
    "empty-value": b"HTTP/1.1 200 OK\r\nX-None:\r\nContent-Length: SIZE\r\n\r\n",
    "latin": b"HTTP/1.1 200 D\xe9j\xe0\r\nX-L: \xff\r\nContent-Length: SIZE\r\n\r\n",
    "name-blank": b"HTTP/1.1 200 OK\r\nContent-Length : SIZE\r\n\r\n",
    "early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: SIZE\r\n\r\n",
}


# ---- the body: content codings, bombs, pages in place of a file --------------------------------


@behaviour
def _coding(ex: Exchange) -> None:
    """Serve with Content-Encoding `value`: packed by gzip (cut short if `cut=1`), or as it is."""
    content = ex.content()
    data = content.read(0, content.size)
    if ex.word("packed", "1") == "1":
        data = gzip.compress(data, 1)
    if ex.word("cut") == "1":
        data = data[: len(data) // 2]
    ex.page("200 OK", data, [FILE, ("Content-Encoding", ex.word("value", "gzip"))])


@lru_cache(maxsize=1)
def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join([*pieces, packer.flush()])


@behaviour
def _bomb_body(ex: Exchange) -> None:
    """Serve 200 KB that unpack to 200 MB."""
    ex.page("200 OK", _bomb(200 << 20), [FILE, ("Content-Encoding", "gzip")])


@behaviour
def _many_codings(ex: Exchange) -> None:
    """Serve with fifty codings, the bytes of none."""
    coding = ("Content-Encoding", ", ".join(["gzip"] * 50))
    ex.page("200 OK", gzip.compress(b"x" * 1000), [FILE, coding])


HTML = "text/html; charset=utf-8"
PAGES: dict[str, tuple[str, str]] = {
    "login": (HTML, "<!DOCTYPE html><html><head><title>Log in to Host</title></head></html>"),
    "consent": (HTML, "<html><head><title>Consent needed</title></head><body>agree</body></html>"),
    "challenge": (HTML, "<!doctype html><html><head><title>Just a moment...</title></head></html>"),
    "page": (HTML, "\n<html><head><title>Welcome</title></head><body>maintenance</body></html>"),
    "bare-page": ("application/zip", "<!-- x --> <html><head><title>Oops</title></head></html>"),
    "json": ("application/json", '{"error": {"code": 404, "message": "no such file"}}'),
    "array": ("application/json", "[]"),
    "xml": ("application/xml", '<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'),
    "bare-xml": ("application/xml", "<Error><Code>AccessDenied</Code></Error>"),
    "pointer": ("text/plain", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    "text": ("text/plain", "Not found\n"),
    "empty": ("application/octet-stream", ""),
    "escapes": (
        HTML,
        "<html><title>\x1b]0;owned\x07\x1b[2J\u202e\x9b31m\r\nerror: fake</title></html>",
    ),
    "long": (HTML, "<html><title>" + "A" * 100_000 + "</title></html>"),
    "bom": (HTML, "\ufeff<!DOCTYPE html><html><head><title>Sign in</title></head></html>"),
}


@behaviour
def _instead(ex: Exchange) -> None:
    """Serve the page that `what` names with status 200 (or `code`)."""
    kind, text = PAGES[ex.word("what", "login")]
    ex.page(f"{ex.number('code', 200)} OK", text.encode("utf-8"), [("Content-Type", kind)])
