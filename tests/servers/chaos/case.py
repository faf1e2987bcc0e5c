"""What a case says: what is asked, what is done before, and what must be true afterwards."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers.chaos.body import Content, Stream
from servers.chaos.server import Request
from servers.chaos.worlds import World

OLD = "Wed, 01 Jan 2020 00:00:00 GMT"
ONE, TWO = '"one"', '"two"'
SIZE = 200_003
SHA, SHA2 = (hashlib.sha256(Stream(seed).data).hexdigest() for seed in (1, 2))
MD5, MD5_2 = (hashlib.md5(Stream(seed).data).hexdigest() for seed in (1, 2))
PINNED: dict[str, object] = {"sha256": SHA}


@dataclass
class Seen:
    """What the runs of a case left to look at; texts and times are those of the last run."""

    world: World
    data: Path
    exit: int = 0
    out: str = ""
    err: str = ""
    seconds: float = 0.0
    rss: float = 0.0  # MB
    first_requests: int = 0  # of the first run, where there was one

    @property
    def requests(self) -> list[Request]:
        return self.world.requests

    @property
    def last_requests(self) -> list[Request]:
        return self.requests[self.first_requests :]

    @property
    def manifest(self) -> dict[str, object]:
        path = self.data / "set" / "1" / "manifest.json"
        return dict(json.loads(path.read_text())) if path.is_file() else {}


@dataclass(frozen=True)
class Fact:
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
        if self.contents is not None:
            return self.contents
        size = parse_qs(urlsplit(self.path).query).get("size", [str(SIZE)])[0]
        return (Stream(1, int(size)),)


def row(
    id: str, what: str, path: str, exits: int | tuple[int, ...], *facts: Fact, **more: Any
) -> Case:
    """Make a case of a line of the table; one exit code stands for itself."""
    first = more.pop("first", ())
    return Case(
        id=id,
        what=what,
        path=path,
        exits=(exits,) if isinstance(exits, int) else exits,
        facts=facts,
        first=(first,) if isinstance(first, int) else first,
        **more,
    )


def rows(
    number: str,
    letters: str,
    words: str,
    what: str,
    path: str | Callable[[str], str],
    exits: int | tuple[int, ...],
    *facts: Fact,
    **more: Any,
) -> tuple[Case, ...]:
    """Make a case of each word, which stands where `what`, `path` and texts in `more` have {}."""
    made = []
    for letter, word in zip(letters, words.split(), strict=True):
        filled = {k: v.format(word) if isinstance(v, str) else v for k, v in more.items()}
        asked = path.format(word) if isinstance(path, str) else path(word)
        made.append(row(number + letter, what.format(word), asked, exits, *facts, **filled))
    return tuple(made)


# ---- facts about requests ----------------------------------------------------------------------


def _range(request: Request) -> str:
    held, condition = request.get("range"), request.get("if-range")
    return f"Range {held}, If-Range {condition}" if held else "no Range"


def resumed(number: int, condition: str | None = ONE) -> Fact:
    """Request `number` (from 1) asks for the rest, with this If-Range or none."""

    def fault(seen: Seen) -> str:
        if len(seen.requests) < number:
            return f"there are only {len(seen.requests)} requests"
        one = seen.requests[number - 1]
        start = (one.get("range") or "").removeprefix("bytes=").removesuffix("-")
        is_right = start.isdecimal() and int(start) > 0 and one.get("if-range") == condition
        return "" if is_right else f"request {number}: {_range(one)}"

    return Fact(f"request {number} resumes, If-Range {condition}", fault)


def plain(*numbers: int) -> Fact:
    """Request `number` asks for the whole file."""

    def fault(seen: Seen) -> str:
        if len(seen.requests) < max(numbers):
            return f"there are only {len(seen.requests)} requests"
        asked = [(number, seen.requests[number - 1]) for number in numbers]
        wrong = [f"request {n}: {_range(one)}" for n, one in asked if one.get("range")]
        wrong += [f"request {n} has If-Range" for n, one in asked if one.get("if-range")]
        return "; ".join(wrong)

    return Fact(f"request {', '.join(map(str, numbers))} asks from 0", fault)


def count(low: int, high: int | None = None) -> Fact:
    """There are so many requests in all."""
    top = low if high is None else high

    def fault(seen: Seen) -> str:
        number = len(seen.requests)
        return "" if low <= number <= top else f"{number} requests"

    return Fact(f"{low} requests" if low == top else f"{low} to {top} requests", fault)


def waited(low: float, high: float) -> Fact:
    """Between the first two requests lie so many seconds."""

    def fault(seen: Seen) -> str:
        if len(seen.requests) < 2:
            return "there is no second request"
        gap = seen.requests[1].at - seen.requests[0].at
        return "" if low <= gap <= high else f"{gap:.1f} s between the requests"

    return Fact(f"{low} to {high} s between the requests", fault)


def never_weak(seen: Seen) -> str:
    """Say which request has a weak validator in If-Range."""
    weak = [one for one in seen.requests if (one.get("if-range") or "").startswith("W/")]
    return "a weak tag in If-Range" if weak else ""


NO_WEAK = Fact("no weak tag in If-Range", never_weak)
NOT_EVIL = Fact(
    "no header is smuggled",
    lambda seen: "X-Evil was sent" if any(one.get("x-evil") for one in seen.requests) else "",
)
NEVER_RANGE = Fact(
    "no request has a Range",
    lambda seen: "" if not any(one.get("range") for one in seen.requests) else "a Range was asked",
)


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


# ---- facts about the run -----------------------------------------------------------------------


def says(*texts: str) -> Fact:
    """Standard error has all of these."""

    def fault(seen: Seen) -> str:
        missing = [text for text in texts if text.lower() not in seen.err.lower()]
        return f"does not say {missing}" if missing else ""

    return Fact(f"says {', '.join(texts)}", fault)


def unsaid(*texts: str) -> Fact:
    """Neither output has any of these."""

    def fault(seen: Seen) -> str:
        found = [text for text in texts if text.lower() in (seen.err + seen.out).lower()]
        return f"says {found}" if found else ""

    return Fact(f"does not say {', '.join(texts)}", fault)


def quick(seconds: float) -> Fact:
    """The last run took no longer."""
    return Fact(
        f"within {seconds} s",
        lambda seen: "" if seen.seconds <= seconds else f"took {seen.seconds:.1f} s",
    )


def slow(seconds: float) -> Fact:
    """The last run took as long at least."""
    return Fact(
        f"{seconds} s at least",
        lambda seen: "" if seen.seconds >= seconds else f"took {seen.seconds:.1f} s",
    )


def small(megabytes: float = 120) -> Fact:
    """The last run took no more memory."""
    return Fact(
        f"below {megabytes} MB", lambda seen: "" if seen.rss <= megabytes else f"{seen.rss:.0f} MB"
    )


def sent_at_most(size: int) -> Fact:
    """The server could not send more than this before covcat left."""
    return Fact(
        f"at most {size:,} bytes came",
        lambda seen: "" if seen.world.server.sent <= size else f"{seen.world.server.sent:,} came",
    )


def verified_by(kind: str) -> Fact:
    """The manifest claims this and no more."""

    def fault(seen: Seen) -> str:
        if not seen.manifest:
            return ""
        downloads = seen.manifest["downloads"]
        found = [one["verified_by"] for one in downloads] if isinstance(downloads, list) else []
        return "" if found == [kind] else f"verified by {found}"

    return Fact(f"verified by {kind}", fault)


def parts_in(data: Path) -> list[Path]:
    """Return the parts that lie in a data folder."""
    return sorted((data / ".covcat" / "parts").glob("*.part"))


PART_STAYS = Fact("a part stays", lambda seen: "" if parts_in(seen.data) else "no part stays")
NO_PART = Fact(
    "no part stays",
    lambda seen: f"stays: {parts_in(seen.data)[0].name}" if parts_in(seen.data) else "",
)


def http_date(seconds_from_epoch: float) -> str:
    """Return a date as HTTP has it."""
    return formatdate(seconds_from_epoch, usegmt=True)
