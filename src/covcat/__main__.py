"""`covcat` and `python -m covcat`: before and after the work a signal just ends it.

To import it all takes a while. Nothing is on the disk then, and nothing is to be tidied up.
"""

import _signal as signal  # `signal` itself takes 10 ms, in which Ctrl-C would print a traceback
import gc


def main() -> None:
    """Run covcat on the process's arguments, and exit with its code."""
    _end_at_once()
    gc.set_threshold(100_000, 50, 50)  # else lists of 100,000 are walked again and again
    from covcat.cli.main import main as run

    try:
        run()
    finally:
        _end_at_once()
        gc.freeze()  # else Python walks all that is left once more before it ends: 50 ms and more


def _end_at_once() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Python itself would print a traceback of Ctrl-C
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
