"""The loop that waits and asks again: what may pass is tried after a while, all else is final.

`download.http` repeats a request at once where a login is asked for, and does not wait.
"""

from collections.abc import Callable
from typing import TypeVar

from covcat.download.http import Web
from covcat.download.pace import pause_after
from covcat.download.remote import Network
from covcat.errors import BrokenError, TransientError
from covcat.progress import Progress

_PROGRESS = 1 << 20  # bytes that renew the retries
_T = TypeVar("_T")


def retry(
    ask: Callable[[], _T],
    web: Web,
    network: Network,
    progress: Progress,
    *,
    kept: Callable[[], int] = lambda: 0,
    prepare: Callable[[], object] = lambda: None,
) -> _T:
    """Return what `ask` does, tried as often and after such pauses as `network` says.

    `kept` says how many bytes the next try goes on after; `prepare` is called before each further
    try, and its errors are final. So is the last TransientError, or one with too long a wait.
    """
    failures = before = 0
    while True:
        try:
            return ask()
        except BrokenError:  # another way is to be tried
            raise
        except TransientError as error:
            here = kept()
            failures = 1 if here - before >= _PROGRESS else failures + 1
            before = here
            if failures > network.retries or (error.after or 0) > network.patience:
                raise
            pause = pause_after(error, failures, network.pause)
            again = "once more" if network.retries == 1 else "again"
            after = f" after {here:,} bytes" if here else ""
            count = f" ({failures} of {network.retries})" if network.retries > 1 else ""
            progress.note(f"{error.message}; trying {again}{after} in {pause:.1f} s{count}")
        web.wait(pause)
        prepare()
