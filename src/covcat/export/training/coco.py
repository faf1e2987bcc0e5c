"""COCO's JSON: one of findings as labels of whole pictures, one of boxes and masks where there are.

annotations/labels_SIDE.json has an annotation for each finding, without a box: nobody drew one.
annotations/instances_SIDE.json has the pictures with a mask or with outlines: of each value in a
mask the box, the area and the mask itself as COCO's uncompressed run lengths; of each polygon the
same with its points; of each box no more than that.
"""

from typing import Any

from covcat.catalog.outlines import Outline
from covcat.export.training.laying import LaidPicture, Laying, TrainingForm
from covcat.export.training.masks import Region, filled, region_of, regions_of

_Tree = dict[str, Any]
_Kind = tuple[str, str]  # a category: its name, and what it is a kind of


def write(laying: Laying) -> None:
    """Lay the pictures in a folder for each side, and write what is known of them."""
    classes = laying.classes()
    numbers = {name: number for number, name in enumerate(classes, 1)}
    drawn = _instances(laying)
    kinds = sorted({kind for _, found in drawn for kind, _ in found})
    instances = {kind: number for number, kind in enumerate(kinds, 1)}
    for side, pictures in laying.sides():
        for one in pictures:
            laying.lay(one, f"{side}/{one.name}")
        ids = {id(one): number for number, one in enumerate(pictures, 1)}
        labels = [
            {"image_id": ids[id(one)], "category_id": numbers[term]}
            for one in pictures
            for term in one.findings
        ]
        tree = _tree(pictures, ids, labels, {(name, "finding"): n for name, n in numbers.items()})
        laying.write_json(f"annotations/labels_{side}.json", tree)
        there = [(one, found) for one, found in drawn if one.side == side]
        if there:
            boxes = [
                {"image_id": ids[id(one)], "category_id": instances[kind], **each}
                for one, found in there
                for kind, each in found
            ]
            tree = _tree([one for one, _ in there], ids, boxes, instances)
            laying.write_json(f"annotations/instances_{side}.json", tree)


def _instances(laying: Laying) -> list[tuple[LaidPicture, list[tuple[_Kind, _Tree]]]]:
    """Return the pictures that have a mask which could be decoded, or outlines."""
    found = []
    for one in laying.pictures:
        outlines = [
            ((f"{home} {each.name}", "outline"), _outlined(each, one.size))
            for home, each in one.outlines
        ]
        regions = regions_of(laying.read_mask(one), one.size) if one.mask is not None else []
        if regions is None:
            laying.unread.append(one.mask_name)
        masks = [((f"{one.home} mask {each.value}", "mask"), _box(each)) for each in regions or ()]
        if outlines or (one.mask is not None and regions is not None):
            found.append((one, masks + outlines))
    return found


def _box(region: Region) -> _Tree:
    return {
        "bbox": region.box,
        "area": region.area,
        "iscrowd": 0,
        "segmentation": {"size": region.size, "counts": region.counts},
    }


def _outlined(one: Outline, size: tuple[int, int]) -> _Tree:
    """Return a polygon by its points; one of several paths may have holes, which run lengths can.

    A box has no segmentation, which is an empty list, as COCO's users write it.
    """
    if len(one.paths) > 1 and (inside := filled(one, size)).any():
        return _box(region_of(inside, 1))
    points = [list(path) for path in one.paths]
    return {"bbox": list(one.box), "area": one.area, "iscrowd": 0, "segmentation": points}


def _tree(
    pictures: list[LaidPicture],
    ids: dict[int, int],
    annotations: list[_Tree],
    categories: dict[_Kind, int],
) -> _Tree:
    """Return a document; `file_name` is below the folder of the side."""
    images = [
        {
            **one.cells(),
            "id": ids[id(one)],
            "file_name": one.name,
            "width": one.size[0],
            "height": one.size[1],
        }
        for one in pictures
    ]
    return {
        "info": {"description": "made by covcat; licences are in LICENSES.txt"},
        "images": images,
        "annotations": [{"id": n, **each} for n, each in enumerate(annotations, 1)],
        "categories": [
            {"id": n, "name": name, "supercategory": above}
            for (name, above), n in categories.items()
        ],
    }


def _reads(picture: LaidPicture) -> bool:
    record = picture.record
    return bool(record["width"] and record["height"]) and record["slices"] in (None, 1)


FORM = TrainingForm(write, "pictures of a known width and height, no volumes", _reads, draws=True)
