"""Catalog entries for what a test serves, in a folder of their own."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from covcat.catalog import listing
from covcat.digests import blob_id, tree_id
from makers.archives import COMMIT, REPOSITORY


def git_rows(files: Mapping[str, bytes]) -> list[listing.ListedFile]:
    rows = []
    for path, data in files.items():
        mode = "100755" if path.endswith(".sh") else "100644"
        sha256 = hashlib.sha256(data).hexdigest()
        rows.append(listing.ListedFile(path, mode, blob_id(data), len(data), sha256))
    return rows


ENTRY = """\
id: {id}
title: {title}
organization: A test
homepage: https://example.org/{id}
homepage_source: made up
summary: Made up for a test.
found: {{ct: Y, xray: N, mri: N, ultrasound: N, metadata: Y, case_review: N, source: made up}}
license:
  spdx: CC-BY-4.0
  allows: {{commercial: "yes", derivatives: "yes", redistribution: "yes"}}
  source: made up
access: open
citation:
  - {{entry: misc, key: {id}, source: made up, fields: {{title: A set, year: "2020"}}}}
{more}"""


def _yaml(value: object) -> str:
    """Return a value as YAML: texts as they are, lists as JSON, which YAML reads too."""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def archives(*releases: str) -> str:
    """Return the releases of an entry: of each an archive."""
    each = (
        f'  - id: "{id}"\n    source: made up\n    files: [{{host: web, name: a.zip, '
        f'url: "https://data.example.org/{id}.zip", unpack: zip}}]\n'
        for id in releases
    )
    return "releases:\n" + "".join(each)


def labelled(
    columns: Mapping[str, str],
    image: str,
    releases: Sequence[str] = ("1",),
    path: str = "metadata.csv",
    reader: str = "delimited",
    **keys: object,
) -> str:
    """Return the releases of an entry and their table of labels; `keys` are the table's further."""
    lines = "".join(f"      {label}: {column}\n" for label, column in columns.items())
    more = "".join(f"    {key}: {_yaml(value)}\n" for key, value in keys.items())
    return (
        f"{archives(*releases)}tables:\n  - reader: {reader}\n    path: {path}\n"
        f'    source: made up\n    image: "{image}"\n{more}    columns:\n{lines}'
    )


NUMBERED = labelled(  # a set whose table numbers patients
    {"patient_id": "patientid", "finding": "finding", "view": "view", "filename": "filename"},
    "images/{filename}",
)


def release_of(*files: str, id: str = "1", more: str = "") -> str:
    """Return an entry's `releases`: one of files in YAML's short form, less its brackets.

    `more` are further keys of the release, a line each.
    """
    rows = "".join(f"      - {{{one}}}\n" for one in files)
    return f'releases:\n  - id: "{id}"\n    source: made up\n    files:\n{rows}{more}'


@dataclass
class Shelf:
    folder: Path

    def add(self, id: str, more: str, title: str = "A made-up set") -> None:
        """Write an entry; `more` are the keys after the common ones."""
        self.folder.mkdir(exist_ok=True)
        text = ENTRY.format(id=id, title=title, more=more)
        (self.folder / f"{id}.yaml").write_text(text, encoding="utf-8")

    def edit(self, id: str, old: str, new: str) -> None:
        """Replace text of an entry."""
        path = self.folder / f"{id}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    def add_repository(
        self,
        id: str = "set",
        files: Mapping[str, bytes] = REPOSITORY,
        *,
        tree: str | None = None,
        keep: str = "",
        override: bool = False,
    ) -> str:
        """Write an entry pinned to a repository by tree and listing; return its tree id."""
        rows = [row for row in git_rows(files) if row.path.startswith(keep)]
        cut = [(row.path.removeprefix(keep), row.mode or "", row.blob or "") for row in rows]
        pinned = tree or tree_id(cut)
        (self.folder / "listings").mkdir(parents=True, exist_ok=True)
        listing.write(self.folder / "listings" / f"{id}@1.tsv.gz", rows)
        total = sum(row.bytes or 0 for row in rows)
        keeps = f"\n        keep: {keep}" if keep else ""
        more = f"""\
{"override: yes" if override else ""}
releases:
  - id: "1"
    source: made up
    files:
      - host: github
        repository: test/set
        commit: {COMMIT}
        tree: {pinned}
        unpack: zip{keeps}
    listing: listings/{id}@1.tsv.gz
    contents: {{files: {len(rows)}, bytes: {total}}}
"""
        self.add(id, more)
        return pinned

    def add_files(self, id: str, *files: Mapping[str, object], more: str = "") -> None:
        """Write an entry of a release of these files; `more` are further keys of the release.

        Each file is its keys in the catalog; by default it lies at https://data.example.org/NAME.
        """
        lines = []
        for file in files:
            url = f"https://data.example.org/{file.get('name')}"
            keys = {"host": "web", "url": url, **file} if "host" not in file else file
            rows = [f"        {key}: {_yaml(value)}\n" for key, value in keys.items()]
            lines.append("      - " + "".join(rows).lstrip())
        head = 'releases:\n  - id: "1"\n    source: made up\n    files:\n'
        self.add(id, head + "".join(lines) + more)

    def add_web(self, id: str, name: str, **keys: object) -> None:
        """Write an entry with one plain https file."""
        self.add_files(id, {"name": name, **keys})

    def add_pinned(
        self, id: str, files: Mapping[str, bytes], at: str = "https://data.example.org"
    ) -> None:
        """Write an entry of https files, pinned by size and sha256; zips are unpacked."""
        rows = []
        for name, data in files.items():
            pins = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            unpack = "zip" if name.endswith(".zip") else "none"
            rows.append({"url": f"{at}/{name}", "name": name, "unpack": unpack, **pins})
        self.add_files(id, *rows)
