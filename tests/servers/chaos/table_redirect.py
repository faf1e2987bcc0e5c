"""Cases D30 to D36: redirects, private addresses, credentials."""

from urllib.parse import quote

from servers.chaos.case import NOT_INSIDE, Case, count, quick, says, unasked, unsaid


def redirected(target: str, more: str = "") -> str:
    return f"redirect?to={quote(target, safe='')}{more}"


FOLLOWED = (
    Case(id="D30a", what="10 redirects", path="hops?n=10", facts=(count(11),)),
    Case(id="D30b", what="11 redirects", path="hops?n=11", exits=(4,), facts=(count(11),)),
    Case(id="D30c", what="a redirect to itself", path="loop", exits=(4,), facts=(count(1, 11),)),
    Case(
        id="D30d",
        what="to itself with a new query each time",
        path="loop?fresh=1",
        exits=(4,),
        facts=(count(11),),
    ),
    Case(
        id="D30e",
        what="an empty Location",
        path="no-location?empty=1",
        exits=(4,),
        facts=(count(1),),
    ),
    Case(id="D30f", what="no Location", path="no-location", exits=(4,), facts=(count(1),)),
    Case(
        id="D30g",
        what="Location: http:///x",
        path=redirected("http:///x"),
        exits=(4,),
        facts=(count(1),),
    ),
    Case(id="D30h", what="Location: //", path=redirected("//"), exits=(4,), facts=(count(1, 11),)),
    Case(
        id="D30i",
        what="Location: https://[",
        path=redirected("https://["),
        exits=(4,),
        facts=(count(1),),
    ),
    Case(
        id="D30j",
        what="Location: a port of six digits",
        path=redirected("https://data.example.org:654321/file"),
        world="network-ipv4",
        exits=(4,),
        facts=(count(1),),
    ),
    Case(id="D30k", what="307 to a path", path=redirected("/file", "&code=307"), facts=(count(2),)),
    Case(
        id="D30l",
        what="303 to a relative path",
        path=redirected("file", "&code=303"),
        facts=(count(2),),
    ),
    Case(
        id="D30m",
        what="308 to the mirror's own address",
        path=redirected("{here}/data.example.org/file", "&code=308"),
        facts=(count(2),),
    ),
    Case(
        id="D30n",
        what="301 to //host/path",
        path=redirected("//store.example.net/file", "&code=301"),
        facts=(count(2),),
    ),
    Case(
        id="D30o",
        what="302 to another host, cut there and resumed",
        path=redirected("https://store.example.net/cut"),
        facts=(count(2, 4),),
    ),
)

REFUSED = tuple(
    Case(
        id=f"D{number}",
        what=f"Location: {target}",
        path=redirected(target),
        exits=(4,),
        facts=(count(1), quick(10)),
    )
    for number, target in (
        ("31a", "http://data.example.org/file"),
        ("31b", "HTTP://data.example.org/file"),
        ("32a", "file:///etc/passwd"),
        ("32b", "ftp://data.example.org/file"),
        ("32c", "data:text/plain,hello"),
        ("32d", "javascript:alert(1)"),
        ("32e", "gopher://data.example.org/file"),
        ("32g", "httpx://data.example.org/file"),
        ("35a", "https://u:p@store.example.net/file"),
        ("35b", "https://u@store.example.net/file"),
        ("35c", "https://@store.example.net/file"),
        ("35d", "https://data.example.org\\@evil.example.net/file"),
    )
)

PRIVATE = tuple(
    Case(
        id=f"D36{letter}",
        what=f"Location: https://{host}/file",
        path=redirected(f"https://{host}/file"),
        world="network-rebind",
        exits=(4,),
        facts=(NOT_INSIDE,) if letter in "kmp" else (count(1), NOT_INSIDE, says("private")),
    )
    for letter, host in zip(
        "abcdefghijklmnop",
        (
            "127.0.0.1",
            "169.254.169.254",
            "10.0.0.1",
            "[::1]",
            "0",
            "0x7f.1",
            "2130706433",
            "[::ffff:127.0.0.1]",
            "localhost",
            "100.64.0.1",
            "0177.0.0.1",
            "127.1",
            "[fe80::1]",
            "[fd00::1]",
            "192.168.0.1",
            "127.0.0.1.",
        ),
        strict=True,
    )
)

CREDENTIALS = (
    Case(
        id="D36z",
        what="with a mirror only the mirror is asked",
        path=redirected("https://10.0.0.1/file"),
        exits=(0, 4),
    ),
    Case(
        id="D33a",
        what="another host: no credential",
        path=redirected("https://store.example.net/detector"),
        facts=(count(2),),
    ),
    Case(
        id="D33b",
        what="a cookie is set, then another host",
        path=redirected("https://store.example.net/detector", "&cookie=1"),
        facts=(count(2),),
    ),
    Case(
        id="D34a",
        what="another port of the same host, a cookie",
        path=redirected("https://data.example.org:8443/detector", "&cookie=1"),
        facts=(count(2),),
    ),
    Case(
        id="D34b",
        what="the mirror's second port, as it stands",
        path=redirected("http://127.0.0.1:{second}/detector", "&cookie=1"),
        exits=(4,),
        facts=(count(1),),
    ),
    Case(
        id="D33c",
        what="without a mirror: another host, a cookie",
        path=redirected("https://store.example.net/detector", "&cookie=1"),
        world="tunnel-works",
        facts=(count(2),),
    ),
    Case(
        id="D36q",
        what="--allow-private",
        path=redirected("https://10.0.0.1/file"),
        args=("--allow-private",),
        facts=(count(2),),
    ),
    Case(
        id="D36r",
        what="without a mirror: to 10.0.0.1",
        path=redirected("https://10.0.0.1/file"),
        world="tunnel-works",
        exits=(4,),
        facts=(
            count(1),
            unasked("10.0.0.1"),
        ),
    ),
    Case(
        id="D36s",
        what="without a mirror: to the server by number",
        path=redirected("https://127.0.0.1:{port}/file"),
        world="tunnel-works",
        exits=(4,),
        facts=(
            count(1),
            unasked("127.0.0.1"),
        ),
    ),
    Case(
        id="D36t",
        what="a public name that leads inside",
        path=redirected("https://inside.example.net/file"),
        world="network-rebind",
        exits=(4,),
        facts=(NOT_INSIDE, says("inside.example.net")),
    ),
    Case(
        id="D36u",
        what="a public name that leads to ::1",
        path=redirected("https://inside6.example.net/file"),
        world="network-rebind",
        exits=(4,),
        facts=(NOT_INSIDE,),
    ),
    Case(
        id="D36v",
        what="a public name that leads to ::ffff:127.0.0.1",
        path=redirected("https://mapped.example.net/file"),
        world="network-rebind",
        exits=(4,),
        facts=(NOT_INSIDE,),
    ),
    Case(
        id="D36w",
        what="the same, --allow-private",
        path=redirected("https://inside.example.net/file"),
        args=("--allow-private",),
        world="network-rebind",
    ),
    Case(
        id="D36x",
        what="the catalog's own name leads inside a network",
        path="file",
        world="network-private",
        exits=(0, 4),
    ),
    Case(
        id="D33d",
        what="no secret of the environment is said",
        path="status?code=401&times=-1",
        exits=(7,),
        env={"COVCAT_KAGGLE_TOKEN": "s3cret", "KAGGLE_KEY": "s3cret"},
        facts=(unsaid("s3cret"),),
    ),
)

CASES = (
    *FOLLOWED,
    *REFUSED,
    *PRIVATE,
    *CREDENTIALS,
)
