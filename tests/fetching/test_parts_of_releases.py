"""--include, --exclude and --sample: parts of a release, and what is recorded of them."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from makers.archives import COMMIT, REPOSITORY, zip_of
from makers.releases import release_of
from makers.said import check_said, record

from covcat.catalog.selection import Selection
from covcat.text import format_size

FILES = {f"images/{n:02}.png": b"\x89PNG %d" % n for n in range(20)} | {"labels.csv": b"a\n"}
ONE = release_of("host: web, name: a.zip, url: 'https://example.org/a.zip', unpack: zip")
TWO = release_of(
    "host: web, name: a.zip, url: 'https://example.org/a.zip', unpack: zip, into: a/",
    "host: web, name: b.zip, url: 'https://example.org/b.zip', unpack: zip, into: b/",
    "host: web, name: t.csv, url: 'https://example.org/t.csv'",
)


def first(paths, count: int) -> set[str]:
    """Return the sample, as the documentation describes it."""
    return set(sorted(paths, key=lambda path: hashlib.sha256(path.encode()).hexdigest())[:count])


def here(ran) -> set[str]:
    assert ran.code == 0, ran.err
    folder = Path(ran.out.strip())
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def served(world):
    for name in ("a", "b"):
        world.web.add(f"https://example.org/{name}.zip", zip_of(FILES), "application/zip")
    world.web.add("https://example.org/t.csv", b"t\n", "text/csv")
    return world


@pytest.fixture
def pinned(world, shelf) -> None:
    """Put the repository into the catalog and the world."""
    world.github.add("test/set", COMMIT, REPOSITORY)
    shelf.add_repository()


IMAGES = {path for path in FILES if path.startswith("images/")}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--include", "images/*"], IMAGES),
        (["--exclude", "images/*"], {"labels.csv"}),
        (
            ["--include", "images/0*", "--exclude", "*3.png"],
            {f"images/0{n}.png" for n in range(10) if n != 3},
        ),
        (["--include", "*.csv", "--include", "images/01.png"], {"labels.csv", "images/01.png"}),
        (["--sample", "4"], first(FILES, 4)),
        (["--sample", "4", "--include", "images/*"], first(IMAGES, 4)),
        (["--sample", "99"], set(FILES)),
    ],
)
def test_a_part_of_an_archive(covcat, served, shelf, options, expected) -> None:
    shelf.add("set", ONE)
    assert here(covcat("fetch", "set", *options, mirror=served.url)) == expected
    assert covcat("verify", "set", mirror=served.url).code == 0
    assert "nothing to do" in covcat("fetch", "set", *options, mirror=served.url).err


@pytest.mark.parametrize(
    ("options", "expected", "asked"),
    [
        (["--include", "a/images/01.png"], {"a/images/01.png"}, {"a.zip"}),
        (["--include", "a/a.zip"], {f"a/{path}" for path in FILES}, {"a.zip"}),
        (
            ["--include", "*.csv"],
            {"a/labels.csv", "b/labels.csv", "t.csv"},
            {"a.zip", "b.zip", "t.csv"},
        ),
        (
            ["--exclude", "a/a.zip", "--exclude", "t.csv"],
            {f"b/{path}" for path in FILES},
            {"b.zip"},
        ),
        (["--include", "t.csv"], {"t.csv"}, {"t.csv"}),
    ],
)
def test_only_the_archives_that_may_hold_it_are_asked_for(
    covcat, served, shelf, options, expected, asked
) -> None:
    shelf.add("set", TWO)
    assert here(covcat("fetch", "set", *options, mirror=served.url)) == expected
    assert {one.path.rpartition("/")[2] for one in served.requests} == asked
    assert covcat("verify", "set", mirror=served.url).code == 0


@pytest.mark.parametrize("entry", [ONE, TWO], ids=["no member", "no archive"])
def test_a_part_that_holds_nothing_is_not_found(covcat, served, shelf, entry: str) -> None:
    shelf.add("set", entry)
    ran = covcat("fetch", "set", "--include", "nothing/*.png", mirror=served.url)
    check_said(ran, 3, "no file of `set@1` is one of '--include=nothing/*.png'")
    assert not Path("covcat-data/set").exists()


def test_what_no_listed_path_matches_is_not_asked_for(covcat, pinned, world) -> None:
    assert covcat("fetch", "set", "--include", "*.nosuch", mirror=world.url).code == 3
    assert world.requests == []
    assert covcat("fetch", "sample", "--include", "*.nosuch").code == 3
    assert covcat("status", "--json").document["data"]["here"] == []


def test_a_glob_that_opens_many_archives_says_so(covcat, served, shelf) -> None:
    shelf.add("set", TWO)
    ran = covcat("fetch", "set", "--include", "*.csv", mirror=served.url)
    assert "nobody lists what is in its archives: 2 of them come, to be looked into" in ran.err


def test_a_larger_sample_takes_the_place_of_the_smaller(covcat, served, shelf) -> None:
    shelf.add("set", ONE)
    for count in ("2", "4", "3"):
        ran = covcat("fetch", "set", "--sample", count, mirror=served.url)
        assert ran.code == 0
    assert "the part that was asked for is here; nothing to do" in ran.err
    assert record()["selection"] == ["--sample=4"]
    assert len(list(Path("covcat-data/set/1/files").rglob("*.*"))) == 4


def test_a_part_that_is_all_of_a_listed_release_is_the_whole(covcat, pinned, world) -> None:
    assert covcat("fetch", "set", "--sample", "2", mirror=world.url).code == 0
    assert covcat("fetch", "set", "--sample", "99", mirror=world.url).code == 0
    assert record()["selection"] == []
    assert record()["downloads"][0]["verified_by"] == "git-tree"
    assert "nothing to do" in covcat("fetch", "set", mirror=world.url).err


def test_parts_add_up_and_the_whole_replaces_them(covcat, served, shelf) -> None:
    shelf.add("set", ONE)
    covcat("fetch", "set", "--include", "labels.csv", mirror=served.url)
    more = covcat("fetch", "set", "--include", "images/01.png", mirror=served.url)
    assert here(more) == {"labels.csv", "images/01.png"}
    assert record()["selection"] == ["--include=labels.csv", "--include=images/01.png"]
    assert here(covcat("fetch", "set", mirror=served.url)) == set(FILES)
    assert record()["selection"] == []
    part = covcat("fetch", "set", "--include", "labels.csv", mirror=served.url)
    assert here(part) == set(FILES)


@pytest.mark.parametrize(
    ("options", "files", "said"),
    [
        (["--include", "images/*"], ["images/one.png", "images/two.png"], "2 downloads of"),
        (["--sample", "1"], sorted(first(REPOSITORY, 1)), "1 download of"),
        (["--include", "images/*", "--no-extract"], ["images/one.png", "images/two.png"], None),
        (["--by-file"], sorted(REPOSITORY), f"{len(REPOSITORY)} downloads of"),
        ([], sorted(REPOSITORY), None),
    ],
)
def test_the_plan_counts_the_part_that_is_asked_for(
    covcat, pinned, world, options: list[str], files: list[str], said: str | None
) -> None:
    sizes = sum(len(REPOSITORY[path]) for path in files)
    (step,) = json.loads(covcat("--json", "fetch", "set", "-n", *options).out)["data"]["steps"]
    assert step["files"] == len(files)
    assert step["download_bytes"] == (sizes if said else None)
    ran = covcat("fetch", "set", *options, mirror=world.url)
    what = f"{said} {format_size(sizes)}" if said else "1 download of unknown size"
    of_all = f"{len(files)} of {len(REPOSITORY)}" if len(files) < len(REPOSITORY) else len(files)
    assert f"{what} from github; unpacked {format_size(sizes)} in {of_all} files" in ran.err


def test_a_part_needs_no_room_for_the_whole(covcat, pinned, world, monkeypatch) -> None:
    free = len(REPOSITORY["README.md"]) * 2
    monkeypatch.setattr("covcat.store.folder.Store.free_bytes", lambda self: free)
    assert covcat("fetch", "set", "--by-file", mirror=world.url).code == 8
    assert covcat("fetch", "set", "--include", "README.md", mirror=world.url).code == 0


@pytest.mark.parametrize(
    "one",
    [
        Selection(include=("a b*", "c'd"), exclude=("*.txt",), sample=3),
        Selection(include=("--exclude=x",)),
        Selection(sample=1),
        Selection(include=("ü\n\t", "")),
    ],
)
def test_a_selection_is_read_back_as_it_was_written(one: Selection) -> None:
    assert Selection.read(str(one)) == one


@pytest.mark.parametrize("text", ["--what=x", "include", "'", "--sample=x"])
def test_what_is_no_selection_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Selection.read(text)


def test_a_further_part_that_holds_nothing_is_not_found_either(covcat) -> None:
    assert covcat("fetch", "sample", "--include", "LICENSE").code == 0
    assert covcat("fetch", "sample", "--include", "nope").code == 3
    assert "a part: --include=LICENSE\t" in covcat("status").out


# ---- a data set whose files its host lists -----------------------------------------------------

DOI = "doi:10.7910/DVN/ABCDEF"
HOST = "host: dataverse, server: 'https://dataverse.harvard.edu', doi: 10.7910/DVN/ABCDEF"
SET = release_of(f"{HOST}, unpack: zip", id="latest")
SLICES = {f"im{n}.png": b"\x89PNG %d" % n for n in range(3)}


def all_of(name: str) -> set[str]:
    return {f"{name}/{path}" for path in SLICES}


def test_an_archive_that_was_opened_for_one_file_comes_again_for_all(covcat, world, shelf) -> None:
    shelf.add("set", SET)
    served = {f"P{n}.zip": zip_of(SLICES) for n in range(1, 9)}
    ranked = sorted(served, key=lambda path: hashlib.sha256(path.encode()).hexdigest())
    first, opened, second = (name.removesuffix(".zip") for name in ranked[:3])
    world.dataverse.add(DOI, {f"{one}.zip": served[f"{one}.zip"] for one in (opened, second)})
    assert here(covcat("fetch", "set", "--include", f"{opened}/im1.png", mirror=world.url)) == {
        f"{opened}/im1.png"
    }
    world.dataverse.add(DOI, served)
    found = here(covcat("fetch", "set", "--sample", "2", mirror=world.url))
    assert found >= all_of(first) | all_of(opened)
    assert len(here(covcat("fetch", "set", mirror=world.url))) == 3 * len(served)
    assert covcat("verify", "set").code == 0


def test_archives_whose_folders_lie_in_each_other_are_not_taken_from_what_is_here(
    covcat, world, shelf
) -> None:
    shelf.add("set", SET)
    outer = zip_of({"P1/a.png": b"\x89PNG a", "c.png": b"\x89PNG c"})
    served = {"x.zip": outer, "x/P1.zip": zip_of({"b.png": b"\x89PNG b"}), "z.zip": zip_of(SLICES)}
    world.dataverse.add(DOI, served)
    part = here(covcat("fetch", "set", "--include", "x*", mirror=world.url))
    assert part == {"x/P1/a.png", "x/c.png", "x/P1/b.png"}
    assert here(covcat("fetch", "set", mirror=world.url)) == part | all_of("z")
    assert covcat("verify", "set").code == 0


def test_what_the_catalog_excludes_otherwise_now_comes_again(covcat, world, shelf) -> None:
    less = SET.replace("unpack: zip", "unpack: zip, exclude: ['*im1.png']")
    world.dataverse.add(DOI, {"y.zip": zip_of(SLICES), "z.zip": zip_of(SLICES)})
    shelf.add("set", less)
    part = here(covcat("fetch", "set", "--include", "y.zip", mirror=world.url))
    assert part == all_of("y") - {"y/im1.png"}
    shelf.add("set", SET)
    assert here(covcat("fetch", "set", mirror=world.url)) == all_of("y") | all_of("z")


def test_a_file_that_rotted_is_not_blamed_on_its_host(covcat, world, shelf) -> None:
    shelf.add("set", SET)
    world.dataverse.add(DOI, {"y.zip": zip_of(SLICES), "r.txt": b"right"})
    assert covcat("fetch", "set", "--include", "r.txt", mirror=world.url).code == 0
    path = Path("covcat-data/set/latest/files/r.txt")
    status = path.stat()
    path.write_bytes(b"wrong")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 5
    assert "changed on disk: sha256 expected" in ran.err
    assert "hint: covcat verify set@latest --repair" in ran.err
    assert covcat("verify", "set", "--repair", mirror=world.url).code == 0
    assert covcat("fetch", "set", mirror=world.url).code == 0


def test_the_plan_of_a_further_part_counts_what_is_not_here(covcat, pinned, world) -> None:
    assert covcat("fetch", "set", "--sample", "1", mirror=world.url).code == 0
    (step,) = json.loads(covcat("--json", "fetch", "set", "-n", "--sample", "3").out)["data"][
        "steps"
    ]
    came = sorted(first(REPOSITORY, 3) - first(REPOSITORY, 1))
    assert (step["files"], step["download_bytes"]) == (3, sum(len(REPOSITORY[one]) for one in came))
    before = len(world.requests)
    assert covcat("fetch", "set", "--sample", "3", mirror=world.url).code == 0
    assert len(world.requests) - before == len(came)
