"""Behaviours of the head: too large, malformed, hostile, or odd and yet right."""

import os

from servers.chaos.exchange import Exchange, Field
from servers.chaos.server import behaviour
from servers.chaos.transfers import FILE


def _length(ex: Exchange) -> Field:
    return ("Content-Length", str(ex.content().size))


def _whole_body(ex: Exchange) -> None:
    content = ex.content()
    ex.body(content, 0, content.size)


# ---- too large ---------------------------------------------------------------------------------


@behaviour
def _big_head(ex: Exchange) -> None:
    """Answer with a header of `bytes` bytes, or with `count` headers, or a long status line."""
    many: list[Field] = [(f"X-{i}", "x") for i in range(ex.number("count"))]
    large: list[Field] = [("X-Large", "A" * ex.number("bytes"))] if ex.number("bytes") else []
    reason = "O" * ex.number("status") or "OK"
    ex.head(f"200 {reason}", [FILE, *many, *large, _length(ex)])
    _whole_body(ex)


@behaviour
def _continues(ex: Exchange) -> None:
    """Send `count` interim answers, then the file; -1 sends nothing else for ever."""
    count, piece = ex.number("count", 20_000), b"HTTP/1.1 100 Continue\r\n\r\n" * 100
    if count < 0:
        while not ex.server.is_closed:
            ex.send(piece)
    for _ in range(count // 100):
        ex.send(piece)
    ex.whole()


@behaviour
def _endless_head(ex: Exchange) -> None:
    """Send headers for ever, or (`of=status`) a status line."""
    ex.send(b"HTTP/1.1 200 " if ex.word("of") == "status" else b"HTTP/1.1 200 OK\r\n")
    piece = b"O" * 4096 if ex.word("of") == "status" else b"X-More: x\r\n" * 400
    while not ex.server.is_closed:
        ex.send(piece)


# ---- not HTTP ----------------------------------------------------------------------------------

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


# ---- hostile texts -----------------------------------------------------------------------------

HOSTILE = b"\x1b[2J\x1b]0;owned\x07\xc2\x9b31m\xe2\x80\xae"


@behaviour
def _escapes(ex: Exchange) -> None:
    """Put control characters into the reason, a header, a Location or the Content-Encoding."""
    where = ex.word("where")
    if where == "reason":
        ex.page("404 " + HOSTILE.decode("latin-1"), b"")
    elif where == "location":
        ex.page("302 Found", b"", [("Location", b"ftp://evil/" + HOSTILE)])
    elif where == "coding":
        ex.page("200 OK", b"x", [("Content-Encoding", HOSTILE)])
    elif where == "retry":
        ex.page("503 Busy", b"x", [("Retry-After", HOSTILE)])
    elif where == "tag":
        ex.page("200 OK", ex.content().read(0, 10**6), [("ETag", b'"' + HOSTILE + b'"')])
    else:
        ex.page("404 Not Found", HOSTILE, [("Content-Type", HOSTILE), ("X-Odd", HOSTILE)])


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


# ---- odd, and right ----------------------------------------------------------------------------


@behaviour
def _odd_head(ex: Exchange) -> None:
    """Serve the file with a head that is unusual: HTTP/1.0, lower case, folds, bare LF."""
    length = str(ex.content().size).encode()
    heads = {
        "http10": b"HTTP/1.0 200 OK\r\nContent-Type: x/y\r\n\r\n",
        "http10-length": b"HTTP/1.0 200 OK\r\nContent-Length: " + length + b"\r\n\r\n",
        "lower": b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n",
        "upper": b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: " + length + b"\r\n\r\n",
        "fold": b"HTTP/1.1 200 OK\r\nX-Fold: one\r\n two\r\nContent-Length: "
        + length
        + b"\r\n\r\n",
        "lf": b"HTTP/1.1 200 OK\nContent-Length: " + length + b"\n\n",
        "bare": b"HTTP/1.1 200\r\nContent-Length: " + length + b"\r\n\r\n",
        "blanks": b"HTTP/1.1 200 OK\r\nContent-Length:   \t " + length + b"  \r\n\r\n",
        "empty-value": b"HTTP/1.1 200 OK\r\nX-None:\r\nContent-Length: " + length + b"\r\n\r\n",
        "latin": b"HTTP/1.1 200 D\xe9j\xe0\r\nX-L: \xff\r\nContent-Length: " + length + b"\r\n\r\n",
        "name-blank": b"HTTP/1.1 200 OK\r\nContent-Length : " + length + b"\r\n\r\n",
        "early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n"
        b"Content-Length: " + length + b"\r\n\r\n",
    }
    ex.send(heads[ex.word("what")])
    _whole_body(ex)
    ex.end("fin")


@behaviour
def _stale(ex: Exchange) -> None:
    """Redirect and promise to stay, then close as the next request comes on the connection."""
    if ex.visit == 1:
        keep: list[Field] = [
            ("Connection", "keep-alive"),
            ("Location", "stale?" + ex.request.target.partition("?")[2]),
        ]
        ex.page("302 Found", b"", keep)
    elif ex.fails:
        ex.end("fin")
    else:
        ex.whole()


@behaviour
def _late_close(ex: Exchange) -> None:
    """Answer 503 and say that the connection stays; close it at once."""
    if not ex.fails:
        ex.whole()
        return
    ex.page("503 Busy", b"no", [("Connection", "keep-alive")])
    ex.end("fin")
