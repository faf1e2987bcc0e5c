"""A scope -> all that a page tells of it, as plain nouns; its template counts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from covcat.catalog.entries import USES
from covcat.progress import Progress
from covcat.report import lacking, tallies, terms
from covcat.report.associations import Association, find_associations
from covcat.report.holdings import Holding, holdings_of
from covcat.report.lacking import LABELS, Blank, Lack
from covcat.report.rendering import render
from covcat.report.scope import Scope
from covcat.report.shared import Overlaps, find_shared
from covcat.report.sheets import Sheets, make_sheets
from covcat.report.tallies import Crossed, PerPatient, Shapes, Tally
from covcat.report.terms import LicenceRow, Work
from covcat.report.warnings import Facts, Warned, find_warnings
from covcat.store.folder import Store
from covcat.store.manifest import now


@dataclass(frozen=True, slots=True)
class Waits:
    """What waits for the rest of its release."""

    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the command line knows and a page tells."""

    command: str  # as it was typed
    data_dir: Path
    told: Mapping[str, Mapping[str, object]]  # what `status` tells, by ID@RELEASE
    left_out: Mapping[str, str]  # releases that cannot be read, and why
    a_group: int | None = None  # pictures of one finding and view
    is_own: bool = False  # pictures whatever their licence says


@dataclass(frozen=True, slots=True)
class Page:
    """All that a page tells."""

    asked: PageRequest
    scope: Scope
    made_at: str
    holdings: Sequence[Holding]
    waiting: Sequence[Waits]
    free_bytes: int
    tallies: Sequence[Tally]
    crossed: Crossed
    per_patient: Sequence[PerPatient]
    classes: Tally | None  # of patients, by their pictures
    shapes: Shapes
    sheets: Sheets
    blanks: Sequence[Blank]
    lacks: Sequence[Lack]
    overlaps: Overlaps
    associations: Sequence[Association]
    warnings: Sequence[Warned]
    licences: Sequence[LicenceRow]
    works: Sequence[Work]


SECTIONS = {  # by the id of each, in the order of the page
    "here": "Releases",
    "warnings": "Warnings",
    "pictures": "Pictures and patients",
    "sheets": "Contact sheets",
    "associations": "What labels follow",
    "missing": "What is missing",
    "overlap": "The same picture",
    "cite": "How to cite",
    "licences": "Licences",
    "made": "How this page was made",
}


def gather(scope: Scope, store: Store, asked: PageRequest, progress: Progress) -> Page:
    """Ask each room for what it knows of a scope."""
    holdings = holdings_of(scope.parts, asked.told)
    overlaps = find_shared(scope, holdings, progress, is_own=asked.is_own)
    associations = find_associations(scope)
    per_patient = tallies.count_per_patient(scope)
    return Page(
        asked=asked,
        scope=scope,
        made_at=now(),
        holdings=holdings,
        waiting=[Waits(name, len(sizes), sum(sizes)) for name, sizes in store.waiting()],
        free_bytes=store.free_bytes(),
        tallies=tallies.tally_all(scope),
        crossed=tallies.cross(scope, "finding", "view"),
        per_patient=per_patient,
        classes=tallies.classes_of_patients(per_patient),
        shapes=tallies.count_shapes(scope),
        sheets=make_sheets(scope, progress, a_group=asked.a_group, is_own=asked.is_own),
        blanks=lacking.count_blanks(scope),
        lacks=lacking.find_lacks(scope, holdings, store),
        overlaps=overlaps,
        associations=associations,
        warnings=find_warnings(Facts(scope, holdings, overlaps, associations)),
        licences=terms.count_licences(scope),
        works=terms.works_of(holdings),
    )


def to_html(page: Page) -> str:
    """Return a page as HTML."""
    strengths = [
        {"attribute": one.attribute, "label": one.label, "cases": one.cases}
        | {key: f"{getattr(one.strength, key):.2f}" for key in ("value", "low", "high")}
        for one in page.associations
    ]
    return render(
        "report.html", page=page, sections=SECTIONS, labels=LABELS, uses=USES, strengths=strengths
    )
