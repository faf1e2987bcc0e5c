"""What is no regular file in the place of one that covcat reads: refused at once, never read."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from makers.runs import Covcat
from servers.server import Answer


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "a pipe"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a device or socket"),
    "socket": (_socket, "a device or socket"),
    "folder": (Path.mkdir, "a folder"),
}


@pytest.fixture(params=KINDS)
def odd(request: pytest.FixtureRequest) -> Callable[[str], str]:
    make, word = KINDS[request.param]

    def put(path: str) -> str:
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        make(place)
        return word

    return put


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Nothing here takes a minute, unless it hangs."""

    def too_long(*_: object) -> None:
        raise RuntimeError("it hangs")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


RELEASE = "covcat-data/sample/1"
OF_MANIFEST = {  # an exit code and the commands that end with it, in this order
    5: "images|counts|counts sample --published|select|select --from cohort|lock -o new.lock"
    "|manifest show|manifest export|manifest export --format bagit -o bag"
    "|verify|lock --check -o old.lock",
    8: "fetch sample|fetch --locked old.lock|import sample copy/1/files|verify --repair"
    "|remove sample --yes",
    0: "status|list|show sample|license sample|cite sample|path sample|doctor",
}


def test_no_command_reads_a_manifest_that_is_no_regular_file(covcat: Covcat, odd) -> None:
    covcat("fetch", "sample", "-q")
    covcat("lock", "-o", "old.lock")
    covcat("select", "sample", "--output", "cohort")
    shutil.copytree("covcat-data/sample", "copy")
    word = odd(f"{RELEASE}/manifest.json")
    rows = [(name, code) for code, names in OF_MANIFEST.items() for name in names.split("|")]
    for name, code in rows:
        ran = covcat(*name.split(), "--offline", mirror=None)
        assert ran.code == code, (name, ran)
        assert "Traceback" not in ran.err
        if code == 5 and name != "verify" and "check" not in name:
            assert "the manifest of `sample@1` is damaged" in ran.err, name
            assert f"expected a regular file, got {word}" in ran.err, name


def test_a_manifest_behind_a_link_is_read_as_before(covcat: Covcat) -> None:
    covcat("fetch", "sample", "-q")
    shutil.move(f"{RELEASE}/manifest.json", "elsewhere.json")
    Path(f"{RELEASE}/manifest.json").symlink_to(Path("elsewhere.json").resolve())
    assert [covcat(name).code for name in ("images", "verify", "lock")] == [0, 0, 0]


IMAGE = "files/images/synthetic-01-0-pa.png"
LOCK = "../../.covcat/locks/sample@1.lock"
BAG = "manifest export --format bagit -o bag"
OF_COHORT = "cannot read `cohort/query.json`: expected a regular file, got"
BESIDE = {  # what is no regular file, what is run then, its exit code, what it says
    "sums": ("SHA256SUMS", "verify", 5, "SHA256SUMS"),
    "index": ("index.sqlite", "images", None, ""),
    "label table": ("files/metadata.csv", "images", 5, "`metadata.csv`: expected a regular file"),
    "label table, counted": ("files/metadata.csv", "counts", 5, "expected a regular file, got"),
    "image, copied": (IMAGE, "select -o new --as copies", 5, "is not as it was fetched"),
    "image, in a bag": (IMAGE, BAG, 5, "is not as it was fetched"),
    "a lock that is written": ("../../../l.lock", "lock -o l.lock", 5, "is damaged"),
    "a lock that is fetched": ("../../../l.lock", "fetch --locked l.lock", 5, "is damaged"),
    "a lock that is cited": ("../../../l.lock", "cite --from l.lock", 5, "is damaged"),
    "a cohort's record": ("../../../cohort/query.json", "select --from cohort", 5, OF_COHORT),
    "accepted terms": ("../../.covcat/accepted.json", "license sample", 5, "cannot read"),
    "a lock of a release": (LOCK, "fetch sample --include *.md", 0, ""),
    "an entry": ("../../../shelf/x.yaml", "list", 5, "x.yaml: expected a YAML file, found none"),
}


@pytest.mark.parametrize(("place", "args", "code", "said"), BESIDE.values(), ids=BESIDE)
def test_nothing_else_is_read_that_is_no_regular_file(
    covcat: Covcat, odd, place: str, args: str, code: int | None, said: str
) -> None:
    covcat("fetch", "sample", "-q")
    odd(os.path.normpath(f"{RELEASE}/{place}"))
    ran = covcat(*args.split())
    assert ran.code in ((code,) if code is not None else (0, 2, 5, 8)), ran
    assert said in ran.err
    assert "a bug" not in ran.err


def test_a_listing_that_is_no_regular_file_is_refused(covcat: Covcat, odd, shelf) -> None:
    shelf.add_repository()
    (listing,) = (shelf.folder / "listings").iterdir()
    odd(str(listing))
    ran = covcat("files", "set")
    assert (ran.code, "cannot be read" in ran.err) == (5, True)


def test_a_journal_that_is_no_regular_file_holds_nothing_up(
    covcat: Covcat, odd, shelf, server
) -> None:
    shelf.add_web("one", "a.bin")
    server.serve("/data.example.org/a.bin", Answer(b"some bytes"))
    odd("covcat-data/.covcat/partial/one@1/journal.jsonl")
    ran = covcat("fetch", "one")
    assert ran.code == 8, ran
    assert "error: cannot note that `a.bin` is here: " in ran.err
    assert not Path("covcat-data/one").exists()
