"""Differences that are known, each with its reason and source; all others fail the check."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Explained:
    """A kind of difference that is no mistake, and why; patterns match the whole of a text."""

    table: str
    column: str
    expected: str
    got: str
    reason: str
    source: str

    def fits(self, table: str, column: str, expected: str, got: str) -> bool:
        """Tell if it explains a difference of a table."""
        patterns = (self.table, self.column, self.expected, self.got)
        texts = (table, column, expected, got)
        pairs = zip(patterns, texts, strict=True)
        return all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in pairs)


EXPLAINED = (
    Explained(
        *("pocus", "url", "", "(?!https?://).+"),
        reason="the source's column of addresses says who gave a video where there is no page",
        source="docs/schema.md: a value is a raw one, a word of the lists, or blank",
    ),
)


def reason(table: str, column: str, expected: str, got: str) -> str:
    """Return why a difference is none, or nothing."""
    fitting = (one for one in EXPLAINED if one.fits(table, column, expected, got))
    return next((f"{one.reason} ({one.source})" for one in fitting), "")
