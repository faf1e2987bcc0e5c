"""The options that say how to reach hosts, and how hard to try."""

import re
from typing import Annotated

import typer

from covcat.cli.session import Session
from covcat.download.remote import Network
from covcat.errors import UsageError

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

Jobs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=64,
        envvar="COVCAT_JOBS",
        help="Files at once, and connections to a host; 4 unless set.",
    ),
]
Retries = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        max=1000,
        envvar="COVCAT_RETRIES",
        help="Tries after the first; progress renews them.",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0.1, max=86400, envvar="COVCAT_TIMEOUT", help="Of silence."
    ),
]
LimitRate = Annotated[
    str | None,
    typer.Option(metavar="SIZE", envvar="COVCAT_LIMIT_RATE", help="Bytes a second, such as 5M."),
]
AllowPrivate = Annotated[
    bool,
    typer.Option(
        "--allow-private",
        envvar="COVCAT_ALLOW_PRIVATE",
        help="Let redirects lead to private addresses.",
    ),
]
# For tests: with these a fault shows within a second that else needs a minute or a gigabyte.
Checkpoint = Annotated[int, typer.Option(hidden=True, min=1, envvar="COVCAT_CHECKPOINT")]
Pause = Annotated[float, typer.Option(hidden=True, min=0, envvar="COVCAT_PAUSE")]
Slow = Annotated[str, typer.Option(hidden=True, metavar="B/S", envvar="COVCAT_SLOW")]


def network(
    session: Session,
    *,
    jobs: int | None,
    retries: int,
    timeout: float,
    limit_rate: str | None,
    allow_private: bool,
    checkpoint: int,
    pause: float,
    slow: str,
) -> Network:
    """Return all of them as one noun.

    Raises:
        UsageError: a size cannot be read.
    """
    rate = None if limit_rate is None else size("--limit-rate", limit_rate)
    if rate == 0:
        raise UsageError(
            "--limit-rate 0 would never end: expected a size such as 500k or 5M",
            hint="such as --limit-rate 5M",
        )
    found = re.fullmatch(r"(\d{1,12})/(\d{1,6}(?:\.\d{1,3})?)", slow)
    if found is None:
        raise UsageError(
            f"--slow `{slow}` is no speed: expected one such as 65536/60",
            hint="such as --slow 65536/60",
        )
    return Network(
        mirror=session.mirror,
        offline=session.offline,
        timeout=timeout,
        allow_private=allow_private,
        retries=retries,
        pause=pause,
        jobs=jobs,
        limit_rate=rate,
        slowest=(int(found[1]), float(found[2])),
        checkpoint=checkpoint,
    )


def size(option: str, text: str) -> int:
    """Read a size such as 500M: k, M, G and T are thousands.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"(\d{1,15})([kMGT]?)B?", text)
    if found is None:
        raise UsageError(
            f"{option} `{text}` is no size: expected one such as 500M or 2G",
            hint=f"such as {option} 5M",
        )
    return int(found[1]) * _UNITS[found[2]]
