"""What readers read from and give: the files of a release, rows of raw cells."""

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReleaseFiles:
    """The files of a release on disk."""

    folder: Path  # files/ of the release
    paths: Sequence[str]  # of all files, below `folder`, sorted

    def matching(self, glob: str) -> Iterator[str]:
        """Give the paths that match a glob; `*` matches slashes too."""
        if not set(glob) & set("*?["):
            at = bisect_left(self.paths, glob)
            return iter(self.paths[at : at + 1] if glob in self.paths[at : at + 1] else [])
        return (path for path in self.paths if fnmatchcase(path, glob))


def to_text(value: object) -> str:
    """Return what a value of JSON is in a cell: a text as it is, nothing of null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def writable(text: str) -> str:
    r"""Write half of a pair of surrogates as JSON does, `\ud800`: UTF-8 has no bytes for it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
