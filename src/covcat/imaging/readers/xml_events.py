"""A part of a workbook as what begins and ends in it; nothing of it is kept.

expat tells of each tag as it comes. What it would keep itself is bounded here: open elements, names
that differ, a tag or a comment that does not end. Workbooks have no document type (ECMA-376, part
2), so that none is let in, and no entity with it.
"""

from collections.abc import Iterator, Mapping
from typing import IO
from xml.parsers import expat

from covcat.errors import IntegrityError
from covcat.imaging.readers.limits import MOST_BYTES, too_much, weight

_PIECE = 1 << 16  # bytes that are parsed at once
_DEEPEST = 1000  # elements in each other; of a sheet's cells six
_MOST_NAMES = 10_000  # of elements and attributes; the whole standard has some thousand
_LONGEST = 1 << 20  # bytes of a tag with its attributes, or of a comment
_TEXTS = ("t", "v")  # elements whose text is wanted

# The names of the parent and of the element; its attributes where it begins, or None and its text.
Event = tuple[str, str, Mapping[str, str] | None, str]


def read_events(stream: IO[bytes], part: str) -> Iterator[Event]:
    """Give the beginning and the end of each element; expat.ExpatError is for what is no XML.

    Names are without their prefixes: of strict and transitional workbooks these differ.
    """
    names: dict[str, str] = {}  # expat puts every name in here
    parser = expat.ParserCreate(intern=names)
    parser.buffer_text = True
    place, count = _ParserPlace(part), 0
    parser.StartDoctypeDeclHandler = place.refuse
    parser.StartElementHandler = place.start
    parser.CharacterDataHandler = place.text
    parser.EndElementHandler = place.end
    while piece := stream.read(_PIECE):
        parser.Parse(piece)
        count += len(piece)
        if count - parser.CurrentByteIndex > _LONGEST:
            raise too_much(f"a tag in {part}", _LONGEST, "bytes")
        if len(names) > _MOST_NAMES:
            raise too_much(part, _MOST_NAMES, "names of elements")
        yield from place.events
        place.events.clear()
    parser.Parse(b"", True)
    yield from place.events


class _ParserPlace:
    """Where in the part the parser is, and what it came by in the piece that it reads."""

    def __init__(self, part: str) -> None:
        self.events: list[Event] = []
        self._part = part
        self._open = [""]
        self._text: list[str] = []
        self._size = 0

    def refuse(self, *_: object) -> None:
        raise IntegrityError(f"{self._part} has a document type, which no workbook has")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        own, around = local_name(name), self._open[-1]
        self._open.append(own)
        if len(self._open) > _DEEPEST:
            raise too_much(self._part, _DEEPEST, "elements in each other")
        self._text.clear()
        self._size = 0
        self.events.append((around, own, attributes, ""))

    def text(self, data: str) -> None:
        if self._open[-1] in _TEXTS:
            self._size += weight(data)
            if self._size > MOST_BYTES:
                raise too_much(f"a text in {self._part}", MOST_BYTES, "bytes")
            self._text.append(data)

    def end(self, _: str) -> None:
        own = self._open.pop()
        self.events.append((self._open[-1], own, None, "".join(self._text)))
        self._text.clear()


def local_name(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2] if ":" in name else name
