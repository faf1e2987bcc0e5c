"""What Zenodo holds, and its JSON in three shapes: today's two and that of October 2023."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from servers.hosts.message import md5

SITE = "https://zenodo.org"
_CREATED = "2021-01-05T10:00:00.641590+00:00"
_UPDATED = "2021-01-06T10:00:00.039784+00:00"
_TITLE = "A made-up record"


@dataclass(frozen=True)
class Record:
    """One version of a record; `sent` is what comes where that is not what is listed."""

    id: str
    concept: str
    files: Mapping[str, bytes]
    sent: Mapping[str, bytes]
    index: int
    version: str = "1"
    license: str = "cc-by-4.0"
    restricted: bool = False

    @property
    def bucket(self) -> str:
        return str(uuid5(NAMESPACE_URL, f"bucket {self.id}"))

    def content(self, key: str) -> str:
        """Return the address of a file's bytes."""
        return f"{SITE}/api/records/{self.id}/files/{quote(key, safe='')}/content"

    # ---- the default shape ---------------------------------------------------------------------

    def legacy(self, *, is_last: bool) -> dict[str, Any]:
        """Return what `Accept: application/json` gets."""
        return {
            "created": _CREATED,
            "modified": _UPDATED,
            "id": int(self.id),
            "conceptrecid": self.concept,
            "doi": f"10.5281/zenodo.{self.id}",
            "conceptdoi": f"10.5281/zenodo.{self.concept}",
            "doi_url": f"https://doi.org/10.5281/zenodo.{self.id}",
            "metadata": self._legacy_metadata(is_last=is_last),
            "title": _TITLE,
            "links": self.links(),
            "updated": _UPDATED,
            "recid": self.id,
            "revision": 4,
            "files": [] if self.restricted else [self._legacy_file(key) for key in self.files],
            "swh": {},
            "owners": [{"id": "1"}],
            "status": "published",
            "stats": _STATS,
            "state": "done",
            "submitted": True,
        }

    def of_october_2023(self, *, is_last: bool) -> dict[str, Any]:
        """Return the shape of some days of October 2023."""
        files = [
            {
                "id": self._file_id(key),
                "filename": key,
                "filesize": len(data),
                "checksum": md5(data),
                "links": {
                    "self": self.content(key),
                    "download": f"{SITE}/api/files/{self.bucket}/{quote(key)}",
                },
            }
            for key, data in self.files.items()
        ]
        return {**self.legacy(is_last=is_last), "files": [] if self.restricted else files}

    def _legacy_file(self, key: str) -> dict[str, Any]:
        data = self.files[key]
        return {
            "id": self._file_id(key),
            "key": key,
            "size": len(data),
            "checksum": f"md5:{md5(data)}",
            "links": {"self": self.content(key)},
        }

    def _legacy_metadata(self, *, is_last: bool) -> dict[str, Any]:
        parent = {"pid_type": "recid", "pid_value": self.concept}
        return {
            "title": _TITLE,
            "doi": f"10.5281/zenodo.{self.id}",
            "publication_date": "2021-01-05",
            "description": "<p>Made up.</p>",
            "access_right": "restricted" if self.restricted else "open",
            "creators": [{"name": "Up, Made", "affiliation": "Nowhere", "orcid": ""}],
            "version": self.version,
            "resource_type": {"title": "Dataset", "type": "dataset"},
            "license": {"id": self.license},
            "communities": [{"id": "made-up"}],
            "relations": {"version": [{"index": self.index, "is_last": is_last, "parent": parent}]},
        }

    # ---- InvenioRDM's shape --------------------------------------------------------------------

    def rdm(self, *, is_last: bool) -> dict[str, Any]:
        """Return what `Accept: application/vnd.inveniordm.v1+json` gets."""
        is_open = "restricted" if self.restricted else "public"
        return {
            "id": self.id,
            "created": _CREATED,
            "updated": _UPDATED,
            "links": self.links(),
            "revision_id": 4,
            "parent": self._parent(),
            "versions": {"is_latest": is_last, "index": self.index + 1},
            "is_published": True,
            "is_draft": False,
            "pids": {
                "doi": _doi(self.id),
                "oai": {"identifier": f"oai:zenodo.org:{self.id}", "provider": "oai"},
            },
            "metadata": self._rdm_metadata(),
            "custom_fields": {},
            "access": {
                "record": "public",
                "files": is_open,
                "embargo": {"active": False, "reason": None},
                "status": "restricted" if self.restricted else "open",
            },
            "files": self._rdm_files(),
            "media_files": {
                "enabled": False,
                "order": [],
                "count": 0,
                "total_bytes": 0,
                "entries": {},
            },
            "status": "published",
            "deletion_status": {"is_deleted": False, "status": "P"},
            "stats": {"this_version": _RDM_STATS, "all_versions": _RDM_STATS},
            "swh": {},
        }

    def _parent(self) -> dict[str, Any]:
        return {
            "id": self.concept,
            "access": {"owned_by": {"user": "1"}},
            "communities": {"ids": [_GROUP], "default": _GROUP, "entries": [_COMMUNITY]},
            "pids": {"doi": _doi(self.concept)},
        }

    def _rdm_metadata(self) -> dict[str, Any]:
        person = {
            "type": "personal",
            "name": "Up, Made",
            "given_name": "Made",
            "family_name": "Up",
            "identifiers": [{"identifier": "0000-0000-0000-0000", "scheme": "orcid"}],
        }
        right = {
            "id": self.license,
            "title": {"en": self.license},
            "icon": "made-up-icon",
            "props": {"url": "https://example.org/licence", "scheme": "spdx"},
        }
        return {
            "resource_type": {"id": "dataset", "title": {"de": "Datensatz", "en": "Dataset"}},
            "creators": [{"person_or_org": person, "affiliations": [{"name": "Nowhere"}]}],
            "title": _TITLE,
            "publisher": "Zenodo",
            "publication_date": "2021-01-05",
            "version": self.version,
            "rights": [right],
            "description": "<p>Made up.</p>",
        }

    def _rdm_files(self) -> dict[str, Any]:
        if self.restricted:
            return {"enabled": True}
        entries = {}
        for key, data in self.files.items():
            entry = self.entry(key)
            entries[key] = {
                "id": self._file_id(key),
                "checksum": entry["checksum"],
                "ext": key.rpartition(".")[2],
                "size": len(data),
                "mimetype": entry["mimetype"],
                "storage_class": "L",
                "key": key,
                "metadata": None,
                "access": {"hidden": False},
                "links": entry["links"],
            }
        return {
            "enabled": True,
            "order": [],
            "count": len(entries),
            "total_bytes": sum(map(len, self.files.values())),
            "entries": entries,
        }

    # ---- the list of files ---------------------------------------------------------------------

    def file_list(self) -> dict[str, Any]:
        """Return what `/files` gives."""
        own = f"{SITE}/api/records/{self.id}"
        return {
            "enabled": True,
            "links": {"self": f"{own}/files", "archive": f"{own}/files-archive"},
            "entries": [self.entry(key) for key in self.files],
            "default_preview": None,
            "order": [],
        }

    def entry(self, key: str) -> dict[str, Any]:
        """Return one row of that list."""
        content = self.content(key)
        return {
            "created": _CREATED,
            "updated": _UPDATED,
            "mimetype": mimetypes.guess_type(key)[0] or "application/octet-stream",
            "version_id": str(uuid5(NAMESPACE_URL, f"version {self.id} {key}")),
            "file_id": self._file_id(key),
            "bucket_id": self.bucket,
            "metadata": None,
            "access": {"hidden": False},
            "links": {"self": content.removesuffix("/content"), "content": content},
            "key": key,
            "transfer": {"type": "L"},
            "status": "completed",
            "checksum": f"md5:{md5(self.files[key])}",
            "size": len(self.files[key]),
            "storage_class": "L",
        }

    def _file_id(self, key: str) -> str:
        return str(uuid5(NAMESPACE_URL, f"file {self.id} {key}"))

    def links(self) -> dict[str, str]:
        """Return the record's links, every kind that Zenodo gives."""
        api, page = f"{SITE}/api/records/{self.id}", f"{SITE}/records/{self.id}"
        doi, parent = f"10.5281/zenodo.{self.id}", f"10.5281/zenodo.{self.concept}"
        return {
            "self": api,
            "self_html": page,
            "preview_html": f"{page}?preview=1",
            "doi": f"https://doi.org/{doi}",
            "self_doi": f"https://doi.org/{doi}",
            "self_doi_html": f"{SITE}/doi/{doi}",
            "reserve_doi": f"{api}/draft/pids/doi",
            "parent": f"{SITE}/api/records/{self.concept}",
            "parent_html": f"{SITE}/records/{self.concept}",
            "parent_doi": f"https://doi.org/{parent}",
            "parent_doi_html": f"{SITE}/doi/{parent}",
            "self_iiif_manifest": f"{SITE}/api/iiif/record:{self.id}/manifest",
            "self_iiif_sequence": f"{SITE}/api/iiif/record:{self.id}/sequence/default",
            "archive": f"{api}/files-archive",
            "archive_media": f"{api}/media-files-archive",
            "latest": f"{api}/versions/latest",
            "latest_html": f"{page}/latest",
            "access_links": f"{api}/access/links",
            "access_grants": f"{api}/access/grants",
            "access_users": f"{api}/access/users",
            "access_request": f"{api}/access/request",
            **{_underscored(name): f"{api}/{name}" for name in _PLAIN_LINKS},
        }


_PLAIN_LINKS = (
    "files",
    "media-files",
    "versions",
    "draft",
    "access",
    "communities",
    "communities-suggestions",
    "request-deletion",
    "file-modification",
    "requests",
)
_GROUP = "00000000-0000-4000-8000-000000000003"
_COMMUNITY = {
    "id": _GROUP,
    "created": _CREATED,
    "updated": _UPDATED,
    "links": {},
    "revision_id": 8,
    "slug": "made-up",
    "metadata": {
        "title": "Made up",
        "type": {"id": "organization"},
        "website": "https://example.org",
    },
    "access": {
        "visibility": "public",
        "members_visibility": "public",
        "member_policy": "open",
        "record_submission_policy": "closed",
        "review_policy": "open",
    },
    "deletion_status": {"is_deleted": False, "status": "P"},
    "children": {"allow": False},
}
_STATS = {
    "downloads": 4,
    "unique_downloads": 3,
    "views": 2,
    "unique_views": 1,
    "version_downloads": 4,
    "version_unique_downloads": 3,
    "version_unique_views": 1,
    "version_views": 2,
}
_RDM_STATS = {
    "views": 2,
    "unique_views": 1,
    "downloads": 4,
    "unique_downloads": 3,
    "data_volume": 5,
}


def _doi(id: str) -> dict[str, str]:
    return {"identifier": f"10.5281/zenodo.{id}", "provider": "datacite", "client": "datacite"}


def _underscored(name: str) -> str:
    return name if name == "communities-suggestions" else name.replace("-", "_")
