"""Proxies: which one is asked, which hosts go without, and who is blamed when it fails."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme
from servers.server import Answer, Prompt

from covcat.download import proxies
from covcat.download.http import Web
from covcat.download.proxies import Proxies
from covcat.download.remote import Network
from covcat.errors import ActionNeededError, CovcatError, NetworkError, UsageError

DATA = b"\x89PNG made up"
CHANGES = {  # by a host's name: what is answered in place of a tunnel to it
    "login.example.org": 407,
    "forbidden.example.org": 403,
    "dead.example.org": 502,
}


class Handler(BaseHTTPRequestHandler):
    """A proxy that is every host itself."""

    imitation: "Imitation"

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        self.imitation.requests.append((f"CONNECT {self.path}", dict(self.headers)))
        status = CHANGES.get(host, 200)
        self.send_response(status)
        self.end_headers()
        if status == 200:
            with self.imitation.tls.wrap_socket(self.connection, server_side=True) as inside:
                self.rfile, self.wfile = inside.makefile("rb"), inside.makefile("wb", 0)
                self.handle_one_request()
                self.rfile.close()
                self.wfile.close()
        self.close_connection = True

    def do_GET(self) -> None:
        self.imitation.requests.append((f"GET {self.path}", dict(self.headers)))
        self.send_response(407 if "login" in self.path else 200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def log_message(self, *args: object) -> None:
        pass


@dataclass
class Imitation:
    """A running proxy; `authority` signs the certificates of the hosts behind it."""

    place: str
    tls: ssl.SSLContext
    authority: Path
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """An authority of our own, and what a server needs that it vouches for."""
    authority, file = trustme.CA(), tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("data.example.org", "127.0.0.1").configure_cert(tls)
    return file, tls


@pytest.fixture
def proxy(
    certificates: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Imitation]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates[0]))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    handler = type("Its", (Handler,), {})
    with Prompt(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        found = Imitation(f"127.0.0.1:{http.server_port}", certificates[1], certificates[0])
        handler.imitation = found
        thread = threading.Thread(target=http.serve, daemon=True)
        thread.start()
        yield found
        http.stop()
        thread.join()


def asked(url: str) -> bytes:
    """The body that comes of an address."""
    with closing(Web(Network(timeout=5))) as web, web.get(url) as answer:
        return b"".join(answer.chunks)


def refused(url: str) -> CovcatError:
    """The error that comes of an address."""
    with pytest.raises(CovcatError) as caught:
        asked(url)
    return caught.value


@pytest.mark.parametrize(
    ("no_proxy", "without", "through"),
    [
        ("[::1]", "http://[::1]/", "http://[::2]/"),
        ("::1", "http://[0:0::1]:8080/", "http://[::11]/"),
        ("[::1]:8080", "http://[::1]:8080/", "http://[::1]:9090/"),
        ("fd07:b51a:cc66:f0::/64", "http://[fd07:b51a:cc66:f0::2]/", "http://[fd08::1]/"),
        ("[fd07::]/16,x", "http://[fd07::2]/", "http://[fd08::1]/"),
        ("10.0.0.0/8", "http://10.1.2.3/", "http://11.1.2.3/"),
        ("10.1.2.3/8", "http://10.9.9.9/", "http://ten.example.org/"),
        ("127.0.0.1", "http://127.0.0.1:8080/", "http://127.0.0.2/"),
        ("0.0.1", None, "http://10.0.0.1/"),  # an end of an address is no name above it
        ("*", "https://anything.example.org/", None),
        ("a.org,*", "https://anything.example.org/", None),
        ("example.org", "https://example.org/", "https://notexample.org/"),
        ("example.org", "https://data.EXAMPLE.org./", "https://example.org.uk/"),
        (".example.org", "https://example.org/", "https://notexample.org/"),
        (".example.org", "https://data.example.org/", "https://example.com/"),
        ("*.example.org", "https://data.example.org/", "https://notexample.org/"),
        ("example.org:8443", "https://example.org:8443/", "https://example.org/"),
        ("example.org:443", "https://example.org/", "http://example.org/"),
        ("http://example.org", "http://example.org/", "https://example.org/"),
        (" , ,a.org ,, b.org c.org,", "https://b.org/", "https://d.org/"),
        ("a.org b.org", "https://b.org/", "https://a.org.b/"),
        ("10.*,10.0.0.0/99,[,]:,a:b,://", None, "https://10.0.0.1/"),
        ("", None, "https://example.org/"),
    ],
)
def test_no_proxy_is_read_as_curl_and_pip_read_it(
    monkeypatch, no_proxy: str, without: str | None, through: str | None
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    found = Proxies()
    if without is not None:
        assert found.of(without) is None
    if through is not None:
        assert found.of(through) is not None


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "https://a.org/", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://a.org/", None),
        ({"HTTP_PROXY": "http://p:1"}, "https://a.org/", None),
        ({"http_proxy": "https://p"}, "http://a.org/", "https://p"),
        ({"ALL_PROXY": "p:1"}, "https://a.org/", "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:2"}, "https://a.org/", "http://q:2"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:2"}, "https://a.org/", "http://q:2"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": ""}, "https://a.org/", None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "", "NO_PROXY": "*"}, "https://a.org/", "http://p:1"),
        ({"https_proxy": " http://[::1]:3128/ "}, "https://a.org/", "http://[::1]:3128"),
        ({"https_proxy": "me:secret@p:1"}, "https://a.org/", "http://p:1"),
    ],
)  # fmt: skip
def test_which_variable_counts(
    monkeypatch, variables: dict[str, str], url: str, expected: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = Proxies().of(url)
    assert (found and found.address) == expected


def test_a_login_is_decoded_and_not_shown(monkeypatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:p%40ss@p.example.org:8080")
    found = Proxies().of("https://a.org/")
    assert found is not None
    assert found.login == ("me", "p@ss")
    assert "ss" not in f"{found}{found!r}".replace("address", "")


UNUSABLE = [
    ("http://", "is not the address of a proxy"),
    ("http://me:se/cret@p.example.org:8080", "is not the address of a proxy"),
    ("http://me:1#cret@p.example.org:8080", "is not the address of a proxy"),
    ("http://p.example.org:secret", "is not the address of a proxy"),
    ("http://[::g]:1", "is not the address of a proxy"),
    ("http://a..b:1", "is not the address of a proxy"),
    ("http://p q:1", "is not the address of a proxy"),
    ("socks4://p.example.org", "names a proxy of the kind `socks4`"),
    ("ftp://me:secret@p.example.org", "names a proxy of the kind `ftp`"),
    ("socks5://me:secret@p.example.org:1080", "names a SOCKS proxy"),
    ("socks5h://127.0.0.1:1080", "names a SOCKS proxy"),
]


@pytest.mark.parametrize(("value", "said"), UNUSABLE)
def test_a_proxy_that_cannot_be_used_is_a_usage_error_and_wrong_for_doctor(
    covcat, shelf, monkeypatch, value: str, said: str
) -> None:
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)  # as where no SOCKS is installed
    monkeypatch.setattr("covcat.archives.tools.survey", list)
    shelf.add_web("one", "a.bin")
    monkeypatch.setenv("ALL_PROXY", value)
    ran = covcat("fetch", "one", mirror=None)
    assert (ran.code, f"error: ALL_PROXY {said}" in ran.err) == (2, True)
    assert "hint: " in ran.err
    seen = covcat("doctor", "--json")
    found = {row["check"]: row for row in seen.document["data"]["checks"]}["ALL_PROXY"]
    assert (found["state"], said in found["found"], bool(found["fix"])) == ("wrong", True, True)
    shown = ran.out + ran.err + seen.out + seen.err
    assert not [word for word in ("secret", "cret@", "me:") if word in shown]


def test_where_no_proxy_is_needed_a_wrong_one_does_not_matter(server, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks4://p")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,::1,[::1],fd07:b51a:cc66:f0::/64")
    server.serve("/a", Answer(DATA))
    assert asked(f"{server.url}/a") == DATA


def test_a_file_comes_through_a_proxy_whose_login_is_sent_to_it_alone(proxy, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"me:secret@{proxy.place}")
    assert asked("https://data.example.org/a.png") == DATA
    (tunnel, sent), (inside, own) = proxy.requests
    assert (tunnel, inside) == ("CONNECT data.example.org:443", "GET /a.png")
    assert sent["Proxy-Authorization"] == "Basic bWU6c2VjcmV0"
    assert "Proxy-Authorization" not in own


def test_an_address_of_http_goes_through_its_own_proxy(proxy, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{proxy.place}")
    assert asked("http://data.example.org/a.png") == DATA
    assert proxy.requests[0][0] == "GET http://data.example.org/a.png"


ITS = "the proxy `{place}` (ALL_PROXY) "


@pytest.mark.parametrize(
    ("way", "url", "kind", "said"),
    [
        ("http", "https://login.example.org/a", ActionNeededError, f"{ITS}asks for a login, and"),
        ("http", "http://login.example.org/a", ActionNeededError, f"{ITS}asks for a login, and"),
        ("http", "https://forbidden.example.org/", NetworkError, f"{ITS}does not let `forbidden."),
        ("http", "https://dead.example.org/a", NetworkError, f"{ITS}cannot reach `dead.example."),
        ("https", "https://data.example.org/a", NetworkError, f"{ITS}does not speak TLS"),
        ("http", "https://x.org/", NetworkError, "the certificate of `x.org` cannot be trusted"),
    ],
)
def test_what_fails_is_said_of_the_proxy_or_of_the_host_behind_it(
    proxy, monkeypatch, way: str, url: str, kind: type[CovcatError], said: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{way}://{proxy.place}")
    error = refused(url)
    assert isinstance(error, kind)
    assert error.message.startswith(said.format(place=proxy.place))
    if way == "https":
        assert error.hint == "ALL_PROXY=http://HOST:PORT, as most proxies have it"


def test_a_login_that_a_proxy_refuses_exits_with_7_and_is_not_shown(
    covcat, shelf, proxy, monkeypatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:hidden-word@{proxy.place}")
    monkeypatch.setitem(CHANGES, "data.example.org", 407)
    shelf.add_web("one", "a.bin")
    ran = covcat("fetch", "one", mirror=None)
    assert ran.code == 7
    assert f"the proxy `{proxy.place}` (https_proxy) refuses the login that it is given" in ran.err
    assert "hint: https_proxy=http://USER:PASSWORD@HOST:PORT" in ran.err
    assert "hidden-word" not in ran.out + ran.err


@pytest.mark.parametrize("place", ["nosuch.invalid:8080", "127.0.0.1:1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_reached_is_named_and_not_the_host(
    covcat, shelf, monkeypatch, place: str, scheme: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://me:hidden-word@{place}")
    shelf.add_web("one", "a.bin")
    ran = covcat("fetch", "one", "--retries", "0", mirror=None)
    assert ran.code == 4
    assert f"error: cannot connect to the proxy `{place}` (HTTPS_PROXY)\n" in ran.err
    assert "connect to `data.example.org`" not in ran.err
    assert "hidden-word" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("variables", "name", "state", "said"),
    [
        ({"HTTPS_PROXY": "http://me:secret@p:1"}, "HTTPS_PROXY", "ok", "set"),
        ({"NO_PROXY": "localhost,[::1],fd07::/64,10.0.0.0/8,.a.org,*.b.org"}, "NO_PROXY", "ok", "set"),
        ({"no_proxy": "10.*,a.org"}, "no_proxy", "look", "set, but nothing can match 10.*"),
        ({"https_proxy": "p", "HTTPS_PROXY": "q"}, "HTTPS_PROXY", "unused", "https_proxy is set too, and counts"),
        ({"https_proxy": "p", "HTTPS_PROXY": "q"}, "https_proxy", "ok", "set"),
        ({"COVCAT_MIRROR": "http://[x"}, "mirror", "wrong", "no web address"),
        ({"SSL_CERT_FILE": __file__}, "SSL_CERT_FILE", "wrong", f"{__file__} holds no certificates"),
    ],
)  # fmt: skip
def test_doctor_calls_ok_what_a_fetch_can_work_with(
    covcat, monkeypatch, variables: dict[str, str], name: str, state: str, said: str
) -> None:
    monkeypatch.setattr("covcat.archives.tools.survey", list)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    ran = covcat("doctor", "--json", mirror=None)
    found = {row["check"]: row for row in ran.document["data"]["checks"]}[name]
    assert (found["state"], found["found"]) == (state, said)


def test_certificates_that_doctor_calls_wrong_are_a_usage_error_of_a_fetch(
    covcat, shelf, monkeypatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", __file__)
    shelf.add_web("one", "a.bin")
    ran = covcat("fetch", "one", mirror=None)
    assert (ran.code, "error: the network settings" in ran.err) == (2, True)
    assert "hint: look at SSL_CERT_FILE" in ran.err


def test_the_package_for_socks_makes_such_a_proxy_fit(monkeypatch) -> None:
    monkeypatch.setattr(proxies, "find_spec", lambda name: name)
    assert proxies.read("ALL_PROXY", "socks5h://p:1080").address == "socks5h://p:1080"
    with pytest.raises(UsageError, match="kind `socks`"):
        proxies.read("ALL_PROXY", "socks://p:1080")
