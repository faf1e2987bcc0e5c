"""TeX's ways to write letters and signs: read as people read them, written so that TeX can."""

import re
import unicodedata

_MARKS = dict(
    zip(
        "`'^~\"=.uvHckr",
        "\u0300\u0301\u0302\u0303\u0308\u0304\u0307\u0306\u030c\u030b\u0327\u0328\u030a",
        strict=True,
    )
)
_LETTERS = dict(
    zip(
        ("ss", "o", "O", "l", "L", "ae", "AE", "oe", "OE", "aa", "AA", "i"),
        "ßøØłŁæÆœŒåÅı",
        strict=True,
    )
)
_ACCENT = re.compile(
    r"""\\(?:([`'^~"=.])\s*|([uvHckr])(?:\s+|(?=[{])))(?:[{]\\?([A-Za-z])[}]|\\?([A-Za-z]))"""
)
_LETTER = re.compile(r"\\(ss|ae|AE|oe|OE|aa|AA|o|O|l|L|i)(?:[{][}]|\s+|(?![A-Za-z]))")
_ESCAPED = re.compile(r"\\([&%$#_{}])")
_BRACES = str.maketrans("", "", "{}")  # BibTeX's way to keep capitals
_BARE = re.compile(r"\\url\{[^{}]*\}|\\.|\\$|\$[^$]*\$|[&%#_$^]", re.DOTALL)
_WRITTEN = {"^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
_LONE = {"{": r"\textbraceleft{}", "}": r"\textbraceright{}"}


def plain(value: str) -> str:
    """Return a value as people read it: without braces, TeX's escapes, ties and dash of two."""
    marked = _ESCAPED.sub(lambda found: f"\x00{ord(found[1])}\x00", value)
    lettered = _LETTER.sub(lambda found: _LETTERS[found[1]], _ACCENT.sub(_accented, marked))
    bare = lettered.translate(_BRACES).replace("~", " ").replace("--", "–")
    return re.sub(r"\x00(\d+)\x00", lambda found: chr(int(found[1])), bare)


def _accented(found: re.Match[str]) -> str:
    letter, mark = found[3] or found[4], _MARKS[found[1] or found[2]]
    return unicodedata.normalize("NFC", letter + mark)


def address(value: str) -> str:
    """Return an address or a DOI: of TeX only escapes go, as `~` and `--` are parts of it."""
    return _ESCAPED.sub(r"\1", value)


def escaped(value: str) -> str:
    """Return a value that may stand in a .bib file's braces; what is TeX already stays."""
    return _BARE.sub(_written, _balanced(value))


def _written(found: re.Match[str]) -> str:
    sign = found[0]
    return sign if len(sign) > 1 else _WRITTEN.get(sign, f"\\{sign}")


def _balanced(value: str) -> str:
    """Spell out each brace that has no partner: one would swallow all entries behind it."""
    found = [*re.finditer(r"\\?([{}])", value)]
    waiting: list[int] = []
    lone: set[int] = set()
    for at, one in enumerate(found):
        if one[1] == "{":
            waiting.append(at)
        elif waiting:
            waiting.pop()
        else:
            lone.add(at)
    for at in sorted(lone | set(waiting), reverse=True):
        start, end = found[at].span()
        value = value[:start] + _LONE[found[at][1]] + value[end:]
    return value
