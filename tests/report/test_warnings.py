"""What a page warns of, and with which numbers."""

import random
import re
from collections import Counter

import pytest
from makers.laid import lay

from covcat.catalog import load
from covcat.report.associations import cramers_v

CC = "CC BY 4.0"


def row(at: int, finding: str = "COVID-19", **more: object) -> dict[str, object]:
    return {"patientid": at, "finding": finding, "filename": f"{at}.png", "license": CC, **more}


def files_of(rows: list[dict[str, object]], of: str = "a") -> dict[str, bytes]:
    """Return a file for each row, no two alike."""
    return {str(one["filename"]): f"{of}{at}".encode() for at, one in enumerate(rows)}


def half(made) -> list[dict[str, object]]:
    """Thirty with COVID-19 and thirty without, and what each has besides."""
    return [row(at, "COVID-19" if at < 30 else "No finding", **made(at)) for at in range(60)]


CASES = {
    "labels follow the view": (half(lambda at: {"view": "AP" if at < 30 else "PA"}), r"1\.00 \("),
    "labels follow the format": (
        half(lambda at: {"filename": f"{at}.{'png' if at < 30 else 'jpg'}"}),
        r"over 60 subjects",
    ),
    "children as controls": (
        half(lambda at: {"age": 60 if at < 30 else 4}),
        r"100 % of 30 subjects without COVID-19 are below 18, and 0 % of 30 with it",
    ),
    "no COVID-19 is no normal picture": (
        [row(1), row(2, "negative")],
        r"set@1: of 1 picture all that is said is that it is not COVID-19, such as `negative`",
    ),
    # of Cohen's table at v0.1 few subjects have no COVID-19, and each of them has a film PA
    "one side only": (
        [
            row(at, "COVID-19" if at < 170 else "SARS", view="AP" if at < 60 else "PA")
            for at in range(190)
        ],
        r"view AP: all 60 subjects are with COVID-19; of the 130 others 20 are without it",
    ),
    "one patient on two sides": (
        [row(1, split="train"), row(2, patientid=1, split="test")],
        r"1 subject with 2 pictures is on two sides of the split, such as set:1",
    ),
    "one picture, different labels": (
        [row(1), row(2, "No finding", filename="1.png", patientid=1)],
        r"1 picture is labelled differently, such as set@1:images/1.png: COVID-19; .*No finding",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_the_page_warns_of(laid, report, what: str) -> None:
    rows, pattern = CASES[what]
    laid(rows, pictures=files_of(rows))
    text = report("--pictures", "0").told("warnings")
    assert what in text
    assert re.search(pattern, text), text


def test_nothing_is_said_where_nothing_is_wrong(laid, report) -> None:
    rows = half(lambda at: {"view": "AP" if at % 2 else "PA", "age": 50})
    laid(rows, pictures=files_of(rows))
    text = report("--pictures", "0").text["warnings"]
    assert "No rule found anything" in text


def test_portable_films_are_told(laid, report, shelf) -> None:
    rows = half(lambda at: {"view": "AP supine" if at < 30 else "PA"})
    laid(rows, more="    constants: {modality: X-ray}\n", pictures=files_of(rows))
    text = report("--pictures", "0").told("warnings")
    assert "100 % of 30 subjects with COVID-19 have a film AP" in text
    assert "0 % of 30 without" in text


def test_a_set_that_has_one_label_alone_is_told_beside_others(laid, report) -> None:
    """As of Hannover's 71 patients, all with COVID-19, beside the 84 of Cohen's at v0.1."""
    rows = [row(at, "COVID-19" if at < 70 else "SARS") for at in range(84)]
    laid(rows, pictures=files_of(rows))
    rows = [row(at) for at in range(71)]
    laid(rows, name="zweite", pictures=files_of(rows, "b"))
    text = report("--pictures", "0").told("warnings")
    assert "source zweite@1: all 71 subjects are with COVID-19; of the 84 others 14 are" in text


def test_who_had_a_negative_test_alone_is_not_called_normal(covcat, report) -> None:
    """As covid-blues has it: 0 and 1 in a table of patients, clips in another."""
    ids = range(4)
    head = "cov_test,pat_sex,pat_age,body_temperature,oxygen_saturation_without_ox"
    head += ",outcome_status_d30,outcome_status_d5,los_ICU,outcome_status_d3"
    tables = {
        "severity.csv": ["video_file,Severity Score,comments"]
        + [f"patient_{id}_L1,1,x" for id in ids],
        "clinical_variables.csv": [f"patient_id,{head}"]
        + [f"{id},{id % 2},0,50,37,95,2,2,,2" for id in ids],
    }
    files = {name: "\n".join(lines).encode() for name, lines in tables.items()}
    files |= {f"lus_videos/patient_{id}_L1.mp4": b"%d" % id for id in ids}
    lay(load.load().find("covid-blues"), files)
    text = report("--pictures", "0").told("warnings")
    assert "of 2 pictures all that is said is that it is not COVID-19, such as `0`" in text


def test_what_is_known_of_a_set_is_told_with_its_source_and_as_text(laid, report) -> None:
    issue = "{date: 2020-04, severity: serious, text: 'a </script><b>b</b> x', source: a page}"
    laid([row(1)], more=f"known_issues: [{issue}]\n")
    text = report("--pictures", "0").text["warnings"]
    assert "a </script><b>b</b> x (2020-04)" in text
    assert "[a page]" in text


def test_published_counts_that_differ_are_told(laid, report) -> None:
    counts = "{of: films, unit: images, source: a paper, rows: [['7']], recount: {of: rows}}"
    laid([row(1), row(2)], more=f"published: [{counts}]\n")
    text = report("--pictures", "0").told("warnings")
    assert "set@1: films: published 7, found 2, nobody said why" in text


# ---- Cramer's V ------------------------------------------------------------------------------


def table(*rows: tuple[int, ...]) -> Counter[tuple[str, str]]:
    return Counter({(str(r), str(c)): n for r, row in enumerate(rows) for c, n in enumerate(row)})


@pytest.mark.parametrize(
    ("counts", "value"),
    [
        (table((50, 0), (0, 50)), 1.0),
        (table((25, 25), (25, 25)), 0.0),
        (table((30, 10), (10, 30)), 0.489),  # chi2 20, n 80: phi2 0.25 - 1/79, least 1 - 1/79
        (table((20, 10, 0), (0, 10, 20)), 0.802),  # chi2 40, n 60: phi2 2/3 - 2/59, least 1 - 1/59
    ],
)
def test_cramers_v_is_corrected_for_its_bias(counts, value: float) -> None:
    found = cramers_v(counts)
    assert found is not None
    assert found.value == pytest.approx(value, abs=0.002)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [  # of chi2_contingency and ncx2 of scipy 1.17
        (table((30, 10), (10, 30)), 0.2809, 0.7191),
        (table((20, 10, 0), (0, 10, 20)), 0.5510, 1.0),
        (table((50, 0), (0, 50)), 0.8040, 1.0),
        (table((12, 9), (8, 14)), 0.0, 0.5071),
        (table((400, 30, 5), (20, 300, 60)), 0.7960, 0.9333),
    ],
)
def test_the_interval_is_that_of_the_noncentral_distribution(counts, low, high) -> None:
    found = cramers_v(counts)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.001)


def test_no_association_at_all_is_not_told_with_certainty() -> None:
    found = cramers_v(table((25, 25), (25, 25)))
    assert found is not None
    assert (found.low, found.value) == (0, 0)
    assert 0.2 < found.high < 0.4


@pytest.mark.parametrize("counts", [table((5, 5)), table((5, 0), (5, 0)), Counter(), table((1, 1))])
def test_a_constant_column_has_no_association(counts) -> None:
    assert cramers_v(counts) is None


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.35, 0.65), (0.2, 0.8)])
def test_the_interval_holds_the_true_value_nineteen_times_of_twenty(shares) -> None:
    """Two groups of equal size with these shares: V is the difference of the shares, at 0.5."""
    chance, true = random.Random(7), abs(shares[0] - shares[1])
    hit = 0
    for _ in range(400):
        drawn = Counter()
        for at in range(200):
            group = at % 2
            drawn[str(group), str(chance.random() < shares[group])] += 1
        found = cramers_v(drawn)
        assert found is not None
        hit += found.low - 1e-9 <= true <= found.high + 1e-9
    assert 0.92 <= hit / 400 <= 1
