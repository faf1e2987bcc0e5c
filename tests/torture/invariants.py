"""What must hold after every run, and after every kill: I1-I6 of the test plan.

Everything is checked without covcat's own code: a fault in it must not hide itself.
"""

import hashlib
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from torture.fixture import Ended, Place, Verdict, last_line

PEAK_BYTES = 512 << 20
SLACK_BYTES = 1 << 20  # for manifests, sidecars and locks
FACTOR = 4  # an old part, its copy, the archive and its members
FILLER = ".filler"  # of the harness itself, to fill a disk
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_RECORDS = {"manifest.json", "SHA256SUMS", "verified.json"}  # the last of `verify`, in no digest


def after_kill(place: Place) -> list[str]:
    """Return what does not hold now, whatever stopped the run."""
    return [*_outside(place), *_kinds(place), *_releases(place)]


def after_success(
    place: Place, ended: Ended, before: Sequence[str] = (), *, may_litter: bool = False
) -> Verdict:
    """Judge a run that should have brought everything, and tidied up; `before` are known faults."""
    faults = [*before, *after_kill(place), *of_output(ended)]
    is_wrong = False
    if ended.code != 0:
        how = "hung" if ended.code is None else f"ended with {ended.code}"
        faults.append(f"the run {how}: {last_line(ended.err)}")
    else:
        is_wrong = not is_right(place)
        faults += ["it ended well and the bytes are not right"] if is_wrong else []
        faults += [] if may_litter else _leftover(place)
        if ended.out.strip() != str(place.final / "files"):
            faults.append(f"it printed {ended.out.strip()[:200]!r}")
    return Verdict(is_wrong=is_wrong, is_lost=ended.code != 0, faults=faults)


def is_right(place: Place) -> bool:
    """True if the release folder holds exactly the bytes of the target."""
    return contents(place.final / "files") == {
        path: hashlib.sha256(body).hexdigest() for path, body in place.target.files.items()
    }


def contents(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path, status in below(folder)
        if stat.S_ISREG(status.st_mode)
    }


def below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Give everything below a folder, links not followed."""
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(parent, name)
            yield path, path.lstat()


def of_output(ended: Ended) -> list[str]:
    """I5 and I6: memory, tracebacks, control characters."""
    faults = []
    text = ended.out + ended.err
    if "Traceback" in text:
        faults.append(f"a traceback: {text.strip().splitlines()[-1][:200]}")
    if found := _CONTROL.search(text):
        faults.append(f"the output has the control character {found[0]!r}")
    if ended.peak_bytes > PEAK_BYTES:
        faults.append(f"it took {ended.peak_bytes >> 20} MiB of memory")
    return faults


def _outside(place: Place) -> list[str]:
    """I1: nothing beside the data folder."""
    allowed = {place.root / name for name in ("home", "tmp", "cwd")}
    return [
        f"outside the data folder: {path.relative_to(place.root)}"
        for path, _ in below(place.root)
        if path not in allowed and not path.is_relative_to(place.data)
    ]


def _kinds(place: Place) -> list[str]:
    """I2: plain files and folders only; I4: not more than there is to hold."""
    faults, total = [], 0
    names: Counter[int] = Counter()
    links: dict[int, int] = {}
    for path, status in below(place.data):
        name = path.relative_to(place.data)
        if path.name == FILLER:
            continue
        is_file = stat.S_ISREG(status.st_mode)
        total += status.st_size if is_file else 0
        if not is_file and not stat.S_ISDIR(status.st_mode):
            faults.append(f"`{name}` is neither file nor folder: {stat.filemode(status.st_mode)}")
        if status.st_mode & 0o7002:
            faults.append(f"`{name}` has an odd mode: {stat.filemode(status.st_mode)}")
        if is_file:
            names[status.st_ino] += 1
            links[status.st_ino] = status.st_nlink
    if names != links:
        faults.append("a file has links from outside")
    payload = sum(map(len, place.target.files.values())) + place.target.total
    if total > FACTOR * payload + SLACK_BYTES:
        faults.append(f"{total:,} bytes on disk for {place.target.total:,}")
    return faults


def _releases(place: Place) -> list[str]:
    """I3: a folder with a final name is whole."""
    faults = []
    for resource in place.data.glob("[!.]*"):
        for release in resource.iterdir() if resource.is_dir() else [resource]:
            if release == place.final:
                faults += _record_faults(place)
            else:
                faults.append(f"a strange name: `{release.relative_to(place.data)}`")
    return faults


def _record_faults(place: Place) -> list[str]:
    """Compare the folder with its manifest, its sums and what it should hold."""
    try:
        record = json.loads((place.final / "manifest.json").read_bytes())
        recorded = {file["path"]: file["sha256"] for file in record["files"]}
        lines = (place.final / "SHA256SUMS").read_text().splitlines()
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"a release folder without a good record: {error}"]
    found = contents(place.final)
    present = {path: digest for path, digest in found.items() if path not in _RECORDS}
    sums = dict(reversed(line.split("  ", 1)) for line in lines)
    wrong = {
        "a release folder differs from its manifest": present != recorded,
        "SHA256SUMS differs from the manifest": sums != recorded,
        "a release folder has wrong bytes": not is_right(place),
    }
    return [fault for fault, is_so in wrong.items() if is_so]


def _leftover(place: Place) -> list[str]:
    """Nothing of the way is left after success, but locks."""
    private = place.data / ".covcat"
    left = [
        path.relative_to(place.data)
        for path, _ in below(private)
        if path.parent != private and path.parent.name != "locks"
    ]
    linked = [path for path, status in below(place.final) if path.is_file() and status.st_nlink > 1]
    more = [f"`{path.name}` has another link" for path in linked[:1]]
    return [f"left over: `{path}`" for path in left[:3]] + more


def stale_locks(place: Place) -> int:
    """Count the locks of staging folders that are gone."""
    return len(list((place.data / ".covcat/locks").glob("[0-9a-f]" * 16 + "*")))
