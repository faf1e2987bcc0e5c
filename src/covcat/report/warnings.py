"""What a reader should know before trusting the data: a rule each, with its numbers."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from covcat.imaging.counts import OPEN, recount_table, tables_of_release
from covcat.overlap.labelled import Kind
from covcat.report.associations import Association
from covcat.report.holdings import Holding
from covcat.report.scope import Scope
from covcat.report.shared import Overlaps
from covcat.text import plural

Severity = Literal["serious", "warning", "info"]
_ORDER: tuple[Severity, ...] = ("serious", "warning", "info")
_FEWEST = 20  # cases of each side that are compared
_POINTS = 20  # of a hundred, by which two sides must differ
_RARE = 0.01
_WITH = {"yes": "with", "no": "without"}
_FOLLOWS = 0.3  # the lower bound of Cramer's V from which a label is said to follow


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at."""

    scope: Scope
    holdings: Sequence[Holding]
    overlaps: Overlaps
    associations: Sequence[Association]


@dataclass(frozen=True, slots=True)
class Warned:
    """One thing to know, and where more is told."""

    severity: Severity
    what: str
    text: str
    source: str = ""
    section: str = ""  # of the page, that tells more


def find_warnings(facts: Facts) -> list[Warned]:
    """Return what the rules find, the most serious first."""
    found = [one for rule in RULES for one in rule(facts)]
    return sorted(found, key=lambda one: _ORDER.index(one.severity))


def _of_conflicts(facts: Facts) -> Iterator[Warned]:
    told: Mapping[Kind, tuple[Severity, str, str]] = {
        "labels": ("serious", "one picture, different labels", "labelled differently"),
        "splits": ("serious", "one picture on two sides", "on two sides of a published split"),
        "patients": ("warning", "one picture, different patients", "under different patients"),
        "licences": ("warning", "one picture, different licences", "under different licences"),
    }
    counts = Counter(one.kind for one in facts.overlaps.conflicts)
    for kind, (severity, what, how) in told.items():
        if number := counts[kind]:
            first = next(one for one in facts.overlaps.conflicts if one.kind == kind)
            words = {word: place for place, word in reversed(first.rows)}
            said = "; ".join(f"{place}: {word}" for word, place in [*words.items()][::-1][:2])
            verb = "is" if number == 1 else "are"
            text = f"{plural(number, 'picture')} {verb} {how}, such as {said}"
            yield Warned(severity, what, text, section="overlap")


def _of_sides(facts: Facts) -> Iterator[Warned]:
    for part in facts.scope.parts:
        text = "SELECT subject, count(DISTINCT path) AS n FROM images WHERE split NOT NULL AND"
        end = "GROUP BY subject HAVING count(DISTINCT split) > 1 ORDER BY subject"
        rows = list(facts.scope.of_part(part, text, end))
        if rows:
            pictures = plural(sum(int(row["n"] or 0) for row in rows), "picture")
            verb = "is" if len(rows) == 1 else "are"
            said = (
                f"{plural(len(rows), 'subject')} with {pictures} {verb} on two sides of the split"
            )
            yield Warned(
                "serious",
                "one patient on two sides",
                f"{part.name}: {said}, such as {rows[0]['subject']}",
            )


def _of_associations(facts: Facts) -> Iterator[Warned]:
    for one in facts.associations:
        if one.strength.low >= _FOLLOWS:
            v = one.strength
            yield Warned(
                "serious" if v.low >= 2 * _FOLLOWS else "warning",
                f"labels follow the {one.attribute}",
                f"{'COVID-19, yes or no,' if one.label == 'covid' else 'the finding'} follows the "
                f"{one.attribute}: Cramer's V {v.value:.2f} ({v.low:.2f} to {v.high:.2f}) over "
                f"{plural(one.cases, 'subject')}. A model may learn that in place of the disease",
                section="associations",
            )


def _of_one_side(facts: Facts) -> Iterator[Warned]:
    """Tell of sources, views and the like that have but one label, where V is not large.

    V is small where one label is rare, whatever follows what: 19 of 191 subjects without COVID-19.
    """
    for one in facts.associations:
        totals = dict(one.totals)
        if one.label != "covid" or one.strength.low >= _FOLLOWS:
            continue
        for value, counts in one.values:
            number = sum(count for _, count in counts)
            for word, other in (("yes", "no"), ("no", "yes")):
                is_pure = number >= _FEWEST and dict(counts).get(word) == number
                if is_pure and _chance(one.cases, totals[other], number) < _RARE:
                    beside, rest = totals[other], one.cases - number
                    yield Warned(
                        "warning",
                        "one side only",
                        f"{one.attribute} {value}: all {plural(number, 'subject')} are "
                        f"{_WITH[word]} COVID-19; of the {rest:,} others {beside:,} are "
                        f"{_WITH[other]} it. A model may learn that in place of the disease",
                        section="associations",
                    )


def _chance(cases: int, marked: int, drawn: int) -> float:
    """Return how likely it is that none of `drawn` cases is one of the `marked` ones."""
    few, many = sorted((marked, drawn))
    return prod((cases - many - at) / (cases - at) for at in range(few))


def _share(facts: Facts, condition: str, known: str) -> dict[str, tuple[int, int]]:
    """Return of how many subjects a condition holds, and how many there are, by COVID-19."""
    found = {"yes": (0, 0), "no": (0, 0)}
    text = (
        f"SELECT covid, max({condition}) AS hit FROM images "  # noqa: S608 -- our own conditions
        f"WHERE path NOT NULL AND covid IN ('yes', 'no') AND {known} AND"
    )
    for part in facts.scope.parts:
        for row in facts.scope.of_part(part, text, "GROUP BY subject, covid"):
            hits, total = found[str(row["covid"])]
            found[str(row["covid"])] = hits + int(row["hit"] or 0), total + 1
    return found


def _compare(facts: Facts, condition: str, known: str) -> tuple[float, float, int, int] | None:
    """Return the shares of both sides, of a hundred, and their numbers; None of too few."""
    found = _share(facts, condition, known)
    (hits, cases), (others, controls) = found["yes"], found["no"]
    if min(cases, controls) < _FEWEST:
        return None
    return 100 * hits / cases, 100 * others / controls, cases, controls


def _of_children(facts: Facts) -> Iterator[Warned]:
    compared = _compare(facts, "age < 18", "age NOT NULL")
    if compared and compared[1] - compared[0] >= _POINTS:
        yield Warned(
            "serious",
            "children as controls",
            f"{compared[1]:.0f} % of {plural(compared[3], 'subject')} without COVID-19 are below "
            f"18, and {compared[0]:.0f} % of {compared[2]:,} with it",
        )


def _of_portable_films(facts: Facts) -> Iterator[Warned]:
    known = "modality = 'xray' AND view NOT NULL"
    compared = _compare(facts, "view IN ('AP', 'AP supine', 'AP semi erect')", known)
    if compared and abs(compared[1] - compared[0]) >= _POINTS:
        yield Warned(
            "warning",
            "portable films",
            f"{compared[0]:.0f} % of {plural(compared[2], 'subject')} with COVID-19 have a film "
            f"AP, as of those who lie in bed, and {compared[1]:.0f} % of {compared[3]:,} without",
        )


def _of_negative_tests(facts: Facts) -> Iterator[Warned]:
    said = "coalesce(finding_raw, covid)"
    text = (
        f"SELECT count(DISTINCT path) AS n, min({said}) AS said FROM images "  # noqa: S608
        "WHERE path NOT NULL AND covid = 'no' AND (finding IS NULL OR finding = 'No finding' "
        "AND (finding_raw LIKE '%negative%' OR pcr = 'no' AND finding_raw IS NULL)) AND"
    )
    for part in facts.scope.parts:
        (row,) = facts.scope.of_part(part, text)
        if number := int(row["n"] or 0):
            yield Warned(
                "warning",
                "no COVID-19 is no normal picture",
                f"{part.name}: of {plural(number, 'picture')} all that is said is that it is not "
                f"COVID-19, such as `{row['said']}`: a negative test says nothing of other ones",
            )


def _of_known_issues(facts: Facts) -> Iterator[Warned]:
    for one in {
        holding.part.resource.id: holding.part.resource for holding in facts.holdings
    }.values():
        for issue in one.known_issues:
            yield Warned(
                issue.severity,
                f"known issue of {one.id}",
                f"{issue.text} ({issue.date})",
                source=issue.source,
            )


def _of_published_counts(facts: Facts) -> Iterator[Warned]:
    for part in () if facts.scope.of else facts.scope.parts:  # they are of all of a release
        for table in tables_of_release(part.resource, part.release):
            if table.recount is None:
                continue
            for row in recount_table(part.index, table).rows:
                if row.status not in (*OPEN, "explained") or row.published is None:
                    continue
                which = f" ({', '.join(map(str, row.row))})" if row.row else ""
                why = f": {row.explained.reason}" if row.explained else ", nobody said why"
                yield Warned(
                    "warning" if row.status in OPEN else "info",
                    "published counts differ",
                    f"{part.name}: {table.of}{which}: published {row.published:,}, found "
                    f"{row.found or 0:,}{why}",
                    source=table.source,
                )


def _of_what_is_not_compared(facts: Facts) -> Iterator[Warned]:
    if names := facts.overlaps.not_compared:
        text = "which pictures are the same was not looked for: covcat overlap"
        yield Warned("info", "not compared", f"{', '.join(names)}: {text}", section="overlap")


Rule = Callable[[Facts], Iterator[Warned]]
RULES: tuple[Rule, ...] = (
    _of_conflicts,
    _of_sides,
    _of_associations,
    _of_one_side,
    _of_children,
    _of_portable_films,
    _of_negative_tests,
    _of_published_counts,
    _of_known_issues,
    _of_what_is_not_compared,
)
