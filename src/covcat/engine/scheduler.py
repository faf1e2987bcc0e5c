"""A Dask scheduler: found, its workers looked at, and found again after it was away."""

import atexit
import logging
import os
import time
import warnings
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from covcat.beside import build_beside
from covcat.engine.served import Differs, Seen, difference, number_of, versions
from covcat.errors import CovcatError, DiskError, NetworkError, UsageError
from covcat.files import disk_errors
from covcat.progress import Progress
from covcat.text import plural

_WAITS = 4  # times Dask's own patience
_OFTEN = 0.25  # seconds between two looks


class Scheduler:
    """A scheduler that answers, and the file by which its workers show what they see."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.threads = address, 0
        self.client = _client(address)
        held = ExitStack()
        atexit.register(held.close)  # before Dask's own, which would wait
        held.callback(lambda: self.client.close(timeout=1))
        with disk_errors(f"show `{folder}` to the workers"):
            self.private = held.enter_context(build_beside(folder / "shown", None))
            file, words = self.private / "shown", os.urandom(16).hex()
            file.write_text(words, encoding="utf-8")
        self._seen = Seen(str(folder), str(file), words, versions())

    def check(self, reads: Iterable[Path], progress: Progress) -> Seen:
        """Let each worker show that it sees what is seen here; return what that is."""
        folders = [str(one) for one in dict.fromkeys(reads)]
        seen = replace(self._seen, folders=tuple((one, number_of(one)) for one in folders))
        try:
            self._wait_for_workers(progress)
            answers = self.client.run(difference, seen, on_error="return")
        except OSError as error:
            raise self.without("scheduler") from error
        wrong = [one for one in answers.values() if isinstance(one, Exception | Differs)]
        if wrong:
            raise self.refusal(wrong, len(answers))
        return seen

    def refusal(self, wrong: Sequence[object], of: int) -> CovcatError:
        """Return the error of workers that cannot do this work."""
        told = {
            one.why if isinstance(one, Differs) else f"{type(one).__name__}: {one}": 0
            for one in wrong
        }
        is_blind = all("does not see" in one for one in told)
        hint = "install the same covcat, for the same Python, on every worker, and start them again"
        if is_blind:
            hint = "mount it there under the same path, or name one that all share by --data-dir"
        return (DiskError if is_blind else UsageError)(
            f"{len(wrong)} of {plural(of, 'worker')} of `{self.address}` cannot work on "
            f"`{self._seen.shown}`",
            details=sorted(told),
            hint=hint,
        )

    def _wait_for_workers(self, progress: Progress) -> None:
        until, asked = time.monotonic() + patience(), None
        while not self.count_threads():
            if asked is None:  # a cluster that grows with its work begins to
                asked = self.client.submit(versions, pure=False)
                progress.note(f"`{self.address}` has no workers yet: waiting")
            if time.monotonic() > until:
                raise self.without("workers")
            time.sleep(_OFTEN)

    def count_threads(self) -> int:
        """Return how many batches can be done at once; 0 where nobody can be asked."""
        self.threads = 0
        with suppress(OSError):
            self.threads = sum(self.client.nthreads().values())
        return self.threads

    def is_there(self) -> bool:
        """Tell if the scheduler answers, again if it was away."""
        if self.client.status == "closed":
            with suppress(NetworkError):
                self.client = _client(self.address)
        return bool(self.client.status == "running")

    def without(self, what: str) -> NetworkError:
        """Return the error of a cluster that is no longer one."""
        start = "`dask scheduler`" if what == "scheduler" else f"`dask worker {self.address}`"
        return NetworkError(
            f"`{self.address}` has no {what}",
            cause=f"waited for {patience():.0f} s",
            hint=f"{start} starts one: then run the same command again",
        )


def patience() -> float:
    """Return how many seconds a scheduler, and its workers, may be away."""
    import dask

    connect = dask.config.get("distributed.comm.timeouts.connect")
    return _WAITS * float(dask.utils.parse_timedelta(connect, default="s"))


def _client(address: str) -> Any:
    """Return a client; what Dask has to say is said in covcat's words."""
    try:
        import distributed
    except ImportError as error:
        hint = "pip install 'covcat[cluster]'"
        raise UsageError("--engine needs the package distributed", hint=hint) from error
    for name in [*logging.root.manager.loggerDict, "tornado"]:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module="distributed")
    try:
        made: Any = distributed.Client
        return made(address, set_as_default=False, name="covcat")
    except Exception as error:  # of a dozen kinds
        raise NetworkError(
            f"no scheduler of Dask answers at `{address}`",
            cause=str(error) or type(error).__name__,
            hint="start one with `dask scheduler`; without --engine and COVCAT_ENGINE this machine "
            "does the work",
        ) from error


_found: dict[tuple[str, Path], Scheduler] = {}


def find(address: str, folder: Path) -> Scheduler:
    """Return a scheduler: it is asked for once in a run."""
    if (address, folder) not in _found:
        _found[address, folder] = Scheduler(address, folder)
    return _found[address, folder]
