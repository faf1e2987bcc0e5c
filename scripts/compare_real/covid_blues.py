"""COVID-BLUES: README.md and variable_explanations.csv of NinaWie/COVID-BLUES."""

import io

import expected as ex
import pandas as pd
from expected import UNCOMPARED, Expected
from releases import Place, Release, first_release

TABLES = ("severity.csv", "clinical_variables.csv", "variable_explanations.csv")
DAYS = [f"outcome_status_d{day}" for day in (0, 1, 3, 5, 7, 30)]  # 0 in intensive care, 3 dead


def listed(place: Place) -> tuple[Release, Expected]:
    """Clips by listing: a row of scores for each, and a row of variables for each patient."""
    files = place.listing("covidblues-1857a6fb")
    real = {name: place.table(f"covidblues-{name}").read_bytes() for name in TABLES}
    release = place.made("covid-blues", first_release("covid-blues"), files, real)
    scores, people = (
        pd.read_csv(io.BytesIO(real[name]), dtype=str, keep_default_na=False) for name in TABLES[:2]
    )
    patients = scores["video_file"].str.extract(r"^patient_(\d+)_[LR]\d(?:_\d)?$")[0]
    cells = scores.assign(patient_id=patients).merge(people, on="patient_id", how="left")
    origin = {"patient_id": "patient_id", "age": "pat_age", "clinical_notes": "comments"}
    values = ex.rows_of("covid-blues", cells, origin)
    values["sex"] = cells["pat_sex"].map({"1.0": "M", "0.0": "F"})
    values["covid"] = cells["cov_test"].map({"1": "yes", "0": "no"})
    values["finding"] = cells["cov_test"].map({"1": "COVID-19", "0": UNCOMPARED})
    states = cells[DAYS].map(lambda cell: cell.removesuffix(".0"))
    # Not by stay_icu, whose 0 and 1 nobody explains: hours of intensive care stand where it is 0.
    in_care = (states == "0").any(axis=1) | (cells["los_ICU"] != "")
    values["icu"] = in_care.map({True: "yes", False: ""})
    is_dead, is_known = (states == "3").any(axis=1), states[DAYS[-1]] != ""
    values["survival"] = is_known.map({True: "yes", False: ""}).mask(is_dead, "no")
    origin |= {"sex": "pat_sex", "covid": "cov_test", "survival": DAYS[-1], "icu": "los_ICU"}
    values["modality"], values["view"] = "ultrasound", "Convex probe"
    here, names = set(files), scores["video_file"].to_list()
    paths = [clip if (clip := f"lus_videos/{name}.mp4") in here else "" for name in names]
    ex.say_pictures(values, "covid-blues", paths, names)
    # dur_symp counts days of symptoms at inclusion: whether that is the clip's day is not said.
    values[["offset", "finding_raw", "filename", "other_notes", "location"]] = UNCOMPARED
    values["label_source"] = UNCOMPARED  # how two tables are named depends on the entry
    ex.say_license(values, "CC-BY-NC-ND-4.0", "CC-BY-NC-ND-4.0", ("no", "no", "yes"))
    return release, Expected(values, cells, origin)
