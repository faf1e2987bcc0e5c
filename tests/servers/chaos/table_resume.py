"""Cases D10 to D20: what is done with the answers to a Range."""

import hashlib

from servers.chaos import edits
from servers.chaos.body import Stream
from servers.chaos.case import NO_PART, NO_WEAK, OLD, SIZE, Case, count, plain, resumed
from servers.chaos.table_transfer import SHA, SHA2

TWO = (Stream(2),)

SHORT = (Stream(2, 50_000),)

AGAIN = (count(3), resumed(2), plain(3))  # a refused Range, then from 0

MD5 = hashlib.md5(Stream().data).hexdigest()

PINNED: dict[str, object] = {"sha256": SHA}

ANSWERS = tuple(
    Case(id=f"{number}{letter}", what=what, path=f"resume?how={how}", facts=facts)
    for number, letter, what, how, facts in (
        ("D10", "a", "the Range is ignored (200)", "ignored", (count(2), resumed(2))),
        ("D11", "a", "206 from another start", "wrong-start", AGAIN),
        ("D11", "c", "206 with a reversed Content-Range", "backwards", AGAIN),
        ("D11", "d", "206 that ends beyond the total", "beyond", AGAIN),
        ("D12", "a", "206 without Content-Range", "no-place", AGAIN),
        ("D12", "b", "Content-Range in words", "words", AGAIN),
        ("D12", "c", "Content-Range of another unit", "unit", AGAIN),
        ("D13", "a", "206 with another total", "other-total", AGAIN),
        ("D13", "b", "206 with a total of 26 digits", "huge", AGAIN),
        ("D13", "c", "206 with an unknown total", "unknown-total", (count(2, 3),)),
        ("D12", "d", "206 with two Content-Ranges", "two-places", AGAIN),
        ("D14", "a", "multipart/byteranges", "multipart", AGAIN),
        ("D19", "a", "416 with another total", "other", AGAIN),
        ("D19", "b", "416 without a total", "bare", AGAIN),
        ("D19", "c", "416 with a total of `*`", "star", AGAIN),
        ("D19", "d", "416 that says what is held is all, below the known total", "have", AGAIN),
        ("D37", "r", "206 of a login page", "portal", ()),
    )
)

LIES = (
    Case(
        id="D13d",
        what="206 with less than was asked for, each time",
        path="resume?how=short",
        exits=(0, 4),
    ),
    Case(
        id="D13e",
        what="the same, with retries enough",
        path="resume?how=short",
        env={"COVCAT_RETRIES": "6"},
    ),
    Case(id="D13f", what="206 with more than it says", path="resume?how=more", exits=(0, 4, 5)),
    Case(
        id="D16g",
        what="changed, 206 without a tag",
        path="resume?how=untagged&seed2=2",
        contents=TWO,
        facts=AGAIN,
    ),
    Case(
        id="D16h",
        what="changed, 206 with the old tag as a weak one",
        path="resume?how=weakly-tagged&seed2=2",
        contents=TWO,
        facts=AGAIN,
    ),
    Case(
        id="D16i",
        what="changed, only dates, 206 all the same",
        path="resume?how=lie&seed2=2&etag=none&modified=old",
        contents=TWO,
        facts=(resumed(2, OLD), plain(3)),
    ),
    Case(
        id="D16j",
        what="changed, only dates, If-Range honoured",
        path="resume?how=changed&seed2=2&etag=none&modified=old",
        contents=TWO,
        facts=(resumed(2, OLD),),
    ),
    Case(id="D39r", what="206 with a content coding", path="resume?how=coded", exits=(0, 4)),
    Case(id="D10b", what="ranges are not offered", path="cut?ranges=no", facts=(count(2),)),
    Case(
        id="D10c",
        what="the Range is ignored, in another run",
        path="resume?how=ignored",
        first=(4,),
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D11e",
        what="206 from another start, in another run",
        path="resume?how=wrong-start",
        first=(4,),
        facts=AGAIN,
    ),
    Case(
        id="D11f",
        what="206 says the start, and sends from 0; sha256 known",
        path="resume?how=lying-start",
        keys=PINNED,
        exits=(0, 5),
    ),
    Case(
        id="D14b",
        what="multipart/byteranges, in another run",
        path="resume?how=multipart",
        first=(4,),
        facts=AGAIN,
    ),
    Case(
        id="D15a",
        what="changed, If-Range honoured",
        path="resume?how=changed&seed2=2",
        contents=TWO,
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D15b",
        what="the same in another run",
        path="resume?how=changed&seed2=2",
        contents=TWO,
        first=(4,),
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D15c",
        what="changed to a smaller file",
        path="resume?how=changed&seed2=2&size2=50000",
        contents=SHORT,
        first=(4,),
    ),
    Case(
        id="D16a",
        what="changed, 206 all the same",
        path="resume?how=lie&seed2=2",
        contents=TWO,
        facts=AGAIN,
    ),
    Case(
        id="D16b",
        what="the same in another run",
        path="resume?how=lie&seed2=2",
        contents=TWO,
        first=(4,),
        facts=AGAIN,
    ),
    Case(
        id="D16c",
        what="changed, 206 under the old tag; sha256 known",
        path="resume?how=same-tag&seed2=2",
        keys=PINNED,
        exits=(0, 5),
    ),
    Case(id="D16d", what="404 to a Range", path="resume?how=404", exits=(0, 4)),
    Case(id="D16e", what="412 to a Range", path="resume?how=412", exits=(0, 4)),
    Case(
        id="D16f",
        what="503 to a Range, for ever",
        path="resume?how=503",
        exits=(0, 4),
        facts=(count(2, 4),),
    ),
)

VALIDATORS = (
    Case(
        id="D17a",
        what="weak tag: no resume",
        path="cut?etag=weak",
        facts=(count(2), plain(2), NO_WEAK),
    ),
    Case(
        id="D17b",
        what="weak tag, another run: no part",
        path="cut?etag=weak",
        first=(4,),
        facts=(plain(2),),
    ),
    Case(
        id="D17c",
        what="weak tag, sha256 known",
        path="cut?etag=weak",
        keys=PINNED,
        facts=(count(2), NO_WEAK),
    ),
    Case(
        id="D17d",
        what="weak tag, sha256 known, another run",
        path="cut?etag=weak",
        keys=PINNED,
        first=(4,),
        facts=(resumed(2, None), NO_WEAK),
    ),
    Case(
        id="D17e",
        what="only a strong date",
        path="cut?etag=none&modified=old",
        first=(4,),
        facts=(resumed(2, OLD),),
    ),
    Case(
        id="D17f",
        what="only a date as old as Date",
        path="cut?etag=none&modified=now",
        first=(4,),
        facts=(plain(2),),
    ),
    Case(id="D17g", what="no validator", path="cut?etag=none", facts=(count(2), plain(2))),
    Case(
        id="D17h",
        what="no validator, another run",
        path="cut?etag=none&times=2",
        first=(4,),
        exits=(4,),
        env={"COVCAT_RETRIES": "0"},
        facts=(plain(2), NO_PART),
    ),
    Case(
        id="D17i",
        what="no validator, sha256 known",
        path="cut?etag=none",
        keys=PINNED,
        first=(4,),
        facts=(resumed(2, None),),
    ),
    Case(
        id="D17j",
        what="no validator, md5 known",
        path="cut?etag=none",
        keys={"md5": MD5},
        first=(4,),
        facts=(resumed(2, None),),
    ),
    Case(
        id="D17k",
        what="no validator, sha256 known, file replaced",
        path="resume?etag=none&how=other-length&seed2=2",
        keys=PINNED,
        first=(4,),
        exits=(0, 5),
    ),
    Case(
        id="D17l",
        what="no validator, sha256 of the new file",
        path="resume?etag=none&how=other-length&seed2=2",
        keys={"sha256": SHA2},
        contents=TWO,
        first=(4,),
        exits=(0, 5),
    ),
    Case(
        id="D17m",
        what="weak tag and a strong date",
        path="cut?etag=weak&modified=old",
        first=(4,),
        facts=(NO_WEAK,),
    ),
    Case(
        id="D17n",
        what="strong tag and date: the tag counts",
        path="cut?modified=old",
        first=(4,),
        facts=(resumed(2),),
    ),
    Case(
        id="D17o",
        what="only a md5 prefix is known: no resume",
        path="cut?etag=none",
        keys={"md5_prefix": MD5[:8]},
        first=(4,),
        facts=(plain(2),),
    ),
)

LIMITS = (
    Case(
        id="D18a",
        what="all is held, 416 says so, sha256 known",
        path="resume?at=100&framing=chunked",
        keys=PINNED,
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D18b",
        what="the same in another run",
        path="resume?at=100&framing=chunked",
        keys=PINNED,
        first=(4,),
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D18c",
        what="all is held, 416 says so, nothing known",
        path="resume?at=100&framing=chunked",
        first=(4,),
        facts=(count(2, 3),),
    ),
    Case(
        id="D18d",
        what="all is held, 416 says so, wrong sha256",
        path="resume?at=100&framing=chunked",
        keys={"sha256": SHA2},
        first=(4,),
        exits=(5,),
        facts=(NO_PART,),
    ),
    Case(
        id="D20a",
        what="the part is complete already",
        path="resume",
        first=(4,),
        edit=edits.filled(Stream()),
        facts=(count(2, 3),),
    ),
    Case(
        id="D20b",
        what="the part is complete, sha256 known",
        path="resume",
        keys=PINNED,
        first=(4,),
        edit=edits.filled(Stream()),
        facts=(count(1, 2),),
    ),
    Case(
        id="D20c",
        what="the part is longer than the file",
        path="resume",
        first=(4,),
        edit=edits.filled(Stream(1, SIZE + 9000)),
        facts=(plain(3),),
    ),
    Case(
        id="D20d",
        what="longer than the size in the catalog",
        path="resume",
        keys={"bytes": SIZE},
        first=(4,),
        edit=edits.filled(Stream(1, SIZE + 9000)),
    ),
    Case(
        id="D20e",
        what="complete, of other bytes, sha256 known",
        path="resume",
        keys=PINNED,
        first=(4,),
        edit=edits.filled(Stream(2)),
        exits=(0, 5),
    ),
)

CASES = (
    *ANSWERS,
    *LIES,
    *VALIDATORS,
    *LIMITS,
)
