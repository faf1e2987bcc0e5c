"""Shares of one work that several machines do, each by a command of its own: `--shard 3/16`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

_FORM = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")
_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of so many shares."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def share(self, things: Sequence[_Thing]) -> Sequence[_Thing]:
        """Return what falls to this one."""
        return things[self.number - 1 :: self.of]


class ShardDone(Exception):  # noqa: N818 -- it is no error
    """A shard has brought its files: of these alone no release is made."""


def read(text: str) -> Shard | None:
    """Read `3/16`; None if it is no shard."""
    found = _FORM.fullmatch(text)
    shard = Shard(int(found[1]), int(found[2])) if found else None
    return shard if shard is not None and shard.number <= shard.of else None
