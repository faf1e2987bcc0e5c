"""`covcat report --site`: the catalog as pages that lead to each other, and to nothing unsaid."""

import errno
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from posixpath import normpath

import pytest
from makers.html_pages import Page
from makers.laid import lay
from makers.releases import Shelf

from covcat.catalog import load
from covcat.catalog.citations import sentence
from covcat.errors import DiskError
from covcat.export.json_ld import schema_org
from covcat.report import site_folder
from covcat.report.site import card, page_of, site
from covcat.report.site_folder import LIST, write_site

RESOURCES = [one for one in load.load().resources if not one.is_sample]
FILES = {"index.html": b"a page", "resource/a.html": b"another"}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return site(RESOURCES, {})


@pytest.fixture(scope="module")
def pages(files: dict[str, bytes]) -> dict[str, Page]:
    return {path: Page(data) for path, data in files.items() if path.endswith(".html")}


# ---- the packaged catalog ----------------------------------------------------------------------


def test_there_is_an_index_and_a_page_of_each_resource(pages, files) -> None:
    assert set(pages) == {"index.html", *map(page_of, RESOURCES)}
    assert set(files) - set(pages) == {"style.css", "script.js"}


def test_every_link_inside_works(pages, files) -> None:
    for path, page in pages.items():
        for address in page.all_of("href") + page.all_of("src"):
            if address.startswith(("https://", "http://")):
                continue
            target, _, place = address.partition("#")
            there = normpath(str(PurePosixPath(path).parent / target)) if target else path
            assert there in files, (path, address)
            assert not place or place in pages[there].all_of("id"), (path, address)


def test_every_page_is_reached_from_the_index(pages) -> None:
    assert {page_of(one) for one in RESOURCES} <= set(pages["index.html"].all_of("href"))


def test_nothing_is_loaded_from_elsewhere(pages, files) -> None:
    loaded = {
        address
        for page in pages.values()
        for tag, names in page.tags
        for address in (names.get("src"), names.get("href") if tag == "link" else None)
        if address
    }
    assert loaded == {"style.css", "../style.css", "script.js", "../script.js"}
    assert not re.search(rb"https?:|@import|url\(", files["style.css"] + files["script.js"])


def test_21_resources_take_less_than_300_kb(files) -> None:
    resources = sum(name.startswith("resource/") for name in files)
    assert sum(map(len, files.values())) < 300_000 / 21 * resources


def test_the_same_catalog_gives_the_same_bytes(files) -> None:
    assert site(RESOURCES, {}) == files


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.id)
def test_a_page_says_all_that_show_says(pages, resource) -> None:
    page = pages[page_of(resource)]
    said = " ".join(page.text.split())
    around = [
        (one, part) for one in RESOURCES for part in one.contains if part.resource == resource.id
    ]
    expected = [
        *(resource.title, resource.organization, resource.summary, resource.found.source),
        *(resource.homepage or "", resource.license.spdx, resource.license.source),
        *(resource.license.note or "", resource.license.url or ""),
        *(f"{resource.id}@{one.id}" for one in resource.releases),
        *(text for one in resource.releases for text in (one.source, one.note or "")),
        *(text for one in resource.known_issues for text in (one.text, one.source, one.severity)),
        *(text for one in resource.contains for text in (one.evidence, one.source)),
        *(text for one, part in around for text in (one.title, part.evidence)),
        *(text for one in resource.published for text in (one.of, one.source, one.note or "")),
        *(f"{int(row[-1]):,}" for one in resource.published for row in one.rows),
        *(
            one.reason
            for table in resource.published
            if table.recount
            for one in table.recount.differs
        ),
        *(sentence(one) for one in resource.citation),
        *(text for one in resource.corrections for text in (one.value, one.reason)),
        *([resource.browse.terms] if resource.browse else []),
    ]
    assert [text for text in expected if " ".join(text.split()) not in said] == []


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.id)
def test_a_page_has_what_show_gives_search_engines(pages, resource) -> None:
    contained = [
        one for one in RESOURCES if one.id in {part.resource for part in resource.contains}
    ]
    tree = json.loads(pages[page_of(resource)].data)
    by_name = {one["name"]: one for one in tree.pop("isBasedOn", [])}
    expected = schema_org(resource, contained)
    assert by_name == {one["name"]: one for one in expected.pop("isBasedOn", [])}
    assert tree == json.loads(json.dumps(expected))
    assert all(tree[key] for key in ("name", "license", "creator", "description"))
    assert None not in tree.values()


def test_the_index_names_every_data_set_for_search_engines(pages) -> None:
    tree = json.loads(pages["index.html"].data)
    assert tree["@type"] == "DataCatalog"
    assert [one["url"] for one in tree["dataset"]] == [page_of(one) for one in RESOURCES]


def test_every_page_is_for_people_who_hear_it(pages) -> None:
    for path, page in pages.items():
        names = [tag for tag, _ in page.tags]
        assert (names.count("h1"), names.count("main"), names.count("title")) == (1, 1, 1), path
        levels = [int(tag[1]) for tag in names if re.fullmatch("h[1-6]", tag)]
        assert all(b - a <= 1 for a, b in pairwise(levels)), path
        ids = page.all_of("id")
        assert len(ids) == len(set(ids)), path
        assert set(page.all_of("aria-labelledby")) <= set(ids), path
        assert page.tags[1][1] == {"lang": "en"} or ("html", {"lang": "en"}) in page.tags
        assert names.count("input") + names.count("select") == names.count("label")


def test_without_javascript_all_is_there_and_the_filter_is_not(pages) -> None:
    (box,) = [names for _, names in pages["index.html"].tags if names.get("role") == "search"]
    assert "hidden" in box
    cards = [names for tag, names in pages["index.html"].tags if "data-access" in names]
    assert len(cards) == len(RESOURCES)
    assert not any("hidden" in names for names in cards)


def test_a_card_has_what_the_filter_asks_for(pages) -> None:
    cards = {
        one.id: names
        for one, names in zip(
            RESOURCES,
            [names for _, names in pages["index.html"].tags if "data-access" in names],
            strict=True,
        )
    }
    assert cards["cohen"]["data-modality"] == "ct xray"
    assert cards["cord-19"]["data-access"] == "open"
    assert (cards["hannover"]["data-licence"], cards["hannover"]["data-allows"].split()) == (
        "CC-BY-3.0",
        ["commercial", "derivatives", "redistribution"],
    )


def test_a_card_says_what_is_unknown_and_what_the_survey_alone_says() -> None:
    known = {one.id: one for one in RESOURCES}
    assert "MRI" in card(known["sirm"]).unknown
    assert card(known["cord-19"]).surveyed == ("CT", "X-ray", "Case review")


# ---- in a browser ------------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium")
FILTERED = {  # what the address asks for: which resources fit
    "nothing asked": ("", lambda one: True),
    "a modality": ("?modality=ultrasound", lambda one: one.has("ultrasound")),
    "a use and an access": (
        "?allows=redistribution&access=open",
        lambda one: (one.license.allows.redistribution, one.access) == ("yes", "open"),
    ),
    "a licence": ("?licence=CC-BY-4.0", lambda one: one.license.short == "CC-BY-4.0"),
    "words": ("?words=Hannover+films", lambda one: False),
    "a word": ("?words=HANNOVER", lambda one: one.id == "hannover"),
    "what is no choice": ("?access=%3Cb%3E", lambda one: True),
}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize(("query", "fits"), FILTERED.values(), ids=FILTERED)
def test_a_browser_filters_and_finds_nothing_to_complain_of(
    files, tmp_path: Path, query: str, fits
) -> None:
    write_site(Path("site"), files)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    address = f"{(Path('site') / 'index.html').absolute().as_uri()}{query}"
    ran = subprocess.run(
        [str(CHROMIUM), *options, "--dump-dom", f"--user-data-dir={tmp_path / 'user'}", address],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    seen = Page(ran.stdout.encode())
    cards = [names for _, names in seen.tags if "data-access" in names]
    found = [one.id for one, names in zip(RESOURCES, cards, strict=True) if "hidden" not in names]
    assert found == [one.id for one in RESOURCES if fits(one)]
    assert f"{len(found)} of {len(RESOURCES)}" in seen.text


# ---- hostile text ------------------------------------------------------------------------------

HOSTILE = {
    "script": "</script><script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)" x="',
    "handler": "<img src=x onerror=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "comment": "<!-- <script> -->",
    "entity": "&lt;b&gt;",
    "right to left": "a\u202eb",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_text_of_a_catalog_is_shown_as_text(shelf: Shelf, text: str) -> None:
    shelf.add_web("set", "a.bin")
    issue = RESOURCES[0].known_issues[0]
    resource = replace(  # as if no rule of the catalog had looked at it
        load.load([shelf.folder]).get("set"),
        title=text,
        summary=text,
        organization=text,
        homepage=f"javascript:{text}",
        known_issues=(replace(issue, text=text, source=text),),
    )
    made = {
        name: Page(data) for name, data in site([resource], {}).items() if name.endswith("html")
    }
    plain = {
        name: Page(data) for name, data in site([RESOURCES[0]], {}).items() if name.endswith("html")
    }
    known = {tag for page in plain.values() for tag, _ in page.tags}
    shown = text.replace("\u202e", "\\u202e")  # a browser would obey it
    for page in made.values():
        assert {tag for tag, _ in page.tags} <= known
        assert not [name for _, names in page.tags for name in names if name.startswith("on")]
        assert page.text.count(shown) >= 2
        assert not [one for one in page.all_of("href") if one.startswith("javascript")]
        assert [tag for tag, _ in page.tags].count("script") == 2
    assert json.loads(made["resource/set.html"].data)["name"] == text


# ---- published counts --------------------------------------------------------------------------

TABLE = "image,finding\na.png,COVID-19\nb.png,COVID-19\nc.png,Pneumonia\n"
COUNTED = """
tables:
  - {reader: delimited, path: t.csv, source: made up, image: "{image}", columns: {finding: finding}}
published:
  - of: films
    unit: images
    by: [finding]
    source: a paper
    rows: [[COVID-19, "2"], [Pneumonia, "9"]]
    release: "1"
    recount:
      by: [finding]
      differs: [{row: [Pneumonia], found: 1, reason: "a slip, it says", source: made up}]
"""


def published(covcat, shelf: Shelf, *, is_here: bool) -> list[list[str]]:
    """The rows of the one published table of the page."""
    shelf.add_web("set", "a.zip", unpack="zip")
    shelf.edit("set", "releases:", f"{COUNTED}releases:")
    if is_here:
        found = load.load([shelf.folder]).find("set@1")
        lay(found, {"t.csv": TABLE.encode(), "a.png": b"a", "b.png": b"b", "c.png": b"c"})
    assert covcat("report", "--site", "site").code == 0
    text = Path("site/resource/set.html").read_text()
    body = text.partition('<table class="counts"')[2].partition("</table>")[0]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body.split("<tr>")[2:]]


def test_published_counts_are_counted_again_where_the_release_is_here(covcat, shelf) -> None:
    assert published(covcat, shelf, is_here=True) == [
        ["COVID-19", "2", "2", "holds"],
        ["Pneumonia", "9", "1", "differs: a slip, it says"],
    ]


def test_published_counts_of_what_is_not_here_have_what_the_catalog_knows(covcat, shelf) -> None:
    assert published(covcat, shelf, is_here=False) == [
        ["COVID-19", "2", "", "not counted again, as its files were not here"],
        ["Pneumonia", "9", "1", "differs: a slip, it says"],
    ]


# ---- the folder --------------------------------------------------------------------------------


def tree(folder: str = "site") -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_an_earlier_site_gives_way_to_a_newer_one(tmp_path: Path) -> None:
    write_site(Path("site"), FILES)
    assert write_site(Path("site"), {"index.html": b"newer"}) == 5
    assert set(tree()) == {"index.html", LIST}
    assert list(Path.cwd().glob(".covcat-*")) == []


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    Path("site").mkdir()
    write_site(Path("site"), FILES)
    assert set(tree()) == {*FILES, LIST}


SPOILT = {  # what somebody else put there
    "a stranger": lambda: Path("site/notes.txt").write_text("mine"),
    "a changed file": lambda: Path("site/index.html").write_text("mine"),
    "a hidden folder": lambda: write_site(Path("site/.git"), {"HEAD": b"mine"}),
    "a link": lambda: Path("site/resource/b.html").symlink_to("a.html"),
    "another list": lambda: Path("site", LIST).write_text(
        '{"schema": "covcat.site/1", "files": []}'
    ),
    "no list": lambda: Path("site", LIST).unlink(),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_folder_that_holds_anything_else_is_left_alone(what: str) -> None:
    write_site(Path("site"), FILES)
    SPOILT[what]()
    before = tree()
    with pytest.raises(DiskError, match="something else than an earlier site"):
        write_site(Path("site"), {"index.html": b"newer"})
    assert tree() == before


def test_a_full_disk_is_answered_with_the_option_that_names_the_folder(monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(site_folder, "write_new", full)
    with pytest.raises(DiskError) as raised:
        write_site(Path("site"), FILES)
    assert "give another --site" in str(raised.value.hint)
    assert not Path("site").exists()


def test_neither_a_file_nor_a_link_nor_the_working_folder_gives_way(tmp_path: Path) -> None:
    Path("file").write_text("mine")
    Path("elsewhere").mkdir()
    Path("link").symlink_to("elsewhere")
    Path("empty").mkdir()
    for name in ("file", "link"):
        with pytest.raises(DiskError, match="is no folder"):
            write_site(Path(name), FILES)
    os.chdir("empty")
    with pytest.raises(DiskError, match="working folder"):
        write_site(Path(), FILES)


def test_a_site_that_cannot_be_written_leaves_the_earlier_one(monkeypatch, tmp_path: Path) -> None:
    write_site(Path("site"), FILES)
    before = tree()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("covcat.report.site_folder.write_new", full)
    with pytest.raises(DiskError, match="No space left"):
        write_site(Path("site"), {"index.html": b"newer"})
    assert tree() == before
    assert list(Path.cwd().glob(".covcat-*")) == []


# ---- the command -------------------------------------------------------------------------------


def test_the_command_prints_the_folder_and_what_is_in_it(covcat) -> None:
    ran = covcat("report", "--site", "site")
    assert (ran.code, ran.out) == (0, "site\n")
    data = covcat("report", "--site", "site", "--json").document["data"]
    assert data == {"path": "site", "bytes": data["bytes"], "pages": len(RESOURCES) + 1}
    assert data["bytes"] == sum(map(len, tree().values())) - len(tree()[LIST])


@pytest.mark.parametrize(
    "more",
    [["cohen"], ["--output", "x.html"], ["--force"], ["--with-pictures"], ["--pictures", "3"]],
    ids=str,
)
def test_what_is_of_the_one_page_is_refused(covcat, more: list[str]) -> None:
    assert covcat("report", *more, "--site", "site").code == 2
    assert not Path("site").exists()


def test_a_site_never_lies_inside_a_release(covcat) -> None:
    covcat("fetch", "sample", "-q")
    assert covcat("report", "--site", "covcat-data/sample/1/files/site").code == 2


def test_entries_of_ones_own_have_pages_too(covcat, shelf: Shelf) -> None:
    shelf.add_web("set", "a.bin")
    assert covcat("report", "--site", "site").code == 0
    assert Path("site/resource/set.html").is_file()
