"""Tars built block by block, as no good writer would; and what a reader of them gets."""

import io
from pathlib import Path
from typing import Any

from covcat.archives import tar
from covcat.archives.base import Member, Source

END = bytes(1024)
POSIX, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)


def octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def header(
    name: bytes,
    kind: bytes = b"0",
    size: int | bytes = 0,
    *,
    magic: bytes = POSIX,
    mode: bytes = b"0000644\0",
    prefix: bytes = b"",
    fields: dict[int, bytes] | None = None,
    is_signed: bool = False,
) -> bytes:
    """One block with a right checksum; `fields` overwrites bytes at these offsets."""
    block = bytearray(512)
    size = octal(size, 12) if isinstance(size, int) else size
    parts = {0: name, 100: mode, 124: size, 136: octal(0, 12), 148: b" " * 8, 156: kind}
    for at, text in {**parts, 157: b"", 257: magic, 345: prefix, **(fields or {})}.items():
        block[at : at + len(text)] = text
    total = sum(byte - 256 * (is_signed and byte > 127) for byte in block)
    block[148:156] = b"%06o\0 " % total
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def entry(name: bytes, data: bytes = b"", kind: bytes = b"0", **more: Any) -> bytes:
    return header(name, kind, len(data), **more) + padded(data)


def record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    return b"%d %s=%s\n" % (
        next(n for n in range(size, size + 9) if n == size + len(str(n))),
        key,
        value,
    )


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    return entry(b"PaxHeaders/0", b"".join(record(*one) for one in records), kind)


class Got:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_finished = False

    def write(self, data: bytes | memoryview) -> None:
        self.data += data

    def finish(self) -> None:
        self.is_finished = True


def source(data: bytes, encoding: str | None = None, name: str = "archive") -> Source:
    return Source(Path("/nowhere") / name, io.BytesIO(data), encoding)


def listed(data: bytes, encoding: str | None = None) -> list[Member]:
    members: list[Member] = []
    tar.unpack(source(data, encoding), members.append)
    return members


def unpacked(data: bytes, encoding: str | None = None, module: Any = tar) -> dict[str, bytes]:
    """What the archive holds: files by their bytes, all else by its kind."""
    kept: dict[str, Any] = {}

    def keep(member: Member) -> Got | None:
        assert member.name not in kept
        kept[member.name] = Got() if member.kind == "file" else member.kind
        return kept[member.name] if member.kind == "file" else None

    module.unpack(source(data, encoding, "scan.nii.gz"), keep)
    assert all(one.is_finished for one in kept.values() if isinstance(one, Got))
    return {name: bytes(one.data) if isinstance(one, Got) else one for name, one in kept.items()}
