"""What a server may answer in place of the file, and what becomes of it."""

import json
from pathlib import Path

import httpx
import pytest
from makers.archives import REPOSITORY, git_zip, zip_of
from makers.said import check_said
from servers.server import Answer

from covcat.catalog.files import WebFile
from covcat.download import file as download_file
from covcat.download import remote
from covcat.download.attempt import Transfers
from covcat.download.http import Web
from covcat.download.pace import ConnectionLimit, RateLimit
from covcat.download.parts import Parts
from covcat.download.remote import Location, Network, Target
from covcat.errors import ActionNeededError, IntegrityError, NetworkError
from covcat.hosts.base import remote_file
from covcat.progress import Silent

URL = "https://data.example.org/a.zip"
ZIP = zip_of({"a.txt": b"a" * 5000})


def got(tmp_path: Path, handler, *, mirror: str | None = None, **keys) -> remote.Download:
    """Download URL from a handler that stands in for the network."""
    file = WebFile(host="web", name="a.zip", url=URL, **{"unpack": "zip", **keys})
    return fetched(tmp_path, handler, file, Network(mirror=mirror, pause=0))


def fetched(tmp_path: Path, handler, file: WebFile, network: Network) -> remote.Download:
    """Download a file from a handler, as `covcat fetch` does."""
    folder = tmp_path / "parts"
    folder.mkdir(exist_ok=True)
    web = Web(network, httpx.MockTransport(handler))
    line = Transfers(web, network, RateLimit(None), ConnectionLimit(4), Parts(folder), Silent())
    location = Location(url=file.url, name=file.name)
    wanted = Target(remote_file(file, file.name), file.name, "set@1.0")
    try:
        return download_file.fetch(wanted, [lambda: location], line, tmp_path / "target")
    finally:
        web.close()


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in tmp_path.rglob("*") if path.is_file()]


class Answers:
    """A handler that gives these one after the other, then the last one for ever."""

    def __init__(self, *responses: httpx.Response) -> None:
        self.left, self.asked = list(responses), []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        one = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        stream = httpx.ByteStream(b"".join(one.stream))
        return httpx.Response(one.status_code, headers=one.headers, stream=stream)

    @property
    def urls(self) -> list[str]:
        return [str(request.url) for request in self.asked]


def body(data: bytes, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=httpx.ByteStream(data))


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "unknown-length"),
        ({"content_length": "soon"}, "unknown-length"),
        ({"content_length": str(len(ZIP))}, "first-use"),
        ({"transfer_encoding": "chunked"}, "first-use"),
    ],
)
def test_a_file_is_whole_and_if_nobody_says_where_it_ends_it_is_called_that(
    tmp_path: Path, headers: dict[str, str], kind: str
) -> None:
    found = got(tmp_path, Answers(body(ZIP, **headers)))
    assert (found.bytes, found.path.read_bytes()) == (len(ZIP), ZIP)
    assert found.verified_by == kind


LOGIN = b"<!DOCTYPE html><html><head><title>Log in | Host</title></head>"
PAGE = b"\n<html><head><title>Welcome \x1b[2J &amp; more</title></head>"


@pytest.mark.parametrize(
    ("response", "error", "said"),
    [
        pytest.param(body(LOGIN), ActionNeededError, "Log in | Host", id="login page"),
        pytest.param(body(PAGE), NetworkError, "Welcome \x1b[2J & more", id="some page"),
        pytest.param(body(b'{"error": "x"}'), NetworkError, '{"error": "x"}', id="json"),
        pytest.param(body(b'<?xml version="1.0"?><Error/>'), NetworkError, "", id="xml"),
        pytest.param(body(b""), NetworkError, "", id="nothing"),
        pytest.param(body(b"7z\xbc\xaf\x27\x1c"), IntegrityError, "", id="another format"),
        pytest.param(body(ZIP, 204), NetworkError, "", id="204"),
        pytest.param(body(ZIP, 206), NetworkError, "", id="206 unasked"),
        pytest.param(body(ZIP, 404), NetworkError, "", id="404"),
        pytest.param(body(ZIP, 403), ActionNeededError, "", id="403"),
        pytest.param(body(ZIP, content_encoding="gzip"), NetworkError, "", id="encoded"),
        pytest.param(body(b"", 302, location=""), NetworkError, "", id="empty redirect"),
        pytest.param(body(b"", 302, location="file:///etc/passwd"), NetworkError, "", id="file:"),
        pytest.param(body(b"", 302, location="http:///x"), NetworkError, "", id="no host"),
        pytest.param(
            body(b"", 302, location="https://u:p@example.org/"), NetworkError, "", id="user name"
        ),
        pytest.param(
            body(b"", 302, location="http://data.example.org/a.zip"),
            NetworkError,
            "",
            id="https to http",
        ),
        pytest.param(body(b"", 302, location=URL), NetworkError, "", id="loop"),
    ],
)
def test_what_is_not_the_file_is_named_and_leaves_nothing(
    tmp_path: Path, response: httpx.Response, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as info:
        got(tmp_path, Answers(response))
    assert URL in info.value.message
    assert said in (info.value.cause or "")
    assert left(tmp_path) == []


def test_a_table_that_looks_like_a_page_is_left_alone_where_no_archive_is_due(
    tmp_path: Path,
) -> None:
    file = WebFile(host="web", name="notes.html", url=URL)
    found = fetched(tmp_path, Answers(body(b"<html>notes</html>")), file, Network())
    assert found.bytes == 18


def test_redirects_are_followed_and_the_last_address_is_recorded(tmp_path: Path) -> None:
    handler = Answers(
        body(b"", 302, location="/b.zip?sig=%2b%2F"),
        body(b"", 307, location="https://store.example.net/c#part"),
        body(ZIP),
    )
    found = got(tmp_path, handler)
    assert handler.urls == [
        URL,
        "https://data.example.org/b.zip?sig=%2b%2F",
        "https://store.example.net/c",
    ]
    assert (found.url, found.final_url) == (URL, "https://store.example.net/c")


def test_a_mirror_is_asked_by_host_and_path_and_redirects_are_mapped_too(tmp_path: Path) -> None:
    handler = Answers(body(b"", 302, location="https://store.example.net/c?x=1"), body(ZIP))
    found = got(tmp_path, handler, mirror="http://127.0.0.1:9/cache/")
    assert handler.urls == [
        "http://127.0.0.1:9/cache/data.example.org/a.zip",
        "http://127.0.0.1:9/cache/store.example.net/c?x=1",
    ]
    assert found.final_url == "https://store.example.net/c?x=1"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_a_passing_fault_is_tried_again(tmp_path: Path, status: int) -> None:
    assert got(tmp_path, Answers(body(b"", status), body(ZIP))).bytes == len(ZIP)


@pytest.mark.parametrize(
    ("status", "said", "tries"),
    [(503, "answered HTTP 503", 1 + Network().retries), (404, "is gone", 1)],
    ids=["a lasting fault", "a refusal"],
)
def test_a_lasting_fault_is_final_after_some_tries_and_a_refusal_at_once(
    tmp_path: Path, status: int, said: str, tries: int
) -> None:
    handler = Answers(body(b"", status))
    with pytest.raises(NetworkError, match=said):
        got(tmp_path, handler)
    assert len(handler.asked) == tries


@pytest.mark.parametrize(
    ("size", "said"),
    [(len(ZIP) - 1, f"expected {len(ZIP) - 1} bytes, got"), (len(ZIP) + 1, "bytes, got")],
)
def test_another_size_than_pinned_is_refused(tmp_path: Path, size: int, said: str) -> None:
    with pytest.raises(IntegrityError, match=said):
        got(tmp_path, lambda _: body(ZIP, content_length=str(len(ZIP))), bytes=size)
    assert left(tmp_path) == []


def test_every_pin_is_checked_not_only_the_strongest(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="sha1 expected 0000, got"):
        got(tmp_path, Answers(body(ZIP)), sha1_prefix="0000")


def test_identity_is_asked_for_with_covcats_own_name(tmp_path: Path) -> None:
    handler = Answers(body(ZIP))
    got(tmp_path, handler)
    seen = handler.asked[0].headers
    assert seen["accept-encoding"] == "identity"
    assert seen["user-agent"].startswith("covcat/")
    assert "authorization" not in seen
    assert "cookie" not in seen


@pytest.mark.parametrize("has_length", [True, False], ids=["with a length", "chunked"])
def test_a_cut_connection_is_tried_again_and_the_file_is_whole(
    covcat, shelf, server, has_length: bool
) -> None:
    shelf.add_repository()
    whole = git_zip(REPOSITORY)
    path = "/codeload.github.com/test/set/zip/0123456789abcdef0123456789abcdef01234567"
    server.serve(
        path,
        Answer(whole, has_length=has_length, cut=len(whole) // 2),
        Answer(whole, has_length=has_length),
    )
    check_said(covcat("fetch", "set"), 0, "trying again in 0.0 s (1 of 5)")
    assert len(server.requests) == 2


def test_a_connection_that_is_always_cut_leaves_nothing(covcat, shelf, server) -> None:
    shelf.add_repository()
    whole = git_zip(REPOSITORY)
    server.serve_repository(whole)
    server.routes[next(iter(server.routes))][0].cut = 100
    ran = covcat("fetch", "set")
    assert (ran.code, ran.out) == (4, "")
    assert f"error: no whole answer from `{server.url.removeprefix('http://')}`" in ran.err
    assert not list(Path("covcat-data").glob("[!.]*"))
    assert not list(Path("covcat-data/.covcat/staging").iterdir())


def test_no_network_is_one_clear_message(covcat, shelf) -> None:
    shelf.add_repository()
    ran = covcat("fetch", "set", mirror="http://127.0.0.1:9")
    check_said(ran, 4, "error: cannot connect to `127.0.0.1:9`", "hint: check the network")
    assert "Traceback" not in ran.err


def test_a_mirror_answers_for_itself_and_is_recorded(covcat, shelf, server) -> None:
    shelf.add_web("plain", "table.csv")
    ran = covcat("fetch", "plain")
    assert f"`{server.url}/data.example.org/table.csv` is gone (HTTP 404)" in ran.err
    server.serve("/data.example.org/table.csv", Answer(b"table"))
    assert f"from {server.url.removeprefix('http://')}, sha256" in covcat("fetch", "plain").err
    record = json.loads(Path("covcat-data/plain/1/manifest.json").read_text())
    (download,) = record["downloads"]
    assert (download["mirror"], download["url"]) == (
        server.url,
        "https://data.example.org/table.csv",
    )


def test_what_a_server_says_cannot_command_the_terminal(covcat, shelf, server) -> None:
    shelf.add_repository()
    server.serve_repository(b"<html><title>\x1b]0;owned\x07\xe2\x80\xae</title>")
    ran = covcat("fetch", "set")
    check_said(ran, 4, "\\x1b]0;owned")
    assert "\x1b" not in ran.err
    assert "\x07" not in ran.err
    assert "\u202e" not in ran.err
    assert json.loads(covcat("fetch", "set", "--json").out)["error"]["code"] == 4
