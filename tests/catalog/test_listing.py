"""Listings: what is written comes back, and what is damaged is refused, never guessed."""

import gzip
import re
from pathlib import Path

import pytest

from covcat.catalog import listing
from covcat.catalog.entries import Contents
from covcat.catalog.listing import ListedFile
from covcat.errors import IntegrityError

BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
FULL = ListedFile("images/one.png", "100644", BLOB, 12, SHA256)
GIT_ONLY = ListedFile("big.nii", "100644", BLOB, None, None)
DIGEST_ONLY = ListedFile("CT_COVID/two.png", None, None, 0, SHA256)


def packed(tmp_path: Path, text: str) -> Path:
    """Write a listing by hand."""
    path = tmp_path / "x@1.tsv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


# ---- round trip --------------------------------------------------------------------------------


def test_what_is_written_comes_back_with_what_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "x@1.tsv.gz"
    listing.write(path, [FULL, GIT_ONLY, DIGEST_ONLY])
    assert listing.read(path) == {row.path: row for row in (FULL, GIT_ONLY, DIGEST_ONLY)}


def test_an_empty_listing_comes_back_empty(tmp_path: Path) -> None:
    path = tmp_path / "x@1.tsv.gz"
    listing.write(path, [])
    assert listing.read(path) == {}


def test_the_same_rows_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tsv.gz", tmp_path / "other.tsv.gz"
    listing.write(one, [FULL, GIT_ONLY, DIGEST_ONLY])
    listing.write(other, [DIGEST_ONLY, FULL, GIT_ONLY])
    assert one.read_bytes() == other.read_bytes()


def test_the_packed_bytes_hold_neither_a_time_nor_a_name(tmp_path: Path) -> None:
    path = tmp_path / "x@1.tsv.gz"
    listing.write(path, [FULL])
    header = path.read_bytes()[:10]
    assert header[3] == 0  # no flags: RFC 1952 would announce a file name here
    assert header[4:8] == bytes(4)  # no time


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a b/ c.png", id="spaces"),
        pytest.param("p6-52%10.png", id="percent"),
        pytest.param("a\u2028b\u2029c\x85d", id="unicode-line-ends"),
        pytest.param("a\x0bb\x0cc\x1cd\re", id="other-line-ends"),
        pytest.param("肺/röntgen.png", id="not-ascii"),
        pytest.param("'\"#=,;.png", id="punctuation"),
        pytest.param("-/-.png", id="dashes-in-a-path"),
        pytest.param("-", id="only-a-dash"),
    ],
)
def test_an_odd_path_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x@1.tsv.gz"
    listing.write(path, [ListedFile(name, "100644", BLOB, 1, SHA256)])
    assert list(listing.read(path)) == [name]


@pytest.mark.parametrize("name", ["a\tb.png", "a\nb.png"], ids=["tab", "newline"])
def test_a_path_that_would_shift_the_columns_never_comes_back_as_another(tmp_path, name) -> None:
    path = tmp_path / "x@1.tsv.gz"
    listing.write(path, [ListedFile(name, "100644", BLOB, 1, SHA256)])
    with pytest.raises(IntegrityError, match=r"x@1\.tsv\.gz:2: expected 5 columns, got [16]$"):
        listing.read(path)


def test_totals_count_files_and_known_bytes() -> None:
    rows = {row.path: row for row in (FULL, GIT_ONLY, DIGEST_ONLY)}
    assert listing.totals(rows) == Contents(files=3, bytes=12, of_unknown_size=1)
    assert listing.totals({}) == Contents(files=0, bytes=0, of_unknown_size=0)


# ---- damage ------------------------------------------------------------------------------------

ROW = f"a.png\t100644\t{BLOB}\t1\t{SHA256}\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "is cut or not one of covcat's", id="nothing"),
        pytest.param("path,mode\n", "is cut or not one of covcat's", id="another-header"),
        pytest.param(ROW, "is cut or not one of covcat's", id="no-header"),
        (listing.HEADER + ROW[:-1], "is cut or not one of covcat's"),  # cut in the last row
        (listing.HEADER.replace("\n", "\r\n") + ROW, "is cut or not one of covcat's"),
        pytest.param(listing.HEADER + "a.png\n", ":2: expected 5 columns, got 1", id="one-column"),
        (listing.HEADER + ROW + ROW.replace("\n", "\tmore\n"), ":3: expected 5 columns, got 6"),
        pytest.param(listing.HEADER + "\n", ":2: expected 5 columns, got 1", id="empty-row"),
        pytest.param(
            listing.HEADER + "a.png\t100644\t-\t1\t-\n",
            ":2: expected a path with a git id or a sha256",
            id="no-digest",
        ),
    ],
)
def test_what_is_no_listing_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(IntegrityError, match=re.escape(reason)):
        listing.read(packed(tmp_path, text))


@pytest.mark.parametrize("size", ["many", "1.5", "-1", "1_000", "١", ""])
def test_a_size_that_is_no_whole_number_is_refused_with_its_line(tmp_path: Path, size: str) -> None:
    text = listing.HEADER + ROW + f"b.png\t100644\t{BLOB}\t{size}\t{SHA256}\n"
    with pytest.raises(IntegrityError, match=r"x@1\.tsv\.gz:3: "):
        listing.read(packed(tmp_path, text))


def test_a_path_that_is_listed_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    text = listing.HEADER + ROW + ROW.replace("\t1\t", "\t2\t")
    with pytest.raises(IntegrityError, match=r"x@1\.tsv\.gz:3: .*a\.png"):
        listing.read(packed(tmp_path, text))


def test_a_listing_over_the_limit_is_refused_even_if_the_cut_falls_on_a_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, listing.HEADER + ROW + ROW.replace("a.png", "b.png"))
    monkeypatch.setattr(listing, "MAX_BYTES", len(listing.HEADER + ROW) - 1)
    with pytest.raises(IntegrityError, match=r"the listing `.*x@1\.tsv\.gz`"):
        listing.read(path)


def whole() -> bytes:
    return gzip.compress((listing.HEADER + ROW).encode())


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param((listing.HEADER + ROW).encode(), id="not-packed"),
        pytest.param(whole()[:-9], id="cut"),
        pytest.param(whole()[:-1], id="cut-by-a-byte"),
        pytest.param(whole() + b"junk", id="junk-at-the-end"),
        pytest.param(gzip.compress(listing.HEADER.encode() + b"\xff\n"), id="not-utf-8"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x@1.tsv.gz"
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"the listing `.*x@1\.tsv\.gz` (cannot be read|is)"):
        listing.read(path)


@pytest.mark.parametrize("place", range(10, len(whole())))
def test_a_flipped_bit_is_never_read_as_another_listing(tmp_path: Path, place: int) -> None:
    path = tmp_path / "x@1.tsv.gz"
    path.write_bytes(flipped(whole(), place))
    with pytest.raises(IntegrityError, match=r"the listing `.*x@1\.tsv\.gz` cannot be read"):
        listing.read(path)


def test_a_missing_listing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"absent\.tsv\.gz` cannot be read: ."):
        listing.read(tmp_path / "absent.tsv.gz")
