"""Rows of lists, and the pictures that are here -> what is on two sides, and what was compared."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

from covcat.catalog.columns import Record
from covcat.imaging.opening import Index
from covcat.overlap.labelled import standing_for
from covcat.overlap.lists import Listed
from covcat.overlap.pairs import SAME, Pair
from covcat.overlap.pictures import PictureSet
from covcat.overlap.split import SIDES
from covcat.overlap.unions import Union

KINDS = ("same name", "same bytes", "same picture", "same patient", "same subject")
_PLAIN = 4  # letters of a stem that says nothing: `1.png` is in every set
_ASKED = (
    "SELECT resource || '@' || release AS of_set, path, sha256, patient_id, subject, same_as "
    "FROM images WHERE path IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Leak:
    """What is on two sides."""

    kind: str
    side_a: str
    name_a: str
    side_b: str
    name_b: str
    evidence: str


@dataclass(slots=True)
class Judged:
    """What came of comparing lists."""

    leaks: list[Leak] = field(default_factory=list)
    sides: dict[str, int] = field(default_factory=dict)  # rows
    matched: Counter[str] = field(default_factory=Counter)  # rows, by ID@RELEASE
    ambiguous: int = 0  # rows whose name several pictures here have
    with_bytes: int = 0  # rows whose bytes were compared
    with_patient: int = 0  # rows of which a list or the index names the patient
    unmatched: list[str] = field(default_factory=list)  # names of no picture here
    known: list["Known"] = field(default_factory=list)  # every row

    @property
    def only_names(self) -> bool:
        """Tell if nothing but names could be compared."""
        return not (self.with_bytes or self.with_patient)


@dataclass(frozen=True, slots=True)
class Known:
    """A row, and the picture that it names, if that is here."""

    row: Listed
    picture: Record | None
    key: str  # its name, as names are compared

    @property
    def sha256(self) -> str:
        """The digest of its bytes, if the list or a picture here has them."""
        return self.row.sha256 or (str(self.picture["sha256"]) if self.picture else "")

    def of(self, column: str) -> str:
        """Return what is known of its picture; nothing if that is not here."""
        return str(self.picture[column] or "") if self.picture else ""


def records_of(indexes: Iterable[Index], folders: Iterable[PictureSet] = ()) -> Iterator[Record]:
    """Give the pictures that lists may mean: of releases, and of plain folders."""
    for index in indexes:
        yield from index.rows(_ASKED)
    unsaid = dict.fromkeys(("patient_id", "subject", "same_as"))
    for folder in folders:
        for one in folder.files:
            yield {"of_set": one.set, "path": one.path, "sha256": one.sha256, **unsaid}


def match(rows: Sequence[Listed], records: Iterable[Record], *, is_asked: bool) -> Judged:
    """Find the pictures of lists; `is_asked` says that the records are those of these lists.

    Else a name such as `1.png`, which is in many sets, is not taken for the picture here.
    """
    number = Counter(row.side for row in rows)
    found = Judged(sides={side: number[side] for side in sorted(number, key=rank_side)})
    found.known = known = _matched(rows, records, found, is_asked=is_asked)
    found.with_bytes = sum(bool(one.sha256) for one in known)
    found.with_patient = sum(bool(one.row.patient or one.of("patient_id")) for one in known)
    return found


def judge(found: Judged, pairs: Iterable[Pair] = ()) -> None:
    """Compare the sides of lists whose pictures were found; `pairs` are pictures that are one."""
    seen: set[frozenset[str]] = set()
    for leak, places in _leaks(found.known, pairs):
        if places not in seen:
            seen.add(places)
            found.leaks.append(leak)


# ---- which pictures are meant ------------------------------------------------------------------


def _key(name: str) -> str:
    """Return a name as names are compared: by its letters, whatever its separators."""
    return unicodedata.normalize("NFC", name.replace("\\", "/")).removeprefix("./")


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _stem(name: str) -> str:
    return _base(name).partition(".")[0]


def _matched(
    rows: Sequence[Listed], records: Iterable[Record], found: Judged, *, is_asked: bool
) -> list[Known]:
    """Find of each row the picture that it names: by its bytes, then by path, then by name."""
    keys = [_key(row.name) for row in rows]
    wanted = {_base(key) for key in keys if key}
    digests = {row.sha256 for row in rows if row.sha256}
    named: dict[str, list[Record]] = {}
    alike: dict[str, Record] = {}
    for record in records:
        path = _key(str(record["path"]))
        for name in {_base(path), _stem(path)} & wanted:
            named.setdefault(name, []).append(record)
        if record["sha256"] in digests:
            alike.setdefault(str(record["sha256"]), record)
    known = []
    for row, key in zip(rows, keys, strict=True):
        picture = alike.get(row.sha256)
        if picture is None and not row.sha256:  # bytes that are not here have no name here
            some = named.get(_base(key), [])
            picture = _meant(key, _of_class(row.kind, some), found, is_asked=is_asked)
        if picture is not None:
            found.matched[str(picture["of_set"])] += 1
        elif row.name:
            found.unmatched.append(row.name)
        known.append(Known(row, picture, f"{row.kind}:{key}" if key else ""))
    return known


def _of_class(kind: str, pictures: list[Record]) -> list[Record]:
    """Keep those in a folder of the class, if there are: `CT_COVID/` of `trainCT_COVID.txt`."""
    word = _letters(kind.rpartition("/")[2])
    inside = [
        one for one in pictures if word in map(_letters, str(one["path"]).split("/")[:-1]) and word
    ]
    return inside or pictures


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _meant(key: str, pictures: Sequence[Record], found: Judged, *, is_asked: bool) -> Record | None:
    """Choose the picture of a name: of this path, else whose path it ends, else the only one."""
    paths = [f"/{_key(str(one['path']))}" for one in pictures]
    exact = [one for one, path in zip(pictures, paths, strict=True) if path == f"/{key}"]
    ends = exact or [
        one
        for one, path in zip(pictures, paths, strict=True)
        if "/" in key and (path.endswith(f"/{key}") or f"/{key}".endswith(path))
    ]
    chosen = ends or list(pictures)
    if not (ends or is_asked) and (len(_stem(key)) <= _PLAIN or _stem(key).isdigit()):
        return None
    if len({one["sha256"] for one in chosen}) > 1:
        found.ambiguous += 1
        return None
    return chosen[0] if chosen else None


# ---- what is on two sides ----------------------------------------------------------------------


def rank_side(side: str) -> tuple[int, str]:
    """Return the place of a side: train, val and test come before what lists call otherwise."""
    return (SIDES.index(side) if side in SIDES else len(SIDES), side)


def _leaks(known: Sequence[Known], pairs: Iterable[Pair]) -> Iterator[tuple[Leak, frozenset[str]]]:
    """Give each leak with the places of its rows, what is certain first."""
    whole = [one for one in known if not one.row.sha256]  # bytes say more than a name
    yield from _pairs("same name", whole, lambda one: one.key, lambda _: "both lists have it")
    yield from _pairs(
        "same bytes", known, lambda one: one.sha256, lambda one: f"sha256 {one.sha256[:16]}…"
    )
    yield from _pairs(
        "same picture",
        known,
        lambda one: one.of("same_as"),
        lambda one: f"copies of {one.of('same_as')}",
    )
    pairs = list(pairs)
    yield from _same_pictures(known, pairs)
    yield from _people("same patient", known, lambda one: one.row.patient, "as the lists say")
    yield from _people("same patient", known, lambda one: one.of("patient_id"), "as the index says")
    yield from _people("same subject", known, lambda one: one.of("subject"), "as the index says")
    yield from _joined_people(known, [one for one in pairs if one.verdict in SAME])


Key = Callable[[Known], str]


def _grouped(known: Iterable[Known], key: Key) -> Iterator[tuple[str, dict[str, list[Known]]]]:
    """Give what is on more than one side, by side."""
    groups: dict[str, dict[str, list[Known]]] = {}
    for one in known:
        if value := key(one):
            groups.setdefault(value, {}).setdefault(one.row.side, []).append(one)
    for value in sorted(groups):
        if len(groups[value]) > 1:
            yield (
                value,
                {side: groups[value][side] for side in sorted(groups[value], key=rank_side)},
            )


def _leak(kind: str, one: Known, other: Known, evidence: str) -> tuple[Leak, frozenset[str]]:
    names = [row.row.name or row.row.patient or row.row.sha256 for row in (one, other)]
    leak = Leak(kind, one.row.side, names[0], other.row.side, names[1], evidence)
    return leak, frozenset((one.row.place, other.row.place))


def _pairs(
    kind: str, known: Iterable[Known], key: Key, evidence: Key
) -> Iterator[tuple[Leak, frozenset[str]]]:
    """Name each row of a group once at least: not every pair of many copies."""
    for _, group in _grouped(known, key):
        for a, b in combinations(group, 2):
            first, others = group[a], group[b]
            for other in others:
                yield _leak(kind, first[0], other, evidence(other))
            for one in first[1:]:
                yield _leak(kind, one, others[0], evidence(one))


def _same_pictures(
    known: Sequence[Known], pairs: Iterable[Pair]
) -> Iterator[tuple[Leak, frozenset[str]]]:
    """Name the rows of two pictures that were compared and are one."""
    rows: dict[tuple[str, str], list[Known]] = {}
    for one in known:
        rows.setdefault((one.of("of_set"), one.of("path")), []).append(one)
    for pair in pairs:
        firsts = [
            {one.row.side: one for one in reversed(rows.get(each.place, []))}
            for each in (pair.a, pair.b)
        ]
        for a, b in product(*(sorted(one, key=rank_side) for one in firsts)):
            if a != b and pair.verdict in SAME:
                both = sorted((firsts[0][a], firsts[1][b]), key=lambda one: rank_side(one.row.side))
                said = f"{pair.verdict}, score {pair.score:.2f}"
                yield _leak("same picture", both[0], both[1], said)


def _people(
    kind: str, known: Iterable[Known], key: Key, said_by: str
) -> Iterator[tuple[Leak, frozenset[str]]]:
    """Say of whom there are pictures on two sides, and how many."""
    for value, group in _grouped(known, key):
        for a, b in combinations(group, 2):
            counts = f"{len(group[a])} in {a}, {len(group[b])} in {b}"
            said = f"{counts}: {value}, {said_by}"
            leak, _ = _leak(kind, group[a][0], group[b][0], said)
            yield leak, frozenset(one.row.place for one in (*group[a], *group[b]))


def _joined_people(
    known: Sequence[Known], pairs: Sequence[Pair]
) -> Iterator[tuple[Leak, frozenset[str]]]:
    """Say who is on two sides once those are one who have a picture in common, on any side."""
    union, patients = Union(), set[str]()
    paired = [(standing_for(pair.a), standing_for(pair.b)) for pair in pairs]
    pictures = {one for pair in paired for one in pair}

    def top(name: str) -> int:
        return union.top(union.number(name))

    def names(one: Known) -> list[str]:
        people = {one.row.patient, one.of("patient_id"), one.of("subject")} - {""}
        patients.update(people)
        return [*people, *({f"{one.of('of_set')}:{one.of('path')}"} & pictures)]

    for some in (*map(names, known), *paired):
        for name in some[1:]:
            union.join(union.number(some[0]), union.number(name))
    called = {top(name): name for name in sorted(patients, reverse=True)}
    why = {top(one): f"{one} is {other}" for one, other in reversed(paired)}

    def who(one: Known) -> str:
        number = next(map(top, names(one)), -1)
        return f"{called[number]}, as {why[number]}" if number in called and number in why else ""

    yield from _people("same subject", known, who, "by the pictures")
