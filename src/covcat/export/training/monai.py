"""Lists as `monai.data.load_decathlon_datalist` reads them, beside the pictures.

datalist.json labels each picture with the numbers of its findings, segmentation.json those that
have a mask with that. Where there is no mask and polygons are drawn, a mask is made of them, whose
values `labels` names; a box shows where something is, and not its shape, and makes none.
"""

from typing import Any

from covcat.catalog.outlines import Outline
from covcat.export.training.laying import LaidPicture, Laying, TrainingForm
from covcat.export.training.masks import draw_mask

_KEYS = {"train": "training", "val": "validation", "test": "test"}


def write(laying: Laying) -> None:
    """Lay all pictures, then their masks, and write the lists."""
    classes = laying.classes()
    numbers = {name: number for number, name in enumerate(classes)}
    head = {"labels": {str(number): name for number, name in enumerate(classes)}}
    labelled: dict[str, Any] = dict(head)
    drawn = {f"{home} {each.name}" for one in laying.pictures for home, each in _polygons(one)}
    values = {name: number for number, name in enumerate(sorted(drawn), 1)}
    masked: dict[str, Any] = {}
    for side, pictures in laying.sides():
        labelled[_KEYS[side]] = []
        for one in pictures:
            image = f"{side}/{one.name}"
            laying.lay(one, image)
            found = [numbers[term] for term in one.findings]
            labelled[_KEYS[side]].append({**_cells(one), "image": image, "label": found})
            if (mask := _lay_mask(laying, one, values)) is not None:
                row = {**_cells(one), "image": image, "label": mask}
                masked.setdefault(_KEYS[side], []).append(row)
    laying.write_json("datalist.json", labelled)
    if masked:
        head = {"labels": {"0": "background", **{str(n): name for name, n in values.items()}}}
        laying.write_json("segmentation.json", {**(head if values else {}), **masked})


def _polygons(picture: LaidPicture) -> list[tuple[str, Outline]]:
    """Return what a mask is made of."""
    if picture.mask is not None or not all(picture.size):
        return []
    return [(home, one) for home, one in picture.outlines if one.paths]


def _lay_mask(laying: Laying, one: LaidPicture, values: dict[str, int]) -> str | None:
    """Lay the mask of a picture, or make one of its polygons; return where it is."""
    if one.mask is not None:
        place = f"{one.side}_masks/{one.mask_name}"
        laying.lay_mask(one, place)
        return place
    numbered = [(values[f"{home} {each.name}"], each) for home, each in _polygons(one)]
    data = draw_mask(numbered, one.size) if numbered else None
    if data is None:
        return None
    place = f"{one.side}_outlines/{one.name}.png"
    laying.write(place, data)
    return place


def _cells(picture: LaidPicture) -> dict[str, Any]:
    """Return all columns, blanks too: MONAI stacks rows into batches only if all have the same."""
    return {**picture.record, "finding": picture.findings}


FORM = TrainingForm(write, "pictures and volumes", draws=True)
