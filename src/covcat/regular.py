"""Regular files alone are read: a pipe would block whoever opens it, a device may never end."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path


class NoFileError(OSError):
    """A pipe, a device or the like lies where a regular file should be: no record is in it."""

    def __str__(self) -> str:
        """Say it as the cause of an error."""
        return str(self.strerror)


def opened(path: Path, *, follow: bool = True) -> BufferedReader:
    """Open a regular file to be read: a pipe would block, a device may never end.

    Raises:
        NoFileError: something else lies there.
    """
    links = 0 if follow else getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | links)
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.EOPNOTSUPP):  # nobody opens a socket
            raise
        raise _no_file(path.stat(), path) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise _no_file(status, path)
    return os.fdopen(handle, "rb")


def _no_file(status: os.stat_result, path: Path) -> NoFileError:
    return NoFileError(errno.EINVAL, f"expected a regular file, got {what_is(status)}", str(path))


def what_is(status: os.stat_result) -> str:
    """Say what lies where a regular file should be."""
    kinds = [(stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"), (stat.S_ISFIFO, "a pipe")]
    return next((word for test, word in kinds if test(status.st_mode)), "a device or socket")
