"""A real server of S3's API in place of the imitation: moto's, where it is installed.

`pip install 'moto[s3,server]'` into any environment whose `bin` is on the PATH.
"""

import shutil
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from makers.releases import Shelf
from makers.runs import here
from makers.said import record
from servers.emulators import running

MOTO = shutil.which("moto_server")
HOST = "made-up.s3.us-east-1.amazonaws.com"  # which the server takes for a bucket's name in a path
FILE = {"host": "s3", "bucket": "made-up", "region": "us-east-1", "prefix": "set/1/"}
COUNT = 1205  # objects: two pages
ODD = ["a b+c&d.txt", "deep/é 100%.csv", "deep/~_-.x"]

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(MOTO is None, reason="pip install 'moto[s3,server]'"),
]


@pytest.fixture
def store() -> Iterator[str]:
    """Start the server, with a bucket; return its address."""
    with running(str(MOTO), "-H", "127.0.0.1", "-p", "{port}") as (url, client):
        client.put(f"/{HOST}").raise_for_status()
        yield url


def test_a_prefix_is_fetched_from_a_real_store_and_gone_on_with(
    covcat, shelf: Shelf, store: str
) -> None:
    files = {f"{n:04}.dcm": f"object {n}".encode() for n in range(COUNT - len(ODD))}
    files |= {name: name.encode() for name in ODD}
    with httpx.Client(headers={"x-amz-acl": "public-read"}) as client:
        for name, data in {f"set/1/{name}": data for name, data in files.items()}.items():
            client.put(f"{store}/{HOST}/{quote(name)}", content=data).raise_for_status()
        client.put(f"{store}/{HOST}/set/10/x", content=b"another").raise_for_status()
    shelf.add_files("set", FILE)
    some = here(covcat("fetch", "set", "--include", "deep/*", mirror=store))
    assert set(some) == {name for name in ODD if name.startswith("deep/")}
    assert here(covcat("fetch", "set", mirror=store)) == files
    assert {one["verified_by"] for one in record()["downloads"]} == {"first-use"}
    assert covcat("verify", "set").code == 0
