"""Print docs/commands.md: every command as the program itself describes it.

Usage: python scripts/make_commands.py > docs/commands.md

tests/cli/test_commands.py compares the page with what this prints, and runs every example in it.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from covcat.cli.help import bounds_of, default_of, name_of
from covcat.cli.main import app

HEAD = """\
# The commands

Made by `make docs` from the commands themselves; `covcat COMMAND --help` says the same.
Every example on this page is run by tests/cli/test_commands.py.
[json.md](json.md) has every key that `--json` prints.
"""

# The program says what each code means; this says where which is to be expected. 2 is possible
# with each command: a wrong option or value.
MEANING = {
    0: "done",
    2: "usage",
    3: "not found",
    4: "network",
    5: "integrity",
    6: "extraction",
    7: "a person must act",
    8: "disk",
    9: "several kinds",
}
FETCHING = (0, 3, 4, 5, 6, 7, 8, 9)
EXITS: dict[str, tuple[int, ...]] = {
    "cache list": (0, 8),
    "cache prune": (0, 8),
    "catalog check": (0, 3, 5),
    "catalog draft": (0, 3, 4, 7),
    "catalog schema": (0,),
    "cite": (0, 3, 5),
    "counts": (0, 3, 5),
    "doctor": (0,),
    "export": (0, 3, 5, 8),
    "extract": (0, 3, 5, 6, 7, 8),
    "fetch": FETCHING,
    "files": (0, 3),
    "images": (0, 3, 5, 8),
    "import": (0, 3, 4, 5, 6, 8),
    "license": (0, 3, 5, 8),
    "links": (0, 3, 4, 5),
    "list": (0,),
    "lock": (0, 3, 5, 8),
    "manifest export": (0, 3, 5, 8),
    "manifest show": (0, 3, 5),
    "outdated": (0, 3, 8),
    "overlap": (0, 3, 5, 8),
    "path": (0, 3),
    "paths": (0,),
    "pull": (0, 3, 4, 5, 7, 8, 9),
    "push": (0, 3, 4, 5, 7, 8),
    "remove": (0, 3, 5, 8),
    "report": (0, 3, 5, 8),
    "search": (0,),
    "select": (0, 3, 5, 8),
    "show": (0, 3, 5, 8),
    "split": (0, 3, 5, 8),
    "split check": (0, 3, 5, 8),
    "status": (0, 3, 4, 5, 7),
    "verify": FETCHING,
}

EXAMPLE = re.compile(r"^Example: *(.*)$", re.M)

# typer's own classes are private; what is read of them here is in its documented help.
Command = Any
Parameter = Any


def commands(group: Command = None, before: str = "") -> Iterator[tuple[str, Command]]:
    """Yield each group and command that is registered, by name: `list`, `catalog check`."""
    group = group or get_command(app())
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        yield f"{before}{name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")


def is_group(command: Command) -> bool:
    """True if it only holds commands."""
    return hasattr(command, "commands")


def help_of(command: Command) -> str:
    """Return the help as it is written, without indents."""
    return inspect.cleandoc(command.help or "")


def examples(command: Command) -> list[str]:
    """Return the lines to type that a command's help gives."""
    return EXAMPLE.findall(help_of(command))


# ---- the page ----------------------------------------------------------------------------------


def cell(text: str) -> str:
    """Return a text as Markdown takes it inside a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def code(text: str) -> str:
    """Return a text as code inside a table."""
    return "`" + text.replace("|", "\\|") + "`"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table without the columns that have nothing in them."""
    kept = [at for at in range(len(head)) if at < 2 or any(row[at] for row in rows)]
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line[at] for at in kept)} |\n" for line in lines)


def meaning(parameter: Parameter) -> str:
    """Return the help of a parameter, with the limits of a number."""
    bounds = bounds_of(parameter)
    return (parameter.help or "") + (f" {bounds[0].upper()}{bounds[1:]}." if bounds else "")


def arguments(command: Command) -> str:
    """Return the table of what is typed without dashes."""
    rows = [
        (code(one.metavar or one.name.upper()), cell(meaning(one)))
        for one in command.params
        if one.param_type_name == "argument" and not one.hidden
    ]
    return "\n" + table(("argument", "means"), rows) if rows else ""


def options(command: Command) -> str:
    """Return the table of options."""
    rows = [
        (
            code(name_of(one)),
            cell(meaning(one)),
            code(default_of(one)) if default_of(one) else "",
            code(one.envvar) if one.envvar else "",
        )
        for one in command.params
        if one.param_type_name == "option" and not one.hidden
    ]
    return "\n" + table(("option", "means", "default", "variable"), rows) if rows else ""


def exits(name: str) -> str:
    """Return the line of exit codes."""
    codes = sorted({*EXITS.get(name, (0,)), 2})
    return "\nExit: " + ", ".join(f"{one} {MEANING[one]}" for one in codes) + ".\n"


def section(name: str, command: Command) -> str:
    """Return what the page says of one command or group."""
    context = typer.Context(command, info_name=f"covcat {name}")
    usage = " ".join(("covcat", name, *command.collect_usage_pieces(context)))
    purpose = EXAMPLE.sub("", help_of(command)).strip().replace("<", "&lt;")
    text = f"\n## covcat {name}\n\n{purpose}\n\n```text\n{usage}\n```\n"
    if is_group(command):
        inside = [f"[{one}](#{anchor(f'{name} {one}')})" for one in sorted(command.commands)]
        return f"{text}\nIts commands: {', '.join(inside)}.\n"
    text += arguments(command) + options(command) + exits(name)
    lines = "".join(f"{one}\n" for one in examples(command))
    return f"{text}\n```sh\n{lines}```\n" if lines else text


def anchor(name: str) -> str:
    """Return the address of a command on the page."""
    return f"covcat {name}".replace(" ", "-")


def contents() -> str:
    """Return the list of all commands with their first sentences."""
    rows = []
    for name, command in commands():
        if not is_group(command):
            first = EXAMPLE.sub("", help_of(command)).strip().partition("\n\n")[0]
            rows.append((f"[{name}](#{anchor(name)})", cell(first)))
    return "\n" + table(("command", "does"), rows)


def whole() -> str:
    """Return the options of covcat itself."""
    return (
        "\n## Global options\n\nThey may stand before or after the command.\n"
        + options(get_command(app()))
        + "\nExit codes of all commands: 0 ok, 1 a bug in covcat, 2 usage, 3 not found, 4 network, "
        "5 integrity,\n6 extraction, 7 a person must act, 8 disk, 9 several kinds, 128+N stopped "
        "by signal N.\n"
    )


def page() -> str:
    """Return docs/commands.md."""
    sections = "".join(section(name, command) for name, command in commands())
    return HEAD + contents() + whole() + sections


if __name__ == "__main__":
    print(page(), end="")
