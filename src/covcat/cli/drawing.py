"""A grey picture -> what a terminal draws: half blocks, or a protocol of kitty's or iTerm2's.

Protocols: https://sw.kovidgoyal.net/kitty/graphics-protocol/ and https://iterm2.com/documentation-images.html.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

Protocol = Literal["blocks", "kitty", "iterm2"]
_CELL = (10, 20)  # pixels of a letter, about: a terminal's own protocol scales to whole cells
_CHUNK = 4096  # letters of base64 in one of kitty's commands, at most
_GREYS = (0, *range(8, 239, 10), 255)  # of the 256 colours: 16, 232 to 255, 231
_CODES = (16, *range(232, 256), 231)


def protocol_of(environ: Mapping[str, str]) -> Protocol:
    """Return how a terminal takes pictures; through tmux and screen neither protocol comes."""
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if term.startswith(("tmux", "screen")) or environ.get("TMUX"):
        return "blocks"
    if program in ("iTerm.app", "WezTerm"):
        return "iterm2"
    is_kitty = term in ("xterm-kitty", "xterm-ghostty") or program == "ghostty"
    return "kitty" if is_kitty or environ.get("KITTY_WINDOW_ID") else "blocks"


def is_deep(environ: Mapping[str, str]) -> bool:
    """Tell if a terminal has 24-bit colour; else it is taken to have 256."""
    return environ.get("COLORTERM", "") in ("truecolor", "24bit")


def fitted(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """Return the pixels of half blocks, two a row, that a picture fills; it is never enlarged."""
    scale = min(1.0, columns / width, 2 * rows / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def cells(width: int, height: int, columns: int, rows: int) -> tuple[int, int, int]:
    """Return the pixels to send of a picture by a protocol, and the columns that they take."""
    across, down = _CELL
    wide, high = fitted(width, height, columns * across, rows * down // 2)
    return wide, high, -(-wide // across)


def to_blocks(pixels: Sequence[Sequence[int]], *, deep: bool) -> str:
    """Return rows of grey pixels, 0 to 255, two a line: the upper half of a block is in front."""
    lines = []
    for at in range(0, len(pixels), 2):
        below = pixels[at + 1] if at + 1 < len(pixels) else None
        lines.append("".join(_line(pixels[at], below, deep=deep)) + "\x1b[0m\n")
    return "".join(lines)


def _line(above: Sequence[int], below: Sequence[int] | None, *, deep: bool) -> Iterator[str]:
    before: tuple[int, int | None] | None = None
    for at, tone in enumerate(above):
        pair = (tone, None if below is None else below[at])
        if pair != before:
            front = _color(38, pair[0], deep=deep)
            yield f"\x1b[{front}{'' if pair[1] is None else ';' + _color(48, pair[1], deep=deep)}m"
        before = pair
        yield "▀"


def _color(ground: int, tone: int, *, deep: bool) -> str:
    if deep:
        return f"{ground};2;{tone};{tone};{tone}"
    nearest = min(range(len(_GREYS)), key=lambda one: abs(_GREYS[one] - tone))
    return f"{ground};5;{_CODES[nearest]}"


def to_kitty(png: bytes, columns: int) -> str:
    """Return a PNG that is so many columns wide; kitty finds the rows, and answers nothing."""
    data = base64.b64encode(png).decode()
    parts = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    found = []
    for number, part in enumerate(parts):
        keys = f"a=T,f=100,q=2,c={columns}," if number == 0 else ""
        found.append(f"\x1b_G{keys}m={int(number + 1 < len(parts))};{part}\x1b\\")
    return "".join(found) + "\n"


def to_iterm2(png: bytes, columns: int) -> str:
    """Return a PNG that is so many columns wide."""
    about = f"inline=1;size={len(png)};width={columns};height=auto;preserveAspectRatio=1"
    return f"\x1b]1337;File={about}:{base64.b64encode(png).decode()}\x07\n"
