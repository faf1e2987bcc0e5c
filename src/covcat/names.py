"""Which relative paths cannot lead outside or hide anything; pure text rules.

Names that only Windows cannot hold (`NUL`, `a?b`) pass elsewhere: macOS and Linux hold them.
"""

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import PurePosixPath
from shlex import quote
from typing import NamedTuple

from covcat.errors import ExtractionError

_ARCHIVE = r"\.(?:zip|7z|rar|tar|t[gbx]z2?|tzst|gz|bz2|xz|zst)"
# Endings of two letters that are no number of `split`, which goes on after az with ba.
_NO_NUMBER = "br|bz|db|dl|gz|id|js|lz|md|ok|py|sh"
# As `split` and 7-Zip number them: x.zip.001, x.tar.gz.aa, x.7z.part2, x.tar-partab
_CUT = re.compile(
    rf"(?P<start>(?P<whole>.+{_ARCHIVE})[._-])(?:\d{{2,4}}|a[a-z]{{1,2}}"
    rf"|(?<=\.)(?!{_NO_NUMBER})[b-t][a-z])"
    rf"|(?P<start2>(?P<whole2>.+{_ARCHIVE})[._-]?part[._-]?)(?:\d{{1,4}}|[a-z]{{2,3}})",
    re.I,
)
_ZIP = re.compile(r"(?P<stem>.+)\.z\d{2,3}", re.I)
_RAR = re.compile(r"(?P<stem>.+)\.(?:r\d{2,3}|part(?P<number>\d+)\.rar)", re.I)


# As Google Drive and Takeout name the zips that they make of one folder
_PORTION = re.compile(r"(?P<start>.+-\d{8}T\d{6}Z(?:-\d{1,3})?)-(?P<number>\d{3})\.zip", re.I)


class VolumeError(ExtractionError):
    """An archive is one volume of several."""


class Volume(NamedTuple):
    """One volume of an archive."""

    whole: str  # what the archive is called
    how: str  # the command that puts it together, or reads all of it
    start: str = ""  # of a piece: what its name begins with, before what numbers it
    ending: str = ""  # what numbers it
    first: str = ""  # of RAR: the volume that all are read from

    @property
    def is_zip(self) -> bool:
        """True for one of zip's own volumes, x.z01."""
        return not self.start and not self.first

    @property
    def is_rar(self) -> bool:
        """True for one of RAR's own volumes."""
        return bool(self.first)

    @property
    def number(self) -> int | None:
        """Return the number of a piece: aa is 0; None of zip's and RAR's own volumes."""
        if not self.ending or self.ending.isdigit():
            return int(self.ending) if self.ending else None
        number = 0
        for letter in self.ending.lower():
            number = number * 26 + ord(letter) - ord("a")
        return number

    def named(self, number: int) -> str:
        """Return the name of another piece."""
        if self.ending.isdigit():
            return self.start + str(number).zfill(len(self.ending))
        letters = ""
        for _ in self.ending:
            number, letter = divmod(number, 26)
            letters = chr(ord("a") + letter) + letters
        return self.start + (letters.upper() if self.ending.isupper() else letters)


class Portion(NamedTuple):
    """One of several archives that each have some of the files of one folder."""

    start: str
    number: int  # from 1

    def named(self, number: int) -> str:
        """Return the name of another one."""
        return f"{self.start}-{number:03}.zip"


MAX_NAME_BYTES = 1_024
MAX_PART_BYTES = 255
MAX_DEPTH = 64
_HIDDEN = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
# Shown as nothing, or as a blank, and yet allowed in names.
_RANGES = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_SINGLE = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x200C, 0x200D, 0x2800, 0x3164, 0xFFA0)
_UNSEEN = dict.fromkeys([*_SINGLE, *(code for one in _RANGES for code in one)])
_JOINERS = "\u200c\u200d"
_VIRAMA = 9  # a combining class
# Scripts written with joiners, by the first word of their characters' names, which never change.
_JOINED = {
    *("ARABIC", "SYRIAC", "MANDAIC", "NKO", "MONGOLIAN", "PHAGS-PA", "HANIFI", "ADLAM"),
    *("DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA"),
    *("MALAYALAM", "SINHALA", "KHMER", "MYANMAR"),
}
_ONE_EMOJI = (
    "[\u2194\u2195\u2600-\u27bf\u2b1b\U0001f000-\U0001faff](?:\ufe0f|[\U0001f3fb-\U0001f3ff])?"
)
_JOINED_EMOJI = re.compile(f"{_ONE_EMOJI}(?:\u200d{_ONE_EMOJI})+")
_DRIVE = re.compile(r"[A-Za-z]:")
# Learn.microsoft.com, "Naming Files, Paths, and Namespaces": with any suffix, too.
_DEVICE = re.compile(
    r"(?P<name>con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?", re.I
)
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]')
# What macOS, Windows, KDE and network disks of Synology and QNAP leave in a folder, and make again.
_FILES_OF_DESKTOPS = {
    *(".ds_store", "icon\r", "desktop.ini", "ehthumbs.db", "thumbs.db", ".directory", ".apdisk"),
}
_FOLDERS_OF_DESKTOPS = {
    *("__macosx", ".appledouble", ".fseventsd", ".spotlight-v100", ".@__thumb", "@eadir"),
    *(".trashes", ".temporaryitems", "#recycle", "@recycle", "$recycle.bin", "lost+found"),
    "system volume information",
}
_STILL_OPEN = re.compile(r"\.(?:nfs|fuse_hidden)[0-9a-f]{8,}")  # deleted while a program reads it
_OF_HISTORIES = {".git", ".svn", ".hg"}


def unsafe_name(name: str, platform: str = sys.platform) -> str | None:
    """Return why a member's name is refused, or None if it is safe and this system can hold it.

    The rules are those of Go's `filepath.IsLocal` and uv, and those of reliability case lists:
    no absolute or parent paths, no backslash or drive, no control or invisible characters.
    """
    size = len(name.encode("utf-8", "surrogatepass"))
    if size > MAX_NAME_BYTES:  # before anything quadratic touches it (CVE-2026-3276)
        return f"its name has {size} bytes, more than {MAX_NAME_BYTES}"
    if not name:
        return "it has no name"
    if not _is_plain(name) and any(True for _ in hidden(name)):
        return "its name has a control or invisible character"
    if "\\" in name:
        return "its name has a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "its path is absolute"
    parts = name.split("/")
    if ".." in parts:
        return "its path leaves the folder with `..`"
    if "" in parts or "." in parts:
        return "its path has an empty part"
    if len(parts) > MAX_DEPTH:
        return f"its path is {len(parts)} levels deep, more than {MAX_DEPTH}"
    if size > MAX_PART_BYTES and any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return f"a part of its path has more than {MAX_PART_BYTES} bytes"
    if platform == "win32":
        return next(filter(None, map(_why_not_on_windows, parts)), None)
    return None


def _why_not_on_windows(part: str) -> str | None:
    if found := _DEVICE.fullmatch(part):
        return f"Windows keeps the name `{found['name']}` for a device"
    if found := _NOT_ON_WINDOWS.search(part):
        return f"Windows has no name with `{found[0]}` in it"
    if part.endswith((".", " ")):
        return "Windows would drop the dot or blank at the end of its name"
    return None


def hidden(text: str) -> Iterator[int]:
    """Give the places of what cannot be seen, but for the joiners that writing needs.

    Those are U+200C and U+200D after a virama or between two letters or marks of a script that
    has them (RFC 5892, A.1 and A.2; UAX #31, 2.3.1; wider, as people write: RFC 5892 has no
    U+200C after a letter that never joins, nor U+200D between Arabic letters or before a virama,
    as in Bengali), and U+200D in an emoji of several (UTS #51, ED-16). Flags made of tag
    characters stay hidden: tags can spell out any text.
    """
    seen = _JOINED_EMOJI.sub(lambda found: "-" * len(found[0]), text)
    for at, char in enumerate(seen):
        if unicodedata.category(char) in _HIDDEN and not _is_joiner(seen, at):
            yield at


def _is_joiner(text: str, at: int) -> bool:
    if text[at] not in _JOINERS or at == 0:
        return False
    before, after = text[at - 1], text[at + 1 : at + 2]
    is_after_virama = unicodedata.combining(before) == _VIRAMA
    return is_after_virama or (_script(before) in _JOINED and _script(before) == _script(after))


def _script(char: str) -> str:
    """Return the script of a letter or mark, as its name begins; "" of anything else."""
    is_written = char and unicodedata.category(char)[0] in "LM"
    return unicodedata.name(char, "").partition(" ")[0] if is_written else ""


def is_litter(path: str) -> bool:
    """Tell what desktops and version control leave beside data, at any depth; it is never data.

    A file called `._x` is what macOS keeps of `x` elsewhere. A pinned listing or git tree may
    have such files: then they are written and recorded like the others, but are no picture.
    """
    parts = path.casefold().split("/")
    name = parts[-1]
    if name.startswith("._") or name in _FILES_OF_DESKTOPS or _STILL_OPEN.fullmatch(name):
        return True
    return not (_FOLDERS_OF_DESKTOPS | _OF_HISTORIES).isdisjoint(parts)


def is_made_again(path: str) -> bool:
    """Tell litter that nobody misses: macOS keeps only `._x` of other files in `__MACOSX`."""
    *folders, name = path.casefold().split("/")
    is_odd = "__macosx" in folders and not (name.startswith("._") or name in _FILES_OF_DESKTOPS)
    return is_litter(path) and not is_odd


def history_of(path: str) -> str:
    """Return the folder, or file, of version control that a path lies in; "" if in none.

    It is litter, but unlike a desktop's nothing makes it again: it may hold somebody's work.
    """
    parts = path.split("/")
    found = [number for number, one in enumerate(parts, 1) if one.casefold() in _OF_HISTORIES]
    return "/".join(parts[: found[0]]) if found else ""


def collision_key(path: str) -> str:
    """Return a text that is equal for paths that some file system, or eye, takes for one.

    Names that differ in joiners alone are one: HFS+ passes over them (Apple's TN1150), and where
    letters join anyway nobody sees them.
    """
    return "/".join(_key(part) for part in path.split("/"))


def _key(part: str) -> str:
    if not _is_plain(part):
        part = unicodedata.normalize("NFKC", part.translate(_UNSEEN)).casefold()
        return unicodedata.normalize("NFKC", part).rstrip(". ")
    part = part.lower()
    return part.rstrip(". ") if part.endswith((".", " ")) else part


def _is_plain(text: str) -> bool:
    """True for printable ASCII, which needs no look at each character."""
    return text.isascii() and text.isprintable()


_MOST_RECENT = 1000  # folders, whose paths an archive may make long


class Paths:
    """The paths of one tree; finds two that some file system takes for one."""

    def __init__(self) -> None:
        self.folders = 0
        # (number of the folder, key) -> the name as first spelt, and the folder's number or 0
        self._known: dict[tuple[int, str], tuple[str, int]] = {}
        self._recent: dict[str, int] = {}  # numbers of folders: to go down to one costs most

    def add(self, path: str, is_file: bool) -> tuple[bool, str | None]:
        """Take a path; say if it came before, and which other path it collides with."""
        above, _, name = path.rpartition("/")
        number = self._recent.get(above)
        if number is None:
            number, other = self._folder(above)
            if other is not None:
                return False, other
            if len(self._recent) == _MOST_RECENT:
                self._recent.clear()
            self._recent[above] = number
        place = (number, _key(name))
        known = self._known.get(place)
        if known is None:
            self._known[place] = (name, 0 if is_file else self._new())
            return False, None
        if known[0] != name or (known[1] == 0) != is_file:
            return False, f"{above}/{known[0]}" if above else known[0]
        return True, None

    def _folder(self, path: str) -> tuple[int, str | None]:
        """Return the number of a folder, made where it is new, or the path it collides with."""
        number, parts = 0, path.split("/") if path else []
        for depth, part in enumerate(parts):
            place = (number, _key(part))
            known = self._known.get(place)
            if known is None:
                known = self._known[place] = (part, self._new())
            if known[0] != part or known[1] == 0:
                return 0, "/".join([*parts[:depth], known[0]])
            number = known[1]
        return number, None

    def _new(self) -> int:
        self.folders += 1
        return self.folders


def collision(paths: Iterable[str]) -> tuple[str, str] | None:
    """Return two file paths that some file system takes for one, or a file that is a folder."""
    tree = Paths()
    for path in paths:
        is_again, other = tree.add(path, is_file=True)
        if is_again or other is not None:
            return other or path, path
    return None


def common_folder(paths: Iterable[str]) -> str:
    """Return the folder in which all of the paths lie, with its last slash; "" if in none."""
    known = list(paths)
    if not known:
        return ""
    first, last = min(known).split("/")[:-1], max(known).split("/")[:-1]  # the others are between
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(f"{one}/" for one, _ in shared)


def volume(name: str) -> Volume | None:
    """Return what a file name says of the archive that it is a volume of; None if it is none."""
    name = PurePosixPath(name).name
    if found := _ZIP.fullmatch(name):
        return Volume(f"{found['stem']}.zip", _unsplit(found["stem"]))
    if found := _RAR.fullmatch(name):
        first, number = f"{found['stem']}.rar", found["number"]
        if number:
            first = f"{found['stem']}.part{'1'.zfill(len(number))}.rar"
        return Volume(f"{found['stem']}.rar", _from_first(first), first=first)
    if found := _CUT.fullmatch(name):
        start, whole = found["start"] or found["start2"], found["whole"] or found["whole2"]
        how = f"cat {quote(start)}* > {quote(whole)}"
        return Volume(whole, how, start, name[len(start) :])
    return None


def portion(name: str) -> Portion | None:
    """Return what a file name says of the archives that a site made of one folder, if it does."""
    found = _PORTION.fullmatch(name)
    return Portion(found["start"], int(found["number"])) if found and int(found["number"]) else None


def whole_of(name: str) -> str:
    """Return what the archive is called that a file is, or is a volume of."""
    if part := portion(name):
        return f"{part.start}.zip"
    found = volume(name)
    return found.whole if found else name


def split(name: str, cause: str | None = None) -> VolumeError:
    """Return the error for an archive that is not whole: a volume of several."""
    how, message = None, f"`{name}` is one volume of several that must be put together"
    if found := volume(name):
        how = found.how
    elif name.lower().endswith(".zip"):
        how = _unsplit(name[: -len(".zip")])
    elif name.lower().endswith(".rar"):
        how = _from_first(name)
    return VolumeError(message, cause=cause, hint=how)


def only_volumes(names: Iterable[str]) -> str | None:
    """Return one of the names if all of them are volumes of one archive."""
    volumes = {name: whole for name in names if (whole := whole_of(name)) != name}
    return min(volumes) if volumes and set(names) <= {*volumes, *volumes.values()} else None


def _unsplit(stem: str) -> str:
    return f"zip -s 0 {quote(f'{stem}.zip')} --out {quote(f'{stem}-whole.zip')}"


def _from_first(name: str) -> str:
    return f"covcat extract {quote(name)}, with all the others beside it"
