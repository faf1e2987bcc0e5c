"""Tables that are joined to many images: by patient, study, series or folder.

The shapes are those of COVID-CT-MD's Index.csv beside its folders (ShahinSHH/COVID-CT-MD at commit
52699790), of TCIA's sheet for COVID-19-NY-SBU as scripts read it (`to_patient_id`, `last.status`),
and of lidc_idri_metadata.csv in COVIDNet-CT (`SeriesInstanceUID`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makers import laid
from makers.laid import EVERYTHING, lay
from makers.runs import Covcat
from makers.tables import dicom, label_table, nifti, png, text_of

from covcat.catalog import load
from covcat.catalog.columns import Record
from covcat.catalog.entries import LabelTable
from covcat.errors import IntegrityError
from covcat.imaging import query
from covcat.imaging.build import IndexReport
from covcat.imaging.query import Question

CATALOG = load.load()


SLICES = label_table("*.dcm", reader="dicom", columns={"patient_id": "PatientID"})
BY_FOLDER = label_table(
    "Index.csv",
    columns={"finding": "Diagnosis"},
    values={"finding": {"CAP": "Pneumonia"}},
    adds="yes",
    joins="folder",
    folder="{Folder/ID}",
    match="name",
)
HEAD = "Label Index,Diagnosis,Relative Path,Folder/ID"
BY_SERIES = label_table(
    "series.csv",
    columns={"series": "SeriesInstanceUID", "finding": "finding", "clinical_notes": "lung range"},
    adds="yes",
    joins="series",
)
BY_STUDY = replace(BY_SERIES, path="studies.csv", joins="study", columns={"study": "study"})
BY_PATIENT = label_table(
    "clinical.csv",
    columns={
        "patient_id": "to_patient_id",
        "finding": "covid19_statuses",
        "sex": "gender_concept_name",
        "survival": "last.status",
        "intubated": "was_ventilated",
    },
    values={
        "finding": {"positive": "COVID-19"},
        "survival": {"deceased": "no", "discharged": "yes"},
    },
    adds="yes",
    joins="patient_id",
)


def slice_of(patient: str = "P1", study: str = "1.2.3", series: str = "1.2.3.4", **more) -> bytes:
    """A slice of CT: who, which study and series, and its number; None is a header without one."""
    number, at = more.get("number", 1), more.get("at")
    text = {
        0x0010_0020: (b"LO", patient),
        0x0020_000D: (b"UI", study),
        0x0020_000E: (b"UI", series),
    }
    elements: dict[int, object] = {tag: (kind, one.encode()) for tag, (kind, one) in text.items()}
    elements[0x0020_0013] = None if number is None else (b"IS", str(number).encode())
    if at is not None:
        elements[0x0020_0032] = (b"DS", "\\".join(map(str, at)).encode())
        way = more.get("way", (1, 0, 0, 0, 1, 0))
        elements[0x0020_0037] = (b"DS", "\\".join(map(str, way)).encode())
    if "location" in more:
        elements[0x0020_1041] = (b"DS", str(more["location"]).encode())
    if "frames" in more:
        elements[0x0028_0008] = (b"IS", str(more["frames"]).encode())
    return dicom(more=elements)


def indexed(files: Mapping[str, bytes], *tables: LabelTable) -> tuple[list[Record], IndexReport]:
    resource, release = CATALOG.find("figure1")
    assert release is not None
    lay((resource, release), files)
    own = replace(resource, tables=tables or (SLICES,), pictures=None)
    return laid.indexed((own, release))


def by_path(records: Sequence[Record], *names: str) -> dict[object, list[object]]:
    return {one["path"] or one["filename"]: [one[name] for name in names] for one in records}


SCANS = {
    "COVID-19 subjects/P001/IM1.dcm": slice_of("A", series="1.2.1", number=1),
    "COVID-19 subjects/P001/IM2.dcm": slice_of("A", series="1.2.1", number=2),
    "Cap subjects/cap001/deeper/IM1.dcm": slice_of("B", "1.2.4", "1.2.2"),
    "Normal subjects/normal001/IM1.dcm": slice_of("C", "1.2.5", "1.2.6"),
}


def test_a_row_of_a_folder_reaches_all_slices_below_it_and_no_others() -> None:
    table = text_of(
        HEAD, "0,COVID-19,./COVID-19/,P001", "55,CAP,./CAP/,cap001", "56,CAP,./CAP/,cap9"
    )
    records, report = indexed(SCANS | {"Index.csv": table}, SLICES, BY_FOLDER)
    first, second, third, last = SCANS
    assert by_path(records, "finding", "patient_id") == {
        first: ["COVID-19", "figure1:A"],
        second: ["COVID-19", "figure1:A"],
        third: ["Pneumonia", "figure1:B"],
        last: [None, "figure1:C"],
    }
    assert json.loads(str(records[0]["raw"]))["Index.csv"]["Label Index"] == "0"
    assert (report.both, report.not_added, report.conflicts) == (4, 1, 0)


@pytest.mark.parametrize(
    ("match", "written", "reached"),
    [
        ("path", "./COVID-19 subjects/P001/", 2),
        ("path", "COVID-19 subjects", 2),
        ("path", "P001", 0),
        ("name", "anywhere/P001", 2),
        ("name", "p001", 0),
        ("fold", "p001", 2),
        ("name", "IM1.dcm", 0),
        ("name", "..", 0),
        ("name", "", 0),
        ("path", "/", 0),
    ],
)
def test_a_folder_is_found_by_its_whole_path_or_its_name(match, written, reached) -> None:
    files = SCANS | {"Index.csv": text_of(HEAD, f"0,COVID-19,,{written}")}
    records, report = indexed(files, SLICES, replace(BY_FOLDER, match=match))
    assert sum(one["finding"] == "COVID-19" for one in records) == reached
    assert report.not_added == (not reached)


def test_rows_of_series_study_and_patient_reach_what_they_are_of_the_nearest_first() -> None:
    files = SCANS | {
        "series.csv": text_of("SeriesInstanceUID,finding,lung range", "1.2.1,SARS,48:237", "9.9,,"),
        "studies.csv": text_of("study,location", "1.2.3,Mashhad", "1.2.5,Iran"),
        "clinical.csv": text_of(
            "to_patient_id,covid19_statuses,gender_concept_name,last.status,was_ventilated",
            "A,positive,Male,deceased,Yes",
            "B,positive,Female,discharged,No",
            "Z,positive,Female,discharged,No",
        ),
    }
    study = replace(BY_STUDY, columns={"study": "study", "location": "location"})
    records, report = indexed(files, SLICES, BY_SERIES, study, BY_PATIENT)
    said = by_path(records, "finding", "clinical_notes", "location", "sex", "survival", "intubated")
    first, second, third, last = SCANS
    assert said == {
        first: ["SARS", "48:237", "Mashhad", "M", "no", "yes"],
        second: ["SARS", "48:237", "Mashhad", "M", "no", "yes"],
        third: ["COVID-19", None, None, "F", "yes", "no"],
        last: [None, None, "Iran", None, None, None],
    }
    assert (report.not_added, report.conflicts) == (2, 0)


def test_what_a_row_of_a_series_says_of_the_patient_reaches_the_patients_table() -> None:
    files = {"a.dcm": slice_of(""), "series.csv": text_of("uid,who", "1.2.3.4,7")}
    files["clinical.csv"] = text_of("to_patient_id,gender_concept_name", "7,F")
    series = replace(BY_SERIES, columns={"series": "uid", "patient_id": "who"})
    people = replace(
        BY_PATIENT, columns={"patient_id": "to_patient_id", "sex": "gender_concept_name"}
    )
    (one,), _ = indexed(files, SLICES, people, series)
    assert (one["patient_id"], one["sex"]) == ("figure1:7", "F")


LISTED = label_table(
    "list.csv",
    columns={"filename": "name"},
    extract={"series": "name: ^(?:.*/)?([A-Z]+_[0-9]+)_", "slice": "name: _([0-9]+)\\.png$"},
    image="{name}",
)


def test_rows_of_pictures_that_lie_elsewhere_are_reached_too() -> None:
    names = ["P001/NCP_96_0032.png", "P002/NCP_97_0001.png", "stray.png"]
    files = {
        "list.csv": text_of("name", *names),
        "Index.csv": text_of(HEAD, "0,COVID-19,,P001"),
        "series.csv": text_of("SeriesInstanceUID,lung range", "NCP_97,1:9"),
    }
    series = replace(
        BY_SERIES, columns={"series": "SeriesInstanceUID", "clinical_notes": "lung range"}
    )
    records, report = indexed(files, LISTED, BY_FOLDER, series)
    assert by_path(records, "finding", "series", "slice", "clinical_notes", "matched") == {
        names[0]: ["COVID-19", "figure1:NCP_96", 32, None, "label only"],
        names[1]: [None, "figure1:NCP_97", 1, "1:9", "label only"],
        names[2]: [None, None, None, None, "label only"],
    }
    assert report.not_added == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"Old/P001/IM1.dcm": slice_of("A")},
            "`Index.csv` row 2 could be of `COVID-19 subjects/P001` or `Old/P001`",
        ),
        (
            {"clinical.csv": text_of("who,study", "A,1.2.3", "A,1.2.9")},
            "study of patient `figure1:A` is `1.2.3` in `clinical.csv` row 1 and `1.2.9` in `clin",
        ),
        (
            {"series.csv": text_of("SeriesInstanceUID,who", "1.2.1,B")},
            "to `COVID-19 subjects/P001/IM1.dcm`, and is of another patient: expected `figure1:A`",
        ),
    ],
)
def test_a_row_that_could_be_of_several_is_an_error_with_the_row(more, said: str) -> None:
    series = replace(BY_SERIES, columns={"series": "SeriesInstanceUID", "patient_id": "who"})
    people = replace(BY_PATIENT, columns={"patient_id": "who", "study": "study"}, values=None)
    files = SCANS | {"Index.csv": text_of(HEAD, "54,CAP,,cap001", "0,COVID-19,,P001")} | more
    with pytest.raises(IntegrityError) as caught:
        indexed(files, SLICES, BY_FOLDER, people, series)
    assert said in str(caught.value)


def test_a_folder_of_annotations_that_has_the_name_of_one_of_images_is_no_other_one() -> None:
    files = SCANS | {"annotations/P001/a.json": b"{}", "P001/README": b"x"}
    files["Index.csv"] = text_of(HEAD, "0,COVID-19,,P001")
    records, _ = indexed(files, SLICES, BY_FOLDER)
    assert [one["finding"] for one in records] == ["COVID-19", "COVID-19", None, None]


def test_a_folder_inside_one_of_its_name_is_no_other_one() -> None:
    files = {"P001/P001/a.dcm": slice_of(), "P001/b.dcm": slice_of(number=2)}
    files["Index.csv"] = text_of(HEAD, "0,COVID-19,,P001")
    records, report = indexed(files, SLICES, BY_FOLDER)
    assert [one["finding"] for one in records] == ["COVID-19", "COVID-19"]
    assert (len(records), report.conflicts) == (2, 0)


def test_rows_of_one_key_complete_each_other_and_notes_that_differ_are_no_contradiction() -> None:
    table = text_of("SeriesInstanceUID,finding,lung range", "1.2.1,,1:9", "1.2.1,SARS,2:8")
    records, report = indexed(SCANS | {"series.csv": table}, SLICES, BY_SERIES)
    assert [records[0][name] for name in ("finding", "clinical_notes")] == ["SARS", "1:9"]
    assert report.conflicts == 0


def test_a_joined_row_adds_no_licence_that_its_table_does_not_state() -> None:
    """metadata.csv of COVIDNet-CT gave its own licence to slices that it only tells of."""
    elsewhere = replace(LISTED, license="unknown")
    files = {"list.csv": text_of("name", "P001/NCP_96_0032.png")}
    files["Index.csv"] = text_of(HEAD, "0,COVID-19,,P001")
    (one,), _ = indexed(files, elsewhere, BY_FOLDER)
    assert (one["license"], one["allows_commercial"], one["covid"]) == (None, "unknown", "yes")


def test_a_denial_stays_one_whatever_the_patients_row_finds() -> None:
    files = {"a.png": png(2, 2), "list.csv": text_of("name,finding,who", "a.png,negative,1")}
    files["clinical.csv"] = text_of("to_patient_id,covid19_statuses", "1,positive")
    own = label_table(
        "list.csv", columns={"finding": "finding", "patient_id": "who"}, image="{name}"
    )
    people = replace(
        BY_PATIENT, columns={"patient_id": "to_patient_id", "finding": "covid19_statuses"}
    )
    (one,), _ = indexed(files, own, people)
    assert [one[name] for name in ("finding", "finding_raw", "covid")] == [None, "negative", "no"]


# ---- slices in order ---------------------------------------------------------------------------

TILTED = (1, 0, 0, 0, 0.9397, -0.342)  # coronal-ish: the places differ along no axis alone


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([{"number": 3}, {"number": 1}, {"number": 2}], [3, 1, 2]),
        ([{"number": 30}, {"number": 10}], [30, 10]),  # as its own files number them
        # one number twice, or none: by the place
        ([{"number": 1, "at": (0, 0, -5)}, {"number": 1, "at": (0, 0, -9)}], [2, 1]),
        ([{"number": None, "at": (0, 0, 3)}, {"number": 1, "at": (0, 0, 2)}], [2, 1]),
        (
            [{"number": None, "at": (0, 10 * n, 20 * n), "way": TILTED} for n in (2, 0, 1)],
            [3, 1, 2],
        ),
        ([{"number": None, "location": -54.1}, {"number": None, "location": "-52.1"}], [1, 2]),
        # nobody knows the order
        ([{"number": 7}, {"number": 7}], [None, None]),
        ([{"number": None, "location": 1}, {"number": None, "location": 1}], [None, None]),
        ([{"number": None, "location": "nan"}, {"number": None, "location": 1}], [None, None]),
        ([{"number": None, "at": (0, 0, 1)}, {"number": None, "location": 2}], [None, None]),
        (
            [
                {"number": None, "at": (0, 0, 1)},
                {"number": None, "at": (0, 0, 2), "way": (0, 1, 0, 0, 0, -1)},  # a scout
            ],
            [None, None],
        ),
    ],
)
def test_slices_have_the_numbers_of_their_files_or_their_places_or_none(slices, expected) -> None:
    files = {f"{at}.dcm": slice_of(**one) for at, one in enumerate(slices)}
    records, _ = indexed(files)
    assert [one["slice"] for one in records] == expected
    assert {(one["study"], one["series"]) for one in records} == {("1.2.3", "1.2.3.4")}


def test_a_uid_that_is_a_uuid_is_the_same_in_every_set_and_any_other_id_is_the_sets_own() -> None:
    """Half of the sample of COVID-CT-MD has UUIDs, which PS3.5 does not allow."""
    uuid = "09bc8aea-ff9c-4106-8514-294cbcf9a082"
    files = {"a.dcm": slice_of(series=uuid, study="7")}
    (one,), _ = indexed(files)
    assert (one["series"], one["study"]) == (uuid, "figure1:7")


SERIES = {
    **{f"a{n}.dcm": slice_of(series="1.1", number=n) for n in (1, 2, 3, 4)},
    **{f"b{n}.dcm": slice_of(series="1.2", number=None) for n in (1, 2, 3)},
    "film.dcm": slice_of(series="1.3", number=None),
    "cine1.dcm": slice_of(series="1.4", frames=30),
    "cine2.dcm": slice_of(series="1.4", frames=40, number=2),
    "v.nii": nifti(4, 4, 9),
    "odd.png": png(2, 2),
}
MIDDLES = ["a2.dcm", "b2.dcm", "cine1.dcm", "cine2.dcm", "film.dcm", "odd.png", "v.nii"]


def test_one_per_series_is_the_middle_slice_and_a_volume_or_a_film_of_frames_is_one() -> None:
    lay(CATALOG.find("mashhad"), SERIES)
    found = laid.open_index(CATALOG.find("mashhad"))
    asked = Question(one_per="series")
    assert sorted(str(one["path"]) for one in query.ask([found], asked)) == MIDDLES
    passing = replace(asked, where="slice > 1")  # of those that pass
    paths = sorted(str(one["path"]) for one in query.ask([found], passing))
    assert paths == ["a3.dcm"]
    cine = next(one for one in query.select(found, EVERYTHING) if one["path"] == "cine2.dcm")
    assert (cine["slices"], cine["slice"]) == (40, None)


def test_the_command_line_says_which_slice_stands_and_a_cohort_has_the_same(covcat: Covcat) -> None:
    lay(CATALOG.find("mashhad"), SERIES)
    ask = ("mashhad", "--one-per", "series")
    ran = covcat("images", *ask, "--columns", "path", "--format", "tsv")
    assert sorted(ran.out.split()[1:]) == MIDDLES
    assert "the middle one of its slices that pass is taken: column `slice`" in ran.err
    assert "of 1 series the order is not known" in ran.err
    chosen = covcat("select", *ask, "--allow-unknown-license", "-o", "out", "--as", "csv")
    assert chosen.code == 0
    made = [line.split(",") for line in Path("out").read_text().splitlines()]
    paths = [row[made[0].index("path")] for row in made[1:]]
    assert sorted(paths) == MIDDLES
    assert "5 rows are left out: another slice of their series is chosen" in chosen.err


def test_a_report_counts_the_series_and_their_slices(covcat: Covcat) -> None:
    lay(CATALOG.find("mashhad"), SERIES)
    assert covcat("report", "mashhad", "--pictures", "0", "-o", "page.html").code == 0
    assert "8 of 12 are slices of 3 series" in Path("page.html").read_text(encoding="utf-8")


def test_every_command_warns_of_rows_that_contradict_each_other(covcat: Covcat) -> None:
    """Shaped after COVID-BLUES' clinical table: a patient twice, of two ages."""
    files = {
        "lus_videos/patient_1_L1.mp4": b"x",
        "severity.csv": text_of("video_file,Severity Score,comments", "patient_1_L1,0,"),
        "clinical_variables.csv": text_of("patient_id,cov_test,pat_age", "1,1,50.0", "1,1,60.0"),
    }
    lay(CATALOG.find("covid-blues"), files)
    for command in (("images",), ("counts", "--by", "covid"), ("select",)):
        ran = covcat(command[0], "covid-blues", *command[1:])
        assert ran.code == 0
        assert (
            "1 join of rows that contradict each other or could be of several images, of which "
            "nothing is taken: age of patient `covid-blues:1` is `50` in `clinical_variables.csv` "
            "row 1 and `60` in `clinical_variables.csv` row 2" in ran.err
        )


# ---- whatever the tables say -------------------------------------------------------------------

ALL = settings(max_examples=40, suppress_health_check=list(HealthCheck))
WORDS = st.sampled_from(["", "SARS", "COVID-19", "negative", "unknown", "MERS; SARS", "=1+1"])
KEYS = st.sampled_from(["A", "B", "C", "", "a ", "\u00e9"])
AGES = st.sampled_from(["", "40", "41", "50+"])
OWN = label_table(
    "list.csv",
    columns={"filename": "name", "patient_id": "who", "finding": "finding", "age": "age"},
    image="{name}",
)
ADDED = label_table(
    "clinical.csv",
    columns={"patient_id": "who", "finding": "finding", "age": "age", "sex": "sex"},
    adds="yes",
    joins="patient_id",
)


@ALL
@given(
    own=st.lists(st.tuples(KEYS, WORDS, AGES), min_size=1, max_size=6),
    added=st.lists(st.tuples(KEYS, WORDS, AGES, st.sampled_from(["", "F", "M"])), max_size=8),
)
def test_a_join_makes_and_takes_no_row_and_gives_no_value_that_no_row_has(own, added) -> None:
    names = [f"{at}.png" for at in range(len(own))]
    lists = text_of(
        "name,who,finding,age", *(",".join((n, *o)) for n, o in zip(names, own, strict=True))
    )
    files = {name: png(2, 2) for name in names[::2]} | {"list.csv": lists}
    alone, _ = indexed(files, OWN)
    files["clinical.csv"] = text_of("who,finding,age,sex", *map(",".join, added))
    joined, report = indexed(files, OWN, ADDED)
    assert [one["image_id"] for one in joined] == [one["image_id"] for one in alone]
    assert report.rows.get("clinical.csv", 0) == sum(any(row) for row in added)
    people = [(key.strip(), (finding, age, sex)) for key, finding, age, sex in added]
    for before, after in zip(alone, joined, strict=True):
        theirs = [row for key, row in people if before["patient_id"] == f"figure1:{key}"]
        for name, at in (("finding_raw", 0), ("age", 1), ("sex", 2)):
            said = {str(row[at]) for row in theirs} - {""}
            value = after[name]
            if value is not None and value != before[name]:
                assert str(value) in said
                assert name == "finding_raw" or len(said - {"50+"}) == 1
        assert after["covid"] in (before["covid"], "yes", "no")
        if before["covid"] != "unknown":
            assert (after["finding"], after["covid"]) == (before["finding"], before["covid"])


PARTS = st.lists(st.sampled_from(["A", "a", "B", "c"]), min_size=1, max_size=3).map("/".join)


def means(folder: str, written: str, match: str) -> bool:
    """What docs/catalog.md says of `folder`."""
    if match == "path":
        return folder == written
    ends = (folder.rpartition("/")[2], written.rpartition("/")[2])
    return ends[0] == ends[1] if match == "name" else ends[0].lower() == ends[1].lower()


@ALL
@given(
    folders=st.lists(PARTS, min_size=1, max_size=4, unique=True),
    written=st.lists(PARTS, min_size=1, max_size=3),
    match=st.sampled_from(["path", "name", "fold"]),
)
def test_a_row_of_a_folder_is_an_error_or_reaches_just_what_lies_below(
    folders, written, match
) -> None:
    keys = {"path": str, "name": lambda one: one[-1], "fold": lambda one: one[-1].lower()}
    written = list({keys[match](one): one for one in written}.values())
    images = [f"{folder}/{at}.png" for at, folder in enumerate(folders)]
    above = {image: image.split("/")[:-1] for image in images}
    above = {
        image: ["/".join(parts[:n]) for n in range(len(parts), 0, -1)]
        for image, parts in above.items()
    }
    every = {folder for those in above.values() for folder in those}
    several = []
    for at, name in enumerate(written, 1):
        meant = [one for one in every if means(one, name, match)]
        tops = [one for one in meant if not any(one.startswith(f"{other}/") for other in meant)]
        several += [f"`Index.csv` row {at} could be of"] if len(tops) > 1 else []
    files = {image: png(2, 2) for image in images} | {"list.csv": text_of("name", *images)}
    files["Index.csv"] = text_of("where,mark", *(f"{one},{one}!" for one in written))
    joined = replace(BY_FOLDER, columns={"location": "mark"}, folder="{where}", match=match)
    own = label_table("list.csv", columns={"filename": "name"}, image="{name}")
    if several:
        with pytest.raises(IntegrityError) as caught:
            indexed(files, own, joined)
        told = "\n".join([str(caught.value), *caught.value.details])
        assert all(one in told for one in several)
        return
    records, _ = indexed(files, own, joined)
    assert [one["path"] for one in records] == images
    for one in records:
        nearest = (f"{w}!" for up in above[one["path"]] for w in written if means(up, w, match))
        assert one["location"] == next(nearest, None)


PLACES = st.one_of(st.none(), st.integers(-3, 3))


@ALL
@given(slices=st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=5))
def test_slices_are_numbered_as_their_files_are_or_by_place_or_not_at_all(slices) -> None:
    files = {
        f"{at}.dcm": slice_of(number=number, at=None if z is None else (0, 0, z))
        for at, (number, z) in enumerate(slices)
    }
    records, _ = indexed(files)
    numbers, places = zip(*slices, strict=True)
    got = [one["slice"] for one in records]
    if None not in numbers and len({*numbers}) == len(slices):
        assert got == [*numbers]
    elif None not in places and len({*places}) == len(slices):
        assert got == [sorted(places).index(one) + 1 for one in places]
    else:
        assert got == [None] * len(slices)
