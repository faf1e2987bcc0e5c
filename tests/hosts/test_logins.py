"""Logins are sent to their own host, after it refused without, and appear nowhere else."""

import base64
import json
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from makers.releases import release_of
from makers.said import check_said
from servers.hosts import FOR_EVER, World
from servers.message import Reply, as_html, as_json

from covcat.download.answers import said, secrets_of
from covcat.download.http import Web
from covcat.download.remote import Login, Network
from covcat.errors import ActionNeededError, NetworkError

KEY = "0badcafe-0000-4000-8000-000000000001"
DOI = "10.7910/DVN/TEST"
SECRETS = (KEY, "kaggle-token", "kaggle-key", "zenodo-token", "figshare-token", "github-token")
PNG = b"\x89PNG synthetic" * 50

DATAVERSE = release_of(f'host: dataverse, server: "https://dataverse.harvard.edu", doi: {DOI}')
KAGGLE = release_of('host: kaggle, dataset: some/set, version: "2", unpack: zip')
ZENODO = release_of('host: zenodo, record: "11", name: a.png')


def told(world: World, header: str) -> set[str]:
    """Return the hosts that saw a header."""
    return {one.host for one in world.requests if header in one.headers}


def everything_written() -> str:
    """Return all text below the working folder: manifests, journals, records of parts."""
    return "".join(path.read_text(errors="replace") for path in Path().rglob("*") if path.is_file())


def assert_secret(ran, world: World) -> None:
    written = everything_written() + ran.out + ran.err
    for secret in SECRETS:
        assert secret not in written
    assert "X-Amz-Signature" not in written
    assert "X-Goog-Signature" not in written
    assert not world.leaks


@pytest.fixture
def kaggle(direct: World, shelf) -> World:
    """Kaggle, with a set that the entry names."""
    direct.kaggle.add("some/set", {"a.png": PNG}, version="2")
    shelf.add("set", KAGGLE)
    return direct


@pytest.fixture
def consent(direct: World, shelf) -> World:
    """The same set, for which a person must have agreed to something."""
    direct.kaggle.add("some/set", {"a.png": PNG}, version="2", needs_consent=True)
    shelf.add("set", KAGGLE)
    return direct


def test_a_dataverse_key_opens_what_is_restricted_and_stays_with_dataverse(
    covcat, direct, shelf, monkeypatch
) -> None:
    direct.dataverse.add(f"doi:{DOI}", {"a.png": PNG, "b.png": PNG}, restricted={"b.png"})
    shelf.add("set", DATAVERSE)
    check_said(
        covcat("fetch", "set", mirror=None),
        7,
        f"hint: open https://doi.org/{DOI}; then",
        "1 of 2 files",
    )
    monkeypatch.setenv("DATAVERSE_API_TOKEN", KEY)
    ran = covcat("fetch", "set", mirror=None)
    assert ran.code == 0, ran.err
    assert told(direct, "x-dataverse-key") == {"dataverse.harvard.edu"}
    assert_secret(ran, direct)


def test_a_key_is_not_sent_where_nobody_asks_for_it(covcat, direct, shelf, monkeypatch) -> None:
    direct.dataverse.add(f"doi:{DOI}", {"a.png": PNG})
    shelf.add("set", DATAVERSE)
    monkeypatch.setenv("DATAVERSE_API_TOKEN", "a wrong key that would give 401")
    assert covcat("fetch", "set", mirror=None).code == 0
    assert not told(direct, "x-dataverse-key")


@pytest.mark.parametrize(
    ("asked", "own"),
    [("dataverse.evil.example", ""), ("dataverse.harvard.edu", "https://[oops")],
    ids=["another server", "no server"],
)
def test_a_key_of_one_dataverse_is_not_sent_to_another(
    covcat, direct, shelf, monkeypatch, asked: str, own: str
) -> None:
    direct.dataverse.add(f"doi:{DOI}", {"a.png": PNG}, server=asked, restricted={"a.png"})
    shelf.add("set", DATAVERSE.replace("dataverse.harvard.edu", asked))
    monkeypatch.setenv("DATAVERSE_API_TOKEN", KEY)
    monkeypatch.setenv("DATAVERSE_SERVER", own)
    assert covcat("fetch", "set", mirror=None).code == 7
    assert not told(direct, "x-dataverse-key")


@pytest.mark.parametrize("way", ["token", "variables", "file"])
def test_kaggle_is_asked_without_a_login_first_then_with_the_users_own(
    covcat, consent, monkeypatch, way: str
) -> None:
    if way == "token":
        monkeypatch.setenv("KAGGLE_API_TOKEN", "kaggle-token")
    elif way == "variables":
        monkeypatch.setenv("KAGGLE_USERNAME", "someone")
        monkeypatch.setenv("KAGGLE_KEY", "kaggle-key")
    else:
        login = Path(".kaggle/kaggle.json")
        login.parent.mkdir()
        login.write_text(json.dumps({"username": "someone", "key": "kaggle-key"}))
    ran = covcat("fetch", "set", mirror=None)
    assert ran.code == 0, ran.err
    sent = ["authorization" in one.headers for one in consent.asked("www.kaggle.com")]
    assert sent == [False, True]
    assert told(consent, "authorization") == {"www.kaggle.com"}
    if way == "file":
        login.unlink()
    assert_secret(ran, consent)


def test_a_wrong_login_says_what_the_host_says(covcat, consent, monkeypatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "wrong")
    check_said(covcat("fetch", "set", mirror=None), 7, "a login is asked for (HTTP 401)")


def test_a_zenodo_token_opens_a_restricted_record(covcat, direct, shelf, monkeypatch) -> None:
    direct.zenodo.add("11", {"a.png": PNG}, restricted=True)
    shelf.add("set", ZENODO)
    assert covcat("fetch", "set", mirror=None).code in (4, 7)
    monkeypatch.setenv("ZENODO_TOKEN", "zenodo-token")
    ran = covcat("fetch", "set", mirror=None)
    assert ran.code == 0, ran.err
    assert told(direct, "authorization") == {"zenodo.org"}
    assert_secret(ran, direct)


def test_a_mirror_never_gets_a_login(covcat, world, shelf, monkeypatch) -> None:
    world.kaggle.add("some/set", {"a.png": PNG}, version="2", needs_consent=True)
    shelf.add("set", KAGGLE)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "kaggle-token")
    check_said(covcat("fetch", "set", mirror=world.url), 7)
    assert not told(world, "authorization")


def test_a_signed_address_is_shown_nowhere_even_if_it_fails(covcat, kaggle) -> None:
    kaggle.faults.answer("storage.googleapis.com", "/", 500, times=FOR_EVER)
    ran = covcat("fetch", "set", "--retries", "1", mirror=None)
    check_said(ran, 4, "bundle/archive.zip` answered HTTP 500\n")
    assert_secret(ran, kaggle)


def test_a_token_lifts_githubs_limit(covcat, direct, shelf, monkeypatch) -> None:
    direct.github.add("some/set", "a" * 40, {"a.png": PNG}, branch="main")
    direct.github.api.limit, direct.github.api.used = 60, 60
    shelf.add("set", release_of("host: github, repository: some/set, branch: main, unpack: zip"))
    monkeypatch.setenv("GH_TOKEN", "github-token")
    ran = covcat("fetch", "set", "--by-file", "--retries", "0", mirror=None)
    assert ran.code == 0, ran.err
    assert told(direct, "authorization") == {"api.github.com"}
    assert_secret(ran, direct)


LONG = "long-secret-" + "x" * 400


def test_a_token_that_is_too_long_for_a_file_name_is_a_token(covcat, kaggle, monkeypatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", LONG)
    ran = covcat("fetch", "set", mirror=None)
    assert ran.code == 0, ran.err
    assert "long-secret" not in everything_written() + ran.out + ran.err


@pytest.mark.parametrize("place", ["variable", "file", "named file"])
def test_json_is_no_token_and_is_neither_sent_nor_shown(
    covcat, consent, monkeypatch, place: str
) -> None:
    text = '{\n "username": "someone",\n "key": "kaggle-key"\n}\n'
    Path(".kaggle").mkdir()
    if place == "variable":
        monkeypatch.setenv("KAGGLE_API_TOKEN", text)
    elif place == "file":
        Path(".kaggle/access_token").write_text(text)
    else:
        Path("elsewhere.json").write_text(text)
        monkeypatch.setenv("KAGGLE_API_TOKEN", str(Path("elsewhere.json").absolute()))
    ran = covcat("fetch", "set", mirror=None)
    assert ran.code == 7
    assert not told(consent, "authorization")
    assert "kaggle-key" not in ran.err + ran.out


@pytest.mark.parametrize(
    "text",
    [
        '{"username": "\\ud800", "key": "kaggle-key"}',
        '{"username": "a\\nb", "key": "kaggle-key"}',
        '{"username": "someone"}',
        "[" * 60_000,
        "5",
    ],
)
def test_a_kaggle_json_that_is_no_login_is_none(covcat, consent, text: str) -> None:
    Path(".kaggle").mkdir()
    Path(".kaggle/kaggle.json").write_text(text)
    check_said(covcat("fetch", "set", mirror=None), 7)
    assert not told(consent, "authorization")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", ["json", "page"])
def test_a_token_that_a_host_echoes_is_not_shown(
    covcat, direct, shelf, monkeypatch, status: int, kind: str
) -> None:
    def echo(request):
        said = "bad " + request.headers.get("authorization", "none")
        return as_html(said, "", status) if kind == "page" else as_json({"message": said}, status)

    direct.web.answer("https://zenodo.org/api/records/11", echo)
    shelf.add("set", ZENODO)
    monkeypatch.setenv("ZENODO_TOKEN", "zenodo-token")
    ran = covcat("fetch", "set", "--retries", "0", mirror=None)
    check_said(ran, 7, "cause: bad ")
    assert_secret(ran, direct)


def test_what_a_login_consists_of_is_known_in_all_its_forms() -> None:
    packed = base64.b64encode(b"someone:kaggle-key").decode()
    found = secrets_of({"Authorization": f"Basic {packed}", "X": "k"})
    assert found == (f"Basic {packed}", packed, "kaggle-key")
    body = json.dumps({"message": f"{packed} is kaggle-key/"}).replace("/", "\\/").encode()
    assert said(body, found) == "… is …/"


def test_a_header_that_cannot_be_sent_is_not_shown() -> None:
    network = Network()
    for value in ("a\r\nvery-secret: b", "é very-secret"):
        login = Login("example.org", {"Authorization": value}, at_once=True)
        with (
            closing(Web(network, httpx.HTTPTransport())) as web,
            pytest.raises(NetworkError) as raised,
            web.get("http://127.0.0.1:9/", login.headers),
        ):
            pass
        shown = f"{raised.value.message} {raised.value.cause} {raised.value.hint}"
        assert "very-secret" not in shown


SIGNED = {
    "a page": as_html("Sign in"),
    "json": Reply(200, [("Content-Type", "application/json")], b'{"message": "no"}'),
    "nothing": Reply(200, [("Content-Type", "application/zip")], b""),
    "other bytes": Reply(200, [("Content-Type", "application/zip")], b"xxxx" * 200),
}


@pytest.mark.parametrize("answer", SIGNED)
@pytest.mark.parametrize("more", ["", ", bytes: '77'"])
def test_a_signed_address_is_not_shown_whatever_storage_answers(
    covcat, direct, shelf, answer: str, more: str
) -> None:
    direct.kaggle.add("some/set", {"a.png": PNG}, version="2")
    direct.faults.answer("storage.googleapis.com", "/", SIGNED[answer], times=FOR_EVER)
    shelf.add("set", KAGGLE.replace("zip}", f"zip{more}}}"))
    ran = covcat("fetch", "set", "--retries", "0", "--json", mirror=None)
    assert ran.code in (4, 5, 7)
    assert "bundle/archive.zip" in ran.out
    assert_secret(ran, direct)


def test_a_mirror_that_would_need_a_login_says_so() -> None:
    login = Login("example.org", {"X": "very-secret"}, at_once=True)

    def handler(request: httpx.Request) -> httpx.Response:
        assert "X" not in request.headers
        return httpx.Response(401, stream=httpx.ByteStream(b""))

    with (
        closing(Web(Network(mirror="https://m.example"), httpx.MockTransport(handler))) as web,
        pytest.raises(ActionNeededError) as raised,
        web.get("https://example.org/a", login=login),
    ):
        pass
    assert "a mirror gets no login" in (raised.value.cause or "")
