"""A part of a workbook as what begins and ends in it; nothing of it is kept.

expat tells of each tag as it comes. What it would keep itself is bounded here: open elements, names
that differ, a tag or a comment that does not end. Workbooks have no document type (ECMA-376, part
2), so that none is let in, and no entity with it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import IO
from xml.parsers import expat

from covcat.errors import IntegrityError
from covcat.imaging.readers.limits import MOST_BYTES, too_much, weight

_PIECE = 1 << 16  # bytes that are parsed at once
_DEEPEST = 1000  # elements in each other; of a sheet's cells six
_MOST_NAMES = 10_000  # of elements and attributes; the whole standard has some thousand
_LONGEST = 1 << 20  # bytes of a tag with its attributes, or of a comment
_TEXTS = ("t", "v")  # elements whose text is wanted

Start = Callable[[str, str, Mapping[str, str]], None]  # name of the parent, own one, attributes
End = Callable[[str, str, str], None]  # name of the parent, own one, text


def events(stream: IO[bytes], part: str, start: Start, end: End | None = None) -> Iterator[None]:
    """Tell `start` and `end` of each element; a turn is given whenever some have been told.

    Names are without their prefixes: of strict and transitional workbooks these differ.

    Raises:
        IntegrityError: it holds more than a workbook needs.
        expat.ExpatError: it is no XML.
    """
    names: dict[str, str] = {}  # expat puts every name in here
    parser = expat.ParserCreate(intern=names)
    parser.buffer_text = True
    told = _Told(part, start, end)
    parser.StartDoctypeDeclHandler = told.type
    parser.StartElementHandler = told.start
    if end is not None:
        parser.CharacterDataHandler = told.text
    parser.EndElementHandler = told.end
    count = 0
    while piece := stream.read(_PIECE):
        parser.Parse(piece)
        count += len(piece)
        if count - parser.CurrentByteIndex > _LONGEST:
            raise too_much(f"a tag in {part}", _LONGEST, "bytes")
        if len(names) > _MOST_NAMES:
            raise too_much(part, _MOST_NAMES, "names of elements")
        yield
    parser.Parse(b"", True)
    yield


class _Told:
    """Where in the part the parser is."""

    def __init__(self, part: str, start: Start, end: End | None) -> None:
        self._part, self._start, self._end = part, start, end
        self._open = [""]
        self._text: list[str] = []
        self._size = 0

    def type(self, *_: object) -> None:
        raise IntegrityError(f"{self._part} has a document type, which no workbook has")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        own, around = local(name), self._open[-1]
        self._open.append(own)
        if len(self._open) > _DEEPEST:
            raise too_much(self._part, _DEEPEST, "elements in each other")
        self._text.clear()
        self._size = 0
        self._start(around, own, attributes)

    def text(self, data: str) -> None:
        if self._open[-1] in _TEXTS:
            self._size += weight(data)
            if self._size > MOST_BYTES:
                raise too_much(f"a text in {self._part}", MOST_BYTES, "bytes")
            self._text.append(data)

    def end(self, _: str) -> None:
        own = self._open.pop()
        if self._end is not None:
            self._end(self._open[-1], own, "".join(self._text))
        self._text.clear()


def local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2] if ":" in name else name
