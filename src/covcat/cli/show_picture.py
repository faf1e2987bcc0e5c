"""One picture: drawn in the terminal, with the labels that the index has of it."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from covcat.catalog.columns import NAMES, Record
from covcat.cli import drawing, here, indexes
from covcat.cli.printing import has_color, put
from covcat.cli.session import Session, envelope
from covcat.cli.table import prose, terminal_width
from covcat.errors import CovcatError, IntegrityError, NotFoundError, UsageError
from covcat.files import disk_errors
from covcat.imaging.index import here as here_in_catalog
from covcat.imaging.people import without_people
from covcat.imaging.sizes import SUFFIXES, Size, read_size
from covcat.text import escaped, plural

_FEWEST = 8  # rows of a picture, however low the terminal is
_PROMPT = 2  # rows, with that of the command
_OF_FILES = (  # columns that say nothing of what is on it: a person reads the others
    *("image_id", "resource", "release", "path", "sha256", "bytes", "width", "height", "slices"),
    *("bits", "filename", "label_source", "matched", "outlines_path", "raw", "license"),
)
_VOLUMES = ("nifti", "dicom", "tiff")  # whose slices are numbered; a clip's frames are far apart


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A file with a picture, if it is here, and what the index has of it."""

    path: Path | None
    images: tuple[Record, ...]


def find_picture(session: Session, name: str) -> ShownPicture | None:
    """Return the picture that a path or an image_id names; None if it is neither.

    Raises:
        NotFoundError: it looks like one of them, and is not here.
    """
    if os.path.lexists(name):
        return ShownPicture(Path(name), tuple(_of_file(session, Path(name))))
    id, colon, path = name.partition(":")
    known = {alias for one in session.catalog.resources for alias in (one.id, *one.aliases)}
    if colon and id.casefold() in known:
        return _of_id(session, session.catalog.get(id).id, path)
    if name.lower().endswith(SUFFIXES) and "://" not in name:
        raise NotFoundError(f"there is no file `{name}`", hint="covcat images --paths")
    return None


def _of_file(session: Session, path: Path) -> Iterator[Record]:
    """Give the records of a file, where it is of a release here; what is wrong there is said."""
    place = Path(os.path.realpath(path.parent)) / path.name
    for id, release, folder in session.store.releases():
        files = Path(os.path.realpath(folder / "files"))
        if not place.is_relative_to(files):
            continue
        inside = place.relative_to(files).as_posix()
        try:
            yield from _records(session, f"{id}@{release}", "path = ?", inside)
        except CovcatError as error:
            session.say(f"warning: {id}@{release}: without labels: {error.message}")


def _of_id(session: Session, id: str, path: str) -> ShownPicture:
    name = f"{id}:{path}"
    releases = here.named(session, id)
    first = here.preferred(session, id)
    for _, release, folder in sorted(releases, key=lambda one: one != first):
        found = tuple(_records(session, f"{id}@{release}", "image_id = ?", name))
        if found:
            where = found[0]["path"]
            return ShownPicture(folder / "files" / str(where) if where else None, found)
    raise NotFoundError(
        f"`{id}` has no image `{path}` here", hint=f"covcat images {id} --all --columns image_id"
    )


def _records(session: Session, name: str, condition: str, value: str) -> Iterator[Record]:
    ((resource, release),) = here_in_catalog(session.catalog, session.store, [name])
    index = indexes.index_here(session, resource, release)
    text = f"SELECT {', '.join(NAMES)} FROM images WHERE {condition} ORDER BY rowid"  # noqa: S608
    for row in index.rows(text, [value]):
        yield {**row, "raw": without_people(str(row["raw"]))} if row["raw"] else row


def show_picture(session: Session, found: ShownPicture, number: int | None) -> None:
    """Draw it where a terminal is, and print its labels; `number` is of a slice, from 1.

    Raises:
        IntegrityError: it is no picture, or one that cannot be drawn.
        UsageError: what decodes it is not installed.
    """
    size = None if found.path is None else _size(found.path)
    data: dict[str, Any] = {"file": None if found.path is None else str(found.path)}
    data |= asdict(size) if size else {}
    if session.json:
        put(sys.stdout, envelope("show", {**data, "images": list(found.images)}))
        return
    lines = list(_of_file_itself(found.path, size) if found.path and size else ())
    if found.path is None:
        session.say("its labels are here, its file is not")
    if not sys.stdout.isatty():
        lines += [line for record in found.images for line in _in_full(record)]
    else:
        lines += [line for record in found.images for line in _in_short(record)]
        if found.path and size:
            if why := _why_not():
                session.say(f"note: it is not drawn: {why}")
            else:
                rows = max(_FEWEST, shutil.get_terminal_size().lines - len(lines) - _PROMPT)
                put(sys.stdout, _draw(found.path, size, number, rows))
    put(sys.stdout, "".join(f"{line}\n" for line in lines))


def _size(path: Path) -> Size:
    with disk_errors(f"read `{path}`"):
        if path.is_dir():
            raise UsageError(
                f"`{path}` is a folder: expected a file", hint="covcat images --paths lists files"
            )
        if not path.exists():
            raise NotFoundError(f"`{path}` is gone", hint="covcat verify")
    if (size := read_size(path)) is None:
        raise IntegrityError(f"`{path}` is no picture that covcat knows, or its header is damaged")
    return size


def _why_not() -> str:
    """Say why this terminal draws nothing; "" if it does."""
    if not has_color(sys.stdout):
        return "colour is off"
    return "" if "utf" in (sys.stdout.encoding or "").lower() else "the terminal is not in UTF-8"


def _draw(path: Path, size: Size, number: int | None, rows: int) -> str:
    from covcat.overlap.opencv import opencv

    cv2: Any = opencv()  # before what needs numpy, which comes with it
    grey = _pixels(path, size, number)
    columns = terminal_width()
    height, width = grey.shape
    protocol = drawing.protocol_of(os.environ)
    if protocol == "blocks":
        small = cv2.resize(
            grey, drawing.fitted(width, height, columns, rows), interpolation=cv2.INTER_AREA
        )
        return drawing.to_blocks(small.tolist(), deep=drawing.is_deep(os.environ))
    *small_size, across = drawing.cells(width, height, columns, rows)
    small = cv2.resize(grey, tuple(small_size), interpolation=cv2.INTER_AREA)
    png = bytes(cv2.imencode(".png", small)[1])
    return (drawing.to_kitty if protocol == "kitty" else drawing.to_iterm2)(png, across)


def _pixels(path: Path, size: Size, number: int | None) -> Any:
    """Return a slice in grey, by default the middle one; of other pictures the first."""
    from covcat.overlap.decode import first_shown, frames
    from covcat.overlap.pairs import NoPicture

    wanted = number - 1 if number else first_shown(size)
    try:
        with disk_errors(f"read `{path}`"):
            found = next(islice(frames(path), wanted, None), None)
    except NoPicture as error:
        if isinstance(error.__cause__, ImportError):
            raise UsageError(
                f"`{path}` is {str(error).partition(',')[0]}: to draw it needs pydicom",
                hint="pip install 'covcat[dicom]'",
            ) from error
        raise IntegrityError(f"`{path}` cannot be drawn: {error}") from error
    if found is None:
        raise UsageError(f"`{path}` has no slice {wanted + 1:,}", hint="--slice 1")
    return found[1]


def _of_file_itself(path: Path, size: Size) -> Iterator[str]:
    yield escaped(path)
    count = size.slices or 1
    slices = f", {plural(count, 'slice')}" if count > 1 else ""
    bits = f", {size.bits} bits" if size.bits else ""
    yield f"  {size.format}, {size.width:,} x {size.height:,} pixels{slices}{bits}"


def _in_full(record: Record) -> list[str]:
    """Return all that is known, a column a line."""
    known = {name: value for name, value in record.items() if value is not None}
    return [f"  {name}: {escaped(value)}" for name, value in known.items()]


def _in_short(record: Record) -> list[str]:
    """Return the labels, as wide as the terminal."""
    known = {
        name: escaped(indexes.cut(value))
        for name, value in record.items()
        if value is not None and name not in _OF_FILES
    }
    text = "  ".join(f"{name}: {value} " for name, value in known.items())
    head = f"{escaped(record['image_id'])} ({escaped(record['release'])})"
    return [head, *prose(f"  {text}", terminal_width() - 1, 0)]
