"""All imitated hosts together, what they were asked, and what they should never have been told."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import httpx

from servers import server
from servers.hosts.dataverse import Dataverse
from servers.hosts.faults import Faults
from servers.hosts.figshare import Figshare
from servers.hosts.gcs import Gcs
from servers.hosts.github import GitHub
from servers.hosts.kaggle import Kaggle
from servers.hosts.mendeley import Mendeley
from servers.hosts.s3 import S3
from servers.hosts.signing import Signer
from servers.hosts.web import Web
from servers.hosts.zenodo import Zenodo
from servers.message import Reply, Request, Site

_SECRETS = {"authorization", "x-dataverse-key", "cookie", "proxy-authorization"}
_SECRET_KEYS = {"key", "token", "access_token", "api_token", "api_key", "apikey", "password"}


@dataclass(frozen=True)
class Logged(Request):
    """One request as it came, and what it was answered; 0 is nothing at all."""

    status: int = 0


class World:
    """Use it as a context: inside it, the hosts answer on loopback.

    `clock` may be replaced; `later` moves it. Nothing here sleeps.
    """

    def __init__(self, port: int = 0) -> None:
        self.clock: Callable[[], float] = time.time
        self.requests: list[Logged] = []
        self.leaks: list[tuple[str, str]] = []  # host, name of the header or of the query's key
        self.granted: set[str] = set()  # tokens that hosts themselves put into links
        self.faults = Faults()
        self.links_work_once = False  # if set, a signed link that was used is refused
        self.signer = Signer(self.now, lambda: self.links_work_once)
        self.s3 = S3(self.signer)
        self.gcs = Gcs(self.signer)
        self.dataverse = Dataverse(self.signer, self.s3)
        self.zenodo = Zenodo(self.now)
        self.figshare = Figshare(self.signer, self.s3)
        self.mendeley = Mendeley(self.s3, self.now)
        self.kaggle = Kaggle(self.signer, self.gcs)
        self.github = GitHub(self.signer, self.now, self.granted)
        self.web = Web()
        self._sites = [one for one in vars(self).values() if isinstance(one, Site)]
        self._server = server.Loopback(self, port)
        self._transports: list[Loopback] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for transport in self._transports:
            transport.close()
        self._server.__exit__()
        if self._server.broken and kind is None:
            raise AssertionError("an imitation failed:\n" + "\n".join(self._server.broken))

    @property
    def url(self) -> str:
        """The address that covcat is given as its mirror."""
        return self._server.url

    def transport(self) -> "Loopback":
        """Return a transport for httpx that reaches every https host here, headers as they are."""
        made = Loopback(self._server.port)
        self._transports.append(made)
        return made

    def now(self) -> float:
        return self.clock()

    def later(self, seconds: float) -> None:
        before = self.clock
        self.clock = lambda: before() + seconds

    def asked(self, host: str, prefix: str = "/") -> list[Logged]:
        """Return the requests to a host below a path, in order."""
        known = list(self.requests)
        return [one for one in known if one.host == host and one.path.startswith(prefix)]

    def reply(self, request: Request) -> Reply:
        """Answer a request as its host does, with the faults that are due."""
        site = self._site(request)
        self._watch(request, site)
        faults = self.faults.take(request)
        instead = [fault.instead for fault in faults if fault.instead is not None]
        reply = instead[0] if instead else site.reply(request)
        for fault in faults:
            reply = fault.after(reply)
        return self._logged(request, reply)

    def _site(self, request: Request) -> Site:
        if self.web.known(request):  # what a test put at an address is there
            return self.web
        return next((site for site in self._sites if site.has(request.host)), self.web)

    def _watch(self, request: Request, site: Site) -> None:
        """Write down every credential that this host has no business with."""
        allowed = set() if request.is_mirrored else set(site.accepts(request.host))
        found = [
            name
            for name in sorted(_SECRETS - allowed)
            if name in request.headers and request.headers[name] not in self.granted
        ]
        if not allowed:
            found += [
                key
                for key, value in request.query.items()
                if key.lower() in _SECRET_KEYS and value not in self.granted
            ]
        with self._lock:
            self.leaks += [(request.host, name) for name in found]

    def _logged(self, request: Request, reply: Reply) -> Reply:
        entry = Logged(**vars(request), status=0 if reply.is_dropped else reply.status)
        with self._lock:
            self.requests.append(entry)
        return reply


class Loopback(httpx.BaseTransport):
    """Sends a request for any host to the loopback server, over real HTTP."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._inner = httpx.HTTPTransport(verify=False)  # loading authorities takes time

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Change where it goes, and nothing that is sent."""
        there = httpx.Request(
            request.method,
            request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return self._inner.handle_request(there)

    def close(self) -> None:
        self._inner.close()
