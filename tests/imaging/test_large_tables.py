"""What a label table costs in memory is not its own choice, and a table of labels is still read."""

import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from makers.laid import lay
from makers.releases import Shelf
from makers.tables import darwin, png, sheet_xml, source_of, with_parts, workbook

from covcat.catalog import load
from covcat.catalog.columns import Record
from covcat.catalog.entries import LabelTable
from covcat.errors import IntegrityError
from covcat.imaging import labels, readers
from covcat.imaging.scratch import Additions

MOST_MIB = 500  # of memory of a whole command, whatever the table
SHEET, STYLES = "xl/worksheets/sheet1.xml", "xl/styles.xml"
BOOK, BOOK_RELS, SHARED = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"
PLAIN = workbook([["id", "finding"], ["a.png", "COVID-19"]])
HEADER = '<row><c t="str"><v>id</v></c><c t="str"><v>finding</v></c></row>'


def book(**parts: str | bytes) -> bytes:
    """A workbook of which some parts are others."""
    names = {"sheet": SHEET, "styles": STYLES, "main": BOOK, "rels": BOOK_RELS}
    data = {key: one.encode() if isinstance(one, str) else one for key, one in parts.items()}
    return with_parts(PLAIN, {names[key]: one for key, one in data.items()})


def sharing(texts: str, body: str) -> bytes:
    """A workbook with shared texts."""
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = (
        f'<Relationships><Relationship Id="rId1" Type="{relation}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="rId9" '
        f'Type="{relation}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    )
    data = book(sheet=sheet_xml(HEADER + body), rels=rels)
    with zipfile.ZipFile(buffer := io.BytesIO(data), "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(SHARED, f"<sst>{texts}</sst>")
    return buffer.getvalue()


def packed_with(method: int) -> bytes:
    """A workbook whose sheet is packed in another way."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(PLAIN)) as old, zipfile.ZipFile(buffer, "w") as new:
        for one in old.infolist():
            new.writestr(one.filename, old.read(one), method)
    return buffer.getvalue()


def crowded(data: bytes, count: int) -> bytes:
    """A zip whose directory has so many further entries, which nothing belongs to."""
    end = data.rindex(b"PK\5\6")
    number, _, start = struct.unpack("<HII", data[end + 10 : end + 20])
    fields = (b"PK\1\2", 20, 3, 20, 0, 0, 0, 33, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0)
    entry = struct.pack("<4s2B5H3I5H2I", *fields)
    more = b"".join(entry + b"%06d" % one for one in range(count))
    size, total = end - start + len(more), number + count
    wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, total, total, size, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end + len(more), 1)
    last = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    return data[:end] + more + wide + locator + last


def rows(reader: str, data: bytes | str, folder: Path, **keys) -> list[dict[str, str]]:
    table = LabelTable(reader=reader, path="table", source="made up", **keys)
    return [dict(row.cells) for row in readers.read_rows(table, source_of(folder, {"table": data}))]


# ---- told before it is passed ------------------------------------------------------------------

LONG = "x" * 10_000_001
STRETCH = "x" * 1_200_000
SHARING = '<c t="s"><v>0</v></c>'
RUNS = "<r><t>1234567890</t></r>" * 400_001
BOOKS = {
    "more formats of cells than Excel has": (
        lambda: book(styles=f"<styleSheet><cellXfs>{'<xf/>' * 65_537}</cellXfs></styleSheet>"),
        "more than 65,536 formats of cells",
    ),
    "formats of numbers": (
        lambda: book(
            styles="<styleSheet><numFmts>"
            + "".join(f'<numFmt numFmtId="{n}" formatCode="0"/>' for n in range(65_537))
            + "</numFmts></styleSheet>"
        ),
        "more than 65,536 formats of cells",
    ),
    "empty cells": (
        lambda: book(sheet=sheet_xml(f"<row>{'<c/>' * 16_385}</row>")),
        "the sheet in `table` has more than 16,384 columns",
    ),
    "empty rows": (
        lambda: book(sheet=sheet_xml("<row/>" * 1_048_577)),
        "the sheet in `table` has more than 1,048,576 rows",
    ),
    "a shared text": (
        lambda: sharing(f"<si><t>{LONG}</t></si>", ""),
        "a text in `xl/sharedStrings.xml` of `table` has more than 10,000,000 bytes",
    ),
    "runs of a shared text": (
        lambda: sharing(f"<si>{RUNS}</si>", ""),
        "a text of `table` has more than 10,000,000 bytes",
    ),
    "runs of a text in its place": (
        lambda: book(sheet=sheet_xml(f'<row><c t="inlineStr"><is>{RUNS}</is></c></row>')),
        "a row of the sheet in `table` has more than 10,000,000 bytes",
    ),
    "a value of references": (
        lambda: book(sheet=sheet_xml(f'<row><c t="str"><v>{"&#65;" * 10_000_001}</v></c></row>')),
        "more than 10,000,000 bytes",
    ),
    "cells that share a long text": (
        lambda: sharing(f"<si><t>{'x' * 100_000}</t></si>", f"<row>{SHARING * 101}</row>"),
        "a row of the sheet in `table` has more than 10,000,000 bytes",
    ),
    "elements in each other": (
        lambda: book(main="<workbook>" + "<a>" * 5000),
        "`xl/workbook.xml` of `table` has more than 1,000 elements in each other",
    ),
    "names of elements": (
        lambda: book(sheet=sheet_xml("".join(f"<a{n}/>" for n in range(20_000)))),
        "more than 10,000 names of elements",
    ),
    "names of attributes": (
        lambda: book(main="<workbook " + " ".join(f'a{n}=""' for n in range(20_000)) + "/>"),
        "more than 10,000 names of elements",
    ),
    "an attribute": (
        lambda: book(sheet=sheet_xml(f'<row a="{STRETCH}"/>')),
        "a tag in `xl/worksheets/sheet1.xml` of `table` has more than 1,048,576 bytes",
    ),
    "a comment": (lambda: book(main=f"<workbook><!--{STRETCH}--></workbook>"), "1,048,576 bytes"),
    "an instruction": (lambda: book(rels=f"<a><?x {STRETCH}?></a>"), "1,048,576 bytes"),
    "an entity": (
        lambda: book(sheet=sheet_xml("", f'<!DOCTYPE w [<!ENTITY a "{STRETCH}">]>')),
        "has a document type",
    ),
    "sheets": (
        lambda: book(
            main="<workbook>"
            + "".join(f'<sheet name="s{n}" id="rId1"/>' for n in range(10_001))
            + "</workbook>"
        ),
        "more than 10,000 sheets",
    ),
    "parts": (
        lambda: book(
            rels="<a>" + "".join(f'<Relationship Id="r{n}"/>' for n in range(10_001)) + "</a>"
        ),
        "more than 10,000 parts",
    ),
    "members": (lambda: crowded(PLAIN, 160_000), "more than 8,000,000 bytes of directory"),
    "another way of packing": (lambda: packed_with(zipfile.ZIP_BZIP2), "packed with method 12"),
}


@pytest.mark.parametrize("name", BOOKS)
def test_a_workbook_that_asks_for_memory_is_refused_by_what_it_has_too_much_of(
    name: str, tmp_path: Path
) -> None:
    make, message = BOOKS[name]
    with pytest.raises(IntegrityError) as raised:
        rows("sheet", make(), tmp_path)
    assert message in str(raised.value)


TEXTS = {
    "a cell": (f"a,{LONG}\n", "line 2 of `table` has more than 10,000,000 bytes"),
    "a quoted cell": (f'a,"{LONG}"\n', "line 2 of `table` has more than 10,000,000 bytes"),
    "lines in quotes": (
        'a,"' + "a text, of a line\n" * 300_000,
        "the row of `table` that begins in line 2 has more than 10,000,000 bytes",
    ),
    "empty lines in quotes": (
        'a,b\na,"' + "\n" * 4_000_000,
        "the row of `table` that begins in line 3 has more than 10,000,000 bytes",
    ),
    "cells": (",".join("ab" * 100_001), "line 2 of `table` has more than 100,000 columns"),
    "empty cells": ("," * 100_001, "line 2 of `table` has more than 100,000 columns"),
    "blank lines": (
        "a,b\n" + "\n" * 2_500_000 + "\r\n" * 2_500_001,
        "`table` after line 2 has more than 5,000,000 blank lines",
    ),
    "NULs": ("\0" * 10_000_001, "line 2 of `table` has more than 10,000,000 bytes"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_row_of_text_that_asks_for_memory_is_refused_by_its_line(name, tmp_path) -> None:
    text, message = TEXTS[name]
    with pytest.raises(IntegrityError) as raised:
        rows("delimited", f"id,finding\n{text}", tmp_path)
    assert message in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("text", [LONG, "," * 100_001])
def test_a_header_that_has_no_end_is_refused_in_each_encoding(encoding, text, tmp_path) -> None:
    with pytest.raises(IntegrityError, match="line 1 of `table` has more than"):
        rows("delimited", text.encode(encoding), tmp_path, encoding=encoding)


def test_a_comment_or_a_line_of_covidx_that_has_no_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="line 1 of `table` has more than"):
        rows("delimited", f"##{LONG}\nid\n1\n", tmp_path, comment="##")
    with pytest.raises(IntegrityError, match="line 2 of `table` has more than"):
        rows("covidx", f"p a.png COVID-19\n{LONG}", tmp_path)


def many_tags() -> bytes:
    return darwin([f"k{number}/v" for number in range(100_001)])


ANNOTATIONS = {
    "tags": (many_tags, "`table` has more than 100,000 kinds of tags"),
    "what is kept": (
        lambda: darwin([], more=[{"name": "😀" + "x" * 5_000_000, "polygon": {}}]),
        "less its polygons, has more than 10,000,000 bytes",
    ),
    "members of a zip": (
        lambda: crowded(zipped({"a.json": darwin([])}), 160_000),
        "more than 8,000,000 bytes of directory",
    ),
    "another way of packing": (
        lambda: zipped({"a.json": darwin([])}, zipfile.ZIP_LZMA),
        "packed with method 14",
    ),
}


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", method) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_annotations_that_ask_for_memory_are_refused(name: str, tmp_path: Path) -> None:
    make, message = ANNOTATIONS[name]
    with pytest.raises(IntegrityError) as raised:
        rows("darwin", make(), tmp_path)
    assert message in str(raised.value)


@pytest.mark.parametrize("depth", [300, 900, 990, 2000, 100_000])
def test_annotations_in_each_other_are_read_or_refused(depth: int, tmp_path: Path) -> None:
    data = darwin([], more=["DEEP"]).replace(b'"DEEP"', b"[" * depth + b"]" * depth)
    try:
        assert len(rows("darwin", data, tmp_path)) == 1
    except IntegrityError as error:
        found = str(error)
        assert "cannot be read" in found


# ---- still read --------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["x" * 1_000_000, '"a, text\n' * 1 + "of lines\n" * 100_000 + '"'])
def test_a_text_of_a_megabyte_is_a_cell(cell: str, tmp_path: Path) -> None:
    first, second = rows("delimited", f"id,notes\na,{cell}\nb,c\n", tmp_path)
    assert first == {"id": "a", "notes": cell.strip('"')}
    assert second == {"id": "b", "notes": "c"}


def test_shared_texts_of_all_letters_and_none_are_found_by_number(tmp_path: Path) -> None:
    texts = ["", "a", "é", "漢字", "😀", "", "_x000D_", "_xD83D_", "end"]
    shared = "".join(f"<si><t>{one}</t></si>" for one in texts)
    body = "".join(f'<row><c t="s"><v>{n}</v></c><c><v>{n}</v></c></row>' for n in range(9))
    got = rows("sheet", sharing(shared, body), tmp_path)
    wanted = [*texts[:6], "\r", "\ud83d", "end"]
    assert [one["id"] for one in got] == wanted


def test_what_helps_to_pronounce_a_text_is_no_part_of_it(tmp_path: Path) -> None:
    shared = "<si><r><rPr/><t>東</t></r><r><t>京</t></r><rPh><t>トウキョウ</t></rPh></si>"
    (row,) = rows("sheet", sharing(shared, '<row><c t="s"><v>0</v></c></row>'), tmp_path)
    assert row["id"] == "東京"


def value(text: str, more: str = "") -> str:
    return f"<c {more}><v>{text}</v></c>"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (value("NaN"), "NaN"),
        (value("-INF"), "-INF"),
        (value("1e999"), "1e999"),
        (value("1.5.2"), "1.5.2"),
        (value("9" * 5000), "9" * 5000),
        (value("12:30:00", 't="d"'), "12:30:00"),
        (value("T08:30", 't="d"'), "08:30:00"),
        (value("2020-03-13", 't="d"'), "2020-03-13"),
        (value("2020-03-13T14:05:00", 't="d"'), "2020-03-13T14:05:00"),
        (value("PT4H", 't="d"'), "PT4H"),
        (value("-1.5e3"), "-1500"),
    ],
)
def test_a_cell_that_is_no_number_or_date_is_its_own_text(cell, expected, tmp_path) -> None:
    body = f'{HEADER}<row><c t="str"><v>a.png</v></c>{cell}</row>'
    (row,) = rows("sheet", book(sheet=sheet_xml(body)), tmp_path)
    assert row == {"id": "a.png", "finding": expected}


def at(*cells: tuple[str, str]) -> str:
    return "".join(f'<c r="{place}" t="str"><v>{text}</v></c>' for place, text in cells)


@pytest.mark.parametrize(
    "cells",
    [
        [("A2", "a.png"), ("B2", "SARS")],
        [("B2", "SARS"), ("A2", "a.png")],
        [("B2", "SARS"), ("A2", "a.png"), ("B2", "SARS")],  # says the same twice
        [("A2", ""), ("B2", "SARS"), ("A2", "a.png")],
        [("C2", ""), ("B2", "SARS"), ("A2", "a.png")],
    ],
)
def test_cells_stand_where_their_places_say(cells, tmp_path: Path) -> None:
    (row,) = rows("sheet", book(sheet=sheet_xml(f"{HEADER}<row>{at(*cells)}</row>")), tmp_path)
    assert row == {"id": "a.png", "finding": "SARS"}


def test_two_values_of_one_cell_are_damage_of_that_cell(tmp_path: Path) -> None:
    body = f"{HEADER}<row>{at(('A2', 'a.png'), ('B2', 'SARS'), ('B2', 'COVID-19'))}</row>"
    with pytest.raises(IntegrityError, match="has two values of the cell `B2`"):
        rows("sheet", book(sheet=sheet_xml(body)), tmp_path)


# ---- rows that add to others -------------------------------------------------------------------


def test_rows_that_add_to_others_come_in_their_order_and_the_others_are_counted() -> None:
    kept = Additions()
    assert (list(kept.rows_for("a")), kept.count_unused()) == ([], 0)
    for number in range(30_000):
        kept.keep(f"p{number % 10_000}", {"age": number, "sex": None, "raw": "é😀\ud800" * 50})
    assert [one["age"] for one in kept.rows_for("p7")] == [7, 10_007, 20_007]
    assert [one["age"] for one in kept.rows_for("p7")] == [7, 10_007, 20_007]
    assert next(kept.rows_for("p8"))["raw"] == "é😀\ud800" * 50
    assert list(kept.rows_for("p")) == []
    assert kept.count_unused() == 29_994


def test_what_rows_add_to_one_image_is_bounded() -> None:
    def further() -> Iterator[Record]:
        for number in range(1000):
            raw = json.dumps({"u.csv": {"notes": "x" * 10_000, "n": str(number)}})
            yield {"label_source": "u.csv", "raw": raw, "age": number}

    found = labels.merge({"raw": "{}", "age": None}, list(further())[:300])
    assert (found["age"], len(json.loads(str(found["raw"])))) == (0, 300)
    with pytest.raises(IntegrityError, match=r"what `u\.csv` adds to one image has more than"):
        labels.merge({"raw": "{}", "age": None}, further())


# ---- the whole command -------------------------------------------------------------------------

ENTRY = """\
releases:
  - id: "1"
    source: made up
    files: [{host: web, name: a.zip, url: "https://example.org/a.zip", unpack: zip}]
tables:
  - reader: READER
    path: table
    source: made up
    columns: {filename: id, finding: finding}
    image: "{id}"
    match: name
"""
MORE = """\
  - reader: delimited
    path: more
    source: made up
    columns: {patient_id: id, age: age}
    adds: "yes"
    joins: patient_id
"""


def put(folder: Path, reader: str, files: Mapping[str, bytes], more: str = "") -> None:
    """Make a release as if it had been fetched."""
    Shelf(folder / "catalog").add("set", ENTRY.replace("READER", reader) + more)
    found = load.load((folder / "catalog",)).find("set@1")
    lay(found, {**files, "a.png": png(5, 5)}, data=folder / "data")


MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode
with open(sys.argv[1], "w") as stream:
    print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=stream)
"""


def ran(folder: Path, *arguments: str) -> tuple[int, str, float]:
    """Run a command; return its code, what it said, and the most memory that it took in MiB.

    A small process starts it: that of its parent counts as its own.
    """
    options = ["--data-dir", str(folder / "data"), "--catalog", str(folder / "catalog"), "-q"]
    command = [sys.executable, "-m", "covcat", *options, *arguments]
    measure = [sys.executable, "-c", MEASURE, str(folder / "peak"), *command]
    done = subprocess.run(measure, capture_output=True, check=True)
    code, peak = map(int, (folder / "peak").read_text().split())
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    return code, said, peak / (1 << (20 if sys.platform == "darwin" else 10))


def notes(count: int, letters: int) -> bytes:
    return b"id,finding,notes\n" + b"".join(
        b"%d.png,SARS,%s\n" % (number, b"x" * letters) for number in range(count)
    )


SHARED_TEXT = sharing(f"<si><t>{'x' * 500_000}</t></si>", '<row><c t="s"><v>0</v></c></row>' * 300)
COMMANDS = {
    "formats": (
        "sheet",
        lambda: book(styles=f"<styleSheet><cellXfs>{'<xf/>' * 5_400_000}</cellXfs></styleSheet>"),
        5,
    ),
    "rows that share a long text": ("sheet", lambda: SHARED_TEXT, 0),
    "a field of 40 MB": ("delimited", lambda: b"id,finding\na," + b"x" * 40_000_000, 5),
    "a row that is written at length": (
        "delimited",
        lambda: 'id,finding,notes\na.png,SARS,"😀'.encode() + b"\1" * 2_400_000 + b'"\n',
        5,
    ),
    "rows of a megabyte": ("delimited", lambda: notes(100, 1_000_000), 0),
    "findings that nobody knows": (
        "delimited",
        lambda: (
            b"id,finding\n" + b"".join(b"%d.png,%d strange\n" % (one, one) for one in range(40_000))
        ),
        0,
    ),
    "annotations": (
        "darwin",
        lambda: darwin([], more=["MANY"]).replace(b'"MANY"', b'{"":0},' * 1_100_000 + b"{}"),
        0,
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_stays_within_its_memory_whatever_the_table(name: str, tmp_path: Path) -> None:
    reader, make, expected = COMMANDS[name]
    put(tmp_path, reader, {"table": make()})
    code, said, peak = ran(tmp_path, "images", "set", "--all", "--format", "table")
    assert code == expected, said
    assert "Traceback" not in said
    assert peak < MOST_MIB


def test_a_table_of_many_patients_that_adds_to_others_is_not_in_memory(tmp_path: Path) -> None:
    more = b"id,age,notes\n" + b"".join(
        b"p%d,%d,%s\n" % (one, one % 90, b"y" * 100) for one in range(100_000)
    )
    put(tmp_path, "delimited", {"table": b"id,finding\na.png,SARS\n", "more": more}, MORE)
    code, said, peak = ran(tmp_path, "images", "set", "--paths")
    assert (code, said.count("\n")) == (0, 1)
    assert peak < MOST_MIB / 2
