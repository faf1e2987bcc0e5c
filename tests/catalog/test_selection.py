"""Which files of a release a selection means: pure, so that tables are enough."""

import hashlib

import pytest

from covcat.catalog import selection as catalog_selection
from covcat.catalog.files import WebFile
from covcat.catalog.selection import Selection
from covcat.download.remote import RemoteFile
from covcat.fetching import plan

PATHS = [f"P{number:03}/IM{at}.dcm" for number in range(1, 6) for at in (1, 2)] + ["README.md"]
FILE = WebFile(host="web", name="x", url="https://example.org/x")


def archive(name: str, folder: str = "") -> RemoteFile:
    """One archive of a set, with a folder of its own name."""
    own = name.partition(".")[0]
    return RemoteFile(
        file=FILE, name=name, folder=f"{folder}{own}/", own_folder=own, unpack="rar", is_alone=False
    )


def plain(path: str) -> RemoteFile:
    folder, slash, name = path.rpartition("/")
    return RemoteFile(file=FILE, name=name, folder=folder + slash, is_alone=False)


SET = [plain("README.md"), *(archive(f"P{number:03}.rar") for number in range(1, 6))]
LONE = RemoteFile(file=FILE, name="all.zip", unpack="zip")


def by_sha256(paths: list[str]) -> list[str]:
    return sorted(paths, key=lambda path: hashlib.sha256(path.encode()).hexdigest())


# ---- paths -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param(Selection(), PATHS, id="everything"),
        pytest.param(Selection(include=("P001/*",)), PATHS[:2], id="a-folder"),
        pytest.param(Selection(include=("*IM2.dcm",)), PATHS[1:-1:2], id="slashes-are-matched"),
        pytest.param(Selection(include=("P001/*", "*.md")), [*PATHS[:2], "README.md"], id="or"),
        pytest.param(Selection(exclude=("P*",)), ["README.md"], id="without"),
        (Selection(include=("P00[12]/*",), exclude=("*IM1*",)), [PATHS[1], PATHS[3]]),
        pytest.param(Selection(include=("p001/*",)), [], id="case-counts"),
        pytest.param(Selection(include=("P001",)), [], id="whole-paths-only"),
    ],
)
def test_globs_are_of_whole_paths(selection: Selection, expected: list[str]) -> None:
    wants = catalog_selection.wanted([selection], PATHS)
    assert [path for path in PATHS if wants(path)] == expected


def test_a_sample_is_the_first_by_sha256_and_a_larger_one_holds_it() -> None:
    order = by_sha256(PATHS)
    for count in range(len(PATHS) + 3):
        assert catalog_selection.sample(reversed(PATHS), count) == set(order[:count])


def test_a_sample_is_one_of_what_the_globs_leave() -> None:
    dicoms = PATHS[:-1]
    wants = catalog_selection.wanted([Selection(exclude=("*.md",), sample=3)], PATHS)
    assert [path for path in PATHS if wants(path)] == sorted(by_sha256(dicoms)[:3])


def test_several_selections_add_up_and_none_is_everything() -> None:
    some = [Selection(sample=2), Selection(include=("README.md",)), Selection(sample=1)]
    wants = catalog_selection.wanted(some, PATHS)
    assert {path for path in PATHS if wants(path)} == {*by_sha256(PATHS)[:2], "README.md"}
    assert all(map(catalog_selection.wanted([], PATHS), PATHS))


# ---- files as they are served ------------------------------------------------------------------


def names(selections: list[Selection], paths: list[str] | None = None) -> dict[str, list[str]]:
    """Return what is chosen of SET: names, and what of each archive's members is wanted."""
    found = plan.chosen(SET, selections, paths)
    return {one.path: [str(each) for each in inside] for one, inside in found}


def test_without_a_selection_every_file_comes_whole() -> None:
    assert names([]) == {one.path: [] for one in SET}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param(Selection(include=("README.md",)), {"README.md": []}, id="a-plain-file"),
        pytest.param(Selection(include=("P001.rar",)), {"P001.rar": []}, id="an-archive-by-name"),
        (Selection(include=("P00[12].rar",)), {"P001.rar": [], "P002.rar": []}),  # two
        (Selection(include=("P003/IM1.dcm",)), {"P003.rar": ["--include=P003/IM1.dcm"]}),
        pytest.param(
            Selection(include=("*/IM1.dcm",)),
            {f"P{number:03}.rar": ["'--include=*/IM1.dcm'"] for number in range(1, 6)},
            id="a-member-of-each",
        ),
        pytest.param(
            Selection(exclude=("P00[1-4].rar", "*.md", "*IM2*")),
            {"P005.rar": ["'--exclude=P00[1-4].rar' '--exclude=*.md' '--exclude=*IM2*'"]},
            id="without-some-archives-and-members",
        ),
        pytest.param(Selection(include=("nosuch/*",)), {}, id="nothing"),
    ],
)
def test_of_a_set_without_a_listing_archives_are_chosen_by_name_or_by_folder(
    selection: Selection, expected: dict[str, list[str]]
) -> None:
    assert names([selection]) == expected


def test_of_a_set_without_a_listing_a_sample_is_one_of_its_files() -> None:
    first = by_sha256([one.path for one in SET])[:2]
    assert names([Selection(sample=2)]) == {one.path: [] for one in SET if one.path in first}
    rars = by_sha256([one.path for one in SET[1:]])[:2]
    two = names([Selection(include=("*.rar",), sample=2)])
    assert two == {path: [] for path in sorted(rars)}


def test_with_a_listing_only_archives_that_may_hold_a_path_come() -> None:
    assert names([Selection(include=("P002/*", "README.md"))], PATHS) == {
        "README.md": [],
        "P002.rar": ["'--include=P002/*' --include=README.md"],
    }


def test_a_lone_archive_always_comes_and_its_members_are_picked() -> None:
    for selection in (Selection(include=("P001/*",)), Selection(sample=1)):
        assert plan.chosen([LONE], [selection], None) == [(LONE, (selection,))]


# ---- as text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(include=("a b*", "'")),
        Selection(include=("--sample=3", ""), exclude=("x=y",), sample=12),
    ],
)
def test_a_selection_is_read_as_it_was_written(selection: Selection) -> None:
    assert Selection.read(str(selection)) == selection


@pytest.mark.parametrize(
    "text",
    [
        "--sample=-1",
        "--sample=0",
        "--sample=1_0",
        "--sample=٣",
        "--sample=",
        "--sample",
        "--sample=1 --sample=2",
        "--include",
        "--more=1",
        "x",
        "'",
    ],
)
def test_what_was_never_written_is_no_selection(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Selection.read(text)


@pytest.mark.parametrize("option", ["--include", "--exclude"])
def test_a_glob_that_is_no_text_is_refused(covcat, option: str) -> None:
    ran = covcat("fetch", "sample", f"{option}=a\udcff")
    assert ran.code == 2
    assert "is not UTF-8" in ran.err
