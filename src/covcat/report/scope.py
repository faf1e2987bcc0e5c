"""What a page is of: releases that are here, and which of their rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from covcat.catalog.columns import Record
from covcat.imaging.cohort import IndexedRelease
from covcat.imaging.opening import Index
from covcat.imaging.query import Question


@dataclass(frozen=True, slots=True)
class Scope:
    """What a page is of."""

    parts: tuple[IndexedRelease, ...]
    question: Question = field(default_factory=lambda: Question(with_files_only=False))
    of: str = ""  # the cohort or split that chose the rows, as its reader calls it; "" is all

    @property
    def indexes(self) -> list[Index]:
        """Return the index of each release."""
        return [one.index for one in self.parts]

    def of_part(self, part: IndexedRelease, text: str, end: str = "") -> Iterator[Record]:
        """Give what a question of covcat's own, up to its WHERE, finds in one release."""
        conditions, values = self.question.sql()
        asked: list[Any] = [*values]
        yield from part.index.rows(f"{text} {conditions} {end}", asked, self.question.where)
