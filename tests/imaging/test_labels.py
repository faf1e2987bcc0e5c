"""A row of a label table -> an image record: nothing is lost, and nothing is invented."""

import json
import string
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from covcat.catalog import load, matching, vocabulary
from covcat.catalog.columns import LABELS, NAMES, Record
from covcat.catalog.entries import USES, LabelTable, Resource
from covcat.catalog.matching import Row
from covcat.errors import IntegrityError
from covcat.imaging import labels

CATALOG = load.load()
COHEN = CATALOG.get("cohen")
FIGURE1 = CATALOG.get("figure1")  # one licence for the whole set
TABLE, SCORES, _ = COHEN.tables
PLAIN = LabelTable(
    reader="delimited",
    path="t.csv",
    source="made up",
    columns={name: name for name in LABELS},
    dates="mdy",
)
TERMS = {name: {*known.values(), None} for name, known in vocabulary.words().lists.items()}
WORDS = {
    "modality": "modalities",
    "view": "views",
    "sex": "sexes",
    "split": "splits",
    **dict.fromkeys(("survival", "icu", "intubated", "pcr"), "answers"),
}
AS_WRITTEN = (
    "severity",
    "location",
    "filename",
    "doi",
    "url",
    "license",
    "clinical_notes",
    "other_notes",
)


def made(cells: Mapping[str, str], table: LabelTable = PLAIN, resource: Resource = COHEN) -> Record:
    return labels.LabelReader(table, resource).record(Row(cells, "t.csv"))


def test_the_headers_of_two_years_mean_the_same() -> None:
    """Cohen: `Patientid`, a space before `url`, notes with a space; later all in lower case."""
    old = {"Patientid": "7", "finding": "SARS", " url": "u", "clinical notes": "n", "": "rest"}
    new = {"patientid": "7", "finding": "SARS", "url": "u", "clinical_notes": "n"}
    found = made(old, TABLE), made(new, TABLE)
    for name in ("patient_id", "finding", "url", "clinical_notes"):
        assert found[0][name] == found[1][name] is not None
    assert json.loads(str(found[0]["raw"])) == {"t.csv": old}


DATE_TAKEN = r"notes: date taken \(YYYYMMDD\): ([0-9]{8})"


@pytest.mark.parametrize(
    ("keys", "cells", "name", "expected"),
    [
        ("MD1 | MD2 | MD3", {"MD1": " ", "MD2": "", "MD3": "effusion"}, "doi", "effusion"),
        ("MD1 | MD2 | MD3", {"MD1": "clear", "MD3": "effusion"}, "doi", "clear"),
        ("MD1 | MD2 | MD3", {"other": "x"}, "doi", None),
        ("DOI", {"doi": "nearly", "DOI": "exactly"}, "doi", "exactly"),
        ("DOI", {" Doi ": "nearly"}, "doi", "nearly"),
        ({"constants": {"modality": "CT"}}, {"modality": "X-ray"}, "modality", "ct"),
        (
            {"extract": {"date": DATE_TAKEN}},
            {"date": "1999", "notes": ", date taken (YYYYMMDD): 20200313"},
            *("date", "2020-03-13"),
        ),
        ({"extract": {"date": DATE_TAKEN}}, {"notes": "no date"}, "date", None),
        ({"extract": {"date": DATE_TAKEN}}, {}, "date", None),
        ({"extract": {"doi": "notes: (?:in (.*))?$"}}, {"notes": "nothing"}, "doi", None),
    ],
)
def test_constants_and_extracts_come_before_the_first_column_that_says_something(
    keys: str | dict, cells: dict[str, str], name: str, expected: str | None
) -> None:
    keys = {"columns": {"doi": keys}} if isinstance(keys, str) else keys
    assert made(cells, replace(PLAIN, **keys))[name] == expected


@pytest.mark.parametrize(
    "blank", ["nan", "NaN", "Unknown", "N/A", "#N/A", "None", "-", "\u2014", "<NA>", " na ", "null"]
)
@pytest.mark.parametrize("name", ["patient_id", "filename", "location", "license", "doi"])
def test_a_place_holder_is_no_value(name: str, blank: str) -> None:
    found = made({name: blank})
    assert found[name] is None
    assert json.loads(str(found["raw"])) == {"t.csv": {name: blank}}


@pytest.mark.parametrize(
    ("file", "expected"),
    [("nan/1.png", None), ("Unknown/1.png", None), ("P1/1.png", "cohen:P1"), ("P7/t", "cohen:P7")],
)
def test_an_extract_may_look_at_the_path_and_a_place_holder_is_no_patient(file, expected) -> None:
    table = replace(PLAIN, columns=None, extract={"patient_id": "path: ^([^/]+)/"})
    reader = labels.LabelReader(table, COHEN)
    assert reader.record(Row({"x": ""}, "t.csv", file))["patient_id"] == expected
    assert reader.record(Row({}, file))["patient_id"] == expected


BLANK = ("", " ", "None", "nan", "-", "N/A", "unknown", "todo")
CC_BY = ["CC-BY-4.0", "CC-BY-4.0", "yes", "yes", "yes"]
RESEARCH = ["LicenseRef-research-only", None, "unknown"]


@pytest.mark.parametrize(
    ("whole", "cells", "expected"),
    [
        # each image has its own where the set says so
        (COHEN, {"license": "CC BY-NC-SA"}, ["CC BY-NC-SA", None, "no", "yes", "yes"]),
        *((COHEN, {"license": raw}, [None, None, *["unknown"] * 3]) for raw in BLANK[:3]),
        (COHEN, {"license": "authorized for all"}, ["authorized for all", None, *["unknown"] * 3]),
        # that of the whole set holds where images have none
        (CATALOG.get("kermany"), {}, CC_BY),
        (FIGURE1, {}, RESEARCH),
        # but for a blank in a column of licences
        *(
            (replace(FIGURE1, tables=(PLAIN,)), {"license": raw}, [None, None, *["unknown"] * 3])
            for raw in BLANK
        ),
    ],
)
def test_a_licence_is_the_images_own_or_that_of_the_whole_set(whole, cells, expected) -> None:
    found = made(cells, resource=whole)
    said = [found["license"], found["license_spdx"], *(found[f"allows_{use}"] for use in USES)]
    assert said[: len(expected)] == expected


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("finding", "Normal,1\nb,COVID-19"),
        ("filename", "a.png,COVID-19\nb.png"),
        ("patient_id", "1,\n2,"),
        ("date", "2020,\n,"),
    ],
)
def test_a_cell_that_swallowed_rows_is_damage(name: str, cell: str) -> None:
    with pytest.raises(IntegrityError, match=r"`t\.csv` is damaged: .* a quote before it"):
        made({name: cell})


@pytest.mark.parametrize("name", ["clinical_notes", "other_notes", "location"])
def test_notes_may_have_lines_and_commas(name: str) -> None:
    assert made({name: "cough, fever\nthen, ARDS"})[name] == "cough, fever\nthen, ARDS"
    assert made({"finding": "COVID-19\n"})["finding"] == "COVID-19"


@pytest.mark.parametrize("rule", ["notes ([0-9]", "notes: ([0-9]", "notes: [0-9]", "notes: (a)(b)"])
def test_an_extract_of_another_form_is_a_mistake_of_the_catalog(rule: str) -> None:
    with pytest.raises(IntegrityError, match="`extract` of `age`"):
        labels.LabelReader(replace(PLAIN, extract={"age": rule}), COHEN)


def test_what_could_not_be_read_has_no_labels() -> None:
    """A file among DICOM slices that is none: the constants of the set do not hold for it."""
    table = replace(PLAIN, reader="nifti", constants={"finding": "COVID-19", "modality": "CT"})
    broken = labels.LabelReader(table, FIGURE1).record(Row({"error": "no NIfTI header"}, "a.nii"))
    assert (broken["finding"], broken["covid"], broken["modality"]) == (None, "unknown", None)
    assert matching.images(Row({"error": "x"}, "a.nii"), table) == ["a.nii"]
    whole = labels.LabelReader(table, FIGURE1).record(Row({"dim1": "2"}, "a.nii", "a.nii"))
    assert (whole["finding"], whole["covid"], whole["modality"]) == ("COVID-19", "yes", "ct")


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("age", "65", 65),
        ("age", "0", 0),  # POCUS, as written
        *(("age", raw, None) for raw in ("131", "-1", "50+", "w")),
        *(("temperature", raw, value) for raw, value in (("38.5", 38.5), ("39", 39))),
        *(("temperature", raw, None) for raw in ("95", "38+", "?", "-99.0")),  # 95: Fahrenheit?
        *(("po2", raw, value) for raw, value in (("97", 97), ("61.3", 61.3), ("100.0", 100))),
        *(("po2", raw, None) for raw in ("340", "91-92", "low 90s", "-99.0")),
        *(("pcr", raw, value) for raw, value in (("Y", "yes"), ("N", "no"), ("Unclear", None))),
        *(("severity", raw, raw) for raw in ("level2", "2.3333333333333335", "0")),
        ("sex", "24", None),
        ("offset", "-270", -270),
        *(("offset", raw, None) for raw in ("3.5", "?")),
        ("survival", "?", None),
        ("survival", "N", "no"),
        ("view", "?", None),
        ("date", "03/16/20", "2020-03-16"),
        *(("date", raw, None) for raw in ("9999", "January 20")),
        ("finding", "todo", None),
        ("patient_id", " 7 ", "cohen:7"),
        ("patient_id", " ", None),
        *(("location", raw, raw) for raw in (" Milan ", "a \ufffd b")),
        ("doi", "same as above", "same as above"),
        *(("patient_id", id, f"cohen:{id}") for id in ("0", "1.0", "N", "nano", "None-1", "-1")),
        *(("finding_raw", raw, None) for raw in ("COVID-19", "")),  # no column of its own
    ],
)
def test_a_value_is_a_word_or_a_number_or_blank(name: str, raw: str, expected: object) -> None:
    found = made({name: raw})
    assert found[name] == expected
    assert json.loads(str(found["raw"])) == {"t.csv": {name: raw}}


@pytest.mark.parametrize(
    "raw", ["todo", "Pneumonia/Viral/Herpes ", "something new", "COVID-19, ARDS", "?", ""]
)
def test_a_raw_finding_is_kept_whatever_becomes_of_it(raw: str) -> None:
    assert made({"finding": raw})["finding_raw"] == (raw or None)


@pytest.mark.parametrize(
    ("raw", "offset"),
    [("-4", 4), ("0", 0), ("10", -10), ("-4.0", 4), ("", None), ("?", None), ("-3.5", None)],
)
def test_days_that_count_from_the_image_are_turned_round(raw: str, offset: int | None) -> None:
    """Hannover: -4 is an admission four days before the film, so the film is of day 4."""
    table = replace(PLAIN, offset_from="image")
    found = made({"offset": raw}, table)
    assert found["offset"] == offset
    assert json.loads(str(found["raw"])) == {"t.csv": {"offset": raw}}


CHEXPERT = LabelTable(  # in the shape of CheXpert's train.csv, with a column of COVID-19
    reader="delimited",
    path="train.csv",
    source="made up",
    columns={"sex": "Sex"},
    one_hot={
        "No Finding": "No finding",
        "Lung Opacity": "Lung opacity",
        "Edema": "",
        "Pneumonia": "Pneumonia",
        "COVID": "COVID-19",
    },
)


@pytest.mark.parametrize(
    ("cells", "finding", "covid"),
    [
        ({"Pneumonia": "1.0", "Lung Opacity": "1"}, "Lung opacity; Pneumonia", "no"),
        ({"Pneumonia": "-1.0", "Lung Opacity": "1.0"}, "Lung opacity", "no"),  # uncertain
        ({"No Finding": "1.0"}, "No finding", "no"),
        ({"Pneumonia": "-1", "Lung Opacity": "0.0"}, None, "unknown"),
        ({"Pneumonia": "", "Lung Opacity": ""}, None, "unknown"),
        ({"Pneumonia": "1", "Edema": "1"}, "Pneumonia", "unknown"),  # of Edema there is no term
        ({"Pneumonia": "2", "Lung Opacity": "u"}, None, "unknown"),
        ({"Pneumonia": "1", "COVID": "1"}, "Pneumonia; COVID-19", "yes"),
        ({"Pneumonia": "1", "COVID": "0"}, "Pneumonia", "no"),
        ({"Pneumonia": "1", "COVID": "-1"}, "Pneumonia", "unknown"),
        ({"Pneumonia": "1", "COVID": ""}, "Pneumonia", "unknown"),
        ({"Pneumonia": "0", "COVID": "0"}, None, "no"),
    ],
)
def test_columns_of_one_finding_each_say_what_is_there_and_no_more(cells, finding, covid) -> None:
    named = {name: term for name, term in (CHEXPERT.one_hot or {}).items() if name in cells}
    table = replace(CHEXPERT, one_hot=named)
    found = made({"Sex": "Female", **cells}, table)
    assert (found["finding"], found["covid"], found["sex"]) == (finding, covid, "F")
    said = [f"{name}: {cell}" for name, cell in cells.items() if cell]
    assert set(str(found["finding_raw"] or "").split("; ")) == set(said or [""])
    paths = str(found["finding_path"] or "").split("; ")
    assert [path.rpartition("/")[2] for path in paths] == (finding or "").split("; ")


CELL = st.sampled_from(["", "1", "1.0", "0", "0.0", "-1", "-1.0", "yes", "no", "?"]) | st.text(
    max_size=5
)


@given(st.dictionaries(st.sampled_from(list(CHEXPERT.one_hot or {})), CELL))
def test_no_finding_is_made_of_a_column_that_does_not_say_so(cells: dict[str, str]) -> None:
    found = made({"Sex": "", **cells}, CHEXPERT)
    yes = {one for one, cell in cells.items() if vocabulary.term("answers", cell) == "yes"}
    expected = {term for one, term in (CHEXPERT.one_hot or {}).items() if one in yes and term}
    assert set(filter(None, str(found["finding"] or "").split("; "))) == expected
    assert (found["covid"] == "yes") == ("COVID" in yes)
    assert json.loads(str(found["raw"]))["t.csv"] == {"Sex": "", **cells}


@pytest.mark.parametrize(
    ("raw", "icu"),
    [
        *((raw, "yes") for raw in ("-3.0", "0", "0.0", "1")),
        ("never", "no"),
        ("", None),
        ("nan", None),
    ],
)
def test_a_star_among_the_words_of_a_table_is_any_that_is_not_blank(raw, icu) -> None:
    """Hannover: whoever has a day of admission to the ICU, even day 0, was there."""
    table = replace(PLAIN, values={"icu": {"*": "yes", "Never": "no"}})
    assert made({"icu": raw}, table)["icu"] == icu


def test_half_a_character_is_spelt_out_and_its_raw_cell_is_exact() -> None:
    r"""JSON can name one (`\ud83d`), UTF-8 cannot hold it."""
    found = made({"location": "a\ud83db", "finding": "\udc80"})
    assert found["location"] == r"a\ud83db"
    str(found["raw"]).encode()
    assert json.loads(str(found["raw"]))["t.csv"]["location"] == "a\ud83db"


def test_templates_are_tried_in_turn() -> None:
    """What a template needs is in tests/catalog/test_matching.py."""
    row = Row({"folder": "volumes", "filename": "a.nii.gz"}, "t")
    assert matching.images(row, TABLE) == ["volumes/a.nii.gz", "images/a.nii.gz"]
    assert matching.images(Row({"filename": " "}, "t"), TABLE) == []
    assert matching.images(row, replace(TABLE, image=None)) == []


@pytest.mark.parametrize(
    ("mask", "cells", "path", "expected"),
    [
        (
            *("m/{stem}_mask.png {name} {path}", {}, "images/a.b.jpg"),
            ["m/a.b_mask.png a.b.jpg images/a.b.jpg"],
        ),
        (None, {}, "a.jpg", []),
        # Cohen: `_mask.png.png`
        ("m/{stem}.png | m/{stem}.png.png", {}, "images/a.jpg", ["m/a.png", "m/a.png.png"]),
        ("m/{stem}.png | m/{stem}.png.png", {}, None, []),
        ("{stem}_mask.nii.gz", {}, "scans/a.b.nii.gz", ["a.b_mask.nii.gz"]),
        ("{stem}_mask.dcm", {}, "scans/IM0001", ["IM0001_mask.dcm"]),
        ("m/{scan.stem}.png", {"scan": "x.NII.GZ"}, None, ["m/x.png"]),
        # V7: the number of the JSON, whether its picture is here or not
        ("m/{json.stem}.png", {"json": "1676192.json"}, None, ["m/1676192.png"]),
        ("m/{json.stem}.png", {"json": ""}, "images/a.jpg", []),
    ],
)
def test_a_mask_is_named_by_path_name_or_stem_or_by_the_row(mask, cells, path, expected) -> None:
    assert matching.masks(replace(TABLE, mask=mask), cells, path) == expected


def test_no_row_hides_another_rows_raw_cells() -> None:
    """A header and a name come from the same file, as do two rows on one image."""
    rows = [Row({"dim1": "2"}, "a.nii"), Row({"dim1": "3"}, "a.nii"), Row({"x": "4"}, "a.nii")]
    first, *others = (labels.LabelReader(PLAIN, COHEN).record(row) for row in rows)
    found = labels.merge(first, others)
    assert found == labels.merge(labels.merge(first, others[:1]), others[1:])
    raw = {"a.nii": {"dim1": "2"}, "a.nii#2": {"dim1": "3"}, "a.nii#3": {"x": "4"}}
    assert json.loads(str(found["raw"])) == raw


KNOWN = sorted({word for known in vocabulary.words().lists.values() for word in known})
CELL = (
    st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from([*KNOWN, *vocabulary.words().placeholders, *vocabulary.words().licenses])
    | st.lists(st.sampled_from(KNOWN), max_size=3).map(", ".join)
    | st.integers(-300, 300).map(str)
    | st.dates().map(lambda day: f"{day.month}/{day.day}/{day.year}")
    | st.sampled_from(["\x1b[31mred", "=cmd|' /C calc'!A0", "<script>", "a\x00b", "\u202egpj"])
)
ONE_LINE = CELL.filter(lambda text: not {"\n", ","} <= set(text))  # else it swallowed other rows
ROWS = st.dictionaries(st.sampled_from([*LABELS, "more", "", "Finding "]), ONE_LINE)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.sampled_from([COHEN, FIGURE1, CATALOG.get("kermany")]))
@pytest.mark.large
def test_a_record_holds_only_raw_values_and_words(cells: dict[str, str], whole: Resource) -> None:
    found = made(cells, resource=whole)
    assert set(found) <= set(NAMES)
    assert json.loads(str(found["raw"])) == {"t.csv": cells}

    def cell(name: str) -> str:
        own = labels._cell(cells, name)
        return own or ""

    for name, kind in WORDS.items():
        assert found[name] in TERMS[kind]
        assert found[name] is None or vocabulary.plain(cell(name)) in vocabulary.words().lists[kind]
    for name in ("age", "offset", "temperature", "po2"):
        assert found[name] is None or float(cell(name)) == found[name]
    for name in AS_WRITTEN:
        if name != "license" or whole is COHEN:
            assert found[name] == (None if vocabulary.is_blank(cell(name)) else cell(name))
    assert found["finding_raw"] == (cell("finding") or None)
    terms = [one for one in str(found["finding"] or "").split("; ") if one]
    assert set(terms) <= TERMS["findings"]
    assert not terms or found["finding_raw"]
    assert found["covid"] in ("yes", "no", "unknown")
    assert found["covid"] != "yes" or "COVID-19" in terms
    assert found["patient_id"] in (None, f"{whole.id}:{cell('patient_id').strip()}")
    said = str(found["date"] or "")
    assert set(said) <= set(string.digits + "-")
    assert not said or said[2:4] in cell("date")
    for use in USES:
        assert found[f"allows_{use}"] in ("yes", "no", "unknown")
        if whole.license.per_image and found[f"allows_{use}"] != "unknown":
            assert vocabulary.plain(cell("license")) in vocabulary.words().licenses


@given(ROWS, ROWS)
def test_merging_only_fills_blanks(one: dict[str, str], more: dict[str, str]) -> None:
    first, second = made(one), labels.LabelReader(PLAIN, COHEN).record(Row(more, "u.csv"))
    found = labels.merge(first, [second])
    for name in (*LABELS, "covid", "finding_raw"):
        if first[name] not in (None, "", "unknown"):
            assert found[name] == first[name]
        else:
            assert found[name] in (first[name], second[name])
    assert json.loads(str(found["raw"])) == {"t.csv": one, "u.csv": more}
