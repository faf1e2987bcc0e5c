"""COVID-CT: the workbook of its COVID-19 part, which lies beside the zips of its pictures."""

from pathlib import PurePosixPath

import expected as ex
import pandas as pd
import rules
from expected import Expected
from releases import Place, Release, entry

WORKBOOK = "COVID-CT-MetaInfo.xlsx"
COLUMNS = {"patient_id": "Patient ID", "age": "Age", "sex": "Gender", "doi": "DOI"}
COLUMNS |= {"location": "Location", "clinical_notes": "Captions", "other_notes": "Severity"}
TABLE = {  # how an entry would add the workbook, while the packaged one does not
    "reader": "sheet",
    "path": WORKBOOK,
    "source": "the workbook itself: 83 of its names have no suffix",
    "columns": COLUMNS,
    "image": "{File name} | {File name}.png",
    "match": "name",
    "adds": "yes",
}


def listed(place: Place) -> tuple[Release, Expected]:
    """The 746 pictures of the two zips by listing, and the workbook, which adds to 349 of them."""
    workbook = place.table(f"covidct-{WORKBOOK}")
    beside = "Images-processed/"
    listing = (path.removeprefix(beside) for path in place.listing("covidct-images"))
    files = [path for path in listing if path.startswith(("CT_COVID/", "CT_NonCOVID/"))]
    tables = {WORKBOOK: workbook.read_bytes()}
    is_packaged = any(one["path"].endswith(WORKBOOK) for one in entry("covid-ct")["tables"])
    more = [] if is_packaged else [TABLE]
    release = place.made("covid-ct", "latest", files, tables, more)
    rows = pd.read_excel(workbook, dtype=object).fillna("").astype(str)
    rows = rows[rows["File name"] != ""]  # the last has a caption only: it is of no picture
    rows.index = pd.Index("CT_COVID/" + rows["File name"].str.removesuffix(".png") + ".png")
    cells = rows.reindex(files, fill_value="").reset_index(drop=True)
    values = ex.rows_of("covid-ct", cells, COLUMNS)
    kinds = [path.partition("/")[0].removeprefix("CT_") for path in files]
    values["finding_raw"], values["modality"] = kinds, "ct"
    values["finding"] = [rules.finding(kind) for kind in kinds]
    values["covid"] = [rules.covid(kind) for kind in kinds]
    values["filename"] = [PurePosixPath(path).name for path in files]
    ex.say_pictures(values, "covid-ct", files, files)
    added = {True: f"names: CT_*; {WORKBOOK}", False: "names: CT_*"}
    values["label_source"] = (cells["File name"] != "").map(added)
    ex.say_license(values, "LicenseRef-none-stated", "", ex.NOTHING)
    return release, Expected(values, cells, COLUMNS)
