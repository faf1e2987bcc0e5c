"""HTTP: the only module that imports httpx. Client, mirror, redirects, status and error mapping.

Nothing here retries: `covcat.download` does, in one place. Bodies are read raw with
`Accept-Encoding: identity`, because httpx decodes silently and loses the end of a cut gzip body.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from covcat.errors import ActionNeededError, NetworkError, UsageError
from covcat.version import __version__

MAX_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_CLOSED = {
    401: "a login is asked for",
    403: "access is refused",
    407: "the proxy asks for a login",
    451: "it is withheld for legal reasons",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """How to reach the web."""

    mirror: str | None = None  # asked as MIRROR/host/path in place of https://host/path
    offline: bool = False
    timeout: float = 30  # seconds of silence, on connecting and on each read

    def __post_init__(self) -> None:
        """Refuse a mirror with a password in its address: it would be sent, and recorded."""
        if self.mirror is not None and "@" in self.mirror:
            raise UsageError("the mirror has a user name in it: it never receives credentials")


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 answer whose body is being read."""

    url: str  # after redirects, as if there were no mirror
    mirror: str | None
    headers: httpx.Headers
    chunks: Iterator[bytes]

    @property
    def length(self) -> int | None:
        """Bytes of the body, if the server says so."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() else None


class TransientError(NetworkError):
    """A failure that another try may mend."""


class Web:
    """A client. Give `transport` to test against something that is not a network."""

    def __init__(self, settings: WebSettings, transport: httpx.BaseTransport | None = None) -> None:
        """Make the client when it is first used: loading certificates takes time."""
        self._settings = settings
        self._transport = transport
        self._client: httpx.Client | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    @contextmanager
    def get(self, url: str) -> Iterator[Answer]:
        """Ask for `url`, follow redirects by covcat's rules, and give the open answer.

        Raises:
            TransientError: no or a broken answer, or 408, 425, 429 and 5xx.
            NetworkError: offline, an answer that cannot be a file, too many redirects.
            ActionNeededError: 401, 403, 451: a person must log in, ask or agree.
        """
        if self._settings.offline:
            raise NetworkError(
                f"`{url}` was not asked for, because --offline is set",
                hint="the same command without --offline",
            )
        current = url
        for _ in range(MAX_REDIRECTS + 1):
            with _network_errors(self._asked(current)), self._open(current) as response:
                if response.status_code not in _REDIRECTS:
                    _judge(response.status_code, self._asked(current))
                    yield Answer(
                        current,
                        self._settings.mirror,
                        response.headers,
                        self._body(response, current),
                    )
                    return
                current = self._target(current, response.headers.get("location", ""))
        raise NetworkError(f"`{url}` redirects more than {MAX_REDIRECTS} times")

    @contextmanager
    def _open(self, url: str) -> Iterator[httpx.Response]:
        if self._client is None:
            self._client = self._made()
        request = self._client.build_request("GET", self._asked(url))
        response = self._client.send(request, stream=True, follow_redirects=False)
        try:
            yield response
        finally:
            response.close()

    def _made(self) -> httpx.Client:
        headers = {"User-Agent": f"covcat/{__version__}", "Accept-Encoding": "identity"}
        try:
            return httpx.Client(
                headers=headers, timeout=self._settings.timeout, transport=self._transport
            )
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
            raise UsageError(
                "the network settings of the environment cannot be used",
                cause=str(error),
                hint="look at SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY and NO_PROXY",
            ) from error

    def _body(self, response: httpx.Response, url: str) -> Iterator[bytes]:
        coding = response.headers.get("content-encoding", "identity")
        if coding.lower() != "identity":
            raise NetworkError(f"`{url}` came encoded as `{coding}`, though identity was asked for")
        with _network_errors(self._asked(url)):
            yield from response.iter_raw()  # without a size httpx keeps the tail of a cut body

    def _asked(self, url: str) -> str:
        """Return the address that is really asked: the mirror's, where one is set."""
        if self._settings.mirror is None:
            return url
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._settings.mirror.rstrip('/')}/{parts.netloc}{parts.path}{query}"

    def _target(self, url: str, location: str) -> str:
        """Return where a redirect leads, or refuse it; judged as if there were no mirror."""
        mirror = (self._settings.mirror or "").rstrip("/") + "/"
        if len(mirror) > 1 and location.startswith(mirror):
            location = "https://" + location.removeprefix(mirror)
        try:
            target = urlsplit(urljoin(url, location))
            reachable = target.scheme in ("http", "https") and target.hostname
        except ValueError:
            reachable = False
            target = urlsplit("")
        if not location or not reachable:
            raise NetworkError(f"`{url}` redirects to `{location}`, which is not a web address")
        if target.username is not None or target.password is not None:
            raise NetworkError(f"`{url}` redirects to an address with a user name in it")
        if urlsplit(url).scheme == "https" and target.scheme == "http":
            raise NetworkError(f"`{url}` redirects to `{location}`: from https to http")
        return urlunsplit(target._replace(fragment=""))


def _judge(status: int, url: str) -> None:
    """Accept 200 only; say what the others mean."""
    if status == 200:
        return
    if status in _CLOSED:
        raise ActionNeededError(
            f"`{url}` cannot be had without a person: {_CLOSED[status]} (HTTP {status})",
            hint=f"open {url} in a browser and see what it asks for",
        )
    if status in (408, 425, 429) or status >= 500:
        raise TransientError(f"`{url}` answered HTTP {status}", hint="try again later")
    if status in (404, 410):
        raise NetworkError(
            f"`{url}` is gone (HTTP {status})",
            hint="`covcat show` names the resource's own page",
        )
    raise NetworkError(f"`{url}` answered HTTP {status}, which is not a file")


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    """Turn httpx's errors into covcat's."""
    try:
        yield
    except httpx.UnsupportedProtocol as error:
        raise NetworkError(f"`{url}` is not a web address", cause=str(error)) from error
    except httpx.InvalidURL as error:
        raise NetworkError(f"`{url}` is not a web address", cause=str(error)) from error
    except httpx.HTTPError as error:
        cause = str(error) or type(error).__name__
        host = urlsplit(url).netloc
        if _is_certificate_fault(error):
            raise NetworkError(
                f"the certificate of `{host}` cannot be trusted",
                cause=cause,
                hint="is the clock right? Behind a company proxy, set SSL_CERT_FILE",
            ) from error
        raise TransientError(
            f"no whole answer from `{host}`", cause=cause, hint="check the network, then try again"
        ) from error


def _is_certificate_fault(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
