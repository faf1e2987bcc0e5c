"""Cohen et al.: README.md and SCHEMA.md of ieee8023/covid-chestxray-dataset."""

import io
from pathlib import Path

import expected as ex
import pandas as pd
from expected import Expected
from releases import Place, Release

ORIGIN = ex.same("offset sex age finding survival view modality date location filename doi license")
V01 = ORIGIN | {"patient_id": "Patientid", "url": " url"}
V01 |= {"clinical_notes": "clinical notes", "other_notes": "other notes"}
V02 = ORIGIN | {"patient_id": "patientid", "url": "url", "icu": "went_icu"}
V02 |= ex.same("intubated clinical_notes other_notes")
MASKS = "annotations/lungVAE-masks/"
SCORES = "annotations/covid-severity-scores.csv"
BOXES = "annotations/imageannotation_ai_lung_bounding_boxes.json"


def archive_01(place: Place) -> tuple[Release, Expected]:
    """Release 0.1 as GitHub packs it, 4 of its 168 files missing."""
    archive, contents = place.archive("cohen-0.1-four-files-short.zip")
    right = _right(io.BytesIO(contents["metadata.csv"]), V01, [*contents])
    ex.say_bytes(right.values, contents)
    return Release("cohen", "0.1", archive), right


def listed_01(place: Place) -> tuple[Release, Expected]:
    """Release 0.1 by its listing."""
    return _listed(place, "0.1", "cohen-v0.1", V01)


def listed_02(place: Place) -> tuple[Release, Expected]:
    """Release 0.2 by its listing."""
    return _listed(place, "0.2", "cohen-0.2", V02)


def _listed(
    place: Place, release: str, listing: str, origin: dict[str, str]
) -> tuple[Release, Expected]:
    table = place.table(f"cohen-{release}-metadata.csv")
    files = place.listing(listing)
    real = {"metadata.csv": table.read_bytes()}
    if SCORES in files:  # these two are not among the real tables: they add to no row here
        real[SCORES] = b"filename,geographic_mean,opacity_mean\n"
        real[BOXES] = b'{"images": [], "annotations": [], "categories": []}'
    made = place.made("cohen", release, files, real)
    return made, _right(table, origin, files)


def _right(table: Path | io.BytesIO, origin: dict[str, str], files: list[str]) -> Expected:
    cells = pd.read_csv(table, dtype=str, keep_default_na=False, index_col=False)
    folder = cells.get("folder", "images")
    wanted = (folder + "/" + cells["filename"]).to_list()
    rows = ex.rows_of("cohen", cells, origin)
    here = set(files)
    paths = [path if path in here else "" for path in wanted]
    ex.say_pictures(rows, "cohen", paths, cells["filename"].to_list())
    rows["label_source"] = "metadata.csv"
    ex.say_each_license(rows)
    _say_disputed(rows)
    no_row = [one for one in files if one.startswith("images/") and one not in set(wanted)]
    rest = ex.blank(range(len(cells), len(cells) + len(no_row)))
    ex.say_pictures(rest, "cohen", no_row, no_row)
    rest["matched"] = "image only"
    values = pd.concat([rows, rest])
    masks = {path: f"{MASKS}{ex.stem(path)}_mask.png" for path in values["path"] if path}
    values["mask_path"] = [
        mask if (mask := masks.get(path, "")) in here else "" for path in values["path"]
    ]
    cells = cells.reindex(range(len(values)), fill_value="")
    return Expected(values, cells, origin)


def _say_disputed(rows: pd.DataFrame) -> None:
    """Say what is sure of coronacases.org's volumes: no commercial use, and no more.

    Cohen's rows say Apache 2.0. Of the same volumes, Kaggle's card says CC BY-NC 3.0, the README of
    those who gave them to Zenodo CC BY-NC-SA, and the site's own terms were not seen (license.note
    and license.source of catalog/coronacases.yaml). The strictest counts, and it has no SPDX id.
    """
    is_theirs = rows["url"].str.contains(r"://(?:www\.)?coronacases\.org(?:/|$)")
    rows.loc[is_theirs, ["license_spdx", *ex.USES]] = ("", "no", "unknown", "unknown")
