"""What is missing: cells of the labels, files, and rows or tables that found no place."""

from collections.abc import Sequence
from dataclasses import dataclass

from covcat.imaging.query import Gone
from covcat.report.holdings import Holding
from covcat.report.scope import Scope
from covcat.store.folder import Store

LABELS = (  # columns of which a blank is told
    *("modality", "view", "finding", "patient_id", "sex", "age", "offset", "date", "survival"),
    *("icu", "intubated", "severity", "pcr", "temperature", "po2"),
    *("location", "license", "split", "mask_path"),
)


@dataclass(frozen=True, slots=True)
class Blank:
    """How many rows of a release are blank in each column."""

    name: str  # ID@RELEASE
    rows: int
    blank: dict[str, int]

    def percent(self, column: str) -> str:
        """Return how many of a hundred rows are blank; only none is 0, and only all are 100."""
        number = 100 * self.blank[column] / (self.rows or 1)
        return f"{number:.0f}" if number in (0, 100) else f"{min(max(number, 0.1), 99.9):.1f}"


@dataclass(frozen=True, slots=True)
class Lack:
    """What of a release is not as its source has it."""

    name: str
    what: str
    number: int
    examples: tuple[str, ...] = ()


_NAMED = 5


def count_blanks(scope: Scope) -> list[Blank]:
    """Count the blank cells of labels; rows are those of labels and of pictures without."""
    cells = ", ".join(f"count(*) - count(nullif({one}, '')) AS {one}" for one in LABELS)
    found = []
    for part in scope.parts:
        text = f"SELECT count(*) AS n, {cells} FROM images WHERE"  # noqa: S608 -- our own columns
        (row,) = scope.of_part(part, text)
        blank = {one: int(row[one] or 0) for one in LABELS}
        found.append(Blank(part.name, int(row["n"] or 0), blank))
    return found


def find_lacks(scope: Scope, holdings: Sequence[Holding], store: Store) -> list[Lack]:
    """Return what is missing of files and labels, and what could not be read or understood."""
    found = list[Lack]()
    for one in holdings:
        part, record = one.part, one.record
        report, gone = part.index.report, Gone(store.folder)
        gone.look(part.index, scope.question)
        away = sorted(gone.paths.get(part.name, ()))
        terms = tuple(f"{raw} ({count:,})" for raw, count in report.without_term.items())
        told = [
            ("files that its record says are missing", len(record.missing), record.missing),
            ("pictures that are gone from the disk, or of another size", len(away), away),
            ("rows of labels without their picture", report.label_only, report.unmatched),
            ("of these, rows that could mean several pictures", report.ambiguous, ()),
            ("joins of rows that contradict each other", report.conflicts, report.conflicting),
            ("pictures without labels", report.image_only, ()),
            ("image files that cannot be read", report.unreadable, report.unread),
            ("label tables that are not here", len(report.absent), report.absent),
            ("label tables that were changed since", len(report.altered), report.altered),
            ("things its entry names and no table has", len(report.lacking), report.lacking),
            ("findings that the vocabulary does not have", len(terms), terms),
        ]
        found += [
            Lack(part.name, what, number, tuple(examples[:_NAMED]))
            for what, number, examples in told
            if number
        ]
    return found
