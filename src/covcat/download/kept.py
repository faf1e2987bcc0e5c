"""What hosts' APIs answered, kept between runs: asked again only if it changed, or not at all.

A host that gave an ETag or Last-Modified is told it the next time, and answers 304 without a body.
All lie in one file of the user's cache; one that is damaged, or anybody's, is as if not there.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from covcat import seal
from covcat.beside import build_beside
from covcat.errors import CovcatError
from covcat.files import IS_WINDOWS, is_anybodys, opened, write_file

SCHEMA = "covcat.answers/1"
MOST = 500  # answers, the newest
_LARGEST = 1 << 20  # bytes of one
_MOST_BYTES = 64 << 20
_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
_FIT = range(1, 1000)  # letters of a header that is sent back


class Answers:
    """Those of one run, and of the runs before it."""

    def __init__(self, path: Path | None) -> None:
        """Read what is kept at `path`; None keeps nothing beyond this run."""
        self._path, self._is_new = path, False
        self._known = _read(path) if path else {}
        self.oldest = ""  # of those that stood in for a host that was not asked: ISO 8601

    def conditions(self, url: str) -> dict[str, str]:
        """Return the headers with which a host says only what is newer than what is kept."""
        one = self._known.get(url, {})
        found = {sent: one.get(name) for name, sent in _CONDITIONS.items()}
        return {
            sent: value
            for sent, value in found.items()
            if isinstance(value, str) and value.isascii() and value.isprintable()
        }

    def headers(self, url: str) -> dict[str, str]:
        """Return what the host gave with it, by which it knows it again."""
        one = self._known.get(url, {})
        return {name: one[name] for name in _CONDITIONS if name in one}

    def body(self, url: str) -> Any:
        """Return what was answered; None where nothing is kept."""
        return self._known.get(url, {}).get("body")

    def stand_in(self, url: str) -> Any:
        """Return the same in place of a host that is not asked."""
        if (one := self._known.get(url)) is None:
            return None
        self.oldest = min(self.oldest or one["at"], one["at"])
        return one["body"]

    def keep(self, url: str, headers: Mapping[str, str], body: Any) -> None:
        """Keep an answer, or that it is still the one that is kept."""
        if len(json.dumps(body)) > _LARGEST:
            self._known.pop(url, None)
            return
        sent = {name: headers[name] for name in _CONDITIONS if len(headers.get(name, "")) in _FIT}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._known[url] = {"at": now, "body": body, **sent}
        self._is_new = True

    def save(self) -> None:
        """Write them whole; where that cannot be, the next run asks as this one did."""
        if self._path is None or not self._is_new:
            return
        newest = sorted(self._known.items(), key=lambda item: str(item[1]["at"]))[-MOST:]
        record = seal.sealed({"schema": SCHEMA, "answers": dict(newest)})
        with suppress(CovcatError, OSError), build_beside(self._path, None) as workshop:
            made = workshop / self._path.name
            write_file(made, (json.dumps(record) + "\n").encode())
            made.chmod(0o600)
            made.replace(self._path)


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, CovcatError):
        mode = path.lstat().st_mode
        if IS_WINDOWS or not is_anybodys(mode):
            with opened(path, follow=False) as stream:
                found = seal.unsealed(seal.parse_json(stream.read(_MOST_BYTES)))
            if found is not None and found.get("schema") == SCHEMA:
                return dict(found["answers"])
    return {}
