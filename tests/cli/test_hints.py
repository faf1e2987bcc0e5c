"""A hint is there to be copied: what a shell would read otherwise is quoted in it."""

import shlex
from pathlib import Path

import pytest

ODD = 'it\'s a "set"@1; ls $HOME'


@pytest.fixture
def odd(covcat, offered) -> Path:
    """A release, its lock, and what somebody copied into the data folder under a name of theirs."""
    assert covcat("fetch", "set").code == 0
    assert covcat("lock").code == 0
    folder = Path("covcat-data", *ODD.split("@"))
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    waiting = Path("covcat-data/.covcat/partial", ODD, "0")
    waiting.mkdir(parents=True)
    (waiting / "a.zip").write_text("x")
    return folder


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["verify", ODD], ["mv", str(Path("covcat-data", *ODD.split("@")))]),
        (["verify", ODD], ["covcat", "fetch", ODD]),
        (["remove", ODD, "--partial"], ["covcat", "remove", ODD, "--partial", "--yes"]),
        (["lock", "it's", "--check"], ["covcat", "lock", "it's"]),
        (["manifest", "export", "set", "-o", "it's.xml"], ["--output", "it's.xml"]),
        (["doctor"], ["covcat", "fetch", ODD]),
    ],
)
def test_what_is_to_be_typed_can_be_copied_into_a_shell(covcat, odd, line, words) -> None:
    ran = covcat(*line)
    assert shlex.join(words) in ran.out + ran.err


def test_a_word_of_the_vocabulary_is_one_word_of_a_hint(covcat, odd) -> None:
    ran = covcat("images", "set", "--finding", "lipoid pneumonai")
    assert shlex.join(["--finding", "Lipoid pneumonia"]) in ran.err
