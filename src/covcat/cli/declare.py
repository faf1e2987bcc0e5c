"""How options are declared: on one line, with what completes and checks their words."""

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import typer

from covcat.cli import complete
from covcat.errors import UsageError
from covcat.setting_files import variable_of


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each group among its parameters, in the group's place.

    A group is a dataclass whose fields are options; the command gets it filled in.
    """
    signature = inspect.signature(command)
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for name, one in signature.parameters.items():
        options: Sequence[inspect.Parameter] = [one]
        if is_dataclass(one.annotation):
            groups[name] = one.annotation
            options = [*inspect.signature(groups[name]).parameters.values()]
        parameters += [option.replace(kind=option.KEYWORD_ONLY) for option in options]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{one.name: values.pop(one.name) for one in fields(group)})
        command(**values)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def one_of(name: str, words: Sequence[str]) -> dict[str, Any]:
    """Return what makes an option take these words alone and complete them; `_` may be `-`."""
    known = ", ".join(words)

    def check(value: Any) -> Any:
        for word in [value] if isinstance(value, str) else value or ():
            if word not in words and re.sub("[ _]", "-", word) not in words:
                what = "format" if name == "--format" else name
                hint = complete.meant(name, word, words)
                raise UsageError(f"unknown {what} `{word}`: expected one of {known}", hint=hint)
        return value

    return {"autocompletion": complete.one_of(*words), "callback": check}


def choice(
    words: Sequence[str],
    help: str = "",
    name: str = "--format",
    *,
    metavar: str = "WORD",
    **how: Any,
) -> Any:
    """Return an option of one command that takes one of some words."""
    return value(name, help or f"{', '.join(words)}.", metavar, **one_of(name, words), **how)


def word_of(name: str, help: str, metavar: str, words: Iterable[str]) -> Any:
    """Return an option that completes some words, and may take others: the command checks it."""
    return option(name, help, metavar, autocompletion=complete.one_of(*words))


def option(
    name: str, help: str, metavar: str | None = None, *short: str, default: Any = ..., **how: Any
) -> Any:
    """Return an option that several commands have: where it is annotated is its default."""
    return typer.Option(default, *short, name, metavar=metavar, help=help, **how)


def value(
    name: str, help: str, metavar: str | None = None, *short: str, default: Any = None, **how: Any
) -> Any:
    """Return an option of one command, in the place of its default."""
    return option(name, help, metavar, *short, default=default, **how)


def flag(name: str, help: str, *short: str) -> Any:
    """Return a switch of one command, in the place of its default."""
    return option(name, help, None, *short, default=False)


def given(name: str, help: str = "", metavar: str | None = None, *short: str, **how: Any) -> Any:
    """Return an option that the variable of its name may give too."""
    return option(name, help, metavar, *short, envvar=variable_of(name.removeprefix("--")), **how)


def new_file(help: str, metavar: str = "FILE", **how: Any) -> Any:
    """Return the option that says where to write."""
    return value("--output", help, metavar, "-o", **how)


def ids(help: str, metavar: str = "ID[@RELEASE]") -> Any:
    """Return an argument that takes what `complete.ids` completes."""
    return typer.Argument(metavar=metavar, autocompletion=complete.ids, help=help)


def ids_of(name: str, help: str) -> Any:
    """Return an option that takes the same."""
    return value(name, help, "ID[@RELEASE]", autocompletion=complete.ids)


def some_columns(name: str, help: str, **how: Any) -> Any:
    """Return an option that takes columns of the image index, with commas between them."""
    return value(name, help, "A,B,…", autocompletion=complete.columns, **how)


def a_path(text: str) -> Path:
    """Refuse the empty path: what a variable that is not set leaves is not the folder here."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


def with_folders(help: str) -> Any:
    """Return the option that takes folders of a user's own pictures."""
    return value("--with", help, "FOLDER", parser=a_path)
