"""Do labels follow what has nothing to do with the lung? Cramer's V of labels and attributes.

One picture of each subject is taken, so that a patient with twenty films is one case, and cases are
independent as far as is known.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp, lgamma, log, sqrt
from statistics import NormalDist

from covcat.catalog.columns import Record
from covcat.report.scope import Scope
from covcat.report.tallies import UNKNOWN, format_of

FEWEST = 20  # cases; of fewer nothing is said
_MOST_VALUES = 200  # of an attribute, that are told apart
_SHOWN = 8
_CLASSES = ((512, "below 512"), (1024, "512 to 1023"), (2048, "1024 to 2047"))
_CONFIDENCE = 0.95
_LARGE = 500  # chi2
ATTRIBUTES = ("source", "format", "view", "longer side in pixels", "bits", "scanner")

Table = Mapping[tuple[str, str], int]  # label and value: cases


@dataclass(frozen=True, slots=True)
class CramersV:
    """How much two columns follow each other: 0 not at all, 1 each tells the other."""

    value: float
    low: float  # the bounds of a 95 % interval
    high: float


@dataclass(frozen=True, slots=True)
class Association:
    """How much a label follows an attribute of its picture."""

    label: str  # the column
    attribute: str
    strength: CramersV
    cases: int
    values: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]  # the most frequent, by label
    totals: tuple[tuple[str, int], ...]  # cases of each label


def find_associations(scope: Scope) -> list[Association]:
    """Return how much COVID-19, yes or no, follows each attribute that differs between cases.

    Where all that is known is a yes, or a no, findings are taken in its place.
    """
    tables: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for labels, attributes in _cases(scope):
        for label, word in labels.items():
            for name, value in attributes.items():
                table = tables.setdefault((label, name), Counter())
                is_new = (word, value) not in table and len(table) >= _MOST_VALUES
                table[word, "(others)" if is_new else value] += 1
    found = [
        Association(label, name, strength, table.total(), _most_frequent(table), _totals(table))
        for (label, name), table in tables.items()
        if table.total() >= FEWEST and (strength := cramers_v(table)) is not None
    ]
    first = [one for one in found if one.label == "covid"]
    return sorted(first or found, key=lambda one: (-one.strength.low, one.attribute))


def _cases(scope: Scope) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Give labels and attributes of the first picture of each subject."""
    raw = "CASE WHEN raw LIKE '%Manufacturer%' THEN raw END AS raw"
    text = (
        "SELECT subject, covid, finding, path, view, width, height, bits, "  # noqa: S608
        f"{raw} FROM images WHERE path NOT NULL AND"
    )
    seen = set[str]()
    for part in scope.parts:
        for row in scope.of_part(part, text, "ORDER BY rowid"):
            if row["finding"] is None and row["covid"] == "unknown":
                continue
            subject = str(row["subject"])
            if subject not in seen:
                seen.add(subject)
                labels = {"covid": str(row["covid"])} if row["covid"] != "unknown" else {}
                labels |= {"finding": str(row["finding"])} if row["finding"] else {}
                yield labels, {"source": part.name, **_attributes(row)}


def _attributes(row: Record) -> dict[str, str]:
    side = max(int(row["width"] or 0), int(row["height"] or 0))
    size = next((name for most, name in _CLASSES if side < most), "2048 and more")
    return {
        "format": format_of(str(row["path"])),
        "view": str(row["view"] or UNKNOWN),
        "longer side in pixels": size if side else UNKNOWN,
        "bits": str(row["bits"] or UNKNOWN),
        "scanner": _scanner(row),
    }


def _scanner(row: Record) -> str:
    for cells in json.loads(str(row["raw"] or "{}")).values():
        if isinstance(cells, dict):
            named = [str(cells.get(one) or "") for one in ("Manufacturer", "ManufacturerModelName")]
            return " ".join(filter(None, named)) or UNKNOWN
    return UNKNOWN


def _totals(table: Table) -> tuple[tuple[str, int], ...]:
    labels: Counter[str] = Counter()
    for (label, _), number in table.items():
        labels[label] += number
    return tuple(labels.most_common())


def _most_frequent(table: Table) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    totals: Counter[str] = Counter()
    for (_, value), number in table.items():
        totals[value] += number
    words = [label for label, _ in _totals(table)[:_SHOWN]]
    return tuple(
        (value, tuple((word, table.get((word, value), 0)) for word in words))
        for value, _ in totals.most_common(_SHOWN)
    )


def cramers_v(table: Table) -> CramersV | None:
    """Return Cramer's V, corrected for its bias, with an interval; None where a column is constant.

    V = sqrt(phi2 / min(r - 1, c - 1)) with phi2 = max(0, chi2/n - (r-1)(c-1)/(n-1)), and r and c
    lessened by (r-1)^2/(n-1) and (c-1)^2/(n-1): Bergsma, J. Korean Stat. Soc. 42 (2013) 323. The
    interval holds the noncentralities L for which chi2 is not unlikely, as sqrt(L / n / min(r - 1,
    c - 1)) (Smithson, Confidence Intervals, 2003, chapter 4); it needs no resampling. Less than
    chance gives on the average says no more than that: its upper bound is not lower.
    """
    rows, columns = Counter[str](), Counter[str]()
    table = {cell: number for cell, number in table.items() if number}
    for (label, value), number in table.items():
        rows[label] += number
        columns[value] += number
    r, c, n = len(rows), len(columns), rows.total()
    if min(r, c) < 2 or n < 3:
        return None
    chi2 = n * (
        sum(number**2 / (rows[label] * columns[value]) for (label, value), number in table.items())
        - 1
    )
    freedom = (r - 1) * (c - 1)
    phi2 = max(0.0, chi2 / n - freedom / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    low, high = (
        sqrt(_noncentrality(seen, freedom, tail) / (n * (min(r, c) - 1)))
        for seen, tail in (
            (chi2, (1 + _CONFIDENCE) / 2),
            (max(chi2, freedom), (1 - _CONFIDENCE) / 2),
        )
    )
    v = min(1.0, sqrt(phi2 / least)) if least > 0 else 0.0
    return CramersV(v, min(low, v), min(1.0, max(high, v)))


def _noncentrality(chi2: float, freedom: int, tail: float) -> float:
    """Return for which noncentrality no more than `chi2` is found with that probability."""
    low, high = 0.0, 2 * chi2 + 100.0
    if _tail(chi2, freedom, low) < tail:
        return 0.0
    for _ in range(45):
        middle = (low + high) / 2
        if _tail(chi2, freedom, middle) > tail:
            low = middle
        else:
            high = middle
    return low


def _tail(chi2: float, freedom: int, noncentrality: float) -> float:
    """Return the probability of no more than `chi2`, noncentral as said.

    It is the sum over Poisson's weights of central ones (Johnson, Kotz and Balakrishnan, Continuous
    Univariate Distributions 2, 1995, chapter 29); of large ones what Abramowitz and
    Stegun, 26.4.28, say, which is the same to three digits then.
    """
    if chi2 > _LARGE:
        total = freedom + noncentrality
        spread = 2 / 9 * (1 + noncentrality / total) / total
        cube = (chi2 / total) ** (1 / 3)
        return NormalDist().cdf((cube - (1 - spread)) / sqrt(spread))
    if chi2 <= 0:
        return 0.0
    half, mean = chi2 / 2, noncentrality / 2
    reach = 8 * sqrt(mean) + 40  # beyond it the weights are nothing
    least, most = max(0, int(mean - reach)), int(mean + reach)
    # P(a, x), the incomplete gamma function, by its series; then down by P(a) = P(a + 1) + step.
    step = [_weight(freedom / 2 + at, half) for at in range(least, most + 1)]
    term = lower = step[-1]
    count = 0
    while term > lower * 1e-16:
        count += 1
        term *= half / (freedom / 2 + most + count)
        lower += term
    found = 0.0
    for at in range(most, least - 1, -1):
        lower += step[at - least] if at < most else 0.0
        found += lower * (_weight(at, mean) if mean else float(at == 0))
    return found


def _weight(a: float, x: float) -> float:
    """Return x^a e^-x / Gamma(a + 1): of a whole number Poisson's weight."""
    return exp(a * log(x) - x - lgamma(a + 1))
