"""Behaviours of a resumed transfer: what may be answered to Range and If-Range."""

from collections.abc import Callable
from functools import partial

from servers.chaos.exchange import Exchange, Field
from servers.chaos.server import behaviour
from servers.chaos.transfers import FILE, cut_at

PLACE = "bytes {start}-{last}/{size}"


@behaviour
def _resume(ex: Exchange) -> None:
    """Cut the first `times` visits that ask from 0; answer a Range as `how` says.

    A visit from 0 after the cuts gets the whole file, of `seed2` where the address says so.
    """
    start = ex.wanted[0] if ex.wanted else 0
    if start == 0 and ex.fails:
        ex.whole(cut=max(1, cut_at(ex)))
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


def _status(ex: Exchange, start: int, status: str) -> None:
    ex.page(status, b"no")


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
    chunks: Field = ("Transfer-Encoding", "chunked")
    ex.head("206 Partial Content", [FILE, *ex.validators(), place, chunks])
    ex.body(content, start, content.size, is_chunked=True)
    ex.body(content, 0, 1000, is_chunked=True)
    ex.send(b"0\r\n\r\n")


def _ignored(ex: Exchange, start: int) -> None:
    """Answer 200 from the first byte, whatever was asked."""
    content = ex.content()
    ex.page("200 OK", content.read(0, content.size), [FILE, *ex.validators()])


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
    "404": partial(_status, status="404 Not Found"),
    "412": partial(_status, status="412 Precondition Failed"),
    "503": partial(_status, status="503 Service Unavailable"),
}
