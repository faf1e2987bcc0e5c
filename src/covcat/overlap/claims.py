"""What the catalog says that sets contain of each other -> beside what was found. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from covcat.catalog.load import Catalog
from covcat.overlap.matrix import Shared

Status = Literal["agreed", "not found", "found, not claimed", "not judged"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Two sets of which one is said to be in the other, or was found there."""

    a: str  # ID@RELEASE
    b: str
    status: Status
    shared: int  # pictures that were found in both
    claimed: str = ""  # the evidence, as the catalog has it
    reason: str = ""  # why it is not judged

    @property
    def is_different(self) -> bool:
        """Tell if the catalog says something else than what was found."""
        return self.status in ("not found", "found, not claimed")


def compare_claims(
    catalog: Catalog, shared: Iterable[Shared], partial: Mapping[str, str]
) -> list[Claim]:
    """Compare, for each two sets of the catalog; `partial` says of which not all is here, and why.

    What was found is always told; that nothing was found is judged only between whole sets.
    """
    evidence = {
        (one.id, part.resource): part.evidence for one in catalog.resources for part in one.contains
    }
    found: list[Claim] = []
    for one in shared:
        a, b = one.a.partition("@")[0], one.b.partition("@")[0]
        if a == b or "@" not in one.a or "@" not in one.b:
            continue
        claimed = evidence.get((a, b)) or evidence.get((b, a)) or ""
        why = "; ".join(f"{name}: {partial[name]}" for name in (one.a, one.b) if name in partial)
        if not claimed and not one.shared:
            continue
        status: Status = "found, not claimed" if not claimed else "agreed"
        if not one.shared:
            status = "not judged" if why else "not found"
        found.append(Claim(one.a, one.b, status, one.shared, claimed, why))
    return found
