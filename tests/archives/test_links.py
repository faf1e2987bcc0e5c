"""Where links of an archive lead."""

import shlex
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from makers.rars import (
    FILE_COPY,
    HARD_LINK,
    JUNCTION,
    UNIX_LINK,
    WINDOWS_LINK,
    Entry,
    rar4_of,
    rar5_of,
    redirection5,
)

from covcat.archives.base import Member, Opening, UnsafeError
from covcat.archives.by_hand import unpacked
from covcat.archives.links import (
    HANDLINGS,
    MAX_STEPS,
    MAX_TARGET,
    Handling,
    KnownLinks,
    Link,
    follow,
)
from covcat.archives.rules import MAX_TARGETS, Budget, Layout, Rules
from covcat.errors import ExtractionError
from covcat.progress import Silent

INSIDE = [
    ({"a/l": Link("b")}, "a/b"),
    ({"a/l": Link("./b//c")}, "a/b/c"),
    ({"a/l": Link("..")}, ""),
    ({"a/l": Link("../b")}, "b"),
    ({"a/l": Link("b", is_hard=True)}, "b"),
    ({"a/l": Link("m"), "a/m": Link("../n"), "n": Link("end")}, "end"),
    ({"a/l": Link("../d/../x"), "d": Link("p/q")}, "p/x"),
    ({"a/l": Link("m"), "a/m": Link("x/y", is_hard=True)}, "x/y"),
    # A hard link to a symbolic one is that one in another folder: so GNU tar, bsdtar and Python.
    ({"a/l": Link("b/s", is_hard=True), "b/s": Link("f")}, "a/f"),
    ({"a/l": Link("./b//s", is_hard=True), "b/s": Link("../f")}, "f"),
    ({"a/l": Link("c", is_hard=True), "c": Link("b/s", is_hard=True), "b/s": Link("f")}, "a/f"),
    ({"a/l": Link("b/s/f", is_hard=True), "b/s": Link("d")}, "b/d/f"),
]

REFUSED = [
    ({"a/l": Link("/etc/passwd")}, "leads outside"),
    ({"a/l": Link("../../x")}, "leads outside"),
    ({"a/l": Link("../b/../../a/x")}, "leads outside"),
    ({"a/l": Link("../x", is_hard=True)}, "leads outside"),
    ({"a/l": Link("c:x")}, "leads outside"),
    ({"a/l": Link("..\\x")}, "leads outside"),
    ({"a/l": Link("m/x"), "a/m": Link("../..")}, "leads outside"),
    ({"a/l": Link("../d/../../x"), "d": Link("e")}, "leads outside"),
    ({"a/l": Link("")}, "without a sound target"),
    ({"a/l": Link("b\0c")}, "without a sound target"),
    ({"a/l": Link("l")}, "to itself"),
    ({"a/l": Link("m"), "a/m": Link("l")}, "to itself"),
    ({"a/l": Link("l/x")}, "to itself"),
    ({"a/l": Link("l", is_hard=True), "l": Link("a/l", is_hard=True)}, "to itself"),
    ({"a/l": Link("b/s", is_hard=True), "b/s": Link("../../b/f")}, "leads outside"),
    ({"a/l": Link("/".join("d" * 64))}, "deeper than 64"),
    ({"a/l": Link("d/../" * 70 + "f")}, "deeper than 64"),
]


@pytest.mark.parametrize(("links", "end"), INSIDE)
def test_a_link_is_followed_inside_as_a_kernel_does(links: dict[str, Link], end: str) -> None:
    assert follow("a/l", links) == end


@pytest.mark.parametrize(("links", "why"), REFUSED)
def test_a_link_out_or_without_an_end_is_refused(links: dict[str, Link], why: str) -> None:
    with pytest.raises(UnsafeError, match=why):
        follow("a/l", links)


@pytest.mark.parametrize(("more", "is_refused"), [(0, False), (1, True)])
def test_a_chain_has_a_limit(more: int, is_refused: bool) -> None:
    count = MAX_STEPS + more
    links = {f"l{at}": Link(f"l{at + 1}") for at in range(count)}
    if is_refused:
        with pytest.raises(UnsafeError, match="too many"):
            follow("l0", links)
    else:
        assert follow("l0", links) == f"l{count}"


def test_links_through_one_chain_take_no_longer_than_their_targets() -> None:
    far = "d/../" * 60
    chain = {f"c{at}": Link(f"{far}c{at + 1}") for at in range(MAX_STEPS - 1)}
    asked = CountedLinks(chain | {f"l{at}": Link("c0") for at in range(1000)})
    known: KnownLinks = {}
    assert {follow(f"l{at}", asked, known) for at in range(1000)} == {f"c{MAX_STEPS - 1}"}
    assert asked.count < 5000


class CountedLinks(dict[str, Link]):
    """Counts how often it is asked if a path is a link."""

    count = 0

    def __contains__(self, path: object) -> bool:
        self.count += 1
        return super().__contains__(path)


def _tar(path: Path, *entries: tuple[str, str | None, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, target, kind in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target or ""
            info.size = 0 if target else 1
            tar.addfile(info, None if target else BytesIO(b"x"))
    return path


FILE, SYM, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
SKIPPED = [
    [("d/f", None, FILE), ("d/l", "f", SYM)],
    [("d/l", "f", SYM), ("d/f", None, FILE)],
    [("d/f", None, FILE), ("l", "d/f", HARD)],
    [("d/f", None, FILE), ("l", "nowhere", SYM)],
]
ATTACKS = [
    ([("f", None, FILE), ("l", "/etc/passwd", SYM)], "leads outside"),
    ([("f", None, FILE), ("a/l", "../../x", SYM)], "leads outside"),
    ([("f", None, FILE), ("l", "../x", HARD)], "leads outside"),
    ([("d/f", None, FILE), ("l", "d", SYM), ("l/g", None, FILE)], "one path"),
    ([("a", None, FILE), ("a", "b", SYM)], "twice"),
    ([("a", "b", SYM), ("a", None, FILE)], "twice, once as a link"),
    ([("A", "b", SYM), ("a", None, FILE)], "one path"),
    ([("f", None, FILE), ("a", "c", SYM), ("c", "a", SYM)], "itself"),
]


@pytest.mark.parametrize("entries", SKIPPED)
def test_links_that_stay_inside_a_tar_are_left_out_and_named(
    entries: list[tuple[str, str | None, bytes]], tmp_path: Path
) -> None:
    archive, out = _tar(tmp_path / "a.tar", *entries), tmp_path / "out"
    work = (None, None, Silent(), Opening())
    _, done = unpacked([archive], out, Layout(links="skip"), *work)
    said = [(name, target, "skipped") for name, target, _ in entries if target]
    assert [(one.path, one.target, one.handled) for one in done.links] == said
    assert [one.path for one in done.files] == ["d/f"]
    assert [path for path in out.rglob("*") if not path.is_dir()] == [out / "d/f"]
    with pytest.raises(ExtractionError, match="it is a link"):
        unpacked([archive], tmp_path / "refused", Layout(), *work)


@pytest.mark.parametrize(("entries", "why"), ATTACKS)
def test_attacks_by_links_are_refused_whatever_is_said(
    entries: list[tuple[str, str | None, bytes]], why: str, tmp_path: Path
) -> None:
    archive = _tar(tmp_path / "a.tar", *entries)
    with pytest.raises(ExtractionError) as raised:
        unpacked([archive], tmp_path / "o", Layout(links="skip"), None, None, Silent(), Opening())
    assert why in f"{raised.value} {raised.value.cause}"
    assert [*tmp_path.iterdir()] == [archive]


LINK = stat.S_IFLNK | 0o777


def _at(name: str, kind: int, target: str) -> Entry:
    return Entry(name, extra=redirection5(kind, target), mode=LINK)


def _unpack(archive: Path, out: Path, layout: Layout, most: int | None = None) -> dict[str, str]:
    """Return what each file holds, after looking that all of them are plain files."""
    unpacked([archive], out, layout, most, None, Silent(), Opening())
    found = {}
    for path in out.rglob("*"):
        assert not path.is_symlink()
        if not path.is_dir():
            assert path.stat().st_nlink == 1
            found[str(path.relative_to(out))] = path.read_text()
    return found


COPIED = [
    ([("d/f", None, FILE), ("d/l", "f", SYM)], {"d/f": "x", "d/l": "x"}),
    (
        [("d/l", "../e", SYM), ("e", "f", SYM), ("f", None, FILE)],
        dict.fromkeys(["d/l", "e", "f"], "x"),
    ),
    ([("f", None, FILE), ("l", "f", HARD), ("m", "l", HARD)], dict.fromkeys("flm", "x")),
    ([("p/f", None, FILE), ("q", "p", SYM), ("l", "q/f", SYM)], None),
]


@pytest.mark.parametrize(("entries", "files"), COPIED)
def test_links_to_files_are_copied_and_one_to_a_folder_is_refused(
    entries: list[tuple[str, str | None, bytes]], files: dict[str, str] | None, tmp_path: Path
) -> None:
    archive = _tar(tmp_path / "a.tar", *entries)
    if files is None:
        with pytest.raises(ExtractionError, match="link to no file") as raised:
            _unpack(archive, tmp_path / "o", Layout(links="copy", command="covcat extract"))
        assert (raised.value.hint or "").endswith("--exclude q; or --links skip")
    else:
        assert _unpack(archive, tmp_path / "out", Layout(links="copy")) == files


@pytest.mark.parametrize("target", ["n/../f", "f/../f", "f/", "f/.", "m/../f"])
def test_a_copy_comes_through_no_folder_that_is_not_there(target: str, tmp_path: Path) -> None:
    """Nor does the link lead to a file where other programs make it."""
    entries = [("f", None, FILE), ("d/g", None, FILE), ("m", "f", SYM), ("l", target, SYM)]
    archive = _tar(tmp_path / "a.tar", *entries)
    with pytest.raises(ExtractionError) as raised:
        _unpack(archive, tmp_path / "out", Layout(links="copy"))
    assert "a folder that is not in it" in (raised.value.cause or "")
    assert _unpack(archive, tmp_path / "skipped", Layout(links="skip")) == {"f": "x", "d/g": "x"}
    there = _tar(tmp_path / "b.tar", *entries[:2], ("l", "d/../f", SYM))
    copied = _unpack(there, tmp_path / "copied", Layout(links="copy"))
    assert copied == dict.fromkeys(["f", "d/g", "l"], "x")


@pytest.mark.parametrize("end", ["nowhere", "g"])
def test_a_link_to_what_is_not_unpacked_is_not_copied(end: str, tmp_path: Path) -> None:
    archive = _tar(tmp_path / "a.tar", ("f", None, FILE), ("g", None, FILE), ("l", end, SYM))
    layout = Layout(links="copy", exclude=("g",))
    with pytest.raises(ExtractionError, match="link to no file"):
        _unpack(archive, tmp_path / "out", layout)
    assert [*tmp_path.iterdir()] == [archive]
    left = Layout(links="copy", exclude=("g", "l"))
    assert _unpack(archive, tmp_path / "out", left) == {"f": "x"}


def test_a_link_is_copied_though_only_it_is_wanted_of_the_two(tmp_path: Path) -> None:
    archive = _tar(tmp_path / "a.tar", ("f", None, FILE), ("g", None, FILE), ("l", "f", SYM))
    layout = Layout(links="copy", wants=lambda path: path == "l")
    assert _unpack(archive, tmp_path / "out", layout) == {"l": "x"}
    assert {one.name for one in tmp_path.iterdir()} == {"a.tar", "out"}


def test_a_link_that_is_left_out_by_its_name_need_not_be_safe(tmp_path: Path) -> None:
    archive = _tar(tmp_path / "a.tar", ("f", None, FILE), ("bad", "/etc/passwd", SYM))
    packed = _zip_with(tmp_path / "a.zip", {"bad": "../" * 9000, "worse": "/etc/passwd"})
    for links in HANDLINGS:
        layout = Layout(links=links, exclude=("bad", "worse"))
        assert _unpack(archive, tmp_path / f"tar-{links}", layout) == {"f": "x"}
        assert _unpack(packed, tmp_path / f"zip-{links}", layout) == {"d/f": "x"}


@pytest.mark.parametrize("links", HANDLINGS)
@pytest.mark.parametrize(
    ("name", "typed"),
    [("bad", "bad"), ("d/odd [1]'s", "'d/odd [[]1]'\"'\"'s'"), ("x" * 150 + "/" + "x" * 150, None)],
)
def test_a_link_that_leads_outside_is_refused_with_what_leaves_it_out(
    name: str, typed: str | None, links: Handling, tmp_path: Path
) -> None:
    archive = _tar(tmp_path / "a.tar", ("f", None, FILE), (name, "/etc/passwd", SYM))
    layout = Layout(links=links, command="covcat extract")
    with pytest.raises(ExtractionError, match="unsafe") as raised:
        _unpack(archive, tmp_path / "out", layout)
    said = f"to leave it out: covcat extract … --exclude {typed}" if typed else None
    assert raised.value.hint == said
    if typed:
        (glob,) = shlex.split(typed)
        assert _unpack(archive, tmp_path / "out", replace(layout, exclude=(glob,))) == {"f": "x"}


def test_what_leaves_out_a_link_is_that_of_the_link_that_leads_through_another(
    tmp_path: Path,
) -> None:
    archive = _zip_with(tmp_path / "a.zip", {"first": "second", "second": "../out"})
    with pytest.raises(ExtractionError, match="unsafe") as raised:
        _unpack(archive, tmp_path / "out", Layout(links="skip"))
    assert "`second`" in (raised.value.cause or "")
    assert raised.value.hint == "to leave it out: covcat fetch … --exclude first"


def test_a_link_through_one_that_is_left_out_and_unsafe_is_refused(tmp_path: Path) -> None:
    entries = [("f", None, FILE), ("bad", "../f", SYM), ("l", "bad", SYM)]
    archive = _tar(tmp_path / "a.tar", *entries)
    with pytest.raises(ExtractionError) as raised:
        _unpack(archive, tmp_path / "out", Layout(links="copy", exclude=("bad",)))
    assert "leads outside" in (raised.value.cause or "")


def test_what_links_say_together_has_a_limit(tmp_path: Path) -> None:
    count = MAX_TARGETS // MAX_TARGET + 1
    long = [(f"l{at}", "f" * MAX_TARGET, SYM) for at in range(count)]
    archive = _tar(tmp_path / "a.tar", ("f", None, FILE), *long)
    packed = _zip_with(tmp_path / "a.zip", {name: target for name, target, _ in long})
    for one in (archive, packed):
        with pytest.raises(ExtractionError, match="letters together"):
            _unpack(one, tmp_path / "out", Layout(links="skip"))
    assert {*tmp_path.iterdir()} == {archive, packed}


def test_a_target_too_long_for_any_system_is_not_kept(tmp_path: Path) -> None:
    long = [(f"l{at}", "f" * 60_000, SYM) for at in range(9)]
    rules = Rules("a.tar", Layout(links="skip"), Budget(1 << 20))
    for number, (name, target, _) in enumerate(long):
        rules.admit(Member(number, name, "link", 0, target=target))
    assert [link.target for link in rules.links.values()] == [""] * 9
    with pytest.raises(UnsafeError, match="without a sound target"):
        follow("l0", rules.links)


def test_files_that_only_links_lead_to_may_be_called_alike_in_an_archive_inside(
    tmp_path: Path,
) -> None:
    inside = _zip_with(tmp_path / "x.zip", {"l": "d/f"}).read_bytes()
    archive = _zip_with(tmp_path / "a.zip", {"l": "x/d/f"}, {"x/d/f": b"outer", "x.zip": inside})
    layout = Layout(links="copy", nested=("x.zip",), wants=lambda path: path in ("l", "x/l"))
    assert _unpack(archive, tmp_path / "out", layout) == {"l": "outer", "x/l": "x"}


def test_copies_count_as_bytes_that_are_written(tmp_path: Path) -> None:
    links = [(f"l{at}", "f", SYM) for at in range(1000)]
    archive = _tar(tmp_path / "a.tar", ("f", None, FILE), *links)
    with pytest.raises(ExtractionError, match="expected at most 900"):
        _unpack(archive, tmp_path / "out", Layout(links="copy"), most=900)
    assert [*tmp_path.iterdir()] == [archive]


def _zip_with(path: Path, links: dict[str, str], files: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files or {"d/f": b"x"}).items():
            archive.writestr(name, data)
        for name, target in links.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return path


@pytest.mark.parametrize(
    ("links", "why"),
    [
        ({"d/l": "/etc/passwd"}, "leads outside"),
        ({"d/l": "../../f"}, "leads outside"),
        ({"d/l": "l"}, "to itself"),
        ({"d/l": "f\nf"}, "without a sound target"),
        ({"d/l": "f" * 5000}, "without a sound target"),
        ({"d/l": "f" * 20000}, "without a sound target"),
        ({"l": "d", "l/g": "f"}, "one path"),
    ],
)
def test_what_links_of_a_zip_say_is_judged_as_in_a_tar(
    links: dict[str, str], why: str, tmp_path: Path
) -> None:
    archive = _zip_with(tmp_path / "a.zip", links)
    with pytest.raises(ExtractionError) as raised:
        _unpack(archive, tmp_path / "out", Layout(links="copy"))
    assert why in f"{raised.value} {raised.value.cause}"
    assert [*tmp_path.iterdir()] == [archive]


def _by_zip(archive: Path, folder: Path) -> list[str]:
    return ["zip", "-q", "-r", "-y", str(archive), "."]


def _by_tar(archive: Path, folder: Path) -> list[str]:
    return ["tar", "-cf", str(archive), "."]


def _by_bsdtar(archive: Path, folder: Path) -> list[str]:
    return ["bsdtar", "--format", "pax", "-cf", str(archive), "."]


def _by_7zip(archive: Path, folder: Path) -> list[str]:
    return ["7zz", "a", "-snl", str(archive), "."]


@pytest.mark.parametrize(
    ("make", "name"),
    [(_by_zip, "a.zip"), (_by_tar, "a.tar"), (_by_bsdtar, "a.tar"), (_by_7zip, "a.7z")],
    ids=["zip", "tar", "bsdtar", "7zz"],
)
def test_links_that_real_programs_pack_are_left_out_or_copied(
    make: Callable[[Path, Path], list[str]], name: str, tmp_path: Path
) -> None:
    folder, archive = tmp_path / "made", tmp_path / name
    (folder / "d").mkdir(parents=True)
    (folder / "d/f").write_text("x")
    (folder / "l").symlink_to("d/f")
    (folder / "d/m").symlink_to("../l")
    command = make(archive, folder)
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert _unpack(archive, tmp_path / "skipped", Layout(links="skip")) == {"d/f": "x"}
    copied = _unpack(archive, tmp_path / "copied", Layout(links="copy"))
    assert copied == dict.fromkeys(["d/f", "d/m", "l"], "x")


RAR_LINKED = [Entry("d/f", b"x"), Entry("f", b"top"), _at("d/s", UNIX_LINK, "f")]
ALL_SAME = {"d/f": "x", "d/s": "x"}
ODD_RARS = [
    (rar4_of, [Entry("d/f", b"x"), Entry("d/l", b"f", mode=LINK)], {"d/f": "x", "d/l": "x"}),
    (rar4_of, [Entry("d/f", b"x"), Entry("d/l", b"/f", mode=LINK)], "leads outside"),
    (rar4_of, [Entry("d/f", b"x"), Entry("d/l", b"f", mode=LINK, crc=1)], "wrong checksum"),
    (rar5_of, [Entry("d/f", b"x"), _at("d/l", UNIX_LINK, "f")], {"d/f": "x", "d/l": "x"}),
    (rar5_of, [Entry("d/f", b"x"), _at("l", HARD_LINK, "d/f")], {"d/f": "x", "l": "x"}),
    (rar5_of, [Entry("d/f", b"x"), _at("l", FILE_COPY, "d/f")], {"d/f": "x", "l": "x"}),
    (rar5_of, [*RAR_LINKED, _at("l", HARD_LINK, "d/s")], ALL_SAME | {"f": "top", "l": "top"}),
    (rar5_of, [*RAR_LINKED, _at("d/l", HARD_LINK, "d/s")], ALL_SAME | {"f": "top", "d/l": "x"}),
    # A copy of a symbolic link is an empty file to 7-Zip, and to unrar what that link leads to.
    (rar5_of, [*RAR_LINKED, _at("l", FILE_COPY, "d/s")], "a copy of a link"),
    (rar5_of, [*RAR_LINKED, _at("d/l", FILE_COPY, "d/s")], "a copy of a link"),
    (
        rar5_of,
        [Entry("d/f", b"x"), _at("h", HARD_LINK, "d/f"), _at("d/l", FILE_COPY, "h")],
        {"d/f": "x", "h": "x", "d/l": "x"},
    ),
    (rar5_of, [Entry("d/f", b"x"), _at("d/l", WINDOWS_LINK, "f")], "without a sound target"),
    (rar5_of, [Entry("d/f", b"x"), _at("d/l", JUNCTION, "f")], "without a sound target"),
    (rar5_of, [Entry("d/f", b"x"), _at("d/l", UNIX_LINK, "../../f")], "leads outside"),
]


@pytest.mark.parametrize(("make", "entries", "expected"), ODD_RARS)
def test_links_of_rar_are_copied_where_both_versions_say_where_they_lead(
    make: Callable[[list[Entry]], bytes],
    entries: list[Entry],
    expected: dict[str, str] | str,
    tmp_path: Path,
) -> None:
    archive = tmp_path / "a.rar"
    archive.write_bytes(make(entries))
    if isinstance(expected, str):
        with pytest.raises(ExtractionError) as raised:
            _unpack(archive, tmp_path / "out", Layout(links="copy"))
        assert expected in f"{raised.value} {raised.value.cause}"
    else:
        assert _unpack(archive, tmp_path / "out", Layout(links="copy")) == expected


def test_damage_of_a_zip_with_links_never_gives_other_files(tmp_path: Path) -> None:
    archive = _zip_with(tmp_path / "a.zip", {"d/l": "f"})
    data, whole = archive.read_bytes(), {"d/f": "x", "d/l": "x"}
    for at in range(len(data)):
        archive.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        out = tmp_path / f"o{at}"
        try:
            assert _unpack(archive, out, Layout(links="copy")) == whole, at
        except ExtractionError:
            assert not out.exists()
