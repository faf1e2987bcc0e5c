"""Every host answers `locate` for each of its files in the catalog, without asking anybody."""

from typing import get_args
from urllib.parse import urlsplit

import pytest

import covcat
from covcat.hosts import HOSTS
from covcat.model import GitHubFile, WebFile
from covcat.model.resource import AnyFile

FILES = [
    (f"{one.id}@{release.id}-{number}", file)
    for one in covcat.load_catalog().resources
    for release in one.releases
    for number, file in enumerate(release.files)
]


def test_every_host_has_a_kind_of_file_and_one_in_the_catalog() -> None:
    union = get_args(get_args(AnyFile)[0])
    kinds = {get_args(kind.__annotations__["host"])[0] for kind in union}
    assert HOSTS.keys() <= kinds
    assert HOSTS.keys() <= {file.host for _, file in FILES}


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, id=name) for name, file in FILES if file.host in HOSTS],
)
def test_a_file_of_the_catalog_is_located(file) -> None:
    location = HOSTS[file.host].locate(file)
    assert "/" not in location.name
    if file.host == "bundled":
        assert location.path is not None
        assert location.path.is_file()
        return
    parts = urlsplit(location.url)
    assert (parts.scheme, parts.query, parts.fragment) == ("https", "", "")
    assert parts.hostname


COMMIT = "0" * 40


@pytest.mark.parametrize(
    ("file", "url", "name"),
    [
        (
            GitHubFile(host="github", repository="a/b.c", commit=COMMIT, unpack="zip"),
            f"https://codeload.github.com/a/b.c/zip/{COMMIT}",
            f"b.c-{COMMIT}.zip",
        ),
        (
            GitHubFile(host="github", repository="a/b", branch="feat/x y", unpack="zip"),
            "https://codeload.github.com/a/b/zip/refs/heads/feat/x%20y",
            "b-feat-x y.zip",
        ),
        (
            WebFile(host="web", name="t.csv", url="https://example.org/%2f?a=b"),
            "https://example.org/%2f?a=b",
            "t.csv",
        ),
    ],
    ids=["a commit", "a branch", "an address"],
)
def test_where_a_file_is_asked_for(file, url: str, name: str) -> None:
    location = HOSTS[file.host].locate(file)
    assert (location.url, location.name) == (url, name)
