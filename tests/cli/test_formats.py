"""Outputs: each one over awkward cells, and what is shown of text that nobody vouches for."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from covcat.cli import table as cli_table
from covcat.cli.formats import Rows
from covcat.cli.session import OUTPUTS
from covcat.text import escaped, format_size, took

HOSTILE = {
    "escape": "\x1b[2J\x1b[31mred",
    "window-title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "c1": "\x9b31mred",
    "nul": "a\x00b",
    "backspace": "safe\x08\x08\x08\x08evil",
    "delete": "a\x7fb",
    "newline": "a\nb",
    "carriage-return": "a\rb",
    "both": "a\r\nb",
    "tab": "a\tb",
    "vertical-tab": "a\x0bb",
    "next-line": "a\x85b",
    "line-separator": "a\u2028b",
    "bidi-override": "\u202egpj.exe",
    "bidi-isolate": "\u2066a\u2069",
    "zero-width": "a\u200bb",
    "byte-order-mark": "\ufeffa",
    "surrogate": "a\ud800b",
    "tag-character": "a\U000e0041b",
    "unassigned": "a\u0378b",
    "markup": "[red]x[/red]",
    "closing-markup": "[/x]",
    "markup-link": "[link=https://evil.example]x[/link]",
    "emoji-name": ":skull:",
    "backslash": "\\x1b",
    "quotes": "a\"b'c",
    "comma": "a,b;c|d",
    "not-ascii": "肺 röntgen \U0001fac1",
}
HIDDEN = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}


def hidden_in(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in HIDDEN}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


# ---- every output ------------------------------------------------------------------------------


@pytest.fixture(params=OUTPUTS.values(), ids=OUTPUTS)
def output(request: pytest.FixtureRequest) -> Callable[[Rows], str]:
    found: Callable[[Rows], str] = request.param
    return found


@pytest.mark.parametrize("cell", HOSTILE.values(), ids=HOSTILE)
def test_no_output_lets_a_cell_command_the_terminal(
    output: Callable[[Rows], str], cell: str
) -> None:
    text = output(Rows(("id", "title"), [{"id": cell, "title": cell}]))
    assert hidden_in(text) <= {"\n", "\t"}
    assert ("\t" in text) == (output is OUTPUTS["tsv"])


@pytest.mark.parametrize("cell", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", ["table", "tsv", "csv", "ids"])
def test_a_row_stays_one_line_whatever_its_cells_hold(name: str, cell: str) -> None:
    text = OUTPUTS[name](Rows(("id", "title"), [{"id": cell, "title": cell}] * 2))
    assert len(text.splitlines()) == (2 if name == "ids" else 3)


@pytest.mark.parametrize("cell", ["[red]x[/red]", "[/x]", "[link=https://x]y[/link]", ":skull:"])
def test_markup_in_a_cell_is_shown_and_not_obeyed(output: Callable[[Rows], str], cell: str) -> None:
    assert cell in output(Rows(("id",), [{"id": cell}]))


def test_every_output_takes_no_rows_at_all() -> None:
    columns = ("id", "title")
    assert {name: output(Rows(columns, [])) for name, output in OUTPUTS.items()} == {
        "table": "id title\n",
        "tsv": "id\ttitle\n",
        "csv": "id,title\n",
        "ids": "",
        "yaml": "[]\n",
    }


def test_every_output_shows_what_is_unknown_true_false_or_a_number() -> None:
    rows = [
        {"id": "a", "files": 12, "fetched": True},
        {"id": "b", "files": None, "fetched": False},
        {"id": "c", "files": 0},
    ]
    shown_as = {
        name: output(Rows(("id", "files", "fetched"), rows)) for name, output in OUTPUTS.items()
    }
    assert shown_as == {
        "table": "id files fetched\na     12 yes\nb        no\nc      0\n",
        "tsv": "id\tfiles\tfetched\na\t12\tyes\nb\t\tno\nc\t0\t\n",
        "csv": "id,files,fetched\na,12,yes\nb,,no\nc,0,\n",
        "ids": "a\nb\nc\n",
        "yaml": (
            "- id: a\n  files: 12\n  fetched: true\n"
            "- id: b\n  fetched: false\n"
            "- id: c\n  files: 0\n"
        ),
    }


def test_ids_are_the_column_that_names_a_row() -> None:
    rows = Rows(("bytes", "path"), [{"bytes": 1, "path": "a b.png"}], key="path")
    assert OUTPUTS["ids"](rows) == "a b.png\n"


def test_columns_that_were_not_asked_for_are_left_out(output: Callable[[Rows], str]) -> None:
    assert "secret" not in output(Rows(("id",), [{"id": "a", "more": "secret"}]))


# ---- for programs ------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", HOSTILE.values(), ids=HOSTILE)
def test_a_program_gets_every_cell_back_from_tsv_csv_and_yaml(cell: str) -> None:
    rows = Rows(("id", "title"), [{"id": "a", "title": cell}])
    tsv = OUTPUTS["tsv"](rows).split("\n")[1].split("\t")
    parsed = list(csv.reader(io.StringIO(OUTPUTS["csv"](rows), newline="")))[1]
    assert tsv == ["a", escaped(cell)]
    assert parsed == ["a", escaped(cell)]
    assert yaml.safe_load(OUTPUTS["yaml"](rows)) == [{"id": "a", "title": cell}]


def test_pipes_get_every_cell_whole() -> None:
    long = "long " * 500 + "end"
    rows = Rows(("id", "title"), [{"id": "a", "title": long}])
    for name in ("tsv", "csv"):
        assert long in OUTPUTS[name](rows)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_has_no_cell_that_a_spreadsheet_would_run(start: str) -> None:
    cell = f"{start}cmd|' /C calc'!A0"
    text = OUTPUTS["csv"](Rows(("id", "title"), [{"id": cell, "title": cell}]))
    parsed = list(csv.reader(io.StringIO(text, newline="")))[1]
    assert parsed == ["'" + escaped(cell)] * 2


@pytest.mark.parametrize("cell", ["a=b", "1-2", "a@b", " =1", "#x", "'x"])
def test_csv_leaves_other_cells_as_they_are(cell: str) -> None:
    text = OUTPUTS["csv"](Rows(("title",), [{"title": cell}], key="title"))
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == [cell]


# ---- the table ---------------------------------------------------------------------------------

OVERVIEW = Rows(
    ("id", "title", "ct", "xray", "mri", "us", "meta", "case", "size", "licence", "access"),
    [
        {"id": "A" * 17, "title": "BBBBBBBB-19 BBBBBBB BBBBBB*"}
        | {"ct": "Y→N", "xray": "N→Y", "mri": "U→N", "us": "U→N", "meta": "N→Y", "case": "Y→N"}
        | {"size": "310 MB+", "licence": "D" * 16, "access": "E" * 7}
    ],
)
FILES = Rows(("bytes", "path"), [{"bytes": 1537406, "path": "images/" + "F" * 150}], key="path")
PLAN = Rows(
    ("id", "action", "reason", "files"),
    [{"id": "A" * 21, "action": "fetch", "reason": "B" * 75, "files": 746}],
)


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize("rows", [OVERVIEW, FILES, PLAN], ids=["overview", "files", "plan"])
def test_a_table_fits_the_terminal_and_names_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, rows: Rows, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = cli_table.to_table(rows)
    assert max(map(len, text.splitlines())) <= width
    table, _, said = text.partition("\n\nleft out of a narrow table: ")
    left_out = said.replace("\n ", "").strip().split(", ") if said else []
    kept = [name for name in rows.columns if name not in left_out]
    cells = "".join(str(rows.rows[0].get(name) or "") for name in kept)
    lost = {char for char in set(cells) - {" "} if table.count(char) < cells.count(char)}
    assert not lost
    assert rows.key in kept
    assert rows.key == "path" or str(rows.rows[0][rows.key]) in text


def test_of_a_table_that_is_far_too_wide_the_key_and_the_first_columns_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = {"kind": "x", **{f"column_{n}": n for n in range(20)}, "id": "A" * 60}
    monkeypatch.setenv("COLUMNS", "40")
    lines = cli_table.to_table(Rows(tuple(row), [row])).splitlines()
    assert max(map(len, lines)) <= 40
    assert "".join(lines[1:3]).replace(" ", "") == "A" * 60


def test_wide_characters_take_two_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows(("id", "title"), [{"id": "肺部", "title": "a"}, {"id": "abc", "title": "b"}])
    assert cli_table.to_table(rows) == "id   title\n肺部 a\nabc  b\n"


def test_a_word_that_is_too_long_is_broken_where_its_parts_meet() -> None:
    assert cli_table.cell("https://example.org/records/12345/data.zip", 20) == [
        "https://example.org/",
        "records/12345/",
        "data.zip",
    ]
    assert cli_table.cell("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert cli_table.cell("肺" * 6, 5) == ["肺肺", "肺肺", "肺肺"]
    assert cli_table.cell("", 10) == []


def test_prose_keeps_whole_what_one_copies() -> None:
    text = "note: read `covcat fetch cohen@0.1 --keep-archives` first, then: covcat verify cohen"
    assert cli_table.prose(text, 30) == [
        "note: read",
        "  `covcat fetch cohen@0.1 --keep-archives`",
        "  first, then:",
        "  covcat verify cohen",
    ]
    assert cli_table.prose("  " + "ab " * 5, 10) == ["  ab ab ab", "    ab ab"]
    assert cli_table.prose("", 10) == []


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_long_texts_are_folded_between_words_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    fix = "update to 3.11.17: this one has known holes in tarfile"
    found = "not installed; covcat needs none of these tools today"
    rows = Rows(("check", "state", "found", "fix"), [{"check": "p", "found": found, "fix": fix}])
    words = cli_table.to_table(rows).split()
    assert sorted(words) == sorted(
        ["check", "state", "found", "fix", "p", *found.split(), *fix.split()]
    )


def test_a_table_that_is_too_wide_leaves_out_the_day_before_it_breaks_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = {"id": "A" * 40, "state": "unfinished", "verified_by": "git-tree", "fetched_at": "B" * 10}
    monkeypatch.setenv("COLUMNS", "64")
    head, first, *said = cli_table.to_table(Rows(tuple(row), [row])).splitlines()
    assert head.split() == ["id", "state", "verified_by"]
    assert first.split() == ["A" * 40, "unfinished", "git-tree"]
    assert said == ["", "left out of a narrow table: fetched_at"]


def test_a_folded_cell_has_no_empty_line_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    state = "a part: '--include=images/*' --sample=3"  # its pieces fill ten columns
    row = {"id": "A" * 66, "state": state}
    text = cli_table.to_table(Rows(("id", "state"), [row]))
    assert [line[67:] for line in text.splitlines()[1:]] == [
        "a part:",
        "'--include=",
        "images/*'",
        "--sample=3",
    ]
    monkeypatch.setenv("COLUMNS", "40")
    assert (
        "" not in cli_table.to_table(Rows(("id", "state"), [{**row, "id": "A" * 29}])).splitlines()
    )


def test_a_table_ends_its_lines_without_spaces() -> None:
    text = cli_table.to_table(Rows(("id", "title"), [{"id": "long-id", "title": ""}]))
    assert text == "id      title\nlong-id\n"


def test_numbers_stand_right_and_flags_in_the_middle() -> None:
    rows = Rows(("id", "ct", "bytes"), [{"id": "a", "ct": "Y→N", "bytes": 7}, {"id": "b"}])
    assert cli_table.to_table(rows).splitlines()[:2] == ["id ct  bytes", "a  Y→N     7"]


def test_colour_comes_from_covcat_and_never_from_a_cell() -> None:
    rows = Rows(("id",), [{"id": cell} for cell in HOSTILE.values()])
    coloured, plain = cli_table.to_table(rows, color=True), cli_table.to_table(rows)
    assert "\x1b[1m" in coloured
    assert "\x1b" not in plain
    without = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert hidden_in(without) == {"\n"}


@pytest.mark.parametrize(
    ("columns", "width"),
    [("100", 100), ("40", 40), ("39", 40), ("1", 40), ("0", 100), ("9" * 5000, 100)],
)
def test_the_width_is_that_of_columns_and_at_least_40(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert cli_table.terminal_width() == width


@pytest.mark.parametrize("columns", ["", "wide", "-1", "80.5", "²"])
def test_columns_that_is_no_number_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert cli_table.terminal_width() >= 40


# ---- shown and sized ---------------------------------------------------------------------------


def test_nothing_that_is_shown_holds_a_control_or_invisible_character() -> None:
    for code in (*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFE00, 0x10010), 0xE0041):
        text = escaped(chr(code))
        assert not hidden_in(text), hex(code)
        assert text, hex(code)


def test_what_can_be_seen_is_shown_as_it_is() -> None:
    for code in range(0x3000):
        if unicodedata.category(chr(code)) not in HIDDEN:
            assert escaped(chr(code)) == chr(code), hex(code)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("\x1b[2J", None, r"\x1b[2J"),
        ("a\nb\r\tc", None, r"a\nb\r\tc"),
        ("\x00\x7f", None, r"\x00\x7f"),
        ("\x9b", None, r"\u009b"),
        ("\u202e\u2028", None, r"\u202e\u2028"),
        ("\ud800", None, r"\ud800"),
        ("\U000e0041", None, r"\U000e0041"),
        ("a\u200cb", None, r"a\u200cb"),
        ("\u0645\u200c\u0627", None, "\u0645\u200c\u0627"),  # a file is called so
        ("\U0001f469\u200d\u2695\x1b", None, "\U0001f469\u200d\u2695\\x1b"),
        (12, None, "12"),
        (None, None, "None"),
        ("abcdef", None, "abcdef"),
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abcdef", 1, "…"),
        ("\x1b\x1b", 5, r"\x1b…"),
        ("", 1, ""),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out_and_a_limit_counts_what_is_shown(
    text: object, limit: int | None, expected: str
) -> None:
    assert escaped(text, limit) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (None, "?"),
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_049, "1.0 kB"),
        (99_900, "99.9 kB"),
        (100_000, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (999_999, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (14_893_512, "14.9 MB"),
        (310_224_168, "310 MB"),
        (999_999_999, "1.0 GB"),
        (3_662_861_028, "3.7 GB"),
        (2_500_000_000_000, "2500 GB"),
    ],
)
def test_bytes_are_shown_with_the_unit_that_suits_them(count: int | None, expected: str) -> None:
    assert format_size(count) == expected


def test_what_is_counted_has_its_thousands_apart_on_a_terminal_alone() -> None:
    rows = Rows(("id", "files", "bytes", "age"), [{"id": "a", "files": 1234, "bytes": 64453057}])
    assert cli_table.to_table(rows).splitlines()[1].split() == ["a", "1,234", "64,453,057"]
    assert OUTPUTS["tsv"](rows).splitlines()[1].split("\t")[1:3] == ["1234", "64453057"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, ""),
        (4.4, ""),
        (5, "; took 5 s"),
        (59.6, "; took 1 min 0 s"),
        (200, "; took 3 min 20 s"),
        (3 * 3600 + 299, "; took 3 h 4 min"),
    ],
)
def test_only_what_somebody_waited_for_is_told_with_its_time(seconds: float, said: str) -> None:
    assert took(seconds) == said


def test_every_long_work_tells_how_long_it_took(covcat, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("covcat.text._WAITED", 0)
    assert ", verified by sha256; took 0 s\n" in covcat("fetch", "sample", "--keep-archives").err
    assert "as recorded (every byte); took 0 s\n" in covcat("verify", "sample").err
    Path("covcat-data/sample/1/files/metadata.csv").unlink()
    ran = covcat("verify", "sample", "--repair")
    assert "1 of them repaired; took 0 s\n" in ran.err
    ran = covcat("extract", "covcat-data/sample/1/archives/sample-1.zip", "out")
    assert ran.err.endswith("; took 0 s\n")
