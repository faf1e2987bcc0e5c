"""Series of a collection in two stores of objects: chosen, listed, fetched, gone on with.

Names, uuids and pages are as in the index of the Imaging Data Commons and in the recorded answers
of both stores; the bytes are made up.
"""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from makers.releases import Shelf
from makers.runs import here, tree_on_disk
from makers.said import check_said, record
from makers.series_stock import BUCKET, ID, made_series, stocked
from servers.hosts import FOR_EVER, Reply, World
from servers.hosts.content import slice_of
from servers.hosts.gcs import HOST as GOOGLE

AMAZON = f"{BUCKET}.s3.us-east-1.amazonaws.com"
LIST = "/storage/v1/b/"
EACH = 5  # objects of a series
SIZE = len(slice_of(made_series(1, EACH)[0], 0))  # bytes of one
JOURNAL = Path(f"covcat-data/.covcat/partial/{ID}@idc-v25/journal.jsonl")


@pytest.fixture
def files(world: World, shelf: Shelf) -> dict[str, bytes]:
    """Put a collection of 24 series into both stores; lists have three objects a page."""
    world.gcs.page = world.s3.page = 3
    return stocked(world, shelf.folder, made_series(24, EACH))


def objects_asked(world: World, host: str) -> list[str]:
    top = f"/{BUCKET}/" if host == GOOGLE else "/"
    return [one.path for one in world.asked(host, top) if one.path.endswith(".dcm")]


def key_of(path: str) -> str:
    """Return how the stores call a file."""
    series, _, name = path.rpartition("/")
    (uuid,) = (one.uuid for one in made_series(24, EACH) if one.path == series)
    return f"{uuid}/{name}"


def disturb(world: World, host: str) -> None:
    """Let both a list and the objects be refused for a while, as busy stores do."""
    for top in (LIST, f"/{BUCKET}/") if host == GOOGLE else ("/",):
        world.faults.answer(host, top, world.s3.slow_down(), times=12)
        world.faults.answer(host, top, world.gcs.slow_down(), times=3)


@pytest.mark.parametrize("host", [GOOGLE, AMAZON])
def test_of_many_objects_only_the_wrong_one_is_asked_for_again(
    covcat, world: World, shelf: Shelf, files: dict[str, bytes], host: str
) -> None:
    if host == AMAZON:
        shelf_of_amazon(shelf)
    wrong = sorted(files)[7]
    disturb(world, host)
    for store, top in ((GOOGLE, f"/{BUCKET}/"), (AMAZON, "/")):  # Google's md5, or the length
        world.faults.answer(store, top + key_of(wrong), Reply(200, body=b"DICM"), times=FOR_EVER)
    ran = covcat("fetch", ID, "--retries", "50", mirror=world.url)
    check_said(ran, 5, f"`{wrong}`"[1:-1].rpartition("/")[2], "bytes, got 4")
    check_said(ran, 5, f"here and not asked for again: {len(files) - 1} of {len(files)} files")
    assert not Path(f"covcat-data/{ID}").exists()

    world.faults.clear()
    before = len(objects_asked(world, host))
    ran = covcat("fetch", ID, mirror=world.url)
    assert here(ran) == files
    assert [one.endswith(key_of(wrong)) for one in objects_asked(world, host)[before:]] == [True]
    kinds = {one["verified_by"] for one in record(ID)["downloads"]}
    assert kinds == ({"host-md5"} if host == GOOGLE else {"first-use"})
    assert covcat("verify", ID).code == 0
    assert not world.leaks


def shelf_of_amazon(shelf: Shelf) -> None:
    """Let the entry name Amazon's bucket alone."""
    path = shelf.folder / f"{ID}.yaml"
    text = path.read_text().replace("host: gcs", "host: s3\n    region: us-east-1")
    path.write_text(re.sub(r"\n *twin:\n( +\w+: [\w-]+\n){2}", "\n", text))


def test_a_wrong_md5_is_told_and_the_twin_is_asked(
    covcat, world: World, files: dict[str, bytes]
) -> None:
    wrong = min(files)
    key = key_of(wrong)
    world.gcs.add(f"{BUCKET}/{key}", files[wrong], wrong=True, public=True)
    ran = covcat("fetch", ID, mirror=world.url)
    assert here(ran) == files
    assert f"`{wrong}` is not what its host says: md5 expected" in ran.err
    assert objects_asked(world, AMAZON) == [f"/{key}"]


def test_a_sample_is_of_small_series_and_grows(
    covcat, world: World, shelf: Shelf, files: dict[str, bytes]
) -> None:
    large = made_series(24, EACH)[:8]
    stocked(world, shelf.folder, [*made_series(24, EACH)[8:], *made_series(8, 9 * EACH)])
    dry = covcat("fetch", ID, "--sample", "2", "--dry-run", "--json")
    (step,) = dry.document["data"]["steps"]
    assert (step["files"], step["download_bytes"]) == (2 * EACH, 2 * EACH * SIZE)

    first = here(covcat("fetch", ID, "--sample", "2", mirror=world.url))
    tops = {path.rpartition("/")[0] for path in first}
    assert (len(tops), len(first)) == (2, 2 * EACH)
    assert not tops & {one.path for one in large}
    assert record(ID)["selection"] == ["--sample=2"]
    assert len(world.asked(GOOGLE, LIST)) == 4  # two pages each: nobody else is asked
    assert "nothing to do" in covcat("fetch", ID, "--sample", "2", mirror=world.url).err

    asked = len(objects_asked(world, GOOGLE))
    grown = here(covcat("fetch", ID, "--sample", "3", mirror=world.url))
    assert first.items() < grown.items()
    assert len(objects_asked(world, GOOGLE)) == asked + EACH
    assert covcat("verify", ID).code == 0


PARTS = [
    ("COVID-19-AR-00000003/*", 4 * EACH),  # a patient
    ("COVID-19-AR-0000000[23]/*/CT_*", 3 * EACH),
    ("*/DX_*", 8 * EACH),
    ("*.100001[01]", 2 * EACH),  # series by the ends of their UIDs
    ("COVID-19-AR-00000003/*/*.dcm", 4 * EACH),
]


@pytest.mark.parametrize(("glob", "count"), PARTS)
def test_series_are_chosen_by_patient_modality_or_uid(
    covcat, world: World, files: dict[str, bytes], glob: str, count: int
) -> None:
    came = here(covcat("fetch", ID, "--include", glob, mirror=world.url))
    assert len(came) == count
    assert came.items() < files.items()
    assert len(world.asked(GOOGLE, LIST)) == 2 * count // EACH


def test_one_object_can_be_chosen_and_one_left_out(
    covcat, world: World, files: dict[str, bytes]
) -> None:
    one, other = sorted(files)[:2]
    assert set(here(covcat("fetch", ID, "--include", one, mirror=world.url))) == {one}
    options = ["--include", one.rpartition("/")[0], "--exclude", other]
    came = here(covcat("fetch", ID, *options, mirror=world.url))
    assert (len(came), other in came) == (EACH - 1, False)


def test_what_no_series_is_asks_nobody(covcat, world: World, files: dict[str, bytes]) -> None:
    ran = covcat("fetch", ID, "--include", "COVID-19-AR-9*/*", mirror=world.url)
    check_said(ran, 3, "is one of", f"covcat files {ID}@idc-v25")
    assert not world.requests


@pytest.mark.large
def test_a_fetch_that_is_killed_goes_on_where_it_was(
    covcat, world: World, shelf: Shelf, files: dict[str, bytes]
) -> None:
    world.faults.drip(GOOGLE, f"/{BUCKET}/", piece=200, pause=0.005, times=FOR_EVER)
    command = [sys.executable, "-m", "covcat", "fetch", ID, "--catalog", str(shelf.folder)]
    with subprocess.Popen([*command, "--mirror", world.url], stderr=subprocess.DEVNULL) as running:
        until = time.monotonic() + 30
        while not (JOURNAL.exists() and JOURNAL.read_text().count("\n") > 30):
            assert time.monotonic() < until
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
    world.faults.clear()
    had, before = JOURNAL.read_text().count("\n"), len(objects_asked(world, GOOGLE))
    assert here(covcat("fetch", ID, mirror=world.url)) == files
    assert len(objects_asked(world, GOOGLE)) - before == len(files) - had


def test_where_google_does_not_answer_its_twin_is_asked_and_has_no_digest(
    covcat, world: World, files: dict[str, bytes]
) -> None:
    world.faults.answer(GOOGLE, "/", 503, times=FOR_EVER)
    options = ["--sample", "3", "--retries", "1"]
    refused = covcat("fetch", ID, *options, "--require", "host", mirror=world.url)
    check_said(refused, 4, "answered HTTP 503")
    assert not world.asked(AMAZON)
    ran = covcat("fetch", ID, *options, mirror=world.url)
    check_said(ran, 0, f"asking https://{AMAZON}/", "no digest of it was at hand")
    assert {(one["host"], one["verified_by"]) for one in record(ID)["downloads"]} == {
        ("s3", "first-use")
    }


def test_a_series_that_is_gone_can_lack(covcat, world: World, shelf: Shelf) -> None:
    known = made_series(6, EACH)
    files = stocked(world, shelf.folder, known)
    gone = known[2].path
    world.gcs.drop(f"{BUCKET}/{known[2].uuid}")
    ran = covcat("fetch", ID, mirror=world.url)
    check_said(ran, 4, f"the series `{gone}` has no objects any more", "--allow-missing")
    came = here(covcat("fetch", ID, "--allow-missing", mirror=world.url))
    assert came == {path: data for path, data in files.items() if not path.startswith(gone)}
    assert record(ID)["missing"] == [gone]
    stocked(world, shelf.folder, known)
    assert here(covcat("fetch", ID, mirror=world.url)) == files


def test_a_series_of_other_objects_than_the_catalog_says_is_refused(
    covcat, world: World, files: dict[str, bytes]
) -> None:
    more = made_series(24, EACH)[0]
    world.gcs.add(f"{BUCKET}/{more.uuid}/more.dcm", b"more", public=True)
    ran = covcat("fetch", ID, mirror=world.url)
    check_said(
        ran,
        5,
        f"`{more.path}` is another one",
        f"5 objects of {5 * SIZE:,} bytes, got 6 of {5 * SIZE + 4:,}",
    )
    assert f"not asked for again: {len(files) - EACH} of {len(files) - EACH + 1} files" in ran.err


def test_a_damaged_object_comes_again_and_only_its_series_is_asked_for(
    covcat, world: World, files: dict[str, bytes]
) -> None:
    folder = Path(covcat("fetch", ID, mirror=world.url).out.strip())
    damaged, before = folder / sorted(files)[11], len(world.requests)
    damaged.write_bytes(b"damaged")
    assert covcat("verify", ID).code == 5
    assert covcat("verify", ID, "--repair", mirror=world.url).code == 0
    assert tree_on_disk(folder) == files
    assert len(world.requests) - before == 3  # two pages and the object


def test_what_another_tool_brought_is_taken_by_its_md5(
    covcat, world: World, files: dict[str, bytes], tmp_path: Path
) -> None:
    for path, data in files.items():  # as s5cmd leaves it: folders of uuids
        place = tmp_path / "mine" / key_of(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    ran = covcat("import", ID, str(tmp_path / "mine"), mirror=world.url)
    assert here(ran) == files
    assert {one["verified_by"] for one in record(ID)["downloads"]} == {"host-md5"}
    assert not objects_asked(world, GOOGLE)


def test_files_lists_series_with_what_they_hold(covcat, files: dict[str, bytes]) -> None:
    ran = covcat("files", ID, "--json")
    rows = ran.document["data"]["files"]
    assert [(one["path"], one["objects"], one["bytes"]) for one in rows] == [
        (one.path, EACH, EACH * SIZE) for one in sorted(made_series(24, EACH), key=lambda s: s.path)
    ]
    assert "24 series, folders of objects that their host lists" in ran.err


def test_headers_and_folders_say_who_and_what_is_on_a_picture(
    covcat, world: World, files: dict[str, bytes]
) -> None:
    assert covcat("fetch", ID, "--include", "*-00000002/*", mirror=world.url).code == 0
    ran = covcat("images", ID, "--json")
    rows = ran.document["data"]["images"]
    assert len(rows) == 4 * EACH
    assert {(one["modality"], one["covid"], one["patient_id"], one["date"]) for one in rows} == {
        ("ct", "yes", f"{ID}:COVID-19-AR-00000002", None),
        ("xray", "yes", f"{ID}:COVID-19-AR-00000002", None),
    }
