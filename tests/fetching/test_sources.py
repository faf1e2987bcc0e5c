"""One release of any source is the same release: files, record, proof, and what is refused."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from makers.archives import RAW, REPOSITORY, doubled, git_zip, tar_of, zip_of
from makers.runs import Ran, tree_on_disk
from makers.said import check_said, record
from servers.server import Answer

RELEASE = Path("covcat-data/set/1")
Files = Mapping[str, bytes]


class Case:
    """A pinned repository of which a source has `files`, right or wrong."""

    def __init__(self, covcat, server, files: Files) -> None:
        self.run: Callable[..., Ran] = covcat
        self.server, self.files = server, files
        self.serve(files)

    def serve(self, files: Files) -> None:
        """Let the host have these files, as an archive and one by one."""
        self.server.serve_repository(git_zip(files))
        for path in REPOSITORY:
            data = files.get(path)
            self.server.serve(f"{RAW}/{path}", Answer(data or b"gone", 200 if data else 404))

    def write(self, name: str, data: bytes) -> str:
        """Write what a person downloaded."""
        Path(name).write_bytes(data)
        return name

    def unpack(self, files: Files) -> str:
        """Write a folder of a person's own."""
        for path, data in files.items():
            (Path("mine") / path).parent.mkdir(parents=True, exist_ok=True)
            (Path("mine") / path).write_bytes(data)
        return "mine"

    def have_here(self, *args: str) -> None:
        """Let all or a part be here, right; from now on the source has what the case says."""
        self.serve(REPOSITORY)
        assert self.run("fetch", "set", *args, "-q").code == 0
        self.serve(self.files)


def interrupted(case: Case, *more: str) -> Ran:
    """Let three files wait for a fourth, then go on."""
    case.server.serve(f"{RAW}/README.md", Answer(b"gone", 404))
    assert case.run("fetch", "set", "--by-file").code == 4
    case.serve(case.files)
    return case.run("fetch", "set", "--by-file", *more)


def repaired(case: Case, *more: str) -> Ran:
    """Let two files rot."""
    case.have_here()
    (RELEASE / "files/README.md").write_bytes(b"# something else entirely\n")
    (RELEASE / "files/images/two.png").unlink()
    return case.run("verify", "set", "--repair")


def made_anew(case: Case, *more: str) -> Ran:
    """Let the record and a file rot."""
    case.have_here()
    (RELEASE / "manifest.json").write_text("{")
    (RELEASE / "files/README.md").unlink()
    return case.run("verify", "set", "--repair")


def completed(case: Case, *more: str) -> Ran:
    """Fetch a part, then the whole."""
    case.have_here("--include", "images/*")
    return case.run("fetch", "set", *more)


def unpacked_again(case: Case, *more: str) -> Ran:
    """Keep the archive alone, then ask for its files without a network."""
    ran = case.run("fetch", "set", "--no-extract", *more)
    return ran if ran.code else case.run("fetch", "set", "--offline", *more)


def added_to(case: Case, *more: str) -> Ran:
    """Fetch a part, then give the rest."""
    case.have_here("--include", "images/*")
    return case.run("import", "set", case.write("rest.zip", zip_of(case.files)), *more)


def given(make: Callable[[Case], list[str]]) -> Callable[..., Ran]:
    return lambda case, *more: case.run("import", "set", *make(case), *more)


def in_two(case: Case) -> list[str]:
    parts = [list(case.files.items())[:2], list(case.files.items())[2:]]
    return [case.write(f"{n}.zip", zip_of(dict(part))) for n, part in enumerate(parts)]


HOSTS = {
    "an archive of the host": lambda case, *more: case.run("fetch", "set", *more),
    "files of the host": lambda case, *more: case.run("fetch", "set", "--by-file", *more),
    "files that waited": interrupted,
    "a part, and the host": completed,
}
GIVEN = {
    "a zip of GitHub": given(lambda case: [case.write("set.zip", git_zip(case.files))]),
    "a zip of Kaggle": given(lambda case: [case.write("archive.zip", zip_of(doubled(case.files)))]),
    "a tar": given(lambda case: [case.write("set.tar.gz", tar_of(case.files, "gz"))]),
    "a folder": given(lambda case: [case.unpack(doubled(case.files))]),
    "two archives": given(in_two),
    "a part, and given files": added_to,
}
STATES = ("an archive of the host", "an archive that was kept", "a part, and the host")
REPAIRS = {"what is sound here, and the host": repaired, "what is listed, and the host": made_anew}
SOURCES = {**HOSTS, **GIVEN, **REPAIRS, "an archive that was kept": unpacked_again}


@pytest.fixture
def case(covcat, shelf, server) -> Callable[[Files], Case]:
    shelf.add_repository()
    return lambda files: Case(covcat, server, files)


def left_behind() -> list[Path]:
    private = Path("covcat-data/.covcat")
    found = [one for part in ("staging", "parts") for one in (private / part).rglob("*")]
    return [one for one in found if one.is_file()]


@pytest.fixture(scope="module")
def as_fetched() -> dict:
    """What the first source recorded, which all others have to record too."""
    return {}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.large
def test_the_same_release_comes_of_any_source(case, as_fetched: dict, source: str) -> None:
    one = case(REPOSITORY)
    assert SOURCES[source](one).code == 0
    assert tree_on_disk(RELEASE / "files") == REPOSITORY
    found = record()
    assert {transfer["verified_by"] for transfer in found["downloads"]} == {"git-tree"}
    if source in GIVEN:
        names = {transfer["imported_from"] for transfer in found["downloads"]}
        assert names <= {
            None,
            "set.zip",
            "archive.zip",
            "set.tar.gz",
            "mine",
            "0.zip",
            "1.zip",
            "rest.zip",
        }
    for key in ("downloads", "created_at"):
        del found[key]
    archives = [file for file in found["files"] if file["path"].startswith("archives/")]
    found["files"] = [file for file in found["files"] if file not in archives]
    found["total_bytes"] -= sum(file["bytes"] for file in archives)
    found["total_files"] -= len(archives)
    assert found == as_fetched.setdefault("record", found)
    assert [file["verified_by"] for file in found["files"]] == ["sha256"] * 4
    assert left_behind() == []
    assert one.run("verify", "set").code == 0
    assert "nothing to do" in one.run("fetch", "set", "--offline").err


OTHER = {**REPOSITORY, "README.md": b"# a synthetic repositorY\n"}
LESS = {path: data for path, data in REPOSITORY.items() if path != "README.md"}
MORE = {**REPOSITORY, "new.txt": b"x"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_that_is_another_is_refused_by_its_name(case, source: str) -> None:
    ran = SOURCES[source](case(OTHER), "--allow-missing")  # which allows nothing else
    assert (ran.code, ran.out) == (5, ""), ran.err
    assert "README.md" in ran.err
    assert "sha256 expected" in ran.err
    assert OTHER["README.md"] not in tree_on_disk(RELEASE).values()
    assert left_behind() == []


@pytest.mark.parametrize("source", [*HOSTS, *GIVEN])
@pytest.mark.large
def test_a_file_that_lacks_is_named_and_may_lack_where_that_is_allowed(case, source: str) -> None:
    one = case(LESS)
    ran = SOURCES[source](one)
    assert (ran.code, ran.out) == (4 if "files" in source and source in HOSTS else 5, "")
    assert "README.md" in ran.err
    assert not (RELEASE / "files/scripts").exists()
    assert SOURCES[source](one, "--allow-missing").code == 0
    assert tree_on_disk(RELEASE / "files") == LESS
    assert (record()["complete"], record()["missing"]) == (False, ["README.md"])
    check_said(one.run("verify", "set"), 5, "missing: files/README.md")
    assert "1 file missing" in one.run("status").out
    assert "incomplete as allowed" in one.run("fetch", "set", "--allow-missing", "--offline").err
    one.serve(REPOSITORY)
    assert one.run("fetch", "set").code == 0
    assert tree_on_disk(RELEASE / "files") == REPOSITORY


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.large
def test_what_is_none_of_the_releases_never_gets_in(case, source: str) -> None:
    ran = SOURCES[source](case(MORE))
    if source in STATES:  # which have every file
        assert (ran.code, ran.out) == (5, "")
        assert "extra: new.txt" in ran.err
        assert left_behind() == []
    else:
        assert ran.code == 0, ran.err
        assert tree_on_disk(RELEASE / "files") == REPOSITORY
        is_told = " left out as none of the release's" in ran.err
        assert is_told == (source in GIVEN)


@pytest.mark.parametrize("command", [["fetch", "set"], ["import", "set", "set.zip"]])
def test_a_damaged_archive_is_refused_whoever_brings_it(case, command: list[str]) -> None:
    one = case(REPOSITORY)
    body = bytearray(git_zip(REPOSITORY))
    body[body.index(b"one.png") + len("one.png") + 3] ^= 0x55  # in its deflated bytes
    one.server.serve_repository(bytes(body))
    one.write("set.zip", bytes(body))
    ran = one.run(*command)
    assert (ran.code, ran.out) == (6, "")
    assert "is damaged" in ran.err
    assert not RELEASE.exists()
    assert left_behind() == []
