"""A thousand archives of one data set: paging, limits, addresses that expire, a wrong digest."""

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from makers.runs import tree_on_disk
from makers.said import check_said
from servers.hosts import World, stock
from servers.hosts.dataverse import HARVARD, STORAGE

DOI = "doi:10.7910/DVN/6ACUZI"
COUNT = 1000
FEWER = 300  # are stopped half-way as well as a thousand
WRONG = "P007.rar"
ACCESS = "/api/access/datafile/"


@pytest.fixture
def patients(world: World) -> dict[str, bytes]:
    """Put all patients into the Dataverse; return every file as it is once unpacked."""
    return stocked(world, COUNT)


def stocked(world: World, count: int) -> dict[str, bytes]:
    made = stock.patients(count)
    ids = world.dataverse.add(DOI, {name: data for name, (data, _) in made.items()}, wrong={WRONG})
    world.dataverse.mend_patient = lambda: world.dataverse.mend(ids[WRONG])
    world.links_work_once = True
    return {path: data for _, inside in made.values() for path, data in inside.items()}


def disturbed(world: World) -> None:
    """Limits without a word on how long, and storage that is too busy or cuts off."""
    world.faults.answer(HARVARD, ACCESS, world.dataverse.too_many(), times=25)
    world.faults.answer(HARVARD, "/api/datasets/", world.dataverse.too_many(), times=2)
    world.faults.answer(STORAGE, "/", world.s3.slow_down(), times=10)
    world.faults.cut(STORAGE, "/", after=100, times=10)


@pytest.mark.large
def test_a_thousand_archives_arrive_and_only_the_wrong_one_is_asked_for_again(
    covcat, world: World, patients: dict[str, bytes]
) -> None:
    disturbed(world)
    ran = covcat("fetch", "mashhad", "--jobs", "8", "--retries", "50", mirror=world.url)
    assert (ran.code, ran.out) == (5, "")
    assert f"`{WRONG}` is not what its host says: md5 expected " in ran.err
    assert f"here and not asked for again: {COUNT - 1} of {COUNT} files" in ran.err
    assert not Path("covcat-data/mashhad").exists()

    status = json.loads(covcat("status", "--json").out)["data"]["here"]
    assert [(one["id"], one["state"], one["files"]) for one in status] == [
        ("mashhad@latest", "unfinished", COUNT - 1)
    ]

    world.dataverse.mend_patient()
    before = len(world.requests)
    ran = covcat("fetch", "mashhad", mirror=world.url)
    assert ran.code == 0, ran.err
    again = Counter(one.path.rpartition("/")[0] for one in world.requests[before:])
    assert again[ACCESS.rstrip("/")] == 1
    folder = Path(ran.out.strip())
    assert tree_on_disk(folder) == patients
    record = json.loads((folder.parent / "manifest.json").read_text())
    assert len(record["downloads"]) == COUNT
    assert {one["verified_by"] for one in record["downloads"]} == {"host-md5"}
    assert covcat("verify", "mashhad").code == 0
    assert not list(Path("covcat-data/.covcat/partial").iterdir())


def test_a_few_patients_can_be_had_and_the_others_later(
    covcat, world: World, patients: dict[str, bytes]
) -> None:
    world.dataverse.mend_patient()
    ran = covcat("fetch", "mashhad", "--sample", "3", mirror=world.url)
    assert ran.code == 0, ran.err
    folder = Path(ran.out.strip())
    first = {path.name for path in folder.iterdir()}
    assert len(first) == 3
    record = json.loads((folder.parent / "manifest.json").read_text())
    assert record["selection"] == ["--sample=3"]
    assert len(world.asked(HARVARD, ACCESS)) == 3
    assert covcat("verify", "mashhad").code == 0

    again = covcat("fetch", "mashhad", "--sample", "3", mirror=world.url)
    assert "nothing to do" in again.err

    assert covcat("fetch", "mashhad", "--include", "P00[12].rar", mirror=world.url).code == 0
    assert {path.name for path in folder.iterdir()} == first | {"P001", "P002"}
    record = json.loads((folder.parent / "manifest.json").read_text())
    assert record["selection"] == ["--sample=3", "'--include=P00[12].rar'"]
    assert len(world.asked(HARVARD, ACCESS)) == 5  # what is here does not come again
    assert len(record["downloads"]) == 5
    assert {one["verified_by"] for one in record["downloads"]} == {"host-md5"}
    assert covcat("verify", "mashhad").code == 0


def test_what_is_damaged_comes_again_with_a_further_part(covcat, world: World) -> None:
    world.dataverse.add(DOI, {name: data for name, (data, _) in stock.patients(4).items()})
    assert covcat("fetch", "mashhad", "--include=P00[123].rar", mirror=world.url).code == 0
    damaged = Path("covcat-data/mashhad/latest/files/P001/IM0001")
    right = damaged.read_bytes()
    damaged.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert covcat("fetch", "mashhad", "--include=P004.rar", mirror=world.url).code == 0
    assert damaged.read_bytes() == right
    assert len(world.asked(HARVARD, ACCESS)) == 5  # three, then P001 again and P004


def test_what_is_here_stays_where_its_host_has_something_else_now(covcat, world: World) -> None:
    served = {name: data for name, (data, _) in stock.patients(6).items()}
    world.dataverse.add(DOI, {name: served[name] for name in ("P004.rar", "P005.rar", "P006.rar")})
    assert covcat("fetch", "mashhad", "--sample=2", mirror=world.url).code == 0
    folder = Path("covcat-data/mashhad/latest/files")
    first = {path.name for path in folder.iterdir()}
    world.dataverse.add(DOI, served)
    rest = next(name for name in served if name.removesuffix(".rar") not in first)
    assert covcat("fetch", "mashhad", f"--include={rest}", mirror=world.url).code == 0
    assert first < {path.name for path in folder.iterdir()}
    assert covcat("verify", "mashhad").code == 0
    gone = f"{min(first)}.rar"
    world.dataverse.add(DOI, {name: data for name, data in served.items() if name != gone})
    refused = covcat("fetch", "mashhad", mirror=world.url)
    check_said(refused, 5, f"files/{min(first)}/IM0001", "covcat remove mashhad@latest")
    assert (folder / min(first) / "IM0001").is_file()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.large
def test_a_fetch_that_is_stopped_half_way_goes_on_where_it_was(
    covcat, world: World, sent: signal.Signals
) -> None:
    stocked(world, FEWER)
    world.dataverse.mend_patient()
    command = [sys.executable, "-m", "covcat", "fetch", "mashhad", "--mirror", world.url]
    journal = Path("covcat-data/.covcat/partial/mashhad@latest/journal.jsonl")
    said = Path("said.txt")
    with said.open("wb") as err, subprocess.Popen(command, stderr=err) as running:
        until = time.monotonic() + 30
        while not (journal.exists() and journal.read_text().count("\n") > FEWER // 3):
            assert time.monotonic() < until
            time.sleep(0.01)
        running.send_signal(sent)
    had = journal.read_text().count("\n")
    assert had < FEWER
    if sent == signal.SIGTERM:
        kept = re.search(rf"mashhad@latest: kept: (\d+) of {FEWER} files\n", said.read_text())
        assert kept
        assert had - 8 <= int(kept[1]) <= had
    before = len(world.asked(HARVARD, ACCESS))
    assert covcat("fetch", "mashhad", mirror=world.url).code == 0
    again = len(world.asked(HARVARD, ACCESS)) - before
    assert FEWER - had - 8 <= again <= FEWER - had
    assert covcat("verify", "mashhad").code == 0
