"""Chosen rows -> pictures, each once with all that its rows say; and laying them in a folder."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from covcat.catalog import vocabulary
from covcat.catalog.columns import Record, Value
from covcat.catalog.matching import IMAGE_SUFFIXES
from covcat.catalog.outlines import Outline
from covcat.files import StoredFile
from covcat.imaging import cohort_files
from covcat.imaging.cohort import Cohort, IndexedRelease
from covcat.progress import Progress
from covcat.store.manifest import load

ONE_SIDE = "train"  # where nothing is split
SIDES = ("train", "val", "test")
Way = Literal["links", "copies"]


@dataclass(frozen=True, slots=True)
class LaidPicture:
    """A picture with what all of its chosen rows say; where they contradict each other, blank."""

    part: IndexedRelease
    side: str
    home: str  # names its release in a folder of several
    record: Record  # by columns_of its cohort
    mask: StoredFile | None = None  # as the release has it
    outlines: tuple[tuple[str, Outline], ...] = ()  # in its own pixels, each with who has it

    @property
    def findings(self) -> list[str]:
        """Return its findings, each a class; of none nothing is known."""
        said = self.record["finding"]
        return str(said).split(vocabulary.JOINED) if said else []

    @property
    def name(self) -> str:
        """Return what it may be called beside others: its release and its path there."""
        return f"{self.home}/{self.record['path']}"

    @property
    def mask_name(self) -> str:
        """Return the same of its mask."""
        return f"{self.home}/{_below_files(self.mask)}"

    @property
    def size(self) -> tuple[int, int]:
        """Return its width and height, 0 where they are not known."""
        return int(self.record["width"] or 0), int(self.record["height"] or 0)

    def cells(self) -> dict[str, Any]:
        """Return what is known of it: blanks are left out, and findings are a list."""
        known = {name: value for name, value in self.record.items() if value is not None}
        return {**known, "finding": self.findings}


def suffix_of(path: str) -> str:
    """Return the suffix of a picture in lower case, with its dot: `.nii.gz` is one."""
    name = path.rpartition("/")[2].lower()
    return max((one for one in IMAGE_SUFFIXES if name.endswith(one)), key=len, default="")


def _below_files(file: StoredFile | None) -> str:
    return file.path.removeprefix("files/") if file else ""


@dataclass(slots=True)
class CohortPictures:
    """The pictures of a cohort, in its order."""

    found: list[LaidPicture] = field(default_factory=list)
    rows: int = 0
    torn: int = 0  # pictures whose rows contradict each other in a column


def columns_of(cohort: Cohort) -> tuple[str, ...]:
    """Return what is told of each picture: all columns but `raw`, as large as all others."""
    return tuple(name for name in cohort.columns if name != "raw")


def pictures_of(cohort: Cohort, side_of: Callable[[Record], str] | None) -> CohortPictures:
    """Read the chosen rows, those of one picture together."""
    pictures, at, torn = CohortPictures(), dict[tuple[str, Value], int](), set[int]()
    homes, columns = cohort_files.homes_of(cohort), columns_of(cohort)
    masks = {part.name: _Masks(part) for part in cohort.parts}
    for part, record in cohort_files.chosen_rows(cohort, columns):
        pictures.rows += 1
        side = ONE_SIDE if side_of is None else side_of(record)
        number = at.setdefault((part.name, record["path"]), len(pictures.found))
        if number < len(pictures.found):
            torn.update([number] if _add(pictures.found[number].record, record) else [])
            continue
        own = {name: record[name] for name in columns}
        own |= {} if side_of is None else {"split": side}
        mask = masks[part.name].of(record["mask_path"])
        pictures.found.append(LaidPicture(part, side, homes[part.name], own, mask))
    pictures.torn = len(torn)
    return pictures


def _add(known: Record, more: Record) -> bool:
    """Add what a further row says of a picture; tell if it contradicts what another one did.

    Findings are added to each other; of anything else two values are as good as none.
    """
    is_torn = False
    for name, value in more.items():
        if name in _LISTS and value is not None:
            terms = f"{known[name] or ''}{vocabulary.JOINED}{value}".split(vocabulary.JOINED)
            known[name] = vocabulary.JOINED.join(dict.fromkeys(filter(None, terms)))
        elif name not in _OF_THE_FIRST and value is not None:
            if known[name] is None:
                known[name] = value
            elif known[name] != value:
                is_torn = is_torn or name not in _OF_ROWS
                known[name] = "unknown" if name == "covid" else None
    return is_torn


_LISTS = ("finding", "finding_path")
_OF_THE_FIRST = ("image_id", "resource", "release", "split")
_OF_ROWS = (
    *("finding_raw", "filename", "label_source", "clinical_notes", "other_notes", "found_by"),
)


class _Masks:
    """Finds the masks of a release among its recorded files; its manifest is read when needed."""

    def __init__(self, part: IndexedRelease) -> None:
        self._part = part

    @cached_property
    def _files(self) -> dict[str, StoredFile]:
        return {one.path: one for one in load(self._part.folder).files}

    def of(self, path: Value) -> StoredFile | None:
        return self._files.get(f"files/{path}") if path else None


@dataclass(slots=True)
class Laying:
    """A new folder, and the pictures that go there."""

    folder: Path
    columns: tuple[str, ...]
    pictures: Sequence[LaidPicture]
    way: Way
    progress: Progress
    unread: list[str] = field(default_factory=list)  # masks that could not be decoded
    task: Any = None

    def sides(self) -> Iterator[tuple[str, list[LaidPicture]]]:
        """Give each side that has pictures, in the order of SIDES."""
        for side in SIDES:
            if found := [one for one in self.pictures if one.side == side]:
                yield side, found

    def classes(self) -> list[str]:
        """Return all findings of the pictures, in the order of letters."""
        return sorted({term for one in self.pictures for term in one.findings})

    def lay(self, picture: LaidPicture, place: str) -> None:
        """Link or copy a picture to a place below the folder."""
        self._place(picture.part, picture.record, place)

    def lay_mask(self, picture: LaidPicture, place: str) -> None:
        """Link or copy the mask of a picture, once; one may be of several pictures."""
        assert picture.mask is not None
        record = record_of(picture.mask)
        if not (self.folder / place).is_symlink() and not (self.folder / place).exists():
            self._place(picture.part, record, place)

    def read_mask(self, picture: LaidPicture) -> bytes:
        """Return the bytes of the mask of a picture, as they were fetched."""
        assert picture.mask is not None
        record = record_of(picture.mask)
        with cohort_files.as_fetched(picture.part, record) as stream:
            data = stream.read(picture.mask.bytes + 1)
        if hashlib.sha256(data).hexdigest() != picture.mask.sha256:
            raise cohort_files.changed(picture.part, record["path"])
        return data

    def _place(self, part: IndexedRelease, record: Record, place: str) -> None:
        cohort_files.place(part, record, self.folder / place, by_copy=self.way == "copies")
        self.advance(record)

    def advance(self, record: Record) -> None:
        """Tell that a file was written."""
        self.progress.advance(self.task, int(record["bytes"] or 0))

    def write(self, place: str, data: bytes) -> None:
        """Write a new file; where a link to a file of the data folder is, that is not touched."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)

    def write_json(self, place: str, tree: object) -> None:
        """Write a JSON document."""
        self.write(place, (json.dumps(tree, indent=1) + "\n").encode())


def record_of(mask: StoredFile) -> Record:
    """Return of a mask what a record of the index has of a picture's file."""
    return {"path": _below_files(mask), "bytes": mask.bytes, "sha256": mask.sha256}


@dataclass(frozen=True, slots=True)
class TrainingForm:
    """How a library wants pictures: what writes them, which it reads, and links, copies or both."""

    write: Callable[[Laying], None]
    what: str  # it reads, in words
    reads: Callable[[LaidPicture], bool] = lambda _: True
    ways: tuple[Way, ...] = ("links", "copies")  # the first unless another is asked for
    has_files: bool = True  # its folder holds the pictures, as links or copies
    draws: bool = False  # outlines


def count_by_side(pictures: Iterable[LaidPicture]) -> Mapping[str, int]:
    """Count pictures by their side, in the order of SIDES."""
    counts = Counter(one.side for one in pictures)
    return {side: counts[side] for side in SIDES if counts[side]}
