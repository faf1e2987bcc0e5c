"""Plain values are what typer makes of them, without its way there."""

from typing import Any

import typer

from covcat.cli.main import app
from covcat.errors import CovcatError

WORDS = ("a", "1", "0.5", "", "-", "a/../b", "true", "\udcff", "5-95")
WHOLE = ("0", "16", "64", "65", "1000", "1001", "999999999", "9" * 5000, "-1", "+5", "007")
ODD = (" 5", "1_000", "٣", "1e3", "5\n", "16.0")


def outcome(reader: Any, value: Any, option: Any, context: Any) -> Any:
    """Return what a value is read as, with its class, or the class of its error."""
    try:
        value = reader.coerce(value, param=option, ctx=context)
    except (typer.BadParameter, CovcatError) as error:
        return type(error), str(error)
    return type(value), value


def test_each_value_of_each_option_is_what_typer_makes_of_it() -> None:
    group = typer.main.get_command(app())
    assert isinstance(group, typer.core.TyperGroup)
    seen = 0
    for command in group.commands.values():
        options = [one for one in command.params if hasattr(one, "get_runtime_param")]
        theirs = [one.get_runtime_param() for one in options]
        context = typer.Context(command, resilient_parsing=True)
        command.parse_args(context, [])
        for option, typers in zip(options, theirs, strict=True):
            ours = option.get_runtime_param()
            assert ours is not typers
            is_many = option.multiple or option.nargs == -1
            numbers = (30,) if option.type_descriptor.annotation is float else ()
            for value in (
                None,
                *numbers,
                *([[word, word] for word in WORDS] if is_many else (*WORDS, *WHOLE, *ODD)),
            ):
                both = [outcome(one, value, option, context) for one in (typers, ours)]
                assert both[0] == both[1], (command.name, option.name, value)
                seen += 1
    assert seen > 1000
