"""What waits for the other files of a release is known again, by what the journal states of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from covcat.catalog import files as catalog
from covcat.digests import Digest
from covcat.download.remote import Download, RemoteFile
from covcat.seal import sealed
from covcat.store.waiting import Waiting

DATA = b"a file that waits"
SHA256 = hashlib.sha256(DATA).hexdigest()
COMMIT, UUID = "a" * 40, "12345678-1234-1234-1234-123456789abc"
MD5 = Digest("md5", "b" * 32, "host-md5")


def row(
    file: Any, name: str, keys: str, said: Mapping[str, object] = {}, **more: Any
) -> tuple[RemoteFile, dict[str, object]]:
    """Return a file of a host, and what a journal says of it: these keys of its entry, and more."""
    entry = {key: getattr(file, key) for key in keys.split()}
    stated = {"host": file.host, "entry": entry, "path": name, **said}
    return RemoteFile(file=file, name=name, **more), stated


# What journals on people's disks say: a line here may be added, none may change.
STATED = [
    row(
        catalog.GitHubFile(host="github", repository="o/n", commit=COMMIT, unpack="zip"),
        *("n.zip", "repository commit"),
        unpack="zip",
        breaks=2,
    ),
    row(
        catalog.GitHubFile(host="github", repository="o/n", tag="v1", asset="a.bin"),
        *("a.bin", "repository tag asset", {"bytes": 17}),
        bytes=17,
    ),
    row(
        catalog.WebFile(host="web", name="w.csv", url="https://w.example/w.csv"),
        *("w.csv", "url"),
        {"digests": [["sha256", SHA256, "sha256"], ["md5", "b" * 32, "host-md5"]]},
        digests=(Digest("sha256", SHA256, "sha256"), MD5),
    ),
    row(catalog.BundledFile(host="bundled", name="b.tsv", sha256=SHA256), "b.tsv", "name"),
    row(
        catalog.DataverseFile(
            host="dataverse", server="https://d.example", doi="10.1/X", version="1.0"
        ),
        *("P1.rar", "server doi version", {"id": "77", "path": "CT/P1.rar"}),
        id="77",
        folder="CT/P1/",
        own_folder="P1",
        unpack="rar",
        is_alone=False,
    ),
    row(catalog.ZenodoFile(host="zenodo", record="7", name="z.7z"), "z.7z", "record name"),
    row(
        catalog.FigshareFile(host="figshare", article="1", version="2", file="3", name="f.zip"),
        *("f.zip", "article version file"),
    ),
    row(
        catalog.MendeleyFile(host="mendeley", dataset="abcdef123", version="1", file=UUID),
        *("m.zip", "dataset version file"),
    ),
    row(
        catalog.KaggleFile(host="kaggle", dataset="o/n", version="3", file="k.csv"),
        *("k.csv", "dataset version file"),
    ),
    row(
        catalog.S3File(host="s3", bucket="bb", region="us-east-1", key="k/s.json"),
        *("s.json", "bucket region key"),
    ),
]
NAMES = [f"{stated['host']}:{stated['path']}" for _, stated in STATED]
COMMON = {"schema": "covcat.file/1", "id": "", "bytes": None, "digests": []}


def lay(folder: Path, name: str, of: object) -> None:
    """Write a file that waits, and the journal's line on it."""
    (folder / "0-abcd1234").mkdir(parents=True)
    (folder / "0-abcd1234" / name).write_bytes(DATA)
    url = f"https://host.example/{name}"
    line = {"path": f"0-abcd1234/{name}", "of": of, "name": name, "url": url, "final_url": url}
    line |= {"mirror": None, "bytes": len(DATA), "sha256": SHA256, "md5": None}
    line |= {"verified_by": "first-use", "finished_at": "2026-11-28T11:43:58+00:00"}
    (folder / "journal.jsonl").write_text(json.dumps(sealed(line)) + "\n")


@pytest.mark.parametrize(("remote", "stated"), STATED, ids=NAMES)
def test_a_file_of_any_host_is_known_by_what_is_stated_of_it(
    tmp_path: Path, remote: RemoteFile, stated: dict[str, object]
) -> None:
    lay(tmp_path, remote.name, COMMON | stated)
    found = Waiting(tmp_path).found(remote)
    assert found is not None
    assert (found.path, found.sha256) == (tmp_path / "0-abcd1234" / remote.name, SHA256)


@pytest.mark.parametrize(("remote", "stated"), STATED, ids=NAMES)
def test_what_is_added_is_stated_so(
    tmp_path: Path, remote: RemoteFile, stated: dict[str, object]
) -> None:
    lay(tmp_path, remote.name, "before")
    waiting = Waiting(tmp_path)
    got = Download(
        path=tmp_path / "0-abcd1234" / remote.name,
        name=remote.name,
        url="https://host.example/",
        final_url="https://host.example/",
        mirror=None,
        bytes=len(DATA),
        sha256=SHA256,
        md5=None,
        verified_by="first-use",
        finished_at="2026-11-28T11:43:58+00:00",
    )
    waiting.add(remote, got)
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["of"] == COMMON | stated


def other_classes(remote: RemoteFile) -> RemoteFile:
    """Return the file as a covcat has it that unpacks it otherwise, and keeps more of it in mind."""
    file = catalog.ZenodoFile(
        **{
            **vars(remote.file),
            "unpack": "7z",
            "exclude": ("*.tmp",),
            "links": "copy",
            "max_bytes": 10**6,
        }
    )
    return replace(remote, file=file, unpack="7z", breaks=1, has_claim=True, entry=3)


def test_how_a_file_is_unpacked_is_no_part_of_what_it_is(tmp_path: Path) -> None:
    remote, stated = STATED[5]
    lay(tmp_path, remote.name, COMMON | stated)
    assert Waiting(tmp_path).found(other_classes(remote)) is not None


OTHERS = {
    "another version": {"schema": "covcat.file/2"},
    "another record": {"entry": {"record": "8", "name": "z.7z"}},
    "another size": {"bytes": 18},
    "another digest": {"digests": [["md5", "b" * 32, "md5"]]},
    "another path": {"path": "x/z.7z"},
    "no names": None,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_is_stated_of_another_file_is_not_taken(tmp_path: Path, other) -> None:
    remote, stated = STATED[5]
    lay(tmp_path, remote.name, None if other is None else COMMON | stated | other)
    assert Waiting(tmp_path).found(remote) is None


# What covcat wrote in journals before it stated names, for the files of STATED.
FORMER = (
    *("f956dc60a146947f", "11d6092babbda91a", "c614b95272212765", "9b29b7da79316c49"),
    *("1ff346e054589a87", "5c8711acdf2ff3ac", "f0e6f8fbd2a1c09c", "27748f9e8d07b2a7"),
    *("2db89ec755e5375b", "babd721a321bfcdb"),
)


@pytest.mark.parametrize(
    ("remote", "former"), [(one, name) for (one, _), name in zip(STATED, FORMER, strict=True)]
)
def test_the_names_of_earlier_journals_are_known_too(
    tmp_path: Path, remote: RemoteFile, former: str
) -> None:
    lay(tmp_path, remote.name, former)
    assert Waiting(tmp_path).found(remote) is not None
    (tmp_path / "0-abcd1234" / remote.name).write_bytes(DATA.upper())
    assert Waiting(tmp_path).found(remote) is None
