"""COVIDx: docs/COVIDx.md and docs/covidnet_severity.md of lindawangg/COVID-Net."""

import io
from pathlib import PurePosixPath

import expected as ex
import pandas as pd
from expected import Expected
from releases import Place, Release

CLASSES = ("normal", "pneumonia", "COVID-19", "negative", "positive", "level1", "level2")
SCORES = "annotations/severity_annotations.csv"


def archive(place: Place) -> tuple[Release, Expected]:
    """All lists of labels and the scores of severity; the pictures are in other sets."""
    path, contents = place.archive("covidnet-65999806.zip")
    lists = [one for one in contents if one.startswith("labels/") and one.endswith(".txt")]
    read = [_list(one, contents[one].decode()) for one in lists]
    read.append(_scores(contents[SCORES]))
    values = pd.concat([rows for rows, _ in read], ignore_index=True)
    cells = pd.concat([one for _, one in read], ignore_index=True).fillna("")
    ex.say_pictures(values, "covid-net", [""] * len(values), values["filename"].to_list())
    values["modality"] = "xray"  # license stays blank: no source states that of a picture here
    origin = {"patient_id": "patientid", "finding": "class"} | ex.same("view sex age location")
    right = Expected(values, cells, origin, key=("image_id", "label_source"))
    return Release("covid-net", "2022-02-17", path), right


def _list(path: str, text: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read `patientid filename class [source]`; some ids have a space in them."""
    rows = []
    for line in text.splitlines():
        words = line.split(" ")
        source = "" if words[-1] in CLASSES else words.pop()
        *patient, filename, kind = words
        if kind not in CLASSES or not patient:
            raise RuntimeError(f"{path}: not a line of COVIDx: {line!r}")
        rows.append((" ".join(patient), filename, kind, source))
    cells = pd.DataFrame(rows, columns=["patientid", "filename", "class", "source"])
    origin = {"patient_id": "patientid", "filename": "filename", "other_notes": "source"}
    if "COVIDxSev" in path:
        # "a new airspace severity grading dataset for COVID-19 positive patients": the class is
        # that grade, and no finding; as it is of the finding, it is the raw one.
        values = ex.rows_of("covid-net", cells, origin)
        values["finding"], values["covid"] = "COVID-19", "yes"
        values["finding_raw"] = cells["class"]
    else:
        values = ex.rows_of("covid-net", cells, origin | {"finding": "class"})
    values["split"], values["label_source"] = PurePosixPath(path).name.partition("_")[0], path
    return values, cells


def _scores(table: bytes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the scores; pandas wrote them, and a missing cell is `nan`."""
    cells = pd.read_csv(io.BytesIO(table), dtype=str, keep_default_na=False)
    origin = ex.same("sex age finding view location filename")
    origin |= {"patient_id": "patientid", "other_notes": "dataset"}
    values = ex.rows_of("covid-net", cells, origin)
    values["label_source"] = SCORES
    return values, cells
