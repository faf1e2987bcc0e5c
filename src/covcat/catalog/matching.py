r"""Which file of a release a row of a label table means, and which one is its mask. Pure.

Names meet as people and systems write them: in either Unicode form of a letter (macOS decomposes
them), with `\` of Windows, `./`, `//` or a leading `/`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from covcat.catalog.entries import LabelTable
from covcat.catalog.outlines import Outlined

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".tif", ".tiff", ".bmp", ".webp"),
    *(".jp2", ".j2k", ".nii", ".nii.gz", ".dcm", ".dicom", ".mha", ".mhd", ".nrrd"),
    *(".mp4", ".m4v", ".mov", ".avi", ".wmv", ".mkv", ".webm", ".mpeg", ".mpg"),
)
_REMEMBERED = 2_000_000  # letters of names, with 100 for what each takes besides
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `cells` by the table's own column names, unchanged; `file` is where it stands."""

    cells: Mapping[str, str]
    file: str  # below files/
    image: str | None = None  # path of its image, where the reader knows it
    outlined: Outlined | None = None  # what is drawn on its image

    @property
    def place(self) -> str:
        """Return where to find again what is drawn: the file, and after # the image in it."""
        key = self.outlined.key if self.outlined else ""
        return f"{self.file}#{key}" if key else self.file


OF_IMAGES = ("names", "dicom", "nifti")  # readers that look at the images themselves
_HOLE = re.compile(r"\{([^{}]+)\}")
_STEM = ".stem"
_OR = " | "  # between templates that are tried in turn
Find = Callable[[str], list[str]]


def images(row: Row, table: LabelTable) -> list[str]:
    """Return what the image of a row may be called, in the order of the table's templates."""
    if row.image is not None:
        return [row.image]
    if table.reader in OF_IMAGES:
        return [row.file]  # which could not be read
    return _filled(table.image, row.cells)


def masks(table: LabelTable, cells: Mapping[str, str], image: str | None) -> list[str]:
    """Return where the mask of a row's image may be; what needs an image has none without it."""
    if table.mask is None:
        return []
    if image is not None:
        cells = {**cells, "path": image, "name": _name(image), "stem": _stem_of_any(image)}
    return _filled(table.mask, cells)


def folder(row: Row, table: LabelTable) -> str | None:
    """Return by what the folder of a row's images is known again, as `folder_keys` has it."""
    if not (names := _filled(table.folder, row.cells)):
        return None
    return f"{table.match} {_KEYS[table.match](plain_path(names[0]))}"


def folders_above(path: str) -> Iterator[str]:
    """Give the folders that a file lies in, the nearest first."""
    while path := path.rpartition("/")[0]:
        yield path


def folder_keys(path: str, ways: Iterable[str]) -> list[str]:
    """Return by what a row may mean a folder, in some ways that names are matched."""
    return [f"{match} {_KEYS[match](path)}" for match in ways]


def finder(match: str, images: Iterable[str], others: Iterable[str] = ()) -> Find:
    """Return what finds the images that a name may mean, by what both have in common.

    Of the `others`, which have no suffix of an image, a row must say the name in full.
    """
    key, whole = _KEYS[match], _KEYS["path" if match == "path" else "name"]
    known, named = dict[str, list[str]](), dict[str, list[str]]()
    for found, key_of, paths in ((known, key, images), (named, whole, others)):
        for path in sorted(paths):
            found.setdefault(key_of(plain_path(path)), []).append(path)
    return lambda name: known.get(key(plain_path(name))) or named.get(whole(plain_path(name)), [])


def plain_path(path: str) -> str:
    """Return a path as names are compared."""
    if not path.isascii():
        path = unicodedata.normalize("NFC", path)
    parts = path.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    """Return a name without the suffix of an image: other dots belong to it."""
    name = _name(path)
    suffix = next((one for one in IMAGE_SUFFIXES if name.lower().endswith(one)), "")
    return name[: len(name) - len(suffix)]


_KEYS: Mapping[str, Callable[[str], str]] = {
    "path": lambda path: path,
    "name": _name,
    "stem": _stem,
    "fold": lambda path: _stem(path).casefold(),
}


def _stem_of_any(path: str) -> str:
    """Return a name without its suffix, of an image or else the last: `x.nii.gz` and `x.json`."""
    name, stem = _name(path), _stem(path)
    return stem if stem != name else name.rpartition(".")[0] or name


def _filled(templates: str | None, cells: Mapping[str, str]) -> list[str]:
    """Fill each template whose holes all have a value; `{A.stem}` is the cell A less its suffix."""
    found = []
    for template in (templates or "").split(_OR):
        values = {hole: _value(cells, hole) for hole in _HOLE.findall(template)}
        if template and all(values.values()):
            pieces = _HOLE.split(template)  # text, hole, text, hole, text
            pieces[1::2] = [values[hole] for hole in pieces[1::2]]
            found.append("".join(pieces))
    return found


def _value(cells: Mapping[str, str], hole: str) -> str:
    column = column_of(tuple(cells), hole)
    if column is not None:
        return cells[column].strip()
    if not hole.endswith(_STEM):
        return ""
    return _stem_of_any(_value(cells, hole.removesuffix(_STEM)))


def columns_lacking(names: tuple[str, ...], templates: str | None) -> list[str]:
    """Return the columns that every template of images needs one of, and that are not there."""
    lacking = [
        [hole for hole in _HOLE.findall(one) if column_of(names, hole.removesuffix(_STEM)) is None]
        for one in (templates or "").split(_OR)
    ]
    return [] if not all(lacking) else lacking[0]


_T = TypeVar("_T")


def column_of(names: tuple[str, ...], name: str) -> str | None:
    """Return a column by its name: case, outer spaces and `_` do not matter."""
    return name if name in names else _plain_names(names).get(_plain_name(name))


def by_names(work: Callable[[Names], _T]) -> Callable[[Names], _T]:
    """Return `work` on names of columns with a memory: annotations may have other tags each."""
    known: dict[Names, _T] = {}
    size = 0  # letters, of which a wide table alone may have as many as fit

    def remembered(names: Names) -> _T:
        nonlocal size
        try:
            return known[names]
        except KeyError:
            size += 100 * len(names) + sum(map(len, names))
            if size > _REMEMBERED:
                known.clear()
                size = 0
            return known.setdefault(names, work(names))

    return remembered


@by_names
def _plain_names(names: Names) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(_plain_name(name), name)
    return found


def _plain_name(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split()).casefold()
