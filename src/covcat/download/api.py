"""Hosts' APIs: a question -> JSON, asked again after what may pass."""

import json
from collections.abc import Mapping
from typing import Any

from covcat.download.answers import HEAD, not_the_file
from covcat.download.http import Web
from covcat.download.pace import StallDetector, pause_after
from covcat.download.remote import Login, Network
from covcat.errors import NetworkError, TransientError
from covcat.progress import Progress

_MOST = 32 << 20  # bytes of an answer: a thousand files take less than one MB


class Api:
    """Asks for one run; the same question is asked once."""

    def __init__(self, web: Web, network: Network, progress: Progress) -> None:
        """`progress` hears of what is asked again."""
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
        """Return what `url` answers; with `once` an answer of this run is remembered.

        Raises:
            NetworkError: no answer, or one that is not JSON.
            ActionNeededError: the host wants a person.
        """
        if once and (url, body) in self._known:
            return self._known[url, body]
        found = self._tried(url, headers, login, body)
        if once:
            self._known[url, body] = found
        return found

    def _tried(
        self, url: str, headers: Mapping[str, str], login: Login | None, body: bytes | None
    ) -> Any:
        failures = 0
        while True:
            try:
                return self._asked(url, {"Accept": "application/json", **headers}, login, body)
            except TransientError as error:
                failures += 1
                if failures > self._network.retries:
                    raise
                pause = pause_after(error, failures, self._network.pause)
                self._progress.note(
                    f"{error.message}; trying again in {pause:.1f} s "
                    f"({failures} of {self._network.retries})"
                )
                self._web.wait(pause)

    def _asked(
        self, url: str, headers: Mapping[str, str], login: Login | None, body: bytes | None
    ) -> Any:
        data = bytearray()
        floor = StallDetector(self._network.slowest, self._network.limit_rate)
        with self._web.get(url, headers, login=login, body=body) as answer:
            for chunk in answer.chunks:
                floor.hear(len(chunk), url)
                data += chunk
                if len(data) > _MOST:
                    raise NetworkError(f"`{url}` goes on beyond {_MOST:,} bytes")
            kind = answer.headers.get("content-type", "text/html")
            if wrong := not_the_file(bytes(data[:HEAD]), "none", kind, answer.shown):
                raise wrong
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise NetworkError(
                f"`{url}` answered with something else than JSON",
                cause=str(error),
                hint="try again later",
            ) from error
