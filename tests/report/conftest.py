"""A made-up set of films with labels, as a page is made of it."""

from collections.abc import Callable, Iterable, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from makers.films import ENTRY, Row, png, table_of
from makers.laid import lay

from covcat.catalog import load


@pytest.fixture
def laid(shelf) -> Callable[..., Path]:
    """Return what puts a set there: its rows, and a picture of each row's file name."""

    def put(
        rows: Iterable[Row],
        name: str = "set",
        more: str = "",
        pictures: Mapping[str, bytes] | None = None,
    ) -> Path:
        rows = list(rows)
        shelf.add(name, ENTRY + more)
        each = "  per_image: {table: metadata.csv, column: license}\naccess: open"
        shelf.edit(name, "access: open", each)
        if pictures is None:
            names = dict.fromkeys(str(row["filename"]) for row in rows)
            pictures = {one: png(at) for at, one in enumerate(names)}
        files = {f"images/{one}": data for one, data in pictures.items()}
        found = load.load((shelf.folder,)).find(f"{name}@1")
        return lay(found, {"metadata.csv": table_of(rows), **files})

    return put


class Seen(HTMLParser):
    """What a browser makes of a page: its elements, and the text of each section."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {"": ""}
        self._inside, self._section = [""], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        self.tags.append((tag, names))
        if tag == "section":
            self._section = names["id"]
            self.text[self._section] = ""
        self._inside.append(tag)
        self.text[self._section] += "" if tag in ("a", "code", "span") else " "

    def handle_endtag(self, tag):
        self._section = "" if tag == "section" else self._section
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data):
        if self._inside[-1] not in ("script", "style"):
            self.text[self._section] += data if data.strip() else " "

    def told(self, section: str) -> str:
        """The text of a section on one line."""
        return " ".join(self.text[section].split())

    def attributes(self, name: str) -> list[str | None]:
        return [names[name] for _, names in self.tags if name in names]


@pytest.fixture
def report(covcat) -> Callable[..., Seen]:
    """Return what makes a page, and reads it as a browser does."""

    def make(*words: str, code: int = 0) -> Seen:
        ran = covcat("report", *words, "-o", "page.html", "--force")
        assert ran.code == code, ran.err
        return Seen(Path("page.html").read_text(encoding="utf-8"))

    return make
