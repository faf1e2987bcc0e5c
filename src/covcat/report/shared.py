"""What `overlap` found of the releases of a page -> the matrix, pairs side by side, conflicts.

It is read of the records that `overlap` leaves; nothing is compared here but digests: of releases
that nobody compared, the same bytes are found.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covcat.imaging.cohort import IndexedRelease
from covcat.overlap.labelled import Conflict, find_conflicts, read_labels
from covcat.overlap.matrix import Shared, count_shared, oriented, pair_files
from covcat.overlap.pairs import VERDICTS, Group, Pair, Picture, group_alike
from covcat.progress import Progress
from covcat.report.holdings import Holding
from covcat.report.rendering import data_address
from covcat.report.scope import Scope
from covcat.report.terms import pictures_to_show
from covcat.report.thumbnails import MEDIA_TYPE, Thumbnail, make_thumbnails
from covcat.store import overlaps
from covcat.store.overlaps import OverlapRecord, Sighting

MOST_CARDS = 40
MOST_LOOKS = 8  # pairs for eyes, besides
_A_CARD = 4  # pictures
_KINDS = {
    "labels": "One picture with different labels",
    "patients": "One picture under different patients",
    "splits": "One picture on two sides of a published split",
    "licences": "One picture with different licences",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One picture of several that are one, and what is said of it."""

    place: str  # ID@RELEASE:PATH
    says: str
    address: Any = None  # of its small picture; None where it may not be shown, or cannot
    width: int = 0
    height: int = 0
    lack: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """Pictures that are one, side by side."""

    title: str
    sides: tuple[Side, ...]
    others: int  # further ones


@dataclass(frozen=True, slots=True)
class Overlaps:
    """What the releases of a page have in common."""

    sets: tuple[str, ...]
    matrix: Mapping[tuple[str, str], Shared]
    conflicts: tuple[Conflict, ...]
    cards: tuple[Card, ...]  # conflicts first
    others: int  # conflicts and pairs without a card
    pairs: int
    not_compared: tuple[str, ...]  # releases of which only bytes were compared
    looks: tuple[Card, ...] = ()  # for eyes: never counted
    other_looks: int = 0


def find_shared(
    scope: Scope, holdings: Sequence[Holding], progress: Progress, *, is_own: bool
) -> Overlaps:
    """Read what was found, and show it."""
    parts = [one.part for one in holdings]
    names = {one.name: one for one in parts}
    records = {one.name: _record(one) for one in holdings}
    not_compared = [
        name for name, one in records.items() if one is None or set(names) - {name, *one.others}
    ]
    groups, labelled = _recorded(records), read_labels(one.index for one in parts)
    groups += _alike(parts, groups) if not_compared else []
    if (chosen := scope.pictures) is not None:
        groups = [within for one in groups if (within := _chosen(one, chosen))]
        labelled.rows = {key: rows for key, rows in labelled.rows.items() if key in chosen}
    pairs = [
        oriented(pair, [*names]) if pair.a.set in names else pair
        for group in groups
        for pair in group
    ]
    sizes = {one.name: _count(scope, one) for one in parts}
    files = pair_files(one for one in pairs if {one.a.set, one.b.set} <= names.keys())
    found = count_shared(sizes, files, [one for one in groups if _inside(one, names)], within=True)
    conflicts = find_conflicts(labelled, groups)
    conflicts.sort(key=lambda one: ([*_KINDS].index(one.kind), one.picture))
    plain = _without_conflict([one.best for one in files], conflicts)
    cards = [*map(_of_conflict, conflicts[:MOST_CARDS]), *map(_of_pair, plain)][:MOST_CARDS]
    looks, all_looks = _looks(records, chosen)
    shown = _with_pictures([*cards, *map(_of_pair, looks)], names, progress, is_own=is_own)
    return Overlaps(
        tuple(names),
        {(one.a, one.b): one for one in found},
        tuple(conflicts),
        tuple(shown[: len(cards)]),
        len(conflicts) + len(plain) - len(cards),
        len(files),
        tuple(not_compared),
        tuple(shown[len(cards) :]),
        all_looks - len(looks),
    )


def _without_conflict(pairs: Iterable[Pair], conflicts: Iterable[Conflict]) -> list[Pair]:
    """Return the pairs that no conflict tells of, those of the strongest verdict first."""
    told = {place for one in conflicts for place, _ in one.rows}
    found = [
        one for one in pairs if not {f"{each.set}:{each.path}" for each in (one.a, one.b)} <= told
    ]
    return sorted(found, key=lambda one: (VERDICTS.index(one.verdict), one.a, one.b))


def _record(holding: Holding) -> OverlapRecord | None:
    """Return what was found of a release as it is recorded now."""
    found = overlaps.last(holding.part.folder)
    return found if found and found.manifest_sha256 == holding.manifest_sha256 else None


def _recorded(records: Mapping[str, OverlapRecord | None]) -> list[Group]:
    """Return the groups of the records: pairs of the one that stands for all with the others."""
    found: dict[str, list[Pair]] = {}
    for name, record in records.items():
        for one in record.pictures if record else ():
            if one.same_as is not None and one.verdict in VERDICTS:
                set, _, path = one.same_as.partition(":")
                found.setdefault(one.same_as, []).append(_pair(Picture(set, path, ""), name, one))
    return [*found.values()]


def _looks(
    records: Mapping[str, OverlapRecord | None], chosen: Collection[tuple[str, str]] | None
) -> tuple[list[Pair], int]:
    """Return the pairs for eyes that agree most, and how many were found; of all, or the chosen."""
    found, number = list[Pair](), 0
    for name, record in records.items():
        for one in record.looks.kept if record else ():
            set, _, path = one.beside.partition(":")
            a, b = Picture(set, path, ""), Picture(name, one.path, one.sha256)
            if chosen is None or ((set, path) in chosen and (name, one.path) in chosen):
                lying = (one.score, one.scale, one.stretch, one.rotation)
                found.append(Pair(a, b, "look", *lying, one.mirrored, one.inverted))
        number += record.looks.pairs if record else 0
    found.sort(key=lambda one: (-one.score, one.a, one.b))
    return found[:MOST_LOOKS], number if chosen is None else len(found)


def _pair(stands: Picture, name: str, one: Sighting) -> Pair:
    verdict = next(known for known in VERDICTS if known == one.verdict)
    return Pair(
        stands,
        Picture(name, one.path, one.sha256),
        verdict,
        one.score or 0.0,
        one.scale or 1.0,
        one.stretch or 1.0,
        one.rotation or 0.0,
        bool(one.mirrored),
        bool(one.inverted),
    )


def _alike(parts: Iterable[IndexedRelease], recorded: Iterable[Group]) -> list[Group]:
    """Return the groups of pictures with the same bytes that no record tells of."""
    known = {one.b for group in recorded for one in group}
    same: dict[str, list[Picture]] = {}
    for part in parts:
        text = "SELECT DISTINCT path, sha256 FROM images WHERE path NOT NULL ORDER BY path"
        for row in part.index.rows(text):
            one = Picture(part.name, str(row["path"]), str(row["sha256"]))
            same.setdefault(one.sha256, []).append(one)
    groups = [group_alike(one) for one in same.values() if len(one) > 1]
    return [one for one in groups if not {pair.b for pair in one} <= known]


def _chosen(group: Group, chosen: Collection[tuple[str, str]]) -> Group:
    """Return what of a group is among the chosen pictures; the first of these stands for them."""
    pairs = [one for one in group if (one.b.set, one.b.path) in chosen]
    if not pairs or (group[0].a.set, group[0].a.path) in chosen:
        return pairs
    return [Pair(pairs[0].b, one.b, one.verdict) for one in pairs[1:]]


def _inside(group: Group, names: Mapping[str, object]) -> bool:
    return all(one.a.set in names and one.b.set in names for one in group)


def _count(scope: Scope, part: IndexedRelease) -> int:
    text = "SELECT count(DISTINCT path) AS n FROM images WHERE path NOT NULL AND"
    (row,) = scope.of_part(part, text)
    return int(row["n"] or 0)


def _of_conflict(one: Conflict) -> Card:
    rows = list(dict.fromkeys(one.rows))
    firsts = list({said: (place, said) for place, said in reversed(rows)}.values())[::-1]
    sides = [Side(*row) for row in dict.fromkeys([*firsts, *rows])]  # what differs comes first
    return Card(_KINDS[one.kind], tuple(sides[:_A_CARD]), max(0, len(sides) - _A_CARD))


def _of_pair(one: Pair) -> Card:
    how = [f"score {one.score:.2f}"] if one.verdict in ("same picture", "look") else []
    how += [f"{one.scale:.2f} times as large"] if abs(one.scale - 1) > 0.01 else []
    how += [f"turned by {one.rotation:.0f} degrees"] if abs(one.rotation) >= 0.5 else []
    how += [word for word in ("mirrored", "inverted") if getattr(one, word)]
    sides = (
        Side(f"{one.a.set}:{one.a.path}", ""),
        Side(f"{one.b.set}:{one.b.path}", ", ".join(how)),
    )
    return Card(one.verdict.capitalize(), sides, 0)


def _with_pictures(
    cards: Sequence[Card], parts: Mapping[str, IndexedRelease], progress: Progress, *, is_own: bool
) -> list[Card]:
    """Give the sides their small pictures, where these may be shown."""
    may_be_shown = {name: pictures_to_show(part, is_own=is_own) for name, part in parts.items()}
    files: dict[str, Path] = {}
    for place in dict.fromkeys(side.place for card in cards for side in card.sides):
        name, _, path = place.partition(":")
        if path in may_be_shown.get(name, ()):  # a record may name any file of this machine
            files[place] = parts[name].folder / "files" / path
    small = make_thumbnails([(file, 1 << 18) for file in files.values()], progress)
    return [
        Card(
            card.title,
            tuple(_seen(side, small.get(files.get(side.place, Path()))) for side in card.sides),
            card.others,
        )
        for card in cards
    ]


def _seen(side: Side, small: Thumbnail | str | None) -> Side:
    if not isinstance(small, Thumbnail):
        lack = small or "its licence does not allow that it is shown, or nobody knows"
        return Side(side.place, side.says, lack=lack)
    address = data_address(small.data, MEDIA_TYPE)
    return Side(side.place, side.says, address, small.width, small.height)
