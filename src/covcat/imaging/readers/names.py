"""What folders and names of images say: groups of a regular expression are the cells.

For sets without a table, such as `chest_xray/test/PNEUMONIA/person1_virus_6.jpeg`.
"""

import re
from collections.abc import Iterator

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import IMAGE_SUFFIXES, Row
from covcat.errors import IntegrityError
from covcat.imaging.readers.base import ReleaseFiles


def rows(table: LabelTable, source: ReleaseFiles) -> Iterator[Row]:
    """Give a row for every image, one without cells where the pattern is not in its path."""
    pattern = _compiled(table)
    for path in source.matching(table.path):
        if path.lower().endswith(IMAGE_SUFFIXES):
            found = pattern.search(path)
            groups = found.groupdict() if found else {}
            yield Row({name: text or "" for name, text in groups.items()}, path, path)


def _compiled(table: LabelTable) -> re.Pattern[str]:
    """Return the pattern of a table.

    Raises:
        IntegrityError: it has none, or one that cannot say anything.
    """
    try:
        pattern = re.compile(table.pattern or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise IntegrityError(
            f"the pattern `{table.pattern}` for the names of `{table.path}` is wrong: {error}"
        ) from error
    if not pattern.groupindex:
        raise IntegrityError(
            f"the pattern `{table.pattern or ''}` for the names of `{table.path}` has no named "
            "group, expected such as (?P<finding>[^/]+)"
        )
    return pattern
