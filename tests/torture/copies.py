"""kill -9 at random instants of a push and of a pull: never a manifest over a hole, nor half a name."""

import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from makers.archives import tar_of
from makers.releases import Shelf
from makers.runs import tree_on_disk
from servers.bucket import Buckets
from servers.message import Reply, Request

from torture.fixture import Ended, Patience, Running, Tally, Verdict, Wish, last_line

BUDGET = 400.0  # seconds
SMALL, LARGE = 200, 20 << 20  # files; bytes of one that goes up in parts
IN_A_ROW = 3  # kills before a run is left to end
WAYS = [(kind, way) for kind in ("s3", "folder") for way in ("push", "pull")]
DELAY = 0.004  # seconds before the bucket answers: about a second in all


@dataclass(frozen=True)
class Copies:
    """A release that is here, and where its copies go."""

    root: Path
    buckets: Buckets

    def start(self, data: str, *words: str) -> Running:
        env = {**os.environ, "COVCAT_CATALOG": str(self.root / "shelf"), "COVCAT_PAUSE": "0.01"}
        env |= {"AWS_ENDPOINT_URL": self.buckets.url, "AWS_REGION": "us-east-1"}
        env |= {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up"}
        command = [sys.executable, "-m", "covcat", "--data-dir", data, *words]
        return Running(command, self.root, env)

    def there(self, address: str) -> dict[str, bytes]:
        """Return what lies in a bucket or a folder under the names of objects."""
        if not address.startswith("s3://"):
            tree = tree_on_disk(self.root / address)
            return {path: data for path, data in tree.items() if "#" not in path}
        top = address.removeprefix("s3://bucket/") + "/"
        inside = dict(self.buckets.objects["bucket"])
        return {key.removeprefix(top): inside[key] for key in inside if key.startswith(top)}


def run(wish: Wish) -> list[Tally]:
    with tempfile.TemporaryDirectory() as folder, (buckets := Buckets("bucket")).loopback:
        made = Copies(Path(folder), buckets)
        Shelf(made.root / "shelf").add_web("odd", "odd.tar", unpack="tar")
        files = {f"top/{number}.png": bytes([number % 256]) * 999 for number in range(SMALL)}
        files["top/large.nii"] = random.Random(1).randbytes(LARGE)
        (made.root / "odd.tar").write_bytes(tar_of(files))
        ended = made.start("here", "import", "odd", "odd.tar").wait()
        if ended.code != 0:
            raise RuntimeError(f"import ended with {ended.code}: {ended.err[-300:]}")
        buckets.before = _slowly
        wished = wish.number(50, 6)  # kills, of which some come too late
        began, tally = time.monotonic(), Tally("copies")
        spans = {(kind, way): _chain(made, kind, way, 0, None)[1] for kind, way in WAYS}
        for number in range(1, 1000):
            kind, way = WAYS[number % len(WAYS)]
            if tally.tried >= wished or time.monotonic() - began > BUDGET * Patience.factor:
                break
            verdict, _ = _chain(made, kind, way, number, spans[kind, way])
            tally.add(f"{kind} {number}, {way}", verdict)
        tally.seconds = time.monotonic() - began
        return [tally]


def _slowly(_: Request) -> Reply | None:
    time.sleep(DELAY)
    return None


def _chain(
    made: Copies, kind: str, way: str, number: int, span: float | None
) -> tuple[Verdict, float]:
    """Kill a push or a pull a few times in the second half of its time, then let it end."""
    instants, verdict = random.Random(f"{kind} {way} {number}"), Verdict(tried=0)
    address = f"{kind}-{way}-{number}" if kind == "folder" else f"s3://bucket/{way}-{number}"
    back, here = f"back-{kind}-{way}-{number}", _released(tree_on_disk(made.root / "here"))
    if way == "pull" and made.start("here", "push", address).wait().code != 0:
        return Verdict(is_lost=True, faults=["a push that nobody killed failed"]), 0
    words = ("here", "push", address) if way == "push" else (back, "pull", address)
    for _ in range(IN_A_ROW if span else 0):
        ended = made.start(*words).wait(kill_after=instants.uniform(0.4, 1) * (span or 0))
        if ended.code != -signal.SIGKILL:  # it was faster than the kill
            break
        verdict.tried += 1
        verdict.faults += _holes(made.there(address), here)
        verdict.faults += _holes(_released(tree_on_disk(made.root / back)), here)
    else:
        ended = made.start(*words).wait()
    back = back if way == "pull" else ""
    return _judged(made, ended, address, back, here, verdict), ended.seconds


def _judged(
    made: Copies,
    ended: Ended,
    address: str,
    back: str,
    here: Mapping[str, bytes],
    verdict: Verdict,
) -> Verdict:
    if ended.code != 0:
        verdict.is_lost = True
        verdict.faults.append(f"the last run ended with {ended.code}: {last_line(ended.err)}")
    there = made.there(address) if not back else _released(tree_on_disk(made.root / back))
    verdict.is_wrong = ended.code == 0 and there != here
    return verdict


def _released(tree: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in tree.items() if not path.startswith(".covcat/")}


def _holes(tree: Mapping[str, bytes], here: Mapping[str, bytes]) -> list[str]:
    """Say what lies under a final name and is not whole; a manifest needs all that it names."""
    faults = [f"`{path}` is not whole" for path, data in tree.items() if here.get(path) != data]
    for path in [path for path in tree if path.endswith("/manifest.json")]:
        top = path.removesuffix("manifest.json")
        for file in json.loads(tree[path])["files"]:
            data = tree.get(top + file["path"])
            if data is None or hashlib.sha256(data).hexdigest() != file["sha256"]:
                faults.append(f"a manifest over a hole: `{file['path']}`")
    return faults
