"""Fixtures that the tests share."""

import functools
import os
import shutil
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import hypothesis
import pytest
import typer.main
from makers.archives import RAW, REPOSITORY, git_zip
from makers.releases import Shelf
from makers.runs import Ran
from servers.hosts import World
from servers.hosts import shelf as shelves
from servers.server import Answer, Server

from covcat.cli import main
from covcat.download import http as download_http

LOGINS = """
KAGGLE_API_TOKEN KAGGLE_USERNAME KAGGLE_KEY KAGGLE_CONFIG_DIR DATAVERSE_API_TOKEN DATAVERSE_SERVER
ZENODO_TOKEN ZENODO_API_TOKEN ZENODO_ACCESS_TOKEN FIGSHARE_TOKEN GH_TOKEN GITHUB_TOKEN
"""
MEASURED = {  # files whose programs coverage is to see: it makes each start half as long again
    "test_main",  # streams that are closed, encodings
    "test_readme",  # a terminal
    "test_attempt",  # bars, signals
    "test_cluster",  # a client of Dask has threads and words of its own
}


hypothesis.settings.register_profile("at any speed", deadline=None)
hypothesis.settings.load_profile("at any speed")


def pytest_configure() -> None:
    """Let the programs that tests start hear signals, though a shell started us with `nohup` or `&`."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            is_int = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_int else signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Write what coverage saw before anything is cleaned up: a worker that ends slowly is killed."""
    coverage = sys.modules.get("coverage") if "PYTEST_XDIST_WORKER" in os.environ else None
    if coverage is not None and (running := coverage.Coverage.current()) is not None:
        running.save()


def pytest_unconfigure() -> None:
    """Let a worker write what coverage saw: execnet interrupts one that takes long to end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture(autouse=True, scope="session")
def unmeasured() -> Iterator[dict[str, str]]:
    """Keep coverage out of programs that are started, but where `measured` puts it back."""
    names = [name for name in os.environ if name.startswith("COVERAGE_PROCESS_")]
    kept = {name: os.environ[name] for name in names}
    with pytest.MonkeyPatch.context() as patch:
        for name in kept:
            patch.delenv(name)
        yield kept


@pytest.fixture(autouse=True)
def measured(
    unmeasured: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let coverage see a started program where a test reaches lines that no other way leads to."""
    if request.path.stem in MEASURED:
        for name, value in unmeasured.items():
            monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def untraced(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep coverage out of what is `large`: with it that takes twice as long, and adds no line."""
    if request.node.get_closest_marker("large") is None:
        yield
        return
    here, threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    yield
    sys.settrace(here)
    threading.settrace(threads)


@pytest.fixture(autouse=True, scope="session")
def made_once() -> Iterator[None]:
    """Of a hundred runs in one process, one makes the commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True, scope="session")
def authorities_loaded_once() -> Iterator[None]:
    """Loading all authorities takes as long as a small fetch: 20 ms of each run."""
    load, packaged = ssl.create_default_context, functools.cache(ssl.create_default_context)

    def loaded(*args: Any, **keys: Any) -> ssl.SSLContext:
        is_packaged = not args and keys == {"cafile": certifi.where()}
        return packaged(**keys) if is_packaged else load(*args, **keys)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", loaded)
        yield


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the developer's own settings, or works outside its own folder."""
    for name in list(os.environ):
        if name.startswith("COVCAT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", *LOGINS.split()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg-cache"))
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
    with Server() as made:
        yield made


@pytest.fixture
def offered(shelf: Shelf, server: Server) -> str:
    """The pinned repository `set`, in the catalog, served whole and singly; return its tree."""
    server.serve_repository(git_zip(REPOSITORY))
    for path, data in REPOSITORY.items():
        server.serve(f"{RAW}/{path}", Answer(data))
    return shelf.add_repository()


@pytest.fixture
def world() -> Iterator[World]:
    """Local imitations of all hosts, with nothing in them yet."""
    with World() as imitations:
        yield imitations


@dataclass(frozen=True)
class Stock:
    """Imitations that hold every release of the catalog, in synthetic bytes."""

    world: World
    catalog: Path  # the packaged entries, pinned to these bytes
    filled: Mapping[str, shelves.Stocked]  # by ID@RELEASE

    @property
    def options(self) -> list[str]:
        """What makes covcat use it."""
        return ["--mirror", self.world.url, "--catalog", str(self.catalog)]


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    """All hosts, filled; shared by all tests, which must not change it."""
    folder = tmp_path_factory.mktemp("catalog")
    with World() as imitations:
        yield Stock(imitations, folder, shelves.fill(imitations, folder))


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have room for what the catalog says is 59 GB, on whatever disk the tests run."""
    usage = shutil.disk_usage(".")._replace(free=1 << 40)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


@pytest.fixture
def direct(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same, reached under the hosts' own names: without a mirror, logins are sent."""
    monkeypatch.setattr(download_http, "transport", world.transport)
    monkeypatch.setenv("HOME", str(Path.cwd()))
    return world


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
