"""Lists as `monai.data.load_decathlon_datalist` reads them, beside the pictures.

datalist.json labels each picture with the numbers of its findings, segmentation.json those that
have a mask with that.
"""

from typing import Any

from covcat.export.training.laying import Laying, Picture, TrainingForm, everything

_KEYS = {"train": "training", "val": "validation", "test": "test"}


def write(laying: Laying) -> None:
    """Lay all pictures, then their masks, and write the lists."""
    classes = laying.classes()
    numbers = {name: number for number, name in enumerate(classes)}
    head = {"labels": {str(number): name for number, name in enumerate(classes)}}
    labelled: dict[str, Any] = dict(head)
    masked: dict[str, Any] = {}
    for side, pictures in laying.sides():
        labelled[_KEYS[side]] = []
        for one in pictures:
            image = f"{side}/{one.name}"
            laying.lay(one, image)
            found = [numbers[term] for term in one.findings]
            labelled[_KEYS[side]].append({**_cells(one), "image": image, "label": found})
            if one.mask is not None:
                mask = f"{side}_masks/{one.mask_name}"
                laying.lay_mask(one, mask)
                row = {**_cells(one), "image": image, "label": mask}
                masked.setdefault(_KEYS[side], []).append(row)
    laying.write_json("datalist.json", labelled)
    if masked:
        laying.write_json("segmentation.json", masked)


def _cells(picture: Picture) -> dict[str, Any]:
    """Return all columns, blanks too: MONAI stacks rows into batches only if all have the same."""
    return {**picture.record, "finding": picture.findings}


FORM = TrainingForm(write, everything, "pictures and volumes")
