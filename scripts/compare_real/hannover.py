"""Hannover: readme.md of ml-workgroup/covid-19-image-repository."""

import io

import expected as ex
import pandas as pd
import rules
from expected import UNCOMPARED, Expected
from releases import Place, Release, first_release


def archive(place: Place) -> tuple[Release, Expected]:
    """The whole set as GitHub packs it."""
    path, contents = place.archive("hannover-ad7ab099.zip")
    cells = pd.read_csv(io.BytesIO(contents["data.csv"]), dtype=str, keep_default_na=False)
    origin = {"patient_id": "patient_id", "view": "projection", "offset": "admission_offset"}
    origin |= ex.same("sex age modality")
    values = ex.rows_of("hannover", cells, origin)
    # "an admission offset == -4 … would encode, that the patient was admitted to the hospital four
    # days ago": ours counts the days since admission, so the sign turns.
    values["offset"] = [rules.offset(str(-int(cell))) for cell in cells["admission_offset"]]
    values["icu"] = cells["icu_admission_offset"].map(lambda cell: "yes" if cell else "")
    values["survival"] = cells["death_offset"].map(lambda cell: "no" if cell else "")
    origin |= {"icu": "icu_admission_offset", "survival": "death_offset"}
    values["finding"], values["covid"] = "COVID-19", "yes"  # a "data set of COVID-19 cases"
    names = cells["image_id"].to_list()
    paths = [film if (film := f"png/{name}.png") in contents else "" for name in names]
    ex.say_pictures(values, "hannover", paths, names)
    values["label_source"] = "data.csv"
    values[["finding_raw", "filename", "location", "other_notes"]] = UNCOMPARED
    ex.say_license(values, "CC-BY-3.0", "CC-BY-3.0", ("yes", "yes", "yes"))
    ex.say_bytes(values, contents)
    return Release("hannover", first_release("hannover"), path), Expected(values, cells, origin)
