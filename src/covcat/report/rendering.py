"""Templates -> pages of HTML, in which text from anywhere is text; a page -> a file, whole or none.

Markup is made by the templates alone. Whatever they show passes `text.escaped`, is cut where it is
long, and is escaped. The browser is told to load nothing, and to run only the script of the page.
"""

import base64
import hashlib
import re
from functools import cache
from importlib import import_module, resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from covcat.beside import write_whole
from covcat.catalog.marks import Matches, WebPage
from covcat.errors import UsageError
from covcat.text import escaped, format_size, plural
from covcat.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_LETTERS = 4_000  # of one text that a page shows
_PACKAGES = {"jinja2": "jinja2", "numpy": "numpy", "opencv-python-headless": "cv2"}
_TYPES = re.compile(r"image/(?:jpeg|png|webp)")
_PAGE = next(one for one in get_args(WebPage) if isinstance(one, Matches))


def render(template: str, **values: Any) -> str:
    """Return the page that a template makes of values.

    Raises:
        UsageError: jinja2 is not installed.
    """
    return _environment().get_template(template).render(values)


def require_extra() -> None:
    """Check, before any work, that pages with pictures can be made.

    Raises:
        UsageError: a package of the extra is not installed.
    """
    if lacking := [name for name, module in _PACKAGES.items() if find_spec(module) is None]:
        raise _lacking(*lacking)


def _lacking(*names: str) -> UsageError:
    text = f"to make a page needs the package {' and '.join(names)}"
    return UsageError(text, hint="pip install 'covcat[report]'")


def write_page(path: Path, text: str, *, force: bool = False) -> int:
    """Write a page whole, or none; return its bytes.

    Raises:
        DiskError: it cannot be written, or is there already and `force` is not given.
    """
    data = text.encode("utf-8", "backslashreplace")
    write_whole(path, data, force=force)
    return len(data)


def source_of(name: str) -> str:
    """Return a file of the templates as it is: the style sheet, the script."""
    return (resources.files("covcat.report") / "templates" / name).read_text(encoding="utf-8")


def shown(value: object, limit: int = MOST_LETTERS) -> object:
    """Return a text as a page has it: on one line, nothing invisible in it, and not too long."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return "" if value is None else value
    if len(value) <= limit:
        return escaped(value)
    return f"{escaped(value[:limit])}… ({len(value):,} letters)"


def web_address(value: object) -> str | None:
    """Return an address that a page may lead to; None of what is none, such as `javascript:`."""
    try:
        return _PAGE.check(value) if isinstance(value, str) and value == escaped(value) else None
    except ValueError:
        return None


def policy(*, style: str, script: str) -> str:
    """Return the Content-Security-Policy of a page that has these inside and loads nothing."""
    style, script = (
        base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in (style, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; "
        f"script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    )


def data_address(data: bytes, media_type: str) -> Any:
    """Return a picture as an address that holds it."""
    if not _TYPES.fullmatch(media_type):
        raise ValueError(f"`{media_type}` is no picture of a page")
    return import_module("markupsafe").Markup(
        f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    )


def _lines(value: str) -> Any:
    """Return a text of several lines, each shown as `shown` does."""
    markup = import_module("markupsafe")
    return markup.Markup("\n").join(markup.escape(shown(one)) for one in value.split("\n"))


@cache
def _environment() -> "Environment":
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise _lacking("jinja2") from error
    style, script = source_of("style.css"), source_of("script.js")
    made = Environment(
        loader=PackageLoader("covcat.report"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "bytes": format_size,
        "cut": shown,
        "lines": _lines,
        "number": lambda value: "" if value is None else f"{round(value, 1):,}".removesuffix(".0"),
        "plural": plural,
        "web": web_address,
    }
    made.globals |= {
        "style": Markup(style),  # noqa: S704 -- covcat's own files
        "script": Markup(script),  # noqa: S704
        "policy": policy(style=style, script=script),
        "version": __version__,
    }
    return made
