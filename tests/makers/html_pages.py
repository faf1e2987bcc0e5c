"""A page of HTML as a test reads it."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The elements of a page with their attributes, its text, and its data for machines."""

    def __init__(self, text: bytes | str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.data, self._inside = "", "", ""
        self.feed(text.decode() if isinstance(text, bytes) else text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.data += data
        else:
            self.text += data

    def all_of(self, name: str) -> list[str]:
        return [value for _, names in self.tags if (value := names.get(name)) is not None]
