"""Signed links: they name a date and a lifetime, and are good for GET and for nothing else."""

import hashlib
import hmac
import itertools
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode

from servers.message import Request

Style = Literal["aws", "google", "azure"]
Verdict = Literal["good", "unsigned", "wrong", "expired", "used"]
_MARKS: Mapping[Style, tuple[str, str, str]] = {  # date, lifetime, signature
    "aws": ("X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature"),
    "google": ("X-Goog-Date", "X-Goog-Expires", "X-Goog-Signature"),
    "azure": ("st", "se", "sig"),
}
_FIXED: Mapping[Style, Mapping[str, str]] = {
    "aws": {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "MADEUP/20261121/us-east-1/s3/aws4_request",
        "X-Amz-SignedHeaders": "host",
    },
    "google": {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
        "X-Goog-Credential": "made-up@made-up.iam.gserviceaccount.com/20261121/auto/storage",
        "X-Goog-SignedHeaders": "host",
    },
    "azure": {
        "sp": "r",
        "sv": "2018-11-09",
        "sr": "b",
        "spr": "https",
        "skoid": "00000000-0000-4000-8000-000000000001",
        "sktid": "00000000-0000-4000-8000-000000000002",
        "sks": "b",
        "skv": "2018-11-09",
    },
}
_SHORT, _LONG = "%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ"
_SECRET = b"known to the imitations alone"


class Signer:
    """Makes links and judges them, by the clock of the world."""

    def __init__(self, now: Callable[[], float], work_once: Callable[[], bool]) -> None:
        self._now, self._work_once = now, work_once
        self._used: set[str] = set()
        self._lock = threading.Lock()
        self._count = itertools.count(1)

    def link(
        self, style: Style, host: str, path: str, seconds: float, more: Mapping[str, str] = {}
    ) -> str:
        """Return a link to an unquoted path, good for so many seconds from now."""
        name = host.partition(":")[0]
        query = {**more, **_FIXED[style], **self._dates(style, seconds)}
        query["nonce" if style != "azure" else "skt"] = str(next(self._count))
        query[_MARKS[style][2]] = _signature(name, path, query)
        return f"https://{host}{quote(path)}?{urlencode(query, quote_via=quote)}"

    def _dates(self, style: Style, seconds: float) -> dict[str, str]:
        date, life, _ = _MARKS[style]
        now = self._now()
        if style == "azure":
            return {date: _stamp(now, _LONG), life: _stamp(now + seconds, _LONG)}
        return {date: _stamp(now), life: str(int(seconds))}

    def judge(self, style: Style, request: Request) -> Verdict:
        """Say whether a request may pass; one that may is counted as the link's use."""
        query = dict(parse_qsl(request.raw_query, keep_blank_values=True))
        signature = query.pop(_MARKS[style][2], None)
        if signature is None:
            return "unsigned"
        right = _signature(request.host, unquote(request.path), query)
        if request.method != "GET" or not hmac.compare_digest(signature, right):
            return "wrong"
        if self._now() > self.end(style, query):
            return "expired"
        with self._lock:
            if self._work_once() and signature in self._used:
                return "used"
            self._used.add(signature)
        return "good"

    def end(self, style: Style, query: Mapping[str, str]) -> float:
        """Return when a link ends, in seconds since 1970."""
        date, life, _ = _MARKS[style]
        if style == "azure":
            return _seconds(query[life], _LONG)
        return _seconds(query[date]) + int(query[life])


def _signature(host: str, path: str, query: Mapping[str, str]) -> str:
    text = "\n".join(["GET", host, path, *(f"{key}={query[key]}" for key in sorted(query))])
    return hmac.new(_SECRET, text.encode(), hashlib.sha256).hexdigest()


def _stamp(seconds: float, form: str = _SHORT) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


def _seconds(text: str, form: str = _SHORT) -> float:
    return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
