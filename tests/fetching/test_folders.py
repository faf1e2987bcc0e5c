"""A folder too many or too few is put right where the entry shows it, and told."""

import hashlib
from pathlib import Path

import pytest
from makers.archives import tar_of, zip_of
from makers.releases import release_of

from covcat.fetching.folders import Move, Named, judged

TABLE = Named(("metadata.csv",))
DEEP = Named(("Set/a.xlsx",))
SEEN = Named(("Set/*/images/*",), of_pictures=True)
ANY = Named(("*/images/*.png",), of_pictures=True)
IMAGES = Named(("images/*",), of_pictures=True)


@pytest.mark.parametrize(
    ("paths", "groups", "move"),
    [
        (["metadata.csv", "images/a.png"], [TABLE], Move()),
        (["in/metadata.csv", "in/images/a.png"], [TABLE], Move("in/")),
        (["a/b/metadata.csv", "a/b/images/a.png"], [TABLE], Move("a/b/")),
        (["a.xlsx", "COVID/images/a.png"], [DEEP, SEEN, ANY], Move("", "Set/")),
        (["Set (1)/a.xlsx", "Set (1)/COVID/images/a.png"], [DEEP, ANY], Move("Set (1)/", "Set/")),
        (["Set/a.xlsx", "Set/COVID/images/a.png"], [DEEP, SEEN, ANY], Move()),
        (["x/Set/a.xlsx", "x/Set/COVID/images/a.png"], [DEEP, SEEN], Move("x/")),
        (["README.txt", "in/metadata.csv"], [TABLE], Move()),  # what of README?
        (["a/metadata.csv", "b/metadata.csv"], [TABLE], Move()),
        (["a.png"], [Named(("left/*.png", "right/*.png"))], Move()),  # either would do
        (["a.png"], [Named(("data/*.png",))], Move("", "data/")),
        (["images/a.png"], [Named(("data/images/*",))], Move("", "data/")),
        (["c/train/a.jpeg"], [Named(("c/*.jpeg", "*/c/*.jpeg"))], Move()),  # one of both is enough
        (["in/other.csv"], [TABLE], Move()),
        (["in/other.csv"], [Named(("*",))], Move()),
        (["a.zip"], [TABLE, IMAGES], Move()),
        (["a.png"], [TABLE, IMAGES], Move("", "images/")),
        (["in/other.csv"], [], Move()),
        ([], [TABLE], Move()),
    ],
)
def test_only_what_is_beyond_doubt_is_moved(paths, groups, move: Move) -> None:
    assert judged(paths, groups)[0] == move


@pytest.mark.large
def test_thousands_of_pictures_are_judged_by_a_few() -> None:
    paths = [f"in/images/{number}.png" for number in range(100_000)]
    assert judged([*paths, "in/metadata.csv"], [TABLE, IMAGES])[0] == Move("in/")


# ---- as a person meets it ----------------------------------------------------------------------

TABLES = """\
tables:
  - reader: delimited
    path: PATH
    source: made up
    columns: {patient_id: patient, finding: label, filename: filename}
    image: "{filename}"
    match: name
"""
GITHUB = "host: github, repository: test/set, branch: main, unpack: zip"
KAGGLE = "host: kaggle, dataset: some/set, version: '2', unpack: zip"
FILES = {
    "metadata.csv": b"patient,label,filename\n1,COVID-19,a.png\n",
    "images/a.png": b"\x89PNG",
}


def below(folder: str, files: dict[str, bytes] = FILES) -> dict[str, bytes]:
    return {folder + path: data for path, data in files.items()}


def given(files: dict[str, bytes], packing: str) -> str:
    """Put files on the disk as a person has them: a folder, or an archive of any sort."""
    if packing == "folder":
        for path, data in files.items():
            target = Path("mine") / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return "mine"
    Path(f"mine.{packing}").write_bytes(zip_of(files) if packing == "zip" else tar_of(files, "gz"))
    return f"mine.{packing}"


@pytest.fixture
def imported(covcat, shelf):
    """Run an import of files that lie as they are named; return the paths of the release."""

    def run(files: dict[str, bytes], packing: str, *, file: str = KAGGLE, path="metadata.csv"):
        shelf.add("set", release_of(file) + TABLES.replace("PATH", path))
        ran = covcat("--offline", "import", "set", given(files, packing))
        assert ran.code == 0, ran.err
        folder = Path(ran.out.strip())
        there = [one for one in folder.rglob("*") if one.is_file() or not any(one.iterdir())]
        assert covcat("verify", "set").code == 0
        return sorted(one.relative_to(folder).as_posix() for one in there), ran.err

    return run


WHERE = {
    "as it is": ("", ""),
    "the folder above": ("set-main/", "taken out of `set-main/`"),
    "two above": ("Downloads/set-main (1)/", "taken out of `Downloads/set-main (1)/`"),
}


@pytest.mark.parametrize("packing", ["folder", "zip", "tar.gz"])
@pytest.mark.parametrize("where", WHERE)
def test_folders_too_many_are_left_out_of_the_paths(imported, packing: str, where: str) -> None:
    folder, told = WHERE[where]
    paths, err = imported(below(folder), packing)
    assert paths == ["images/a.png", "metadata.csv"]
    assert told in err
    assert "warning: the label table" not in err


@pytest.mark.parametrize("packing", ["folder", "zip"])
@pytest.mark.parametrize("folder", ["", "Set (1)/"])
def test_the_folder_that_is_too_few_is_put_back(imported, packing: str, folder: str) -> None:
    paths, err = imported(below(folder), packing, path="Set/metadata.csv")
    assert paths == ["Set/images/a.png", "Set/metadata.csv"]
    assert "put into `Set/`, since the entry names `Set/metadata.csv`" in err


@pytest.mark.parametrize("packing", ["folder", "zip", "tar.gz"])
@pytest.mark.parametrize("folder", ["", "set-main/", "set-main (1)/", "a/b/"])
def test_a_repository_is_found_whatever_folders_it_lies_in(
    imported, packing: str, folder: str
) -> None:
    assert imported(below(folder), packing, file=GITHUB)[0] == ["images/a.png", "metadata.csv"]


@pytest.mark.parametrize("packing", ["folder", "zip"])
def test_a_file_beside_the_folder_leaves_all_as_it_is_and_the_table_is_missed_aloud(
    imported, packing: str
) -> None:
    paths, err = imported({**below("set/"), "notes.txt": b"mine"}, packing)
    assert paths == ["notes.txt", "set/images/a.png", "set/metadata.csv"]
    missed = "the label table `metadata.csv` that the entry names is not among the files"
    assert f"warning: {missed}; `set/metadata.csv` may be it, in a folder too many" in err


def test_a_table_that_is_nowhere_is_missed_aloud(imported) -> None:
    _, err = imported({"images/a.png": b"\x89PNG"}, "folder")
    assert "the label table `metadata.csv` that the entry names is not among the files\n" in err


def test_litter_beside_the_folder_does_not_hide_it(imported) -> None:
    litter = {".DS_Store": b"j", "__MACOSX/set-main/._metadata.csv": b"j", ".git/HEAD": b"x"}
    assert imported({**below("set-main/"), **litter}, "folder")[0] == [
        "images/a.png",
        "metadata.csv",
    ]


def test_what_a_pinned_digest_names_stays_where_it_is(covcat, shelf) -> None:
    data = zip_of(below("in/"))
    digest = hashlib.sha256(data).hexdigest()
    file = KAGGLE.replace("unpack", f"sha256: {digest}, unpack")
    shelf.add("set", release_of(file) + TABLES.replace("PATH", "metadata.csv"))
    Path("w.zip").write_bytes(data)
    assert covcat("--offline", "import", "set", "w.zip").code == 0
    assert Path("covcat-data/set/1/files/in/metadata.csv").is_file()
