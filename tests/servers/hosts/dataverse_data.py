"""What a Dataverse holds, and its JSON: every key of a server of version 6.11."""

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from servers.hosts.message import md5

_TIME = "2021-01-05T10:00:00Z"
_DATE = "2021-01-05"
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
_TYPES = {
    "rar": ("application/x-rar-compressed", "RAR Archive"),
    "zip": ("application/zip", "ZIP Archive"),
    "txt": ("text/plain", "Plain Text"),
    "csv": ("text/csv", "Comma Separated Values"),
    "tab": ("text/tab-separated-values", "Tab-Delimited"),
}


@dataclass(frozen=True)
class DataFile:
    """One file; a table that was ingested has an `original` beside what is stored."""

    id: int
    label: str
    folder: str
    listed: bytes  # what the listed digest and size are of
    sent: bytes  # what comes
    restricted: bool = False
    checksum: str = "MD5"
    original: bytes | None = None
    original_name: str = ""
    doi: str = ""  # of its own, or none

    @property
    def type(self) -> str:
        return self._kind[0]

    @property
    def _kind(self) -> tuple[str, str]:
        suffix = self.label.rpartition(".")[2].lower()
        return _TYPES.get(suffix, ("application/octet-stream", "Unknown"))

    @property
    def storage_id(self) -> str:
        return f"{self.id:011x}-{md5(self.label.encode())[:12]}"

    def as_json(self, version: "Version") -> dict[str, Any]:
        """Return the entry of a file list."""
        text = f"made up: {self.label}"
        entry: dict[str, Any] = {
            "description": text,
            "label": self.label,
            "restricted": self.restricted,
            "version": 1,
            "datasetVersionId": version.id,
            "categories": ["Data"],
        }
        if self.folder:
            entry["directoryLabel"] = self.folder
        return {**entry, "dataFile": self._data_file(text)}

    def _data_file(self, text: str) -> dict[str, Any]:
        digest = hashlib.new(_HASHES[self.checksum], self.listed).hexdigest()
        folder = {"directoryLabel": self.folder} if self.folder else {}
        simple = {"md5": digest} if self.checksum == "MD5" else {}
        return {
            "id": self.id,
            "persistentId": self.doi,
            "pidURL": f"https://doi.org/{self.doi.removeprefix('doi:')}" if self.doi else "",
            "filename": self.label,
            "contentType": self.type,
            "friendlyType": self._kind[1],
            "filesize": len(self.listed),
            "description": text,
            "categories": ["Data"],
            "storageIdentifier": f"s3://made-up:{self.storage_id}",
            **self._table(),
            "rootDataFileId": -1,
            **simple,
            "checksum": {"type": self.checksum, "value": digest},
            "tabularData": self.original is not None,
            "creationDate": _DATE,
            "publicationDate": _DATE,
            **folder,
            "lastUpdateTime": _TIME,
            "fileAccessRequest": True,
        }

    def _table(self) -> dict[str, Any]:
        if self.original is None:
            return {}
        return {
            "originalFileFormat": "text/csv",
            "originalFormatLabel": "Comma Separated Values",
            "originalFileSize": len(self.original),
            "originalFileName": self.original_name,
            "UNF": "UNF:6:w715RbMgdXAjmDiwdGNv+g==",
        }


@dataclass(frozen=True)
class Version:
    """One published version of a data set."""

    doi: str  # with its scheme
    number: str  # 1.0
    id: int
    files: tuple[DataFile, ...]
    guestbook: int | None = None

    def as_json(self, *, files: bool = True, blocks: bool = True) -> dict[str, Any]:
        """Return the version object."""
        major, _, minor = self.number.partition(".")
        found: dict[str, Any] = {
            "id": self.id,
            "datasetId": self.id - 1,
            "datasetPersistentId": self.doi,
            "datasetType": "dataset",
            "storageIdentifier": f"s3://{self.doi.removeprefix('doi:')}",
            "versionNumber": int(major),
            "internalVersionNumber": 9,
            "versionMinorNumber": int(minor or 0),
            "versionState": "RELEASED",
            "latestVersionPublishingState": "RELEASED",
            "lastUpdateTime": _TIME,
            "releaseTime": _TIME,
            "createTime": _TIME,
            "publicationDate": _DATE,
            "citationDate": _DATE,
            **self.booked,
            "license": _LICENSE,
            "fileAccessRequest": True,
        }
        if blocks:
            found["metadataBlocks"] = {"citation": _citation()}
        if files:
            found["files"] = [file.as_json(self) for file in self.files]
        return found

    @property
    def booked(self) -> dict[str, int]:
        return {} if self.guestbook is None else {"guestbookId": self.guestbook}

    def dataset(self) -> dict[str, Any]:
        """Return the data set whose latest version this is."""
        name = self.doi.removeprefix("doi:")
        authority, _, identifier = name.partition("/")
        return {
            "id": self.id - 1,
            "identifier": identifier,
            "persistentUrl": f"https://doi.org/{name}",
            "protocol": "doi",
            "authority": authority,
            "separator": "/",
            "publisher": "A made-up Dataverse",
            "publicationDate": _DATE,
            "storageIdentifier": f"s3://{name}",
            **self.booked,
            "datasetType": "dataset",
            "latestVersion": self.as_json(),
        }


_LICENSE = {
    "name": "CC0 1.0",
    "uri": "http://creativecommons.org/publicdomain/zero/1.0",
    "iconUri": "https://licensebuttons.net/p/zero/1.0/88x31.png",
    "rightsIdentifier": "CC0-1.0",
    "rightsIdentifierScheme": "SPDX",
    "schemeUri": "https://spdx.org/licenses/",
    "languageCode": "en",
}


def _citation() -> dict[str, Any]:
    title = {
        "typeName": "title",
        "multiple": False,
        "typeClass": "primitive",
        "value": "A made-up data set",
    }
    return {"displayName": "Citation Metadata", "name": "citation", "fields": [title]}


def guestbook(number: int) -> dict[str, Any]:
    """Return the questions of a guestbook."""
    question = {
        "id": 123,
        "question": "Purpose of use",
        "required": True,
        "displayOrder": 1,
        "type": "text",
        "hidden": False,
    }
    return {
        "id": number,
        "name": "A made-up guestbook",
        "enabled": True,
        "emailRequired": True,
        "nameRequired": True,
        "institutionRequired": False,
        "positionRequired": False,
        "customQuestions": [question],
        "createTime": _TIME,
        "dataverseId": 1,
    }


# ---- made from names and bytes -----------------------------------------------------------------


@dataclass(frozen=True)
class Making:
    """What is odd about some files of a data set; names are as they were given."""

    restricted: Collection[str] = ()
    ingested: Collection[str] = ()
    checksum: str | Mapping[str, str] = "MD5"
    has_file_dois: bool = True
    unlike: Mapping[str, bytes] = field(default_factory=dict)  # what comes instead


def made(doi: str, id: int, path: str, data: bytes, making: Making) -> DataFile:
    """Return one file of a data set."""
    folder, _, label = path.rpartition("/")
    algorithm = making.checksum if isinstance(making.checksum, str) else making.checksum[path]
    number = base64.b32encode(id.to_bytes(4)).decode().rstrip("=")[-6:]
    own_doi = f"{doi}/{number}" if making.has_file_dois else ""
    is_restricted = path in making.restricted
    sent = making.unlike.get(path, data)
    if path not in making.ingested:
        return DataFile(id, label, folder, data, sent, is_restricted, algorithm, doi=own_doi)
    table = sent.replace(b",", b"\t")
    stored = data.replace(b",", b"\t").partition(b"\n")[2]  # without its header line
    name = label.rpartition(".")[0] + ".tab"
    return DataFile(id, name, folder, stored, table, is_restricted, algorithm, data, label, own_doi)
