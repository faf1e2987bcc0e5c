"""Polygons and boxes in what is exported: V7's on a film of Cohen's, a film with boxes of its own.

Shapes are those of 1676192.json in V7's covid-only.zip and of the boxes in Cohen's collection.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from makers.archives import zip_of
from makers.laid import lay
from makers.releases import Shelf
from makers.runs import Ran
from makers.tables import coco, darwin

from covcat.catalog import load

BOXES = "annotations/imageannotation_ai_lung_bounding_boxes.json"
LEFT = [[1, 1], [4, 1], [4, 5], [1, 5]]  # of a film of 8 x 6 pixels
RING = [[0, 0], [7, 0], [7, 5], [0, 5]]


def film(width: int = 8, height: int = 6) -> bytes:
    picture = np.random.default_rng(width).integers(0, 255, (height, width), dtype=np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def polygon(name: str, *paths: list[list[float]]) -> dict[str, Any]:
    first, *more = [[{"x": x, "y": y} for x, y in path] for path in paths]
    return {"name": name, "polygon": {"path": first, "additional_paths": more}}


def annotation(film: str, *drawn: dict[str, Any], size: tuple[int, int] = (8, 6)) -> bytes:
    width, height = size
    return darwin(["COVID-19"], 0, drawn, original_filename=film, width=width, height=height)


def put_cohen() -> None:
    rows = "".join(f"{n},COVID-19,images,{name}.png\n" for n, name in enumerate("abcd"))
    files = {
        "metadata.csv": f"patientid,finding,folder,filename\n{rows}".encode(),
        BOXES: coco({"b.png": [[1, 2, 3, 4], [8, 0, 1, 1]]}),  # the second one is beside it
        **{f"images/{name}.png": film() for name in "abc"},
        "images/d.png": film(16, 12),
    }
    lay(load.load(()).find("cohen@2020-06-22"), files)


@pytest.fixture
def sets() -> None:
    put_cohen()
    drawn = {
        "1.json": annotation(
            "a.png", polygon("Lung", LEFT), polygon("Ignore", [[2, 2], [3, 2], [3, 3], [2, 3]])
        ),
        "2.json": annotation("c.png", polygon("Lung", RING, [[2, 2], [5, 2], [5, 4], [2, 4]])),
        "3.json": annotation("d.png", polygon("Lung", LEFT)),
        "4.json": annotation("not-here.png", polygon("Lung", LEFT)),
        "5.json": annotation("a.png", {"name": "Lung", "polygon": {"path": "damaged"}}),
    }
    lay(load.load(()).find("v7"), {"annotations/covid-only.zip": zip_of(drawn)})


Run = Callable[..., Ran]


def instances(folder: str = "new") -> dict[str, Any]:
    return json.loads(Path(folder, "annotations/instances_train.json").read_text())


def by_film(tree: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    names = {one["id"]: one["name"] for one in tree["categories"]}
    films = {one["id"]: one["file_name"] for one in tree["images"]}
    return {
        (films[one["image_id"]].rpartition("/")[2], names[one["category_id"]]): one
        for one in tree["annotations"]
    }


def test_coco_has_polygons_by_their_points_and_boxes_without_a_segmentation(
    covcat: Run, sets: None
) -> None:
    ran = covcat("export", "new", "cohen", "v7", "--for", "coco")
    assert ran.code == 0, ran.err
    found = by_film(instances())
    assert sorted(found) == [
        *(("a.png", "v7 Ignore"), ("a.png", "v7 Lung"), ("b.png", "cohen Right Lung")),
        *(("c.png", "v7 Lung"), ("d.png", "v7 Lung")),
    ]
    drawn = found["a.png", "v7 Lung"]
    assert (drawn["bbox"], drawn["area"], drawn["iscrowd"]) == ([1, 1, 3, 4], 12, 0)
    assert drawn["segmentation"] == [[1, 1, 4, 1, 4, 5, 1, 5]]
    box = found["b.png", "cohen Right Lung"]
    assert (box["bbox"], box["area"], box["segmentation"]) == ([1, 2, 3, 4], 12, [])


def test_a_polygon_with_a_hole_has_run_lengths(covcat: Run, sets: None) -> None:
    covcat("export", "new", "cohen", "v7", "--for", "coco")
    ring = by_film(instances())["c.png", "v7 Lung"]
    assert ring["segmentation"]["size"] == [6, 8]
    counts = ring["segmentation"]["counts"]
    assert sum(counts) == 48
    assert ring["area"] == sum(counts[1::2]) == 7 * 5 - 3 * 2
    assert ring["bbox"] == [0, 0, 7, 5]


def test_what_was_drawn_on_another_size_is_stretched_and_all_that_is_left_out_is_told(
    covcat: Run, sets: None
) -> None:
    ran = covcat("export", "new", "cohen", "v7", "--for", "coco")
    assert by_film(instances())["d.png", "v7 Lung"]["bbox"] == [2, 2, 6, 8]
    assert "note: 1 picture of another size than the mask, or than what was drawn on" in ran.err
    assert "note: 1 row with outlines of pictures that are not exported" in ran.err  # 4.json
    beside = "`Left Lung beside cohen/images/b.png`"
    assert f"warning: 1 outline left out, no polygon and no box on its picture: {beside}" in ran.err
    assert "1 outline could not be read: `Lung of annotations/covid-only.zip#5.json`" in ran.err


def test_what_a_set_has_drawn_is_there_only_if_that_set_is_named_and_its_terms_come_along(
    covcat: Run, sets: None
) -> None:
    covcat("export", "new", "cohen", "v7", "--for", "coco")
    assert "v7 as a whole: CC-BY-4.0" in Path("new/LICENSES.txt").read_text()
    assert "v7labs2020covid" in Path("new/CITATION.bib").read_text()
    covcat("export", "alone", "cohen", "--for", "coco")
    assert {name for _, name in by_film(instances("alone"))} == {"cohen Right Lung"}
    assert "v7 as a whole" not in Path("alone/LICENSES.txt").read_text()


def test_monai_gets_a_mask_of_polygons_and_none_of_boxes(covcat: Run, sets: None) -> None:
    ran = covcat("export", "new", "cohen", "v7", "--for", "monai")
    assert ran.code == 0, ran.err
    tree = json.loads(Path("new/segmentation.json").read_text())
    assert tree["labels"] == {"0": "background", "1": "v7 Ignore", "2": "v7 Lung"}
    masks = {Path(one["image"]).name: Path("new", one["label"]) for one in tree["training"]}
    assert sorted(masks) == ["a.png", "c.png", "d.png"]
    first, ring, large = (cv2.imread(str(masks[name]), -1) for name in sorted(masks))
    assert first.shape == (6, 8)
    assert {int(value) for value in np.unique(first)} == {0, 1, 2}
    assert (first[2, 2], first[1, 1], first[0, 0]) == (1, 2, 0)  # the small one is above
    assert (ring[3, 3], ring[1, 1], ring[0, 0]) == (0, 2, 2)
    assert np.count_nonzero(first == 2) == 12 - 1
    assert large.shape == (12, 16)


def test_a_mask_that_is_made_never_writes_through_a_link_to_one_that_was_fetched(
    covcat: Run, shelf: Shelf
) -> None:
    entry = """\
releases:
  - id: "1"
    source: made up
    files: [{host: web, name: a.zip, url: "https://data.example.org/a.zip", unpack: zip}]
tables:
  - {reader: darwin, path: "*.json", source: made up, columns: {finding: tags},
     image: "{filename}", mask: "{mask}"}
pictures: {include: ["?.png"]}
"""
    shelf.add("set", entry)
    square = polygon("Lung", LEFT)
    of_a = darwin(["mask/b.png.png"], 0, original_filename="a.png", width=8, height=6)
    files = {"a.png": film(), "b.png": film(), "b.png.png": film(9), "1.json": of_a}
    files |= {"2.json": annotation("b.png", square)}
    folder = lay(load.load((shelf.folder,)).find("set@1"), files)
    ran = covcat("export", "new", "set", "--for", "monai")
    assert ran.code == 0, ran.err
    assert {name: (folder / "files" / name).read_bytes() for name in files} == files
    masks = json.loads(Path("new/segmentation.json").read_text())["training"]
    assert len({one["label"] for one in masks}) == 2


def test_a_csv_has_what_is_drawn_and_where_it_is(covcat: Run, sets: None) -> None:
    covcat("export", "new", "cohen", "--for", "csv")
    header, *rows = Path("new/pictures.csv").read_text().splitlines()
    assert {"mask_fits", "outlines", "outlines_path", "outlines_fit"} <= set(header.split(","))
    assert sum(f"{BOXES}#1" in row for row in rows) == 1


def test_annotations_that_changed_since_they_were_fetched_are_refused(
    covcat: Run, sets: None
) -> None:
    covcat("counts")
    place = Path("covcat-data/cohen/2020-06-22/files", BOXES)
    place.write_bytes(place.read_bytes().replace(b"Right", b"right"))
    ran = covcat("export", "new", "cohen", "--for", "coco")
    assert (ran.code, Path("new").exists()) == (5, False)
    assert f"`{BOXES}` of cohen@2020-06-22 is not as it was fetched" in ran.err


@pytest.mark.parametrize("names", [("v7",), ("v7", "cohen"), ("cohen", "v7")])
def test_annotations_with_found_films_have_what_they_draw_once(
    covcat: Run, sets: None, names: tuple[str, ...]
) -> None:
    ran = covcat("export", "new", *names, "--found", "--for", "coco")
    assert ran.code == 0, ran.err
    drawn = [name for name in by_film(instances()) if name[1].startswith("v7")]
    assert sorted(drawn) == [
        *(("a.png", "v7 Ignore"), ("a.png", "v7 Lung"), ("c.png", "v7 Lung"), ("d.png", "v7 Lung"))
    ]
    assert len(instances()["annotations"]) == 4 + ("cohen" in names)
