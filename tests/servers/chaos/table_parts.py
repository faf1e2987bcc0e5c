"""Cases D21 to D23: parts and records that are damaged, foreign or of another mirror."""

from servers.chaos import edits
from servers.chaos.case import (
    NO_PART,
    NO_WEAK,
    NOT_EVIL,
    PART_STAYS,
    PINNED,
    Fact,
    count,
    never_weak,
    plain,
    row,
)
from servers.chaos.table_resume import TWO

# fmt: off
CASES = (
    # damage
    *(
        row(f"D21{letter}{suffix}", f"{what}{more}", "cut", 0, *facts, first=4, edit=edit, keys=keys)
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
    ),
    # records
    *(
        row(f"D22{letter}", what, "cut", 0, count(2), plain(2), first=4, edit=edit)
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
            ("s", "a record with an offset of 5,000 digits",
                edits.record_is(b'{"offset": ' + b"9" * 5000 + b"}")),
            ("t", "a record with NaN", edits.changed(offset=float("nan"))),
            ("u", "a record that says true", edits.changed(offset=True)),
        )
    ),
    # tags
    row("D22v", "a record with a weak tag", "cut", 0,
        NO_WEAK, first=4, edit=edits.changed(etag='W/"one"')),
    row("D22w", "a record whose tag breaks the header", "cut", 0,
        NOT_EVIL,
        first=4, edit=edits.changed(etag='"one"\r\nX-Evil: 1')),
    row("D22x", "a record whose tag is not ASCII", "cut", 0,
        first=4, edit=edits.changed(etag='"\u202eone"')),
    row("D22y", "a record without a validator, nothing known", "cut", 0,
        plain(2), first=4, edit=edits.changed(etag=None)),
    row("D22z", "a record that is a link out of the folder", "cut", 0,
        first=4, edit=edits.record_link),
    # mirrors
    row("D23a", "part of another mirror, nothing known", "cut", 0,
        plain(2), world="two-mirrors-differ", first=4, contents=TWO),
    row("D23b", "part of another mirror, sha256 known", "cut", 0,
        count(2), world="two-mirrors", first=4, keys=PINNED),
    row("D23c", "part of another mirror with other bytes, sha256 known", "cut", 5,
        NO_PART, world="two-mirrors-differ", first=4, keys=PINNED),
    row("D22A", "the first run is cut at once: what stays agrees with its record",
        "cut?at=1&times=-1", 4, count(1), PART_STAYS, Fact("no weak tag", never_weak),
        env={"COVCAT_RETRIES": "0"}),
)
