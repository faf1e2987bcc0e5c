"""The Python API, as README shows it."""

import hashlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
from makers.archives import REPOSITORY, git_zip
from makers.runs import Ran, tree_on_disk

import covcat
from covcat import images
from covcat.catalog.columns import COLUMNS
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    UsageError,
)

ROOT = Path(__file__).parents[1]
TRAINING = (ROOT / "docs/training.md").read_text(encoding="utf-8")


def test_fetch_returns_the_folder_of_the_files(shelf, server, tmp_path: Path) -> None:
    shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    catalog = covcat.load_catalog([shelf.folder])
    folder = covcat.fetch("set", data_dir=tmp_path / "data", mirror=server.url, catalog=catalog)
    assert folder == tmp_path / "data" / "set" / "1" / "files"
    assert tree_on_disk(folder) == REPOSITORY


def test_fetch_raises_what_the_command_line_prints() -> None:
    with pytest.raises(ActionNeededError, match="for browsing only"):
        covcat.fetch("eurorad")
    with pytest.raises(NetworkError, match="--offline is set"):
        covcat.fetch("figure1", offline=True)


def test_fetch_tells_progress_to_whoever_listens() -> None:
    heard: list[tuple] = []

    class Recorder:
        def __getattr__(self, name: str) -> Callable[..., int]:
            assert name in {"start", "set_total", "advance", "finish", "note"}
            return lambda *said, **_: heard.append((name, *said)) or 7

    covcat.fetch("sample", progress=Recorder())
    assert heard[0][:3] == ("start", "sample-1.zip", 110332)
    assert ("advance", 7) in [one[:2] for one in heard]
    assert heard[-1][0] == "note"
    assert heard[-1][1].startswith("sample@1:")


def test_the_catalog_lists_the_resources_in_order() -> None:
    ids = [one.id for one in covcat.load_catalog().resources if not one.is_sample]
    assert (len(ids), ids[0], ids[-1]) == (34, "cohen", "covid-ct-md")


def test_what_is_exported_is_documented() -> None:
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    for name in covcat.__all__:
        assert hasattr(covcat, name)
        if name != "__version__":
            assert inspect.getdoc(getattr(covcat, name))
            assert f"covcat.{name}(" in text


def test_the_examples_of_the_docs_run(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    session: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(example, session)
    said = capsys.readouterr().out.splitlines()
    assert "covcat-data default" in said
    assert "15 files as recorded" in said
    assert "7 0" in said
    assert (tmp_path / "cohort" / "CITATION.bib").is_file()


def test_the_dataset_of_the_docs_has_what_the_command_line_counts(
    covcat: Callable[..., Ran], capsys
) -> None:
    """As torch's DataLoader uses one: `len`, then each number once."""
    assert covcat("fetch", "sample").code == 0
    (example,) = re.findall(r"```python\n(.*?)```", TRAINING, re.S)
    assert example.partition("class Films")[2].partition("\n\n\n")[0].count("\n") <= 20
    session: dict[str, Any] = {}
    exec(example, session)
    assert capsys.readouterr().out == "6 films, 4 of COVID-19\n"
    films = session["films"]
    ran = covcat("images", "sample", "--modality", "xray", "--format", "jsonl")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert len(films) == len(rows)
    for number, row in enumerate(rows):
        data, labels = films[number]
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert labels == [int(row["finding"] == one) for one in ("COVID-19", "Pneumonia")]


ASKED: list[tuple[dict[str, Any], str, str]] = [  # in Python, on the command line, in pandas
    ({}, "", "index >= 0"),
    ({"covid": "yes"}, "--covid yes", "covid == 'yes'"),
    ({"covid": ["no", "unknown"]}, "--covid no --covid unknown", "covid in ['no', 'unknown']"),
    ({"view": "frontal pa"}, "--view PA", "view == 'PA'"),
    ({"modality": "CT", "sex": "F"}, "--modality ct --sex F", "modality == 'ct' and sex == 'F'"),
    ({"age": "50-"}, "--age 50-", "age >= 50"),
    ({"finding": "Tuberculosis"}, "--finding Tuberculosis", "finding == 'Tuberculosis'"),
    (
        {"license_allows": ["commercial"]},
        "--license-allows commercial",
        "allows_commercial == 'yes'",
    ),
    ({"where": "age > 60"}, "--where age>60", "age > 60"),
    ({"one_per": "patient"}, "--one-per patient", ""),
    ({"one_per": "picture", "covid": "yes"}, "--one-per picture --covid yes", ""),
]


def test_python_the_command_line_and_pandas_find_the_same_rows(covcat: Callable[..., Ran]) -> None:
    assert covcat("fetch", "sample").code == 0
    every = images()
    for asked, line, in_pandas in ASKED:
        ran = covcat("images", *line.split(), "--format", "jsonl")
        rows = [json.loads(one) for one in ran.out.splitlines()]
        found = images(**asked)
        names = [name for name in found.columns if name != "file"]
        plain = found[names].astype(object).where(found[names].notna(), None).to_dict("records")
        assert plain == [{name: row[name] for name in names} for row in rows], line
        if in_pandas:
            assert list(every.query(in_pandas)["image_id"]) == [row["image_id"] for row in rows]


@pytest.mark.parametrize("asked", [{"covid": "maybe"}, {"view": "sideways"}, {"one_per": "film"}])
def test_python_refuses_the_words_that_the_command_line_refuses(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"maybe|sideways|film"):
        images("sample", **asked)


def test_columns_of_few_words_are_categories(covcat: Callable[..., Ran]) -> None:
    assert covcat("fetch", "sample").code == 0
    table = images("sample")
    assert list(table["modality"].dtype.categories) == ["ct", "xray", "mri", "ultrasound"]
    assert "Lateral" in table["view"].dtype.categories
    few = {one.name for one in COLUMNS if one.words}
    assert all(isinstance(table[name].dtype, pandas.CategoricalDtype) for name in few)
    assert str(table["finding"].dtype) == "string"


def test_to_import_covcat_loads_no_library() -> None:
    code = "import covcat, sys; print(*{'typer', 'httpx', 'pandas', 'pydantic', 'rich'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"


def test_the_functions_obey_the_settings_and_what_they_are_given_wins(
    shelf, server, tmp_path: Path, monkeypatch
) -> None:
    shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    (tmp_path / "project/below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project/below")
    (tmp_path / "project/covcat.toml").write_text('data-dir = "data"\nretries = 0')
    monkeypatch.setenv("COVCAT_CATALOG", str(shelf.folder))
    monkeypatch.setenv("COVCAT_MIRROR", server.url)
    assert covcat.settings()["data_dir"].origin == str(tmp_path / "project/covcat.toml")
    files = tmp_path / "project/data/set/1/files"
    with pytest.raises(NetworkError, match="--offline is set"):
        covcat.fetch("set", offline=True)
    monkeypatch.setenv("COVCAT_OFFLINE", "1")
    with pytest.raises(NetworkError, match="--offline is set"):
        covcat.fetch("set")
    assert covcat.fetch("set", offline=False) == covcat.path("set") == files
    assert list(covcat.verify()) == ["set@1"]
    assert covcat.fetch("sample", data_dir=tmp_path / "other").is_relative_to(tmp_path / "other")
    with pytest.raises(NotFoundError, match="`sample` is not in"):
        covcat.images("sample")
    monkeypatch.setenv("COVCAT_JOBS", "many")
    with pytest.raises(UsageError, match="COVCAT_JOBS is `many`: expected a whole number"):
        covcat.images("set")


def test_a_function_hears_how_far_a_fetch_is(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int | None]] = []
    covcat.fetch("sample", data_dir=tmp_path, progress=lambda *told: heard.append(told))
    assert heard[0] == ("sample-1.zip", 0, 110332)
    assert ("sample-1.zip", 110332, 110332) in heard
    assert heard[-1] == ("unpacking sample-1.zip", 111087, 111087)


def test_verify_names_each_file_that_is_not_as_recorded(tmp_path: Path) -> None:
    folder = covcat.fetch("sample", data_dir=tmp_path)
    assert not covcat.verify("sample", data_dir=tmp_path)["sample@1"].findings
    (folder / "README.md").write_text("changed")
    (folder / "LICENSE").unlink()
    with pytest.raises(IntegrityError, match="not as recorded: sample@1") as caught:
        covcat.verify(data_dir=tmp_path)
    assert [one for one in caught.value.details if "README.md" in one or "LICENSE" in one] == list(
        caught.value.details
    )
    assert len(caught.value.details) == 2


def test_counts_are_those_of_the_command(covcat_in: Callable[..., dict], tmp_path: Path) -> None:
    table = covcat.counts("sample", by=["finding", "sex"], of="patients", data_dir=tmp_path)
    said = covcat_in("counts", "sample", "--by", "finding,sex", "--of", "patients")["counts"]
    found = [
        {name: None if pandas.isna(cell) else cell for name, cell in row.items()}
        for row in table.to_dict("records")
    ]
    assert found == said
    for wrong in ({"by": ["colour"]}, {"of": "lungs"}):
        with pytest.raises(UsageError, match=r"unknown (column|unit)"):
            covcat.counts(data_dir=tmp_path, **wrong)


def test_a_cohort_is_that_of_the_command(covcat_in: Callable[..., dict], tmp_path: Path) -> None:
    asked = {"where": "covid = 'yes'", "license_allows": ["commercial"], "one_per": "patient"}
    table = covcat.select(**asked, data_dir=tmp_path, output=tmp_path / "list.txt", form="list")
    said = covcat_in(
        *("select", "--covid", "yes", "--license-allows", "commercial", "--one-per", "patient")
    )
    assert len(table) == said["chosen"] > 0
    assert {**table.attrs["counts"], "path": None} == said
    assert (tmp_path / "list.txt").read_text().splitlines() == list(table["file"])
    with pytest.raises(UsageError, match="`profit`: expected commercial"):
        covcat.select(license_allows=["profit"], data_dir=tmp_path)


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        ({"finding": "pneumonia"}, ["--finding", "pneumonia"]),
        ({"covid": ["yes", "no"]}, ["--covid", "yes", "--covid", "no"]),
        ({"view": "PA"}, ["--view", "PA"]),
        ({"modality": ("ct", "xray")}, ["--modality", "ct", "--modality", "xray"]),
        ({"sex": "F"}, ["--sex", "F"]),
        ({"age": "40-"}, ["--age", "40-"]),
        ({"license_allows": "commercial"}, ["--license-allows", "commercial"]),
        ({"where": "age > 40", "view": "PA"}, ["--where", "age > 40", "--view", "PA"]),
    ],
)
def test_filters_of_counts_and_select_are_those_of_the_command(
    covcat_in: Callable[..., dict], tmp_path: Path, asked: dict, options: list[str]
) -> None:
    table = covcat.counts("sample", by=["finding"], **asked, data_dir=tmp_path)
    said = covcat_in("counts", "sample", "--by", "finding", *options)["counts"]
    assert table["rows"].tolist() == [row["rows"] for row in said] != []
    chosen = covcat.select("sample", **asked, data_dir=tmp_path)
    assert {**chosen.attrs["counts"], "path": None} == covcat_in("select", "sample", *options)


@pytest.fixture
def covcat_in(covcat: Callable[..., Ran], tmp_path: Path) -> Callable[..., dict]:
    """Fetch the sample; then run a command on it for its document."""
    fetched = covcat("fetch", "sample", "--data-dir", str(tmp_path))
    assert fetched.code == 0
    return lambda *args: covcat(*args, "--data-dir", str(tmp_path), "--json").document["data"]


def test_every_error_owns_its_exit_code() -> None:
    def below(kind: type[CovcatError]) -> list[type[CovcatError]]:
        return [one for child in kind.__subclasses__() for one in (child, *below(child))]

    codes = {one.__name__: one.code for one in below(CovcatError)}
    assert codes == {
        "UsageError": 2,
        "NotFoundError": 3,
        "NetworkError": 4,
        "TransientError": 4,
        "BrokenError": 4,  # within covcat only: another way is tried first
        "GoneError": 4,
        "StoppedError": 1,  # within covcat only: the signal itself is what is reported
        "IntegrityError": 5,
        "NewerError": 5,
        "LackingError": 5,
        "ExtractionError": 6,
        "VolumeError": 6,
        "PaddedArchiveError": 6,
        "ActionNeededError": 7,
        "LockedError": 7,
        "RefusedError": 7,
        "DiskError": 8,
        "SeveralError": 9,
        "SignalError": 1,  # 128 + the signal's number, once it is known
    }
    tree = covcat.errors.__doc__ or ""
    within = {"TransientError", "BrokenError", "GoneError", "StoppedError", "NewerError"}
    within |= {"LackingError", "LockedError", "RefusedError", "VolumeError", "PaddedArchiveError"}
    assert all(name in tree for name in codes.keys() - within)


def test_image_records_come_as_a_data_frame(tmp_path: Path) -> None:
    covcat.fetch("sample", data_dir=tmp_path)
    table = covcat.images("sample", data_dir=tmp_path)
    assert len(table) > 0
    assert list(table.columns) == [*(column.name for column in COLUMNS), "file"]
    assert all(Path(one).is_file() and Path(one).is_absolute() for one in table["file"])
    assert str(table["age"].dtype) == "Float64"
    assert len(covcat.images(data_dir=tmp_path, where="1 = 0")) == 0
    with pytest.raises(UsageError, match="cannot be asked"):
        covcat.images(data_dir=tmp_path, where="no such thing")
