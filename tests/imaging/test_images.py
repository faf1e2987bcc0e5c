"""`covcat images`: what is asked, how it is printed, and what a hostile table can do."""

import csv
import io
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.laid import DATA, lay, open_index
from makers.releases import Shelf, archives, labelled
from makers.runs import Ran, tree_on_disk
from makers.tables import png

from covcat.catalog import load
from covcat.catalog.columns import COLUMNS, NAMES, Record
from covcat.cli import images as command
from covcat.cli import indexes
from covcat.errors import DiskError, UsageError
from covcat.imaging import build, opening, query
from covcat.imaging import write as writers
from covcat.imaging.build import IndexReport

HEADER = "name,patient,day,sex,age,finding,view,modality,license"
ROWS = """\
a.png,1,4,F,18,COVID-19,PA,X-ray,CC BY 4.0
b.png,1,-2,F,18,"COVID-19, ARDS",AP,X-ray,CC BY-NC-SA
c.png,2,,M,65,SARS,PA,X-ray,
d.png,3,0,M,66,No Finding,Axial,CT,Apache 2.0
e.png,4,1,,17,todo,,CT,CC BY-NC-ND 4.0
f.png,,0,F,40.5,COVID-19,PA,X-ray,CC BY 4.0
g.png,5,0,F,50+,NonCOVID,Convex,Ultrasound,CC BY-SA
gone.png,6,0,M,30,COVID-19,PA,X-ray,CC BY 4.0
"""
COLUMNS_OF = {
    "patient_id": "patient",
    "offset": "day",
    "filename": "name",
    "clinical_notes": "notes",
    **{name: name for name in ("sex", "age", "finding", "view", "modality", "license")},
}
LETTERS = "abcdefg"
FILMS = {f"images/{name}.png": png(4, 3) for name in LETTERS}
INDEX = DATA / "set/1/index.sqlite"
TWO_ROWS = "a.png,1,0,F,1,SARS,PA,CT,\na.png,2,0,M,2,SARS,PA,CT,\n"


def entry(shelf: Shelf, id: str = "set", releases: tuple[str, ...] = ("1",)) -> None:
    """Write an entry with a label table into the user's own catalog."""
    notes = ["clinical_notes"]
    shelf.add(id, labelled(COLUMNS_OF, "images/{name}", releases, optional=notes))
    path = shelf.folder / f"{id}.yaml"
    each = "  per_image: {table: metadata.csv, column: license}\n"
    path.write_text(path.read_text().replace("access: open", each + "access: open"))


def put(shelf: Shelf, name: str, files: Mapping[str, bytes], selection: tuple[str, ...] = ()):
    """Write a release as `fetch` leaves it."""
    lay(load.load((shelf.folder,)).find(name), files, selection)


def table(rows: str = ROWS, header: str = HEADER) -> dict[str, bytes]:
    return {"metadata.csv": f"{header}\n{rows}".encode()}


@pytest.fixture
def laid(covcat, shelf: Shelf) -> Callable[..., Callable[..., Ran]]:
    """Put the release `set@1` there, and return what runs `covcat images`."""

    def lay_set(files: Mapping[str, bytes], selection: tuple[str, ...] = ()) -> Callable[..., Ran]:
        entry(shelf)
        put(shelf, "set", files, selection)
        return lambda *args: covcat("images", *args)

    return lay_set


@pytest.fixture
def asked(laid) -> Callable[..., Ran]:
    """Run `covcat images` over seven films with labels, and one that is not here."""
    return laid({**FILMS, **table()})


def lettered(ran: Ran) -> str:
    """The letters of the films that were printed as paths."""
    assert ran.code == 0, ran.err
    return "".join(Path(line).stem for line in ran.out.splitlines())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "abcdefg"),
        ("--all", "abcdefg"),  # a path is of a file
        ("--finding COVID-19", "abf"),
        ("--finding covid", "abf"),
        ("--finding ards", "b"),
        ("--finding SARS --finding ARDS", "bc"),
        ("--finding COVID-19 --finding SARS --view AP", "b"),
        ("--covid yes", "abf"),
        ("--covid no", "cdg"),
        ("--covid unknown", "e"),
        ("--covid yes --covid unknown", "abef"),
        ("--view PA", "acf"),
        ("--view pa --view axial", "acdf"),
        ("--view L", ""),
        ("--modality ct", "de"),
        ("--modality us --modality ct", "deg"),
        ("--sex F", "abfg"),
        ("--sex female", "abfg"),
        ("--sex F --sex M", "abcdfg"),
        ("--age 18-65", "abcf"),
        ("--age 18-", "abcdf"),
        ("--age=-18", "abe"),
        ("--age 40", ""),
        ("--age 18", "ab"),
        ("--age 0-999", "abcdef"),
        ("--license-allows commercial", "adfg"),
        ("--license-allows derivatives", "abdfg"),
        ("--license-allows commercial --license-allows derivatives", "adfg"),
        ("--license-allows redistribution --covid unknown", "e"),
        ("--where age>40", "cdf"),
        ("--where offset<0", "b"),
        ("--where finding_raw='todo'", "e"),
        ("--where license_spdx='Apache-2.0'--\ncomment", "d"),
        ("--where raw->>'$.metadata.csv.name'='x'", ""),
        ("--where json_extract(raw,'$.\"metadata.csv\".age')='50+'", "g"),
        ("--covid yes --view PA --sex F --age 18-30", "a"),
        ("--one-per patient", "bcdeg"),  # f has no number, b is of an earlier day than a
        ("--one-per patient --view PA", "ac"),
        ("--covid yes --one-per patient", "b"),
    ],
)
@pytest.mark.large
def test_filters_narrow_and_repeats_widen(asked, options: str, expected: str) -> None:
    words = [word.replace("\n", " ") for word in options.split(" ")] if options else []
    assert lettered(asked("set", "--paths", *words)) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--finding measles", "unknown --finding `measles`: expected one of COVID-19, SARS,"),
        ("--finding pneumnia", "hint: did you mean `--finding Pneumonia`?"),
        ("--finding corona", "unknown --finding `corona`: expected one of COVID-19, SARS,"),
        ("--finding todo", "unknown --finding `todo`"),
        ("--covid maybe", "--covid `maybe`: expected yes, no or unknown"),
        ("--view sideways", "unknown --view `sideways`: expected one of PA, AP, AP supine"),
        ("--modality smell", "unknown --modality `smell`: expected one of xray, ct, mri"),
        ("--sex x", "unknown --sex `x`: expected one of F, M"),
        ("--age old", "--age `old`: expected years such as 18-65, 18- or -65"),
        ("--age -", "--age `-`: expected"),
        ("--age 4065", "--age `4065`: expected"),
        ("--age 65-18", "--age `65-18`: expected the lower age first"),
        ("--license-allows fun", "--license-allows `fun`: expected commercial, derivatives"),
        ("--one-per week", "--one-per `week`: expected one of patient, subject, picture"),
        ("--license-allows commerce", "hint: did you mean `--license-allows commercial`?"),
        ("--view latteral", "hint: did you mean `--view Lateral`?"),
        ("--view frontal-paa", "hint: did you mean `--view PA`?"),
        ("--columns path,veiw", "unknown column `veiw`\nhint: did you mean `view`?"),
        ("--columns path,xyz", "unknown column `xyz`: expected some of image_id, resource"),
        ("--columns path,age,path", "the column `path` is there twice"),
        ("--format xml", "unknown format `xml`: expected one of table, csv, tsv"),
        ("--format parquet", "--format parquet needs a file: add --output FILE"),
        ("--format sqlite", "--format sqlite needs a file: add --output FILE"),
        ("--where nope=1", "--where `nope=1` cannot be asked: no such column"),
        ("-0", "--null is for --paths"),
        ("--paths --format csv", "--paths prints paths alone: it takes no --format"),
        ("--paths --columns path", "--paths prints paths alone: it takes no --columns"),
        ("--paths --output a.csv", "--paths prints paths alone: it takes no --output"),
        (
            "--output films.xlsx",
            "the suffix of `films.xlsx` says no format: expected .csv, .tsv, .jsonl",
        ),
        ("--output films.csv --format table", "--format table goes to no file"),
        ("--output films.csv --format ids", "--format ids goes to no file"),
    ],
)
def test_what_cannot_be_asked_is_told_before_an_index_is_made(asked, options, message) -> None:
    ran = asked("set", *options.split(" "))
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert INDEX.exists() == options.startswith("--where")
    assert not any(Path().glob("*films*"))


def test_what_is_not_here_is_not_found(covcat) -> None:
    ran = covcat("images")
    assert (ran.code, "covcat fetch" in ran.err) == (3, True)
    ran = covcat("images", "figure1")
    assert ran.code == 3
    assert "`figure1` is not in `covcat-data`" in ran.err
    assert "covcat fetch figure1" in ran.err
    for name in ("sirm", "sirm@local"):  # only a person can bring it
        ran = covcat("images", name)
        assert (ran.code, ran.out) == (3, "")
        assert "hint: covcat import sirm FILE…" in ran.err


def test_a_release_says_what_became_of_its_rows(asked) -> None:
    ran = asked("set")
    assert "set@1: 7 images, 8 rows of labels (7 of these images, 1 of images" in ran.err
    assert "gone.png" not in ran.err
    assert "not here: images/gone.png\n" in asked("set", "-v").err
    assert asked("set", "-q").err == ""
    columns = "image_id,matched,path,sha256"
    *_, last = asked("set", "--all", "--format", "csv", "--columns", columns).rows
    assert last == {"image_id": "set:gone.png", "matched": "label only", "path": "", "sha256": ""}


def test_two_releases_are_asked_at_once_and_no_patient_is_there_twice(covcat, shelf) -> None:
    entry(shelf, releases=("1", "2"))
    entry(shelf, "other")
    asked = ("set@1", "set@2", "other")
    for name in asked:
        put(shelf, name, {**FILMS, **table()})
    rows = covcat("images", "--format", "csv", "--columns", "resource,release,patient_id").rows
    found = {f"{one['resource']}@{one['release']}" for one in rows}
    assert (found, len(rows)) == ({"set@1", "set@2", "other@1"}, 21)
    ran = covcat("images", *asked, "--one-per", "patient", "--columns=patient_id")
    patients = ran.out.splitlines()[1:]
    assert len(patients) == len(set(patients)) == 10
    assert {one.partition(":")[0] for one in patients} == {"set", "other"}


def test_paths_are_of_files_that_are_there_and_can_end_with_nul(laid) -> None:
    odd = ["images/-c.png", "images/a b.png", "images/d'e.png", "images/\u65e5.png"]
    asked = laid(dict.fromkeys(odd, png(1, 1)))
    lines = asked("set", "--paths").out.splitlines()
    assert all(Path(one).is_absolute() and Path(one).is_file() for one in lines)
    assert [f"images/{Path(one).name}" for one in lines] == odd
    for option in ("--null", "-0"):
        assert asked("set", "--paths", option).out == "".join(f"{one}\0" for one in lines)


def test_a_file_in_two_rows_is_one_path_and_gone_once(laid) -> None:
    asked = laid({**FILMS, **table(TWO_ROWS)})
    assert lettered(asked("set", "--paths", "--finding", "SARS")) == "a"
    said = asked("set", "--format", "ids", "--finding", "SARS").out
    assert said == "set:images/a.png\nset:images/a.png#2\n"
    (DATA / "set/1/files/images/a.png").unlink()
    assert gone("1 image is") in asked().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            "--columns age,path,finding --where age>65 --format tsv",
            "age\tpath\tfinding\n66\timages/d.png\tNo finding\n",
        ),
        (
            "--columns offset,age,sex --finding SARS --format jsonl",
            '{"offset": null, "age": 65, "sex": "M"}\n',
        ),
        ("--columns age --where age=40.5 --format jsonl", '{"age": 40.5}\n'),
        ("--columns offset --where offset<0 --format jsonl", '{"offset": -2}\n'),
        ("--columns path --view L --format csv", "path\n"),
        ("--columns path --view L --format tsv", "path\n"),
        ("--columns path --view L --format jsonl", ""),
        ("--columns path --view L --format ids", ""),
    ],
)
def test_columns_come_in_the_order_that_is_asked_for(asked, options: str, expected: str) -> None:
    ran = asked("set", *options.split())
    assert (ran.code, ran.out) == (0, expected)


def test_columns_may_have_blanks_between_them(asked) -> None:
    ran = asked("set", "--columns", "age, path,finding", "--format", "tsv")
    assert ran.out.splitlines()[0] == "age\tpath\tfinding"


def test_json_is_one_document(asked) -> None:
    ran = asked("set", "--json", "--columns", "path,age", "--finding", "SARS")
    assert ran.document == {
        "schema": "covcat.images/1",
        "ok": True,
        "data": {"images": [{"path": "images/c.png", "age": 65}]},
        "error": None,
    }
    ran = asked("set", "--json", "--finding", "measles")
    assert (ran.code, ran.document["ok"], ran.document["error"]["code"]) == (2, False, 2)
    ran = asked("set", "--paths", "--json", "--sex", "M")
    assert [Path(one).name for one in ran.document["data"]["paths"]] == ["c.png", "d.png"]
    ran = asked("set", "-o", "f.csv", "--json")
    assert ran.document["data"] == {"path": "f.csv", "images": 7}
    assert asked("set", "-o", "g.csv", "--format", "json").code == 2
    assert not Path("g.csv").exists()


def test_a_table_has_what_a_person_reads_and_says_where_it_is_cut(asked, monkeypatch) -> None:
    head, *rows = asked("set", "--format", "table", "--sex", "M").out.splitlines()
    assert head.split() == list(command.SHORT)
    assert [row.split()[1] for row in rows] == ["images/c.png", "images/d.png"]
    monkeypatch.setattr(command, "MOST_SHOWN", 3)
    ran = asked("set", "--format", "table")
    assert len(ran.out.splitlines()) == 4
    assert "and 4 more: --format csv or --output FILE has all of them" in ran.err


def read_back(path: Path) -> list[Record]:
    """Read a file that `--output` wrote, as any other program would."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as base:
            base.row_factory = sqlite3.Row
            return [dict(row) for row in base.execute("SELECT * FROM images ORDER BY rowid")]
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(path).to_pylist()
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as stream:
            undone = [[cell.removeprefix("'") for cell in row] for row in csv.reader(stream)]
    else:
        lines = path.read_bytes().decode().removesuffix("\n").split("\n")
        undone = [[unescaped(cell) for cell in line.split("\t")] for line in lines]
    return [dict(zip(undone[0], row, strict=True)) for row in undone[1:]]


def unescaped(cell: str) -> str:
    """Undo what a TSV cell is written with; docs/schema.md says how."""
    known = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}

    def one(found: re.Match[str]) -> str:
        return known.get(found[0]) or chr(int(found[0][2:], 16))

    pattern = r"\\(?:\\|[tnr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
    return re.sub(pattern, one, cell)


FORMATS = ["csv", "tsv", "jsonl", "sqlite", "parquet"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_new_file_is_written_whole_and_an_old_one_is_kept(asked, name: str) -> None:
    path = Path(f"out.{name}")
    Path(f".out.{name}.part").write_text("half of it")  # as a killed run leaves it
    ran = asked("set", "--output", str(path))
    assert (ran.code, ran.out) == (0, f"{path}\n")
    assert f"7 images written to `{path}`" in ran.err
    found = read_back(path)
    assert [one["path"] for one in found] == list(FILMS)
    assert list(found[0]) == list(NAMES)
    before = path.read_bytes()
    ran = asked("set", "--output", str(path))
    assert (ran.code, ran.out) == (8, "")
    assert f"`{path}` is there already" in ran.err
    assert "hint: --force" in ran.err
    assert path.read_bytes() == before
    assert asked("set", "--view", "PA", "--output", str(path), "--force").code == 0
    assert {one["view"] for one in read_back(path)} == {"PA"}
    assert {one.name for one in Path().glob("out*")} == {f"out.{name}"}


STOPS = """
import os, sys
from covcat.cli import images, main
number = int(sys.argv.pop(1))
images.sync = lambda folder: os.kill(os.getpid(), number)
main.main()
"""


@pytest.mark.parametrize("name", ["out.csv", "out.sqlite"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_killed_run_wrote_is_not_left_in_the_folder(asked, shelf, name: str, number) -> None:
    assert asked("set").code == 0
    Path("stops.py").write_text(STOPS)
    line = [sys.executable, "stops.py", str(number), "images", "set", "--output", name]
    ended = subprocess.run([*line, "--catalog", str(shelf.folder)], timeout=60)
    assert ended.returncode in (128 + number, -number)
    left = {one.name for one in Path().iterdir()} - {"covcat-data", "shelf", "stops.py"}
    assert (left == set()) == (number == signal.SIGTERM), left
    assert asked("set", "--output", name).code == 0  # which sweeps
    left = {one.name for one in Path().iterdir()} - {"covcat-data", "shelf", "stops.py"}
    assert left == {name}


@pytest.mark.parametrize(
    ("name", "options", "form"),
    [
        ("a.db", [], "sqlite"),
        ("b.ndjson", [], "jsonl"),
        ("c.txt", ["--format", "csv"], "csv"),
    ],
)
def test_the_format_of_a_file_is_that_of_its_suffix_or_of_the_option(asked, name, options, form):
    assert asked("set", "-o", name, *options).code == 0
    assert len(read_back(Path(name).rename(f"x.{form}"))) == 7


def test_a_question_that_fails_leaves_no_file(asked) -> None:
    for options in (["--where", "nope"], ["--where", "abs(bytes) > json('x')"]):
        assert asked("set", "-o", "a.csv", *options).code == 2
        assert not any(Path().glob("*a.csv*"))
    Path("taken").touch()
    assert asked("set", "-o", "taken/a.csv").code == 8
    assert asked("set", "-o", "new/a.csv").code == 0  # as `select` and `manifest export`


@pytest.mark.parametrize("output", [None, "a.sqlite", "a.csv"])
def test_a_full_disk_is_an_error_of_the_disk(asked, shelf, output: str | None) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    rows = "".join(f"a.png,{n},0,F,1,SARS,PA,CT,{'x' * 50}\n" for n in range(100))
    put(shelf, "set", {**FILMS, **table(rows)})
    if output is not None:
        assert asked("set", "-q", "--format", "ids").code == 0
    line = [sys.executable, "-m", "covcat", "images", "set", "--catalog", str(shelf.folder)]
    line += ["--output", output] if output else []
    ran = subprocess.run(line, capture_output=True, text=True, timeout=60, preexec_fn=limit)
    assert (ran.returncode, ran.stdout) == (8, "")
    assert not [one for one in Path().iterdir() if one.name not in ("covcat-data", "shelf")]
    assert INDEX.exists() == (output is not None)


def test_parquet_without_pyarrow_says_what_to_install(asked, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = asked("set", "-o", "a.parquet")
    assert ran.code == 2
    assert "pip install 'covcat[parquet]'" in ran.err
    assert not any(Path().glob("*a.parquet*"))


@pytest.mark.parametrize(
    "where",
    [
        *("1) OR (1", "1) --", "0) UNION SELECT * FROM images --", "1 /*", "1)", "(1"),
        *("1; DROP TABLE images", "1; SELECT 1", "?", ":name", "@a", "x'", '"', "", " "),
        *("1 IN (DELETE FROM images RETURNING 1)", "(ATTACH 'stolen.db' AS s)"),
        *("load_extension('evil.so')", "(SELECT count(*) FROM pragma_database_list)"),
        *("readfile('/etc/passwd') IS NULL", "writefile('out', 'x')"),
        *("length(zeroblob(2000000000)) > 0", "path = char(0xd800) || nope"),
        *("1 ORDER BY 1", "1 LIMIT 1"),
    ],
)
@pytest.mark.large
def test_a_condition_can_only_look(asked, where: str) -> None:
    before = tree_on_disk(DATA)
    ran = asked("set", "--paths", "--where", where)
    assert (ran.code, ran.out) == (2, "")
    assert f"--where `{where}` cannot be asked" in ran.err
    after = tree_on_disk(DATA)
    after.pop("set/1/index.sqlite", None)
    assert after == before
    assert sorted(one.name for one in Path().iterdir()) == ["covcat-data", "shelf"]


@pytest.mark.parametrize(
    "where",
    [
        "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c)",
        f"(SELECT count(*) FROM images, {', '.join(f'images {name}' for name in 'abcdefghijkl')})",
    ],
    ids=["recursion", "product"],
)
def test_a_condition_does_not_run_for_ever(asked, where: str, monkeypatch) -> None:
    monkeypatch.setattr(opening, "LONGEST", 0.3)
    ran = asked("set", "--paths", "--where", where)
    assert (ran.code, ran.out) == (2, "")
    assert "it works for more than" in ran.err


def index_of_set(shelf) -> opening.Index:
    return open_index(load.load([shelf.folder]).find("set@1"))


def test_a_slow_reader_does_not_end_a_question(shelf, asked, monkeypatch) -> None:
    one = index_of_set(shelf)
    monkeypatch.setattr(opening, "LONGEST", 0.2)
    clock = iter(range(10_000))
    monkeypatch.setattr(opening.time, "monotonic", lambda: next(clock) * 0.1)
    assert len(list(query.select(one, query.Question(where="age > 0")))) == 6


def test_a_question_without_a_condition_has_all_the_time_it_needs(shelf, asked, monkeypatch):
    monkeypatch.setattr(opening, "LONGEST", -1.0)
    monkeypatch.setattr(opening, "_STEPS", 1)
    one = index_of_set(shelf)
    assert len(list(query.select(one, query.Question()))) == 7
    with pytest.raises(UsageError, match="it works for more than"):
        list(query.select(one, query.Question(where="age > 0")))


def test_the_index_is_made_once_and_again_when_its_entry_changes(asked, shelf) -> None:
    first = asked("set")
    assert "set@1: making its image index" in first.err
    made = INDEX.stat().st_ino
    again = asked("set")
    assert (again.out, INDEX.stat().st_ino) == (first.out, made)
    assert "making" not in again.err
    assert "set@1: 7 images, 8 rows of labels" in again.err

    entry_file = shelf.folder / "set.yaml"
    entry_file.write_text(entry_file.read_text().replace("      view: view\n", ""))
    assert lettered(asked("set", "--paths", "--view", "PA")) == ""
    assert INDEX.stat().st_ino != made


def test_a_damaged_manifest_or_a_lost_table_is_an_error_of_integrity(asked) -> None:
    place = DATA / "set/1/manifest.json"
    whole = place.read_bytes()
    place.write_bytes(whole[:-10])
    assert asked("set").code == 5
    place.write_bytes(whole)
    (DATA / "set/1/files/metadata.csv").unlink()
    ran = asked("set")
    assert ran.code == 5
    assert "`metadata.csv` of `set@1` is missing" in ran.err
    assert "hint: covcat verify set@1 --repair" in ran.err


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_release_that_may_not_be_written_has_its_index_in_the_cache(asked, tmp_path) -> None:
    folder = DATA / "set/1"
    folder.chmod(0o555)
    try:
        assert asked("set").code == 0
        assert len(list((tmp_path / "xdg-cache/covcat/indexes").iterdir())) == 1
    finally:
        folder.chmod(0o755)


def test_the_index_is_no_file_of_the_release(covcat) -> None:
    assert covcat("fetch", "sample").code == 0
    ran = covcat("images", "sample", "--covid", "yes", "--one-per", "patient", "--columns=filename")
    assert (ran.code, len(ran.out.splitlines())) == (0, 6)
    assert (DATA / "sample/1/index.sqlite").is_file()
    assert "index.sqlite" not in (DATA / "sample/1/SHA256SUMS").read_text()
    assert covcat("verify", "sample").code == 0


def test_three_runs_at_once_make_one_good_index(asked, shelf) -> None:
    line = [sys.executable, "-m", "covcat", "images", "set", "--format", "ids"]
    line += ["--catalog", str(shelf.folder)]
    runs = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {one.communicate(timeout=60)[0] for one in runs}
    assert [one.returncode for one in runs] == [0, 0, 0]
    assert said == {"".join(f"set:{path}\n" for path in FILMS)}


HIDDEN = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
HOSTILE = [
    *("\x1b[2J\x1b[31mred", "\x1b]0;owned\x07", "\x9b31mred"),  # for a terminal
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    *("=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "'=1"),  # for a spreadsheet
    *("<script>alert(1)</script>", "[red]x[/red] [/] :skull:"),
    *("a\x00b", "a\nb", "a\rb", "\ta\tb", "a\x0cb\x0b", "a\x85b\u2028c\u2029d"),
    *("\u202egpj.exe\u2066", "a\u200bb\ufeff", "\\n \\x1b \\\\", 'a,b;"c"'),
    "x" * 1_000_000,
    "肺" * 1000,
]


def shows_harmlessly(text: str) -> bool:
    return not any(unicodedata.category(char) in HIDDEN for char in set(text) - {"\n", "\t"})


def test_force_without_an_output_is_no_silent_wish(asked) -> None:
    ran = asked("--force")
    assert (ran.code, ran.out) == (2, "")
    assert "--force writes over an --output" in ran.err


@pytest.fixture
def hostile(laid) -> Callable[..., Ran]:
    """Run `covcat images` over a table whose cells are all hostile."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([*HEADER.split(","), "notes"])
    for number, text in enumerate(HOSTILE):
        writer.writerow([f"{number}.png", *[text] * 9])
    films = {f"images/{number}.png": png(1, 1) for number in range(len(HOSTILE))}
    asked = laid({**films, "metadata.csv": buffer.getvalue().encode()})
    return lambda *args: asked("set", *args)


@pytest.mark.parametrize("name", ["table", "tsv", "ids", "json", "jsonl"])
@pytest.mark.large
def test_hostile_cells_are_shown_harmlessly_and_break_no_line(hostile, name: str) -> None:
    ran = hostile("--format", name)
    assert ran.code == 0
    assert shows_harmlessly(ran.out + ran.err)
    assert max(map(len, ran.err.splitlines())) < 20_000
    lines = ran.out.split("\n")[:-1]
    if name in ("tsv", "jsonl", "ids"):
        assert len(lines) == len(HOSTILE) + (name == "tsv")
    if name == "tsv":
        assert {line.count("\t") for line in lines} == {len(NAMES) - 1}
    if name == "table":  # beside a cell of a megabyte
        assert len(lines) < 20 * len(HOSTILE)
        assert max(map(len, lines)) < 2000


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "ids", "table"])
def test_a_terminal_gets_no_escape_in_any_format(hostile, monkeypatch, name: str) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    ran = hostile("--format", name)
    assert ran.code == 0
    assert shows_harmlessly(re.sub(r"\x1b\[[0-9;]*m", "", ran.out))
    if name in ("csv", "tsv"):
        assert len(ran.out.splitlines()) == len(HOSTILE) + 1


@pytest.mark.large
def test_a_spreadsheet_runs_no_cell(hostile) -> None:
    rows = list(csv.reader(io.StringIO(hostile("--format", "csv").out, newline="")))
    assert len(rows) == len(HOSTILE) + 1
    cells = [cell for row in rows[1:] for cell in row if not re.fullmatch(r"-?\d+", cell)]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.large
def test_hostile_cells_come_back_as_they_were(hostile, name: str) -> None:
    assert hostile("-o", f"a.{name}").code == 0
    found = {str(one["path"]): one for one in read_back(Path(f"a.{name}"))}
    for number, text in enumerate(HOSTILE):
        one = found[f"images/{number}.png"]
        assert one["clinical_notes"] == one["license"] == one["finding_raw"] == text
        raw = json.loads(str(one["raw"]))["metadata.csv"]
        assert raw == dict.fromkeys([*HEADER.split(","), "notes"], text) | {"name": f"{number}.png"}
        assert one["patient_id"] == (f"set:{text.strip()}")
        for column in ("view", "sex", "age", "offset", "finding", "license_spdx"):
            assert not one[column]


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
NASTY = TEXT | st.sampled_from(HOSTILE[:-2]) | st.from_regex(r"[\\'=\r\n\tx0-9u]+")
VALUES = {
    "text": st.none() | NASTY.filter(bool),
    "integer": st.none() | st.integers(-(2**53), 2**53),
    "number": st.none() | st.integers(0, 130) | st.floats(0, 130),
}
RECORD = st.fixed_dictionaries({column.name: VALUES[column.type] for column in COLUMNS})


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40)
@given(rows=st.lists(RECORD, max_size=4))
@pytest.mark.large
def test_every_value_survives_a_file(name: str, rows: list[Record], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("files") / f"a.{name}"
    if name in writers.FILES:
        assert writers.FILES[name](path, NAMES, iter(rows)) == len(rows)
    else:
        with path.open("w", encoding="utf-8", newline="") as stream:
            assert writers.STREAMS[name](stream, NAMES, iter(rows)) == len(rows)
    if name in ("csv", "tsv"):  # these know texts only
        rows = [{key: "" if one[key] is None else str(one[key]) for key in NAMES} for one in rows]
    assert read_back(path) == rows


@given(st.lists(st.lists(VALUES["number"] | VALUES["text"], min_size=3, max_size=3), min_size=1))
def test_rows_are_written_as_python_writes_them_whatever_is_to_be_quoted(rows) -> None:
    tame = [[f"x{one}" if isinstance(one, str) else one for one in row] for row in rows]
    writers.write_rows(stream := io.StringIO(newline=""), ("raw", "path", "view"), [tame])
    expected = io.StringIO(newline="")
    csv.writer(expected).writerows([("raw", "path", "view"), *tame])
    ours, theirs = (
        list(csv.reader(io.StringIO(one.getvalue(), newline=""))) for one in (stream, expected)
    )
    assert ours == theirs
    if "\r" not in "".join(str(one) for row in tame for one in row):
        assert stream.getvalue() == expected.getvalue().replace("\r\n", "\n")


@given(NASTY)
def test_a_cell_of_text_is_visible_in_tsv_no_formula_in_csv_and_can_be_undone(text: str) -> None:
    writers.write_tsv(stream := io.StringIO(), ("raw",), [{"raw": text}])
    cell = stream.getvalue().removeprefix("raw\n").removesuffix("\n")
    assert shows_harmlessly(cell)
    assert not {"\t", "\n"} & set(cell)
    assert unescaped(cell) == text
    writers.write_csv(stream := io.StringIO(newline=""), ("raw",), [{"raw": text}])
    _, (cell,) = csv.reader(io.StringIO(stream.getvalue(), newline="")) if text else ([], [""])
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("images", "7 of 7 images pass"),
        ("images --covid yes", "3 of 7 images pass"),
        ("images --covid yes --format table", "3 of 7 images pass"),
        ("images --covid yes --paths", "3 of 7 images pass"),
        ("images --covid yes --output films.csv", "3 of 7 images pass"),
        ("images --covid yes --json", "3 of 7 images pass"),
        ("images --all --finding ards", "1 of 8 rows passes"),
        ("counts --by view --covid yes --of images", "3 of 7 images pass"),
        ("counts", "8 of 8 rows pass"),
        ("select --covid yes --allow-unknown-license", "3 of 7 images pass"),
    ],
)
@pytest.mark.large
def test_the_last_line_says_how_many_of_all_pass(covcat, asked, words: str, said: str) -> None:
    ran = covcat(*words.split())
    assert ran.code == 0
    assert ran.err.splitlines()[-1] == said
    assert said not in ran.out
    assert said not in covcat(*words.replace("films", "again").split(), "-q").err


def test_a_release_without_its_label_table_says_so_and_how_to_get_it(covcat, laid) -> None:
    assert "set@1: 7 images, no labels\n" in laid(FILMS)("set").err
    laid(FILMS, ("--sample=7",))
    get = "covcat fetch set@1 --include metadata.csv"
    for words in (["images"], ["counts"], ["select", "-o", "cohort.csv"]):
        ran = covcat(*words, "set")
        assert f"set@1: its label table `metadata.csv` is not here: {get}" in ran.err


def test_a_label_table_that_was_changed_is_read_with_a_warning(asked) -> None:
    asked("set")
    path = DATA / "set/1/files/metadata.csv"
    path.write_text(path.read_text().replace("SARS", "COVID-19"))
    ran = asked("set", "--finding", "SARS")
    assert "warning: set@1: `metadata.csv` was changed since it was fetched" in ran.err
    assert "covcat verify set@1" in ran.err
    assert "was changed" in asked("set").err  # again, from the index that is there


NO_TERM = "findings that the vocabulary does not have"
NOT_HERE = "of images that are not here"


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"images": 1234, "image_only": 1234}, "1,234 images, no labels"),
        (
            {"images": 5, "both": 2, "label_only": 1, "image_only": 3, "not_added": 4},
            (
                "5 images (2 with labels, 3 without), 3 rows of labels (2 of these images, "
                f"1 {NOT_HERE}), 4 further rows about images that are not here"
            ),
        ),
        (
            {"images": 2, "both": 2, "label_only": 3, "ambiguous": 1},
            (
                f"2 images, 5 rows of labels (2 of these images, 2 {NOT_HERE}, "
                "1 that could be of several images)"
            ),
        ),
        (
            {"images": 3, "both": 2, "image_only": 1, "bare": 1, "unreadable": 1, "unread": ["3"]},
            (
                "3 images (2 with labels, 1 without), 1 row of labels, 1 from DICOM without a preamble; "
                "1 image file could not be read: `3`"
            ),
        ),
        (
            {"images": 5, "image_only": 5, "unreadable": 5, "unread": list("abcde")},
            "5 images, no labels; 5 image files could not be read: `a`, `b`, `c`, …",
        ),
        (
            {"images": 2, "both": 2, "without_term": {"a" * 300: 2}},
            f"2 images, 2 rows of labels; {NO_TERM}: `{'a' * 200}…` (2)",
        ),
    ],
)
def test_what_became_of_rows_is_one_line(report: dict, expected: str) -> None:
    assert indexes.told("x@1", IndexReport(**report)) == f"x@1: {expected}"


UNREADABLE = b"name\n\xff\n"


@pytest.fixture
def with_a_broken_one(covcat, shelf) -> Callable[..., Ran]:
    """Three releases are here; the label table of `bad` was published as no reader reads it."""
    for id in ("bad", "other", "set"):
        entry(shelf, id)
        put(
            shelf, id, {**FILMS, **table(), **({"metadata.csv": UNREADABLE} if id == "bad" else {})}
        )
    return covcat


def test_a_table_that_cannot_be_read_does_not_stop_the_other_releases(with_a_broken_one) -> None:
    ran = with_a_broken_one("images", "--columns", "resource,path", "--format", "tsv")
    assert ran.code == 5
    assert len(ran.out.splitlines()) == 15
    why = "the table `metadata.csv` cannot be read"
    assert f"warning: bad@1 is left out: {why}" in ran.err
    assert f"error: bad@1, 1 of 3 releases, is left out: {why}" in ran.err
    assert "hint: with the options of before, name only these: other@1 set@1\n" in ran.err
    assert with_a_broken_one("images", "other@1", "set@1").code == 0


def test_json_has_the_rows_and_the_error_of_what_is_left_out(with_a_broken_one) -> None:
    for options in (["--json"], ["--format", "json"]):
        ran = with_a_broken_one("images", *options, "--columns", "resource,path")
        assert (ran.code, ran.document["ok"]) == (5, False)
        assert len(ran.document["data"]["images"]) == 14
        assert "bad@1" in ran.document["error"]["message"]
    ran = with_a_broken_one("images", "--json", "--paths", "--view", "PA")
    assert (ran.code, len(ran.document["data"]["paths"])) == (5, 6)
    ran = with_a_broken_one("images", "--json", "-o", "films.csv")
    assert (ran.code, ran.document["data"]) == (5, {"path": "films.csv", "images": 14})


def test_a_table_that_was_damaged_since_is_for_verify(with_a_broken_one) -> None:
    (DATA / "other/1/files/metadata.csv").write_bytes(UNREADABLE)
    ran = with_a_broken_one("images", "other", "set", "--format", "ids")
    assert (ran.code, len(ran.out.splitlines())) == (5, 7)
    assert "hint: covcat verify other@1\n" in ran.err
    ran = with_a_broken_one("images", "--format", "ids")
    assert (ran.code, len(ran.out.splitlines())) == (5, 7)
    assert "error: 2 of 3 releases cannot be read\n  bad@1: the table" in ran.err
    ran = with_a_broken_one("images", "bad", "other")
    assert (ran.code, ran.out) == (5, "")
    assert "error: 2 of 2 releases cannot be read\n  bad@1: the table" in ran.err


def test_the_only_release_that_is_asked_for_is_named_with_a_hint(with_a_broken_one) -> None:
    ran = with_a_broken_one("images", "bad")
    assert (ran.code, ran.out) == (5, "")
    assert "error: bad@1: the table `metadata.csv` cannot be read" in ran.err
    assert "hint: its files are as recorded; `covcat show bad`" in ran.err
    (DATA / "bad/1/files/metadata.csv").write_bytes(UNREADABLE + b"\xff")
    assert "hint: covcat verify bad@1\n" in with_a_broken_one("images", "bad").err


def gone(verb: str) -> str:
    again = "covcat verify set@1 --repair"
    return f"warning: set@1: {verb} gone from the disk or of another size: {again}\n"


def test_a_deleted_image_is_told_where_it_is_listed_and_is_no_path(asked) -> None:
    assert "warning" not in asked("set").err
    (DATA / "set/1/files/images/a.png").unlink()
    ran = asked("set", "--sex", "M")
    assert (ran.code, "gone" in ran.err) == (0, False)
    ran = asked("set", "--paths")
    assert lettered(ran) == "bcdefg"
    assert gone("1 image is") in ran.err
    (DATA / "set/1/files/images/b.png").write_bytes(b"")
    for options in (["--format", "csv"], ["--format", "table"], ["--json"], ["-o", "films.csv"]):
        assert gone("2 images are") in asked("set", *options).err
    assert lettered(asked("set", "--paths", "--view", "PA")) == "cf"


@pytest.fixture
def long_named(laid) -> Callable[..., Ran]:
    name = "auntminnie-a-2020_01_28_23_51_6665_2020_01_28_Vietnam_coronavirus.png"
    rows = f"{name},patient-19,0,F,65,COVID-19,AP supine,X-ray,CC BY-NC-SA 4.0\n"
    return laid({f"images/{name}": png(1, 1), **table(rows)})


@pytest.mark.parametrize("width", [40, 60, 80, 100, 119])
def test_a_table_fits_the_terminal_and_cuts_paths_in_the_middle(long_named, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = long_named("--format", "table").out.splitlines()
    assert max(map(len, lines)) <= width
    for piece in ("images/au", "avirus.png", "…"):
        assert piece in lines[1]
    assert "finding" in lines[0]
    assert ("left out of a narrow table: resource" in "".join(lines)) == (width < 119)


def test_a_pipe_gets_every_column_whatever_the_width(long_named, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    head, row = long_named().out.splitlines()
    assert head.split("\t") == list(NAMES)
    assert (len(row.split("\t")), "…" in row) == (len(NAMES), False)


def test_what_was_imported_of_a_site_without_downloads_is_listed(covcat) -> None:
    Path("case.jpg").write_bytes(png(1, 1))
    assert covcat("import", "sirm", "case.jpg").code == 0
    for name in ("sirm", "sirm@local"):
        ran = covcat("images", name, "--columns", "image_id,finding,license")
        assert ran.out.splitlines()[1:] == ["sirm:case.jpg\t\tLicenseRef-none-stated"], ran.err
    assert "sirm@local: 1 image, no labels" in ran.err
    assert covcat("images", "--format", "ids").out == "sirm:case.jpg\n"
    assert covcat("counts", "sirm", "--of", "images").out == "images\n1\n"
    ran = covcat("select", "sirm", "-o", "cohort", "--allow-unknown-license")
    assert (ran.code, ran.out) == (0, "cohort\n")


def test_a_mask_is_no_row_of_the_names_of_images(covcat, shelf) -> None:
    names_of = 'tables:\n  - {reader: names, path: "*", source: made up, pattern: "(?P<view>PA)"}\n'
    shelf.add("set", f"{archives('1')}{names_of}pictures: {{exclude: [masks/*]}}\n")
    put(shelf, "set", {"PA/a.png": png(1, 1), "masks/a.png": png(1, 1)})
    ran = covcat("images", "--all", "--format", "ids")
    assert ran.out == "set:PA/a.png\n", ran.err
    assert "set@1: 1 image, 1 row of labels\n" in ran.err


def test_a_disk_that_refuses_one_release_does_not_stop_the_others(with_a_broken_one, monkeypatch):
    refused = DATA.absolute() / "other"
    write = build.write

    def refusing(*args):
        if refused in args[4].absolute().parents:
            raise DiskError("cannot write the image index: No space left on device")
        return write(*args)

    monkeypatch.setattr(build, "write", refusing)
    ran = with_a_broken_one("images", "other", "set", "--format", "ids")
    assert (ran.code, len(ran.out.splitlines())) == (8, 7)
    assert "error: other@1, 1 of 2 releases, is left out: cannot write the image" in ran.err
    assert with_a_broken_one("images", "--format", "ids").code == 9  # this one, and `bad`
