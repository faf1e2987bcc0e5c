"""Run an unpacking tool in a sandbox and read what it prints; it never writes a file.

The tool gets a private folder with links to its archive and nothing else: on stdin at most a
password, no names from the archive, an environment of four variables, and limits on memory, time
and files.
"""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from covcat.archives.base import CHUNK, BadArchiveError, Source, UnsafeError
from covcat.files import IS_WINDOWS

SILENCE = 25.0  # seconds without a byte after which a tool is stopped
MEMORY = 400 << 10  # KiB of addresses: a 256 MB dictionary fits, and covcat beside it in 512 MB
_KEPT = 4096  # bytes of stderr kept for the message
_FASTEST_LIMIT = 120  # seconds of processor time that every run may have, and one more per MB
_FILES = 256
_MAX_LINKS = 40  # on the way to a program, as Linux has it
_OWN = frozenset(Path(__file__).resolve().parents)  # who can swap these can swap covcat
_PIECE = 1 << 17  # bytes read at once: larger buffers are fresh pages from the kernel each time

State = tuple[int, ...]  # of a file: which one it is, its size, when it was changed

# `exec` in a shell sets limits in the child alone; `preexec_fn` may deadlock beside threads. The
# limits that not every system has, or that are stricter already, may fail: files must not.
_LIMITED = (
    "ulimit -f 0 && ulimit -c 0 && ulimit -n {files} || exit 126; "
    "ulimit -v {memory} 2>/dev/null; ulimit -t {seconds} 2>/dev/null; "
    'exec "$0" "$@"'
)


def find_programs(*names: str) -> Iterator[Path]:
    """Yield the programs of these names on PATH that nobody else can have planted.

    Empty and relative entries, the working folder, and what all may write to are passed over.
    """
    entries = map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep))
    folders = [folder.resolve() for folder in entries if folder.is_absolute()]
    here = None
    with suppress(FileNotFoundError):  # the working folder was removed
        here = Path.cwd()
    for name in names:
        for folder in dict.fromkeys(folders):  # `/bin` may be `/usr/bin`
            if folder != here and is_trusted(folder / name):
                yield folder / name


def is_trusted(program: Path) -> bool:
    """True for an executable file that nobody can swap but root, us, and who installed covcat.

    Writable by a group is no reason to refuse: many systems give each user a group of their own,
    and /usr/local to one of administrators.
    """
    if IS_WINDOWS:  # has none of what holds a program here: limits, links, groups of processes
        return False
    owners = _owners()
    try:
        for step in _steps(program):
            found = step.lstat()
            # In a folder such as /tmp all may write, but not replace what belongs to others.
            is_sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
            is_link = stat.S_ISLNK(found.st_mode)
            is_open = found.st_mode & stat.S_IWOTH and not is_link and not is_sticky
            if step not in _OWN and (is_open or found.st_uid not in owners):
                return False
    except OSError:
        return False
    return program.is_file() and os.access(program, os.X_OK)


def _owners() -> frozenset[int]:
    """Return whose programs may be run: those who own covcat's code or Python run theirs already.

    On clusters and in shared environments this is neither root nor the user.
    """
    files = (path for path in (__file__, os.__file__) if Path(path).exists())
    return frozenset({0, os.geteuid(), *(Path(path).stat().st_uid for path in files)})


def _steps(path: Path) -> Iterator[Path]:
    """Yield each folder, link and file on the way to a file, following the links."""
    at, left, links = Path(path.anchor), [*reversed(path.parts[1:])], 0
    yield at
    while left:
        name = left.pop()
        if name == "..":
            at = at.parent
            continue
        yield (step := at / name)
        if not step.is_symlink():
            at = step
            continue
        if (links := links + 1) > _MAX_LINKS:
            raise OSError(f"{path} has too many links")
        target = step.readlink()
        at = Path(target.anchor) if target.is_absolute() else at
        left += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def state_of(file: Path | int) -> State:
    """Return what tells a file, by its path or its number, from another or from a later one."""
    found = os.fstat(file) if isinstance(file, int) else file.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def states_of(source: Source) -> dict[Path, State]:
    """Return the state of an archive's file, or of each of its volumes."""
    if source.volumes:
        return {volume: state_of(volume) for volume in source.volumes}
    return {source.path: state_of(source.stream.fileno())}


@contextmanager
def check_unchanged(states: Mapping[Path, State]) -> Iterator[None]:
    """Check, before and after the block, that files are still those that were listed."""

    def check() -> None:
        if any(state_of(path) != state for path, state in states.items()):
            raise BadArchiveError("was changed while it was read")

    check()
    yield
    check()


@contextmanager
def run_tool(
    command: Sequence[str | Path],
    inputs: Mapping[str, Path],
    size: int,
    silence: float = 0,
    password: str | None = None,
) -> Iterator["Output"]:
    """Run a tool that unpacks `size` bytes to its stdout; it is stopped when the block is left.

    `inputs` are the files it sees in its working folder, by name; `silence` overrides SILENCE.
    A password is on its stdin: among its arguments everybody could see it.
    """
    program, *arguments = (os.fspath(part) for part in command)
    assert Path(program).is_absolute()
    seconds = _FASTEST_LIMIT + size // 1_000_000
    limits = _LIMITED.format(files=_FILES + len(inputs), memory=MEMORY, seconds=seconds)
    with tempfile.TemporaryDirectory(prefix="covcat-", ignore_cleanup_errors=True) as folder:
        for name, path in inputs.items():
            (Path(folder) / name).symlink_to(path.absolute())
        with _start(
            [limits, program, *arguments], folder, takes_words=password is not None
        ) as process:  # at its end the pipes are closed
            try:
                if process.stdin is not None:
                    with suppress(BrokenPipeError), process.stdin:
                        process.stdin.write(f"{password}\n".encode())
                yield Output(process, Path(program).name, size, silence or SILENCE)
            finally:  # it must not outlive us, nor may what it started
                if process.returncode is None:  # not reaped, so its number is still its own
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _start(words: Sequence[str], folder: str, *, takes_words: bool) -> subprocess.Popen[bytes]:
    """Start a program under its limits, in a folder that is all it is told of."""
    try:
        return subprocess.Popen(  # noqa: S603  # a fixed list; no shell sees any of it as code
            ["/bin/sh", "-c", *words],
            stdin=subprocess.PIPE if takes_words else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=folder,
            env={
                "LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",
                "PATH": "/usr/bin:/bin",
                "HOME": folder,
                "TMPDIR": folder,
            },
            start_new_session=True,
            pipesize=CHUNK if sys.platform == "linux" else -1,
        )
    except OSError as error:
        what = f"cannot be unpacked: `{words[1]}` does not start ({error})"
        raise BadArchiveError(what) from None


class Output:
    """What a running tool prints: stdout as it is asked for, of stderr the end."""

    def __init__(
        self, process: subprocess.Popen[bytes], name: str, size: int, silence: float
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._out, self._err = process, process.stdout, process.stderr
        self._name, self._left, self._silence = name, size, silence
        self._words = b""
        self._selector = DefaultSelector()
        self._selector.register(self._out, EVENT_READ)
        self._selector.register(self._err, EVENT_READ)

    def read(self, count: int) -> bytes:
        """Return up to `count` of the declared bytes, b"" after them."""
        count = min(count, self._left)
        data = self._next(count) if count else b""
        self._left -= len(data)
        if count and not data:
            self._wait()
            raise self._error("stops too early")
        return data

    def end(self) -> None:
        """Check, when all was read, that nothing more comes and that the tool is content."""
        if self._next(1):
            raise UnsafeError("unpacks to more than it declares")
        if self._wait():
            raise self._error("fails")

    def _next(self, count: int) -> bytes:
        until = time.monotonic() + self._silence
        while True:
            ready = {key.fileobj for key, _ in self._selector.select(until - time.monotonic())}
            if self._out in ready:
                return os.read(self._out.fileno(), min(count, _PIECE))
            if self._err in ready:
                self._hear()
            if time.monotonic() >= until:
                raise self._error("prints nothing more")

    def _wait(self) -> int:
        """Return the exit code of a tool that has closed its stdout."""
        self._selector.unregister(self._out)
        until = time.monotonic() + self._silence
        while self._selector.get_map() and (left := until - time.monotonic()) > 0:
            if self._selector.select(left):
                self._hear()
        try:
            return self._process.wait(max(until - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            raise self._error("does not end") from None

    def _hear(self) -> None:
        words = os.read(self._err.fileno(), 1 << 16)
        if not words:
            self._selector.unregister(self._err)
        self._words = (self._words + words)[-_KEPT:]

    def _error(self, what: str) -> BadArchiveError:
        """Return the error with the tool's last words: its stderr may hold untrusted names."""
        lines = self._words.decode("utf-8", "replace").splitlines()
        printable = ("".join(filter(str.isprintable, line)).strip() for line in reversed(lines))
        last = next(filter(None, printable), "")[:200]
        return BadArchiveError(
            f"cannot be unpacked: `{self._name}` {what}" + f" ({last})" * bool(last)
        )
