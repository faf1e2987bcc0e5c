"""Signals that ask covcat to stop: each is raised where the program is, and none is lost.

What is raised in a callback of C, as SQLite's handlers and the import system's are, C drops:
who has let it call asks `raise_again`, and what Python knows to be dropped comes again by itself.
"""

import signal
import sys
import time
from typing import TYPE_CHECKING

from covcat.errors import StopSignal

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN = 2.0  # seconds in which another signal means the same as the first
_SOON = 0.02  # seconds after which one that was dropped comes again: the callback is over by then


class _LastSignal:
    """The last signal of this run."""

    number: int | None = None
    at = -_AGAIN


def listen() -> None:
    """Let all three unwind alike; one more at once must not break off the tidying up."""
    _LastSignal.number, _LastSignal.at = None, -_AGAIN
    sys.unraisablehook = _dropped
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _stop)


def asked() -> int | None:
    """Return the number of the signal that asked this run to stop."""
    return _LastSignal.number


def raise_again() -> None:
    """Raise the KeyboardInterrupt or StopSignal that a callback of C may have dropped."""
    if _LastSignal.number is not None:
        _raise(_LastSignal.number)


def _stop(number: int, frame: object) -> None:
    del frame
    before, _LastSignal.at, _LastSignal.number = _LastSignal.at, time.monotonic(), number
    if _LastSignal.at - before > _AGAIN:
        _raise(number)


def _raise(number: int) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else StopSignal(number)


def _dropped(what: "UnraisableHookArgs") -> None:
    """Hear of what nobody can catch; Python would print it, and go on as if nothing had been."""
    number = _LastSignal.number
    if number is None or not isinstance(what.exc_value, KeyboardInterrupt | StopSignal):
        sys.__unraisablehook__(what)
        return
    from threading import Timer, main_thread

    _LastSignal.at = -_AGAIN
    if hasattr(signal, "pthread_kill"):  # to the main thread, whatever that waits for
        again = Timer(_SOON, signal.pthread_kill, [main_thread().ident or 0, number])
    else:  # Windows
        again = Timer(_SOON, signal.raise_signal, [number])
    again.daemon = True
    again.start()
