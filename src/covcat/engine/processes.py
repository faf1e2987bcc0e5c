"""The crew of this machine: processes, and which batch each of them has."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from covcat.engine.batches import Batch, Done, Order, Raised, work_on
from covcat.errors import UsageError

_LIVES = 3  # processes that may die before the first of them has begun
is_one = False  # of these processes, not who started them


class Processes:
    """A crew of processes; what they say goes through pipes."""

    def __init__(self, order: Order, size: int) -> None:
        self._order, self.size = order, size
        self._idle: list[_Worker] = []
        self.busy: dict[Connection, tuple[_Worker, Batch]] = {}
        self._deaths, self._has_begun = 0, False

    def give(self, waiting: deque[Batch]) -> None:
        """Give each process that has nothing to do a batch; start those that there are to be."""
        while waiting and len(self.busy) < self.size:
            worker = self._idle.pop() if self._idle else _Worker()
            batch = waiting.popleft()
            batch.tries += 1
            self.busy[worker.pipe] = (worker, batch)
            with suppress(OSError):  # it is dead: `done` will hear of it
                worker.pipe.send((self._order.work, self._order.arguments(batch)))

    def done(self, waiting: deque[Batch]) -> Iterator[Done]:
        """Wait until something is done, and give it; what died waits again, or is given up."""
        for pipe in wait(list(self.busy)):
            assert isinstance(pipe, Connection)
            worker, batch = self.busy[pipe]
            try:
                results = pipe.recv()
            except (EOFError, OSError):
                del self.busy[pipe]
                yield from self._mourn(worker.end(), batch, waiting)
                continue
            if isinstance(results, int):
                self._has_begun = True
                self._order.hear(batch, results)
                continue
            del self.busy[pipe]
            self._idle.append(worker)
            if isinstance(results, Raised):
                raise results.error
            yield batch, results

    def _mourn(self, cause: str, batch: Batch, waiting: deque[Batch]) -> Iterator[Done]:
        self._deaths += 1
        if not self._has_begun and self._deaths >= _LIVES:
            raise UsageError(
                f"the processes that should do the work end at once: {cause}",
                hint="in a script of your own, call covcat below `if __name__ == '__main__':`",
            )
        yield from self._order.requeue(batch, cause, waiting)

    def end(self) -> None:
        """End all processes now, whatever they do."""
        workers = [*self._idle, *(worker for worker, _ in self.busy.values())]
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.end()


class _Worker:
    """One process, and the pipe to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork after threads may hang
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def end(self) -> str:
        """Wait for the end of the process, and say how it came."""
        self.pipe.close()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        known = {int(one): one.name for one in signal.Signals}
        return known.get(-code, f"signal {-code}") if code < 0 else f"exit code {code}"


def _serve(pipe: Connection) -> None:
    """Do what comes until nobody is there to send it; Ctrl-C is for who started this process."""
    global is_one
    is_one = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            work, arguments = pipe.recv()
            pipe.send(0)  # bytes: it has begun; what it dies on now is the work
            pipe.send(work_on(work, arguments, pipe.send))
