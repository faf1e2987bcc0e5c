"""V7: README.md of v7labs/covid-19-xray-dataset, and its Darwin annotations."""

import json
import zipfile
from typing import Any

import expected as ex
import pandas as pd
import rules
from expected import UNCOMPARED, Expected
from releases import Place, Release

TABLE, MASKS = "annotations/covid-only.zip", "annotations/all-images-semantic-masks/"


def listed(place: Place) -> tuple[Release, Expected]:
    """120 of the 517 annotations of COVID-19, masks by listing; the films are Cohen's."""
    sample = place.table("v7-covid-only-sample.zip")
    files = place.listing("v7-51fca0d0")
    release = place.made("v7", "2020-06-29", files, {TABLE: sample.read_bytes()})
    with zipfile.ZipFile(sample) as packed:
        read = {name: json.loads(packed.read(name)) for name in packed.namelist()}
    cells = pd.DataFrame([_pairs(tree) for tree in read.values()]).fillna("")
    origin = {"patient_id": "PatientID", "sex": "Sex", "age": "Age", "survival": "Survival"}
    origin |= {"icu": "ICU_admission", "intubated": "Intubation", "view": "View"}
    origin |= ex.same("location filename")
    values = ex.rows_of("v7", cells, origin)
    ex.say_pictures(values, "v7", [""] * len(cells), cells["filename"].to_list())
    words = [_words(tree) for tree in read.values()]
    values["modality"] = [
        rules.modality(next(word for word in one if word in ("X-ray", "CT"))) for one in words
    ]
    findings = ("COVID-19", "Viral Pneumonia")
    values["finding"] = ["; ".join(word for word in findings if word in one) for one in words]
    values["finding"] = values["finding"].str.replace("Pneumonia", "pneumonia")
    values["covid"] = ["yes" if "COVID-19" in one else "unknown" for one in words]
    here, names = set(files), (f"{MASKS}{ex.stem(name)}.png" for name in read)
    values["mask_path"] = [name if name in here else "" for name in names]
    values["label_source"] = TABLE
    values["finding_raw"] = UNCOMPARED  # how tags are joined
    return release, Expected(values, cells, origin)


def _words(tree: dict[str, Any]) -> list[str]:
    return [one["name"] for one in tree["annotations"] if "tag" in one]


def _pairs(tree: dict[str, Any]) -> dict[str, str]:
    """Give the tags that are pairs, `Sex/M` or `Age:55`, parted at the first sign."""
    cells = {"filename": tree["image"]["original_filename"]}
    for word in _words(tree):
        sign = next((one for one in word if one in "/:"), "")
        if sign:
            key, _, cells[key] = word.partition(sign)
    return cells
