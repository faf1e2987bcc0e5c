"""A command line before typer reads it, and in covcat's words what typer cannot read of it."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import dropwhile, islice, pairwise, takewhile
from typing import Any

import typer
from typer.core import TyperGroup

from covcat.cli import meant
from covcat.cli.help import Grouped
from covcat.cli.session import Session
from covcat.cli.values import Plain
from covcat.errors import CovcatError, UsageError
from covcat.text import escaped, nearest

# How typer says it: nothing else tells which they are.
_EXTRA = re.compile(r"got unexpected extra argument\(s\) \((.*)\)", re.S)

WORDS = "covcat.words"  # in a context: the command and all that follows it

# Global options may stand before or after the command; this says which take a value.
_GLOBAL = {
    **dict.fromkeys(("--data-dir", "--catalog", "--mirror", "--color", "--engine"), True),
    **dict.fromkeys(("--offline", "--no-input", "--json", "-q", "--quiet"), False),
    **dict.fromkeys(("-v", "-vv", "--verbose"), False),
}


class Commands(Plain, Grouped, TyperGroup):
    """A group that names the one command that was meant; typer may suggest several."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; what follows it is kept for the hints of errors."""
        if ctx.parent is None:
            ctx.meta[WORDS] = tuple(args)
        if (both := " ".join(args[:2])) in self.commands:  # `split check` beside `split`
            args = [both, *args[2:]]
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            near, where = nearest(args[0], self.commands), ctx.command_path
            hint = f"did you mean `{where} {near}`?" if near else f"{where} --help"
            if ctx.parent is None:
                hint = meant.command(args[0], args[1:]) or hint
            raise UsageError(f"no such command `{args[0]}`", hint=hint)
        return super().resolve_command(ctx, args)


def add_group(app: typer.Typer, name: str, about: str, **commands: Callable[..., None]) -> None:
    """Add commands that stand together under one name."""
    group = typer.Typer(cls=Commands, rich_markup_mode=None, help=about)
    for word, command in commands.items():
        group.command(word)(command)
    app.add_typer(group, name=name)


def in_order(args: Sequence[str]) -> list[str]:
    """Move global options in front of the command, and read `help fetch` as `fetch --help`."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":  # everything behind it stays where it is
            rest += [word, *words]
            break
        name, equals, _ = word.partition("=")
        if name not in _GLOBAL or (equals and not _GLOBAL[name]):
            rest.append(word)
        else:
            front.append(word)
            if _GLOBAL[name] and not equals:
                front += islice(words, 1)
    at = next((n for n, word in enumerate(rest) if word[:1] != "-" or word == "--"), len(rest))
    if rest[at : at + 1] == ["help"]:
        asked = list(dropwhile(lambda word: word == "help", rest[at:]))
        rest = [*rest[:at], *asked, "--help"]
    return front + rest


def options(args: Sequence[str]) -> list[str]:
    """Return what stands before `--`."""
    return list(takewhile(lambda word: word != "--", args))


def words(args: Sequence[str]) -> list[str]:
    """Return what is neither a global option nor its value."""
    rest = iter(args)
    found: list[str] = []
    for word in rest:
        if _GLOBAL.get(word):
            next(rest, None)
        elif not word.startswith("-"):
            found.append(word)
    return found


def command(args: Sequence[str]) -> str:
    """Return the command's own words: `list`, `catalog check`."""
    found = words(args)
    group = found[:1] and found[0] in ("catalog", "manifest", "cache")
    return escaped(" ".join(found[: 2 if group or found[:2] == ["split", "check"] else 1]))


def color(args: Sequence[str]) -> str:
    """Return --color, of a command line that may be none that can be parsed."""
    said = _said("--color", args) or os.environ.get("COVCAT_COLOR", "")
    return said if said in ("always", "never") else "auto"


def progress(args: Sequence[str], settings: Mapping[str, Any]) -> str:
    """Return --progress likewise; variable and settings are for commands that have the option."""
    if said := _said("--progress", args):
        return said
    if words(args)[:1] not in (["fetch"], ["verify"]):
        return "auto"
    return os.environ.get("COVCAT_PROGRESS") or str(settings.get("progress", "auto"))


def _said(option: str, args: Sequence[str]) -> str:
    before = options(args)
    asked = [two for one, two in pairwise(before) if one == option]
    asked += [word.partition("=")[2] for word in before if word.startswith(f"{option}=")]
    return (asked or [""])[-1]


def wants_json(args: Sequence[str]) -> bool:
    """Tell, even of a command line that cannot be parsed, if one JSON document is due."""
    before = options(args)
    by_env = os.environ.get("COVCAT_JSON", "").lower() in ("1", "true", "t", "yes", "y", "on")
    is_format = ("--format", "json") in pairwise(before) or "--format=json" in before
    return "--json" in before or is_format or by_env


def error_of(error: Exception) -> CovcatError:
    """Return typer's error as one of covcat's."""
    text = error.format_message() if isinstance(error, typer.TyperException) else "aborted"
    text = text[:1].lower() + text[1:].rstrip(".")
    ctx: Any = getattr(error, "ctx", None)
    where = ctx.command_path if ctx is not None else "covcat"
    problem = _wrong_value(error, ctx) if ctx is not None else None
    problem = problem or _EXTRA.sub(r"got more than expected: `\1`", text)
    session: Session | None = ctx.find_root().obj if ctx is not None else None
    hint = None
    if session is not None and (extra := _EXTRA.search(text)):
        hint = meant.more(session.catalog, session.words, extra[1].split())
    return UsageError(problem, hint=hint or f"{where} --help")


def _wrong_value(error: Exception, ctx: Any) -> str | None:
    """Say what is wrong with a number or a switch; typer has it in the words of a library."""
    parameter: Any = getattr(error, "param", None)
    errors: Any = getattr(error.__cause__, "errors", None)
    if parameter is None or errors is None:
        return None
    kind, value = errors()[0]["type"], errors()[0]["input"]
    source = ctx.get_parameter_source(parameter.name)
    is_variable = parameter.envvar and source is not None and source.name == "ENVIRONMENT"
    written = parameter.envvar if is_variable else max(parameter.opts, key=len)
    name = f"{written} `{value}`"
    example = 1 if getattr(parameter, "count", False) else parameter.default or 20
    if kind.startswith("bool"):
        return f"{name} is neither yes nor no: expected 1 or 0"
    if kind.startswith("int"):
        return f"{name} is no whole number: expected one such as {example}"
    if kind.startswith(("float", "finite")):
        return f"{name} is no number: expected one such as {example}"
    if kind.startswith(("greater", "less")):
        least, most = parameter.min, parameter.max
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        return f"{name} is out of range: expected {bounds}"
    return None
