"""stdout and stderr: where one of them takes no more, the work goes on, and the end tells.

A reader that has seen enough, as in `covcat list | head -1`, is no error; a full disk is.
"""

import os
import sys
from contextlib import suppress
from typing import TextIO

from covcat.errors import DiskError

_PLAIN = str.maketrans({"→": ">", "…": "...", "–": "-", "—": "-", "’": "'"})
_lost: dict[str, OSError] = {}  # by the name of a stream: why it takes no more


def begin() -> None:
    """Take both as they are now; `>&-` leaves None."""
    _lost.clear()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115


def put(stream: TextIO, text: str | bytes) -> bool:
    """Write text that is already safe to show, or bytes as they are; tell if the stream took it.

    What the stream cannot encode is spelt out.
    """
    if not takes_more(stream):
        return False
    try:
        if isinstance(text, bytes):
            stream.flush()
            stream.buffer.write(text)
        else:
            encoding = stream.encoding or "ascii"
            try:
                text.encode(encoding)
            except UnicodeEncodeError:
                text = text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
            stream.write(text)
        stream.flush()
    except OSError as error:
        _lose(stream, error)
    return takes_more(stream)


def takes_more(stream: TextIO) -> bool:
    """Tell if what is written to a stream still arrives."""
    return _name(stream) not in _lost


def _name(stream: TextIO) -> str:
    return "stdout" if stream is sys.stdout else "stderr"


def _lose(stream: TextIO, error: OSError) -> None:
    """Let the rest go nowhere: what is still in a buffer would fail again when Python ends."""
    _lost[_name(stream)] = error.with_traceback(None)  # which would hold all that works for it
    with suppress(OSError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


def end() -> DiskError | None:
    """Write out what is left; return what a disk refused of all that was printed, if any."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            _lose(stream, error)
    for name, what in (("stdout", "the result"), ("stderr", "to stderr")):
        why = _lost.get(name)
        if why is not None and not isinstance(why, BrokenPipeError):
            from covcat.files import disk_error

            found = disk_error(why, f"write {what}")
            found.hint = "make room there, or send it elsewhere"
            return found
    return None
