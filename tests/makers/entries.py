"""Entries of a catalog, made in memory."""

from typing import Any

from covcat.catalog.entries import Resource
from covcat.catalog.load import build_trusted

FLAGS = dict.fromkeys(("ct", "xray", "mri", "ultrasound", "metadata", "case_review"), "N")
ALLOWS = dict.fromkeys(("commercial", "derivatives", "redistribution"), "unknown")


def release(*served: dict[str, str], id: str = "1", **more: Any) -> dict[str, Any]:
    return {"id": id, "source": "made up", "files": list(served), **more}


def resource(*releases: dict[str, Any], id: str = "set", **more: Any) -> Resource:
    entry = {
        "id": id,
        "title": "A set",
        "organization": "Us",
        "summary": "Made up.",
        "homepage": "https://example.org",
        "homepage_source": "made up",
        "found": {**FLAGS, "source": "made up"},
        "license": {"spdx": "CC0-1.0", "allows": ALLOWS, "source": "made up"},
        "access": "open",
        "releases": list(releases),
    }
    return build_trusted(entry | more)
