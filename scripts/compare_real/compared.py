"""Row by row: what is right beside what covcat said, and where they differ."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from expected import COLUMNS, TEXTS, Expected

WRONG = ["row", "column", "raw", "expected", "got"]
DOI = r"(?i)^(?:https?://(?:dx\.)?doi\.org/|doi:?\s*)"  # several ways to write one name
Wrong = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Compared:
    """One table: how many rows, of each column how many right of how many, and what is wrong."""

    rows: int
    columns: dict[str, tuple[int, int]]
    wrong: pd.DataFrame  # a row for each cell that differs, in the columns WRONG


def compare(right: Expected, said: pd.DataFrame) -> Compared:
    """Put each right row beside covcat's, and compare what this check has an opinion of."""
    pairs = _paired(right, said)
    both = pairs[pairs["_merge"] == "both"]
    columns, wrong = {}, [*_alone(pairs)]
    for column in COLUMNS:
        ours, theirs = f"{column}_x", f"{column}_y"
        asked = both[both[ours].notna()]
        differs = asked[_plain(column, asked[ours]) != _plain(column, asked[theirs])]
        columns[column] = (len(asked) - len(differs), len(asked))
        raw = _raw(right, column, differs["number"])
        rows = zip(differs["id"], raw, differs[ours], differs[theirs], strict=True)
        wrong += [(id_, column, cell, *values) for id_, cell, *values in rows]
    lost = list(_lost(right, both))
    columns["raw"] = (len(both) - len(lost), len(both))
    return Compared(len(pairs), columns, pd.DataFrame([*wrong, *lost], columns=WRONG))


def _paired(right: Expected, said: pd.DataFrame) -> pd.DataFrame:
    """Join by picture and, of several rows on one, in their order."""
    ids = said["image_id"].str.extract(r"^(?P<picture>.*?)(?:#(?P<nth>\d+))?$")
    if not said["image_id"].is_unique:
        raise RuntimeError("an image_id stands in several rows")
    theirs = said.assign(image_id=ids["picture"], order=ids["nth"].fillna("1").astype(int))
    theirs = theirs.sort_values("order", kind="stable")
    ours = right.values.assign(number=range(len(right.values)))
    keys = [f"key_{column}" for column in right.key]
    for table in (ours, theirs):
        table[keys] = table[list(right.key)]
        table["nth"] = table.groupby(keys).cumcount()
    pairs = ours.merge(theirs, on=[*keys, "nth"], how="outer", indicator=True)
    return pairs.rename(columns={"key_image_id": "id"})


def _alone(pairs: pd.DataFrame) -> Iterator[Wrong]:
    """Give the rows that only one of both has."""
    for _, row in pairs[pairs["_merge"] != "both"].iterrows():
        side, values = ("x", ("a row", "none"))
        if row["_merge"] == "right_only":
            side, values = ("y", ("none", "a row"))
        where = f"{row[f'matched_{side}']} of {row[f'label_source_{side}'] or 'no table'}"
        yield (row["id"], "(row)", where, *values)


def _plain(column: str, cells: pd.Series) -> pd.Series:
    """Give what has to agree: years by value, terms in any order, texts less outer spaces."""
    if column == "age":
        return pd.to_numeric(cells).fillna(-1)
    if column == "finding":
        return cells.map(lambda cell: "; ".join(sorted(cell.split("; "))))
    texts = cells.str.strip() if column in TEXTS else cells
    return texts.str.replace(DOI, "", regex=True) if column == "doi" else texts


def _raw(right: Expected, column: str, numbers: pd.Series) -> list[str]:
    """Give the source's cells behind values of ours, where they are of one column."""
    theirs = right.origin.get("finding" if column in ("finding_raw", "covid") else column)
    if theirs is None:
        return [""] * len(numbers)
    return [right.cells[theirs].iloc[int(number)] for number in numbers]


def _lost(right: Expected, both: pd.DataFrame) -> Iterator[Wrong]:
    """Give the first cell of each row of the source that `raw` does not have."""
    cells = right.cells.to_dict("records")
    for id_, number, raw in zip(both["id"], both["number"].astype(int), both["raw"], strict=True):
        kept = {cell.strip() for file in json.loads(raw or "{}").values() for cell in file.values()}
        for name, cell in cells[number].items():
            if cell.strip() and cell.strip() not in kept:
                yield id_, "raw", cell, f"{name}: {cell}", "none of its cells"
                break
