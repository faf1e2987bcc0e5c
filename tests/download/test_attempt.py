"""Downloads over real connections: resume, ranges at once, what waits for the next run."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from makers.archives import zip_of
from makers.releases import Shelf
from makers.runs import seen_by, tree_on_disk
from servers.server import Answer
from torture.origin import Channel, Origin

from covcat.catalog import load
from covcat.download import attempt, ranges
from covcat.download.parts import SCHEMA, PartRecord, Parts, key_of
from covcat.download.remote import Network
from covcat.hosts.base import remote_file

BODY = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(40_000))  # 1.28 MB
SHA256 = hashlib.sha256(BODY).hexdigest()
PARTS = Path("covcat-data/.covcat/parts")


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A server with ranges and strong ETags."""
    with Origin({"data.example.org/x.bin": BODY}) as one:
        yield one


def command(shelf: Shelf, channel: Channel, *args: str) -> list[str]:
    return [
        *(sys.executable, "-m", "covcat", "fetch", "plain", *args),
        *("--catalog", str(shelf.folder), "--mirror", channel.url),
    ]


def interrupted(shelf: Shelf, channel: Channel, number: int = signal.SIGTERM) -> int:
    """Fetch until the channel holds, then stop the run by a signal."""
    env = {**os.environ, "COVCAT_CHECKPOINT": "65536"}
    run = subprocess.Popen(command(shelf, channel), env=env, stderr=-1, stdout=-1)
    assert channel.reached.wait(30)
    time.sleep(0.3)  # what went out has to come in
    run.send_signal(number)
    run.communicate(timeout=20)
    channel.release()
    return run.returncode


def data() -> bytes:
    return Path("covcat-data/plain/1/files/x.bin").read_bytes()


def left() -> list[Path]:
    return [path for path in Path("covcat-data/.covcat").rglob("*") if path.suffix != ".lock"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_run_that_is_stopped_is_gone_on_with(
    covcat, shelf, origin, number: int, code: int
) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    channel = origin.channel("a", hold_at=500_000)
    assert interrupted(shelf, channel, number) == code
    assert len(list(PARTS.glob("*.part"))) == 1
    (waits,) = covcat("status", "--json").document["data"]["here"]
    assert (waits["id"], waits["files"], waits["bytes"] > 400_000) == ("plain@1", 1, True)
    ran = covcat("fetch", "plain", mirror=channel.url)
    assert (ran.code, data() == BODY) == (0, True)
    assert "going on after" in ran.err
    assert [one.status for one in channel.requests] == [200, 206]
    assert channel.requests[1].start > 400_000
    assert {path.name for path in left()} == {"locks", "parts", "partial", "staging"}


def test_after_a_kill_the_last_checkpoint_counts(covcat, shelf, origin) -> None:
    shelf.add_web("plain", "x.bin")  # nothing pinned: the ETag alone allows it
    channel = origin.channel("a", hold_at=500_000)
    interrupted(shelf, channel, signal.SIGKILL)
    (record,) = PARTS.glob("*.json")
    offset = json.loads(record.read_text())["offset"]
    assert 65536 <= offset <= 500_000 + 65536
    assert covcat("fetch", "plain", mirror=channel.url).code == 0
    assert data() == BODY
    assert channel.requests[1].start == offset


DAMAGE = {
    "changed": lambda part, _: part.write_bytes(b"?" + part.read_bytes()[1:]),
    "shorter than recorded": lambda part, _: os.truncate(part, 100),
    "record cut": lambda _, record: record.write_text("{"),
    "no record": lambda _, record: record.write_text("[]"),
    "record missing": lambda _, record: record.unlink(),
    "of a newer covcat": lambda _, record: record.write_text(
        record.read_text().replace(SCHEMA, "covcat.part/9")
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_part_that_is_not_as_recorded_is_not_used(covcat, shelf, origin, damage) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    channel = origin.channel("a", hold_at=500_000)
    interrupted(shelf, channel)
    (part,) = PARTS.glob("*.part")
    damage(part, part.with_suffix(".json"))
    assert covcat("fetch", "plain", mirror=channel.url).code == 0
    assert data() == BODY
    assert channel.requests[1].start == 0
    assert not list(PARTS.iterdir())


def test_another_file_at_the_same_address_is_not_joined(covcat, shelf, origin) -> None:
    shelf.add_web("plain", "x.bin")
    channel = origin.channel("a", hold_at=500_000)
    interrupted(shelf, channel)
    other = bytes(reversed(BODY))
    origin.bodies = {"data.example.org/x.bin": other}
    assert covcat("fetch", "plain", mirror=channel.url).code == 0
    assert data() == other


def test_what_was_joined_wrongly_is_fetched_once_more_as_a_whole(covcat, shelf, origin) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    channel = origin.channel("a")
    PARTS.mkdir(parents=True)
    wrong = b"?" * 100_000
    (file,) = load.load([shelf.folder]).get("plain").releases[0].files
    key = key_of("plain@1", remote_file(file, "x.bin").path)
    part = Parts(PARTS).new(key, "x.bin")
    part.write(wrong)
    part.record(
        PartRecord("u", None, None, None, len(BODY), 100_000, hashlib.sha256(wrong).hexdigest())
    )
    part.close()
    ran = covcat("fetch", "plain", mirror=channel.url)
    assert (ran.code, data() == BODY) == (0, True)
    assert "what was joined is wrong" in ran.err


def test_old_parts_are_swept_and_those_of_living_processes_stay(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    dead, live = parts.new("a", "a"), parts.new("a", "a")
    dead.close()
    old = parts.new("b", "b")
    old.close()
    os.utime(old.path, (0, 0))
    parts.sweep("a")
    assert (dead.path.exists(), live.path.exists(), old.path.exists()) == (False, True, True)
    parts.sweep()
    assert (live.path.exists(), old.path.exists()) == (True, False)


def test_a_part_that_was_swept_by_mistake_is_still_whole(tmp_path: Path) -> None:
    part = Parts(tmp_path).new("a", "a")
    part.write(b"abc")
    part.path.unlink()
    part.finish(tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"abc"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are shared out at once."""
    monkeypatch.setattr(attempt, "_SPLIT_AFTER", 0.05)
    monkeypatch.setattr(attempt, "_WORTH", 100_000)
    monkeypatch.setattr(ranges, "_SMALLEST", 100_000)


@pytest.mark.usefixtures("eager")
def test_a_slow_connection_gets_help(covcat, shelf, origin) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256, bytes=len(BODY))
    channel = origin.channel("a", rate=400_000)
    ran = covcat("fetch", "plain", mirror=channel.url)
    assert (ran.code, data() == BODY) == (0, True)
    ranged = [one for one in channel.requests if one.status == 206]
    assert len(ranged) >= 10
    assert sum(one.sent for one in ranged) < len(BODY)


@pytest.mark.usefixtures("eager")
def test_several_connections_do_not_get_past_the_catalogs_bound(covcat, shelf, origin) -> None:
    shelf.add_web("plain", "x.bin", max_bytes=1_000_000)
    channel = origin.channel("a", rate=400_000)
    ran = covcat("fetch", "plain", mirror=channel.url)
    assert (ran.code, "is longer than the catalog allows" in ran.err) == (5, True)


@pytest.mark.usefixtures("eager")
def test_one_job_is_one_connection(covcat, shelf, origin) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    channel = origin.channel("a", rate=2_000_000)
    assert covcat("fetch", "plain", "--jobs", "1", mirror=channel.url).code == 0
    assert [one.status for one in channel.requests] == [200]


@pytest.mark.usefixtures("eager")
def test_a_server_that_gives_wrong_ranges_is_asked_for_all(covcat, shelf, server) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    headers = {"ETag": '"a"', "Accept-Ranges": "bytes"}
    server.serve("/data.example.org/x.bin", Answer(BODY, headers=headers))
    ran = covcat("fetch", "plain")
    assert (ran.code, data() == BODY) == (0, True)


@pytest.mark.usefixtures("eager")
def test_a_stopped_run_keeps_what_is_whole_from_the_start(covcat, shelf, origin) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    channel = origin.channel("a", hold_at=900_000)
    interrupted(shelf, channel)
    assert covcat("fetch", "plain", mirror=channel.url).code == 0
    assert data() == BODY


FILES = {f"f{number}.bin": bytes([number]) * 50_000 for number in range(9)}


def add_files(shelf: Shelf, wrong: str | None = None) -> None:
    files = FILES if wrong is None else {**FILES, wrong: b"other"}
    pins = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
    shelf.add_files("plain", *({"name": name, "sha256": pin} for name, pin in pins.items()))


def serve_files(server, but: str | None = None) -> None:
    for name, body in FILES.items():
        answer = Answer(b"", 404) if name == but else Answer(body)
        server.serve(f"/data.example.org/{name}", answer)


def test_files_that_came_wait_for_those_that_did_not(covcat, shelf, server) -> None:
    add_files(shelf)
    serve_files(server, but="f3.bin")
    ran = covcat("fetch", "plain")
    assert ran.code == 4
    assert "f3.bin` is gone" in ran.err
    assert "here and not asked for again: 8 of 9 files" in ran.err
    assert not Path("covcat-data/plain").exists()
    server.requests.clear()
    serve_files(server)
    assert covcat("fetch", "plain").code == 0
    assert [path for path, _ in server.requests] == ["/data.example.org/f3.bin"]
    assert tree_on_disk(Path("covcat-data/plain/1/files")) == FILES
    assert not list(Path("covcat-data/.covcat/partial").iterdir())
    assert all(one.stat().st_nlink == 1 for one in Path("covcat-data/plain/1/files").iterdir())


def test_files_of_one_name_wait_each_with_its_own_bytes(covcat, shelf, server) -> None:
    bodies = {"a/x.bin": b"1" * 9, "b/x.bin": b"2" * 9, "c/X.BIN": b"3" * 9, "d/y.bin": b"4" * 9}
    lines = ""
    for path, body in bodies.items():
        folder, name = path.split("/")
        known = f"into: {folder}/, name: {name}, sha256: '{hashlib.sha256(body).hexdigest()}'"
        lines += f"      - {{host: web, url: 'https://data.example.org/{path}', {known}}}\n"
        server.serve(f"/data.example.org/{path}", Answer(body, 404 if "y" in path else 200))
    shelf.add("plain", f'releases:\n  - id: "1"\n    source: made up\n    files:\n{lines}')
    assert covcat("fetch", "plain").code == 4
    server.requests.clear()
    server.serve("/data.example.org/d/y.bin", Answer(bodies["d/y.bin"]))
    assert covcat("fetch", "plain").code == 0
    assert [path for path, _ in server.requests] == ["/data.example.org/d/y.bin"]
    assert tree_on_disk(Path("covcat-data/plain/1/files")) == bodies


def test_a_wrong_file_is_named_and_the_others_wait(covcat, shelf, server) -> None:
    add_files(shelf, wrong="f5.bin")
    serve_files(server)
    ran = covcat("fetch", "plain", "--jobs", "2")
    assert ran.code == 5
    assert "f5.bin` is not the pinned file" in ran.err
    add_files(shelf)
    server.requests.clear()
    assert covcat("fetch", "plain").code == 0
    assert [path for path, _ in server.requests] == ["/data.example.org/f5.bin"]


def test_a_waiting_file_that_was_changed_is_fetched_again(covcat, shelf, server) -> None:
    add_files(shelf)
    serve_files(server, but="f3.bin")
    covcat("fetch", "plain")
    (waiting,) = Path("covcat-data/.covcat/partial").glob("*/*/f0.bin")
    waiting.write_bytes(b"?" * 50_000)
    serve_files(server)
    assert covcat("fetch", "plain").code == 0
    assert Path("covcat-data/plain/1/files/f0.bin").read_bytes() == FILES["f0.bin"]


def test_an_archive_that_is_refused_is_not_kept_for_the_next_run(covcat, shelf, server) -> None:
    shelf.add_web("plain", "a.zip", unpack="zip")
    server.serve("/data.example.org/a.zip", Answer(zip_of({"../x": b"x"})))
    assert covcat("fetch", "plain").code == 6
    server.serve("/data.example.org/a.zip", Answer(zip_of({"x": b"x"})))
    assert covcat("fetch", "plain").code == 0
    assert len(server.requests) == 2


def test_the_next_address_is_tried_when_one_fails(covcat, shelf, server) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256, mirrors="[https://b.example.org/x]")
    server.serve("/b.example.org/x", Answer(BODY))
    ran = covcat("fetch", "plain")
    assert (ran.code, data() == BODY) == (0, True)
    assert "is gone (HTTP 404); trying its next address" in ran.err


def test_when_all_addresses_fail_each_is_named(covcat, shelf, server) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256, mirrors="[https://b.example.org/x]")
    server.serve("/b.example.org/x", Answer(b"another file"))
    ran = covcat("fetch", "plain")
    assert ran.code == 9
    assert "could not be had from any of its 2 addresses" in ran.err
    assert "data.example.org/x.bin` is gone" in ran.err
    assert "`x.bin` is not the pinned file: sha256 expected" in ran.err
    assert "(`https://b.example.org/x`)" in ran.err


@pytest.mark.parametrize(("allowed", "code"), [((), 4), (("--allow-private",), 0)])
def test_a_redirect_to_a_private_address_needs_leave(
    covcat, shelf, server, monkeypatch, allowed: tuple[str, ...], code: int
) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    port = server.url.rpartition(":")[2]
    target = f"http://localhost:{port}/elsewhere"
    server.serve("/data.example.org/x.bin", Answer(b"", 302, {"Location": target}))
    server.serve("/elsewhere", Answer(BODY))
    monkeypatch.setattr("covcat.download.http.Web._asked", _unmapped(server.url))
    monkeypatch.setattr("covcat.download.http.redirected", lambda url, location, *_: location)
    ran = covcat("fetch", "plain", *allowed)
    assert ran.code == code, ran.err
    assert ("which is at the private address" in ran.err) == (code == 4)


def _unmapped(mirror: str):
    def asked(self, url: str) -> str:
        return url.replace("https://data.example.org", f"{mirror}/data.example.org")

    return asked


def test_progress_as_json_is_one_event_a_line(covcat, shelf, server) -> None:
    add_files(shelf)
    serve_files(server)
    ran = covcat("fetch", "plain", "-q", "--progress", "json")
    events = [json.loads(line) for line in ran.err.splitlines()]
    started = [one for one in events if one["event"] == "start"]
    assert {one["label"] for one in started} == {"plain@1", *FILES}
    assert sum(one["event"] == "finish" for one in events) == len(started)
    last = [one for one in events if one["event"] == "finish" and one["label"] == "plain@1"]
    assert [one["done"] for one in last] == [sum(len(body) for body in FILES.values())]


SENSELESS = ("--progress loud", "--limit-rate fast", "--limit-rate 0", "--jobs 0", "--slow 1")


@pytest.mark.parametrize("args", SENSELESS)
def test_an_option_that_makes_no_sense_is_a_usage_error(covcat, shelf, args) -> None:
    shelf.add_web("plain", "x.bin")
    assert covcat("fetch", "plain", *args.split()).code == 2


def test_a_limit_on_the_rate_is_kept(covcat, shelf, server) -> None:
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    server.serve("/data.example.org/x.bin", Answer(BODY))
    began = time.monotonic()
    assert covcat("fetch", "plain", "--limit-rate", "3M").code == 0
    assert time.monotonic() - began > 0.3  # 1.28 MB at 3 MB a second, less one piece


def test_the_network_settings_have_the_defaults_that_the_help_names() -> None:
    assert (Network().retries, Network().timeout, Network().checkpoint) == (5, 30, 64 << 20)


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_shows_bars_and_clears_them_away(shelf, server, columns: int) -> None:
    import fcntl
    import pty
    import struct
    import termios

    add_files(shelf)
    serve_files(server)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    line = [sys.executable, "-m", "covcat", "fetch", "plain", "--limit-rate", "400k"]
    line += ["--catalog", str(shelf.folder), "--mirror", server.url]
    env = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(line, stderr=theirs, stdout=subprocess.PIPE, env=env) as run:
        os.close(theirs)
        text = seen_by(ours).decode()
        assert run.wait() == 0
    assert "━" in text
    assert re.search(r"[0-9.]+ kB +[0-9.]+ kB/s", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text))
    said = text.replace("\r\n", " ")
    counts = re.findall(r"plain@1: got `f\d.bin` \((\d) of 9\), 50,000 bytes", said)
    assert sorted(map(int, counts)) == [*range(1, 10)]
    drawn = [part for part in text.split("\x1b[2K") if "━" in part]
    assert len({part.count("\n") for part in drawn}) <= 6  # heights: at most 4 files and the whole
    assert text.rstrip().endswith("9 files, verified by sha256") or "\x1b[2K" in text[-400:]


def test_a_log_says_now_and_then_how_far_a_long_transfer_is(
    covcat, shelf, server, monkeypatch
) -> None:
    monkeypatch.setattr("covcat.cli.progress._KnownTasks.heartbeat", 0)
    shelf.add_web("plain", "x.bin", sha256=SHA256)
    server.serve("/data.example.org/x.bin", Answer(BODY))
    ran = covcat("fetch", "plain", "--progress", "plain", "-v")
    assert "x.bin: 1.3 MB of 1.3 MB" in ran.err
