"""Citations as BibTeX and as one sentence."""

import pytest

from covcat.cite import all_bibtex, bibtex, sentence
from covcat.model import Citation
from covcat.schema import trusted

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
            "Born, Jannis, Wiedemann, Nina (2021). Accelerating detection. "
            "Applied Sciences, 11, 2, 672–680. https://doi.org/10.3390/app11020672",
            id="all",
        ),
        pytest.param(
            {key: FULL[key] for key in ("author", "title", "year", "url")},
            "Born, Jannis, Wiedemann, Nina (2021). Accelerating detection. "
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
