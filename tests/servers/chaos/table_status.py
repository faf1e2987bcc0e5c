"""Cases D24 to D29: statuses, pauses that a server asks for, other addresses."""

from urllib.parse import quote

from servers.chaos.body import Stream
from servers.chaos.case import NO_PART, OLD, SHA, count, quick, row, says, waited


def _others(*paths: str) -> dict[str, object]:
    urls = [f"https://mirror{n}.example.org/{path}" for n, path in enumerate(paths, 1)]
    return {"mirrors": urls}


# fmt: off
CASES = (
    # pauses
    row("D24a", "429, Retry-After: 1", "status?code=429&after=1", 0, count(2), waited(1, 5)),
    row("D24b", "503, Retry-After: 2", "status?code=503&after=2", 0, count(2), waited(2, 6)),
    row("D25a", "Retry-After: a date in 3 s", "status?code=429&after-date=3", 0,
        count(2), waited(1.5, 7)),
    row("D25b", "Retry-After: a past date", "status?code=429&after-date=-9000", 0,
        count(2), waited(0, 2)),
    row("D25c", "Retry-After: ten years", "status?code=429&after=315360000&times=-1", 4,
        count(1), quick(10), says("315")),
    row("D25d", "Retry-After: a date in ten years", "status?code=503&after-date=315360000&times=-1",
        4, count(1), quick(10)),
    row("D25e", "Retry-After: negative", "status?code=429&after=-5", 0, count(2), waited(0, 2)),
    row("D25f", "Retry-After: text", "status?code=429&after=later", 0, count(2), waited(0, 2)),
    row("D25g", "Retry-After: a fraction", "status?code=429&after=1.5", 0, count(2), waited(0, 3)),
    row("D25h", "Retry-After: 5,000 digits", f"status?code=429&times=-1&after={'9' * 5000}", 4,
        quick(10)),
    row("D25i", "Retry-After: digits of another script",
        "status?code=429&after=%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5", 0, count(2), waited(0, 2)),
    row("D25j", "Retry-After: 3601 is more than an hour", "status?code=429&after=3601&times=-1", 4,
        count(1), quick(10), says("3601")),
    row("D25k", "Retry-After on 500 is not honoured", "status?code=500&after=20", 0,
        count(2), waited(0, 4)),
    row("D25l", "Retry-After on 200 is not honoured", "status?code=200&after=20&times=0", 0,
        count(1), quick(10)),
    row("D25m", "Retry-After: a date of year 9999999",
        "status?code=429&after=Mon,%2001%20Jan%209999999%2000:00:00%20GMT", (0, 4), quick(10)),
    row("D25n", "RateLimit-Reset: 1", "status?code=429&reset=1", 0, count(2), waited(1, 5)),
    row("D25o", "x-ratelimit-reset in 2 s", "status?code=429&reset-epoch=2", 0,
        count(2), waited(0.8, 6)),
    row("D25p", "x-ratelimit-reset in ten years", "status?code=429&reset-epoch=315360000&times=-1",
        4, count(1), quick(10)),
    row("D25q", "Retry-After: 0", "status?code=503&after=0", 0, count(2), waited(0, 2)),
    row("D25r", "x-ratelimit-reset of the past", "status?code=429&reset-epoch=-99999", 0,
        count(2), waited(0, 2)),
    row("D25s", "a date of 1970 in Retry-After", f"status?code=429&after={quote(OLD)}", 0,
        count(2), waited(0, 2)),
    # passing
    *(
        row(f"D26-{code}", f"{code} twice, then the file", f"status?code={code}&times=2", 0, count(3))
        for code in (408, 425, 429, 500, 502, 503, 504, 520, 599)
    ),
    # lasting
    row("D26a", "503 for ever, --retries 1", "status?times=-1", 4,
        count(2), says("503"), NO_PART, args=("--retries", "1")),
    row("D26b", "503 with a piece of the file, for ever", "status?times=-1&bodied=1", 4,
        count(3), NO_PART),
    row("D26c", "501: no second try", "status?code=501&times=-1", 4, count(1)),
    row("D26d", "505: no second try", "status?code=505&times=-1", 4, count(1)),
    row("D26e", "500, 429, 503, then the file", "flaky-status?codes=500,429,503", 0,
        count(4), env={"COVCAT_RETRIES": "5"}),
    # closed
    *(
        row(f"D27-{code}", f"{code}: no second try", f"status?code={code}&times=-1", (exit_code,),
            count(1), says(str(code)), NO_PART)
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
    ),
    # unfit
    *(
        row(f"D28-{code}", f"{code} to a plain request", f"status?code={code}&times=-1&bodied=1", 4,
            NO_PART)
        for code in (201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 304, 416)
    ),
    # mirrors
    row("D27a", "404, then another address", "status?code=404&times=-1", 0,
        count(2), keys=_others("file")),
    row("D27b", "403, then another address", "status?code=403&times=-1", 0,
        count(2), keys=_others("file")),
    row("D27c", "cut for ever, then another address", "cut?times=-1", 0, keys=_others("file")),
    row("D27d", "a login page, then another address", "instead?what=login", 0,
        keys={"unpack": "zip", **_others("file?kind=zip")}),
    row("D27e", "other bytes, then another address", "file?seed=2", 0,
        keys={"sha256": SHA, **_others("file")}),
    row("D27f", "10 years of Retry-After, then another address",
        "status?code=429&after=315360000&times=-1", 0, quick(10), keys=_others("file")),
    row("D27g", "an empty 200, then another address", "instead?what=empty", 0,
        keys=_others("file")),
    row("D27h", "a part of the first address, the second has other bytes", "cut?times=-1", 0,
        keys=_others("file?seed=2"), contents=(Stream(2),)),
    row("D29a", "all addresses fail, in three ways", "status?code=404&times=-1", 9,
        says("data.example.org", "mirror1.example.org", "mirror2.example.org", "404", "403"),
        keys={"sha256": SHA, **_others("status?code=403&times=-1", "file?seed=2")}),
    row("D29b", "all addresses fail, in one way", "status?code=404&times=-1", 4, count(5),
        says("mirror1.example.org", "mirror2.example.org"),
        keys=_others("status?code=410&times=-1", "status?code=503&times=-1")),
)
