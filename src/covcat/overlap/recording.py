"""What was found -> the record of each release, which its index is made of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from covcat.overlap.labelled import JoinedSubjects, Labelled, standing_for, subject_alone
from covcat.overlap.matrix import pair_files
from covcat.overlap.pairs import Pair, Picture
from covcat.overlap.run import BYTES
from covcat.store import manifest, overlaps
from covcat.store.folder import Store
from covcat.store.overlaps import Look, Looks, Sighting

MOST_LOOKS = 1000  # of a release: neighbouring slices are many, and a page shows a few


def sightings(
    labelled: Labelled, groups: Iterable[Sequence[Pair]], joined: JoinedSubjects
) -> dict[str, list[Sighting]]:
    """Return, by set, each picture of which more is known than its own index says."""
    evidence: dict[tuple[str, str], tuple[Picture | None, Pair | None]] = {}
    for group in groups:
        stands = group[0].a
        evidence.setdefault(stands.place, (stands, None))
        for one in group:
            evidence.setdefault(one.b.place, (stands, one))
    found: dict[str, list[Sighting]] = {}
    for (name, path), rows in labelled.rows.items():
        subject = joined.subjects[name, path]
        first, pair = evidence.get((name, path), (None, None))
        if first is None and all(subject_alone(one) == subject for one in rows):
            continue
        found.setdefault(name, []).append(
            Sighting(
                path=path,
                sha256=str(rows[0]["sha256"]),
                subject=subject,
                same_as=None if first is None else standing_for(first),
                **_evidence(pair),
            )
        )
    return found


def looks(pairs: Iterable[Pair], groups: Iterable[Sequence[Pair]]) -> dict[str, Looks]:
    """Return, by the set of the second one, the pairs of files that are only for eyes."""
    stands: dict[tuple[str, str], Picture] = {}
    for group in groups:
        stands |= {one.place: group[0].a for pair in group for one in (pair.a, pair.b)}
    found: dict[str, list[Pair]] = {}
    for one in (each.best for each in pair_files(pairs)):
        first, second = (stands.get(each.place) for each in (one.a, one.b))
        if one.verdict == "look" and (first is None or first != second):
            found.setdefault(one.b.set, []).append(one)
    return {name: Looks(pairs=len(every), kept=_best(every)) for name, every in found.items()}


def _best(pairs: Iterable[Pair]) -> list[Look]:
    best = sorted(pairs, key=lambda one: (-one.score, one.a, one.b))[:MOST_LOOKS]
    return [
        Look(path=one.b.path, sha256=one.b.sha256, beside=standing_for(one.a), **_lying(one))
        for one in best
    ]


def _evidence(pair: Pair | None) -> dict[str, Any]:
    return {} if pair is None else {"verdict": pair.verdict, **_lying(pair)}


def _lying(pair: Pair) -> dict[str, Any]:
    names = ("score", "scale", "stretch", "rotation", "mirrored", "inverted")
    return {name: getattr(pair, name) for name in names}


def _why_less(folder: Path, method: str, lying: Collection[str], now: Collection[str]) -> str:
    """Say why the record of an earlier run stays: it was compared with more that is here."""
    before = overlaps.current(folder)
    if before is None:
        return ""
    if method == BYTES and before.method != BYTES:
        return "pixels were compared then"
    lost = sorted(one for one in before.others if one in lying and one not in now)
    return f"it was compared with {', '.join(lost)} too" if lost else ""


def write_records(
    store: Store,
    folders: Mapping[str, Path],
    found: Mapping[str, Sequence[Sighting]],
    for_eyes: Mapping[str, Looks],
    joined: JoinedSubjects,
    method: str,
) -> dict[str, str]:
    """Write what was found beside each release; return of which an earlier record stays, and why.

    Raises:
        DiskError: it can be written nowhere.
    """
    digests = {name: manifest.sha256_of(folder) for name, folder in folders.items()}
    lying = {f"{one}@{release}" for one, release, _ in store.releases()}
    stay: dict[str, str] = {}
    for name, folder in folders.items():
        if why := _why_less(folder, method, lying, digests):
            stay[name] = why
            continue
        overlaps.write(
            store,
            folder,
            method=method,
            others={one: digest for one, digest in digests.items() if one != name},
            patients={  # of no other set: else its index is made anew for nothing
                one: whose
                for one, whose in joined.patients.items()
                if one.startswith(f"{name.partition('@')[0]}:")
            },
            pictures=found.get(name, ()),
            looks=for_eyes.get(name),
        )
    return stay
