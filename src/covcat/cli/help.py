"""What --help prints: commands and options in groups, and every text whole.

typer's own way cuts the purpose of a command at the end of the line, and names Python's types; its
rich one takes 200 ms longer to start.
"""

import sys
from typing import Any

from typer.core import TyperCommand

from covcat.cli.printing import CYAN, bold, has_color
from covcat.cli.values import Plain

COMMANDS = {  # in the order of --help; each is a module with NAME, NAME_command or `register`
    "Find": ("list", "search", "show", "files", "license"),
    "Get": ("fetch", "import", "extract"),
    "Use": ("path", "images", "counts", "overlap", "report", "select", "split", "export"),
    "Keep": ("status", "outdated", "verify", "remove", "cache", "paths", "doctor"),
    "Share": ("push", "pull", "cite", "lock", "manifest"),
    "Contribute": ("catalog", "links"),
}
_OPTIONS = {  # what is not named says how
    "What": (
        *("--data-dir", "--catalog", "--all", "--fetched", "--survey", "--published", "--by"),
        *("--at", "--with", "--within", "--min-verdict", "--pairs", "--with-pictures", "--slice"),
        *("--site", "--for"),
        *("--modality", "--has", "--license", "--license-allows", "--access", "--fetchable"),
        *("--finding", "--covid", "--view", "--sex", "--age", "--allow-unknown-license"),
        *("--where", "--one-per", "--distinct", "--of", "--include", "--exclude", "--sample"),
        "--locked",
        *("--from", "--older-than", "--archives", "--indexes", "--features", "--overlap"),
    ),
    "How": (),
    "Network": (
        *("--mirror", "--offline", "--jobs", "--retries", "--timeout", "--limit-rate"),
        *("--allow-private", "--by-file"),
    ),
    "Output": (
        *("--format", "--output", "--as", "--columns", "--paths", "--null", "--list", "--open"),
        "--pictures",
        *("--progress", "--json", "--color", "--quiet", "--verbose"),
    ),
    "Help": ("--help", "--version", "--install-completion", "--show-completion"),
}
_SECTION = {name: title for title, names in _OPTIONS.items() for name in names}


def name_of(option: Any) -> str:
    """Return how an option is typed: `-m, --modality WORD`."""
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    return f"{names} {option.metavar}" if option.metavar else names


def default_of(parameter: Any) -> str:
    """Return what holds where nothing is said; nothing for a switch or where there is none."""
    default = parameter.default
    is_switch = getattr(parameter, "is_flag", False) or getattr(parameter, "count", False)
    if is_switch or default is None or callable(default) or default in ((), []):
        return ""
    return str(default)


def bounds_of(parameter: Any) -> str:
    """Return the limits of a number as words."""
    low, high = parameter.min, parameter.max
    if getattr(parameter, "count", False) or (low is None and high is None):
        return ""
    if high is None:
        return f"from {low}"
    return f"{low} to {high}" if low is not None else f"at most {high}"


def purpose_of(command: Any) -> str:
    """Return the first paragraph of a command's help, on one line."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


class Grouped:
    """Writes the second half of --help, of a command and of a group of commands."""

    def format_options(self: Any, ctx: Any, formatter: Any) -> None:
        """Write commands, arguments, and options by what they are for."""
        if hasattr(self, "commands"):
            self.format_commands(ctx, formatter)
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        sections |= {title: [] for title in _OPTIONS}
        for one in self.get_params(ctx):
            if not one.hidden:
                is_option = one.param_type_name == "option"
                section = _SECTION.get(max(one.opts, key=len), "How") if is_option else "Arguments"
                name = name_of(one) if is_option else one.metavar or one.name.upper()
                sections[section].append((name, _meaning(one)))
        for title, rows in sections.items():
            if rows:
                _write(formatter, title, rows)

    def format_commands(self: Any, ctx: Any, formatter: Any) -> None:
        """Write each command with its purpose, by what a person wants to do."""
        groups = COMMANDS if ctx.parent is None else {"Commands": tuple(self.commands)}
        for title, names in groups.items():
            rows = [
                (name, purpose_of(self.commands[name]))
                for one in names
                for name in self.commands
                if name == one or name.startswith(f"{one} ")
            ]
            if rows:
                _write(formatter, title, rows)


def _write(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    """Write one group; on a terminal its title and the names in it stand out."""
    if has_color(sys.stdout):
        title, rows = bold(title), [(bold(name, CYAN), meaning) for name, meaning in rows]
    with formatter.section(title):
        formatter.write_dl(rows)


class Command(Plain, Grouped, TyperCommand):
    """A command whose options come in groups."""


def _meaning(parameter: Any) -> str:
    default = default_of(parameter)
    notes = [f"default: {default}" if default else "", bounds_of(parameter)]
    notes += [f"env: {parameter.envvar}" if parameter.envvar else ""]
    said = "; ".join(filter(None, notes))
    return f"{parameter.help or ''}  [{said}]" if said else parameter.help or ""
