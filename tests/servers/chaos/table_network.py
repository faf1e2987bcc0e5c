"""Cases D47 to D51: TLS, names, proxies."""

from servers.chaos.case import SIZE, Case, count, quick, resumed, says, unsaid

ONCE = {"COVCAT_RETRIES": "1", "COVCAT_TIMEOUT": "2"}

UNTRUSTED = says("certificate")

NO_SECRET = unsaid("s3cret")

TLS = (
    Case(
        id="D47a",
        what="a certificate of a CA that is trusted",
        path="cut",
        world="tls-good",
        facts=(count(2), resumed(2)),
    ),
    *(
        Case(
            id=f"D47{letter}",
            what=f"certificate: {kind}",
            path="file",
            world=f"tls-{kind}",
            exits=(4,),
            facts=(count(0), quick(10), UNTRUSTED, unsaid("trying again")),
        )
        for letter, kind in zip(
            "bcdef", ("unknown", "expired", "early", "wrong-host", "self-signed"), strict=True
        )
    ),
    Case(
        id="D47g", what="TLS 1.1 only", path="file", world="tls-old", exits=(4,), facts=(count(0),)
    ),
    Case(
        id="D47h",
        what="the handshake is cut",
        path="file",
        world="swapped-cut",
        env=ONCE,
        exits=(4,),
        facts=(quick(15),),
    ),
    Case(
        id="D44o",
        what="TLS to a plain port",
        path="file",
        world="swapped-plain",
        env=ONCE,
        exits=(4,),
        facts=(quick(15),),
    ),
    Case(
        id="D44p",
        what="plain HTTP to a TLS port",
        path="file",
        world="swapped-tls",
        env=ONCE,
        exits=(4,),
        facts=(quick(15),),
    ),
    Case(
        id="D47i",
        what="reset in the middle of TLS",
        path="cut?then=reset",
        world="tls-good",
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D47j",
        what="no length, cut without TLS's own end, size known",
        path="cut?framing=close&times=-1&ranges=no",
        world="tls-good",
        keys={"bytes": SIZE},
        exits=(4, 5),
    ),
    Case(
        id="D47k",
        what="there is no --insecure",
        path="file",
        world="tls-self-signed",
        args=("--insecure",),
        exits=(2,),
    ),
    *(
        Case(
            id=f"D51{letter}",
            what=f"SSL_CERT_FILE: {kind}",
            path="file",
            world=f"trust-{kind}",
            exits=(2, 4),
            facts=(count(0), says("SSL_CERT_FILE")),
        )
        for letter, kind in zip("abcd", ("missing", "empty", "folder", "junk"), strict=True)
    ),
)

NAMES = (
    Case(
        id="D48a",
        what="a name that does not exist",
        path="file",
        host="nowhere.invalid",
        world="nothing-none",
        env=ONCE,
        exits=(4,),
        limit=60,
        facts=(says("nowhere.invalid"),),
    ),
    Case(
        id="D48b",
        what="no network at all",
        path="file",
        world="network-none",
        env=ONCE,
        exits=(4,),
        facts=(says("data.example.org"),),
    ),
    Case(
        id="D48c",
        what="NXDOMAIN",
        path="file",
        world="network-unknown-name",
        env=ONCE,
        exits=(4,),
        facts=(says("data.example.org"),),
    ),
    Case(
        id="D48d",
        what="SERVFAIL",
        path="file",
        world="network-failed",
        env=ONCE,
        exits=(4,),
        facts=(says("data.example.org"),),
    ),
    Case(
        id="D48e",
        what="the name server is silent",
        path="file",
        world="network-silent",
        env=ONCE,
        exits=(4,),
        facts=(says("data.example.org"),),
    ),
    Case(id="D48f", what="the name server is slow", path="file", world="network-slow"),
    Case(
        id="D48g",
        what="the address changes between two tries",
        path="file",
        world="network-changes",
        env={"COVCAT_TIMEOUT": "2"},
    ),
    Case(
        id="D48h",
        what="nobody listens",
        path="file",
        world="nothing-refused",
        env=ONCE,
        exits=(4,),
        facts=(says("127.0.0.1"), quick(10)),
    ),
    Case(id="D49a", what="a host with IPv4 only", path="cut", world="network-ipv4"),
    Case(id="D49b", what="a host with IPv6 only", path="cut", world="network-ipv6"),
    Case(
        id="D49c",
        what="the first address is dead",
        path="file",
        world="network-dead-first",
        env={"COVCAT_TIMEOUT": "2"},
    ),
    Case(
        id="D49d",
        what="the IPv6 address is dead",
        path="file",
        world="network-dead-ipv6",
        env={"COVCAT_TIMEOUT": "2"},
    ),
)

PROXIES = (
    Case(id="D50a", what="a proxy", path="file", world="proxy-works", facts=(count(1),)),
    Case(
        id="D50b",
        what="a dead proxy",
        path="file",
        world="proxy-dead",
        env=ONCE,
        exits=(4,),
        facts=(count(0), quick(10)),
    ),
    Case(
        id="D50c",
        what="a proxy that asks for a login",
        path="file",
        world="proxy-login",
        exits=(7,),
        facts=(count(0),),
    ),
    Case(
        id="D50d",
        what="a proxy that closes",
        path="file",
        world="proxy-closes",
        env=ONCE,
        exits=(4,),
    ),
    Case(
        id="D50e",
        what="a proxy that is busy",
        path="file",
        world="proxy-busy",
        env=ONCE,
        exits=(4,),
    ),
    Case(
        id="D50f",
        what="NO_PROXY passes a dead proxy",
        path="file",
        world="proxy-passed",
        facts=(count(1),),
    ),
    Case(
        id="D50g",
        what="a proxy with a password",
        path="file",
        world="proxy-password",
        facts=(count(1), NO_SECRET),
    ),
    Case(
        id="D50h",
        what="a proxy with a wrong password",
        path="file",
        world="proxy-wrong-password",
        exits=(7,),
        facts=(NO_SECRET,),
    ),
    Case(
        id="D50i",
        what="a dead proxy with a password",
        path="file",
        world="proxy-dead-password",
        env=ONCE,
        exits=(4,),
        facts=(NO_SECRET,),
    ),
    Case(id="D50j", what="CONNECT", path="cut", world="tunnel-works", facts=(count(2),)),
    Case(
        id="D50k",
        what="CONNECT to a dead proxy",
        path="file",
        world="tunnel-dead",
        env=ONCE,
        exits=(4,),
        facts=(quick(10),),
    ),
    Case(
        id="D50l",
        what="CONNECT, 407",
        path="file",
        world="tunnel-login",
        env=ONCE,
        exits=(7,),
        facts=(says("proxy"),),
    ),
    Case(
        id="D50m", what="CONNECT, closed", path="file", world="tunnel-closes", env=ONCE, exits=(4,)
    ),
    Case(id="D50n", what="CONNECT, 503", path="file", world="tunnel-busy", env=ONCE, exits=(4,)),
    Case(
        id="D50o",
        what="CONNECT with a password",
        path="file",
        world="tunnel-password",
        facts=(NO_SECRET,),
    ),
    Case(
        id="D50p",
        what="CONNECT with a wrong password",
        path="file",
        world="tunnel-wrong-password",
        env=ONCE,
        exits=(7,),
        facts=(NO_SECRET,),
    ),
)

CASES = (
    *TLS,
    *NAMES,
    *PROXIES,
)
