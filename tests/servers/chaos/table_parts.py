"""Cases D21 to D23: parts and records that are damaged, foreign or of another mirror."""

from servers.chaos import edits
from servers.chaos.case import NO_PART, NO_WEAK, PART_STAYS, Case, Fact, count, never_weak, plain
from servers.chaos.table_resume import PINNED, TWO

DAMAGE = tuple(
    Case(
        id=f"D21{letter}{suffix}",
        what=f"{what}{more}",
        path="cut",
        first=(4,),
        edit=edit,
        keys=keys,
        facts=facts,
    )
    for letter, what, edit, facts in (
        ("a", "the part's tail is zeros", edits.zero_tail, ()),
        ("b", "its head is zeros", edits.zero_head, ()),
        ("c", "one bit of it turned", edits.flip, ()),
        ("d", "it is shorter than its record", edits.shorten, ()),
        ("e", "it is empty", edits.empty, (plain(2),)),
        ("f", "it is longer than its record", edits.lengthen, ()),
        ("g", "it is a link to a user's file", edits.part_link, (plain(2),)),
        ("h", "it is a named pipe", edits.part_pipe, (plain(2),)),
    )
    for suffix, more, keys in (("", "", {}), ("+", ", sha256 known", PINNED))
)

RECORDS = tuple(
    Case(
        id=f"D22{letter}", what=what, path="cut", first=(4,), edit=edit, facts=(count(2), plain(2))
    )
    for letter, what, edit in (
        ("a", "no record", edits.no_record),
        ("b", "half a record", edits.cut_record),
        ("c", "an empty record", edits.record_is(b"")),
        ("d", "a record of zeros", edits.record_is(bytes(300))),
        ("e", "a record of another address", edits.changed(url="https://data.example.org/other")),
        ("f", "a record with another sha256", edits.changed(sha256="0" * 64)),
        ("g", "a record of a newer schema", edits.changed(schema="covcat.part/99")),
        ("h", "a record with a negative offset", edits.changed(offset=-5)),
        ("i", "a record with a fraction as offset", edits.changed(offset=1.5)),
        ("j", "a record with an offset in words", edits.changed(offset="all")),
        ("k", "a record with an offset beyond the part", edits.changed(offset=10**15)),
        ("l", "a record without an offset", edits.without("offset")),
        ("m", "a record without a sha256", edits.without("sha256")),
        ("n", "a record that is a list", edits.record_is(b"[1, 2]")),
        ("o", "a record of 100,000 brackets", edits.record_is(b"[" * 100_000)),
        ("p", "a record that is not UTF-8", edits.record_is(b"\xff\xfe{}")),
        ("q", "a record that is a folder", edits.record_folder),
        ("r", "a record that is a named pipe", edits.record_pipe),
        (
            "s",
            "a record with an offset of 5,000 digits",
            edits.record_is(b'{"offset": ' + b"9" * 5000 + b"}"),
        ),
        ("t", "a record with NaN", edits.changed(offset=float("nan"))),
        ("u", "a record that says true", edits.changed(offset=True)),
    )
)

TAGS = (
    Case(
        id="D22v",
        what="a record with a weak tag",
        path="cut",
        first=(4,),
        edit=edits.changed(etag='W/"one"'),
        facts=(NO_WEAK,),
    ),
    Case(
        id="D22w",
        what="a record whose tag breaks the header",
        path="cut",
        first=(4,),
        edit=edits.changed(etag='"one"\r\nX-Evil: 1'),
        facts=(
            Fact(
                "no header is smuggled",
                lambda seen: "X-Evil" if any(one.get("x-evil") for one in seen.requests) else "",
            ),
        ),
    ),
    Case(
        id="D22x",
        what="a record whose tag is not ASCII",
        path="cut",
        first=(4,),
        edit=edits.changed(etag='"\u202eone"'),
    ),
    Case(
        id="D22y",
        what="a record without a validator, nothing known",
        path="cut",
        first=(4,),
        edit=edits.changed(etag=None),
        facts=(plain(2),),
    ),
    Case(
        id="D22z",
        what="a record that is a link out of the folder",
        path="cut",
        first=(4,),
        edit=edits.record_link,
    ),
)

MIRRORS = (
    Case(
        id="D23a",
        what="part of another mirror, nothing known",
        path="cut",
        world="two-mirrors-differ",
        contents=TWO,
        first=(4,),
        facts=(plain(2),),
    ),
    Case(
        id="D23b",
        what="part of another mirror, sha256 known",
        path="cut",
        world="two-mirrors",
        keys=PINNED,
        first=(4,),
        facts=(count(2),),
    ),
    Case(
        id="D23c",
        what="part of another mirror with other bytes, sha256 known",
        path="cut",
        world="two-mirrors-differ",
        keys=PINNED,
        first=(4,),
        exits=(5,),
        facts=(NO_PART,),
    ),
    Case(
        id="D22A",
        what="the first run is cut at once: what stays agrees with its record",
        path="cut?at=1&times=-1",
        exits=(4,),
        env={"COVCAT_RETRIES": "0"},
        facts=(count(1), PART_STAYS, Fact("no weak tag", never_weak)),
    ),
)

CASES = (
    *DAMAGE,
    *RECORDS,
    *TAGS,
    *MIRRORS,
)
