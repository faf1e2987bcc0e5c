"""Raw words -> words of the index: what the sources write, and what no rule may make of it."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covcat.catalog import load, vocabulary, yaml
from covcat.catalog.columns import COLUMNS, LABELS
from covcat.catalog.entries import USES
from covcat.catalog.vocabulary import covid, findings, license, number, term
from covcat.catalog.yaml import packaged_catalog
from covcat.cli.images import FORMATS

WORDS = vocabulary.words()
TERMS_FILE = packaged_catalog() / "vocabulary" / "terms.yaml"
TREE, _ = yaml.parse(yaml.read(TERMS_FILE), str(TERMS_FILE))
TERMS = {name: set(known.values()) for name, known in WORDS.lists.items()}
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
KNOWN = st.sampled_from(sorted({word for known in WORDS.lists.values() for word in known}))
RAW = TEXT | KNOWN | st.lists(KNOWN | TEXT, max_size=4).map(", ".join)


@pytest.mark.parametrize(
    ("raw", "expected", "is_covid"),
    [
        # Cohen until June 2020: comma lists
        ("COVID-19, ARDS", "COVID-19; ARDS", "yes"),
        ("SARS", "SARS", "no"),
        ("No Finding", "No finding", "no"),
        ("E.Coli", "E. coli", "no"),
        ("Mycoplasma Bacterial Pneumonia", "Mycoplasma", "no"),
        *((raw, "", "unknown") for raw in ("todo", "Unknown", "", " ", "?")),
        # in later versions, hierarchies
        ("Pneumonia/Viral/COVID-19", "COVID-19", "yes"),
        ("Pneumonia/Viral/Herpes ", "Herpes", "no"),
        ("Pneumonia/Viral/Influenza/H1N1", "Influenza", "no"),
        ("Pneumonia/Bacterial/Staphylococcus/MRSA", "Staphylococcus", "no"),
        ("Pneumonia", "Pneumonia", "no"),
        ("Pneumonia/Aspiration", "Aspiration pneumonia", "no"),
        # the other sets
        ("regular", "No finding", "no"),
        ("Regular", "No finding", "no"),
        ("Bacterial pneumonia", "Bacterial pneumonia", "no"),
        ("X-ray; Viral Pneumonia; COVID-19", "Viral pneumonia; COVID-19", "yes"),
        ("Lung_Opacity", "Lung opacity", "no"),
        ("Viral Pneumonia", "Viral pneumonia", "no"),
        ("NORMAL", "No finding", "no"),
        # what a rule cannot tell; positive of what, only the catalog can say
        ("COVID-19, something new", "COVID-19", "yes"),
        ("SARS, something new", "SARS", "unknown"),
        *((raw, "", "unknown") for raw in ("something new", "Pneumonia/Viral/something new")),
        *((raw, "", "unknown") for raw in ("COVID-19?", "suspected COVID-19")),
        ("positive", "", "unknown"),
        # spelled as BIMCV and PadChest, folders, Word and pandas have it
        *((raw, "COVID-19", "yes") for raw in ("COVID-19", "COVID", "COVID 19", "COVID_19")),
        *((raw, "COVID-19", "yes") for raw in ("COVID\u201119", "COVID\u00ad-19", "_covid19 ")),
        ("SARS CoV 2", "COVID-19", "yes"),
        *((raw, "", "no") for raw in ("NonCOVID", "Non COVID", "NON_COVID", "non\u2013covid")),
        ("negative", "", "no"),
        # a sign, as in COVID+ and COVID-
        *((raw, "", "unknown") for raw in ("COVID-", "COVID-19 -", "COVID \u2212", "-COVID")),
        *((raw, "", "unknown") for raw in ("Pneumonia/COVID-", "COVID-1")),
        # COVID-19 beside its denial
        *((raw, "COVID-19", "unknown") for raw in ("COVID-19; negative", "COVID-19, negative")),
        *((raw, "COVID-19", "unknown") for raw in ("non-COVID, COVID-19", "negative/COVID-19")),
        ("Pneumonia, COVID-19, NON_COVID", "Pneumonia; COVID-19", "unknown"),
        ("COVID-19/negative", "", "no"),
        ("negative; SARS", "SARS", "no"),
        # lists as BIMCV's tables and NIH's have them
        ("['pneumonia', 'COVID 19']", "Pneumonia; COVID-19", "yes"),
        ("['normal']", "No finding", "no"),
        ("[\"SARS\", 'ARDS']", "SARS; ARDS", "no"),
        ("[pneumonia, COVID-19]", "Pneumonia; COVID-19", "yes"),
        ("['SARS, or not']", "", "unknown"),
        *((raw, "", "unknown") for raw in ("[]", "['']", "[nan]", "['", "[']", "['a]")),
        ("Pneumonia|SARS", "Pneumonia; SARS", "no"),
        ("Effusion|Pneumonia", "Pneumonia", "unknown"),
        # denials: of COVID-19, of another finding, of what has no term
        *((raw, "", "no") for raw in ("no COVID-19", "Not COVID", "without COVID-19")),
        *((raw, "", "no") for raw in ("no evidence of COVID-19", "Negative for SARS-CoV-2")),
        *((raw, "", "no") for raw in ("COVID-19 negative", "covid absent", "no Viral/COVID-19")),
        *(
            (raw, "", "unknown")
            for raw in ("no pneumonia", "without effusion", "no change in COVID")
        ),
        *((raw, "", "unknown") for raw in ("no no COVID-19", "not only COVID-19", "no")),
        ("COVID-19, no pneumonia", "COVID-19", "yes"),
        ("COVID-19 without effusion", "COVID-19", "yes"),
        ("COVID-19, no COVID-19", "COVID-19", "unknown"),
        ("pneumonia without COVID-19", "Pneumonia", "no"),
        ("SARS, no effusion", "SARS", "no"),
        ("Pneumonia, pneumonia", "Pneumonia", "no"),
        ("no finding", "No finding", "no"),
    ],
)
def test_a_finding_becomes_terms_and_tells_if_it_is_covid(raw, expected, is_covid) -> None:
    terms = findings(raw)
    assert (vocabulary.JOINED.join(terms), covid(raw, terms)) == (expected, is_covid)


@pytest.mark.parametrize(
    ("raw", "own", "terms", "is_covid"),
    [
        ("positive", {"positive": "COVID-19"}, ("COVID-19",), "yes"),
        ("CAP, ARDS", {"cap": "Pneumonia"}, ("Pneumonia", "ARDS"), "no"),
        ("positive", {}, (), "unknown"),
        ("positive; neg", {"positive": "COVID-19", "neg": "negative"}, ("COVID-19",), "unknown"),
        ("neg, COVID-19", {"neg": "non-COVID"}, ("COVID-19",), "unknown"),
        ("neg, neg", {"neg": "negative"}, (), "no"),
        ("COVID-19, -", {"-": "negative"}, ("COVID-19",), "unknown"),  # its word, no place holder
        ("none", {"none": "No finding"}, ("No finding",), "no"),
        ("mixed", {"mixed": "COVID-19; negative"}, ("COVID-19",), "unknown"),
        ("both, new", {"both": "SARS; ARDS"}, ("SARS", "ARDS"), "unknown"),  # nor stand for `new`
        ("both", {"both": "SARS; ARDS"}, ("SARS", "ARDS"), "no"),
    ],
)
def test_words_of_one_table_hold_for_that_table_and_count_in_a_list(raw, own, terms, is_covid):
    assert findings(raw, own) == terms
    assert covid(raw, terms, own) == is_covid


@given(RAW)
def test_no_term_is_made_up(raw: str) -> None:
    terms = findings(raw)
    assert set(terms) <= TERMS["findings"]
    assert len(set(terms)) == len(terms)
    said = covid(raw, terms)
    assert said != "yes" or "COVID-19" in terms
    parts = [part for part in vocabulary._parts(raw) if not vocabulary.is_blank(part)]
    if said == "no":
        assert "COVID-19" not in terms
        is_said = (findings(part) or _denies(part) for part in parts)
        assert all(is_said)


def _denies(part: str) -> bool:
    return vocabulary._is_denial(part) or bool(vocabulary._denial(part))


@given(st.sampled_from(["no {}", "{} negative", "NOT  {}", "no signs of {}"]), KNOWN)
def test_what_is_denied_is_no_finding(form: str, word: str) -> None:
    raw = form.format(word)
    assert findings(raw) == ()
    assert covid(raw, ()) in ("no", "unknown")


@given(st.sampled_from([*TERMS, "answers"]), TEXT | KNOWN)
def test_a_word_is_one_of_its_list_or_blank(kind: str, raw: str) -> None:
    assert term(kind, raw) in TERMS[kind] | {""}


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("views", "AP Supine", "AP supine"),
        ("views", "AP_Supine", "AP supine"),
        ("views", "AP erect", "AP erect"),
        ("views", "A-P", "AP"),
        ("views", "L", "Lateral"),
        ("views", "convex", "Convex probe"),
        ("modalities", "X-ray", "xray"),
        ("modalities", "CT", "ct"),
        ("modalities", "DX", "xray"),
        ("sexes", "F ", "F"),
        ("sexes", "w", "F"),
        ("sexes", "m", "M"),
        ("splits", "train", "train"),
        ("answers", "Y", "yes"),
        ("answers", "N", "no"),
        ("answers", "1.0", "yes"),  # pandas, where a cell of the column is blank
        ("answers", "0.0", "no"),
        ("answers", " 1.00 ", "yes"),
        ("answers", "TRUE", "yes"),
        *(("views", raw, "") for raw in ("?", "CT", "L-")),  # CT: Cohen, February 2020
        *(("sexes", raw, "") for raw in ("nd", "24", "male?", "-F")),  # 24: swapped with the age
        *(("answers", raw, "") for raw in ("?", "-1", "-1.0", "\u22121", "1-", "0-1", "10", "0.5")),
        *(("answers", raw, "") for raw in ("N-A", "y-", "")),
    ],
)
def test_the_words_of_the_sources_are_known(kind: str, raw: str, expected: str) -> None:
    assert term(kind, raw) == expected


def test_every_term_stands_for_itself_and_no_word_for_two_things() -> None:
    for kind in TERMS.keys() - {"answers"}:
        assert {one: term(kind, one) for one in TERMS[kind]} == {one: one for one in TERMS[kind]}
        words = [vocabulary.plain(word) for known in TREE[kind].values() for word in known]
        assert sorted(words) == sorted(set(words)), kind
    named = [vocabulary.plain(word) for one in TREE["licenses"] for word in one["words"]]
    assert len(named) == len(set(named))
    blank = set(map(vocabulary.plain, TREE["placeholders"]))
    assert not blank & {word for known in WORDS.lists.values() for word in known}
    assert not WORDS.unspecific & WORDS.lists["findings"].keys()


def test_the_columns_name_the_words_of_the_vocabulary() -> None:
    named = {column.name: set(column.words) for column in COLUMNS if column.words}
    assert named["modality"] == TERMS["modalities"]
    assert named["sex"] == TERMS["sexes"]
    assert named["survival"] == named["icu"] == named["intubated"] == TERMS["answers"]


def test_the_catalog_maps_to_columns_and_words_that_there_are() -> None:
    for resource in load.load().resources:
        for table in resource.tables:
            named = {*(table.columns or ()), *(table.constants or ()), *(table.extract or ())}
            assert named <= set(LABELS), resource.id
            for name, own in (table.values or {}).items():
                known = TERMS[vocabulary.LISTS[name]]
                known = known | {*vocabulary.DENIALS} if name == "finding" else known
                assert set(own.values()) - {""} <= known, resource.id
            for rule in (table.extract or {}).values():
                assert re.compile(rule.partition(": ")[2]).groups == 1, resource.id


NOTHING = "unknown unknown unknown"


@pytest.mark.parametrize(
    ("raw", "spdx", "allows"),
    [  # commercial, derivatives, redistribution
        ("CC BY 4.0", "CC-BY-4.0", "yes yes yes"),
        ("CC BY 3.0", "CC-BY-3.0", "yes yes yes"),
        ("CC BY 2.0", "CC-BY-2.0", "yes yes yes"),
        ("CC BY", "", "yes yes yes"),
        ("CC BY-SA", "", "yes yes yes"),
        ("CC BY-NC 4.0", "CC-BY-NC-4.0", "no yes yes"),
        ("CC BY-NC-SA", "", "no yes yes"),  # no version, and still not commercial
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0", "no yes yes"),
        ("CC BY-NC -SA 4.0", "CC-BY-NC-SA-4.0", "no yes yes"),  # POCUS
        ("CC BY-NC -SA 3.0", "CC-BY-NC-SA-3.0", "no yes yes"),
        ("CC BY-NC-ND", "", "no no yes"),
        ("CC-BY-NC-ND", "", "no no yes"),  # POCUS
        ("CC BY-NC-ND 4.0", "CC-BY-NC-ND-4.0", "no no yes"),
        ("Apache 2.0", "Apache-2.0", "yes yes yes"),
        *((raw, "", NOTHING) for raw in ("", " ", "None", "COVID-19 emergency license")),
        ("listed as authorized for everyone", "", NOTHING),
        *((raw, "", NOTHING) for raw in ("CC BY-NC-SA 4.0 or so", "CC BY-NC-SA 4.1")),
        # addresses, as the column LinkToLicense of POCUS has them
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0", "yes yes yes"),
        ("http://creativecommons.org/licenses/by-nc-sa/4.0", "CC-BY-NC-SA-4.0", "no yes yes"),
        ("https://creativecommons.org/licenses/by/4.0/deed.en", "CC-BY-4.0", "yes yes yes"),
        (" https://creativecommons.org/publicdomain/zero/1.0/ ", "CC0-1.0", "yes yes yes"),
        ("https://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0", "yes yes yes"),
        ("https://creativecommons.org/licenses/by-nc/2.5/", "", "no yes yes"),  # not in the list
        ("https://creativecommons.org/licenses/by/3.0/de/", "", "yes yes yes"),  # ported
        *(
            (f"https://{place}", "", NOTHING)
            for place in (
                *("creativecommons.org/licenses/", "creativecommons.org/licenses/by-all/4.0/"),
                *(
                    "example.org/licenses/by/4.0/",
                    "creativecommons.org.example.org/licenses/by/4.0/",
                ),
            )
        ),
    ],
)
def test_a_licence_says_what_its_name_does(raw: str, spdx: str, allows: str) -> None:
    found = license(raw)
    assert (found.spdx, [found.allows[use] for use in USES]) == (spdx, allows.split())


@given(TEXT)
def test_an_unknown_licence_allows_nothing(raw: str) -> None:
    if vocabulary.plain(raw) not in WORDS.licenses:
        assert set(license(raw).allows.values()) == {"unknown"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        *(("65", 65), ("65.0", 65), (" 65 ", 65), ("0.5", 0.5), ("-270", -270)),
        *(
            (words, None)
            for words in ("50+", "early 40s", "mid 50s", "060Y", "40-50", "1,5", "--5")
        ),
        *((words, None) for words in ("1e3", "nan", "inf", "٦٥", "")),
    ],
)
def test_only_plain_numbers_are_numbers(raw: str, expected: float | None) -> None:
    assert number(raw) == expected


DOCS = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")


def rows_after(head: str) -> list[list[str]]:
    """The rows of the table in docs/schema.md whose header begins so."""
    _, _, rest = DOCS.partition(f"| {head}")
    lines = itertools.takewhile(lambda line: line.startswith("|"), rest.split("\n")[2:])
    return [[cell.strip() for cell in line.split(" |")[:-1]] for line in lines]


def test_every_column_is_in_the_docs_as_the_model_has_it() -> None:
    found = [[cell.removeprefix("| ") for cell in row] for row in rows_after("column |")]
    assert found == [
        [f"`{one.name}`", one.type, one.meaning, ", ".join(f"`{word}`" for word in one.words)]
        for one in COLUMNS
    ]


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        *(("findings", "finding"), ("views", "view"), ("modalities", "modality")),
        *(("sexes", "sex"), ("splits", "split")),
    ],
)
def test_every_word_is_in_the_docs(kind: str, title: str) -> None:
    found = {row[0].strip("| `"): row[1].strip("| ") for row in rows_after(f"{title} |")}
    assert found == {term: ", ".join(known) for term, known in TREE[kind].items()}


def test_what_a_finding_is_a_kind_of_is_a_finding_too_and_in_the_docs() -> None:
    found = {row[0].strip("| `"): row[2].strip("| ") for row in rows_after("finding |")}
    assert {kind: above for kind, above in found.items() if above} == WORDS.above
    assert {*WORDS.above, *WORDS.above.values()} <= TERMS["findings"]
    assert sum(map(len, TREE["kinds"].values())) == len(WORDS.above)  # nothing below two
    assert not [term for term in TERMS["findings"] if vocabulary.LEVEL in term]


# paths of metadata.csv at commit 6a424234 of ieee8023/covid-chestxray-dataset
@pytest.mark.parametrize(
    "path",
    [
        *("Pneumonia", "Pneumonia/Aspiration", "Pneumonia/Bacterial", "Pneumonia/Lipoid"),
        *("Pneumonia/Bacterial/Chlamydophila", "Pneumonia/Bacterial/E.Coli"),
        *("Pneumonia/Bacterial/Klebsiella", "Pneumonia/Bacterial/Legionella"),
        *("Pneumonia/Bacterial/Mycoplasma", "Pneumonia/Bacterial/Nocardia"),
        *("Pneumonia/Bacterial/Staphylococcus/MRSA", "Pneumonia/Bacterial/Streptococcus"),
        *("Pneumonia/Fungal/Aspergillosis", "Pneumonia/Fungal/Pneumocystis"),
        *("Pneumonia/Viral/COVID-19", "Pneumonia/Viral/Herpes ", "Pneumonia/Viral/Influenza"),
        *("Pneumonia/Viral/Influenza/H1N1", "Pneumonia/Viral/MERS-CoV", "Pneumonia/Viral/SARS"),
        *("Pneumonia/Viral/Varicella", "Tuberculosis", "No Finding"),
    ],
)
def test_a_path_of_cohens_list_has_the_levels_that_it_says(path: str) -> None:
    (leaf,) = findings(path)
    said = [findings(path.rsplit("/", up)[0]) for up in range(path.count("/") + 1)]
    expected = dict.fromkeys(one for (one,) in reversed(said))
    assert vocabulary.path_of(leaf).split("/") == list(expected)


def test_every_licence_is_in_the_docs() -> None:
    found = [[cell.strip("| `") for cell in row] for row in rows_after("licence, as images")]
    assert found == [
        [", ".join(one["words"]), one.get("spdx", ""), *(one[use] for use in USES)]
        for one in TREE["licenses"]
    ]


def test_every_format_and_place_holder_is_in_the_docs() -> None:
    named = {name for row in rows_after("format |") for name in re.findall(r"`(\w+)`", row[0])}
    assert named == set(FORMATS)
    assert {row[0].strip("| `") for row in rows_after("`matched` | means")} == {
        word for one in COLUMNS if one.name == "matched" for word in one.words
    }
    denied = [word for words in TREE["denied"].values() for word in words]
    for word in (*denied, *TREE["placeholders"], *TREE["unspecific"], *TREE["yes"], *TREE["no"]):
        assert not word or f"`{word}`" in DOCS
