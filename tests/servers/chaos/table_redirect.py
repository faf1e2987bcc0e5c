"""Cases D30 to D36: redirects, private addresses, credentials."""

from urllib.parse import quote

from servers.chaos.case import NOT_INSIDE, count, quick, row, rows, says, unasked, unsaid


def redirected(target: str, more: str = "") -> str:
    return f"redirect?to={quote(target, safe='')}{more}"


def to_host(name: str) -> str:
    return redirected(f"https://{name}/file")


# fmt: off
CASES = (
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
    *rows("D31", "ab", "http://data.example.org/file HTTP://data.example.org/file",
        "Location: {}", redirected, 4, count(1), quick(10)),
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
    *rows("D36", "kmp", "0177.0.0.1 [fe80::1] 127.0.0.1.", "Location: https://{}/file",
        to_host, 4, NOT_INSIDE, world="network-rebind"),
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
    row("D36q", "--allow-private", redirected("https://10.0.0.1/file"), 0,
        count(2), args=("--allow-private",)),
    row("D36r", "without a mirror: to 10.0.0.1", redirected("https://10.0.0.1/file"), 4,
        count(1), unasked("10.0.0.1"), world="tunnel-works"),
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
)
