"""Cases D41, D42, D54 and D56: slowness, silence, several ranges."""

import hashlib

from servers.chaos.body import Stream
from servers.chaos.case import (
    NEVER_RANGE,
    PART_STAYS,
    SHA,
    SIZE,
    USED_RANGES,
    count,
    quick,
    resumed,
    row,
    says,
    slow,
)
from servers.chaos.table_transfer import SOON

SLOW = {"COVCAT_SLOW": "2000/1", "COVCAT_RETRIES": "1"}
BIG = 24 << 20
FAST = "&pace=6000000"  # bytes a second for each connection: slow enough for several

# fmt: off
CASES = (
    # silence
    row("D41e", "--limit-rate 100000 for 200 KB", "file", 0,
        count(1), slow(1.2), args=("--limit-rate", "100000")),
    row("D41a", "a byte each 100 ms for ever", "drip?times=-1", 4, count(2), quick(15), env=SLOW),
    row("D41b", "the head comes a byte each 100 ms", "drip?times=-1&of=head", 4,
        quick(20), env={**SLOW, "COVCAT_TIMEOUT": "1"}),
    row("D41c", "a byte each 100 ms, then fast", "drip", 0, env=SLOW),
    row("D41d", "slow, and above the floor", "file?pace=60000", 0,
        count(1), env={"COVCAT_SLOW": "20000/1"}),
    row("D42a", "nobody accepts", "file", 4,
        quick(10), says("127.0.0.1"), world="nothing-full", env=SOON),
    row("D42b", "no answer", "dead?then=hang&times=-1", 4, count(2), quick(10), env=SOON),
    row("D42c", "no answer, once", "dead?then=hang", 0, count(2), env=SOON),
    row("D42d", "no byte after the head", "dead?then=hang&after=head&times=-1", 4,
        count(2), quick(10), env=SOON),
    row("D42e", "silence in the middle", "cut?then=hang", 0, count(2), resumed(2), env=SOON),
    row("D42f", "silence in the middle for ever", "cut?then=hang&times=-1", 4,
        count(2), PART_STAYS, quick(10), env=SOON),
    row("D42g", "whole, and the connection stays open", "open-end", 0, count(1), quick(10)),
    row("D42h", "whole, no length, no end, sha256 known", "open-end?framing=close", (0, 4),
        quick(12), keys={"sha256": SHA, "bytes": SIZE}, env=SOON),
    row("D42i", "--timeout and --retries of the command line", "dead?then=hang&times=-1", 4,
        count(1), quick(6), args=("--timeout", "1", "--retries", "0")),
    row("D54a", "a kept connection is closed under the next request", "stale?times=2", 0),
    row("D54b", "it is closed once more", "stale?times=3", 0, count(4)),
    row("D54c", "503 on a connection that closes", "late-close", 0, count(2)),
    # several
    row("D56k", "--jobs 1 over a slow line", "pieces?size=10485760&pace=1500000", 0,
        count(1), args=("--jobs", "1")),
    row("D56l", "--limit-rate keeps to one connection", "pieces?size=12582912&pace=6000000", 0,
        count(1), slow(2.5), args=("--limit-rate", "4M")),
    row("D56a", "24 MiB over several ranges", f"pieces?size={BIG}{FAST}", 0,
        USED_RANGES, quick(20)),
    row("D56b", "--jobs 1 asks once", f"pieces?size={12 << 20}&pace=6000000", 0,
        count(1), args=("--jobs", "1")),
    row("D56c", "a weak tag: one connection", f"pieces?size={12 << 20}&pace=6000000&etag=weak", 0,
        count(1), NEVER_RANGE),
    row("D56d", "no Accept-Ranges: one connection",
        f"pieces?size={12 << 20}&pace=6000000&ranges=no", 0, count(1), NEVER_RANGE),
    row("D56e", "a piece of another state, tag and all",
        f"pieces?size={BIG}{FAST}&how=changed&once=1", 0),
    row("D56f", "a piece is reset", f"pieces?size={BIG}{FAST}&how=reset&once=1", 0),
    row("D56g", "pieces are refused with 403", f"pieces?size={BIG}{FAST}&how=403", 0),
    row("D56h", "pieces are refused with 503", f"pieces?size={BIG}{FAST}&how=503", 0),
    row("D56i", "a piece of other bytes, sha256 known", f"pieces?size={BIG}{FAST}&how=bytes",
        (0, 5), keys={"sha256": hashlib.sha256(Stream(1, BIG).data).hexdigest()}),
    row("D56j", "pieces are refused with 429", f"pieces?size={BIG}{FAST}&how=429&once=1", 0),
)
