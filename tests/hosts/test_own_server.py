"""Files of one's own server: http in a private network, logins from the environment."""

import base64
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from makers.releases import Shelf, release_of
from makers.runs import Ran, tree_on_disk
from servers.server import Answer, Server

from covcat.download.http import Web
from covcat.download.remote import Network
from covcat.errors import NetworkError

SECRET = "a-secret-of-the-lab"
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()


def entry(url: str, more: str = "") -> str:
    return release_of(f'host: web, name: one.csv, url: "{url}"{more}')


@pytest.fixture
def fetched(covcat: Callable[..., Ran], shelf: Shelf) -> Callable[[str], Ran]:
    """Fetch what an entry with this file names; nobody stands in for its host."""

    def fetch(more: str) -> Ran:
        shelf.add("lab", more)
        return covcat("fetch", "lab", "--retries", "0", mirror=None)

    return fetch


def test_http_in_a_private_network_is_asked_where_the_entry_says_so(fetched, server) -> None:
    server.serve("/lab/one.csv", Answer(b"a,b\n"))
    ran = fetched(entry(f"{server.url}/lab/one.csv", ", private: yes"))
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == {"one.csv": b"a,b\n"}


WRONG = {  # more keys of an http address, and what is said
    "http": ("", "expected an https address (http is for `private: yes`"),
    "half a login": (", private: yes, user: COVCAT_LOGIN_ME", "a `user` with a `password`"),
    "two logins": (
        ", private: yes, token: COVCAT_LOGIN_T, user: COVCAT_LOGIN_ME, password: COVCAT_LOGIN_P",
        "a login is a `token`, or a `user` with a `password`",
    ),
    "any secret": (", private: yes, token: AWS_SECRET_ACCESS_KEY", "called COVCAT_LOGIN_…"),
    "the secret itself": (f", private: yes, token: {SECRET}", "called COVCAT_LOGIN_…"),
}


@pytest.mark.parametrize(("more", "said"), WRONG.values(), ids=WRONG)
def test_an_entry_of_a_server_of_ones_own_is_refused(fetched, more: str, said: str) -> None:
    ran = fetched(entry("http://127.0.0.1:1/one.csv", more))
    assert ran.code == 5
    assert said in ran.err


def test_http_to_a_public_address_is_refused_before_anything_is_sent(fetched) -> None:
    ran = fetched(entry("http://8.8.8.8/one.csv", ", private: yes"))
    assert ran.code == 4
    assert "`8.8.8.8` is at the public address 8.8.8.8: expected a private one" in ran.err


def test_redirects_to_private_addresses_are_for_private_entries_alone(server: Server) -> None:
    server.serve(
        "/a",
        Answer(
            status=302, headers={"Location": f"http://localhost:{server.url.rpartition(':')[2]}/b"}
        ),
    )
    server.serve("/b", Answer(b"inside"))
    with closing(Web(Network())) as web:
        with web.get(f"{server.url}/a", private=True) as answer:
            assert b"".join(answer.chunks) == b"inside"
        with (
            pytest.raises(NetworkError, match=r"at the private address 127\.0\.0\.1"),
            web.get(f"{server.url}/a"),
        ):
            pass


def test_what_one_entry_may_reach_no_other_entry_may(server: Server) -> None:
    port = server.url.rpartition(":")[2]
    there = f"http://localhost:{port}/b"
    server.serve("/a", Answer(status=302, headers={"Location": there}))
    server.serve("/b", Answer(b"inside"))
    with closing(Web(Network())) as web:
        with web.get(there, private=True) as answer:
            assert b"".join(answer.chunks) == b"inside"
        with (
            pytest.raises(NetworkError, match="at the private address"),
            web.get(f"{server.url}/a"),
        ):
            pass


@pytest.mark.parametrize(
    "there", ["/lab/{}/one.csv", "https://other.example.org/?t={}", "ftp://x.example.org/{}"]
)
@pytest.mark.parametrize("shape", [str, lambda secret: secret.replace("-", "%2D")])
def test_a_redirect_that_repeats_the_login_is_refused_and_shown_nowhere(
    fetched, server: Server, monkeypatch, there: str, shape: Callable[[str], str]
) -> None:
    monkeypatch.setenv("COVCAT_LOGIN_LAB", SECRET)
    moved = Answer(status=302, headers={"Location": there.format(shape(SECRET))})
    server.serve("/lab/one.csv", Answer(b"no", 401), moved)
    ran = fetched(entry(f"{server.url}/lab/one.csv", ", private: yes, token: COVCAT_LOGIN_LAB"))
    assert ran.code == 4
    assert "redirects to an address with the login in it" in ran.err
    for text in (ran.out, ran.err, *(one.read_text() for one in Path().rglob("*.json"))):
        assert SECRET not in text
        assert shape(SECRET) not in text


def test_no_proxy_hears_of_a_private_entry(fetched, server, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.serve("/lab/one.csv", Answer(b"a,b\n"))
    ran = fetched(entry(f"{server.url}/lab/one.csv", ", private: yes"))
    assert ran.code == 0, ran.err


LOGINS = {
    "a token": (", token: COVCAT_LOGIN_LAB", f"Bearer {SECRET}"),
    "a name": (", user: COVCAT_LOGIN_ME, password: COVCAT_LOGIN_LAB", f"Basic {BASIC}"),
}


@pytest.mark.parametrize(("more", "sent"), LOGINS.values(), ids=LOGINS)
def test_a_login_is_sent_after_a_refusal_to_that_origin_alone_and_shown_nowhere(
    fetched, server: Server, monkeypatch, more: str, sent: str
) -> None:
    monkeypatch.setenv("COVCAT_LOGIN_LAB", SECRET)
    monkeypatch.setenv("COVCAT_LOGIN_ME", "me")
    with Server() as other:
        other.serve("/store/one.csv", Answer(b"a,b\n"))
        moved = Answer(status=302, headers={"Location": f"{other.url}/store/one.csv"})
        server.serve("/lab/one.csv", Answer(b"no", 401), moved)
        ran = fetched(entry(f"{server.url}/lab/one.csv", f", private: yes{more}"))
        assert ran.code == 0, ran.err
        told = [headers.get("authorization") for _, headers in server.requests]
        assert told == [None, sent]
        assert [headers.get("authorization") for _, headers in other.requests] == [None]
    written = [path.read_bytes() for path in Path().rglob("*") if path.is_file()]
    assert written
    for one in (*written, ran.out.encode(), ran.err.encode()):
        assert SECRET.encode() not in one
        assert BASIC.encode() not in one


@pytest.mark.parametrize("value", ["", "wrong"])
def test_a_refusal_says_which_variables_it_is_about(fetched, server, monkeypatch, value) -> None:
    monkeypatch.setenv("COVCAT_LOGIN_LAB", value)
    server.serve("/lab/one.csv", Answer(b"no", 401))
    ran = fetched(entry(f"{server.url}/lab/one.csv", ", private: yes, token: COVCAT_LOGIN_LAB"))
    assert ran.code == 7
    assert "hint: set COVCAT_LOGIN_LAB to what 127.0.0.1:" in ran.err
    assert len(server.requests) == (2 if value else 1)
