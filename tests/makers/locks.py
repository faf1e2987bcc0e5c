"""A lock beside the data folder: what it says, and the same files anywhere else."""

import json
import shutil
from pathlib import Path

from makers.runs import tree_on_disk

DATA = Path("covcat-data")
LOCK = Path("covcat.lock")


def locked() -> dict[str, dict]:
    """Return the releases of the lock, by ID@RELEASE."""
    return {
        f"{one['id']}@{one['release']}": one for one in json.loads(LOCK.read_text())["releases"]
    }


def elsewhere() -> None:
    """Go on in a folder that has nothing but the lock."""
    shutil.rmtree(DATA)


def comes_again(covcat, **mirror: str) -> None:
    """The lock is what is here; elsewhere the same files come, and give the same lock."""
    before, lock = tree_on_disk(DATA), LOCK.read_bytes()
    assert covcat("lock", "--check", **mirror).code == 0
    elsewhere()
    ran = covcat("fetch", "--locked", **mirror)
    assert ran.code == 0, ran.err
    kept = {path for path in before if not path.endswith("manifest.json")}
    after = tree_on_disk(DATA)
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert covcat("lock", "--check", **mirror).code == 0
    assert covcat("lock", "--output", "other.lock", **mirror).code == 0
    assert Path("other.lock").read_bytes() == lock
