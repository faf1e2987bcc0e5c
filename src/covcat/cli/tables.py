"""Resources as rows: the overview for people, the full table for programs, the survey's own."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import fields

from covcat.catalog import is_fetchable
from covcat.model import CONTENT_FLAGS, AnyFile, File, Release, Resource
from covcat.output import Cell, Rows, shown, sized
from covcat.output.as_table import terminal_width

SURVEY_COLUMNS = ("row", "id", "title", "organization", *CONTENT_FLAGS)
_TITLE_LENGTH = 44  # two lines of the overview
_HEADS = dict(zip(CONTENT_FLAGS, ("ct", "xray", "mri", "us", "meta", "case"), strict=True))


def survey(resources: Iterable[Resource]) -> Rows:
    """Return Table 1 of the survey, verbatim."""
    rows = [
        {
            "row": one.survey.row,
            "id": one.id,
            "title": one.title,
            "organization": one.organization,
            **{flag: getattr(one.survey, flag) for flag in CONTENT_FLAGS},
        }
        for one in resources
        if one.survey
    ]
    return Rows(SURVEY_COLUMNS, rows)


def overview(resources: Iterable[Resource]) -> Rows:
    """Return what fits a terminal of 100 columns; `Y→N` is the survey's flag, then the find."""
    rows: list[dict[str, Cell]] = []
    for one in resources:
        mark = "*" if one.corrections else ""
        flags: dict[str, Cell] = {_HEADS[flag]: _flag(one, flag) for flag in CONTENT_FLAGS}
        rows.append(
            {
                "id": one.id,
                "title": textwrap.shorten(one.title, _TITLE_LENGTH, placeholder="…") + mark,
                **flags,
                "size": size(one.default_release),
                "licence": one.license.short,
                "access": one.access,
            }
        )
    return Rows(("id", "title", *_HEADS.values(), "size", "licence", "access"), rows)


def _flag(resource: Resource, flag: str) -> str:
    found = str(getattr(resource.found, flag))
    surveyed = getattr(resource.survey, flag) if resource.survey else found
    return found if surveyed == found else f"{surveyed}→{found}"


def full(resources: Iterable[Resource], here: Iterable[str] = ()) -> Rows:
    """Return every column; flags without a prefix are the survey's, `found_…` are covcat's."""
    on_disk = set(here)
    rows: list[dict[str, Cell]] = []
    for one in resources:
        release = one.default_release
        contents = release.contents if release else None
        rows.append(
            {
                "id": one.id,
                "title": one.title,
                "organization": one.organization,
                "row": one.survey.row if one.survey else None,
                **{flag: getattr(one.survey, flag, None) for flag in CONTENT_FLAGS},
                **{f"found_{flag}": getattr(one.found, flag) for flag in CONTENT_FLAGS},
                "release": release.id if release else None,
                "files": contents.files if contents else None,
                "bytes": _bytes(release),
                "bytes_are_all": not contents.of_unknown_size if contents else None,
                "license": one.license.spdx,
                **{
                    f"allows_{use}": getattr(one.license.allows, use)
                    for use in ("commercial", "derivatives", "redistribution")
                },
                "access": one.access,
                "fetchable": is_fetchable(one),
                "fetched": one.id in on_disk,
                "homepage": one.homepage,
                "corrections": "; ".join(f"{fix.field}: {fix.value}" for fix in one.corrections),
            }
        )
    return Rows(FULL_COLUMNS, rows)


def _bytes(release: Release | None) -> int | None:
    if release is None:
        return None
    return release.contents.least_bytes if release.contents else release.download_bytes


FULL_COLUMNS = (
    *("id", "title", "organization", "row", *CONTENT_FLAGS),
    *(f"found_{flag}" for flag in CONTENT_FLAGS),
    *("release", "files", "bytes", "bytes_are_all", "license"),
    *("allows_commercial", "allows_derivatives", "allows_redistribution"),
    *("access", "fetchable", "fetched", "homepage", "corrections"),
)


def size(release: Release | None) -> str:
    """Return the bytes of a release for people: `+` is at least, `?` unknown, `-` no download."""
    if release is None:
        return "-"
    if release.contents:
        more = "+" if release.contents.of_unknown_size else ""
        return sized(release.contents.least_bytes) + more
    return sized(release.download_bytes)


def served(file: AnyFile) -> dict[str, Cell]:
    """Return a file as its host serves it."""
    common = {one.name for one in fields(File)} | {"host"}
    own = {one.name: getattr(file, one.name) for one in fields(file) if one.name not in common}
    return {
        "path": file.name or "(all that it has)",
        "bytes": file.bytes,
        "sha256": file.sha256,
        "md5": file.md5,
        "host": str(file.host),
        "where": ", ".join(f"{name} {value}" for name, value in own.items() if value),
    }


def footnotes(resources: Sequence[Resource]) -> str:
    """Explain the marks of the overview: what the survey says and covcat found otherwise."""
    differing = [one for one in resources if one.survey and "→" in "".join(_flags(one))]
    lines = ["Y yes, N no, U unknown; size: + at least, ? unknown, - nothing to download"]
    if differing:
        lines.append("→ the survey's flag, then what covcat found (`covcat show ID` says how)")
    asking = [one.id for one in resources if one.access == "account"]
    if asking:
        lines.append(f"a login may be asked for: {', '.join(asking)}")
    lines += [
        f"* {one.id}: the {fix.field} is {fix.value}"
        for one in resources
        for fix in one.corrections
    ]
    width = min(100, terminal_width())
    wrapped = [textwrap.fill(shown(line), width, subsequent_indent="  ") for line in lines]
    return "\n" + "\n".join(wrapped) + "\n" if wrapped else ""


def _flags(resource: Resource) -> list[str]:
    return [_flag(resource, flag) for flag in CONTENT_FLAGS]


def count(shown_here: Sequence[Resource], known: Sequence[Resource]) -> str:
    """Tell the surveyed from the related, and how many of each there are."""
    counted = [one for one in known if not one.is_sample]
    surveyed = sum(one.survey is not None for one in counted)
    here = [one for one in shown_here if not one.is_sample]
    here_surveyed = sum(one.survey is not None for one in here)
    if len(here) == len(counted):
        return f"{len(counted)} resources: {surveyed} of the survey, {len(here) - surveyed} related"
    return (
        f"{len(here)} of {len(counted)} resources: {here_surveyed} of the {surveyed} of the "
        f"survey, {len(here) - here_surveyed} of the {len(counted) - surveyed} related"
    )
