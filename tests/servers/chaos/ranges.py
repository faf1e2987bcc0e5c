"""Behaviours of a resumed transfer: what may be answered to Range and If-Range."""

from collections.abc import Callable

from servers.chaos.exchange import Exchange, Field
from servers.chaos.server import behaviour
from servers.chaos.transfers import FILE, cut_at


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
    tag: int = 1,
    place: str | None = None,
    more: list[Field] | None = None,
    stop: int | None = None,
) -> None:
    """Send a 206 whose Content-Range, tag, bytes and length need not agree."""
    content = ex.content(seed)
    end = content.size if stop is None else stop
    fields: list[Field] = [FILE, *ex.validators(tag), *(more or [])]
    said = f"bytes {start}-{end - 1}/{content.size}" if place is None else place
    if said:
        fields.append(("Content-Range", said))
    length = max(0, end - start)
    ex.head("206 Partial Content", [*fields, ("Content-Length", str(length))])
    ex.body(content, start, end)


def _wrong_start(ex: Exchange, start: int) -> None:
    size, first = ex.content().size, max(0, start - 1000)
    _partial(ex, first, place=f"bytes {first}-{size - 1}/{size}")


def _lying_start(ex: Exchange, start: int) -> None:
    """Say the right start and send from 0, as some proxies do."""
    content = ex.content()
    said = ("Content-Range", f"bytes {start}-{content.size - 1}/{content.size}")
    length = ("Content-Length", str(content.size - start))
    ex.head("206 Partial Content", [FILE, *ex.validators(), said, length])
    ex.body(content, 0, content.size - start)


def _other_total(ex: Exchange, start: int) -> None:
    size = ex.content().size
    _partial(ex, start, place=f"bytes {start}-{size - 1}/{size + 777}")


def _multipart(ex: Exchange, start: int) -> None:
    content = ex.content()
    head = f"bytes {start}-{content.size - 1}/{content.size}"
    body = b"--B\r\nContent-Type: application/octet-stream\r\nContent-Range: " + head.encode()
    body += b"\r\n\r\n" + content.read(start, content.size) + b"\r\n--B--\r\n"
    kind = ("Content-Type", "multipart/byteranges; boundary=B")
    ex.page("206 Partial Content", body, [kind, *ex.validators()])


def _changed(ex: Exchange, start: int) -> None:
    """The file has become that of seed 2; If-Range is honoured."""
    ex.whole(2)


def _unsatisfiable(total: str | None) -> Callable[[Exchange, int], None]:
    """Answer 416 with `total`; {have} is what was asked from."""

    def answer(ex: Exchange, start: int) -> None:
        fields: list[Field] = []
        if total is not None:
            fields = [("Content-Range", f"bytes */{total.format(have=start)}")]
        ex.page("416 Range Not Satisfiable", b"<html>416</html>", fields)

    return answer


def _placed(place: str) -> Callable[[Exchange, int], None]:
    """Answer with a Content-Range of another form; {start}, {last}, {size} are the right ones."""

    def answer(ex: Exchange, start: int) -> None:
        size = ex.content().size
        _partial(ex, start, place=place.format(start=start, last=size - 1, size=size))

    return answer


def _short(ex: Exchange, start: int) -> None:
    """Send less than was asked for, and say so: as any server may."""
    stop = min(ex.content().size, start + 30_000)
    _partial(ex, start, stop=stop)


def _coded(ex: Exchange, start: int) -> None:
    _partial(ex, start, more=[("Content-Encoding", "gzip")])


def _status(status: str) -> Callable[[Exchange, int], None]:
    def answer(ex: Exchange, start: int) -> None:
        ex.page(status, b"no")

    return answer


def _elsewhere(ex: Exchange, start: int) -> None:
    """A 206 for a start before everything that was sent: the page of a captive portal."""
    ex.page(
        "206 Partial Content",
        b"<html><title>Log in</title></html>",
        [("Content-Type", "text/html")],
    )


def _untagged(ex: Exchange, start: int) -> None:
    """The file has become that of seed 2, and the 206 has no validator at all."""
    content = ex.content(2)
    place = ("Content-Range", f"bytes {start}-{content.size - 1}/{content.size}")
    ex.page("206 Partial Content", content.read(start, content.size), [FILE, place])


def _weakly_tagged(ex: Exchange, start: int) -> None:
    """The file has become that of seed 2, and the 206 has the old tag as a weak one."""
    content = ex.content(2)
    place = ("Content-Range", f"bytes {start}-{content.size - 1}/{content.size}")
    fields: list[Field] = [FILE, place, ("ETag", 'W/"one"')]
    ex.page("206 Partial Content", content.read(start, content.size), fields)


def _two_places(ex: Exchange, start: int) -> None:
    size = ex.content().size
    other = ("Content-Range", f"bytes 0-{size - 1}/{size}")
    _partial(ex, start, more=[other])


def _more(ex: Exchange, start: int) -> None:
    """Send a thousand bytes beyond the range that is said, in chunks."""
    content = ex.content()
    place = ("Content-Range", f"bytes {start}-{content.size - 1}/{content.size}")
    chunks: Field = ("Transfer-Encoding", "chunked")
    ex.head("206 Partial Content", [FILE, *ex.validators(), place, chunks])
    ex.body(content, start, content.size, is_chunked=True)
    ex.body(content, 0, 1000, is_chunked=True)
    ex.send(b"0\r\n\r\n")


HOW: dict[str, Callable[[Exchange, int], None]] = {
    "well": lambda ex, start: ex.whole(),
    "ignored": lambda ex, start: _whole_anyhow(ex),
    "wrong-start": _wrong_start,
    "lying-start": _lying_start,
    "no-place": lambda ex, start: _partial(ex, start, place=""),
    "other-total": _other_total,
    "other-length": lambda ex, start: _partial(ex, start, seed=2, tag=1),
    "multipart": _multipart,
    "changed": _changed,
    "lie": lambda ex, start: _partial(ex, start, seed=2, tag=2),
    "same-tag": lambda ex, start: _partial(ex, start, seed=2),
    "have": _unsatisfiable("{have}"),
    "other": _unsatisfiable("17"),
    "star": _unsatisfiable("*"),
    "bare": _unsatisfiable(None),
    "words": _placed("bytes all of it"),
    "backwards": _placed("bytes {last}-{start}/{size}"),
    "unit": _placed("lines {start}-{last}/{size}"),
    "unknown-total": _placed("bytes {start}-{last}/*"),
    "huge": _placed("bytes {start}-{last}/99999999999999999999999999"),
    "beyond": _placed("bytes {start}-{size}/{size}"),
    "short": _short,
    "untagged": _untagged,
    "weakly-tagged": _weakly_tagged,
    "two-places": _two_places,
    "more": _more,
    "coded": _coded,
    "portal": _elsewhere,
    "404": _status("404 Not Found"),
    "412": _status("412 Precondition Failed"),
    "503": _status("503 Service Unavailable"),
}


def _whole_anyhow(ex: Exchange) -> None:
    """Answer 200 from the first byte, whatever was asked."""
    content = ex.content()
    ex.page("200 OK", content.read(0, content.size), [FILE, *ex.validators()])
