"""Cases of time, networks, signals and digests."""

import hashlib

from servers.chaos.body import Sparse, Stream
from servers.chaos.case import (
    MD5,
    MD5_2,
    NEVER_RANGE,
    NO_PART,
    PART_STAYS,
    PINNED,
    SHA,
    SHA2,
    SIZE,
    USED_RANGES,
    Fact,
    count,
    plain,
    quick,
    resumed,
    row,
    rows,
    says,
    slow,
    unasked,
    unsaid,
    verified_by,
)

SLOW = {"COVCAT_SLOW": "2000/1", "COVCAT_RETRIES": "1"}
BIG = 24 << 20
FAST = "&pace=6000000"  # bytes a second for each connection: slow enough for several

SOON = {"COVCAT_TIMEOUT": "1", "COVCAT_RETRIES": "1"}
ONCE = {"COVCAT_RETRIES": "1", "COVCAT_TIMEOUT": "2"}
UNTRUSTED = says("certificate")
NO_SECRET = unsaid("s3cret")

SHA1 = hashlib.sha1(Stream().data).hexdigest()
LONG = "file?size=1500000&pace=400000"
HUGE = 5 * 10**9
_BEYOND = Fact(
    "the resumed offset is beyond 4 GiB",
    lambda seen: (
        ""
        if int((seen.requests[-1].get("range") or "bytes=0-")[6:].rstrip("-") or 0) > 2**32
        else f"Range {seen.requests[-1].get('range')}"
    ),
)

# fmt: off
CASES = (
    # ---- D41, D42, D54, D56: slowness, silence, several ranges
    # silence
    row("D41e", "--limit-rate 100000 for 200 KB", "file", 0, count(1), slow(1.2),
        args=("--limit-rate", "100000")),
    row("D41a", "a byte each 100 ms for ever", "drip?times=-1", 4, count(2), quick(15), env=SLOW),
    row("D41b", "the head comes a byte each 100 ms", "drip?times=-1&of=head", 4, quick(20),
        env={**SLOW, "COVCAT_TIMEOUT": "1"}),
    row("D41c", "a byte each 100 ms, then fast", "drip", 0, env=SLOW),
    row("D41d", "slow, and above the floor", "file?pace=60000", 0, count(1),
        env={"COVCAT_SLOW": "20000/1"}),
    row("D42a", "nobody accepts", "file", 4, quick(10), says("127.0.0.1"), world="nothing-full",
        env=SOON),
    row("D42b", "no answer", "dead?then=hang&times=-1", 4, count(2), quick(10), env=SOON),
    row("D42c", "no answer, once", "dead?then=hang", 0, count(2), env=SOON),
    row("D42d", "no byte after the head", "dead?then=hang&after=head&times=-1", 4, count(2),
        quick(10), env=SOON),
    row("D42e", "silence in the middle", "cut?then=hang", 0, count(2), resumed(2), env=SOON),
    row("D42f", "silence in the middle for ever", "cut?then=hang&times=-1", 4, count(2), PART_STAYS,
        quick(10), env=SOON),
    row("D42g", "whole, and the connection stays open", "open-end", 0, count(1), quick(10)),
    row("D42h", "whole, no length, no end, sha256 known", "open-end?framing=close", (0, 4),
        quick(12), keys={"sha256": SHA, "bytes": SIZE}, env=SOON),
    row("D42i", "--timeout and --retries of the command line", "dead?then=hang&times=-1", 4,
        count(1), quick(6), args=("--timeout", "1", "--retries", "0")),
    row("D54a", "a kept connection is closed under the next request", "stale?times=2", 0),
    row("D54b", "it is closed once more", "stale?times=3", 0, count(4)),
    row("D54c", "503 on a connection that closes", "late-close", 0, count(2)),
    # several
    row("D56k", "--jobs 1 over a slow line", "pieces?size=10485760&pace=1500000", 0, count(1),
        args=("--jobs", "1")),
    row("D56l", "--limit-rate keeps to one connection", "pieces?size=12582912&pace=6000000", 0,
        count(1), slow(2.5), args=("--limit-rate", "4M")),
    row("D56a", "24 MiB over several ranges", f"pieces?size={BIG}{FAST}", 0, USED_RANGES,
        quick(20)),
    row("D56b", "--jobs 1 asks once", f"pieces?size={12 << 20}&pace=6000000", 0, count(1),
        args=("--jobs", "1")),
    row("D56c", "a weak tag: one connection", f"pieces?size={12 << 20}&pace=6000000&etag=weak", 0,
        count(1), NEVER_RANGE),
    row("D56d", "no Accept-Ranges: one connection",
        f"pieces?size={12 << 20}&pace=6000000&ranges=no", 0, count(1), NEVER_RANGE),
    row("D56e", "a piece of another state, tag and all",
        f"pieces?size={BIG}{FAST}&how=changed&once=1", 0),
    row("D56f", "a piece is reset", f"pieces?size={BIG}{FAST}&how=reset&once=1", 0),
    row("D56g", "pieces are refused with 403", f"pieces?size={BIG}{FAST}&how=403", 0),
    row("D56h", "pieces are refused with 503", f"pieces?size={BIG}{FAST}&how=503", 0),
    row("D56i", "a piece of other bytes, sha256 known", f"pieces?size={BIG}{FAST}&how=bytes",
        (0, 5), keys={"sha256": hashlib.sha256(Stream(1, BIG).data).hexdigest()}),
    row("D56j", "pieces are refused with 429", f"pieces?size={BIG}{FAST}&how=429&once=1", 0),
    # ---- D47 to D51: TLS, names, proxies
    # tls
    row("D47a", "a certificate of a CA that is trusted", "cut", 0, count(2), resumed(2),
        world="tls-good"),
    *rows("D47", "bcdef", "unknown expired early wrong-host self-signed", "certificate: {}", "file",
        4, count(0), quick(10), UNTRUSTED, unsaid("trying again"), world="tls-{}"),
    row("D47g", "TLS 1.1 only", "file", 4, count(0), world="tls-old"),
    row("D47h", "the handshake is cut", "file", 4, quick(15), world="swapped-cut", env=ONCE),
    row("D44o", "TLS to a plain port", "file", 4, quick(15), world="swapped-plain", env=ONCE),
    row("D44p", "plain HTTP to a TLS port", "file", 4, quick(15), world="swapped-tls", env=ONCE),
    row("D47i", "reset in the middle of TLS", "cut?then=reset", 0, count(2), resumed(2),
        world="tls-good"),
    row("D47j", "no length, cut without TLS's own end, size known",
        "cut?framing=close&times=-1&ranges=no", (4, 5), world="tls-good", keys={"bytes": SIZE}),
    row("D47k", "there is no --insecure", "file", 2, world="tls-self-signed", args=("--insecure",)),
    *rows("D51", "abcd", "missing empty folder junk", "SSL_CERT_FILE: {}", "file", (2, 4), count(0),
        says("SSL_CERT_FILE"), world="trust-{}"),
    # names
    row("D48a", "a name that does not exist", "file", 4, says("nowhere.invalid"),
        world="nothing-none", env=ONCE, host="nowhere.invalid", limit=60),
    row("D48b", "no network at all", "file", 4, says("data.example.org"), world="network-none",
        env=ONCE),
    row("D48c", "NXDOMAIN", "file", 4, says("data.example.org"), world="network-unknown-name",
        env=ONCE),
    row("D48d", "SERVFAIL", "file", 4, says("data.example.org"), world="network-failed", env=ONCE),
    row("D48e", "the name server is silent", "file", 4, says("data.example.org"),
        world="network-silent", env=ONCE),
    row("D48f", "the name server is slow", "file", 0, world="network-slow"),
    row("D48g", "the address changes between two tries", "file", 0, world="network-changes",
        env={"COVCAT_TIMEOUT": "2"}),
    row("D48h", "nobody listens", "file", 4, says("127.0.0.1"), quick(10), world="nothing-refused",
        env=ONCE),
    row("D49a", "a host with IPv4 only", "cut", 0, world="network-ipv4"),
    row("D49b", "a host with IPv6 only", "cut", 0, world="network-ipv6"),
    row("D49c", "the first address is dead", "file", 0, world="network-dead-first",
        env={"COVCAT_TIMEOUT": "2"}),
    row("D49d", "the IPv6 address is dead", "file", 0, world="network-dead-ipv6",
        env={"COVCAT_TIMEOUT": "2"}),
    # proxies
    row("D50a", "a proxy", "file", 0, count(1), world="proxy-works"),
    row("D50b", "a dead proxy", "file", 4, count(0), quick(10), world="proxy-dead", env=ONCE),
    row("D50c", "a proxy that asks for a login", "file", 7, count(0), world="proxy-login"),
    row("D50d", "a proxy that closes", "file", 4, world="proxy-closes", env=ONCE),
    row("D50e", "a proxy that is busy", "file", 4, world="proxy-busy", env=ONCE),
    row("D50f", "NO_PROXY passes a dead proxy", "file", 0, count(1), world="proxy-passed"),
    row("D50g", "a proxy with a password", "file", 0, count(1), NO_SECRET, world="proxy-password"),
    row("D50h", "a proxy with a wrong password", "file", 7, NO_SECRET,
        world="proxy-wrong-password"),
    row("D50i", "a dead proxy with a password", "file", 4, NO_SECRET, world="proxy-dead-password",
        env=ONCE),
    row("D50j", "CONNECT", "cut", 0, count(2), world="tunnel-works"),
    row("D50k", "CONNECT to a dead proxy", "file", 4, quick(10), world="tunnel-dead", env=ONCE),
    row("D50l", "CONNECT, 407", "file", 7, says("proxy"), world="tunnel-login", env=ONCE),
    row("D50m", "CONNECT, closed", "file", 4, world="tunnel-closes", env=ONCE),
    row("D50n", "CONNECT, 503", "file", 4, world="tunnel-busy", env=ONCE),
    row("D50o", "CONNECT with a password", "file", 0, NO_SECRET, world="tunnel-password"),
    row("D50p", "CONNECT with a wrong password", "file", 7, NO_SECRET,
        world="tunnel-wrong-password", env=ONCE),
    # ---- D60, D70 to D74: signals, digests, sizes
    # signals
    *(
        row(f"D60{letter}", f"SIG{name}, then another run", LONG, 0,
            count(2), resumed(2), first=(code,), signal=name)
        for letter, name, code in (("a", "INT", 130), ("b", "TERM", 143), ("c", "HUP", 129))
    ),
    row("D60d", "SIGINT, no validator: no part", f"{LONG}&etag=none", 0, count(2), plain(2),
        first=130, signal="INT"),
    row("D60e", "SIGINT before the answer", "dead?then=hang", 0, count(2), plain(2), first=130,
        signal="INT0"),
    row("D60f", "SIGSTOP for 3 s, then SIGCONT", "file?size=1000000&pace=400000", 0, signal="STOP"),
    row("D60g", "standard output is closed", "file", (0, 141), signal="PIPE"),
    row("D60h", "the terminal is closed", LONG, 0, count(2), resumed(2), first=129, signal="TTY"),
    row("D60i", "SIGINT in the middle of several ranges", f"pieces?size={24 << 20}&pace=3000000", 0,
        first=130, signal="INT+"),
    row("D60j", "SIGINT in a pause that the server asked for", "status?code=429&after=20", 0,
        count(2), first=130, signal="INT0"),
    row("D60k", "SIGINT twice", LONG, 0, first=(130, -2), signal="INT2"),
    row("D60l", "SIGTERM, sha256 known, no validator", f"{LONG}&etag=none", 0, count(2),
        resumed(2, None), first=143,
        keys={"sha256": hashlib.sha256(Stream(1, 1_500_000).data).hexdigest()}, signal="TERM"),
    # digests
    row("D70a", "only md5 in the catalog", "file", 0, verified_by("md5"),
        unsaid("verified by sha256"), keys={"md5": MD5}),
    row("D70b", "only the first digits of sha1", "file", 0, unsaid("verified by sha256"),
        keys={"sha1_prefix": SHA1[:8]}),
    row("D70c", "sha256", "file", 0, verified_by("sha256"), keys=PINNED),
    row("D70d", "nothing is known", "file", 0, verified_by("first-use")),
    row("D71a", "sha256 right, md5 wrong", "file", 5, says(MD5, MD5_2), count(1), NO_PART,
        keys={"sha256": SHA, "md5": MD5_2}),
    row("D71b", "md5 right, sha256 wrong", "file", 5, says(SHA, SHA2), count(1), NO_PART,
        keys={"sha256": SHA2, "md5": MD5}),
    row("D72a", "another file than pinned: no second try", "file?seed=2", 5, says(SHA, SHA2),
        count(1), NO_PART, keys=PINNED),
    row("D72b", "another size than pinned", "file", (5, 4), NO_PART, keys={"bytes": SIZE + 1}),
    row("D72c", "one byte more than pinned", "file", 5, count(1), NO_PART,
        keys={"bytes": SIZE - 1}),
    row("D72d", "the file is replaced after a cut, sha256 pinned", "resume?how=changed&seed2=2", 5,
        NO_PART, first=4, keys=PINNED),
    row("D74a", "nothing, as the catalog says", "file?size=0", 0, keys={"bytes": 0}),
    row("D74b", "nothing, and the catalog does not say", "file?size=0", 4, NO_PART),
    row("D74c", "nothing, where bytes are due", "file?size=0", (4, 5), keys={"bytes": SIZE}),
    row("D74d", "one byte", "file?size=1", 0),
    row("D74e", "nothing, with the sha256 of nothing", "file?size=0", 0,
        keys={"sha256": hashlib.sha256(b"").hexdigest(), "bytes": 0}),
    # giants
    row("D73a", "5 GB, cut at 4.5 GB, then another run",
        f"cut?kind=sparse&size={HUGE}&byte=4500000000", 0, count(2), _BEYOND, first=4,
        contents=(Sparse(HUGE),), args=("--jobs", "1"), env={"COVCAT_CHECKPOINT": str(64 << 20)},
        limit=240, is_big=True),
    row("D73b", "5 GB over several ranges", f"pieces?kind=sparse&size={HUGE}&pace=60000000", 0,
        contents=(Sparse(HUGE),), env={"COVCAT_CHECKPOINT": str(64 << 20)}, limit=240, is_big=True),
    # left
    row("D60m", "a part that stays is said, with how to go on", "cut?times=-1", 4, PART_STAYS,
        says("hint:")),
    row("D36y", "a proxy is never asked for an inner address",
        "redirect?to=https%3A%2F%2F192.168.7.7%2Ffile", 4, count(1), unasked("192.168"),
        world="tunnel-works"),
)
