"""A cohort or a split -> a folder that a library loads; whole or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from covcat.beside import build_beside
from covcat.catalog.columns import Record
from covcat.export.training.laying import (
    LaidPicture,
    Laying,
    TrainingForm,
    Way,
    columns_of,
    count_by_side,
    pictures_of,
)
from covcat.export.training.outlines import draw
from covcat.files import FOLDER_MODE, check_room, disk_errors, free_bytes, sync
from covcat.imaging.cohort import Cohort
from covcat.imaging.cohort_files import check_free, write_papers
from covcat.overlap import split_lock
from covcat.overlap.split_lock import SplitLock
from covcat.progress import Progress

_OTHER = "give another FOLDER"


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What is exported: a cohort, and of a split which side a row is on."""

    cohort: Cohort
    side_of: Callable[[Record], str] | None = None
    lock: SplitLock | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of the chosen rows."""

    path: Path | None  # None: the form reads none of the pictures, and nothing was made
    rows: int
    sides: Mapping[str, int]  # pictures
    findings: int  # different ones
    bytes: int
    torn: int = 0  # pictures whose rows contradict each other
    not_read: list[str] = field(default_factory=list)  # pictures that the form cannot hold
    unread_masks: list[str] = field(default_factory=list)
    unread_outlines: list[str] = field(default_factory=list)
    other_size: int = 0  # pictures whose mask, or outlines, were drawn on another size
    outlined_elsewhere: int = 0  # rows with outlines of pictures that are not exported

    @property
    def pictures(self) -> int:
        """Return how many there are on all sides."""
        return sum(self.sides.values())


def to_folder(
    chosen: TrainingRows, form: TrainingForm, target: Path, way: Way, progress: Progress
) -> Exported:
    """Write all that the form holds, with licences and citations, to a new folder."""
    cohort = chosen.cohort
    check_free(cohort, target)
    found = pictures_of(cohort, chosen.side_of)
    read = [one for one in found.found if form.reads(one)]
    drawn = draw(read, cohort.parts if form.draws else ())
    laying = Laying(target, columns_of(cohort), taken := drawn.pictures, way, progress)
    made = Exported(
        path=target if taken else None,
        rows=found.rows,
        sides=count_by_side(taken),
        findings=len(laying.classes()),
        bytes=sum(int(one.record["bytes"] or 0) for one in taken),
        torn=found.torn,
        not_read=[one.name for one in found.found if not form.reads(one)],
        unread_masks=laying.unread,
        unread_outlines=drawn.unread,
        other_size=drawn.stretched + sum(one.record["mask_fits"] == "no" for one in taken),
        outlined_elsewhere=drawn.elsewhere,
    )
    if not taken:
        return made
    needed = made.bytes + sum(_mask_bytes(taken).values())
    with build_beside(target, _OTHER) as workshop, disk_errors(f"write `{target}`"):
        if way == "copies" and form.has_files:
            check_room(needed, free_bytes(workshop, spare=0), "for copies", _OTHER)
        laying.folder = workshop / "export"
        laying.folder.mkdir(mode=FOLDER_MODE)
        laying.task = progress.start("pictures", needed)
        form.write(laying)
        progress.finish(laying.task)
        write_papers(cohort, laying.folder, way, drawn.sources)
        if chosen.lock is not None:
            laying.write(split_lock.NAME, split_lock.to_json(chosen.lock).encode())
        sync(laying.folder)
        check_free(cohort, target)
        laying.folder.rename(target)
    return made


def _mask_bytes(pictures: list[LaidPicture]) -> dict[tuple[str, str], int]:
    """Return the sizes of masks, each once."""
    return {(one.home, one.mask.path): one.mask.bytes for one in pictures if one.mask is not None}
