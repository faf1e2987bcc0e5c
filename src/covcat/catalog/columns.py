"""The image record: one row of the image index, one picture with its labels.

Columns 1-16 of Table 2 of Cohen et al. (arXiv:2003.11597) under their own names, with what all
other data sets need. A blank is unknown. docs/schema.md is made of this.
"""

from dataclasses import dataclass
from typing import Literal

Value = str | int | float | None
Record = dict[str, Value]
Type = Literal["text", "integer", "number"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the index; `words` are all values that it may have, where these are few."""

    name: str
    type: Type
    meaning: str
    words: tuple[str, ...] = ()


YES_NO = ("yes", "no")
FOUND_BY = ("own", "name", "stem", "same_as")
YES_NO_UNKNOWN = ("yes", "no", "unknown")

COLUMNS = (
    Column("image_id", "text", "RESOURCE:PATH, with #2, #3 … for further rows on the same picture"),
    Column("resource", "text", "id of the resource"),
    Column("release", "text", "id of the release"),
    Column("path", "text", "of the picture below files/; blank where no file is here"),
    Column("sha256", "text", "of the file"),
    Column("bytes", "integer", "size of the file"),
    Column("width", "integer", "pixels; of a volume its first axis"),
    Column("height", "integer", "pixels; of a volume its second axis"),
    Column("slices", "integer", "of a volume its third axis; of a film 1"),
    Column("bits", "integer", "per pixel and channel, as stored"),
    Column("modality", "text", "how it was taken", ("ct", "xray", "mri", "ultrasound")),
    Column("view", "text", "projection or plane, a word of the vocabulary"),
    Column("finding", "text", "terms of the vocabulary, joined by `; `"),
    Column("finding_path", "text", "the same, each below what it is a kind of: A/B/C"),
    Column("finding_raw", "text", "as the source has it, unchanged"),
    Column("covid", "text", "COVID-19 among the findings", YES_NO_UNKNOWN),
    Column("patient_id", "text", "RESOURCE:ID as the source numbers patients"),
    Column("study", "text", "the UID of DICOM; else RESOURCE:ID as the source numbers studies"),
    Column("series", "text", "the same of the series: slices of one scan have it alike"),
    Column("slice", "integer", "number of the slice in its series, or its place there"),
    Column("same_as", "text", "RESOURCE@RELEASE:PATH of the picture that stands for its copies"),
    Column("subject", "text", "who is on the picture, as far as known; never blank"),
    Column("offset", "integer", "days since the first symptoms or hospitalisation; may be < 0"),
    Column("sex", "text", "F or M", ("F", "M")),
    Column("age", "number", "years, where the source has a plain number"),
    Column("survival", "text", "did the patient survive", YES_NO),
    Column("icu", "text", "was the patient in intensive care at any time", YES_NO),
    Column("intubated", "text", "was the patient intubated at any time", YES_NO),
    Column("severity", "text", "how severe it is, on the scale of its source"),
    Column("pcr", "text", "did RT-PCR find SARS-CoV-2", YES_NO),
    Column("temperature", "number", "of the patient, degrees Celsius"),
    Column("po2", "number", "oxygen saturation of the patient, percent"),
    Column("date", "text", "of acquisition: YYYY, YYYY-MM or YYYY-MM-DD"),
    Column("location", "text", "hospital, city, country, as the source has it"),
    Column("filename", "text", "as the source's table has it"),
    Column("doi", "text", "of the paper that shows the picture"),
    Column("url", "text", "of the paper or page that shows the picture"),
    Column("license", "text", "as the source has it for this picture"),
    Column("license_spdx", "text", "the same as an SPDX id, where it is one"),
    Column("allows_commercial", "text", "what the licence lets one do", YES_NO_UNKNOWN),
    Column("allows_derivatives", "text", "what the licence lets one do", YES_NO_UNKNOWN),
    Column("allows_redistribution", "text", "what the licence lets one do", YES_NO_UNKNOWN),
    Column("clinical_notes", "text", "as the source has them"),
    Column("other_notes", "text", "credits and the like, as the source has them"),
    Column("mask_path", "text", "of a segmentation of this picture, below files/"),
    Column("mask_fits", "text", "has the mask the size of the picture", YES_NO),
    Column("outlines", "text", "polygons and boxes drawn on it: `Lung 2; Ignore 1`"),
    Column("outlines_path", "text", "of the file that has them, below files/; after # which in it"),
    Column("outlines_fit", "text", "were they drawn on a picture of that size", YES_NO),
    Column("split", "text", "train, val or test, where the source has a split"),
    Column("label_source", "text", "file below files/ that the labels come from, or the rule"),
    Column("matched", "text", "what there is of it", ("both", "label only", "image only")),
    Column("raw", "text", "all cells of the source's rows, as JSON: {file: {column: cell}}"),
)
NAMES = tuple(column.name for column in COLUMNS)
FOUND_COLUMNS = (  # with `images --found`: the picture of a row, in whatever release it lies
    Column("found_in", "text", "RESOURCE@RELEASE that has the picture"),
    Column(
        "found_by",
        "text",
        "what joins them; `own` if it is the row's own, `same_as` if it is a copy",
        FOUND_BY,
    ),
    Column("found_path", "text", "of the picture, below files/ of that release"),
    Column("found_sha256", "text", "of that file"),
    Column("found_bytes", "integer", "size of that file"),
    Column("found_license", "text", "of the picture, as that release's source has it"),
    Column("found_same_as", "text", "`same_as` of the picture there"),
)
FOUND_NAMES = tuple(column.name for column in FOUND_COLUMNS)
WITH_PICTURES = (*NAMES, "found_in", "found_by")  # of a cohort, whose rows have their pictures
LABELS = (  # what a table can say; the others follow from the files
    *("modality", "view", "finding", "patient_id", "study", "series", "slice", "offset", "sex"),
    *("age", "survival", "icu"),
    *("intubated", "date", "location", "filename", "doi", "url", "license", "clinical_notes"),
    *("other_notes", "split", "severity", "pcr", "temperature", "po2"),
)
