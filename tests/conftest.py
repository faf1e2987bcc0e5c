"""Fixtures that the tests share."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from builders import Handler, Ran, Server, Shelf

from covcat.cli import main


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the developer's own settings, or works outside its own folder."""
    for name in list(os.environ):
        if name.startswith("COVCAT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty catalog folder; the `covcat` fixture reads it."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    return Shelf(folder)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a port that the kernel chose."""
    handler = type("Handler", (Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        imitation = Server(f"http://127.0.0.1:{http.server_port}")
        handler.imitation = imitation
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield imitation
        http.shutdown()
        thread.join()


@pytest.fixture
def covcat(
    shelf: Shelf,
    server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Ran]:
    """Run covcat in this process, with the shelf's entries and the server as mirror."""

    def run(*args: str, mirror: str | None = server.url) -> Ran:
        catalog = ["--catalog", str(shelf.folder)] if any(shelf.folder.iterdir()) else []
        mirrored = ["--mirror", mirror] if mirror else []
        monkeypatch.setattr(sys, "argv", ["covcat", *args, *catalog, *mirrored])
        with pytest.raises(SystemExit) as exit_info:
            main.main()
        captured = capsys.readouterr()
        return Ran(int(exit_info.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not wait in tests."""
    monkeypatch.setenv("COVCAT_PAUSE", "0")
