"""The options that several commands share: each is said once here, and some come in groups."""

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covcat.catalog import filter as filters
from covcat.catalog.columns import NAMES
from covcat.catalog.entries import USES
from covcat.cli import complete
from covcat.cli.session import Session
from covcat.download.remote import Network
from covcat.errors import UsageError
from covcat.setting_files import variable_of
from covcat.text import read_size

if TYPE_CHECKING:
    from covcat.imaging.query import Question


Words = list[str] | None
FORMATS = ("table", "tsv", "csv", "json", "yaml", "ids")
PROGRESS = ("auto", "plain", "json", "none")
_MODALITIES = ("ct", "xray", "mri", "ultrasound")
_COVID = ("yes", "no", "unknown")
_ACCESSES = ("open", "account", "browse")
_HAS = ("metadata", "case-review")


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each group among its parameters, in the group's place.

    A group is a dataclass whose fields are options; the command gets it filled in.
    """
    signature = inspect.signature(command)
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for name, one in signature.parameters.items():
        options: Sequence[inspect.Parameter] = [one]
        if is_dataclass(one.annotation):
            groups[name] = one.annotation
            options = [*inspect.signature(groups[name]).parameters.values()]
        parameters += [option.replace(kind=option.KEYWORD_ONLY) for option in options]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{one.name: values.pop(one.name) for one in fields(group)})
        command(**values)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def choice(words: Sequence[str], help: str = "", *names: str, metavar: str = "WORD") -> Any:
    """Return an option, by default --format, that takes one of some words and completes them."""
    return typer.Option(
        *(names or ("--format",)),
        metavar=metavar,
        autocompletion=complete.one_of(*words),
        help=help or f"{', '.join(words)}.",
    )


def given(name: str, help: str = "", metavar: str | None = None, *short: str, **how: Any) -> Any:
    """Return an option that the variable of its name may give too."""
    variable = variable_of(name.removeprefix("--"))
    return typer.Option(*short, name, metavar=metavar, envvar=variable, help=help, **how)


def ids(help: str, metavar: str = "ID[@RELEASE]") -> Any:
    """Return an argument that takes what `complete.ids` completes."""
    return typer.Argument(metavar=metavar, autocompletion=complete.ids, help=help)


def a_path(text: str) -> Path:
    """Refuse the empty path: what a variable that is not set leaves is not the folder here."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


def with_folders(help: str) -> Any:
    """Return the option that takes folders of a user's own pictures."""
    return typer.Option("--with", metavar="FOLDER", parser=a_path, help=help)


# ---- names and formats -------------------------------------------------------------------------

Names = Annotated[Words, ids("Default: all that is here.")]
OutputFormat = Annotated[str | None, choice(FORMATS, "table, tsv, csv, json, yaml or ids.")]
Include = Annotated[Words, typer.Option(metavar="GLOB", help="Only these paths; repeatable.")]
Exclude = Annotated[Words, typer.Option(metavar="GLOB", help="Not these paths; repeatable.")]
Force = Annotated[bool, typer.Option("--force", help="Write over an --output that is a file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what, and delete nothing.")]


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
    str | None,
    typer.Option("--at", metavar="URL", help="Of the copies there: s3://…, gs://… or a folder."),
]
Progressing = Annotated[
    str,
    given(
        "--progress",
        "auto, plain, json (on stderr) or none.",
        "HOW",
        autocompletion=complete.one_of(*PROGRESS),
    ),
]


@dataclass(frozen=True, slots=True)
class Transfer:
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

    def network(self, session: Session) -> Network:
        """Return them as one noun."""
        check_progress(self.progress)
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

    def network(self, session: Session) -> Network:
        """Return them as one noun."""
        check_progress(self.progress)
        values = asdict(self)
        del values["progress"]
        return network(session, **values)


def check_progress(how: str) -> None:
    """Refuse a --progress that there is not."""
    if how not in PROGRESS:
        raise UsageError(f"unknown --progress `{how}`: expected auto, plain, json or none")


def network(session: Session, **options: Any) -> Network:
    """Return how hosts are reached in this run."""
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
        Words, choice(_MODALITIES, "ct, xray, mri or ultrasound; repeatable.", "--modality", "-m")
    ] = None
    has: Annotated[Words, choice(_HAS, "metadata or case-review.", "--has")] = None
    licenses: Annotated[
        Words,
        typer.Option(
            "--license",
            metavar="SPDX",
            autocompletion=complete.licenses,
            help="An SPDX id or glob: 'CC-BY*'.",
        ),
    ] = None
    allows: Annotated[
        Words,
        choice(
            USES, "commercial, derivatives or redistribution.", "--license-allows", metavar="USE"
        ),
    ] = None
    access: Annotated[Words, choice(_ACCESSES, "open, account or browse.", "--access")] = None
    fetchable: Annotated[
        bool, typer.Option("--fetchable", help="What covcat can fetch, and what was found in it.")
    ] = False

    def filter(self) -> filters.Filter:
        """Return them as a Filter."""
        flags = [word.replace("_", "-") for word in self.has or ()]
        for option, words, known in (
            ("--has", flags, _HAS),
            ("--license-allows", self.allows, USES),
            ("--access", self.access, _ACCESSES),
        ):
            for word in words or ():
                if word not in known:
                    raise UsageError(
                        f"unknown {option} `{word}`: expected one of {', '.join(known)}",
                        hint=complete.meant(option, word, known),
                    )
        return filters.Filter(
            modalities=frozenset(map(filters.modality, self.modality or ())),
            has=frozenset(word.replace("-", "_") for word in flags),
            licenses=tuple(self.licenses or ()),
            allows=frozenset(self.allows or ()),
            access=frozenset(self.access or ()),
            fetchable=self.fetchable,
        )


# ---- which images ------------------------------------------------------------------------------

Where = Annotated[
    str | None, typer.Option("--where", metavar="SQL", help="Condition over the columns.")
]
OnePer = Annotated[
    str | None,
    choice(
        ("patient", "subject", "picture", "series"),
        "The earliest of each patient or subject; each picture once; the middle of each series.",
        "--one-per",
    ),
]
Of = Annotated[
    list[Path] | None,
    typer.Option(
        "--of",
        metavar="PATH",
        parser=a_path,
        help="A cohort or split, its folder, table or record; or anybody's lists: what is in it.",
    ),
]
Found = Annotated[
    bool,
    typer.Option(
        "--found", help="Rows of labels whose picture is here, be it in another set; found_in."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…", autocompletion=complete.columns, help="Only these columns, in this order."
    ),
]


@dataclass(frozen=True, slots=True)
class Labels:
    """What an image must be labelled with."""

    findings: Annotated[
        Words,
        typer.Option(
            "--finding",
            metavar="TERM",
            autocompletion=complete.terms("findings"),
            help="Has it, or a kind of it; repeatable.",
        ),
    ] = None
    covid: Annotated[Words, choice(_COVID, "yes, no or unknown.", "--covid")] = None
    views: Annotated[
        Words,
        typer.Option(
            "--view",
            metavar="WORD",
            autocompletion=complete.terms("views"),
            help="PA, AP, Lateral, Axial and others.",
        ),
    ] = None
    modalities: Annotated[
        Words, choice(_MODALITIES, "ct, xray, mri or ultrasound.", "--modality")
    ] = None
    sexes: Annotated[Words, choice(("F", "M"), "F or M.", "--sex", metavar="F|M")] = None
    ages: Annotated[
        str | None, typer.Option("--age", metavar="YEARS", help="18-65, 18- or -65.")
    ] = None
    allows: Annotated[
        Words,
        choice(
            USES,
            "Its licence allows commercial, derivatives, redistribution.",
            "--license-allows",
            metavar="USE",
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
