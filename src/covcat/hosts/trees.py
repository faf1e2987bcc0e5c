"""Reads what hosts' APIs answer: JSON of which no shape is trusted."""

import re
from collections.abc import Callable
from typing import Any, get_args

from covcat.catalog.marks import Matches
from covcat.errors import NetworkError

MOST_FILES = 1_000_000  # of a data set: a list of more does not end
_UNKNOWN = "the host's API answered in a shape that covcat does not know:"


class Tree:
    """An answer, or a part of one; `keys` lead further into it."""

    def __init__(self, value: object) -> None:
        self.value = value

    def get(self, *keys: str) -> "Tree":
        """Return a part; of another shape than the keys' it is one of None."""
        found = self.value
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return Tree(found)

    def is_true(self, *keys: str) -> bool:
        """Tell if there is a `true`."""
        return self.get(*keys).value is True

    def text(self, *keys: str) -> str:
        """Return a text or number as text, or ""."""
        found = self.get(*keys).value
        is_plain = isinstance(found, str | int) and not isinstance(found, bool)
        return str(found) if is_plain else ""

    def size(self, *keys: str) -> int | None:
        """Return a size in bytes, or None where there is none."""
        found = self.text(*keys)
        return int(found) if found.isdecimal() and len(found) < 16 else None

    def find_rows(self, *keys: str) -> list["Tree"]:
        """Return a list, empty where there is none."""
        found = self.get(*keys).value
        return [Tree(one) for one in found] if isinstance(found, list) else []

    def rows(self, *keys: str) -> list["Tree"]:
        """Return a list that must be there."""
        if not isinstance(self.get(*keys).value, list):
            where = ".".join(keys) or "the answer"
            raise NetworkError(f"{_UNKNOWN} `{where}` is no list", hint="pip install -U covcat")
        return self.find_rows(*keys)

    def match(self, rule: str, *keys: str, expected: str = "") -> str:
        """Return a text that addresses are made of."""
        found = self.text(*keys)
        if not re.fullmatch(rule, found):
            more = f", not {expected}" if expected else ""
            raise NetworkError(f"{_UNKNOWN} `{'.'.join(keys)}` is `{found[:80]}`{more}")
        return found

    def mark(self, mark: Any, *keys: str) -> str:
        """Return a text that a catalog takes for a key of the type `mark`."""
        rule: Matches = get_args(mark)[1]
        return self.match(rule.pattern.pattern, *keys, expected=rule.expected)


def read_pages(
    what: str, size: int, ask: Callable[[int, int], tuple[list[Tree], bool]], *keys: str
) -> list[Tree]:
    """Return all rows of a list that comes in pages of `size`.

    `ask` is given the number of a page, from 0, and of the rows before it; it returns the page's
    rows, and if it is the last one. `keys` lead to what tells one row from another.
    """
    found: list[Tree] = []
    known: set[str] = set()
    for number in range(MOST_FILES // size):
        rows, is_last = ask(number, len(found))
        ids = {row.text(*keys) for row in rows}
        if rows and ids <= known:
            raise NetworkError(
                f"{what} lists the same files again and again", hint="try again later"
            )
        known |= ids
        found += rows
        if len(found) > MOST_FILES:
            break
        if is_last:
            return found
    raise NetworkError(f"{what} lists files without end", hint="try again later")
