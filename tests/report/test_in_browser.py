"""Pages in a real browser: Debian's Chromium, which opens them from the disk.

What is skipped needs a package of the group `browser`, `chromium`, or what `make validator` brings.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from makers.films import png

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
CHROMIUM = shutil.which("chromium")
VNU = Path(__file__).parents[2] / ".venv/npm/node_modules/vnu-jar/build/dist/vnu.jar"
AXE = (Path(axe.__path__[0]) / "axe.min.js").read_text(encoding="utf-8")
FLAGS = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
CC = "CC BY 4.0"
SLICE = {"patientid": 7, "view": "Axial", "license": CC}
TURNED = "</script><script>alert(1)</script> \u202e\u2067<img src=x onerror=alert(1)>"
HOSTILE = "<img src=x onerror=alert(1)>.png"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture
def make(laid, covcat, shelf) -> Callable[[str], list[Path]]:
    """Return what makes pages in the working folder."""
    return lambda name: make_pages(name, laid, covcat, shelf)


@pytest.fixture
def made(request, make) -> list[Path]:
    """Make the pages that a test looks at."""
    return make(request.param)


def make_pages(name: str, laid, covcat, shelf) -> list[Path]:
    if name == "site":
        assert covcat("report", "--site", "site").code == 0
        return [Path("site", one) for one in ("index.html", *map("resource/{}.html".format, SITE))]
    if name == "sample":
        assert covcat("fetch", "sample", "-q").code == 0
    elif name == "conflict":  # as in COVID-CT: one slice in CT_COVID and in CT_NonCOVID
        rows = [
            {**SLICE, "filename": "covid.png", "finding": "COVID-19"},
            {**SLICE, "filename": "noncovid.png", "finding": "No finding"},
            {**SLICE, "filename": "other.png", "finding": "No finding"},
        ]
        laid(rows, pictures={one["filename"]: png(one["filename"] == "other.png") for one in rows})
    else:
        row = {**SLICE, "finding": TURNED, "license": CC, "clinical_notes": "x" * 1_000_000}
        more = [{**row, "filename": f"{at}.png", "view": TURNED + str(at)} for at in range(3)]
        huge = {**row, "filename": "huge.png", "finding": "y" * 1_000_000, "sex": TURNED}
        laid([{**row, "filename": HOSTILE}, *more, huge])
        shelf.edit("set", "A made-up set", "A </script><b> set")
    assert covcat("report", "-o", "page.html").code == 0
    return [Path("page.html")]


SITE = ("cohen", "covid-net")
EVERY = ("site", "sample", "conflict", "hostile")
ALL = pytest.mark.parametrize("made", EVERY, indirect=True)
CONFLICT = pytest.mark.parametrize("made", ["conflict"], indirect=True)
SAMPLE = pytest.mark.parametrize("made", ["sample"], indirect=True)


class Opened:
    """A page in the browser, and what it asked for and said."""

    def __init__(self, browser, path: Path, **options) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda one: self.asked.append(one.url))
        self.page.on("console", lambda one: self.said.append(one.text))
        self.page.on("pageerror", lambda one: self.said.append(str(one)))
        self.page.on("dialog", lambda one: (self.said.append(one.message), one.dismiss()))
        self.page.goto(path.absolute().as_uri())

    def violations(self, **options) -> list[str]:
        """Return what axe finds; it is put in past the policy of the page, which runs no other script."""
        self.page.evaluate(AXE)
        asked = {"preload": False, **options}  # else it reads style sheets: the policy refuses
        found = self.page.evaluate("options => axe.run(document, options)", asked)
        return [
            f"{one['id']}: {node['html'][:200]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    @property
    def focused(self) -> str:
        return self.page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


@pytest.fixture
def opened(browser) -> Iterator:
    every: list[Opened] = []

    def make(path: Path, **options) -> Opened:
        every.append(Opened(browser, path, **options))
        return every[-1]

    yield make
    for one in every:
        one.context.close()


@ALL
def test_a_page_asks_for_nothing_says_nothing_and_axe_finds_nothing(made, opened) -> None:
    for path in made:
        seen = opened(path, viewport={"width": 1440, "height": 900}, color_scheme="light")
        own = {Path(one.removeprefix("file://")).name for one in seen.asked}
        assert own <= {path.name, "style.css", "script.js"}
        assert all(one.startswith(("file://", "data:image/")) for one in seen.asked)
        took = seen.page.evaluate("performance.getEntriesByType('navigation')[0].duration")
        sys.stdout.write(f"{path}: {took:.0f} ms\n")
        assert seen.violations() == []
        colours = {"runOnly": ["color-contrast"]}
        seen.page.emulate_media(color_scheme="dark")
        assert seen.violations(**colours) == []
        seen.page.set_viewport_size({"width": 360, "height": 740})
        assert seen.violations() == []
        wide = "document.documentElement.scrollWidth, document.body.scrollWidth"
        assert seen.page.evaluate(f"Math.max({wide})") <= 360
        seen.page.emulate_media(color_scheme="light")
        assert seen.violations(**colours) == []
        assert seen.said == []


@ALL
def test_a_page_is_read_without_a_script_and_in_print(made, opened) -> None:
    for path in made:
        seen = opened(path, java_script_enabled=False)
        text = seen.page.inner_text("main")
        scripted = opened(path).page
        whole = scripted.inner_text("main")
        words = {one for one in whole.split() if one.isalpha()}
        assert words - {*text.split()} <= {
            *("Only", "rows", "with", "Words", "Modality", "Licence", "Allows", "Access", "Show"),
            *" ".join(scripted.locator(".filters").all_inner_texts()).split(),
        }
        scripted.emulate_media(media="print")
        assert not scripted.is_visible("nav")
        assert scripted.inner_text("main h2") in whole
        assert len(scripted.pdf()) > 5_000


@SAMPLE
def test_tables_are_sorted_and_filtered_by_the_keyboard(made, opened) -> None:
    page = opened(made[0]).page
    head = page.locator("#pictures table[data-sortable] th.number button").first
    column = "#pictures table[data-sortable] >> nth=0 >> css=tbody tr td:nth-child(2)"
    head.focus()
    page.keyboard.press("Enter")
    values = [int(one.replace(",", "")) for one in page.locator(column).all_inner_texts()]
    assert values == sorted(values)
    page.keyboard.press("Space")
    assert [int(one) for one in page.locator(column).all_inner_texts()] == values[::-1]
    assert page.locator("th[aria-sort=descending]").count() == 1


@SAMPLE
def test_rows_of_a_long_table_are_filtered_by_the_keyboard_and_come_back(made, opened) -> None:
    page = opened(made[0], viewport={"width": 360, "height": 740}).page
    rows = page.locator("#missing tbody tr:visible")
    every = rows.count()
    assert every > 9
    page.locator("#missing [type=search]").focus()
    page.keyboard.type("PATIENT id")  # in any order, in capitals or not
    assert rows.all_inner_texts()[0].startswith("patient_id")
    assert rows.count() == 1
    assert page.inner_text("#missing [role=status]") == f"1 of {every}"
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    assert (rows.count(), page.inner_text("#missing [role=status]")) == (every, "")


@pytest.mark.parametrize("made", ["site"], indirect=True)
def test_resources_are_filtered_by_the_keyboard_and_the_address_keeps_it(made, opened) -> None:
    page = opened(made[0]).page
    page.locator("[name=words]").focus()
    page.keyboard.type("ultrasound pocus")
    told = page.inner_text(".filters [role=status]")
    assert re.fullmatch(r"[1-3] of \d\d", told)
    page.keyboard.press("Tab")
    page.keyboard.press("u")
    assert page.input_value("[name=modality]") == "ultrasound"
    assert "modality=ultrasound" in page.url
    page.reload()
    assert page.input_value("[name=modality]") == "ultrasound"


@SAMPLE
def test_a_picture_is_opened_and_closed_by_the_keyboard(made, opened) -> None:
    seen = opened(made[0])
    page, button = seen.page, seen.page.locator(".sheet button[popovertarget]").first
    button.focus()
    before = seen.focused
    page.keyboard.press("Enter")
    dialog = page.locator("dialog:popover-open")
    assert dialog.count() == 1
    assert "Close" in seen.focused
    assert dialog.locator(".large img").is_visible()
    assert "metadata.csv" in dialog.inner_text() or dialog.locator("details").count()
    assert seen.violations() == []
    page.keyboard.press("Escape")
    assert dialog.count() == 0
    assert seen.focused == before


@CONFLICT
def test_one_slice_with_both_labels_is_one_click_from_the_top(made, opened) -> None:
    page = opened(made[0], viewport={"width": 1440, "height": 900}).page
    first = page.locator("#warnings tbody tr").first
    assert "serious" in first.inner_text()
    link = first.get_by_role("link", name="one picture, different labels")
    link.click()
    card = page.locator("#card-1 + .cards")
    assert page.evaluate("location.hash") == "#overlap"
    assert "COVID-19" in card.inner_text()
    assert "No finding" in card.inner_text()
    assert card.locator("img").count() == 2


@pytest.mark.skipif(not VNU.is_file(), reason="no vnu.jar: `make validator` brings it")
@pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed")
def test_the_validator_finds_no_error(make, monkeypatch, tmp_path) -> None:
    for name in EVERY:  # each in a folder of its own; java starts once for all of them
        (tmp_path / "pages" / name).mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "pages" / name)
        make(name)
    every = sorted(map(str, tmp_path.glob("pages/*/page.html")))
    assert len(every) == len(EVERY) - 1
    every += sorted(map(str, tmp_path.glob("pages/site/site/**/*.html")))
    words = ["java", "-jar", str(VNU), "--errors-only", *every]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
