"""Folders with a metadata.csv each, as `load_dataset("imagefolder", data_dir=FOLDER)` reads them.

Pictures are numbered: a source's own folder called `test`, in the name of a picture in train, would
be taken for the side. The loader guesses the type of each column from each metadata.csv alone, and
refuses sides that differ: a text that is blank on all of one side is a number there. Such columns
are in pictures.csv only, which has all of them.
"""

from collections.abc import Iterable, Mapping

from covcat.catalog.columns import COLUMNS as EVERY
from covcat.catalog.columns import Record, Value
from covcat.export.training.laying import LaidPicture, Laying, TrainingForm, suffix_of
from covcat.imaging.cohort_files import write_table

# https://huggingface.co/docs/datasets/image_dataset; those of Pillow that an index may have
_READ = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".tif", ".tiff", ".bmp", ".webp", ".jp2")
_MASK = "mask_file_name"  # a second picture of the row, by the loader's rule for names of columns
_NUMBERS = {one.name for one in EVERY if one.type != "text"}
_BLANK = ("", "n/a", "na", "nan", "null", "none", "<na>", "#n/a", "#na")  # to pandas, in any case


def write(laying: Laying) -> None:
    """Lay each side in a folder of its own."""
    rows = {side: _laid(laying, side, pictures) for side, pictures in laying.sides()}
    columns, as_decimals = _alike(rows, ("file_name", _MASK, *laying.columns))
    for side, some in rows.items():
        records = (
            {name: _spelt(one[name], name in as_decimals) for name in columns} for one in some
        )
        write_table(laying.folder / side / "metadata.csv", columns, records)
    every = (
        {**one, "file": f"{side}/{one['file_name']}"} for side, some in rows.items() for one in some
    )
    write_table(laying.folder / "pictures.csv", ("file", *laying.columns), every)


def _laid(laying: Laying, side: str, pictures: list[LaidPicture]) -> list[Record]:
    """Lay the pictures of a side; return the rows of its table."""
    rows: list[Record] = []
    for number, one in enumerate(pictures):
        name, mask = f"{number:08d}{suffix_of(str(one.record['path']))}", None
        laying.lay(one, f"{side}/{name}")
        if one.mask is not None:
            mask = f"masks/{number:08d}{suffix_of(one.mask.path)}"
            laying.lay_mask(one, f"{side}/{mask}")
        rows.append({"file_name": name, _MASK: mask, **one.record})
    return rows


def _alike(
    rows: Mapping[str, list[Record]], columns: Iterable[str]
) -> tuple[tuple[str, ...], set[str]]:
    """Return the columns that are of one type on every side, and those to be written as decimals.

    A mask that nobody has is no column: the loader would look for a picture.
    """
    kept, decimals = [], set()
    for name in columns:
        kinds = {_kind([one[name] for one in some]) for some in rows.values()}
        if name in _NUMBERS and kinds == {"whole", "decimal"}:
            decimals.add(name)
            kinds = {"decimal"}
        if len(kinds) == 1 and (name != _MASK or kinds == {"text"}):
            kept.append(name)
    return tuple(kept), decimals


def _kind(values: list[Value]) -> str:
    """Return what pandas makes of a column: a blank among whole numbers makes all decimals."""
    texts = ["" if one is None else str(one) for one in values]
    known = [one for one in texts if one.strip().lower() not in _BLANK]
    try:
        numbers = [float(one) for one in known]
    except ValueError:
        return "text"
    is_plain = len(known) == len(texts) and not any("." in one for one in known)
    return "whole" if is_plain and all(one.is_integer() for one in numbers) else "decimal"


def _spelt(value: Value, is_decimal: bool) -> Value:
    return float(value) if is_decimal and value is not None else value


def _reads(picture: LaidPicture) -> bool:
    return suffix_of(str(picture.record["path"])) in _READ


FORM = TrainingForm(write, "pictures that Pillow reads, no volumes and no clips", _reads)
