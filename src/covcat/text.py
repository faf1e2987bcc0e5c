"""The one function that untrusted text passes before it is shown."""

import difflib
import re
from collections.abc import Iterable

from covcat.names import hidden

_WAITED = 5  # seconds
_ALIKE = 0.6  # as in difflib.get_close_matches


def escaped(text: object, limit: int | None = None) -> str:
    r"""Return `text` on one line, with everything that a terminal would obey made visible.

    Control, escape, bidi and other invisible characters become `\x1b` or `\u202e`, but for the
    joiners that a name may have: it is written as the file is called.
    """
    safe = str(text)
    if not (safe.isascii() and safe.isprintable()):
        places = set(hidden(safe))
        safe = "".join(_spelt(char) if at in places else char for at, char in enumerate(safe))
    return safe if limit is None or len(safe) <= limit else safe[: limit - 1] + "…"


def _spelt(char: str) -> str:
    if char.isascii():
        return repr(char)[1:-1]
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def format_size(count: int | None) -> str:
    """Return bytes for people: 14.9 MB; 1 MB is a million bytes."""
    if count is None:
        return "?"
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if float(f"{value:.3g}") < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def read_size(text: str) -> int | None:
    """Return the bytes of a size such as 500M, or None if it is none: k, M, G, T are thousands."""
    found = re.fullmatch(r"(\d{1,15})([kMGT]?)B?", text)
    return int(found[1]) * 1000 ** " kMGT".index(found[2] or " ") if found else None


def took(seconds: float) -> str:
    """Say how long work took, after what was done; nothing where nobody had to wait."""
    whole = round(seconds)
    if whole < _WAITED:
        return ""
    minutes, hours = whole // 60, whole // 3600
    if hours:
        return f"; took {hours} h {minutes % 60} min"
    return f"; took {minutes} min {whole % 60} s" if minutes else f"; took {whole} s"


def plural(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that was probably meant, or None if none is like it."""
    like = ((_likeness(word, one), one) for one in known)
    best = max(like, default=(0.0, None), key=lambda one: one[0])
    return best[1] if best[0] >= _ALIKE else None


def _likeness(word: str, known: str) -> float:
    """Return 0 to 1; a common beginning counts more, as in Jaro-Winkler: it is seldom mistyped."""
    begun = sum(word[:end] == known[:end] for end in range(1, min(4, len(word), len(known)) + 1))
    ratio = difflib.SequenceMatcher(None, known, word).ratio()
    return ratio + 0.1 * begun * (1 - ratio)
