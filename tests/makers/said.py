"""What a run of covcat told a person, and how it ended."""

from makers.runs import Ran


def check_said(ran: Ran, code: int, *texts: str) -> None:
    """A run ended with `code`, and each of the texts was among what it told."""
    assert ran.code == code, ran.err
    for text in texts:
        assert text in ran.err, ran.err
