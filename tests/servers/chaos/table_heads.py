"""Cases D37 to D46, D52, D53 and D55: pages in place of files, codings, heads, addresses."""

from urllib.parse import quote

from servers.chaos.case import NO_PART, Case, Fact, count, quick, says, small, unsaid
from servers.chaos.table_redirect import redirected
from servers.chaos.table_transfer import SHA

ZIP: dict[str, object] = {"unpack": "zip"}
SOON = {"COVCAT_TIMEOUT": "2", "COVCAT_RETRIES": "1"}
PAGES = tuple(
    Case(
        id=f"D{number}",
        what=f"200 with {what}",
        path=f"instead?what={name}",
        keys=ZIP,
        exits=exits,
        facts=(NO_PART, *facts),
    )
    for number, what, name, exits, facts in (
        ("37a", "a login page", "login", (7,), (says("Log in to Host"), count(1))),
        ("37b", "a consent page", "consent", (7,), (says("Consent needed"),)),
        ("37c", "a challenge page", "challenge", (7,), (says("Just a moment"),)),
        ("37d", "some page", "page", (4,), (says("Welcome"),)),
        ("37e", "a page under a zip's type", "bare-page", (4,), ()),
        ("37f", "a page with a title of 100 KB", "long", (4,), ()),
        ("37g", "a login page after a byte order mark", "bom", (4, 5, 7), ()),
        ("38a", "JSON", "json", (4,), (says("no such file"),)),
        ("38b", "a JSON list", "array", (4,), ()),
        ("38c", "XML", "xml", (4,), ()),
        ("38d", "XML without its declaration", "bare-xml", (4, 5), ()),
        ("38e", "nothing", "empty", (4,), ()),
        ("38f", "a pointer of git-lfs", "pointer", (4, 5), ()),
        ("38g", "plain text", "text", (4, 5), ()),
        ("45a", "a title of control characters", "escapes", (4, 7), (says("owned"),)),
    )
)
PLAIN_PAGES = (
    Case(
        id="D37h",
        what="a login page for a plain file",
        path="instead?what=login",
        exits=(4, 7),
        facts=(NO_PART,),
    ),
    Case(
        id="D37i",
        what="a login page for a plain file, sha256 known",
        path="instead?what=login",
        keys={"sha256": SHA},
        exits=(4, 5, 7),
        facts=(NO_PART,),
    ),
    Case(
        id="D38h",
        what="nothing, for a plain file",
        path="instead?what=empty",
        exits=(4,),
        facts=(NO_PART,),
    ),
    Case(id="D38i", what="202 with nothing", path="instead?what=empty&code=202", exits=(4,)),
    Case(id="D37j", what="a 503 login page", path="instead?what=login&code=503", exits=(4,)),
)
CODINGS = (
    Case(id="D39i", what="an empty coding", path="coding?value=&packed=0", exits=(0, 4)),
    Case(
        id="D39a",
        what="gzip though identity was asked",
        path="coding",
        exits=(4,),
        facts=(NO_PART, says("gzip")),
    ),
    Case(id="D39b", what="gzip, sha256 known", path="coding", keys={"sha256": SHA}, exits=(4,)),
    Case(id="D39c", what="Content-Encoding: identity", path="coding?value=identity&packed=0"),
    Case(id="D39d", what="x-gzip", path="coding?value=x-gzip", exits=(4,)),
    Case(id="D39e", what="brotli", path="coding?value=br&packed=0", exits=(4,)),
    Case(id="D39f", what="identity, gzip", path="coding?value=identity,%20gzip", exits=(4,)),
    Case(id="D39g", what="an unknown coding", path="coding?value=x-odd&packed=0", exits=(4,)),
    Case(id="D39h", what="GZIP in capitals", path="coding?value=GZIP", exits=(4,)),
    Case(
        id="D40a",
        what="200 KB of gzip that unpack to 200 MB",
        path="bomb-body",
        exits=(4,),
        facts=(small(), quick(15)),
    ),
    Case(id="D40b", what="fifty codings", path="many-codings", exits=(4,), facts=(small(),)),
    Case(id="D40c", what="half of a gzip", path="coding?cut=1", exits=(4,)),
)
LARGE = (
    Case(
        id="D43a",
        what="a header of 300 KB",
        path="big-head?bytes=300000",
        exits=(0, 4),
        facts=(small(),),
    ),
    Case(
        id="D43b",
        what="20,000 headers",
        path="big-head?count=20000",
        exits=(0, 4),
        facts=(small(),),
    ),
    Case(
        id="D43c",
        what="a status line of 1 MB",
        path="big-head?status=1000000",
        exits=(0, 4),
        facts=(small(),),
    ),
    Case(
        id="D43d", what="20,000 interim answers", path="continues", exits=(0, 4), facts=(small(),)
    ),
    Case(
        id="D43e",
        what="interim answers for ever",
        path="continues?count=-1",
        exits=(4,),
        env=SOON,
        facts=(small(), quick(25)),
    ),
    Case(
        id="D43f",
        what="headers for ever",
        path="endless-head",
        exits=(4,),
        env=SOON,
        facts=(small(), quick(25)),
    ),
    Case(
        id="D43g",
        what="a status line for ever",
        path="endless-head?of=status",
        exits=(4,),
        env=SOON,
        facts=(small(), quick(25)),
    ),
)
GARBAGE = tuple(
    Case(
        id=f"D44{letter}",
        what=f"not HTTP: {what}",
        path=f"garbage?what={what}",
        exits=(4,),
        env=SOON,
        facts=(NO_PART, quick(20)),
    )
    for letter, what in zip(
        "abcdefghijklmn",
        (
            "noise",
            "random",
            "ssh",
            "http09",
            "tls",
            "half",
            "no-code",
            "code-999",
            "code-20",
            "http3",
            "icy",
            "nul",
            "no-colon",
            "switch",
        ),
        strict=True,
    )
)
HOSTILE = (
    *(
        Case(
            id=f"D45{letter}",
            what=f"control characters in: {where}",
            path=f"escapes?where={where}",
            exits=exits,
        )
        for letter, where, exits in (
            ("b", "reason", (4,)),
            ("c", "header", (4,)),
            ("d", "location", (4,)),
            ("e", "coding", (4,)),
            ("f", "retry", (4,)),
        )
    ),
    Case(id="D45g", what="control characters in: tag", path="escapes?where=tag", exits=(0, 4)),
    Case(
        id="D45h",
        what="control characters in a part of the address",
        path="status?code=404&times=-1&x=%1B%5B2J",
        exits=(4,),
    ),
    Case(
        id="D45i",
        what="CR LF in Location: another header",
        path=redirected("/file\r\nX-Evil: 1\r\n"),
        exits=(0, 4),
    ),
)
NAMES = tuple(
    Case(
        id=f"D46{letter}",
        what=f"Content-Disposition: {what}",
        path=f"disposition?what={what}",
        exits=exits,
    )
    for letter, what, exits in (
        ("a", "up", (0,)),
        ("b", "absolute", (0,)),
        ("c", "windows", (0,)),
        ("d", "nul", (0, 4)),
        ("e", "star", (0,)),
        ("f", "bad-star", (0,)),
        ("g", "long", (0,)),
        ("h", "other", (0,)),
        ("i", "escapes", (0, 4)),
    )
)
NOT_EVIL = Fact(
    "no header is smuggled",
    lambda seen: "X-Evil was sent" if any(one.get("x-evil") for one in seen.requests) else "",
)
LONG_IDN = "\u0660" * 5000
ADDRESSES = (
    Case(
        id="D52a",
        what="Location: a host of 5,000 Arabic digits",
        path=redirected(f"https://{LONG_IDN}/file"),
        world="network-ipv4",
        exits=(4,),
        facts=(count(1), quick(5)),
    ),
    Case(
        id="D52d",
        what="the same with a mirror",
        path=redirected(f"https://{LONG_IDN}/file"),
        exits=(0, 4),
        facts=(quick(10),),
    ),
    Case(
        id="D52b",
        what="the same with a label of 60",
        path=redirected(f"https://{LONG_IDN[:60]}.example.net/file"),
        exits=(0, 4),
        facts=(quick(5),),
    ),
    Case(
        id="D52c",
        what="the catalog's host has 5,000 letters",
        path="file",
        host="a" * 5000,
        exits=(0, 2, 4, 5),
        facts=(quick(10),),
    ),
    Case(
        id="D53a",
        what="CR LF in Location",
        path=redirected("/file?x=\r\nX-Evil: 1"),
        exits=(0, 4),
        facts=(NOT_EVIL,),
    ),
    Case(
        id="D53b",
        what="a bare LF in Location",
        path=redirected("/file?x=\nX-Evil: 1"),
        exits=(0, 4),
        facts=(NOT_EVIL,),
    ),
    Case(
        id="D53c", what="blanks in Location", path=redirected("/file?x=a b  c"), facts=(count(2),)
    ),
    Case(id="D53d", what="a backslash in Location", path=redirected("/file?x=a\\b"), exits=(0, 4)),
    Case(id="D53e", what="%00 in Location", path=redirected("/file?x=%00"), exits=(0, 4)),
    Case(id="D53f", what="a NUL in Location", path=redirected("/file?x=\0"), exits=(0, 4)),
    Case(
        id="D53g",
        what="a fragment in Location",
        path=redirected("/file?x=1#/../part"),
        facts=(count(2),),
    ),
    Case(
        id="D53h", what="70 KB of Location", path="redirect?to=/file%3Fx=&pad=70000", exits=(0, 4)
    ),
    Case(
        id="D53i",
        what="Location beyond ASCII",
        path=redirected("/file?x=\u00e9\u4e2d"),
        exits=(0, 4),
    ),
    Case(id="D53j", what="Location with ..", path=redirected("/a/../../file"), exits=(0, 4)),
    Case(
        id="D53k",
        what="a signed query goes through as it is",
        path=redirected("/file?sig=%2b%2F'*~!()"),
        facts=(
            count(2),
            Fact(
                "%2b%2F'*~!() is asked",
                lambda seen: (
                    ""
                    if any("sig=%2b%2F'*~!()" in one.target for one in seen.requests)
                    else seen.requests[-1].target[:80]
                ),
            ),
        ),
    ),
    Case(id="D53l", what="percent signs in the catalog's address", path="file?x=%2b%20%00%5C"),
    Case(
        id="D53m",
        what="70 KB of address in the catalog",
        path=f"file?x={'a' * 70_000}",
        exits=(0, 2, 4, 5),
    ),
    Case(
        id="D53n",
        what="Location with a tab in its scheme",
        path=redirected("ht\ttps://data.example.org/file"),
        exits=(0, 4),
    ),
    Case(id="D53o", what="quotes and braces", path="file?x=" + quote("\"'{}|^`<>")),
)
ODD = tuple(
    Case(id=f"D55{letter}", what=f"an odd head: {what}", path=f"odd-head?what={what}", exits=exits)
    for letter, what, exits in (
        ("a", "http10", (0,)),
        ("b", "http10-length", (0,)),
        ("c", "lower", (0,)),
        ("d", "upper", (0,)),
        ("e", "fold", (0,)),
        ("f", "lf", (0,)),
        ("g", "bare", (0,)),
        ("h", "blanks", (0,)),
        ("i", "empty-value", (0,)),
        ("j", "latin", (0,)),
        ("k", "name-blank", (0, 4)),
        ("l", "early-hints", (0,)),
    )
)
SECRET = (
    Case(
        id="D45j",
        what="nothing of the page is kept or said beyond its title",
        path="instead?what=long",
        keys=ZIP,
        exits=(4,),
        facts=(unsaid("A" * 2000),),
    ),
)
CASES = (
    *PAGES,
    *PLAIN_PAGES,
    *CODINGS,
    *LARGE,
    *GARBAGE,
    *HOSTILE,
    *NAMES,
    *ADDRESSES,
    *ODD,
    *SECRET,
)
