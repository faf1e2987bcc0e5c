"""Cases D37 to D46, D52, D53 and D55: pages in place of files, codings, heads, addresses."""

from urllib.parse import quote

from servers.chaos.case import (
    NO_PART,
    NOT_EVIL,
    PINNED,
    Fact,
    count,
    quick,
    row,
    rows,
    says,
    small,
    unsaid,
)
from servers.chaos.table_redirect import redirected

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
    row("D43g", "a status line for ever", "endless-head?of=status", 4,
        small(), quick(25), env=SOON),
    # garbage
    *rows("D44", "abcdefghijklmn",
        "noise random ssh http09 tls half no-code code-999 code-20 http3 icy nul no-colon switch",
        "not HTTP: {}", "garbage?what={}", 4, NO_PART, quick(20), env=SOON),
    # hostile
    *rows("D45", "bcdef", "reason header location coding retry",
        "control characters in: {}", "escapes?where={}", 4),
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
    row("D52c", "the catalog's host has 5,000 letters", "file", (0, 2, 4, 5),
        quick(10), host="a" * 5000),
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
        count(2),
        GOES_THROUGH),
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
