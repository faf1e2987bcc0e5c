"""Which names are safe: the cases P01-P45 of the project's reliability list, as pure text."""

import pytest

from covcat.names import (
    MAX_DEPTH,
    MAX_NAME_BYTES,
    Paths,
    collision,
    collision_key,
    common_folder,
    history_of,
    is_litter,
    unsafe_name,
)

ABSOLUTE = "its path is absolute"
PARENT = "its path leaves the folder with `..`"
EMPTY_PART = "its path has an empty part"
BACKSLASH = "its name has a backslash"
HIDDEN = "its name has a control or invisible character"
LONG_PART = "a part of its path has more than 255 bytes"


TOO_LONG = "its name has {} bytes, more than 1024"
TOO_DEEP = "its path is {} levels deep, more than 64"

UNSAFE = (  # case, reason, names
    ("P01", ABSOLUTE, "/tmp/canary"),
    ("P02", ABSOLUTE, "//tmp/canary", "//host/share/x"),
    ("P03", PARENT, "../canary", ".."),
    ("P04", PARENT, "a/../../canary"),
    ("P05", PARENT, "a/../b"),
    ("P06", PARENT, "../dest/x"),
    ("P07", PARENT, "../dest_evil/x", "a/.."),
    ("P08", ABSOLUTE, "C:/x", "C:x", "c:"),
    ("P08", BACKSLASH, "C:\\x"),
    ("P09", BACKSLASH, "\\\\host\\share\\x", "\\\\?\\C:\\x", "\\\\.\\pipe\\x"),
    ("P10", BACKSLASH, "..\\canary"),
    ("P11", BACKSLASH, "a\\b.txt"),
    ("P12", HIDDEN, "ok.txt\0../x"),
    ("P14", HIDDEN, "a\x1b[2J", "a\rb", "a\nb", "a\tb", "a\x7f"),
    ("P15", HIDDEN, "a\x9b31m"),
    ("P16", HIDDEN, "a\u202egpj.exe", "a\u2066b"),
    ("P18", "it has no name", ""),
    ("P19", EMPTY_PART, ".", "./", "a//b", "a/./b", "a/"),
    ("P19", ABSOLUTE, "/"),
    ("P30", LONG_PART, "a" * 300, "d/" + "a" * 256, "肺" * 86),
    ("P32", TOO_LONG.format(4097), "a/" * 2048 + "b"),
    ("P32", TOO_LONG.format(1025), "/".join(["a" * 204] * 5) + "b"),
    ("P32", TOO_DEEP.format(65), "/".join("a" * (MAX_DEPTH + 1))),
    ("P32", TOO_DEEP.format(500), "/".join("a" * 500)),
    ("P44", TOO_LONG.format(120_001), "a" + "\u0301" * 60_000),
)
INVISIBLE = {
    "P17-zero-width": "a\u200bb",
    "P17-byte-order-mark": "\ufeffa",
    "P17-line-separator": "a\u2028b",
    "P17-paragraph-separator": "a\u2029b",
    "P17-surrogate": "a\ud800b",
    "P17-surrogate-of-a-byte": "caf\udce9",
    "P17-unassigned": "a\u0378b",
    "P17-noncharacter": "a\uffffb",
    "P17-word-joiner": "a\u2060b",
    "P17-soft-hyphen": "a\u00adb",
    "P17-joiner-of-latin-letters": "a\u200db",
    "P17-non-joiner-of-latin-letters": "Auf\u200clage",
    "P17-non-joiner-of-cyrillic-letters": "\u0434\u200c\u0430",
    "P17-non-joiner-of-digits": "1\u200c2",
    "P17-joiner-of-chinese": "\u80ba\u200d\u708e",
    "P17-joiner-alone": "\u200d",
    "P17-joiner-first": "\u200c\u0645\u06cc",
    "P17-joiner-last": "\u0645\u06cc\u200c",
    "P17-joiner-last-of-a-folder": "\u0645\u06cc\u200c/a.png",
    "P17-joiner-first-in-a-folder": "a/\u200c\u0645\u06cc",
    "P17-joiner-before-the-suffix": "\u0645\u06cc\u200c.png",
    "P17-joiner-after-the-dot": "a.\u200c\u0645\u06cc",
    "P17-joiner-beside-punctuation": "\u0645\u060c\u200c\u06cc",
    "P17-joiner-beside-a-space": "\u0645\u06cc \u200c\u0647\u0627",
    "P17-joiner-doubled": "\u0645\u06cc\u200c\u200c\u062e",
    "P17-joiner-doubled-after-a-virama": "\u0915\u094d\u200d\u200d\u0937",
    "P17-joiner-of-two-scripts": "\u0645\u200c\u0915",
    "P17-joiner-of-letters-and-latin": "\u0645\u200ca",
    "P17-override-between-letters": "\u0645\u202e\u06cc",
    "P17-zero-width-between-letters": "\u0645\u200b\u06cc",
    "P17-mark-of-direction": "\u0645\u200f\u06cc",
    "P17-arabic-letter-mark": "\u0645\u061c\u06cc",
    "P17-joiner-of-an-emoji-and-a-letter": "\U0001f469\u200da",
    "P17-joiner-after-an-emoji": "\U0001f469\u200d.png",
    "P17-joiner-doubled-in-an-emoji": "\U0001f469\u200d\u200d\u2695\ufe0f",
    "P17-non-joiner-in-an-emoji": "\U0001f469\u200c\u2695\ufe0f",
    "P17-joiner-between-an-emoji-and-a-letter": "\u0645\u200d\U0001f469\u200d\U0001f52c\u200d\u0645",
    "P17-tags": "a\U000e0041\U000e007f",
    "P17-flag-of-tags": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e007f",
}

SAFE = {
    "plain": "images/COVID-00001.jpg",
    "dots-inside": "a..b/...c/.hidden",
    "three-dots": "a/.../b",
    "P17-private-use": "a\ue000b",
    "P32-deepest": "/".join("a" * MAX_DEPTH),
    "P32-longest": "/".join(["a" * 204] * 5),
    "percent": "p6-52%10.png",
    "not-ascii": "röntgen/肺 (1).png",
    "decomposed": "ro\u0308ntgen.png",
    "emoji": "\U0001fac1.png",
    "persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.png",
    "persian-after-a-letter-that-never-joins": "\u0628\u06cc\u0645\u0627\u0631\u200c\u0647\u0627/1.png",
    "persian-after-a-mark": "\u0642\u0637\u0639\u0627\u064b\u200c\u0647\u0627",
    "arabic-joined": "\u0647\u200d\u0647.png",
    "uyghur": "\u0626\u06d5\u200c\u0644",
    "syriac": "\u0710\u200c\u0712",
    "devanagari-half-letter": "\u0915\u094d\u200d\u0937.png",
    "devanagari-open-virama": "\u0915\u094d\u200c\u0937.png",
    "devanagari-half-letter-last": "\u0915\u094d\u200d.png",
    "bengali-joiner-before-the-virama": "\u09b0\u200d\u09cd\u09af\u09be\u09ac",
    "malayalam-chillu-of-old": "\u0d05\u0d35\u0d28\u0d4d\u200d.jpg",
    "sinhala": "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf",
    "khmer": "\u1780\u17d2\u200c\u179a",
    "myanmar": "\u1000\u103a\u200c\u1001",
    "mongolian": "\u1820\u200d\u1828",
    "emoji-of-two": "\U0001f469\u200d\u2695\ufe0f.png",
    "emoji-of-four": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466.png",
    "emoji-with-a-skin-tone": "\U0001f9d1\U0001f3fd\u200d\U0001f52c.png",
    "emoji-with-an-arrow": "\U0001f642\u200d\u2194\ufe0f.png",
    "emoji-flag-with-a-selector": "\U0001f3f3\ufe0f\u200d\U0001f308",
    "emoji-keycap": "1\ufe0f\u20e3.png",
    "emoji-flag-of-letters": "\U0001f1ee\U0001f1f7.png",
}
SAFE_TOO = (  # case, names
    ("P19", "a/b"),
    ("P27", "CON", "aux.txt", "COM¹"),
    ("P28", "a.", "b ", "c./d"),
    ("P29", "file.txt::$DATA", "10:30.png", "a/b:c", "x<y>?*\"'|"),
    ("P31", "a" * 255, "肺" * 85),
    ("P33", "GIT~1"),
    ("P34", "--checkpoint-action=exec=sh", "@list"),
    ("P35", "*?[a].png"),
    # data lies in `files/`, so covcat's own names beside it are free for it
    ("P36", "manifest.json", ".covcat/locks"),
    ("P45", "__MACOSX/._x", ".DS_Store"),
)


@pytest.mark.parametrize(
    ("case", "reason", "names"),
    [*((case, reason, names) for case, reason, *names in UNSAFE)]
    + [(case, HIDDEN, [name]) for case, name in INVISIBLE.items()],
)
def test_an_unsafe_name_is_refused_with_its_reason(case: str, reason: str, names: list) -> None:
    assert {name: unsafe_name(name) for name in names} == dict.fromkeys(names, reason)


@pytest.mark.parametrize(
    ("case", "names"),
    [
        *((case, [name]) for case, name in SAFE.items()),
        *((case, names) for case, *names in SAFE_TOO),
    ],
)
def test_a_safe_name_is_let_through(case: str, names: list) -> None:
    assert {name: unsafe_name(name) for name in names} == dict.fromkeys(names)


NOT_ON_WINDOWS = {
    "a device": ("a/CON", "Windows keeps the name `CON` for a device"),
    "a device with a suffix": ("Aux.tar.gz", "Windows keeps the name `Aux` for a device"),
    "a device with a blank": ("nul .txt", "Windows keeps the name `nul` for a device"),
    "a folder called so": ("com1/a", "Windows keeps the name `com1` for a device"),
    "a raised number": ("lpt\u00b2", "Windows keeps the name `lpt\u00b2` for a device"),
    "a colon": ("day/12:30.png", "Windows has no name with `:` in it"),
    "a question": ("why?", "Windows has no name with `?` in it"),
    "a star": ("*.png", "Windows has no name with `*` in it"),
    "a dot at the end": ("a./b", "Windows would drop the dot or blank at the end of its name"),
    "a blank at the end": ("a ", "Windows would drop the dot or blank at the end of its name"),
}


@pytest.mark.parametrize(("name", "reason"), NOT_ON_WINDOWS.values(), ids=NOT_ON_WINDOWS)
def test_what_windows_cannot_hold_is_refused_there_alone(name: str, reason: str) -> None:
    assert unsafe_name(name, "win32") == reason
    assert [unsafe_name(name, one) for one in ("linux", "darwin")] == [None, None]


@pytest.mark.parametrize("name", ["CONSOLE", "com10", "com", "nulls.txt", "a.con", ".aux", "a b.c"])
def test_what_only_looks_like_a_device_is_let_through_on_windows(name: str) -> None:
    assert unsafe_name(name, "win32") is None


def test_the_longest_path_of_the_table_is_as_long_as_the_limit() -> None:
    assert len(SAFE["P32-longest"]) == MAX_NAME_BYTES


def test_every_control_character_is_refused_wherever_it_stands() -> None:
    for code in (*range(0x20), *range(0x7F, 0xA0)):
        for name in (f"{chr(code)}a", f"a{chr(code)}b", f"a/{chr(code)}"):
            assert unsafe_name(name) == HIDDEN, hex(code)


# ---- litter ------------------------------------------------------------------------------------

LITTER = """
.DS_Store images/.DS_Store images/._a.png ._a.png __MACOSX/images/._a.png __MACOSX/a.png
Thumbs.db a/b/Thumbs.db a/thumbs.db desktop.ini Desktop.ini @eaDir/a.png/SYNOFILE_THUMB_M.png
a/@eaDir/x .git/config .git a/sub/.git a/.svn/entries .hg/store/x .@__thumb/a.png
.directory a/.directory .AppleDouble/a.png #recycle/a.png a/@Recycle/b $RECYCLE.BIN/S-1/a.png
lost+found/#12 .nfs000000000001 a/.fuse_hidden0000000100000001 .Trashes/501/a.png .apdisk
"""
DATA = """
a.png a_.png .hidden a/._b/c.png myThumbs.db xdesktop.ini .gitignore .gitattributes
.nfs .nfs-notes/a.png .nfsroot .fuse_hidden recycle/a.png lost/found.png directory .directory.txt
.DS_Store/mine.txt a/Thumbs.db/thesis.doc .github/workflows/x.yml git/config MACOSX/a.png a.DS_Store .ipynb_checkpoints/a.csv .Trash-1/a
"""


@pytest.mark.parametrize("path", [*LITTER.split(), "Icon\r", "images/Icon\r"])
def test_what_desktops_and_version_control_leave_is_litter(path: str) -> None:
    assert is_litter(path)


@pytest.mark.parametrize("path", DATA.split())
def test_what_only_looks_like_litter_is_not(path: str) -> None:
    assert not is_litter(path)


def test_only_version_control_may_hold_work() -> None:
    histories = {path: found for path in LITTER.split() if (found := history_of(path))}
    assert histories == {
        ".git/config": ".git",
        ".git": ".git",
        "a/sub/.git": "a/sub/.git",
        "a/.svn/entries": "a/.svn",
        ".hg/store/x": ".hg",
    }
    assert not any(map(history_of, DATA.split()))


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["a/b/x", "a/b/y"], "a/b/"),
        (["a/b/x", "a/c/y"], "a/"),
        (["a/b", "a/b-1/x"], "a/"),
        (["x", "a/y"], ""),
        (["a/x"], "a/"),
        (["ab/x", "a/x"], ""),
        ([], ""),
    ],
)
def test_the_folder_in_which_all_lies(paths: list[str], folder: str) -> None:
    assert common_folder(paths) == folder


# ---- collisions --------------------------------------------------------------------------------

SAME = {
    "P22-case": ("Readme.txt", "README.TXT"),
    "P22-case-of-a-folder": ("Images/a.png", "images/a.png"),
    "P22-greek-final-sigma": ("ΟΔΟΣ", "οδος"),
    "P23-composed": ("r\u00f6ntgen", "ro\u0308ntgen"),
    "P23-marks-in-another-order": ("a\u0323\u0307", "a\u0307\u0323"),
    "P24-sharp-s": ("straße", "strasse"),
    "P24-capital-sharp-s": ("STRAẞE", "strasse"),
    "P24-dotted-i": ("\u0130", "i\u0307"),
    "P24-kelvin": ("\u212a", "k"),
    "P24-ligature": ("ﬁle", "file"),
    "P24-full-width": ("ａ", "a"),
    "P28-last-dot": ("a.", "a"),
    "P28-last-space": ("b ", "b"),
    "P28-dots-and-spaces": ("b . .", "b"),
    "P28-folder": ("c./d", "c/d"),
    "P28-space-of-another-kind": ("b\u00a0", "b"),
    "non-joiner": ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u062e"),
    "joiner": ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u0937"),
    "joiner-and-non-joiner": ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200c\u0937"),
    "joiner-of-an-emoji": ("\U0001f469\u200d\u2695\ufe0f", "\U0001f469\u2695"),
    "case-and-form-together": ("RO\u0308NTGEN ", "r\u00f6ntgen"),
}

DIFFERENT = {
    "names": ("a", "b"),
    "first-dot": (".a", "a"),
    "inner-dot": ("a.b", "ab"),
    "first-space": (" a", "a"),
    "folder": ("a/b", "ab"),
    "accent": ("röntgen", "rontgen"),
    "dotless-i": ("\u0131", "i"),
    "zero": ("O", "0"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_names_that_some_system_takes_for_one_have_one_key(one: str, other: str) -> None:
    assert one != other
    assert collision_key(one) == collision_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_names_that_every_system_tells_apart_have_two_keys(one: str, other: str) -> None:
    assert collision_key(one) != collision_key(other)


def test_a_key_is_its_own_key_for_every_character() -> None:
    plain = [chr(code) for code in range(0x80)]  # has a way of its own: each alone
    others = [chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]
    for some in (*plain, *("x".join(others[at : at + 64]) for at in range(0, len(others), 64))):
        key = collision_key(f"x{some}x")
        assert collision_key(key) == key, some.encode("unicode-escape")


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a/b", "a/c", "b"], None),
        (["a/b", "A/c"], ("a", "A/c")),
        (["a/b", "a/B"], ("a/b", "a/B")),
        (["a", "a/b"], ("a", "a/b")),
        (["a/b", "a"], ("a", "a")),
        (["a/b", "a/b"], ("a/b", "a/b")),
        (["x/a/b", "y/A/b"], None),
        (["a", "a\u3164"], ("a", "a\u3164")),
        (["caf\u00e9/x", "cafe\u0301/y"], ("caf\u00e9", "cafe\u0301/y")),
    ],
)
def test_two_files_of_one_path_are_found(
    paths: list[str], expected: tuple[str, str] | None
) -> None:
    assert collision(paths) == expected


def test_folders_are_counted_once_each() -> None:
    tree = Paths()
    for path in ("a/b/c", "a/b/d", "a/e", "f"):
        tree.add(path, is_file=True)
    tree.add("a/b", is_file=False)
    tree.add("g", is_file=False)
    assert tree.folders == 3
