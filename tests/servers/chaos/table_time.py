"""Cases D41, D42, D54 and D56: slowness, silence, several ranges."""

import hashlib

from servers.chaos.body import Stream
from servers.chaos.case import (
    NEVER_RANGE,
    PART_STAYS,
    SIZE,
    USED_RANGES,
    Case,
    count,
    quick,
    resumed,
    says,
    slow,
)
from servers.chaos.table_transfer import SHA, SOON

SLOW = {"COVCAT_SLOW": "2000/1", "COVCAT_RETRIES": "1"}

BIG = 24 << 20

FAST = "&pace=6000000"  # bytes a second for each connection: slow enough for several

SILENCE = (
    Case(
        id="D41e",
        what="--limit-rate 100000 for 200 KB",
        path="file",
        args=("--limit-rate", "100000"),
        facts=(count(1), slow(1.2)),
    ),
    Case(
        id="D41a",
        what="a byte each 100 ms for ever",
        path="drip?times=-1",
        exits=(4,),
        env=SLOW,
        facts=(count(2), quick(15)),
    ),
    Case(
        id="D41b",
        what="the head comes a byte each 100 ms",
        path="drip?times=-1&of=head",
        exits=(4,),
        env={**SLOW, "COVCAT_TIMEOUT": "1"},
        facts=(quick(20),),
    ),
    Case(id="D41c", what="a byte each 100 ms, then fast", path="drip", env=SLOW),
    Case(
        id="D41d",
        what="slow, and above the floor",
        path="file?pace=60000",
        env={"COVCAT_SLOW": "20000/1"},
        facts=(count(1),),
    ),
    Case(
        id="D42a",
        what="nobody accepts",
        path="file",
        world="nothing-full",
        exits=(4,),
        env=SOON,
        facts=(quick(10), says("127.0.0.1")),
    ),
    Case(
        id="D42b",
        what="no answer",
        path="dead?then=hang&times=-1",
        exits=(4,),
        env=SOON,
        facts=(count(2), quick(10)),
    ),
    Case(id="D42c", what="no answer, once", path="dead?then=hang", env=SOON, facts=(count(2),)),
    Case(
        id="D42d",
        what="no byte after the head",
        path="dead?then=hang&after=head&times=-1",
        exits=(4,),
        env=SOON,
        facts=(count(2), quick(10)),
    ),
    Case(
        id="D42e",
        what="silence in the middle",
        path="cut?then=hang",
        env=SOON,
        facts=(count(2), resumed(2)),
    ),
    Case(
        id="D42f",
        what="silence in the middle for ever",
        path="cut?then=hang&times=-1",
        exits=(4,),
        env=SOON,
        facts=(count(2), PART_STAYS, quick(10)),
    ),
    Case(
        id="D42g",
        what="whole, and the connection stays open",
        path="open-end",
        facts=(count(1), quick(10)),
    ),
    Case(
        id="D42h",
        what="whole, no length, no end, sha256 known",
        path="open-end?framing=close",
        exits=(0, 4),
        keys={"sha256": SHA, "bytes": SIZE},
        env=SOON,
        facts=(quick(12),),
    ),
    Case(
        id="D42i",
        what="--timeout and --retries of the command line",
        path="dead?then=hang&times=-1",
        exits=(4,),
        args=("--timeout", "1", "--retries", "0"),
        facts=(count(1), quick(6)),
    ),
    Case(
        id="D54a", what="a kept connection is closed under the next request", path="stale?times=2"
    ),
    Case(id="D54b", what="it is closed once more", path="stale?times=3", facts=(count(4),)),
    Case(id="D54c", what="503 on a connection that closes", path="late-close", facts=(count(2),)),
)

SEVERAL = (
    Case(
        id="D56k",
        what="--jobs 1 over a slow line",
        path="pieces?size=10485760&pace=1500000",
        args=("--jobs", "1"),
        facts=(count(1),),
    ),
    Case(
        id="D56l",
        what="--limit-rate keeps to one connection",
        path="pieces?size=12582912&pace=6000000",
        args=("--limit-rate", "4M"),
        facts=(count(1), slow(2.5)),
    ),
    Case(
        id="D56a",
        what="24 MiB over several ranges",
        path=f"pieces?size={BIG}{FAST}",
        facts=(USED_RANGES, quick(20)),
    ),
    Case(
        id="D56b",
        what="--jobs 1 asks once",
        path=f"pieces?size={12 << 20}&pace=6000000",
        args=("--jobs", "1"),
        facts=(count(1),),
    ),
    Case(
        id="D56c",
        what="a weak tag: one connection",
        path=f"pieces?size={12 << 20}&pace=6000000&etag=weak",
        facts=(count(1), NEVER_RANGE),
    ),
    Case(
        id="D56d",
        what="no Accept-Ranges: one connection",
        path=f"pieces?size={12 << 20}&pace=6000000&ranges=no",
        facts=(count(1), NEVER_RANGE),
    ),
    Case(
        id="D56e",
        what="a piece of another state, tag and all",
        path=f"pieces?size={BIG}{FAST}&how=changed&once=1",
    ),
    Case(id="D56f", what="a piece is reset", path=f"pieces?size={BIG}{FAST}&how=reset&once=1"),
    Case(id="D56g", what="pieces are refused with 403", path=f"pieces?size={BIG}{FAST}&how=403"),
    Case(id="D56h", what="pieces are refused with 503", path=f"pieces?size={BIG}{FAST}&how=503"),
    Case(
        id="D56i",
        what="a piece of other bytes, sha256 known",
        path=f"pieces?size={BIG}{FAST}&how=bytes",
        keys={"sha256": hashlib.sha256(Stream(1, BIG).data).hexdigest()},
        exits=(0, 5),
    ),
    Case(
        id="D56j",
        what="pieces are refused with 429",
        path=f"pieces?size={BIG}{FAST}&how=429&once=1",
    ),
)

CASES = (
    *SILENCE,
    *SEVERAL,
)
