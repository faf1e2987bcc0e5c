"""Behaviours of the transfer: cuts, lengths, chunks, silence, slowness, resumption.

Words that every address understands: `size`, `seed`, `kind` (zip, sparse) say what is served;
`etag` (strong, weak, none), `modified` (old, now, none), `ranges` (yes, no) say with what;
`framing` (length, chunked, close) and `pace` (bytes a second) say how; `times` is the number of
visits that fail (-1: all of them).
"""

import time
from collections.abc import Callable
from functools import partial

from servers.chaos.exchange import CHUNKED, FILE, Exchange, Field, failing
from servers.chaos.server import behaviour


@behaviour
def _file(ex: Exchange) -> None:
    ex.whole()


def cut_at(ex: Exchange) -> int:
    """Return where the body ends: `at` in percent, or `byte`, from the end if negative."""
    size = ex.content().size
    byte = ex.number("byte", size * ex.number("at", 50) // 100)
    return max(1, byte if byte >= 0 else size + byte)


@failing
def _cut(ex: Exchange) -> None:
    """End the body early, `then` by fin, reset or hang."""
    ex.whole(cut=cut_at(ex))
    ex.end(ex.word("then", "fin"))


@failing
def _dead(ex: Exchange) -> None:
    """End (`then`) or say nothing before the answer, or after its head (`after=head`)."""
    if ex.word("after") == "head":
        ex.ok(ex.length())
    ex.end(ex.word("then", "reset"))


@behaviour
def _open_end(ex: Exchange) -> None:
    """Send the whole file and never end the connection."""
    ex.whole()
    ex.end("hang")


@behaviour
def _longer(ex: Exchange) -> None:
    """Send more bytes than Content-Length, which is `claim` or the size, says."""
    content = ex.content()
    ex.ok(("Content-Length", ex.word("claim", str(content.size))))
    ex.body(content)
    ex.send(b"more" * 250)
    ex.end("fin")


@behaviour
def _endless(ex: Exchange) -> None:
    """Send for ever: chunked, or with a length of a terabyte."""
    is_chunked = ex.word("framing", "chunked") == "chunked"
    ex.ok(CHUNKED if is_chunked else ("Content-Length", str(10**12)))
    ex.body(ex.content(), is_chunked=is_chunked)
    data = bytes(65536)
    while not ex.server.is_closed:
        ex.send(b"%x\r\n%b\r\n" % (len(data), data) if is_chunked else data)


# ---- chunks and lengths ------------------------------------------------------------------------


@behaviour
def _chunked(ex: Exchange) -> None:
    """Send in chunks of `piece` bytes, with an `extension` and `trailers` where asked."""
    ex.ok(("Transfer-Encoding", ex.word("te", "chunked")))
    content, piece = ex.content(), ex.number("piece", 4096)
    extension = ex.word("extension").encode()
    waiting = b""
    for at in range(0, content.size, piece):
        data = content.read(at, min(at + piece, content.size))
        waiting += b"%x%b\r\n%b\r\n" % (len(data), extension, data)
        if len(waiting) > 50_000:
            ex.send(waiting)
            waiting = b""
    trailers = b"".join(b"X-Trailer-%d: x\r\n" % i for i in range(ex.number("trailers")))
    ex.send(waiting + b"0\r\n" + trailers + b"\r\n")


@failing
def _chunk_bad(ex: Exchange) -> None:
    """Say a chunk's size as `token`, after half of the body."""
    ex.ok(CHUNKED)
    content = ex.content()
    ex.body(content, 0, content.size // 2, is_chunked=True)
    ex.send(ex.word("token", "zz").encode() + b"\r\n" + content.read(0, 1000))
    ex.end("fin")


@behaviour
def _lengths(ex: Exchange) -> None:
    """Say Content-Length as `value`, several of them apart by `|`; `chunked=1` adds that."""
    is_chunked = ex.word("chunked") == "1"
    lengths = [("Content-Length", one) for one in ex.word("value").split("|")]
    ex.ok(*lengths, *([CHUNKED] if is_chunked else []))
    ex.body(ex.content(), is_chunked=is_chunked)
    if is_chunked:
        ex.send(b"0\r\n\r\n")
    ex.end("fin")


# ---- slowness, several ranges ------------------------------------------------------------------


@failing
def _drip(ex: Exchange) -> None:
    """Send one byte each `wait` thousandths of a second: of the body, or of the head."""
    content, is_head = ex.content(), ex.word("of") == "head"
    if is_head:
        ex.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    else:
        ex.ok(ex.length())
    for at in range(content.size):
        if ex.server.is_closed:
            return
        ex.send(b"x" if is_head else content.read(at, at + 1))
        time.sleep(ex.number("wait", 100) / 1000)


@behaviour
def _pieces(ex: Exchange) -> None:
    """Serve ranges at `pace`; what begins after the first byte is wrong in the way of `how`."""
    start, end = ex.wanted or (0, None)
    how = ex.word("how")
    if start == 0 or not how or (ex.word("once") == "1" and ex.server.visits["wrong piece"]):
        ex.whole()
        return
    ex.server.visits["wrong piece"] += 1
    if how == "bytes":
        _partial(ex, start, seed=2, tags=1, most=None if end is None else end + 1 - start)
    elif how == "changed":
        ex.whole(2)
    elif how == "reset":
        ex.whole(cut=start + 300_000)
        ex.end("reset")
    else:
        ex.page(f"{how} As Asked", b"no")


# ---- what may be answered to Range and If-Range ------------------------------------------------

PLACE = "bytes {start}-{last}/{size}"


@behaviour
def _resume(ex: Exchange) -> None:
    """Cut the first `times` visits that ask from 0; answer a Range as `how` says.

    A visit from 0 after the cuts gets the whole file, of `seed2` where the address says so.
    """
    start = ex.wanted[0] if ex.wanted else 0
    if start == 0 and ex.fails:
        ex.whole(cut=cut_at(ex))
        ex.end("fin")
    elif start == 0:
        ex.whole(ex.number("seed2", 1))
    else:
        HOW[ex.word("how", "well")](ex, start)


def _partial(
    ex: Exchange,
    start: int,
    *,
    seed: int = 1,
    tags: int | tuple[Field, ...] = 1,
    place: str = PLACE,
    more: tuple[Field, ...] = (),
    back: int = 0,
    begin: int | None = None,
    most: int | None = None,
) -> None:
    """Send a 206 whose Content-Range, tag, bytes and length need not agree.

    It is of the range `back` bytes before the one that was asked for, and of `most` bytes; the
    bytes begin at `begin`, if that is not where the range does.
    """
    content = ex.content(seed)
    start = max(0, start - back)
    end = content.size if most is None else min(content.size, start + most)
    own = ex.validators(tags) if isinstance(tags, int) else tags
    fields: list[Field] = [FILE, *own, *more]
    if place:
        said = place.format(start=start, last=end - 1, size=content.size, other=content.size + 777)
        fields.append(("Content-Range", said))
    ex.head("206 Partial Content", [*fields, ("Content-Length", str(max(0, end - start)))])
    first = start if begin is None else begin
    ex.body(content, first, first + end - start)


def _multipart(ex: Exchange, start: int) -> None:
    content = ex.content()
    head = f"bytes {start}-{content.size - 1}/{content.size}"
    body = b"--B\r\nContent-Type: application/octet-stream\r\nContent-Range: " + head.encode()
    body += b"\r\n\r\n" + content.read(start, content.size) + b"\r\n--B--\r\n"
    kind = ("Content-Type", "multipart/byteranges; boundary=B")
    ex.page("206 Partial Content", body, [kind, *ex.validators()])


def _unsatisfiable(ex: Exchange, start: int, total: str = "") -> None:
    """Answer 416 with `total`; {have} is what was asked from."""
    place = [("Content-Range", f"bytes */{total.format(have=start)}")] if total else []
    ex.page("416 Range Not Satisfiable", b"<html>416</html>", place)


def _portal(ex: Exchange, start: int) -> None:
    """A 206 for a start before everything that was sent: the page of a captive portal."""
    page = b"<html><title>Log in</title></html>"
    ex.page("206 Partial Content", page, [("Content-Type", "text/html")])


def _two_places(ex: Exchange, start: int) -> None:
    size = ex.content().size
    _partial(ex, start, more=(("Content-Range", f"bytes 0-{size - 1}/{size}"),))


def _more(ex: Exchange, start: int) -> None:
    """Send a thousand bytes beyond the range that is said, in chunks."""
    content = ex.content()
    place = ("Content-Range", f"bytes {start}-{content.size - 1}/{content.size}")
    ex.head("206 Partial Content", [FILE, *ex.validators(), place, CHUNKED])
    ex.body(content, start, is_chunked=True)
    ex.body(content, 0, 1000, is_chunked=True)
    ex.send(b"0\r\n\r\n")


def _ignored(ex: Exchange, start: int) -> None:
    """Answer 200 from the first byte, whatever was asked."""
    content = ex.content()
    ex.page("200 OK", content.read(0, content.size), [FILE, *ex.validators()])


def _status(status: str) -> Callable[[Exchange, int], None]:
    return lambda ex, start: ex.page(status, b"no")


HOW: dict[str, Callable[[Exchange, int], None]] = {
    "well": lambda ex, start: ex.whole(),
    "ignored": _ignored,
    "wrong-start": partial(_partial, back=1000),
    "lying-start": partial(_partial, begin=0),  # as some proxies do
    "no-place": partial(_partial, place=""),
    "other-total": partial(_partial, place="bytes {start}-{last}/{other}"),
    "other-length": partial(_partial, seed=2),
    "multipart": _multipart,
    "changed": lambda ex, start: ex.whole(2),  # If-Range is honoured
    "lie": partial(_partial, seed=2, tags=2),
    "same-tag": partial(_partial, seed=2),
    "have": partial(_unsatisfiable, total="{have}"),
    "other": partial(_unsatisfiable, total="17"),
    "star": partial(_unsatisfiable, total="*"),
    "bare": _unsatisfiable,
    "words": partial(_partial, place="bytes all of it"),
    "backwards": partial(_partial, place="bytes {last}-{start}/{size}"),
    "unit": partial(_partial, place="lines {start}-{last}/{size}"),
    "unknown-total": partial(_partial, place="bytes {start}-{last}/*"),
    "huge": partial(_partial, place="bytes {start}-{last}/99999999999999999999999999"),
    "beyond": partial(_partial, place="bytes {start}-{size}/{size}"),
    "short": partial(_partial, most=30_000),  # less than was asked for, and it says so
    "untagged": partial(_partial, seed=2, tags=()),
    "weakly-tagged": partial(_partial, seed=2, tags=(("ETag", 'W/"one"'),)),
    "two-places": _two_places,
    "more": _more,
    "coded": partial(_partial, more=(("Content-Encoding", "gzip"),)),
    "portal": _portal,
    "404": _status("404 Not Found"),
    "412": _status("412 Precondition Failed"),
    "503": _status("503 Service Unavailable"),
}
