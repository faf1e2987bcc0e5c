"""What a run of covcat told a person, how it ended, and what it recorded."""

import json
from pathlib import Path

from makers.runs import Ran


def check_said(ran: Ran, code: int, *texts: str) -> None:
    """A run ended with `code`, and each of the texts was among what it told."""
    assert ran.code == code, ran.err
    for text in texts:
        assert text in ran.err, ran.err


def record(id: str = "set") -> dict:
    """Return the manifest of the one release that is here of a resource."""
    (found,) = Path("covcat-data", id).glob("*/manifest.json")
    return json.loads(found.read_text())
