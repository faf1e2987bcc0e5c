"""--shard: which share of a work a command does."""

from typing import Annotated

from covcat.cli.declare import option
from covcat.engine import shards
from covcat.engine.shards import Shard
from covcat.errors import UsageError


def a_shard(text: str) -> Shard:
    """Read which share of a work this command does."""
    if (found := shards.read(text)) is None:
        problem = f"--shard `{text}` is no share: expected one such as 3/16"
        raise UsageError(problem, hint="such as --shard 3/16")
    return found


ShardOption = Annotated[
    Shard | None, option("--shard", "Only share K of N of the work.", "K/N", parser=a_shard)
]
