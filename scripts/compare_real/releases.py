"""Where the real tables are, and how covcat gets the files: real archives, or zips made here."""

import json
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CATALOG = Path(__file__).parents[2] / "catalog"
KEPT = (  # of a packaged entry; what pins, counts and describes it is left out
    *("id", "title", "organization", "summary", "found", "license", "access", "homepage"),
    *("homepage_source", "pictures", "tables"),
)


@dataclass(frozen=True)
class Release:
    """What to import; `catalog` is a folder with an entry of this check's own, `made` says why."""

    resource: str
    release: str
    archive: Path
    catalog: Path | None = None
    made: str = ""


@dataclass(frozen=True)
class Place:
    """Where the real tables are, and where releases may be made."""

    real: Path
    work: Path

    def table(self, name: str) -> Path:
        """Return a real table."""
        return self.real / "tables" / name

    def listing(self, name: str) -> list[str]:
        """Return the paths of a real listing: tabs, the path last."""
        text = (self.real / "listings" / f"{name}.tsv").read_text(encoding="utf-8")
        return [line.split("\t")[4] for line in text.splitlines() if line.startswith("1")]

    def archive(self, name: str) -> tuple[Path, dict[str, bytes]]:
        """Return a real archive of GitHub's and its files, without the folder around them."""
        path = self.real / name
        with zipfile.ZipFile(path) as packed:
            names = [one for one in packed.namelist() if not one.endswith("/")]
            return path, {one.split("/", 1)[1]: packed.read(one) for one in names}

    def made(
        self,
        resource: str,
        release: str,
        files: Iterable[str],
        real: dict[str, bytes],
        more_tables: Iterable[object] = (),
    ) -> Release:
        """Make a release of real tables, and of a tiny picture for each other listed name."""
        catalog = self.work / "catalog"
        _write_unpinned(catalog, resource, release, more_tables)
        archive = self.work / f"{resource}.zip"
        names = sorted({*files, *real})
        with zipfile.ZipFile(archive, "w") as packed:
            for name in names:
                packed.writestr(name, real[name] if name in real else _picture(name))
        made = f"{len(names)} files by listing, of these real: {', '.join(real)}; no pins"
        return Release(resource, release, archive, catalog, made)


def entry(resource: str) -> dict[str, Any]:
    """Return the packaged entry, text throughout."""
    path = CATALOG / f"{resource}.yaml"
    if not path.exists():
        raise RuntimeError(f"the catalog has no entry `{resource}`")
    text = path.read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, yaml.BaseLoader)  # noqa: S506 -- makes texts only
    return found


def first_release(resource: str) -> str:
    """Return the id of the release that the packaged entry has first."""
    return str(entry(resource)["releases"][0]["id"])


def _write_unpinned(folder: Path, resource: str, release: str, more: Iterable[object]) -> None:
    """Write the packaged entry less its pins, so that a made release is taken for it."""
    whole = entry(resource)
    mine = {key: whole[key] for key in KEPT if key in whole}
    tables = [one for one in whole["tables"] if release in one.pop("releases", [release])]
    name = f"{resource}.zip"
    file = {"host": "web", "name": name, "url": f"https://example.org/{name}", "unpack": "zip"}
    mine |= {"override": "yes", "tables": [*tables, *more]}
    mine["releases"] = [{"id": release, "source": "made of its listing", "files": [file]}]
    folder.mkdir()
    (folder / f"{resource}.yaml").write_text(json.dumps(mine), encoding="utf-8")


def _picture(path: str) -> bytes:
    """Return a grey PNG of one pixel that says which file it stands for."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"tEXt", b"Comment\0in place of " + path.encode()),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
