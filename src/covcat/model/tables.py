"""How the catalog describes label tables: which file, which reader, which column is which."""

from dataclasses import dataclass
from typing import Literal

from covcat.model.licences import Disputed
from covcat.model.marks import ReleaseId, Strict, Text

Reader = Literal["delimited", "sheet", "darwin", "covidx", "names", "dicom", "nifti"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures(Strict):
    """Which files of a release are its images: globs of paths below files/."""

    include: tuple[str, ...] = ()  # none means all that have the suffix of an image
    exclude: tuple[str, ...] = ()  # masks, figures of the documentation


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTable(Strict):
    """One table of labels, or what stands for one: file names, headers of the images."""

    reader: Reader
    path: Text  # glob below files/: of the table; of `names`, `dicom`, `nifti`: of the images
    source: Text  # where its columns and quirks are described
    releases: tuple[ReleaseId, ...] = ()  # that have it in this form; none means all
    columns: dict[str, Text] | None = None  # ours: theirs; `a | b` is the first that is there
    constants: dict[str, Text] | None = None  # ours: the raw value that all rows have
    values: dict[str, dict[str, str]] | None = None  # ours: {their word: a word of the vocabulary}
    offset_from: Literal["image"] | None = None  # -4: the event was 4 days before the image
    extract: dict[str, Text] | None = None  # ours: `column: regular expression with one group`
    optional: tuple[Text, ...] = ()  # ours: labels whose columns not every release has
    image: Text | None = None  # path of the image with {their column}s; `a | b` are tried in turn
    match: Literal["path", "name", "stem", "fold"] = "path"  # what of the path has to agree
    mask: Text | None = None  # path of the mask, with {path}, {name}, {stem} of the image; `a | b`
    license: Literal["unknown"] | None = None  # of pictures that the set's own does not cover
    disputed: tuple[Disputed, ...] = ()  # rows whose stated licence others contradict
    adds: Literal["yes"] | None = None  # fills blanks of what other tables say; makes no rows
    encoding: Text | None = None  # default utf-8
    delimiter: Text | None = None  # default `,`; `tab` and `space` by name
    quote: Literal["none"] | None = None  # of a table in which `"` is a letter like any other
    comment: Text | None = None  # lines that start with it come before the header
    header: tuple[str, ...] = ()  # of a table that has none
    sheet: Text | None = None  # of a workbook; default the first
    pattern: Text | None = None  # `names`: regular expression over the path, groups are columns
    dates: Literal["mdy", "dmy", "ymd"] | None = None  # order of 1/2/2020; else it stays blank
