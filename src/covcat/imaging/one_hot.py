"""Columns that each say of one finding if it is there: 1 it is, 0 it is not, else nobody says.

As CheXpert's: -1 is uncertain and blank is not mentioned, so that neither is a finding, nor none.
"""

from collections.abc import Mapping

from covcat.catalog import vocabulary
from covcat.catalog.columns import Record
from covcat.catalog.matching import column_of

_COVID = "COVID-19"


def read_one_hot(cells: Mapping[str, str], columns: Mapping[str, str]) -> Record:
    """Return what a row says of its findings; `columns` has the term that each stands for.

    COVID-19 is as its own column says. Without one it is `no` where others are found, as with the
    finding of any other table, if each of them has a term.
    """
    names = tuple(cells)
    found = {name: column_of(names, name) for name in columns}
    said = {name: cells[real] for name, real in found.items() if real is not None}
    answers = {name: vocabulary.term("answers", cell) for name, cell in said.items()}
    there = [columns[name] for name, answer in answers.items() if answer == "yes"]
    every = (one for term in there for one in term.split(vocabulary.JOINED) if one)
    terms = tuple(dict.fromkeys(every))
    of_covid = {answers.get(name, "") for name, term in columns.items() if term == _COVID}
    covid = "no" if terms and all(there) and not of_covid else "unknown"
    if len(of_covid) == 1:
        covid = of_covid.pop() or "unknown"
    raw = vocabulary.JOINED.join(f"{name}: {cell}" for name, cell in said.items() if cell.strip())
    return {
        "finding": vocabulary.JOINED.join(terms) or None,
        "finding_path": vocabulary.JOINED.join(map(vocabulary.path_of, terms)) or None,
        "finding_raw": raw or None,
        "covid": covid,
    }
