"""A data set as JSON-LD: Croissant 1.0 for machine learning, schema.org for search engines."""

import hashlib
import json
import mimetypes
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from covcat.catalog.citations import sentence
from covcat.catalog.entries import License, Resource
from covcat.catalog.files import WebFile
from covcat.files import StoredFile
from covcat.store.manifest import Manifest

MOST_FILES = 1_000  # that are named one by one: a reader makes an object of each
SUMS = "SHA256SUMS"
_MOST_SETS = 100
_SUFFIX = re.compile(r"\.(?=\d*[A-Za-z])[A-Za-z0-9]{1,10}")
_ANY = "application/octet-stream"
_TYPES = {  # that Python's table lacks, or has by another name on another system
    ".csv": "text/csv",
    ".dcm": "application/dicom",
    ".gz": "application/gzip",
    ".nii": "application/x-nifti",
    ".7z": "application/x-7z-compressed",
    ".rar": "application/vnd.rar",
    ".md": "text/markdown",
    ".webp": "image/webp",
}
# https://docs.mlcommons.org/croissant/docs/croissant-spec.html, appendix 1
_CONTEXT = Path(__file__).with_name("croissant_context.json")


def croissant(manifest: Manifest, resource: Resource | None, sums: str) -> dict[str, Any]:
    """Return a release as it is on disk; addresses of files are relative to its folder.

    `sums` is its SHA256SUMS, which vouches for every file where these are too many to be named.
    """
    releases = resource.releases if resource else ()
    dates = [one.date for one in releases if one.id == manifest.release]
    tree = {
        "@context": json.loads(_CONTEXT.read_bytes()),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": manifest.title,
        "description": _description(manifest, resource),
        "identifier": f"{manifest.resource}@{manifest.release}",
        "version": manifest.release,
        "url": manifest.homepage,
        "license": _license(manifest.license),
        "citeAs": "\n\n".join(manifest.citation),
        "creator": _creators(resource) if resource else None,
        "datePublished": dates[0] if dates else None,
        "sdDatePublished": manifest.created_at,
        "isLiveDataset": False,
        "distribution": _distribution(manifest.files, sums),
    }
    return {key: value for key, value in tree.items() if value not in (None, "", [])}


def _description(manifest: Manifest, resource: Resource | None) -> str:
    """Return what it is; a part must not be taken for the whole."""
    summary = resource.summary if resource else manifest.title
    lost = len(manifest.missing)
    missing = [f"{lost} file{'' if lost == 1 else 's'} missing"] if lost else []
    parts = "; ".join([*manifest.selection, *missing])
    return f"{summary} Not all of the release is here: {parts}." if parts else summary


def _distribution(files: tuple[StoredFile, ...], sums: str) -> list[dict[str, Any]]:
    if len(files) <= MOST_FILES:
        return [_file_object(number, file) for number, file in enumerate(files, 1)]
    data = sums.encode("utf-8", "surrogateescape")
    listed = {
        "@type": "cr:FileObject",
        "@id": SUMS,
        "name": SUMS,
        "description": "the sha256 of every file, as sha256sum -c reads it",
        "contentUrl": SUMS,
        "contentSize": f"{len(data)} B",
        "encodingFormat": "text/plain",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return [listed, *_file_sets(files)]


def _file_object(number: int, file: StoredFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"file-{number}",  # a path may hold what no IRI does
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": media_type(file.path),
        "sha256": file.sha256,
    }


def _file_sets(files: Iterable[StoredFile]) -> list[dict[str, Any]]:
    """Return one set for each folder and suffix, as a set has one media type, and one of the rest.

    The end of a DICOM file's UID is no suffix, and would be one for each file.
    """
    counts = Counter(map(_kind, files))
    named = sorted(kind for kind, _ in counts.most_common(_MOST_SETS) if kind[1])
    sets: Counter[tuple[str, str]] = Counter()
    for (top, suffix), count in counts.items():
        sets[top, suffix if (top, suffix) in named else ""] += count
    return [
        _file_set(
            number, kind, count, [] if kind[1] else [one for one in named if one[0] == kind[0]]
        )
        for number, (kind, count) in enumerate(sorted(sets.items()), 1)
    ]


def _kind(file: StoredFile) -> tuple[str, str]:
    suffix = PurePosixPath(file.path).suffix
    return file.path.partition("/")[0], suffix if _SUFFIX.fullmatch(suffix) else ""


def _file_set(
    number: int, kind: tuple[str, str], count: int, others: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    top, suffix = kind
    found: dict[str, Any] = {
        "@type": "cr:FileSet",
        "@id": f"set-{number}",
        "name": f"{top}: {suffix or 'all other files'}",
        "description": f"{count} file{'' if count == 1 else 's'}",
        "includes": _globs(top, suffix),
        "encodingFormat": media_type(f"x{suffix}"),
    }
    excludes = [glob for one in others for glob in _globs(*one)]
    return found | ({"excludes": excludes} if excludes else {})


def _globs(top: str, suffix: str) -> list[str]:
    return [f"{top}/*{suffix}", f"{top}/**/*{suffix}"]


def media_type(path: str) -> str:
    """Return the media type that a file's name stands for."""
    suffix = PurePosixPath(path).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, _ANY)


# ---- schema.org --------------------------------------------------------------------------------


def schema_org(resource: Resource, contained: Sequence[Resource] = ()) -> dict[str, Any]:
    """Return a resource as search engines for data sets read it; `contained` are in it."""
    release = resource.default_release
    names = {"ct": "CT", "xray": "X-ray", "mri": "MRI", "ultrasound": "ultrasound"}
    tree: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": resource.title,
        "description": resource.summary,
        "identifier": _identifiers(resource, contained),
        "alternateName": [resource.id, *resource.aliases],
        "url": resource.homepage,
        "creator": _creators(resource),
        "license": _license(resource.license),
        "usageInfo": resource.license.note,
        "isAccessibleForFree": True if resource.access == "open" else None,
        "conditionsOfAccess": resource.browse.terms if resource.browse else None,
        "measurementTechnique": [word for flag, word in names.items() if resource.has(flag)],
        "keywords": ["COVID-19", "medical imaging"],
        "version": release.id if release else None,
        "datePublished": release.date if release else None,
        "citation": [sentence(one) for one in resource.citation],
        "isBasedOn": [
            {"@type": "Dataset", "name": one.title, "url": one.homepage or one.id}
            for one in contained
        ],
        "distribution": _downloads(resource),
    }
    return {key: value for key, value in tree.items() if value not in (None, "", [])}


def _identifiers(resource: Resource, contained: Iterable[Resource]) -> list[str]:
    """Return the DOIs of the data; a paper's is a citation, a source's is the source's."""
    others = {one.key for source in contained for one in source.citation}
    data = [
        one for one in resource.citation if one.entry in ("data", "misc") and one.key not in others
    ]
    dois = [one.fields["doi"] for one in data if "doi" in one.fields]
    return [f"https://doi.org/{doi}" for doi in dict.fromkeys(dois)]


def _creators(resource: Resource) -> list[dict[str, str]]:
    people = [{"@type": "Person", "name": name} for name in resource.authors]
    return people or [{"@type": "Organization", "name": resource.organization}]


def _license(terms: License) -> str:
    """Return the licence's page; where it has none, its name and what is known of it."""
    if not terms.spdx.startswith("LicenseRef-"):
        return f"https://spdx.org/licenses/{terms.spdx}.html"
    return terms.url or (f"{terms.spdx}: {terms.note}" if terms.note else terms.spdx)


def _downloads(resource: Resource) -> list[dict[str, Any]]:
    """Return the files of the default release that have an address of their own in the catalog."""
    release = resource.default_release
    found = []
    for file in release.files if release else ():
        if isinstance(file, WebFile):
            row = {
                "@type": "DataDownload",
                "name": file.name,
                "contentUrl": file.url,
                "encodingFormat": media_type(file.name),
                "contentSize": f"{file.bytes} B" if file.bytes is not None else None,
                "sha256": file.sha256,
            }
            found.append({key: value for key, value in row.items() if value is not None})
    return found
