"""Which files of a release a selection means: pure, so that tables are enough."""

import hashlib

import pytest
from makers.said import check_said

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


def including(*globs: str, **keys) -> Selection:
    return Selection(include=globs, **keys)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), PATHS),
        (including("P001/*"), PATHS[:2]),
        (including("*IM2.dcm"), PATHS[1:-1:2]),  # slashes are matched
        (including("P001/*", "*.md"), [*PATHS[:2], "README.md"]),
        (Selection(exclude=("P*",)), ["README.md"]),
        (including("P00[12]/*", exclude=("*IM1*",)), [PATHS[1], PATHS[3]]),  # has the last word
        (including("p001/*"), []),  # case counts
        (including("P001"), []),
        (Selection(exclude=("*.md",), sample=3), sorted(by_sha256(PATHS[:-1])[:3])),
    ],
)
def test_globs_are_of_whole_paths_and_a_sample_is_of_what_they_leave(selection, expected) -> None:
    wants = catalog_selection.wanted([selection], PATHS)
    assert [path for path in PATHS if wants(path)] == expected


def test_a_sample_is_the_first_by_sha256_and_a_larger_one_holds_it() -> None:
    order = by_sha256(PATHS)
    for count in range(len(PATHS) + 3):
        assert catalog_selection.sample(reversed(PATHS), count) == set(order[:count])


def test_several_selections_add_up_and_none_is_everything() -> None:
    some = [Selection(sample=2), Selection(include=("README.md",)), Selection(sample=1)]
    wants = catalog_selection.wanted(some, PATHS)
    assert {path for path in PATHS if wants(path)} == {*by_sha256(PATHS)[:2], "README.md"}
    assert all(map(catalog_selection.wanted([], PATHS), PATHS))


def names(selections: list[Selection], paths: list[str] | None = None) -> dict[str, list[str]]:
    """Return what is chosen of SET: names, and what of each archive's members is wanted."""
    found = plan.chosen(SET, selections, paths)
    return {one.path: [str(each) for each in inside] for one, inside in found}


FIRST, RARS = by_sha256([one.path for one in SET])[:2], by_sha256([one.path for one in SET[1:]])[:2]
WITHOUT = "'--exclude=P00[1-4].rar' '--exclude=*.md' '--exclude=*IM2*'"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (including("README.md"), {"README.md": []}),
        (including("P001.rar"), {"P001.rar": []}),
        (including("P00[12].rar"), {"P001.rar": [], "P002.rar": []}),
        (including("P003/IM1.dcm"), {"P003.rar": ["--include=P003/IM1.dcm"]}),
        (
            including("*/IM1.dcm"),
            {f"P{number:03}.rar": ["'--include=*/IM1.dcm'"] for number in range(1, 6)},
        ),
        (Selection(exclude=("P00[1-4].rar", "*.md", "*IM2*")), {"P005.rar": [WITHOUT]}),
        (including("nosuch/*"), {}),
        (Selection(sample=2), {path: [] for path in FIRST}),
        (including("*.rar", sample=2), {path: [] for path in RARS}),
    ],
)
def test_of_a_set_without_a_listing_archives_are_chosen_by_name_or_by_folder(selection, expected):
    assert names([selection]) == expected


def test_every_file_comes_whole_but_archives_that_cannot_hold_a_path() -> None:
    assert names([]) == {one.path: [] for one in SET}
    assert names([including("P002/*", "README.md")], PATHS) == {
        "README.md": [],
        "P002.rar": ["'--include=P002/*' --include=README.md"],
    }


def test_a_lone_archive_always_comes_and_its_members_are_picked() -> None:
    for selection in (Selection(include=("P001/*",)), Selection(sample=1)):
        assert plan.chosen([LONE], [selection], None) == [(LONE, (selection,))]


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
        *("--sample=-1", "--sample=0", "--sample=1_0", "--sample=٣", "--sample=", "--sample"),
        *("--sample=1 --sample=2", "--include", "--more=1", "x", "'"),
    ],
)
def test_what_was_never_written_is_no_selection(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Selection.read(text)


@pytest.mark.parametrize("option", ["--include", "--exclude"])
def test_a_glob_that_is_no_text_is_refused(covcat, option: str) -> None:
    check_said(covcat("fetch", "sample", f"{option}=a\udcff"), 2, "is not UTF-8")
