"""Archives cut into volumes are called that, with how to put them together, wherever they come."""

import io
import os
import shutil
import subprocess
import tarfile
from functools import partial
from pathlib import Path

import pytest
from makers.archives import git_zip, tar_of, zip_of
from makers.rars import rar4_volumes, rar5_volumes
from makers.releases import release_of
from servers.server import Answer

from covcat import names as names_module

WHOLE = {"a.png": os.urandom(9000), "b.txt": b"b"}
SAID = "is one volume of several that must be put together"
NATIVE = "zip -s 0 pack.zip --out pack-whole.zip"

NAMES = {
    "pack.z01": NATIVE,
    "pack.Z12": NATIVE,
    "t.zip.001": "cat t.zip.* > t.zip",
    "t.zip.002": "cat t.zip.* > t.zip",
    "my set (1).zip.001": "cat 'my set (1).zip.'* > 'my set (1).zip'",
    "t.tar.gz.aa": "cat t.tar.gz.* > t.tar.gz",
    "t.tar.gz.ba": "cat t.tar.gz.* > t.tar.gz",
    "t.tar.gz.partaa": "cat t.tar.gz.part* > t.tar.gz",
    "t.tgz-part2": "cat t.tgz-part* > t.tgz",
    "t.tar.xz_00": "cat t.tar.xz_* > t.tar.xz",
    "t.7z.001": "cat t.7z.* > t.7z",
    "t.r00": "covcat extract t.rar, with all the others beside it",
    "t.part03.rar": "covcat extract t.part01.rar, with all the others beside it",
}


@pytest.mark.parametrize(("name", "how"), NAMES.items())
def test_a_name_says_how_to_put_volumes_together(name: str, how: str) -> None:
    assert names_module.volume(name).how == how


OTHERS = """
t.zip t.tar.gz t(1).zip t.zip.part t.tar.bz t.zip.gz t.zip.bak t.nii.gz t.zip1 t.tar.lz t.tar.br t.zip.db t.zip-de t.part.rar ct.001
z01 a.r1 apart.rar scan.2020
"""


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_names_say_nothing(name: str) -> None:
    assert names_module.volume(name) is None


def cut(name: str, data: bytes, *endings: str) -> list[str]:
    """Write data in as many pieces as there are endings."""
    size = len(data) // len(endings) + 1
    for number, ending in enumerate(endings):
        Path(name + ending).write_bytes(data[number * size : (number + 1) * size])
    return [name + ending for ending in endings]


def split_zip() -> list[str]:
    """As `zip -s 64k` writes it: pack.z01 to pack.z03, pack.zip."""
    if shutil.which("zip") is None:
        pytest.skip("zip is not installed")
    Path("r.bin").write_bytes(os.urandom(200_000))
    subprocess.run(["zip", "-q", "-s", "64k", "pack.zip", "r.bin"], check=True)
    Path("r.bin").unlink()
    return sorted(str(one) for one in Path().glob("pack.z*"))


TARRED = tar_of(WHOLE, "gz")
OF_PARTS = "cat t.tar.part* > t.tar"
SETS = {
    "zip -s": (split_zip, NATIVE),
    "split zip": (partial(cut, "t.zip", zip_of(WHOLE), ".001", ".002"), NAMES["t.zip.001"]),
    "split tar.gz": (partial(cut, "t.tar.gz", TARRED, ".aa", ".ab"), NAMES["t.tar.gz.aa"]),
    "split tar": (partial(cut, "t.tar", tar_of(WHOLE), ".partaa", ".partab"), OF_PARTS),
}
ENTRY = release_of("host: web, url: 'https://data.example.org/NAME', name: NAME, unpack: KIND")


def made_by(*command: str) -> list[str]:
    """Volumes of r.bin as a real tool makes them; the file itself stays in `want`."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    Path("r.bin").write_bytes(os.urandom(200_000))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    Path("r.bin").rename("want")
    return sorted(str(one) for one in Path().glob("pack.*"))


REAL = {
    "zip -s": (("zip", "-q", "-s", "64k", "pack.zip", "r.bin"), "pack.z02"),
    "7zz -v": (("7zz", "a", "-v64k", "pack.7z", "r.bin"), "pack.7z.002"),
    "7zz -v of zip": (("7zz", "a", "-v64k", "pack.zip", "r.bin"), "pack.zip.003"),
    "7zz -v of tar": (("7zz", "a", "-v64k", "pack.tar", "r.bin"), "pack.tar.002"),
}


@pytest.mark.parametrize("made", REAL)
@pytest.mark.parametrize("order", [1, -1])
def test_volumes_of_real_tools_are_unpacked_as_one_however_they_are_given(
    covcat, made: str, order: int
) -> None:
    names = made_by(*REAL[made][0])[::order]
    for given in ([names[0]], names):
        ran = covcat("extract", *given, "out")
        assert (ran.code, os.listdir("out")) == (0, ["r.bin"]), ran.err
        assert Path("out/r.bin").read_bytes() == Path("want").read_bytes()
        shutil.rmtree("out")
    assert covcat("extract", *names).code == 0  # into a folder with the name of the whole
    assert Path("pack/r.bin").read_bytes() == Path("want").read_bytes()


@pytest.mark.parametrize("made", REAL)
def test_a_missing_volume_is_named(covcat, made: str) -> None:
    command, gone = REAL[made]
    names = made_by(*command)
    Path(gone).unlink()
    ran = covcat("extract", names[0], "out")
    assert ran.code == 6
    assert f"comes in several volumes: `{gone}` is missing\n" in ran.err
    assert not Path("out").exists()


def test_the_last_volume_of_a_7z_is_known_to_be_missing_by_what_it_lacks(covcat) -> None:
    names = made_by("7zz", "a", "-v64k", "pack.7z", "r.bin")
    for name in names[2:]:
        Path(name).unlink()
    ran = covcat("extract", names[0], "out")
    assert (ran.code, "`pack.7z.003`, `pack.7z.004` are missing" in ran.err) == (6, True), ran.err


@pytest.mark.parametrize("made", ["split zip", "split tar.gz", "split tar"])
def test_pieces_that_a_host_cut_are_unpacked_as_one(covcat, made: str) -> None:
    first, last = SETS[made][0]()
    assert covcat("extract", last, "out").code == 0
    assert {one.name: one.read_bytes() for one in Path("out").iterdir()} == WHOLE
    shutil.rmtree("out")
    Path(last).unlink()
    ran = covcat("extract", first, "out")
    assert (ran.code, f"a volume after `{first}` is missing" in ran.err) == (6, True), ran.err
    Path(last).write_bytes(b"")
    Path(first).unlink()
    ran = covcat("extract", last, "out")
    assert (ran.code, f"comes in several volumes: `{first}` is missing" in ran.err) == (6, True), (
        ran.err
    )


def test_more_pieces_than_letters_go_on_with_ba(covcat) -> None:
    letters = [a + b for a in "ab" for b in "abcdefghijklmnopqrstuvwxyz"][:30]
    names = cut("t.zip", zip_of(WHOLE), *(f".{one}" for one in letters))
    assert covcat("extract", names[-1], "out").code == 0
    assert {one.name: one.read_bytes() for one in Path("out").iterdir()} == WHOLE
    Path("t.zip.ba").unlink()
    ran = covcat("extract", names[0], "again")
    assert (ran.code, "`t.zip.ba` is missing" in ran.err) == (6, True), ran.err


def test_volumes_in_several_folders_are_put_together_when_all_are_given(covcat) -> None:
    first, last = cut("t.zip", zip_of(WHOLE), ".001", ".002")
    Path("more").mkdir()
    Path(last).rename(f"more/{last}")
    assert covcat("extract", first, f"more/{last}", "out").code == 0
    assert Path("out/b.txt").read_bytes() == b"b"


WRONG = {
    "of another archive": (("t.zip.001", "u.zip.002", "out"), 2, "is no volume of `t.zip`"),
    "one volume twice": (("t.zip.001", "d/t.zip.001", "out"), 2, "are one volume"),
    "not there": (("t.zip.001", "t.zip.009", "out"), 3, "no file `t.zip.009`"),
    "of nothing": (("whole.zip", "u.zip.002", "out"), 2, "is no volume of `whole.zip`"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_volume_of_the_first_one_is_refused(covcat, case: str) -> None:
    cut("t.zip", zip_of(WHOLE), ".001", ".002")
    cut("u.zip", zip_of(WHOLE), ".001", ".002")
    Path("d").mkdir()
    Path("d/t.zip.001").write_bytes(b"another")
    Path("whole.zip").write_bytes(zip_of(WHOLE))
    args, code, words = WRONG[case]
    ran = covcat("extract", *args)
    assert (ran.code, words in ran.err) == (code, True), ran.err
    assert not Path("out").exists()


def test_a_volume_with_a_wrong_byte_is_damaged_not_missing(covcat) -> None:
    first, last = cut("t.zip", zip_of({"a.bin": bytes(9000)}, ""), ".001", ".002")
    data = bytearray(Path(first).read_bytes())
    data[50] ^= 0xFF
    Path(first).write_bytes(data)
    ran = covcat("extract", last, "out")
    assert (ran.code, "`t.zip` is damaged\ncause: " in ran.err) == (6, True), ran.err


def test_a_zip_of_its_own_volumes_with_one_swapped_is_refused(covcat) -> None:
    made_by(*REAL["zip -s"][0])
    one, two = Path("pack.z01").read_bytes(), Path("pack.z02").read_bytes()
    Path("pack.z01").write_bytes(two)
    Path("pack.z02").write_bytes(one)
    assert covcat("extract", "pack.zip", "out").code == 6
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("made", "number"),
    [("zip -s", 0), ("split zip", 0), ("split zip", 1), ("split tar.gz", 0), ("split tar.gz", 1)],
)
def test_fetch_names_a_volume_that_an_entry_calls_an_archive(
    covcat, shelf, server, made: str, number: int
) -> None:
    write, how = SETS[made]
    name = write()[number]
    kind = "tar" if "tar" in made else "zip"
    shelf.add("set", ENTRY.replace("NAME", name).replace("KIND", kind))
    server.serve(f"/data.example.org/{name}", *[Answer(Path(name).read_bytes())] * 3)
    ran = covcat("fetch", "set")
    assert (ran.code, SAID in ran.err, f"hint: {how}\n" in ran.err) == (6, True, True), ran.err


@pytest.mark.parametrize("begin", [b"{", b"[", b"  {", b"\n["])
def test_a_volume_whose_bytes_begin_like_json_is_a_volume(covcat, shelf, server, begin) -> None:
    shelf.add("set", ENTRY.replace("NAME", "t.tar.gz.ab").replace("KIND", "tar"))
    body = begin + bytes(range(256)) * 20
    server.serve("/data.example.org/t.tar.gz.ab", *[Answer(body)] * 3)
    ran = covcat("fetch", "set")
    assert (ran.code, SAID in ran.err) == (6, True), ran.err


@pytest.mark.parametrize("other", ["x.tar.0002", "X.tar.002", "other/x.tar.002"])
def test_two_files_that_are_one_volume_are_refused(covcat, other: str) -> None:
    with tarfile.open("whole.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        member = tarfile.TarInfo("f")
        member.size = 30_000
        tar.addfile(member, io.BytesIO(b"A" * member.size))
    whole = Path("whole.tar").read_bytes()
    for number in range(3):
        Path(f"x.tar.{number + 1:03}").write_bytes(whole[number * 16_384 :][:16_384])
    Path("other").mkdir()
    Path(other).write_bytes(b"B" * 16_384)
    given = ["x.tar.001", *([other] if "/" in other else [])]
    ran = covcat("extract", *given)
    assert (ran.code, "are one volume: expected one of them" in ran.err) == (2, True), ran.err
    assert not Path("x").exists()
    Path(other).unlink()
    assert covcat("extract", "x.tar.001").code == 0
    assert Path("x/f").read_bytes() == b"A" * 30_000


@pytest.mark.parametrize("made", [rar5_volumes, rar4_volumes])
def test_a_rar_is_read_from_its_first_volume_with_the_others_beside_it(covcat, made) -> None:
    first, second = made("a.png", os.urandom(4000))
    Path("t.part1.rar").write_bytes(first)
    Path("t.part2.rar").write_bytes(second)
    assert covcat("extract", "t.part2.rar", "out").code == 0
    assert covcat("extract", "t.part1.rar", "t.part2.rar", "again").code == 0
    shutil.rmtree("again")
    Path("t.part1.rar").rename("gone")
    ran = covcat("extract", "t.part2.rar", "again")
    assert (ran.code, "comes in several volumes: `t.part1.rar` is missing" in ran.err) == (
        6,
        True,
    ), ran.err
    Path("gone").rename("t.part1.rar")
    Path("t.part2.rar").unlink()
    ran = covcat("extract", "t.part1.rar", "again")
    assert (ran.code, "cause: `t.part2.rar` is missing" in ran.err) == (6, True), ran.err


def test_an_archive_in_one_piece_may_be_called_a_volume(covcat) -> None:
    Path("t.zip.001").write_bytes(zip_of(WHOLE))
    ran = covcat("extract", "t.zip.001", "out")
    assert (ran.code, Path("out/b.txt").read_bytes()) == (0, b"b")


def test_volumes_that_are_put_together_as_the_hint_says_are_read(covcat) -> None:
    cut("t.zip", zip_of(WHOLE), ".001", ".002")
    subprocess.run("cat t.zip.* > t.zip", shell=True, check=True)
    assert covcat("extract", "t.zip", "out").code == 0


def test_a_release_that_lists_volumes_as_files_takes_them_as_they_are(covcat, shelf) -> None:
    files = {"t.zip.001": zip_of(WHOLE)[:5000], "t.zip.002": zip_of(WHOLE)[5000:]}
    shelf.add_repository(files=files)
    Path("set.zip").write_bytes(git_zip(files))
    assert covcat("--offline", "import", "set", "set.zip").code == 0
    shutil.rmtree("covcat-data")
    for name, data in files.items():
        Path(name).write_bytes(data)
    assert covcat("--offline", "import", "set", *files).code == 0


def test_a_damaged_zip_is_no_volume(covcat) -> None:
    Path("t.zip").write_bytes(zip_of(WHOLE)[:-9])
    ran = covcat("extract", "t.zip", "out")
    assert ran.code == 6
    assert "is damaged" in ran.err
    assert SAID not in ran.err
