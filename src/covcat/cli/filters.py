"""The filters that images, counts and select share: options -> a Question."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from covcat.catalog.columns import NAMES
from covcat.cli import complete
from covcat.errors import UsageError
from covcat.text import nearest

if TYPE_CHECKING:
    from covcat.images.query import Question


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
    from covcat.images import query

    _demand_words("--covid", covid, ("yes", "no", "unknown"))
    _demand_words("--license-allows", allows, vocabulary.USES)
    if one_per not in (None, "patient"):
        raise UsageError(f"--one-per `{one_per}`: expected patient")
    return query.Question(
        findings=tuple(map(query.finding, findings or ())),
        covid=tuple(covid or ()),
        views=tuple(query.word("--view", "views", one) for one in views or ()),
        modalities=tuple(query.word("--modality", "modalities", one) for one in modalities or ()),
        sexes=tuple(query.word("--sex", "sexes", one) for one in sexes or ()),
        ages=query.ages(ages) if ages else None,
        allows=tuple(allows or ()),
        where=where,
        one_per=one_per,
    )


def _demand_words(option: str, words: list[str] | None, known: Sequence[str]) -> None:
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
