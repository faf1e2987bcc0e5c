"""POCUS: data/README.md of jannisborn/covid19_ultrasound; only data/ is the release."""

import expected as ex
import pandas as pd
import rules
from expected import Expected
from releases import Place, Release

COMMENTS = ["Comments first medical doctor (MD1)", "MD2", "MD3", "Comments from web site"]


def listed(place: Place) -> tuple[Release, Expected]:
    """The hosted part by its listing: names without suffix, a licence for each row."""
    table = place.table("pocus-529c06a6-dataset_metadata.csv")
    name = "data/dataset_metadata.csv"
    files = [path for path in place.listing("pocus-529c06a6") if path.startswith("data/")]
    release = place.made("pocus", "2022-04-13", files, {name: table.read_bytes()})
    cells = pd.read_csv(table, dtype=str, keep_default_na=False, index_col=False)
    origin = {"patient_id": "Patient ID / Name", "sex": "Gender", "age": "Age", "doi": "DOI"}
    origin |= {"finding": "Label", "view": "Probe", "filename": "Filename", "license": "License"}
    origin |= {"other_notes": "ChangesMade", "url": "URL (Video Name)"}
    values = ex.rows_of("pocus", cells, origin)
    values["modality"], values["label_source"] = "ultrasound", name
    shown = ("data/pocus_images/", "data/pocus_videos/")
    pictures = {ex.stem(path): path for path in files if path.startswith(shown)}
    names = cells["Filename"].to_list()
    ex.say_pictures(values, "pocus", [pictures.get(one, "") for one in names], names)
    texts = cells[COMMENTS].map(rules.text)
    values["clinical_notes"] = [next(filter(None, row), "") for row in texts.to_numpy()]
    ex.say_each_license(values)
    return release, Expected(values, cells, origin)
