"""The one function that untrusted text passes before it is shown."""

from covcat.names import hidden


def shown(text: object, limit: int | None = None) -> str:
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


def sized(count: int | None) -> str:
    """Return bytes for people: 14.9 MB; 1 MB is a million bytes."""
    if count is None:
        return "?"
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if float(f"{value:.3g}") < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def counted(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
