"""One table with the whole path and the sha256 of each picture, for whatever reads a table."""

from collections.abc import Iterator

from covcat.catalog.columns import Record
from covcat.export.training.laying import Laying, TrainingForm
from covcat.imaging.cohort_files import write_table


def write(laying: Laying) -> None:
    """Write a row a picture; the pictures stay where they are."""
    columns = ("file", "mask_file", *laying.columns)
    write_table(laying.folder / "pictures.csv", columns, _rows(laying))


def _rows(laying: Laying) -> Iterator[Record]:
    for _, pictures in laying.sides():
        for one in pictures:
            folder = one.part.folder.absolute()
            mask = None if one.mask is None else str(folder / one.mask.path)
            laying.advance(one.record)
            own = {"file": str(folder / "files" / str(one.record["path"])), "mask_file": mask}
            yield {**own, **one.record, "split": one.side}


FORM = TrainingForm(write, "pictures and volumes", ways=("links",), has_files=False)
