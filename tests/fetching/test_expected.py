"""What steps bring, and the room that they need: pure, so that tables are enough."""

from typing import Any

import pytest
from makers.entries import release, resource

from covcat.catalog.selection import Selection
from covcat.fetching import expected
from covcat.fetching.expected import Expected
from covcat.fetching.plan import Options

WEB = {"host": "web", "name": "set.zip", "url": "https://example.org/set.zip"}
KAGGLE = {"host": "kaggle", "dataset": "somebody/set"}
GITHUB = {"host": "github", "repository": "somebody/set"}
ZIP = WEB | {"bytes": "100", "unpack": "zip"}
TABLE = WEB | {"bytes": "10", "name": "labels.csv"}
UNSIZED = KAGGLE | {"unpack": "zip"}
LISTED = {"listing": "listings/set@1.tsv.gz", "contents": {"files": "3", "bytes": "150"}}
MEGABYTES = {"files": "3", "bytes": "150", "of_unknown_size": "1"}
PLAIN = Options()
KEPT = Options(keep_archives=True)
PACKED = Options(extract=False)


def of(*served: dict[str, Any], options: Options = PLAIN, **more: Any) -> Expected:
    (one,) = resource(release(*served, **more)).releases
    return expected.of(one, options, None)


SIZES = {
    "all known": ([ZIP, TABLE], {}, (110, None, 0)),
    "one unknown": ([ZIP, UNSIZED], {}, (None, None, 1)),
    "rounded": ([UNSIZED], {"about_bytes": "1000"}, (None, 1000, 0)),
    "rounded, of some known": ([ZIP, UNSIZED], {"about_bytes": "1000"}, (None, 1000, 0)),
}


@pytest.mark.parametrize(("served", "more", "sizes"), SIZES.values(), ids=SIZES)
def test_sizes_are_exact_or_rounded_or_counted_as_unknown(served, more, sizes) -> None:
    found = of(*served, **more)
    assert (found.download_bytes, found.about_bytes, found.of_unknown_size) == sizes


def test_a_rounded_size_of_the_whole_says_nothing_of_a_part() -> None:
    part = Options(selection=Selection(include=("a/*",)))
    found = of(UNSIZED, options=part, about_bytes="1000")
    assert (found.about_bytes, found.of_unknown_size) == (None, 1)


ROOM = {  # at the worst moment, and when the release is whole
    "archive and what is in it": ([ZIP], LISTED, PLAIN, (250, 150)),
    "an archive that stays": ([ZIP], LISTED, KEPT, (250, 250)),
    "an archive that is not unpacked": ([ZIP], LISTED, PACKED, (100, 100)),
    "a plain file is only renamed": ([TABLE], {}, PLAIN, (10, 10)),
    "both": ([ZIP, TABLE], LISTED, PLAIN, (250, 150)),
    "an archive holds more than its own size": ([ZIP, TABLE], {}, PLAIN, (210, 110)),
    "but for what is left out of it": ([ZIP | {"exclude": ["b/*"]}], {}, PLAIN, (100, 0)),
    "a rounded archive": ([UNSIZED], {"about_bytes": "1000"}, PLAIN, (2000, 1000)),
    "files one by one": (
        [GITHUB | {"branch": "main"}],
        LISTED,
        Options(by_file=True),
        (150, 150),
    ),
    "nothing known": ([UNSIZED], {}, PLAIN, (0, 0)),
}


@pytest.mark.parametrize(("served", "more", "options", "room"), ROOM.values(), ids=ROOM)
def test_room_is_counted_for_archives_and_unpacked_files_together(
    served, more, options, room
) -> None:
    found = of(*served, options=options, **more)
    assert (found.peak_bytes, found.kept_bytes) == room


def test_releases_come_one_after_the_other_and_their_archives_go() -> None:
    one = of(ZIP, **LISTED)
    both = expected.totals([(one, 0), (one, 0)], 1000)
    assert (both.needed_bytes, both.download_bytes, both.downloads) == (400, 200, 2)
    assert both.needed_is_all
    kept = of(ZIP, options=KEPT, **LISTED)
    assert expected.totals([(kept, 0), (kept, 0)], 1000).needed_bytes == 500


def test_what_waits_of_a_release_takes_no_further_room() -> None:
    assert expected.totals([(of(ZIP, **LISTED), 100)], 1000).needed_bytes == 150
    assert expected.totals([(of(ZIP, **LISTED), 9000)], 1000).needed_bytes == 0


def test_totals_say_what_they_do_not_know() -> None:
    known, listed = of(ZIP), of(UNSIZED, **(LISTED | {"contents": MEGABYTES}))
    dataverse = {"host": "dataverse", "server": "https://example.org", "doi": "10.7910/DVN/A"}
    a_set = of(dataverse)
    total = expected.totals([(known, 0), (listed, 0), (a_set, 0)], 7)
    assert (total.downloads, total.downloads_are_all, total.of_unknown_size) == (3, False, 2)
    assert (total.download_bytes, total.bytes_are_about) == (100, False)
    assert not total.needed_is_all
    about = expected.totals([(of(UNSIZED, about_bytes="1000"), 0)], 7)
    assert (about.bytes_are_about, about.needed_is_all, about.free_bytes) == (True, False, 7)
