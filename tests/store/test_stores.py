"""Releases that are pushed to a bucket or a folder, and pulled from there.

`make test-stores` runs these against moto's server, fake-gcs-server and Azurite in place of the
tests' own.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import ChainMap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import obstore
import pytest
from makers.archives import REPOSITORY, tar_of
from makers.runs import Ran, tree_on_disk
from makers.said import check_said
from obstore.store import LocalStore, ObjectStore, from_url
from servers import emulators as emulators_of
from servers.bucket import Buckets
from servers.message import LAST_MODIFIED, Reply

from covcat.store.remote import place, push

PROGRAMS = {"s3": "MOTO", "gs": "FAKE_GCS", "az": "AZURITE"}  # variables; MOTO's: a Python
OWN_SERVER = not os.environ.get("MOTO")
LOGINS = {
    "AWS_ACCESS_KEY_ID": "AKIAMADEUP",
    "AWS_SECRET_ACCESS_KEY": "made-up-secret",
    "AWS_REGION": "us-east-1",
    "GOOGLE_BEARER_TOKEN": "made-up-secret",
    "AZURE_STORAGE_USE_EMULATOR": "true",
}
NAMES = (  # as in test_exports: what file systems hold, and addresses write otherwise
    *("plain.png", "a b.png", " lead.png", "100%.png", "%41.png", "a#b?c.png", "a+b&c=d.png"),
    *(
        "[x]{y}~^`|.png",
        "ünï/é.png",
        "日本/肺.png",
        ".hidden",
        "a..b",
        "deep/er/still/x.dcm",
        "'q'",
    ),
)
HERE, BACK = Path("covcat-data"), Path("back")


@dataclass
class There:
    """Where copies lie, and what a test does there behind covcat's back."""

    address: str
    store: ObjectStore

    def tree(self) -> dict[str, bytes]:
        paths = [one["path"] for batch in obstore.list(self.store) for one in batch]
        return {path: self.read(path) for path in paths}

    def read(self, path: str) -> bytes:
        return obstore.get(self.store, path).bytes().to_bytes()

    def put(self, path: str, data: bytes) -> None:
        obstore.put(self.store, path, data)

    def drop(self, path: str) -> None:
        obstore.delete(self.store, path)


@pytest.fixture(scope="session")
def emulators() -> Iterator[dict[str, dict[str, str]]]:
    """By scheme what the environment says of a server from a registry; none but by `make`."""
    kinds = {"s3": emulators_of.s3, "gs": emulators_of.gs, "az": emulators_of.az}
    with ExitStack() as running:
        yield {
            kind: running.enter_context(start(os.environ[PROGRAMS[kind]]))
            for kind, start in kinds.items()
            if os.environ.get(PROGRAMS[kind])
        }


@pytest.fixture
def buckets(
    monkeypatch: pytest.MonkeyPatch, emulators: dict[str, dict[str, str]]
) -> Iterator[Buckets]:
    """A server of S3 and Google's store with a bucket `bkt`, and the logins for it."""
    for name, value in LOGINS.items():
        monkeypatch.setenv(name, value)
    with (made := Buckets("bkt")).loopback:
        own = {"AWS_ENDPOINT_URL": made.url, "GOOGLE_BASE_URL": made.url}
        for name, value in ChainMap(*emulators.values(), own).items():
            monkeypatch.setenv(name, value)
        yield made
    assert made.loopback.broken == []


@pytest.fixture(params=["folder", "s3", "gs", *([] if OWN_SERVER else ["az"])])
def there(
    request: pytest.FixtureRequest,
    buckets: Buckets,
    emulators: dict[str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> There:
    """A place without anything in it."""
    if request.param == "folder":
        return There("copies", LocalStore(tmp_path / "copies", mkdir=True))
    if not OWN_SERVER and request.param not in emulators:
        pytest.skip(f"{PROGRAMS[request.param]} names no emulator; `make test-stores` installs it")
    if request.param != "s3":  # whose setting is not to be of use to others
        monkeypatch.delenv("AWS_ENDPOINT_URL")
    return in_bucket(tmp_path, request.param)


@pytest.fixture
def bucket(buckets: Buckets, tmp_path: Path) -> There:
    """The same, a part of a bucket of S3."""
    return in_bucket(tmp_path)


def in_bucket(own: Path, kind: str = "s3") -> There:
    """Return a part of the bucket that no other test has."""
    address, options = f"{kind}://bkt/{own.name}/a=b ü", {"allow_http": True}
    return There(address, from_url(address, client_options=options))


@pytest.fixture
def fetched(covcat: Callable[..., Ran], offered: str) -> None:
    """Let the pinned repository be here."""
    assert covcat("fetch", "set", "-q").code == 0


def brought(covcat, shelf, files: dict[str, bytes]) -> None:
    """Let a release of these files be here that nothing pins."""
    shelf.add_web("odd", "odd.tar", unpack="tar")
    Path("odd.tar").write_bytes(tar_of(files))
    check_said(covcat("import", "odd", "odd.tar"), 0)


def whole_tree(folder: Path) -> dict[str, bytes]:
    """Return what a data folder has under final names."""
    return {k: v for k, v in tree_on_disk(folder).items() if not k.startswith(".covcat/")}


def test_what_is_pushed_lies_there_as_here_and_comes_back_byte_by_byte(
    covcat, shelf, there: There
) -> None:
    files = {f"top/{name}": name.encode() for name in NAMES}
    large = bytes(range(256)) * ((place.PART >> 8) * 2 + 1)  # goes up in three parts
    brought(covcat, shelf, {**files, "top/empty": b"", "top/large.nii": large})
    pushed = covcat("push", there.address, "odd", "--json")
    assert pushed.code == 0, pushed.err
    row = pushed.document["data"]["pushed"][0]
    assert (row["id"], row["files"], row["sent"]) == ("odd@1", 16, 16)
    assert there.tree() == whole_tree(HERE)
    pulled = covcat("--data-dir", "back", "pull", there.address)
    assert pulled.code == 0, pulled.err
    assert pulled.out == "back/odd/1/files\n"
    assert whole_tree(BACK) == whole_tree(HERE)
    assert covcat("--data-dir", "back", "verify").code == 0
    again = covcat("push", there.address, "odd", "--json").document["data"]["pushed"][0]
    assert (again["sent"], again["was_whole"]) == (0, True)
    assert "nothing to do" in covcat("--data-dir", "back", "pull", there.address, "odd@1").err


@pytest.mark.usefixtures("fetched")
@pytest.mark.skipif(not OWN_SERVER, reason="the tests' own server tells what it was asked")
def test_the_manifest_is_put_last(covcat, buckets: Buckets, bucket: There) -> None:
    assert covcat("push", bucket.address).code == 0
    puts = [one for one in buckets.asked if one.startswith("PUT")]
    assert puts[-1].endswith("/set/1/manifest.json")
    assert len(puts) == len(REPOSITORY) + 2


@pytest.mark.usefixtures("fetched")
@pytest.mark.skipif(not OWN_SERVER, reason="the tests' own server breaks off")
@pytest.mark.parametrize("has_journal", [True, False])
def test_a_push_that_broke_off_goes_on(covcat, buckets, bucket, *, has_journal: bool) -> None:
    puts: list[str] = []

    def break_off(request):
        if request.method != "PUT":
            return None
        puts.append(request.target)
        return buckets.reply_of(403, "AccessDenied") if len(puts) > 2 else None

    buckets.before = break_off
    assert covcat("push", bucket.address, "--jobs", "1").code == 7
    before = bucket.tree()
    assert (len(before), "set/1/manifest.json" in before) == (2, False)
    if not has_journal:
        for journal in Path("covcat-data/.covcat/pushed").iterdir():
            journal.unlink()
    buckets.before, buckets.asked = lambda _: None, []
    ran = covcat("push", bucket.address, "--json")
    assert ran.document["data"]["pushed"][0]["sent"] == len(REPOSITORY) - 2
    again = [a for a in buckets.asked if any(a.endswith(one) for one in before)]
    assert [a.split()[0] for a in again] == ([] if has_journal else ["GET", "GET"])
    assert bucket.tree() == whole_tree(HERE)
    assert not list(Path("covcat-data/.covcat/pushed").iterdir())


@pytest.mark.parametrize("size", [1000, 2 * place.PART + 1], ids=["small", "large"])
def test_a_file_that_rotted_unseen_is_not_pushed(
    covcat, shelf, buckets, there: There, size: int
) -> None:
    brought(covcat, shelf, {"top/a.png": b"a" * size, "top/b.png": b"b"})
    path = HERE / "odd/1/files/top/a.png"
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a quick look sees nothing
    check_said(covcat("push", there.address), 5, "`files/top/a.png` of `odd@1` is not as recorded")
    assert not {"odd/1/manifest.json", "odd/1/files/top/a.png"} & there.tree().keys()
    assert buckets.uploads == {}


@pytest.mark.usefixtures("fetched")
def test_a_release_that_is_damaged_is_not_pushed_at_all(covcat, there: There) -> None:
    next((HERE / "set/1/files").glob("*.md")).write_bytes(b"other")
    ran = covcat("push", there.address)
    assert (ran.code, there.tree()) == (5, {})
    assert "hint: covcat verify set@1 --repair" in ran.err


@pytest.mark.parametrize("path", ["files/README.md", "SHA256SUMS"])
@pytest.mark.usefixtures("fetched")
def test_nothing_there_is_written_over(covcat, there: There, path: str) -> None:
    there.put(f"set/1/{path}", b"another")
    check_said(covcat("push", there.address), 5, f"another `{path}` of `set@1` is there already")
    assert there.read(f"set/1/{path}") == b"another"
    assert "set/1/manifest.json" not in there.tree()


def test_a_release_with_other_files_there_is_left_alone(covcat, shelf, there: There) -> None:
    brought(covcat, shelf, {"top/a": b"a"})
    assert covcat("push", there.address).code == 0
    before = there.tree()
    assert covcat("remove", "odd", "--yes").code == 0
    brought(covcat, shelf, {"top/a": b"b"})
    ran = covcat("push", there.address)
    assert (ran.code, there.tree()) == (5, before)
    assert "`odd@1` with other files is there already" in ran.err


@pytest.mark.usefixtures("fetched")
def test_what_was_lost_there_below_a_manifest_is_put_back(covcat, there: There) -> None:
    assert covcat("push", there.address).code == 0
    before = there.tree()
    there.drop("set/1/files/README.md")
    ran = covcat("push", there.address, "--json").document["data"]["pushed"][0]
    assert (ran["sent"], ran["was_whole"]) == (1, True)
    assert there.tree() == before


MANIFEST = "set/1/manifest.json"
WRONG: dict[str, tuple[str, Callable[[bytes], bytes | None], str]] = {
    "another byte": ("set/1/files/README.md", lambda old: b"X" + old[1:], "is not what its mani"),
    "longer": ("set/1/files/README.md", lambda old: old + b"more", "is not what its manifest"),
    "shorter": ("set/1/files/README.md", lambda old: old[:-1], "is not what its manifest says"),
    "cut manifest": (MANIFEST, lambda old: old[:-10], "the manifest of `set@1` is damaged"),
    "of another": (MANIFEST, lambda old: old.replace(b'"set"', b'"other"'), "it is of `other@1`"),
    "outside": (MANIFEST, lambda old: old.replace(b"files/README", b"../README"), "names the path"),
    "no pin": (MANIFEST, lambda old: _edited(old), "differs from the catalog"),
}


def _edited(data: bytes) -> bytes:
    """Return a manifest that names another README, sound in itself."""
    import hashlib
    import json

    record = json.loads(data)
    file = next(one for one in record["files"] if one["path"] == "files/README.md")
    file |= {"sha256": hashlib.sha256(b"X" * file["bytes"]).hexdigest(), "blob": "0" * 40}
    return json.dumps(record).encode()


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.usefixtures("fetched")
def test_what_is_wrong_there_gets_no_name_here(covcat, there: There, case: str) -> None:
    path, change, said = WRONG[case]
    assert covcat("push", there.address).code == 0
    there.put(path, change(there.read(path)) or b"")
    check_said(covcat("--data-dir", "back", "pull", there.address), 5, said)
    assert whole_tree(BACK) == {}


@pytest.mark.usefixtures("fetched")
def test_a_pull_that_broke_off_goes_on_with_what_came(covcat, there: There) -> None:
    assert covcat("push", there.address).code == 0
    path = f"set/1/files/{max(REPOSITORY)}"
    lost = there.read(path)
    there.drop(path)
    check_said(covcat("--data-dir", "back", "pull", there.address, "--jobs", "1"), 3)
    waiting = list((BACK / ".covcat/partial/set@1/pulled").iterdir())
    assert waiting
    told = covcat("--data-dir", "back", "status")
    assert "set@1: covcat pull URL set@1 goes on" in told.err
    there.put(path, lost)
    waiting[0].write_bytes(b"rotten meanwhile")
    assert covcat("--data-dir", "back", "pull", there.address, "set").code == 0
    assert whole_tree(BACK) == whole_tree(HERE)
    assert not (BACK / ".covcat/partial/set@1").exists()


@pytest.mark.skipif(not OWN_SERVER, reason="the tests' own server breaks off")
@pytest.mark.parametrize("spoilt", [False, True])
def test_of_a_large_file_that_broke_off_only_what_is_lacking_comes(
    covcat, shelf, buckets, bucket: There, *, spoilt: bool
) -> None:
    size, cut = 2 * place.PART, place.PART + 4096
    brought(covcat, shelf, {"top/large": random.Random(1).randbytes(size)})
    assert covcat("push", bucket.address).code == 0
    whole, starts = bucket.read("odd/1/files/top/large"), []

    def break_off(request):
        if request.method == "GET" and request.path.endswith("large"):
            starts.append(request.headers.get("range", "all"))
            head = [("ETag", '"x"'), ("Last-Modified", LAST_MODIFIED)]
            return Reply(200, head, whole, cut=cut) if len(starts) == 1 else None
        return None

    buckets.before = break_off
    pull = ("--data-dir", "back", "pull", bucket.address)
    assert covcat(*pull, "--retries", "0").code == 4
    (coming,) = (BACK / ".covcat/partial/odd@1/pulled").iterdir()
    had = coming.stat().st_size
    assert 0 < had <= cut
    if spoilt:
        coming.write_bytes(bytes(had))
    assert covcat(*pull).code == 0
    assert starts[1:] == [f"bytes={had}-", *(["all"] if spoilt else [])]
    assert whole_tree(BACK) == whole_tree(HERE)


def test_an_object_that_became_shorter_than_what_is_here_of_it_is_told_as_wrong(
    covcat, shelf, there: There
) -> None:
    brought(covcat, shelf, {"top/large": bytes(5000)})
    assert covcat("push", there.address).code == 0
    there.put("odd/1/files/top/large", b"cut")
    waiting = BACK / ".covcat/partial/odd@1/pulled"
    waiting.mkdir(parents=True)
    (waiting / f"0-{hashlib.sha256(bytes(5000)).hexdigest()[:16]}").write_bytes(bytes(4000))
    pull = ("--data-dir", "back", "pull", there.address)
    check_said(covcat(*pull), 5, "is not what its manifest says: 5000 bytes")
    assert not (BACK / "odd").exists()


@pytest.mark.skipif(not OWN_SERVER, reason="the tests' own server breaks off")
def test_a_large_file_that_is_there_is_not_sent_again(covcat, shelf, buckets, bucket) -> None:
    files = {f"top/{name}": name.encode() * (place.PART + 1) for name in "ab"}
    brought(covcat, shelf, files)

    def break_off(request):
        is_last = "partNumber" in request.query and request.path.endswith("b")
        return buckets.reply_of(403, "AccessDenied") if is_last else None

    buckets.before = break_off
    assert covcat("push", bucket.address, "--jobs", "1").code == 7
    assert buckets.uploads == {}
    assert {*bucket.tree()} == {"odd/1/SHA256SUMS", "odd/1/files/top/a"}
    buckets.before, buckets.asked = lambda _: None, []
    assert covcat("push", bucket.address).code == 0
    assert not [one for one in buckets.asked if one.endswith("top/a")]
    assert bucket.tree() == whole_tree(HERE)


@pytest.mark.usefixtures("offered")
def test_more_than_is_here_takes_its_place_and_less_does_not(covcat, there: There) -> None:
    assert covcat("fetch", "set", "-q").code == 0
    assert covcat("--data-dir", "back", "fetch", "set", "-q", "--include", "*.md").code == 0
    part = whole_tree(BACK)
    assert covcat("push", f"{there.address}/whole").code == 0
    assert covcat("push", f"{there.address}/part", "--data-dir", "back").code == 0
    assert covcat("--data-dir", "back", "pull", f"{there.address}/whole").code == 0
    assert whole_tree(BACK) == whole_tree(HERE) != part
    check_said(covcat("pull", f"{there.address}/part"), 5, "what is here was kept")


@pytest.mark.usefixtures("fetched")
def test_what_is_not_whole_there_is_not_pulled(covcat, there: There) -> None:
    there.put("set/1/files/README.md", b"a beginning")
    ran = covcat("--data-dir", "back", "pull", there.address)
    assert (ran.code, ran.out) == (0, "")
    assert f"without a manifest at `{there.address}`: set@1" in ran.err
    named = covcat("--data-dir", "back", "pull", there.address, "set")
    assert (named.code, "it has no manifest there" in named.err) == (3, True)
    absent = covcat("--data-dir", "back", "pull", there.address, "sample")
    assert (absent.code, "nothing of it is there" in absent.err) == (3, True)


@pytest.mark.usefixtures("fetched")
def test_of_several_one_that_is_wrong_does_not_stop_the_others(covcat, there: There) -> None:
    assert covcat("fetch", "sample", "-q").code == 0
    assert covcat("push", there.address).code == 0
    there.put("sample/1/files/README.md", b"other")
    check_said(
        covcat("--data-dir", "back", "pull", there.address),
        5,
        "1 of 2 could not be pulled: sample@1",
        f"hint: covcat pull {quote(there.address)} sample@1",
    )
    assert (BACK / "set/1/manifest.json").is_file()


FAULTS = [  # what a store answers, and covcat's exit code and words
    (403, "AccessDenied", 7, "does not let this login"),
    (403, "InvalidAccessKeyId", 7, "does not let this login"),
    (401, "Unauthorized", 7, "does not let this login"),
    (403, "RequestTimeTooSkewed", 7, "the clock of this machine is wrong"),
    (400, "UserProjectMissing", 7, "lets its readers pay"),
    (301, "PermanentRedirect", 7, "is in another region"),
    (503, "SlowDown", 4, "asks for fewer requests"),
    (500, "InternalError", 4, "no answer"),
    (404, "NoSuchBucket", 3, "there is no `s3://bkt`"),
]


@pytest.mark.skipif(not OWN_SERVER, reason="the tests' own server answers badly")
@pytest.mark.parametrize(("status", "code", "exit_code", "said"), FAULTS)
@pytest.mark.parametrize("command", ["push", "pull"])
@pytest.mark.parametrize("scheme", ["s3", "gs"])
@pytest.mark.usefixtures("fetched")
def test_what_a_store_refuses_is_one_sentence_without_a_secret(
    covcat,
    buckets,
    scheme: str,
    command: str,
    status: int,
    code: str,
    exit_code: int,
    said: str,
) -> None:
    buckets.before = lambda _: buckets.reply_of(status, code)
    ran = covcat(command, f"{scheme}://bkt", "set", "--retries", "1", "-v")
    assert ran.code == exit_code, ran.err
    said = said.replace("s3:", f"{scheme}:")
    first, *_ = ran.err.splitlines()
    assert first.startswith("error: "), first
    assert said in first
    for secret in ("AKIAMADEUP", "made-up-secret", "Signature"):
        assert secret not in ran.err + ran.out


@pytest.mark.skipif(not OWN_SERVER, reason="the tests' own server tells what it was asked")
@pytest.mark.usefixtures("fetched")
def test_who_pays_for_what_is_read_is_told_to_the_bucket(
    covcat, buckets, bucket, monkeypatch
) -> None:
    told = set[str | None]()
    buckets.before = lambda request: told.add(request.headers.get("x-amz-request-payer"))
    monkeypatch.setenv("AWS_REQUEST_PAYER", "true")
    assert covcat("push", bucket.address).code == 0
    assert told == {"requester"}


@pytest.mark.skipif(not OWN_SERVER, reason="only the tests' own server refuses")
@pytest.mark.usefixtures("fetched")
def test_a_mirror_that_refuses_is_told_and_the_host_asked(covcat, buckets, bucket: There) -> None:
    buckets.before = lambda _: buckets.reply_of(301, "PermanentRedirect")
    ran = covcat("--data-dir", "back", "fetch", "sample", mirror=bucket.address)
    assert (ran.code, "is in another region than this asks; asking its" in ran.err) == (0, True)


@pytest.mark.usefixtures("fetched")
def test_without_a_login_one_is_asked_for(covcat, buckets, bucket, monkeypatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", buckets.url)  # a machine that lends none
    monkeypatch.setenv("HOME", str(Path.cwd()))
    ran = covcat("push", bucket.address, "--retries", "0")
    assert (ran.code, "no login for `s3://bkt` is set" in ran.err) == (7, True)
    assert "hint: AWS_ACCESS_KEY_ID and" in ran.err


@pytest.mark.usefixtures("fetched")
def test_a_malformed_key_is_told_and_not_shown(covcat, monkeypatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "lab")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "no base64!")
    ran = covcat("push", "az://box", "--retries", "0")
    check_said(ran, 7, "the key of the login for `az://box` is none: it was cut, or is another's")
    assert "base64" not in ran.err


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("s3://key:secret@bkt/x", 2, "has a login or a question in it"),
        ("az://box/x?sig=secret", 2, "has a login or a question in it"),
        ("ftp://host/x", 2, "is no address of a store"),
        ("s3://", 2, "is no address of a store"),
        ("", 2, "the address is empty"),
    ],
)
@pytest.mark.usefixtures("fetched")
def test_what_is_no_address_is_refused(covcat, address: str, code: int, said: str) -> None:
    ran = covcat("push", address)
    assert (ran.code, "secret" in ran.err) == (code, False)
    assert said in ran.err


@pytest.mark.usefixtures("fetched")
def test_offline_a_folder_is_a_place_and_a_bucket_is_none(covcat, bucket: There) -> None:
    assert covcat("push", "--offline", "copies").code == 0
    assert covcat("push", "--offline", bucket.address).code == 4
    assert covcat("pull", "nowhere").code == 3


@pytest.mark.usefixtures("fetched")
def test_without_the_extra_the_command_that_installs_it_is_told(covcat, monkeypatch) -> None:
    monkeypatch.setattr(place, "find_spec", lambda _: None)
    ran = covcat("push", "copies")
    assert (ran.code, "hint: pip install 'covcat[stores]'" in ran.err) == (2, True)


@pytest.mark.skipif(not OWN_SERVER, reason="the tests' own server knows what is not whole")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_push_that_is_asked_to_stop_leaves_no_parts(
    covcat, shelf, buckets, bucket: There, number: signal.Signals
) -> None:
    brought(covcat, shelf, {"top/large": bytes(place.PART) * 6})
    has_begun = threading.Event()

    def slowly(request):
        if "partNumber" in request.query:
            has_begun.set()
            time.sleep(0.2)

    buckets.before = slowly
    command = [sys.executable, "-m", "covcat", "push", bucket.address, "--catalog", "shelf"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    assert has_begun.wait(60)
    running.send_signal(number)
    assert running.wait(60) == 128 + number
    assert buckets.uploads == {}
    assert "odd/1/manifest.json" not in bucket.tree()


def test_what_a_killed_push_left_in_a_folder_is_swept(covcat, offered, tmp_path: Path) -> None:
    assert covcat("fetch", "set", "-q").code == 0
    left = tmp_path / "copies/set/1/files/README.md#1"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of it")
    assert covcat("push", "copies").code == 0
    assert whole_tree(tmp_path / "copies") == whole_tree(HERE)
    assert push._STAGED.fullmatch(left.name)


@pytest.mark.usefixtures("fetched")
def test_verify_reads_what_is_there_and_quick_lists_it(covcat, there: There) -> None:
    assert covcat("push", there.address).code == 0
    for quick in ((), ("--quick",)):
        ran = covcat("verify", "--at", there.address, *quick)
        assert (ran.code, "as recorded" in ran.err) == (0, True), ran.err
    readme = there.read("set/1/files/README.md")
    there.put("set/1/files/README.md", b"X" + readme[1:])
    assert covcat("verify", "--at", there.address, "--quick").code == 0
    read = covcat("verify", "--at", there.address)
    assert (read.code, "set@1: changed: files/README.md: sha256 expected" in read.err) == (5, True)
    there.put("set/1/files/README.md", readme + b"more")
    there.put("set/1/files/strange", b"")
    there.drop("set/1/SHA256SUMS")
    listed = covcat("verify", "--at", there.address, "set", "--quick", "--json")
    assert listed.code == 5
    row = listed.document["error"] and listed.document["data"]["verified"][0]
    assert [one.partition(":")[0] for one in row["changed"]] == ["files/README.md"]
    assert (row["missing"], row["extra"]) == (["SHA256SUMS"], ["files/strange"])
    assert covcat("verify", "--at", there.address, "--repair").code == 2


@pytest.mark.usefixtures("fetched")
def test_verify_holds_the_manifest_there_against_the_catalog(covcat, there: There) -> None:
    assert covcat("push", there.address).code == 0
    there.put(MANIFEST, _edited(there.read(MANIFEST)))
    ran = covcat("verify", "--at", there.address, "--quick")
    assert (ran.code, "differs from the catalog" in ran.err) == (5, True)


@pytest.mark.usefixtures("fetched")
def test_status_tells_what_is_whole_there_and_what_is_not(covcat, there: There) -> None:
    assert covcat("fetch", "sample", "-q").code == 0
    assert covcat("push", there.address, "set").code == 0
    there.put("sample/1/files/README.md", b"a beginning")
    there.put(".covcat/locks/set@1.lock", b"")
    there.put("others/set/1/files/README.md", b"of another place")
    ran = covcat("status", "--at", there.address, "--json")
    rows = {row["id"]: row for row in ran.document["data"]["here"]}
    assert {name: row["state"] for name, row in rows.items()} == {
        "set@1": "complete",
        "sample@1": "unfinished",
    }
    assert rows["set@1"]["files"] == len(REPOSITORY)
    assert f"covcat push {quote(there.address)} sample@1 goes on" in ran.err
    there.put(MANIFEST, b"{")
    damaged = covcat("status", "--at", there.address)
    assert (damaged.code, "set@1\tdamaged" in damaged.out) == (0, True)


@pytest.mark.usefixtures("offered")
def test_a_bucket_is_asked_before_the_host(covcat, server, bucket: There) -> None:
    assert covcat("fetch", "set", "-q").code == 0
    assert covcat("push", bucket.address).code == 0
    server.requests.clear()
    to = ("--data-dir", "back", "fetch", "set")
    check_said(
        covcat(*to, "--include", "*.md", mirror=bucket.address),
        0,
        f"from `{bucket.address}`, as recorded there",
    )
    assert {*whole_tree(BACK)} == {
        f"set/1/{one}" for one in (*PART_OF, "SHA256SUMS", "manifest.json")
    }
    assert covcat("--data-dir", "back", "verify").code == 0
    assert covcat(*to, mirror=bucket.address).code == 0
    assert whole_tree(BACK) == whole_tree(HERE)
    assert server.requests == []


PART_OF = [f"files/{path}" for path in REPOSITORY if path.endswith(".md")]
UNSUITED = {  # what is wrong with the copy, or asked of it that it has not
    "not there": (lambda there: there.drop("sample/1/manifest.json"), (), "not whole at"),
    "damaged": (
        lambda there: there.put("sample/1/files/README.md", b"X"),
        (),
        "is not what its mani",
    ),
    "record damaged": (lambda there: there.put("sample/1/manifest.json", b"{"), (), "is damaged"),
    "no archives": (lambda _: None, ("--keep-archives",), "without its archives"),
}


@pytest.mark.parametrize("case", UNSUITED)
def test_what_the_bucket_has_not_the_host_is_asked_for(covcat, bucket: There, case: str) -> None:
    spoil, options, said = UNSUITED[case]
    assert covcat("fetch", "sample", "-q").code == 0
    assert covcat("push", bucket.address).code == 0
    spoil(bucket)
    ran = covcat("--data-dir", "back", "fetch", "sample", *options, mirror=bucket.address)
    assert (ran.code, said in ran.err) == (0, True), ran.err
    assert (BACK / "sample/1/manifest.json").is_file()


def test_a_mirror_without_its_bucket_is_told(covcat, bucket: There) -> None:
    ran = covcat("fetch", "sample", mirror="s3://no-such-bucket/x")
    assert (ran.code, "there is no `s3://no-such-bucket`; asking" in ran.err) == (0, True)
