"""COCO's JSON: one of findings as labels of whole pictures, one of boxes and masks where there are.

annotations/labels_SIDE.json has an annotation for each finding, without a box: nobody drew one.
annotations/instances_SIDE.json has the pictures with a mask, and of each value in it the box, the
area and the mask itself as COCO's uncompressed run lengths.
"""

from typing import Any

from covcat.export.training.laying import Laying, Picture, TrainingForm
from covcat.export.training.masks import Region, regions_of

_Tree = dict[str, Any]


def write(laying: Laying) -> None:
    """Lay the pictures in a folder for each side, and write what is known of them."""
    classes = laying.classes()
    numbers = {name: number for number, name in enumerate(classes, 1)}
    drawn = _regions(laying)
    kinds = sorted({(one.home, region.value) for one, found in drawn for region in found})
    masks = {kind: number for number, kind in enumerate(kinds, 1)}
    for side, pictures in laying.sides():
        for one in pictures:
            laying.lay(one, f"{side}/{one.name}")
        ids = {id(one): number for number, one in enumerate(pictures, 1)}
        labels = [
            {"image_id": ids[id(one)], "category_id": numbers[term]}
            for one in pictures
            for term in one.findings
        ]
        categories = [{"id": n, "name": name} for name, n in numbers.items()]
        tree = _tree(pictures, ids, labels, categories, "finding")
        laying.write_json(f"annotations/labels_{side}.json", tree)
        there = [(one, found) for one, found in drawn if one.side == side]
        if there:
            boxes = [
                {"image_id": ids[id(one)], "category_id": masks[one.home, each.value], **_box(each)}
                for one, found in there
                for each in found
            ]
            named = [{"id": n, "name": f"{home} mask {v}"} for (home, v), n in masks.items()]
            tree = _tree([one for one, _ in there], ids, boxes, named, "mask")
            laying.write_json(f"annotations/instances_{side}.json", tree)


def _regions(laying: Laying) -> list[tuple[Picture, list[Region]]]:
    """Return the pictures whose mask could be decoded, each with what it has."""
    found = []
    for one in laying.pictures:
        if one.mask is not None:
            size = (int(one.record["width"] or 0), int(one.record["height"] or 0))
            regions = regions_of(laying.read_mask(one), size)
            if regions is None:
                laying.unread.append(one.mask_name)
            else:
                found.append((one, regions))
    return found


def _box(region: Region) -> _Tree:
    return {
        "bbox": region.box,
        "area": region.area,
        "iscrowd": 0,
        "segmentation": {"size": region.size, "counts": region.counts},
    }


def _tree(
    pictures: list[Picture],
    ids: dict[int, int],
    annotations: list[_Tree],
    categories: list[_Tree],
    above: str,
) -> _Tree:
    """Return a document; `file_name` is below the folder of the side."""
    images = [
        {
            **one.cells(),
            "id": ids[id(one)],
            "file_name": one.name,
            "width": one.record["width"],
            "height": one.record["height"],
        }
        for one in pictures
    ]
    return {
        "info": {"description": "made by covcat; licences are in LICENSES.txt"},
        "images": images,
        "annotations": [{"id": n, **each} for n, each in enumerate(annotations, 1)],
        "categories": [{**each, "supercategory": above} for each in categories],
    }


def _reads(picture: Picture) -> bool:
    record = picture.record
    return bool(record["width"] and record["height"]) and record["slices"] in (None, 1)


FORM = TrainingForm(write, _reads, "pictures of a known width and height, no volumes")
