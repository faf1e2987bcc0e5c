"""What waits for the other files of a release is known again, by what the journal states of it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

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

# What journals on people's disks say: a line here may be added, none may change.
STATED = [
    (
        RemoteFile(
            file=catalog.GitHubFile(host="github", repository="o/n", commit=COMMIT, unpack="zip"),
            name="n.zip",
            unpack="zip",
            breaks=2,
        ),
        {"host": "github", "entry": {"repository": "o/n", "commit": COMMIT}, "path": "n.zip"},
    ),
    (
        RemoteFile(
            file=catalog.GitHubFile(host="github", repository="o/n", tag="v1", asset="a.bin"),
            name="a.bin",
            bytes=17,
        ),
        {
            "host": "github",
            "entry": {"repository": "o/n", "tag": "v1", "asset": "a.bin"},
            "path": "a.bin",
            "bytes": 17,
        },
    ),
    (
        RemoteFile(
            file=catalog.WebFile(host="web", name="w.csv", url="https://w.example/w.csv"),
            name="w.csv",
            digests=(Digest("sha256", SHA256, "sha256"), MD5),
        ),
        {
            "host": "web",
            "entry": {"url": "https://w.example/w.csv"},
            "path": "w.csv",
            "digests": [["sha256", SHA256, "sha256"], ["md5", "b" * 32, "host-md5"]],
        },
    ),
    (
        RemoteFile(
            file=catalog.BundledFile(host="bundled", name="b.tsv", sha256=SHA256), name="b.tsv"
        ),
        {"host": "bundled", "entry": {"name": "b.tsv"}, "path": "b.tsv"},
    ),
    (
        RemoteFile(
            file=catalog.DataverseFile(
                host="dataverse", server="https://d.example", doi="10.1/X", version="1.0"
            ),
            name="P1.rar",
            id="77",
            folder="CT/P1/",
            own_folder="P1",
            unpack="rar",
            is_alone=False,
        ),
        {
            "host": "dataverse",
            "entry": {"server": "https://d.example", "doi": "10.1/X", "version": "1.0"},
            "id": "77",
            "path": "CT/P1.rar",
        },
    ),
    (
        RemoteFile(file=catalog.ZenodoFile(host="zenodo", record="7", name="z.7z"), name="z.7z"),
        {"host": "zenodo", "entry": {"record": "7", "name": "z.7z"}, "path": "z.7z"},
    ),
    (
        RemoteFile(
            file=catalog.FigshareFile(
                host="figshare", article="1", version="2", file="3", name="f.zip"
            ),
            name="f.zip",
        ),
        {
            "host": "figshare",
            "entry": {"article": "1", "version": "2", "file": "3"},
            "path": "f.zip",
        },
    ),
    (
        RemoteFile(
            file=catalog.MendeleyFile(host="mendeley", dataset="abcdef123", version="1", file=UUID),
            name="m.zip",
        ),
        {
            "host": "mendeley",
            "entry": {"dataset": "abcdef123", "version": "1", "file": UUID},
            "path": "m.zip",
        },
    ),
    (
        RemoteFile(
            file=catalog.KaggleFile(host="kaggle", dataset="o/n", version="3", file="k.csv"),
            name="k.csv",
        ),
        {
            "host": "kaggle",
            "entry": {"dataset": "o/n", "version": "3", "file": "k.csv"},
            "path": "k.csv",
        },
    ),
    (
        RemoteFile(
            file=catalog.S3File(host="s3", bucket="bb", region="us-east-1", key="k/s.json"),
            name="s.json",
        ),
        {
            "host": "s3",
            "entry": {"bucket": "bb", "region": "us-east-1", "key": "k/s.json"},
            "path": "s.json",
        },
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
