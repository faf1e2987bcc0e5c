"""Cases of statuses, addresses and heads."""

from urllib.parse import quote

from servers.chaos.body import Stream
from servers.chaos.case import (
    NO_PART,
    NOT_EVIL,
    NOT_INSIDE,
    OLD,
    PINNED,
    SHA,
    Fact,
    count,
    quick,
    row,
    rows,
    says,
    small,
    unasked,
    unsaid,
    waited,
)


def _others(*paths: str) -> dict[str, object]:
    urls = [f"https://mirror{n}.example.org/{path}" for n, path in enumerate(paths, 1)]
    return {"mirrors": urls}


def redirected(target: str, more: str = "") -> str:
    return f"redirect?to={quote(target, safe='')}{more}"


def to_host(name: str) -> str:
    return redirected(f"https://{name}/file")


ZIP: dict[str, object] = {"unpack": "zip"}
SOON = {"COVCAT_TIMEOUT": "2", "COVCAT_RETRIES": "1"}
GOES_THROUGH = Fact(
    "%2b%2F'*~!() is asked",
    lambda seen: (
        ""
        if any("sig=%2b%2F'*~!()" in one.target for one in seen.requests)
        else seen.requests[-1].target[:80]
    ),
)
LONG_IDN = "\u0660" * 5000

# fmt: off
CASES = (
    # ---- D24 to D29: statuses, pauses that a server asks for, other addresses
    # pauses
    row("D24a", "429, Retry-After: 1", "status?code=429&after=1", 0, count(2), waited(1, 5)),
    row("D24b", "503, Retry-After: 2", "status?code=503&after=2", 0, count(2), waited(2, 6)),
    row("D25a", "Retry-After: a date in 3 s", "status?code=429&after-date=3", 0, count(2),
        waited(1.5, 7)),
    row("D25b", "Retry-After: a past date", "status?code=429&after-date=-9000", 0, count(2),
        waited(0, 2)),
    row("D25c", "Retry-After: ten years", "status?code=429&after=315360000&times=-1", 4, count(1),
        quick(10), says("315")),
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
    row("D25k", "Retry-After on 500 is not honoured", "status?code=500&after=20", 0, count(2),
        waited(0, 4)),
    row("D25l", "Retry-After on 200 is not honoured", "status?code=200&after=20&times=0", 0,
        count(1), quick(10)),
    row("D25m", "Retry-After: a date of year 9999999",
        "status?code=429&after=Mon,%2001%20Jan%209999999%2000:00:00%20GMT", (0, 4), quick(10)),
    row("D25n", "RateLimit-Reset: 1", "status?code=429&reset=1", 0, count(2), waited(1, 5)),
    row("D25o", "x-ratelimit-reset in 2 s", "status?code=429&reset-epoch=2", 0, count(2),
        waited(0.8, 6)),
    row("D25p", "x-ratelimit-reset in ten years", "status?code=429&reset-epoch=315360000&times=-1",
        4, count(1), quick(10)),
    row("D25q", "Retry-After: 0", "status?code=503&after=0", 0, count(2), waited(0, 2)),
    row("D25r", "x-ratelimit-reset of the past", "status?code=429&reset-epoch=-99999", 0, count(2),
        waited(0, 2)),
    row("D25s", "a date of 1970 in Retry-After", f"status?code=429&after={quote(OLD)}", 0, count(2),
        waited(0, 2)),
    # passing
    *(
        row(f"D26-{code}", f"{code} twice, then the file", f"status?code={code}&times=2", 0, count(3))
        for code in (408, 425, 429, 500, 502, 503, 504, 520, 599)
    ),
    # lasting
    row("D26a", "503 for ever, --retries 1", "status?times=-1", 4, count(2), says("503"), NO_PART,
        args=("--retries", "1")),
    row("D26b", "503 with a piece of the file, for ever", "status?times=-1&bodied=1", 4, count(3),
        NO_PART),
    row("D26c", "501: no second try", "status?code=501&times=-1", 4, count(1)),
    row("D26d", "505: no second try", "status?code=505&times=-1", 4, count(1)),
    row("D26e", "500, 429, 503, then the file", "flaky-status?codes=500,429,503", 0, count(4),
        env={"COVCAT_RETRIES": "5"}),
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
    row("D27a", "404, then another address", "status?code=404&times=-1", 0, count(2),
        keys=_others("file")),
    row("D27b", "403, then another address", "status?code=403&times=-1", 0, count(2),
        keys=_others("file")),
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
    # ---- D30 to D36: redirects, private addresses, credentials
    # followed
    row("D30a", "10 redirects", "hops?n=10", 0, count(11)),
    row("D30b", "11 redirects", "hops?n=11", 4, count(11)),
    row("D30c", "a redirect to itself", "loop", 4, count(1, 11)),
    row("D30d", "to itself with a new query each time", "loop?fresh=1", 4, count(11)),
    row("D30e", "an empty Location", "no-location?empty=1", 4, count(1)),
    row("D30f", "no Location", "no-location", 4, count(1)),
    row("D30g", "Location: http:///x", redirected("http:///x"), 4, count(1)),
    row("D30h", "Location: //", redirected("//"), 4, count(1, 11)),
    row("D30i", "Location: https://[", redirected("https://["), 4, count(1)),
    row("D30j", "Location: a port of six digits",
        redirected("https://data.example.org:654321/file"), 4, count(1), world="network-ipv4"),
    row("D30k", "307 to a path", redirected("/file", "&code=307"), 0, count(2)),
    row("D30l", "303 to a relative path", redirected("file", "&code=303"), 0, count(2)),
    row("D30m", "308 to the mirror's own address",
        redirected("{here}/data.example.org/file", "&code=308"), 0, count(2)),
    row("D30n", "301 to //host/path", redirected("//store.example.net/file", "&code=301"), 0,
        count(2)),
    row("D30o", "302 to another host, cut there and resumed",
        redirected("https://store.example.net/cut"), 0, count(2, 4)),
    # refused
    *rows("D31", "ab", "http://data.example.org/file HTTP://data.example.org/file", "Location: {}",
        redirected, 4, count(1), quick(10)),
    *rows("D32", "abcdeg",
        "file:///etc/passwd ftp://data.example.org/file data:text/plain,hello javascript:alert(1)"
        " gopher://data.example.org/file httpx://data.example.org/file",
        "Location: {}", redirected, 4, count(1), quick(10)),
    *rows("D35", "abcd",
        "https://u:p@store.example.net/file https://u@store.example.net/file"
        " https://@store.example.net/file https://data.example.org\\@evil.example.net/file",
        "Location: {}", redirected, 4, count(1), quick(10)),
    # private
    *rows("D36", "abcdefghijlno",
        "127.0.0.1 169.254.169.254 10.0.0.1 [::1] 0 0x7f.1 2130706433 [::ffff:127.0.0.1] localhost"
        " 100.64.0.1 127.1 [fd00::1] 192.168.0.1", "Location: https://{}/file",
        to_host, 4, count(1), NOT_INSIDE, says("private"), world="network-rebind"),
    *rows("D36", "kmp", "0177.0.0.1 [fe80::1] 127.0.0.1.", "Location: https://{}/file", to_host, 4,
        NOT_INSIDE, world="network-rebind"),
    # credentials
    row("D36z", "with a mirror only the mirror is asked", redirected("https://10.0.0.1/file"),
        (0, 4)),
    row("D33a", "another host: no credential", redirected("https://store.example.net/detector"), 0,
        count(2)),
    row("D33b", "a cookie is set, then another host",
        redirected("https://store.example.net/detector", "&cookie=1"), 0, count(2)),
    row("D34a", "another port of the same host, a cookie",
        redirected("https://data.example.org:8443/detector", "&cookie=1"), 0, count(2)),
    row("D34b", "the mirror's second port, as it stands",
        redirected("http://127.0.0.1:{second}/detector", "&cookie=1"), 4, count(1)),
    row("D33c", "without a mirror: another host, a cookie",
        redirected("https://store.example.net/detector", "&cookie=1"), 0, count(2),
        world="tunnel-works"),
    row("D36q", "--allow-private", redirected("https://10.0.0.1/file"), 0, count(2),
        args=("--allow-private",)),
    row("D36r", "without a mirror: to 10.0.0.1", redirected("https://10.0.0.1/file"), 4, count(1),
        unasked("10.0.0.1"), world="tunnel-works"),
    row("D36s", "without a mirror: to the server by number",
        redirected("https://127.0.0.1:{port}/file"), 4, count(1), unasked("127.0.0.1"),
        world="tunnel-works"),
    row("D36t", "a public name that leads inside", redirected("https://inside.example.net/file"), 4,
        NOT_INSIDE, says("inside.example.net"), world="network-rebind"),
    row("D36u", "a public name that leads to ::1", redirected("https://inside6.example.net/file"),
        4, NOT_INSIDE, world="network-rebind"),
    row("D36v", "a public name that leads to ::ffff:127.0.0.1",
        redirected("https://mapped.example.net/file"), 4, NOT_INSIDE, world="network-rebind"),
    row("D36w", "the same, --allow-private", redirected("https://inside.example.net/file"), 0,
        world="network-rebind", args=("--allow-private",)),
    row("D36x", "the catalog's own name leads inside a network", "file", (0, 4),
        world="network-private"),
    row("D33d", "no secret of the environment is said", "status?code=401&times=-1", 7,
        unsaid("s3cret"), env={"COVCAT_KAGGLE_TOKEN": "s3cret", "KAGGLE_KEY": "s3cret"}),
    # ---- D37 to D46, D52, D53, D55: pages in place of files, codings, heads, addresses
    # pages
    *(
        row(f"D{number}", f"200 with {what}", f"instead?what={name}", exits, NO_PART, *facts, keys=ZIP)
        for number, what, name, exits, facts in (
            ("37a", "a login page", "login", 7, (says("Log in to Host"), count(1))),
            ("37b", "a consent page", "consent", 7, (says("Consent needed"),)),
            ("37c", "a challenge page", "challenge", 7, (says("Just a moment"),)),
            ("37d", "some page", "page", 4, (says("Welcome"),)),
            ("37e", "a page under a zip's type", "bare-page", 4, ()),
            ("37f", "a page with a title of 100 KB", "long", 4, ()),
            ("37g", "a login page after a byte order mark", "bom", (4, 5, 7), ()),
            ("38a", "JSON", "json", 4, (says("no such file"),)),
            ("38b", "a JSON list", "array", 4, ()),
            ("38c", "XML", "xml", 4, ()),
            ("38d", "XML without its declaration", "bare-xml", (4, 5), ()),
            ("38e", "nothing", "empty", 4, ()),
            ("38f", "a pointer of git-lfs", "pointer", (4, 5), ()),
            ("38g", "plain text", "text", (4, 5), ()),
            ("45a", "a title of control characters", "escapes", (4, 7), (says("owned"),)),
        )
    ),
    # plain pages
    row("D37h", "a login page for a plain file", "instead?what=login", (4, 7), NO_PART),
    row("D37i", "a login page for a plain file, sha256 known", "instead?what=login", (4, 5, 7),
        NO_PART, keys=PINNED),
    row("D38h", "nothing, for a plain file", "instead?what=empty", 4, NO_PART),
    row("D38i", "202 with nothing", "instead?what=empty&code=202", 4),
    row("D37j", "a 503 login page", "instead?what=login&code=503", 4),
    # codings
    row("D39i", "an empty coding", "coding?value=&packed=0", (0, 4)),
    row("D39a", "gzip though identity was asked", "coding", 4, NO_PART, says("gzip")),
    row("D39b", "gzip, sha256 known", "coding", 4, keys=PINNED),
    row("D39c", "Content-Encoding: identity", "coding?value=identity&packed=0", 0),
    row("D39d", "x-gzip", "coding?value=x-gzip", 4),
    row("D39e", "brotli", "coding?value=br&packed=0", 4),
    row("D39f", "identity, gzip", "coding?value=identity,%20gzip", 4),
    row("D39g", "an unknown coding", "coding?value=x-odd&packed=0", 4),
    row("D39h", "GZIP in capitals", "coding?value=GZIP", 4),
    row("D40a", "200 KB of gzip that unpack to 200 MB", "bomb-body", 4, small(), quick(15)),
    row("D40b", "fifty codings", "many-codings", 4, small()),
    row("D40c", "half of a gzip", "coding?cut=1", 4),
    # large
    row("D43a", "a header of 300 KB", "big-head?bytes=300000", (0, 4), small()),
    row("D43b", "20,000 headers", "big-head?count=20000", (0, 4), small()),
    row("D43c", "a status line of 1 MB", "big-head?status=1000000", (0, 4), small()),
    row("D43d", "20,000 interim answers", "continues", (0, 4), small()),
    row("D43e", "interim answers for ever", "continues?count=-1", 4, small(), quick(25), env=SOON),
    row("D43f", "headers for ever", "endless-head", 4, small(), quick(25), env=SOON),
    row("D43g", "a status line for ever", "endless-head?of=status", 4, small(), quick(25),
        env=SOON),
    # garbage
    *rows("D44", "abcdefghijklmn",
        "noise random ssh http09 tls half no-code code-999 code-20 http3 icy nul no-colon switch",
        "not HTTP: {}", "garbage?what={}", 4, NO_PART, quick(20), env=SOON),
    # hostile
    *rows("D45", "bcdef", "reason header location coding retry", "control characters in: {}",
        "escapes?where={}", 4),
    row("D45g", "control characters in: tag", "escapes?where=tag", (0, 4)),
    row("D45h", "control characters in a part of the address",
        "status?code=404&times=-1&x=%1B%5B2J", 4),
    row("D45i", "CR LF in Location: another header", redirected("/file\r\nX-Evil: 1\r\n"), (0, 4)),
    # names
    *rows("D46", "abcefgh", "up absolute windows star bad-star long other",
        "Content-Disposition: {}", "disposition?what={}", 0),
    *rows("D46", "di", "nul escapes", "Content-Disposition: {}", "disposition?what={}", (0, 4)),
    # addresses
    row("D52a", "Location: a host of 5,000 Arabic digits", redirected(f"https://{LONG_IDN}/file"),
        4, count(1), quick(5), world="network-ipv4"),
    row("D52d", "the same with a mirror", redirected(f"https://{LONG_IDN}/file"), (0, 4),
        quick(10)),
    row("D52b", "the same with a label of 60",
        redirected(f"https://{LONG_IDN[:60]}.example.net/file"), (0, 4), quick(5)),
    row("D52c", "the catalog's host has 5,000 letters", "file", (0, 2, 4, 5), quick(10),
        host="a" * 5000),
    row("D53a", "CR LF in Location", redirected("/file?x=\r\nX-Evil: 1"), (0, 4), NOT_EVIL),
    row("D53b", "a bare LF in Location", redirected("/file?x=\nX-Evil: 1"), (0, 4), NOT_EVIL),
    row("D53c", "blanks in Location", redirected("/file?x=a b  c"), 0, count(2)),
    row("D53d", "a backslash in Location", redirected("/file?x=a\\b"), (0, 4)),
    row("D53e", "%00 in Location", redirected("/file?x=%00"), (0, 4)),
    row("D53f", "a NUL in Location", redirected("/file?x=\0"), (0, 4)),
    row("D53g", "a fragment in Location", redirected("/file?x=1#/../part"), 0, count(2)),
    row("D53h", "70 KB of Location", "redirect?to=/file%3Fx=&pad=70000", (0, 4)),
    row("D53i", "Location beyond ASCII", redirected("/file?x=\u00e9\u4e2d"), (0, 4)),
    row("D53j", "Location with ..", redirected("/a/../../file"), (0, 4)),
    row("D53k", "a signed query goes through as it is", redirected("/file?sig=%2b%2F'*~!()"), 0,
        count(2), GOES_THROUGH),
    row("D53l", "percent signs in the catalog's address", "file?x=%2b%20%00%5C", 0),
    row("D53m", "70 KB of address in the catalog", f"file?x={'a' * 70_000}", (0, 2, 4, 5)),
    row("D53n", "Location with a tab in its scheme", redirected("ht\ttps://data.example.org/file"),
        (0, 4)),
    row("D53o", "quotes and braces", "file?x=" + quote("\"'{}|^`<>"), 0),
    # odd
    *rows("D55", "abcdefghijl",
        "http10 http10-length lower upper fold lf bare blanks empty-value latin early-hints",
        "an odd head: {}", "odd-head?what={}", 0),
    row("D55k", "an odd head: name-blank", "odd-head?what=name-blank", (0, 4)),
    # secret
    row("D45j", "nothing of the page is kept or said beyond its title", "instead?what=long", 4,
        unsaid("A" * 2000), keys=ZIP),
)
