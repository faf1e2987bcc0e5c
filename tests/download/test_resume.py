"""What may be joined, how long to wait, how fast to go: the pure rules of downloads."""

import time
from contextlib import suppress

import pytest

from covcat.digests import Digests
from covcat.download.addresses import is_private
from covcat.download.answers import wait_asked
from covcat.download.pace import ConnectionLimit, RateLimit, StallDetector, pause_after
from covcat.download.resume import HeldPart, Validator, judge, validator_of
from covcat.errors import NetworkError, StoppedError, TransientError

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
EARLIER = "Sat, 21 Nov 2026 11:59:58 GMT"
NOW = 1795262400.0  # DATE


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Validator()),
        ({"etag": '"a1"'}, Validator('"a1"')),
        ({"etag": 'W/"a1"'}, Validator()),
        ({"etag": "a1"}, Validator()),
        ({"etag": '"a\x1b1"'}, Validator()),
        ({"last-modified": EARLIER, "date": DATE}, Validator(None, EARLIER)),
        ({"last-modified": DATE, "date": DATE}, Validator()),
        ({"last-modified": EARLIER}, Validator()),
        ({"last-modified": "yesterday", "date": DATE}, Validator()),
    ],
)
def test_only_strong_validators_count(headers: dict[str, str], expected: Validator) -> None:
    assert validator_of(headers) == expected


TAG = Validator('"a"')
REST = {"content-range": "bytes 40-99/100"}


def held(validator: Validator = TAG, total: int | None = 100, pinned: bool = False) -> HeldPart:
    return HeldPart(40, total, validator, pinned)


@pytest.mark.parametrize(
    ("status", "headers", "here", "verdict"),
    [
        (206, {"content-range": "bytes 40-99/100", "etag": '"a"'}, held(), "go on"),
        (206, {"content-range": "bytes 40-79/100", "etag": '"a"'}, held(), "go on"),
        (206, {"content-range": "bytes 40-99/100", "etag": '"b"'}, held(), "ask for all"),
        (206, {"content-range": "bytes 40-99/100"}, held(), "ask for all"),
        (206, {"content-range": "bytes 40-99/100"}, held(pinned=True), "go on"),
        (206, {"content-range": "bytes 0-99/100", "etag": '"a"'}, held(), "ask for all"),
        (206, {"content-range": "bytes 41-99/100", "etag": '"a"'}, held(), "ask for all"),
        (206, {"content-range": "bytes 40-99/101", "etag": '"a"'}, held(), "ask for all"),
        (206, {"content-range": "bytes 40-100/100", "etag": '"a"'}, held(), "ask for all"),
        (206, {"content-range": "bytes 40-99/*", "etag": '"a"'}, held(), "ask for all"),
        (206, {"content-range": "bytes 40-99/100", "etag": '"a"'}, held(total=None), "go on"),
        (206, {"content-range": "bytes 50-40/100", "etag": '"a"'}, held(), "ask for all"),
        (206, {"etag": '"a"'}, held(), "ask for all"),
        (206, {"content-range": "octets 40-99/100", "etag": '"a"'}, held(), "ask for all"),
        (
            206,
            {**REST, "content-type": "multipart/byteranges; boundary=x", "etag": '"a"'},
            held(),
            "ask for all",
        ),
        (206, {**REST, "last-modified": EARLIER}, held(Validator(None, EARLIER)), "go on"),
        (206, {**REST, "last-modified": DATE}, held(Validator(None, EARLIER)), "ask for all"),
        (200, {}, held(), "from zero"),
        (416, {"content-range": "bytes */40"}, held(pinned=True), "complete"),
        (416, {"content-range": "bytes */40"}, held(), "ask for all"),
        (416, {"content-range": "bytes */99"}, held(pinned=True), "ask for all"),
        (416, {}, held(pinned=True), "ask for all"),
    ],
)
def test_an_answer_to_a_range_is_believed_only_if_all_of_it_fits(
    status: int, headers: dict[str, str], here: HeldPart, verdict: str
) -> None:
    assert judge(status, headers, here) == verdict


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Sat, 21 Nov 2026 12:01:00 GMT"}, 60),
        ({"retry-after": EARLIER}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-reset": str(int(NOW) + 90)}, 90),
        ({"x-ratelimit-reset": str(int(NOW) - 90)}, 0),
        ({"ratelimit": '"default";r=0;t=12'}, 12),
        ({"retry-after": "7", "x-ratelimit-reset": "30"}, 7),
    ],
)
def test_the_wait_that_a_server_asks_for_is_understood(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert wait_asked(headers, NOW) == seconds


def failure(after: float | None) -> TransientError:
    error = TransientError("`u` answered HTTP 429")
    error.after = after
    return error


def test_pauses_grow_with_some_chance_in_them_and_have_an_end() -> None:
    first = [pause_after(failure(None), 1, 0.5) for _ in range(50)]
    assert all(0.25 <= one <= 0.5 for one in first)
    assert len(set(first)) > 1
    assert 4 <= pause_after(failure(None), 5, 0.5) <= 8
    assert pause_after(failure(None), 500, 0.5) <= 60


def test_a_wait_of_years_is_refused_with_the_time_that_was_asked_for() -> None:
    assert 3 <= pause_after(failure(3), 1, 0.5) <= 4
    with pytest.raises(NetworkError, match=r"asks to wait 315,360,000 seconds"):
        pause_after(failure(315360000), 1, 0.5)


def test_a_limit_holds_for_all_connections_together() -> None:
    waited: list[float] = []
    limit = RateLimit(1000)
    for _ in range(4):
        limit.take(500, waited.append)
    assert sum(waited[-1:]) == pytest.approx(2, abs=0.2)
    RateLimit(None).take(10**12, waited.append)
    assert len(waited) == 4


def test_a_stall_is_heard_though_bytes_drip_in() -> None:
    def drip():
        for data in (b"x" * 2000, b"x", b"y"):
            yield data
            time.sleep(0.06)

    heard = StallDetector((1000, 0.05), None).listen(drip(), "u")
    assert [len(next(heard)), len(next(heard))] == [2000, 1]
    with pytest.raises(TransientError, match="`u` stalled: 1 bytes"):
        next(heard)


def test_a_host_has_only_so_many_connections() -> None:
    slots = ConnectionLimit(2)

    def wait(_: float) -> None:
        raise StoppedError("stopped")

    with slots.hold("a", wait), slots.hold("a", wait):
        with slots.hold("b", wait):
            pass
        with pytest.raises(StoppedError), slots.hold("a", wait):
            pass
    with slots.hold("a", wait):
        pass


def test_digests_of_a_large_file_are_those_of_a_small_one() -> None:
    large, small = Digests(["md5"]), Digests(["md5"])
    heard: list[str] = []
    for _ in range(80):
        large.update(b"x" * 100_000)
    large.when_here(heard.append)
    large.settle()
    for _ in range(8_000_000 // 4_000_000):
        small.update(b"x" * 4_000_000)
    small.settle()
    assert heard == [large.hexdigest("sha256")]
    assert [large.hexdigest(kind) for kind in ("sha256", "md5", "sha1")] == [
        small.hexdigest("sha256"),
        small.hexdigest("md5"),
        None,
    ]


def test_an_error_beside_the_transfer_is_raised_and_blocks_nobody() -> None:
    digests = Digests()
    digests.update(b"x" * 5_000_000)

    def full(_: str) -> None:
        raise OSError("full")

    digests.when_here(full)
    for _ in range(100):  # more than may wait for the thread
        with suppress(OSError):
            digests.update(b"y")
    with pytest.raises(OSError, match="full"):
        digests.settle()


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("::ffff:192.168.0.1", True),
        ("0.0.0.0", True),
        ("100.64.0.1", True),
        ("224.0.0.1", True),
        ("151.101.1.1", False),
        ("2a04:4e42::1", False),
        ("", False),
    ],
)
def test_private_addresses_are_known(address: str, private: bool) -> None:
    assert is_private(address) is private
