"""verify --repair where single files do not come: from the archive, or of what a person has."""

import shutil
from pathlib import Path

import pytest
from makers.archives import COMMIT, RAW, REPOSITORY, git_zip, zip_of
from makers.runs import tree_on_disk
from makers.said import check_said
from servers.server import Answer

RELEASE = Path("covcat-data/set/1")
ARCHIVE = f"/codeload.github.com/test/set/zip/{COMMIT}"
LOST = ("README.md", "images/two.png")


@pytest.fixture
def archive_only(covcat, offered, server):
    """Run covcat on a damaged release, whose host serves nothing but its archive any more."""
    assert covcat("fetch", "set", "-q").code == 0
    for path in REPOSITORY:
        server.serve(f"{RAW}/{path}", Answer(b"gone", 404))
    server.requests.clear()
    return covcat


@pytest.fixture
def nothing_served(archive_only, server):
    """The same, and the archive is gone, too."""
    server.serve(ARCHIVE, Answer(b"gone", 404))
    return archive_only


def harm(*paths: str) -> dict[str, bytes]:
    """Return the release as it was, and damage these files of it."""
    before = tree_on_disk(RELEASE)
    for path in paths or LOST:
        (RELEASE / "files" / path).write_bytes(b"?")
    return before


def asked(server) -> list[str]:
    return [path for path, _ in server.requests]


def test_where_the_single_files_are_gone_they_are_taken_from_the_archive(
    archive_only, server
) -> None:
    before = harm()
    kept = (RELEASE / "files/images/one.png").stat().st_ino
    check_said(archive_only("verify", "--repair"), 0, "taking what is lacking from the archive")
    assert asked(server)[-1] == ARCHIVE
    assert tree_on_disk(RELEASE) == before
    assert (RELEASE / "files/images/one.png").stat().st_ino == kept
    assert list(Path("covcat-data/.covcat/partial").iterdir()) == []


def test_what_came_by_itself_is_not_taken_from_the_archive(archive_only, server) -> None:
    before = harm()
    server.serve(f"{RAW}/README.md", Answer(REPOSITORY["README.md"]))
    assert archive_only("verify", "--repair").code == 0
    assert tree_on_disk(RELEASE) == before


def test_where_one_file_is_gone_and_one_is_another_the_way_on_is_what_a_person_has(
    archive_only, server
) -> None:
    harm()
    damaged = tree_on_disk(RELEASE)
    server.serve(f"{RAW}/README.md", Answer(b"others"))
    ran = archive_only("verify", "--repair")
    way = "with what you have of it: covcat verify set@1 --repair --from FILE…"
    check_said(ran, 9, f"hint: {way}\n")
    assert tree_on_disk(RELEASE) == damaged


def test_a_damaged_manifest_and_files_are_mended_by_the_archive(archive_only) -> None:
    before = harm()
    (RELEASE / "manifest.json").write_text("{")
    assert archive_only("verify", "--repair").code == 0
    assert tree_on_disk(RELEASE / "files") == tree_of(before)
    assert archive_only("verify").code == 0


def tree_of(release: dict[str, bytes]) -> dict[str, bytes]:
    inside = {path: data for path, data in release.items() if path.startswith("files/")}
    return {path.removeprefix("files/"): data for path, data in inside.items()}


def test_an_archive_of_something_else_mends_nothing(archive_only, server) -> None:
    harm()
    before = tree_on_disk(RELEASE)
    server.serve_repository(git_zip({**REPOSITORY, "README.md": b"another"}))
    check_said(archive_only("verify", "--repair"), 5, "README.md")
    assert tree_on_disk(RELEASE) == before


def test_where_nothing_comes_the_hint_leads_on_and_not_around(nothing_served) -> None:
    harm()
    before = tree_on_disk(RELEASE)
    way_on = "covcat verify set@1 --repair --from FILE…"
    ran = nothing_served("verify", "--repair")
    check_said(ran, 4, "nor did its files come one by one", "changed: files/README.md", way_on)
    assert tree_on_disk(RELEASE) == before
    check_said(nothing_served("fetch", "set"), 5, "hint: ", "covcat verify set@1 --repair")


# ---- what a person has of it -------------------------------------------------------------------


def lay(how: str, place: Path) -> list[Path]:
    """Write what a person may have of the set, and return what is given of it."""
    place.mkdir()
    if how == "the archive":
        (place / "set.zip").write_bytes(git_zip(REPOSITORY))
        return [place / "set.zip"]
    if how == "packed otherwise":
        (place / "mine.zip").write_bytes(zip_of({f"x/{k}": v for k, v in REPOSITORY.items()}))
        return [place / "mine.zip"]
    if how == "the folder of the archive":
        (place / "set.zip").write_bytes(git_zip(REPOSITORY))
        return [place]
    for path in LOST:
        (place / path.replace("/", "-")).write_bytes(REPOSITORY[path])
    return [place] if how == "a folder" else sorted(place.iterdir())


@pytest.mark.parametrize(
    "how",
    ["the archive", "packed otherwise", "the folder of the archive", "a folder", "single files"],
)
@pytest.mark.parametrize("has_record", [True, False])
def test_what_a_person_has_mends_it_without_any_host(
    nothing_served, server, tmp_path, how: str, has_record: bool
) -> None:
    before = harm()
    if not has_record:
        (RELEASE / "manifest.json").write_text("{")
    given = lay(how, tmp_path / "given")
    left = tree_on_disk(tmp_path / "given")
    options = [word for path in given for word in ("--from", str(path))]
    ran = nothing_served("verify", "set", "--repair", *options)
    check_said(ran, 0, "set@1: 2 files taken of what was given")
    assert (tree_on_disk(RELEASE / "files"), asked(server)) == (tree_of(before), [])
    assert tree_on_disk(RELEASE) == before or not has_record
    assert tree_on_disk(tmp_path / "given") == left
    assert nothing_served("verify").code == 0


def test_what_was_given_is_taken_first_and_the_rest_comes_from_the_host(
    covcat, offered, server, tmp_path
) -> None:
    assert covcat("fetch", "set", "-q").code == 0
    before = harm()
    server.requests.clear()
    (tmp_path / "mine.md").write_bytes(REPOSITORY["README.md"])
    assert covcat("verify", "--repair", "--from", str(tmp_path / "mine.md")).code == 0
    assert asked(server) == [f"{RAW}/images/two.png"]
    assert tree_on_disk(RELEASE) == before


def test_what_is_given_and_is_not_the_sets_is_told_and_changes_nothing(
    nothing_served, tmp_path
) -> None:
    harm()
    before = tree_on_disk(RELEASE)
    (tmp_path / "mine.md").write_bytes(b"something else")
    ran = nothing_served("verify", "--repair", "--from", str(tmp_path / "mine.md"))
    check_said(ran, 4, "nothing of `mine.md` is what is damaged or missing")
    assert tree_on_disk(RELEASE) == before


@pytest.mark.parametrize("gives_archive", [True, False])
def test_a_kept_archive_is_mended_by_the_same_archive(
    covcat, offered, server, tmp_path, gives_archive: bool
) -> None:
    assert covcat("fetch", "set", "--keep-archives", "-q").code == 0
    (archive,) = (RELEASE / "archives").iterdir()
    shutil.copy(archive, tmp_path / "mine.zip")
    before = harm()
    archive.write_bytes(b"cut")
    server.serve(ARCHIVE, Answer(b"gone", 404))
    server.requests.clear()
    given = tmp_path / "mine.zip"
    if not gives_archive:
        (tmp_path / "folder").mkdir()
        given = given.rename(tmp_path / "folder" / "mine.zip").parent
    assert covcat("verify", "--repair", "--from", str(given)).code == 0
    assert (tree_on_disk(RELEASE), asked(server)) == (before, [])


def test_a_path_that_is_not_there_is_told_before_anything_is_read(nothing_served) -> None:
    harm()
    before = tree_on_disk(RELEASE)
    ran = nothing_served("verify", "--repair", "--from", "nowhere.zip")
    check_said(ran, 3, "error: `nowhere.zip` is not there")
    assert tree_on_disk(RELEASE) == before


def test_from_without_repair_is_refused(nothing_served, tmp_path) -> None:
    check_said(nothing_served("verify", "--from", str(tmp_path)), 2, "--repair --from")
    check_said(nothing_served("verify", "--repair", "--from", ""), 2, "the path is empty")


def test_where_a_person_must_act_the_hint_is_a_repair_and_no_import(covcat, shelf, server) -> None:
    shelf.add_web("set", "t.csv")
    server.serve("/data.example.org/t.csv", Answer(b"table"))
    assert covcat("fetch", "set", "-q").code == 0
    server.serve("/data.example.org/t.csv", Answer(b"no", 403))
    (RELEASE / "files/t.csv").write_bytes(b"?")
    ran = covcat("verify", "--repair")
    check_said(ran, 7, "covcat verify set@1 --repair --from FILE…")
    assert "covcat import" not in ran.err


def test_what_only_a_person_could_bring_is_mended_by_what_a_person_has(
    covcat, shelf, tmp_path
) -> None:
    page = "{url: 'https://example.org/set', shows: cases}"
    shelf.add("set", f"browse: {{terms: made up, source: made up, pages: [{page}]}}")
    entry = shelf.folder / "set.yaml"
    entry.write_text(entry.read_text().replace("access: open", "access: browse"))
    (tmp_path / "case.txt").write_bytes(b"a case")
    assert covcat("import", "set", str(tmp_path / "case.txt")).code == 0
    release = Path("covcat-data/set/local")
    before = tree_on_disk(release)
    (release / "files/case.txt").write_bytes(b"?")
    way_on = "covcat verify set@local --repair --from FILE…"
    check_said(covcat("verify", "--repair"), 5, "files/case.txt", f"hint: {way_on}")
    assert covcat("verify", "--repair", "--from", str(tmp_path / "case.txt")).code == 0
    assert tree_on_disk(release) == before


def test_of_several_that_cannot_be_repaired_none_is_told_to_do_the_same_again(
    nothing_served, shelf, server
) -> None:
    shelf.add_web("other", "t.csv")
    server.serve("/data.example.org/t.csv", Answer(b"table"))
    assert nothing_served("fetch", "other", "-q").code == 0
    server.serve("/data.example.org/t.csv", Answer(b"gone", 404))
    Path("covcat-data/other/1/files/t.csv").unlink()
    harm()
    ran = nothing_served("verify", "--repair")
    check_said(ran, 4, "2 of 2 could not be repaired")
    assert all(" --from " in line for line in ran.err.splitlines() if line.startswith("hint:"))


def test_a_damaged_archive_in_a_given_folder_does_not_stop_the_others(
    nothing_served, tmp_path
) -> None:
    before = harm()
    (tmp_path / "given").mkdir()
    (tmp_path / "given/a.zip").write_bytes(zip_of({"x": b"x" * 99})[:-40] + b"?" * 40)
    (tmp_path / "given/b.zip").write_bytes(git_zip(REPOSITORY))
    assert nothing_served("verify", "--repair", "--from", str(tmp_path / "given")).code == 0
    assert tree_on_disk(RELEASE) == before
