"""What comes out of an archive: by its format's module alone, or as covcat unpacks it."""

from pathlib import Path
from types import ModuleType

import pytest

from covcat.archives import extract
from covcat.archives.base import Member, Source
from covcat.archives.rules import Budget, Layout
from covcat.archives.writing import UnpackTarget
from covcat.errors import ExtractionError
from makers.runs import tree_on_disk


class Kept:
    """A writer that puts a member on a shelf once it is whole."""

    def __init__(self, member: Member, shelf: dict[str, bytes]) -> None:
        self.member, self.shelf, self.data = member, shelf, b""

    def write(self, data: bytes | memoryview) -> None:
        self.data += data

    def finish(self) -> None:
        assert self.member.size == len(self.data)
        self.shelf[self.member.name] = self.data


def members_of(form: ModuleType, path: Path, encoding: str | None = None) -> list[Member]:
    with path.open("rb") as stream:
        return form.members(Source(path, stream, encoding))


def files_of(
    form: ModuleType, path: Path, encoding: str | None = None, wanted: str = ""
) -> dict[str, bytes]:
    """All files whose names hold the text `wanted`."""
    shelf: dict[str, bytes] = {}
    with path.open("rb") as stream:
        source = Source(path, stream, encoding)
        form.unpack(
            source,
            form.members(source),
            lambda member: Kept(member, shelf) if wanted in member.name else None,
        )
    return shelf


def extracted(folder: Path, data: bytes, kind: str = "zip") -> dict[str, bytes]:
    """What covcat makes of an archive, in a folder where nothing is yet."""
    archive, out = folder / f"a.{kind}", folder / "out"
    archive.write_bytes(data)
    out.mkdir()
    place = UnpackTarget(out, folder / "inside")
    extract.extract(archive, extract.kind(archive), Layout(), Budget(10**8), place)
    return tree_on_disk(out)


def refusal(folder: Path, data: bytes, kind: str = "zip") -> str:
    with pytest.raises(ExtractionError) as info:
        extracted(folder, data, kind)
    return f"{info.value.message}: {info.value.cause}"
