"""Readers give every row of the real label tables' many forms, with its cells unchanged."""

import csv
import datetime
import gzip
import io
import json
import re
import string
import struct
import sys
import zipfile
from collections import Counter
from itertools import count
from pathlib import Path
from typing import get_args

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from makers import tables as made
from makers.archives import zip_of
from makers.tables import darwin, dicom, nifti, packed_nifti, sheet_xml, source_of, workbook
from test_real_data import REAL, needs_real

from covcat.catalog.entries import LabelTable, Reader
from covcat.catalog.matching import Row
from covcat.errors import IntegrityError, UsageError
from covcat.imaging import readers
from covcat.imaging.readers import names
from covcat.imaging.readers.base import ReleaseFiles
from covcat.imaging.readers.delimited import enough, unique

QUICK = settings(max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck))
V7 = REAL / "tables/v7-covid-only-sample.zip"


def rows_of(folder: Path, files, reader: str, path: str = "*", **keys) -> list[Row]:
    table = LabelTable(reader=reader, path=path, source="made up", **keys)
    return list(readers.read_rows(table, source_of(folder, files)))


def cells_of(folder: Path, data, reader: str, **keys) -> list[dict[str, str]]:
    return [dict(row.cells) for row in rows_of(folder, {"table": data}, reader, "table", **keys)]


WORKING = {  # of each reader: a file that it reads, how many rows that has, further keys
    "delimited": (made.COHEN_01, 2, {}),
    "sheet": (workbook([["File name"], ["a.png"], ["b"]]), 2, {}),
    "darwin": (darwin(["View/PA"]), 1, {}),
    "coco": (made.coco({"a.png": [[1, 2, 3, 4]]}), 1, {}),
    "covidx": (made.COVIDX, 8, {}),
    "names": (b"", 1, {"pattern": "(?P<finding>t)"}),
    "dicom": (dicom(), 1, {}),
    "nifti": (nifti(5, 5, 5), 1, {}),
}


def test_every_reader_of_the_catalog_has_a_module_and_is_tested_here() -> None:
    assert set(readers.READERS) == set(get_args(Reader)) == set(WORKING)


@pytest.mark.parametrize("reader", WORKING)
def test_a_reader_reads_all_files_of_its_glob_and_no_other(reader, tmp_path) -> None:
    data, count, keys = WORKING[reader]
    files = {f"a/{name}.png": data for name in ("1", "2")} | {"b/3.png": b"of another kind"}
    rows = rows_of(tmp_path, files, reader, "a/*", **keys)
    assert Counter(row.file for row in rows) == {"a/1.png": count, "a/2.png": count}
    assert all(isinstance(text, str) for row in rows for text in row.cells.values())
    assert not rows_of(tmp_path, files, reader, "c/*", **keys)
    assert not rows_of(tmp_path, files, reader, "c/missing", **keys)


@pytest.mark.parametrize("reader", ["sheet", "darwin", "coco", "covidx"])
@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"PK\3\4 cut", b"<html>log in</html>\n", b"[1]"]
)
def test_what_is_no_such_table_is_refused_by_name(reader, data, tmp_path) -> None:
    with pytest.raises(IntegrityError, match="table"):
        cells_of(tmp_path, data, reader)


# ---- delimited ---------------------------------------------------------------------------------


def test_the_three_headers_of_cohen_keep_every_column_under_its_own_name(tmp_path) -> None:
    february = cells_of(tmp_path, made.COHEN_FEBRUARY, "delimited")[0]
    assert (february["view"], "modality" in february) == ("CT", False)
    first, second = cells_of(tmp_path, made.COHEN_01, "delimited")
    assert (first[" url"], first["location"]) == ("https://example.org/a", "Cho Ray, Vietnam")
    assert (first["offset"], first[""]) == ("-270", "")
    assert (second["clinical notes"], second["other notes"]) == ("fever", " cut off here")
    assert second[""] == "the rest"
    newest, volume = cells_of(tmp_path, made.COHEN_02, "delimited")
    assert (newest["finding"], newest["license"]) == ("Pneumonia/Viral/Herpes ", " ")
    assert newest["clinical_notes"] == "38\ufffdC"
    assert volume["folder"] == "volumes"


def test_a_table_in_another_encoding_is_read_with_it_and_refused_without(tmp_path) -> None:
    first, second = cells_of(tmp_path, made.FIGURE1, "delimited", encoding="cp1252")
    assert (first["temperature"], first["notes"]) == ("38°C", "patient’s second film")
    assert (first["age"], second["age"]) == ("early 40s", "50+")
    with pytest.raises(IntegrityError, match=r"the table `table` cannot be read: ."):
        cells_of(tmp_path, made.FIGURE1, "delimited")
    with pytest.raises(IntegrityError, match=r"`table` cannot be read: .*klingon"):
        cells_of(tmp_path, made.FIGURE1, "delimited", encoding="klingon")


def test_carriage_returns_end_rows_and_bare_newlines_stay_in_their_cells(tmp_path) -> None:
    first, second, third = cells_of(tmp_path, made.POCUS, "delimited")
    assert (first["Area according to DEGUM"], first[""]) == ("left\nbase", "free text")
    assert (second["Gender"], second["Age"]) == ("42", "w")
    assert (third["Gender"], third["Effusion"]) == ("A", "")
    film, other = cells_of(tmp_path, made.ACTUALMED, "delimited")
    assert film["notes"] == "Portable, date taken (YYYYMMDD): 20200313"
    assert film["imagename"] == "CR.1.2.840.1.png"
    assert other["finding"] == ""


LINES = ("fever, cough\nno pain, none", "fever\ncough,dyspnea", "a\n\nb")


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        (
            made.SEVERITY,
            {"comment": "##"},
            [{"filename": "a.jpg", "geographic_mean": "1.0", "opacity": "2.0"}],
        ),
        (
            "a\tb c\n",
            {"delimiter": "tab", "header": ("x", "y")},
            [{"x": "a", "y": "b c"}],
        ),
        ("\ufeffid,a\n1,2\n", {}, [{"id": "1", "a": "2"}]),  # a byte-order mark
        (
            'a,n\nb,"12\nc,13"\n',
            {"quote": "none"},
            [{"a": "b", "n": '"12'}, {"a": "c", "n": '13"'}],
        ),
        # Cohen's clinical notes have lines and commas; people write a blank after these
        *(
            (f'a,n,b\na,"{text}",SARS\n', {}, [{"a": "a", "n": text, "b": "SARS"}])
            for text in LINES
        ),
    ],
)
def test_a_delimited_table_is_read_by_what_the_catalog_says(text, keys, expected, tmp_path) -> None:
    assert cells_of(tmp_path, text, "delimited", **keys) == expected


@QUICK
@given(
    lines=st.lists(st.lists(st.text('a,;"\t é\n=0', max_size=6), min_size=2, max_size=2)),
    form=st.sampled_from([(",", ","), (";", ";"), ("tab", "\t"), ("space", " ")]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_no_cell_of_a_delimited_table_is_changed_or_made_up(
    lines, form, end, tmp_path_factory
) -> None:
    name, between = form
    text = io.StringIO()
    csv.writer(text, delimiter=between, lineterminator=end).writerows([["first", "b"], *lines])
    data = text.getvalue().encode()
    got = cells_of(tmp_path_factory.getbasetemp(), data, "delimited", delimiter=name)
    assert [list(one.values()) for one in got] == [one for one in lines if any(map(str.strip, one))]


@QUICK
@given(path=st.text("abé0_/ ", min_size=1, max_size=12))
def test_cells_of_names_are_parts_of_the_path(path) -> None:
    path = f"x/{path}.png"
    table = LabelTable(
        reader="names", path="*", source="made up", pattern="(?P<finding>[a-z]+)/(?P<view>b)?"
    )
    (row,) = names.read_rows(path, Path(path), table)
    assert all(cell in path for cell in row.cells.values())


def test_other_delimited_tables_are_read_too(tmp_path) -> None:
    first, _ = cells_of(tmp_path, made.NON_COVID_CT, "delimited")
    assert first == {"": "0", "image name": "1%0.jpg", "patient id": "Patient 1"}
    papers = cells_of(tmp_path, made.CORD_19, "delimited")
    assert [one["cord_uid"] for one in papers] == ["ug7v899j"] * 2
    assert papers[0]["url"] == "https://a; https://b"
    with pytest.raises(IntegrityError, match='"delimiter" must be'):
        cells_of(tmp_path, made.COHEN_01, "delimited", delimiter="||")


def test_no_cell_hides_behind_one_of_the_same_name(tmp_path) -> None:
    text = "a,a#2,a,,,#7\n1,2,3,4,5,6,7,8\n9\n\n"
    full, short = cells_of(tmp_path, text, "delimited")
    assert list(full.values()) == list("12345678")
    assert list(full) == ["a", "a#2", "a#3", "", "#2", "#7", "#7#2", "#8"]
    assert short == dict.fromkeys(full, "") | {"a": "9"}


@QUICK
@given(header=st.lists(st.sampled_from(["a", "a#2", "a#3", "", "#2", "#3", "#5"]), max_size=8))
def test_names_of_columns_are_as_many_as_columns(header) -> None:
    names = unique(header)
    assert len(set(names)) == len(names) == len(header)
    more = enough(names, len(header) + 3)
    assert len(set(more)) == len(header) + 3
    assert more[: len(header)] == names


def test_a_header_of_nothing_but_commas_is_read_soon(tmp_path) -> None:
    (row,) = cells_of(tmp_path, "," * 50_000 + "\n" + "x," * 60_000 + "\n", "delimited")
    assert len(row) == 60_001
    assert (row[""], row["#50001"], row["#60000"]) == ("x", "x", "x")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,1,COVID-19\nb,2,"Normal\nc,3,Normal\n', 3),  # never closed
        ('"a,1,COVID-19\nb,2,Normal\n', 2),
        ('a,1,"Normal\nb,2,Normal\nc,3,N"x\n', 2),  # goes on after its end
        ('a,1,"5" nodule\n', 2),
        ('a,1,"said \\"no\\" twice"\n', 2),  # quoted as in C
        ('a,1,x\n\n\nb,"2,y\n', 5),
        ('a,"1,COVID-19\nb,2,N\nc,3",N\n', 2),  # closed rows later, in a column nobody maps
        ('x,0,N\na,1,"N\nb,2,COVID-19"\nc,3,N\n', 3),
    ],
)
def test_quotes_that_do_not_match_are_damage_of_a_line(text: str, line: int, tmp_path) -> None:
    with pytest.raises(IntegrityError, match=rf"`table` is damaged: .* begins in line {line} "):
        cells_of(tmp_path, f"name,patient,label\n{text}", "delimited")


@pytest.mark.parametrize(
    "cell", ['5" nodule', '"quoted, with\nlines, and ""more"""', "it's", '""', '"a\r\nb"']
)
def test_quotes_that_match_are_cells_as_they_are(cell: str, tmp_path) -> None:
    first, second = cells_of(tmp_path, f"name,notes\na,{cell}\nb,x\n", "delimited")
    assert (first["name"], second) == ("a", {"name": "b", "notes": "x"})


@pytest.mark.parametrize("blank", [",,", "   ,,", "\t,\u00a0,", '"","",""', " ", ",,,,,,"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_of_nothing_are_no_rows(blank: str, end: str, tmp_path) -> None:
    lines = ["name,patient,label", "a,1,SARS", blank, blank, "b,2,ARDS", blank, ""]
    got = cells_of(tmp_path, end.join(lines).encode(), "delimited")
    assert [one["name"] for one in got] == ["a", "b"]


PLAIN = b'file,finding\na.png,SARS\nb.png,"COVID-19, ARDS"\n'
LIST = b"1 a.png normal\n2 b.png COVID-19 cohen\n"


@pytest.mark.parametrize(("reader", "data"), [("delimited", PLAIN), ("covidx", LIST)])
def test_a_packed_table_is_the_same_table(reader: str, data: bytes, tmp_path) -> None:
    plain = cells_of(tmp_path, data, reader)
    assert len(plain) == 2
    assert cells_of(tmp_path, gzip.compress(data), reader) == plain
    packed = zip_of({"labels/a.csv": data, "labels/readme.md": b"#", "__MACOSX/labels/a.csv": b"?"})
    assert cells_of(tmp_path, packed, reader, member="*.csv") == plain
    two = zip_of({"1.csv": data, "2.csv": data, "3.txt": b"no table"})
    rows = rows_of(tmp_path, {"t.zip": two}, reader, "t.zip", member="?.csv")
    assert [(dict(row.cells), row.file) for row in rows] == [(one, "t.zip") for one in plain * 2]


@pytest.mark.parametrize(
    ("data", "keys", "message"),
    [
        (gzip.compress(PLAIN)[:-12], {}, "`table` cannot be unpacked: "),
        (gzip.compress(PLAIN)[:-4] + b"\0\0\0\0", {}, "`table` cannot be unpacked: "),
        (PLAIN, {"member": "*.csv"}, "`table` cannot be unpacked: File is not a zip file"),
        (zip_of({"a.txt": PLAIN}), {"member": "*.csv"}, r"has no `\*.csv`, it has: `a.txt`"),
        (zip_of({}), {"member": "*.csv"}, r"has no `\*.csv`, it has: nothing"),
    ],
    ids=["cut", "a wrong length", "no zip", "no table in it", "nothing in it"],
)
def test_a_packed_table_that_is_damaged_or_not_there_is_an_error(data, keys, message, tmp_path):
    with pytest.raises(IntegrityError, match=message):
        cells_of(tmp_path, data, "delimited", **keys)


# ---- sheet -------------------------------------------------------------------------------------

NIGHT, MORNING = datetime.datetime.fromisoformat("2020-03-13T14:05"), datetime.time(8, 30)
META = [
    ["File name", "Patient ID", "Age", "Gender", "Time", None, "Time", "Captions"],
    ["2020.01.24-p27-132.png", "Patient 1", 41, "F ", NIGHT.date(), None, 2.0, "['a']"],
    [None] * 8,
    ["p28-1%0", "Patient 2", 41.5, None, NIGHT, True, None, "x"],
    ["p29", "Patient 3", 0.1 + 0.2, "M", MORNING, "free", 10**15, None, None, "beyond"],
]


def test_cells_of_a_sheet_are_the_text_that_a_person_sees(tmp_path) -> None:
    names = ["File name", "Patient ID", "Age", "Gender", "Time", "", "Time#2", "Captions"]
    rows = cells_of(tmp_path, workbook(META), "sheet")
    assert [list(one) for one in rows] == [names, names, [*names, "#9", "#10"]]
    assert [list(one.values()) for one in rows] == [
        ["2020.01.24-p27-132.png", "Patient 1", "41", "F ", "2020-03-13", "", "2", "['a']"],
        ["p28-1%0", "Patient 2", "41.5", "", "2020-03-13T14:05:00", "TRUE", "", "x"],
        ["p29", "Patient 3", "0.3", "M", "08:30:00", "free", "1" + "0" * 15, "", "", "beyond"],
    ]


def test_a_sheet_is_chosen_by_its_name_else_it_is_the_first(tmp_path) -> None:
    book = workbook([["a"], ["1"]], other=[["b"], ["2"]])
    assert cells_of(tmp_path, book, "sheet") == [{"a": "1"}]
    assert cells_of(tmp_path, book, "sheet", sheet="other") == [{"b": "2"}]
    assert cells_of(tmp_path, book, "sheet", header=("x",)) == [{"x": "a"}, {"x": "1"}]
    with pytest.raises(IntegrityError, match="no sheet `c`, it has: positive_captions, other"):
        cells_of(tmp_path, book, "sheet", sheet="c")
    for empty in ([], [["only", "a", "header"]]):
        assert cells_of(tmp_path, workbook(empty), "sheet") == []


def merged(rows, *ranges: str) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for one in ranges:
        book.active.merge_cells(one)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_a_cell_merged_over_rows_is_said_of_each_and_over_columns_once(tmp_path) -> None:
    rows = [
        ["patient", "file", "notes", "more"],
        ["7", "a.png", "both lungs", None],
        [None, "b.png", None, None],
        [None, "c.png", "x", None],
        ["8", "d.png", None, None],
        [None, None, None, None],
        [None, "e.png", None, None],
    ]
    found = cells_of(tmp_path, merged(rows, "A2:A4", "C2:D3", "A5:A6"), "sheet")
    assert [(one["patient"], one["file"], one["notes"], one["more"]) for one in found] == [
        ("7", "a.png", "both lungs", ""),
        ("7", "b.png", "both lungs", ""),
        ("7", "c.png", "x", ""),
        ("8", "d.png", "", ""),  # and no row is made of a merged cell alone
        ("", "e.png", "", ""),
    ]


def test_a_merged_name_of_a_column_is_no_value_of_the_rows_below(tmp_path) -> None:
    rows = [["patient", "label"], [None, "finding"], ["7", "SARS"]]
    found = cells_of(tmp_path, merged(rows, "A1:A2"), "sheet")
    assert [one["patient"] for one in found] == ["", "7"]


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize("lie", ["A1", "A1:A2", "A1:XFD1048576"])
def test_a_sheet_that_lies_about_its_size_is_read_whole(lie: str, tmp_path) -> None:
    book = changed(SHEET, b'<dimension ref="[^"]*"', f'<dimension ref="{lie}"'.encode(), META)
    names = [one["File name"] for one in cells_of(tmp_path, book, "sheet")]
    assert names == ["2020.01.24-p27-132.png", "p28-1%0", "p29"]


def cell(place: str, text: str, more: str = "") -> str:
    return f'<c r="{place}" t="str">{more}<v>{text}</v></c>'


def changed(part: str, old: bytes, new: bytes, rows=(["name", "label"], ["a.png", "COVID-19"])):
    """A workbook of which something is written in another way."""
    book = workbook(rows)
    with zipfile.ZipFile(io.BytesIO(book)) as packed:
        text = packed.read(part)
    found = re.sub(old, new, text, flags=re.DOTALL)
    assert found != text
    return made.with_parts(book, {part: found})


ENTITIES = '<!DOCTYPE w [<!ENTITY a "lol">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)
ELSEWHERE = '<!DOCTYPE w [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
ROW = f'<row r="1">{cell("A1", "a")}</row>'
FAR = "".join(f"<row>{cell(f'ZZZ{n}', 'x')}</row>" for n in range(1, 4000))


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (sheet_xml(f'{ROW}<row r="999999999">{cell("A9", "b")}</row>'), "more than 1,048,576 rows"),
        (sheet_xml(FAR), "more than 16,384 columns"),
        (sheet_xml(f"<row>{cell('A1', '&j;')}</row>", f"{ENTITIES}]>"), "has a document type"),
        (sheet_xml(f"<row>{cell('A1', '&e;')}</row>", ELSEWHERE), "has a document type"),
        (sheet_xml('<row r="1"><c r="A1" t="s"><v>7000</v></c></row>'), "cannot be read"),
        (b"\0\1\2", "cannot be read"),
        (sheet_xml(ROW)[:-30], "cannot be read"),
    ],
    ids=["rows", "columns", "entities", "elsewhere", "shared text", "no XML", "cut"],
)
def test_a_hostile_workbook_is_refused_soon(xml: bytes, message: str, tmp_path) -> None:
    with pytest.raises(IntegrityError, match=message):
        cells_of(tmp_path, made.with_parts(workbook(META), {SHEET: xml}), "sheet")


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path) -> None:
    bomb = bytearray(zip_of({SHEET: b" " * 1000}))
    place = bomb.rindex(b"PK\1\2") + 24
    bomb[place : place + 4] = (1_000_000_001).to_bytes(4, "little")
    with pytest.raises(IntegrityError, match="`table` unpacks to 1,000,000,001 bytes"):
        cells_of(tmp_path, bytes(bomb), "sheet")


def test_of_a_formula_the_saved_value_is_read_and_no_link_is_followed(tmp_path) -> None:
    formula = cell("A2", "saved", '<f>WEBSERVICE("http://127.0.0.1:9/")</f>')
    book = made.with_parts(workbook(META), {SHEET: sheet_xml(f"{ROW}<row>{formula}</row>")})
    assert cells_of(tmp_path, book, "sheet") == [{"a": "saved"}]


# Text that XML can hold; XML itself makes one newline of `\r\n`.
WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12
).filter(lambda text: "_x" not in text)
VALUES = st.one_of(WORDS, st.integers(-(10**14), 10**14), st.none())


@QUICK
@given(lines=st.lists(st.lists(VALUES, min_size=1, max_size=6), min_size=1, max_size=5))
@pytest.mark.large
def test_no_cell_of_a_sheet_is_changed_or_made_up(lines, tmp_path_factory) -> None:
    assume(all(not isinstance(one, str) or one[:1] != "=" for line in lines for one in line))
    header = [f"column {number}" for number in range(3)]
    got = cells_of(tmp_path_factory.getbasetemp(), workbook([header, *lines]), "sheet")
    wanted = [["" if one is None else str(one) for one in line] for line in lines]
    for line in wanted:
        while line and not line[-1]:
            line.pop()
    wanted = [line + [""] * (3 - len(line)) for line in wanted if line]
    assert [list(one.values()) for one in got] == wanted


STYLES, SHARED, BOOK_RELS = "xl/styles.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"
TRANSITIONAL = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT = b"http://purl.oclc.org/ooxml/officeDocument/relationships"


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        (STYLES, b"<fill>.*?</fill>", b"<fill/>"),  # OnlyOffice
        (STYLES, b"<fonts.*</borders>", b""),
        (STYLES, b"<cellXfs.*</cellXfs>", b""),
        (BOOK_RELS, b"styles.xml", b"gone.xml"),  # named, and not written
        (BOOK_RELS, TRANSITIONAL, STRICT),  # strict OOXML, as LibreOffice and Excel can save
        (BOOK_RELS, b'"/xl/worksheets', b'"worksheets'),
        (BOOK_RELS, b'"/xl/worksheets', b'"../xl/worksheets'),
        ("xl/workbook.xml", b'state="visible"', b'state="hidden"'),
        (SHEET, b' r="[A-Z]+[0-9]+"', b""),  # writers of streams leave places out
    ],
)
def test_a_workbook_of_another_program_has_the_same_cells(part, old, new, tmp_path) -> None:
    got = cells_of(tmp_path, changed(part, old, new), "sheet")
    assert got == [{"name": "a.png", "label": "COVID-19"}]


def test_a_shared_text_below_the_first_is_damage_and_not_the_last(tmp_path) -> None:
    shared = b"<sst><si><t>name</t></si><si><t>COVID-19</t></si></sst>"
    xml = sheet_xml('<row><c t="s"><v>0</v></c></row><row><c t="s"><v>-1</v></c></row>')
    relation = b'<Relationship Id="rId77" Type="%s/sharedStrings" Target="sharedStrings.xml"/>'
    book = changed(BOOK_RELS, b"</Relationships>", relation % TRANSITIONAL + b"</Relationships>")
    with zipfile.ZipFile(buffer := io.BytesIO(made.with_parts(book, {SHEET: xml})), "a") as packed:
        packed.writestr(SHARED, shared)
    with pytest.raises(IntegrityError, match="no shared text -1"):
        cells_of(tmp_path, buffer.getvalue(), "sheet")


# ---- darwin ------------------------------------------------------------------------------------

TAGS = ["View/AP_Supine", "Age:55", "Sex/M", "X-ray", "COVID-19", "PatientID:311a"]


def test_flattened_tags_become_cells_and_plain_ones_stand_together(tmp_path) -> None:
    tags = [*TAGS, "location:Taoyuan, Taiwan", "Sex/F", "Sex/M", "19", "ratio/a/b:c"]
    (row,) = cells_of(tmp_path, darwin(tags, lungs=2), "darwin")
    assert json.loads(row.pop("other")) == {
        "dataset": "COVID-19 Chest X-Ray Dataset",
        "annotated": True,
        "image": {"seq": 6452, "filename": "00006452.png"},
    }
    assert row == {
        "json": "table",
        "filename": "1-s2.0-a.png",
        "width": "784",
        "height": "663",
        "View": "AP_Supine",
        "Age": "55",
        "Sex": "M; F",
        "tags": "X-ray; COVID-19; 19",
        "PatientID": "311a",
        "location": "Taoyuan, Taiwan",
        "ratio": "a/b:c",
        "annotations": "2",
    }


def test_what_no_cell_holds_is_kept_but_neither_points_nor_tokens(tmp_path) -> None:
    more = [
        {"name": "Ignore", "polygon": {"path": [{"x": 1, "y": 2}]}},
        {"name": "Lung", "polygon": {"path": [], "additional_paths": [1]}, "instance_id": 7},
        {"name": "Box", "bounding_box": {"x": 1}},
        {"name": "Sex/M", "tag": {"by": "someone"}},
        {"name": "", "tag": {}},
        {"polygon": {}},
        "what is this",
        None,
    ]
    (row,) = cells_of(tmp_path, darwin(["filename/b.png", "other:x"], 1, more), "darwin")
    assert row["filename"] == "1-s2.0-a.png"
    assert row["annotations"] == "2"
    assert row["tags"] == "filename/b.png; other:x"
    assert json.loads(row["other"])["annotations"] == [
        {"name": "Ignore", "polygon": {}},
        {"name": "Lung", "polygon": {}, "instance_id": 7},
        *more[2:],
    ]
    assert "secret" not in row["other"]


def test_a_zip_of_annotations_is_read_without_unpacking_it(tmp_path) -> None:
    members = {f"{number}.json": darwin([f"Age:{number}"]) for number in (1676192, 1676193)}
    junk = {"__MACOSX/._1.json": b"\0\5\x16\7", "class_mapping.csv": b"a", "folder/": b""}
    rows = rows_of(tmp_path, {"annotations/a.zip": zip_of({**members, **junk})}, "darwin")
    assert {row.file for row in rows} == {"annotations/a.zip"}
    found = [(row.cells["json"], row.cells["Age"]) for row in rows]
    assert found == [("1676192.json", "1676192"), ("1676193.json", "1676193")]
    assert [path.name for path in tmp_path.rglob("*")] == ["annotations", "a.zip"]


def lying_zip() -> bytes:
    """A zip that says another size of its member than it has."""
    raw = bytearray(zip_of({"a.json": darwin(TAGS)}))
    directory = raw.rindex(b"PK\1\2")
    raw[directory + 24 : directory + 28] = b"\7\0\0\0"
    return bytes(raw)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"images": []}', "`table` is no Darwin annotation"),
        (b'{"image": {}, "annotations": {}}', "is no Darwin annotation"),
        (zip_of({"x/1.json": b"[]"}), "`table/x/1.json` is no Darwin annotation"),
        (b"[" * 200_000, "the annotation `table` cannot be read"),
        (b'{"image": {"width": ' + b"9" * 5000, "cannot be read"),
        ('{"image": "é"}'.encode("latin-1"), "cannot be read"),
        (zip_of({"a.csv": b"a"}), "the zip `table` holds no JSON"),
        (zip_of({"a.json": b"{}"})[:30] + b"x" * 60, "cannot be read"),  # a wrong checksum
        (lying_zip(), "cannot be read"),
        (b" " * 8_000_001, "`table` has more than 8,000,000 bytes"),
        (zip_of({"a.json": b" " * 8_000_001}), "`table/a.json` has more than 8,000,000"),
    ],
    ids=count(),
)
def test_what_is_no_annotation_is_refused(data: bytes, message: str, tmp_path) -> None:
    with pytest.raises(IntegrityError, match=re.escape(message)):
        cells_of(tmp_path, data, "darwin")


def test_a_zip_of_too_much_in_all_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("covcat.imaging.readers.darwin._MAX_TOTAL", 1000)
    data = zip_of({f"{number}.json": darwin([]) for number in range(9)})
    with pytest.raises(IntegrityError, match="the zip `table` unpacks to more than 1,000 bytes"):
        cells_of(tmp_path, data, "darwin")


def test_half_a_pair_of_surrogates_is_written_as_json_writes_it(tmp_path) -> None:
    (row,) = cells_of(tmp_path, darwin(["Age:\ud800", "\udc00"]), "darwin")
    assert (row["Age"], row["tags"]) == ("\\ud800", "\\udc00")
    (blank,) = cells_of(tmp_path, darwin([], original_filename=None, width=1.5), "darwin")
    assert (blank["filename"], blank["width"]) == ("", "1.5")


NAMES = st.text(st.sampled_from("ab/:; 1"), min_size=1, max_size=6)


@QUICK
@given(tags=st.lists(NAMES, max_size=6), lungs=st.integers(0, 2), filename=st.text(max_size=5))
def test_every_tag_is_in_exactly_one_cell(tags, lungs, filename, tmp_path_factory) -> None:
    data = darwin(tags, lungs, original_filename=filename)
    (row,) = cells_of(tmp_path_factory.getbasetemp(), data, "darwin")
    assert row.pop("annotations") == str(lungs)
    assert row.pop("filename").encode("utf-8", "backslashreplace").decode() == filename
    fixed = {name: row.pop(name) for name in ("json", "width", "height", "other")}
    assert "annotations" not in json.loads(fixed["other"])
    plain = [tag for tag in dict.fromkeys(tags) if not re.fullmatch("[^/:]+[/:].+", tag)]
    assert row.pop("tags") == "; ".join(plain)
    for key, value in row.items():
        assert any(tag[: len(key) + 1] in (key + "/", key + ":") for tag in tags)
        assert f"{key}/{value}" in tags or f"{key}:{value}" in tags or ";" in value


# ---- covidx ------------------------------------------------------------------------------------


def test_a_row_of_covidx_is_parsed_from_the_right(tmp_path) -> None:
    got = [tuple(one.items()) for one in cells_of(tmp_path, made.COVIDX, "covidx")]
    assert [[text for _, text in one] for one in got] == [
        ["47c78742-4998", "47c78742-4998.png", "normal"],
        ["3", "SARS-10.1148rg.242035193-Fig8a-day0.jpeg", "pneumonia", "cohen"],
        ["COVID 119", "COVID-19(119).png", "COVID-19", "sirm"],
        ["COVID 120", "COVID-19(120).png", "COVID-19"],
        ["ANON  7", "ANON7.png", "negative", "rnsa"],
        ["419639-001863", "MIDRC-RICORD-1C-419639-001863-27599-0.png", "positive", "ricord"],
        ["this line is another one"],
        ["x.png normal"],
    ]
    assert [name for name, _ in got[1]] == ["patientid", "filename", "class", "source"]
    assert got[-1] == (("line", "x.png normal"),)


ID = st.text(st.sampled_from(string.ascii_letters + " 0-"), min_size=1, max_size=8).filter(
    lambda text: text.strip() == text
)


@QUICK
@given(
    patient=ID,
    name=st.text(st.sampled_from("abc.()%")).map("{}.png".format),
    kind=st.sampled_from(["normal", "COVID-19", "positive", "level2", "something-new"]),
    origin=st.sampled_from(["", "cohen", "rnsa", "somebody-new"]),
    end=st.sampled_from(["\n", "\r\n", ""]),
)
def test_a_row_of_covidx_says_what_was_written(patient, name, kind, origin, end, tmp_path_factory):
    line = " ".join(filter(None, [patient, name, kind, origin]))
    (row,) = cells_of(tmp_path_factory.getbasetemp(), line + end, "covidx")
    wanted = {"patientid": patient, "filename": name, "class": kind, "source": origin}
    assert row == {key: text for key, text in wanted.items() if text}


@QUICK
@given(lines=st.lists(st.text(st.sampled_from("a bnormal"), max_size=12), max_size=5))
def test_no_line_is_lost(lines, tmp_path_factory) -> None:
    text = "\n".join(["1 a.png normal", *lines])
    rows = cells_of(tmp_path_factory.getbasetemp(), text, "covidx")
    assert len(rows) == 1 + sum(bool(line.strip()) for line in lines)
    assert all(cell in text for row in rows for cell in row.values())


# ---- names -------------------------------------------------------------------------------------

KERMANY = [
    "chest_xray/test/PNEUMONIA/person1_virus_6.jpeg",
    "chest_xray/train/NORMAL/IM-0115-0001.jpeg",
    "chest_xray/train/NORMAL/odd name.JPEG",
    "chest_xray/train/NORMAL/.DS_Store",
    "chest_xray/notes.txt",
]
PATTERN = (
    r"(?P<split>train|test)/(?P<finding>[A-Z]+)/"
    r"(?:person(?P<patient_id>\d+)_(?P<kind>virus|bacteria)|(?:NORMAL2-)?IM)[-_]"
)


def test_groups_of_the_path_are_the_cells_of_each_image(tmp_path) -> None:
    rows = rows_of(tmp_path, dict.fromkeys(KERMANY, b""), "names", "chest_xray/*", pattern=PATTERN)
    assert [row.image for row in rows] == [row.file for row in rows] == sorted(KERMANY[:3])
    names = ("split", "finding", "patient_id", "kind")
    assert [tuple(row.cells.get(name) for name in names) for row in rows] == [
        ("test", "PNEUMONIA", "1", "virus"),
        ("train", "NORMAL", "", ""),
        (None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [(None, "no named group"), ("(a)", "no named group"), ("(?P<a>", "is wrong: .")],
)
def test_a_pattern_that_can_say_nothing_is_refused(pattern, message, tmp_path) -> None:
    with pytest.raises(IntegrityError, match=message):
        rows_of(tmp_path, {"a.png": b""}, "names", pattern=pattern)


# ---- nifti -------------------------------------------------------------------------------------


def test_a_header_of_nifti_is_read_in_all_its_forms(tmp_path) -> None:
    files = {
        "a.nii": nifti(512, 512, 100),
        "b.nii": nifti(512, 512, 100, order=">"),
        "c.nii.gz": packed_nifti(512, 512, 100),
        "d.nii": nifti(512, 512, 100, version=2),
        "e.nii": nifti(512, 512, 100, version=2, order=">"),
        "f": nifti(512, 512, 100, magic=b"ni1\0"),
    }
    sizes = {"dim1": "512", "dim2": "512", "dim3": "100"}
    spacing = dict.fromkeys(("pixdim1", "pixdim2", "pixdim3"), "0.7")
    more = {"datatype": "4", "bitpix": "16", "descrip": "made by hand"}
    for row in rows_of(tmp_path, files, "nifti"):
        assert row.cells == sizes | spacing | more
        assert row.image == row.file


def test_only_the_axes_that_there_are_have_cells(tmp_path) -> None:
    files = {
        "1": nifti(9, descrip=b"\xe9t\xe9"),
        "2": nifti(9, 9, 9, 2, pixdim=float("nan")),
        "3": nifti(9, 9, version=2, pixdim=1e300, descrip="µm".encode()),
        "4": nifti(9, pixdim=-float("inf")),
        "5": nifti(9, pixdim=3.4028234663852886e38),
    }
    one, two, three, four, five = (row.cells for row in rows_of(tmp_path, files, "nifti"))
    assert {name for name in one if name.startswith(("dim", "pix"))} == {"dim1", "pixdim1"}
    assert one["descrip"] == "été"
    assert (two["dim4"], two["pixdim3"], "pixdim4" in two) == ("2", "nan", False)
    assert (three["pixdim2"], three["descrip"]) == ("1e+300", "µm")
    assert four["pixdim1"] == "-inf"
    assert five["pixdim1"] == "3.4028235e+38"


def test_a_file_without_a_header_of_nifti_is_a_row_that_says_so(tmp_path) -> None:
    files = {
        "a": b"",
        "b": nifti(5, 5)[:340],
        "c": gzip.compress(b"no volume"),
        "d": packed_nifti(5, 5)[:21] + b"\xff" * 90,
        "e": nifti(5, 5, magic=b"n+9\0"),
        "f": b"\x1f\x8b" + b"\x08\x08" + b"\1" * 2_000_000,  # the name within gzip has no end
    }
    rows = rows_of(tmp_path, files, "nifti")
    assert [(row.file, row.image) for row in rows] == [(name, None) for name in files]
    said = {row.file: row.cells["error"].partition(":")[0] for row in rows}
    assert said == dict.fromkeys(files, "no NIfTI header") | {"d": "damaged gzip"}


@QUICK
@given(
    sizes=st.lists(st.integers(1, 2**15 - 1), min_size=1, max_size=7),
    pixdim=st.floats(width=32),
    order=st.sampled_from("<>"),
    descrip=st.binary(max_size=80),
)
def test_a_header_of_nifti_says_what_was_written(sizes, pixdim, order, descrip, tmp_path_factory):
    data = nifti(*sizes, pixdim=pixdim, order=order, descrip=descrip)
    (row,) = cells_of(tmp_path_factory.getbasetemp(), data, "nifti")
    assert [row[f"dim{axis}"] for axis in range(1, len(sizes) + 1)] == [str(one) for one in sizes]
    assert struct.pack("f", float(row["pixdim1"])) == struct.pack("f", pixdim) or pixdim != pixdim
    text = descrip.partition(b"\0")[0]
    assert row["descrip"] in (text.decode("latin-1"), text.decode("utf-8", "replace"))


# ---- dicom -------------------------------------------------------------------------------------


def test_without_pydicom_the_command_that_installs_it_is_shown(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UsageError, match="DICOM headers need the package pydicom") as raised:
        rows_of(tmp_path, {"IM0001": dicom()}, "dicom")
    assert raised.value.hint == "pip install 'covcat[dicom]'"


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big"])
def test_headers_are_read_as_written_and_names_of_patients_are_not(syntax, tmp_path) -> None:
    (row,) = rows_of(tmp_path, {"P 17/IM0001": dicom(syntax)}, "dicom")
    assert row.image == row.file == "P 17/IM0001"
    assert row.cells == {
        "SOPInstanceUID": "1.2.3.4.5",
        "StudyDate": "20200313",
        "Modality": "CT",
        "Manufacturer": "NeuViz",
        "PatientID": "P 17",
        "PatientSex": "M",
        "PatientAge": "047Y",
        "SliceThickness": "1.50",
        "StudyInstanceUID": "1.2.3.4",
        "InstanceNumber": "12",
        "SamplesPerPixel": "1",
        "Rows": "512",
        "Columns": "256",
        "BitsAllocated": "16",
        "BitsStored": "12",
    }


def test_files_that_are_no_image_of_dicom_are_rows_that_say_so(tmp_path) -> None:
    pixels = {0x7FE0_0010: None}
    report = {tag: None for tag in made.CT if tag >> 16 == 0x28} | pixels
    private = {0x0009_1001 + number: (b"LO", b"x" * 60_000) for number in range(300)}
    unknown = {0x0009_1001: (b"UN", made.dicom_sequence(b"")), **dict(list(private.items())[1:9])}
    files = {  # each with whether it is an image, and what it says
        "DICOMDIR": (dicom(more=report), False, ""),
        "README": (b"not a slice", False, "no DICOM file"),
        "cut": (dicom(is_cut=True), True, "a damaged header"),
        "deflated": (dicom("deflated"), True, "a deflated DICOM file"),
        "endless": (dicom(more=private), True, "a header of more than 2097152 bytes"),
        "long": (dicom(more=unknown), True, ""),
        "only a header": (dicom(more=pixels), True, ""),
        "short": (bytes(128) + b"DICM", True, "no data set after the file's own header"),
    }
    rows = rows_of(tmp_path, {name: data for name, (data, *_) in files.items()}, "dicom")
    assert {
        row.file: (row.image is not None, row.cells.get("error", "").partition(":")[0])
        for row in rows
    } == {name: (is_image, said) for name, (_, is_image, said) in files.items()}
    assert [row.cells["Rows"] for row in rows if row.file == "long"] == ["512"]


@pytest.mark.parametrize(
    ("character_set", "value", "expected"),
    [
        (b"ISO_IR 192", "Müller ".encode(), "Müller"),
        (b"ISO_IR 100", "Müller".encode("latin-1"), "Müller"),
        (b"ISO_IR 144", "Иванов".encode("iso8859_5"), "Иванов"),
        (b"GB18030", "东软".encode("gb18030"), "东软"),
        (b"nonsense", b"\xfc\xdf", "üß"),
        (b"ISO_IR 192", b"M\xfcller", "Müller"),
        (b"ISO_IR 6", b"a\\b", "a\\b"),
    ],
)
def test_text_is_decoded_as_the_header_says(character_set, value, expected, tmp_path) -> None:
    more = {0x0008_0005: (b"CS", character_set), 0x0008_0070: (b"LO", value)}
    (row,) = rows_of(tmp_path, {"a": dicom(more=more)}, "dicom")
    assert row.cells["Manufacturer"] == expected


@settings(QUICK, max_examples=300)
@given(
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=4),
    syntax=st.sampled_from(["explicit", "implicit", "big"]),
)
def test_no_damage_of_a_header_raises(edits, syntax, tmp_path_factory) -> None:
    data = bytearray(dicom(syntax))
    for place, new in edits:
        begin = 132 + int(place * (len(data) - 132))
        data[begin : begin + len(new)] = new
    (row,) = rows_of(tmp_path_factory.getbasetemp(), {"a": bytes(data)}, "dicom", "a")
    numbers = {"SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored"}
    for name in row.cells.keys() - numbers - {"error"}:
        text = row.cells[name]
        assert text.encode("latin-1", "replace") in bytes(data) or not text.isascii()


@needs_real
def test_the_real_annotations_of_v7_lose_no_tag() -> None:
    table = LabelTable(reader="darwin", path=V7.name, source="made up")
    found = readers.read_rows(table, ReleaseFiles(V7.parent, [V7.name]))
    rows = {row.cells["json"]: row.cells for row in found}
    with zipfile.ZipFile(V7) as packed:
        for name in packed.namelist():
            tree = json.loads(packed.read(name))
            row = rows[name]
            assert row["filename"] == tree["image"]["original_filename"]
            for one in tree["annotations"]:
                key, _, value = re.sub("[/:]", "\0", one["name"], count=1).partition("\0")
                held = row[key] if value else row["tags"]
                assert "tag" not in one or (value or key) in held.split("; ")
    assert sum(int(row["annotations"]) for row in rows.values()) == 220
    assert {"X-ray", "COVID-19"} <= set(rows["1676210.json"]["tags"].split("; "))
