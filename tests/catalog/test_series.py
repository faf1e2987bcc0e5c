"""Lists of series, as the catalog holds them: what is none is refused with its line."""

import gzip
from pathlib import Path

import pytest
from makers.releases import release_of

from covcat.catalog import check, series
from covcat.catalog.entries import Contents
from covcat.catalog.series import HEADER, Series
from covcat.errors import IntegrityError

UUID = "35823972-03f1-41e3-8ab2-418c862ec07c"
ONE = Series("COVID-19-AR-1", "1.2.3", "CT", "1.2.3.4", UUID, 2, 1054)
ROW = "COVID-19-AR-1\t1.2.3\tCT\t1.2.3.4\t" + UUID + "\t2\t1054\n"


def test_what_is_written_is_read_again_and_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    other = Series("COVID-19-AR-0", "1.2.3", "DX", "1.2.3.4", UUID[:-1] + "0", 1, 7)
    for place, rows in ((tmp_path / "a", [ONE, other]), (tmp_path / "b", [other, ONE])):
        series.write(place, rows)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = series.read(tmp_path / "a")
    assert list(found.values()) == [other, ONE]
    assert list(found)[1] == "COVID-19-AR-1/1.2.3/CT_1.2.3.4"
    assert series.totals(found.values()) == Contents(files=3, bytes=1061)


WRONG = {
    "a size that is none": (ROW.replace("1054", "1e3"), "expected bytes in digits, got `1e3`"),
    "a count that is none": (ROW.replace("\t2\t", "\t-2\t"), "expected bytes in digits, got `-2`"),
    "no uuid": (ROW.replace(UUID, "../x"), "expected a uuid, got `../x`"),
    "a way out": (ROW.replace("COVID-19-AR-1", ".."), "is no place for a series"),
    "a folder more": (ROW.replace("COVID-19-AR-1", "a/b"), "one `/` too many"),
    "twice": (ROW + ROW, "is there twice"),
    "a column less": (ROW.replace("\tCT", ""), "expected 7 columns, got 6"),
    "a cut line": (ROW[:-1], "is cut or not one of covcat's"),
}


@pytest.mark.parametrize(("rows", "said"), WRONG.values(), ids=WRONG)
def test_a_list_that_is_none_is_refused(tmp_path: Path, rows: str, said: str) -> None:
    place = tmp_path / "x.series.tsv.gz"
    place.write_bytes(gzip.compress((HEADER + rows).encode()))
    with pytest.raises(IntegrityError, match=r"x\.series\.tsv\.gz") as told:
        series.read(place)
    assert said in told.value.message


GCS = "host: gcs, bucket: made-up"
LISTED = "    series: listings/set@1.series.tsv.gz\n    contents: {files: 2, bytes: 1054}\n"
ALONE = ["`series` is for one file alone, which names neither"]
ENTRIES = {
    "as it should be": (GCS, LISTED, []),
    "no list": (GCS, "", ALONE),
    "a list of no series": (f"{GCS}, prefix: a/", LISTED, ALONE),
    "both keys": (f"{GCS}, prefix: a/, key: a/b", "", ["either `key` or"]),
    "other totals": (
        *(GCS, LISTED.replace("files: 2", "files: 3")),
        ["expected 3 files, 1,054 bytes as `contents`, got 2 files"],
    ),
}


@pytest.mark.parametrize(("file", "more", "said"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_says_what_it_is_of(shelf, file: str, more: str, said: list[str]) -> None:
    (shelf.folder / "listings").mkdir()
    series.write(shelf.folder / "listings/set@1.series.tsv.gz", [ONE])
    shelf.add("set", release_of(file, more=more))
    found = check.check_file(shelf.folder / "set.yaml")
    assert len(found) == len(said)
    assert all(text in line for text, line in zip(said, found, strict=True))
