"""The tar reader: what it reads as GNU tar, bsdtar, Go and Python do, and what it refuses."""

import bz2
import gzip
import io
import lzma
import random
import re
import tarfile
import threading
import tracemalloc
from contextlib import suppress

import pytest
from makers.tars import (
    END,
    GNU,
    V7,
    Got,
    entry,
    header,
    listed,
    octal,
    padded,
    pax,
    record,
    source,
    unpacked,
)

from covcat.archives import tar
from covcat.archives.base import BadArchiveError, Member, UnsupportedError
from covcat.archives.tar_headers import has_checksum

FILES = {"a.txt": b"hello", "data/" + "long" * 40 + ".bin": bytes(range(256)) * 5, "data/c": b""}
PACKINGS = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def tar_in(layout: int, files: dict[str, bytes] = FILES) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def refusal(data: bytes, encoding: str | None = None) -> str:
    with pytest.raises(BadArchiveError) as caught:
        unpacked(data, encoding)
    said = str(caught.value)
    with pytest.raises(BadArchiveError, match=re.escape(said)):
        listed(data, encoding)
    return said


# ---- what is read ------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tarfile_writes_is_read_as_it_was(layout: int, packing: str) -> None:
    data = PACKINGS[packing](tar_in(layout))
    assert unpacked(data) == FILES
    assert [(one.number, one.name, one.size) for one in listed(data)] == [
        (number, name, len(body)) for number, (name, body) in enumerate(FILES.items())
    ]


GNU_NAME = entry(b"l", b"n" * 300 + b"\0", b"L")
UNENDED_NAME = entry(b"l", b"n" * 300, b"L")
GNU_LINK = entry(b"l", b"t" * 300 + b"\0", b"K")
STAR_TIMES = {476: b"12345670123 " * 2, 508: b"tar\0"}
GOES_ON = {369: octal(9, 12), 483: octal(10, 12)}
BASE_256 = b"\x80" + (5).to_bytes(11, "big")
FILE, FOLDER, LINK = ("a", "file", 1), ("d/", "folder", 0), ("l", "link", 0)
READ = {
    "v7": (entry(b"a", b"x", b"\0", magic=V7), FILE),
    "a v7 folder": (entry(b"d/", b"", b"\0", magic=V7), FOLDER),
    "a folder": (entry(b"d", b"", b"5"), FOLDER),
    "a folder with a size": (header(b"d/", b"5", 512), FOLDER),
    "a folder with a size, and pax": (pax((b"mtime", b"1")) + header(b"d/", b"5", 512), FOLDER),
    "contiguous": (entry(b"a", b"x", b"7"), FILE),
    "a ustar prefix": (entry(b"b", b"x", prefix=b"p"), ("p/b", "file", 1)),
    "star with its times": (entry(b"b", prefix=b"p", fields=STAR_TIMES), ("p/b", "file", 0)),
    "spaces": (entry(b"a", b"x" * 7, mode=b"   644 \0"), ("a", "file", 7)),
    "base 256": (header(b"a", size=BASE_256) + padded(b"hello"), ("a", "file", 5)),
    "a size of NULs": (header(b"a", size=bytes(12)), ("a", "file", 0)),
    "a signed sum": (entry("é".encode(), is_signed=True), ("é", "file", 0)),
    "a symbolic link": (entry(b"l", b"", b"2"), LINK),
    "a hard link with a size": (header(b"l", b"1", 512), LINK),
    "a fifo": (entry(b"p", b"", b"6"), ("p", "special", 0)),
    "a later volume": (entry(b"m", b"x", b"M"), ("m", "special", 0)),
    "where it goes on": (entry(b"m", b"x", b"M", magic=GNU, fields=GOES_ON), ("m", "special", 0)),
    "an unknown type": (entry(b"q", b"x", b"Q"), ("q", "special", 0)),
    "a GNU long name": (GNU_NAME + entry(b"n" * 100, b"x"), ("n" * 300, "file", 1)),
    "one without a NUL": (UNENDED_NAME + entry(b"n" * 100, b"x"), ("n" * 300, "file", 1)),
    "a GNU long link, pax": (GNU_LINK + pax((b"mtime", b"1.5")) + entry(b"l", b"", b"2"), LINK),
    "a pax path": (pax((b"path", b"p")) + entry(b"a", b"x"), ("p", "file", 1)),
    "Sun's pax": (pax((b"path", b"p"), kind=b"X") + entry(b"a", b"x"), ("p", "file", 1)),
    "a deleted time": (pax((b"mtime", b"")) + entry(b"a", b"x"), FILE),
    "any bytes where no text is due": (pax((b"x", b"\0\xff")) + entry(b"a", b"x"), FILE),
    "an equal pax size": (pax((b"size", b"1")) + entry(b"a", b"x"), FILE),
    "git's": (pax((b"comment", b"0123"), kind=b"g") + entry(b"a", b"x"), FILE),
    "a volume label, which is no member": (entry(b"label", b"", b"V") + entry(b"a", b"x"), FILE),
    "a name as a packed file begins": (entry(b"BZh91AY&SY", b"x"), ("BZh91AY&SY", "file", 1)),
}


@pytest.mark.parametrize(("blocks", "expected"), READ.values(), ids=READ)
def test_every_format_is_read(blocks: bytes, expected: tuple[str, str, int]) -> None:
    data = blocks + entry(b"last", b"whole") + END
    first, last = listed(data)
    assert (first.name, first.kind, first.size) == expected
    assert last == Member(1, "last", "file", 5)
    assert unpacked(data)["last"] == b"whole"


def test_only_the_owners_execute_bit_counts() -> None:
    modes = {b"run": b"0000755\0", b"data": b"0000655\0"}
    data = b"".join(entry(name, mode=mode) for name, mode in modes.items()) + END
    assert [one.is_executable for one in listed(data)] == [True, False]


def test_an_empty_tar_has_no_members() -> None:
    assert listed(END) == listed(gzip.compress(END)) == []


# ---- names -------------------------------------------------------------------------------------


def test_a_name_that_is_not_utf8_needs_a_declared_encoding() -> None:
    data = entry(b"caf\xe9", b"x") + END
    assert refusal(data) == r"has a name that is not UTF-8, and no encoding is declared: `caf\xe9`"
    assert unpacked(data, "latin-1") == {"café": b"x"}
    assert "is not ascii" in refusal(data, "ascii")
    assert "is not no-such-encoding" in refusal(data, "no-such-encoding")


def test_a_pax_name_is_utf8_unless_it_says_otherwise() -> None:
    latin = pax((b"path", b"caf\xe9"))
    assert "calls a name UTF-8 that is not" in refusal(latin + entry(b"a") + END, "latin-1")
    binary = pax((b"hdrcharset", b"BINARY"), (b"path", b"caf\xe9"))
    assert unpacked(binary + entry(b"a", b"x") + END, "latin-1") == {"café": b"x"}


# ---- what is refused ---------------------------------------------------------------------------

LONG = entry(b"l", b"n" * 120 + b"\0", b"L")
LONG_FOLDER = entry(b"l", b"n" * 120 + b"/\0", b"L")
LONG_LINK = entry(b"l", b"n" * 120 + b"\0", b"K")
HIDDEN = entry(b"hidden", b"x")
PAX_SIZE, HUGE_SIZE = pax((b"size", b"1024")), pax((b"size", b"%d" % (1 << 34)))
PAX_LINK = pax((b"linkpath", b"p"))
SIZED_LINK = header(b"l", b"1", 1024)
PAX_TIME, GLOBAL_TIME = pax((b"mtime", b"1")), pax((b"mtime", b"1"), kind=b"g")
BASE_256_TIME = b"\x80" + bytes(10) + b"a"
STAR = {508: b"tar\0"}
AFTER_EXTENSION = "bytes after the end of an extension header"
REAL_SIZE, MAP = {483: octal(2, 12)}, {386: octal(2, 12)}
ARE_PREFIX, NOT_SPARSE = (
    "GNU header of an incremental backup",
    "a sparse map for an entry that is not",
)
DIFFERS, HUGE = "a pax size of 1024, and 0 in the header", "a pax size of 17179869184, and 0 in"
WITH_SIZE = "a link or folder with a size of 1024"
REFUSED = {
    "not a tar": (b"id,label\n1,covid\n" * 100, "is not a tar"),
    "nothing": (b"", "is not a tar"),
    "lzip": (b"LZIP" + bytes(600), "is packed with lzip"),
    "lzma": (lzma.compress(END, lzma.FORMAT_ALONE), "is packed with lzma-alone"),
    "compress": (b"\x1f\x9d\x90" + bytes(600), "is packed with compress"),
    "lz4": (b"\x04\x22\x4d\x18" + bytes(600), "is packed with lz4"),
    "a packed table": (gzip.compress(b"id,label\n" * 100), "is compressed (gz) but holds no tar"),
    "a packed nothing": (gzip.compress(b""), "is compressed (gz) but holds no tar"),
    "a damaged header": (entry(b"a") + b"q" + entry(b"b")[1:], "has a damaged header, after `a`"),
    "a negative size": (header(b"a", size=b"\xff" * 11 + b"\0"), "whose size is -256"),
    "a size over 2^63": (header(b"a", size=b"\x80\1" + b"\0" * 10), "whose size is 1208925819614"),
    "a size of junk": (header(b"a", size=b"12z45678901\0"), "whose size is not a number"),
    "a size after a NUL": (header(b"a", size=b"\00000000010\0"), "whose size is not a number"),
    "a huge size": (header(b"a", size=b"\x80" + (1 << 60).to_bytes(11, "big")), "middle of `a`"),
    "bytes after a name": (entry(b"a\0b"), "bytes after the end of its name"),
    "a prefix in v7": (entry(b"a", magic=V7, prefix=b"p"), "no mark of the format"),
    "a prefix in GNU": (entry(b"a", magic=GNU, prefix=b"p"), "time of access is not a number"),
    "GNU's times": (entry(b"b", b"x", magic=GNU, fields={345: b"14213531662\0" * 2}), ARE_PREFIX),
    "in base 256": (entry(b"b", b"x", magic=GNU, fields={345: BASE_256_TIME}), ARE_PREFIX),
    "a needless real size": (entry(b"a", b"long", magic=GNU, fields=REAL_SIZE), NOT_SPARSE),
    "a needless map": (entry(b"a", b"long", magic=GNU, fields=MAP), NOT_SPARSE),
    "a size of blanks": (header(b"a", size=b" " * 12), "whose size is blank"),
    "a size of blanks and NULs": (header(b"a", size=b"  \0" * 4), "whose size is blank"),
    "a mode of blanks": (entry(b"a", mode=b" " * 8), "whose mode is blank"),
    "a folder with a pax size": (PAX_SIZE + header(b"d/", b"5") + HIDDEN, DIFFERS),
    "a folder with two equal sizes": (PAX_SIZE + header(b"d/", b"5", 1024) + HIDDEN, WITH_SIZE),
    "a hard link with a pax size": (PAX_SIZE + header(b"l", b"1") + HIDDEN, DIFFERS),
    "a symbolic link with a pax size": (PAX_SIZE + header(b"l", b"2") + HIDDEN, DIFFERS),
    "a file with a pax size": (PAX_SIZE + header(b"a") + HIDDEN, DIFFERS),
    "a hard link with a huge pax size": (HUGE_SIZE + header(b"l", b"1"), HUGE),
    "a special file with a huge pax size": (HUGE_SIZE + header(b"q", b"Q"), HUGE),
    "a hard link's size, after pax": (PAX_TIME + entry(b"a") + SIZED_LINK + HIDDEN, WITH_SIZE),
    "one after a global header": (GLOBAL_TIME + SIZED_LINK + HIDDEN, WITH_SIZE),
    "a global header at the end": (entry(b"a") + GLOBAL_TIME + END, "without an entry, after `a`"),
    "bytes after a long name": (header(b"l", b"L", 4) + b"long" + b"X" * 508, AFTER_EXTENSION),
    "after pax": (header(b"p", b"x", 9) + b"9 a=bcde\n".ljust(512, b"X"), AFTER_EXTENSION),
    "bytes after data": (header(b"a", size=4) + b"AAAA" + b"S" * 508, "bytes after the end of `a`"),
    "after a special's": (header(b"q", b"Q", 4) + b"AAAA" + bytes(507) + b"S", "the end of `q`"),
    "a star prefix without end": (entry(b"a", prefix=b"p" * 131, fields=STAR), "does not end"),
    "a file with a slash": (entry(b"a/", b"x"), "whose name ends in a slash: `a/`"),
    "a v7 folder with data": (entry(b"a/", b"x", b"\0"), "whose name ends in a slash: `a/`"),
    "a long name with a slash": (LONG_FOLDER + entry(b"n", b"", b"\0"), "a file by one name only"),
    "a long name without one": (LONG + entry(b"n/", b"", b"\0"), "a file by one name only"),
    "a symbolic link with data": (entry(b"a", b"x", b"2"), "cannot have data"),
    "a cut header": (entry(b"a") + b"x" * 100, "middle of a header, after `a`"),
    "cut data": (entry(b"a", b"x" * 600)[:-300], "middle of `a`"),
    "cut padding": (entry(b"a", b"x")[:-1], "middle of `a`"),
    "cut pax": (pax((b"a", b"b"))[:-1], "middle of an extension header"),
    "two tars": ((entry(b"a") + END) * 2, "has 1 further tar after its end"),
    "junk at the end": (entry(b"a") + END + b"x", "has 1 byte after its end"),
    "no end of a packed tar": (gzip.compress(entry(b"a")), "has no end"),
    "half an end of a packed tar": (gzip.compress(entry(b"a") + bytes(512)), "has no end"),
    "too many zeros": (gzip.compress(END + bytes((1 << 24) + 1)), "more zeros"),
    "a long name of 1 MB": (entry(b"l", b"n" * (1 << 20), b"L"), "header of 1,048,576 bytes"),
    "8 MB of pax": (pax((b"comment", b"x" * (1 << 23))), "extension header of 8,38"),
    "an empty long name": (entry(b"l", b"\0", b"L") + entry(b"a"), "empty or has a NUL"),
    "a NUL in a long name": (entry(b"l", b"a\0b\0", b"L") + entry(b"a"), "empty or has a NUL"),
    "two long names": (LONG + LONG + entry(b"a"), "two GNU long names"),
    "two long links": (LONG_LINK * 2 + entry(b"a", b"", b"2"), "two GNU long names"),
    "a long name and a path": (LONG + pax((b"path", b"p")) + entry(b"a"), "and a pax name"),
    "a label with data": (entry(b"a", b"x", b"V"), "a volume label with data"),
    "a long link and one in pax": (LONG_LINK + PAX_LINK + entry(b"a", b"", b"2"), "and a pax name"),
    "pax twice": (pax((b"a", b"b")) * 2 + entry(b"a"), "followed by another extension"),
    "pax 3,000 times": (pax((b"a", b"b")) * 3000 + entry(b"a"), "followed by another extension"),
    "pax, then a long name": (pax((b"size", b"1")) + LONG + entry(b"a"), "followed by another"),
    "pax, then global": (PAX_TIME + GLOBAL_TIME + entry(b"a"), "not followed by its entry"),
    "pax at the end": (entry(b"a") + pax((b"a", b"b")) + END, "without an entry, after `a`"),
    "a long name at the end": (LONG + END, "without an entry"),
}


@pytest.mark.parametrize(("data", "said"), REFUSED.values(), ids=REFUSED)
def test_what_readers_take_differently_is_refused(data: bytes, said: str) -> None:
    assert said in refusal(data)


BAD_PAX = {
    "no length": (b" a=b\n", "malformed"),
    "a leading zero": (b"06 a=b\n", "malformed"),
    "a length too short": (b"5 a=b\n", "malformed"),
    "a length too long": (b"99 a=b\n", "malformed"),
    "a length of 10 digits": (b"1000000000 a=b\n", "malformed"),
    "no newline": (b"6 a=bc", "malformed"),
    "no equals sign": (b"6 abc\n", "malformed"),
    "no key": (b"5 =b\n", "malformed"),
    "zeros after the records": (b"6 a=b\n\0", "malformed"),
    "a key twice": (b"6 a=b\n" * 2, "gives `a` twice"),
    "an empty path": (record(b"path", b""), "`path` is empty or has a NUL"),
    "a NUL in a path": (record(b"path", b"a\0b"), "`path` is empty or has a NUL"),
    "a NUL in a link": (record(b"linkpath", b"a\0b"), "`linkpath` is empty or has a NUL"),
    "another character set": (record(b"hdrcharset", b"KOI8"), "unknown `hdrcharset`"),
    "a negative size": (record(b"size", b"-512"), "is not a size: `-512`"),
    "an octal size": (record(b"size", b"0o7"), "is not a size"),
    "a size over 2^63": (record(b"size", b"9" * 19), "is not a size"),
    "an empty size": (record(b"size", b""), "is not a size"),
    "an empty size of star's": (record(b"SCHILY.realsize", b""), "is not a size"),
    "a larger size": (record(b"size", b"99999999"), "size of 99999999, and 7 in the header"),
    "a smaller size": (record(b"size", b"0"), "size of 0, and 7 in the header"),
    "star's other size": (record(b"SCHILY.realsize", b"9"), "two sizes"),
}


@pytest.mark.parametrize(("body", "said"), BAD_PAX.values(), ids=BAD_PAX)
def test_a_malformed_pax_header_is_refused(body: bytes, said: str) -> None:
    assert said in refusal(entry(b"x", body, b"x") + entry(b"a", b"content") + END)


@pytest.mark.parametrize("claimed", [0, 0o77777777777])
def test_a_pax_size_that_no_header_can_say_is_taken(claimed: int) -> None:
    data = pax((b"size", b"%d" % (1 << 34))) + header(b"a", size=claimed)
    members: list[Member] = []
    with pytest.raises(BadArchiveError, match="ends in the middle of `a`"):
        tar.unpack(source(data), members.append)
    assert members[0].size == 1 << 34


@pytest.mark.parametrize("key", [b"path", b"linkpath", b"size", b"hdrcharset", b"GNU.sparse.name"])
def test_a_global_pax_header_may_not_rename_or_resize(key: bytes) -> None:
    value = b"BINARY" if key == b"hdrcharset" else b"1"
    said = refusal(pax((key, value), kind=b"g") + entry(b"a", b"x") + END)
    assert f"global pax header that sets `{key.decode()}`" in said


@pytest.mark.parametrize("kind", [b"x", b"g"])
def test_pax_records_without_end_are_refused_unless_there_are_as_many_members(kind: bytes) -> None:
    block = pax(*((b"%x" % at, b"") for at in range(30_000)), kind=kind) + entry(b"a")
    assert len(listed(block * 5 + END)) == 5
    with pytest.raises(BadArchiveError, match="has too many pax records, after `a`"):
        listed(block * 10 + END)
    small = pax(*((b"%x" % at, b"") for at in range(90))) + entry(b"a")
    assert len(listed(small * 3000 + END)) == 3000


# ---- the end -----------------------------------------------------------------------------------


def test_a_plain_tar_may_end_with_its_last_member_and_any_may_have_more_zeros() -> None:
    for data in (entry(b"a", b"x"), entry(b"a", b"x") + END + bytes(10_000)):
        assert unpacked(data) == {"a": b"x"}
    assert unpacked(gzip.compress(entry(b"a", b"x") + END + bytes(10_000))) == {"a": b"x"}


# ---- sparse files ------------------------------------------------------------------------------


def sparse(*records: tuple[bytes, bytes], name: bytes = b"s", kind: bytes = b"0") -> bytes:
    return pax(*((b"GNU.sparse." + key, value) for key, value in records)) + entry(name, kind=kind)


FORMAT_1 = [(b"major", b"1"), (b"minor", b"0"), (b"realsize", b"4")]
SPARSE = {
    "of GNU": entry(b"s", b"data", b"S", magic=GNU, fields={386: octal(0, 12), 483: octal(4, 12)}),
    "in no format of GNU": entry(b"s", b"data", b"S"),
    "of pax 0.0": sparse((b"size", b"9"), *[(b"offset", b"0"), (b"numbytes", b"4")] * 2),
    "of pax 0.1": sparse((b"size", b"9"), (b"name", b"s"), (b"map", b"0,4"), name=b"a"),
    "of pax 1.0": sparse((b"name", b"s"), *FORMAT_1, name=b"GNUSparseFile.0/s"),
    "with two names": LONG + sparse((b"name", b"s")),
    "that is no file": sparse((b"name", b"s"), kind=b"2"),
}


@pytest.mark.parametrize("block", SPARSE.values(), ids=SPARSE)
def test_a_sparse_file_is_refused_by_its_name(block: bytes) -> None:
    with pytest.raises(UnsupportedError) as caught:
        unpacked(entry(b"first", b"x") + block + END)
    assert str(caught.value) == "has a sparse file, which covcat does not unpack: `s`"


# ---- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", PACKINGS)
def test_no_cut_is_missed(packing: str) -> None:
    whole = PACKINGS[packing](tar_in(tarfile.PAX_FORMAT))
    files = list(FILES.items())
    for size in range(len(whole)):
        try:
            got = unpacked(whole[:size])
        except BadArchiveError:
            continue
        # A plain tar that ends at a block's edge is whole as far as anyone can tell.
        assert packing == "plain"
        assert got == dict(files[: len(got)])


def test_no_flipped_bit_in_a_header_is_missed() -> None:
    whole = entry(b"a", b"x") + entry(b"b", b"y") + END
    for at in [*range(512), *range(1024, 1536)]:
        damaged = bytearray(whole)
        damaged[at] ^= 1
        refusal(bytes(damaged))


def test_random_headers_are_refused_or_read_but_never_crash() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        at = chance.choice([0, 100, 124, 156, 257, 345, 386, 482, 483, 500])
        junk = {at: chance.randbytes(chance.randrange(1, 12))}
        magic = chance.choice([GNU, V7, b"ustar\x0000"])
        kind = chance.choice([b"0", b"S", b"L", b"x", b"5", b"\0", b"g"])
        block = header(b"a", kind, chance.choice([0, 512]), magic=magic, fields=junk)
        with suppress(BadArchiveError):
            listed(block + chance.randbytes(512) + END)


# ---- how it is read ----------------------------------------------------------------------------


def test_every_entry_is_offered_and_only_wanted_files_are_written() -> None:
    data = entry(b"d", b"", b"5") + entry(b"a", b"x") + entry(b"l", b"", b"2") + entry(b"b") + END
    got = Got()
    asked = []

    def wanted(member: Member) -> Got | None:
        asked.append((member.number, member.kind))
        return got if member.name == "a" else None

    tar.unpack(source(data), wanted)
    assert asked == [(0, "folder"), (1, "file"), (2, "link"), (3, "file")]
    assert (bytes(got.data), got.is_finished) == (b"x", True)


@pytest.mark.parametrize("error", [BadArchiveError, KeyboardInterrupt])
def test_whatever_stops_the_reader_no_thread_stays(error: type[BaseException]) -> None:
    data = gzip.compress(tar_in(tarfile.GNU_FORMAT, {"a": random.Random(1).randbytes(1 << 22)}))
    before = threading.active_count()

    def stop(member: Member) -> None:
        raise error("stop")

    with pytest.raises(error, match="stop"):
        tar.unpack(source(data), stop)
    assert threading.active_count() == before


@pytest.mark.large
def test_ten_thousand_members_take_no_memory() -> None:
    data = entry(b"a", b"x") * 10_000 + END
    count = 0

    def look(_: Member) -> None:
        nonlocal count
        count += 1

    tracemalloc.start()
    tar.unpack(source(data), look)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 10_000
    assert peak < 4 << 20


def test_what_is_read_does_not_depend_on_where_the_pieces_end() -> None:
    chance = random.Random(2)
    files = {f"{at}": chance.randbytes(chance.randrange(1, 3000)) for at in range(2000)}
    files["large"] = chance.randbytes(3 << 20)
    whole = tar_in(tarfile.PAX_FORMAT, files)
    assert unpacked(whole) == unpacked(gzip.compress(whole, 1)) == files


def test_a_header_is_told_from_other_bytes() -> None:
    assert has_checksum(header(b"a"))
    assert has_checksum(entry(b"\xff" * 100))
    for other in (b"", b"x" * 511, bytes(512), b"PK\x03\x04" * 128, b" " * 512):
        assert not has_checksum(other)
