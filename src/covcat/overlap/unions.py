"""Names that mean the same one, joined two by two: union-find. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from typing import Any


def numbering() -> "defaultdict[Any, int]":
    """Return what gives each new key the next number, from 0."""
    return defaultdict(count().__next__)


class Union:
    """Numbered names, some of which are one."""

    def __init__(self) -> None:
        self.numbers = numbering()
        self._above: list[int] = []  # of each, one that it was joined to, or itself

    def number(self, name: str) -> int:
        """Return the number of a name, which is new or not."""
        return self.number_all([name])[0]

    def number_all(self, names: Iterable[str]) -> list[int]:
        """Return the number of each name, as `number` does, in a third of the time."""
        found = [*map(self.numbers.__getitem__, names)]
        self._above.extend(range(len(self._above), len(self.numbers)))
        return found

    def top(self, number: int) -> int:
        """Return the number that stands for all that are joined with this one."""
        while (above := self._above[number]) != number:
            self._above[number] = self._above[above]
            number = above
        return number

    def tops(self) -> Any:
        """Return the same of every number, as an array."""
        import numpy as np

        above = np.array(self._above, dtype=np.int64)
        while not np.array_equal(above, further := above[above]):
            above = further
        return above

    def join(self, one: int, other: int) -> None:
        """Make two, and all that are joined with them, one."""
        self._above[self.top(other)] = self.top(one)
