"""A bucket, a part of one, or a folder: what lies there is listed, read, and put there once.

Nothing is ever written over. obstore is asked, and finds logins as each provider's own tools do.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covcat.download import STORES
from covcat.download.remote import Network
from covcat.errors import CovcatError, IntegrityError, NetworkError, NotFoundError, UsageError
from covcat.files import StoredFile, make_folder
from covcat.store import manifest
from covcat.store.folder import MANIFEST, SUMS
from covcat.store.manifest import Manifest
from covcat.store.remote.refused import ends_before, lacks_bucket, not_installed, refusal

if TYPE_CHECKING:
    from obstore.store import ObjectStore

JOBS = 16  # requests at once, unless --jobs says otherwise
PART = 8 << 20  # bytes: what is larger goes up in parts of so many, or more
_MOST_PARTS = 9_000  # S3 takes 10,000
_LARGE_AT_ONCE = 4  # parts of one file on their way
_FOREVER = 7 * 24 * 3600  # seconds: a large body takes as long as it takes, silence ends sooner
_WAY = "such as s3://bucket/folder, gs://…, az://container/… or a folder"


@dataclass(frozen=True, slots=True)
class Lying:
    """An object as a place lists it; the tag is of this state of it, and no digest."""

    bytes: int
    tag: str | None

    @classmethod
    def of(cls, size: int, tag: str | None) -> "Lying":
        """Read a tag: Azure lists without quotes what it answers with them."""
        return cls(size, (tag or "").strip('"') or None)


class Place:
    """Where copies of releases lie, under the names that they have in a data folder."""

    def __init__(self, address: str, network: Network, *, makes: bool = False) -> None:
        """Only a folder is made, and with `makes` alone; no bucket is."""
        self.address, self.jobs = address.rstrip("/") or address, network.jobs or JOBS
        self.folder = _folder(address)
        if self.folder is None and network.offline:
            text = f"`{self.address}` was not asked, because --offline is set"
            raise NetworkError(text, hint="the same command without --offline")
        if self.folder is not None and not self.folder.is_dir() and not makes:
            raise NotFoundError(f"there is no folder `{self.folder}`", hint=_WAY)
        if find_spec("obstore") is None:
            raise not_installed()
        with self._errors(f"use `{self.address}`"):
            self._store = _opened(address, self.folder, network)

    def objects(self, name: str) -> dict[str, Lying]:
        """Return all objects below `name`, by their paths from there."""
        import obstore

        found = {}
        with self._errors(f"list `{self._shown(name)}`"):
            for batch in obstore.list(self._store, name, chunk_size=1000):
                for one in batch:
                    path = one["path"].removeprefix(f"{name}/")
                    found[path] = Lying.of(one["size"], one["e_tag"])
        return found

    def releases(self) -> list[tuple[str, str, bool]]:
        """Return resource and release id of all that is there, and whether it has a manifest."""
        found = []
        for id in self._level("")[0]:
            for release in self._level(id)[0]:
                folders, files = self._level(f"{id}/{release}")
                if {"files", "archives", MANIFEST, SUMS}.intersection([*folders, *files]):
                    found.append((id, release, MANIFEST in files))
        return sorted(found)

    def _level(self, name: str) -> tuple[list[str], list[str]]:
        """Return the names of folders and objects just below `name` that are not hidden."""
        import obstore

        with self._errors(f"list `{self._shown(name)}`"):
            level = obstore.list_with_delimiter(self._store, name or None)
        objects = [one["path"] for one in level["objects"]]
        names = [
            [one.rpartition("/")[2] for one in each] for each in (level["common_prefixes"], objects)
        ]
        folders, files = ([one for one in each if not one.startswith(".")] for each in names)
        return folders, files

    def read(self, path: str) -> bytes | None:
        """Return a small object; None where there is none."""
        import obstore

        with self._errors(f"read `{self._shown(path)}`"):
            try:
                answer = obstore.get(self._store, path)
            except FileNotFoundError as error:
                if lacks_bucket(error):
                    raise
                return None
            if answer.meta["size"] > manifest.MAX_BYTES:
                raise IntegrityError(f"`{self._shown(path)}` is too large for what it should be")
            return answer.bytes().to_bytes()

    def stream(self, path: str, start: int = 0) -> Iterator[memoryview]:
        """Give the bytes of an object, from one of them on; none where it ends before that."""
        import obstore
        from obstore.exceptions import BaseError

        with self._errors(f"read `{self._shown(path)}`"):
            try:
                answer = obstore.get(
                    self._store, path, options={"range": {"offset": start}} if start else None
                )
            except (BaseError, ValueError) as error:
                if start and ends_before(error):
                    return
                raise
            if answer.meta["size"] <= PART:
                yield memoryview(answer.bytes())
                return
            for data in answer.stream(min_chunk_size=1 << 20):
                yield memoryview(data)

    def create(self, path: str, data: bytes) -> Lying | None:
        """Put an object where there is none; None if there is one."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with self._errors(f"write `{self._shown(path)}`"):
            try:
                put = obstore.put(self._store, path, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return None
        return Lying.of(len(data), put["e_tag"])

    def create_large(self, path: str, pieces: Iterable[bytes], size: int) -> Lying:
        """Put a large object in parts; what `pieces` raises drops those that are there already.

        Stores cannot be asked to do that only where there is none: who calls has looked before.
        """
        import obstore

        part = max(PART, -(-size // _MOST_PARTS))
        with self._errors(f"write `{self._shown(path)}`"):
            put = obstore.put(
                self._store,
                path,
                iter(pieces),
                use_multipart=True,
                chunk_size=part,
                max_concurrency=_LARGE_AT_ONCE,
            )
        return Lying.of(size, put["e_tag"])

    def record(self, id: str, release: str) -> Manifest | None:
        """Return the record of a release that is whole there; None where there is none.

        Raises:
            IntegrityError: it is damaged, or newer than this covcat.
        """
        path = f"{id}/{release}/{MANIFEST}"
        data = self.read(path)
        return None if data is None else self.parsed(data, id, release)

    def parsed(self, data: bytes, id: str, release: str) -> Manifest:
        """Return what the manifest of a release there says."""
        shown = self._shown(f"{id}/{release}/{MANIFEST}")
        try:
            found = manifest.parsed(shown, data)
            if (found.resource, found.release) != (id, release):
                raise ValueError(f"it is of `{found.resource}@{found.release}`")
        except ValueError as error:
            text = f"the manifest of `{id}@{release}` is damaged (`{shown}`)"
            hint = f"remove `{self._shown(f'{id}/{release}')}` there, and push it again"
            raise IntegrityError(text, cause=str(error), hint=hint) from error
        return found

    def _shown(self, path: str) -> str:
        return f"{self.address}/{path}" if path else self.address

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except CovcatError:
            raise
        except (BaseError, OSError, ValueError) as error:  # whose words may quote a login
            raise refusal(error, self.address, doing) from None


def objects_of(record: Manifest) -> list[StoredFile]:
    """Return what lies beside the manifest of a release: its files, and SHA256SUMS."""
    sums = manifest.sums(record).encode()
    digest = hashlib.sha256(sums).hexdigest()
    return [*record.files, StoredFile(path=SUMS, bytes=len(sums), sha256=digest)]


_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.S)


def _folder(address: str) -> Path | None:
    """Return the folder that an address is; None for a store's."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        if not address:
            raise UsageError("the address is empty", hint=_WAY)
        return Path(address).absolute()
    scheme, rest = found.groups()
    if any(mark in rest for mark in "@?#"):  # not shown: it may be a key
        text = f"the `{scheme}://` address has a login or a question in it: expected none"
        raise UsageError(text, hint="logins are taken from the environment: docs/stores.md")
    if not address.startswith(STORES) or not rest.strip("/"):
        raise UsageError(f"`{address}` is no address of a store", hint=_WAY)
    return None


def _opened(address: str, folder: Path | None, network: Network) -> "ObjectStore":
    from obstore.store import LocalStore, from_url

    if folder is not None:
        make_folder(folder)
        return LocalStore(folder)
    wait = timedelta(seconds=network.timeout)
    how: Any = {
        "client_options": {
            "connect_timeout": wait,
            "read_timeout": wait,
            "timeout": timedelta(seconds=_FOREVER),
            **_plain(address),
        },
        "retry_config": {
            "max_retries": network.retries,
            "retry_timeout": timedelta(minutes=10),
            "backoff": {
                "init_backoff": timedelta(seconds=max(network.pause, 0.001)),  # of 0 it panics
                "max_backoff": timedelta(seconds=60),
                "base": 2,
            },
        },
    }
    if address.startswith("s3://") and (provider := _profile()):
        how["credential_provider"] = provider
    return from_url(address, **how)


_SERVERS = {  # variables of the providers' own that name a server in place of theirs
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}


def _plain(address: str) -> dict[str, bool]:
    """Allow HTTP without TLS where who set the server's address wants it."""
    named = [os.environ.get(name, "") for name in _SERVERS[address.partition(":")[0]]]
    return {"allow_http": True} if any(one.startswith("http://") for one in named) else {}


_OWN = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE")  # obstore reads


def _profile() -> Any:
    """Return what reads the files of `aws configure`, as obstore does not; None without boto3."""
    if any(os.environ.get(name) for name in _OWN):
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider

        return Boto3CredentialProvider()
    except (ImportError, ValueError):  # not installed; it finds none
        return None
