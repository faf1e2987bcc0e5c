"""Sets with features -> the pairs that are the same, and groups of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from covcat import engine
from covcat.engine import Died, Task
from covcat.overlap import compared, sent
from covcat.overlap.align import WAYS, Alignment, Way
from covcat.overlap.candidates import Candidate, Descriptors, candidates
from covcat.overlap.compared import Tried
from covcat.overlap.describing import DescribedSet, scaled_pictures
from covcat.overlap.feature_store import unpacked
from covcat.overlap.features import Features, Grey
from covcat.overlap.groups import Couple, form_groups
from covcat.overlap.pairs import MOST_COPIES, SAME, Pair, Picture, couples, firsts
from covcat.overlap.sent import PicturePlace, ToCompare
from covcat.overlap.series import SeriesOfPictures
from covcat.overlap.verify import Sameness, alignments, verify
from covcat.progress import Progress

_AT_ONCE = 24  # pictures that one is compared with in a task


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that are one; the one that shows most, and then the smallest, stands for them."""

    representative: Picture
    members: tuple[Picture, ...]  # with the representative, in order


@dataclass(frozen=True, slots=True)
class Overlap:
    """What is the same in some sets. What is left out of them, they say themselves."""

    pairs: tuple[Pair, ...]  # copies of the same pixels in a star, where there are many
    groups: tuple[Group, ...]  # of `same bytes`, `same pixels` and `same picture`
    pictures: dict[str, int]  # compared, by set
    candidates: int  # pairs of different pixels that were looked at
    undecided: int  # of these, whose comparison was not possible: the file changed, or a crash


@dataclass(slots=True)
class _Appearance:
    """Pictures with the same pixels."""

    members: list[Picture]
    pixels: bytes  # their digest
    place: PicturePlace
    shows: int  # pixels inside the frame
    sets: int  # a bit for each


@dataclass(frozen=True, slots=True)
class Undecided:
    """In place of a result: a file changed since, or the processes died on it."""


def find_overlap(
    sets: Sequence[DescribedSet], progress: Progress, *, within: bool, workers: int | None = None
) -> Overlap:
    """Find which pictures of these sets are the same, across sets; also within each, if asked.

    Slices of one series, and frames of one file, are never the same picture.

    Raises:
        UsageError: OpenCV is not installed, or no process can be started.
        DiskError: there is no room for temporary files.
    """
    descriptors = Descriptors()
    try:
        seen, asked = _gather(sets, descriptors, progress), dict[Couple, list[tuple[Way, bool]]]()
        for one in candidates(descriptors, progress):
            if _is_asked(seen, one, within):
                asked.setdefault((one.a, one.b), []).append((one.way, one.is_outline))
    finally:
        descriptors.close()
    found, undecided, series = dict[Couple, Sameness | None](), 0, SeriesOfPictures(sets)
    order = sorted(range(len(seen)), key=lambda k: (-seen[k].shows, seen[k].members[0]))
    reach, groups = 1, list[list[int]]()
    while asked:
        for both, same in _verified(seen, asked, sets, progress, workers):
            undecided += isinstance(same, Undecided)
            found[both] = same if isinstance(same, Sameness) else None
            if isinstance(same, Sameness) and same.verdict == "same picture":
                a, b = (seen[one].members for one in both)
                if series.parts(a, b):
                    found[both] = replace(same, verdict="look")
        known = {both: one is not None and one.verdict in SAME for both, one in found.items()}
        grouping = form_groups(known, order, reach)
        groups, reach = grouping.groups, reach * 2
        asked = {both: [(way, way == "plain") for way in WAYS] for both in grouping.wanted}
    pairs = [*_copies(seen, within), *_likenesses(seen, found, within)]
    return Overlap(
        pairs=tuple(sorted(pairs, key=lambda one: (one.a, one.b))),
        groups=tuple(_groups(seen, groups, within)),
        pictures={one.set.name: _count(seen, one.set.name) for one in sets},
        candidates=len(found),
        undecided=undecided,
    )


def _gather(
    sets: Sequence[DescribedSet], descriptors: Descriptors, progress: Progress
) -> list[_Appearance]:
    """Return every appearance, its number being that of its descriptors."""
    seen, by_pixels = list[_Appearance](), dict[bytes, int]()
    bar = progress.start("read features", sum(len(one) for one in sets), unit="rows")
    for number, one in enumerate(sets):
        for pictures, features in one.features():
            at = by_pixels.setdefault(features.pixels, len(seen))
            if at == len(seen):
                first = pictures[0]
                file = one.file(first)
                store = str(one.store.path)
                size = file.stat().st_size if file.is_file() else 0
                place = PicturePlace(store, first.sha256, first.frame, str(file), size)
                shows = features.frame.width * features.frame.height
                seen.append(_Appearance([], features.pixels, place, shows, 0))
                descriptors.add(features)
            seen[at].members += pictures
            seen[at].sets |= 1 << number
            progress.advance(bar, 1)
    progress.finish(bar)
    for appearance in seen:
        appearance.members.sort()
    return seen


def _is_asked(seen: list[_Appearance], one: Candidate, within: bool) -> bool:
    a, b = seen[one.a], seen[one.b]
    if a.place.sha256 == b.place.sha256:
        return False
    return within or (a.sets | b.sets).bit_count() > 1


# ---- verifying, on processes ---------------------------------------------------------------------


def _verified(
    seen: list[_Appearance],
    asked: Mapping[Couple, list[tuple[Way, bool]]],
    sets: Sequence[DescribedSet],
    progress: Progress,
    workers: int | None,
) -> Iterator[tuple[Couple, Sameness | Undecided | None]]:
    """Give what was found of each couple: what is kept, then what is compared now."""
    stores = {str(one.store.path): one.store for one in sets}
    keys = {
        (a, b): compared.key_of(seen[a].pixels, seen[b].pixels, tuple(ways))
        for (a, b), ways in asked.items()
    }
    by_store: dict[str, list[Couple]] = {}
    for both in asked:
        by_store.setdefault(seen[both[1]].place.store, []).append(both)
    new: dict[Couple, list[tuple[Way, bool]]] = {}
    for path, couples_there in by_store.items():
        known = compared.read(stores[path], (keys[both] for both in couples_there))
        for both in couples_there:
            if keys[both] in known:
                yield both, known[keys[both]]
            else:
                new[both] = asked[both]
    tasks = [*_tasks(seen, new)]
    with ExitStack() as held:
        fill = held.enter_context(sent.filling(stores, [one.argument for one in tasks]))
        reads = [one.set.folder for one in sets]
        batches = engine.run(
            look_at, tasks, progress, "compare", workers=workers, fill=fill, reads=reads
        )
        for batch in held.enter_context(closing(batches)):
            results = dict(_results(batch))
            kept: dict[str, dict[bytes, Sameness | None]] = {}
            for both, one in results.items():
                if not isinstance(one, Undecided):
                    kept.setdefault(seen[both[1]].place.store, {})[keys[both]] = one
            for path, some in kept.items():
                compared.keep(stores[path], some)
            yield from results.items()


def _tasks(
    seen: list[_Appearance], asked: Mapping[Couple, list[tuple[Way, bool]]]
) -> Iterator[Task]:
    rows: dict[int, list[tuple[int, PicturePlace, Tried]]] = {}
    for (a, b), ways in asked.items():
        rows.setdefault(a, []).append((b, seen[b].place, tuple(ways)))
    for a, others in rows.items():
        for start in range(0, len(others), _AT_ONCE):
            some = tuple(others[start : start + _AT_ONCE])
            size = seen[a].place.bytes + sum(place.bytes for _, place, _ in some)
            yield Task(str(a), size, ToCompare(seen[a].place, some))


def _results(
    batch: Iterable[tuple[Task, Any]],
) -> Iterator[tuple[Couple, Sameness | Undecided | None]]:
    for task, result in batch:
        for number, (b, *_) in enumerate(task.argument.others):
            one = Undecided() if isinstance(result, Died) else result[number]
            yield (int(task.key), b), one


def look_at(filled: sent.Filled) -> list[Sameness | Undecided | None]:
    """Compare one picture with others: the engine's work."""
    asked, (first, *data) = filled[0], sent.read(filled)
    a = unpacked(first or b"")
    results: list[Sameness | Undecided | None] = []
    grey: Grey | None = None
    for (_, place, ways), its in zip(asked.others, data, strict=True):
        b = unpacked(its or b"")
        results.append(Undecided())
        if a is None or b is None:
            continue
        tried = list[Alignment]()
        for way, is_outline in ways:
            tried += alignments(a, b, way, is_outline=is_outline)
        if not tried:
            results[-1] = None  # nothing has to be decoded
            continue
        grey = grey if grey is not None else _grey(asked.a, a)
        other = _grey(place, b)
        if grey is not None and other is not None:
            results[-1] = verify((a, grey), (b, other), tried)
    return results


def _grey(place: PicturePlace, features: Features) -> Grey | None:
    for _, grey in scaled_pictures(Path(place.file), {place.frame: features}):
        return grey
    return None


# ---- what was found, told of every picture -------------------------------------------------------


def _copies(seen: list[_Appearance], within: bool) -> Iterator[Pair]:
    """Give pairs of the same pixels."""
    for one in seen:
        for a, b in couples(one.members):
            if within or a.set != b.set:
                yield Pair(a, b, "same bytes" if a.sha256 == b.sha256 else "same pixels")


def _likenesses(
    seen: list[_Appearance], found: dict[Couple, Sameness | None], within: bool
) -> Iterator[Pair]:
    """Give pairs of other pixels, for each of their copies; of many, the first of each set."""
    for (one, other), same in found.items():
        if same is None:
            continue
        first, second = seen[one].members, seen[other].members
        if len(first) * len(second) > MOST_COPIES:
            first, second = firsts(first), firsts(second)
        for a, b in product(first, second):
            if within or a.set != b.set:
                yield Pair(a, b, **asdict(same))


def _groups(seen: list[_Appearance], groups: list[list[int]], within: bool) -> Iterator[Group]:
    """Give groups of pictures, in order of their representatives."""
    grouped = {number for group in groups for number in group}
    alone = ([k] for k, one in enumerate(seen) if k not in grouped and len(one.members) > 1)
    every = []
    for numbers in [*groups, *alone]:
        members = sorted(one for number in numbers for one in seen[number].members)
        if within or len({one.set for one in members}) > 1:
            every.append(Group(seen[numbers[0]].members[0], tuple(members)))
    yield from sorted(every, key=lambda one: one.representative)


def _count(seen: list[_Appearance], name: str) -> int:
    return sum(one.set == name for appearance in seen for one in appearance.members)
