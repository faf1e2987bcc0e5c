"""Cases D60 and D70 to D74: signals, digests, sizes."""

import hashlib

from servers.chaos.body import Sparse, Stream
from servers.chaos.case import (
    MD5,
    MD5_2,
    NO_PART,
    PART_STAYS,
    PINNED,
    SHA,
    SHA2,
    SIZE,
    Fact,
    count,
    plain,
    resumed,
    row,
    says,
    unasked,
    unsaid,
    verified_by,
)

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
    # signals
    *(
        row(f"D60{letter}", f"SIG{name}, then another run", LONG, 0,
            count(2), resumed(2), first=(code,), signal=name)
        for letter, name, code in (("a", "INT", 130), ("b", "TERM", 143), ("c", "HUP", 129))
    ),
    row("D60d", "SIGINT, no validator: no part", f"{LONG}&etag=none", 0,
        count(2), plain(2), first=130, signal="INT"),
    row("D60e", "SIGINT before the answer", "dead?then=hang", 0,
        count(2), plain(2), first=130, signal="INT0"),
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
    row("D70a", "only md5 in the catalog", "file", 0,
        verified_by("md5"), unsaid("verified by sha256"), keys={"md5": MD5}),
    row("D70b", "only the first digits of sha1", "file", 0,
        unsaid("verified by sha256"), keys={"sha1_prefix": SHA1[:8]}),
    row("D70c", "sha256", "file", 0, verified_by("sha256"), keys=PINNED),
    row("D70d", "nothing is known", "file", 0, verified_by("first-use")),
    row("D71a", "sha256 right, md5 wrong", "file", 5,
        says(MD5, MD5_2), count(1), NO_PART, keys={"sha256": SHA, "md5": MD5_2}),
    row("D71b", "md5 right, sha256 wrong", "file", 5,
        says(SHA, SHA2), count(1), NO_PART, keys={"sha256": SHA2, "md5": MD5}),
    row("D72a", "another file than pinned: no second try", "file?seed=2", 5,
        says(SHA, SHA2), count(1), NO_PART, keys=PINNED),
    row("D72b", "another size than pinned", "file", (5, 4), NO_PART, keys={"bytes": SIZE + 1}),
    row("D72c", "one byte more than pinned", "file", 5,
        count(1), NO_PART, keys={"bytes": SIZE - 1}),
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
    row("D60m", "a part that stays is said, with how to go on", "cut?times=-1", 4,
        PART_STAYS, says("hint:")),
    row("D36y", "a proxy is never asked for an inner address",
        "redirect?to=https%3A%2F%2F192.168.7.7%2Ffile", 4, count(1), unasked("192.168"),
        world="tunnel-works"),
)
