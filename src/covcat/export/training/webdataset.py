"""Plain tars as `webdataset` reads them: of each picture KEY.png, KEY.json and KEY.cls.

The same pictures give the same bytes, whoever packs them and when. KEY.cls is the number of the
finding in classes.txt; a picture with none or several findings has no one class, and no KEY.cls.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator

from covcat.catalog.columns import Record
from covcat.export.training.laying import (
    LaidPicture,
    Laying,
    TrainingForm,
    record_of,
    suffix_of,
)
from covcat.imaging.cohort_files import as_fetched, changed

SHARD = 256 << 20  # bytes of pictures in a tar; one that is larger has a tar of its own


def write(laying: Laying) -> None:
    """Write the shards of each side, and what the numbers of the classes mean."""
    classes = laying.classes()
    text = "".join(f"{name}\n" for name in classes)
    (laying.folder / "classes.txt").write_text(text, encoding="utf-8")
    for side, pictures in laying.sides():
        key = 0
        for number, some in enumerate(_shards(pictures)):
            path = laying.folder / f"{side}-{number:06d}.tar"
            with path.open("xb") as file, tarfile.open(fileobj=file, mode="w") as tar:
                for one in some:
                    _add_picture(laying, tar, f"{side}-{key:08d}", one, classes)
                    key += 1


def _shards(pictures: list[LaidPicture]) -> Iterator[list[LaidPicture]]:
    some: list[LaidPicture] = []
    size = 0
    for one in pictures:
        own = int(one.record["bytes"] or 0)
        if some and size + own > SHARD:
            yield some
            some, size = [], 0
        some.append(one)
        size += own
    yield some


def _add_picture(
    laying: Laying, tar: tarfile.TarFile, key: str, picture: LaidPicture, classes: list[str]
) -> None:
    """Add what is of one picture, one after the other: a reader takes what has the same key."""
    _add_file(laying, tar, f"{key}{_suffix(str(picture.record['path']))}", picture, picture.record)
    if picture.mask is not None:
        name = f"{key}.mask{_suffix(picture.mask.path)}"
        _add_file(laying, tar, name, picture, record_of(picture.mask))
    cells = json.dumps(picture.cells(), sort_keys=True).encode()
    _add_bytes(tar, f"{key}.json", cells)
    if len(picture.findings) == 1:
        _add_bytes(tar, f"{key}.cls", str(classes.index(picture.findings[0])).encode())


def _suffix(path: str) -> str:
    return suffix_of(path) or ".bin"


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_member(name, len(data)), io.BytesIO(data))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # of nobody, of 1970
    member.size, member.mode = size, 0o644
    return member


class _Hashed(io.RawIOBase):
    """A file that hashes what is read of it."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream, self.sha256 = stream, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self.sha256.update(data)
        return data


def _add_file(
    laying: Laying, tar: tarfile.TarFile, name: str, picture: LaidPicture, record: Record
) -> None:
    """Copy a file of a release into a tar, if it is as it was fetched."""
    with as_fetched(picture.part, record) as stream:
        size, hashed = os.fstat(stream.fileno()).st_size, _Hashed(stream)
        if size != record["bytes"]:
            raise changed(picture.part, record["path"])
        tar.addfile(_member(name, size), hashed)
    if hashed.sha256.hexdigest() != record["sha256"]:
        raise changed(picture.part, record["path"])
    laying.advance(record)


FORM = TrainingForm(write, "pictures and volumes", ways=("copies",))
