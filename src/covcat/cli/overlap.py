"""overlap: which pictures are the same, in several sets or under several names."""

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from covcat.cli import indexes, options, overlap_files
from covcat.cli.declare import choice, flag, new_file, with_folders
from covcat.cli.formats import Cell, Rows
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.cli.shards import ShardOption
from covcat.errors import IntegrityError
from covcat.overlap.pairs import SAME, VERDICTS, Verdict
from covcat.store import manifest
from covcat.text import plural

if TYPE_CHECKING:
    from covcat.engine.shards import Shard
    from covcat.imaging.cohort import IndexedRelease
    from covcat.overlap.labelled import Conflict
    from covcat.overlap.matrix import Claim, FilePair, Shared
    from covcat.overlap.pictures import PictureSet
    from covcat.overlap.run import FoundPairs

FORMATS = ("table", "csv", "tsv", "json")
_WORDS = tuple(one.replace(" ", "-") for one in VERDICTS)
MATRIX = (
    *("a_set", "a_pictures", "b_set", "b_pictures", "shared", "percent"),
    *("same_bytes", "same_pixels", "same_picture", "look"),
)
PAIRS = (
    *("a_set", "a_path", "b_set", "b_path", "verdict", "score", "scale", "rotation"),
    *("mirrored", "inverted", "stretch", "shown_a", "shown_b", "frames"),
)
_SHORT = ("a set", "of a", "b set", "of b", "both", "%", "bytes", "pixels", "picture", "look")
_SHOWN = ("a set", "b set", "both", "%", "bytes", "pixels", "picture", "look")
_SPARED = ("shown_a", "shown_b", "stretch", "frames", "inverted", "mirrored", "rotation", "scale")
_CUT = {"a_path": 16, "b_path": 16, "a_set": 10, "b_set": 10}
_NAMED = 10  # conflicts that stderr tells in full


@dataclass(frozen=True, slots=True)
class _Comparison:
    """All that one run has to say."""

    sets: Mapping[str, int]  # pictures of each
    shared: Sequence["Shared"]
    pairs: Sequence["FilePair"]
    conflicts: Sequence["Conflict"]
    claims: Sequence["Claim"]
    found: "FoundPairs"


def overlap(
    ctx: typer.Context,
    names: options.Names = None,
    folders: list[Path] | None = with_folders("Your pictures, too; repeatable."),
    pairs: bool = flag("--pairs", "One row for each two pictures that are the same."),
    within: bool = flag("--within", "Also what is twice in one set."),
    min_verdict: str = choice(
        _WORDS,
        "The weakest: same-bytes, same-pixels, same-picture, look.",
        "--min-verdict",
        default="same-picture",
    ),
    check: bool = flag("--check", "Exit 5 where the catalog claims something else."),
    output_format: str | None = choice(FORMATS),
    output: Path | None = new_file("Write to a new .csv, .tsv or .json."),
    force: options.Force = False,
    shard: ShardOption = None,
) -> None:
    """Find the pictures that are the same: in several sets, under several names, or your own.

    What is found becomes the columns same_as and subject of the image index; with --with nothing
    is kept. `look` is the same patient or a neighbouring slice, and is never counted as shared.
    --shard only describes pictures of releases; a command without it compares them.

    Example: covcat overlap cohen figure1 --pairs --format csv > same.csv
    """
    session: Session = ctx.obj
    form = overlap_files.form_of(session, output_format, output, force=force)
    weakest = cast("Verdict", re.sub("[_-]", " ", min_verdict))
    found, failed = indexes.indexes(session, names, needs_all=bool(names))
    if shard is not None:
        _describe_shares(session, found, shard)
        return
    answer = _answer(session, found, folders or [], weakest, within=within)
    rows = _pair_rows(answer, weakest, within) if pairs else _matrix_rows(answer)
    data = _data(answer, rows.rows if pairs else None)
    differ = [one for one in answer.claims if one.is_different] if check else []
    if output is not None:
        overlap_files.write(session, rows, data, form, output, force=force)
    elif not (differ or failed) or form != "json":
        shown = _for_people(rows) if form == "table" and not pairs else rows
        session.rows("overlap", shown, data=data, output=form)
    _tell(session, answer, weakest, is_of_pairs=pairs, within=within)
    if differ:
        raise IntegrityError(
            f"{plural(len(differ), 'claim')} of the catalog and what was found differ",
            details=[_claimed(one) for one in differ],
            hint=f"covcat show {shlex.quote(differ[0].a.partition('@')[0])}",
            data=data,
        )
    if failed:
        raise indexes.without(failed, found, data)


def _describe_shares(
    session: Session, releases: "Mapping[str, IndexedRelease]", shard: "Shard"
) -> None:
    """Keep features of a share of each release's pictures."""
    from covcat.overlap.describing import describe_share

    with drawn(session, "auto") as progress:
        for one in _sets(releases, (), progress):
            count = describe_share(one, shard, progress)
            told = f"shard {shard}: {plural(count, 'file')} described"
            way = shlex.join(["covcat", "overlap", *releases])
            session.say(f"{one.name}: {told}; when all are done: {way}")


def _answer(
    session: Session,
    releases: "Mapping[str, IndexedRelease]",
    folders: Sequence[Path],
    weakest: Verdict,
    *,
    within: bool,
) -> _Comparison:
    """Compare, keep what was found, and put together what is to be said."""
    from covcat.overlap.labelled import find_conflicts, read_labels
    from covcat.overlap.matrix import compare_claims, count_shared, oriented, pair_files
    from covcat.overlap.run import compare_sets

    with drawn(session, "auto") as progress:
        sets = _sets(releases, folders, progress)
        found = compare_sets(sets, progress)
    labelled = read_labels(one.index for one in releases.values())
    if not folders:
        _record(session, releases, found, labelled)
    sizes = {one.name: len(one.files) for one in sets if one.files}
    for one in sets:
        if not one.files:
            session.say(f"{one.name}: no picture of it is here")
    every = pair_files(oriented(one, [one.name for one in sets]) for one in found.pairs)
    most = VERDICTS.index(weakest)
    told = [one for one in every if VERDICTS.index(one.best.verdict) <= most or not _is_same(one)]
    groups = [
        chosen
        for group in found.groups
        if (chosen := [one for one in group if VERDICTS.index(one.verdict) <= most])
    ]
    partial = {name: why for name, one in releases.items() if (why := _lacking(one))}
    whole = count_shared(sizes, every, found.groups, within=False)
    return _Comparison(
        sets=sizes,
        shared=count_shared(sizes, told, groups, within=within),
        pairs=every,
        conflicts=find_conflicts(labelled, found.groups),
        claims=compare_claims(session.catalog, whole, partial),
        found=found,
    )


def _is_same(one: "FilePair") -> bool:
    return one.best.verdict in SAME


def _sets(
    releases: "Mapping[str, IndexedRelease]", folders: Sequence[Path], progress: Any
) -> list["PictureSet"]:
    """Return the sets by name; folders of one name are numbered."""
    from covcat.overlap.pictures import of_folder, of_index
    from covcat.overlap.run import known_of

    sets = [of_index(one.index, one.folder) for one in releases.values()]
    for folder in dict.fromkeys(one.resolve() for one in folders):
        own, number = folder.name or "folder", 1
        name = own
        while name in {one.name for one in sets}:
            number += 1
            name = f"{own}#{number}"
        sets.append(of_folder(folder, name, progress, known_of(folder)))
    return sets


def _record(
    session: Session, releases: "Mapping[str, IndexedRelease]", found: "FoundPairs", labelled: Any
) -> None:
    """Keep what was found, for the index."""
    from covcat.overlap import recording
    from covcat.overlap.labelled import join_subjects
    from covcat.overlap.matrix import oriented

    joined = join_subjects(labelled, found.groups)
    seen = recording.sightings(labelled, found.groups, joined)
    looks = recording.looks((oriented(one, [*releases]) for one in found.pairs), found.groups)
    places = {name: one.folder for name, one in releases.items()}
    stay = recording.write_records(session.store, places, seen, looks, joined, found.method)
    for name, why in stay.items():
        session.say(f"{name}: same_as and subject stay as an earlier run found them: {why}")


def _lacking(release: "IndexedRelease") -> str:
    """Say why a release is not all that the catalog speaks of."""
    record = manifest.load(release.folder)
    if record.selection:
        return "only a part is here"
    if record.form == "archives":
        return "its archives are not unpacked"
    return "" if record.complete else f"{plural(len(record.missing), 'file')} missing"


def _matrix_rows(answer: _Comparison) -> Rows:
    rows: list[dict[str, Cell]] = [
        {
            "a_set": one.a,
            "a_pictures": one.a_pictures,
            "b_set": one.b,
            "b_pictures": one.b_pictures,
            "shared": one.shared,
            "percent": one.percent,
            **{verdict.replace(" ", "_"): one.verdicts[verdict] for verdict in VERDICTS},
        }
        for one in answer.shared
    ]
    return Rows(MATRIX, rows, key="a_set")


def _for_people(rows: Rows) -> Rows:
    """Return what fits on a screen: sets that have something in common, in short words."""
    short = dict(zip(MATRIX, _SHORT, strict=True))
    told = [row for row in rows.rows if row["shared"] or row["look"]] or rows.rows
    named = [{short[name]: cell for name, cell in row.items()} for row in told]
    return Rows(_SHOWN, named, key="a set", spared=("look",), cut={"a set": 12, "b set": 12})


def _pair_rows(answer: _Comparison, weakest: Verdict, within: bool) -> Rows:
    rows: list[dict[str, Cell]] = []
    for one in answer.pairs:
        best = one.best
        if VERDICTS.index(best.verdict) > VERDICTS.index(weakest):
            continue
        if not within and best.a.set == best.b.set:
            continue
        rows.append(
            {
                "a_set": best.a.set,
                "a_path": best.a.path,
                "b_set": best.b.set,
                "b_path": best.b.path,
                "verdict": best.verdict,
                **{name: round(getattr(best, name), 4) for name in ("score", "scale", "rotation")},
                **{name: getattr(best, name) for name in ("mirrored", "inverted")},
                **{
                    name: round(getattr(best, name), 4)
                    for name in ("stretch", "shown_a", "shown_b")
                },
                "frames": one.frames,
            }
        )
    rows.sort(key=lambda row: [str(row[name]) for name in PAIRS[:4]])
    return Rows(PAIRS, rows, key="a_path", spared=_SPARED, cut=_CUT)


def _data(answer: _Comparison, pairs: Sequence[Mapping[str, Cell]] | None) -> dict[str, Any]:
    left = Counter((one.set, one.reason) for one in answer.found.left_out)
    data: dict[str, Any] = {
        "sets": [{"set": name, "pictures": size} for name, size in answer.sets.items()],
        "overlaps": [dict(row) for row in _matrix_rows(answer).rows],
        "conflicts": [
            {
                "kind": one.kind,
                "picture": one.picture,
                "rows": [{"picture": place, "says": word} for place, word in one.rows],
            }
            for one in answer.conflicts
        ],
        "claims": [asdict(one) for one in answer.claims],
        "left_out": [
            {"set": name, "reason": reason, "files": count}
            for (name, reason), count in sorted(left.items())
        ],
        "method": answer.found.method,
    }
    return data if pairs is None else {**data, "pairs": [dict(row) for row in pairs]}


def _tell(
    session: Session, answer: _Comparison, weakest: Verdict, *, is_of_pairs: bool, within: bool
) -> None:
    """Say what the table does not: what was not compared, what contradicts itself, and claims."""
    left = Counter((one.set, one.reason) for one in answer.found.left_out)
    for (name, reason), count in sorted(left.items()):
        session.say(f"{name}: {plural(count, 'file')} not compared: {reason}")
    for kind, number in Counter(one.kind for one in answer.conflicts).items():
        session.say(f"conflicts: {plural(number, 'picture')} with different {kind}")
    for one in answer.conflicts[: None if session.verbose else _NAMED]:
        said = "; ".join(f"{place}: {word}" for place, word in one.rows)
        session.say(f"conflict of {one.kind}: {said}")
    if len(answer.conflicts) > _NAMED and not session.verbose:
        session.say(f"… and {len(answer.conflicts) - _NAMED:,} more: -v or --json has all")
    for claim in answer.claims:
        session.say(_claimed(claim))
    looks = sum(not _is_same(one) for one in answer.pairs)
    if is_of_pairs and looks and weakest != "look":
        session.say(f"{plural(looks, 'pair')} to look at, not listed: --min-verdict look")
    if answer.found.undecided:
        session.say(f"{plural(answer.found.undecided, 'pair')} could not be compared to the end")
    if answer.found.method == "bytes":
        what = "the same bytes alone were looked for: to compare pictures needs OpenCV"
        session.say(f"{what}: pip install 'covcat[overlap]'")
    total = sum(answer.sets.values())
    same = [one.best.a.set == one.best.b.set for one in answer.pairs if _is_same(one)]
    sets, inside = plural(len(answer.sets), "set"), sum(same)
    between = f"{plural(len(same) - inside, 'pair')} the same between sets, {inside:,} within one"
    session.say(f"{plural(total, 'picture')} of {sets}: {between}")
    if inside and not within:
        session.say("these within one set are told with --within")


def _claimed(one: "Claim") -> str:
    counted = f"{plural(one.shared, 'picture')} in both"
    claimed = f"; the catalog says: {one.claimed}" if one.claimed else ""
    why = f" ({one.reason})" if one.reason else ""
    return f"{one.a} and {one.b}: {one.status}: {counted}{claimed}{why}"
