"""Words of the command line that are values as they stand: typer asks pydantic even for these.

To import pydantic takes as long as all that `covcat list` does beside it.
"""

import re
from pathlib import Path
from typing import Any, get_args, get_origin

_PLAIN = (str, bool, int, float, Path)
_NUMBER = re.compile("0|[1-9][0-9]{0,8}")  # what needs no second thought
_SAID_AS: dict[Any, type] = {Path: str, float: int}


class Plain:
    """A command, or a group of them, whose plain values stay as they are; typer reads the rest."""

    def parse_args(self: Any, ctx: Any, args: list[str]) -> Any:
        """Read the command line."""
        for one in self.get_params(ctx):
            reads = getattr(one, "get_runtime_param", None)  # `--help` has none
            if reads is not None and not isinstance(reads, _Reader):
                one.get_runtime_param = _Reader(reads)
        return super().parse_args(ctx, args)  # type: ignore[misc]  # of typer's class beside it


class _Reader:
    """In place of what typer makes for a parameter: it is made only for what is not plain."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def __call__(self) -> "_Reader":
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return what a value stands for, as typer does."""
        kind: Any = param.type_descriptor.annotation
        many, info = param.multiple or param.nargs == -1, param.type_descriptor.parameter_info
        if value is None:
            return () if many else None
        if info.parser is not None:
            return self._made().coerce(value, param=param, ctx=ctx)
        if get_origin(kind) is list and isinstance(value, list | tuple):
            one = get_args(kind)[0]
            if one in (str, Path) and all(isinstance(word, str) for word in value):
                return [one(word) for word in value]
        elif kind in _PLAIN and isinstance(value, kind):
            return value
        elif kind is int and isinstance(value, str) and _NUMBER.fullmatch(value):
            least, most = info.min or 0, int(value) if info.max is None else info.max
            if least <= int(value) <= most and not info.clamp:
                return int(value)
        elif type(value) is _SAID_AS.get(kind):
            return kind(value)
        return self._made().coerce(value, param=param, ctx=ctx)
