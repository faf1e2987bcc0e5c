"""The errors covcat raises, and the exit code each one owns.

    CovcatError                1   (itself only made by `main`, for what is a bug)
    |- UsageError              2   bad option, bad value, a missing extra
    |- NotFoundError           3   no such resource, release or local copy
    |- NetworkError            4   no answer, a broken answer, offline
    |  |- GoneError                  another try will not help
    |  `- TransientError             another try may: BrokenError, another way should be tried
    |- IntegrityError          5   a digest, size, listing or catalog file is wrong
    |  |- LackingError               what is here is right, and not all of it is
    |  `- NewerError                 a record of a newer covcat
    |- ExtractionError         6   an archive is damaged, unsafe or unsupported
    |- ActionNeededError       7   a person must act: browse-only, login, consent, challenge
    |  `- RefusedError               the host does not give it to whoever asks
    |- DiskError               8   no space, no permission, read-only, quota
    |- SeveralError            9   several resources failed in different ways (else their own code)
    |- StoppedError                what a thread raises when the whole run was asked to stop
    `- SignalError   129/130/143   a signal asked covcat to stop

Every message is one sentence that says what and which, expected and got; `hint` is a command
to type. Texts may hold untrusted names: they are escaped where they are shown.
"""

import signal
from collections.abc import Sequence
from typing import Any


class CovcatError(Exception):
    """Base of every error a user can meet; carries what the command line prints."""

    code = 1
    kind = "bug"

    def __init_subclass__(cls, code: int | None = None, kind: str | None = None) -> None:
        cls.code, cls.kind = code or cls.code, kind or cls.kind

    def __init__(
        self,
        message: str,
        *,
        cause: str | None = None,
        hint: str | None = None,
        details: Sequence[str] = (),
        data: dict[str, Any] | None = None,
    ) -> None:
        """`details` are further lines (paths, mistakes); `data` is for `--json` only."""
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint
        self.details = tuple(details)
        self.data = data or {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it come through a pipe as it is, whatever its class is made with."""
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[CovcatError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(CovcatError, code=2, kind="usage"):
    """The command line or a call cannot be understood."""


class NotFoundError(CovcatError, code=3, kind="not-found"):
    """Nothing has that name, in the catalog or on disk."""


class NetworkError(CovcatError, code=4, kind="network"):
    """The bytes did not come; trying again later may help."""


class GoneError(NetworkError):
    """The host answers, and does not have it any more: trying again will not help."""


class TransientError(NetworkError):
    """A failure that another try may mend."""

    after: float | None = None  # seconds that the server asked to wait


class BrokenError(TransientError):
    """A transfer broke off so often that another way should be tried."""


class StoppedError(CovcatError):
    """The whole run was asked to stop: whoever works for it leaves everything in order."""


class IntegrityError(CovcatError, code=5, kind="integrity"):
    """Something is here, and it is not what was pinned."""


class LackingError(IntegrityError):
    """What is here is as it was pinned, and not all of it is here."""


class NewerError(IntegrityError):
    """A record was made by a newer covcat: it is not damaged, and nothing for this one to mend."""


class ExtractionError(CovcatError, code=6, kind="extraction"):
    """An archive is damaged, unsafe, ambiguous or of an unsupported kind."""


class ActionNeededError(CovcatError, code=7, kind="action-needed"):
    """Only a person can go on: terms, login, consent, a challenge."""

    page: str | None = None  # on which the person goes on


class RefusedError(ActionNeededError):
    """The host answers, and does not give it to whoever asks."""


class DiskError(CovcatError, code=8, kind="disk"):
    """The disk refused: full, quota, permission, read-only."""

    has_vanished = False  # what covcat itself had just put there was gone
    needs_another_place = False  # there is no room, or nobody may write there


class SeveralError(CovcatError, code=9, kind="several"):
    """More than one resource failed; the code is theirs if they agree, else 9."""

    def __init__(self, message: str, errors: Sequence[CovcatError], **parts: Any) -> None:
        """Keep the errors in the order in which they happened."""
        super().__init__(message, **parts)
        self.errors = tuple(errors)
        codes = {error.code for error in errors}
        if len(codes) == 1:
            self.code = codes.pop()
            self.kind = errors[0].kind


def each_of(error: CovcatError) -> tuple[CovcatError, ...]:
    """Return the errors that are told as one, or the one that it is."""
    return error.errors if isinstance(error, SeveralError) else (error,)


def is_lost(error: CovcatError) -> bool:
    """Tell if a host does not have, or does not give, a file that it did; not if none answers."""
    return all(isinstance(one, GoneError | RefusedError) for one in each_of(error))


class StopSignal(BaseException):
    """A signal asked covcat to stop; unwinds everything, as Ctrl-C does."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.number = signal_number


class SignalError(CovcatError, kind="interrupted"):
    """A signal asked covcat to stop; `code` is 128 plus its number, as shells have it."""

    def __init__(self, signal_number: int) -> None:
        """Name the signal by its number (1 HUP, 2 INT, 15 TERM)."""
        super().__init__(
            f"stopped by {signal.Signals(signal_number).name}; no half data has a final name",
            hint="the same command goes on where it can, and starts again where it cannot",
        )
        self.code = 128 + signal_number
