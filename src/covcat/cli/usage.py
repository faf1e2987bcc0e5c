"""What typer says of a command line that it cannot read, in covcat's words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from covcat.errors import CovcatError, UsageError
from covcat.text import nearest

# How typer says it: nothing else tells which they are.
_EXTRA = re.compile(r"got unexpected extra argument\(s\) \((.*)\)", re.S)


class Commands(TyperGroup):
    """A group that names the one command that was meant; typer may suggest several."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command.

        Raises:
            UsageError: there is none.
        """
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            near, where = nearest(args[0], self.commands), ctx.command_path
            hint = f"did you mean `{where} {near}`?" if near else f"{where} --help"
            raise UsageError(f"no such command `{args[0]}`", hint=hint)
        return super().resolve_command(ctx, args)


def asked_for_help(args: Sequence[str], takes_value: Mapping[str, bool]) -> list[str]:
    """Read `help fetch` as `fetch --help`; `takes_value` has the options that may stand before."""
    words = list(args)
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        at += 2 if takes_value.get(words[at]) else 1
    if words[at : at + 1] != ["help"]:
        return words
    rest = words[at + 1 :]
    while rest[:1] == ["help"]:
        del rest[0]
    return [*words[:at], *rest, "--help"]


def error_of(error: Exception) -> CovcatError:
    """Return typer's error as one of covcat's."""
    text = error.format_message() if isinstance(error, typer.TyperException) else "aborted"
    text = text[:1].lower() + text[1:].rstrip(".")
    ctx: Any = getattr(error, "ctx", None)
    where = ctx.command_path if ctx is not None else "covcat"
    if ctx is not None and (problem := _wrong_value(error, ctx)):
        return UsageError(problem, hint=f"{where} --help")
    return UsageError(_EXTRA.sub(r"got more than expected: `\1`", text), hint=f"{where} --help")


def _wrong_value(error: Exception, ctx: Any) -> str | None:
    """Say what is wrong with a number or a switch; typer has it in the words of a library."""
    parameter: Any = getattr(error, "param", None)
    errors: Any = getattr(error.__cause__, "errors", None)
    if parameter is None or errors is None:
        return None
    kind, value = errors()[0]["type"], errors()[0]["input"]
    name = f"{_name(parameter, ctx)} `{value}`"
    if kind.startswith("bool"):
        return f"{name} is neither yes nor no: expected 1 or 0"
    if kind.startswith("int"):
        return f"{name} is no whole number: expected one such as {_example(parameter)}"
    if kind.startswith(("float", "finite")):
        return f"{name} is no number: expected one such as {_example(parameter)}"
    if kind.startswith(("greater", "less")):
        return f"{name} is out of range: expected {_bounds(parameter)}"
    return None


def _name(parameter: Any, ctx: Any) -> str:
    """Return what the user wrote: an option, or the variable that stands for it."""
    source = ctx.get_parameter_source(parameter.name)
    if parameter.envvar and source is not None and source.name == "ENVIRONMENT":
        return str(parameter.envvar)
    options = getattr(parameter, "opts", ())
    return str(max(options, key=len)) if options else str(parameter.name)


def _example(parameter: Any) -> str:
    if getattr(parameter, "count", False):
        return "1"
    return str(parameter.default or 20)


def _bounds(parameter: Any) -> str:
    if parameter.max is None:
        return f"{parameter.min} or more"
    return f"{parameter.min} to {parameter.max}"
