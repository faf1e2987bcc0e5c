"""The imitated hosts do what the real ones were seen to do; none of this needs covcat's network."""

import base64
import gzip
import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from servers.hosts import World, content, shelf

from covcat.catalog import check, load
from covcat.digests import tree_id

DATA = bytes(range(256)) * 8
DOI = "10.7910/DVN/6ACUZI"
KEY = "0badcafe-0000-4000-8000-000000000001"
HARVARD = "https://dataverse.harvard.edu/api"
ZENODO = "https://zenodo.org/api/records"
FIGSHARE = "https://api.figshare.com/v2/articles"
MENDELEY = "https://data.mendeley.com/public-api/datasets"
KAGGLE = "https://www.kaggle.com/api/v1/datasets"
GITHUB = "https://api.github.com/repos/owner/name"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"README.md": b"# made up\n", "images/a.png": DATA, "images/deep/b c.png": b"b"}


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


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


# ---- one server for all ------------------------------------------------------------------------


def test_a_host_is_reached_by_the_mirrors_path_and_by_its_own_name(world, web) -> None:
    world.web.add("https://data.example.org/a%20b.bin?v=1", DATA)
    assert web.get("https://data.example.org/a%20b.bin?v=1").content == DATA
    plain = httpx.get(f"{world.url}/data.example.org/a%20b.bin?v=1", trust_env=False)
    with_port = httpx.get(f"{world.url}/data.example.org:443/a%20b.bin?v=1", trust_env=False)
    assert plain.content == with_port.content == DATA
    assert [one.is_mirrored for one in world.requests] == [False, True, True]
    assert {(one.host, one.path) for one in world.requests} == {("data.example.org", "/a%20b.bin")}


def test_requests_are_logged_with_query_headers_and_status(world, web) -> None:
    web.get("https://data.example.org/no?x=1&y=", headers={"Range": "bytes=5-"})
    (seen,) = world.asked("data.example.org")
    assert (seen.method, seen.path, seen.query, seen.status) == (
        "GET",
        "/no",
        {"x": "1", "y": ""},
        404,
    )
    assert seen.headers["range"] == "bytes=5-"
    assert seen.headers["host"] == "data.example.org"


def test_a_connection_serves_several_requests(world, web) -> None:
    world.web.add("https://data.example.org/a", DATA)
    for _ in range(3):
        assert web.get("https://data.example.org/a").headers["content-length"] == "2048"
    assert web.head("https://data.example.org/a").headers["content-length"] == "2048"


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


# ---- credentials -------------------------------------------------------------------------------


def test_a_credential_at_a_storage_host_is_a_leak(world, web) -> None:
    for host, name in (
        ("dvn-cloud.s3.amazonaws.com", "X-Dataverse-key"),
        ("s3-eu-west-1.amazonaws.com", "Authorization"),
        ("storage.googleapis.com", "Cookie"),
        ("release-assets.githubusercontent.com", "Proxy-Authorization"),
    ):
        web.get(f"https://{host}/a", headers={name: "secret"})
        assert world.leaks.pop() == (host, name.lower())
    web.get("https://storage.googleapis.com/a?access_token=secret")
    assert world.leaks == [("storage.googleapis.com", "access_token")]


def test_a_credential_at_its_own_host_is_none_unless_it_went_to_a_mirror(world, web) -> None:
    path = "dataverse.harvard.edu/api/info/version"
    assert web.get(f"https://{path}", headers={"X-Dataverse-key": KEY}).status_code == 200
    assert world.leaks == []
    httpx.get(f"{world.url}/{path}?key={KEY}", headers={"Cookie": "a=b"}, trust_env=False)
    assert world.leaks == [("dataverse.harvard.edu", "cookie"), ("dataverse.harvard.edu", "key")]


def test_a_key_at_another_host_than_its_own_is_a_leak(world, web) -> None:
    web.get(f"{ZENODO}/1", headers={"X-Dataverse-key": KEY})
    assert world.leaks == [("zenodo.org", "x-dataverse-key")]


# ---- signed links ------------------------------------------------------------------------------


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


def test_a_link_may_be_good_for_one_use_only(world, web) -> None:
    world.links_work_once = True
    world.kaggle.add("o/s", files={"a.bin": DATA})
    link = web.get(f"{KAGGLE}/download/o/s/a.bin").headers["location"]
    assert codes(web.get(link), web.get(link)) == [200, 400]


def test_a_changed_or_unsigned_link_is_refused(world, web) -> None:
    world.figshare.add("1", files={"5": ("a.bin", DATA), "6": ("b.bin", DATA)})
    link = web.get("https://ndownloader.figshare.com/files/5").headers["location"]
    other = web.get(link.replace("/5/a.bin", "/6/b.bin"))
    longer = web.get(link.replace("X-Amz-Expires=10", "X-Amz-Expires=9999"))
    bare = web.get(link.partition("?")[0])
    assert codes(other, longer, bare) == [403, 403, 403]
    assert "SignatureDoesNotMatch" in other.text
    assert "AccessDenied" in bare.text


# ---- faults ------------------------------------------------------------------------------------


def test_the_next_requests_may_be_answered_otherwise(world, web) -> None:
    world.web.add("https://data.example.org/a", DATA)
    world.faults.answer("data.example.org", "/", 503, times=2)
    answers = [web.get("https://data.example.org/a") for _ in range(3)]
    assert codes(*answers) == [503, 503, 200]
    world.faults.page("data.example.org", "/a")
    assert web.get("https://data.example.org/a").headers["content-type"].startswith("text/html")
    world.faults.drop("data.example.org", "/a")
    with pytest.raises(httpx.RemoteProtocolError):
        web.get("https://data.example.org/a")
    assert [one.status for one in world.requests] == [503, 503, 200, 200, 0]


def test_every_host_has_its_own_way_to_say_too_many(world, web) -> None:
    world.clock = lambda: 1_800_000_000.0
    for host, reply in (
        ("dataverse.harvard.edu", world.dataverse.too_many()),
        ("zenodo.org", world.zenodo.too_many(7)),
        ("www.kaggle.com", world.kaggle.too_many("7")),
        ("s3.us-west-2.amazonaws.com", world.s3.slow_down()),
        ("api.github.com", world.github.api.rate_limited()),
    ):
        world.faults.answer(host, "/", reply)
        answer = web.get(f"https://{host}/x")
        waits = answer.headers.get("retry-after"), answer.headers.get("x-ratelimit-reset")
        assert (answer.status_code, waits) == {
            "dataverse.harvard.edu": (429, (None, None)),
            "zenodo.org": (429, ("7", "1800000007")),
            "www.kaggle.com": (429, ("7", None)),
            "s3.us-west-2.amazonaws.com": (503, (None, None)),
            "api.github.com": (403, (None, "1800003600")),
        }[host]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_is_cut_is_noticed_by_the_client(world, web, framing) -> None:
    world.web.add("https://data.example.org/a", DATA)
    world.faults.cut("data.example.org", "/", 100, framing)
    with pytest.raises(httpx.RemoteProtocolError):
        web.get("https://data.example.org/a")
    assert web.get("https://data.example.org/a").content == DATA


def test_a_body_without_a_length_is_cut_silently(world, web) -> None:
    world.web.add("https://data.example.org/a", DATA)
    world.faults.cut("data.example.org", "/", 100, "close")
    answer = web.get("https://data.example.org/a")
    assert answer.content == DATA[:100]
    assert "content-length" not in answer.headers


def test_a_body_may_stall_or_drip(world, web) -> None:
    world.web.add("https://data.example.org/a", DATA)
    world.faults.stall("data.example.org", "/", after=10)
    with pytest.raises(httpx.ReadTimeout):
        web.get("https://data.example.org/a", timeout=0.05)
    world.faults.drip("data.example.org", "/", piece=500, pause=0.001)
    assert web.get("https://data.example.org/a").content == DATA


def test_ranges_and_tags_may_be_wrong(world, web) -> None:
    world.web.add("https://data.example.org/a", DATA, etag='"tag"')
    asked = {"Range": "bytes=10-", "If-Range": '"tag"'}
    host, url = "data.example.org", "https://data.example.org/a"
    world.faults.shift_range(host)
    assert web.get(url, headers=asked).headers["content-range"] == "bytes 11-2048/2048"
    ignored = world.faults.ignore_range(host, times=1)
    assert web.get(url, headers=asked).status_code == 200
    assert ignored.times == 0
    world.faults.change_etag(host)
    changed = web.get(url, headers=asked)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"another"')
    world.faults.clear()
    world.faults.ignore_if_range(host)
    assert web.get(url, headers={**asked, "If-Range": '"older"'}).status_code == 206


def test_bytes_may_be_wrong_or_packed_while_the_host_says_nothing(world, web) -> None:
    world.web.add("https://data.example.org/a", DATA)
    world.faults.corrupt("data.example.org", "/a", times=1)
    wrong = web.get("https://data.example.org/a").content
    assert wrong != DATA
    assert len(wrong) == len(DATA)
    world.faults.pack("data.example.org", "/a")
    with web.stream("GET", "https://data.example.org/a") as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join(answer.iter_raw())) == DATA


# ---- Dataverse ---------------------------------------------------------------------------------


def test_dataverse_lists_files_with_folders_sizes_and_digests(world, web) -> None:
    ids = world.dataverse.add(DOI, {"P001.rar": DATA, "notes/read me.txt": b"x"})
    found = web.get(f"{HARVARD}/datasets/:persistentId/?persistentId=doi:{DOI}").json()
    first, second = found["data"]["latestVersion"]["files"]
    assert (second["directoryLabel"], second["label"]) == ("notes", "read me.txt")
    assert "directoryLabel" not in first
    inner = first["dataFile"]
    assert (inner["id"], inner["filesize"]) == (ids["P001.rar"], 2048)
    digest = hashlib.md5(DATA).hexdigest()
    assert (inner["md5"], inner["checksum"]) == (digest, {"type": "MD5", "value": digest})
    missing = web.get(f"{HARVARD}/datasets/:persistentId/?persistentId=doi:10.7910/DVN/NOPE")
    assert (missing.status_code, missing.json()["status"]) == (404, "ERROR")


def test_dataverse_gives_its_files_page_by_page(world, web) -> None:
    world.dataverse.add(DOI, {f"P{number:03}.rar": b"x" for number in range(305)})
    url = f"{HARVARD}/datasets/:persistentId/versions/1.0/files?persistentId=doi:{DOI}"
    pages = [web.get(url + more).json() for more in ("", "&limit=1000", "&limit=9&offset=300")]
    assert [len(page["data"]) for page in pages] == [10, 300, 5]
    assert {page["totalCount"] for page in pages} == {305}
    assert pages[2]["data"][0]["label"] == "P300.rar"


def test_dataverse_tells_versions_apart_and_leaves_out_what_is_not_wanted(world, web) -> None:
    world.dataverse.add(DOI, {"a.zip": b"1"})
    world.dataverse.add(DOI, {"a.zip": b"12", "b.zip": b"3"}, version="2.0")
    url = f"{HARVARD}/datasets/:persistentId/versions/%s?persistentId=doi:{DOI}"
    counts = {v: len(web.get(url % v).json()["data"]["files"]) for v in ("1.0", "2", ":latest")}
    assert counts == {"1.0": 1, "2": 2, ":latest": 2}
    short = web.get(url % "1.0" + "&excludeFiles=true&excludeMetadataBlocks=true").json()["data"]
    assert not {"files", "metadataBlocks"} & short.keys()
    assert web.get(url % "9.0").status_code == 404


def test_dataverse_redirects_to_a_link_that_is_good_for_get_alone(world, web) -> None:
    ids = world.dataverse.add(DOI, {"P001.rar": DATA})
    url = f"{HARVARD}/access/datafile/{ids['P001.rar']}"
    first = web.get(url)
    link = first.headers["location"]
    assert (first.status_code, urlsplit(link).hostname) == (303, "dvn-cloud.s3.amazonaws.com")
    assert codes(web.head(link), web.get(link)) == [403, 200]
    part = web.get(link, headers={"Range": "bytes=2000-"})
    assert (part.status_code, part.content) == (206, DATA[2000:])
    world.later(3601)
    assert web.get(link).status_code == 403


def test_dataverse_wants_a_key_for_restricted_files_and_none_that_is_wrong(world, web) -> None:
    ids = world.dataverse.add(DOI, {"a.rar": b"a", "b.rar": DATA}, restricted={"b.rar"})
    url = f"{HARVARD}/access/datafile/{ids['b.rar']}"
    refused = web.get(url)
    assert (refused.status_code, refused.json()["requestMethod"]) == (403, "GET")
    assert followed(web, url, headers={"X-Dataverse-key": KEY}).content == DATA
    public = f"{HARVARD}/access/datafile/{ids['a.rar']}"
    wrong = web.get(public, headers={"X-Dataverse-key": "wrong"})
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Bad API key")
    assert world.leaks == []


def test_dataverse_asks_for_the_guestbook_first(world, web) -> None:
    ids = world.dataverse.add(DOI, {"a.rar": DATA}, guestbook=60)
    url = f"{HARVARD}/access/datafile/{ids['a.rar']}"
    refused = web.get(url)
    assert (refused.status_code, "guestbookID 60" in refused.text) == (400, True)
    assert web.get(f"{HARVARD}/guestbooks/60").json()["data"]["emailRequired"]
    signed = {"guestbookResponse": {"name": "A", "email": "a@example.org", "answers": []}}
    link = web.post(url, json=signed).json()["data"]["signedUrl"]
    assert followed(web, link).content == DATA
    world.later(61)
    assert web.get(link).status_code == 400
    assert world.leaks == []


def test_dataverse_lists_of_a_table_what_no_download_has(world, web) -> None:
    table = b"id,age\n1,50\n2,60\n"
    ids = world.dataverse.add(DOI, {"cases.csv": table}, ingested={"cases.csv"})
    url = f"{HARVARD}/datasets/:persistentId/versions/1.0/files?persistentId=doi:{DOI}"
    (entry,) = web.get(url).json()["data"]
    inner = entry["dataFile"]
    assert (entry["label"], inner["originalFileName"]) == ("cases.tab", "cases.csv")
    access = f"{HARVARD}/access/datafile/{ids['cases.csv']}"
    made = web.get(access).content
    original = followed(web, f"{access}?format=original").content
    assert (made, original) == (table.replace(b",", b"\t"), table)
    stored = made.partition(b"\n")[2]
    assert inner["md5"] == hashlib.md5(stored).hexdigest()
    assert inner["filesize"] == len(stored) < len(made)
    assert inner["originalFileSize"] == len(table)
    assert web.get(access, headers={"Range": "bytes=1-"}).status_code == 404


@pytest.mark.parametrize(("name", "length"), [("SHA-1", 40), ("SHA-256", 64), ("SHA-512", 128)])
def test_dataverse_names_its_kind_of_checksum(world, web, name, length) -> None:
    world.dataverse.add(DOI, {"a.rar": DATA}, checksum=name)
    url = f"{HARVARD}/datasets/:persistentId/versions/1.0?persistentId=doi:{DOI}"
    inner = web.get(url).json()["data"]["files"][0]["dataFile"]
    assert (inner["checksum"]["type"], len(inner["checksum"]["value"])) == (name, length)
    assert "md5" not in inner


def test_dataverse_bundles_say_only_inside_what_is_missing(world, web) -> None:
    world.dataverse.add(DOI, {"a.rar": b"a", "b.rar": b"b"}, restricted={"b.rar"})
    answer = web.get(f"{HARVARD}/access/dataset/:persistentId/?persistentId=doi:{DOI}")
    assert (answer.status_code, "content-length" in answer.headers) == (200, False)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["a.rar", "MANIFEST.TXT"]
        assert b"b.rar IS RESTRICTED" in archive.read("MANIFEST.TXT")


def test_a_dataverse_that_streams_itself_heeds_no_if_range(world, web) -> None:
    server = "data.example.edu"
    ids = world.dataverse.add(DOI, {"a.rar": DATA}, server=server, redirects=False)
    url = f"https://{server}/api/access/datafile/{ids['a.rar']}"
    whole = web.get(url)
    assert not {"etag", "accept-ranges"} & whole.headers.keys()
    part = web.get(url, headers={"Range": "bytes=9-", "If-Range": '"whatever"'})
    assert (part.status_code, part.content) == (206, DATA[9:])


def test_wrong_files_come_with_the_digest_of_the_right_ones(world, web) -> None:
    ids = world.dataverse.add(DOI, {"a.rar": DATA}, wrong={"a.rar"})
    url = f"{HARVARD}/datasets/:persistentId/versions/1.0?persistentId=doi:{DOI}"
    listed = web.get(url).json()["data"]["files"][0]["dataFile"]["md5"]
    came = followed(web, f"{HARVARD}/access/datafile/{ids['a.rar']}").content
    assert listed == hashlib.md5(DATA).hexdigest() != hashlib.md5(came).hexdigest()


@pytest.mark.parametrize(
    ("url", "agent"),
    [
        (f"{HARVARD}/info/version", "python-requests/2.32"),
        (f"{ZENODO}/1", "python-httpx/0.28.1"),
        (f"{ZENODO}/1", "aria2/1.37.0"),
        (f"{MENDELEY}/abcdefghij", "Python-urllib/3.11"),
    ],
)
def test_agents_of_libraries_get_a_page_of_403(web, url, agent) -> None:
    answer = web.get(url, headers={"User-Agent": agent})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")


# ---- Zenodo ------------------------------------------------------------------------------------


def test_zenodo_has_two_shapes_at_one_address(world, web) -> None:
    world.zenodo.add("3757476", {"Lung Mask.zip": DATA})
    old = web.get(f"{ZENODO}/3757476").json()
    new = web.get(
        f"{ZENODO}/3757476", headers={"Accept": "application/vnd.inveniordm.v1+json"}
    ).json()
    assert (old["id"], new["id"]) == (3757476, "3757476")
    (file,), entry = old["files"], new["files"]["entries"]["Lung Mask.zip"]
    digest = f"md5:{hashlib.md5(DATA).hexdigest()}"
    assert file["checksum"] == entry["checksum"] == digest
    assert web.get(file["links"]["self"]).content == DATA
    (row,) = web.get(f"{ZENODO}/3757476/files").json()["entries"]
    assert row["links"]["content"] == file["links"]["self"]
    page = "https://zenodo.org/records/3757476/files/Lung%20Mask.zip?download=1"
    assert web.get(page).content == DATA


def test_zenodo_had_another_shape_in_october_2023(world, web) -> None:
    world.zenodo.add("5", {"a.zip": DATA})
    world.zenodo.shape = "2023-10"
    (file,) = web.get(f"{ZENODO}/5").json()["files"]
    assert (file["filename"], file["filesize"]) == ("a.zip", 2048)
    assert file["checksum"] == hashlib.md5(DATA).hexdigest()


def test_zenodo_hides_ranges_from_head_and_serves_them_to_get(world, web) -> None:
    world.zenodo.add("5", {"a/b.zip": DATA})
    url = f"{ZENODO}/5/files/a%2Fb.zip/content"
    head = web.head(url)
    assert head.headers["content-length"] == "2048"
    assert not {"etag", "accept-ranges"} & head.headers.keys()
    digest = hashlib.md5(DATA).hexdigest()
    asked = {"Range": "bytes=9-", "If-Range": f'"md5:{digest}"'}
    part = web.get(url, headers=asked)
    assert (part.status_code, part.content) == (206, DATA[9:])
    assert (part.headers["etag"], part.headers["content-md5"]) == (f'"md5:{digest}"', digest)
    assert part.headers.get_list("accept-ranges") == ["none", "bytes"]
    assert part.headers["retry-after"] == "60"  # though nothing is wrong


def test_zenodo_knows_versions_concepts_and_tombstones(world, web) -> None:
    world.zenodo.add("5", {"a.zip": b"1"}, concept="4")
    world.zenodo.add("7", {"a.zip": b"2"}, concept="4")
    latest = web.get(f"{ZENODO}/5/versions/latest")
    assert (latest.status_code, latest.headers["location"]) == (302, f"{ZENODO}/7")
    assert web.get(f"{ZENODO}/4").status_code == 404
    lost = web.get("https://zenodo.org/records/4/files/a.zip")
    assert lost.headers["location"] == "https://zenodo.org/records/7"
    world.zenodo.remove("5")
    gone = web.get(f"{ZENODO}/5")
    assert (gone.status_code, "tombstone" in gone.json()) == (410, True)


def test_zenodo_shows_a_restricted_record_without_its_files(world, web) -> None:
    world.zenodo.add("5", {"a.zip": DATA}, restricted=True)
    assert web.get(f"{ZENODO}/5").json()["files"] == []
    file = f"{ZENODO}/5/files/a.zip/content"
    right, wrong = ({"Authorization": f"Bearer {one}"} for one in ("zenodo-token", "x"))
    answers = (
        web.get(f"{ZENODO}/5/files"),
        web.get(file),
        web.get(file, headers=right),
        web.get(file, headers=wrong),
    )
    assert codes(*answers) == [403, 403, 200, 401]


def test_zenodo_makes_its_archive_anew_each_time(world, web) -> None:
    world.zenodo.add("5", {"a.zip": DATA})
    one, two = (web.get(f"{ZENODO}/5/files-archive").content for _ in range(2))
    assert one != two
    assert zipfile.ZipFile(io.BytesIO(one)).read("a.zip") == DATA


# ---- figshare ----------------------------------------------------------------------------------


def test_figshare_gives_ten_files_unless_asked_for_more(world, web) -> None:
    files = {str(100 + number): (f"{number}.bin", b"x") for number in range(25)}
    world.figshare.add("13521488", version="2", files=files)
    assert len(web.get(f"{FIGSHARE}/13521488").json()["files"]) == 10
    for place in ("/files", "/versions/2/files"):
        url = f"{FIGSHARE}/13521488{place}"
        pages = ("", "?page=3", "?page_size=1000", "?limit=8&offset=20", "?page_size=1001")
        answers = [web.get(url + page) for page in pages]
        assert [len(one.json()) for one in answers[:4]] == [10, 5, 25, 5]
        assert answers[4].status_code == 400


def test_figshare_keeps_versions_and_may_not_know_a_digest(world, web) -> None:
    world.figshare.add("1", version="1", files={"5": ("a.bin", b"old")})
    world.figshare.add(
        "1",
        version="2",
        files={"6": ("a.bin", DATA)},
        unhashed={"6"},
        links={"7": ("far.zip", "https://example.org/far.zip")},
    )
    versions = web.get(f"{FIGSHARE}/1/versions").json()
    assert [one["version"] for one in versions] == [1, 2]
    here, far = web.get(f"{FIGSHARE}/1/files").json()
    assert (here["id"], here["computed_md5"]) == (6, "")
    assert (far["is_link_only"], far["size"]) == (True, 0)
    assert web.get(versions[0]["url"]).json()["files"][0]["id"] == 5
    assert codes(web.get(f"{FIGSHARE}/1/versions/3"), web.get(f"{FIGSHARE}/2")) == [404, 404]


def test_figshares_storage_refuses_its_own_authorization(world, web) -> None:
    world.figshare.add("1", files={"5": ("a b.bin", DATA)})
    link = web.get("https://ndownloader.figshare.com/files/5").headers["location"]
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["10"]
    refused = web.get(link, headers={"Authorization": "token figshare-token"})
    assert (refused.status_code, "Unsupported Authorization Type" in refused.text) == (400, True)
    assert world.leaks == [("s3-eu-west-1.amazonaws.com", "authorization")]
    assert web.get(link, headers={"Range": "bytes=9-"}).content == DATA[9:]


def test_figshares_pages_answer_downloaders_with_nothing(world, web) -> None:
    world.figshare.add("1", files={"5": ("a.bin", DATA)})
    answer = web.get("https://figshare.com/ndownloader/files/5")
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["x-amzn-waf-action"] == "challenge"


# ---- Mendeley ----------------------------------------------------------------------------------


def test_mendeley_lists_one_folder_at_a_time(world, web) -> None:
    files = {"top.txt": b"t", "train/a.png": b"a", "train/COVID/b.png": DATA}
    world.mendeley.add("2fxz4px6d8", version="4", files=files)
    own = f"{MENDELEY}/2fxz4px6d8"
    train, covid = web.get(f"{own}/folders/4").json()
    assert (train["name"], covid["parent_id"]) == ("train", train["id"])
    assert "parent_id" not in train
    named = {
        folder: [row["filename"] for row in web.get(f"{own}/files?folder_id={id}&version=4").json()]
        for folder, id in (("", "root"), ("train", train["id"]), ("COVID", covid["id"]))
    }
    assert named == {"": ["top.txt"], "train": ["a.png"], "COVID": ["b.png"]}
    refused = web.get(f"{own}/files?version=4")
    assert (refused.status_code, refused.json()) == (400, {"error": 400})
    assert web.get(f"{own}/folders?version=4").status_code == 404


def test_mendeley_cuts_a_folder_by_start_and_limit(world, web) -> None:
    world.mendeley.add("abcdefghij", files={f"{n}.png": b"x" for n in range(7)})
    url = f"{MENDELEY}/abcdefghij/files?folder_id=root&version=1&$start=5&$limit=5"
    assert [row["filename"] for row in web.get(url).json()] == ["5.png", "6.png"]


def test_mendeley_redirects_to_a_plain_object(world, web) -> None:
    id = "810b2ce2-11c3-4424-996e-3bef36600907"
    world.mendeley.add("rscbjbr9sj", version="3", files={"a.zip": DATA}, ids={"a.zip": id})
    row, again = (web.get(f"{MENDELEY}/rscbjbr9sj/files/{id}").json() for _ in range(2))
    details = row["content_details"]
    assert details["sha256_hash"] == hashlib.sha256(DATA).hexdigest()
    assert details["download_expiry_time"] != again["content_details"]["download_expiry_time"]
    first = web.get(details["download_url"])
    target = first.headers["location"]
    assert "?" not in target
    assert codes(first, web.head(target)) == [302, 200]
    assert web.get(target).content == DATA
    asked = web.get(f"{MENDELEY}/rscbjbr9sj/files/{id}/file_downloaded")
    assert asked.json() == {"url": target}
    whole = followed(web, "https://data.mendeley.com/public-api/zip/rscbjbr9sj/download/3")
    assert zipfile.ZipFile(io.BytesIO(whole.content)).namelist() == ["a.zip"]


def test_mendeley_knows_versions_and_what_it_does_not_have(world, web) -> None:
    world.mendeley.add("abcdefghij", version="1", files={"a": b"1"})
    world.mendeley.add("abcdefghij", version="2", files={"a": b"12"})
    versions = web.get(f"{MENDELEY}/abcdefghij/versions").json()
    assert [one["version"] for one in versions] == [2, 1]
    (old,) = web.get(f"{MENDELEY}/abcdefghij/files?folder_id=root&version=1").json()
    assert old["size"] == 1
    missing = web.get(f"{MENDELEY}/zzzzzzzzzz")
    assert (missing.status_code, missing.json()["error"]["status"]) == (404, 404)


def test_cloudflare_may_stand_before_mendeleys_downloads_alone(world, web) -> None:
    ids = world.mendeley.add("abcdefghij", files={"a": DATA})
    world.mendeley.blocks = ("/public-files/", "/public-api/zip/")
    own = f"datasets/abcdefghij/files/{ids['a']}"
    blocked = web.get(f"https://data.mendeley.com/public-files/{own}/file_downloaded")
    assert (blocked.status_code, blocked.headers["server"]) == (403, "cloudflare")
    assert web.get(f"https://data.mendeley.com/public-api/{own}").status_code == 200


# ---- Kaggle ------------------------------------------------------------------------------------


def test_kaggle_lists_twenty_files_and_a_token_for_more(world, web) -> None:
    world.kaggle.add("o/s", version="5", files={f"{n:03}.png": b"x" for n in range(45)})
    url, names, token = f"{KAGGLE}/list/o/s?datasetVersionNumber=5", [], ""
    while True:
        page = web.get(url + (f"&pageToken={token}" if token else "")).json()
        names.append(len(page["datasetFiles"]))
        if not (token := page["nextPageToken"]):
            break
    assert names == [20, 20, 5]
    assert web.get(f"{url}&pageSize=200").json()["nextPageToken"] == ""


def test_kaggle_lists_a_tree_folder_by_folder(world, web) -> None:
    world.kaggle.add("o/s", files={"a/b/c.png": b"x", "a/d.png": b"xy", "e.csv": b"z"})
    root = web.get(f"{KAGGLE}/list-tree/o/s").json()
    assert [one["name"] for one in root["directories"]] == ["a"]
    assert [one["name"] for one in root["files"]] == ["e.csv"]
    inside = web.get(f"{KAGGLE}/list-tree/o/s?path=a").json()
    assert inside["directories"][0]["relativeUrl"] == "a/b"
    assert inside["files"][0]["totalBytes"] == 2


def test_kaggle_tells_versions_and_not_those_that_are_gone(world, web) -> None:
    world.kaggle.add("o/s", version="4", files={"a": b"1"})
    world.kaggle.add("o/s", version="5", files={"a": b"12"})
    seen = web.get(f"{KAGGLE}/view/o/s").json()
    assert (seen["currentVersionNumber"], len(seen["versions"])) == (5, 2)
    assert web.get(f"{KAGGLE}/metadata/o/s").json()["info"]["datasetSlug"] == "s"
    gone = web.get(f"{KAGGLE}/download/o/s?datasetVersionNumber=3")
    assert (gone.status_code, gone.json()["code"]) == (404, 404)


def test_kaggles_storage_tells_hashes_in_one_line_or_two_or_one_of_them(world, web) -> None:
    md5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()
    for slug, hashes in (("one", "joined"), ("two", "two lines"), ("none", "crc32c only")):
        world.kaggle.add(f"o/{slug}", files={"a.bin": DATA}, hashes=hashes)
        answer = followed(web, f"{KAGGLE}/download/o/{slug}/a.bin")
        lines = answer.headers.get_list("x-goog-hash")
        assert answer.headers["etag"] == f'"{hashlib.md5(DATA).hexdigest()}"'
        assert len(lines) == (2 if hashes == "two lines" else 1)
        assert (f"md5={md5}" in answer.headers["x-goog-hash"]) is (slug != "none")
        assert lines[0].startswith("crc32c=")


def test_kaggle_gives_a_bundle_and_may_wrap_a_single_file_in_a_zip(world, web) -> None:
    files = {"a/b.csv": b"1,2\n" * 9, "c.png": DATA}
    bundle = world.kaggle.add("o/s", version="5", files=files, wrapped={"a/b.csv"})
    first = web.get(f"{KAGGLE}/download/o/s?datasetVersionNumber=5")
    link = first.headers["location"]
    assert link.startswith("https://storage.googleapis.com:443/kaggle-data-sets/")
    assert web.get(link).content == bundle
    single = web.get(f"{KAGGLE}/download/o/s/a/b.csv").headers["location"]
    assert urlsplit(single).path.endswith("/compressed/a/b.csv.zip")
    assert zipfile.ZipFile(io.BytesIO(web.get(single).content)).read("a/b.csv") == b"1,2\n" * 9
    world.later(259_201)
    assert "ExpiredToken" in web.get(link).text


def test_kaggle_wants_consent_and_knows_two_kinds_of_credentials(world, web) -> None:
    world.kaggle.add("o/s", files={"a": DATA}, needs_consent=True)
    url = f"{KAGGLE}/download/o/s"
    answers = (
        web.get(url),
        web.get(url, headers={"Authorization": "Bearer kaggle-token"}),
        web.get(url, auth=("someone", "kaggle-key")),
        web.get(url, auth=("someone", "wrong")),
        web.get(url, headers={"Authorization": "Bearer wrong"}),
    )
    assert codes(*answers) == [403, 302, 302, 401, 401]
    assert answers[0].json()["code"] == 403
    world.kaggle.soft_errors = True
    soft = web.get(url)
    assert (soft.status_code, soft.json()["code"]) == (200, 403)


# ---- S3 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        "bucket.s3.us-west-2.amazonaws.com/a/b%20c.bin",
        "bucket.s3-us-west-2.amazonaws.com/a/b%20c.bin",
        "s3.us-west-2.amazonaws.com/bucket/a/b%20c.bin",
        "s3-us-west-2.amazonaws.com/bucket/a/b%20c.bin",
        "bucket.s3.amazonaws.com/a/b%20c.bin",
    ],
)
def test_s3_knows_every_spelling_of_an_address(world, web, place) -> None:
    world.s3.add("bucket", "us-west-2", "a/b c.bin", DATA)
    answer = web.get(f"https://{place}", headers={"Range": "bytes=9-"})
    assert (answer.status_code, answer.content) == (206, DATA[9:])


def test_s3_etags_of_large_objects_are_no_md5(world, web) -> None:
    url = "https://bucket.s3.us-west-2.amazonaws.com"
    world.s3.add("bucket", "us-west-2", "small", DATA)
    world.s3.add("bucket", "us-west-2", "large", DATA, parts=3, checksum="sha256")
    assert web.head(f"{url}/small").headers["etag"] == f'"{hashlib.md5(DATA).hexdigest()}"'
    assert web.head(f"{url}/large").headers["etag"].endswith('-3"')
    summed = web.get(f"{url}/large", headers={"x-amz-checksum-mode": "ENABLED"})
    expected = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    assert summed.headers["x-amz-checksum-sha256"] == expected
    assert web.get(f"{url}/small", headers={"If-Match": '"other"'}).status_code == 412


def test_s3_refuses_in_xml(world, web) -> None:
    world.s3.add("bucket", "us-west-2", "a", DATA)
    world.s3.bucket("closed", "us-west-2", lists=False)
    host = "s3.us-west-2.amazonaws.com"
    for place, status, code in (
        (f"{host}/bucket/b", 404, "NoSuchKey"),
        (f"{host}/closed/b", 403, "AccessDenied"),
        (f"{host}/closed?list-type=2", 403, "AccessDenied"),
        (f"{host}/nobucket/b", 404, "NoSuchBucket"),
        ("s3.eu-west-1.amazonaws.com/bucket/a", 301, "PermanentRedirect"),
    ):
        answer = web.get(f"https://{place}")
        assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)
        assert "location" not in answer.headers
    assert web.head(f"https://{host}/bucket/b").content == b""
    refused = web.get(f"https://{host}/bucket/a", headers={"Authorization": "Bearer x"})
    assert refused.status_code == 400


def test_s3_lists_a_bucket_in_pages(world, web) -> None:
    for name in ("a/1", "a/2", "a/3", "b", "c/1"):
        world.s3.add("bucket", "us-west-2", name, b"x")
    url = "https://bucket.s3.us-west-2.amazonaws.com/?list-type=2"
    first = web.get(f"{url}&max-keys=2").text
    token = first.partition("<NextContinuationToken>")[2].partition("<")[0]
    assert ("<IsTruncated>true" in first, first.count("<Contents>")) == (True, 2)
    rest = web.get(url, params={"list-type": "2", "continuation-token": token}).text
    assert (rest.count("<Contents>"), "<IsTruncated>false" in rest) == (3, True)
    folded = web.get(f"{url}&delimiter=/").text
    assert "<Prefix>a/</Prefix></CommonPrefixes>" in folded
    assert folded.count("<Contents>") == 1


# ---- GitHub ------------------------------------------------------------------------------------


def test_codeload_sends_a_zip_without_length_and_ranges(world, web) -> None:
    world.github.add("owner/name", COMMIT, FILES)
    moved = web.get(f"https://github.com/owner/name/archive/{COMMIT}.zip")
    assert moved.headers["location"] == f"https://codeload.github.com/owner/name/zip/{COMMIT}"
    answer = web.get(moved.headers["location"], headers={"Range": "bytes=9-"})
    assert (answer.status_code, answer.headers["transfer-encoding"]) == (200, "chunked")
    assert not {"content-length", "accept-ranges"} & answer.headers.keys()
    assert answer.headers["etag"].startswith('W/"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.comment.decode() == COMMIT
        assert set(archive.namelist()) == {f"name-{COMMIT}/{path}" for path in ("", *FILES)}
    branch = web.get("https://codeload.github.com/owner/name/zip/refs/heads/master")
    assert "name-master/README.md" in zipfile.ZipFile(io.BytesIO(branch.content)).namelist()
    assert web.get(f"https://codeload.github.com/owner/name/zip/{'0' * 40}").status_code == 404


def test_raw_files_have_ranges_and_are_redirected_to(world, web) -> None:
    world.github.add("owner/name", COMMIT, FILES)
    moved = web.get("https://github.com/owner/name/raw/master/images/deep/b%20c.png")
    expected = "https://raw.githubusercontent.com/owner/name/master/images/deep/b%20c.png"
    assert (moved.status_code, moved.headers["location"]) == (302, expected)
    assert web.get(expected).content == b"b"
    part = web.get(
        f"https://raw.githubusercontent.com/owner/name/{COMMIT}/images/a.png",
        headers={"Range": "bytes=9-"},
    )
    assert (part.status_code, part.content) == (206, DATA[9:])


def test_github_trees_are_those_of_git(world, web) -> None:
    tree = world.github.add("owner/name", COMMIT, {**FILES, "run.sh": b"#"}, links={"l": "run.sh"})
    commit = web.get(f"{GITHUB}/commits/master").json()
    assert (commit["sha"], commit["commit"]["tree"]["sha"]) == (COMMIT, tree)
    bare = web.get(f"{GITHUB}/commits/master", headers={"Accept": "application/vnd.github.sha"})
    assert bare.text == COMMIT
    found = web.get(f"{GITHUB}/git/trees/{COMMIT}?recursive=1").json()
    rows = [(row["path"], row["mode"], row["sha"]) for row in found["tree"]]
    assert tree == found["sha"] == tree_id(row for row in rows if row[1] != "040000")
    assert ("l", "120000") in {row[:2] for row in rows}
    assert ("run.sh", "100755") in {row[:2] for row in rows}
    blob = next(row for row in found["tree"] if row["path"] == "README.md")
    answer = web.get(blob["url"]).json()
    assert base64.b64decode(answer["content"]) == FILES["README.md"]
    assert (answer["size"], blob["size"]) == (10, 10)


def test_a_truncated_tree_can_be_walked_level_by_level(world, web) -> None:
    world.github.add("owner/name", COMMIT, FILES)
    world.github.api.truncates = True
    cut = web.get(f"{GITHUB}/git/trees/{COMMIT}?recursive=0").json()
    assert (cut["truncated"], len(cut["tree"]) < 5) == (True, True)
    found, waiting = [], [("", COMMIT)]
    while waiting:
        folder, sha = waiting.pop()
        level = web.get(f"{GITHUB}/git/trees/{sha}").json()
        assert level["truncated"] is False
        for row in level["tree"]:
            path = folder + row["path"]
            if row["type"] == "tree":
                waiting.append((f"{path}/", row["sha"]))
            else:
                found.append(path)
    assert sorted(found) == sorted(FILES)


def test_lfs_contents_come_by_a_signed_link_with_a_header(world, web) -> None:
    world.github.add("owner/name", COMMIT, {"big.bin": DATA}, lfs={"big.bin"})
    raw = web.get("https://raw.githubusercontent.com/owner/name/master/big.bin").text
    oid = hashlib.sha256(DATA).hexdigest()
    assert raw.endswith(f"oid sha256:{oid}\nsize 2048\n")
    media = "https://media.githubusercontent.com/media/owner/name/master/big.bin"
    assert web.get(media).content == DATA
    batch = "https://github.com/owner/name.git/info/lfs/objects/batch"
    asked = {"operation": "download", "objects": [{"oid": oid, "size": 2048}, {"oid": "0" * 64}]}
    first, second = web.post(batch, json=asked).json()["objects"]
    assert second["error"]["code"] == 404
    link = first["actions"]["download"]
    assert web.get(link["href"]).status_code == 403
    assert web.get(link["href"], headers=link["header"]).content == DATA
    world.github.over_quota.add("owner/name")
    refused = web.post(batch, json=asked)
    assert (refused.status_code, "data quota" in refused.json()["message"]) == (403, True)
    assert web.get(media).text == raw
    assert world.leaks == []


def test_release_files_have_digests_and_signed_links(world, web) -> None:
    world.github.add("owner/name", COMMIT, FILES)
    world.github.release("owner/name", "v1", {"a.zip": DATA})
    world.github.release("owner/name", "v0", {"old.zip": b"old"}, digests=False)
    (asset,) = web.get(f"{GITHUB}/releases/tags/v1").json()["assets"]
    assert asset["digest"] == f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    assert web.get(f"{GITHUB}/releases/tags/v0").json()["assets"][0]["digest"] is None
    link = web.get(asset["browser_download_url"]).headers["location"]
    assert urlsplit(link).hostname == "release-assets.githubusercontent.com"
    assert web.get(link, headers={"Range": "bytes=9-"}).content == DATA[9:]
    assert web.get(link, headers={"Authorization": "Bearer github-token"}).status_code == 400
    world.later(301)
    assert web.get(link).status_code == 403


def test_github_limits_who_asks_too_often_or_does_not_say_who_asks(world, web) -> None:
    world.github.add("owner/name", COMMIT, FILES)
    world.github.api.limit = 1
    first, second = web.get(GITHUB), web.get(GITHUB)
    assert codes(first, second) == [200, 403]
    assert second.headers["x-ratelimit-remaining"] == "0"
    world.github.api.limit = None
    world.faults.answer("api.github.com", "/", world.github.api.secondary_limit())
    slow = web.get(GITHUB)
    assert (slow.status_code, slow.headers["retry-after"]) == (403, "60")
    assert web.get(GITHUB, headers={"User-Agent": ""}).status_code == 403
    assert web.get(GITHUB, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert web.get(GITHUB.replace("name", "none")).status_code == 404
    same = web.get(GITHUB, headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304


# ---- other addresses ---------------------------------------------------------------------------


def test_pages_stand_where_files_should_be(world, web) -> None:
    host = "https://data.example.org"
    world.web.login(f"{host}/login")
    world.web.challenge(f"{host}/challenge")
    world.web.moved(f"{host}/moved", f"{host}/file")
    world.web.gone(f"{host}/gone")
    world.web.add("https://github.com/owner/name/raw/master/a", b"instead of the repository's")
    places = ("login", "challenge", "moved", "gone", "nothing")
    answers = [web.get(f"{host}/{place}") for place in places]
    assert codes(*answers) == [200, 403, 301, 410, 404]
    assert "password" in answers[0].text
    assert answers[1].headers["cf-mitigated"] == "challenge"
    assert web.get("https://github.com/owner/name/raw/master/a").content.startswith(b"instead")


# ---- the filled shelf --------------------------------------------------------------------------


def test_every_release_of_the_catalog_gets_synthetic_bytes_and_right_pins(
    world, web, tmp_path: Path
) -> None:
    filled = shelf.fill(world, tmp_path, patients=4)
    known = load.load([tmp_path])
    wanted = {
        f"{resource.id}@{release.id}"
        for resource in known.resources
        for release in resource.releases
        if not resource.is_sample
    }
    assert filled.keys() == wanted
    assert len([name for name in filled["mashhad@latest"].served if name.endswith(".rar")]) == 4
    for resource in known.resources:
        for release in resource.releases:
            listed = known.listing(resource, release)
            if listed is None or resource.is_sample:
                continue
            files = filled[f"{resource.id}@{release.id}"].files
            assert {path: len(data) for path, data in files.items()} == {
                path: row.bytes for path, row in listed.items()
            }
            assert release.contents is not None
            assert release.contents.files == len(files)


def test_the_pins_on_the_shelf_are_those_of_the_bytes(world, web, tmp_path: Path) -> None:
    filled = shelf.fill(world, tmp_path)
    entry = check.load_file(tmp_path / "cord-19.yaml")
    assert entry.override == "yes"
    for release in entry.releases:
        (file,) = release.files
        data = web.get(f"https://{file.bucket}.s3.{file.region}.amazonaws.com/{file.key}").content
        assert filled[f"cord-19@{release.id}"].served[file.name] == data
        assert file.md5_prefix == hashlib.md5(data).hexdigest()[:8]
        assert file.sha1_prefix == hashlib.sha1(data).hexdigest()[:8]
        assert file.md5 in (None, hashlib.md5(data).hexdigest())
        assert file.bytes in (None, len(data))


def test_synthetic_pictures_and_volumes_are_valid(tmp_path: Path) -> None:
    picture = content.png("a.png")
    size, start = struct.unpack(">I", picture[33:37])[0], 41
    assert len(zlib.decompress(picture[start : start + size])) == 16 * 17
    assert content.jpeg("a.jpg")[:2] + content.jpeg("a.jpg")[-2:] == b"\xff\xd8\xff\xd9"
    volume = gzip.decompress(content.nifti("a.nii.gz"))
    assert (len(volume), volume[344:347]) == (352 + 4 * 4 * 4 * 2, b"n+1")
    assert content.dicom("a.dcm")[128:132] == b"DICM"
    assert content.made("a.png") == content.made("a.png") != content.made("b.png")
