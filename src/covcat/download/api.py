"""Hosts' APIs: a question -> JSON or XML, asked again after what may pass."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from covcat.download.answers import HEAD, Answer, not_the_file
from covcat.download.http import Web
from covcat.download.kept import Answers
from covcat.download.pace import StallDetector
from covcat.download.remote import Login, Network
from covcat.download.retry import retry
from covcat.errors import NetworkError
from covcat.progress import Progress

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MOST = 32 << 20  # bytes of an answer: a thousand files take less than one MB


class Api:
    """Asks for one run; the same question is asked once."""

    def __init__(
        self, web: Web, network: Network, progress: Progress, kept: Answers | None = None
    ) -> None:
        self._kept = kept
        self._web, self._network, self._progress = web, network, progress
        self._known: dict[tuple[str, bytes | None], Any] = {}

    def json(
        self,
        url: str,
        headers: Mapping[str, str] = {},
        *,
        login: Login | None = None,
        body: bytes | None = None,
        once: bool = True,
    ) -> Any:
        """Return what `url` answers; with `once` an answer of this run is remembered."""
        kept = self._kept if body is None else None
        if kept and self._network.offline and (found := kept.stand_in(url)) is not None:
            return found
        conditions = kept.conditions(url) if kept else {}
        headers = {"Accept": "application/json", **headers, **conditions}

        def ask() -> Any:
            with self._web.get(url, headers, login=login, body=body) as answer:
                if answer.status == HTTPStatus.NOT_MODIFIED and kept:
                    found = kept.body(url)
                    kept.keep(url, kept.headers(url), found)
                    return found
                found = self._read(answer, url)
            if kept:
                kept.keep(url, answer.headers, found)
            return found

        if once and (url, body) in self._known:
            return self._known[url, body]
        found = retry(ask, self._web, self._network, self._progress)
        if once:
            self._known[url, body] = found
        return found

    def xml(self, url: str) -> "Element":
        """Return what `url` answers, in XML; nothing of it is remembered."""

        def ask() -> "Element":
            with self._web.get(url) as answer:
                return _parse_xml(self._body(answer, url), url)

        return retry(ask, self._web, self._network, self._progress)

    def note(self, text: str) -> None:
        """Say something that is not an error."""
        self._progress.note(text)

    def stop(self) -> None:
        """Stop whatever is being asked."""
        self._web.abort()

    def _body(self, answer: Answer, url: str) -> bytes:
        data = bytearray()
        detector = StallDetector(self._network.slowest, self._network.limit_rate)
        for chunk in detector.listen(answer.chunks, url):
            data += chunk
            if len(data) > _MOST:
                raise NetworkError(f"`{url}` goes on beyond {_MOST:,} bytes")
        kind = answer.headers.get("content-type", "text/html")
        if wrong := not_the_file(bytes(data[:HEAD]), "none", kind, answer.shown):
            raise wrong
        return bytes(data)

    def _read(self, answer: Answer, url: str) -> Any:
        try:
            return json.loads(self._body(answer, url))
        except (ValueError, RecursionError) as error:
            raise NetworkError(
                f"`{url}` answered with something else than JSON",
                cause=str(error),
                hint="try again later",
            ) from error


def _parse_xml(data: bytes, url: str) -> "Element":
    """Return what a store of objects answers: it declares no types, and no entities by them."""
    from xml.etree.ElementTree import ParseError, fromstring

    try:
        if b"<!" in data:
            raise ValueError("it declares a document type")
        return fromstring(data)  # noqa: S314 -- without a type there is no entity that could grow
    except (ParseError, ValueError) as error:
        raise NetworkError(
            f"`{url}` answered with something else than XML",
            cause=str(error),
            hint="try again later",
        ) from error
