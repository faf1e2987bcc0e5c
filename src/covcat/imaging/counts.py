"""Counts over image indexes: groups of what is here, and the tables of papers counted again."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Literal, get_args

from covcat.catalog import vocabulary
from covcat.catalog.columns import COLUMNS, NAMES, Value
from covcat.catalog.entries import Explained, PublishedCounts, Release, Resource
from covcat.errors import IntegrityError
from covcat.imaging.opening import Index
from covcat.imaging.query import LEVELS, ONE_PER, Question
from covcat.imaging.scratch import Distinct

Of = Literal["rows", "images", "patients", "pictures"]
UNITS: tuple[Of, ...] = get_args(Of)
Group = tuple[Value, ...]  # one value for each column; None is unknown
Status = Literal["same", "explained", "differs", "outdated", "not counted", "in no row"]
Condition = tuple[str, list[str]]  # SQL over the columns, and its values
PATH = "finding_path"
OPEN: tuple[Status, ...] = ("differs", "outdated")  # what the catalog has no explanation of

_AT_ONCE = 100  # conditions: SQLite has at most 2000 columns and 32766 values
_COLUMNS = {column.name: column for column in COLUMNS}
_KEYS: dict[Of, str] = {  # what is counted of a record: nothing where this is NULL
    "rows": "CASE WHEN matched <> 'image only' THEN 1 END",
    "images": "resource || '@' || release || ':' || path",
    "patients": "patient_id",
    "pictures": ONE_PER["picture"],
}


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Counts of groups, in the order in which they are shown."""

    groups: tuple[tuple[Group, int], ...]
    several: int  # records with several findings, which count for each of these
    left_out: int  # records in which there is nothing of the kind that is counted


def count_groups(
    indexes: Iterable[Index],
    by: Sequence[str],
    of: Of,
    question: Question,
    level: int | None = None,
) -> GroupCounts:
    """Count what passes a question, by the values of some columns; over all indexes together.

    An image or a patient counts once in a group, however many rows speak of it. By `finding_path`
    it counts for each level of a path; with a `level` for that one alone, or the last above it.
    """
    return _sum_up(indexes, by, of, question.sql(), question.where, level)


def _spell(column: str) -> str:
    """Return a column, or what the catalog makes of several, so that nothing after it changes."""
    return column if column in NAMES else f"({column}\n)"


def _sum_up(
    indexes: Iterable[Index],
    by: Sequence[str],
    of: Of,
    condition: Condition,
    where: str | None = None,
    level: int | None = None,
) -> GroupCounts:
    """Add up the records of each group, over all indexes together."""
    columns = [f"nullif({_spell(one)}, '') AS c{place}" for place, one in enumerate(by)]
    text = (
        f"SELECT {', '.join([*columns, f'{_KEYS[of]} AS k'])}, count(*) AS n FROM images "  # noqa: S608
        f"WHERE {condition[0]} GROUP BY {', '.join(map(str, range(1, len(by) + 2)))}"
    )
    distinct = Distinct()
    counts: Counter[Group] = Counter()
    places: dict[Group, int] = {}
    several = left_out = 0
    for record in (one for index in indexes for one in index.rows(text, condition[1], where)):
        number = int(record["n"] or 0)
        if record["k"] is None:
            left_out += number
            continue
        cells: Group = tuple(record[f"c{place}"] for place in range(len(by)))
        each = _of_each_finding(cells, by)
        several += number if len(each) > 1 else 0
        for group in _of_each_level(each, by, level):
            if of == "rows":
                counts[group] += number
            else:
                distinct.add(places.setdefault(group, len(places)), record["k"])
    found = distinct.counts()
    counts.update({group: found[place] for group, place in places.items()})
    ranks = [_rank_of(name, number, counts) for number, name in enumerate(by)]

    def rank_group(item: tuple[Group, int]) -> list[Rank]:  # by the columns from the left
        return [rank(cell) for rank, cell in zip(ranks, item[0], strict=True)]

    return GroupCounts(tuple(sorted(counts.items(), key=rank_group)), several, left_out)


def _of_each_finding(cells: Group, by: Sequence[str]) -> list[Group]:
    """Return a group for each finding of a record, which has as many paths."""
    texts = {
        at: str(cells[at] or "").split(vocabulary.JOINED)
        for at, name in enumerate(by)
        if name in ("finding", PATH)
    }
    count = max(map(len, texts.values()), default=1)
    return [
        tuple(texts[at][number] or None if at in texts else cell for at, cell in enumerate(cells))
        for number in range(count)
    ]


def _of_each_level(groups: list[Group], by: Sequence[str], level: int | None) -> Iterable[Group]:
    """Return the groups for each level of their paths, or for one; each once."""
    if PATH not in by:
        return groups
    at, found = by.index(PATH), dict[Group, None]()
    for group in groups:
        levels = str(group[at] or "").split(vocabulary.LEVEL)
        for number in range(1, len(levels) + 1) if level is None else [level]:
            path = vocabulary.LEVEL.join(levels[:number])
            found[(*group[:at], path or None, *group[at + 1 :])] = None
    return found


Rank = tuple[bool, float, str]


def _rank_of(name: str, number: int, counts: Counter[Group]) -> Callable[[Value], Rank]:
    """Return a column's order: the vocabulary's, that of numbers or dates, else most first."""
    if words := order(name):
        known = {word: place for place, word in enumerate(words)}
        return lambda cell: (cell is None, known.get(str(cell), len(known)), str(cell))
    if name == PATH:  # as a tree
        terms = {term: place for place, term in enumerate(order("finding"))}

        def rank_path(cell: Value) -> Rank:
            levels = str(cell).split(vocabulary.LEVEL)
            return cell is None, 0, "".join(f"{terms.get(one, len(terms)):04}" for one in levels)

        return rank_path
    if name in _COLUMNS and _COLUMNS[name].type != "text":
        return lambda cell: (cell is None, float(cell or 0), "")
    if name == "date":
        return lambda cell: (cell is None, 0, str(cell))
    totals: Counter[Value] = Counter()
    for group, count in counts.items():
        totals[group[number]] += count
    return lambda cell: (cell is None, -totals[cell], str(cell))


@cache
def order(column: str) -> tuple[str, ...]:
    """Return all words of a column in their order; none if it has no vocabulary."""
    if column not in vocabulary.LISTS:
        return _COLUMNS[column].words if column in _COLUMNS else ()
    terms = vocabulary.words().lists[vocabulary.LISTS[column]].values()
    return tuple(dict.fromkeys(word for term in terms for word in term.split(vocabulary.JOINED)))


@dataclass(frozen=True, slots=True)
class Compared:
    """One published count beside what the data give."""

    row: Group  # one value for each `by` of the table
    published: int | None  # None: the table has no such row
    found: int | None  # None: it cannot be counted
    status: Status
    explained: Explained | None = None

    @property
    def difference(self) -> int | None:
        """Return by how many more were found."""
        if self.published is None or self.found is None:
            return None
        return self.found - self.published


@dataclass(frozen=True, slots=True)
class RecountedTable:
    """A published table, counted again where it can be."""

    published: PublishedCounts
    rows: tuple[Compared, ...]
    counted: int | None = None  # all that its `where` leaves
    outside: int | None = None  # of these, what is in no row of the table

    @property
    def total(self) -> int:
        """Return what the published rows sum to."""
        return sum(row.published or 0 for row in self.rows)


def tables_of_release(resource: Resource, release: Release) -> list[PublishedCounts]:
    """Return the published tables that a release can be compared with.

    Those that name no release are compared with each, if the catalog says how.
    """
    return [
        counts
        for counts in resource.published
        if counts.release == release.id or (counts.release is None and counts.recount is not None)
    ]


def recount_table(index: Index, counts: PublishedCounts) -> RecountedTable:
    """Count a published table again from the index of its release, as the catalog says."""
    if (recount := counts.recount) is None:
        rows = [Compared(tuple(row[:-1]), int(row[-1]), None, "not counted") for row in counts.rows]
        return RecountedTable(counts, tuple(rows))
    everything = Question(where=recount.where, with_files_only=False).sql()
    conditions, anything = list[Condition](), ("1", list[str]())
    for row in counts.rows:
        cells = map(_matching, recount.by, row[:-1])
        conditions.append(reduce(_and, cells, anything))
    rows = []
    try:
        counted, outside, *every = _count_each(
            index, recount.of, everything, [anything, _rest_of(conditions), *conditions]
        )
        for (*key, number), found in zip(counts.rows, every, strict=True):
            published = int(number)
            explained = next((one for one in recount.differs if one.row == tuple(key)), None)
            status: Status = "same" if found == published else "differs"
            if explained is not None:
                status = "explained" if found == explained.found else "outdated"
            rows.append(Compared(tuple(key), published, found, status, explained))
        rest = _and(everything, _rest_of(conditions))
        others = _sum_up([index], recount.by, recount.of, rest).groups
        rows += [Compared(group, None, number, "in no row") for group, number in others]
        return RecountedTable(counts, tuple(rows), counted, outside)
    except (sqlite3.Error, sqlite3.Warning, UnicodeError) as error:
        raise IntegrityError(
            f"the published table `{counts.of}`: its `recount` cannot be asked: {error}"
        ) from error


def _and(one: Condition, other: Condition) -> Condition:
    return f"({one[0]}) AND ({other[0]})", [*one[1], *other[1]]


def _rest_of(conditions: Sequence[Condition]) -> Condition:
    """Return the condition for what is in no row of a table."""
    in_a_row = " OR ".join(f"({sql})" for sql, _ in conditions) or "0"
    return f"({in_a_row}) IS NOT TRUE", [value for _, values in conditions for value in values]


def _count_each(
    index: Index, of: Of, everything: Condition, conditions: Sequence[Condition]
) -> list[int]:
    """Return how much of everything meets each condition: of one pass, not of one for each."""
    found, distinct = list[int](), "" if of == "rows" else "DISTINCT "
    for start in range(0, len(conditions), _AT_ONCE):
        some = conditions[start : start + _AT_ONCE]
        each = ", ".join(
            f"count({distinct}CASE WHEN {sql} THEN {_KEYS[of]} END) AS n{at}"
            for at, (sql, _) in enumerate(some)
        )
        values = [value for _, values in (*some, everything) for value in values]
        (record,) = index.rows(f"SELECT {each} FROM images WHERE {everything[0]}", values)  # noqa: S608
        found += [int(record[f"n{at}"] or 0) for at in range(len(some))]
    return found


def _matching(column: str, text: str) -> Condition:
    """Return the condition for a published value: `PA, AP` is one of both, blank is unknown."""
    words = [word for part in text.split(",") for word in _known_words(column, part.strip())]
    if not text.strip():
        return f"nullif({_spell(column)}, '') IS NULL", []
    if column not in ("finding", PATH):
        return f"{_spell(column)} IN ({', '.join('?' * len(words))})", words
    terms = LEVELS if column == PATH else "'; ' || finding || '; '"
    one = f"instr({terms}, '; ' || ? || '; ')"
    return f"({' OR '.join([one] * len(words))})", words


def _known_words(column: str, text: str) -> tuple[str, ...]:
    """Return the index's words for a published one; itself if the vocabulary does not have it."""
    if column in ("finding", PATH):
        return vocabulary.findings(text) or (text,)
    if column == "covid" and text not in _COLUMNS["covid"].words:
        found = vocabulary.covid(text, vocabulary.findings(text))
        return (text if found == "unknown" else found,)
    kind = vocabulary.LISTS.get(column)
    return ((vocabulary.term(kind, text) if kind else "") or text,)
