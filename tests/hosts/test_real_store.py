"""A real server of S3's API in place of the imitation: moto's, where it is installed.

`pip install 'moto[s3,server]'` into any environment whose `bin` is on the PATH.
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from makers.releases import Shelf
from makers.runs import here
from makers.said import record

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
def store(tmp_path: Path) -> Iterator[str]:
    """Start the server, with a bucket; return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "moto.log").open("wb")
    command = [str(MOTO), "-H", "127.0.0.1", "-p", str(port)]
    with log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 60
        try:
            while True:
                try:
                    httpx.put(f"{url}/{HOST}").raise_for_status()
                    break
                except httpx.TransportError:
                    assert time.monotonic() < until
                    time.sleep(0.1)
            yield url
        finally:
            running.terminate()


def test_a_prefix_is_fetched_from_a_real_store_and_gone_on_with(
    covcat, shelf: Shelf, store: str
) -> None:
    files = {f"{n:04}.dcm": f"object {n}".encode() for n in range(COUNT - len(ODD))}
    files |= {name: name.encode() for name in ODD}
    with httpx.Client(headers={"x-amz-acl": "public-read"}) as client:
        for name, data in {f"set/1/{name}": data for name, data in files.items()}.items():
            client.put(f"{store}/{HOST}/{quote(name)}", content=data).raise_for_status()
        client.put(f"{store}/{HOST}/set/10/x", content=b"another").raise_for_status()
    release = f'  - {{id: "1", source: made up, files: [{json.dumps(FILE)}]}}\n'
    shelf.add("set", f"releases:\n{release}")
    some = here(covcat("fetch", "set", "--include", "deep/*", mirror=store))
    assert set(some) == {name for name in ODD if name.startswith("deep/")}
    assert here(covcat("fetch", "set", mirror=store)) == files
    assert {one["verified_by"] for one in record()["downloads"]} == {"first-use"}
    assert covcat("verify", "set").code == 0
