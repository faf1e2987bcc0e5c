"""--help: in groups, whole, and no wider than the terminal."""

import re

import pytest
from typer.main import get_command

from covcat.cli import help, main


def everything() -> dict:
    root = get_command(main.app())
    found = {"": root, **root.commands}
    for name, group in root.commands.items():
        found |= {f"{name} {one}": its for one, its in getattr(group, "commands", {}).items()}
    return found


ALL = everything()


@pytest.mark.parametrize("name", ALL)
def test_help_fits_80_columns_with_every_text_whole_and_no_name_of_a_python_type(
    name: str, covcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = covcat(*name.split(), "--help").out
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"<(list|str|int|float)|\b(TEXT|INTEGER|FLOAT|BOOLEAN)\b|[<>]=", text)
    said = " ".join(text.split())
    command = ALL[name]
    texts = [one.help or "" for one in command.params if not one.hidden]
    texts += [help.purpose_of(one) for one in getattr(command, "commands", {}).values()]
    assert [one for one in texts if " ".join(one.split()) not in said] == []


def test_commands_and_options_come_in_groups(covcat) -> None:
    heads = re.findall(r"^(\w+):$", covcat("--help").out, re.M)
    assert heads[:6] == ["Find", "Get", "Use", "Keep", "Share", "Contribute"]
    assert heads[6:] == ["What", "How", "Network", "Output", "Help"]
    fetch = covcat("fetch", "--help").out
    assert re.findall(r"^(\w+):$", fetch, re.M)[1:] == ["What", "How", "Network", "Output", "Help"]
    network = fetch.partition("\nNetwork:\n")[2].partition("\n\n")[0]
    assert "--limit-rate SIZE" in network
    assert "[default: 5; 0 to 1000; env: COVCAT_RETRIES]" in " ".join(network.split())
    assert "--format" not in network
    assert "Commands:\n  list " in covcat("cache", "--help").out
