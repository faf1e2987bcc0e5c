"""The Python API, as README shows it."""

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.archives import REPOSITORY, git_zip
from makers.runs import tree_on_disk

import covcat
from covcat.catalog.columns import COLUMNS
from covcat.errors import ActionNeededError, CovcatError, NetworkError, UsageError


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
    assert (len(ids), ids[0], ids[-1]) == (21, "cohen", "covid-blues")


def test_what_is_exported_is_documented() -> None:
    assert covcat.__all__ == ["__version__", "fetch", "images", "load_catalog"]
    for name in covcat.__all__[1:]:
        assert inspect.getdoc(getattr(covcat, name))


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
        "ExtractionError": 6,
        "VolumeError": 6,
        "ActionNeededError": 7,
        "RefusedError": 7,
        "DiskError": 8,
        "SeveralError": 9,
        "SignalError": 1,  # 128 + the signal's number, once it is known
    }
    tree = covcat.errors.__doc__ or ""
    within = {"TransientError", "BrokenError", "GoneError", "StoppedError", "NewerError"}
    within |= {"RefusedError", "VolumeError"}
    assert all(name in tree for name in codes.keys() - within)


def test_image_records_come_as_a_data_frame(tmp_path: Path) -> None:
    covcat.fetch("sample", data_dir=tmp_path)
    table = covcat.images("sample", data_dir=tmp_path)
    assert len(table) > 0
    assert set(table.columns) == {column.name for column in COLUMNS}
    assert str(table["age"].dtype) == "Float64"
    assert len(covcat.images(data_dir=tmp_path, where="1 = 0")) == 0
    with pytest.raises(UsageError, match="cannot be asked"):
        covcat.images(data_dir=tmp_path, where="no such thing")
