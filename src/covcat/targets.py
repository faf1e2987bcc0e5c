"""Where a user's own file may go: outside of what covcat vouches for."""

import os
from pathlib import Path

from covcat.errors import UsageError
from covcat.files import disk_errors
from covcat.store import MANIFEST, PRIVATE, SUMS

OTHER = "give another --output"


def demand_outside(data: Path, target: Path, hint: str = OTHER) -> None:
    """Refuse a target that would change what is in a data folder, or a release anywhere.

    Raises:
        UsageError: it would be a part of a release, or be taken for one.
    """
    with disk_errors(f"look at `{target}`"):
        top = Path(os.path.realpath(data))
        beside = Path(os.path.realpath(target.absolute().parent)) / target.name
        for place in (beside, Path(os.path.realpath(target))):
            if wrong := _wrong(top, place):
                raise UsageError(f"`{target}` {wrong}", hint=hint)


def _wrong(data: Path, place: Path) -> str:
    """Say why a place, free of links and of `..`, is none for a file of a user's own."""
    if place.is_relative_to(data / PRIVATE):
        return f"is inside covcat's own folder `{data / PRIVATE}`"
    for folder in place.parents:
        is_ours = folder.parents[1:2] == (data,)
        if os.path.lexists(folder / MANIFEST) and (is_ours or os.path.lexists(folder / SUMS)):
            name = f"{folder.parent.name}@{folder.name}"
            return f"is inside the release `{name}`" + ("" if is_ours else f" (`{folder}`)")
    if place.name == MANIFEST and place.parents[2:3] == (data,):
        return "would be taken for the record of a release"
    return ""
