"""HTTP: the only module that imports httpx. Client, mirror, redirects, status and error mapping.

It does so when the first request is made: what comes without a network starts at once.

A login that was asked for goes with a second request; what else may pass is tried again by
`covcat.download.retry`, not here. Bodies are read raw with
`Accept-Encoding: identity`, because httpx decodes silently and loses the end of a cut gzip body.
"""

import re
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import cached_property, lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

from covcat.download.addresses import is_private, redirected, spelt_address, without_secrets
from covcat.download.answers import SAID, Answer, refusal, secrets_of
from covcat.download.proxies import Proxies, Proxy
from covcat.download.remote import Login, Network
from covcat.download.watching import Head, Watch, guard, is_certificate_fault
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    NetworkError,
    RefusedError,
    StoppedError,
    TransientError,
    UsageError,
)
from covcat.version import __version__

if TYPE_CHECKING:
    import ssl

    import httpx

MAX_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_CONDITIONS = {"If-None-Match", "If-Modified-Since"}
_LARGE = 64 << 20  # bytes of a body
_READ = 256 << 10  # at once; larger buffers are fresh pages from the kernel each time
_SAYING = 5.0  # seconds in which a server may say why it refuses
_ERRNO = re.compile(r"^\[Errno -?[0-9]+\] ")
_QUOTED = re.compile(r"[\s:]*\b(?:bytearray\()?b['\"]")  # how libraries quote a header
_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "keep-alive",
    "User-Agent": f"covcat/{__version__}",  # several hosts refuse the usual libraries' names
}

transport: "Callable[[], httpx.BaseTransport] | None" = None  # tests put another network here


class Web:
    """A client for many threads. Give `via` to test without a network."""

    def __init__(
        self,
        network: Network,
        via: "httpx.BaseTransport | None" = None,
        turn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`turn` hears the host of each request, redirects' too, and may wait before it is sent."""
        self._network, self._turn = network, turn
        self._transport = via or (transport() if transport else None)
        # Each brings one answer at a time: one for all would look at every idle connection for each
        # request. No `httpx.Client` does: its cookies, redirects and logins are not wanted.
        self._senders: list[httpx.BaseTransport] = []
        self._idle: defaultdict[tuple[object, ...], list[httpx.BaseTransport]] = defaultdict(list)
        self._trusted: ssl.SSLContext | None = None  # made late: certificates take time
        self._lock = threading.Lock()
        self._named: set[str] = set()  # hosts that a person named: these may be private ones
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._head = Head(2 * network.timeout)
        self._timeout = dict.fromkeys(("connect", "read", "write"), network.timeout)
        self.stop = threading.Event()

    def close(self) -> None:
        """Close the connections."""
        for one in self._senders:
            one.close()

    def abort(self) -> None:
        """Stop every thread that waits for the network, or is about to."""
        self.stop.set()
        for one in list(self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Sleep; raise StoppedError if the run was stopped meanwhile."""
        if self.stop.wait(seconds):
            raise StoppedError("stopped")

    @contextmanager
    def get(
        self,
        url: str,
        headers: Mapping[str, str] = {},
        *,
        login: Login | None = None,
        body: bytes | None = None,
        private: bool = False,
    ) -> Iterator[Answer]:
        """Ask for `url`, follow redirects by covcat's rules, and give the open answer.

        A `login` is sent to its own host only, never to a mirror, and unless it is `at_once` only
        after that host refused without it. A `body` is posted. What is `private` may redirect to
        private addresses, is asked through no proxy, and by http at private addresses only.

        What other answers raise: `covcat.download.answers.refusal`.
        """
        current, is_known, mirror = url, login is not None and login.at_once, self._network.mirror
        if mirror is not None or not (is_known or private):  # an API named it; or has its own right
            self._named.add(_host(self._asked(url)))
        moved_to: str | None = None
        for _ in range(MAX_REDIRECTS + 1):
            asked = self._asked(current)
            host = _host(asked)
            if spelt := spelt_address(host):
                self._check_place(host, spelt, asked, private=private)
            secret = self._secret(current, login)
            sent = {**headers, **secret} if is_known else headers
            self._turn(_host(current))
            proxy = None if self._transport or private else self._proxies.of(asked)
            told = partial(self.connected, asked=asked, private=private)
            way = Watch(self._head, told, host, proxy)
            with self._errors(asked, way), self._open(asked, sent, body, way, private) as response:
                status = response.status_code
                if status in (401, 403, 429) and secret and not is_known:
                    is_known = True
                    continue
                location = response.headers.get("location", "")
                if status not in _REDIRECTS or not location:
                    self._judge(response, asked, login, headers)
                    chunks, found = self._body(response, asked, way), dict(response.headers.items())
                    yield Answer(current, mirror, status, found, chunks, moved_to)
                    return
                is_lasting = status in (301, 308) and current == (moved_to or url)
                current = redirected(current, location, mirror, secrets_of(secret))
                moved_to = current if is_lasting else moved_to
                body = body if status in (307, 308) else None
        raise NetworkError(f"`{without_secrets(url)}` redirects more than {MAX_REDIRECTS} times")

    @cached_property
    def _proxies(self) -> Proxies:
        return Proxies()

    def _secret(self, url: str, login: Login | None) -> Mapping[str, str]:
        """Return what may be sent to `url` of a login: nothing, unless it is of that very host."""
        parts = urlsplit(url)
        is_its = login is not None and (parts.scheme, parts.netloc.lower()) == (
            login.scheme,
            login.host,
        )
        return login.headers if login and is_its and self._network.mirror is None else {}

    def _judge(
        self, response: "httpx.Response", url: str, login: Login | None, sent: Mapping[str, str]
    ) -> None:
        """Accept what can be the file; say what the others mean."""
        status = response.status_code
        if status == 200 or ("Range" in sent and status in (206, 416)):
            return
        if status == HTTPStatus.NOT_MODIFIED and _CONDITIONS & sent.keys():
            return
        import httpcore
        import httpx

        said, until = b"", time.monotonic() + _SAYING
        with suppress(httpx.HTTPError, httpcore.NetworkError, httpcore.TimeoutException):
            for data in response.iter_raw():
                said += data
                if len(said) >= SAID or time.monotonic() > until:
                    break
        secrets = secrets_of(login.headers) if login else ()
        error = refusal(without_secrets(url), status, response.headers, said, secrets)
        if login and login.hint and isinstance(error, RefusedError):
            error.hint = login.hint
        if secrets and self._network.mirror and isinstance(error, ActionNeededError):
            why = "a mirror gets no login: without --mirror it would be sent"
            error.cause = f"{error.cause}; {why}" if error.cause else why
        raise error

    @contextmanager
    def _open(
        self, url: str, headers: Mapping[str, str], body: bytes | None, way: Watch, private: bool
    ) -> "Iterator[httpx.Response]":
        import httpx

        method, more = "GET" if body is None else "POST", {"trace": way, "timeout": self._timeout}
        try:
            request = httpx.Request(
                method, url, headers={**_HEADERS, **headers}, content=body, extensions=more
            )
        except UnicodeError:  # it quotes what cannot be sent, which may be a secret
            raise NetworkError(f"a header for `{_host(url)}` is not plain ASCII") from None
        with self._lock:  # a connection that is taken again is not looked at again
            idle = self._idle[way.proxy, private, urlsplit(url)[:2]]
            sender = idle.pop() if idle else self._made(way.proxy)
        try:
            with closing(sender.handle_request(request)) as response:
                if response.status_code == 407 and way.proxy is not None:
                    raise way.proxy.wants_login(_host(url), None)
                yield response
        finally:
            idle.append(sender)

    def connected(self, host: str | None, stream: Any, *, asked: str, private: bool) -> None:
        """Look at a new connection before anything is sent; judged by its real address.

        `host` is None for a proxy: that one was named by a person.
        """
        opened = stream.get_extra_info("socket")
        if opened is not None:
            self._sockets.add(opened)
        guard(stream, self._head)
        if self.stop.is_set():
            raise StoppedError("stopped")
        address = str((stream.get_extra_info("server_addr") or [""])[0])
        try:
            self._check_place(host, address, asked, private=private)
        except NetworkError:
            stream.close()
            raise

    def _check_place(self, host: str | None, address: str, asked: str, *, private: bool) -> None:
        is_open = private and self._network.mirror is None and asked.startswith("http:")
        if is_open and not is_private(address):
            raise NetworkError(
                f"`{host}` is at the public address {address}: expected a private one, for the "
                "catalog names it with http",
                hint="an https address in the catalog's entry",
            )
        is_named = host is None or host in self._named or private
        if not is_named and not self._network.allow_private and is_private(address):
            raise NetworkError(
                f"a redirect leads to `{host}`, which is at the private address {address}",
                hint="--allow-private, if you trust who redirects",
            )

    def _made(self, proxy: Proxy | None) -> "httpx.BaseTransport":
        import httpx

        if self._transport:
            return self._transport
        to = httpx.Proxy(proxy.address, auth=proxy.login) if proxy else None
        try:
            self._trusted = self._trusted or httpx.create_ssl_context()
            self._senders.append(httpx.HTTPTransport(self._trusted, proxy=to))
            return self._senders[-1]
        except (OSError, ValueError) as error:
            raise UsageError(
                "the network settings of the environment cannot be used",
                cause=str(error),
                hint="look at SSL_CERT_FILE and SSL_CERT_DIR; covcat doctor",
            ) from error

    def _body(self, response: "httpx.Response", url: str, way: Watch) -> Iterator[bytes]:
        coding = response.headers.get("content-encoding", "identity")
        if coding.lower() != "identity":
            shown = without_secrets(url)
            raise NetworkError(
                f"`{shown}` came encoded as `{coding}`, though identity was asked for"
            )
        with self._errors(url, way):
            for data in _raw(response, self._network.timeout):
                if self.stop.is_set():
                    raise StoppedError("stopped")
                yield data

    def _asked(self, url: str) -> str:
        """Return the address that is really asked: the mirror's, where one is set."""
        if self._network.offline:
            raise NetworkError(
                f"`{without_secrets(url)}` was not asked for, because --offline is set",
                hint="the same command without --offline",
            )
        _host(url)
        if self._network.mirror is None:
            return url
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._network.mirror.rstrip('/')}/{parts.netloc}{parts.path}{query}"

    @contextmanager
    def _errors(self, url: str, way: Watch) -> Iterator[None]:
        import httpcore
        import httpx

        try:
            yield
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            text = f"`{without_secrets(url)}` is not a web address"
            raise NetworkError(text, cause=str(error)) from error
        except (httpx.HTTPError, httpcore.TimeoutException, httpcore.NetworkError) as error:
            if self.stop.is_set():
                raise StoppedError("stopped") from error
            is_quoting = isinstance(error, httpx.ProtocolError)  # of headers, which may be secret
            raise _failed(url, error, way) from (None if is_quoting else error)


def _failed(url: str, error: Exception, way: Watch) -> CovcatError:
    import httpx

    cause = _QUOTED.split(str(error))[0] or type(error).__name__
    host = urlsplit(url).netloc
    if isinstance(error, httpx.LocalProtocolError):
        return NetworkError(f"what would be sent to `{host}` is not HTTP", cause=cause)
    is_connected = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    is_certificate, reason = is_certificate_fault(error), _ERRNO.sub("", cause)
    if way.proxy is not None and isinstance(error, httpx.ProxyError):
        return way.proxy.refuses(host, cause)
    if way.proxy is not None and way.is_at_proxy and not (is_connected and url[:5] == "http:"):
        return way.proxy.fails(reason, is_connected=is_connected, is_certificate=is_certificate)
    if is_certificate:
        return NetworkError(
            f"the certificate of `{host}` cannot be trusted",
            cause=cause,
            hint="is the clock right? Behind a company proxy, set SSL_CERT_FILE",
        )
    through = f" through {way.proxy}" if way.proxy else ""
    return TransientError(
        f"{'no whole answer from' if is_connected else 'cannot connect to'} `{host}`{through}",
        cause=reason,
        hint="check the network, then try again",
    )


def _raw(response: "httpx.Response", timeout: float) -> Iterator[bytes]:
    """Give the body as it comes; a large one straight from the connection, which is then closed.

    What httpx does for each 64 KiB takes longer than to receive, hash and write them.
    """
    import httpx

    body = response.iter_raw()  # without a size: with one httpx keeps the tail of a cut body
    length = response.headers.get("content-length", "")
    stream = response.extensions.get("network_stream")
    if stream is None or not length.isdecimal() or not _LARGE <= int(length) < 1 << 62:
        yield from body
        return
    left = int(length)
    for data in body:  # what came with the headers: h11 holds nothing more after it
        yield data
        left -= len(data)
        break
    while left > 0:
        data = stream.read(min(_READ, left), timeout)
        if not data:
            raise httpx.ReadError(f"the connection was closed {left:,} bytes too early")
        yield data
        left -= len(data)


@lru_cache(256)
def _host(url: str) -> str:
    """Return a host's name as the client asks for it."""
    import httpx

    cause = None
    try:
        parts = urlsplit(url)
        plain = parts.hostname if url.isascii() else None  # 40 times as fast
        host = plain or httpx.URL(url).raw_host.decode("ascii", "replace").lower()
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return host
    except (ValueError, httpx.InvalidURL) as error:  # also of what is no Unicode
        cause = str(error)
    raise NetworkError(f"`{without_secrets(url)}` is not a web address", cause=cause)
