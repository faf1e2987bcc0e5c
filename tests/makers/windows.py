"""Run covcat as on Windows, on a POSIX system: `python windows.py ARGUMENTS`, or `-c CODE`.

covcat's own modules see what Windows has of `os`, `sys`, `signal` and `ctypes`, and none of the
modules that it lacks; other libraries, which have been tried on Windows by their makers, see what
is really here. For all of them open files cannot be moved or deleted, nor can a folder that one
lies in; folders cannot be opened; and the bits of a mode say nothing.
"""

import builtins
import errno
import fcntl
import os
import shutil
import signal
import struct
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from sys import _getframe  # `sys` itself is one of the modules
from typing import Any

MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "crypt", "syslog"}
_OS = """
O_NOFOLLOW O_NONBLOCK O_DIRECTORY O_CLOEXEC O_SYNC O_DSYNC O_TMPFILE O_PATH O_NOCTTY geteuid getuid
getegid getgid getgroups getpgid getsid getlogin_r setsid setuid setgid uname pread pwrite preadv
pwritev fchmod fchown fchdir chown lchown mkfifo mknod statvfs fstatvfs sync fdatasync killpg fork
forkpty openpty wait3 wait4 posix_fallocate posix_fadvise posix_spawn sendfile copy_file_range
sched_getaffinity sched_yield getloadavg nice ctermid ttyname WIFSIGNALED WTERMSIG initgroups
getxattr setxattr splice memfd_create major minor sysconf confstr pathconf
"""
_SIGNAL = """
SIGHUP SIGKILL SIGPIPE SIGQUIT SIGALRM SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH
pthread_kill pthread_sigmask alarm setitimer sigwait sigpending siginterrupt
"""
LACKING = {"os": set(_OS.split()), "signal": set(_SIGNAL.split()), "_signal": set(_SIGNAL.split())}
BINARY = 1 << 30  # O_BINARY, which Linux passes over
SAID: dict[str, dict[str, Any]] = {
    "sys": {"platform": "win32"},
    "os": {
        "name": "nt",
        "O_BINARY": BINARY,
        "supports_dir_fd": set(),
        "supports_fd": set(),
    },
}


def is_covcats(depth: int = 2) -> bool:
    """Tell if a line of covcat's own asks."""
    with suppress(ValueError):  # the interpreter itself asks, at its end
        return str(_getframe(depth).f_globals.get("__name__")).startswith("covcat")
    return False


class OnWindows(types.ModuleType):
    """A module that shows covcat what Windows has of it."""

    def __getattribute__(self, name: str) -> Any:
        own = super().__getattribute__("__name__")
        if is_covcats():
            if name in SAID.get(own, {}):
                return SAID[own][name]
            if name in LACKING.get(own, ()):
                raise AttributeError(f"module '{own}' has no attribute '{name}'")
        return super().__getattribute__(name)


def denied(path: object) -> PermissionError:
    return PermissionError(errno.EACCES, "used by another process", os.fspath(path))  # type: ignore[call-overload]


def is_open(path: str | os.PathLike[str]) -> bool:
    """Tell if this process has a file open there, or below."""
    top = os.path.join(
        os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path)
    )
    for handle in os.listdir("/proc/self/fd"):
        try:
            there = os.readlink(f"/proc/self/fd/{handle}")
        except OSError:
            continue
        if there == top or there.startswith(f"{top}/"):
            return True
    return False


def moving(real: Callable[..., Any], *, replaces: bool = False) -> Callable[..., Any]:
    def move(source: Any, target: Any, **more: Any) -> Any:
        if is_open(source) or is_open(target):
            raise denied(source)
        if not replaces and os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "it is there already", source, None, target)
        return real(source, target, **more)

    return move


def deleting(real: Callable[..., Any]) -> Callable[..., Any]:
    def delete(path: Any, **more: Any) -> Any:
        if is_open(path):
            raise denied(path)
        return real(path, **more)

    return delete


def opening(real: Callable[..., int]) -> Callable[..., int]:
    def open_(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        assert not more.get("dir_fd"), "Windows opens nothing in an open folder"
        if os.path.isdir(path):
            raise denied(path)
        if is_covcats() and not flags & BINARY:
            raise AssertionError(f"{path}: Windows would turn its \\n into \\r\\n")
        return real(path, flags & ~BINARY, *rest, **more)

    return open_


def looking(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    """Every file may be written to, and is of user 0."""

    def look(*args: Any, **more: Any) -> os.stat_result:
        _, (values, extra) = real(*args, **more).__reduce__()  # type: ignore[misc]
        mode = values[0] | (0o777 if values[0] & 0o040000 else 0o666)
        return os.stat_result((mode, *values[1:4], 0, 0, *values[6:]), extra)

    return look


def locking(handle: int, mode: int, size: int) -> None:
    """Lock the bytes from where the file stands, for this open file alone."""
    assert mode == MSVCRT.LK_NBLCK
    place = os.lseek(handle, 0, os.SEEK_CUR)
    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, place, size, 0)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, asked)
    except BlockingIOError as error:
        raise denied("a locked byte") from error


MSVCRT = types.SimpleNamespace(LK_NBLCK=2, locking=locking)


def importing(real: Callable[..., Any]) -> Callable[..., Any]:
    def import_(name: str, *args: Any, **more: Any) -> Any:
        if is_covcats():
            if name in MODULES:
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)
            if name == "msvcrt":
                return MSVCRT
        return real(name, *args, **more)

    return import_


def pretend() -> None:
    """From now on this process is on Windows, as covcat sees it."""
    import ctypes

    def library(name: str | None, *args: Any, **more: Any) -> Any:
        if name is None:
            raise TypeError("argument of type 'NoneType' is not iterable")
        return real_library(name, *args, **more)

    real_library = ctypes.CDLL
    ctypes.CDLL = library  # type: ignore[misc,assignment]
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    os.rename, os.replace = moving(os.rename), moving(os.replace, replaces=True)
    os.unlink, os.rmdir = deleting(os.unlink), deleting(os.rmdir)
    os.remove, os.open = os.unlink, opening(os.open)
    os.stat, os.lstat, os.fstat = looking(os.stat), looking(os.lstat), looking(os.fstat)
    builtins.__import__ = importing(builtins.__import__)
    for module in (os, sys, signal, sys.modules["_signal"]):
        module.__class__ = OnWindows


def main() -> None:
    pretend()
    if sys.argv[1:2] == ["-c"]:
        exec(compile(sys.argv[2], "covcat", "exec"), {"__name__": "covcat of a test"})
        return
    from covcat.__main__ import main as run

    run()


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))  # `makers` has modules called as the library's
    main()
