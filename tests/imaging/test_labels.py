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
(TABLE,) = COHEN.tables
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
    **dict.fromkeys(("survival", "icu", "intubated"), "answers"),
}
AS_WRITTEN = ("location", "filename", "doi", "url", "license", "clinical_notes", "other_notes")


def made(cells: Mapping[str, str], table: LabelTable = PLAIN, resource: Resource = COHEN) -> Record:
    return labels.LabelReader(table, resource).record(Row(cells, "t.csv"))


# ---- cells and columns -------------------------------------------------------------------------


def test_the_headers_of_two_years_mean_the_same() -> None:
    """Cohen: `Patientid`, a space before `url`, notes with a space; later all in lower case."""
    old = {"Patientid": "7", "finding": "SARS", " url": "u", "clinical notes": "n", "": "rest"}
    new = {"patientid": "7", "finding": "SARS", "url": "u", "clinical_notes": "n"}
    found = made(old, TABLE), made(new, TABLE)
    for name in ("patient_id", "finding", "url", "clinical_notes"):
        assert found[0][name] == found[1][name] is not None
    assert json.loads(str(found[0]["raw"])) == {"t.csv": old}


def test_the_first_column_with_something_in_it_is_taken() -> None:
    table = replace(PLAIN, columns={"clinical_notes": "MD1 | MD2 | MD3"})
    assert made({"MD1": " ", "MD2": "", "MD3": "effusion"}, table)["clinical_notes"] == "effusion"
    assert made({"MD1": "clear", "MD3": "effusion"}, table)["clinical_notes"] == "clear"
    assert made({"other": "x"}, table)["clinical_notes"] is None


def test_a_column_is_found_exactly_before_it_is_found_nearly() -> None:
    table = replace(PLAIN, columns={"doi": "DOI"})
    assert made({"doi": "nearly", "DOI": "exactly"}, table)["doi"] == "exactly"
    assert made({" Doi ": "nearly"}, table)["doi"] == "nearly"


@pytest.mark.parametrize(
    "blank", ["nan", "NaN", "Unknown", "N/A", "#N/A", "None", "-", "\u2014", "<NA>", " na ", "null"]
)
@pytest.mark.parametrize("name", ["patient_id", "filename", "location", "license", "doi"])
def test_a_place_holder_is_no_value(name: str, blank: str) -> None:
    assert made({name: blank})[name] is None
    assert json.loads(str(made({name: blank})["raw"])) == {"t.csv": {name: blank}}


@pytest.mark.parametrize("id", ["0", "1.0", "N", "nano", "None-1", "unknown 7", "-1"])
def test_an_id_that_only_looks_like_a_place_holder_is_kept(id: str) -> None:
    assert made({"patient_id": id})["patient_id"] == f"cohen:{id}"


@pytest.mark.parametrize(
    ("path", "expected"), [("nan/1.png", None), ("Unknown/1.png", None), ("P1/1.png", "cohen:P1")]
)
def test_a_place_holder_in_a_path_is_no_patient(path: str, expected: str | None) -> None:
    table = replace(PLAIN, columns=None, extract={"patient_id": "path: ^([^/]+)/"})
    found = labels.LabelReader(table, COHEN).record(Row({"x": ""}, "t.csv", path))
    assert found["patient_id"] == expected


@pytest.mark.parametrize("license", ["", " ", "None", "nan", "-", "N/A", "unknown", "todo"])
def test_a_blank_licence_in_a_column_of_licences_allows_nothing(license: str) -> None:
    whole = replace(FIGURE1, tables=(PLAIN,))
    found = made({"license": license}, resource=whole)
    assert found["license"] is None
    assert {found[f"allows_{use}"] for use in USES} == {"unknown"}


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


def test_constants_and_extracts_come_before_columns() -> None:
    table = replace(
        PLAIN,
        constants={"modality": "CT"},
        extract={"date": r"notes: date taken \(YYYYMMDD\): ([0-9]{8})"},
    )
    cells = {"modality": "X-ray", "date": "1999", "notes": ", date taken (YYYYMMDD): 20200313"}
    found = made(cells, table)
    assert (found["modality"], found["date"]) == ("ct", "2020-03-13")
    assert made({"notes": "no date"}, table)["date"] is None
    assert made({}, table)["date"] is None


def test_an_extract_may_look_at_the_path() -> None:
    table = replace(PLAIN, extract={"patient_id": "path: ^([^/]+)/"})
    found = labels.LabelReader(table, COHEN).record(Row({}, "P7/scan/1.dcm", "P7/scan/1.dcm"))
    assert found["patient_id"] == "cohen:P7"
    assert labels.LabelReader(table, COHEN).record(Row({}, "P7/t.csv"))["patient_id"] == "cohen:P7"


def test_an_extract_whose_group_is_not_there_is_blank() -> None:
    table = replace(PLAIN, extract={"location": "notes: (?:in (.*))?$"})
    assert made({"notes": "nothing"}, table)["location"] is None


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


# ---- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("age", "65", 65),
        ("age", "0", 0),  # POCUS, as written
        ("age", "131", None),
        ("age", "-1", None),
        ("age", "50+", None),
        ("age", "w", None),
        ("sex", "24", None),
        ("offset", "-270", -270),
        ("offset", "3.5", None),
        ("offset", "?", None),
        ("survival", "?", None),
        ("survival", "N", "no"),
        ("view", "?", None),
        ("date", "9999", None),
        ("date", "03/16/20", "2020-03-16"),
        ("date", "January 20", None),
        ("finding", "todo", None),
        ("patient_id", " 7 ", "cohen:7"),
        ("patient_id", " ", None),
        ("location", " Milan ", " Milan "),
        ("location", "a \ufffd b", "a \ufffd b"),
        ("doi", "same as above", "same as above"),
    ],
)
def test_a_value_is_a_word_or_a_number_or_blank(name: str, raw: str, expected: object) -> None:
    found = made({name: raw})
    assert found[name] == expected
    assert json.loads(str(found["raw"])) == {"t.csv": {name: raw}}


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


@pytest.mark.parametrize(
    ("raw", "icu"),
    [("-3.0", "yes"), ("0", "yes"), ("0.0", "yes"), ("1", "yes"), ("never", "no"), ("", None)],
)
def test_a_star_among_the_words_of_a_table_is_any_other_that_is_not_blank(raw, icu) -> None:
    """Hannover: whoever has a day of admission to the ICU, even day 0, was there."""
    table = replace(PLAIN, values={"icu": {"*": "yes", "Never": "no"}})
    assert made({"icu": raw}, table)["icu"] == icu
    assert made({"icu": "nan"}, table)["icu"] is None


def test_a_raw_finding_is_kept_whatever_becomes_of_it() -> None:
    for raw in ("todo", "Pneumonia/Viral/Herpes ", "something new", "COVID-19, ARDS", "?"):
        assert made({"finding": raw})["finding_raw"] == raw
    assert made({"finding": ""})["finding_raw"] is None


def test_half_a_character_is_spelt_out_and_its_raw_cell_is_exact() -> None:
    r"""JSON can name one (`\ud83d`), UTF-8 cannot hold it."""
    found = made({"location": "a\ud83db", "finding": "\udc80"})
    assert found["location"] == r"a\ud83db"
    str(found["raw"]).encode()
    assert json.loads(str(found["raw"]))["t.csv"]["location"] == "a\ud83db"


# ---- licences ----------------------------------------------------------------------------------


def test_each_image_has_its_own_licence_where_the_set_says_so() -> None:
    found = made({"license": "CC BY-NC-SA"})
    assert (found["license"], found["license_spdx"]) == ("CC BY-NC-SA", None)
    assert [found[f"allows_{use}"] for use in USES] == ["no", "yes", "yes"]


@pytest.mark.parametrize("raw", ["", " ", "None", "listed as authorized for everyone"])
def test_no_licence_or_an_unknown_one_allows_nothing(raw: str) -> None:
    found = made({"license": raw})
    assert found["license"] == (None if vocabulary.is_blank(raw) else raw)
    assert {found[f"allows_{use}"] for use in USES} == {"unknown"}


def test_the_licence_of_the_whole_set_holds_where_images_have_none() -> None:
    kermany = CATALOG.get("kermany")
    found = made({}, resource=kermany)
    assert (found["license"], found["license_spdx"]) == ("CC-BY-4.0", "CC-BY-4.0")
    assert found["allows_commercial"] == "yes"
    found = made({}, resource=FIGURE1)
    assert (found["license"], found["license_spdx"]) == ("LicenseRef-research-only", None)
    assert found["allows_commercial"] == "unknown"


# ---- images and masks --------------------------------------------------------------------------


def test_templates_are_tried_in_turn_and_a_blank_hole_makes_none() -> None:
    row = Row({"folder": "volumes", "filename": "a.nii.gz"}, "t")
    assert matching.images(row, TABLE) == ["volumes/a.nii.gz", "images/a.nii.gz"]
    assert matching.images(Row({"filename": " a.jpg "}, "t"), TABLE) == ["images/a.jpg"]
    assert matching.images(Row({"filename": " "}, "t"), TABLE) == []
    assert matching.images(Row({"filename": "{folder}"}, "t"), TABLE) == ["images/{folder}"]
    assert matching.images(row, replace(TABLE, image=None)) == []


def test_a_mask_is_named_by_path_name_or_stem() -> None:
    table = replace(TABLE, mask="m/{stem}_mask.png {name} {path}")
    (found,) = matching.masks(table, {}, "images/a.b.jpg")
    assert found == "m/a.b_mask.png a.b.jpg images/a.b.jpg"
    assert matching.masks(replace(TABLE, mask=None), {}, "a.jpg") == []


def test_a_mask_may_have_several_names_and_be_named_by_the_row() -> None:
    """Cohen: `_mask.png.png`; V7: the number of the JSON, whether its picture is here or not."""
    both = replace(TABLE, mask="m/{stem}_mask.png | m/{stem}_mask.png.png")
    assert matching.masks(both, {}, "images/a.jpg") == ["m/a_mask.png", "m/a_mask.png.png"]
    assert matching.masks(both, {}, None) == []
    by_row = replace(TABLE, mask="m/{json.stem}.png")
    assert matching.masks(by_row, {"json": "1676192.json"}, None) == ["m/1676192.png"]
    assert matching.masks(by_row, {"json": ""}, "images/a.jpg") == []


# ---- merging -----------------------------------------------------------------------------------


def test_no_row_hides_another_rows_raw_cells() -> None:
    """A header and a name come from the same file, as do two rows on one image."""
    rows = [Row({"dim1": "2"}, "a.nii"), Row({"dim1": "3"}, "a.nii"), Row({"x": "4"}, "a.nii")]
    first, *others = (labels.LabelReader(PLAIN, COHEN).record(row) for row in rows)
    found = labels.merge(first, others)
    assert found == labels.merge(labels.merge(first, others[:1]), others[1:])
    assert json.loads(str(found["raw"])) == {
        "a.nii": {"dim1": "2"},
        "a.nii#2": {"dim1": "3"},
        "a.nii#3": {"x": "4"},
    }


# ---- nothing is invented -----------------------------------------------------------------------

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
    for name in ("age", "offset"):
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
