"""Cases D47 to D51: TLS, names, proxies."""

from servers.chaos.case import SIZE, count, quick, resumed, row, rows, says, unsaid

ONCE = {"COVCAT_RETRIES": "1", "COVCAT_TIMEOUT": "2"}
UNTRUSTED = says("certificate")
NO_SECRET = unsaid("s3cret")

# fmt: off
CASES = (
    # tls
    row("D47a", "a certificate of a CA that is trusted", "cut", 0,
        count(2), resumed(2), world="tls-good"),
    *rows("D47", "bcdef", "unknown expired early wrong-host self-signed", "certificate: {}", "file", 4,
        count(0), quick(10), UNTRUSTED, unsaid("trying again"), world="tls-{}"),
    row("D47g", "TLS 1.1 only", "file", 4, count(0), world="tls-old"),
    row("D47h", "the handshake is cut", "file", 4, quick(15), world="swapped-cut", env=ONCE),
    row("D44o", "TLS to a plain port", "file", 4, quick(15), world="swapped-plain", env=ONCE),
    row("D44p", "plain HTTP to a TLS port", "file", 4, quick(15), world="swapped-tls", env=ONCE),
    row("D47i", "reset in the middle of TLS", "cut?then=reset", 0,
        count(2), resumed(2), world="tls-good"),
    row("D47j", "no length, cut without TLS's own end, size known",
        "cut?framing=close&times=-1&ranges=no", (4, 5), world="tls-good", keys={"bytes": SIZE}),
    row("D47k", "there is no --insecure", "file", 2, world="tls-self-signed", args=("--insecure",)),
    *rows("D51", "abcd", "missing empty folder junk", "SSL_CERT_FILE: {}", "file", (2, 4),
        count(0), says("SSL_CERT_FILE"), world="trust-{}"),
    # names
    row("D48a", "a name that does not exist", "file", 4,
        says("nowhere.invalid"), world="nothing-none", env=ONCE, host="nowhere.invalid", limit=60),
    row("D48b", "no network at all", "file", 4,
        says("data.example.org"), world="network-none", env=ONCE),
    row("D48c", "NXDOMAIN", "file", 4,
        says("data.example.org"), world="network-unknown-name", env=ONCE),
    row("D48d", "SERVFAIL", "file", 4, says("data.example.org"), world="network-failed", env=ONCE),
    row("D48e", "the name server is silent", "file", 4,
        says("data.example.org"), world="network-silent", env=ONCE),
    row("D48f", "the name server is slow", "file", 0, world="network-slow"),
    row("D48g", "the address changes between two tries", "file", 0,
        world="network-changes", env={"COVCAT_TIMEOUT": "2"}),
    row("D48h", "nobody listens", "file", 4,
        says("127.0.0.1"), quick(10), world="nothing-refused", env=ONCE),
    row("D49a", "a host with IPv4 only", "cut", 0, world="network-ipv4"),
    row("D49b", "a host with IPv6 only", "cut", 0, world="network-ipv6"),
    row("D49c", "the first address is dead", "file", 0,
        world="network-dead-first", env={"COVCAT_TIMEOUT": "2"}),
    row("D49d", "the IPv6 address is dead", "file", 0,
        world="network-dead-ipv6", env={"COVCAT_TIMEOUT": "2"}),
    # proxies
    row("D50a", "a proxy", "file", 0, count(1), world="proxy-works"),
    row("D50b", "a dead proxy", "file", 4, count(0), quick(10), world="proxy-dead", env=ONCE),
    row("D50c", "a proxy that asks for a login", "file", 7, count(0), world="proxy-login"),
    row("D50d", "a proxy that closes", "file", 4, world="proxy-closes", env=ONCE),
    row("D50e", "a proxy that is busy", "file", 4, world="proxy-busy", env=ONCE),
    row("D50f", "NO_PROXY passes a dead proxy", "file", 0, count(1), world="proxy-passed"),
    row("D50g", "a proxy with a password", "file", 0, count(1), NO_SECRET, world="proxy-password"),
    row("D50h", "a proxy with a wrong password", "file", 7,
        NO_SECRET, world="proxy-wrong-password"),
    row("D50i", "a dead proxy with a password", "file", 4,
        NO_SECRET, world="proxy-dead-password", env=ONCE),
    row("D50j", "CONNECT", "cut", 0, count(2), world="tunnel-works"),
    row("D50k", "CONNECT to a dead proxy", "file", 4, quick(10), world="tunnel-dead", env=ONCE),
    row("D50l", "CONNECT, 407", "file", 7, says("proxy"), world="tunnel-login", env=ONCE),
    row("D50m", "CONNECT, closed", "file", 4, world="tunnel-closes", env=ONCE),
    row("D50n", "CONNECT, 503", "file", 4, world="tunnel-busy", env=ONCE),
    row("D50o", "CONNECT with a password", "file", 0, NO_SECRET, world="tunnel-password"),
    row("D50p", "CONNECT with a wrong password", "file", 7,
        NO_SECRET, world="tunnel-wrong-password", env=ONCE),
)
