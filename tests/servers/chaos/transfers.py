"""Behaviours of the transfer: cuts, lengths, chunks, silence, slowness.

Words that every address understands: `size`, `seed`, `kind` (zip, sparse) say what is served;
`etag` (strong, weak, none), `modified` (old, now, none), `ranges` (yes, no) say with what;
`framing` (length, chunked, close) and `pace` (bytes a second) say how; `times` is the number of
visits that fail (-1: all of them).
"""

import time

from servers.chaos.exchange import Exchange
from servers.chaos.server import behaviour

FILE = ("Content-Type", "application/octet-stream")


@behaviour
def _file(ex: Exchange) -> None:
    """Serve the content as a good server would."""
    ex.whole()


def cut_at(ex: Exchange) -> int:
    """Return where the body ends: `at` in percent, or `byte`, from the end if negative."""
    size = ex.content().size
    byte = ex.number("byte", size * ex.number("at", 50) // 100)
    return byte if byte >= 0 else size + byte


@behaviour
def _cut(ex: Exchange) -> None:
    """End the body early, `then` by fin, reset or hang, on the first `times` visits."""
    if not ex.fails:
        ex.whole()
        return
    ex.whole(cut=max(1, cut_at(ex)))
    ex.end(ex.word("then", "fin"))


@behaviour
def _dead(ex: Exchange) -> None:
    """End (`then`) or say nothing before the answer, or after its head (`after=head`)."""
    if not ex.fails:
        ex.whole()
        return
    if ex.word("after") == "head":
        length = str(ex.content().size)
        ex.head("200 OK", [FILE, *ex.validators(), ("Content-Length", length)])
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
    claim = ex.number("claim", content.size)
    ex.head("200 OK", [FILE, *ex.validators(), ("Content-Length", str(claim))])
    ex.body(content, 0, content.size)
    ex.send(b"more" * 250)
    ex.end("fin")


@behaviour
def _endless(ex: Exchange) -> None:
    """Send for ever: chunked, or with a length of a terabyte."""
    is_chunked = ex.word("framing", "chunked") == "chunked"
    length = ("Transfer-Encoding", "chunked") if is_chunked else ("Content-Length", str(10**12))
    ex.head("200 OK", [FILE, *ex.validators(), length])
    content = ex.content()
    ex.body(content, 0, content.size, is_chunked)
    while not ex.server.is_closed:
        data = bytes(65536)
        ex.send(b"%x\r\n%b\r\n" % (len(data), data) if is_chunked else data)


# ---- chunks ------------------------------------------------------------------------------------


@behaviour
def _chunked(ex: Exchange) -> None:
    """Send in chunks of `piece` bytes, with an `extension` and `trailers` where asked."""
    ex.head("200 OK", [FILE, *ex.validators(), ("Transfer-Encoding", ex.word("te", "chunked"))])
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


@behaviour
def _chunk_bad(ex: Exchange) -> None:
    """Say a chunk's size as `token`, after half of the body, on the first `times` visits."""
    if not ex.fails:
        ex.whole()
        return
    ex.head("200 OK", [FILE, *ex.validators(), ("Transfer-Encoding", "chunked")])
    content = ex.content()
    ex.body(content, 0, content.size // 2, is_chunked=True)
    ex.send(ex.word("token", "zz").encode() + b"\r\n" + content.read(0, 1000))
    ex.end("fin")


# ---- lengths -----------------------------------------------------------------------------------


@behaviour
def _lengths(ex: Exchange) -> None:
    """Say Content-Length as `value`, several of them apart by `|`; `chunked=1` adds that."""
    content, is_chunked = ex.content(), ex.word("chunked") == "1"
    lengths = [("Content-Length", one) for one in ex.word("value").split("|")]
    coding = [("Transfer-Encoding", "chunked")] if is_chunked else []
    ex.head("200 OK", [FILE, *ex.validators(), *lengths, *coding])
    ex.body(content, 0, content.size, is_chunked)
    if is_chunked:
        ex.send(b"0\r\n\r\n")
    ex.end("fin")


# ---- slowness ----------------------------------------------------------------------------------


@behaviour
def _drip(ex: Exchange) -> None:
    """Send one byte each `wait` thousandths of a second: of the body, or of the head."""
    if not ex.fails:
        ex.whole()
        return
    content = ex.content()
    if ex.word("of") == "head":
        ex.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    else:
        ex.head("200 OK", [FILE, *ex.validators(), ("Content-Length", str(content.size))])
    for at in range(content.size):
        if ex.server.is_closed:
            return
        ex.send(b"x" if ex.word("of") == "head" else content.read(at, at + 1))
        time.sleep(ex.number("wait", 100) / 1000)


@behaviour
def _pieces(ex: Exchange) -> None:
    """Serve ranges at `pace`; what begins after the first byte is wrong in the way of `how`."""
    start = ex.wanted[0] if ex.wanted else 0
    how = ex.word("how")
    if start == 0 or not how or (ex.word("once") == "1" and ex.server.visits["wrong piece"]):
        ex.whole()
        return
    ex.server.visits["wrong piece"] += 1
    if how == "bytes":
        content = ex.content(2)
        stop = content.size if ex.wanted is None or ex.wanted[1] is None else ex.wanted[1] + 1
        length = ("Content-Length", str(stop - start))
        place = ("Content-Range", f"bytes {start}-{stop - 1}/{content.size}")
        ex.head("206 Partial Content", [FILE, *ex.validators(), place, length])
        ex.body(content, start, stop)
    elif how == "changed":
        ex.whole(2)
    elif how == "reset":
        ex.whole(cut=start + 300_000)
        ex.end("reset")
    else:
        ex.page(f"{how} As Asked", b"no")
