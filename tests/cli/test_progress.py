"""How long work is shown: bars for people, lines for logs, events for programs."""

import json
import shlex

import pytest
from servers.server import Answer

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
    assert "21 resources" in covcat("list").err
    assert not covcat("list").err.startswith("{")
    assert covcat("fetch", "nosuch", "--progress", "plain").err.startswith("error: ")
