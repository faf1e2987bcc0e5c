"""Servers of object stores from the registries, each with a bucket `bkt`: `make test-stores`."""

import base64
import hashlib
import hmac
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate

import httpx

from servers.google import Gate

_KEY = (  # that every emulator of Azure has, as Microsoft documents it
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@contextmanager
def running(*command: str) -> Iterator[tuple[str, httpx.Client]]:
    """Start a server on a free port, which stands as `{port}` in the command."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [word.replace("{port}", str(port)) for word in command]
    url, quiet = f"http://127.0.0.1:{port}", subprocess.DEVNULL
    with (
        subprocess.Popen(words, stdout=quiet, stderr=quiet) as server,
        httpx.Client(transport=httpx.HTTPTransport(retries=8), base_url=url, timeout=120) as client,
    ):
        try:
            yield url, client
        finally:
            server.kill()


@contextmanager
def s3(python: str) -> Iterator[dict[str, str]]:
    """Start moto's server; give what the environment says of it."""
    with running(python, "-m", "moto.server", "-p", "{port}") as (url, client):
        client.put("/bkt").raise_for_status()
        yield {"AWS_ENDPOINT_URL": url}


@contextmanager
def gs(program: str) -> Iterator[dict[str, str]]:
    """Start fake-gcs-server."""
    how = ("-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", "{port}")
    with running(program, *how, "-public-host", "127.0.0.1:{port}") as (url, client):
        client.post("/storage/v1/b", json={"name": "bkt"}).raise_for_status()
        with (gate := Gate(url)).loopback as loopback:
            yield {"GOOGLE_BASE_URL": gate.url}
        gate.client.close()
        if loopback.broken or gate.uploads:
            raise AssertionError(*loopback.broken, *gate.uploads)


@contextmanager
def az(program: str) -> Iterator[dict[str, str]]:
    """Start Azurite."""
    how = ("--silent", "--disableTelemetry", "--inMemoryPersistence", "--blobPort", "{port}")
    with running(program, *how) as (url, client):
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
        rows = "".join(f"{name}:{value}\n" for name, value in headers.items())
        path = "/devstoreaccount1/bkt"
        signed = f"PUT{chr(10) * 12}{rows}/devstoreaccount1{path}\nrestype:container"
        digest = hmac.new(base64.b64decode(_KEY), signed.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey devstoreaccount1:{base64.b64encode(digest).decode()}"
        client.put(f"{path}?restype=container", headers=headers).raise_for_status()
        yield {"AZURITE_BLOB_STORAGE_URL": url}
