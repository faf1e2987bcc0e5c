"""`covcat export`: what libraries load, whole, with each picture once and on one side."""

import csv
import hashlib
import io
import json
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from makers.laid import lay
from makers.name_lists import name_lists
from makers.releases import Shelf
from makers.runs import Ran, tree_on_disk

from covcat.catalog import load
from covcat.cli import export as command
from covcat.export.training import FORMS, webdataset

ENTRY = """\
releases:
  - id: "1"
    source: made up
    files: [{host: web, name: a.zip, url: "https://data.example.org/a.zip", unpack: zip}]
tables:
  - reader: delimited
    path: metadata.csv
    source: made up, with the columns of Cohen et al.
    columns: {patient_id: patientid, finding: finding, view: view, filename: filename, age: age}
    image: "images/{filename}"
    mask: "masks/{stem}_mask.png"
"""
HEADER = "patientid,finding,view,age,filename\n"


def png(seed: int, size: tuple[int, int] = (6, 8)) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 255, size, dtype=np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def mask() -> bytes:
    """A lung of 2 x 3 pixels at the left and one pixel of another value, as V7 marks devices."""
    picture = np.zeros((6, 8), np.uint8)
    picture[1:4, 0:2] = 255
    picture[5, 7] = 127
    return cv2.imencode(".png", picture)[1].tobytes()


def release(patients: int = 8) -> dict[str, bytes]:
    """Two films of each patient; of the first a mask, in a folder called `test` as many sets have."""
    rows, files = [HEADER], {}
    for who in range(patients):
        finding = ("COVID-19", "No finding", "COVID-19; ARDS", "")[who % 4]
        for n, view in enumerate(("PA", "L")):
            rows.append(f'{who},"{finding}",{view},{20 + who if n else ""},test/{who}-{n}.png\n')
            files[f"images/test/{who}-{n}.png"] = png(2 * who + n)
    return {
        "metadata.csv": "".join(rows).encode(),
        "masks/0-0_mask.png": mask(),
        **files,
    }


Put = Callable[..., Path]
Loaded = tuple[str, str, bytes, list[str]]  # side, picture, its bytes, its findings
SPLIT = ("split", "set", "--shares", "50,25,25", "--seed", "0")  # which the search finds, too


@pytest.fixture
def put(shelf: Shelf) -> Put:
    shelf.add("set", ENTRY)

    def lay_files(files: Mapping[str, bytes]) -> Path:
        return lay(load.load((shelf.folder,)).find("set@1"), files)

    return lay_files


@pytest.fixture
def here(put: Put) -> Path:
    return put(release())


@pytest.fixture
def divided(covcat: Callable[..., Ran], here: Path) -> Path:
    assert covcat(*SPLIT, "-o", "split.csv").code == 0
    return here


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_table(path: Path, columns: list[str], rows: Iterable[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


def of_folders(folder: Path) -> list[Loaded]:
    """Rows as a loader of imagefolder makes them."""
    found = []
    for path in folder.glob("*/metadata.csv"):
        for row in table(path):
            data = (path.parent / row["file_name"]).read_bytes()
            found.append((path.parent.name, row["image_id"], data, words(row["finding"])))
    return found


def words(text: str) -> list[str]:
    return text.split("; ") if text else []


def of_datalist(folder: Path) -> list[Loaded]:
    tree = json.loads((folder / "datalist.json").read_text())
    sides = {"training": "train", "validation": "val", "test": "test"}
    found = []
    for key, side in sides.items():
        for row in tree.get(key, ()):
            said = [tree["labels"][str(n)] for n in row["label"]]
            found.append((side, row["image_id"], (folder / row["image"]).read_bytes(), said))
    return found


def of_coco(folder: Path) -> list[Loaded]:
    found = []
    for path in folder.glob("annotations/labels_*.json"):
        side, tree = path.stem.removeprefix("labels_"), json.loads(path.read_text())
        names = {one["id"]: one["name"] for one in tree["categories"]}
        for one in tree["images"]:
            said = [
                names[a["category_id"]] for a in tree["annotations"] if a["image_id"] == one["id"]
            ]
            data = (folder / side / one["file_name"]).read_bytes()
            found.append((side, one["image_id"], data, said))
    return found


def of_shards(folder: Path) -> list[Loaded]:
    found, classes = [], (folder / "classes.txt").read_text().splitlines()
    for path in sorted(folder.glob("*.tar")):
        members: dict[str, dict[str, bytes]] = {}
        with tarfile.open(path) as tar:
            for one in tar:
                key, _, ending = one.name.partition(".")
                stream = tar.extractfile(one)
                assert stream is not None
                members.setdefault(key, {})[ending] = stream.read()
        for sample in members.values():
            cells = json.loads(sample["json"])
            if "cls" in sample:
                assert [classes[int(sample["cls"])]] == cells["finding"]
            side = path.name.partition("-")[0]
            found.append((side, cells["image_id"], sample["png"], cells["finding"]))
    return found


def of_csv(folder: Path) -> list[Loaded]:
    rows = table(folder / "pictures.csv")
    for row in rows:
        assert hashlib.sha256(Path(row["file"]).read_bytes()).hexdigest() == row["sha256"]
    return [
        (row["split"], row["image_id"], Path(row["file"]).read_bytes(), words(row["finding"]))
        for row in rows
    ]


READ: dict[str, Callable[[Path], Sequence[Loaded]]] = {
    "imagefolder": of_folders,
    "monai": of_datalist,
    "coco": of_coco,
    "webdataset": of_shards,
    "csv": of_csv,
}
PAPERS = {"query.json", "refused.csv", "CITATION.bib", "LICENSES.txt"}


def asked(covcat: Callable[..., Ran], *words: str) -> list[dict[str, Any]]:
    ran = covcat("images", "set", *words, "--format", "jsonl")
    return [json.loads(line) for line in ran.out.splitlines()]


@pytest.mark.parametrize("form", FORMS)
def test_a_form_has_the_pictures_of_a_query_with_their_bytes_and_findings(
    covcat, here: Path, form: str
) -> None:
    ran = covcat("export", "new", "set", "--for", form, "--view", "PA", "--finding", "covid")
    assert (ran.code, ran.out) == (0, "new\n"), ran.err
    rows = asked(covcat, "--view", "PA", "--finding", "covid")
    assert len(rows) == 4
    expected = [
        (
            "train",
            one["image_id"],
            (here / "files" / one["path"]).read_bytes(),
            words(one["finding"]),
        )
        for one in rows
    ]
    assert sorted(READ[form](Path("new"))) == sorted(expected)
    assert {one.name for one in Path("new").iterdir()} >= PAPERS
    assert "set as a whole: " in Path("new/LICENSES.txt").read_text()


@pytest.mark.parametrize(
    ("form", "of"), [*((form, "csv") for form in FORMS), ("imagefolder", "folder")]
)
def test_a_form_has_the_sides_of_a_split_and_nobody_on_two(
    covcat, divided: Path, form: str, of: str
) -> None:
    if of == "folder":
        assert covcat(*SPLIT, "--as", "links", "-o", "split").code == 0
    source = "split.csv" if of == "csv" else "split"
    ran = covcat("export", "new", "--of", source, "--for", form)
    assert ran.code == 0, ran.err
    listed = table(Path("split.csv" if of == "csv" else "split/split.csv"))
    found = READ[form](Path("new"))
    assert {id: side for side, id, _, _ in found} == {
        row["image_id"]: row["split"] for row in listed
    }
    assert len(found) == len(listed) == 16
    people: dict[str, set[str]] = {}
    for side, id, _, _ in found:
        people.setdefault(id.rpartition("/")[2].partition("-")[0], set()).add(side)
    assert {len(sides) for sides in people.values()} == {1}
    assert (Path("new/split.lock")).is_file()


def test_a_cohort_is_exported_as_it_was_chosen(covcat, here: Path) -> None:
    line = ("select", "set", "--view", "PA", "--where", "age IS NULL", "--allow-unknown-license")
    assert covcat(*line, "-o", "cohort").code == 0
    assert covcat(*line, "-o", "cohort.csv").code == 0
    for number, source in enumerate(("cohort", "cohort/query.json", "cohort.csv")):
        assert covcat("export", f"new{number}", "--of", source, "--for", "monai").code == 0
        assert len(of_datalist(Path(f"new{number}"))) == 8
    assert covcat("select", "--from", "new0", "-o", "again").code == 0


@pytest.mark.parametrize("form", [one for one in FORMS if FORMS[one].ways[0] == "links"])
def test_links_point_to_the_data_and_copies_are_files(covcat, here: Path, form: str) -> None:
    covcat("export", "links", "set", "--for", form)
    pictures = list(Path("links").rglob("*.png"))
    assert all(
        one.is_symlink() and one.resolve().is_relative_to(here.resolve()) for one in pictures
    )
    if "copies" not in FORMS[form].ways:
        assert pictures == []
        return
    assert covcat("export", "copies", "set", "--for", form, "--as", "copies").code == 0
    assert not any(one.is_symlink() for one in Path("copies").rglob("*"))
    assert sorted(READ[form](Path("copies"))) == sorted(READ[form](Path("links")))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("harm", ["gone", "changed", "mask"])
def test_a_picture_that_is_not_as_it_was_fetched_makes_no_folder(
    covcat, here: Path, form: str, harm: str
) -> None:
    covcat("images", "set", "-q")
    victim = here / "files" / ("masks/0-0_mask.png" if harm == "mask" else "images/test/3-1.png")
    data = victim.read_bytes()
    victim.unlink()
    if harm == "changed":
        victim.write_bytes(data[:-1] + b"?")
    before = set(Path().iterdir())
    way = ["--as", "copies"] if "copies" in FORMS[form].ways else []
    ran = covcat("export", "new", "set", "--for", form, *way)
    if form == "csv" and harm != "gone":  # it reads no file: the sha256 in its rows tells
        assert ran.code == 0
        return
    assert ran.code == 5, ran.err
    assert "covcat verify set@1 --repair" in ran.err
    assert set(Path().iterdir()) == before


def full(*args: object) -> None:
    raise OSError(28, "no space")


@pytest.mark.parametrize("form", ["imagefolder", "webdataset"])
def test_a_full_disk_leaves_nothing(covcat, here: Path, monkeypatch, form: str) -> None:
    monkeypatch.setattr("covcat.export.training.build.sync", full)
    before = set(Path().iterdir())
    ran = covcat("export", "new", "set", "--for", form)
    assert (ran.code, set(Path().iterdir())) == (8, before)
    assert "hint: give another FOLDER, where there is room" in ran.err


def test_a_stop_in_the_middle_leaves_nothing(covcat, here: Path, monkeypatch) -> None:
    def stop(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("covcat.export.training.laying.cohort_files.place", stop)
    before = set(Path().iterdir())
    assert covcat("export", "new", "set", "--for", "coco").code == 130
    assert set(Path().iterdir()) == before


def test_rows_of_one_picture_are_one_with_all_its_findings(covcat, put: Put) -> None:
    rows = "1,COVID-19,PA,40,a.png\n1,ARDS,PA,41,a.png\n1,COVID-19,PA,40,b.png\n"
    put({"metadata.csv": (HEADER + rows).encode(), "images/a.png": png(1), "images/b.png": png(2)})
    ran = covcat("export", "new", "set", "--for", "imagefolder", "--json")
    assert (ran.document["data"]["rows"], ran.document["data"]["pictures"]) == (3, 2)
    one, other = table(Path("new/train/metadata.csv"))
    assert (one["finding"], one["age"], one["view"]) == ("COVID-19; ARDS", "", "PA")
    assert (other["finding"], other["age"]) == ("COVID-19", "40")
    ran = covcat("export", "n", "set", "--for", "csv")
    assert "1 picture whose rows contradict each other" in ran.err


def test_names_of_pictures_in_imagefolder_say_no_side(covcat, here: Path) -> None:
    """`images/test/…` in train would be taken for test: the loader looks for words in paths."""
    covcat("export", "new", "set", "--for", "imagefolder")
    names = [path.relative_to("new").as_posix() for path in Path("new").rglob("*.png")]
    assert not [name for name in names if "test" in name]


def test_a_column_that_a_loader_would_type_otherwise_on_a_side_is_in_the_whole_table_only(
    covcat, put: Put
) -> None:
    """`datasets` refuses sides whose metadata.csv have other types; blank texts are numbers."""
    rows = "1,SARS,PA,40,a.png\n2,,L,,b.png\n"
    pictures = {"images/a.png": png(0), "images/b.png": png(1)}
    put({"metadata.csv": (HEADER + rows).encode(), **pictures})
    assert covcat("split", "set", "--shares", "50,50", "-o", "split.csv").code == 0
    assert covcat("export", "new", "--of", "split.csv", "--for", "imagefolder").code == 0
    sides = [table(path) for path in Path("new").glob("*/metadata.csv")]
    assert [*sides[0][0]] == [*sides[1][0]]
    assert "finding" not in sides[0][0]  # is blank on all of one side
    assert {row["age"] for side in sides for row in side} == {"40.0", ""}
    assert {row["width"] for side in sides for row in side} == {"8"}
    (known,) = [row for row in table(Path("new/pictures.csv")) if row["finding"]]
    assert (known["finding"], known["age"]) == ("SARS", "40")
    assert Path("new", known["file"]).read_bytes() == png(0)


def test_coco_has_boxes_and_run_lengths_of_each_value_of_a_mask(covcat, here: Path) -> None:
    assert covcat("export", "new", "set", "--for", "coco").code == 0
    tree = json.loads(Path("new/annotations/instances_train.json").read_text())
    names = {one["id"]: one["name"] for one in tree["categories"]}
    found = {names[one["category_id"]]: one for one in tree["annotations"]}
    assert set(found) == {"set mask 127", "set mask 255"}
    assert (found["set mask 255"]["bbox"], found["set mask 255"]["area"]) == ([0, 1, 2, 3], 6)
    assert found["set mask 127"]["bbox"] == [7, 5, 1, 1]
    assert found["set mask 255"]["segmentation"] == {"size": [6, 8], "counts": [1, 3, 3, 3, 38]}
    assert [one["image_id"] for one in tree["images"]] == ["set:images/test/0-0.png"]
    labels = json.loads(Path("new/annotations/labels_train.json").read_text())
    assert not [one for one in labels["annotations"] if "bbox" in one]


def test_a_mask_of_another_size_is_stretched_and_one_that_is_no_mask_is_told(
    covcat, put: Put
) -> None:
    large = cv2.resize(cv2.imdecode(np.frombuffer(mask(), np.uint8), 0), (16, 12), interpolation=0)
    files = release() | {
        "masks/0-0_mask.png": cv2.imencode(".png", large)[1].tobytes(),
        "masks/1-0_mask.png": png(77, (60, 80)),
        "masks/2-0_mask.png": b"\x89PNG damaged",
    }
    put(files)
    ran = covcat("export", "new", "set", "--for", "coco")
    assert "2 masks left out, no mask of a few values: `set/masks/1-0_mask.png`" in ran.err
    tree = json.loads(Path("new/annotations/instances_train.json").read_text())
    assert {tuple(one["bbox"]) for one in tree["annotations"]} == {(0, 1, 2, 3), (7, 5, 1, 1)}


def test_monai_and_imagefolder_have_masks_as_pictures_of_their_own(covcat, here: Path) -> None:
    covcat("export", "new", "set", "--for", "monai")
    (one,) = json.loads(Path("new/segmentation.json").read_text())["training"]
    assert Path("new", one["label"]).read_bytes() == mask()
    covcat("export", "folders", "set", "--for", "imagefolder")
    named = [row for row in table(Path("folders/train/metadata.csv")) if row["mask_file_name"]]
    assert [Path("folders/train", row["mask_file_name"]).read_bytes() for row in named] == [mask()]


def test_shards_are_bounded_and_the_same_whenever_they_are_made(
    covcat, here: Path, monkeypatch
) -> None:
    size = len(png(0)) * 5
    monkeypatch.setattr(webdataset, "SHARD", size)
    covcat("export", "one", "set", "--for", "webdataset")
    shutil.move("covcat-data", "elsewhere")
    covcat("export", "two", "set", "--for", "webdataset", "--data-dir", "elsewhere")
    shards = {path.name: path.read_bytes() for path in Path("one").glob("*.tar")}
    assert len(shards) == 4
    assert shards == {path.name: path.read_bytes() for path in Path("two").glob("*.tar")}
    for data in shards.values():
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            members = tar.getmembers()
        assert {(one.mtime, one.uid, one.mode) for one in members} == {(0, 0, 0o644)}
        assert sum(one.size for one in members if one.name.endswith(".png")) <= size + len(mask())
    assert len(of_shards(Path("one"))) == 16


def test_volumes_go_where_they_can_be_read(covcat, shelf: Shelf) -> None:
    shelf.add("set", ENTRY.partition("tables:")[0])
    lay(load.load((shelf.folder,)).find("set@1"), {"a.nii.gz": b"\x1f\x8b", "b.png": png(1)})
    ran = covcat("export", "films", "set", "--for", "imagefolder")
    assert "warning: 1 picture left out, it takes pictures that Pillow reads" in ran.err
    assert len(table(Path("films/train/metadata.csv"))) == 1
    covcat("export", "volumes", "set", "--for", "monai")
    assert len(json.loads(Path("volumes/datalist.json").read_text())["training"]) == 2
    ran = covcat("export", "none", "set", "--for", "coco", "--where", "path LIKE '%.gz'")
    assert (ran.code, "no picture that coco can hold" in ran.err) == (2, True)
    assert "hint: --for csv holds pictures and volumes" in ran.err
    assert not Path("none").exists()
    assert covcat("export", "shards", "set", "--for", "webdataset").code == 0
    with tarfile.open("shards/train-000000.tar") as tar:
        assert "train-00000000.nii.gz" in tar.getnames()


# ---- splits and cohorts that are not what they were --------------------------------------------


def test_what_is_one_subject_by_now_is_no_split_any_more(covcat, divided: Path, put: Put) -> None:
    sides = {row["path"]: row["split"] for row in table(Path("split.csv"))}
    one = next(path for path, side in sides.items() if side == "train")
    other = next(path for path, side in sides.items() if side == "test")
    files = release()
    first, second = (f"\n{Path(path).name.partition('-')[0]}," for path in (other, one))
    rows = files["metadata.csv"].replace(first.encode(), second.encode())
    put(files | {"metadata.csv": rows})
    ran = covcat("export", "new", "--of", "split.csv", "--for", "csv")
    assert ran.code == 5
    assert "the releases are not those it was made of" in ran.err
    assert not Path("new").exists()


def test_a_picture_that_overlap_finds_on_two_sides_is_refused(
    covcat, divided: Path, monkeypatch
) -> None:
    from covcat.overlap import subjects

    joined = subjects.subjects_of

    def with_a_patient_more(cohort, stratify=()):
        found = joined(cohort, stratify)
        found.ids = dict.fromkeys(found.ids, 0)
        return found

    monkeypatch.setattr("covcat.overlap.divide.subjects_of", with_a_patient_more)
    ran = covcat("export", "new", "--of", "split.csv", "--for", "csv")
    assert (ran.code, "on two sides" in ran.err) == (5, True)


def test_a_table_that_was_edited_is_not_what_its_lock_says(covcat, divided: Path) -> None:
    text = Path("split.csv").read_text()
    Path("split.csv").write_text(text.replace(",test,", ",train,", 1))
    ran = covcat("export", "new", "--of", "split.csv", "--for", "csv")
    assert (ran.code, "2 rows of the two differ" in ran.err) == (5, True)
    Path("split.csv").write_text("a,b\n1,2\n")
    said = covcat("export", "new", "--of", "split.csv", "--for", "csv").err
    assert "`split.csv` has no column `split`" in said


def test_an_edited_table_of_a_cohort_is_refused_and_alone_says_itself_which_rows(
    covcat, here: Path
) -> None:
    assert covcat("select", "set", "--allow-unknown-license", "-o", "cohort.csv").code == 0
    lines = Path("cohort.csv").read_text().splitlines(keepends=True)
    Path("cohort.csv").write_text("".join(lines[:-3]))
    ran = covcat("export", "new", "--of", "cohort.csv", "--for", "csv")
    assert (ran.code, "3 rows of the two differ" in ran.err) == (5, True)
    Path("alone").mkdir()
    shutil.copy("cohort.csv", "alone/cohort.csv")
    ran = covcat("export", "new", "--of", "alone/cohort.csv", "--for", "csv")
    assert ran.code == 0, ran.err
    assert len(of_csv(Path("new"))) == 13


NAMES = [f"{who}-{n}.png" for who in range(8) for n in range(2)]
LISTS = name_lists(NAMES[:11], "images/test")


@pytest.mark.parametrize("what", LISTS)
def test_anybodys_lists_are_exported_with_their_sides(covcat, here: Path, what: str) -> None:
    files, given = LISTS[what]
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    words = [word for one in given for word in ("--of", one)]
    ran = covcat("export", "new", "set", *words, "--for", "monai")
    assert ran.code == 0, ran.err
    rows = of_datalist(Path("new"))
    assert Counter(side for side, *_ in rows) == {"train": 4, "test": 1}
    assert {data for side, _, data, _ in rows if side == "test"} == {png(9)}
    assert "warning: of 1 name no picture is here, or it is not clear: `lost.png`" in ran.err
    assert "covcat split check" in ran.err
    again = covcat("export", "again", "--of", "new", "--for", "csv")  # its record, without sides
    assert again.code == 0, again.err
    assert len(of_csv(Path("again"))) == 5


def test_a_table_of_images_is_exported_as_its_rows(covcat, here: Path) -> None:
    for name in ("some.tsv", "some.csv"):  # tests/report/test_chosen.py has Parquet
        assert covcat("images", "--view", "PA", "-o", name).code == 0
        ran = covcat("export", f"of-{name}", "--of", name, "--for", "csv")
        assert ran.code == 0, ran.err
        assert len(of_csv(Path(f"of-{name}"))) == 8
        assert "all is in train" in ran.err


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("{0},train\n{1},test\n{0},test\n", 5, "1 picture of `lists.csv` on two sides"),
        ("{0},fold 1\n{1},fold 2\n", 2, "has the side `fold 1`: expected train, val, test"),
        ("nothing.png,train\n", 3, "no picture that `lists.csv` names is here"),
    ],
)
def test_lists_that_no_library_could_load_so_are_refused(
    covcat, here: Path, text: str, code: int, said: str
) -> None:
    names = [f"images/test/{one}" for one in NAMES[:2]]
    Path("lists.csv").write_text("filename,split\n" + text.format(*names))
    ran = covcat("export", "new", "set", "--of", "lists.csv", "--for", "csv")
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert not Path("new").exists()


def test_a_table_beside_the_lock_of_another_one_says_its_own_sides(covcat, divided: Path) -> None:
    assert covcat("images", "set", "-o", "mine.csv").code == 0
    rows = table(Path("mine.csv"))
    sided = ({**one, "split": "test" if n < 2 else "train"} for n, one in enumerate(rows))
    write_table(Path("mine.csv"), [*rows[0]], sided)
    ran = covcat("export", "new", "--of", "mine.csv", "--for", "csv")
    assert ran.code == 0, ran.err
    assert Counter(side for side, *_ in of_csv(Path("new"))) == {"train": 14, "test": 2}
    assert not Path("new/split.lock").exists()


def test_a_table_with_sides_for_some_rows_alone_is_refused(covcat, here: Path) -> None:
    assert covcat("images", "--view", "PA", "-o", "some.csv").code == 0
    rows = table(Path("some.csv"))
    sided = ({**one, "split": "train" if n else ""} for n, one in enumerate(rows))
    write_table(Path("some.csv"), [*rows[0]], sided)
    ran = covcat("export", "new", "--of", "some.csv", "--for", "csv")
    assert (ran.code, "has no side for some pictures" in ran.err) == (2, True)


def test_a_question_of_another_covcat_in_a_lock_is_told(covcat, divided: Path) -> None:
    lock = Path("split.lock")
    lock.write_text(lock.read_text().replace('"one_per": null', '"one_per": "x; DROP"'))
    ran = covcat("export", "new", "--of", "split.csv", "--for", "csv")
    assert (ran.code, "asks for what this covcat does not know" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("new set --for tfrecord", 2, "unknown --for `tfrecord`"),
        ("new set", 2, "--for"),
        ("set --for csv", 2, "`set` is a resource: expected the new FOLDER before it"),
        ("there set --for csv", 8, "`there` is there already"),
        ("covcat-data/set/1/files/x set --for csv", 2, "is inside the release"),
        ("new set --for csv --as copies", 2, "--for csv has links: it takes no --as copies"),
        ("new set --for coco --as zip", 2, "unknown --as `zip`"),
        ("new set --for webdataset --as links", 2, "it takes no --as links"),
        ("new set --for csv --of there", 2, "no row on a side was found in `there`"),
        ("new --for csv --of there --view PA", 2, "--of says what is asked"),
        ("new --for csv --of nowhere.csv", 3, "`nowhere.csv` is not there"),
        ("new nothing --for csv", 3, "the catalog has no resource `nothing`"),
        ("new set --for csv --where path=1", 2, "no picture that is here"),
        ("new set --for csv --finding unheard", 2, "unknown --finding `unheard`"),
    ],
)
def test_what_cannot_be_exported_says_why_and_leaves_nothing(
    covcat, here: Path, line: str, code: int, text: str
) -> None:
    Path("there").mkdir()
    covcat("images", "set", "-q")
    before = tree_on_disk(Path())
    ran = covcat("export", *line.split())
    assert (ran.code, text in ran.err) == (code, True), ran.err
    assert tree_on_disk(Path()) == before


def test_the_command_names_all_forms() -> None:
    assert tuple(FORMS) == command.FORMS


def test_counts_of_findings_are_those_of_counts(covcat, here: Path) -> None:
    covcat("export", "new", "set", "--for", "coco")
    ran = covcat("counts", "set", "--by", "finding", "--of", "images", "--format", "csv")
    counted = {row["finding"]: int(row["images"]) for row in csv.DictReader(io.StringIO(ran.out))}
    found = Counter(term for *_, said in of_coco(Path("new")) for term in said)
    assert {name: counted[name] for name in found} == found
