"""The imitated hosts do what the real ones were seen to do; none of this needs covcat's network."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from servers.hosts import World, shelf

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
    path = "dataverse.harvard.edu/page"
    assert web.get(f"https://{path}", headers={"X-Dataverse-key": KEY}).status_code == 200
    assert world.leaks == []
    httpx.get(f"{world.url}/{path}?key={KEY}", headers={"Cookie": "a=b"}, trust_env=False)
    assert world.leaks == [("dataverse.harvard.edu", "cookie"), ("dataverse.harvard.edu", "key")]


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


# ---- Dataverse ---------------------------------------------------------------------------------


def test_dataverse_gives_its_files_page_by_page(world, web) -> None:
    world.dataverse.add(DOI, {f"P{number:03}.rar": b"x" for number in range(305)})
    url = f"{HARVARD}/datasets/:persistentId/versions/1.0/files?persistentId=doi:{DOI}"
    pages = [web.get(url + more).json() for more in ("", "&limit=1000", "&limit=9&offset=300")]
    assert [len(page["data"]) for page in pages] == [10, 300, 5]
    assert {page["totalCount"] for page in pages} == {305}
    assert pages[2]["data"][0]["label"] == "P300.rar"


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


def test_a_dataverse_that_streams_itself_heeds_no_if_range(world, web) -> None:
    server = "data.example.edu"
    ids = world.dataverse.add(DOI, {"a.rar": DATA}, server=server, redirects=False)
    url = f"https://{server}/api/access/datafile/{ids['a.rar']}"
    whole = web.get(url)
    assert not {"etag", "accept-ranges"} & whole.headers.keys()
    part = web.get(url, headers={"Range": "bytes=9-", "If-Range": '"whatever"'})
    assert (part.status_code, part.content) == (206, DATA[9:])


# ---- Zenodo ------------------------------------------------------------------------------------


def test_zenodo_had_another_shape_in_october_2023(world, web) -> None:
    world.zenodo.add("5", {"a.zip": DATA})
    world.zenodo.shape = "2023-10"
    (file,) = web.get(f"{ZENODO}/5").json()["files"]
    assert (file["filename"], file["filesize"]) == ("a.zip", 2048)
    assert file["checksum"] == hashlib.md5(DATA).hexdigest()


def test_zenodo_says_too_much_of_ranges_and_waits(world, web) -> None:
    world.zenodo.add("5", {"a/b.zip": DATA})
    url = f"{ZENODO}/5/files/a%2Fb.zip/content"
    digest = hashlib.md5(DATA).hexdigest()
    asked = {"Range": "bytes=9-", "If-Range": f'"md5:{digest}"'}
    part = web.get(url, headers=asked)
    assert (part.status_code, part.content) == (206, DATA[9:])
    assert (part.headers["etag"], part.headers["content-md5"]) == (f'"md5:{digest}"', digest)
    assert part.headers.get_list("accept-ranges") == ["none", "bytes"]
    assert part.headers["retry-after"] == "60"  # though nothing is wrong


# ---- figshare ----------------------------------------------------------------------------------


def test_figshare_gives_ten_files_unless_asked_for_more(world, web) -> None:
    files = {str(100 + number): (f"{number}.bin", b"x") for number in range(25)}
    world.figshare.add("13521488", version="2", files=files)
    assert len(web.get(f"{FIGSHARE}/13521488").json()["files"]) == 10
    for place in ("/files", "/versions/2/files"):
        url = f"{FIGSHARE}/13521488{place}"
        pages = ("", "?page=3", "?page_size=1000", "?page_size=1001")
        answers = [web.get(url + page) for page in pages]
        assert [len(one.json()) for one in answers[:3]] == [10, 5, 25]
        assert answers[3].status_code == 400


def test_figshares_storage_refuses_its_own_authorization(world, web) -> None:
    world.figshare.add("1", files={"5": ("a b.bin", DATA)})
    link = web.get("https://ndownloader.figshare.com/files/5").headers["location"]
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["10"]
    refused = web.get(link, headers={"Authorization": "token figshare-token"})
    assert (refused.status_code, "Unsupported Authorization Type" in refused.text) == (400, True)
    assert world.leaks == [("s3-eu-west-1.amazonaws.com", "authorization")]
    assert web.get(link, headers={"Range": "bytes=9-"}).content == DATA[9:]


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


# ---- Kaggle ------------------------------------------------------------------------------------


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


def test_s3_refuses_in_xml(world, web) -> None:
    world.s3.add("bucket", "us-west-2", "a", DATA)
    world.s3.bucket("closed", "us-west-2", lists=False)
    host = "s3.us-west-2.amazonaws.com"
    for place, status, code in (
        (f"{host}/bucket/b", 404, "NoSuchKey"),
        (f"{host}/closed/b", 403, "AccessDenied"),
        (f"{host}/nobucket/b", 404, "NoSuchBucket"),
    ):
        answer = web.get(f"https://{place}")
        assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)
        assert "location" not in answer.headers
    refused = web.get(f"https://{host}/bucket/a", headers={"Authorization": "Bearer x"})
    assert refused.status_code == 400


# ---- GitHub ------------------------------------------------------------------------------------


def test_codeload_sends_a_zip_without_length_and_ranges(world, web) -> None:
    world.github.add("owner/name", COMMIT, FILES)
    answer = web.get(
        f"https://codeload.github.com/owner/name/zip/{COMMIT}", headers={"Range": "bytes=9-"}
    )
    assert (answer.status_code, answer.headers["transfer-encoding"]) == (200, "chunked")
    assert not {"content-length", "accept-ranges"} & answer.headers.keys()
    assert answer.headers["etag"].startswith('W/"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.comment.decode() == COMMIT
        assert set(archive.namelist()) == {f"name-{COMMIT}/{path}" for path in ("", *FILES)}
    branch = web.get("https://codeload.github.com/owner/name/zip/refs/heads/master")
    assert "name-master/README.md" in zipfile.ZipFile(io.BytesIO(branch.content)).namelist()
    assert web.get(f"https://codeload.github.com/owner/name/zip/{'0' * 40}").status_code == 404


def test_github_trees_are_those_of_git(world, web) -> None:
    tree = world.github.add("owner/name", COMMIT, {**FILES, "run.sh": b"#"}, links={"l": "run.sh"})
    commit = web.get(f"{GITHUB}/commits/master").json()
    assert (commit["sha"], commit["commit"]["tree"]["sha"]) == (COMMIT, tree)
    found = web.get(f"{GITHUB}/git/trees/{COMMIT}?recursive=1").json()
    rows = [(row["path"], row["mode"], row["sha"]) for row in found["tree"]]
    assert tree == found["sha"] == tree_id(row for row in rows if row[1] != "040000")
    assert ("l", "120000") in {row[:2] for row in rows}
    assert ("run.sh", "100755") in {row[:2] for row in rows}


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


# ---- other addresses ---------------------------------------------------------------------------


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
