"""Citations as BibTeX, RIS, CSL-JSON and one sentence; of what resources are made of too."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.archives import git_zip
from makers.releases import Shelf
from makers.runs import Ran
from servers.server import Server

from covcat.catalog import load as catalogs
from covcat.catalog.cite.as_csl import csl
from covcat.catalog.cite.as_ris import ris
from covcat.catalog.cite.parts import Name, authors, issued, kind, split_names
from covcat.catalog.cite.sources import distinct
from covcat.catalog.cite.tex import escaped, plain
from covcat.catalog.cite.text import all_bibtex, bibtex, sentence
from covcat.catalog.entries import Citation
from covcat.catalog.load import trusted

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


def citation(*, entry: str = "article", **fields: str) -> Citation:
    return Citation(entry=entry, key="born2021", fields=fields, source="made up")


# ---- BibTeX ------------------------------------------------------------------------------------


def test_an_entry_has_its_kind_its_key_and_its_fields_in_order() -> None:
    assert bibtex(citation(entry="misc", year="2020", title="COVID-CT", author="A and B")) == (
        "@misc{born2021,\n  year = {2020},\n  title = {{COVID-CT}},\n  author = {A and B},\n}"
    )


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        pytest.param("title", "COVID-Net", "  title = {{COVID-Net}},", id="title"),
        pytest.param("title", "A {CT} set", "  title = {{A {CT} set}},", id="title-with-braces"),
        pytest.param("journal", "IEEE Access", "  journal = {IEEE Access},", id="journal"),
        pytest.param("pages", "326--328", "  pages = {326--328},", id="pages"),
        pytest.param("booktitle", "NLP 2020", "  booktitle = {NLP 2020},", id="booktitle"),
    ],
)
def test_only_a_title_gets_braces_that_keep_its_capitals(field: str, value: str, line: str) -> None:
    assert bibtex(citation(**{field: value})).splitlines()[1] == line


def test_an_entry_without_fields_is_still_an_entry() -> None:
    assert bibtex(citation()) == "@article{born2021,\n}"


def test_the_entries_of_a_resource_come_in_its_order() -> None:
    flags = dict.fromkeys(("ct", "xray", "mri", "ultrasound", "metadata", "case_review"), "N")
    allows = dict.fromkeys(("commercial", "derivatives", "redistribution"), "unknown")
    entries = [
        {"entry": "misc", "key": key, "fields": {"year": "2020"}, "source": "made up"}
        for key in ("second", "first")
    ]
    resource = trusted(
        {
            "id": "x",
            "title": "X",
            "organization": "Us",
            "summary": "Made up.",
            "found": {**flags, "source": "made up"},
            "license": {"spdx": "CC0-1.0", "allows": allows, "source": "made up"},
            "access": "browse",
            "citation": entries,
        }
    )
    assert all_bibtex(resource) == (
        "@misc{second,\n  year = {2020},\n}",
        "@misc{first,\n  year = {2020},\n}",
    )


# ---- one sentence ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            FULL,
            "Born, Jannis; Wiedemann, Nina (2021). Accelerating detection. "
            "Applied Sciences, 11, 2, 672–680. https://doi.org/10.3390/app11020672",
            id="all",
        ),
        pytest.param(
            {key: FULL[key] for key in ("author", "title", "year", "url")},
            "Born, Jannis; Wiedemann, Nina (2021). Accelerating detection. "
            "https://example.org/paper",
            id="address-without-doi",
        ),
        pytest.param({"author": "A", "title": "B"}, "A. B", id="no-year"),
        pytest.param({"title": "B", "url": "https://x.org"}, "B. https://x.org", id="title-alone"),
        pytest.param({"title": "B", "year": "2020"}, "(2020). B", id="no-author"),
        pytest.param({"author": "A", "year": "2020"}, "A (2020)", id="no-title"),
        pytest.param({}, "", id="nothing"),
        pytest.param(
            {"title": "B", "booktitle": "Workshop", "publisher": "ACL"},
            "B. Workshop",
            id="book-before-publisher",
        ),
        pytest.param({"title": "B", "publisher": "figshare"}, "B. figshare", id="publisher"),
        pytest.param({"title": "{COVID}: a {CT} set"}, "COVID: a CT set", id="braces"),
    ],
)
def test_a_sentence_leaves_out_what_is_missing(fields: dict[str, str], expected: str) -> None:
    assert sentence(citation(**fields)) == expected


def test_a_sentence_is_one_line_without_braces() -> None:
    text = sentence(citation(**FULL | {"title": "{A} set -- of {{CT}}"}))
    assert "A set – of CT" in text
    assert not set("{}\n") & set(text)


@pytest.mark.parametrize("stop", ["?", "!", "."])
def test_a_title_that_ends_with_a_stop_gets_no_second_one(stop: str) -> None:
    text = sentence(citation(title=f"Can AI help{stop}", publisher="IEEE"))
    assert text == f"Can AI help{stop} IEEE"


def test_authors_who_are_not_named_are_et_al() -> None:
    text = sentence(citation(author="Rahman, T. and others", title="B"))
    assert "et al." in text
    assert "others" not in text


@pytest.mark.parametrize("field", ["url", "doi"])
def test_an_address_stays_as_it_is(field: str) -> None:
    assert "example.org/covid--19" in sentence(citation(**{field: "example.org/covid--19"}))


def test_authors_are_told_apart_in_whatever_way_the_source_writes_them() -> None:
    expected = "Cohen, Joseph Paul; Dao, Lan. B"
    for names in ("Joseph Paul Cohen and Lan Dao", "Cohen, Joseph Paul and Dao, Lan"):
        assert sentence(citation(author=names, title="B")) == expected
    assert sentence(citation(author="A, B. and C, D. and others")) == "A, B.; C, D. et al."


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
    assert plain(value) == expected


def test_addresses_stay_as_they_are_in_every_form() -> None:
    where = "https://example.org/~me/covid--19{1}"
    one = citation(url=where, doi=r"10.1000/a--b\_c")
    assert (csl(one)["URL"], csl(one)["DOI"]) == (where, "10.1000/a--b_c")
    assert {f"UR  - {where}", "DO  - 10.1000/a--b_c"} <= set(ris(one))
    assert sentence(one) == "https://doi.org/10.1000/a--b_c"


# ---- what fields mean --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Born, Jannis", Name("Born", "Jannis")),
        ("Tim Q Duong", Name("Duong", "Tim Q")),
        ("Ludwig van Beethoven", Name("Beethoven", "Ludwig", "van")),
        ("van der Berg, Jan", Name("Berg", "Jan", "van der")),
        ("King, Jr., Martin Luther", Name("King", "Martin Luther", "", "Jr.")),
        ("{V7 Labs}", Name(literal="V7 Labs")),
        ("Plato", Name("Plato")),
        ("de Gaulle", Name("Gaulle", "de")),
    ],
)
def test_a_name_is_read_as_bibtex_reads_it(text: str, expected: Name) -> None:
    assert authors(citation(author=text)) == ([expected], False)


def test_names_are_not_split_inside_braces() -> None:
    assert split_names("{Foo and Bar} and A and\n others") == ["{Foo and Bar}", "A", "others"]
    assert sentence(citation(author="{Foo and Bar} and A")) == "Foo and Bar; A"


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
    assert issued(citation(**fields)) == expected


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
    assert kind(citation(entry=entry, **fields)) == expected


def test_works_come_once_and_keys_that_clash_get_a_letter() -> None:
    one, two = citation(title="One"), citation(title="Two")
    assert [(c.key, c.fields["title"]) for c in distinct([one, two, one, two])] == [
        ("born2021", "One"),
        ("born2021a", "Two"),
    ]


def test_keys_that_differ_in_capitals_only_get_a_letter() -> None:
    one = citation(title="One")
    two = Citation(entry="misc", key="Born2021", fields={"title": "Two"}, source="made up")
    assert [each.key for each in distinct([one, two])] == ["born2021", "Born2021a"]


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
    fields = FULL | {"author": "van der Berg, Jan and {A Body} and others", "month": "jan"}
    assert csl(citation(**fields), "2026-04-02") == {
        "id": "born2021",
        "type": "article-journal",
        "author": [
            {"family": "Berg", "given": "Jan", "non-dropping-particle": "van der"},
            {"literal": "A Body"},
            {"literal": "others"},
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

Covcat = Callable[..., Ran]


def test_sources_are_cited_with_what_is_made_of_them(covcat: Covcat) -> None:
    ran = covcat("cite", "covid-net", "--with-sources", "--format", "text")
    assert ran.code == 0
    for title in ("COVID-Net", "COVID-19 image data collection", "Figure 1", "Eurorad"):
        assert title in ran.out
    assert "Eurorad" not in covcat("cite", "covid-net", "--format", "text").out


def test_v7_cites_cohen_and_kermany_too(covcat: Covcat) -> None:
    keys = re.findall(r"^@\w+{(.*),$", covcat("cite", "v7", "--with-sources").out, re.M)
    assert keys[:4] == [
        "v7labs2020covid",
        "cohen2020covid",
        "kermany2018labeled",
        "cohen2020covidProspective",
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": "cohen", "release": "0.1"}, {"id": "kermany", "release": "2"}],
        [{"resource": "cohen", "release": "0.1"}, {"resource": "kermany"}],
        [{"id": "cohen@0.1"}, {"id": "KERMANY"}, {"id": "cohen@0.2"}],
    ],
)
def test_a_lock_is_cited_whole(covcat: Covcat, rows: list[dict[str, str]]) -> None:
    Path("covcat.lock").write_text(json.dumps({"schema": "covcat.lock/1", "releases": rows}))
    assert covcat("cite", "--from", "covcat.lock").out == covcat("cite", "cohen", "kermany").out


def test_the_lock_that_covcat_writes_is_cited(covcat: Covcat, shelf: Shelf, server: Server) -> None:
    shelf.add_repository()
    server.serve_repository(git_zip({"README.md": b"# a synthetic repository\n"}))
    assert covcat("fetch", "sample").code == 0
    assert covcat("lock").code == 0
    assert "@misc{covcat-sample," in covcat("cite", "--from", "covcat.lock").out


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 2),
        ("[]", 2),
        ("{}", 2),
        ('{"schema": "covcat.lock/1", "releases": []}', 2),
        ('{"schema": "covcat.lock/1", "releases": ["cohen"]}', 2),
        ('{"schema": "covcat.lock/1", "releases": [{"release": "1"}]}', 2),
        ('{"schema": "covcat.lock/1", "releases": 7}', 2),
        ("[" * 100_000, 2),
        ('{"releases": [{"id": "cohen"}]}', 2),
        ('{"schema": "other/1", "releases": [{"id": "cohen"}]}', 2),
        ('{"schema": "covcat.lock/2", "releases": [{"id": "cohen"}]}', 2),
        ('{"schema": "covcat.lock/1", "releases": [{"id": ["cohen"]}]}', 2),
        ('{"schema": "covcat.lock/1", "releases": [{"id": "cohen", "release": {}}]}', 2),
        ('{"schema": "covcat.lock/1", "releases": [{"id": "gone"}]}', 3),
    ],
)
def test_what_is_no_lock_is_refused(covcat: Covcat, text: str, code: int) -> None:
    Path("covcat.lock").write_text(text)
    ran = covcat("cite", "--from", "covcat.lock")
    assert (ran.code, ran.out) == (code, "")


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        ([], 2, "nothing to cite"),
        ([], 2, "hint: covcat cite cohen, or covcat cite --from covcat.lock"),
        (["cohen", "--accessed", "2999-01-01"], 2, "--accessed `2999-01-01` is still to come"),
        (["cohen", "--from", "x"], 2, "names and --from together"),
        (["--from", "x"], 3, "there is no lock `x`"),
        (["cohen@9"], 3, "`cohen` has no release `9`"),
        (["cohen", "--format", "xml"], 2, "unknown format `xml`"),
        (["cohen", "--accessed", "soon"], 2, "--accessed `soon` is no date"),
        (["cohen", "--accessed", "2026-02-30"], 2, "is no date"),
    ],
)
def test_what_cannot_be_cited_says_why(
    covcat: Covcat, args: list[str], code: int, text: str
) -> None:
    ran = covcat("cite", *args)
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err


def test_a_site_is_cited_with_the_day_it_was_seen(covcat: Covcat) -> None:
    ran = covcat("cite", "eurorad", "kermany", "--accessed", "2020-04-02")
    assert ran.out.count("urldate = {2020-04-02}") == 1  # what has a DOI stays what it is
    assert ran.err == ""
    text = covcat("cite", "eurorad", "--format", "text", "--accessed", "2020-04-02").out
    assert text.endswith("https://www.eurorad.org/ (accessed 2020-04-02)\n")
    assert re.search(r"urldate = {20\d\d-", covcat("cite", "sirm", "--accessed", "today").out)


def test_a_day_that_nobody_knows_is_asked_for_and_not_made_up(covcat: Covcat) -> None:
    ran = covcat("cite", "eurorad")
    assert "urldate" not in ran.out
    assert "no date of access is known of eurorad" in ran.err


def test_the_day_of_the_fetch_is_the_day_of_access(
    covcat: Covcat, shelf: Shelf, server: Server
) -> None:
    files = {"README.md": b"# a synthetic repository\n"}
    shelf.add_repository(files=files)
    entry = shelf.folder / "set.yaml"
    fields = 'fields: {url: "https://example.org/set", '
    entry.write_text(entry.read_text().replace("fields: {", fields))
    server.serve_repository(git_zip(files))
    assert covcat("fetch", "set").code == 0
    record = Path("covcat-data/set/1/manifest.json")
    day = json.loads(record.read_text())["created_at"][:10]
    ran = covcat("cite", "set")
    assert f"urldate = {{{day}}}" in ran.out
    assert ran.err == ""


def test_ris_ends_its_lines_as_the_form_wants(covcat: Covcat) -> None:
    out = covcat("cite", "cohen", "kermany", "--format", "ris").out
    assert out.count("\n") == out.count("\r\n")
    assert out.count("ER  - \r\n") == 3


def test_csl_json_is_an_array_and_json_the_one_document(covcat: Covcat) -> None:
    items = json.loads(covcat("cite", "cohen", "--format", "csl-json").out)
    assert [one["id"] for one in items] == ["cohen2020covid", "cohen2020covidProspective"]
    args = ("cite", "cohen", "--format", "csl-json", "--json")
    assert covcat(*args).document["data"][0]["key"] == "cohen2020covid"


def test_a_field_cannot_move_the_cursor(covcat: Covcat, shelf: Shelf) -> None:
    shelf.add_web("own", "x.csv")
    entry = shelf.folder / "own.yaml"
    entry.write_text(entry.read_text().replace("title: A set", 'title: "A \\e[31m set"'))
    for form in ("bibtex", "ris", "csl-json", "text"):
        ran = covcat("cite", "own", "--format", form)
        assert "\x1b" not in ran.out


def test_the_output_is_utf8_whatever_the_terminal_speaks(
    covcat: Covcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form in ("bibtex", "ris", "text"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stream)
            covcat("cite", "pocus", "--format", form)
        assert "Brändle, Gabriel".encode() in stream.buffer.getvalue()


def test_a_newer_lock_asks_for_a_newer_covcat(covcat: Covcat) -> None:
    Path("covcat.lock").write_text('{"schema": "covcat.lock/2", "releases": [{"id": "v7"}]}')
    assert "of a newer covcat" in covcat("cite", "--from", "covcat.lock").err
