"""The options that say how to reach hosts, and how hard to try."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covcat.catalog import filter as catalog_filter
from covcat.catalog.columns import NAMES
from covcat.catalog.filter import Filter
from covcat.cli import complete
from covcat.cli.session import Session, parted
from covcat.download.remote import Network
from covcat.errors import DiskError, NotFoundError, UsageError
from covcat.text import nearest

if TYPE_CHECKING:
    from covcat.imaging.query import Question


FORMATS = ("table", "tsv", "csv", "json", "yaml", "ids")
Here = tuple[str, str, Path]  # resource id, release id, release folder
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


Findings = Annotated[
    list[str] | None, typer.Option("--finding", metavar="TERM", help="Has it; repeatable.")
]
Covid = Annotated[
    list[str] | None,
    typer.Option(
        "--covid",
        metavar="WORD",
        autocompletion=complete.one_of("yes", "no", "unknown"),
        help="yes, no or unknown.",
    ),
]
Views = Annotated[
    list[str] | None,
    typer.Option(
        "--view", metavar="WORD", autocompletion=complete.views, help="PA, AP, Lateral, Axial …"
    ),
]
Modalities = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        metavar="WORD",
        autocompletion=complete.modalities,
        help="ct, xray, ultrasound …",
    ),
]
Sexes = Annotated[list[str] | None, typer.Option("--sex", metavar="F|M", help="F or M.")]
Ages = Annotated[str | None, typer.Option("--age", metavar="YEARS", help="18-65, 18- or -65.")]
Allows = Annotated[
    list[str] | None,
    typer.Option(
        "--license-allows",
        metavar="USE",
        help="Its licence allows commercial, derivatives, redistribution.",
    ),
]
Where = Annotated[
    str | None, typer.Option("--where", metavar="SQL", help="Condition over the columns.")
]
OnePer = Annotated[
    str | None, typer.Option("--one-per", metavar="patient", help="The earliest of each patient.")
]


def question_of(
    findings: list[str] | None,
    covid: list[str] | None,
    views: list[str] | None,
    modalities: list[str] | None,
    sexes: list[str] | None,
    ages: str | None,
    allows: list[str] | None,
    where: str | None,
    one_per: str | None,
) -> "Question":
    """Make of the options what is asked, in the vocabulary's words.

    Raises:
        UsageError: a word is not in the vocabulary.
    """
    from covcat.catalog import vocabulary
    from covcat.imaging import query

    _check_words("--covid", covid, ("yes", "no", "unknown"))
    _check_words("--license-allows", allows, vocabulary.USES)
    if one_per not in (None, "patient"):
        raise UsageError(f"--one-per `{one_per}`: expected patient")
    return query.Question(
        findings=tuple(map(query.read_finding, findings or ())),
        covid=tuple(covid or ()),
        views=tuple(query.read_word("--view", "views", one) for one in views or ()),
        modalities=tuple(
            query.read_word("--modality", "modalities", one) for one in modalities or ()
        ),
        sexes=tuple(query.read_word("--sex", "sexes", one) for one in sexes or ()),
        ages=query.read_ages(ages) if ages else None,
        allows=tuple(allows or ()),
        where=where,
        one_per=one_per,
    )


def _check_words(option: str, words: list[str] | None, known: Sequence[str]) -> None:
    for one in words or ():
        if one not in known:
            *most, last = known
            raise UsageError(
                f"{option} `{one}`: expected {', '.join(most)} or {last}",
                hint=complete.meant(option, one, known),
            )


def columns_of(text: str | None) -> tuple[str, ...] | None:
    """Read --columns and the like.

    Raises:
        UsageError: one of them is no column of the index, or there twice.
    """
    if text is None:
        return None
    found = tuple(one.strip() for one in text.split(","))
    for one in found:
        if one not in NAMES and (near := nearest(one, NAMES)):
            raise UsageError(f"unknown column `{one}`", hint=f"did you mean `{near}`?")
        if one not in NAMES:
            raise UsageError(f"unknown column `{one}`: expected some of {', '.join(NAMES)}")
        if found.count(one) > 1:
            raise UsageError(f"the column `{one}` is there twice")
    return found


Modality = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        "-m",
        metavar="WORD",
        autocompletion=complete.modalities,
        help="ct, xray, mri or ultrasound; repeatable.",
    ),
]
Has = Annotated[
    list[str] | None,
    typer.Option(
        "--has", metavar="WORD", autocompletion=complete.contents, help="metadata or case-review."
    ),
]
Licence = Annotated[
    list[str] | None,
    typer.Option("--license", metavar="SPDX", help="An SPDX id or glob: 'CC-BY*'."),
]
AllowedUse = Annotated[
    list[str] | None,
    typer.Option(
        "--license-allows",
        metavar="USE",
        autocompletion=complete.uses,
        help="commercial, derivatives or redistribution.",
    ),
]
Access = Annotated[
    list[str] | None,
    typer.Option(
        "--access",
        metavar="WORD",
        autocompletion=complete.accesses,
        help="open, account or browse.",
    ),
]
Fetchable = Annotated[
    bool, typer.Option("--fetchable", help="What covcat can fetch, and what was found in it.")
]
OutputFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="WORD",
        autocompletion=complete.formats,
        help="table, tsv, csv, json, yaml or ids.",
    ),
]


def filter_of(
    modality: list[str] | None,
    has: list[str] | None,
    licenses: list[str] | None,
    allows: list[str] | None,
    access: list[str] | None,
    fetchable: bool,
) -> Filter:
    """Turn options into a Filter.

    Raises:
        UsageError: a word is unknown.
    """
    flags = [word.replace("-", "_") for word in has or ()]
    _check_known("--has", flags, ("metadata", "case_review"))
    _check_known("--license-allows", allows, ("commercial", "derivatives", "redistribution"))
    _check_known("--access", access, ("open", "account", "browse"))
    return Filter(
        modalities=frozenset(map(catalog_filter.modality, modality or ())),
        has=frozenset(flags),
        licenses=tuple(licenses or ()),
        allows=frozenset(allows or ()),
        access=frozenset(access or ()),
        fetchable=fetchable,
    )


def _check_known(option: str, words: list[str] | None, known: tuple[str, ...]) -> None:
    for word in words or ():
        if word not in known:
            spelt = [one.replace("_", "-") for one in known]
            raise UsageError(
                f"unknown {option} `{word}`: expected one of {', '.join(spelt)}",
                hint=complete.meant(option, word, spelt),
            )


def wanted(session: Session, names: list[str] | None) -> list[Here]:
    """Return the releases on disk that were named, or all of them.

    Raises:
        NotFoundError: a name is unknown, or nothing of it is here.
        DiskError: all were meant, and some may not be read.
    """
    here = session.store.releases()
    if not names:
        if not session.data_dir.is_dir():
            raise NotFoundError(
                f"there is no data folder `{session.data_dir}`",
                hint="name it with --data-dir or COVCAT_DATA_DIR",
            )
        if closed := session.store.closed():  # another user's, whose umask shuts the group out
            raise _shut(closed[0])
        if not here:
            session.say(f"nothing is in `{session.data_dir}`")
        return here
    found: list[Here] = []
    for name in names:
        found += _named(session, name, here)
    return found


def _shut(folder: Path) -> DiskError:
    return DiskError(f"cannot look into `{folder}`: permission denied", hint="covcat doctor")


def _named(session: Session, name: str, here: list[Here]) -> list[Here]:
    wanted, at, release_id = parted(name)
    if wanted not in {one for one, _, _ in here}:  # an alias, or not here at all
        wanted = session.catalog.get(wanted).id
    matching = [one for one in here if one[0] == wanted and (not at or one[1] == release_id)]
    if not matching:
        for closed in session.store.closed():
            if wanted in (closed.name, closed.parent.name):
                raise _shut(closed)
        raise NotFoundError(f"`{name}` is not in `{session.data_dir}`", hint=f"covcat fetch {name}")
    return matching
