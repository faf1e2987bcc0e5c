"""What readers read from and give: the files of a release, rows of raw cells."""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

_REMEMBERED = 2_000_000  # letters of names, with 100 for what each takes besides
_T = TypeVar("_T")
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `cells` by the table's own column names, unchanged; `file` is where it stands."""

    cells: Mapping[str, str]
    file: str  # below files/
    image: str | None = None  # path of its image, where the reader knows it


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a release on disk."""

    folder: Path  # files/ of the release
    paths: Sequence[str]  # of all files, below `folder`, sorted

    def matching(self, glob: str) -> Iterator[str]:
        """Give the paths that match a glob; `*` matches slashes too."""
        if not set(glob) & set("*?["):
            at = bisect_left(self.paths, glob)
            return iter(self.paths[at : at + 1] if glob in self.paths[at : at + 1] else [])
        return (path for path in self.paths if fnmatchcase(path, glob))


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
