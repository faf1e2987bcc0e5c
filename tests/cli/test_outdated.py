"""`covcat outdated` tells what is newer than what is here: in the catalog, and at the hosts."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.laid import DATA, lay
from makers.releases import Shelf
from makers.runs import Ran
from servers.hosts import FOR_EVER, World

from covcat.catalog import load
from covcat.fetching.outdated import is_newer
from covcat.hosts.record import Newest
from covcat.store import cached

OLD, NEW = "0" * 39 + "1", "0" * 39 + "2"
OTHER = "f" * 40  # the tree of no commit here
FILES = {"a.png": b"made up"}
DOI = "10.7910/DVN/MADEUP"


@pytest.fixture
def outdated(covcat, world: World) -> Callable[..., Ran]:
    """Run it with the imitated hosts as its mirror."""
    return lambda *args: covcat("outdated", *args, mirror=world.url)


def add(shelf: Shelf, *files: str, id: str = "set", more: str = "") -> None:
    """Write an entry whose one release is here, of these files."""
    lines = "".join(f"      - {{{one}}}\n" for one in files)
    first = f'releases:\n  - id: "1"\n    source: made up\n    files:\n{lines}'
    shelf.add(id, first + more)
    lay(load.load([shelf.folder]).find(f"{id}@1"), FILES)


def rows(ran: Ran) -> list[dict]:
    assert ran.code == 0
    return ran.document["data"]["outdated"]


def keys(row: dict) -> tuple:
    return row["kind"], row["upstream"], row["date"]


# ---- each host ---------------------------------------------------------------------------------

GITHUB = "host: github, repository: made/up, unpack: zip"
ZENODO, FIGSHARE = "host: zenodo, name: a.zip", "host: figshare, article: '7', file: '71'"
MENDELEY = "host: mendeley, dataset: abcdef1234"
DATAVERSE = f"host: dataverse, server: 'https://dataverse.harvard.edu', doi: {DOI}"
KAGGLE = "host: kaggle, dataset: made/up"
JANUARY = "2021-01-05"
NEWER = {  # what is held; what is newest, or None
    "an old commit": (f"{GITHUB}, commit: {OLD}, tree: {OTHER}", ("commit", NEW, JANUARY)),
    "the newest commit": (f"{GITHUB}, commit: {NEW}, tree: {OTHER}", None),
    "an old release's asset": (
        "host: github, repository: made/up, tag: v1, asset: a.zip",
        ("tag", "v2", JANUARY),
    ),
    "the newest release's asset": (
        "host: github, repository: made/up, tag: v2, asset: a.zip",
        None,
    ),
    "an old record of Zenodo": (f"{ZENODO}, record: '101'", ("version", "102", JANUARY)),
    "the newest record of Zenodo": (f"{ZENODO}, record: '102'", None),
    "an old version of figshare": (
        f"{FIGSHARE}, version: '1', name: a.zip",
        ("version", "2", JANUARY),
    ),
    "the newest version of figshare": (f"{FIGSHARE}, version: '2', name: a.zip", None),
    "an old version of Mendeley": (f"{MENDELEY}, version: '1'", ("version", "2", JANUARY)),
    "the newest version of Mendeley": (f"{MENDELEY}, version: '2'", None),
    "an old version of Dataverse": (f"{DATAVERSE}, version: '1.0'", ("version", "1.1", JANUARY)),
    "the newest version of Dataverse": (f"{DATAVERSE}, version: '1.1'", None),
    "what moves on Dataverse, and did not": (DATAVERSE, None),
    "an old version of Kaggle": (f"{KAGGLE}, version: '1'", ("version", "2", JANUARY)),
    "the newest version of Kaggle": (f"{KAGGLE}, version: '2'", None),
    "what moves on Kaggle, and did not": (KAGGLE, None),
}


@pytest.fixture
def filled(world: World) -> World:
    """Two versions of a set on each host."""
    for commit, data in ((OLD, b"one"), (NEW, b"two")):
        world.github.add("made/up", commit, {"a.txt": data, "data/b.txt": b"same"})
    for tag in ("v1", "v2"):
        world.github.release("made/up", tag, {"a.zip": b"made up"})
    for record in ("101", "102"):
        world.zenodo.add(record, {"a.zip": b"made up"}, concept="100")
    for number in ("1", "2"):
        world.figshare.add("7", {"71": ("a.zip", b"made up")}, version=number)
        world.mendeley.add("abcdef1234", {"a.zip": b"made up"}, version=number)
        world.kaggle.add("made/up", {"a.png": b"made up"}, version=number)
    for number in ("1.0", "1.1"):
        world.dataverse.add(DOI, {"a.zip": b"made up"}, version=number)
    return world


@pytest.mark.parametrize(("file", "expected"), NEWER.values(), ids=NEWER)
def test_a_host_says_what_it_has_newest(outdated, shelf, filled, file: str, expected) -> None:
    add(shelf, file)
    found = rows(outdated("--json"))
    assert [keys(row) for row in found] == ([expected] if expected else [])
    assert [one for one in filled.requests if one.method != "GET" or one.status >= 400] == []
    assert len(filled.requests) <= 2  # Zenodo's answer is a redirect


def test_a_commit_that_left_the_kept_folder_as_it_was_is_not_newer(outdated, shelf, filled) -> None:
    tree = filled.github.commit("made/up", OLD).trees["data/"]
    add(shelf, f"{GITHUB}, commit: {OLD}, tree: {tree}, keep: data/")
    assert rows(outdated("--json")) == []
    filled.github.add("made/up", "0" * 39 + "3", {"data/b.txt": b"another"})
    assert [keys(row)[0] for row in rows(outdated("--json"))] == ["commit"]


def test_a_kept_folder_that_is_gone_is_news(outdated, shelf, filled) -> None:
    tree = filled.github.commit("made/up", OLD).trees["data/"]
    add(shelf, f"{GITHUB}, commit: {OLD}, tree: {tree}, keep: data/")
    filled.github.add("made/up", "0" * 39 + "3", {"a.txt": b"one"})
    assert [keys(row)[0] for row in rows(outdated("--json"))] == ["commit"]


def test_a_commit_with_the_pinned_tree_is_not_newer(outdated, shelf, filled) -> None:
    tree = filled.github.commit("made/up", NEW).trees[""]
    add(shelf, f"{GITHUB}, commit: {OLD}, tree: {tree}")
    assert rows(outdated("--json")) == []


def test_several_files_of_a_record_are_asked_for_once_and_are_one_row(
    outdated, shelf, filled
) -> None:
    add(shelf, f"{ZENODO}, record: '101'", "host: zenodo, name: b.zip, record: '101'")
    (row,) = rows(outdated("--json"))
    assert (row["id"], row["where"]) == ("set@1", "https://zenodo.org/records/101")
    assert len(filled.asked("zenodo.org", "/api/records/101/versions/latest")) == 1


# ---- what moves with its host, and plain addresses ----------------------------------------------


def recorded(**changes: object) -> None:
    """Change the record of the one download of what is here."""
    path = DATA / "set/1/manifest.json"
    record = json.loads(path.read_text())
    record["downloads"][0] |= {"imported_from": None, **changes}
    path.write_text(json.dumps(record))


def test_a_branch_is_new_until_it_has_another_commit_than_came(outdated, shelf, filled) -> None:
    add(shelf, f"{GITHUB}, branch: master")
    recorded(commit=NEW, finished_at="2020-01-01T00:00:00+00:00")
    assert rows(outdated("--json")) == []
    recorded(commit=OLD, finished_at="2020-01-01T00:00:00+00:00")
    assert [keys(row) for row in rows(outdated("--json"))] == [("commit", NEW, JANUARY)]


WEB = "host: web, url: 'https://data.example.org/a.bin', name: a.bin"
MONDAY = "Mon, 04 Jan 2021 10:00:00 GMT"
PLAIN = {
    "as it came": (7, MONDAY, "2021-01-04T10:00:00+00:00", None),
    "changed since": (7, MONDAY, "2021-01-04T09:59:59+00:00", ("file", "7 bytes", "2021-01-04")),
    "of another size": (8, None, "2022-01-01T00:00:00+00:00", ("file", "8 bytes", None)),
    "of the same size": (7, None, "2020-01-01T00:00:00+00:00", None),
}


@pytest.mark.parametrize(("size", "modified", "since", "expected"), PLAIN.values(), ids=PLAIN)
def test_a_plain_address_says_its_size_and_since_when(
    outdated, shelf, world: World, size: int, modified: str | None, since: str, expected
) -> None:
    add(shelf, WEB)
    recorded(bytes=7, finished_at=since)
    world.web.add("https://data.example.org/a.bin", b"x" * size, modified=modified)
    found = rows(outdated("--json"))
    assert [keys(row) for row in found] == ([expected] if expected else [])


TIMES = {
    "the same day": ("2021-01-05", "2021-01-05T10:00:00+00:00", False),
    "a day later": ("2021-01-06", "2021-01-05T10:00:00+00:00", True),
    "a second later": ("2021-01-05T10:00:01Z", "2021-01-05T10:00:00+00:00", True),
    "the same second": ("2021-01-05T10:00:00.9Z", "2021-01-05T10:00:00+00:00", False),
    "not told": ("", "2021-01-05T10:00:00+00:00", False),
}


@pytest.mark.parametrize(("at", "since", "expected"), TIMES.values(), ids=TIMES)
def test_what_has_no_ids_is_newer_by_its_time(at: str, since: str, expected: bool) -> None:
    newest = Newest(kind="version", version="2", at=at, is_held=None)
    assert is_newer(newest, [], since) is expected


# ---- the catalog -------------------------------------------------------------------------------

LATER = (
    f'  - {{id: "2", date: 2021-02-03, source: made up, files: [{{{ZENODO}, record: "102"}}]}}\n'
)


def test_a_newer_release_of_the_entry_needs_no_host(outdated, shelf, world: World) -> None:
    add(shelf, f"{ZENODO}, record: '101'", more=LATER)
    ran = outdated("--json", "--offline")
    (row,) = rows(ran)
    assert (row["id"], row["in_catalog"], keys(row)) == (
        "set@1",
        "2",
        ("release", None, "2021-02-03"),
    )
    assert ran.err.splitlines() == [
        "1 of 1 release has something newer",
        "hint: covcat fetch set",
        "note: no host was asked, because --offline is set; of 1 record nothing is kept",
    ]
    assert world.requests == []


def test_a_release_that_is_behind_is_one_row_with_what_its_host_has(
    outdated, shelf, filled
) -> None:
    add(shelf, f"{ZENODO}, record: '101'", more=LATER)
    assert [keys(row) for row in rows(outdated("--json"))] == [("release", "102", JANUARY)]


def test_what_comes_with_covcat_is_as_new_as_the_catalog(covcat) -> None:
    covcat("fetch", "sample", "-q")
    ran = covcat("outdated", mirror=None)
    assert ran.out.splitlines() == ["id\tin_catalog\tupstream\tdate\tkind\twhere\tdetail"]
    assert ran.err.splitlines()[-1] == "0 of 1 release have something newer"


# ---- what is not known -------------------------------------------------------------------------


def test_a_host_that_does_not_answer_is_a_row_and_no_error(outdated, shelf, filled) -> None:
    add(shelf, f"{ZENODO}, record: '101'", f"{FIGSHARE}, version: '1', name: a.zip")
    filled.faults.answer("zenodo.org", "/api", 503, times=FOR_EVER)
    found = rows(outdated("--json"))
    assert [keys(row) for row in found] == [("unknown", None, None), ("version", "2", JANUARY)]
    assert "answered HTTP 503" in found[0]["detail"]


def test_a_release_that_the_catalog_does_not_know_is_not_known(outdated, shelf) -> None:
    add(shelf, f"{ZENODO}, record: '101'", id="other")
    shelf.add_web("set", "a.bin")
    (DATA / "other").rename(DATA / "gone")
    path = DATA / "gone/1/manifest.json"
    path.write_text(path.read_text().replace('"other"', '"gone"'))
    (row,) = rows(outdated("--json"))
    assert (row["id"], row["kind"], row["detail"]) == ("gone@1", "unknown", "not in the catalog")


def test_a_damaged_record_is_a_row(outdated, shelf) -> None:
    add(shelf, f"{ZENODO}, record: '101'")
    (DATA / "set/1/manifest.json").write_text("{")
    (row,) = rows(outdated("--json"))
    assert row["kind"] == "unknown"
    assert "manifest.json" in row["detail"]


@pytest.mark.parametrize(
    ("form", "first"), [("csv", "id,in_catalog,"), ("tsv", "id\tin_catalog\t")]
)
def test_it_prints_tables_for_programs(outdated, shelf, filled, form: str, first: str) -> None:
    add(shelf, f"{KAGGLE}, version: '1'")
    head, row = outdated("--format", form).out.splitlines()
    assert head.startswith(first)
    assert row.startswith(f"set@1{first[2]}1{first[2]}2{first[2]}{JANUARY}")


def test_a_name_that_is_not_here_is_not_found(outdated, shelf) -> None:
    add(shelf, f"{ZENODO}, record: '101'")
    assert outdated("figure1").code == 3
    assert not Path("covcat-data/figure1").exists()


def test_a_person_reads_a_short_commit_and_each_reason(outdated, shelf, filled) -> None:
    add(shelf, f"{GITHUB}, commit: {OLD}, tree: {OTHER}", f"{ZENODO}, record: '999'")
    ran = outdated("--format", "table")
    head, row, unknown = (line.split() for line in ran.out.splitlines())
    assert head == ["id", "in_catalog", "upstream", "date", "kind"]
    assert row == ["set@1", "1", NEW[:10], JANUARY, "commit"]
    assert unknown == ["set@1", "1", "unknown"]
    assert "set@1: `" in ran.err
    assert "HTTP 404" in ran.err
    assert ran.err.count("asking zenodo what is new") == 1


def test_a_host_that_does_not_answer_is_asked_no_more(outdated, shelf, filled) -> None:
    add(shelf, *(f"{ZENODO}, record: '{number}'" for number in (101, 103, 105)), WEB)
    filled.faults.answer("zenodo.org", "/api", 503, times=FOR_EVER)
    filled.web.add("https://data.example.org/a.bin", b"x")
    assert [row["kind"] for row in rows(outdated("--json"))][:1] == ["unknown"]
    assert len(filled.asked("zenodo.org")) == 2  # and once more
    assert len(filled.asked("data.example.org")) == 1


# ---- what is kept between runs ------------------------------------------------------------------


def statuses(world: World, host: str) -> list[int]:
    return [one.status for one in world.asked(host)]


def test_a_host_that_knows_what_it_said_is_asked_only_if_that_changed(
    outdated, shelf, filled
) -> None:
    add(shelf, f"{GITHUB}, commit: {OLD}, tree: {OTHER}")
    first = rows(outdated("--json"))
    assert rows(outdated("--json")) == first
    assert rows(outdated("--json")) == first
    assert statuses(filled, "api.github.com") == [200, 304, 304]
    filled.github.add("made/up", "0" * 39 + "3", {"a.txt": b"three"})
    assert [keys(row)[1] for row in rows(outdated("--json"))] == ["0" * 39 + "3"]
    assert statuses(filled, "api.github.com")[3:] == [200]


def test_offline_tells_what_hosts_answered_and_asks_none(outdated, shelf, filled) -> None:
    add(shelf, f"{GITHUB}, commit: {OLD}, tree: {OTHER}", f"{ZENODO}, record: '101'", WEB)
    filled.web.add("https://data.example.org/a.bin", b"x" * 8)
    recorded(bytes=7, entry=2)
    asked = rows(outdated("--json"))
    assert [keys(row)[0] for row in asked] == ["commit", "version", "file"]
    before = len(filled.requests)
    ran = outdated("--json", "--offline")
    assert rows(ran) == asked
    assert len(filled.requests) == before
    assert re.search(
        r"--offline is set: what they answered is of \d{4}-\d\d-\d\d or later$", ran.err
    )


def link(place: Path) -> None:
    place.rename("elsewhere.json")
    place.symlink_to(Path("elsewhere.json").resolve())


DAMAGES = {
    "empty": lambda place: place.write_bytes(b""),
    "cut": lambda place: place.write_bytes(place.read_bytes()[:-40]),
    "edited": lambda place: place.write_text(place.read_text().replace(NEW, "0" * 39 + "9")),
    "open to all": lambda place: place.chmod(0o666),
    "a link": link,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_answers_that_are_damaged_or_anybodys_are_as_if_not_there(
    outdated, shelf, filled, damage
) -> None:
    add(shelf, f"{GITHUB}, commit: {OLD}, tree: {OTHER}")
    first = rows(outdated("--json"))
    place = cached.answers_place()
    assert place is not None
    assert place.stat().st_mode & 0o777 == 0o600
    damage(place)
    ran = outdated("--json", "--offline")
    assert rows(ran) == []
    assert "of 1 record nothing is kept" in ran.err
    assert rows(outdated("--json")) == first
    assert statuses(filled, "api.github.com") == [200, 200]


def test_where_nothing_can_be_kept_hosts_are_asked_as_before(
    outdated, shelf, filled, monkeypatch
) -> None:
    Path("no-folder").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("no-folder").resolve()))
    add(shelf, f"{GITHUB}, commit: {OLD}, tree: {OTHER}")
    assert rows(outdated("--json")) == rows(outdated("--json"))
    assert statuses(filled, "api.github.com") == [200, 200]
