"""How long work is shown: bars for people, lines for logs, events for programs."""

import json
import shlex
from pathlib import Path

import pytest
from makers.archives import REPOSITORY
from servers.server import Answer

from covcat.cli.progress import drawn
from covcat.cli.session import Session

EVENTS = {  # what is said besides progress, however it comes about
    "plan": ("fetch sample", "note"),
    "warning": ("fetch kermany coronacases --offline", "error"),
    "left out": ("fetch --modality ct --dry-run", "note"),
    "error": ("fetch nosuch", "error"),
    "errors of several": ("fetch sirm bsti", "error"),
    "no such option": ("fetch sample --nosuch", "error"),
    "with a trace": ("fetch nosuch -v", "traceback"),
    "and one document": ("fetch nosuch --json", "error"),
    "verify": ("verify nosuch", "error"),
}


def events_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(("line", "event"), EVENTS.values(), ids=EVENTS)
def test_with_progress_as_json_stderr_is_nothing_but_events(covcat, line: str, event: str) -> None:
    plain = covcat(*shlex.split(line))
    ran = covcat(*shlex.split(line), "--progress", "json")
    assert ran.code == plain.code
    events = events_of(ran.err)
    assert event in {one["event"] for one in events}
    assert {one["event"] for one in events} <= {
        *("start", "advance", "finish", "note", "warning", "error", "traceback")
    }


def test_an_error_as_an_event_says_all_that_the_document_says(covcat) -> None:
    (last,) = events_of(covcat("fetch", "sirm", "--progress=json").err)
    document = covcat("fetch", "sirm", "--json").document
    assert last == {"event": "error", **document["error"]}
    assert (last["code"], last["kind"]) == (7, "action-needed")


def test_a_warning_is_an_event_of_its_own(covcat, shelf, server) -> None:
    shelf.add_web("plain", "x.bin")
    server.serve("/data.example.org/x.bin", Answer(b"data"))
    events = events_of(covcat("fetch", "plain", "--progress", "json").err)
    warning, *_ = [one["text"] for one in events if one["event"] == "warning"]
    assert "sha256 is recorded from now on" in warning


@pytest.mark.parametrize("where", ["variable", "file"])
def test_events_may_be_a_setting_and_are_for_commands_that_have_progress(
    covcat, monkeypatch, tmp_path, where: str
) -> None:
    if where == "variable":
        monkeypatch.setenv("COVCAT_PROGRESS", "json")
    else:
        (tmp_path / ".git").mkdir()
        (tmp_path / "covcat.toml").write_text('progress = "json"')
    assert [one["event"] for one in events_of(covcat("fetch", "nosuch").err)] == ["error"]
    assert "34 resources" in covcat("list").err
    assert not covcat("list").err.startswith("{")
    assert covcat("fetch", "nosuch", "--progress", "plain").err.startswith("error: ")


def test_where_the_host_does_not_say_how_much_comes_the_listing_is_the_guide(
    covcat, offered
) -> None:
    events = events_of(covcat("fetch", "set", "--progress", "json").err)
    start = next(one for one in events if one["event"] == "start")
    size = sum(map(len, REPOSITORY.values()))
    assert (start["total"], start["about"], start["unit"]) == (None, size, "bytes")


def test_a_guess_that_was_too_small_is_no_total_any_more(covcat, monkeypatch) -> None:
    monkeypatch.setattr("covcat.cli.progress._KnownTasks.heartbeat", 0)
    session = Session(data_dir=Path("covcat-data"))
    with drawn(session, "plain") as progress:
        task = progress.start("a.zip", None, about=1000)
        rows = progress.start("index of set@1", None, about=12000, unit="rows")
        said = []
        monkeypatch.setattr(progress, "note", said.append)
        progress.advance(task, 400)
        progress.advance(task, 1000)
        progress.set_total(task, 2000)
        progress.advance(task, 100)
        progress.advance(rows, 1234)
    assert said == [
        *("a.zip: 400 B of about 1.0 kB", "a.zip: 1.4 kB", "a.zip: 1.5 kB of 2.0 kB"),
        "index of set@1: 1,234 rows of about 12,000 rows",
    ]
