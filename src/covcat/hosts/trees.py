"""Reads what hosts' APIs answer: JSON of which no shape is trusted."""

import re
from typing import Any, get_args

from covcat.catalog.marks import Matches
from covcat.errors import NetworkError

MOST_FILES = 1_000_000  # of a data set: a list of more does not end
_UNKNOWN = "the host's API answered in a shape that covcat does not know:"


def get_field(tree: object, *keys: str | int) -> object:
    """Return a value of an answer, or None where it has another shape."""
    for key in keys:
        if isinstance(tree, dict) and isinstance(key, str):
            tree = tree.get(key)
        elif isinstance(tree, list) and isinstance(key, int) and -len(tree) <= key < len(tree):
            tree = tree[key]
        else:
            return None
    return tree


def get_text(tree: object, *keys: str | int) -> str:
    """Return a text or number of an answer as text, or ""."""
    found = get_field(tree, *keys)
    is_plain = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found) if is_plain else ""


def get_size(tree: object, *keys: str | int) -> int | None:
    """Return a size in bytes, or None where there is none."""
    found = get_text(tree, *keys)
    return int(found) if found.isdecimal() and len(found) < 16 else None


def find_rows(tree: object, *keys: str | int) -> list[object]:
    """Return a list of an answer, empty where there is none."""
    found = get_field(tree, *keys)
    return found if isinstance(found, list) else []


def get_rows(tree: object, *keys: str | int) -> list[object]:
    """Return a list of an answer."""
    found = get_field(tree, *keys)
    if not isinstance(found, list):
        where = ".".join(map(str, keys)) or "the answer"
        raise NetworkError(f"{_UNKNOWN} `{where}` is no list", hint="pip install -U covcat")
    return found


def match_text(rule: str, tree: object, *keys: str | int, expected: str = "") -> str:
    """Return a text of an answer that addresses are made of."""
    found = get_text(tree, *keys)
    if not re.fullmatch(rule, found):
        more = f", not {expected}" if expected else ""
        raise NetworkError(f"{_UNKNOWN} `{'.'.join(map(str, keys))}` is `{found[:80]}`{more}")
    return found


def match_mark(mark: Any, tree: object, *keys: str | int) -> str:
    """Return a text of an answer that a catalog takes for a key of the type `mark`."""
    rule: Matches = get_args(mark)[1]
    return match_text(rule.pattern.pattern, tree, *keys, expected=rule.expected)


class Pages:
    """A list of files that comes in pages."""

    def __init__(self, what: str, page: int, *keys: str) -> None:
        """`page` rows are asked for at once; `keys` lead to what tells one row from another."""
        self.rows: list[object] = []
        self._what, self._keys, self._left = what, keys, MOST_FILES // page
        self._known: set[str] = set()

    def add(self, page: list[object]) -> None:
        """Take the next page."""
        ids = {get_text(row, *self._keys) for row in page}
        if page and ids <= self._known:
            raise NetworkError(
                f"{self._what} lists the same files again and again", hint="try again later"
            )
        self._known |= ids
        self.rows += page
        self._left -= 1
        if self._left < 0 or len(self.rows) > MOST_FILES:
            raise NetworkError(f"{self._what} lists files without end", hint="try again later")
