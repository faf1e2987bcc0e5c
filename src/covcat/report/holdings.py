"""What is here of each release, for the first table of a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from covcat.catalog.entries import USES
from covcat.imaging.cohort import IndexedRelease
from covcat.store.manifest import Manifest, load, sha256_of


@dataclass(frozen=True, slots=True)
class Holding:
    """One release that is here."""

    part: IndexedRelease
    record: Manifest
    told: Mapping[str, object]  # as `status` tells it: state, files, bytes, verified_by, verdict …
    manifest_sha256: str

    @property
    def name(self) -> str:
        """ID@RELEASE."""
        return self.part.name

    @property
    def verified(self) -> str:
        """Say when and how it was last verified; what it came with was proven when it came."""
        if not (last := self.told.get("verified_at")):
            return "never since it came"
        how = {"ok": "every file hashed", "ok (quick)": "sizes and times only"}
        verdict = str(self.told.get("verdict"))
        return f"{str(last)[:10]}: {how.get(verdict, verdict)}"

    @property
    def allowed(self) -> str:
        """Say which uses its licence allows."""
        told = {use: getattr(self.record.license.allows, use) for use in USES}
        return "; ".join(f"{use}: {word}" for use, word in told.items())


def holdings_of(
    parts: Sequence[IndexedRelease], told: Mapping[str, Mapping[str, object]]
) -> list[Holding]:
    """Return what is here of each release; `told` is what `status` tells, by ID@RELEASE."""
    return [Holding(one, load(one.folder), told[one.name], sha256_of(one.folder)) for one in parts]
