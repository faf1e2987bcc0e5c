"""What is drawn on pictures: polygons as V7 has them, boxes as Cohen's collection has them.

Shapes are taken from 1676192.json of V7's covid-only.zip, from an export of Darwin's format 2, and
from annotations/imageannotation_ai_lung_bounding_boxes.json of Cohen's collection.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from makers.archives import zip_of
from makers.laid import lay
from makers.runs import Covcat
from makers.tables import coco, darwin, png, source_of
from test_real_data import REAL, needs_real

from covcat.catalog import load
from covcat.catalog.entries import LabelTable
from covcat.catalog.outlines import Outlined, make_box, make_polygon
from covcat.errors import IntegrityError
from covcat.imaging import readers
from covcat.imaging.readers.base import ReleaseFiles

SQUARE = [0, 0, 4, 0, 4, 2, 0, 2]
V7 = REAL / "tables/v7-covid-only-sample.zip"


def drawn(folder: Path, data: bytes, reader: str) -> list[Outlined]:
    table = LabelTable(reader=reader, path="a.json", source="made up")
    rows = readers.read_rows(table, source_of(folder, {"a.json": data}))
    return [row.outlined for row in rows if row.outlined is not None]


def points(path: list[float]) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in zip(path[::2], path[1::2], strict=True)]


def lung(polygon: dict[str, Any], name: str = "Lung") -> dict[str, Any]:
    return {"name": name, "polygon": polygon}


@pytest.mark.parametrize(
    ("paths", "expected"),  # box and area, by Gauss's formula
    [
        ([SQUARE], ((0, 0, 4, 2), 8)),
        ([[1.5, 0, 3.5, 0, 1.5, 4]], ((1.5, 0, 2, 4), 4)),
        ([[0, 2, 4, 2, 4, 0, 0, 0]], ((0, 0, 4, 2), 8)),  # the other way round
        ([SQUARE, [5, 5, 9, 5, 9, 9]], ((0, 0, 9, 9), 8)),
        ([], None),
        ([[]], None),
        ([[0, 0, 4, 0]], None),
        ([[0, 0, 4, 0, 8, 0]], None),  # a line has no inside
        ([[0, 0, 4, 0, 4]], None),
        ([[0, 0, 4, None, 4, 2]], None),
        ([[0, 0, 4, True, 4, 2]], None),
        ([[0, 0, 4, "2", 4, 2]], None),
        ([[0, 0, 4, float("nan"), 4, 2]], None),
        ([[0, 0, float("inf"), 0, 4, 2]], None),
        ([[0, 0, 1e300, 0, 4, 2]], None),
        ([[0, 0, 10**400, 0, 4, 2]], None),
        ([SQUARE, None], None),
        (["0 0 4 0 4 2"], None),
    ],
)
def test_a_polygon_has_a_box_and_an_area_or_is_none(paths: list[Any], expected: Any) -> None:
    made = make_polygon("Lung", paths)
    assert (made and (made.box, made.area)) == expected


@pytest.mark.parametrize(
    ("numbers", "area"),
    [
        ([213, 106, 604, 746], 450584),  # of image 5 in Cohen's file, which says this area
        ([0, 0, 0.5, 2], 1),
        ([None] * 4, None),  # image 159 there
        *(([1, 2, 3], None), ([1, 2, 3, 0], None), ([1, 2, -3, 4], None), ({}, None)),
        *((None, None), ([1, 2, 3, 1e9], None), ([1, 2, 3, "4"], None)),
    ],
)
def test_a_box_has_four_numbers_and_an_inside_or_is_none(numbers: Any, area: Any) -> None:
    made = make_box("Lung", numbers)
    assert (made and made.area) == area


def test_polygons_of_a_darwin_annotation_are_read_and_what_is_none_is_named(
    tmp_path: Path,
) -> None:
    more = [
        lung({"path": points(SQUARE), "additional_paths": [points([9, 9, 8, 9, 8, 8])]}, "Ignore"),
        {"name": "Heart", "bounding_box": {"x": 1, "y": 2, "w": 3, "h": 4}},
        lung({"path": points([1, 1, 2, 2])}, "Thin"),
        lung({"path": "damaged"}, "Text"),
        lung({}, "Empty"),
        {"name": "Tube", "line": {"path": points(SQUARE)}},
        *(None, "text", {"polygon": {"path": points([0, 0])}}),
    ]
    (one,) = drawn(tmp_path, darwin(["COVID-19"], 2, more), "darwin")
    assert (one.key, one.width, one.height) == ("", 784, 663)
    assert one.in_words == "Lung 2; Ignore 1; Heart 1"
    assert [len(each.paths) for each in one.drawn] == [1, 1, 2, 0]
    assert one.unread == ("Thin", "Text", "Empty", "Tube", "?", "?", "?")


def test_an_export_of_darwins_second_format_is_read_without_its_addresses(tmp_path: Path) -> None:
    slot = {"type": "image", "slot_name": "0", "width": 1024, "height": 900}
    slot |= {"source_files": [{"file_name": "1.jpg", "url": "https://darwin.example.org/token"}]}
    common = {"id": "5", "slot_names": ["0"]}
    tree = {
        "version": "2.0",
        "item": {"name": "1.jpg", "path": "/", "slots": [slot]},
        "annotations": [
            {**common, **lung({"paths": [points(SQUARE), points([9, 9, 8, 9, 8, 8])]})},
            {**common, "name": "View/PA", "tag": {}},
        ],
    }
    table = LabelTable(reader="darwin", path="a.json", source="made up")
    source = source_of(tmp_path, {"a.json": json.dumps(tree).encode()})
    (row,) = readers.read_rows(table, source)
    assert (row.cells["filename"], row.cells["View"], row.cells["height"]) == ("1.jpg", "PA", "900")
    assert "token" not in json.dumps(dict(row.cells))
    assert row.outlined is not None
    assert (row.outlined.in_words, row.outlined.width) == ("Lung 1", 1024)


@pytest.mark.parametrize("item", [{}, {"name": None, "slots": 5}, {"slots": [7]}])
def test_an_item_of_which_nothing_is_said_is_a_row_all_the_same(item: Any, tmp_path: Path) -> None:
    (one,) = drawn(tmp_path, json.dumps({"item": item, "annotations": []}).encode(), "darwin")
    assert (one.drawn, one.width) == ((), None)


def test_boxes_of_coco_are_read_and_what_is_none_or_of_no_image_is_named(tmp_path: Path) -> None:
    tree = json.loads(coco({"a.png": [[0, 0, 4, 2], [4, 0, 4, 2]], "b.png": [[None] * 4]}))
    run_lengths = {"size": [6, 8], "counts": [1, 3, 44]}
    tree["annotations"] += [
        {"image_id": 2, "category_id": 2, "segmentation": [SQUARE], "bbox": [0, 0, 4, 2]},
        {"image_id": 2, "category_id": 2, "segmentation": run_lengths, "bbox": [0, 0, 4, 2]},
        {"image_id": 2, "category_id": 9, "bbox": [0, 0, 4, 2]},
        {"image_id": 77, "category_id": 1, "bbox": [0, 0, 4, 2]},
        "damaged",
    ]
    tree["images"].append("damaged")
    first, second, damaged, lost = drawn(tmp_path, json.dumps(tree).encode(), "coco")
    assert (first.key, first.in_words, first.unread) == ("1", "Right Lung 1; Left Lung 1", ())
    assert (second.in_words, second.unread) == ("Left Lung 1; ? 1", ("Right Lung", "Left Lung"))
    assert [len(one.paths) for one in second.drawn] == [1, 0]
    assert (damaged.key, damaged.unread) == ("", ("?",))
    assert (lost.key, lost.unread) == ("77", ("of no image",))


def test_an_image_that_coco_lists_twice_has_what_its_first_one_has(tmp_path: Path) -> None:
    tree = json.loads(coco({"a.png": [[0, 0, 4, 2]], "b.png": [[0, 0, 4, 2]]}))
    tree["images"][1]["file_name"] = "a.png"
    first, second = drawn(tmp_path, json.dumps(tree).encode(), "coco")
    assert (first.in_words, second.in_words) == ("Right Lung 1", None)
    assert second.unread == ("Right Lung of a.png again",)


def test_a_name_that_every_image_would_repeat_is_not_of_any_length(tmp_path: Path) -> None:
    tree = json.loads(coco({"a.png": [[0, 0, 4, 2]]}))
    tree["categories"][0]["name"] = "x" * 1001
    with pytest.raises(IntegrityError, match=r"category in `a\.json` has more than 1,000 letters"):
        drawn(tmp_path, json.dumps(tree).encode(), "coco")


@pytest.mark.parametrize(
    "tree", [{}, {"images": []}, {"images": {}, "annotations": [], "categories": []}]
)
def test_a_json_that_is_no_coco_is_refused(tree: Any, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"`a\.json` is no COCO annotation: expected the list"):
        drawn(tmp_path, json.dumps(tree).encode(), "coco")


@needs_real
def test_all_real_polygons_of_v7_lie_on_their_pictures() -> None:
    table = LabelTable(reader="darwin", path=V7.name, source="made up")
    rows = readers.read_rows(table, ReleaseFiles(V7.parent, [V7.name]))
    found = [row.outlined for row in rows if row.outlined is not None]
    assert Counter(each.name for one in found for each in one.drawn) == {"Lung": 220, "Ignore": 27}
    assert not any(one.unread for one in found)
    for one in found:
        for each in one.drawn:
            x, y, width, height = each.box
            assert min(x, y) >= 0
            assert x + width <= (one.width or 0)
            assert y + height <= (one.height or 0)


# ---- in the index ------------------------------------------------------------------------------

METADATA = (
    b"patientid,finding,folder,filename,view\n1,COVID-19,images,a.png,PA\n2,SARS,images,b.png,PA\n"
)
BOXES = "annotations/imageannotation_ai_lung_bounding_boxes.json"
COLUMNS = ("outlines", "outlines_path", "outlines_fit", "mask_path", "mask_fits")


@pytest.fixture
def cohen() -> None:
    boxes = {"a.png": [[0, 0, 4, 2], [4, 0, 4, 2]], "b.png": [[None] * 4], "lost.png": []}
    files = {
        "metadata.csv": METADATA,
        BOXES: coco(boxes),
        "images/a.png": png(8, 6),
        "images/b.png": png(16, 12),
        "images/c.png": png(8, 6),
        "annotations/lungVAE-masks/a_mask.png": png(8, 6),
        "annotations/lungVAE-masks/b_mask.png": png(8, 6),
        "annotations/lungVAE-masks/c_mask.png": b"damaged",
    }
    lay(load.load(()).find("cohen@0.2"), files)


def test_rows_say_what_is_drawn_where_it_is_and_if_sizes_agree(covcat: Covcat, cohen: None) -> None:
    ran = covcat("images", "cohen", "--format", "csv", "--columns", ",".join(COLUMNS))
    masks = "annotations/lungVAE-masks"
    assert ran.out.splitlines()[1:] == [
        f"Right Lung 1; Left Lung 1,{BOXES}#1,yes,{masks}/a_mask.png,yes",
        f",,,{masks}/b_mask.png,no",
        f",,,{masks}/c_mask.png,",  # which is damaged
    ]


def test_what_cannot_be_read_and_masks_of_another_size_are_on_the_line_of_every_command(
    covcat: Covcat, cohen: None
) -> None:
    ran = covcat("counts", "cohen", "--by", "outlines")
    assert f"; 1 outline could not be read: `Right Lung of {BOXES}#2`" in ran.err
    assert "; 1 mask not of the size of the picture" in ran.err
    assert "1 further row about images that are not here" in ran.err  # lost.png


def test_show_names_masks_and_outlines_among_the_labels(covcat: Covcat, cohen: None) -> None:
    said = covcat("show", "cohen:images/a.png").out
    assert "  outlines: Right Lung 1; Left Lung 1\n  outlines_path: annotations/image" in said
    assert "  mask_path: annotations/lungVAE-masks/a_mask.png\n  mask_fits: yes\n" in said


def test_a_row_of_v7_says_in_which_json_of_the_zip_its_polygons_are(covcat: Covcat) -> None:
    packed = zip_of({"1.json": darwin(["COVID-19"], 2), "2.json": darwin(["COVID-19"])})
    lay(load.load(()).find("v7"), {"annotations/covid-only.zip": packed})
    ran = covcat("images", "v7", "--all", "--format", "csv", "--columns", ",".join(COLUMNS[:3]))
    assert ran.out.splitlines()[1:] == ["Lung 2,annotations/covid-only.zip#1.json,", ",,"]
