"""Files that come at once share the free space, and say how far they are after a resume."""

import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from download.test_attempt import BODY, interrupted
from servers.server import Answer
from torture.origin import Origin

SIZE = 100_000
PARTIAL = Path("covcat-data/.covcat/partial/set@1")


def body(name: str) -> bytes:
    return name.encode() * (SIZE // len(name))


def pinned(name: str) -> dict[str, object]:
    digest = hashlib.sha256(body(name)).hexdigest()
    return {"name": name, "bytes": len(body(name)), "sha256": digest}


SHARED = {  # files, free bytes, exit code
    "two of unknown size": ([{"name": "a"}, {"name": "b"}], 150_000, 8),
    "two that fit": ([{"name": "a"}, {"name": "b"}], 200_000, 0),
    "one of a known size beside": ([pinned("a"), {"name": "b"}], 150_000, 8),
    "one of a known size that fits": ([pinned("a"), {"name": "b"}], 200_000, 0),
    "known sizes beside an unknown one": ([pinned("a"), pinned("b"), {"name": "c"}], 190_000, 8),
}


@pytest.mark.parametrize(("files", "free", "code"), SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("has_length", [True, False], ids=["a length", "none"])
def test_the_free_space_is_shared_by_the_files_that_come(
    covcat, shelf, server, monkeypatch, files, free: int, code: int, has_length: bool
) -> None:
    shelf.add_files("set", *files)
    for one in files:
        answer = Answer(body(one["name"]), has_length=has_length)
        server.serve(f"/data.example.org/{one['name']}", answer)
    monkeypatch.setattr("covcat.store.folder.Store.free_bytes", lambda self: free)
    ran = covcat("fetch", "set")
    assert ran.code == code, ran.err
    assert ("room for" in ran.err or "not enough space" in ran.err) == (code == 8), ran.err
    came = sum(path.stat().st_size for path in PARTIAL.glob("*/*"))
    assert came <= free


def test_what_waits_needs_no_room_again(covcat, shelf, server, monkeypatch) -> None:
    shelf.add_files("set", pinned("a"), {"name": "b"})
    server.serve("/data.example.org/a", Answer(body("a")))
    server.serve("/data.example.org/b", Answer(b"gone", 404))
    assert covcat("fetch", "set").code == 4
    server.serve("/data.example.org/b", Answer(body("b"), has_length=False))
    monkeypatch.setattr("covcat.store.folder.Store.free_bytes", lambda self: SIZE)
    assert covcat("fetch", "set").code == 0


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin({"data.example.org/x.bin": BODY, "data.example.org/y.bin": BODY}) as one:
        yield one


def events(ran, label: str) -> list[tuple[str, int, int | None]]:
    lines = [json.loads(line) for line in ran.err.splitlines()]
    return [
        (one["event"], one["done"], one["total"])
        for one in lines
        if one.get("label") == label and one["event"] != "note"
    ]


@pytest.mark.parametrize("keys", [{}, {"sha256": hashlib.sha256(BODY).hexdigest()}])
def test_after_a_resume_what_is_kept_is_counted_and_the_total_known_at_once(
    covcat, shelf, origin, monkeypatch, keys
) -> None:
    monkeypatch.setattr("covcat.cli.progress._Events.heartbeat", 0)
    shelf.add_web("plain", "x.bin", **keys)
    channel = origin.channel("a", hold_at=500_000)
    assert interrupted(shelf, channel) == 128 + signal.SIGTERM
    ran = covcat("fetch", "plain", "-q", "--progress", "json", mirror=channel.url)
    assert ran.code == 0
    first, second, *_, last = events(ran, "x.bin")
    assert first == ("start", 0, len(BODY))
    assert (second[0], second[2]) == ("advance", len(BODY))
    assert second[1] == channel.requests[1].start > 0
    assert last == ("finish", len(BODY), len(BODY))


def test_a_part_that_is_not_as_recorded_is_not_counted(covcat, shelf, origin) -> None:
    shelf.add_web("plain", "x.bin", sha256=hashlib.sha256(BODY).hexdigest())
    channel = origin.channel("a", hold_at=500_000)
    interrupted(shelf, channel)
    (part,) = Path("covcat-data/.covcat/parts").glob("*.part")
    part.write_bytes(b"?" + part.read_bytes()[1:])
    ran = covcat("fetch", "plain", "-q", "--progress", "json", mirror=channel.url)
    assert events(ran, "x.bin")[-1] == ("finish", len(BODY), len(BODY))


def test_files_that_wait_are_counted_in_the_whole(covcat, shelf, server) -> None:
    shelf.add_files("set", pinned("a"), pinned("b"))
    server.serve("/data.example.org/a", Answer(body("a")))
    server.serve("/data.example.org/b", Answer(b"gone", 404))
    assert covcat("fetch", "set").code == 4
    server.serve("/data.example.org/b", Answer(body("b")))
    ran = covcat("fetch", "set", "-q", "--progress", "json")
    assert events(ran, "set@1")[-1] == ("finish", 2 * SIZE, 2 * SIZE)
