"""Cases D01 to D09: cuts, lengths, chunks."""

import hashlib

from servers.chaos.body import Stream
from servers.chaos.case import (
    NO_PART,
    PART_STAYS,
    SIZE,
    Case,
    count,
    plain,
    resumed,
    says,
    sent_at_most,
    small,
    verified_by,
)

SHA = hashlib.sha256(Stream().data).hexdigest()

SHA2 = hashlib.sha256(Stream(2).data).hexdigest()

CUT = Stream(1, SIZE // 2)  # what is left where an end cannot be told from a cut

ENDED = (Stream(), CUT)

SOON = {"COVCAT_TIMEOUT": "1", "COVCAT_RETRIES": "1"}

CUTS = (
    Case(
        id="D01a", what="reset in the middle", path="cut?then=reset", facts=(count(2), resumed(2))
    ),
    Case(id="D01b", what="reset before the answer", path="dead", facts=(count(2), plain(2))),
    Case(
        id="D01c", what="reset after the head", path="dead?after=head", facts=(count(2), plain(2))
    ),
    Case(
        id="D01d",
        what="reset before the last byte",
        path="cut?then=reset&byte=-1",
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D01e",
        what="reset after the last byte",
        path="cut?then=reset&at=100",
        facts=(count(1, 2),),
    ),
    Case(
        id="D01f",
        what="reset every time at once",
        path="dead?times=-1",
        exits=(4,),
        facts=(count(3), NO_PART),
    ),
    Case(
        id="D01g",
        what="reset for ever at the half: a part stays",
        path="cut?then=reset&times=-1",
        exits=(4,),
        facts=(count(3), resumed(3), PART_STAYS),
    ),
    Case(
        id="D01h",
        what="reset, then another run",
        path="cut?then=reset",
        first=(4,),
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D01i",
        what="reset at 30 % and, later, at 60 % of a zip",
        path="cut?then=reset&kind=zip&at=30&times=2",
        keys={"unpack": "zip"},
        facts=(count(3),),
    ),
    Case(id="D02a", what="FIN early", path="cut", facts=(count(2), resumed(2))),
    Case(
        id="D02b",
        what="FIN early, then another run",
        path="cut",
        first=(4,),
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D02c",
        what="FIN early with a date only",
        path="cut?etag=none&modified=old",
        facts=(resumed(2, "Wed, 01 Jan 2020 00:00:00 GMT"),),
    ),
    Case(
        id="D02d",
        what="FIN early, four times, 2 retries: progress does not renew below 1 MiB",
        path="cut?times=4&ranges=no",
        exits=(4,),
        facts=(count(3),),
    ),
    Case(
        id="D03a",
        what="FIN early, no length, size in the catalog",
        path="cut?framing=close",
        keys={"bytes": SIZE},
        exits=(0, 5),
    ),
    Case(
        id="D03b",
        what="the same each time",
        path="cut?framing=close&times=-1&ranges=no",
        keys={"bytes": SIZE},
        exits=(4, 5),
    ),
    Case(
        id="D03c",
        what="reset, no length, size in the catalog",
        path="cut?framing=close&then=reset",
        keys={"bytes": SIZE},
        facts=(resumed(2),),
    ),
    Case(
        id="D03d",
        what="FIN early, no length, sha256 in the catalog",
        path="cut?framing=close",
        keys={"sha256": SHA},
        exits=(0, 4, 5),
    ),
    Case(
        id="D04a",
        what="FIN early, nothing known: kept, and it says that it may be cut off",
        path="cut?framing=close&times=-1&etag=none",
        contents=ENDED,
        facts=(verified_by("unknown-length"), says("may be a part of it")),
    ),
    Case(
        id="D04b",
        what="reset, nothing known",
        path="cut?framing=close&then=reset&etag=none",
        facts=(count(2),),
    ),
    Case(
        id="D04c",
        what="FIN early in a zip without a length",
        path="cut?framing=close&times=-1&etag=none&kind=zip",
        keys={"unpack": "zip"},
        exits=(4, 5, 6),
    ),
    Case(id="D05a", what="bytes after Content-Length", path="longer", exits=(0, 4)),
    Case(
        id="D05b",
        what="Content-Length too small, sha256 known",
        path="longer?claim=100000",
        keys={"sha256": SHA},
        exits=(4, 5),
    ),
    Case(
        id="D05c",
        what="Content-Length too small, size known",
        path="longer?claim=100000",
        keys={"bytes": SIZE},
        exits=(4, 5),
    ),
    Case(id="D05d", what="Content-Length too large", path="longer?claim=900000", exits=(4,)),
    Case(
        id="D06a",
        what="chunks for ever, size known",
        path="endless",
        keys={"bytes": SIZE},
        exits=(5,),
        facts=(count(1), sent_at_most(16 << 20), NO_PART),
    ),
    Case(
        id="D06b",
        what="a terabyte, size known",
        path="endless?framing=length",
        keys={"bytes": SIZE},
        exits=(5,),
        facts=(sent_at_most(16 << 20), NO_PART),
    ),
    Case(
        id="D06c",
        what="chunks for ever, most bytes known",
        path="endless",
        keys={"max_bytes": 300_000},
        exits=(5,),
        facts=(sent_at_most(16 << 20),),
    ),
    Case(
        id="D06d",
        what="a petabyte is announced: no room",
        path="lengths?value=1000000000000000",
        exits=(4, 8),
    ),
    Case(id="D07a", what="chunks", path="chunked"),
    Case(id="D07b", what="chunks, cut", path="cut?framing=chunked", facts=(count(2), resumed(2))),
    Case(
        id="D07c",
        what="a chunk's size is no number",
        path="chunk-bad?times=-1",
        exits=(4,),
        facts=(count(3),),
    ),
    Case(id="D07d", what="a chunk's size is no number, once", path="chunk-bad", facts=(count(2),)),
    Case(id="D07e", what="chunks of one byte", path="chunked?piece=1&size=20000"),
    Case(id="D07f", what="trailers", path="chunked?trailers=20"),
    Case(
        id="D07g",
        what="a chunk of 1 GB is announced",
        path="chunk-bad?token=40000000&times=-1",
        exits=(4,),
        facts=(small(),),
    ),
    Case(
        id="D07h",
        what="a chunk's size has 20 digits",
        path="chunk-bad?token=FFFFFFFFFFFFFFFFFFFF&times=-1",
        exits=(4,),
        facts=(small(),),
    ),
    Case(
        id="D07i", what="a chunk's size is negative", path="chunk-bad?token=-5&times=-1", exits=(4,)
    ),
    Case(id="D07j", what="a chunk's size is empty", path="chunk-bad?token=&times=-1", exits=(4,)),
    Case(id="D07k", what="chunks with extensions", path="chunked?extension=;a=b;c"),
    Case(
        id="D07l",
        what="another transfer coding",
        path="chunked?te=gzip,%20chunked",
        exits=(0, 4),
        contents=(Stream(),),
    ),
    Case(
        id="D08a",
        what="a length and chunks",
        path="lengths?value=100000&chunked=1",
        exits=(0, 4, 5),
    ),
    Case(
        id="D08b",
        what="a length and chunks, sha256 known",
        path="lengths?value=100000&chunked=1",
        keys={"sha256": SHA},
        exits=(0, 4, 5),
    ),
)

LENGTHS = tuple(
    Case(id=f"D09{letter}", what=what, path=f"lengths?value={value}", exits=exits)
    for letter, what, value, exits in (
        ("a", "two lengths that differ", f"{SIZE}|100", (4,)),
        ("b", "a negative length", "-5", (4,)),
        ("c", "a list of lengths that differ", f"{SIZE},%20100", (4,)),
        ("d", "a list of one length twice", f"{SIZE},%20{SIZE}", (0, 4)),
        ("e", "one length twice", f"{SIZE}|{SIZE}", (0, 4)),
        ("f", "2^63", str(2**63), (4, 8)),
        ("g", "0x10", "0x10", (4,)),
        ("h", "an empty length", "", (4,)),
        ("i", "a length with a plus sign", f"%2B{SIZE}", (4,)),
        ("j", "5,000 digits", "9" * 5000, (4, 8)),
        ("k", "a length with an underscore", "200_003", (4,)),
        ("l", "a fraction", f"{SIZE}.0", (4,)),
    )
)

CASES = (
    *CUTS,
    *LENGTHS,
)
