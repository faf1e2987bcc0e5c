"""Cases D60 and D70 to D74: signals, digests, sizes."""

import hashlib

from servers.chaos.body import Sparse, Stream
from servers.chaos.case import (
    NO_PART,
    PART_STAYS,
    SIZE,
    Case,
    Fact,
    count,
    plain,
    resumed,
    says,
    unasked,
    unsaid,
    verified_by,
)
from servers.chaos.table_transfer import SHA, SHA2

MD5 = hashlib.md5(Stream().data).hexdigest()

MD5_2 = hashlib.md5(Stream(2).data).hexdigest()

SHA1 = hashlib.sha1(Stream().data).hexdigest()

LONG = "file?size=1500000&pace=400000"

SIGNALS = (
    *(
        Case(
            id=f"D60{letter}",
            what=f"SIG{name}, then another run",
            path=LONG,
            signal=name,
            first=(code,),
            facts=(count(2), resumed(2)),
        )
        for letter, name, code in (("a", "INT", 130), ("b", "TERM", 143), ("c", "HUP", 129))
    ),
    Case(
        id="D60d",
        what="SIGINT, no validator: no part",
        path=f"{LONG}&etag=none",
        signal="INT",
        first=(130,),
        facts=(count(2), plain(2)),
    ),
    Case(
        id="D60e",
        what="SIGINT before the answer",
        path="dead?then=hang",
        signal="INT0",
        first=(130,),
        facts=(count(2), plain(2)),
    ),
    Case(
        id="D60f",
        what="SIGSTOP for 3 s, then SIGCONT",
        path="file?size=1000000&pace=400000",
        signal="STOP",
    ),
    Case(id="D60g", what="standard output is closed", path="file", signal="PIPE", exits=(0, 141)),
    Case(
        id="D60h",
        what="the terminal is closed",
        path=LONG,
        signal="TTY",
        first=(129,),
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D60i",
        what="SIGINT in the middle of several ranges",
        path=f"pieces?size={24 << 20}&pace=3000000",
        signal="INT+",
        first=(130,),
    ),
    Case(
        id="D60j",
        what="SIGINT in a pause that the server asked for",
        path="status?code=429&after=20",
        signal="INT0",
        first=(130,),
        facts=(count(2),),
    ),
    Case(id="D60k", what="SIGINT twice", path=LONG, signal="INT2", first=(130, -2)),
    Case(
        id="D60l",
        what="SIGTERM, sha256 known, no validator",
        path=f"{LONG}&etag=none",
        keys={"sha256": hashlib.sha256(Stream(1, 1_500_000).data).hexdigest()},
        signal="TERM",
        first=(143,),
        facts=(count(2), resumed(2, None)),
    ),
)

DIGESTS = (
    Case(
        id="D70a",
        what="only md5 in the catalog",
        path="file",
        keys={"md5": MD5},
        facts=(verified_by("md5"), unsaid("verified by sha256")),
    ),
    Case(
        id="D70b",
        what="only the first digits of sha1",
        path="file",
        keys={"sha1_prefix": SHA1[:8]},
        facts=(unsaid("verified by sha256"),),
    ),
    Case(
        id="D70c", what="sha256", path="file", keys={"sha256": SHA}, facts=(verified_by("sha256"),)
    ),
    Case(id="D70d", what="nothing is known", path="file", facts=(verified_by("first-use"),)),
    Case(
        id="D71a",
        what="sha256 right, md5 wrong",
        path="file",
        keys={"sha256": SHA, "md5": MD5_2},
        exits=(5,),
        facts=(says(MD5, MD5_2), count(1), NO_PART),
    ),
    Case(
        id="D71b",
        what="md5 right, sha256 wrong",
        path="file",
        keys={"sha256": SHA2, "md5": MD5},
        exits=(5,),
        facts=(says(SHA, SHA2), count(1), NO_PART),
    ),
    Case(
        id="D72a",
        what="another file than pinned: no second try",
        path="file?seed=2",
        keys={"sha256": SHA},
        exits=(5,),
        facts=(says(SHA, SHA2), count(1), NO_PART),
    ),
    Case(
        id="D72b",
        what="another size than pinned",
        path="file",
        keys={"bytes": SIZE + 1},
        exits=(5, 4),
        facts=(NO_PART,),
    ),
    Case(
        id="D72c",
        what="one byte more than pinned",
        path="file",
        keys={"bytes": SIZE - 1},
        exits=(5,),
        facts=(count(1), NO_PART),
    ),
    Case(
        id="D72d",
        what="the file is replaced after a cut, sha256 pinned",
        path="resume?how=changed&seed2=2",
        keys={"sha256": SHA},
        first=(4,),
        exits=(5,),
        facts=(NO_PART,),
    ),
    Case(id="D74a", what="nothing, as the catalog says", path="file?size=0", keys={"bytes": 0}),
    Case(
        id="D74b",
        what="nothing, and the catalog does not say",
        path="file?size=0",
        exits=(4,),
        facts=(NO_PART,),
    ),
    Case(
        id="D74c",
        what="nothing, where bytes are due",
        path="file?size=0",
        keys={"bytes": SIZE},
        exits=(4, 5),
    ),
    Case(id="D74d", what="one byte", path="file?size=1"),
    Case(
        id="D74e",
        what="nothing, with the sha256 of nothing",
        path="file?size=0",
        keys={"sha256": hashlib.sha256(b"").hexdigest(), "bytes": 0},
    ),
)

HUGE = 5 * 10**9

_BEYOND = Fact(
    "the resumed offset is beyond 4 GiB",
    lambda seen: (
        ""
        if int((seen.requests[-1].get("range") or "bytes=0-")[6:].rstrip("-") or 0) > 2**32
        else f"Range {seen.requests[-1].get('range')}"
    ),
)

GIANTS = (
    Case(
        id="D73a",
        what="5 GB, cut at 4.5 GB, then another run",
        path=f"cut?kind=sparse&size={HUGE}&byte=4500000000",
        contents=(Sparse(HUGE),),
        first=(4,),
        env={"COVCAT_CHECKPOINT": str(64 << 20)},
        args=("--jobs", "1"),
        limit=240,
        is_big=True,
        facts=(count(2), _BEYOND),
    ),
    Case(
        id="D73b",
        what="5 GB over several ranges",
        path=f"pieces?kind=sparse&size={HUGE}&pace=60000000",
        contents=(Sparse(HUGE),),
        env={"COVCAT_CHECKPOINT": str(64 << 20)},
        limit=240,
        is_big=True,
    ),
)

LEFT = (
    Case(
        id="D60m",
        what="a part that stays is said, with how to go on",
        path="cut?times=-1",
        exits=(4,),
        facts=(PART_STAYS, says("hint:")),
    ),
    Case(
        id="D36y",
        what="a proxy is never asked for an inner address",
        path="redirect?to=https%3A%2F%2F192.168.7.7%2Ffile",
        world="tunnel-works",
        exits=(4,),
        facts=(count(1), unasked("192.168")),
    ),
)

CASES = (
    *SIGNALS,
    *DIGESTS,
    *GIANTS,
    *LEFT,
)
