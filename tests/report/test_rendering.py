"""Templates make the markup; whatever they show is text, bounded and visible."""

import builtins
import re
from pathlib import Path

import pytest
from makers.html_pages import Page

from covcat.errors import DiskError, UsageError
from covcat.report import rendering
from covcat.report.rendering import data_address, render, web_address, write_page

HOSTILE = {
    "markup": "<b>bold</b>",
    "script": "</script><script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)" x="',
    "handler": "<img src=x onerror=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "style": "</style><style>*{display:none}",
    "comment": "<!-- <script> -->",
    "entity": "&lt;script&gt;",
}


def table(cell: str) -> str:
    template = (
        "{% import 'macros.html' as m %}{{ m.table(cell, [('a', cell), ('b', 'B', 'number')], rows) }}"
        "{{ m.link(cell, cell) }}"
    )
    made = rendering._environment().from_string(template)
    return made.render(cell=cell, rows=[{"a": cell, "b": cell}, {"a": "x", "b": 1234}])


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, ""), (0, "0"), (65_388_800, "65,388,800"), (12.34, "12.3"), (1234567.0, "1,234,567")],
)
def test_a_number_is_whole_however_large(value: float | None, said: str) -> None:
    made = rendering._environment().from_string("{{ value | number }}")
    assert made.render(value=value) == said


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_text_stays_text(text: str) -> None:
    page = Page(table(text))
    known = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert {tag for tag, _ in page.tags} == known
    assert page.text.count(text) == 5
    assert not {name for _, names in page.tags for name in names if name.startswith("on")}


@pytest.mark.parametrize(
    ("text", "visible"),
    [("a\u202eb", r"a\u202eb"), ("a\x1b[2J", r"a\x1b[2J"), ("a\nb", r"a\nb"), ("a\x00", r"a\x00")],
)
def test_what_is_invisible_or_turns_text_around_is_spelt_out(text: str, visible: str) -> None:
    assert visible in Page(table(text)).text


def test_a_cell_of_a_megabyte_is_cut_and_its_length_told() -> None:
    page = table("x" * 1_000_000)
    assert len(page) < 20_000
    assert "(1,000,000 letters)" in page


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//host/x", "https://a b", "http://a/\u202e", "x"],
)
def test_only_an_address_of_the_web_is_a_link(address: str) -> None:
    assert web_address(address) is None
    assert "<a" not in table(address)
    assert '<a href="https://host/x?y=1&amp;z"' in table("https://host/x?y=1&z")


def test_a_page_loads_nothing_and_runs_only_its_own_script() -> None:
    page = Page(render("base.html"))
    (policy,) = [one["content"] for _, one in page.tags if "Content-Security" in str(one)]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not {"src", "srcset", "action"} & {name for _, names in page.tags for name in names}
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp|eval\(", rendering.source_of("script.js"))
    assert "url(" not in rendering.source_of("style.css")
    assert len(rendering.source_of("script.js")) <= 6_000


def test_only_a_picture_is_put_into_a_page() -> None:
    assert data_address(b"\xff", "image/webp") == "data:image/webp;base64,/w=="
    with pytest.raises(ValueError, match="text/html"):
        data_address(b"<", "text/html")


def test_a_page_is_written_whole_and_over_nothing(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert write_page(path, "é\ud83d") == 8
    assert path.read_bytes() == b"\xc3\xa9\\ud83d"
    with pytest.raises(DiskError, match="is there already"):
        write_page(path, "other")
    write_page(path, "other", force=True)
    assert path.read_text() == "other"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_without_the_extra_the_error_says_what_to_install(monkeypatch) -> None:
    real = builtins.__import__

    def missing(name, *rest):
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    rendering._environment.cache_clear()
    with pytest.raises(UsageError) as raised:
        render("base.html")
    assert raised.value.code == 2
    assert raised.value.hint == "pip install 'covcat[report]'"


def test_without_the_pictures_of_the_extra_the_command_says_what_to_install(
    covcat, monkeypatch
) -> None:
    real = rendering.find_spec
    monkeypatch.setattr(rendering, "find_spec", lambda name: None if name == "cv2" else real(name))
    ran = covcat("report")
    assert ran.code == 2
    assert "needs the package opencv-python-headless" in ran.err
    assert "hint: pip install 'covcat[report]'" in ran.err
