"""Pictures -> what is drawn on them: read again from the annotations that their rows name.

A set of annotations that is exported beside a set of pictures draws on these, V7's on Cohen's
films: which row means which picture, `imaging.elsewhere` knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from covcat.catalog.columns import Record
from covcat.catalog.entries import ImagesIn
from covcat.catalog.outlines import Outline, Outlined
from covcat.export.training.laying import LaidPicture
from covcat.files import disk_errors, hashed
from covcat.imaging import cohort_files, readers
from covcat.imaging.build import tables_of
from covcat.imaging.cohort import IndexedRelease
from covcat.imaging.elsewhere import NEEDED, Elsewhere
from covcat.imaging.opening import Index
from covcat.imaging.query import Question
from covcat.imaging.readers.base import ReleaseFiles
from covcat.store.manifest import load

_MOST_PIXELS = 1 << 28  # of a picture that a mask is made for; a film has a tenth of that
_DRAWN = ("darwin", "coco")  # readers of tables that have outlines
_WITH = Question(where="outlines_path NOT NULL")


@dataclass(slots=True)
class Drawn:
    """The same pictures with what is drawn on them, and what became of the rest."""

    pictures: list[LaidPicture] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)  # resources whose outlines these are
    stretched: int = 0  # pictures of another size than that which was drawn on
    elsewhere: int = 0  # rows whose picture is not exported
    unread: list[str] = field(default_factory=list)


_Wanted = tuple[int, str]  # the number of a picture, and the home of what draws on it


def draw(pictures: Sequence[LaidPicture], parts: Sequence[IndexedRelease]) -> Drawn:
    """Return the pictures with all that the parts have drawn on them."""
    made = Drawn(list(pictures))
    homes = {one.part.name: one.home for one in pictures}
    at = {(one.part.name, str(one.record["path"])): n for n, one in enumerate(pictures)}
    each = {one.name: one for one in parts}
    for part in parts:
        if part.name != part.asked.name:  # it holds pictures of rows, which draw on these
            continue
        wanted: dict[str, list[_Wanted]] = {}
        home = homes.get(part.name, part.resource.id)
        for number, one in enumerate(pictures):
            if one.part is part and (place := one.record["outlines_path"]) is not None:
                wanted.setdefault(str(place), []).append((number, home))
        for record in _rows_on_others(part, [*each.values()]):
            number = at.get((str(record["found_in"]), str(record["found_path"])), -1)
            made.elsewhere += number < 0
            if number >= 0:
                wanted.setdefault(str(record["outlines_path"]), []).append((number, home))
        if wanted:
            _read(part, wanted, made)
    return made


def _rows_on_others(part: IndexedRelease, parts: Sequence[IndexedRelease]) -> list[Record]:
    """Return the rows with outlines of a part whose pictures lie in another one."""

    def among(one: ImagesIn) -> list[Index]:
        return [
            other.index
            for other in parts
            if other.resource.id == one.resource and one.release in (None, other.release.id)
        ]

    if not part.release.images_in:
        return []
    found = Elsewhere(part.index, part.release, among).records(_WITH, (*NEEDED, "outlines_path"))
    return [one for one in found if one["found_by"] != "own"]


def _read(part: IndexedRelease, wanted: Mapping[str, list[_Wanted]], made: Drawn) -> None:
    """Add to pictures what the tables of a part have at the wanted places."""
    files = {one.path.removeprefix("files/"): one for one in load(part.folder).files}
    source = ReleaseFiles(part.folder / "files", sorted(files))
    for table in tables_of(part.resource, part.release):
        if table.reader not in _DRAWN:
            continue
        for path in source.matching(table.path):
            with disk_errors(f"read `{path}`"):
                if hashed(source.folder / path, files[path]).sha256 != files[path].sha256:
                    raise cohort_files.changed(part, path)
        for row in readers.read_rows(table, source):
            if row.outlined is None or row.place not in wanted:
                continue
            made.sources.add(part.resource.id)
            made.unread += [f"{name} of {row.place}" for name in row.outlined.unread]
            for one in wanted[row.place]:
                _add(made, one, row.outlined)


def _add(made: Drawn, wanted: _Wanted, outlined: Outlined) -> None:
    """Add to a picture what is drawn on it, in its own pixels."""
    number, home = wanted
    picture = made.pictures[number]
    width, height = picture.size
    across = width / outlined.width if width and outlined.width else 1.0
    down = height / outlined.height if height and outlined.height else 1.0
    made.stretched += (across, down) != (1, 1)
    drawn: list[tuple[str, Outline]] = []
    for one in outlined.drawn:
        on_it = one.stretched(across, down)
        if width * height > _MOST_PIXELS:
            made.unread.append(f"{one.name} on {picture.name}, {width:,} x {height:,} pixels")
        elif not (width and height) or on_it.touches(width, height):
            drawn.append((home, on_it))
        else:
            made.unread.append(f"{one.name} beside {picture.name}")
    made.pictures[number] = replace(picture, outlines=(*picture.outlines, *drawn))
