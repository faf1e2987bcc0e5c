"""Lists of stores of objects: below a prefix, in pages, with odd names, and hostile ones.

Shapes are those of s3-list-objects-v2.xml and s3-error-*.xml as recorded, and of `objects.list` in
Google's reference of its JSON API.
"""

import json
from pathlib import Path

import pytest
from makers.releases import Shelf
from makers.runs import here
from makers.said import check_said, record
from servers.hosts import FOR_EVER, Reply, World
from servers.hosts.gcs import HOST as GOOGLE

BUCKET, REGION = "made-up", "us-west-2"
AMAZON = f"{BUCKET}.s3.{REGION}.amazonaws.com"
FILES = {
    "a b+c&d.txt": b"1",
    "deep/er/é%20.png": b"2" * 5000,
    "deep/100%.csv": b"3",
    "tables/of.zip": b"PK is none",
}
S3 = {"host": "s3", "bucket": BUCKET, "region": REGION, "prefix": "set/1/"}
GCS = {"host": "gcs", "bucket": BUCKET, "prefix": "set/1/"}
STORES = pytest.mark.parametrize("file", [S3, GCS], ids=["s3", "gcs"])


def put(world: World, files: dict[str, bytes] = FILES) -> None:
    """Put the files below the prefix, a folder as consoles draw it, and another beside it."""
    world.gcs.page = world.s3.page = 2
    keys = {f"set/1/{name}": data for name, data in files.items()}
    for key, data in {**keys, "set/1/deep/": b"", "set/10/x": b"another"}.items():
        world.s3.add(BUCKET, REGION, key, data)
        world.gcs.add(f"{BUCKET}/{key}", data, public=True)


@STORES
def test_all_below_a_prefix_comes_page_by_page(
    covcat, world: World, shelf: Shelf, file: dict[str, str]
) -> None:
    put(world)
    shelf.add_files("set", file)
    assert here(covcat("fetch", "set", mirror=world.url)) == FILES
    kinds = {one["verified_by"] for one in record()["downloads"]}
    assert kinds == ({"first-use"} if file is S3 else {"host-md5"})
    assert covcat("verify", "set").code == 0
    ran = covcat("fetch", "set", "--include", "deep/*", mirror=world.url)
    assert "nothing to do" in ran.err


@STORES
def test_a_part_below_a_prefix_can_be_had(covcat, world: World, shelf: Shelf, file) -> None:
    put(world)
    shelf.add_files("set", file)
    came = here(covcat("fetch", "set", "--include", "deep/*", mirror=world.url))
    assert set(came) == {name for name in FILES if name.startswith("deep/")}


def test_one_object_of_googles_store_brings_its_md5(covcat, world: World, shelf: Shelf) -> None:
    put(world)
    shelf.add_files("set", {"host": "gcs", "bucket": BUCKET, "key": "set/1/deep/100%.csv"})
    assert here(covcat("fetch", "set", mirror=world.url)) == {"100%.csv": b"3"}
    assert [one["verified_by"] for one in record()["downloads"]] == ["host-md5"]
    assert len(world.requests) == 1


def test_an_object_that_was_put_together_has_no_digest(covcat, world: World, shelf: Shelf) -> None:
    world.gcs.add(f"{BUCKET}/set/1/x.bin", b"x", hashes="crc32c only", public=True)
    shelf.add_files("set", GCS)
    assert covcat("fetch", "set", "--require", "host", mirror=world.url).code == 5
    assert here(covcat("fetch", "set", mirror=world.url)) == {"x.bin": b"x"}


@STORES
def test_a_store_that_is_busy_is_asked_again(covcat, world: World, shelf: Shelf, file) -> None:
    put(world)
    shelf.add_files("set", file)
    for reply in (world.s3.slow_down(), world.gcs.slow_down()):
        world.faults.answer("*", "/", reply, times=3)
    assert here(covcat("fetch", "set", "--retries", "9", mirror=world.url)) == FILES


def xml(body: str) -> Reply:
    text = f"<?xml version='1.0'?>{body}".encode()
    return Reply(200, [("Content-Type", "application/xml")], text)


def tree(**keys: object) -> Reply:
    return Reply(200, [("Content-Type", "application/json")], json.dumps(keys).encode())


def keys(*names: str, size: object = 1, more: str = "") -> Reply:
    rows = "".join(f"<Contents><Key>{n}</Key><Size>{size}</Size></Contents>" for n in names)
    return xml(f"<ListBucketResult>{rows}{more}</ListBucketResult>")


def rows(*names: str, **more: object) -> Reply:
    return tree(items=[{"name": n, "size": "1", **more} for n in names])


NEXT = "<NextContinuationToken>x</NextContinuationToken>"
ENTITY = "<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult>&b;</ListBucketResult>"
HOSTILE = [
    (S3, keys("set/1/a", "set/1/../../x"), 5, "s3 lists the file `../../x`"),
    (S3, keys("set/1//etc/passwd"), 5, "s3 lists the file `/etc/passwd`"),
    (S3, keys("set/1/a", "set/1/A"), 5, "which are one path"),
    (S3, keys("set/1/a", more=NEXT), 4, "lists the same files again and again"),
    (S3, xml(ENTITY), 4, "something else than XML"),
    (S3, xml("<ListBucketResult>"), 4, "something else than XML"),
    (S3, xml("<Error><Code>Odd</Code></Error>"), 4, "answered with `Error`, which is no list"),
    (S3, keys(), 4, "has nothing below `set/1/` any more"),
    (GCS, rows("set/1/a", "set/1/..%2fx/../b"), 5, "gcs lists the file"),
    (GCS, rows("set/1/a", md5Hash="????"), 5, "the host's md5 of `set/1/a` is none"),
    (GCS, rows("set/1/a", md5Hash="YWJj"), 5, "the host's md5 of `set/1/a` is none"),
    (GCS, tree(items=[{"name": "set/1/a"}], nextPageToken="x"), 4, "again and again"),
    (GCS, tree(), 4, "has nothing below `set/1/` any more"),
    (GCS, Reply(200, [("Content-Type", "text/html")], b"<html>"), 4, "a web page in place"),
]


@pytest.mark.parametrize(
    ("file", "reply", "code", "said"), HOSTILE, ids=[f"{n}" for n in range(len(HOSTILE))]
)
def test_a_list_that_cannot_be_is_refused_and_leaves_nothing(
    covcat, world: World, shelf: Shelf, file, reply: Reply, code: int, said: str
) -> None:
    put(world)
    shelf.add_files("set", file)
    world.faults.answer(AMAZON if file is S3 else GOOGLE, "/", reply, times=FOR_EVER)
    check_said(covcat("fetch", "set", mirror=world.url), code, said)
    assert not list(Path("covcat-data").glob("[!.]*"))


ABSENT = [
    (S3, "NoSuchBucket", 4),
    (GCS, "The specified bucket does not exist.", 4),
]


@pytest.mark.parametrize(("file", "said", "code"), ABSENT)
def test_a_bucket_that_is_not_there_is_told(covcat, world, shelf, file, said, code) -> None:
    shelf.add_files("set", file)
    check_said(covcat("fetch", "set", mirror=world.url), code, "is gone (HTTP 404)", said)


def test_a_bucket_that_nobody_may_list_wants_a_person(covcat, world: World, shelf: Shelf) -> None:
    world.s3.bucket(BUCKET, REGION, lists=False)
    shelf.add_files("set", S3)
    check_said(covcat("fetch", "set", mirror=world.url), 7, "access is refused (HTTP 403)")


PAYS = ("wants a person: whoever asks is to pay for it (HTTP 400)", "no user project provided")
REGION_SAID = (
    "is of a bucket in the region `eu-west-1`, and was asked for in another",
    "hint: in an entry of your own: region: eu-west-1; if it is covcat's: pip install -U covcat",
)
REFUSED = [  # bodies as Amazon and Google document them
    (S3, 301, "PermanentRedirect", 4, REGION_SAID),
    (S3, 400, "AuthorizationHeaderMalformed", 4, REGION_SAID),
    (S3, 403, "AccessDenied", 7, ("wants a person: access is refused (HTTP 403)",)),
    (S3, 404, "NoSuchBucket", 4, ("is gone (HTTP 404)", "NoSuchBucket")),
    (GCS, 400, "Bucket is a requester pays bucket but no user project provided.", 7, PAYS),
]


@pytest.mark.parametrize(("file", "status", "code", "exit_code", "said"), REFUSED)
@pytest.mark.parametrize("what", ["all below a prefix", "one object"])
def test_what_a_store_answers_in_place_of_objects_is_one_sentence(
    covcat, world, shelf, file, status: int, code: str, exit_code: int, said, what: str
) -> None:
    one = {**file, "key": "set/1/x"}
    del one["prefix"]
    shelf.add_files("set", one if what == "one object" else file)
    if file is GCS:
        reply = tree(error={"code": status, "message": code})
    else:
        reply = xml(f"<Error><Code>{code}</Code><Endpoint>e.example</Endpoint></Error>")
        reply.headers.append(("x-amz-bucket-region", "eu-west-1"))
    reply.status = status
    world.faults.answer("*", "/", reply, times=FOR_EVER)
    ran = covcat("fetch", "set", mirror=world.url)
    check_said(ran, exit_code, *said)
    assert len(world.requests) == 1


def test_links_and_outdated_ask_for_the_first_object(covcat, world: World, shelf: Shelf) -> None:
    put(world)
    shelf.add_files("set", S3)
    ran = covcat("links", "set", "--json", mirror=world.url)
    (file,) = [one for one in ran.document["data"]["links"] if one["kind"] == "file"]
    assert (file["status"], file["detail"]) == ("ok", "the first of 4 that its host lists")
    assert covcat("fetch", "set", mirror=world.url).code == 0
    ran = covcat("outdated", "set", "--json", mirror=world.url)
    assert [one for one in ran.document["data"]["outdated"] if one["kind"] == "unknown"] == []
