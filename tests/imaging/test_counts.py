"""Counts of what is here, and the tables of papers counted again from the same files."""

import json
import sqlite3
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.archives import zip_of
from makers.covid_ct import covid_ct_tables
from makers.laid import lay
from makers.releases import Shelf, labelled
from makers.runs import Covcat, Ran
from makers.tables import coco, darwin
from servers.server import Answer
from test_real_data import COHEN, REAL, needs_real

from covcat.catalog import check, listing, load
from covcat.catalog.columns import COLUMNS, NAMES, Record
from covcat.imaging import counts as images_counts
from covcat.imaging.build import IndexReport
from covcat.imaging.checked import ReleaseState
from covcat.imaging.opening import Index
from covcat.imaging.query import Question

PACKAGED = load.load()
TABLES = [
    pytest.param(counts, id=f"{resource.id}-{number}")
    for resource in PACKAGED.resources
    for number, counts in enumerate(resource.published)
    if counts.recount is not None
]

LABELS = """\
name,patient,finding,view,age
1.png,1,COVID-19,PA,45
2.png,1,"COVID-19, ARDS",AP,45
3.png,2,ARDS,AP Supine,50.5
lost.png,3,No Finding,PA,7
4.png,,todo,PA,
"""
FILES = {
    "labels.csv": LABELS.encode(),
    **{f"{number}.png": b"no picture" for number in (1, 2, 3, 4, 5)},  # nothing names the fifth
}
ENTRY = labelled(
    {
        "patient_id": "patient",
        "filename": "name",
        "finding": "finding",
        "view": "view",
        "age": "age",
    },
    "{name}",
    ("1", "2"),
    "labels.csv",
    constants={"modality": "X-ray"},
)


def put(id: str, release_id: str, files: Mapping[str, bytes], folder: Path | None = None) -> None:
    """Put a release of the catalog into the data folder, with the record of it."""
    lay(load.load([folder] if folder else []).find(f"{id}@{release_id}"), files)


def paths_of(name: str) -> listing.Listing:
    found = PACKAGED.listing(*PACKAGED.find(name))
    assert found is not None
    return found


def put_listed(name: str, real: Mapping[str, bytes]) -> None:
    """Put a release with all paths of its listing there, of which only some are real."""
    drawn = {path: coco({}) for path in paths_of(name) if path.endswith("_boxes.json")}
    every = {**dict.fromkeys(paths_of(name), b"no picture"), **drawn, **real}
    put(*name.split("@"), every)


@pytest.fixture
def made(shelf: Shelf, covcat: Covcat) -> Callable[..., Covcat]:
    """Give a covcat that has the entry `set` with some published tables, and its release 1."""

    def make(published: str = "", files: Mapping[str, bytes] = FILES) -> Covcat:
        shelf.add("set", ENTRY + published)
        put("set", "1", files, shelf.folder)
        return covcat

    return make


def table(rows: str, *, by: str = "", recount: str = "", **keys: str) -> str:
    """A published table; `recount` is what stands below that key, in one line."""
    more = keys | ({"recount": f"{{{recount}}}"} if recount else {})
    said = "".join(f", {key}: {value}" for key, value in more.items())
    return f"  - {{of: things, unit: images, rows: [{rows}], source: a paper, by: [{by}]{said}}}\n"


def published(*tables: str) -> str:
    return "published:\n" + "".join(tables)


def lines(ran: Ran) -> list[list[str]]:
    """The rows of a run, without the header."""
    return [line.split("\t") for line in ran.out.splitlines()[1:]]


def counted(ran: Ran) -> dict[str, int]:
    assert ran.code == 0, ran.err
    return {" ".join(cells[:-1]): int(cells[-1]) for cells in lines(ran)}


@pytest.fixture
def recounted(made) -> Callable[..., Ran]:
    """Compare release 1 of `set` with these published tables."""
    return lambda *tables: made(published(*tables))("counts", "set", "--published")


def put_real(name: str, tables: Mapping[str, str]) -> None:
    """Put a release there with its real tables, by what they were kept as."""
    kept = {path: (REAL / "tables" / file).read_bytes() for path, file in tables.items()}
    put_listed(name, kept)


def compared(ran: Ran, of: str) -> dict[tuple[str, ...], tuple[int, int, int]]:
    """What was published, found, and the difference, by the row of one table."""
    return {
        tuple(row["row"].values()): (row["published"], row["found"], row["difference"])
        for release in ran.document["data"]["releases"]
        for one in release["tables"]
        if one["of"] == of
        for row in one["rows"]
        if row["published"] is not None
    }


TABLE_1 = {  # PA, AP, AP Supine
    "COVID-19": (76, 11, 13),
    "SARS": (11, 0, 0),
    "Streptococcus": (6, 0, 0),
    "Pneumocystis": (1, 0, 0),
    "ARDS": (4, 0, 0),
}
README_0_2 = {  # PA and AP, AP Supine
    "COVID-19": (312, 122),
    "ARDS": (15, 1),
    "No Finding": (15, 4),
    "SARS": (16, 0),
    "Streptococcus": (13, 0),
    "Klebsiella": (7, 0),
    "MERS": (0, 0),
}


def all_same(numbers: Mapping[str, tuple[int, ...]], columns: tuple[str, ...]) -> dict:
    """What `compared` gives where each number was found."""
    return {
        (row, column): (number, number, 0)
        for row, cells in numbers.items()
        for column, number in zip(columns, cells, strict=True)
    }


@needs_real
@pytest.mark.large
def test_table_1_of_the_paper_is_reproduced_from_the_real_archive(server, covcat) -> None:
    server.serve(
        COHEN, Answer((REAL / "cohen-0.1-four-files-short.zip").read_bytes(), has_length=False)
    )
    assert covcat("fetch", "cohen@0.1", "--allow-missing").code == 0
    ran = covcat("counts", "cohen@0.1", "--published", "--json")
    assert ran.code == 0, ran.err
    found = compared(ran, "counts of each finding and view")
    assert found == all_same(TABLE_1, ("PA", "AP", "AP Supine"))
    assert compared(ran, "frontal view X-rays") == {(): (123, 123, 0)}
    by_view = {("PA",): (99, 99, 0), ("AP, AP Supine",): (24, 24, 0)}
    assert compared(ran, "num_samples by views") == by_view


@needs_real
def test_the_123_x_rays_of_the_abstract_are_explained_against_the_122_of_its_table(covcat) -> None:
    put_real("cohen@0.1", {"metadata.csv": "cohen-0.1-metadata.csv"})
    ran = covcat("counts", "cohen@0.1", "--published")
    assert ran.code == 0, ran.err
    assert "122 published, 123 rows found where" in ran.err
    assert "1 of them in no row of the table" in ran.err
    of = "counts of each finding and view"
    assert [of, "No finding", "PA", "", "1", "", "in no row of the table"] in lines(ran)
    (frontal,) = (row for row in lines(ran) if row[0] == "frontal view X-rays")
    assert frontal[3:6] == ["123", "123", "0"]
    assert "sum to 122" in frontal[6]
    assert "`No Finding`" in frontal[6]


@needs_real
def test_the_readme_of_0_2_is_reproduced_and_says_which_rows_it_drops(covcat) -> None:
    put_real("cohen@0.2", {"metadata.csv": "cohen-0.2-metadata.csv"})
    ran = covcat("counts", "cohen@0.2", "--published", "--json")
    assert ran.code == 0, ran.err
    by_view = {("PA, AP",): (408, 408, 0), ("AP Supine",): (134, 134, 0)}
    assert compared(ran, "num_samples by views") == by_view
    found = compared(ran, "num_samples by finding and views")
    assert {difference for *_, difference in found.values()} == {0}
    assert found.items() >= all_same(README_0_2, ("PA, AP", "AP Supine")).items()
    assert ran.err.count("NOT IN ('todo', 'Unknown')") == 3
    assert ran.err.count("Rows with the finding `todo` or `Unknown` are dropped") == 2

    ran = covcat("counts", "cohen@0.2", "--by", "finding")  # of two findings: for both
    by_finding = counted(ran)
    assert (by_finding["COVID-19"], by_finding["ARDS"]) == (526 + 12, 4 + 12)
    assert sum(by_finding.values()) == 673 + 12
    assert "several findings: 12 rows, counted for each of them\n" in ran.err


OF_KINDS = {  # PA and AP, AP Supine: published and found
    "Bacterial Pneumonia": ((29, 31), (0, 4)),  # 2 rows say `Bacterial`, 4 `E.Coli`
    "Fungal Pneumonia": ((13, 13), (0, 0)),
    "Pneumonia": ((391, 389), (126, 130)),  # with 4 rows of ARDS, without those 6
    "Viral Pneumonia": ((333, 333), (122, 122)),
}


@needs_real
def test_what_the_readmes_say_of_kinds_of_pneumonia_is_found_cell_by_cell_or_explained(covcat):
    put_real("cohen@0.1", {"metadata.csv": "cohen-0.1-metadata.csv"})
    put_real("cohen@0.2", {"metadata.csv": "cohen-0.2-metadata.csv"})
    of = "num_samples by kind of pneumonia and views"
    ran = covcat("counts", "cohen@0.2", "--published", "--json")
    assert ran.code == 0, ran.err
    assert compared(ran, of) == {
        (kind, view): (published, found, found - published)
        for kind, cells in OF_KINDS.items()
        for view, (published, found) in zip(("PA, AP", "AP Supine"), cells, strict=True)
    }
    old = compared(covcat("counts", "cohen@0.1", "--published", "--json"), of)
    assert old["Viral Pneumonia", "PA"] == (87, 87, 0)
    assert old["Pneumonia", "PA"] == (97, 94, -3)  # with 4 of ARDS, without 1 of Pneumocystis
    assert [key for key, (*_, difference) in old.items() if difference] == [("Pneumonia", "PA")]


@needs_real
def test_pneumonia_is_found_under_all_its_kinds_in_the_real_table(covcat) -> None:
    put_real("cohen@0.2", {"metadata.csv": "cohen-0.2-metadata.csv"})
    ran = covcat("images", "cohen@0.2", "--finding", "pneumonia", "--all", "--columns", "finding")
    assert len(lines(ran)) == 673 - 23 - 4  # all but No Finding, and ARDS alone
    exactly = ("--where", "finding = 'Pneumonia'")
    assert len(lines(covcat("images", "cohen@0.2", "--all", *exactly))) == 14


NESTED = """\
name,patient,finding,view,age
1.png,1,Pneumonia/Viral/COVID-19,PA
2.png,1,"COVID-19, ARDS",PA
3.png,2,Pneumonia/Bacterial/Streptococcus,PA
4.png,3,Pneumonia,AP
5.png,3,"COVID-19, SARS",AP
6.png,4,No Finding,AP
7.png,4,something new,AP
"""
ON_LEVELS = {
    "ARDS": 1,
    "Pneumonia": 5,
    "Pneumonia/Viral pneumonia": 3,
    "Pneumonia/Viral pneumonia/COVID-19": 3,
    "Pneumonia/Viral pneumonia/SARS": 1,
    "Pneumonia/Bacterial pneumonia": 1,
    "Pneumonia/Bacterial pneumonia/Streptococcus": 1,
    "No finding": 1,
    "(unknown)": 1,
}


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ((), ON_LEVELS),  # in the order of a tree
        (("--level", "1"), {"ARDS": 1, "Pneumonia": 5, "No finding": 1, "(unknown)": 1}),
        (
            ("--level", "2"),
            {
                "ARDS": 1,
                "Pneumonia": 1,
                "Pneumonia/Viral pneumonia": 3,
                "Pneumonia/Bacterial pneumonia": 1,
                "No finding": 1,
                "(unknown)": 1,
            },
        ),
    ],
)
def test_a_row_counts_once_at_each_level_of_its_path_or_at_the_one_asked(made, level, expected):
    covcat = made(files={"labels.csv": NESTED.encode()})
    ran = covcat("counts", "set", "--by", "finding_path", *level)
    assert ran.code == 0, ran.err
    assert list(counted(ran).items()) == list(expected.items())
    assert "several findings: 2 rows" in ran.err


def test_findings_and_their_paths_are_counted_side_by_side(made) -> None:
    covcat = made(files={"labels.csv": NESTED.encode()})
    found = lines(covcat("counts", "set", "--by", "finding,finding_path,view", "--level", "1"))
    assert ["COVID-19", "Pneumonia", "PA", "2"] in found
    assert ["ARDS", "ARDS", "PA", "1"] in found
    assert ["SARS", "Pneumonia", "AP", "1"] in found
    assert not [row for row in found if row[:2] == ["ARDS", "Pneumonia"]]


def test_a_level_of_nothing_is_a_mistake_with_what_to_type(made) -> None:
    ran = made()("counts", "set", "--by", "finding", "--level", "2")
    assert ran.code == 2
    assert "hint: covcat counts --by finding_path --level 2" in ran.err


POCUS = {"data/dataset_metadata.csv": "pocus-529c06a6-dataset_metadata.csv"}
BLUES = {name: f"covidblues-{name}" for name in ("severity.csv", "clinical_variables.csv")}
PROBES = {
    ("convex",): (162, 124, -38),
    ("convex (Butterfly)",): (20, 0, -20),
    ("linear",): (20, 10, -10),
}


@needs_real
@pytest.mark.parametrize(
    ("name", "tables", "of", "expected"),
    [
        ("pocus@2022-04-13", POCUS, "videos by probe", PROBES),
        (
            *("pocus@2022-04-13", POCUS, "images by probe"),
            {("convex",): (53, 29, -24), ("linear",): (6, 3, -3)},
        ),
        ("pocus@2022-04-13", POCUS, "videos with a lung severity score", {(): (136, 136, 0)}),
        (
            *("covid-blues@2025-11-09", BLUES, "patients by test"),
            {("positive",): (33, 33, 0), ("negative",): (30, 30, 0)},
        ),
    ],
)
def test_what_a_set_publishes_is_found_or_explained(covcat, name, tables, of, expected) -> None:
    put_real(name, tables)
    ran = covcat("counts", name, "--published", "--json")
    assert ran.code == 0, ran.err
    assert compared(ran, of) == expected


def agrees(covcat: Covcat, name: str) -> set[str]:
    """The tables of a release that were counted, none of them with an open difference."""
    ran = covcat("counts", name, "--published", "--json")
    assert ran.code == 0, ran.err
    tables = ran.document["data"]["releases"][0]["tables"]
    return {one["of"] for one in tables if one["counted"] is not None}


def test_the_sample_is_as_it_says(covcat) -> None:
    assert covcat("fetch", "sample").code == 0
    assert agrees(covcat, "sample") == {"synthetic pictures"}


def test_covid_ct_has_as_many_images_of_each_class_and_split_as_it_says(covcat) -> None:
    put_listed("covid-ct@latest", covid_ct_tables(paths_of("covid-ct@latest")))
    put_listed("covid-ct@2020-03-27", {})
    tables = {"CT images", "CT images of each split", "patients with COVID-19"}
    assert agrees(covcat, "covid-ct@latest") == tables
    assert agrees(covcat, "covid-ct@2020-03-27") == {"COVID-19 CT images, first README"}


@pytest.mark.large
def test_kermany_has_5856_of_the_5863_images_and_the_catalog_says_why(covcat) -> None:
    names = [
        *(f"chest_xray/train/NORMAL/IM-{n}.jpeg" for n in range(5216)),
        *(f"chest_xray/val/NORMAL/IM-{n}.jpeg" for n in range(16)),
        *(f"chest_xray/test/PNEUMONIA/person{n}_virus_{n}.jpeg" for n in range(624)),
    ]
    put("kermany", "kaggle-2", dict.fromkeys(names, b""))
    ran = covcat("counts", "kermany@kaggle-2", "--published", "--json")
    assert ran.code == 0, ran.err
    assert compared(ran, "images") == {(): (5863, 5856, -7)}
    row = ran.document["data"]["releases"][0]["tables"][0]["rows"][0]
    assert "advertised" in row["explained"]["reason"]
    put("kermany", "mendeley-2", dict.fromkeys(names[1:], b""))  # one fewer
    ran = covcat("counts", "kermany@mendeley-2", "--published")
    assert ran.code == 5
    assert "not explained: the catalog expects 5856 to be found" in ran.out


def test_v7_has_59_ct_slices_of_the_63_and_the_catalog_says_why(covcat) -> None:
    kinds = ["X-ray"] * 457 + ["CT"] * 59 + ["COVID-19"]
    packed = {f"{n}.json": darwin(["COVID-19", kind]) for n, kind in enumerate(kinds)}
    put("v7", "2020-06-29", {"annotations/covid-only.zip": zip_of(packed)})
    ran = covcat("counts", "v7", "--published", "--json")
    assert ran.code == 0, ran.err
    assert compared(ran, "cases of COVID-19") == {(): (517, 517, 0)}
    assert compared(ran, "axial CT scan slices") == {(): (63, 59, -4)}
    assert compared(ran, "images of AP/PA chest x-rays")[()][1] is None


def test_volumes_are_counted_by_where_they_come_from(covcat) -> None:
    folder = "COVID-19-CT-Seg_20cases"
    volumes = {
        **{f"{folder}/coronacases_{n:03}.nii.gz": b"" for n in range(1, 11)},
        **{f"{folder}/radiopaedia_{n}_85902_1.nii.gz": b"" for n in range(10)},
        "Lung_Mask/coronacases_001.nii.gz": b"",
    }
    put("coronacases", "zenodo-3757476", volumes)
    assert agrees(covcat, "coronacases") == {"CT volumes in Zenodo record 3757476"}
    slices = {"tr_im.nii.gz": b"", "tr_mask.nii.gz": b"", "val_im.nii.gz": b""}
    volumes = {f"{kind}/{n}.nii.gz": b"" for n in range(1, 10) for kind in ("rp_im", "rp_msk")}
    put("medseg", "figshare-v2", {**slices, **volumes})
    assert agrees(covcat, "medseg") == {"CT volumes"}


def test_the_folders_of_the_radiography_database_are_its_classes(covcat) -> None:
    folders = {"COVID": 1, "Normal": 2, "Lung_Opacity": 3, "Viral Pneumonia": 4}
    paths = [
        f"COVID-19_Radiography_Dataset/{folder}/{kind}/{folder}-{n}.png"
        for folder, number in folders.items()
        for n in range(1, number + 1)
        for kind in ("images", "masks")
    ]
    put("radiography-db", "5", dict.fromkeys(paths, b""))
    ran = covcat("counts", "radiography-db", "--published", "--json")
    assert ran.code == 5
    found = {row[0]: n for row, (_, n, _) in compared(ran, "images, second update").items()}
    assert found == {"COVID-19": 1, "Normal": 2, "Lung Opacity": 3, "Viral Pneumonia": 4}


def test_covidx_lists_are_counted_each_by_itself(covcat) -> None:
    """With few rows each, so that only what is found can be looked at."""
    lists = {
        "train_COVIDx9B": {"negative": 3, "positive": 4, "normal": 10},
        "test_COVIDx9B": {"negative": 2, "positive": 1},
        "train_COVIDx9A": {"normal": 5, "pneumonia": 6, "COVID-19": 7},
        "test_COVIDx9A": {"normal": 8},
        "train_COVIDx": {"normal": 9},
    }
    files = {
        f"labels/{name}.txt": "".join(
            f"COVID {n} {kind}-{n}.png {kind} cohen\n"
            for kind, count in classes.items()
            for n in range(count)
        ).encode()
        for name, classes in lists.items()
    }
    put("covid-net", "2022-02-17", files)
    ran = covcat("counts", "covid-net@2022-02-17", "--published", "--json")
    assert ran.code == 5
    for of, expected in {
        "images of COVIDx V9B": [3, 4, 2, 1],
        "images of COVIDx V9A": [5, 6, 7, 8, 0, 0],
        "images of COVIDx V1": [9, 0, 0, 0, 0, 0],
        "patients of COVIDx V9A": [5, 6, 7, 8, 0, 0],
        "patients of the training list of COVIDx V9B": [10],  # who is in two, once
    }.items():
        assert [found for _, found, _ in compared(ran, of).values()] == expected
    rest = {
        one["of"]: (row["row"], row["found"])
        for one in ran.document["data"]["releases"][0]["tables"]
        for row in one["rows"]
        if row["status"] == "in no row"
    }
    assert rest["images of COVIDx V9B"] == ({"split": "train", "class": "normal"}, 10)


@needs_real
@pytest.mark.large
def test_each_of_the_24_lists_of_covidx_is_as_a_document_prints_it_or_says_why_not(covcat) -> None:
    with zipfile.ZipFile(REAL / "covidnet-65999806.zip") as packed:
        root = packed.namelist()[0].partition("/")[0]
        names = [
            name.removeprefix(f"{root}/")
            for name in packed.namelist()
            if "/labels/" in name and name.endswith(".txt") and "Sev" not in name
        ]
        put("covid-net", "2022-02-17", {name: packed.read(f"{root}/{name}") for name in names})
    assert len(names) == 24
    ran = covcat("counts", "covid-net@2022-02-17", "--published", "--json")
    assert ran.code == 0, ran.err
    tables = ran.document["data"]["releases"][0]["tables"]
    counted = {one["of"] for one in tables if one["counted"] is not None}
    for version in ["1", "2", "3", "4", "5", "6", "7A", "7B", "8A", "8B", "9A", "9B"]:
        assert {f"{what} of COVIDx V{version}" for what in ("images", "patients")} <= counted
    rows = [row for one in tables for row in one["rows"]]
    assert [row for row in rows if row["difference"] and not row["explained"]] == []
    assert compared(ran, "CXR images of COVIDx V3") == {(): (13975, 13970, -5)}
    assert compared(ran, "patient cases of COVIDx V3") == {(): (13870, 13869, -1)}


def test_rows_of_labels_are_counted_in_the_vocabularys_order_blank_last(made) -> None:
    ran = made()("counts", "set", "--by", "finding,view")
    assert ran.out == (
        "finding\tview\trows\n"
        "COVID-19\tPA\t1\n"
        "COVID-19\tAP\t1\n"
        "ARDS\tAP\t1\n"
        "ARDS\tAP supine\t1\n"
        "No finding\tPA\t1\n"
        "(unknown)\tPA\t1\n"
    )
    assert ran.err.count("several findings: 1 row, counted for each of them") == 1
    assert "not counted: 1 image without labels; --of images counts these too" in ran.err


def test_images_are_those_that_are_here(made) -> None:
    ran = made()("counts", "set", "--by", "view", "--of", "images")
    assert counted(ran) == {"PA": 2, "AP": 1, "AP supine": 1, "(unknown)": 1}
    assert "not counted: 1 row of labels without the image" in ran.err


def test_a_patient_counts_once_in_each_group(made) -> None:
    covcat = made()
    ran = covcat("counts", "set", "--by", "finding", "--of", "patients")
    assert counted(ran) == {"COVID-19": 1, "ARDS": 2, "No finding": 1}
    assert "unknown patient: 2 rows" in ran.err
    assert counted(covcat("counts", "set", "--of", "patients")) == {"": 3}


def test_an_image_with_two_rows_and_a_release_that_is_named_twice_count_once(made) -> None:
    more = (LABELS + "1.png,1,COVID-19,PA,46\n").encode()
    covcat = made(files={**FILES, "labels.csv": more})
    assert counted(covcat("counts", "set", "--finding", "covid", "--of", "images")) == {"": 2}
    assert counted(covcat("counts", "set", "--finding", "covid")) == {"": 3}
    ran = covcat("counts", "set", "set@1", "-q")
    assert (ran.out, ran.err) == ("rows\n6\n", "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--by", "view", "--covid", "yes"], {"PA": 1, "AP": 1}),
        (["--by", "view", "--age", "46-"], {"AP supine": 1}),
        (["--by", "sex", "--where", "view = 'PA'"], {"(unknown)": 3}),
    ],
)
def test_filters_are_those_of_images(made, options, expected) -> None:
    assert counted(made()("counts", "set", *options)) == expected


def test_json_is_one_document_and_a_blank_is_null(made) -> None:
    document = made()("counts", "set", "--by", "age", "--json").document
    assert document["schema"] == "covcat.counts/1"
    assert document["data"] == {
        "by": ["age"],
        "of": "rows",
        "counts": [
            {"age": 7.0, "rows": 1},
            {"age": 45.0, "rows": 2},
            {"age": 50.5, "rows": 1},
            {"age": None, "rows": 1},
        ],
        "several_findings": 0,
        "left_out": 1,
    }


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["set", "--by", "finding,veiw"], 2, "unknown column `veiw`"),
        (["set", "--of", "films"], 2, "unknown --of `films`: expected one of rows, images"),
        (["set", "--format", "ids"], 2, "unknown format `ids`"),
        (["set", "--where", "view = "], 2, "cannot be asked"),
        (["set", "--where", "(SELECT 1 FROM pragma_database_list)"], 2, "cannot be asked"),
        (["set", "--finding", "veiw"], 2, "unknown --finding `veiw`"),
        (["set", "--published", "--by", "view"], 2, "--published takes neither"),
        (["set", "--published", "--of", "rows"], 2, "--published takes neither"),
        (["set", "--published", "--sex", "F"], 2, "--published takes neither"),
        (["set@2", "--by", "view"], 3, "`set@2` is not in `covcat-data`"),
        (["set@2", "--published"], 3, "`set@2` is not in `covcat-data`"),
        (["sett"], 3, "sett"),
    ],
)
def test_what_cannot_be_counted_is_said(made, arguments: list[str], code: int, text: str) -> None:
    ran = made()("counts", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err


def test_releases_of_one_resource_are_counted_together_and_that_is_said(made, shelf) -> None:
    covcat = made()
    put("set", "2", FILES, shelf.folder)
    ran = covcat("counts", "--by", "resource,release")
    assert counted(ran) == {"set 1": 5, "set 2": 5}
    assert "set: 2 of its releases are counted together" in ran.err
    assert counted(covcat("counts", "--of", "patients")) == {"": 3}  # the same three
    assert counted(covcat("counts", "--of", "images")) == {"": 10}


def test_values_of_the_source_are_shown_harmlessly(made) -> None:
    labels = 'name,patient,finding,view,age\n1.png,1,"=1+1\x1b[2J",PA,4\n'
    covcat = made(files={**FILES, "labels.csv": labels.encode()})
    for name, shown in (("tsv", r"=1+1\x1b[2J"), ("csv", r"'=1+1\x1b[2J"), ("table", r"\x1b[2J")):
        ran = covcat("counts", "set", "--by", "finding_raw", "--format", name)
        assert ran.code == 0
        assert shown in ran.out
        assert "\x1b" not in ran.out


def test_images_that_were_deleted_are_told(made) -> None:
    covcat = made(published(RIGHT))
    Path("covcat-data/set/1/files/1.png").unlink()
    said = "warning: set@1: 1 image is gone from the disk or of another size: covcat verify set@1"
    assert said in covcat("counts").err
    assert said in covcat("counts", "--published").err
    assert said not in covcat("counts", "--view", "AP").err


def test_quiet_prints_the_same_table_on_a_terminal_and_nothing_else(made, monkeypatch) -> None:
    covcat = made()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    loud, quiet = covcat("counts", "--by", "view"), covcat("counts", "--by", "view", "-q")
    assert (quiet.code, quiet.err, quiet.out) == (0, "", loud.out)
    assert "\t" not in quiet.out


FIVE = table('["5"]', recount="of: images")
RIGHT = table('[PA, "2"], ["AP, AP Supine", "2"]', by="view", recount="by: [view], where: age > 0")


def test_a_table_that_agrees_is_shown_row_by_row(recounted) -> None:
    ran = recounted(RIGHT)
    assert ran.code == 0, ran.err
    assert ran.out == (
        "of\tview\tpublished\tfound\tdifference\texplained\n"
        "things\tPA\t2\t2\t0\t\n"
        "things\tAP, AP Supine\t2\t2\t0\t\n"
    )
    assert "things (a paper): 4 published, 4 rows found where age > 0" in ran.err


def test_a_difference_that_nothing_explains_ends_with_5_and_all_rows(made) -> None:
    wrong = table('[COVID-19, "3"], [ARDS, "2"]', by="finding", recount="by: [finding]")
    covcat = made(published(wrong, RIGHT))
    ran = covcat("counts", "set", "--published")
    assert ran.code == 5
    assert ["things", "COVID-19", "", "3", "2", "-1", "not explained"] in lines(ran)
    assert len(lines(ran)) == 6  # two rows are in no row of the table
    assert "error: 1 count not as published, and the catalog does not say why" in ran.err
    assert "set@1: things: COVID-19: published 3, found 2" in ran.err
    ran = covcat("counts", "set", "--published", "--json")
    assert ran.code == 5
    assert ran.document["error"]["kind"] == "integrity"
    tables = ran.document["data"]["releases"][0]["tables"]
    assert [[row["status"] for row in one["rows"]] for one in tables] == [
        ["differs", "same", "in no row", "in no row"],
        ["same", "same"],
    ]


DIFFERS = 'differs: [{row: [PA], found: "3", reason: "the paper missed two", source: "issue 1"}]'


NOT_EXPLAINED = "not explained: the catalog expects 3 to be found"


@pytest.mark.parametrize(
    ("number", "where", "code", "cells"),
    [
        ("1", "true", 0, ["1", "3", "2", "the paper missed two [issue 1]"]),
        ("2", "age > 7", 5, ["2", "1", "-1", NOT_EXPLAINED]),
        ("1", "age > 7", 5, ["1", "1", "0", NOT_EXPLAINED]),
    ],
)
def test_an_explanation_has_to_hold(recounted, number, where, code, cells) -> None:
    recount = f"by: [view], where: {where}, {DIFFERS}"
    ran = recounted(table(f'[PA, "{number}"]', by="view", recount=recount))
    assert (ran.code, lines(ran)[0]) == (code, ["things", "PA", *cells])
    assert ("the catalog expects 3 to be found" in ran.err) == (code == 5)


def test_a_row_of_two_findings_counts_for_both_and_once_in_a_union(recounted) -> None:
    rows = '[COVID-19, "2"], [ARDS, "2"], ["COVID-19, ARDS", "3"], ["", "1"], [normal, "1"]'
    ran = recounted(table(rows, by="class", recount="by: [finding]"))
    assert ran.code == 0, ran.err
    assert [row[3] for row in lines(ran)] == ["2", "2", "3", "1", "1"]


@pytest.mark.parametrize(
    ("of", "by", "rows"),
    [
        ("images", "view", '[PA, "2"], [AP, "1"], [aps, "1"]'),
        ("patients", "view", '[PA, "2"], [AP, "1"], [aps, "1"]'),
        ("rows", "covid", '[COVID, "2"], [NonCOVID, "2"], [unknown, "1"]'),
        ("rows", "finding_raw", '[todo, "1"]'),
        ("rows", "age", '["45", "2"], ["50.5", "1"]'),
        ("rows", "modality", '[X-ray, "5"]'),
        ("rows", "'upper(substr(filename, 1, 1))'", '[L, "1"]'),
    ],
)
def test_rows_are_read_in_the_words_of_their_column(recounted, of, by, rows) -> None:
    ran = recounted(table(rows, by="x", recount=f"by: [{by}], of: {of}"))
    assert ran.code == 0, ran.err


def test_a_table_that_cannot_be_counted_says_why(made) -> None:
    covcat = made(published(table('["7"]', note="Papers are not in it.", release='"1"')))
    ran = covcat("counts", "set", "--published")
    reason = "cannot be counted from the image index: Papers are not in it."
    assert (ran.code, lines(ran)) == (0, [["things", "", "", "", reason]])
    ran = covcat("counts", "set", "--published", "--json")
    (found,) = ran.document["data"]["releases"][0]["tables"]
    assert (found["counted"], found["rows"][0]["status"]) == (None, "not counted")


def test_only_tables_of_the_release_are_compared(recounted) -> None:
    ran = recounted(table('["7"]', recount="of: images", release='"2"'), table('["7"]'))
    assert (ran.code, lines(ran)) == (0, [])
    assert "set@1: the catalog has no published counts of this release" in ran.err
    assert "set: 1 published table of no release here" in ran.err


def test_several_releases_are_told_apart(made, shelf) -> None:
    covcat = made(published(FIVE))
    put("set", "2", {**FILES, "6.png": b""}, shelf.folder)
    ran = covcat("counts", "set@1", "set@2", "--published")
    assert ran.code == 5
    assert lines(ran) == [
        ["set@1", "things", "5", "5", "0", ""],
        ["set@2", "things", "5", "6", "1", "not explained"],
    ]
    assert "set@2: things: published 5, found 6" in ran.err


def test_that_only_a_part_is_here_is_named_as_a_cause(made) -> None:
    covcat = made(published(FIVE), dict(list(FILES.items())[:3]))
    place = Path("covcat-data/set/1/manifest.json")
    document = json.loads(place.read_text()) | {"selection": ["--sample=2"]}
    place.write_text(json.dumps(document))
    ran = covcat("counts", "set", "--published")
    assert ran.code == 5
    assert "cause: only a part of set@1 is here" in ran.err


def test_a_table_that_cannot_be_read_does_not_stop_the_other_releases(made, shelf) -> None:
    covcat = made(published(FIVE))
    put("set", "2", {**FILES, "labels.csv": b"name\n\xff\n"}, shelf.folder)
    ran = covcat("counts", "--of", "images")
    assert (ran.code, ran.out) == (5, "images\n5\n")
    assert "warning: set@2 is left out: the table `labels.csv` cannot be read" in ran.err
    assert "hint: with the options of before, name only these: set@1\n" in ran.err
    ran = covcat("counts", "--of", "images", "--json")
    assert (ran.code, ran.document["data"]["counts"]) == (5, [{"images": 5}])
    assert "set@2" in ran.document["error"]["message"]
    ran = covcat("counts", "--published")
    assert (ran.code, lines(ran)) == (5, [["set@1", "things", "5", "5", "0", ""]])
    assert "error: set@2, 1 of 2 releases, is left out: the table `labels.csv`" in ran.err
    assert "hint: with the options of before, name only these: set@1\n" in ran.err
    document = covcat("counts", "--published", "--json").document
    assert [one["release"] for one in document["data"]["releases"]] == ["set@1"]
    assert "set@2" in document["error"]["message"]


@pytest.mark.parametrize(
    ("rows", "recount", "text"),
    [
        ('[PA, "1"]', "by: [veiw]", "no such column: veiw (did you mean `view`?)"),
        ('[PA, "1"]', "of: rows", "`recount.by` needs one column for each `by`"),
        ('[PA, "3"]', f"by: [view], {DIFFERS}", "PA is 3 in both"),
        ('[AP, "1"]', f"by: [view], {DIFFERS}", "the table has no row PA"),
        ('[PA, "1"]', f"by: [view], {DIFFERS[:-1]}, {DIFFERS[10:]}", "names a row twice"),
    ],
)
def test_a_recount_that_contradicts_itself_is_refused(covcat, shelf, rows, recount, text) -> None:
    shelf.add("set", published(table(rows, by="view", recount=recount)))
    ran = covcat("catalog", "check", str(shelf.folder))
    assert (ran.code, ran.out) == (5, "")
    assert text in ran.err


@pytest.mark.parametrize(
    "recount",
    [
        "by: [view], where: json(view)",
        "by: ['json(view)'], where: age > 1",
    ],
)
def test_a_recount_that_rows_make_an_error_of_is_refused(recounted, recount: str) -> None:
    ran = recounted(table('[PA, "1"]', by="view", recount=recount))
    assert (ran.code, ran.out) == (5, "")
    assert "its `recount` cannot be asked" in ran.err


def index_of(path: Path, records: list[Record]) -> Index:
    """An image index of some records, which may lack columns."""
    types = {"text": "TEXT", "integer": "INTEGER", "number": "REAL"}
    columns = ", ".join(f"{one.name} {types[one.type]}" for one in COLUMNS)
    rows = [tuple(one.get(name) for name in NAMES) for one in records]
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as base:
        base.execute(f"CREATE TABLE images ({columns})")
        base.executemany(f"INSERT INTO images VALUES ({', '.join('?' * len(NAMES))})", rows)
        base.commit()
    return Index(sqlite3.connect(path), ReleaseState("a@1", 0, "", ""), IndexReport(), path)


@pytest.mark.parametrize("published", TABLES)
def test_every_packaged_recount_is_consistent_and_can_be_asked(published, tmp_path) -> None:
    assert not [*check.recount_mistakes(published)]
    found = images_counts.recount_table(index_of(tmp_path / "index.sqlite", []), published)
    assert {row.found for row in found.rows} == {0}
    assert found.counted == 0


def test_every_published_table_is_counted_or_says_why_not() -> None:
    """But for papers, and for entries without files."""
    silent = [
        f"{resource.id}: {one.of}"
        for resource in PACKAGED.resources
        for one in resource.published
        if one.recount is None and one.note is None and one.unit != "papers" and resource.releases
    ]
    assert silent == []


TERMS = ("COVID-19", "ARDS", "SARS", "not in it")
RECORD = st.fixed_dictionaries(
    {
        "finding": st.lists(st.sampled_from(TERMS), unique=True, max_size=3).map("; ".join),
        "view": st.sampled_from(["PA", "AP", "", None, "x'y"]),
        "age": st.sampled_from([None, 0, 7, 45.5]),
        "location": st.text(max_size=3),
        "patient_id": st.sampled_from([None, "a:1", "a:2"]),
        "path": st.sampled_from([None, "1.png", "2.png"]),
        "resource": st.just("a"),
        "release": st.just("1"),
        "matched": st.sampled_from(["both", "label only", "image only"]),
    }
)


@settings(max_examples=60)
@given(
    records=st.lists(RECORD, max_size=12),
    by=st.lists(st.sampled_from(["finding", "view", "age", "location"]), unique=True, max_size=3),
    of=st.sampled_from(images_counts.UNITS),
)
@pytest.mark.large
def test_groups_are_what_a_plain_count_gives(records, by, of, tmp_path_factory) -> None:
    index = index_of(tmp_path_factory.getbasetemp() / "property.sqlite", records)
    found = images_counts.count_groups([index], by, of, Question(with_files_only=False))
    assert dict(found.groups) == plainly(records, by, of)
    assert len(found.groups) == len(dict(found.groups))


def plainly(records: list[Record], by: list[str], of: images_counts.Of) -> dict:
    """The same, counted without SQL."""
    seen: set = set()
    for number, one in enumerate(records):
        picture = one.get("same_as") or one["path"]
        keys = {"images": one["path"], "patients": one["patient_id"], "pictures": picture}
        key = keys.get(of, number)
        if key is None or (of == "rows" and one["matched"] == "image only"):
            continue
        for finding in str(one["finding"]).split("; ") if "finding" in by else [""]:
            row = {**one, "finding": finding}
            cells = tuple(row[name] if name == "age" else row[name] or None for name in by)
            seen.add((cells, key))
    return Counter(group for group, _ in seen)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("view", ["AP", "PA", "odd"], ["PA", "AP", "odd"]),
        ("covid", ["unknown", "no", "yes"], ["yes", "no", "unknown"]),
        ("date", ["2020-03", "2020"], ["2020", "2020-03"]),
        ("age", [45, 7], [7, 45]),
        ("location", ["Milan", "Bologna", "Milan"], ["Milan", "Bologna"]),  # most first
    ],
)
def test_each_kind_of_column_has_its_own_order(name, values, expected, tmp_path) -> None:
    index = index_of(
        tmp_path / "index.sqlite", [{name: value, "matched": "both"} for value in values]
    )
    found = images_counts.count_groups([index], [name], "rows", Question(with_files_only=False))
    assert [group[0] for group, _ in found.groups] == expected
