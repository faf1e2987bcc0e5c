"""A file that ends with its connection: nobody can tell if it was cut off, so covcat says that."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.archives import zip_of
from makers.runs import Ran
from makers.said import check_said
from servers.hosts.world import World

Covcat = Callable[..., Ran]

HOST = "data.example.org"
BODY = b"0123456789" * 1000
SAID = "warning: neither its length nor a digest of it is known: what came may be a part of it"


def served(world: World, data: bytes = BODY, framing: str = "close", cut: int | None = None):
    """Serve one file without ranges; `cut` ends the connection after so many bytes."""
    world.web.add(f"https://{HOST}/a.bin", data, modified=None, has_ranges=False)
    world.faults.cut(HOST, "/a.bin", len(data) if cut is None else cut, framing, times=-1)


def kinds() -> set[str]:
    record = json.loads(Path("covcat-data/one/1/manifest.json").read_text())
    return {one["verified_by"] for one in [*record["downloads"], *record["files"]]}


@pytest.mark.parametrize("cut", [len(BODY), 7_000], ids=["whole", "cut off"])
def test_without_length_and_digest_it_is_kept_and_said(
    covcat: Covcat, shelf, world: World, cut: int
) -> None:
    shelf.add_web("one", "a.bin")
    served(world, cut=cut)
    ran = covcat("fetch", "one", mirror=world.url)
    assert ran.code == 0, ran
    assert f"one@1: {SAID}" in ran.err
    assert kinds() == {"unknown-length"}
    assert Path("covcat-data/one/1/files/a.bin").stat().st_size == cut
    assert "unknown-length" in covcat("status").out
    assert covcat("verify").code == 0


@pytest.mark.parametrize("require", ["host", "pinned"])
def test_who_requires_more_gets_nothing_of_it(
    covcat: Covcat, shelf, world: World, require: str
) -> None:
    shelf.add_web("one", "a.bin")
    served(world, cut=7_000)
    ran = covcat("fetch", "one", "--require", require, mirror=world.url)
    assert ran.code == 5, ran
    assert "hint: " in ran.err
    assert not Path("covcat-data/one").exists()
    if require == "host":
        assert "verified by nothing better than unknown-length, and --require host" in ran.err
        assert "hint: the same command without --require keeps it" in ran.err


KNOWN = {
    "a size": {"bytes": len(BODY)},
    "a sha256": {"sha256": f'"{hashlib.sha256(BODY).hexdigest()}"'},
    "an md5": {"md5": f'"{hashlib.md5(BODY).hexdigest()}"'},
}


@pytest.mark.parametrize("keys", KNOWN.values(), ids=KNOWN)
def test_what_the_catalog_knows_of_it_tells_its_end(
    covcat: Covcat, shelf, world: World, keys: dict[str, object]
) -> None:
    shelf.add_web("one", "a.bin", **keys)
    served(world, cut=7_000)
    assert covcat("fetch", "one", "--retries", "1", mirror=world.url).code in (4, 5)
    world.faults.clear()
    served(world)
    ran = covcat("fetch", "one", mirror=world.url)
    assert (ran.code, SAID in ran.err) == (0, False), ran
    assert "unknown-length" not in kinds()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_what_says_its_end_itself_is_first_use_and_cut_off_an_error(
    covcat: Covcat, shelf, world: World, framing: str
) -> None:
    shelf.add_web("one", "a.bin")
    served(world, framing=framing, cut=7_000)
    assert covcat("fetch", "one", "--retries", "1", mirror=world.url).code == 4
    world.faults.clear()
    world.web.add(f"https://{HOST}/a.bin", BODY, modified=None, has_ranges=False)
    assert covcat("fetch", "one", mirror=world.url).code == 0
    assert kinds() == {"first-use"}


def test_an_archive_without_a_length_is_named_so_too(covcat: Covcat, shelf, world: World) -> None:
    shelf.add_web("one", "a.bin", unpack="zip")
    served(world, zip_of({"a.txt": b"a", "b.txt": b"b"}))
    assert covcat("fetch", "one", mirror=world.url).code == 0
    assert kinds() == {"unknown-length"}


def test_of_several_files_the_one_without_a_length_is_told(
    covcat: Covcat, shelf, world: World
) -> None:
    shelf.add_web("one", "a.bin")
    entry = shelf.folder / "one.yaml"
    more = f"      - host: web\n        url: https://{HOST}/b.bin\n        name: b.bin\n"
    entry.write_text(entry.read_text() + more)
    served(world, cut=7_000)
    world.web.add(f"https://{HOST}/b.bin", BODY)
    ran = covcat("fetch", "one", mirror=world.url)
    assert (ran.code, kinds()) == (0, {"unknown-length", "first-use"}), ran
    assert covcat("fetch", "one", "--require", "host", mirror=world.url).code == 5


def test_a_longer_one_later_is_not_taken_for_it(covcat: Covcat, shelf, world: World) -> None:
    shelf.add_web("one", "a.bin")
    served(world, cut=7_000)
    assert covcat("fetch", "one", mirror=world.url).code == 0
    Path("covcat-data/one/1/files/a.bin").unlink()
    world.faults.clear()
    served(world)
    check_said(covcat("verify", "--repair", mirror=world.url), 5, "sha256 expected")
