"""Records -> a pandas table, as `covcat.images` and the like return it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from covcat.catalog import vocabulary
from covcat.catalog.columns import COLUMNS, FOUND_COLUMNS, Record
from covcat.imaging.elsewhere import place_of
from covcat.store.folder import Store

if TYPE_CHECKING:
    from pandas import DataFrame


def table_of(records: list[Record], store: Store, columns: Sequence[str]) -> "DataFrame":
    """Make a table of image records, with the whole path of each file."""
    for record in records:
        its = place_of(record)
        path, folder = its["path"], store.release(str(its["resource"]), str(its["release"]))
        record["file"] = str(folder.absolute() / "files" / str(path)) if path else None
    return frame(records, (*columns, "file"))


def frame(records: list[Record], columns: Sequence[str], count: str = "") -> "DataFrame":
    """Make a table whose blanks are `pandas.NA`; `count` is a further column, of numbers.

    Columns that have few words are categories, of all words that they may have.
    """
    import pandas

    types = {"text": "string", "integer": "Int64", "number": "Float64"}
    every_column = (*COLUMNS, *FOUND_COLUMNS)
    known = {column.name: types[column.type] for column in every_column} | {"file": "string"}
    known |= {count: "Int64"}
    words = {column.name: column.words for column in every_column if column.words}
    for name, kind in (("view", "views"), ("split", "splits")):
        words[name] = tuple(dict.fromkeys(vocabulary.words().lists[kind].values()))
    chosen = [*columns, *([count] if count else [])]
    table = pandas.DataFrame(records, columns=chosen).astype({one: known[one] for one in chosen})
    for name in words.keys() & set(chosen):  # no value is lost, whatever the words are
        every = dict.fromkeys((*words[name], *table[name].dropna().unique()))
        table[name] = table[name].astype(pandas.CategoricalDtype([*every]))
    return table
