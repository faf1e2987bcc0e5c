"""Any other https address: files, and the pages that come in place of files."""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from servers.message import (
    LAST_MODIFIED,
    Content,
    Reply,
    Request,
    Site,
    as_html,
    md5,
    redirect,
    serve,
    spoilt,
)

Answer = Callable[[Request], Reply]


class Web(Site):
    """What a test puts at an address comes before every other imitation."""

    credentials = ("authorization", "x-dataverse-key", "cookie", "proxy-authorization")

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}

    def add(
        self,
        url: str,
        data: bytes,
        content_type: str = "application/octet-stream",
        *,
        etag: str | None = "",
        modified: str | None = LAST_MODIFIED,
        has_ranges: bool = True,
        wrong: bool = False,
    ) -> None:
        """Put a file; without `etag` it has that of its bytes, with None it has none."""
        tag = f'"{md5(data)}"' if etag == "" else etag
        sent = spoilt(data) if wrong else data
        content = Content(sent, tag, modified, content_type, has_ranges=has_ranges)
        self.answer(url, lambda request: serve(request, content))

    def answer(self, url: str, answer: Answer | Reply) -> None:
        """Answer with this, whatever is asked."""
        made = answer
        self._answers[_place(url)] = (lambda _: made) if isinstance(made, Reply) else made

    def page(self, url: str, title: str = "A page", text: str = "<h1>A page</h1>") -> None:
        self.answer(url, as_html(title, text))

    def login(self, url: str) -> None:
        """Answer 200 with a page that asks for a password."""
        form = '<form method="post" action="/login"><input type="password" name="p"></form>'
        self.page(url, "Sign in", form)

    def challenge(self, url: str) -> None:
        """Answer as Cloudflare does to what is no browser."""
        text = "<noscript>Enable JavaScript and cookies to continue</noscript>"
        headers = (("cf-mitigated", "challenge"), ("Server", "cloudflare"))
        self.answer(url, as_html("Just a moment...", text, 403, *headers))

    def moved(self, url: str, to: str, status: int = 301) -> None:
        self.answer(url, redirect(to, status))

    def gone(self, url: str, status: int = 410) -> None:
        self.answer(url, as_html("Gone", "<h1>Gone</h1>", status))

    def has(self, host: str) -> bool:
        return True

    def reply(self, request: Request) -> Reply:
        answer = self.known(request)
        return answer(request) if answer else as_html("Not Found", "<h1>Not Found</h1>", 404)

    def known(self, request: Request) -> Answer | None:
        """Return what was put there: with the same query, or for any."""
        plain = f"{request.host}{unquote(request.path)}"
        exact = f"{plain}?{request.raw_query}"
        return self._answers.get(exact) or self._answers.get(plain)


def _place(url: str) -> str:
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.hostname}{unquote(parts.path) or '/'}{query}"
