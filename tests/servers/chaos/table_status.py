"""Cases D24 to D29: statuses, pauses that a server asks for, other addresses."""

from urllib.parse import quote

from servers.chaos.body import Stream
from servers.chaos.case import NO_PART, OLD, Case, count, quick, says, waited
from servers.chaos.table_transfer import SHA

PAUSES = (
    Case(
        id="D24a",
        what="429, Retry-After: 1",
        path="status?code=429&after=1",
        facts=(count(2), waited(1, 5)),
    ),
    Case(
        id="D24b",
        what="503, Retry-After: 2",
        path="status?code=503&after=2",
        facts=(count(2), waited(2, 6)),
    ),
    Case(
        id="D25a",
        what="Retry-After: a date in 3 s",
        path="status?code=429&after-date=3",
        facts=(count(2), waited(1.5, 7)),
    ),
    Case(
        id="D25b",
        what="Retry-After: a past date",
        path="status?code=429&after-date=-9000",
        facts=(count(2), waited(0, 2)),
    ),
    Case(
        id="D25c",
        what="Retry-After: ten years",
        path="status?code=429&after=315360000&times=-1",
        exits=(4,),
        facts=(count(1), quick(10), says("315")),
    ),
    Case(
        id="D25d",
        what="Retry-After: a date in ten years",
        path="status?code=503&after-date=315360000&times=-1",
        exits=(4,),
        facts=(count(1), quick(10)),
    ),
    Case(
        id="D25e",
        what="Retry-After: negative",
        path="status?code=429&after=-5",
        facts=(count(2), waited(0, 2)),
    ),
    Case(
        id="D25f",
        what="Retry-After: text",
        path="status?code=429&after=later",
        facts=(count(2), waited(0, 2)),
    ),
    Case(
        id="D25g",
        what="Retry-After: a fraction",
        path="status?code=429&after=1.5",
        facts=(count(2), waited(0, 3)),
    ),
    Case(
        id="D25h",
        what="Retry-After: 5,000 digits",
        path=f"status?code=429&times=-1&after={'9' * 5000}",
        exits=(4,),
        facts=(quick(10),),
    ),
    Case(
        id="D25i",
        what="Retry-After: digits of another script",
        path="status?code=429&after=%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5",
        facts=(count(2), waited(0, 2)),
    ),
    Case(
        id="D25j",
        what="Retry-After: 3601 is more than an hour",
        path="status?code=429&after=3601&times=-1",
        exits=(4,),
        facts=(count(1), quick(10), says("3601")),
    ),
    Case(
        id="D25k",
        what="Retry-After on 500 is not honoured",
        path="status?code=500&after=20",
        facts=(count(2), waited(0, 4)),
    ),
    Case(
        id="D25l",
        what="Retry-After on 200 is not honoured",
        path="status?code=200&after=20&times=0",
        facts=(count(1), quick(10)),
    ),
    Case(
        id="D25m",
        what="Retry-After: a date of year 9999999",
        path="status?code=429&after=Mon,%2001%20Jan%209999999%2000:00:00%20GMT",
        exits=(0, 4),
        facts=(quick(10),),
    ),
    Case(
        id="D25n",
        what="RateLimit-Reset: 1",
        path="status?code=429&reset=1",
        facts=(count(2), waited(1, 5)),
    ),
    Case(
        id="D25o",
        what="x-ratelimit-reset in 2 s",
        path="status?code=429&reset-epoch=2",
        facts=(count(2), waited(0.8, 6)),
    ),
    Case(
        id="D25p",
        what="x-ratelimit-reset in ten years",
        path="status?code=429&reset-epoch=315360000&times=-1",
        exits=(4,),
        facts=(count(1), quick(10)),
    ),
    Case(
        id="D25q",
        what="Retry-After: 0",
        path="status?code=503&after=0",
        facts=(count(2), waited(0, 2)),
    ),
    Case(
        id="D25r",
        what="x-ratelimit-reset of the past",
        path="status?code=429&reset-epoch=-99999",
        facts=(count(2), waited(0, 2)),
    ),
    Case(
        id="D25s",
        what="a date of 1970 in Retry-After",
        path=f"status?code=429&after={quote(OLD)}",
        facts=(count(2), waited(0, 2)),
    ),
)

PASSING = tuple(
    Case(
        id=f"D26-{code}",
        what=f"{code} twice, then the file",
        path=f"status?code={code}&times=2",
        facts=(count(3),),
    )
    for code in (408, 425, 429, 500, 502, 503, 504, 520, 599)
)

LASTING = (
    Case(
        id="D26a",
        what="503 for ever, --retries 1",
        path="status?times=-1",
        args=("--retries", "1"),
        exits=(4,),
        facts=(count(2), says("503"), NO_PART),
    ),
    Case(
        id="D26b",
        what="503 with a piece of the file, for ever",
        path="status?times=-1&bodied=1",
        exits=(4,),
        facts=(count(3), NO_PART),
    ),
    Case(
        id="D26c",
        what="501: no second try",
        path="status?code=501&times=-1",
        exits=(4,),
        facts=(count(1),),
    ),
    Case(
        id="D26d",
        what="505: no second try",
        path="status?code=505&times=-1",
        exits=(4,),
        facts=(count(1),),
    ),
    Case(
        id="D26e",
        what="500, 429, 503, then the file",
        path="flaky-status?codes=500,429,503",
        env={"COVCAT_RETRIES": "5"},
        facts=(count(4),),
    ),
)

CLOSED = tuple(
    Case(
        id=f"D27-{code}",
        what=f"{code}: no second try",
        path=f"status?code={code}&times=-1",
        exits=(exit_code,),
        facts=(count(1), says(str(code)), NO_PART),
    )
    for code, exit_code in (
        (404, 4),
        (410, 4),
        (401, 7),
        (403, 7),
        (407, 7),
        (451, 7),
        (400, 4),
        (418, 4),
        (402, 4),
    )
)

UNFIT = tuple(
    Case(
        id=f"D28-{code}",
        what=f"{code} to a plain request",
        path=f"status?code={code}&times=-1&bodied=1",
        exits=(4,),
        facts=(NO_PART,),
    )
    for code in (201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 304, 416)
)


def _others(*paths: str) -> dict[str, object]:
    urls = [f"https://mirror{n}.example.org/{path}" for n, path in enumerate(paths, 1)]
    return {"mirrors": urls}


MIRRORS = (
    Case(
        id="D27a",
        what="404, then another address",
        path="status?code=404&times=-1",
        keys=_others("file"),
        facts=(count(2),),
    ),
    Case(
        id="D27b",
        what="403, then another address",
        path="status?code=403&times=-1",
        keys=_others("file"),
        facts=(count(2),),
    ),
    Case(
        id="D27c",
        what="cut for ever, then another address",
        path="cut?times=-1",
        keys=_others("file"),
    ),
    Case(
        id="D27d",
        what="a login page, then another address",
        path="instead?what=login",
        keys={"unpack": "zip", **_others("file?kind=zip")},
    ),
    Case(
        id="D27e",
        what="other bytes, then another address",
        path="file?seed=2",
        keys={"sha256": SHA, **_others("file")},
    ),
    Case(
        id="D27f",
        what="10 years of Retry-After, then another address",
        path="status?code=429&after=315360000&times=-1",
        keys=_others("file"),
        facts=(quick(10),),
    ),
    Case(
        id="D27g",
        what="an empty 200, then another address",
        path="instead?what=empty",
        keys=_others("file"),
    ),
    Case(
        id="D27h",
        what="a part of the first address, the second has other bytes",
        path="cut?times=-1",
        keys=_others("file?seed=2"),
        contents=(Stream(2),),
    ),
    Case(
        id="D29a",
        what="all addresses fail, in three ways",
        path="status?code=404&times=-1",
        keys={"sha256": SHA, **_others("status?code=403&times=-1", "file?seed=2")},
        exits=(9,),
        facts=(
            says("data.example.org", "mirror1.example.org", "mirror2.example.org", "404", "403"),
        ),
    ),
    Case(
        id="D29b",
        what="all addresses fail, in one way",
        path="status?code=404&times=-1",
        keys=_others("status?code=410&times=-1", "status?code=503&times=-1"),
        exits=(4,),
        facts=(count(5), says("mirror1.example.org", "mirror2.example.org")),
    ),
)

CASES = (
    *PAUSES,
    *PASSING,
    *LASTING,
    *CLOSED,
    *UNFIT,
    *MIRRORS,
)
