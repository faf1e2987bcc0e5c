"""What is exported, read by the formats' own tools: `make test-exports`, outside .ci/run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from export.test_exports import NAMES, make_release
from export.test_outlines import sets
from export.test_training import READ, divided, here, put, table
from makers.archives import tar_of

from covcat.export import json_ld
from covcat.export.bagit import bag
from covcat.progress import Silent

__all__ = ["divided", "here", "put", "sets"]  # fixtures
TOOLS = Path(os.environ.get("EXPORT_TOOLS", Path(sys.executable).parent))


def run(tool: str, *args: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        [str(TOOLS / tool), *args], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def fetched(covcat, shelf, names: tuple[str, ...], tmp_path: Path) -> Path:
    shelf.add_web("odd", "odd.tar", unpack="tar")
    archive = tmp_path / "odd.tar"
    archive.write_bytes(tar_of({name: name.encode() for name in names}))
    ran = covcat("import", "odd", str(archive))
    assert ran.code == 0, ran.err
    return tmp_path / "covcat-data" / "odd" / "1"


ODD = (
    "plain.txt",
    "a b.txt",
    "quo'te.txt",
    'dou"ble.txt',
    "blåbær 肺.png",
    "#hash&amp;.csv",
    "dir/x",
)


def test_bagit_finds_a_bag_valid(covcat, shelf, tmp_path: Path) -> None:
    fetched(covcat, shelf, ODD, tmp_path)
    assert covcat("manifest", "export", "odd", "--format", "bagit", "-o", "bag").code == 0
    assert "is valid" in run("bagit.py", "--validate", str(tmp_path / "bag"))


def test_bagit_finds_a_bag_with_line_breaks_in_names_valid(tmp_path: Path) -> None:
    names = [name for name in NAMES if "%" not in name]
    folder, manifest = make_release(tmp_path, names)
    bag(folder, manifest, tmp_path / "bag", Silent())
    assert "is valid" in run("bagit.py", "--validate", str(tmp_path / "bag"))


def test_bagit_that_decodes_percent_signs_as_the_rfc_says_finds_a_bag_valid(tmp_path: Path) -> None:
    folder, manifest = make_release(tmp_path, list(NAMES))
    bag(folder, manifest, tmp_path / "bag", Silent())
    mended = (  # https://github.com/LibraryOfCongress/bagit-python/issues/157
        "import bagit, sys; from urllib.parse import unquote; "
        "bagit._decode_filename = unquote; "
        "bagit.Bag(sys.argv[1]).validate()"
    )
    run("python", "-c", mended, str(tmp_path / "bag"))


def test_bagit_names_a_file_that_changed_in_a_bag(tmp_path: Path) -> None:
    folder, manifest = make_release(tmp_path, ["one.txt", "two.txt"])
    bag(folder, manifest, tmp_path / "bag", Silent())
    (tmp_path / "bag" / "data" / "files" / "two.txt").write_bytes(b"TWO.TXT")
    with pytest.raises(AssertionError, match=r"two\.txt"):
        run("bagit.py", "--validate", str(tmp_path / "bag"))


@pytest.mark.parametrize("most", [1_000, 2], ids=["files", "sets"])
def test_mlcroissant_finds_a_description_valid(
    covcat, shelf, tmp_path: Path, monkeypatch, most: int
) -> None:
    monkeypatch.setattr(json_ld, "MOST_FILES", most)
    folder = fetched(covcat, shelf, (*ODD, "100%.png", "%0A.png"), tmp_path)
    assert covcat("manifest", "export", "--format", "croissant", "-o", "c.json").code == 0
    shutil.copy(tmp_path / "c.json", folder / "croissant.json")
    said = run("mlcroissant", "validate", "--jsonld", "croissant.json", folder=folder)
    assert "Done." in said
    assert "not standard" not in said
    assert not re.search(r"Found the following \d+ error", said)


def test_mlcroissant_lists_the_files_of_each_set(
    covcat, shelf, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(json_ld, "MOST_FILES", 1)
    folder = fetched(covcat, shelf, ("a.png", "d/b.png", "c.csv"), tmp_path)
    assert covcat("manifest", "export", "--format", "croissant", "-o", "c.json").code == 0
    shutil.copy(tmp_path / "c.json", folder / "croissant.json")
    count = (
        "import mlcroissant as m; d = m.Dataset('croissant.json').metadata.distribution; "
        "from pathlib import Path; "
        "print(sorted({str(p) for s in d if isinstance(s, m.FileSet) "
        "for i in s.includes for p in Path().glob(i) if p.is_file()}))"
    )
    done = subprocess.run(
        [str(TOOLS / "python"), "-c", count], cwd=folder, capture_output=True, text=True
    )
    assert done.stdout == "['files/a.png', 'files/c.csv', 'files/d/b.png']\n", done.stderr


# ---- what libraries for training load ----------------------------------------------------------

# Each prints, of each side, a line for every picture: its id and findings. Nothing is on the network.
LOADERS = {
    "imagefolder": """
import datasets
loaded = datasets.load_dataset("imagefolder", data_dir="new", cache_dir="cache")
for side, rows in loaded.items():
    for row in rows:
        assert row["image"].size == (8, 6)
        say(side, row["image_id"], row["finding"].split("; ") if row["finding"] else [])
""",
    "monai": """
import json, pathlib
from monai.data import load_decathlon_datalist
keys = [one for one in json.load(open("new/datalist.json")) if one != "labels"]
labels = json.load(open("new/datalist.json"))["labels"]
for key in keys:
    for row in load_decathlon_datalist("new/datalist.json", False, key):
        assert pathlib.Path(row["image"]).is_file()
        say(key, row["image_id"], [labels[str(n)] for n in row["label"]])
masked = json.load(open("new/segmentation.json"))
for key in masked:
    for row in load_decathlon_datalist("new/segmentation.json", True, key):
        assert pathlib.Path(row["image"]).is_file() and pathlib.Path(row["label"]).is_file()
""",
    "coco": """
import contextlib, glob, pathlib, sys
from pycocotools.coco import COCO
with contextlib.redirect_stdout(sys.stderr):
    loaded = {p.stem[7:]: COCO(str(p)) for p in pathlib.Path("new/annotations").glob("labels_*")}
    (drawn,) = [COCO(str(p)) for p in pathlib.Path("new/annotations").glob("instances_*")]
for side, coco in loaded.items():
    names = {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())}
    for one in coco.loadImgs(coco.getImgIds()):
        assert pathlib.Path("new", side, one["file_name"]).is_file()
        said = coco.loadAnns(coco.getAnnIds(imgIds=[one["id"]]))
        say(side, coco.imgs[one["id"]]["image_id"], [names[a["category_id"]] for a in said])
for one in drawn.loadAnns(drawn.getAnnIds()):
    mask = drawn.annToMask(one)
    x, y, width, height = one["bbox"]
    assert mask.shape == (6, 8) and mask.sum() == one["area"]
    assert mask[y : y + height, x : x + width].sum() == one["area"]
""",
    "webdataset": """
import glob, json, webdataset
for side in ("train", "val", "test"):
    classes = open("new/classes.txt").read().splitlines()
    shards = sorted(glob.glob(f"new/{side}-*.tar"))
    for row in webdataset.WebDataset(shards, shardshuffle=False).decode("pil"):
        assert row["png"].size == (8, 6)
        cells = row["json"]
        if "cls" in row:
            assert [classes[row["cls"]]] == cells["finding"]
        say(side, cells["image_id"], cells["finding"])
""",
    "csv": """
import pandas
for row in pandas.read_csv("new/pictures.csv", keep_default_na=False).to_dict("records"):
    say(row["split"], row["image_id"], row["finding"].split("; ") if row["finding"] else [])
""",
}
SAY = """
import json
WORDS = {"training": "train", "validation": "val"}
def say(side, id, findings):
    print(json.dumps([WORDS.get(side, side), id, findings]))
"""


@pytest.mark.parametrize("form", LOADERS)
@pytest.mark.parametrize("way", ["links", "copies"])
def test_a_library_loads_all_rows_and_labels_of_a_split(
    covcat, divided: Path, tmp_path: Path, form: str, way: str
) -> None:
    other = {"csv": "copies", "webdataset": "links"}
    if other.get(form) == way:
        pytest.skip(f"{form} has no {way}")
    ran = covcat("export", "new", "--of", "split.csv", "--for", form, "--as", way)
    assert ran.code == 0, ran.err
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [str(TOOLS / "python"), "-c", SAY + LOADERS[form]],
        capture_output=True,
        text=True,
        env=os.environ | offline,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    loaded = [json.loads(line) for line in done.stdout.splitlines()]
    listed = {row["image_id"]: row for row in table(Path("split.csv"))}
    assert sorted(loaded) == sorted(
        [row["split"], id, row["finding"].split("; ") if row["finding"] else []]
        for id, row in listed.items()
    )
    sides: dict[str, set[str]] = {}
    for side, id, _ in loaded:
        sides.setdefault(listed[id]["patient_id"], set()).add(side)
    assert {len(found) for found in sides.values()} == {1}


def test_datasets_loads_a_mask_as_a_second_picture(covcat, here: Path, tmp_path: Path) -> None:
    assert covcat("export", "new", "set", "--for", "imagefolder").code == 0
    load = (
        "import datasets; d = datasets.load_dataset('imagefolder', data_dir='new', "
        "cache_dir='c')['train']; print([row['mask'].size for row in d if row['mask']])"
    )
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    line = [str(TOOLS / "python"), "-c", load]
    done = subprocess.run(line, capture_output=True, text=True, env=env, timeout=300)
    assert done.stdout == "[(8, 6)]\n", done.stderr


def test_pycocotools_fills_polygons_as_large_as_their_area_says(covcat, sets: None) -> None:
    assert covcat("export", "new", "cohen", "v7", "--for", "coco").code == 0
    load = (
        "from pycocotools.coco import COCO; c = COCO('new/annotations/instances_train.json'); "
        "print([(c.cats[a['category_id']]['name'], int(c.annToMask(a).sum()), a['area']) "
        "for a in c.anns.values() if a['segmentation']])"
    )
    line = [str(TOOLS / "python"), "-c", load]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    filled = json.loads(done.stdout.splitlines()[-1].translate(str.maketrans("()'", '[]"')))
    assert sorted(filled) == [
        *(["v7 Ignore", 1, 1.0], ["v7 Lung", 12, 12.0], ["v7 Lung", 29, 29], ["v7 Lung", 48, 48.0])
    ]


def test_every_form_is_loaded_by_a_library() -> None:
    assert set(LOADERS) == set(READ)
