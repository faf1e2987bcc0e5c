"""A data set as JSON-LD: Croissant 1.0 for machine learning, schema.org for search engines."""

import hashlib
import json
import mimetypes
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from covcat.catalog.citations import sentence
from covcat.catalog.entries import License, Resource
from covcat.catalog.files import WebFile
from covcat.store.folder import SUMS
from covcat.store.manifest import Manifest, sums

MOST_FILES = 1_000  # that are named one by one: a reader makes an object of each
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


def croissant(manifest: Manifest, resource: Resource | None) -> dict[str, Any]:
    """Return a release as it is on disk; addresses of files are relative to its folder."""
    releases = resource.releases if resource else ()
    summary = resource.summary if resource else manifest.title
    lost = len(manifest.missing)
    missing = [f"{lost} file{'' if lost == 1 else 's'} missing"] if lost else []
    if parts := "; ".join([*manifest.selection, *missing]):  # no part is taken for the whole
        summary = f"{summary} Not all of the release is here: {parts}."
    if len(manifest.files) > MOST_FILES:
        distribution = _sets(manifest)
    else:
        distribution = [  # numbered: a path may hold what no IRI does
            _file(f"file-{number}", one.path, one.bytes, media_type(one.path), one.sha256)
            for number, one in enumerate(manifest.files, 1)
        ]
    tree = {
        "@context": json.loads(_CONTEXT.read_bytes()),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": manifest.title,
        "description": summary,
        "identifier": f"{manifest.resource}@{manifest.release}",
        "version": manifest.release,
        "url": manifest.homepage,
        "license": _license(manifest.license),
        "citeAs": "\n\n".join(manifest.citation),
        "creator": _creators(resource) if resource else None,
        "datePublished": next((one.date for one in releases if one.id == manifest.release), None),
        "sdDatePublished": manifest.created_at,
        "isLiveDataset": False,
        "distribution": distribution,
    }
    return {key: value for key, value in tree.items() if value not in (None, "", [])}


def _file(id: str, name: str, size: int, form: str, sha256: str, **more: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": id,
        "name": name,
        **more,
        "contentUrl": name,
        "contentSize": f"{size} B",
        "encodingFormat": form,
        "sha256": sha256,
    }


def _sets(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the sums, then a set for each folder and suffix (one media type), and of the rest."""
    data = sums(manifest).encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(data).hexdigest()
    what = "the sha256 of every file, as sha256sum -c reads it"
    found = [_file(SUMS, SUMS, len(data), "text/plain", digest, description=what)]
    counts: Counter[tuple[str, str]] = Counter()
    for file in manifest.files:
        suffix = PurePosixPath(file.path).suffix  # the end of a DICOM file's UID is none
        top, is_suffix = file.path.partition("/")[0], _SUFFIX.fullmatch(suffix)
        counts[top, suffix if is_suffix else ""] += 1
    named = sorted(kind for kind, _ in counts.most_common(_MOST_SETS) if kind[1])
    sets: Counter[tuple[str, str]] = Counter()
    for (top, suffix), count in counts.items():
        sets[top, suffix if (top, suffix) in named else ""] += count
    for number, ((top, suffix), count) in enumerate(sorted(sets.items()), 1):
        one = {
            "@type": "cr:FileSet",
            "@id": f"set-{number}",
            "name": f"{top}: {suffix or 'all other files'}",
            "description": f"{count} file{'' if count == 1 else 's'}",
            "includes": _globs(top, suffix),
            "encodingFormat": media_type(f"x{suffix}"),
        }
        others = [] if suffix else [kind for kind in named if kind[0] == top]
        excludes = [glob for kind in others for glob in _globs(*kind)]
        found.append(one | ({"excludes": excludes} if excludes else {}))
    return found


def _globs(top: str, suffix: str) -> list[str]:
    return [f"{top}/*{suffix}", f"{top}/**/*{suffix}"]


def media_type(path: str) -> str:
    """Return the media type that a file's name stands for."""
    suffix = PurePosixPath(path).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, _ANY)


def schema_org(resource: Resource, contained: Sequence[Resource] = ()) -> dict[str, Any]:
    """Return a resource as search engines for data sets read it; `contained` are in it."""
    release = resource.default_release
    names = {"ct": "CT", "xray": "X-ray", "mri": "MRI", "ultrasound": "ultrasound"}
    # of the DOIs only the data's: a paper's is a citation, a source's is the source's
    others = {one.key for source in contained for one in source.citation}
    data = [
        one for one in resource.citation if one.entry in ("data", "misc") and one.key not in others
    ]
    dois = dict.fromkeys(one.fields["doi"] for one in data if "doi" in one.fields)
    tree: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": resource.title,
        "description": resource.summary,
        "identifier": [f"https://doi.org/{doi}" for doi in dois],
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
        "distribution": _downloads(release.files if release else ()),
    }
    return {key: value for key, value in tree.items() if value not in (None, "", [])}


def embedded(tree: Mapping[str, Any], indent: int | None = None) -> str:
    """Return JSON that may stand in a `<script>` of a page: no text in it ends that."""
    return json.dumps(tree, indent=indent).replace("<", "\\u003c")


def _downloads(files: Iterable[object]) -> list[dict[str, Any]]:
    """Return the files that have an address of their own in the catalog."""
    return [
        {
            "@type": "DataDownload",
            "name": file.name,
            "contentUrl": file.url,
            "encodingFormat": media_type(file.name),
            **({"contentSize": f"{file.bytes} B"} if file.bytes is not None else {}),
            **({"sha256": file.sha256} if file.sha256 is not None else {}),
        }
        for file in files
        if isinstance(file, WebFile)
    ]


def _creators(resource: Resource) -> list[dict[str, str]]:
    people = [{"@type": "Person", "name": name} for name in resource.authors]
    return people or [{"@type": "Organization", "name": resource.organization}]


def _license(terms: License) -> str:
    """Return the licence's page; where it has none, its name and what is known of it."""
    if not terms.spdx.startswith("LicenseRef-"):
        return f"https://spdx.org/licenses/{terms.spdx}.html"
    return terms.url or (f"{terms.spdx}: {terms.note}" if terms.note else terms.spdx)
