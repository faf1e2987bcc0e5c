"""`covcat links` tells what became of each address of the catalog; no file is fetched."""

import json
from collections.abc import Callable, Iterator

import pytest
from makers.archives import zip_of
from makers.releases import Shelf
from makers.runs import Ran
from servers.hosts import FOR_EVER, World
from servers.message import redirect
from servers.server import Answer

from covcat.download.answers import refusal
from covcat.errors import ActionNeededError, CovcatError, GoneError, NetworkError, TransientError
from covcat.hosts.links import Address, Response, Turns, decide, is_elsewhere, status_of

DATA = bytes(range(1, 256)) * 8  # 2,040 bytes
ZIP = zip_of({"a.txt": b"made up"})
COMMIT = "0123456789abcdef0123456789abcdef01234567"
URL = "https://data.example.org/a.bin"
TITLED = "answered with a web page in place of the file (its title is `Sign in`)"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        made.web.page("https://example.org/set")
        yield made
        assert made.leaks == []


Links = Callable[..., Ran]


@pytest.fixture
def links(covcat, world: World) -> Links:
    """Run `covcat links` of the entry `set`, with the imitated hosts as its mirror."""

    def run(*args: str) -> Ran:
        names = [] if args and args[0].startswith(("set", "other")) else ["set"]
        return covcat("links", *names, *args, mirror=world.url)

    return run


def files(*entries: str, id: str = "1") -> str:
    """A release with these files, each as YAML's inner mapping."""
    lines = "".join(f"      - {{{entry}}}\n" for entry in entries)
    return f'  - id: "{id}"\n    source: made up\n    files:\n{lines}'


def releases(*texts: str) -> str:
    return "releases:\n" + "".join(texts)


def add_site(shelf: Shelf, page: str = "https://example.org/set", licence: str = "") -> None:
    """Write an entry that has nothing but pages."""
    shelf.add(
        "set", f"browse: {{pages: [{{url: '{page}', shows: it}}], terms: none, source: made up}}"
    )
    shelf.edit("set", "access: open", "access: browse")
    if licence:
        shelf.edit("set", "spdx: CC-BY-4.0", f"spdx: CC-BY-4.0\n  url: {licence}")


def web_file(url: str = URL, name: str = "a.bin", **keys: object) -> str:
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return f"host: web, url: {url}, name: {name}{more}"


def rows(ran: Ran, kind: str = "") -> list[dict]:
    """The rows of a run with --json, of one kind if it is named."""
    return [row for row in ran.document["data"]["links"] if kind in ("", row["kind"])]


def the_file(ran: Ran) -> dict:
    (row,) = rows(ran, "file")
    return row


# ---- what an answer means: tables --------------------------------------------------------------


def address(kind: str = "file", **more) -> Address:
    found = {"resource": "set", "kind": kind, "url": URL, "bytes": 10, **more}
    return Address(**found)


def part(total: object = 10, head: bytes = b"\x01", **headers: str) -> Response:
    """The answer to a range of one byte."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=206, headers={"content-range": f"bytes 0-0/{total}", **named}, head=head)


def whole(head: bytes = b"\x01", **headers: str) -> Response:
    """The answer of a server that knows no ranges."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=200, headers=named, head=head)


def beyond(total: int) -> Response:
    """The answer to a range that is not there."""
    return Response(status=416, headers={"content-range": f"bytes */{total}"})


LISTED = "the catalog says 10 bytes, it has "
HTML = "text/html; charset=utf-8"
PAGE = b"<!DOCTYPE html><title>Sign in</title>"
ANSWERS = {
    "as pinned": (address(), part(), "ok", ""),
    "size unknown to the catalog": (address(bytes=None), part(), "ok", ""),
    "total not told": (address(), part("*"), "ok", ""),
    "no length": (address(), whole(), "ok", ""),
    "whole of the size": (address(), whole(content_length="10"), "ok", ""),
    "a note stays": (address(note="the first of 3"), part(), "ok", "the first of 3"),
    "of other size": (address(), part(9000), "size changed", f"{LISTED}9,000"),
    "whole of another size": (
        address(by_host=True),
        whole(content_length="9"),
        "size changed",
        "its host lists 10 bytes, it has 9",
    ),
    "empty now": (address(), beyond(0), "size changed", f"{LISTED}0"),
    "refuses this range": (address(), beyond(10), "ok", ""),
    "a page of known title": (address(), whole(PAGE, content_type=HTML), "web page", TITLED),
    "a page that calls itself data": (
        address(unpack="zip"),
        whole(PAGE, content_type="application/zip"),
        "web page",
        TITLED,
    ),
    "the first byte of a page": (
        address(),
        part(99, b"<", content_type=HTML),
        "web page",
        f"answered with a web page ({HTML}) in place of the file",
    ),
    "data called a page": (address(unpack="zip"), part(head=b"P", content_type=HTML), "ok", ""),
    "the first byte of no zip": (
        address(unpack="zip"),
        part(head=b"{"),
        "web page",
        "is not a zip file: it starts with b'{'",
    ),
    "moved, and it comes": (
        address(),
        Response(status=206, headers={}, head=b"\x01", moved_to="https://new.example.org/a.bin"),
        "ok",
        "redirects for good to https://new.example.org/a.bin",
    ),
    "a page": (address("homepage"), whole(content_type=HTML), "ok", ""),
    "a page that moved": (
        address("page"),
        Response(status=200, headers={}, moved_to="https://new.example.org/?token=abc"),
        "moved",
        "it is at https://new.example.org/ now",
    ),
}


@pytest.mark.parametrize(("asked", "heard", "status", "detail"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_means_what_the_table_says(asked, heard, status, detail) -> None:
    link = decide(asked, heard)
    assert (link.status, link.detail) == (status, detail)


ERRORS = {
    "gone": (404, {}, b"", "gone"),
    "gone for ever": (410, {}, b"<title>Gone</title>", "gone"),
    "login": (401, {}, b"", "refused"),
    "refused": (403, {}, b"", "refused"),
    "legal": (451, {}, b"", "refused"),
    "challenge": (403, {"cf-mitigated": "challenge"}, b"", "refused"),
    "challenge with 202": (202, {"x-amzn-waf-action": "challenge"}, b"", "refused"),
    "limit": (429, {}, b"", "no answer"),
    "limit with 403": (403, {"x-ratelimit-remaining": "0"}, b"", "no answer"),
    "expired": (403, {}, b"<Error><Message>Request has expired</Message></Error>", "no answer"),
    "broken": (500, {}, b"the page is gone (HTTP 404)", "no answer"),
    "odd": (418, {}, b"", "no answer"),
}


@pytest.mark.parametrize(("status", "headers", "body", "word"), ERRORS.values(), ids=ERRORS)
def test_a_refusal_is_a_status(status: int, headers, body: bytes, word: str) -> None:
    assert status_of(refusal(URL, status, headers, body)) == word


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (GoneError("Zenodo's record 1 has no file `a`"), "gone"),
        (GoneError("the release 1 of a/b has no asset `a`"), "gone"),
        (NetworkError("the certificate of `a` cannot be trusted"), "no answer"),
        (TransientError("no whole answer from `a`"), "no answer"),
        (ActionNeededError("the proxy asks for a login"), "refused"),
    ],
)
def test_other_errors_are_statuses_too(error: CovcatError, word: str) -> None:
    assert status_of(error) == word


@pytest.mark.parametrize(
    ("url", "target", "elsewhere"),
    [
        ("http://a.org", "https://a.org/", False),
        ("https://a.org/x?q=1", "https://a.org/x?lang=en&q=1", False),
        ("https://A.org/x", "https://a.org/x", False),
        ("https://a.org/x", "https://a.org/y", True),
        ("https://a.org/x", "https://www.a.org/x", True),
    ],
)
def test_a_page_moves_to_another_host_or_path(url: str, target: str, elsewhere: bool) -> None:
    assert is_elsewhere(url, target) is elsewhere


def test_a_host_is_asked_once_in_a_while_and_others_meanwhile() -> None:
    clock, waits = [100.0], []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    turns = Turns(1, wait, lambda: clock[0])
    for host in ("a", "b", "a", "a"):
        turns.take(host)
    clock[0] += 5
    turns.take("a")
    assert waits == [1, 1]


# ---- every host --------------------------------------------------------------------------------


def every_host(world: World) -> str:
    """Fill each host with one file or set, and return the release that names them all."""
    world.zenodo.add("7", {"a.bin": DATA})
    world.figshare.add("8", files={"81": ("a.bin", DATA)})
    whole_set = {f"x/{number}.bin": DATA for number in range(30)}
    mendeley = world.mendeley.add("abcdef1234", whole_set)["x/0.bin"]
    world.dataverse.add("10.7910/DVN/1", {f"{number}.bin": DATA for number in range(30)})
    world.kaggle.add("made/up", {"a.csv": b"a,b\n"})
    world.s3.add("bucket", "us-west-2", "a.bin", DATA)
    tree = world.github.add("test/set", COMMIT, {"a.txt": b"a"}, tag="v1")
    world.github.release("test/set", "v1", {"a.zip": ZIP})
    world.web.add(URL, DATA)
    return releases(
        files(
            "host: zenodo, record: '7', name: a.bin",
            "host: figshare, article: '8', version: '1', file: '81', name: b.bin",
            "host: mendeley, dataset: abcdef1234, version: '1', into: m/",
            f"host: mendeley, dataset: abcdef1234, version: '1', file: {mendeley}",
            "host: dataverse, server: 'https://dataverse.harvard.edu', doi: 10.7910/DVN/1, into: d/",
            "host: kaggle, dataset: made/up, unpack: zip, into: k/",
            "host: s3, bucket: bucket, region: us-west-2, key: a.bin, name: s.bin",
            f"host: github, repository: test/set, commit: {COMMIT}, tree: {tree}, unpack: zip, into: g/",
            "host: github, repository: test/set, tag: v1, asset: a.zip, unpack: zip, into: h/",
            web_file(name="w.bin", bytes=len(DATA)),
        )
    )


def test_every_host_is_asked_for_one_byte_of_each_file_and_of_a_set_for_the_first(
    links, shelf, world
) -> None:
    shelf.add("set", every_host(world))
    ran = links("--json")
    assert ran.code == 0, ran.out
    found = rows(ran)
    assert [row["kind"] for row in found] == ["homepage"] + ["file"] * 10
    assert {row["status"] for row in found} == {"ok"}
    of_sets = [row["detail"] for row in found if row["detail"]]
    assert of_sets == ["the first of 30 that its host lists"] * 2
    sizes = [row["bytes"] for row in rows(ran, "file")]
    assert sizes[:5] == [len(DATA)] * 5
    assert sizes[7] is None  # codeload never says
    asked_of_files = [one for one in world.requests if "range" in one.headers]
    assert {one.headers["range"] for one in asked_of_files} == {"bytes=0-0"}
    assert {one.method for one in world.requests} == {"GET"}
    assert len(world.asked("dataverse.harvard.edu", "/api/access")) == 1
    assert len(world.asked("data.mendeley.com", "/public-files")) == 1  # its set's first, once


NO_UUID = "00000000-0000-4000-8000-000000000000"
LOST = {
    "host: zenodo, record: '7', name: none": "Zenodo's record 7 has no file `none`",
    "host: zenodo, record: '9', name: a.bin": (
        "`https://zenodo.org/api/records/9` is gone (HTTP 410) (Record deleted)"
    ),
    "host: figshare, article: '8', version: '1', file: '80', name: c": (
        "figshare's article 8, version 1, has no file 80"
    ),
    f"host: mendeley, dataset: abcdef1234, version: '1', file: {NO_UUID}": (
        f"Mendeley's data set abcdef1234, version 1, has no file {NO_UUID}"
    ),
    "host: dataverse, server: 'https://dataverse.harvard.edu', doi: 10.7910/DVN/1, file: '3'": (
        "the data set 10.7910/DVN/1 has no file 3"
    ),
    "host: dataverse, server: 'https://dataverse.harvard.edu', doi: 10.7910/DVN/2": (
        "lists no files"
    ),
    "host: github, repository: test/set, tag: v1, asset: none.zip": (
        "the release v1 of test/set has no asset `none.zip`"
    ),
}


@pytest.mark.parametrize(("entry", "detail"), LOST.items(), ids=range(len(LOST)))
def test_what_a_host_no_longer_lists_is_gone(links, shelf, world, entry: str, detail: str) -> None:
    every_host(world)
    world.zenodo.add("9", {"a.bin": DATA})
    world.zenodo.remove("9")
    world.dataverse.add("10.7910/DVN/2", {})
    shelf.add("set", releases(files(entry, web_file(name="w.bin"))))
    ran = links("--json")
    assert ran.code == 5
    lost, good = rows(ran, "file")
    assert (lost["status"], good["status"]) == ("gone", "ok")
    assert lost["detail"].replace(world.url + "/", "https://") == detail
    assert lost["url"].startswith("https://")  # where a person may look


def test_an_api_that_does_not_answer_stops_nothing_and_mirrors_are_asked_still(
    links, shelf, world
) -> None:
    mirror = "https://mirror.example.org/a.bin"
    world.web.add(mirror, DATA)
    world.zenodo.add("7", {"a.bin": DATA})
    world.faults.answer("zenodo.org", "/api", 503, times=FOR_EVER)
    shelf.add(
        "set", releases(files(f"host: zenodo, record: '7', name: a.bin, mirrors: ['{mirror}']"))
    )
    ran = links("--json")
    assert ran.code == 0
    assert [row["status"] for row in rows(ran)] == ["ok", "no answer", "ok"]
    assert len(world.asked("zenodo.org", "/api")) == 2  # and once more


# ---- files -------------------------------------------------------------------------------------


def test_a_changed_size_fails_after_all_rows_and_names_each(links, shelf, world) -> None:
    mirror = "https://mirror.example.org/a.bin"
    world.web.add(URL, DATA)
    world.web.add(mirror, DATA[:-1])
    shelf.add("set", releases(files(web_file(bytes=len(DATA), mirrors=f"['{mirror}']"))))
    ran = links()
    assert ran.code == 5
    assert [line.split("\t")[2:5] for line in ran.out.splitlines()] == [
        ["kind", "url", "status"],
        ["homepage", "https://example.org/set", "ok"],
        ["file", URL, "ok"],
        ["mirror", mirror, "size changed"],
    ]
    assert "addresses: 2 ok, 1 size changed\n" in ran.err
    assert "error: 1 of 3 addresses no longer lead where they should\n" in ran.err
    said = "the catalog says 2,040 bytes, it has 2,039"
    assert f"  set@1: mirror {mirror}: size changed: {said}\n" in ran.err


def test_a_failure_is_one_json_document_with_all_rows(links, shelf, world) -> None:
    world.web.login(URL)
    shelf.add("set", releases(files(web_file(unpack="zip"))))
    for ran in (links("--json"), links("--format", "json")):
        assert ran.code == 5
        assert ran.document["schema"] == "covcat.links/1"
        assert [row["status"] for row in rows(ran)] == ["ok", "web page"]
        assert ran.document["error"]["details"] == [f"set@1: file {URL}: web page: {TITLED}"]


def test_what_is_refused_or_does_not_answer_fails_nothing(links, shelf, world) -> None:
    closed, silent = "https://closed.example.org/a", "https://silent.example.org/a"
    world.web.challenge(closed)
    world.faults.drop("silent.example.org", times=FOR_EVER)
    shelf.add("set", releases(files(web_file(closed), web_file(silent, "b.bin"))))
    ran = links("--json")
    assert ran.code == 0
    refused, unheard = rows(ran, "file")
    assert refused["status"] == "refused"
    assert refused["detail"].startswith("wants a person: a challenge")
    assert unheard["status"] == "no answer"
    assert len(world.asked("silent.example.org")) == 2


def test_a_passing_fault_is_asked_again_once(links, shelf, world) -> None:
    world.web.add(URL, DATA)
    world.faults.answer("data.example.org", "/", 503)
    shelf.add("set", releases(files(web_file())))
    ran = links("--json")
    assert the_file(ran)["status"] == "ok"
    assert "trying once more" in ran.err
    assert len(world.asked("data.example.org")) == 2


def test_a_host_that_asks_for_a_long_pause_is_left_alone(links, shelf, world) -> None:
    world.faults.answer("zenodo.org", "/api", world.zenodo.too_many(wait=600), times=FOR_EVER)
    shelf.add("set", releases(files("host: zenodo, record: '7', name: a.bin")))
    assert the_file(links("--json"))["status"] == "no answer"
    assert len(world.asked("zenodo.org")) == 1


def test_a_signed_redirect_is_no_move(links, shelf, world) -> None:
    target = "https://storage.example.org/a.bin?X-Amz-Signature=abc"
    world.web.add(target, DATA)
    world.web.moved(URL, target, 302)
    shelf.add("set", releases(files(web_file())))
    row = the_file(links("--json"))
    assert (row["status"], row["detail"], row["url"]) == ("ok", "", URL)


# ---- pages -------------------------------------------------------------------------------------

OLD, NEW = "https://example.org/set", "https://new.example.org/sets"
HOP, LOGIN = "https://a.org/1", "https://login.example.org/"
MOVES = {
    "for good": ([(OLD, NEW, 301)], "moved"),
    "for good, with 308": ([(OLD, NEW, 308)], "moved"),
    "for now": ([(OLD, NEW, 302)], "ok"),
    "for now, then for good": ([(OLD, HOP, 307), (HOP, NEW, 301)], "ok"),
    "for good, then for now": ([(OLD, NEW, 301), (NEW, LOGIN, 302)], "moved"),
    "for good, twice": ([(OLD, HOP, 301), (HOP, NEW, 308)], "moved"),
}


@pytest.mark.parametrize(("hops", "status"), MOVES.values(), ids=MOVES)
def test_a_page_moved_where_its_first_redirects_are_for_good(
    links, shelf, world, hops, status: str
) -> None:
    world.web.page(NEW)
    world.web.page(LOGIN)
    for url, target, code in hops:
        world.web.answer(url, redirect(target, code))
    add_site(shelf)
    ran = links("--json")
    row, page = rows(ran)
    assert (ran.code, row["status"], page["status"]) == (0, status, status)
    assert row["detail"] == ("" if status == "ok" else f"it is at {NEW} now")


def test_pages_are_asked_plainly_and_a_lost_one_fails(links, shelf, world) -> None:
    licence, page = "http://example.org/licence", "https://example.org/browse?q=covid"
    world.web.gone(licence)
    world.web.page(page)
    add_site(shelf, page, licence)
    ran = links("--json")
    assert ran.code == 5
    assert [(row["kind"], row["url"], row["status"]) for row in rows(ran)] == [
        ("homepage", "https://example.org/set", "ok"),
        ("licence", licence, "gone"),
        ("page", page, "ok"),
    ]
    assert [one for one in world.requests if "range" in one.headers] == []


# ---- the command -------------------------------------------------------------------------------


def test_offline_asks_nothing(links, shelf, world) -> None:
    shelf.add("set", releases(files(web_file())))
    ran = links("--offline")
    assert (ran.code, ran.out) == (4, "")
    assert "error: no address was asked for, because --offline is set\n" in ran.err
    assert world.requests == []


def test_a_release_is_asked_for_alone_a_resource_with_all_of_its_releases(
    links, shelf, world
) -> None:
    entries = {"1": "https://data.example.org/one", "2": "https://data.example.org/two"}
    for url in entries.values():
        world.web.add(url, DATA)
    shelf.add("set", releases(*(files(web_file(url), id=id) for id, url in entries.items())))
    assert [row["release"] for row in rows(links("set@1", "--json"))] == [None, "1"]
    assert [row["release"] for row in rows(links("set", "--json"))] == [None, "1", "2"]
    both = links("set@2", "set", "set@1", "--json")
    assert [row["release"] for row in rows(both)] == [None, "2", "1"]
    assert links("set@3").code == 3


def test_an_address_that_is_named_twice_is_asked_once(links, shelf, world) -> None:
    world.web.add(URL, DATA)
    entry = web_file(bytes=len(DATA))
    shelf.add("set", releases(files(entry, id="1"), files(entry, id="2")))
    shelf.add("other", releases(files(web_file(bytes=7))))
    world.web.page("https://example.org/other")
    ran = links("set", "other", "--json")
    assert [row["status"] for row in rows(ran, "file")] == ["ok", "ok", "size changed"]
    assert len(world.asked("data.example.org")) == 1


def test_without_a_name_the_whole_catalog_is_asked_and_what_covcat_brings_is_not(
    covcat, shelf, world
) -> None:
    add_site(shelf)
    ran = covcat("links", "--json", mirror=world.url)
    assert ran.code == 5  # nothing else is there
    found = rows(ran)
    assert {row["resource"] for row in found} > {"cohen", "sample", "set", "radiopaedia"}
    assert not [row for row in found if row["url"].startswith("bundled:")]
    assert [row["status"] for row in found if row["resource"] == "set"] == ["ok", "ok"]


def test_results_are_on_stdout_in_the_format_asked_for_and_talk_on_stderr(
    links, shelf, world
) -> None:
    world.web.add(URL, DATA, etag='"a"', modified=None)
    shelf.add("set", releases(files(web_file())))
    ran = links()
    assert ran.code == 0
    header, _, row = ran.out.splitlines()
    assert header == "resource\trelease\tkind\turl\tstatus\tdetail\tbytes\tetag\tlast_modified"
    assert row == f'set\t1\tfile\t{URL}\tok\t\t2040\t"a"\t'
    assert ran.err == "set: asking for its addresses\naddresses: 2 ok\n"
    table = links("--format", "table").out.splitlines()
    assert table[0].split() == ["id", "kind", "status", "url", "detail"]
    assert [row.split()[0] for row in table[1:]] == ["set", "set@1"]
    quiet = links("-q")
    assert (quiet.out, quiet.err) == (f"https://example.org/set\n{URL}\n", "")


def test_what_a_server_says_is_escaped(links, shelf, world) -> None:
    world.web.page(URL, title="\x1b[31mSign in")
    shelf.add("set", releases(files(web_file(unpack="zip"))))
    ran = links()
    assert "\x1b" not in ran.out + ran.err
    assert r"\x1b[31mSign in" in ran.out
    assert json.loads(links("--json").out)["ok"] is False


def test_redirects_wait_for_their_hosts_turn_too(shelf, covcat, server, monkeypatch) -> None:
    turns: list[str] = []
    monkeypatch.setattr(Turns, "take", lambda self, host: turns.append(host))
    shelf.add("set", releases(files(web_file())))
    server.serve("/example.org/set", Answer(b"<html>"))
    there = {"Location": "https://storage.example.org/a.bin"}
    server.serve("/data.example.org/a.bin", Answer(b"", 302, there))
    server.serve("/storage.example.org/a.bin", Answer(DATA))
    assert covcat("links", "set").code == 0
    assert turns == ["example.org", "data.example.org", "storage.example.org"]
