"""Citations as BibTeX, RIS, CSL-JSON and one sentence; of what resources are made of too."""

import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from makers.archives import git_zip

from covcat.catalog import load as catalogs
from covcat.catalog.citations import (
    all_bibtex,
    bibtex,
    csl,
    escaped,
    issue_date,
    kind_of,
    ris,
    sentence,
    unique_works,
)
from covcat.catalog.entries import Author, Citation, Resource
from covcat.catalog.load import build_trusted
from covcat.store import lockfile

FULL = {
    "author": "Born, Jannis and Wiedemann, Nina",
    "title": "Accelerating detection",
    "journal": "Applied Sciences",
    "volume": "11",
    "number": "2",
    "pages": "672--680",
    "year": "2021",
    "doi": "10.3390/app11020672",
    "url": "https://example.org/paper",
}


def citation(*people: Author, entry: str = "article", **fields: str) -> Citation:
    return Citation(entry=entry, key="born2021", fields=fields, source="made up", authors=people)


def resource(id: str, *citations: Citation) -> Resource:
    flags = dict.fromkeys(("ct", "xray", "mri", "ultrasound", "metadata", "case_review"), "N")
    allows = dict.fromkeys(("commercial", "derivatives", "redistribution"), "unknown")
    made: Resource = build_trusted(
        {
            "id": id,
            "title": "X",
            "organization": "Us",
            "summary": "Made up.",
            "found": {**flags, "source": "made up"},
            "license": {"spdx": "CC0-1.0", "allows": allows, "source": "made up"},
            "access": "browse",
        }
    )
    return replace(made, citation=citations)


# ---- BibTeX ------------------------------------------------------------------------------------


def test_an_entry_has_its_kind_its_key_and_its_fields_in_order() -> None:
    assert bibtex(citation(entry="misc", year="2020", title="COVID-CT", author="A and B")) == (
        "@misc{born2021,\n  year = {2020},\n  title = {{COVID-CT}},\n  author = {A and B},\n}"
    )
    assert bibtex(citation()) == "@article{born2021,\n}"


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("title", "COVID-Net", "  title = {{COVID-Net}},"),
        ("title", "A {CT} set", "  title = {{A {CT} set}},"),
        *((name, "A B-C", f"  {name} = {{A B-C}},") for name in ("journal", "pages", "booktitle")),
    ],
)
def test_only_a_title_gets_braces_that_keep_its_capitals(field: str, value: str, line: str) -> None:
    assert bibtex(citation(**{field: value})).splitlines()[1] == line


def test_the_entries_of_a_resource_come_in_its_order() -> None:
    entries = [replace(citation(), key=key) for key in ("second", "first")]
    assert all_bibtex(resource("x", *entries)) == ("@article{second,\n}", "@article{first,\n}")


# ---- one sentence ------------------------------------------------------------------------------


SENTENCES = {
    "all": (
        FULL,
        (
            "Born, Jannis; Wiedemann, Nina (2021). Accelerating detection. "
            "Applied Sciences, 11, 2, 672–680. https://doi.org/10.3390/app11020672"
        ),
    ),
    "address without doi": (
        {key: FULL[key] for key in ("author", "title", "year", "url")},
        "Born, Jannis; Wiedemann, Nina (2021). Accelerating detection. https://example.org/paper",
    ),
    "no year": ({"author": "A", "title": "B"}, "A. B"),
    "title alone": ({"title": "B", "url": "https://x.org"}, "B. https://x.org"),
    "no author": ({"title": "B", "year": "2020"}, "(2020). B"),
    "no title": ({"author": "A", "year": "2020"}, "A (2020)"),
    "nothing": ({}, ""),
    "book": ({"title": "B", "booktitle": "Workshop", "publisher": "ACL"}, "B. Workshop"),
    "publisher": ({"title": "B", "publisher": "figshare"}, "B. figshare"),
    "braces": ({"title": "{A}: a set -- of {{CT}}"}, "A: a set – of CT"),
    **{
        f"stop {stop}": ({"title": f"Can it{stop}", "publisher": "IEEE"}, f"Can it{stop} IEEE")
        for stop in "?!."
    },
}


@pytest.mark.parametrize(("fields", "expected"), SENTENCES.values(), ids=SENTENCES)
def test_a_sentence_leaves_out_what_is_missing_and_ends_once(fields, expected: str) -> None:
    assert sentence(citation(**fields)) == expected


PEOPLE = (
    Author(family="Born", given="Jannis"),
    Author(particle="van de", family="Weijer", given="Sjors"),
    Author(family="Plato"),
    Author(name="Foo and Bar, Ltd"),
)


def test_authors_in_parts_are_written_as_each_form_has_them() -> None:
    one = citation(*PEOPLE, title="B")
    assert "author = {Born, Jannis and van de Weijer, Sjors and Plato and {Foo and Bar, Ltd}}" in (
        bibtex(one)
    )
    names = ["Born, Jannis", "van de Weijer, Sjors", "Plato", "Foo and Bar, Ltd"]
    assert sentence(one) == f"{'; '.join(names)}. B"
    assert [line[6:] for line in ris(one) if line.startswith("AU")] == names
    assert csl(one)["author"] == [
        {"family": "Born", "given": "Jannis"},
        {"family": "Weijer", "given": "Sjors", "non-dropping-particle": "van de"},
        {"family": "Plato"},
        {"literal": "Foo and Bar, Ltd"},
    ]


def test_bibtex_has_the_author_as_the_source_writes_it_where_the_fields_say() -> None:
    one = citation(PEOPLE[0], author="Jannis Born")
    assert "author = {Jannis Born}," in bibtex(one)
    assert sentence(one) == "Born, Jannis"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Born, Jannis", "Born, Jannis"),
        ("Born, Jannis and\n Wiedemann, Nina", "Born, Jannis; Wiedemann, Nina"),
        ("{V7 Labs} and Tim Q Duong", "V7 Labs; Tim Q Duong"),
        ("van der Berg, Jan", "van der Berg, Jan"),
        ("A, B. and C, D. and others", "A, B.; C, D. et al."),
    ],
)
def test_an_author_of_bibtex_alone_is_read_as_it_stands(text: str, expected: str) -> None:
    assert sentence(citation(author=text)) == expected


# ---- TeX -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A & B 100% #1 a_b", r"A \& B 100\% \#1 a\_b"),
        (r"A \& B 100\% \#1 a\_b", r"A \& B 100\% \#1 a\_b"),
        ("$x_1^2$ for $5", r"$x_1^2$ for \$5"),
        ("2^10", r"2\textasciicircum{}10"),
        (r"at \url{https://x.org/a_b%20c}", r"at \url{https://x.org/a_b%20c}"),
        ("a {b", r"a \textbraceleft{}b"),
        ("a} {b} {", r"a\textbraceright{} {b} \textbraceleft{}"),
        ("ends in \\", r"ends in \textbackslash{}"),
        ('M{\\"u}ller~Bränd', 'M{\\"u}ller~Bränd'),
    ],
)
def test_what_tex_would_stumble_over_is_escaped_once(value: str, expected: str) -> None:
    assert escaped(value) == expected
    assert escaped(expected) == expected


def test_an_unlucky_field_does_not_swallow_the_entries_behind_it() -> None:
    fields = {"title": "A { B", "note": "50% }", "url": "https://x.org/a_b%20c#d~e", "a = {": "x"}
    text = bibtex(citation(**fields))
    assert text.count("{") == text.count("}")
    assert "url = {https://x.org/a_b%20c#d~e}" in text
    assert "a = {" not in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (r"M{\"u}ller", "Müller"),
        (r"Mller \'{e} \'e {\'\i} \c{c} \v{s} \~n", "Mller é é í ç š ñ"),
        (r"Stra{\ss}e \O{} {\aa} \l odz", "Straße Ø å łodz"),
        (r"\lambda \& \_ \{ 50\%", r"\lambda & _ { 50%"),
        ("Jan~B. -- C", "Jan B. – C"),
    ],
)
def test_what_tex_writes_is_read_as_letters(value: str, expected: str) -> None:
    assert sentence(citation(title=value)) == expected


def test_addresses_stay_as_they_are_in_every_form() -> None:
    where = "https://example.org/~me/covid--19{1}"
    one = citation(url=where, doi=r"10.1000/a--b\_c")
    assert (csl(one)["URL"], csl(one)["DOI"]) == (where, "10.1000/a--b_c")
    assert {f"UR  - {where}", "DO  - 10.1000/a--b_c"} <= set(ris(one))
    assert sentence(one) == "https://doi.org/10.1000/a--b_c"
    assert sentence(citation(url="example.org/covid--19")) == "example.org/covid--19"


# ---- what fields mean --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"year": "2020"}, [2020]),
        ({"year": "2020", "month": "Nov", "day": "11"}, [2020, 11, 11]),
        ({"year": "2020", "month": "july"}, [2020, 7]),
        ({"year": "2020", "day": "11"}, [2020]),
        ({"year": "in press"}, []),
    ],
)
def test_a_date_has_what_is_known(fields: dict[str, str], expected: list[int]) -> None:
    assert issue_date(citation(**fields)) == expected


@pytest.mark.parametrize(
    ("entry", "fields", "expected"),
    [
        ("article", {"journal": "Scientific Reports"}, "article"),
        ("article", {"journal": "arXiv preprint arXiv:2012.02238"}, "preprint"),
        ("inproceedings", {}, "paper"),
        ("data", {}, "dataset"),
        ("misc", {"publisher": "figshare"}, "dataset"),
        ("misc", {"url": "https://www.kaggle.com/x"}, "dataset"),
        ("misc", {"url": "https://www.eurorad.org/"}, "webpage"),
        ("misc", {}, "dataset"),
    ],
)
def test_each_entry_is_of_a_kind(entry: str, fields: dict[str, str], expected: str) -> None:
    assert kind_of(citation(entry=entry, **fields)) == expected


@pytest.mark.parametrize("key", ["born2021", "Born2021"])
def test_works_come_once_and_keys_that_clash_get_the_id_behind_them(key: str) -> None:
    one = citation(title="One")
    two = Citation(entry="misc", key=key, fields={"title": "Two"}, source="made up")
    cited = unique_works(
        [resource("a", one, one), resource("b", two, one), resource("c", two, two)]
    )
    assert [each.key for each in cited] == ["born2021", f"{key}-b"]


def test_keys_that_clash_in_one_resource_do_not_hide_each_other() -> None:
    works = [citation(title=title) for title in ("One", "Two", "Three")]
    keys = [each.key for each in unique_works([resource("a", *works)])]
    assert keys == ["born2021", "born2021-a", "born2021-a-a"]


# ---- RIS ---------------------------------------------------------------------------------------

RIS_TYPES = {"JOUR", "UNPB", "CPAPER", "DATA", "ELEC"}


def test_ris_has_what_reference_managers_read() -> None:
    fields = FULL | {"month": "Jan", "author": "Born, Jannis and {A Body}", "title": "{A} \\& B"}
    assert ris(citation(**fields)) == [
        "TY  - JOUR",
        "ID  - born2021",
        "AU  - Born, Jannis",
        "AU  - A Body",
        "TI  - A & B",
        "PY  - 2021",
        "DA  - 2021/01//",
        "T2  - Applied Sciences",
        "VL  - 11",
        "IS  - 2",
        "DO  - 10.3390/app11020672",
        "UR  - https://example.org/paper",
        "SP  - 672",
        "EP  - 680",
        "ER  - ",
    ]


def test_ris_says_that_others_are_not_named() -> None:
    lines = ris(citation(author="Rahman, T. and others"))
    assert [line for line in lines if line.startswith("AU")] == ["AU  - Rahman, T."]
    assert "N1  - There are further authors, whom the source does not name" in lines


def test_ris_of_the_whole_catalog_keeps_to_the_form() -> None:
    for resource in catalogs.load().resources:
        for one in resource.citation:
            lines = ris(one, "2026-04-02")
            assert lines[0].removeprefix("TY  - ") in RIS_TYPES
            assert lines[-1] == "ER  - "
            assert all(re.fullmatch(r"[A-Z][A-Z0-9]  - [^\r\n]*", line) for line in lines)
            assert not any(set("{}") & set(line) for line in lines)
            assert "Y2  - 2026/04/02" in lines


# ---- CSL-JSON ----------------------------------------------------------------------------------

CSL_TYPES = {"article-journal", "article", "paper-conference", "dataset", "webpage"}
CSL_TEXTS = {
    *("id", "type", "title", "container-title", "volume", "issue", "page", "version", "publisher"),
    *("publisher-place", "ISSN", "DOI", "URL", "note", "number"),
}


def test_csl_has_names_dates_and_places() -> None:
    people = (Author(particle="van der", family="Berg", given="Jan"), Author(name="A Body"))
    fields = FULL | {"month": "jan"}
    assert csl(citation(*people, **fields), "2026-04-02") == {
        "id": "born2021",
        "type": "article-journal",
        "author": [
            {"family": "Berg", "given": "Jan", "non-dropping-particle": "van der"},
            {"literal": "A Body"},
        ],
        "title": "Accelerating detection",
        "container-title": "Applied Sciences",
        "volume": "11",
        "issue": "2",
        "page": "672-680",
        "DOI": "10.3390/app11020672",
        "URL": "https://example.org/paper",
        "issued": {"date-parts": [[2021, 1]]},
        "accessed": {"date-parts": [[2026, 4, 2]]},
    }


def test_csl_of_the_whole_catalog_keeps_to_the_schema() -> None:
    for resource in catalogs.load().resources:
        for one in resource.citation:
            item = csl(one)
            assert item["type"] in CSL_TYPES
            rest = {key: value for key, value in item.items() if key not in CSL_TEXTS}
            assert set(rest) <= {"author", "issued"}
            assert all(isinstance(item[key], str) for key in set(item) & CSL_TEXTS)


def test_a_preprint_is_no_article_of_a_journal() -> None:
    one = citation(journal="arXiv 2003.11597", title="B")
    item = csl(one)
    assert (item["type"], item["publisher"]) == ("article", "arXiv")
    assert item["number"] == "arXiv:2003.11597"
    assert "container-title" not in item
    assert {"TY  - UNPB", "PB  - arXiv", "M1  - arXiv:2003.11597"} <= set(ris(one))


# ---- the command -------------------------------------------------------------------------------


def test_sources_are_cited_with_what_is_made_of_them(covcat) -> None:
    ran = covcat("cite", "covid-net", "--with-sources", "--format", "text")
    assert ran.code == 0
    for title in ("COVID-Net", "COVID-19 image data collection", "Figure 1", "Eurorad"):
        assert title in ran.out
    assert "Eurorad" not in covcat("cite", "covid-net", "--format", "text").out


def test_v7_cites_cohen_and_kermany_too(covcat) -> None:
    keys = re.findall(r"^@\w+{(.*),$", covcat("cite", "v7", "--with-sources").out, re.M)
    assert keys[:4] == [
        "v7labs2020covid",
        "cohen2020covid",
        "kermany2018labeled",
        "cohen2020covidProspective",
    ]
    assert len(keys) == len(set(keys))


def locked(name: str) -> lockfile.LockedRelease:
    return lockfile.LockedRelease(
        id=name.partition("@")[0],
        release=name.partition("@")[2],
        covcat="0.1",
        license="CC0-1.0",
        form="files",
        complete=True,
        selection=(),
        total_files=0,
        total_bytes=0,
        files_sha256=hashlib.sha256(b"").hexdigest(),
        downloads=(),
        files={},
    )


def test_a_lock_is_cited_whole_and_each_resource_once(covcat) -> None:
    names = ["cohen@0.1", "kermany@2", "cohen@0.2"]
    lockfile.write(Path("covcat.lock"), map(locked, names))
    assert covcat("cite", "--from", "covcat.lock").out == covcat("cite", "cohen", "kermany").out


def test_the_lock_that_covcat_writes_is_cited(covcat, shelf, server) -> None:
    shelf.add_repository()
    server.serve_repository(git_zip({"README.md": b"# a synthetic repository\n"}))
    assert covcat("fetch", "sample").code == 0
    assert covcat("lock").code == 0
    assert "@misc{covcat-sample," in covcat("cite", "--from", "covcat.lock").out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "covcat.lock/1", "releases": ["cohen"]}',
        '{"schema": "covcat.lock/1", "releases": 7}',
        "[" * 100_000,
        '{"releases": [{"id": "cohen"}]}',
        '{"schema": "other/1", "releases": [{"id": "cohen"}]}',
        '{"schema": "covcat.lock/2", "releases": [{"id": "cohen"}]}',
        '{"schema": "covcat.lock/1", "releases": [{"id": "cohen", "release": "0.1"}]}',
    ],
)
def test_what_is_no_lock_is_refused_as_lock_check_refuses_it(covcat, text: str) -> None:
    Path("covcat.lock").write_text(text)
    ran, check = covcat("cite", "--from", "covcat.lock"), covcat("lock", "--check")
    assert (ran.code, ran.out, ran.err) == (5, "", check.err)
    assert check.code == 5


def test_a_lock_of_nothing_or_of_what_the_catalog_has_not_is_told(covcat) -> None:
    lockfile.write(Path("covcat.lock"), [])
    assert covcat("cite", "--from", "covcat.lock").code == 2
    lockfile.write(Path("covcat.lock"), [locked("gone@1")])
    assert covcat("cite", "--from", "covcat.lock").code == 3


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        ([], 2, "nothing to cite"),
        ([], 2, "hint: covcat cite cohen, or covcat cite --from covcat.lock"),
        (["cohen", "--from", "x"], 2, "names and --from together"),
        (["--from", "x"], 3, "there is no lock `x`"),
        (["cohen@9"], 3, "`cohen` has no release `9`"),
        (["cohen", "--format", "xml"], 2, "unknown format `xml`"),
    ],
)
def test_what_cannot_be_cited_says_why(covcat, args: list[str], code: int, text: str) -> None:
    ran = covcat("cite", *args)
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err


def test_a_day_that_nobody_knows_is_asked_for_and_not_made_up(covcat) -> None:
    ran = covcat("cite", "eurorad")
    assert "urldate" not in ran.out
    assert "no date of access is known of eurorad" in ran.err


def test_the_day_of_the_fetch_is_the_day_of_access(covcat, shelf, server) -> None:
    files = {"README.md": b"# a synthetic repository\n"}
    shelf.add_repository(files=files)
    shelf.edit("set", "fields: {", 'fields: {url: "https://example.org/set", ')
    server.serve_repository(git_zip(files))
    assert covcat("fetch", "set").code == 0
    record = Path("covcat-data/set/1/manifest.json")
    day = json.loads(record.read_text())["created_at"][:10]
    ran = covcat("cite", "set", "kermany")
    assert ran.out.count("urldate") == 1  # what has a DOI stays what it is
    assert f"urldate = {{{day}}}" in ran.out
    assert ran.err == ""
    assert covcat("cite", "set", "--format", "text").out.endswith(f" (accessed {day})\n")


def test_ris_ends_its_lines_as_the_form_wants(covcat) -> None:
    out = covcat("cite", "cohen", "kermany", "--format", "ris").out
    assert out.count("\n") == out.count("\r\n")
    assert out.count("ER  - \r\n") == 3


def test_csl_json_is_an_array_and_json_the_one_document(covcat) -> None:
    items = json.loads(covcat("cite", "cohen", "--format", "csl-json").out)
    assert [one["id"] for one in items] == ["cohen2020covid", "cohen2020covidProspective"]
    args = ("cite", "cohen", "--format", "csl-json", "--json")
    assert covcat(*args).document["data"][0]["key"] == "cohen2020covid"


def test_a_field_cannot_move_the_cursor(covcat, shelf) -> None:
    shelf.add_web("own", "x.csv")
    shelf.edit("own", "title: A set", 'title: "A \\e[31m set"')
    for form in ("bibtex", "ris", "csl-json", "text"):
        ran = covcat("cite", "own", "--format", form)
        assert "\x1b" not in ran.out


def test_the_output_is_utf8_whatever_the_terminal_speaks(covcat, monkeypatch) -> None:
    for form in ("bibtex", "ris", "text"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stream)
            covcat("cite", "pocus", "--format", form)
        assert "Brändle, Gabriel".encode() in stream.buffer.getvalue()
