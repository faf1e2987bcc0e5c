"""What folders and names of images say: groups of a regular expression are the cells.

For sets without a table, such as `chest_xray/test/PNEUMONIA/person1_virus_6.jpeg`.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import IMAGE_SUFFIXES, Row
from covcat.errors import IntegrityError


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give a row for an image, one without cells where the pattern is not in its path."""
    del file
    pattern = _compiled(table.pattern or "", table.path)
    if path.lower().endswith(IMAGE_SUFFIXES):
        found = pattern.search(path)
        groups = found.groupdict() if found else {}
        yield Row({name: text or "" for name, text in groups.items()}, path, path)


@cache
def _compiled(text: str, path: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise IntegrityError(
            f"the pattern `{text}` for the names of `{path}` is wrong: {error}"
        ) from error
    if not pattern.groupindex:
        raise IntegrityError(
            f"the pattern `{text}` for the names of `{path}` has no named group, expected such as "
            "(?P<finding>[^/]+)"
        )
    return pattern
