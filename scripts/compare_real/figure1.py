"""Figure 1: README.md of agchung/Figure1-COVID-chestxray-dataset."""

import io

import expected as ex
import pandas as pd
from expected import Expected
from releases import Place, Release


def archive(place: Place) -> tuple[Release, Expected]:
    """The whole set as GitHub packs it."""
    path, contents = place.archive("figure1-95bb569e.zip")
    table = contents["metadata.csv"]
    if table != place.table("figure1-metadata.csv").read_bytes():
        raise RuntimeError("figure1-metadata.csv is another table than the archive's")
    cells = pd.read_csv(io.BytesIO(table), dtype=str, keep_default_na=False, encoding="cp1252")
    origin = ex.same("offset sex age finding survival view modality")
    origin |= {"patient_id": "patientid", "clinical_notes": "notes"}
    origin |= {"other_notes": "artifacts/distortion"}
    values = ex.rows_of("figure1", cells, origin)
    # A letter at the end counts the images of one patient: sex and age agree, notes say "1 day
    # apart", "3 days after", "a year earlier".
    values["patient_id"] = values["patient_id"].str.replace("[a-z]$", "", regex=True)
    pictures = {ex.stem(one): one for one in contents if one.startswith("images/")}
    names = cells["patientid"].to_list()
    ex.say_pictures(values, "figure1", [pictures.get(name, "") for name in names], names)
    values["label_source"] = "metadata.csv"
    ex.say_license(values, "LicenseRef-research-only", "", ex.NOTHING)
    ex.say_bytes(values, contents)
    return Release("figure1", "2020-05-08", path), Expected(values, cells, origin)
