"""What becomes of a connection: whom it really reached, and how long the head of an answer takes.

`covcat.download.http` gives a `Watch` to its HTTP client with each request.
"""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from covcat.download.proxies import Proxy

Connected = Callable[[str | None, Any], None]  # told of the host, None for a proxy, and a stream


class Head(threading.local):
    """Until when the head of the answer that a thread waits for must be whole."""

    until: float | None = None

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


def guard(stream: Any, head: Head) -> None:
    """End a head that comes a byte at a time: read timeouts are for each read alone."""
    read = stream.read

    def guarded(max_bytes: int, timeout: float | None = None) -> Any:
        if head.until is not None and time.monotonic() > head.until:
            from httpcore import ReadTimeout

            raise ReadTimeout("the head of the answer does not end")
        return read(max_bytes, timeout)

    stream.read = guarded


def is_certificate_fault(error: BaseException | None) -> bool:
    """Tell if a connection failed because a certificate cannot be trusted."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


class Watch:
    """Hears from the client what becomes of a connection and of an answer."""

    def __init__(self, head: Head, connected: Connected, host: str, proxy: Proxy | None) -> None:
        self._head, self._host, self.proxy = head, host, proxy
        self._connected = connected  # hears of each new connection before anything is sent
        self.is_at_proxy = False  # and not yet connected to the host through it
        self._is_elsewhere = False  # the address is a proxy's

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Take one of httpcore's events."""
        if event.endswith(".connect_tcp.started"):
            self.is_at_proxy = self.proxy is not None
            host = info.get("host")
            text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
            self._is_elsewhere = text.lower() != self._host
        elif event in ("proxy.start_tls.started", "socks.start_tls.started"):
            self.is_at_proxy = False
        elif event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._connected(None if self._is_elsewhere else self._host, info["return_value"])
        elif event.endswith("receive_response_headers.started"):
            self._head.until = time.monotonic() + self._head.seconds
        elif event.endswith(("receive_response_headers.complete", "response_headers.failed")):
            self._head.until = None
