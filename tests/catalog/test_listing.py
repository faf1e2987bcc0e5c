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


@pytest.mark.parametrize("rows", [[FULL, GIT_ONLY, DIGEST_ONLY], []])
def test_what_is_written_comes_back_with_what_is_unknown(tmp_path, rows) -> None:
    path = tmp_path / "x@1.tsv.gz"
    listing.write(path, rows)
    assert listing.read(path) == {row.path: row for row in rows}


def test_the_same_rows_give_the_same_bytes_without_a_time_or_a_name(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tsv.gz", tmp_path / "other.tsv.gz"
    listing.write(one, [FULL, GIT_ONLY, DIGEST_ONLY])
    listing.write(other, [DIGEST_ONLY, FULL, GIT_ONLY])
    assert one.read_bytes() == other.read_bytes()
    header = one.read_bytes()[:10]
    assert header[3] == 0  # no flags: RFC 1952 would announce a file name here
    assert header[4:8] == bytes(4)  # no time


@pytest.mark.parametrize(
    "name",
    [
        *("a b/ c.png", "p6-52%10.png", "肺/röntgen.png", "'\"#=,;.png", "-/-.png", "-"),
        *("a\u2028b\u2029c\x85d", "a\x0bb\x0cc\x1cd\re"),  # ends of lines to other programs
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
    assert listing.totals(row.bytes for row in rows.values()) == Contents(
        files=3, bytes=12, of_unknown_size=1
    )
    assert listing.totals([]) == Contents(files=0, bytes=0, of_unknown_size=0)


ROW = f"a.png\t100644\t{BLOB}\t1\t{SHA256}\n"


HEAD, NONE = listing.HEADER, "is cut or not one of covcat's"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", NONE),
        ("path,mode\n", NONE),
        (ROW, NONE),
        (HEAD + ROW[:-1], NONE),
        (HEAD.replace("\n", "\r\n") + ROW, NONE),
        (HEAD + "a.png\n", ":2: expected 5 columns, got 1"),
        (HEAD + ROW + ROW.replace("\n", "\tmore\n"), ":3: expected 5 columns, got 6"),
        (HEAD + "\n", ":2: expected 5 columns, got 1"),
        (HEAD + "a.png\t100644\t-\t1\t-\n", ":2: expected a path with a git id or a sha256"),
        *(
            (HEAD + ROW + f"b.png\t100644\t{BLOB}\t{size}\t{SHA256}\n", "x@1.tsv.gz:3: ")
            for size in ("many", "1.5", "-1", "1_000", "١", "")
        ),
    ],
)
def test_what_is_no_listing_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(IntegrityError, match=re.escape(reason)):
        listing.read(packed(tmp_path, text))


def test_a_path_that_is_listed_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    text = HEAD + ROW + ROW.replace("\t1\t", "\t2\t")
    with pytest.raises(IntegrityError, match=r"x@1\.tsv\.gz:3: .*a\.png"):
        listing.read(packed(tmp_path, text))


def test_a_listing_over_the_limit_is_refused_though_the_cut_ends_a_line(tmp_path, monkeypatch):
    path = packed(tmp_path, HEAD + ROW + ROW.replace("a.png", "b.png"))
    monkeypatch.setattr(listing, "MAX_BYTES", len(HEAD + ROW) - 1)
    with pytest.raises(IntegrityError, match=r"the listing `.*x@1\.tsv\.gz`"):
        listing.read(path)


WHOLE = gzip.compress((HEAD + ROW).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        (HEAD + ROW).encode(),
        WHOLE[:-9],
        WHOLE[:-1],
        WHOLE + b"junk",
        gzip.compress(HEAD.encode() + b"\xff\n"),
    ],
    ids=["empty", "not packed", "cut", "cut by a byte", "junk at the end", "not UTF-8"],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x@1.tsv.gz"
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"the listing `.*x@1\.tsv\.gz` (cannot be read|is)"):
        listing.read(path)


@pytest.mark.parametrize("place", range(10, len(WHOLE)))
def test_a_flipped_bit_is_never_read_as_another_listing(tmp_path: Path, place: int) -> None:
    path = tmp_path / "x@1.tsv.gz"
    path.write_bytes(WHOLE[:place] + bytes([WHOLE[place] ^ 1]) + WHOLE[place + 1 :])
    with pytest.raises(IntegrityError, match=r"the listing `.*x@1\.tsv\.gz` cannot be read"):
        listing.read(path)


def test_a_missing_listing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"absent\.tsv\.gz` cannot be read: ."):
        listing.read(tmp_path / "absent.tsv.gz")
