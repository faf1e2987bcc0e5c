"""Behaviours of the body: content codings, bombs, and pages in place of a file."""

import gzip
import zlib
from functools import lru_cache

from servers.chaos.exchange import Exchange
from servers.chaos.server import behaviour
from servers.chaos.transfers import FILE


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
    ex.page(
        "200 OK", gzip.compress(b"x" * 1000), [FILE, ("Content-Encoding", ", ".join(["gzip"] * 50))]
    )


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
