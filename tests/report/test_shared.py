"""The same picture on a page: the matrix, pairs side by side, and what contradicts itself."""

import json
import re
from pathlib import Path

import cv2
import pytest
from makers.films import png
from makers.pictures import film, slices

from covcat import seal
from covcat.report import shared
from covcat.store import overlaps
from covcat.store.folder import Store
from covcat.store.overlaps import Sighting

CC = "CC BY 4.0"


def scaled(seed: int) -> bytes:
    """The film of a seed, larger, as another kind of file."""
    good, data = cv2.imencode(".jpg", cv2.resize(film(seed, 400, 320), (600, 480)))
    assert good
    return data.tobytes()


def row(name: str, finding: str = "COVID-19", **more: object) -> dict[str, object]:
    return {"patientid": name, "finding": finding, "filename": name, "license": CC, **more}


ROWS = [row("covid-7.png"), row("noncovid-3.jpg", "No finding"), row("other.png")]
FILES = {
    "covid-7.png": png(1, 400, 320),
    "noncovid-3.jpg": scaled(1),
    "other.png": png(2, 400, 320),
}


def pictures(seen) -> list[str]:
    return [names["alt"] for tag, names in seen.tags if tag == "img"]


@pytest.fixture
def compared(laid, covcat) -> None:
    """A set in which one slice has both labels, and another that has it too; compared."""
    laid(ROWS, pictures=FILES)
    laid([row("again.png", license="?")], name="zweite", pictures={"again.png": FILES["other.png"]})
    ran = covcat("overlap", "--within", "-q")
    assert ran.code == 0, ran.err


def test_one_slice_with_both_labels_stands_first_and_side_by_side(compared, report) -> None:
    seen = report("--pictures", "0")
    first = re.search(r"serious .*?warning", seen.told("warnings") + " warning")
    assert first
    assert "one picture, different labels 1 picture is labelled differently" in first[0]
    assert "set@1:images/covid-7.png: COVID-19" in first[0]
    assert "set@1:images/noncovid-3.jpg: No finding" in first[0]
    assert "#overlap" in seen.attributes("href")
    card = seen.told("overlap").split("One picture ")[1]
    assert "with different labels" in card
    assert "COVID-19 set@1:images/covid-7.png" in card
    assert "No finding set@1:images/noncovid-3.jpg" in card
    assert {"set@1:images/covid-7.png", "set@1:images/noncovid-3.jpg"} <= set(pictures(seen))


def test_the_matrix_has_what_overlap_found(compared, report) -> None:
    text = report("--pictures", "0").told("overlap")
    assert "set@1 1 (33.3 %) 1 (100 %)" in text
    assert "zweite@1 1 (100 %) 0" in text
    assert "2 pairs of files that show the same" in text
    assert "covcat overlap does" not in text


@pytest.mark.parametrize("option", [(), ("--with-pictures",)])
def test_what_a_record_names_and_no_index_has_is_not_shown(compared, report, option) -> None:
    Path("outside.png").write_bytes(png(5))
    folder = Path("covcat-data/set/1")
    (folder / "files/images/unlisted.png").write_bytes(png(6))
    known = overlaps.last(folder)
    assert known is not None
    places = ("set@1:../../../../outside.png", "set@1:images/unlisted.png")
    forged = [
        Sighting(path="images/other.png", sha256="0" * 64, subject="x", same_as=one, verdict=word)
        for one, word in zip(places, ("same bytes", "same picture"), strict=True)
    ]
    store = Store(Path("covcat-data"))
    kept = {name: getattr(known, name) for name in ("method", "others", "patients", "looks")}
    overlaps.write(store, folder, pictures=forged, **kept)
    seen = report("--pictures", "0", *option)
    assert "outside.png" in seen.told("overlap")  # it is named
    assert not {*places} & {*pictures(seen)}


def test_a_copy_whose_licence_is_not_known_is_named_and_not_shown(compared, report) -> None:
    seen = report("--pictures", "0")
    assert "zweite@1:images/again.png" not in pictures(seen)
    assert "zweite@1:images/again.png not shown: its licence" in seen.told("overlap")
    assert "zweite@1:images/again.png" in pictures(report("--pictures", "0", "--with-pictures"))


def test_without_a_comparison_the_same_bytes_are_found_and_that_is_said(laid, report) -> None:
    laid([row("a.png"), row("b.png", "SARS")], pictures={"a.png": png(1), "b.png": png(1)})
    seen = report("--pictures", "0")
    assert "Of set@1 only the same bytes were looked for" in seen.told("overlap")
    assert "1 pair of files that show the same; " in seen.told("overlap")
    assert "one picture, different labels" in seen.told("warnings")


def test_names_of_files_are_text_beside_pictures_too(laid, report) -> None:
    name = '"><img src=x onerror=alert(1)>.png'
    rows = [row(name), row("b.png", "</figcaption><script>x</script>")]
    laid(rows, pictures={name: png(1), "b.png": png(1)})
    seen = report("--pictures", "0")
    assert f"set@1:images/{name}" in seen.told("overlap")
    assert not [names for tag, names in seen.tags if tag == "img" and "onerror" in names]
    assert Path("page.html").read_text().count("<script>") == 1


@pytest.fixture
def neighbours(laid, covcat) -> None:
    """Three neighbouring slices of one scan, two of them in another set; compared."""
    data = [cv2.imencode(".png", one)[1].tobytes() for one in slices()]
    laid([row("s0.png", license="?")], pictures={"s0.png": data[0]})
    rows = [row("s1.png"), row("s2.png", "No finding")]
    laid(rows, name="zweite", pictures={"s1.png": data[1], "s2.png": data[2]})
    assert covcat("overlap", "-q").code == 0


def test_what_is_only_for_eyes_is_shown_where_its_licence_allows_and_counted_nowhere(
    neighbours, report
) -> None:
    seen = report("--pictures", "0")
    text, eyes = seen.told("overlap").split("For your eyes ")
    assert "0 pairs of files that show the same; 0 conflicts" in text
    assert "never counted above. 3 pairs. " in eyes
    assert "set@1:images/s0.png not shown: its licence" in eyes
    assert {*pictures(seen)} == {"zweite@1:images/s1.png", "zweite@1:images/s2.png"}
    assert "different labels" not in seen.told("warnings")


def test_the_few_pairs_for_eyes_that_agree_most_are_shown_and_a_record_of_before_has_none(
    neighbours, covcat, report, monkeypatch
) -> None:
    monkeypatch.setattr(shared, "MOST_LOOKS", 1)
    text = report("--pictures", "0").told("overlap")
    assert "1 of 3 pairs, those that agree most: covcat overlap --pairs" in text
    covcat("select", "zweite", "--as", "csv", "--output", "some.csv")
    text = report("--of", "some.csv", "--pictures", "0").told("overlap")
    assert "1 pair. zweite@1:images/s1.png" in text
    for one in Path("covcat-data").glob("*/1/overlap.json"):
        inside = seal.unsealed(json.loads(one.read_text()))
        del inside["looks"]
        one.write_text(json.dumps(seal.sealed(inside)))
    text = report("--pictures", "0").told("overlap")
    assert "only the same bytes" not in text
    assert "For your eyes" not in text
