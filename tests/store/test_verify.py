"""verify, status, path, manifest show: on a release that was fetched, then meddled with."""

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
from makers.archives import RAW, REPOSITORY, git_zip
from makers.said import check_said
from servers.server import Answer

RELEASE = Path("covcat-data/set/1")


@pytest.fixture
def fetched(covcat, offered):
    """Run covcat on a data folder that holds one release."""
    assert covcat("fetch", "set", "-q").code == 0
    return covcat


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def _to_link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved").name)


def _to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


MEDDLING = [
    (_flip, "changed: files/README.md: sha256 expected", "one bit"),
    (lambda path: path.write_bytes(b""), "changed: files/README.md: bytes expected 25, got 0", "0"),
    (Path.unlink, "missing: files/README.md", "deleted"),
    (_to_link, "changed: files/README.md: expected a regular file", "a link"),
    (_to_folder, "changed: files/README.md: expected a regular file", "a folder"),
    (lambda path: path.with_name("new").write_bytes(b""), "extra: files/new", "an extra file"),
    (lambda path: path.with_name("l").symlink_to("/"), "extra: files/l", "an extra link"),
]


@pytest.mark.parametrize(
    ("meddle", "said"),
    [pytest.param(meddle, said, id=name) for meddle, said, name in MEDDLING],
)
def test_what_was_done_to_a_file_is_named(fetched, meddle, said: str) -> None:
    meddle(RELEASE / "files/README.md")
    ran = fetched("verify")
    assert (ran.code, ran.out) == (5, "")
    assert f"  set@1: {said}" in ran.err
    verdict = fetched("verify", "--json").document
    assert verdict["ok"] is False
    (release,) = verdict["error"] and verdict["data"]["verified"]
    assert (release["id"], release["ok"]) == ("set@1", False)


def test_a_whole_release_verifies_and_says_how_thoroughly(fetched) -> None:
    ran = fetched("verify", "set")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "set@1: 4 files as recorded (every byte)\n"
    assert "names, sizes and times" in fetched("verify", "--quick").err


def _at(path: Path, seconds: float) -> None:
    """Give a file the manifest's time, and so many seconds more."""
    written = (RELEASE / "manifest.json").stat().st_mtime
    os.utime(path, (written + seconds, written + seconds))


def test_quick_does_not_claim_to_see_what_hides_its_time_and_keeps_its_size(fetched) -> None:
    readme = RELEASE / "files/README.md"
    _flip(readme)
    _at(readme, 0.9)  # within the grace
    assert fetched("verify", "--quick").code == 0
    readme.unlink()
    check_said(fetched("verify", "--quick"), 5, "set@1: missing: files/README.md")


def test_quick_hashes_what_was_modified_since_and_names_it_if_it_differs(fetched) -> None:
    readme = RELEASE / "files/README.md"
    _flip(readme)
    _at(readme, 5)
    ran = fetched("verify", "--quick")
    check_said(ran, 5, "changed: files/README.md: modified since, sha256 expected")
    (row,) = fetched("verify", "--quick", "--json").document["data"]["verified"]
    assert row["doubted"] == ["files/README.md"]
    assert len(row["changed"]) == 1


def test_quick_takes_a_copy_with_new_times_for_what_it_is(fetched) -> None:
    for path in RELEASE.glob("files/**/*.*"):
        _at(path, 3600)
    ran = fetched("verify", "--quick")
    assert ran.code == 0, ran.err
    assert "4 files modified since the manifest was written: hashed" in ran.err
    assert "4 files as recorded (names, sizes and times)" in ran.err


def test_verify_tells_its_progress_as_fetch_does(fetched) -> None:
    ran = fetched("verify", "--progress", "json")
    *events, told = [json.loads(line) for line in ran.err.splitlines()]
    assert told == {"event": "note", "text": "set@1: 4 files as recorded (every byte)"}
    total = sum(map(len, REPOSITORY.values()))
    assert [(one["event"], one["label"], one["total"]) for one in events] == [
        ("start", "set@1", total),
        ("finish", "set@1", total),
    ]
    assert events[-1]["done"] == total
    assert fetched("verify", "--progress", "loud").code == 2


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_looked_at(fetched) -> None:
    (RELEASE / "files/README.md").chmod(0)
    if os.access(RELEASE / "files/README.md", os.R_OK):
        pytest.skip("root reads everything")
    (RELEASE / "files/images/one.png").unlink()
    ran = fetched("verify")
    assert f"changed: files/README.md: cannot be read ({os.strerror(errno.EACCES)})" in ran.err
    assert "missing: files/images/one.png" in ran.err


def test_many_files_are_each_named_in_order(covcat, shelf, server) -> None:
    files = {f"{number:03}.png": b"x" * number for number in range(1, 301)}
    shelf.add_repository(files=files)
    server.serve_repository(git_zip(files))
    assert covcat("fetch", "set", "-q").code == 0
    for number in (7, 8, 299):
        _flip(RELEASE / f"files/{number:03}.png")
    (RELEASE / "files/150.png").unlink()
    (row,) = covcat("verify", "--json").document["data"]["verified"]
    assert [one[:13] for one in row["changed"]] == [
        "files/007.png",
        "files/008.png",
        "files/299.png",
    ]
    assert (row["missing"], row["extra"]) == (["files/150.png"], [])


def test_an_altered_manifest_is_no_proof_nor_is_an_altered_git_mode(fetched) -> None:
    path, manifest = RELEASE / "files/README.md", RELEASE / "manifest.json"
    text = manifest.read_text()
    _flip(path)
    wrong = hashlib.sha256(path.read_bytes()).hexdigest()
    right = hashlib.sha256(REPOSITORY["README.md"]).hexdigest()
    for altered in (text.replace(right, wrong), text.replace('"100755"', '"100644"')):
        manifest.write_text(altered)
        check_said(fetched("verify"), 5, "the manifest of `set@1` differs from the catalog")


DAMAGE = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "binary": lambda text: "\0\1\2",
    "zeros": lambda text: "\0" * len(text),
    "a list": lambda text: "[]",
    "twice": lambda text: text.replace('"complete"', '"covcat"', 1),
    "NaN": lambda text: text.replace('"total_files": 4', '"total_files": NaN'),
    "1e999": lambda text: text.replace('"bytes": 25', '"bytes": 1e999'),
    "a text": lambda text: text.replace('"bytes": 25', '"bytes": "25"'),
    "a row's key": lambda text: text.replace('"bytes": 25', '"bytes": 25, "x": 1'),
    "a row's key twice": lambda text: text.replace('"bytes": 25', '"bytes": 25, "bytes": 25'),
    "deep": lambda text: "[" * 100_000,
    "unknown key": lambda text: text.replace('"complete"', '"compleat"', 1),
    "path outside": lambda text: text.replace("files/README.md", "files/../../x"),
    "absolute path": lambda text: text.replace("files/README.md", "/etc/passwd"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_manifest_is_said_so_and_nothing_is_deleted(fetched, damage) -> None:
    manifest = RELEASE / "manifest.json"
    manifest.write_text(damage(manifest.read_text()))
    for command in (["verify"], ["fetch", "set"], ["path", "set"], ["manifest", "show"]):
        check_said(fetched(*command), 5, "the manifest of `set@1` is damaged")
    assert "damaged" in fetched("status").out
    assert (RELEASE / "files/README.md").exists()


def test_a_manifest_of_a_newer_covcat_is_not_guessed_at(fetched) -> None:
    manifest = RELEASE / "manifest.json"
    manifest.write_text(manifest.read_text().replace("covcat.manifest/1", "covcat.manifest/2"))
    assert "made by a newer covcat (covcat.manifest/2)" in fetched("verify").err


def test_status_tells_what_is_here_and_if_it_is_the_newest(fetched, shelf) -> None:
    header, row = fetched("status").out.splitlines()
    found = dict(zip(header.split("\t"), row.split("\t"), strict=True))
    assert (found["id"], found["state"], found["newest"]) == ("set@1", "complete", "yes")
    assert (found["files"], found["verified_by"]) == ("4", "git-tree")
    assert fetched("list", "--fetched", "--format", "ids").out == "set\n"
    entry = shelf.folder / "set.yaml"
    newer = entry.read_text() + (
        '  - {id: "2", source: made up, files: [{host: web, name: a.csv, '
        f"url: https://example.org/a, sha256: {'0' * 64}}}]}}\n"
    )
    entry.write_text(newer)
    assert "behind 2" in fetched("status").out
    entry.unlink()
    assert "not in the catalog" in fetched("status").out


def test_path_prints_the_folder_and_never_fetches(fetched, server) -> None:
    asked = len(server.requests)
    ran = fetched("path", "set")
    assert (ran.code, ran.out) == (0, f"{RELEASE / 'files'}\n")
    absent = fetched("path", "figure1")
    assert (absent.code, absent.out) == (3, "")
    assert "hint: covcat fetch figure1" in absent.err
    assert len(server.requests) == asked


def test_manifests_are_merged_into_one_document(fetched) -> None:
    assert fetched("fetch", "sample", "-q").code == 0
    document = fetched("manifest", "show").document
    assert document["schema"] == "covcat.manifest-show/1"
    names = [(one["resource"], one["release"]) for one in document["data"]["manifests"]]
    assert names == [("sample", "1"), ("set", "1")]
    one = document["data"]["manifests"][1]
    assert one == json.loads((RELEASE / "manifest.json").read_text())


def test_a_release_that_is_named_in_two_ways_is_one(fetched) -> None:
    assert fetched("lock").code == 0
    for command in ("verify", "verify --quick", "verify --repair"):
        ran = fetched(*command.split(), "set", "set@1", "set")
        assert (ran.code, ran.err.count("4 files as recorded")) == (0, 1), ran.err
    for command, key in (
        ("verify", "verified"),
        ("manifest show", "manifests"),
        ("lock", "locked"),
        ("lock --check", "checked"),
        ("remove --dry-run", "removed"),
    ):
        data = fetched(*command.split(), "set", "set@1", "--json").document["data"]
        assert len(data[key]) == 1, command


def test_verify_of_what_is_not_here_is_not_found(fetched) -> None:
    assert fetched("verify", "figure1").code == 3
    assert fetched("verify", "set@2").code == 3
    check_said(fetched("verify", "nosuch"), 3, "the catalog has no resource `nosuch`")


# ---- what lies beside the data -----------------------------------------------------------------


@pytest.fixture
def own(fetched) -> Path:
    """Put files of one's own into the release's folder, beside the data."""
    (RELEASE / "notes.txt").write_text("mine")
    (RELEASE / "results").mkdir()
    (RELEASE / "results/weights.pt").write_text("weights")
    return RELEASE


def test_files_beside_the_data_are_named_and_no_hint_leads_to_a_refusal(fetched, own) -> None:
    ran = fetched("verify")
    assert ran.code == 5
    assert "extra: notes.txt" in ran.err
    assert "extra: results/weights.pt" in ran.err
    assert "hint: move what covcat did not put there out of the release's folder\n" in ran.err


@pytest.mark.parametrize(
    ("harm", "command"),
    [
        (lambda: (RELEASE / "files/README.md").unlink(), ["verify", "--repair"]),
        (lambda: (RELEASE / "manifest.json").write_text("{"), ["verify", "--repair"]),
        (lambda: None, ["fetch", "set", "--keep-archives"]),
        (lambda: None, ["remove", "set", "--yes"]),
    ],
)
def test_no_command_takes_files_beside_the_data_along(fetched, own, harm, command) -> None:
    harm()
    check_said(fetched(*command), 8, "notes.txt")
    assert (RELEASE / "results/weights.pt").read_text() == "weights"


def test_a_changed_file_is_not_thrown_away_by_a_fetch_of_more_or_a_removal(fetched) -> None:
    mine = RELEASE / "files/README.md"
    mine.write_text("# my own words, 24 long.\n")
    then = (RELEASE / "manifest.json").stat().st_mtime + 60
    os.utime(mine, (then, then))
    for command, code in (
        (["fetch", "set", "--keep-archives"], 5),
        (["remove", "set", "--yes"], 5),
    ):
        ran = fetched(*command)
        assert ran.code == code
        assert "files/README.md" in ran.err
        assert mine.read_text() == "# my own words, 24 long.\n"


# ---- litter ------------------------------------------------------------------------------------


@pytest.fixture
def littered(fetched):
    """Let Finder, a Synology and Windows look at the folders of a release."""
    for path in ("1/files/images/.DS_Store", "1/files/@eaDir/one.png/SYNO.jpg", "1/Thumbs.db"):
        litter(path)
    litter("@eaDir/SYNO.jpg")
    return fetched


def litter(path: str) -> None:
    target = RELEASE.parent / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"litter")


def test_litter_is_told_and_no_damage(littered) -> None:
    told = (
        "set@1: 3 files left beside by desktops or version control, no part of it and no damage: "
        "`Thumbs.db`, `files/@eaDir/one.png/SYNO.jpg`, `files/images/.DS_Store`\n"
    )
    for command in (["verify"], ["verify", "--quick"], ["verify", "--repair"], ["status"]):
        ran = littered(*command)
        assert (ran.code, told in ran.err) == (0, True), ran.err
    (row,) = littered("verify", "--json").document["data"]["verified"]
    assert (row["ok"], row["extra"], len(row["litter"])) == (True, [], 3)


NAS = """
.DS_Store images/.AppleDouble/one.png images/._one.png .fuse_hidden0000000100000001
images/@eaDir/one.png/SYNO.jpg Thumbs.db images/desktop.ini .nfs0000000000000001 .directory
#recycle/old.png lost+found/#12
"""


@pytest.mark.parametrize("path", NAS.split())
def test_litter_of_desktops_and_network_disks_stops_nothing(covcat, fetched, path: str) -> None:
    litter(f"1/files/{path}")
    for command in ("verify", "verify --quick", "verify --repair", "fetch set"):
        check_said(covcat(*command.split()), 0)
    (RELEASE / "files/README.md").unlink()
    check_said(covcat("verify", "--repair"), 0, "repaired files/README.md")
    litter(f"1/files/{path}")
    check_said(covcat("fetch", "set", "--keep-archives"), 0)
    litter(f"1/files/{path}")
    check_said(covcat("verify"), 0, f"no part of it and no damage: `files/{path}`")
    check_said(covcat("remove", "set", "--yes"), 0)
    assert not RELEASE.exists()


@pytest.mark.parametrize("path", [".DS_Store/mine.txt", "__MACOSX/w/thesis.doc"])
@pytest.mark.parametrize("option", ["--yes", "--force"])
def test_what_somebody_put_below_a_name_of_a_desktop_is_not_removed(
    covcat, fetched, path: str, option: str
) -> None:
    litter(f"1/files/{path}")
    ran = covcat("remove", "set", "--yes", option)
    check_said(ran, 8, "holds what covcat did not put there; nothing was removed", path)
    assert (RELEASE / "files" / path).is_file()


def test_litter_is_no_drift_from_a_lock(littered) -> None:
    assert littered("lock").code == 0
    assert littered("lock", "--check").code == 0


@pytest.mark.parametrize(
    ("harm", "command"),
    [
        ("files/README.md", ["verify", "--repair"]),
        ("manifest.json", ["verify", "--repair"]),
        ("", ["fetch", "set", "--keep-archives"]),
        ("", ["import", "set", "set.zip"]),
        ("", ["remove", "set", "--yes"]),
    ],
)
def test_litter_stops_no_command(littered, harm: str, command: list[str]) -> None:
    Path("set.zip").write_bytes(git_zip(REPOSITORY))
    if harm:
        (RELEASE / harm).unlink()
        (RELEASE / harm).write_bytes(b"")
    assert littered(*command).code == 0
    assert RELEASE.exists() == (command[0] != "remove")


def test_damage_beside_litter_is_still_damage(littered) -> None:
    (RELEASE / "files/README.md").unlink()
    (RELEASE / "files/notes.txt").write_text("mine")
    ran = littered("verify")
    check_said(ran, 5, "missing: files/README.md", "extra: files/notes.txt")
    assert "extra: Thumbs.db" not in ran.err


def test_version_control_beside_is_no_damage_and_not_thrown_away(fetched) -> None:
    for path in ("1/files/.git/HEAD", "1/files/.git/objects/ab/cd", "1/files/.svn/wc.db"):
        litter(path)
    for command in (["verify"], ["status"]):
        check_said(fetched(*command), 0, "3 files left beside")
    for command in (["fetch", "set", "--keep-archives"], ["remove", "set", "--yes"]):
        check_said(fetched(*command), 8, "  files/.git\n  files/.svn\n")
        assert (RELEASE / "files/.git/HEAD").is_file()


def test_litter_that_the_pinned_tree_has_is_data_of_the_release(covcat, shelf, server) -> None:
    files = {**REPOSITORY, "images/.DS_Store": b"pinned", "__MACOSX/._a": b"pinned too"}
    tree = shelf.add_repository(files=files)
    server.serve_repository(git_zip(files))
    assert covcat("fetch", "set").code == 0
    (RELEASE / "files/images/.DS_Store").write_bytes(b"Finder was here")
    server.serve(f"{RAW}/images/.DS_Store", Answer(b"pinned"))
    check_said(covcat("verify"), 5, "changed: files/images/.DS_Store")
    assert covcat("verify", "--repair").code == 0
    assert (RELEASE / "files/images/.DS_Store").read_bytes() == b"pinned"
    assert tree in (RELEASE / "manifest.json").read_text()


# ---- records that are none ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.json", "SHA256SUMS"])
def test_a_pipe_in_place_of_a_record_is_damage_and_no_wait(fetched, name: str) -> None:
    (RELEASE / name).unlink()
    os.mkfifo(RELEASE / name)
    for quick in ([], ["--quick"]):
        assert fetched("verify", *quick).code == 5
    assert fetched("status").code == 0


def test_an_endless_file_in_place_of_the_sums_is_not_read(fetched) -> None:
    (RELEASE / "SHA256SUMS").unlink()
    (RELEASE / "SHA256SUMS").symlink_to("/dev/zero")
    check_said(fetched("verify"), 5, "SHA256SUMS: not as recorded")


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"form": "archives"}, "it names the path `files/README.md`"),
        ({"total_files": 3}, "and other totals"),
        ({"total_bytes": 1}, "and other totals"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_damaged(fetched, change: dict, cause: str) -> None:
    path = RELEASE / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    ran = fetched("verify")
    assert ran.code == 5
    assert cause in ran.err


def test_of_several_damaged_releases_each_is_named_and_one_command_repairs_all(fetched) -> None:
    assert fetched("fetch", "sample", "-q").code == 0
    for path in Path("covcat-data/sample/1/files").rglob("*"):
        if path.is_file():
            path.unlink()
    (RELEASE / "files/README.md").unlink()
    ran = fetched("verify")
    assert "  set@1: missing: files/README.md" in ran.err
    assert ran.err.index("set@1: missing") < ran.err.index("sample@1: missing: files/metadata.csv")
    assert ran.err.endswith("hint: covcat verify --repair\n")


def test_status_does_not_call_complete_what_is_gone(fetched) -> None:
    (RELEASE / "files/README.md").unlink()
    (row,) = fetched("status", "--json").document["data"]["here"]
    assert (row["state"], row["note"]) == ("1 file not as fetched", "missing: files/README.md")
