"""`covcat show FILE|IMAGE_ID` draws a picture where a terminal is, and prints its labels."""

import base64
import re
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from makers.laid import DATA
from makers.runs import Ran
from makers.tables import dicom, nifti

from covcat.cli import drawing

FILM = DATA / "sample/1/files/images/synthetic-01-0-pa.png"
ID = "sample:images/synthetic-01-0-pa.png"
TINY = [[0, 255], [8, 238], [128, 128], [3, 4]]  # 2 wide, 4 high


@pytest.fixture
def on_terminal(covcat, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run covcat on what says that it is a terminal, with variables of the environment."""

    def run(*args: str, **environ: str) -> Ran:
        for name in ("TERM_PROGRAM", "KITTY_WINDOW_ID", "TMUX", "COLORTERM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm-256color", "COLUMNS": "80", **environ}.items():
            monkeypatch.setenv(name, value)
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
        return covcat(*args)

    return run


@pytest.fixture
def tiny() -> str:
    assert cv2.imwrite("tiny.png", np.array(TINY, np.uint8))
    return "tiny.png"


# ---- drawing -----------------------------------------------------------------------------------


def test_half_blocks_in_24_bits_are_exactly_these() -> None:
    assert drawing.to_blocks(TINY, deep=True) == (
        "\x1b[38;2;0;0;0;48;2;8;8;8m▀\x1b[38;2;255;255;255;48;2;238;238;238m▀\x1b[0m\n"
        "\x1b[38;2;128;128;128;48;2;3;3;3m▀\x1b[38;2;128;128;128;48;2;4;4;4m▀\x1b[0m\n"
    )


def test_half_blocks_in_256_colours_take_the_nearest_grey() -> None:
    assert drawing.to_blocks(TINY, deep=False) == (
        "\x1b[38;5;16;48;5;232m▀\x1b[38;5;231;48;5;255m▀\x1b[0m\n"
        "\x1b[38;5;244;48;5;16m▀\x1b[38;5;244;48;5;16m▀\x1b[0m\n"
    )


def test_a_tone_that_goes_on_is_said_once_and_an_odd_row_has_nothing_below() -> None:
    assert drawing.to_blocks([[7, 7, 7]], deep=True) == "\x1b[38;2;7;7;7m▀▀▀\x1b[0m\n"


@pytest.mark.parametrize("size", [1, 3000, 10_000])
def test_kitty_gets_chunks_of_4096_letters_that_are_the_whole_png(size: int) -> None:
    png = bytes(range(256)) * (size // 256 + 1)
    text = drawing.to_kitty(png[:size], 12)
    commands = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in commands) + "\n" == text
    assert base64.b64decode("".join(data for _, data in commands)) == png[:size]
    assert all(len(data) == 4096 for _, data in commands[:-1])
    more = ["1"] * (len(commands) - 1) + ["0"]
    assert [keys.rpartition("m=")[2] for keys, _ in commands] == more
    assert commands[0][0].startswith("a=T,f=100,q=2,c=12,m=")


def test_iterm2_gets_one_sequence() -> None:
    assert drawing.to_iterm2(b"png", 12) == (
        "\x1b]1337;File=inline=1;size=3;width=12;height=auto;preserveAspectRatio=1:cG5n\x07\n"
    )


ROOM = {
    "as it is": ((2, 4, 80, 20), (2, 4)),
    "as wide as there is room": ((800, 400, 80, 24), (80, 40)),
    "as high as there is room": ((400, 800, 80, 24), (24, 48)),
    "a line": ((10_000, 1, 80, 24), (80, 1)),
}


@pytest.mark.parametrize(("asked", "expected"), ROOM.values(), ids=ROOM)
def test_a_picture_fits_and_is_never_enlarged(asked, expected) -> None:
    assert drawing.fitted(*asked) == expected


TERMINALS = {
    "any": ({"TERM": "xterm-256color"}, "blocks"),
    "kitty": ({"TERM": "xterm-kitty"}, "kitty"),
    "a shell in kitty": ({"TERM": "xterm", "KITTY_WINDOW_ID": "1"}, "kitty"),
    "ghostty": ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, "kitty"),
    "iTerm2": ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
    "WezTerm": ({"TERM_PROGRAM": "WezTerm"}, "iterm2"),
    "tmux in kitty": ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
    "tmux that calls itself xterm": ({"TERM": "xterm", "TMUX": "x", "TERM_PROGRAM": "iTerm.app"}, "blocks"),
    "screen": ({"TERM": "screen", "KITTY_WINDOW_ID": "1"}, "blocks"),
}  # fmt: skip


@pytest.mark.parametrize(("environ", "expected"), TERMINALS.values(), ids=TERMINALS)
def test_the_terminal_says_what_it_takes(environ, expected: str) -> None:
    assert drawing.protocol_of(environ) == expected


# ---- the command -------------------------------------------------------------------------------


def test_a_picture_is_drawn_with_its_labels(covcat, on_terminal) -> None:
    covcat("fetch", "sample", "-q")
    ran = on_terminal("show", ID, COLORTERM="truecolor")
    assert ran.code == 0
    assert "\x1b[38;2;" in ran.out
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.out).splitlines()
    drawn = [line for line in plain if "▀" in line]
    assert {len(line) for line in drawn} == {2 * len(drawn)}  # the film is square
    labels = "\n".join(plain[len(drawn) :])
    assert labels.startswith(str(FILM.absolute()) if FILM.is_absolute() else str(FILM))
    assert "modality: xray" in labels
    assert "sha256" not in labels
    assert max(map(len, plain)) <= 80


@pytest.mark.parametrize("name", [ID, str(FILM)])
def test_on_a_pipe_all_that_the_index_has_is_printed_and_no_picture(covcat, name: str) -> None:
    covcat("fetch", "sample", "-q")
    lines = covcat("show", name).out.splitlines()
    assert lines[:2] == [str(FILM), "  png, 256 x 256 pixels, 8 bits"]
    assert "  finding: COVID-19" in lines
    assert not any("▀" in line for line in lines)
    assert [
        one["image_id"] for one in covcat("show", name, "--json").document["data"]["images"]
    ] == [ID]


SENT = {
    "kitty": ({"TERM": "xterm-kitty"}, "\x1b_Ga=T,"),
    "iterm2": ({"TERM_PROGRAM": "iTerm.app"}, "\x1b]1337;"),
}


@pytest.mark.parametrize(("environ", "start"), SENT.values(), ids=SENT)
def test_a_terminal_of_its_own_protocol_gets_the_png(on_terminal, tiny, environ, start) -> None:
    out = on_terminal("show", tiny, **environ).out
    assert out.startswith(start)
    data = "".join(re.findall(r"[;:]([A-Za-z0-9+/=]{40,})[\x1b\x07]", out))
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.tolist() == TINY


def test_a_picture_of_no_release_is_drawn_without_labels(on_terminal, tiny: str) -> None:
    ran = on_terminal("show", tiny)
    assert ran.out.splitlines() == [
        *drawing.to_blocks(TINY, deep=False).splitlines(),
        "tiny.png",
        "  png, 2 x 4 pixels, 8 bits",
    ]


def test_of_a_volume_the_middle_is_drawn_or_the_slice_that_is_named(on_terminal) -> None:
    head = bytearray(nifti(2, 2, 3, kind=(2, 8)))[:352]
    struct.pack_into("<f", head, 108, 352.0)
    Path("v.nii").write_bytes(bytes(head) + bytes([0] * 4 + [100, 0, 0, 0] + [9] * 4))
    shown = [
        on_terminal("show", "v.nii", *more).out for more in ((), ("--slice", "2"), ("--slice", "1"))
    ]
    assert shown[0] == shown[1] != shown[2]
    assert "  nifti, 2 x 2 pixels, 3 slices, 8 bits" in shown[0]
    ran = on_terminal("show", "v.nii", "--slice", "4")
    assert (ran.code, "--slice 1" in ran.err) == (2, True)


def test_the_resource_wins_and_the_file_is_named_with_its_folder(covcat) -> None:
    cv2.imwrite("cohen.png", np.array(TINY, np.uint8))
    Path("cohen.png").rename("cohen")
    assert covcat("show", "cohen").out.startswith("cohen: ")
    assert covcat("show", "./cohen").out.startswith("cohen\n  png, 2 x 4 ")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_where_colour_is_off_nothing_is_drawn_and_that_is_said(on_terminal, tiny, environ) -> None:
    ran = on_terminal("show", tiny, **environ)
    assert ran.code == 0
    assert "▀" not in ran.out
    assert "note: it is not drawn: colour is off" in ran.err


# ---- what cannot be shown ----------------------------------------------------------------------


def huge() -> bytes:
    """A PNG that says it has 40,000 x 40,000 pixels."""
    head = b"IHDR" + struct.pack(">LLBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    rows = b"IDAT" + zlib.compress(b"\0" * 40_001)
    chunks = (head, rows, b"IEND")
    parts = [
        struct.pack(">L", len(one) - 4) + one + struct.pack(">L", zlib.crc32(one)) for one in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def cut() -> bytes:
    return bytes(cv2.imencode(".png", np.arange(65536, dtype=np.uint8).reshape(256, 256))[1])[:300]


WRONG = {
    "a text": (b"made up\n", "is no picture that covcat knows"),
    "nothing": (b"", "is no picture that covcat knows"),
    "cut": (cut(), "cannot be drawn: cut: the end of the png is missing"),
    "huge": (huge(), "cannot be drawn: declares 40,000 x 40,000 pixels"),
}


@pytest.mark.parametrize(("data", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_drawn_says_why(on_terminal, data: bytes, said: str) -> None:
    Path("a.png").write_bytes(data)
    ran = on_terminal("show", "a.png")
    assert ran.code == 5
    assert said in " ".join(ran.err.split())


def test_a_folder_and_a_file_that_is_not_there_are_told_apart(covcat) -> None:
    Path("folder.png").mkdir()
    assert covcat("show", "folder.png").code == 2
    gone = covcat("show", "gone.png")
    assert (gone.code, "there is no file `gone.png`" in gone.err) == (3, True)
    other = covcat("show", "gone")
    assert (other.code, "the catalog has no resource `gone`" in other.err) == (3, True)


def test_an_image_that_is_not_here_is_not_found(covcat) -> None:
    assert "hint: covcat fetch sample" in covcat("show", ID).err
    covcat("fetch", "sample", "-q")
    ran = covcat("show", "sample:images/nothing.png")
    assert (ran.code, "has no image `images/nothing.png` here" in ran.err) == (3, True)
    FILM.unlink()
    assert covcat("show", ID).code == 3


def test_without_what_decodes_it_the_install_line_is_told(
    on_terminal, tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from covcat.overlap.opencv import opencv

    opencv.cache_clear()
    monkeypatch.setitem(sys.modules, "cv2", None)
    ran = on_terminal("show", tiny)
    opencv.cache_clear()
    assert (ran.code, "pip install 'covcat[overlap]'" in ran.err) == (2, True)


def test_dicom_without_pydicom_says_what_to_install(
    on_terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.dcm").write_bytes(dicom())
    monkeypatch.setitem(sys.modules, "pydicom", None)
    ran = on_terminal("show", "a.dcm")
    assert (ran.code, "pip install 'covcat[dicom]'" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "args", [("cohen", "--slice", "1"), ("tiny.png", "--format", "schema.org")]
)
def test_options_of_the_other_kind_are_refused(covcat, tiny: str, args) -> None:
    assert covcat("show", *args).code == 2


def test_marks_in_a_name_are_shown_as_text(covcat, tiny: str) -> None:
    Path(tiny).rename("a\x1b[31m.png")
    assert covcat("show", "a\x1b[31m.png").out.startswith("a\\x1b[31m.png\n")
