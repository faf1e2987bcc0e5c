"""Every host says where each of its files of the catalog is; only some ask their API first."""

from typing import Any, get_args
from urllib.parse import urlsplit

import pytest

import covcat
from covcat import hosts
from covcat.catalog.files import AnyFile, GitHubFile, S3File, WebFile
from covcat.hosts import HOSTS
from covcat.hosts.base import HostContext

FILES = [
    (f"{one.id}@{release.id}-{number}", file)
    for one in covcat.load_catalog().resources
    for release in one.releases
    for number, file in enumerate(release.files)
]


class NoApi:
    """Stands where the APIs are: nothing may be asked."""

    def json(self, url: str, *_: object, **__: object) -> Any:
        raise AssertionError(f"{url} was asked for")


QUIET = HostContext(NoApi())  # type: ignore[arg-type]


def test_every_kind_of_file_has_a_host_and_one_in_the_catalog() -> None:
    union = get_args(get_args(AnyFile)[0])
    kinds = {get_args(kind.__annotations__["host"])[0] for kind in union}
    assert HOSTS.keys() == kinds
    assert HOSTS.keys() == {file.host for _, file in FILES}


PINNED = [
    pytest.param(file, id=name)
    for name, file in FILES
    if file.sha256 or file.md5 or file.host in ("github", "web", "kaggle", "s3", "bundled")
    if not file.is_set  # what lies below a prefix, only the store knows
]


@pytest.mark.parametrize("file", PINNED)
def test_a_pinned_file_of_the_catalog_is_located_without_asking(file) -> None:
    (served,) = hosts.list_files((file,), QUIET)
    location = hosts.locate(served, QUIET)
    assert "/" not in location.name
    if file.host == "bundled":
        assert location.path is not None
        assert location.path.is_file()
        return
    parts = urlsplit(location.url)
    assert (parts.scheme, parts.fragment) == ("https", "")
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
        (
            S3File(host="s3", bucket="a-b", region="us-west-2", key="c d/e+f.tar"),
            "https://a-b.s3.us-west-2.amazonaws.com/c%20d/e%2Bf.tar",
            "e+f.tar",
        ),
        (
            S3File(host="s3", bucket="a.b", region="us-west-2", key="c"),
            "https://s3.us-west-2.amazonaws.com/a.b/c",
            "c",
        ),
    ],
    ids=["a commit", "a branch", "an address", "an object", "a bucket with a dot"],
)
def test_where_a_file_is_asked_for(file, url: str, name: str) -> None:
    (served,) = hosts.list_files((file,), QUIET)
    location = hosts.locate(served, QUIET)
    assert (location.url, location.name) == (url, name)
