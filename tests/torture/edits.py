"""Random edits of what covcat reads again: index, manifest, lock, journal, records, label tables.

No edit may give a row that is not right without a word, write anything elsewhere, end in a
traceback or hang. covcat runs in forks of one process: a thousand edits take a few minutes.
"""

import contextlib
import functools
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer.main
from makers.laid import lay
from makers.releases import Shelf
from makers.runs import Ran, tree_on_disk
from makers.tables import darwin, png, workbook

from covcat.catalog import load
from covcat.catalog.files import WebFile
from covcat.cli import main
from covcat.download.parts import PartRecord, Parts
from covcat.download.remote import Download, RemoteFile
from covcat.store.waiting import Waiting
from torture.fixture import HANG, HOST, Case, Tally, Verdict, Wish, conduct, last_line

BUDGET = 1500.0  # seconds
COUNT, QUICK = 1000, 40
SAID = ("was changed since it was fetched", "which its entry names", "though its entry names it")
ENTRY = """\
releases:
  - id: "1"
    source: made up
    files: [{{host: web, name: a.zip, url: "https://data.example.org/a.zip", unpack: zip}}]
tables:
  - reader: {reader}
    path: "{path}"
    source: made up
    columns: {columns}
    image: "{image}"
    match: {match}
"""
HEADER = ("name", "patient", "age", "finding", "view", "license")
LABELS = (
    *(("COVID-19", "PA", "CC BY 4.0"), ("SARS", "AP", "CC BY-NC-SA")),
    *(("No Finding", "L", ""), ("Pneumonia", "PA", "CC0")),
)
ROWS = [
    (f"images/{number}.png", f"P{number // 2}", 20 + number, *LABELS[number % 4])
    for number in range(12)
]
COLUMNS = "{patient_id: patient, age: age, finding: finding, view: view, license: license}"
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "images": ("images", "--format", "csv", "--all"),
    "counts": ("counts", "--by", "finding,view", "--format", "csv"),
    "select": ("select", "--as", "copies", "-o", "cohort", "--allow-unknown-license"),
}
OTHERS = (
    *("verify", "status", "cite csv", "cite --from covcat.lock", "lock -o new.lock"),
    *("lock --check", "fetch --locked --offline", "manifest export csv --as croissant -o out.json"),
    *("remove csv --dry-run", "license csv"),
)


@dataclass(frozen=True)
class Here:
    """A data folder with releases, their indexes and a lock; all edits are of copies."""

    root: Path
    catalog: Path
    right: Mapping[str, tuple[str, Mapping[str, bytes]]]  # by command: what it prints and writes

    def run(self, place: Path, words: tuple[str, ...]) -> Ran:
        """Run covcat in a fork, in a place of its own."""
        options = ("--data-dir", "data", "--catalog", str(self.catalog))
        return _forked(place, ["covcat", *words, *options])


def run(wish: Wish) -> list[Tally]:
    typer.main.get_command = functools.cache(typer.main.get_command)
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        here = _made(Path(folder))
        number = wish.number(COUNT, QUICK)
        cases = [
            Case(f"{KINDS[seed % len(KINDS)]} #{seed}", functools.partial(_case, here, seed))
            for seed in range(number)
        ]
        return [conduct("edits", [one for one in cases if wish.only in one.label], BUDGET)]


# ---- what is edited ----------------------------------------------------------------------------

SEALED = ("index.sqlite", "manifest.json")
KINDS = (
    *(f"data/{id}/1/{name}" for name in SEALED for id in ("csv", "xlsx", "json")),
    *("data/csv/1/SHA256SUMS", "covcat.lock", "data/csv/1/files/metadata.csv"),
    *("data/xlsx/1/files/metadata.xlsx", "data/json/1/files/1.json", "journal", "part"),
)


def _made(root: Path) -> Here:
    place, shelf = root / "made", Shelf(root / "catalog")
    films = {f"images/{number}.png": png(4 + number, 3) for number in range(len(ROWS))}
    lines = [HEADER, *ROWS]
    text = "".join(",".join(map(str, line)) + "\n" for line in lines).encode()
    notes = [darwin(["COVID-19"], original_filename=f"{number}.png") for number in range(4)]
    tables = {
        "csv": {"metadata.csv": text},
        "xlsx": {"metadata.xlsx": workbook(lines)},
        "json": {f"{number}.json": note for number, note in enumerate(notes)},
    }
    by_rows = {"columns": COLUMNS, "image": "{name}", "match": "path"}
    keys = {
        "csv": {"reader": "delimited", "path": "metadata.csv", **by_rows},
        "xlsx": {"reader": "sheet", "path": "metadata.xlsx", **by_rows},
        "json": {"reader": "darwin", "path": "*.json", "columns": "{finding: tags}"}
        | {"image": "{filename}", "match": "name"},
    }
    for id, table in tables.items():
        shelf.add(id, ENTRY.format(**keys[id]))
        found = load.load((shelf.folder,)).find(id)
        lay(found, {**films, **table}, data=place / "data")
    here = Here(root, shelf.folder, {})
    right = {}
    for name, words in COMMANDS.items():
        ran = here.run(place, words)
        assert ran.code == 0, ran
        right[name] = (ran.out, _cohort(place))
        shutil.rmtree(place / "cohort", ignore_errors=True)
    assert here.run(place, ("lock",)).code == 0
    return replace(here, right=right)


def _cohort(place: Path) -> dict[str, bytes]:
    """Return the images of the cohort that was written, by path."""
    return tree_on_disk(place / "cohort/images")


def _forked(place: Path, words: list[str]) -> Ran:
    """Run a command in a child that has all modules already; a hang is killed."""
    out, err = place / "stdout", place / "stderr"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(place)
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
            sys.argv = words
            main.main()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    timer = threading.Timer(HANG, os.kill, (child, signal.SIGKILL))
    timer.start()
    began = time.monotonic()
    _, status = os.waitpid(child, 0)
    timer.cancel()
    code = None if time.monotonic() - began >= HANG else os.waitstatus_to_exitcode(status)
    texts = [one.read_bytes().decode("utf-8", "replace") for one in (out, err)]
    out.unlink()
    err.unlink()
    return Ran(code, *texts)


# ---- edits -------------------------------------------------------------------------------------

TOKENS = (
    *(b"..", b"../../../../x", b"/etc/passwd", b"NaN", b"1e999", b"-1", b"null", b"[", b"{"),
    *(b'"', b"'", b",", b"\n", b"\r", b"\0", b"\\ud800", b"\xff\xfe", b"9" * 40, b"true", b";"),
    *(b"\xef\xbb\xbf", b"\xe2\x80\xae", b"=1+1", b"COVID-18", b"CC0-1.0", b"\t"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1 << 70, 1.5, float("nan"), "", "..", "../../../x", "\ud800", "x" * 5000),
    *([], {}, [[]], {"a": 1}, "files/../../x", "files/images/0.png", "1", "csv", "\x1b[31m"),
)


def _edited(data: bytes, dice: random.Random) -> bytes:
    at, size = dice.randrange(len(data) + 1), dice.choice((1, 1, 2, 7, 100, 4096))
    before, piece, after = data[:at], data[at : at + size], data[at + size :]
    changed = (
        before + bytes(one ^ (1 << dice.randrange(8)) for one in piece[:1]) + data[at + 1 :],
        before + b"\xff" * size + after,
        before + b"\0" * size + after,
        before,
        before + dice.randbytes(size) + piece + after,
        before + after,
        before + piece + piece + after,
        before + piece[::-1] + after,
        before + dice.choice(TOKENS) + piece + after,
        before + dice.choice(TOKENS) + after,
    )
    return dice.choice([one for one in changed if one != data])


def _edited_tree(data: bytes, dice: random.Random) -> bytes:
    """Return JSON with another value, key or length somewhere."""
    tree = json.loads(data)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(tree)
    node, key = dice.choice(places)
    if dice.random() < 0.2:
        del node[key]
    elif dice.random() < 0.2 and isinstance(node, dict):
        node[dice.choice(("more", "path", "", "__class__"))] = dice.choice(VALUES)
    else:
        node[key] = dice.choice(VALUES)
    return json.dumps(tree, indent=dice.choice((None, 1))).encode()


def _edited_rows(path: Path, dice: random.Random) -> None:
    """Change an index as other programs do, which know of no seal."""
    values = ("yes", "COVID-18", "../../../x", None, -1, 1e300, b"\xff", "images/1.png")
    with contextlib.closing(sqlite3.connect(path)) as base, contextlib.suppress(sqlite3.Error):
        names = [row[1] for row in base.execute("PRAGMA table_info(images)")]
        change = f"UPDATE images SET {dice.choice(names)} = ? WHERE rowid = ?"
        base.execute(change, (dice.choice(values), dice.randrange(1, 13)))
        base.commit()


def _edit(path: Path, dice: random.Random) -> None:
    data = path.read_bytes()
    if path.suffix == ".sqlite" and dice.random() < 0.3:
        _edited_rows(path, dice)
    elif path.suffix in (".json", ".lock") and dice.random() < 0.5:
        with contextlib.suppress(ValueError):
            path.write_bytes(_edited_tree(data, dice))
    if path.read_bytes() == data:
        path.write_bytes(_edited(data, dice))


# ---- what must hold ----------------------------------------------------------------------------


def _case(here: Here, seed: int) -> Verdict:
    kind, dice = KINDS[seed % len(KINDS)], random.Random(seed)
    place = here.root / f"p{seed}"
    try:
        if kind == "journal":
            return _journal(place, dice)
        if kind == "part":
            return _part(place, dice)
        shutil.copytree(here.root / "made", place)
        _edit(place / kind, dice)
        return _asked(here, place, kind, dice)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _asked(here: Here, place: Path, kind: str, dice: random.Random) -> Verdict:
    """Ask for everything, and look at what is said and written."""
    verdict = Verdict(0)
    before = _tree(place)
    others = {words: tuple(words.split()) for words in dice.sample(OTHERS, 3)}
    for name, words in {**COMMANDS, **others}.items():
        verdict.tried += 1
        ran = here.run(place, words)
        if ran.code is None or ran.code in (1, 70) or ran.code < 0 or "Traceback" in ran.err:
            fault = "hangs" if ran.code is None else f"exit {ran.code}"
            verdict.faults.append(f"{name}: {fault}: {last_line(ran.err)}")
        elif ran.code == 0 and name in COMMANDS and not _is_right(here, place, name, ran):
            verdict.is_wrong = True
            verdict.faults.append(f"{name}: other rows, exit 0: {last_line(ran.err)}")
        for made in ("cohort", "new.lock", "out.json"):
            one = place / made
            shutil.rmtree(one) if one.is_dir() else one.unlink(missing_ok=True)
    beside = ("index.sqlite", "verified.json")
    if outside := {one for one in _tree(place) ^ before if not one[0].endswith(beside)}:
        verdict.faults.append(f"{kind}: other files changed: {sorted(outside)[:3]}")
    return verdict


def _is_right(here: Here, place: Path, name: str, ran: Ran) -> bool:
    return any(one in ran.err for one in SAID) or (ran.out, _cohort(place)) == here.right[name]


def _tree(place: Path) -> set[tuple[str, str]]:
    """Return all files beside covcat's own, and the names in the folder above."""
    inside = {
        (str(one.relative_to(place)), hashlib.sha256(one.read_bytes()).hexdigest())
        for one in place.rglob("*")
        if one.is_file() and ".covcat" not in one.parts
    }
    above = {(one.name, "") for one in place.parent.iterdir() if not one.name.startswith("p")}
    return inside | above


def _believed(what: str, wrong: list[object]) -> Verdict:
    return Verdict(1, bool(wrong), False, [f"{what}: {wrong[0]}"] if wrong else [])


def _journal(place: Path, dice: random.Random) -> Verdict:
    """Believe of waiting files what was written, or nothing."""
    folder = place / "set@1"
    names = [f"{number}.zip" for number in range(3)]
    files = [
        RemoteFile(file=WebFile(host="web", name=name, url=f"https://{HOST}/{name}"), name=name)
        for name in names
    ]
    partial = Waiting(folder)
    right = [_waiting(partial, number, file) for number, file in enumerate(files)]
    _edit(folder / "journal.jsonl", dice)
    found = [Waiting(folder).found(file) for file in files]
    wrong = [one for one, as_added in zip(found, right, strict=True) if one not in (None, as_added)]
    return _believed("journal", wrong)


def _waiting(partial: Waiting, number: int, file: RemoteFile) -> Download:
    """Put a file there that waits for others."""
    path, body, url = partial.target(number, file.name), b"%d" % number, f"https://{HOST}/{number}"
    path.write_bytes(body)
    addresses = {"name": path.name, "url": url, "final_url": url, "mirror": None}
    digests = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), "md5": None}
    seen = {"verified_by": "first-use", "finished_at": "2020-01-01T00:00:00+00:00"}
    got = Download(path=path, **addresses, **digests, **seen)
    partial.add(file, got)
    return got


def _part(place: Path, dice: random.Random) -> Verdict:
    """Believe of a part what was recorded, or nothing."""
    place.mkdir()
    parts = Parts(place)
    part = parts.new("key", "a.zip")
    part.write(b"x" * 1000)
    digest = hashlib.sha256(b"x" * 1000).hexdigest()
    record = PartRecord("https://data.example.org/a", None, '"e"', None, 5000, 1000, digest)
    part.record(record)
    part.close()
    _edit(part.record_path, dice)
    found = Parts(place).kept("key")
    return _believed("part", [one for _, one in found if one != record])
