"""How many pictures and patients there are of each kind: what `counts` counts, side by side."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from covcat.catalog.columns import Value
from covcat.imaging.counts import Of, count_groups
from covcat.report.scope import Scope
from covcat.text import plural

UNKNOWN = "(unknown)"
_MOST = 40  # values that are told one by one
_DECADE = "CAST(age / 10 AS INTEGER) * 10"
_PUBLISHED = "Side of a published split"
KINDS = {  # title: what is counted by, a column of the index or SQL over these
    "Finding": "finding",
    "COVID-19 among the findings": "covid",
    "View": "view",
    "Modality": "modality",
    "Sex": "sex",
    "Age in years": _DECADE,
    "Source": "resource || '@' || release",
    _PUBLISHED: "split",
}


@dataclass(frozen=True, slots=True)
class TallyRow:
    """One value, and how much there is of it."""

    value: str
    images: int
    patients: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """How much there is of each value of one kind."""

    title: str
    rows: tuple[TallyRow, ...]
    note: str = ""

    @property
    def most(self) -> int:
        """Return the largest number of pictures, by which bars are drawn; 1 at least."""
        return max((one.images for one in self.rows), default=0) or 1


def tally_all(scope: Scope) -> list[Tally]:
    """Count by each kind; one of which nothing is known is left out."""
    found = [_tally(scope, title, column) for title, column in KINDS.items()]
    sides = tuple(TallyRow(*one) for one in scope.sides)
    if set(sides) - {row for one in found if one.title == _PUBLISHED for row in one.rows}:
        found.append(Tally("Side of this split", sides))
    return [one for one in found if {row.value for row in one.rows} - {UNKNOWN}]


def _tally(scope: Scope, title: str, column: str) -> Tally:
    counts: dict[Of, dict[Value, int]] = {}
    several = 0
    for unit in ("images", "patients"):
        found = count_groups(scope.indexes, (column,), unit, scope.question)
        counts[unit] = {value: number for (value,), number in found.groups}
        several = max(several, found.several)
    values = list(counts["images"])
    if column == _DECADE:
        values.sort(key=lambda one: (one is None, one or 0))
    values += [one for one in counts["patients"] if one not in counts["images"]]
    rows = [
        TallyRow(_named(column, one), counts["images"].get(one, 0), counts["patients"].get(one, 0))
        for one in values
    ]
    note = f"{plural(several, 'row')} with several findings, counted for each." if several else ""
    if len(rows) > _MOST:
        rest = rows[_MOST:]
        note += f" {len(rest):,} further values are told together; a patient may have several."
        images, patients = (sum(getattr(one, unit) for one in rest) for unit in counts)
        rows = [*rows[:_MOST], TallyRow("(others)", images, patients)]
    return Tally(title, tuple(rows), note.strip())


def _named(column: str, value: Value) -> str:
    if value is None:
        return UNKNOWN
    return f"{value} to {int(value) + 9}" if column == _DECADE else str(value)


@dataclass(frozen=True, slots=True)
class Crossed:
    """Pictures by two columns at once."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    images: Counter[tuple[str, str]]


def cross(scope: Scope, row: str, column: str) -> Crossed:
    """Count pictures by two columns of the index, in the order of the vocabulary."""
    groups = count_groups(scope.indexes, (row, column), "images", scope.question).groups
    named: Counter[tuple[str, str]] = Counter()
    for (one, other), number in groups:
        named[str(one or UNKNOWN), str(other or UNKNOWN)] += number
    across = count_groups(scope.indexes, (column,), "images", scope.question).groups
    return Crossed(
        tuple(dict.fromkeys(one for one, _ in named)),
        tuple(str(one or UNKNOWN) for (one,), _ in across),
        named,
    )


@dataclass(frozen=True, slots=True)
class PerPatient:
    """How many patients of a release have how many pictures."""

    name: str  # ID@RELEASE
    patients: int
    median: float
    most: int
    of_nobody: int  # pictures whose patient is not known
    counts: tuple[tuple[int, int], ...]  # pictures, and how many patients have so many


def count_per_patient(scope: Scope) -> list[PerPatient]:
    """Count the pictures of each patient, release by release."""
    found = []
    for part in scope.parts:
        sizes: Counter[int] = Counter()
        nobody = 0
        text = "SELECT patient_id, count(DISTINCT path) AS n FROM images WHERE path NOT NULL AND"
        for row in scope.of_part(part, text, "GROUP BY patient_id"):
            number = int(row["n"] or 0)
            if row["patient_id"] is None:
                nobody = number
            else:
                sizes[number] += 1
        found.append(
            PerPatient(
                part.name,
                sizes.total(),
                median(sizes.elements()) if sizes else 0,
                max(sizes, default=0),
                nobody,
                tuple(sorted(sizes.items())),
            )
        )
    return found


_CLASSES = (1, 2, 3, 4, 5, 10, 20, 50, 100)  # the most pictures of a patient, of each class


def classes_of_patients(per_patient: Sequence[PerPatient]) -> Tally | None:
    """Count patients by how many pictures they have; None where no patient is known."""
    images, patients = Counter[str](), Counter[str]()
    sizes = sorted(size for one in per_patient for size in one.counts)
    for number, count in sizes:
        above = next((at for at, most in enumerate(_CLASSES) if number <= most), len(_CLASSES))
        least = _CLASSES[above - 1] + 1 if above else 1
        most = _CLASSES[above] if above < len(_CLASSES) else None
        name = str(number) if least == most else f"{least} to {most}" if most else "more than 100"
        images[name] += number * count
        patients[name] += count
    rows = tuple(TallyRow(name, images[name], patients[name]) for name in patients)
    return Tally("Pictures a patient", rows) if rows else None


@dataclass(frozen=True, slots=True)
class Shapes:
    """Of which sizes, depths and formats the pictures are."""

    pictures: int
    widths: tuple[int, float, int] | None  # least, median, most, in pixels
    heights: tuple[int, float, int] | None
    kinds: tuple[Tally, ...]  # sizes, bits and formats
    volumes: int  # pictures of several slices
    slices: int  # pictures that are each one slice of a series
    series: int  # which these are


_MOST_KINDS = 10


def count_shapes(scope: Scope) -> Shapes:
    """Count sizes, depths and formats of the pictures that are here, each file once."""
    sizes: Counter[tuple[int, int]] = Counter()
    bits: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    volumes = pictures = slices = 0
    series = set[str]()
    for part in scope.parts:
        text = (
            "SELECT DISTINCT path, width, height, slices, bits, series FROM images "
            "WHERE path NOT NULL AND"
        )
        for row in scope.of_part(part, text):
            pictures += 1
            formats[format_of(str(row["path"]))] += 1
            bits[UNKNOWN if row["bits"] is None else str(row["bits"])] += 1
            if int(row["slices"] or 1) > 1:
                volumes += 1
            elif row["series"] is not None:
                slices += 1
                series.add(str(row["series"]))
            if row["width"] is not None and row["height"] is not None:
                sizes[int(row["width"]), int(row["height"])] += 1
    named = Counter({f"{width:,} x {height:,}": n for (width, height), n in sizes.items()})
    told = {"Size in pixels": named, "Bits a pixel": bits, "Format": formats}
    return Shapes(
        pictures,
        _range(sizes, 0),
        _range(sizes, 1),
        tuple(_kinds(title, counts) for title, counts in told.items() if counts),
        volumes,
        slices,
        len(series),
    )


def _kinds(title: str, counts: Counter[str]) -> Tally:
    """Return the most frequent values, and what the rest comes to."""
    rows = [TallyRow(*one) for one in counts.most_common(_MOST_KINDS)]
    if rest := len(counts) - len(rows):
        left = counts.total() - sum(one.images for one in rows)
        rows.append(TallyRow(plural(rest, "other"), left))
    return Tally(title, tuple(rows))


def format_of(path: str) -> str:
    """Return the format that the name of a picture says, such as `png` or `nii.gz`."""
    name = path.rpartition("/")[2].lower()
    stem, dot, suffix = name.removesuffix(".gz").rpartition(".")
    packed = ".gz" if name.endswith(".gz") else ""
    is_suffix = (
        bool(dot and stem) and suffix.isalnum() and len(suffix) <= 5 and not suffix.isdigit()
    )
    return f"{suffix}{packed}" if is_suffix else "(no suffix)"


def _range(sizes: Counter[tuple[int, int]], at: int) -> tuple[int, float, int] | None:
    values = [size[at] for size in sizes.elements()]
    return (min(values), median(values), max(values)) if values else None
