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
    of: str = ""  # the table of a cohort or split that chose the rows; "" is all
    sides: tuple[tuple[str, int, int], ...] = ()  # of a split: side, pictures, patients

    @property
    def indexes(self) -> list[Index]:
        """Return the index of each release."""
        return [one.index for one in self.parts]

    @property
    def pictures(self) -> set[tuple[str, str]] | None:
        """Return ID@RELEASE and path of the pictures that are chosen; None of all."""
        if not self.of:
            return None
        text = "SELECT DISTINCT path FROM images WHERE path NOT NULL AND"
        return {
            (part.name, str(row["path"])) for part in self.parts for row in self.of_part(part, text)
        }

    def of_part(self, part: IndexedRelease, text: str, end: str = "") -> Iterator[Record]:
        """Give what a question of covcat's own, up to its WHERE, finds in one release."""
        conditions, values = self.question.sql()
        asked: list[Any] = [*values]
        yield from part.index.rows(f"{text} {conditions} {end}", asked, self.question.where)
