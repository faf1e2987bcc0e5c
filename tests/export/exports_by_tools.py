"""What is exported, read by the formats' own tools: `make test-exports`, outside .ci/run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from export.test_exports import NAMES, make_release
from makers.archives import tar_of

from covcat.export import json_ld
from covcat.export.bagit import bag
from covcat.progress import Silent

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
