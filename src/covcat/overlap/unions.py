"""Names that mean the same one, joined two by two: union-find. Pure."""

from collections.abc import Iterable


class Union:
    """Numbered names, some of which are one."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._above: list[int] = []  # of each, one that it was joined to, or itself

    def number(self, name: str) -> int:
        """Return the number of a name, which is new or not."""
        found = self.numbers.setdefault(name, len(self._above))
        if found == len(self._above):
            self._above.append(found)
        return found

    def number_all(self, names: Iterable[str]) -> list[int]:
        """Return the number of each name, as `number` does, in a third of the time."""
        numbers = self.numbers
        found = [numbers.setdefault(name, len(numbers)) for name in names]
        self._above.extend(range(len(self._above), len(numbers)))
        return found

    def top(self, number: int) -> int:
        """Return the number that stands for all that are joined with this one."""
        while (above := self._above[number]) != number:
            self._above[number] = self._above[above]
            number = above
        return number

    def join(self, one: int, other: int) -> None:
        """Make two, and all that are joined with them, one."""
        self._above[self.top(other)] = self.top(one)
