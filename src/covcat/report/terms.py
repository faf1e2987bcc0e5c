"""Licences of the pictures, what each allows and refuses; and how to cite."""

from collections.abc import Sequence
from dataclasses import dataclass

from covcat.catalog.citations import bibtex, is_site, sentence, unique_works
from covcat.catalog.entries import USES
from covcat.imaging.cohort import IndexedRelease
from covcat.imaging.counts import count_groups
from covcat.report.holdings import Holding
from covcat.report.scope import Scope

_ALLOWS = tuple(f"allows_{use}" for use in USES)


@dataclass(frozen=True, slots=True)
class LicenceRow:
    """The pictures of a resource that have one licence."""

    resource: str
    licence: str  # as the source has it for its pictures
    images: int
    allows: tuple[str, ...]  # yes, no or unknown: of each of USES

    @property
    def refused(self) -> str:
        """Say which uses it refuses, or does not speak of."""
        told = zip(USES, self.allows, strict=True)
        return "; ".join(f"{use}: {word}" for use, word in told if word != "yes")


def count_licences(scope: Scope) -> list[LicenceRow]:
    """Count the pictures of each licence; where a row of a picture says another one, both."""
    by = ("resource", "license", *_ALLOWS)
    groups = count_groups(scope.indexes, by, "images", scope.question).groups
    return [
        LicenceRow(str(resource), str(licence or "(none stated)"), number, tuple(map(str, allows)))
        for (resource, licence, *allows), number in groups
    ]


def pictures_to_show(part: IndexedRelease, *, is_own: bool) -> set[str]:
    """Return the paths of pictures that may be in a page.

    They are in the index, and each row of theirs allows redistribution, or the page is one's own.
    """
    text = (
        "SELECT path, min(allows_redistribution IS 'yes') AS is_free FROM images "
        "WHERE path NOT NULL GROUP BY path"
    )
    return {str(row["path"]) for row in part.index.rows(text) if is_own or row["is_free"]}


@dataclass(frozen=True, slots=True)
class Work:
    """Something to cite."""

    sentence: str
    bibtex: str


def works_of(holdings: Sequence[Holding]) -> list[Work]:
    """Return what to cite, each work once; of a site, with the day on which its data came here."""
    days: dict[str, str] = {}
    for holding in holdings:
        for one in filter(is_site, holding.part.resource.citation):
            seen = holding.record.created_at[:10]
            days[str(one.fields)] = max(seen, days.get(str(one.fields), ""))
    found = []
    for one in unique_works(holding.part.resource for holding in holdings):
        day = days.get(str(one.fields))
        found.append(Work(sentence(one, day), bibtex(one, day)))
    return found
