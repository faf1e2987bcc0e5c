"""What a label table costs in memory is not its own choice, and a table of labels is still read."""

import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from makers.laid import lay
from makers.releases import Shelf, labelled
from makers.tables import darwin, png, sheet_xml, source_of, with_parts
from makers.tables import workbook as workbook_of

from covcat.catalog import load
from covcat.catalog.columns import Record
from covcat.catalog.entries import LabelTable
from covcat.errors import IntegrityError
from covcat.imaging import labels, readers
from covcat.imaging.readers import limits, workbook
from covcat.imaging.scratch import Additions

MOST_MIB = 500  # of memory of a whole command, whatever the table
SHEET, STYLES = "xl/worksheets/sheet1.xml", "xl/styles.xml"
BOOK, BOOK_RELS, SHARED = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"
PLAIN = workbook_of([["id", "finding"], ["a.png", "COVID-19"]])
HEADER = '<row><c t="str"><v>id</v></c><c t="str"><v>finding</v></c></row>'


def book(**parts: str | bytes) -> bytes:
    """A workbook of which some parts are others."""
    names = {"sheet": SHEET, "styles": STYLES, "main": BOOK, "rels": BOOK_RELS}
    data = {key: one.encode() if isinstance(one, str) else one for key, one in parts.items()}
    return with_parts(PLAIN, {names[key]: one for key, one in data.items()})


def sheet(body: str, before: str = "") -> bytes:
    return book(sheet=sheet_xml(body, before))


def styles(body: str) -> bytes:
    return book(styles=f"<styleSheet>{body}</styleSheet>")


def refused(reader: str, data: bytes | str, folder: Path, **keys) -> str:
    """Return why a table is not read."""
    with pytest.raises(IntegrityError) as raised:
        rows(reader, data, folder, **keys)
    return str(raised.value)


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


LONG = "x" * 10_000_001
STRETCH = "x" * 1_200_000
SHARING = '<c t="s"><v>0</v></c>'
RUNS = f"<r><t>{'1234567890' * 25}</t></r>" * 40_001


def each(count: int, text: str) -> str:
    """So many copies of a text, each with its number."""
    return "".join(text.replace("#", str(n)) for n in range(count))


NUMBER_FORMAT = '<numFmt numFmtId="#" formatCode="0"/>'
FORMATS = "more than 65,536 formats of cells"
ROW_MB = "a row of the sheet in `table` has more than 10,000,000 bytes"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: styles(f"<cellXfs>{'<xf/>' * 65_537}</cellXfs>"), FORMATS),
        (lambda: styles(f"<numFmts>{each(65_537, NUMBER_FORMAT)}</numFmts>"), FORMATS),
        (
            lambda: sheet(f"<row>{'<c/>' * 16_385}</row>"),
            "the sheet in `table` has more than 16,384 columns",
        ),
        (
            lambda: sharing(f"<si><t>{LONG}</t></si>", ""),
            "a text in `xl/sharedStrings.xml` of `table` has more than 10,000,000 bytes",
        ),
        (
            lambda: sharing(f"<si>{RUNS}</si>", ""),
            "a text of `table` has more than 10,000,000 bytes",
        ),
        (lambda: sheet(f'<row><c t="inlineStr"><is>{RUNS}</is></c></row>'), ROW_MB),
        (
            lambda: sheet(f'<row><c t="str"><v>{"&#65;" * 10_000_001}</v></c></row>'),
            "more than 10,000,000 bytes",
        ),
        (
            lambda: sharing(f"<si><t>{'x' * 100_000}</t></si>", f"<row>{SHARING * 101}</row>"),
            ROW_MB,
        ),
        (
            lambda: book(main="<workbook>" + "<a>" * 5000),
            "`xl/workbook.xml` of `table` has more than 1,000 elements in each other",
        ),
        (lambda: sheet(each(20_000, "<a#/>")), "more than 10,000 names of elements"),
        (
            lambda: book(main="<workbook" + each(20_000, ' a#=""') + "/>"),
            "more than 10,000 names of elements",
        ),
        (
            lambda: sheet(f'<row a="{STRETCH}"/>'),
            "a tag in `xl/worksheets/sheet1.xml` of `table` has more than 1,048,576 bytes",
        ),
        (lambda: book(main=f"<workbook><!--{STRETCH}--></workbook>"), "1,048,576 bytes"),
        (lambda: book(rels=f"<a><?x {STRETCH}?></a>"), "1,048,576 bytes"),
        (lambda: sheet("", f'<!DOCTYPE w [<!ENTITY a "{STRETCH}">]>'), "has a document type"),
        (
            lambda: book(main="<workbook>" + each(10_001, '<sheet name="s#" id="rId1"/>')),
            "more than 10,000 sheets",
        ),
        (
            lambda: book(rels="<a>" + each(10_001, '<Relationship Id="r#"/>')),
            "more than 10,000 parts",
        ),
        (lambda: crowded(PLAIN, 160_000), "more than 8,000,000 bytes of directory"),
        (lambda: packed_with(zipfile.ZIP_BZIP2), "packed with method 12"),
    ],
    ids=count(),
)
def test_a_workbook_that_asks_for_memory_is_refused(make, message: str, tmp_path: Path) -> None:
    assert message in refused("sheet", make(), tmp_path)


LINE_MB = "line 2 of `table` has more than 10,000,000 bytes"
ROW_FROM = "the row of `table` that begins in line %d has more than 10,000,000 bytes"
COLUMNS = "line 2 of `table` has more than 100,000 columns"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a,{LONG}\n", LINE_MB),
        (f'a,"{LONG}"\n', LINE_MB),
        ("\0" * 10_000_001, LINE_MB),
        ('a,"' + "a text, of a line\n" * 300_000, ROW_FROM % 2),
        ('a,b\na,"' + "\n" * 4_000_000, ROW_FROM % 3),
        (",".join("ab" * 100_001), COLUMNS),
        ("," * 100_001, COLUMNS),
    ],
    ids=count(),
)
def test_a_row_of_text_that_asks_for_memory_is_refused_by_its_line(text, message, tmp_path) -> None:
    assert message in refused("delimited", f"id,finding\n{text}", tmp_path)


def test_rows_and_blank_lines_without_end_are_refused(monkeypatch, tmp_path: Path) -> None:
    """Fewer than what is really allowed, which would take half a minute."""
    assert (workbook._MOST_ROWS, limits._MOST_BLANK) == (1_048_576, 5_000_000)
    monkeypatch.setattr(workbook, "_MOST_ROWS", 1000)
    monkeypatch.setattr(limits, "_MOST_BLANK", 5000)
    said = "the sheet in `table` has more than 1,000 rows"
    assert said in refused("sheet", sheet("<row/>" * 1001), tmp_path)
    text = "id,finding\na,b\n" + "\n" * 2500 + "\r\n" * 2501
    said = "`table` after line 2 has more than 5,000 blank lines"
    assert said in refused("delimited", text, tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("text", [LONG, "," * 100_001], ids=["text", "commas"])
def test_a_header_that_has_no_end_is_refused_in_each_encoding(encoding, text, tmp_path) -> None:
    said = refused("delimited", text.encode(encoding), tmp_path, encoding=encoding)
    assert "line 1 of `table` has more than" in said


def test_a_comment_or_a_line_of_covidx_that_has_no_end_is_refused(tmp_path: Path) -> None:
    said = refused("delimited", f"##{LONG}\nid\n1\n", tmp_path, comment="##")
    assert "line 1 of `table` has more than" in said
    said = refused("covidx", f"p a.png COVID-19\n{LONG}", tmp_path)
    assert "line 2 of `table` has more than" in said


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", method) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: darwin([f"k{number}/v" for number in range(100_001)]),
            "`table` has more than 100,000 kinds of tags",
        ),
        (
            lambda: darwin([], more=[{"name": "😀" + "x" * 5_000_000, "polygon": {}}]),
            "less its polygons, has more than 10,000,000 bytes",
        ),
        (
            lambda: crowded(zipped({"a.json": darwin([])}), 160_000),
            "more than 8,000,000 bytes of directory",
        ),
        (lambda: zipped({"a.json": darwin([])}, zipfile.ZIP_LZMA), "packed with method 14"),
    ],
    ids=count(),
)
def test_annotations_that_ask_for_memory_are_refused(make, message: str, tmp_path: Path) -> None:
    assert message in refused("darwin", make(), tmp_path)


@pytest.mark.parametrize("depth", [300, 900, 990, 2000, 100_000])
def test_annotations_in_each_other_are_read_or_refused(depth: int, tmp_path: Path) -> None:
    data = darwin([], more=["DEEP"]).replace(b'"DEEP"', b"[" * depth + b"]" * depth)
    try:
        assert len(rows("darwin", data, tmp_path)) == 1
    except IntegrityError as error:
        assert "cannot be read" in str(error)  # noqa: PT017


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


@pytest.mark.parametrize(
    ("more", "text", "expected"),
    [
        *(("", text, text) for text in ("NaN", "-INF", "1e999", "1.5.2", "9" * 5000)),
        ("", "-1.5e3", "-1500"),
        ('t="d"', "T08:30", "08:30:00"),
        *(('t="d"', text, text) for text in ("12:30:00", "2020-03-13", "2020-03-13T14:05:00")),
        ('t="d"', "PT4H", "PT4H"),
    ],
)
def test_a_cell_that_is_no_number_or_date_is_its_own_text(more, text, expected, tmp_path) -> None:
    body = f'{HEADER}<row><c t="str"><v>a.png</v></c><c {more}><v>{text}</v></c></row>'
    (row,) = rows("sheet", sheet(body), tmp_path)
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
    (row,) = rows("sheet", sheet(f"{HEADER}<row>{at(*cells)}</row>"), tmp_path)
    assert row == {"id": "a.png", "finding": "SARS"}


def test_two_values_of_one_cell_are_damage_of_that_cell(tmp_path: Path) -> None:
    body = f"{HEADER}<row>{at(('A2', 'a.png'), ('B2', 'SARS'), ('B2', 'COVID-19'))}</row>"
    assert "has two values of the cell `B2`" in refused("sheet", sheet(body), tmp_path)


def test_rows_that_add_to_others_come_in_their_order_and_the_others_are_counted() -> None:
    kept = Additions()
    assert (list(kept.rows_for("a")), kept.count_unused()) == ([], 0)
    for number in range(30_000):
        kept.keep(f"p{number % 10_000}", {"age": number, "sex": None, "raw": "é😀\ud800" * 50})
    assert [one.record["age"] for one in kept.rows_for("p7")] == [7, 10_007, 20_007]
    assert [one.record["age"] for one in kept.rows_for("p7")] == [7, 10_007, 20_007]
    assert next(kept.rows_for("p8")).record["raw"] == "é😀\ud800" * 50
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
    columns = {"filename": "id", "finding": "finding"}
    table = labelled(columns, "{id}", path="table", reader=reader, match="name")
    Shelf(folder / "catalog").add("set", table + more)
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
    row = b"%d.png,SARS," + b"x" * letters + b"\n"
    return b"id,finding,notes\n" + b"".join(row % number for number in range(count))


SHARED_TEXT = sharing(f"<si><t>{'x' * 500_000}</t></si>", '<row><c t="s"><v>0</v></c></row>' * 300)


MANY = b'{"":0},' * 1_100_000 + b"{}"


@pytest.mark.parametrize(
    ("reader", "make", "expected"),
    [
        ("sheet", lambda: styles(f"<cellXfs>{'<xf/>' * 5_400_000}</cellXfs>"), 5),
        ("sheet", lambda: SHARED_TEXT, 0),
        ("delimited", lambda: b"id,finding\na," + b"x" * 40_000_000, 5),
        (  # a row that is written at length
            "delimited",
            lambda: 'id,finding,notes\na.png,SARS,"😀'.encode() + b"\1" * 2_400_000 + b'"\n',
            5,
        ),
        ("delimited", lambda: notes(100, 1_000_000), 0),
        ("delimited", lambda: "id,finding\n" + each(40_000, "#.png,# strange\n"), 0),
        ("darwin", lambda: darwin([], more=["MANY"]).replace(b'"MANY"', MANY), 0),
    ],
    ids=count(),
)
@pytest.mark.large
def test_a_command_stays_within_its_memory_whatever_the_table(reader, make, expected, tmp_path):
    data = make()
    put(tmp_path, reader, {"table": data.encode() if isinstance(data, str) else data})
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
