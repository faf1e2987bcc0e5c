"""What is right for a table: one row for each record that covcat should give."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd
import rules

COLUMNS = (
    *("path", "matched", "modality", "view", "finding", "finding_raw", "covid", "patient_id"),
    *("offset", "sex", "age", "survival", "icu", "intubated", "date", "location", "filename"),
    *("doi", "url", "license", "license_spdx", "allows_commercial", "allows_derivatives"),
    *("allows_redistribution", "clinical_notes", "other_notes", "mask_path", "split"),
    *("label_source", "sha256", "bytes"),
)
USES = ("allows_commercial", "allows_derivatives", "allows_redistribution")
NOTHING = ("unknown", "unknown", "unknown")  # is known of what a licence allows
UNCOMPARED = None  # a value of which this check has no opinion
TEXTS = ("location", "clinical_notes", "other_notes", "doi", "filename", "license")
ANSWERS = ("survival", "icu", "intubated")
RULES: Mapping[str, Callable[[str], str]] = {
    "view": rules.view,
    "modality": rules.modality,
    "sex": rules.sex,
    "age": rules.age,
    "offset": rules.offset,
    "date": rules.date,
    "finding": rules.finding,
    "url": rules.url,
    **dict.fromkeys(TEXTS, rules.text),
    **dict.fromkeys(ANSWERS, rules.answer),
}


@dataclass(frozen=True)
class Expected:
    """The right rows: `values` in our columns, and `cells` as the source has them beside these."""

    values: pd.DataFrame
    cells: pd.DataFrame
    origin: dict[str, str]  # our column: the source's, for messages
    key: tuple[str, ...] = ("image_id",)


def same(names: str) -> dict[str, str]:
    """Say that columns are called as ours."""
    return {name: name for name in names.split()}


def blank(index: Iterable[object]) -> pd.DataFrame:
    """Give rows of which nothing is known."""
    values = pd.DataFrame("", index=index, columns=["image_id", *COLUMNS], dtype=object)
    values["covid"] = "unknown"
    values[["sha256", "bytes"]] = UNCOMPARED
    say_license(values, "", "", NOTHING)
    return values


def rows_of(resource: str, cells: pd.DataFrame, origin: dict[str, str]) -> pd.DataFrame:
    """Derive our columns from a table's own, by the rules; what it does not have is blank."""
    values = blank(cells.index)
    for ours, theirs in origin.items():
        if ours in RULES:
            values[ours] = [RULES[ours](cell) for cell in cells[theirs]]
    if "finding" in origin:
        values["finding_raw"] = cells[origin["finding"]].str.strip()
        values["covid"] = [rules.covid(cell) for cell in cells[origin["finding"]]]
    values["patient_id"] = [rules.patient(resource, cell) for cell in cells[origin["patient_id"]]]
    return values


def say_license(values: pd.DataFrame, text: str, spdx: str, allows: tuple[str, ...]) -> None:
    """Say the one licence of a whole set of every row."""
    values["license"], values["license_spdx"] = text, spdx
    values[[*USES]] = allows


def say_each_license(values: pd.DataFrame) -> None:
    """Say what the licence in each row allows."""
    values["license_spdx"] = [rules.spdx(text) for text in values["license"]]
    values[[*USES]] = [rules.allows(text) for text in values["license"]]


def say_pictures(values: pd.DataFrame, resource: str, paths: list[str], names: list[str]) -> None:
    """Give each row its picture: a path, or the name in its table where no picture is here."""
    values["path"] = paths
    values["matched"] = ["both" if path else "label only" for path in paths]
    values["image_id"] = [
        f"{resource}:{path or name}" for path, name in zip(paths, names, strict=True)
    ]


def say_bytes(values: pd.DataFrame, contents: dict[str, bytes]) -> None:
    """Give each picture that is in a real archive its size and digest."""
    here = [contents.get(path) for path in values["path"]]
    values["bytes"] = ["" if one is None else str(len(one)) for one in here]
    values["sha256"] = ["" if one is None else hashlib.sha256(one).hexdigest() for one in here]


def stem(path: str) -> str:
    """Return a name without its folder and its last suffix."""
    return PurePosixPath(path).stem
