"""stdout and stderr: where one of them takes no more, the work goes on, and the end tells.

A reader that has seen enough, as in `covcat list | head -1`, is no error; a full disk is.
"""

import json
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from covcat.errors import DiskError

_PLAIN = str.maketrans({"→": ">", "…": "...", "–": "-", "—": "-", "’": "'"})
RED, _YELLOW, CYAN = 31, 33, 36
_COLORS = {"error": RED, "cause": RED, "warning": _YELLOW, "hint": CYAN, "note": CYAN}
_lost: dict[str, OSError] = {}  # by the name of a stream: why it takes no more
_asked = {"color": "auto", "progress": "auto"}


def begin() -> None:
    """Take both as they are now; `>&-` leaves None."""
    _lost.clear()
    _asked.update(color="auto", progress="auto")
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


def progress_as(asked: str) -> None:
    """Take what --progress says: with json, stderr is events alone."""
    _asked["progress"] = asked


def has_events() -> bool:
    """Tell if what is said on stderr is for programs: one JSON object a line."""
    return _asked["progress"] == "json"


def put_event(event: str, **about: object) -> None:
    """Write one event."""
    put(sys.stderr, json.dumps({"event": event, **about}, ensure_ascii=True) + "\n")


def color_when(asked: str) -> None:
    """Take what --color says: auto, always or never."""
    _asked["color"] = asked


def has_color(stream: TextIO) -> bool:
    """Decide colour for a stream: --color, NO_COLOR, FORCE_COLOR, TERM, then the terminal."""
    if _asked["color"] != "auto":
        return _asked["color"] == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def bold(text: str, color: int | None = None) -> str:
    """Return a text that stands out on a terminal."""
    return f"\x1b[1{'' if color is None else f';{color}'}m{text}\x1b[0m"


def dim(text: str) -> str:
    """Return a text that stands back on a terminal."""
    return f"\x1b[2m{text}\x1b[0m"


def labelled(line: str, stream: TextIO) -> str:
    """Return a line of talk whose `error:`, `hint:` or the like stands out."""
    word, colon, rest = line.partition(":")
    if not colon or word not in _COLORS or not has_color(stream):
        return line
    return bold(word + colon, _COLORS[word]) + rest


def put_in_pager(text: str) -> None:
    """Put a text that is longer than the screen into a pager, where a person reads it."""
    import shutil

    command = shlex.split(os.environ.get("PAGER", "less"), posix=os.name == "posix")
    both = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    is_long = text.count("\n") >= shutil.get_terminal_size().lines
    if not (both and is_long and command) or os.environ.get("TERM") == "dumb":
        put(sys.stdout, text)
        return
    import signal
    import subprocess

    tell = {"LESS": "-FRX", "LESSCHARSET": "utf-8"} | dict(os.environ)
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=tell)  # noqa: S603 -- PAGER
    except OSError:  # there is none of that name
        put(sys.stdout, text)
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the pager's, to end a search
    try:
        pager.communicate(
            text.encode(sys.stdout.encoding, "backslashreplace")
        )  # who quits it reads no more
    finally:
        signal.signal(signal.SIGINT, before)


def open_page(path: Path, *, wanted: bool) -> None:
    """Show a page in the browser where a person looks: on a terminal."""
    if wanted and sys.stdout.isatty():
        import webbrowser

        webbrowser.open(path.absolute().as_uri())


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
