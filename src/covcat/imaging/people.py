"""Which cells of a row name a person: these are never shown."""

import json
import re

# What names a person, in DICOM's keywords and in the headers of tables, as letters alone.
_OF_PEOPLE = re.compile(
    r"(?:names?|dob|ssn|mrn)$(?<!filename)(?<!imagename)(?<!protocolname)|"
    r"birth|address|phone|email|physician|doctor|operator|radiologist|accession|"
    r"personname|patientname|responsibleperson|mother"
)


def names_people(column: str) -> bool:
    """Tell if a column or a DICOM keyword is that names a person, or where they were."""
    return bool(_OF_PEOPLE.search(re.sub(r"[^a-z]", "", column.casefold())))


def without_people(raw: str) -> str:
    """Return the rows of a picture as their source has them, without cells that name people."""
    rows = json.loads(raw)
    told = {
        place: {column: cell for column, cell in cells.items() if not names_people(column)}
        if isinstance(cells, dict)
        else cells
        for place, cells in rows.items()
    }
    return raw if told == rows else json.dumps(told, ensure_ascii=False)
