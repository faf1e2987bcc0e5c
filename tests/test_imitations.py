"""The imitated hosts answer as the real ones did; none of this needs covcat's network."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers.hosts import World

from covcat.digests import tree_id

RECORDED = Path(__file__).parents[2] / "shared/reference/host-responses"
with_records = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers are not beside this"
)
DATA = bytes(range(256)) * 8
DOI = "10.7910/DVN/6ACUZI"
KEY = "0badcafe-0000-4000-8000-000000000001"
HARVARD = "https://dataverse.harvard.edu/api"
VERSIONS = f"{HARVARD}/datasets/:persistentId/versions"
ZENODO = "https://zenodo.org/api/records"
FIGSHARE = "https://api.figshare.com/v2/articles"
MENDELEY = "https://data.mendeley.com/public-api/datasets"
KAGGLE = "https://www.kaggle.com/api/v1/datasets"
GITHUB = "https://api.github.com/repos/owner/name"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"README.md": b"# made up\n", "images/a.png": DATA, "images/deep/b c.png": b"b"}


@pytest.fixture
def web(world: World) -> Iterator[httpx.Client]:
    """A client that reaches every host, and follows no redirect."""
    agent = {"User-Agent": "covcat/0"}
    with httpx.Client(transport=world.transport(), headers=agent, trust_env=False) as client:
        yield client


def followed(web: httpx.Client, url: str, **more: object) -> httpx.Response:
    """Ask, and ask where that redirects to, with nothing but the client's own headers."""
    first = web.get(url, **more)
    assert first.status_code in (302, 303), first.text
    return web.get(first.headers["location"])


def codes(*answers: httpx.Response) -> list[int]:
    return [answer.status_code for answer in answers]


# ---- what was recorded of the real ones --------------------------------------------------------


def unlike(made: Any, real: Any, place: str = "") -> list[str]:
    """Say where an answer has what the recorded one has not, or has it of another type."""
    if isinstance(made, dict) and isinstance(real, dict):
        strange = [f"{place}.{key}" for key in made.keys() - real.keys()]
        return strange + [
            one for key in made.keys() & real.keys() for one in unlike(made[key], real[key], key)
        ]
    if isinstance(made, list) and isinstance(real, list):
        whole = real[0] if real else {}  # of rows with more keys than others, all keys
        if isinstance(whole, dict):
            whole = {key: value for row in reversed(real) for key, value in row.items()}
        return [one for row in made for one in unlike(row, whole, f"{place}[]")] if real else []
    is_alike = type(made) is type(real) or None in (made, real)
    return [] if is_alike else [f"{place}: {type(made).__name__}, not {type(real).__name__}"]


def fill(world: World) -> None:
    """Put something at every host."""
    world.dataverse.add(DOI, {"P001.rar": DATA, "b.txt": b"b"})
    world.zenodo.add("3757476", {"Lung Mask.zip": DATA})
    world.zenodo.add("5", {"a": b"a"})
    world.zenodo.remove("5")
    world.figshare.add("1", files={"6": ("a.bin", DATA)})
    world.mendeley.add("2fxz4px6d8", files={"top.txt": b"t", "train/COVID/b.png": DATA})
    world.kaggle.add("o/s", files={"a": DATA})
    world.github.add("owner/name", COMMIT, {**FILES, "big.bin": DATA}, lfs={"big.bin"})
    world.github.release("owner/name", "v1", {"a.zip": DATA})


@with_records
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("dataverse-version", f"{VERSIONS}/1.0?persistentId=doi:{DOI}"),
        ("dataverse-version-files", f"{VERSIONS}/1.0/files?persistentId=doi:{DOI}"),
        ("dataverse-error-404", f"{VERSIONS}/1.0/files?persistentId=doi:10.7910/DVN/NOPE"),
        ("zenodo-record", f"{ZENODO}/3757476"),
        ("zenodo-files", f"{ZENODO}/3757476/files"),
        ("zenodo-error-404", f"{ZENODO}/9"),
        ("zenodo-error-410", f"{ZENODO}/5"),
        ("figshare-article", f"{FIGSHARE}/1"),
        ("figshare-article-files", f"{FIGSHARE}/1/files"),
        ("figshare-error-404", f"{FIGSHARE}/2"),
        ("mendeley-dataset", f"{MENDELEY}/2fxz4px6d8"),
        ("mendeley-files", f"{MENDELEY}/2fxz4px6d8/files?folder_id=root&version=1"),
        ("mendeley-folders", f"{MENDELEY}/2fxz4px6d8/folders/1"),
        ("mendeley-error-400", f"{MENDELEY}/2fxz4px6d8/files?version=1"),
        ("mendeley-error-404", f"{MENDELEY}/zzzzzzzzzz"),
        ("kaggle-rpc-get-dataset", f"{KAGGLE}/view/o/s"),
        ("kaggle-error-404", f"{KAGGLE}/view/o/none"),
        ("github-commit", f"{GITHUB}/commits/master"),
        ("github-git-trees", f"{GITHUB}/git/trees/{COMMIT}?recursive=1"),
        ("github-release-by-tag", f"{GITHUB}/releases/tags/v1"),
        ("github-error-404", f"{GITHUB}/git/trees/{'0' * 40}"),
    ],
)
def test_answers_have_the_shape_that_was_recorded(world, web, name: str, url: str) -> None:
    fill(world)
    answer = web.get(url)
    real = json.loads((RECORDED / f"{name}.json").read_text())
    assert unlike(answer.json(), real) == []
    index = json.loads((RECORDED / "index.json").read_text())
    assert [answer.status_code] == [row["status"] for row in index if row["file"] == f"{name}.json"]


@with_records
def test_lfs_answers_have_the_shape_that_was_recorded(world, web) -> None:
    fill(world)
    asked = {"operation": "download", "objects": [{"oid": hashlib.sha256(DATA).hexdigest()}]}
    answer = web.post("https://github.com/owner/name.git/info/lfs/objects/batch", json=asked)
    real = json.loads((RECORDED / "github-lfs-batch.json").read_text())
    download = answer.json()["objects"][0]["actions"]["download"]
    assert set(download) - {"header"} <= set(real["objects"][0]["actions"]["download"])
    assert web.get(download["href"]).status_code == 403
    assert web.get(download["href"], headers=download["header"]).content == DATA
    assert world.leaks == []


# ---- ranges, credentials, signed links ---------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "condition", "status", "said", "body"),
    [
        ("bytes=2000-", None, 206, "bytes 2000-2047/2048", DATA[2000:]),
        ("bytes=10-19", '"tag"', 206, "bytes 10-19/2048", DATA[10:20]),
        ("bytes=-8", None, 206, "bytes 2040-2047/2048", DATA[-8:]),
        ("bytes=10-", '"older"', 200, None, DATA),
        ("bytes=10-", 'W/"tag"', 200, None, DATA),
        ("bytes=2048-", None, 416, "bytes */2048", b""),
        ("bytes=0-1,5-6", None, 200, None, DATA),
        ("lines=1-2", None, 200, None, DATA),
    ],
)
def test_ranges_are_served_as_the_rules_say(
    world, web, asked, condition, status, said, body
) -> None:
    world.web.add("https://data.example.org/a", DATA, etag='"tag"')
    headers = {"Range": asked} | ({"If-Range": condition} if condition else {})
    answer = web.get("https://data.example.org/a", headers=headers)
    assert (answer.status_code, answer.headers.get("content-range")) == (status, said)
    assert answer.content == body


def test_a_credential_at_a_storage_host_is_a_leak(world, web) -> None:
    names = {
        "dvn-cloud.s3.amazonaws.com": "X-Dataverse-key",
        "s3-eu-west-1.amazonaws.com": "Authorization",
        "storage.googleapis.com": "Cookie",
        "release-assets.githubusercontent.com": "Proxy-Authorization",
        "zenodo.org": "X-Dataverse-key",
    }
    for host, name in names.items():
        web.get(f"https://{host}/a", headers={name: "secret"})
        assert world.leaks.pop() == (host, name.lower())
    web.get("https://storage.googleapis.com/a?access_token=secret")
    assert world.leaks == [("storage.googleapis.com", "access_token")]


def test_a_credential_at_its_own_host_is_none_unless_it_went_to_a_mirror(world, web) -> None:
    path = "dataverse.harvard.edu/page"
    assert web.get(f"https://{path}", headers={"X-Dataverse-key": KEY}).status_code == 200
    assert world.leaks == []
    httpx.get(f"{world.url}/{path}?key={KEY}", headers={"Cookie": "a=b"}, trust_env=False)
    assert world.leaks == [("dataverse.harvard.edu", "cookie"), ("dataverse.harvard.edu", "key")]


def test_a_signed_link_ends_when_its_time_is_over(world, web) -> None:
    world.clock = lambda: 1_800_000_000.0
    world.figshare.add("1", files={"5": ("a.bin", DATA)})
    link = web.get("https://ndownloader.figshare.com/files/5").headers["location"]
    world.later(9)
    assert web.get(link).content == DATA
    world.later(2)
    late = web.get(link)
    assert late.status_code == 403
    assert "Request has expired" in late.text
    assert followed(web, "https://ndownloader.figshare.com/files/5").content == DATA


def test_a_changed_unsigned_or_authorized_link_is_refused(world, web) -> None:
    world.figshare.add("1", files={"5": ("a.bin", DATA), "6": ("b.bin", DATA)})
    link = web.get("https://ndownloader.figshare.com/files/5").headers["location"]
    other = web.get(link.replace("/5/a.bin", "/6/b.bin"))
    longer = web.get(link.replace("X-Amz-Expires=10", "X-Amz-Expires=9999"))
    bare = web.get(link.partition("?")[0])
    known = web.get(link, headers={"Authorization": "token figshare-token"})
    assert codes(other, longer, bare, known) == [403, 403, 403, 400]
    assert "Unsupported Authorization Type" in known.text


# ---- what is odd about a host ------------------------------------------------------------------


def _dataverse(world: World, web: httpx.Client) -> None:
    """A link is good for GET alone; a server that streams itself heeds no If-Range."""
    ids = world.dataverse.add(DOI, {"P001.rar": DATA})
    link = web.get(f"{HARVARD}/access/datafile/{ids['P001.rar']}").headers["location"]
    assert codes(web.head(link), web.get(link)) == [403, 200]
    server = "data.example.edu"
    ids = world.dataverse.add(DOI, {"a.rar": DATA}, server=server, redirects=False)
    url = f"https://{server}/api/access/datafile/{ids['a.rar']}"
    assert not {"etag", "accept-ranges"} & web.get(url).headers.keys()
    part = web.get(url, headers={"Range": "bytes=9-", "If-Range": '"whatever"'})
    assert (part.status_code, part.content) == (206, DATA[9:])


def _zenodo(world: World, web: httpx.Client) -> None:
    """It says too much of ranges, and how long to wait though nothing is wrong."""
    world.zenodo.add("5", {"a/b.zip": DATA})
    asked = {"Range": "bytes=9-", "If-Range": f'"md5:{hashlib.md5(DATA).hexdigest()}"'}
    part = web.get(f"{ZENODO}/5/files/a%2Fb.zip/content", headers=asked)
    assert (part.status_code, part.content) == (206, DATA[9:])
    assert part.headers.get_list("accept-ranges") == ["none", "bytes"]
    assert part.headers["retry-after"] == "60"


def _figshare(world: World, web: httpx.Client) -> None:
    """Ten files unless asked for more."""
    files = {str(100 + number): (f"{number}.bin", b"x") for number in range(25)}
    world.figshare.add("13521488", files=files)
    pages = ("", "/files", "/files?page=3", "/files?page_size=1000")
    found = [web.get(f"{FIGSHARE}/13521488{page}").json() for page in pages]
    assert [len(found[0]["files"]), *map(len, found[1:])] == [10, 10, 5, 25]
    assert web.get(f"{FIGSHARE}/13521488/files?page_size=1001").status_code == 400


def _kaggle(world: World, web: httpx.Client) -> None:
    """Its storage tells hashes in one line, in two, or one of them."""
    md5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()
    for slug, hashes in (("one", "joined"), ("two", "two lines"), ("none", "crc32c only")):
        world.kaggle.add(f"o/{slug}", files={"a.bin": DATA}, hashes=hashes)
        answer = followed(web, f"{KAGGLE}/download/o/{slug}/a.bin")
        lines = answer.headers.get_list("x-goog-hash")
        assert len(lines) == (2 if hashes == "two lines" else 1)
        assert (f"md5={md5}" in answer.headers["x-goog-hash"]) is (slug != "none")


def _codeload(world: World, web: httpx.Client) -> None:
    """A zip comes without length and ranges, the commit in its comment."""
    world.github.add("owner/name", COMMIT, FILES)
    url = f"https://codeload.github.com/owner/name/zip/{COMMIT}"
    answer = web.get(url, headers={"Range": "bytes=9-"})
    assert (answer.status_code, answer.headers["transfer-encoding"]) == (200, "chunked")
    assert not {"content-length", "accept-ranges"} & answer.headers.keys()
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.comment.decode() == COMMIT
        assert set(archive.namelist()) == {f"name-{COMMIT}/{path}" for path in ("", *FILES)}


def _github(world: World, web: httpx.Client) -> None:
    """Trees are those of git; one that is cut can be walked level by level."""
    tree = world.github.add("owner/name", COMMIT, {**FILES, "run.sh": b"#"}, links={"l": "run.sh"})
    found = web.get(f"{GITHUB}/git/trees/{COMMIT}?recursive=1").json()
    rows = [(row["path"], row["mode"], row["sha"]) for row in found["tree"]]
    assert tree == found["sha"] == tree_id(row for row in rows if row[1] != "040000")
    assert {("l", "120000"), ("run.sh", "100755")} <= {row[:2] for row in rows}
    world.github.api.truncates = True
    assert web.get(f"{GITHUB}/git/trees/{COMMIT}?recursive=0").json()["truncated"]
    assert not web.get(f"{GITHUB}/git/trees/{COMMIT}").json()["truncated"]


@pytest.mark.parametrize(
    "seen",
    [_dataverse, _zenodo, _figshare, _kaggle, _codeload, _github],
    ids=lambda one: one.__name__,
)
def test_a_host_is_as_odd_as_it_was_seen_to_be(
    world: World, web: httpx.Client, seen: Callable[[World, httpx.Client], None]
) -> None:
    seen(world, web)
