"""The options that several commands share: each is said once here, and some come in groups."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covcat.catalog.columns import NAMES
from covcat.catalog.entries import USES
from covcat.cli import complete
from covcat.cli.declare import a_path, choice, given, ids, one_of, option, some_columns, word_of
from covcat.cli.session import Session
from covcat.errors import UsageError
from covcat.text import read_size

if TYPE_CHECKING:  # a command waits for what it needs alone
    from covcat.catalog.filter import Filter
    from covcat.download.remote import Network
    from covcat.imaging.query import Question


Words = list[str] | None
FORMATS = ("table", "tsv", "csv", "json", "yaml", "ids")
PROGRESS = ("auto", "plain", "json", "none")
_MODALITIES = ("ct", "xray", "mri", "ultrasound")
_COVID = ("yes", "no", "unknown")
_ACCESSES = ("open", "account", "browse")
_HAS = ("metadata", "case-review")


# ---- names and formats -------------------------------------------------------------------------

Names = Annotated[Words, ids("Default: all that is here.")]
OutputFormat = Annotated[
    str | None, choice(FORMATS, "table, tsv, csv, json, yaml or ids.", default=...)
]
Include = Annotated[Words, typer.Option(metavar="GLOB", help="Only these paths; repeatable.")]
Exclude = Annotated[Words, typer.Option(metavar="GLOB", help="Not these paths; repeatable.")]
Force = Annotated[bool, option("--force", "Write over an --output that is a file.")]
DryRun = Annotated[bool, option("--dry-run", "Say what, and delete nothing.", None, "-n")]


def check_force(output: Path | None, *, force: bool) -> None:
    """Refuse --force where nothing is written that it could be about."""
    if force and output is None:
        raise UsageError(
            "--force writes over an --output: expected one beside it",
            hint="--output FILE says where to write",
        )


# ---- the network -------------------------------------------------------------------------------

Retries = Annotated[
    int, given("--retries", "Tries after the first; progress renews them.", "N", min=0, max=1000)
]
Timeout = Annotated[float, given("--timeout", "Of silence.", "SECONDS", min=0.1, max=86400)]
AllowPrivate = Annotated[bool, given("--allow-private", "Let redirects lead to private addresses.")]
# For tests: with these a fault shows within a second that else needs a minute or a gigabyte.
Checkpoint = Annotated[int, given("--checkpoint", hidden=True, min=1)]
Pause = Annotated[float, given("--pause", hidden=True, min=0)]
Slow = Annotated[str, given("--slow", "", "B/S", hidden=True)]


At = Annotated[
    str | None, option("--at", "Of the copies there: s3://…, gs://… or a folder.", "URL")
]
Progressing = Annotated[
    str,
    given(
        *("--progress", "auto, plain, json (on stderr) or none.", "HOW"),
        **one_of("--progress", PROGRESS),
    ),
]


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """How files are downloaded, and how that is shown."""

    progress: Progressing = "auto"
    jobs: Annotated[
        int | None,
        given(
            "--jobs", "Files at once, and connections to a host; 4 unless set.", "N", min=1, max=64
        ),
    ] = None
    retries: Retries = 5
    timeout: Timeout = 30
    limit_rate: Annotated[
        str | None, given("--limit-rate", "Bytes a second, such as 5M.", "SIZE")
    ] = None
    allow_private: AllowPrivate = False
    checkpoint: Checkpoint = 64 << 20
    pause: Pause = 0.5
    slow: Slow = "65536/60"

    def network(self, session: Session) -> "Network":
        """Return them as one noun."""
        rate = None if self.limit_rate is None else size("--limit-rate", self.limit_rate)
        if rate == 0:
            raise UsageError(
                "--limit-rate 0 would never end: expected a size such as 500k or 5M",
                hint="such as --limit-rate 5M",
            )
        found = re.fullmatch(r"(\d{1,12})/(\d{1,6}(?:\.\d{1,3})?)", self.slow)
        if found is None:
            problem = f"--slow `{self.slow}` is no speed: expected one such as 65536/60"
            raise UsageError(problem, hint="such as --slow 65536/60")
        values = {**asdict(self), "limit_rate": rate, "slowest": (int(found[1]), float(found[2]))}
        del values["progress"], values["slow"]
        return network(session, **values)


StoreAddress = Annotated[
    str, typer.Argument(metavar="URL", help="s3://…, gs://…, az://… or a folder.")
]


@dataclass(frozen=True, slots=True)
class Transport:
    """How objects go to a store and come from it, and how that is shown."""

    progress: Progressing = "auto"
    jobs: Annotated[
        int | None, given("--jobs", "Requests at once; 16 unless set.", "N", min=1, max=64)
    ] = None
    retries: Retries = 5
    timeout: Timeout = 30
    pause: Pause = 0.5

    def network(self, session: Session) -> "Network":
        """Return them as one noun."""
        values = asdict(self)
        del values["progress"]
        return network(session, **values)


def network(session: Session, **options: Any) -> "Network":
    """Return how hosts are reached in this run."""
    from covcat.download.remote import Network

    return Network(mirror=session.mirror, offline=session.offline, **options)


def size(option: str, text: str) -> int:
    """Read a size such as 500M: k, M, G and T are thousands."""
    found = read_size(text)
    if found is None:
        problem = f"{option} `{text}` is no size: expected one such as 500M or 2G"
        raise UsageError(problem, hint=f"such as {option} 5M")
    return found


# ---- which resources ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filters:
    """What a resource must have to be listed."""

    modality: Annotated[
        Words,
        option(
            "--modality",
            "ct, xray, mri or ultrasound; repeatable.",
            "WORD",
            "-m",
            autocompletion=complete.one_of(*_MODALITIES),
        ),
    ] = None
    has: Annotated[Words, choice(_HAS, "metadata or case-review.", "--has", default=...)] = None
    licenses: Annotated[
        Words,
        option(
            "--license", "An SPDX id or glob: 'CC-BY*'.", "SPDX", autocompletion=complete.licenses
        ),
    ] = None
    allows: Annotated[
        Words,
        choice(
            USES,
            "commercial, derivatives or redistribution.",
            "--license-allows",
            metavar="USE",
            default=...,
        ),
    ] = None
    access: Annotated[
        Words, choice(_ACCESSES, "open, account or browse.", "--access", default=...)
    ] = None
    fetchable: Annotated[
        bool, option("--fetchable", "What covcat can fetch, and what was found in it.")
    ] = False

    def filter(self) -> "Filter":
        """Return them as a Filter."""
        from covcat.catalog.filter import Filter, modality

        return Filter(
            modalities=frozenset(map(modality, self.modality or ())),
            has=frozenset(word.replace("-", "_") for word in self.has or ()),
            licenses=tuple(self.licenses or ()),
            allows=frozenset(self.allows or ()),
            access=frozenset(self.access or ()),
            fetchable=self.fetchable,
        )


# ---- which images ------------------------------------------------------------------------------

Where = Annotated[str | None, option("--where", "Condition over the columns.", "SQL")]
OnePer = Annotated[
    str | None,
    word_of(
        "--one-per",
        "The earliest of each patient or subject; each picture once; the middle of each series.",
        "WORD",
        ("patient", "subject", "picture", "series"),
    ),
]
Of = Annotated[
    list[Path] | None,
    option(
        "--of",
        "A cohort or split, its folder, table or record; or anybody's lists: what is in it.",
        "PATH",
        parser=a_path,
    ),
]
FoundElsewhere = Annotated[
    bool, option("--found", "Rows of labels whose picture is here, be it in another set; found_in.")
]
Columns = Annotated[
    str | None, some_columns("--columns", "Only these columns, in this order.", default=...)
]


@dataclass(frozen=True, slots=True)
class Labels:
    """What an image must be labelled with."""

    findings: Annotated[
        Words,
        option(
            "--finding",
            "Has it, or a kind of it; repeatable.",
            "TERM",
            autocompletion=complete.terms("findings"),
        ),
    ] = None
    covid: Annotated[Words, word_of("--covid", "yes, no or unknown.", "WORD", _COVID)] = None
    views: Annotated[
        Words,
        option(
            "--view",
            "PA, AP, Lateral, Axial and others.",
            "WORD",
            autocompletion=complete.terms("views"),
        ),
    ] = None
    modalities: Annotated[
        Words, word_of("--modality", "ct, xray, mri or ultrasound.", "WORD", _MODALITIES)
    ] = None
    sexes: Annotated[Words, word_of("--sex", "F or M.", "F|M", ("F", "M"))] = None
    ages: Annotated[str | None, option("--age", "18-65, 18- or -65.", "YEARS")] = None
    allows: Annotated[
        Words,
        word_of(
            "--license-allows",
            "Its licence allows commercial, derivatives, redistribution.",
            "USE",
            USES,
        ),
    ] = None

    def question(
        self, where: str | None, one_per: str | None = None, *, found: bool = False
    ) -> "Question":
        """Return what is asked, in the vocabulary's words."""
        from covcat.imaging.query import read_question

        return read_question(
            finding=self.findings or (),
            covid=self.covid or (),
            view=self.views or (),
            modality=self.modalities or (),
            sex=self.sexes or (),
            age=self.ages,
            license_allows=self.allows or (),
            where=where,
            one_per=one_per,
            found=found,
        )


def columns_of(text: str | None, known: Sequence[str] = NAMES) -> tuple[str, ...] | None:
    """Read --columns and the like."""
    from covcat.text import nearest

    if text is None:
        return None
    found = tuple(one.strip() for one in text.split(","))
    for one in found:
        if one not in known and (near := nearest(one, known)):
            raise UsageError(f"unknown column `{one}`", hint=f"did you mean `{near}`?")
        if one not in known:
            raise UsageError(f"unknown column `{one}`: expected some of {', '.join(known)}")
        if found.count(one) > 1:
            raise UsageError(f"the column `{one}` is there twice")
    return found
