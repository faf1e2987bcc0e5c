"""What a case says: what is asked, what is done before, and what must be true afterwards."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from servers.chaos.body import Content, Stream
from servers.chaos.server import Request
from servers.chaos.worlds import World

OLD = "Wed, 01 Jan 2020 00:00:00 GMT"
ONE = '"one"'
SIZE = 200_003
SHA, SHA2 = (hashlib.sha256(Stream(seed).data).hexdigest() for seed in (1, 2))
MD5, MD5_2 = (hashlib.md5(Stream(seed).data).hexdigest() for seed in (1, 2))
PINNED: dict[str, object] = {"sha256": SHA}


class Ran(NamedTuple):
    """What one run left."""

    exit: int
    out: str
    err: str
    seconds: float
    rss: float  # MB
    after_signal: float  # seconds until it ended


@dataclass
class Seen:
    """What the runs of a case left to look at."""

    world: World
    data: Path
    ran: Ran  # the last one

    @property
    def requests(self) -> list[Request]:
        return self.world.requests


class Fact(NamedTuple):
    """A sentence, and what is wrong if it does not hold (else nothing)."""

    text: str
    fault: Callable[[Seen], str]


Edit = Callable[[Path, Path], None]  # (data folder, a folder outside of it)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row of the table."""

    id: str
    what: str
    path: str  # behaviour and words, below https://data.example.org/
    exits: tuple[int, ...] = (0,)
    facts: tuple[Fact, ...] = ()
    keys: dict[str, object] = field(default_factory=dict)  # of the file in the catalog
    contents: tuple[Content, ...] | None = None  # that are right; by default what the path serves
    world: str = "mirror"
    first: tuple[int, ...] = ()  # exit codes of a first run without retries
    edit: Edit | None = None  # between the runs
    signal: str = ""  # sent to the first run once bytes have come; STOP, PIPE, TTY: to the only one
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    host: str = "data.example.org"
    limit: float = 30  # seconds
    is_big: bool = False

    @property
    def url(self) -> str:
        return f"https://{self.host}/{self.path}"

    @property
    def right(self) -> tuple[Content, ...]:
        size = parse_qs(urlsplit(self.path).query).get("size", [str(SIZE)])[0]
        return (Stream(1, int(size)),) if self.contents is None else self.contents


Exits = int | tuple[int, ...]  # one exit code stands for itself


def row(id: str, what: str, path: str, exits: Exits, *facts: Fact, **more: Any) -> Case:
    """Make a case of a line of the table."""
    first = _codes(more.pop("first", ()))
    return Case(id=id, what=what, path=path, exits=_codes(exits), facts=facts, first=first, **more)


def _codes(exits: Exits) -> tuple[int, ...]:
    return (exits,) if isinstance(exits, int) else exits


def rows(
    number: str,
    letters: str,
    words: str,
    what: str,
    path: str | Callable[[str], str],
    *rest: Exits | Fact,
    **more: Any,
) -> tuple[Case, ...]:
    """Make a case of each word, which stands where `what`, `path` and texts in `more` have {}."""
    made = []
    for letter, word in zip(letters, words.split(), strict=True):
        filled = {k: v.format(word) if isinstance(v, str) else v for k, v in more.items()}
        asked = path.format(word) if isinstance(path, str) else path(word)
        made.append(row(number + letter, what.format(word), asked, *rest, **filled))
    return tuple(made)


# ---- facts about requests ----------------------------------------------------------------------


def _asked(number: int, text: str, is_wrong: Callable[[Request], object]) -> Fact:
    """Look at request `number` (from 1)."""

    def fault(seen: Seen) -> str:
        if len(seen.requests) < number:
            return f"there are only {len(seen.requests)} requests"
        one = seen.requests[number - 1]
        said = f"Range {one.get('range')}, If-Range {one.get('if-range')}"
        return f"request {number}: {said}" if is_wrong(one) else ""

    return Fact(text, fault)


def resumed(number: int, condition: str | None = ONE) -> Fact:
    """It asks for the rest, with this If-Range or none."""

    def is_wrong(one: Request) -> bool:
        start = (one.get("range") or "").removeprefix("bytes=").removesuffix("-")
        return not start.isdecimal() or int(start) == 0 or one.get("if-range") != condition

    return _asked(number, f"request {number} resumes, If-Range {condition}", is_wrong)


def plain(number: int) -> Fact:
    """It asks for the whole file."""

    def is_wrong(one: Request) -> object:
        return one.get("range") or one.get("if-range")

    return _asked(number, f"request {number} asks from 0", is_wrong)


def count(low: int, high: int | None = None) -> Fact:
    """There are so many requests in all."""
    top = low if high is None else high

    def fault(seen: Seen) -> str:
        number = len(seen.requests)
        return "" if low <= number <= top else f"{number} requests"

    return Fact(f"{low} requests" if low == top else f"{low} to {top} requests", fault)


def waited(low: float, high: float) -> Fact:
    def fault(seen: Seen) -> str:
        if len(seen.requests) < 2:
            return "there is no second request"
        gap = seen.requests[1].at - seen.requests[0].at
        return "" if low <= gap <= high else f"{gap:.1f} s between the requests"

    return Fact(f"{low} to {high} s between the requests", fault)


def _never(text: str, name: str, is_wrong: Callable[[str], bool]) -> Fact:
    """No request has such a header."""
    return Fact(
        text,
        lambda seen: next(
            (f"{name}: {value}" for one in seen.requests if is_wrong(value := one.get(name) or "")),
            "",
        ),
    )


NO_WEAK = _never("no weak tag in If-Range", "if-range", lambda value: value.startswith("W/"))
NOT_EVIL = _never("no header is smuggled", "x-evil", bool)
NEVER_RANGE = _never("no request has a Range", "range", bool)


def _used_ranges(seen: Seen) -> str:
    asked = sum(one.get("range") is not None for one in seen.requests)
    most = seen.world.server.most_active
    return "" if asked and most <= 5 else f"{asked} requests with a Range, {most} at a time"


USED_RANGES = Fact(
    "several ranges, at most 5 at a time (the one that was left among them)", _used_ranges
)


def unasked(host: str) -> Fact:
    """No proxy is asked for this host, and no request names it."""

    def fault(seen: Seen) -> str:
        lines = [one.get("host") or "" for one in seen.requests]
        lines += seen.world.proxy.lines if seen.world.proxy else []
        return next((f"asked: {line[:80]}" for line in lines if host in line), "")

    return Fact(f"`{host}` is not asked for", fault)


NOT_INSIDE = Fact(
    "the inner server is not asked",
    lambda seen: "it was asked" if any(one.requests for one in seen.world.others) else "",
)


# ---- facts about the last run ------------------------------------------------------------------


def says(*texts: str) -> Fact:
    """Standard error has all of these."""

    def fault(seen: Seen) -> str:
        missing = [text for text in texts if text.lower() not in seen.ran.err.lower()]
        return f"does not say {missing}" if missing else ""

    return Fact(f"says {', '.join(texts)}", fault)


def unsaid(*texts: str) -> Fact:
    """Neither output has any of these."""

    def fault(seen: Seen) -> str:
        said = (seen.ran.err + seen.ran.out).lower()
        found = [text for text in texts if text.lower() in said]
        return f"says {found}" if found else ""

    return Fact(f"does not say {', '.join(texts)}", fault)


def _measured(text: str, number: Callable[[Seen], float], low: float, high: float) -> Fact:
    def fault(seen: Seen) -> str:
        found = number(seen)
        return "" if low <= found <= high else f"it was {found:,.1f}"

    return Fact(text, fault)


ANY = float("inf")


def quick(seconds: float) -> Fact:
    return _measured(f"within {seconds} s", lambda seen: seen.ran.seconds, 0, seconds)


def slow(seconds: float) -> Fact:
    return _measured(f"{seconds} s at least", lambda seen: seen.ran.seconds, seconds, ANY)


def small(megabytes: float = 120) -> Fact:
    return _measured(f"below {megabytes} MB", lambda seen: seen.ran.rss, 0, megabytes)


def sent_at_most(size: int) -> Fact:
    """The server could not send more than this before covcat left."""
    return _measured(f"at most {size:,} bytes came", lambda seen: seen.world.server.sent, 0, size)


def verified_by(kind: str) -> Fact:
    """The manifest claims this and no more."""

    def fault(seen: Seen) -> str:
        path = seen.data / "set" / "1" / "manifest.json"
        if not path.is_file():
            return ""
        found = [one["verified_by"] for one in json.loads(path.read_text())["downloads"]]
        return "" if found == [kind] else f"verified by {found}"

    return Fact(f"verified by {kind}", fault)


def parts_in(data: Path) -> list[Path]:
    return sorted((data / ".covcat" / "parts").glob("*.part"))


PART_STAYS = Fact("a part stays", lambda seen: "" if parts_in(seen.data) else "no part stays")
NO_PART = Fact("no part stays", lambda seen: "".join(map(str, parts_in(seen.data)[:1])))
