"""Hosts that answer what no host should: covcat says so in a sentence, and always comes to an end."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hosts.test_host_answers import DATA, ZENODO, entry
from makers.archives import COMMIT
from makers.releases import git_rows
from makers.said import check_said
from servers.hosts import FOR_EVER
from servers.message import Reply, as_json, sha256

from covcat.download import api, http
from covcat.download.remote import Network
from covcat.errors import NetworkError
from covcat.hosts.trees import Tree, read_pages

DOI = "doi:10.7910/DVN/TEST"
DATAVERSE = 'host: dataverse, server: "https://dataverse.harvard.edu", doi: 10.7910/DVN/TEST'
LISTED = "https://dataverse.harvard.edu/api/datasets/:persistentId/versions/:latest-published/files"
FIGSHARE = "host: figshare, article: '5', version: '2', file: '100', name: f.png"
ARTICLE = "https://api.figshare.com/v2/articles/5/versions/2/files"
MENDELEY = "host: mendeley, dataset: abcdefghij, version: '1'"
FOLDERS = "https://data.mendeley.com/public-api/datasets/abcdefghij/folders/1"
FILES = "https://data.mendeley.com/public-api/datasets/abcdefghij/files"
RECORD = "https://zenodo.org/api/records/11"
GITHUB = f"host: github, repository: some/set, commit: {COMMIT}, tree: {'a' * 40}, unpack: zip"
BRANCH = "host: github, repository: some/set, branch: main, unpack: zip"
TREE = f"https://api.github.com/repos/some/set/git/trees/{COMMIT}"
BLOB = git_rows({"a": DATA})[0].blob


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


@pytest.fixture
def refused(covcat, world, shelf) -> Callable[..., None]:
    """A fetch of an entry that fails, says why, and leaves nothing under the set's name."""

    def run(line: str, code: int, said: str, *options: str) -> None:
        entry(shelf, line)
        check_said(covcat("fetch", "set", "--retries", "0", *options, mirror=world.url), code, said)
        assert not Path("covcat-data/set").exists()

    return run


# ---- lists -------------------------------------------------------------------------------------


def rows_of_dataverse(count: int, start: int = 0) -> list[object]:
    return [
        {"label": f"f{n}", "dataFile": {"id": n, "filesize": 5}}
        for n in range(start, start + count)
    ]


ENDLESS = {
    "dataverse": (DATAVERSE, LISTED, {"data": rows_of_dataverse(300), "totalCount": 10**12}),
    "dataverse, no total": (DATAVERSE, LISTED, {"data": rows_of_dataverse(300)}),
    "dataverse, one row": (DATAVERSE, LISTED, {"data": rows_of_dataverse(1), "totalCount": 500}),
    "figshare": (FIGSHARE, ARTICLE, [{"id": 1000 + n} for n in range(1000)]),
    "mendeley": (MENDELEY, FILES, [{"id": uuid(n), "filename": f"{n}"} for n in range(1000)]),
}


@pytest.mark.parametrize("host", ENDLESS)
def test_a_page_that_comes_again_and_again_is_an_error(refused, world, host) -> None:
    line, url, page = ENDLESS[host]
    world.web.answer(FOLDERS, as_json([]))
    world.web.answer(url, as_json(page))
    refused(line, 4, "lists the same files again and again")
    assert len(world.requests) <= 3


def test_pages_of_new_rows_end_as_well() -> None:
    def ask(number: int, before: int) -> tuple[list[Tree], bool]:
        return [Tree({"id": number})], False

    with pytest.raises(NetworkError, match="the set lists files without end"):
        read_pages("the set", 500_000, ask, "id")


def test_a_list_that_is_shorter_than_it_says_is_not_whole(refused, world) -> None:
    def answer(request):
        rows = rows_of_dataverse(2) if request.query["offset"] == "0" else []
        return as_json({"data": rows, "totalCount": 5})

    world.web.answer(LISTED, answer)
    refused(DATAVERSE, 4, "lists 2 of its 5 files")


def test_a_list_that_fills_its_last_page_is_whole(covcat, world, shelf) -> None:
    rows = [{"id": n, "name": f"{n}.png", "size": len(DATA)} for n in range(100, 1100)]

    def answer(request):
        return as_json(rows if request.query["page"] == "1" else [])

    world.web.answer(ARTICLE, answer)
    world.web.add("https://ndownloader.figshare.com/files/100", DATA)
    entry(shelf, FIGSHARE)
    assert covcat("fetch", "set", mirror=world.url).code == 0


def test_a_set_without_files_is_said_to_have_none(refused, world) -> None:
    world.dataverse.add(DOI, {})
    refused(DATAVERSE, 4, "`https://doi.org/10.7910/DVN/TEST` lists no files")


# ---- ids, names, digests -----------------------------------------------------------------------

ODD = ["\ud800", "é\x01", "a b", "../..", "#", "?x=1&", "", "é" * 70_000]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("host", ["dataverse", "mendeley", "folder", "commit", "tree"])
def test_what_becomes_part_of_an_address_is_looked_at(refused, world, host, odd) -> None:
    world.web.answer(LISTED, as_json({"data": [{"label": "a", "dataFile": {"id": odd}}]}))
    world.web.answer(FOLDERS, as_json([{"id": odd, "name": "a"}] if host == "folder" else []))
    world.web.answer(FILES, as_json([{"id": odd, "filename": "a"}] if host == "mendeley" else []))
    world.web.answer("https://api.github.com/repos/some/set/commits/main", as_json({"sha": odd}))
    row = {"path": "d", "mode": "040000", "type": "tree", "sha": odd}
    world.web.answer(TREE, as_json({"tree": [row], "truncated": True}))
    lines = {"dataverse": DATAVERSE, "commit": BRANCH, "tree": GITHUB}
    by_file = ["--by-file"] if host in ("commit", "tree") else []
    refused(lines.get(host, MENDELEY), 4, "answered in a shape that covcat does not know", *by_file)


@pytest.mark.parametrize(
    "name", ["a//b", "./a", "a/.", "a/./b", "/a", "\ud800", "a/" * 5_000 + "b"]
)
@pytest.mark.parametrize("host", ["dataverse", "mendeley", "github"])
def test_a_path_is_refused_and_not_mended(refused, world, host, name) -> None:
    world.web.answer(LISTED, as_json({"data": [{"label": name, "dataFile": {"id": 1}}]}))
    world.web.answer(FOLDERS, as_json([]))
    world.web.answer(FILES, as_json([{"id": uuid(1), "filename": name}]))
    row = {"path": name, "mode": "100644", "type": "blob", "sha": BLOB, "size": 5}
    world.web.answer(TREE, as_json({"tree": [row]}))
    by_file = ["--by-file"] if host == "github" else []
    refused(
        {"dataverse": DATAVERSE, "mendeley": MENDELEY, "github": GITHUB}[host],
        5,
        f"{host} lists the file",
        *by_file,
    )


@pytest.mark.parametrize("digest", ["zz" * 20, "abc", 5, "A" * 40])
def test_a_git_id_is_one(refused, world, digest: object) -> None:
    row = {"path": "a", "mode": "100644", "type": "blob", "sha": digest, "size": 5}
    world.web.answer(TREE, as_json({"tree": [row]}))
    refused(GITHUB, 4, "`sha` is", "--by-file")


@pytest.mark.parametrize("digest", ["a" * 31, "z" * 32, "a" * 64, "\ud800" * 32, 5, ["x"]])
@pytest.mark.parametrize("host", ["dataverse", "figshare", "zenodo", "mendeley"])
def test_a_digest_that_is_none_is_no_reason_to_trust(refused, world, host, digest) -> None:
    if host in ("zenodo", "mendeley"):
        digest = str(digest).replace("a" * 64, "a" * 65)
    checksum = {"type": "MD5", "value": digest}
    row = {"label": "a.png", "dataFile": {"id": 1, "checksum": checksum}}
    world.web.answer(LISTED, as_json({"data": [row]}))
    world.web.answer(ARTICLE, as_json([{"id": 100, "name": "a.png", "computed_md5": digest}]))
    world.web.answer(RECORD, as_json({"files": [{"key": "a.png", "checksum": f"md5:{digest}"}]}))
    world.web.answer(FOLDERS, as_json([]))
    row = {"id": uuid(1), "filename": "a.png", "content_details": {"sha256_hash": digest}}
    world.web.answer(FILES, as_json([row]))
    lines = {"dataverse": DATAVERSE, "figshare": FIGSHARE, "zenodo": ZENODO, "mendeley": MENDELEY}
    refused(lines[host], 5, "of `a.png` is none: expected")


def test_a_digest_of_an_unknown_kind_is_as_good_as_none(covcat, world, shelf) -> None:
    row = {"key": "a.png", "checksum": "etag:abc"}
    world.web.answer(RECORD, as_json({"files": [row]}))
    world.web.add(f"{RECORD}/files/a.png/content", DATA)
    entry(shelf, ZENODO)
    assert covcat("fetch", "set", mirror=world.url).code == 0


# ---- trees -------------------------------------------------------------------------------------


def folder(sha: str, path: str = "d") -> dict[str, object]:
    return {"path": path, "mode": "040000", "type": "tree", "sha": sha}


@pytest.mark.parametrize("count", [1, 2])
def test_a_tree_within_itself_is_not_walked_for_ever(refused, world, count: int) -> None:
    rows = [folder(COMMIT, f"d{n}") for n in range(count)]
    world.web.answer(TREE, as_json({"tree": rows, "truncated": True}))
    refused(GITHUB, 4, "of some/set within itself", "--by-file")


def test_a_tree_without_end_is_not_walked_for_ever(refused, world) -> None:
    def answer(request):
        depth = int(request.parts[-1][:8], 16) + 1
        return as_json({"tree": [folder(f"{depth:08x}" + "0" * 32)], "truncated": True})

    world.web.answer(TREE, as_json({"tree": [folder("0" * 40)], "truncated": True}))
    for depth in range(70):
        sha = f"{depth:08x}" + "0" * 32
        world.web.answer(f"https://api.github.com/repos/some/set/git/trees/{sha}", answer)
    refused(GITHUB, 4, "without end", "--by-file")
    assert len(world.requests) < 70


# ---- bodies ------------------------------------------------------------------------------------


def test_an_api_that_drips_is_given_up(refused, world) -> None:
    world.zenodo.add("11", {"a.png": DATA})
    world.faults.drip("zenodo.org", "/api/records/11", piece=1, pause=0.1, times=FOR_EVER)
    refused(ZENODO, 4, "stalled", "--slow", "1000/1")


def test_a_refusal_that_drips_is_heard_for_a_while(refused, world, monkeypatch) -> None:
    monkeypatch.setattr(http, "_SAYING", 0.3)
    reply = Reply(404, [], b"x" * 4000, piece=1, pause=0.1)
    world.web.answer(f"{RECORD}/files/a.png/content", reply)
    refused(f"{ZENODO}, sha256: {'a' * 64}", 4, "is gone (HTTP 404)")


def test_an_api_that_tells_too_much_is_not_heard_out(refused, world, monkeypatch) -> None:
    assert api._MOST == 32 << 20
    monkeypatch.setattr(api, "_MOST", 1000)
    world.web.answer(RECORD, as_json({"files": [], "more": "x" * 2000}))
    refused(ZENODO, 4, "goes on beyond 1,000 bytes")


# ---- Git LFS -----------------------------------------------------------------------------------

BATCH = "https://github.com/some/set.git/info/lfs/objects/batch"


def lfs(direct, shelf, href: str, header: object = None) -> None:
    """Let the batch API give this address for the file `a.bin`."""
    direct.github.add("some/set", COMMIT, {"a.bin": DATA}, lfs={"a.bin"}, branch="main")
    tree = direct.github.commit("some/set", COMMIT).trees[""]
    entry(shelf, GITHUB.replace("a" * 40, tree))
    action = {"href": href, "header": {} if header is None else header}
    one = {"oid": sha256(DATA), "size": len(DATA), "actions": {"download": action}}
    direct.web.answer(BATCH, as_json({"objects": [one]}, kind="application/vnd.git-lfs+json"))
    direct.web.add("https://store.example/x", DATA)


@pytest.mark.parametrize(
    "href",
    [
        "http://store.example/x",
        "https://[oops",
        "https://st\u2100re/x",
        "https://user:very-secret@store.example/x",
        "https:///x",
        "https://store.example/\x01",
        "https://store.example/é",
        "https://store.example/\ud800",
        "https://ü..example/x",
        "https://store.example:99999/x",
        "https://store.example:0/x",
        "https://store.example:abc/x",
        "https://store.example/a b",
    ],
)
def test_an_odd_address_of_git_lfs_is_refused(covcat, direct, shelf, href: str) -> None:
    lfs(direct, shelf, href)
    ran = covcat("fetch", "set", "--retries", "0", mirror=None)
    check_said(ran, 4, "error: `a.bin`: Git LFS names ")
    assert "very-secret" not in ran.err + ran.out


@pytest.mark.parametrize(
    "header",
    [
        {"X": "é very-secret"},
        {"X": "a\r\nvery-secret: b"},
        {"X": "\ud800"},
        {"a b": "very-secret"},
        {"": "x"},
        {"X": None},
    ],
)
def test_a_header_of_git_lfs_that_cannot_be_sent_is_refused(covcat, direct, shelf, header) -> None:
    lfs(direct, shelf, "https://store.example/x", header)
    ran = covcat("fetch", "set", "--retries", "0", mirror=None)
    check_said(ran, 4, "Git LFS names a header that cannot be sent")
    assert "very-secret" not in ran.err + ran.out


OURS = (
    *("Host", "Range", "If-Range", "Accept-Encoding"),
    *("Content-Length", "Transfer-Encoding", "Connection"),
)


@pytest.mark.parametrize("name", OURS)
def test_headers_that_are_covcats_own_are_not_taken_from_git_lfs(
    covcat, direct, shelf, name: str
) -> None:
    lfs(direct, shelf, "https://store.example/x", {name: "bytes=0-3", "X-Own": "yes"})
    check_said(covcat("fetch", "set", "--retries", "0", mirror=None), 0)
    (asked,) = direct.asked("store.example")
    assert asked.headers["x-own"] == "yes"
    assert asked.headers.get(name.lower()) != "bytes=0-3"


# ---- addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://[oops/x",
        "https://st\u2100re/x",
        "https:///x",
        "https://a.example:99999/x",
        "https://\ud800.example/é",
        "https://a.example/é\x01",
        "https://a.example/" + "é" * 70_000,
        "ftp://a.example/x",
        "https://ü..example/x",
    ],
)
@pytest.mark.parametrize("mirror", [None, "http://127.0.0.1:9"])
def test_what_is_no_address_is_said_to_be_none(url: str, mirror: str | None) -> None:
    client = http.Web(Network(mirror=mirror))
    with pytest.raises(NetworkError, match="is not a web address"), client.get(url):
        pass
    client.close()
