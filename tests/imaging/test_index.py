"""The image index: real tables with the paths of the real releases, and synthetic tables.

Synthetic ones stand for those that nobody could keep, with every quirk that was described. Figures
of the real tables are those that were counted when the catalog was made. The paths come from the
catalog's listings, the files themselves are one byte each.
"""

import csv
import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from makers import laid
from makers.archives import zip_of
from makers.covid_ct import PATIENTS, covid_ct_tables
from makers.laid import DATA, lay
from makers.tables import coco, darwin, dicom, label_table, nifti, png, text_of, workbook
from test_real_data import REAL, needs_real

from covcat.catalog import load, yaml
from covcat.catalog.columns import Record
from covcat.catalog.entries import USES, LabelTable, Release, Resource
from covcat.errors import IntegrityError
from covcat.imaging import index
from covcat.imaging.build import IndexReport
from covcat.store.folder import INDEX

CATALOG = load.load()
TABLES = REAL / "tables"


def put(name: str, files: Mapping[str, bytes]) -> tuple[Resource, Release]:
    """Write a release of the packaged catalog as `fetch` leaves it."""
    resource, release = found = CATALOG.find(name)
    assert release is not None
    lay(found, files)
    return resource, release


def listed(name: str, **tables: bytes) -> dict[str, bytes]:
    """All paths of a release, and the contents of its tables."""
    listing = CATALOG.listing(*CATALOG.find(name))
    assert listing is not None
    drawn = dict.fromkeys((path for path in listing if path.endswith("_boxes.json")), coco({}))
    return {**dict.fromkeys(listing, b"x"), **drawn, **tables}


Indexed = tuple[list[Record], IndexReport]


def indexed(name: str, files: Mapping[str, bytes]) -> Indexed:
    """Put a release there; return all of its records, which are sound, and what became of them."""
    records, report = laid.indexed(put(name, files))
    sound(records, report)
    return records, report


def values(record: Record, names: str) -> list[object]:
    return [record[name] for name in names.split()]


def counts(records: Iterable[Record], names: str) -> dict[object, int]:
    """Count records by one column, or by several."""
    cells = [values(one, names) for one in records]
    return dict(Counter(one[0] if len(one) == 1 else tuple(one) for one in cells))


def cells(record: Record) -> dict[str, dict[str, str]]:
    return json.loads(str(record["raw"]))


def of(records: Sequence[Record], path: str) -> Record:
    (found,) = (one for one in records if one["path"] == path)
    return found


def sound(records: Sequence[Record], report: IndexReport) -> None:
    """What holds for every index: nothing is twice, nothing is dropped."""
    ids = [one["image_id"] for one in records]
    assert len(set(ids)) == len(ids)
    said = counts(records, "matched")
    assert said.get("both", 0) == report.both
    assert said.get("label only", 0) == report.label_only
    assert said.get("image only", 0) == report.image_only
    here = {one["path"] for one in records if one["path"]}
    assert len(here) == report.images
    for one in records:
        assert (one["path"] is None) == (one["matched"] == "label only")
        assert (one["sha256"] is None) == (one["path"] is None)
        own = f"{one['resource']}:{one['path']}" if one["path"] else one["image_id"]
        assert one["subject"] == (one["patient_id"] or own)
        assert one["same_as"] is None


POCUS = "data/dataset_metadata.csv"
ZIPPED = "annotations/covid-only.zip"
BLUES = ("severity.csv", "clinical_variables.csv")
KEPT = {  # of each release: its tables, and the files that they were kept as
    "cohen@0.1": {"metadata.csv": "cohen-0.1-metadata.csv"},
    "cohen@0.2": {"metadata.csv": "cohen-0.2-metadata.csv"},
    "figure1": {"metadata.csv": "figure1-metadata.csv"},
    "pocus": {POCUS: "pocus-529c06a6-dataset_metadata.csv"},
    "covid-blues": {name: f"covidblues-{name}" for name in BLUES},
    "v7": {ZIPPED: "v7-covid-only-sample.zip"},
}


@cache
def index_real(name: str) -> Indexed:
    """Index all paths of a release, with its real tables."""
    tables = {path: (TABLES / kept).read_bytes() for path, kept in KEPT[name].items()}
    return indexed(name, listed(name, **tables))


@needs_real
@pytest.mark.parametrize(
    ("name", "rows", "images", "matched"),
    [
        ("cohen@0.1", [158], 162, {"both": 158, "image only": 4}),
        ("cohen@0.2", [673], 660, {"both": 652, "label only": 21, "image only": 13}),
        ("figure1", [55], 55, {"both": 55}),
        ("pocus", [374], 167, {"both": 167, "label only": 207}),  # it hosts less than it labels
        ("covid-blues", [362, 63], 362, {"both": 362}),
        ("v7", [120], 0, {"label only": 120}),
    ],
)
@pytest.mark.large
def test_every_row_and_image_of_a_real_release_is_there(name, rows, images, matched) -> None:
    records, report = index_real(name)
    assert report.rows == dict(zip(KEPT[name], rows, strict=True))
    assert (report.images, report.ambiguous) == (images, 0)
    assert counts(records, "matched") == matched


VIEWS_OF_FINDINGS = {  # Table 1 of the paper, and what it leaves out
    "COVID-19": {"PA": 76, "AP": 11, "AP supine": 13, "Lateral": 11, "Axial": 19, "Coronal": 3},
    "SARS": {"PA": 11},
    "Streptococcus": {"PA": 6},
    "Pneumocystis": {"PA": 1, "Lateral": 1},
    "ARDS": {"PA": 4},
    "No finding": {"PA": 1, "Axial": 1},
    None: {None: 4},
}
FINDINGS_AND_VIEWS = {
    (finding, view): number
    for finding, views in VIEWS_OF_FINDINGS.items()
    for view, number in views.items()
}


@needs_real
@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        ("cohen@0.1", "finding view", FINDINGS_AND_VIEWS),
        ("cohen@0.1", "covid", {"yes": 133, "no": 25, "unknown": 4}),
        ("cohen@0.1", "modality", {"xray": 135, "ct": 23, None: 4}),
        ("cohen@0.1", "license", {None: 125, "CC BY-NC-SA": 31, "CC BY-NC-ND": 6}),
        ("cohen@0.1", "allows_commercial", {"unknown": 125, "no": 37}),
        ("cohen@0.1", "license_spdx", {None: 162}),
        ("cohen@0.2", "modality", {"xray": 589, "ct": 84, None: 13}),
        ("cohen@0.2", "allows_commercial", {"no": 325, "unknown": 260, "yes": 101}),
        ("cohen@0.2", "icu", {None: 390, "yes": 185, "no": 111}),
        ("cohen@0.2", "intubated", {None: 449, "yes": 125, "no": 112}),
        ("figure1", "finding", {"COVID-19": 35, None: 15, "No finding": 3, "Pneumonia": 2}),
        ("figure1", "view", {None: 37, "AP erect": 11, "AP": 4, "PA": 3}),
        (
            *("pocus", "finding"),
            {"COVID-19": 171, "No finding": 110, "Bacterial pneumonia": 82, "Viral pneumonia": 11},
        ),
        ("pocus", "view", {"Convex probe": 288, "Linear probe": 86}),
        ("pocus", "date", {None: 374}),  # the day of upload is no acquisition
        ("pocus", "sex", {None: 220, "M": 90, "F": 64}),
        ("covid-blues", "modality view", {("ultrasound", "Convex probe"): 362}),
        ("v7", "covid", {"yes": 120}),
        ("v7", "modality", {"xray": 113, "ct": 7}),
        ("v7", "view", {"PA": 51, "AP": 30, "AP supine": 29, "Axial": 7, "Lateral": 3}),
        ("v7", "sex", {"M": 67, "F": 38, None: 15}),
        ("v7", "survival", {"yes": 41, "no": 4, None: 75}),
        ("v7", "icu", {"yes": 28, "no": 26, None: 66}),
        ("v7", "intubated", {"yes": 23, "no": 20, None: 77}),
        ("v7", "license allows_commercial", {(None, "unknown"): 120}),
    ],
)
def test_a_column_of_a_real_release_has_the_values_that_were_counted(name, columns, expected):
    assert counts(index_real(name)[0], columns) == expected


@needs_real
@pytest.mark.parametrize(
    ("name", "known"),  # rows with a severity, a temperature, a saturation
    [
        ("cohen@0.2", (0, 72, 112)),  # 73 and 117: one is Fahrenheit, five are above 100
        ("figure1", (0, 3, 10)),  # `38+`, `91-92` and `low 90s` are none
        ("pocus", (136, 0, 0)),
        ("covid-blues", (362, 349, 323)),
        ("v7", (0, 18, 34)),
    ],
)
def test_a_measured_value_is_a_number_of_its_unit_or_blank(name: str, known: tuple[int, ...]):
    records, report = index_real(name)
    columns = ("severity", "temperature", "po2")
    assert tuple(sum(one[each] is not None for one in records) for each in columns) == known
    # and each row of a table is there, beside its picture or without, or was added to others
    of_tables = [one for one in records if one["matched"] != "image only"]
    assert len(of_tables) == report.both + report.label_only
    added = sum(count for path, count in report.rows.items() if path == "clinical_variables.csv")
    assert sum(report.rows.values()) == len(of_tables) + added + report.not_added


def test_scores_of_severity_are_added_to_the_films_that_they_name() -> None:
    """Rows of annotations/covid-severity-scores.csv, which has comments before its header."""
    scores = text_of(
        "## COVID-19 Pneumonia Severity Scores (Mean of 3 expert raters),,",
        "## License: CC BY-SA Creative Commons Attribution-ShareAlike,,",
        *("filename,geographic_mean,opacity_mean", "a.jpg,6.0,4.0", "lost.jpg,2.7,2.0"),
    )
    table = text_of("patientid,finding,folder,filename", "1,COVID-19,images,a.jpg")
    files = {"metadata.csv": table, "annotations/covid-severity-scores.csv": scores}
    records, report = indexed("cohen@latest", {**files, "images/a.jpg": b"", "images/b.jpg": b""})
    assert [(one["path"], one["severity"]) for one in records] == [
        ("images/a.jpg", "6.0"),
        ("images/b.jpg", None),
    ]
    assert cells(records[0])["annotations/covid-severity-scores.csv"]["opacity_mean"] == "4.0"
    assert report.not_added == 1


@needs_real
@pytest.mark.parametrize(
    ("name", "encoding"),
    [("cohen@0.1", "utf-8"), ("cohen@0.2", "utf-8"), ("figure1", "cp1252"), ("pocus", "utf-8")],
)
def test_every_cell_of_a_real_table_is_kept(name: str, encoding: str) -> None:
    ((path, kept),) = KEPT[name].items()
    text = (TABLES / kept).read_bytes().decode(encoding)
    header, *rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    raw = [cells(one)[path] for one in index_real(name)[0][: len(rows)]]
    assert [list(one.values()) for one in raw] == rows
    assert [list(one) for one in raw] == [header] * len(rows)


@needs_real
def test_cohen_0_1_does_not_describe_four_of_its_images() -> None:
    records, _ = index_real("cohen@0.1")
    assert len({one["patient_id"] for one in records if one["matched"] == "both"}) == 85
    for one in records:
        if one["matched"] == "image only":
            said = values(one, "finding covid raw allows_commercial")
            assert said == [None, "unknown", "{}", "unknown"]


@needs_real
def test_cohen_0_2_has_volumes_without_files_and_images_without_rows() -> None:
    records, report = index_real("cohen@0.2")
    assert report.unmatched[2] == "volumes/coronacases_org_001.nii.gz"
    lost = [one for one in records if one["matched"] == "label only"]
    assert {(cells(one)["metadata.csv"]["folder"], one["modality"]) for one in lost} == {
        ("volumes", "ct")
    }
    planted = of(records, "images/FAFA-A1BF-49A8-A1D3-66FAFA41B7345D.jpg")
    assert values(planted, "matched covid") == ["image only", "unknown"]
    assert counts(records, "license")["CC BY 3.0"] == 92
    assert " " not in counts(records, "license")
    assert min(int(one["offset"]) for one in records if one["offset"] is not None) == -28
    coronacases = CATALOG.get("coronacases").license.allows
    volumes = [one for one in records if str(one["filename"]).startswith("coronacases_org")]
    assert len(volumes) == 10
    for one in volumes:
        assert one["license"] == "Apache 2.0"
        assert [one[f"allows_{use}"] for use in USES] == [getattr(coronacases, use) for use in USES]


@needs_real
def test_a_file_that_stands_in_two_rows_has_two_records() -> None:
    """Cohen 0.2: five names, each under two patients."""
    records, _ = index_real("cohen@0.2")
    twice = [path for path, count in counts(records, "path").items() if path and count == 2]
    names = ["000001-24", "000001-27", "000002-29", "000006-17", "000007-15"]
    assert sorted(map(str, twice)) == [f"images/{name}.jpg" for name in names]
    for path in twice:
        both = [one for one in records if one["path"] == path]
        assert [one["image_id"] for one in both] == [f"cohen:{path}", f"cohen:{path}#2"]
        assert len({one["patient_id"] for one in both}) == 2


@needs_real
def test_masks_of_cohen_are_named_where_they_are() -> None:
    records, _ = index_real("cohen@0.2")
    files = listed("cohen@0.2")
    masked = [one for one in records if one["mask_path"]]
    assert len(masked) == 205  # of 209: 4 images have a second one, called _mask.png.png
    assert sum(one["matched"] == "image only" for one in masked) == 3
    assert all(one["mask_path"] in files for one in masked)
    assert not any(str(one["path"]).startswith("annotations/") for one in records)


@needs_real
def test_figure1_is_matched_by_the_patients_number_and_keeps_ages_in_words() -> None:
    records, _ = index_real("figure1")
    assert Counter(str(one["path"]).rpartition(".")[2] for one in records) == {"jpg": 50, "png": 5}
    assert "38°" in str(of(records, "images/COVID-00007.jpg")["clinical_notes"])
    ages = [cells(one)["metadata.csv"]["age"] for one in records if one["age"] is None]
    assert Counter(filter(None, ages)) == {"50+": 3, "67+": 2, "early 40s": 2, "mid 50s": 1}
    assert len({one["patient_id"] for one in records}) == 48
    same = [one for one in records if one["patient_id"] == "figure1:COVID-00039"]
    assert [cells(one)["metadata.csv"]["patientid"][-1] for one in same] == ["a", "b", "c"]
    assert {(one["sex"], one["age"]) for one in same} == {("F", 77)}


@needs_real
def test_pocus_says_of_each_video_where_it_is_and_what_its_licence_allows() -> None:
    records, _ = index_real("pocus")
    hosted = [one for one in records if cells(one)[POCUS]["InThisRepo"] == "Yes"]
    assert counts(hosted, "matched") == {"both": 166, "label only": 5}
    other = [one for one in records if one["matched"] == "both" and one not in hosted]
    assert [one["filename"] for one in other] == ["Cov_severe_acutemedicine"]  # says No, and is
    assert counts(hosted, "license") == {
        "CC BY-NC 4.0": 87,
        "CC BY 4.0": 50,
        "CC BY-NC -SA 4.0": 18,
        "COVID-19 emergency license": 9,
        "CC BY 2.0": 5,
        "CC BY-NC -SA 3.0": 2,
    }
    assert counts(hosted, "allows_commercial") == {"no": 107, "yes": 55, "unknown": 9}


@needs_real
def test_sex_and_age_that_are_swapped_stay_swapped_and_blank() -> None:
    swapped = {
        (raw["Gender"], raw["Age"], one["sex"], one["age"])
        for one in index_real("pocus")[0]
        if (raw := cells(one)[POCUS])["Gender"].isdigit()
    }
    assert swapped == {("1", "w", None, None), ("24", "m", None, None), ("32", "m", None, None)}


def test_covid_ct_tells_by_its_folders_and_the_tables_beside_them() -> None:
    plain = listed("covid-ct@latest")
    records, report = indexed("covid-ct@latest", plain | covid_ct_tables(plain))
    assert (report.images, report.both, report.label_only, report.not_added) == (746, 746, 0, 1)
    assert report.without_term == {}  # NonCOVID is no finding, and is understood
    assert counts(records, "covid finding finding_raw modality") == {
        ("yes", "COVID-19", "COVID", "ct"): 349,
        ("no", None, "NonCOVID", "ct"): 397,
    }
    assert sum("%" in str(one["path"]) for one in records) == 384
    assert counts(records, "split") == {"train": 425, "val": 118, "test": 203}
    assert all(one["patient_id"] for one in records)
    sick = [one for one in records if one["covid"] == "yes"]
    assert len({one["patient_id"] for one in sick}) == PATIENTS
    assert counts(sick, "sex") == {"M": 175, "F": 174}
    early, _ = indexed("covid-ct@2020-03-27", listed("covid-ct@2020-03-27"))
    assert counts(early, "covid") == {"yes": 275}


@needs_real
@pytest.mark.large
def test_the_workbook_of_covid_ct_names_every_image_of_covid() -> None:
    name = "COVID-CT-MetaInfo.xlsx"
    plain = listed("covid-ct@latest")
    book = (TABLES / f"covidct-{name}").read_bytes()
    records, report = indexed("covid-ct@latest", plain | covid_ct_tables(plain) | {name: book})
    assert (report.rows[name], report.not_added, report.both) == (350, 1, 746)  # a footnote's row
    known = [one for one in records if one["covid"] == "yes"]
    assert (len(known), len({one["patient_id"] for one in known})) == (349, 213)
    raw = [cells(one)[name] for one in known]
    assert Counter(cell["File name"].endswith(".png") for cell in raw) == {True: 266, False: 83}
    assert {cell["Gender"] for cell in raw} == {"", "F", "M", "F ", "M "}
    assert sum(cell["Gender"] != "" for cell in raw) == 137
    assert sum(one["sex"] is not None for one in known) == 137
    assert sum(one["doi"] is not None for one in known) == 203
    assert sum(cell["Age"] != "" for cell in raw) == 169


@needs_real
def test_hannover_has_a_patient_a_view_and_a_day_for_each_of_its_films() -> None:
    with zipfile.ZipFile(TABLES.parent / "hannover-ad7ab099.zip") as packed:
        root = packed.namelist()[0].partition("/")[0]
        files = listed("hannover", **{"data.csv": packed.read(f"{root}/data.csv")})
    records, report = indexed("hannover", files)
    assert (report.images, report.both, report.rows) == (243, 243, {"data.csv": 243})
    assert len({one["patient_id"] for one in records}) == 71
    for columns, expected in {
        "view": {"AP": 194, "PA": 49},
        "sex": {"M": 180, "F": 63},
        "icu": {"yes": 186, None: 57},
        "survival": {"no": 48, None: 195},
        "covid modality": {("yes", "xray"): 243},
    }.items():
        assert counts(records, columns) == expected
    for one in records:  # admitted four days before the film: it is of day 4
        assert one["offset"] == -int(cells(one)["data.csv"]["admission_offset"])
    assert sum(cells(one)["data.csv"]["crp_val"] != "" for one in records) == 179


def test_the_lists_that_kaggle_has_beside_covidx_name_the_images_of_their_folder() -> None:
    """The same name may be in both folders, and only one of the two is meant."""
    files = {
        "train.txt": b"COVID 119 a.png positive sirm\n7 b.png negative rsna\n8 gone.png negative rnsa\n",
        "test.txt": b"9 a.png negative ricord\n",
        **dict.fromkeys(("train/a.png", "train/b.png", "test/a.png"), png(2, 2)),
    }
    records, _ = indexed("covid-net@covidx-cxr2", files)
    assert [values(one, "path split covid patient_id") for one in records] == [
        ["train/a.png", "train", "yes", "covid-net:COVID 119"],
        ["train/b.png", "train", "no", "covid-net:7"],
        [None, "train", "no", "covid-net:8"],
        ["test/a.png", "test", "no", "covid-net:9"],
    ]


@needs_real
def test_the_patients_of_covid_blues_are_joined_to_their_videos() -> None:
    records, report = index_real("covid-blues")
    assert (report.not_added, report.lacking, report.without_term) == (0, [], {})
    scores = Counter(cells(one)["severity.csv"]["Severity Score"] for one in records)
    assert scores == {"0.0": 120, "1.0": 111, "2.0": 83, "3.0": 48}
    patients = list({one["patient_id"]: one for one in records}.values())
    assert counts(patients, "covid finding") == {("yes", "COVID-19"): 33, ("no", None): 30}
    assert counts(patients, "sex") == {"M": 41, "F": 22}
    assert counts(patients, "survival") == {"yes": 59, "no": 4}
    assert counts(patients, "icu") == {"yes": 8, None: 55}  # none by stay_icu, which is unexplained
    assert {one["age"] is None for one in patients} == {False}


@needs_real
def test_v7_has_labels_of_cohens_pictures_and_keeps_no_token() -> None:
    records, _ = index_real("v7")
    assert not any("token" in str(one["raw"]) for one in records)
    theirs = {path.rpartition("/")[2] for path in listed("cohen@2020-06-22")}
    assert {one["filename"] for one in records} <= theirs


def test_actualmed_has_its_date_in_the_notes() -> None:
    """Synthetic rows on the real paths: CRLF, a day inside the notes, blanks for Inconclusive."""
    films = sorted(path for path in listed("actualmed") if path.startswith("images/"))
    kinds = [("No finding", "Negative"), ("COVID-19", ""), ("", "Inconclusive")]
    rows = []
    for number, path in enumerate(films):
        finding, note = kinds[number % 3]
        said = f'"{note}, date taken (YYYYMMDD): 202003{number % 31 + 1:02}"'
        name = path.removeprefix("images/")
        rows.append(f"ANON{number % 215},,,,{finding},,,,PA,X-ray,{name},,{said}")
    header = (
        "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality,"
        "imagename,artifacts/distortion,notes"
    )
    table = text_of(header, *rows).replace(b"\n", b"\r\n")
    records, report = indexed("actualmed", listed("actualmed", **{"metadata.csv": table}))
    assert (report.both, report.images, report.image_only) == (238, 238, 0)
    assert len({one["patient_id"] for one in records}) == 215
    assert [one["date"] for one in records[:2]] == ["2020-03-01", "2020-03-02"]
    assert {one["covid"] for one in records if not one["finding"]} == {"unknown"}
    assert counts(records, "offset sex age survival") == {(None,) * 4: 238}
    assert cells(records[0])["metadata.csv"]["notes"] == "Negative, date taken (YYYYMMDD): 20200301"


def test_cohen_of_another_day_has_hierarchies_place_holders_and_an_overflow() -> None:
    """Synthetic: the newest header, and that of February 2020."""
    header = (
        "patientid,offset,sex,age,finding,RT_PCR_positive,survival,went_icu,intubated,view,"
        "modality,date,location,folder,filename,doi,url,license,clinical_notes,other_notes,"
    )
    rows = [
        "1,-270,M,40,Pneumonia/Viral/COVID-19,Y,Y,,,PA,X-ray,2020,Milan ,images,a.jpg,,,,c,n,,over",
        "2,?,F,,todo,Unclear,?,,,?,X-ray,9999,,images,b.JPG,,, ,,,",
        "3,,,,Pneumonia/Viral/Herpes ,,,,,AP Supine,X-ray,,,images,c.png,,,,,,",
        "4,,,,Unknown,,,,,Axial,CT,,,volumes,d.nii.gz,,,,,,",
        "5,,,,Pneumonia/Viral/MERS-CoV,,,,,PA,X-ray,,,images,lost.jpg,,,,,,",
    ]
    films = dict.fromkeys(("images/a.jpg", "images/b.JPG", "images/c.png", "images/A.JPG"), b"x")
    files = {"metadata.csv": text_of(header, *rows), "README.md": b"", **films}
    records, report = indexed("cohen@latest", files)
    assert (report.both, report.label_only, report.image_only) == (3, 2, 1)
    assert report.unmatched == ["volumes/d.nii.gz", "images/lost.jpg"]
    assert report.without_term == {}
    columns = "offset finding finding_raw date location survival view license"
    assert [values(one, columns) for one in records[:3]] == [
        [-270, "COVID-19", "Pneumonia/Viral/COVID-19", "2020", "Milan ", "yes", "PA", None],
        [None, None, "todo", *[None] * 5],
        [None, "Herpes", "Pneumonia/Viral/Herpes ", None, None, None, "AP supine", None],
    ]
    assert list(cells(records[0])["metadata.csv"].items())[-2:] == [("", ""), ("#22", "over")]
    assert [one["pcr"] for one in records[:3]] == ["yes", None, None]
    assert records[4]["finding"] == "MERS"
    assert of(records, "images/A.JPG")["matched"] == "image only"  # case counts in a path

    old = text_of("Patientid,finding,view,filename,notes", "1,COVID-19,CT,a.jpg,fever")
    (one,), _ = indexed("cohen@latest", {"metadata.csv": old, "images/a.jpg": b"x"})
    said = values(one, "finding view modality clinical_notes")
    assert said == ["COVID-19", None, None, "fever"]


def test_the_radiography_database_is_matched_whatever_the_case() -> None:
    """Synthetic workbooks: NORMAL-1 for Normal-1.png, no extension, masks of the same names."""
    root = "COVID-19_Radiography_Dataset"
    head = ("FILE NAME", "FORMAT", "SIZE", "URL")
    files = {f"{root}/README.md.txt": b"text"}
    for folder in ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"):
        written = folder.replace("Normal", "NORMAL")
        rows = [(f"{written}-{n}", "PNG", "256*256", f"https://example.org/{n}") for n in (1, 2, 9)]
        files[f"{root}/{folder}.metadata.xlsx"] = workbook([head, *rows])
        for number in (1, 2, 3):
            files[f"{root}/{folder}/images/{folder}-{number}.png"] = png(299, 299)
            files[f"{root}/{folder}/masks/{folder}-{number}.png"] = png(256, 256)
    records, report = indexed("radiography-db", files)
    assert (report.images, report.both, report.label_only, report.image_only) == (12, 8, 4, 4)
    assert report.not_added == 0
    assert report.unmatched == ["COVID-9", "Lung_Opacity-9", "NORMAL-9", "Viral Pneumonia-9"]
    normal = of(records, f"{root}/Normal/images/Normal-1.png")
    assert values(normal, "filename finding covid url mask_path") == [
        *("NORMAL-1", "No finding", "no", "https://example.org/1"),
        f"{root}/Normal/masks/Normal-1.png",
    ]
    assert values(normal, "width height") == [299, 299]  # not what the workbook says
    lone = of(records, f"{root}/Viral Pneumonia/images/Viral Pneumonia-3.png")
    assert values(lone, "matched finding modality") == ["image only", "Viral pneumonia", "xray"]
    assert counts(records, "covid") == {"yes": 4, "no": 12}


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("kermany@kaggle-2", "chest_xray"),
        ("kermany@mendeley-2", "chest_xray"),
        ("kermany@mendeley-3", "some/chest_xray"),
    ],
)
def test_kermany_is_read_from_its_names(name: str, root: str) -> None:
    """Synthetic: the three releases have other folders in front, and no table."""
    expected = {
        "train/NORMAL/IM-0115-0001.jpeg": ["train", "No finding", "NORMAL", None],
        "train/PNEUMONIA/person1_bacteria_1.jpeg": [
            *("train", "Bacterial pneumonia", "bacteria", "kermany:person1")
        ],
        "val/NORMAL/NORMAL2-IM-1427-0001.jpeg": ["val", "No finding", "NORMAL", None],
        "test/PNEUMONIA/person1_virus_6.jpeg": [
            *("test", "Viral pneumonia", "virus", "kermany:person1")
        ],
        "test/PNEUMONIA/strange.jpeg": ["test", "Pneumonia", "PNEUMONIA", None],
        "test/other/x.jpeg": [None, None, None, None],
    }
    no_films = {f"{root}/train/.DS_Store": b"x", "some/OCT/NORMAL-1.jpeg": b"x"}
    records, report = indexed(name, {f"{root}/{path}": b"x" for path in expected} | no_films)
    assert (report.images, report.both) == (6, 6)
    columns = "split finding finding_raw patient_id"
    said = {str(one["path"]).removeprefix(f"{root}/"): values(one, columns) for one in records}
    assert said == expected
    assert counts(records, "modality license_spdx") == {("xray", "CC-BY-4.0"): 6}
    assert {one["covid"] for one in records if one["finding"]} == {"no"}


def test_the_lists_of_covidx_are_read_from_the_right() -> None:
    """Synthetic rows in the real paths: 3, 4 and 5 columns, blanks in ids, a source misspelt."""
    lists = {
        "labels/train_COVIDx.txt": "p1 a.png normal\np1 a.png normal\n",
        "labels/train_COVIDx8A.txt": "COVID 119 b.png COVID-19 sirm\np2 c.png pneumonia cohen\n",
        "labels/train_COVIDx9B.txt": "p3 d.png negative rnsa\np4 e.png positive stonybrook\n",
        "labels/test_COVIDx9B.txt": "p5 f.png positive ricord\n",
        "labels/test_COVIDxSev.txt": "p5 f.png level1 ricord\n",
        "annotations/severity_annotations.csv": (
            "filename,Geographic,Opacity,Sum,Product,patientid,dataset,age,sex,view,location,"
            "finding\n" + 'g.jpeg,2.33,1.33,3.66,3.11,2,cohen,65.0,M,PA,"Ho Chi Minh City, Vietnam"'
            ",COVID-19\nh.jpg,6,4,10,26,6,cohen,nan,nan,PA,nan,COVID-19\n"
        ),
    }
    files = {path: b"" if path.startswith("labels/") else b"x" for path in listed("covid-net")}
    records, report = indexed("covid-net", files | {p: text.encode() for p, text in lists.items()})
    assert (report.images, report.label_only, sum(report.rows.values())) == (0, 10, 10)
    said = [values(one, "filename patient_id split finding covid other_notes") for one in records]
    assert said == [
        ["a.png", "covid-net:p1", "train", "No finding", "no", None],
        ["a.png", "covid-net:p1", "train", "No finding", "no", None],
        ["b.png", "covid-net:COVID 119", "train", "COVID-19", "yes", "sirm"],
        ["c.png", "covid-net:p2", "train", "Pneumonia", "no", "cohen"],
        ["d.png", "covid-net:p3", "train", None, "no", "rnsa"],
        ["e.png", "covid-net:p4", "train", "COVID-19", "yes", "stonybrook"],
        ["f.png", "covid-net:p5", "test", "COVID-19", "yes", "ricord"],
        ["f.png", "covid-net:p5", "test", "COVID-19", "yes", "ricord"],  # finding_raw has its grade
        ["g.jpeg", "covid-net:2", None, "COVID-19", "yes", "cohen"],
        ["h.jpg", "covid-net:6", None, "COVID-19", "yes", "cohen"],
    ]
    sources = [one["label_source"] for one in records[:4]]
    assert sources == ["labels/train_COVIDx.txt"] * 2 + ["labels/train_COVIDx8A.txt"] * 2
    assert [values(one, "age sex") for one in records[8:]] == [[65, "M"], [None, None]]
    assert counts(records, "license allows_commercial") == {(None, "unknown"): 10}


def test_the_copy_on_kaggle_is_read_as_cohens() -> None:
    """Synthetic: 29 columns, findings with commas."""
    (table,) = CATALOG.get("kaggle-chest-xray").tables
    cell = {
        "patientid": "1",
        "finding": '"COVID-19, ARDS"',
        "view": "PA",
        "date": "3/7/2020",
        "folder": "images",
        "filename": "a.jpg",
        "license": "CC BY-NC-SA",
    }
    header = [*(table.columns or {}).values(), "folder", ""]
    text = text_of(",".join(header), ",".join(cell.get(name, "") for name in header))
    mask = "annotations/lungVAE-masks/a_mask.png"
    files = {"metadata.csv": text, "images/a.jpg": b"x", mask: b"x"}
    (one,), _ = indexed("kaggle-chest-xray", files)
    said = values(one, "finding date mask_path allows_commercial")
    assert said == ["COVID-19; ARDS", "2020-03-07", mask, "no"]


def test_volumes_of_coronacases_have_their_masks_and_patients() -> None:
    """Synthetic: four folders with files of the same names, ten of the site and ten others."""
    names = ["coronacases_001.nii.gz", "coronacases_002.nii.gz", "radiopaedia_4_85506_1.nii.gz"]
    own = "COVID-19-CT-Seg_20cases"
    folders = [own, "Lung_Mask", "Infection_Mask", "Lung_and_Infection_Mask"]
    files = {f"{folder}/{name}": nifti(630, 401, 39) for folder in folders for name in names}
    cut = f"{own}/coronacases_003.nii.gz"
    records, report = indexed("coronacases", {**files, f"{own}/ReadMe.txt": b"text", cut: b"cut"})
    assert (report.images, report.both, report.not_added) == (4, 3, 0)
    assert (report.unreadable, report.unread) == (1, [cut])
    first = of(records, f"{own}/{names[0]}")
    assert values(first, "width height slices bits covid patient_id mask_path") == [
        *(630, 401, 39, 16, "yes", "coronacases:coronacases_001"),
        f"Lung_and_Infection_Mask/{names[0]}",
    ]
    assert list(cells(first)) == [first["path"], f"{first['path']}#2"]  # its header, its name
    assert cells(first)[str(first["path"])]["dim3"] == "39"
    assert of(records, f"{own}/{names[2]}")["patient_id"] is None
    assert counts(records, "license license_spdx") == {("LicenseRef-conflicting", None): 4}
    assert [first[f"allows_{use}"] for use in USES] == ["no", "unknown", "unknown"]
    assert values(of(records, cut), "covid width matched") == ["unknown", None, "image only"]


def test_volumes_of_stoic_are_called_as_their_patients_in_the_table_of_both_outcomes() -> None:
    """Columns as training/train.py of luukboulogne/stoic2021-baseline-finalphase reads them."""
    table = text_of("PatientID,probCOVID,probSevere", "10011,1,1", "1002,0,0", "77,1,0")
    volumes = {f"data/mha/{patient}.mha": b"ObjectType = Image\n" for patient in (10011, 1002)}
    records, report = indexed("stoic", {"metadata/reference.csv": table, **volumes})
    assert [values(one, "path covid pcr severity patient_id finding") for one in records] == [
        ["data/mha/10011.mha", "yes", "yes", "1", "stoic:10011", "COVID-19"],
        ["data/mha/1002.mha", "no", "no", "0", "stoic:1002", None],
        [None, "yes", "yes", "0", "stoic:77", "COVID-19"],
    ]
    assert (report.images, report.unreadable) == (2, 0)


def test_slices_and_volumes_of_medseg_have_their_masks() -> None:
    """Synthetic: slices stacked in one file, volumes in a folder, masks beside them."""
    folders = ("rp_im", "rp_msk", "rp_lung_msk")
    files = {
        "tr_im.nii.gz": nifti(512, 512, 100),
        "tr_mask.nii.gz": nifti(512, 512, 100),
        "val_im.nii.gz": nifti(512, 512, 10),
        "Test-Images-Clinical-Details.csv": b"not,known\n1,2\n",
        **{f"{folder}/{n}.nii.gz": nifti(630, 630, 45) for folder in folders for n in (1, 9)},
    }
    records, _ = indexed("medseg", files)
    assert {one["path"]: (one["slices"], one["mask_path"]) for one in records} == {
        "tr_im.nii.gz": (100, "tr_mask.nii.gz"),
        "val_im.nii.gz": (10, None),
        "rp_im/1.nii.gz": (45, "rp_msk/1.nii.gz"),
        "rp_im/9.nii.gz": (45, "rp_msk/9.nii.gz"),
    }
    said = counts(records, "covid view modality allows_commercial")
    assert said == {("yes", "Axial", "ct", "unknown"): 4}


def test_slices_of_mashhad_are_known_by_their_content() -> None:
    """Synthetic: names without .dcm, a file that is no DICOM, headers without a patient."""
    files = {
        "P001/IM0": dicom(more={0x0008_0022: (b"DA", b"20200402"), 0x0010_0040: None}),
        "P001/IM1.dcm": dicom(more={0x0010_0040: (b"CS", b"F"), 0x0010_1010: (b"AS", b"060Y")}),
        "P002/series/IM0": dicom(more={0x0010_1010: (b"AS", b"006M")}),
        "P002/README.txt": b"no slice",
        "P002/cut.dcm": b"no slice either",
    }
    records, report = indexed("mashhad", files)
    assert (report.images, report.both, report.rows) == (4, 3, {"*": 3})
    assert (report.unreadable, report.unread) == (1, ["P002/cut.dcm"])
    assert {str(one["path"]): values(one, "patient_id sex age covid width") for one in records} == {
        "P001/IM0": ["mashhad:P001", None, 47, "yes", 256],
        "P001/IM1.dcm": ["mashhad:P001", "F", 60, "yes", 256],
        "P002/series/IM0": ["mashhad:P002", "M", None, "yes", 256],
        "P002/cut.dcm": [None, None, None, "unknown", None],
    }
    said = values(of(records, "P001/IM0"), "date modality view location bits")
    assert said == ["2020-04-02", "ct", "Axial", "Mashhad, Iran", 12]
    assert {one["allows_commercial"] for one in records} == {"unknown"}


def test_augmented_xray_says_what_is_known_and_no_more() -> None:
    """Synthetic: the folders of the real set were never seen."""
    files = {"set/COVID-19/1.jpg": b"x", "set/other/2.PNG": b"x", "set/notes.txt": b"x"}
    records, report = indexed("augmented-xray", files)
    assert (report.images, report.both) == (2, 2)
    assert counts(records, "modality finding covid") == {("xray", None, "unknown"): 2}


def test_papers_are_no_images() -> None:
    """Synthetic: CORD-19's metadata.csv has dates and licences of papers."""
    table = text_of("cord_uid,doi,license,publish_time", "abc,10.1/x,cc-by,2020-12-31")
    parses = {"2020-07-16/document_parses/pdf_json/a.json": b"{}"}
    records, report = indexed("cord-19", {"2020-07-16/metadata.csv": table, **parses})
    assert (records, report) == ([], IndexReport())


def test_the_sample_that_comes_with_covcat_has_all_its_labels() -> None:
    with zipfile.ZipFile(Path(yaml.packaged_catalog()) / "bundled" / "sample-1.zip") as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    records, report = indexed("sample", files)
    assert (report.both, report.images, report.image_only) == (12, 12, 0)
    assert counts(records, "modality") == {"xray": 6, "ct": 4, "ultrasound": 2}
    assert {one["license_spdx"] for one in records} == {"CC0-1.0"}
    assert all(one["width"] and one["height"] and one["finding"] for one in records)


PLAIN = label_table(columns={"finding": "finding", "filename": "name"}, image="{name}")


def own(table: LabelTable, **keys: object) -> tuple[Resource, Release]:
    """An entry with one table of its own in place of Figure 1's."""
    resource, release = CATALOG.find("figure1")
    assert release is not None
    return replace(resource, tables=(table,), **keys), release


def index_own(files: Mapping[str, bytes], table: LabelTable = PLAIN) -> Indexed:
    """Index files by a table of one's own."""
    put("figure1", files)
    records, report = laid.indexed(own(table))
    sound(records, report)
    return records, report


@pytest.mark.parametrize(
    ("match", "name", "expected"),
    [
        ("path", "images/a.png", "images/a.png"),
        ("path", "a.png", None),
        ("name", "elsewhere/a.png", "images/a.png"),
        ("stem", "twice", None),  # a/twice.png or b/twice.jpg: nobody can tell
    ],
)
def test_rows_find_their_images(match, name: str, expected: str | None) -> None:
    """How each way reads a name is in tests/catalog/test_matching.py."""
    films = ["images/a.png", "images/x.y.jpeg", "images/v.nii.gz", "a/twice.png", "b/twice.jpg"]
    files = {**dict.fromkeys(films, b"x"), "t.csv": text_of("name,finding", f"{name},SARS")}
    records, report = index_own(files, replace(PLAIN, match=match))
    assert records[0]["path"] == expected
    assert report.ambiguous == (name == "twice")
    assert report.unmatched == ([] if expected else [name])
    assert report.image_only == len(films) - report.both


def test_a_volume_whose_suffix_has_two_dots_finds_its_mask() -> None:
    files = {
        "x.nii.gz": nifti(4, 4),
        "x_mask.nii.gz": nifti(4, 4),
        "t.csv": b"name,finding\nx,SARS\n",
    }
    by_stem = replace(PLAIN, match="stem", mask="{stem}_mask.nii.gz")
    records, report = index_own(files, by_stem)
    found = [(one["path"], one["mask_path"]) for one in records]
    assert (found, report.images) == ([("x.nii.gz", "x_mask.nii.gz")], 1)


NO_NAME = "`t.csv` has no column `name` (filename), `name` (name of the image)"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["name,labels", "a.png,SARS"], ["`t.csv` has no column `finding` (finding)"]),  # renamed
        (["names,finding", "a.png,SARS"], [NO_NAME]),
        (["Name ,FINDING", "a.png,SARS"], []),
        (["name,finding,more", "a.png,SARS"], []),
        (["more,name,finding", "1", "2,a.png,SARS"], []),  # a short first row lacks none
    ],
)
def test_columns_that_the_entry_names_and_a_table_lacks_are_told(rows, said) -> None:
    records, report = index_own({"a.png": b"x", "t.csv": text_of(*rows)})
    assert report.lacking == said
    if not said:
        assert (report.both, of(records, "a.png")["finding"]) == (1, "SARS")


SHAPE = "none of the columns that the entry names"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"t.csv": text_of("name;finding", "a.png;SARS"), "a.png": b"x"}, SHAPE),
        ({"t.csv": text_of("x,y", "a.png;SARS"), "a.png": b"x"}, SHAPE),
        ({"t.csv": text_of("", "a.png;SARS", "b.png;SARS"), "a.png": b"x"}, SHAPE),
        ({"readme.txt": b"x"}, r"nothing is here of what its entry names: .*`t\.csv`"),
    ],
)
def test_a_release_of_another_shape_is_refused(files: dict[str, bytes], said: str) -> None:
    with pytest.raises(IntegrityError, match=said):
        index_own(files)


@pytest.mark.parametrize(
    ("files", "absent"),
    [
        ({"a.png": b"x"}, ["t.csv"]),
        ({"inner/t.csv": b"name,finding\na.png,SARS\n", "a.png": b"x"}, ["t.csv"]),
        ({"T.CSV": b"name,finding\na.png,SARS\n", "a.png": b"x"}, ["t.csv"]),
        ({"t.csv": b"name,finding\n", "a.png": b"x"}, []),
    ],
)
def test_a_table_that_is_not_among_the_files_is_named(files, absent) -> None:
    _, report = index_own(files)
    assert (report.absent, report.rows) == (absent, {})


@pytest.mark.parametrize(
    "litter",
    [
        *("__MACOSX/COVID/._a.png", "COVID/._a.png", "._a.png", "@eaDir/a.png"),
        "COVID/@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg",
    ],
)
def test_what_desktops_leave_is_no_picture(litter: str) -> None:
    table = label_table("*", reader="names", pattern="(?P<finding>COVID)/")
    records, report = index_own({"COVID/a.png": png(2, 2), litter: png(2, 2)}, table)
    assert (report.images, report.both, len(records)) == (1, 1, 1)


@pytest.mark.parametrize("name", ["a.jfif", "b.wmv", "c.JPE", "d.jp2", "e.nrrd", "f", "g.raw"])
def test_a_file_that_a_row_names_is_a_picture_whatever_its_suffix(name: str) -> None:
    files = {f"images/{name}": png(2, 2), "t.csv": text_of("name,finding", f"{name},SARS")}
    records, report = index_own(files, replace(PLAIN, match="name"))
    assert (report.images, report.both, records[0]["width"]) == (1, 1, 2)


@pytest.mark.parametrize("name", ["", "-", "nan", "N/A", "../a.png", "t.csv", "x/../a.png", "*"])
def test_a_name_that_is_none_finds_no_picture(name: str) -> None:
    files = {"a.png": png(2, 2), "t.csv": text_of("name,finding", f"{name},SARS")}
    records, report = index_own(files)
    assert (report.both, report.label_only, report.image_only) == (0, 1, 1)
    assert of(records, "a.png")["finding"] is None


@pytest.mark.parametrize(
    ("data", "counted"),
    [
        (b"", (0, 1)),
        (dicom(is_cut=True), (0, 1)),
        (b"PK\3\4 a zip that is called so", (0, 1)),
        (b"version https://git-lfs.github.com/spec/v1\n", (0, 1)),
        (dicom("deflated"), (0, 1)),
        (png(2, 2), (0, 1)),  # a picture, and no header to read
        (dicom()[132:], (1, 0)),  # no preamble
        (dicom("big"), (1, 0)),
    ],
)
def test_what_cannot_be_read_is_counted_and_is_no_row(data: bytes, counted) -> None:
    table = label_table("*", reader="dicom", constants={"finding": "COVID-19"})
    records, report = index_own({"good.dcm": dicom(), "odd.dcm": data}, table)
    assert (report.both - 1, report.unreadable, report.images) == (*counted, 2)
    assert report.unread == ["odd.dcm"] * counted[1]
    assert of(records, "odd.dcm")["finding"] == ("COVID-19" if counted[0] else None)


def test_rows_that_add_nothing_are_counted() -> None:
    table = text_of("name,finding", "a.png,", "b.png,SARS", ",ARDS")
    more = text_of("name,finding", "a.png,COVID-19", "c.png,SARS", ",SARS")
    put("figure1", {"a.png": b"x", "t.csv": table, "u.csv": more})
    resource, release = own(PLAIN)
    added = replace(PLAIN, path="u.csv", adds="yes")
    records, report = laid.indexed((replace(resource, tables=(PLAIN, added)), release))
    assert (report.both, report.label_only, report.not_added) == (1, 2, 2)
    assert report.rows == {"t.csv": 3, "u.csv": 3}
    assert (records[0]["finding"], records[0]["label_source"]) == ("COVID-19", "t.csv; u.csv")
    assert [one["image_id"] for one in records] == ["figure1:a.png", "figure1:b.png", "figure1:?"]


VIDEOS = label_table(  # in the shape of severity.csv and clinical_variables.csv of COVID-BLUES
    "severity.csv",
    columns={"filename": "video_file", "finding": "seen"},
    extract={"patient_id": "video_file: ^patient_([0-9]+)_"},
    image="lus_videos/{video_file}.mp4",
)
PEOPLE = label_table(
    "clinical_variables.csv",
    columns={
        "patient_id": "patient_id",
        "finding": "cov_test",
        "sex": "pat_sex",
        "age": "pat_age",
        "survival": "outcome_status_d30 | outcome_status_d5",
        "icu": "los_ICU",
    },
    values={
        "finding": {"1": "COVID-19", "0": "negative"},
        "sex": {"0": "F", "1": "M"},
        "survival": {"2": "yes", "3": "no"},
        "icu": {"*": "yes"},
    },
    adds="yes",
    joins="patient_id",
)
HEADER = "patient_id,cov_test,pat_sex,pat_age,los_ICU,outcome_status_d5,outcome_status_d30"


def joined(videos: Sequence[str], people: Sequence[str]) -> Indexed:
    """Index videos, each `NAME,what was seen`, and the rows of their patients."""
    names = [one.partition(",")[0] for one in videos]
    clips = {f"lus_videos/{name}.mp4": b"x" for name in names if "absent" not in name}
    severity, clinical = text_of("video_file,seen", *videos), text_of(HEADER, *people)
    put("figure1", {**clips, "severity.csv": severity, "clinical_variables.csv": clinical})
    resource, release = own(VIDEOS, pictures=None)
    found, report = laid.indexed((replace(resource, tables=(VIDEOS, PEOPLE)), release))
    sound(found, report)
    return found, report


def test_a_row_of_a_patient_reaches_all_videos_of_that_patient_and_no_other() -> None:
    videos = ["patient_3_L1,", "patient_3_R2_2,", "patient_33_L1,", "patient_4_L1,"]
    people = ["3,1,0.0,77.0,24.0,1,2.0", "4,0,1.0,,,3,"]
    found, report = joined(videos, people)
    assert [values(one, "finding covid sex age icu survival") for one in found] == [
        ["COVID-19", "yes", "F", 77, "yes", "yes"],
        ["COVID-19", "yes", "F", 77, "yes", "yes"],
        [None, "unknown", None, None, None, None],
        [None, "no", "M", None, None, "no"],
    ]
    sources = [one["label_source"] for one in found]
    assert sources[::2] == ["severity.csv; clinical_variables.csv", "severity.csv"]
    assert cells(found[1])["clinical_variables.csv"]["los_ICU"] == "24.0"
    assert (report.not_added, report.rows["clinical_variables.csv"]) == (0, 2)


@pytest.mark.parametrize(
    ("video", "people", "not_added"),
    [
        ("patient_1_L1,", ["1,1,,,,,", "2,0,,,,,"], 1),  # of 2 there is no video
        ("patient_1_L1,", ["2,0,,,,,", "2,1,,,,,"], 2),
        ("patient_1_L1,", [",1,,,,,"], 1),  # of nobody
        ("stray_L1,", [",1,,,,,"], 1),  # a video of nobody is not that of a row of nobody
        ("patient_01_L1,", ["1,1,,,,,"], 1),  # other digits, another patient
    ],
)
def test_rows_of_patients_without_a_video_are_counted_as_not_added(video, people, not_added):
    records, report = joined([video], people)
    assert (report.not_added, len(records)) == (not_added, 1)


def test_a_row_of_a_patient_reaches_rows_of_videos_that_are_elsewhere() -> None:
    (row,), report = joined(["patient_1_absent,"], ["1,1,1.0,50.0,,,"])
    assert values(row, "matched covid sex age") == ["label only", "yes", "M", 50]
    assert report.not_added == 0


def test_the_slices_of_covidx_ct_have_what_its_table_says_of_their_patients() -> None:
    """Rows as in splits/v3 and metadata.csv of COVIDNet-CT: the slices lie elsewhere."""
    slices = {
        "NCP_96_1328_0032.png 2 9 94 512 405": "NCP_96|COVID-19|M|51|China",
        "normal4_patient202_SR_2_IM00013.png 0 0 1 2 3": "patient202|No finding|F|40|Iran",
        "LIDC-IDRI-0248-1.3.6.1-0009.png 0 0 1 2 3": "LIDC-IDRI-0248|No finding|||USA",
        "coronacases_010-0123.png 2 0 1 2 3": "coronacases_010|COVID-19|||",
        "radiopaedia_4_85506_1-0008.png 2 0 1 2 3": "radiopaedia_4_85506|COVID-19||45|",
        "COVIDCTMD-normal064-IM0098.png 0 0 1 2 3": "COVIDCTMD-normal064|No finding|||",
        "CP_1769_3516_0021.png 1 0 1 2 3": "CP_1769|Pneumonia|||",  # a patient without a row
    }
    people = (
        "patient id,source,country,sex,age,finding,verified finding,slice selection,view,modality\n"
        "NCP_96,CNCB,China,M,51,COVID-19,Yes,Expert,Axial,CT\n"
        "patient202,COVID-CTset,Iran,F,40,Normal,Yes,N/A,Axial,CT\n"
        "LIDC-IDRI-0248,LIDC-IDRI,USA,,,Normal,Yes,N/A,Axial,CT\n"
        "coronacases_010,COVID-19-CT-Seg,,,,COVID-19,Yes,Expert,Axial,CT\n"
        "radiopaedia_4_85506,COVID-19-CT-Seg,,,45,COVID-19,Yes,Expert,Axial,CT\n"
        "STOIC-10011,STOIC,France,,85,COVID-19,Yes,Automatic,Axial,CT\n"
    )
    lists = {path: b"" for path in listed("covidnet-ct") if path.startswith("splits/")}
    lists["splits/v3/test_COVIDx_CT-3A.txt"] = "\n".join(slices).encode()
    files = listed("covidnet-ct") | lists | {"metadata.csv": people.encode()}
    records, report = indexed("covidnet-ct", files)
    assert (report.label_only, report.not_added) == (7, 1)
    said = [values(one, "patient_id finding sex age location") for one in records]
    said = ["|".join("" if cell is None else str(cell) for cell in row) for row in said]
    assert said == [f"covidnet-ct:{one}" for one in slices.values()]
    scans = [values(one, "series slice") for one in records]
    assert [scans[at] for at in (0, 1, 2, 5)] == [
        ["covidnet-ct:NCP_96_1328", 32],
        ["covidnet-ct:normal4_patient202_SR_2", 13],
        ["1.3.6.1", 9],  # the UID of DICOM, as other sets have it
        ["covidnet-ct:COVIDCTMD-normal064", None],  # names in no order
    ]


def test_of_what_two_rows_of_a_patient_disagree_in_nothing_is_taken_and_it_is_told() -> None:
    people = ["1,1,,50.0,,,", "1,0,1.0,60.0,,,"]
    (video,), report = joined(["patient_1_L1,"], people)
    assert values(video, "finding covid age sex") == [None, "unknown", None, "M"]
    kept = cells(video)
    assert [*kept] == ["severity.csv", "clinical_variables.csv", "clinical_variables.csv#2"]
    assert kept["clinical_variables.csv#2"]["pat_age"] == "60.0"
    assert (report.not_added, report.conflicts) == (0, 1)
    where = "in `clinical_variables.csv` row 1 and `{}` in `clinical_variables.csv` row 2"
    assert sorted(report.conflicting) == [
        f"age of patient `figure1:1` is `50` {where.format(60)}",
        f"covid of patient `figure1:1` is `yes` {where.format('no')}",
    ]


def test_what_a_video_says_itself_wins_over_its_patients_row() -> None:
    (video, other), _ = joined(["patient_1_L1,SARS", "patient_1_L2,"], ["1,1,1.0,,,,"])
    assert values(video, "finding covid sex") == ["SARS", "no", "M"]
    assert values(other, "finding covid") == ["COVID-19", "yes"]


def test_findings_without_a_term_are_named_and_place_holders_are_not() -> None:
    rows = ["a,new", "b,new", "c,todo", "d,negative", "e,SARS", "f,", "g,newer"]
    _, report = index_own({"t.csv": text_of("name,finding", *rows)})
    assert report.without_term == {"new": 2, "newer": 1}


@pytest.mark.parametrize(
    ("reader", "data"),
    [("delimited", b"name,finding\n\xff\xfe,x\n"), ("sheet", b"PK\x03\x04 no workbook")],
)
def test_a_table_that_cannot_be_read_stops_the_index(reader, data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"t\.csv"):
        index_own({"t.csv": data, "a.png": b"x"}, replace(PLAIN, reader=reader))
    assert not (DATA / "figure1/2020-05-08" / INDEX).exists()
    assert not list((DATA / ".covcat").rglob("*.sqlite"))


def test_half_a_character_in_a_tag_does_not_stop_the_index() -> None:
    packed = zip_of({"1.json": darwin(["location:a\ud83d", "COVID-19"])})
    records, report = indexed("v7", {ZIPPED: packed})
    assert (report.label_only, records[0]["location"]) == (1, r"a\ud83d")
    assert records[0]["covid"] == "yes"


def test_a_pipe_among_the_images_does_not_hold_the_index_up() -> None:
    resource, release = put("figure1", {"images/a.png": b"x"})
    place = DATA / "figure1/2020-05-08/files/images/a.png"
    place.unlink()
    os.mkfifo(place)
    records, _ = laid.indexed((resource, release))
    assert records[0]["width"] is None


def made_again(resource: Resource, release: Release) -> bool:
    """Ask for the index once more, and tell if another file is there than before."""
    path = DATA / resource.id / release.id / INDEX
    before = path.stat()
    laid.open_index((resource, release))
    after = path.stat()
    return (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns)


@pytest.fixture
def here() -> tuple[Resource, Release, Path]:
    """A release with its index."""
    table = text_of("name,finding", "a.png,SARS")
    put("figure1", {"a.png": b"x", "t.csv": table, "README.md": b"x"})
    resource, release = own(PLAIN)
    laid.open_index((resource, release))
    return resource, release, DATA / resource.id / release.id / INDEX


def test_an_index_that_is_up_to_date_stays(here) -> None:
    resource, release, _ = here
    assert not made_again(resource, release)
    os.utime(DATA / "figure1/2020-05-08/files/README.md")
    assert not made_again(resource, release)
    other = replace(resource, title="another title", summary="another summary")
    assert not made_again(other, release)


def test_an_index_is_made_anew_when_what_it_was_made_from_changes(here, monkeypatch) -> None:
    resource, release, _ = here
    table = DATA / "figure1/2020-05-08/files/t.csv"
    table.write_bytes(text_of("name,finding", "a.png,COVID-19"))
    assert made_again(resource, release)
    assert laid.indexed((resource, release))[0][0]["finding"] == "COVID-19"
    assert not made_again(resource, release)

    other = replace(PLAIN, columns={"filename": "name"})
    assert made_again(replace(resource, tables=(other,)), release)
    assert made_again(resource, release)
    assert made_again(replace(resource, license=CATALOG.get("kermany").license), release)
    assert made_again(resource, release)

    put("figure1", {"a.png": b"x", "b.png": b"x", "t.csv": table.read_bytes()})
    assert made_again(resource, release)
    assert len(laid.indexed((resource, release))[0]) == 2

    monkeypatch.setattr(index, "VERSION", "another")
    assert made_again(resource, release)


@pytest.mark.parametrize("path", ["*.csv", "t*", "**.csv", "t.csv", "[t].csv"])
def test_a_table_that_a_glob_names_is_watched_too(path: str) -> None:
    put("figure1", {"a.png": b"x", "t.csv": text_of("name,finding", "a.png,SARS")})
    resource, release = own(replace(PLAIN, path=path))
    assert laid.indexed((resource, release))[1].both == 1
    assert not made_again(resource, release)
    place = DATA / "figure1/2020-05-08/files/t.csv"
    place.write_bytes(text_of("name,finding", "a.png,COVID-19"))
    assert made_again(resource, release)


@pytest.mark.parametrize("path", ["tables/", "no/folder.csv", "*/t.csv", "x\0y"])
def test_a_table_that_cannot_be_there_does_not_stop_the_index(path: str) -> None:
    records, report = index_own({"a.png": b"x"}, replace(PLAIN, path=path))
    assert (len(records), report.image_only) == (1, 1)


def test_nothing_but_the_index_is_left_behind(here) -> None:
    left = sorted(one.name for one in here[2].parent.iterdir())
    assert left == ["SHA256SUMS", "files", "index.sqlite", "manifest.json"]
    staging = [one for one in (DATA / ".covcat").rglob("*") if one.is_file()]
    assert not [one for one in staging if one.stat().st_size]


def test_a_release_that_was_moved_keeps_its_index(here) -> None:
    resource, release, path = here
    elsewhere = DATA.rename("elsewhere")
    moved = elsewhere / path.relative_to(DATA)
    before = moved.stat().st_mtime_ns
    found = laid.open_index((resource, release), elsewhere)
    assert (found.report.both, len(list(found.rows("SELECT * FROM images")))) == (1, 1)
    assert moved.stat().st_mtime_ns == before
