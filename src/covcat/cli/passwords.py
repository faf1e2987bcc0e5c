"""The password of encrypted archives: of a file, or typed; never an argument, shown or kept."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from typing import Annotated, TypeVar

from covcat.cli.declare import option
from covcat.cli.session import Session
from covcat.errors import CovcatError, NotFoundError, UsageError
from covcat.files import disk_error

T = TypeVar("T")
_TRIES = 3  # of a password that is typed
_MOST_PASSWORD = 512  # bytes

PasswordFile = Annotated[
    str | None,
    option(
        "--password-file",
        "Of encrypted archives: its first line is the password; - is stdin.",
        "FILE",
    ),
]


@dataclass(slots=True)
class Password:
    """What opens the encrypted archives of this run, as far as it is known."""

    session: Session
    word: str | None = field(repr=False)
    _tries: int = 0  # that a person still has

    def ask(self, error: CovcatError) -> bool:
        """Have a person type one in the place of that which failed; False where nobody can."""
        if not self._tries:
            return False
        self._tries -= 1
        self.session.say(error.message)
        try:
            self.word = getpass("password (not shown): ")
        except EOFError:
            return False
        return True

    def opening(self, work: Callable[[str | None], T]) -> T:
        """Do what may need a password, again with each one that is typed."""
        from covcat.archives.base import LockedError

        while True:
            try:
                return work(self.word)
            except LockedError as error:
                if not self.ask(error):
                    raise


def password_of(session: Session, file: str | None) -> Password:
    """Return the password in a file; without one it is asked for, where a person can type it."""
    if file is not None:
        return Password(session, _read(file))
    can_ask = not session.no_input and sys.stdin.isatty() and sys.stderr.isatty()
    return Password(session, None, _TRIES if can_ask else 0)


def _read(file: str) -> str:
    """Return the first line of a file: among arguments everybody could see it."""
    what = "stdin" if file == "-" else f"`{file}`"
    try:
        if file == "-":
            line = sys.stdin.buffer.readline(_MOST_PASSWORD + 2)
        else:
            with Path(file).open("rb") as stream:
                line = stream.readline(_MOST_PASSWORD + 2)
        password = line.decode().removesuffix("\n").removesuffix("\r")
    except FileNotFoundError:
        raise NotFoundError(f"no file `{file}`") from None
    except OSError as error:
        raise disk_error(error, f"read {what}") from error
    except UnicodeDecodeError:
        password = ""
    if not 0 < len(password.encode()) <= _MOST_PASSWORD:
        raise UsageError(
            f"the first line of {what} is no password: expected 1 to {_MOST_PASSWORD} bytes of "
            "UTF-8"
        )
    return password
