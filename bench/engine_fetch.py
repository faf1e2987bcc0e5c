"""Fetch on a cluster against one machine: the same release, at which cost, whatever fails.

    sudo .venv/bin/python bench/engine_fetch.py --files 20000

As bench/engine.py, with nginx in a namespace of its own: `many` is a prefix of a bucket with so
many small objects, `sets` are archives with as many members together. The record and SHA256SUMS,
but for its times, are held against those of one machine; then, in the middle of each, two workers
are killed, the scheduler is restarted, and a link is cut for 20 seconds. A run that stops says what
to type, and is typed again. Nothing but a whole release may have a final name, and nothing may be
left in staging. Skipped with a reason where nobody may make namespaces.
"""

import argparse
import hashlib
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from engine import (
    CALLER,
    FAULTS,
    SCHEDULER,
    WORKERS,
    Processes,
    add_space,
    disturb,
    inside,
    make_network,
    space,
)
from makers.releases import Shelf
from serving import configuration, nginx

SERVER, PORT = "10.77.0.3", 8080
BUCKET = {"host": "s3", "bucket": "bench-set", "region": "us-east-1", "prefix": "many/"}
HOST = "bench-set.s3.us-east-1.amazonaws.com"
PAGE = 1000  # keys of a list, as S3 has it
SETS = 40  # archives
LISTS = """
  map $args $page {
    default 0.xml;
    "~continuation-token=(?<number>[0-9]+)" $number.xml;
  }
"""
LIST = f"location = /{HOST}/ {{ rewrite ^ /pages/$page last; }}"


def make_objects(folder: Path, count: int, size: int) -> None:
    """Write objects of a bucket, and the pages of its list."""
    keys, rows = [f"many/{number // 500:04}/{number:06}.dcm" for number in range(count)], []
    for key in keys:
        path, data = folder / HOST / key, random.Random(key).randbytes(size)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        tag = hashlib.md5(data).hexdigest()
        rows.append(
            f"<Contents><Key>{key}</Key><ETag>&quot;{tag}&quot;</ETag><Size>{size}</Size></Contents>"
        )
    (folder / "pages").mkdir()
    for number, start in enumerate(range(0, count, PAGE), 1):
        more = start + PAGE < count
        token = f"<NextContinuationToken>{number}</NextContinuationToken>" if more else ""
        head = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}"
        page = "".join(rows[start : start + PAGE])
        text = f"<ListBucketResult>{head}{page}</ListBucketResult>"
        (folder / f"pages/{number - 1}.xml").write_text(text)


def make_sets(folder: Path, count: int, size: int) -> dict[str, bytes]:
    """Write archives, the members of which halve when they are packed; return them."""
    found, each = {}, count // SETS
    for number in range(SETS):
        buffer, half = io.BytesIO(), random.Random(number).randbytes(size // 2)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in range(each):
                path = f"patient-{member % 20}/{number:03}-{member:05}.dcm"  # in all archives
                archive.writestr(path, b"%09d" % member + half + bytes(size // 2))
        found[f"{number:03}.zip"] = buffer.getvalue()
    for name, data in found.items():
        (folder / "data.example.org").mkdir(exist_ok=True)
        (folder / "data.example.org" / name).write_bytes(data)
    return found


@dataclass
class Bench:
    """The folder of all, and who works in it."""

    folder: Path
    processes: Processes
    right: dict[str, str] = field(default_factory=dict)  # by release: as one machine made it

    def start(self, name: str, *, far: bool) -> subprocess.Popen[bytes]:
        """Begin to fetch a release, where the caller is."""
        options = ["--catalog", f"{self.folder}/shelf", "--mirror", f"http://{SERVER}:{PORT}"]
        engine = ["--engine", f"tcp://{SCHEDULER}:8786"] if far else []
        words = [*inside(CALLER), "-m", "covcat", "fetch", name, "--quiet", *options, *engine]
        words += ["--data-dir", str(self.folder / "data")]
        with (self.folder / "said").open("wb") as said:
            return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said)

    def finish(self, process: subprocess.Popen[bytes]) -> tuple[str, float]:
        """Return what was said, if it failed, and the seconds of processors that it took."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        text = (self.folder / "said").read_text().strip() or "nothing"
        spent = usage.ru_utime + usage.ru_stime
        return f"exit {process.returncode}: {text}" if process.returncode else "", spent

    def record(self, name: str) -> str:
        """Return a digest of record and sums, without times; say what is wrong in the folder."""
        private, release = self.folder / "data/.covcat", self.folder / f"data/{name}/1"
        left = [*private.glob("staging/*"), *self.folder.glob("data/.covcat-*")]
        if not release.is_dir():
            there = list((self.folder / "data").glob("[!.]*/*"))
            return f"WRONG: {there}" if there else "no release"
        text = re.sub(r'"\w+_at": "[^"]*"', "", (release / "manifest.json").read_text())
        sums = (release / "SHA256SUMS").read_text()
        command = ["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"]
        is_whole = subprocess.run(command, cwd=release, check=False).returncode == 0
        count = sum(one.is_file() for one in (release / "files").rglob("*"))
        found = hashlib.sha256((text + sums).encode()).hexdigest()[:16]
        is_right = is_whole and count == len(sums.splitlines()) and not left
        return found if is_right else f"WRONG: whole {is_whole}, {count} files, left {left}"

    def forget(self) -> None:
        """Let everything be fetched anew."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def compare(self, name: str) -> bool:
        """Fetch here, then on the cluster; tell if it is the same."""
        for far in (False, True):
            self.forget()
            since, before = time.monotonic(), self.processes.spent()
            said, caller = self.finish(self.start(name, far=far))
            took, after = time.monotonic() - since, self.processes.spent()
            more = {role: after[role] - before[role] for role in after} if far else {}
            found = said or self.record(name)
            self.right.setdefault(name, found)
            spent = ", ".join(
                f"{role} {one:.1f}" for role, one in {"caller": caller, **more}.items()
            )
            where = "4 workers" if far else "here"
            print(f"{name}, {where}: {took:.1f} s; of processors: {spent}", flush=True)
        print(f"{name}: {'the same' if found == self.right[name] else f'DIFFERS: {found}'}")
        return found == self.right[name]

    def disturbed(self, name: str, fault: str, least: int) -> bool:
        """Fetch on the cluster, with a fault when so many files are here; tell if all is well."""
        self.forget()
        since, ran = time.monotonic(), self.start(name, far=True)
        journal = self.folder / f"data/.covcat/partial/{name}@1/journal.jsonl"
        while ran.poll() is None and (
            not journal.is_file() or journal.read_bytes().count(b"\n") < least
        ):
            time.sleep(0.1)
        after, is_late = time.monotonic() - since, ran.poll() is not None
        disturb(self.processes, fault)
        said, _ = self.finish(ran) if not is_late else ("", 0.0)
        took, found = time.monotonic() - since, self.record(name)
        told = "completes" if not said else f"stops with {said!r}, leaves {found}"
        if said and "hint:" in said and found == "no release":
            for address in {SCHEDULER, *WORKERS} - self.processes.running.keys():
                self.processes.begin(address)
            said, _ = self.finish(self.start(name, far=True))
            found = self.record(name)
            told += f"; typed again: {said or 'completes'}"
        is_well = found == self.right[name]
        told += ", the same" if is_well else f", DIFFERS: {found}"
        late = ", TOO LATE" if is_late else ""
        print(f"{name}, {fault} after {after:.1f} s{late}: {told}; {took:.1f} s", flush=True)
        return is_well


def serve(held: ExitStack, folder: Path) -> None:
    """Start nginx in its namespace."""
    add_space(held, SERVER)
    program, path = nginx(), folder / "nginx.conf"
    text = configuration(program or "", folder / "served", PORT, SERVER, LISTS, LIST)
    path.write_text(text, encoding="utf-8")
    command = ["ip", "netns", "exec", space(SERVER), str(program), "-p", str(folder)]
    process = subprocess.Popen([*command, "-e", str(folder / "error.log"), "-c", str(path)])
    held.callback(process.wait)
    held.callback(process.terminate)


def main() -> None:
    """Compare, then disturb."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--bytes", type=int, default=4_000, help="of each")
    parser.add_argument("--quick", action="store_true", help="no faults")
    parser.add_argument("--only", choices=["many", "sets"])
    asked = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("ip") is None or nginx() is None:
        print("skipped: only root makes network namespaces, by `ip`, and nginx serves")
        return
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        make_network(held)
        (folder / "served").mkdir()
        shelf = Shelf(folder / "shelf")
        make_objects(folder / "served", asked.files, asked.bytes)
        shelf.add_files("many", BUCKET)
        shelf.add_pinned("sets", make_sets(folder / "served", asked.files, asked.bytes))
        serve(held, folder)
        processes = Processes(folder)
        held.callback(processes.end)
        for address in (SCHEDULER, *WORKERS):
            processes.begin(address)
        bench, are_well = Bench(folder, processes), list[bool]()
        for name in [asked.only] if asked.only else ["many", "sets"]:
            are_well.append(bench.compare(name))
            for fault in () if asked.quick else FAULTS:
                least = (SETS if name == "sets" else asked.files) // 4
                are_well.append(bench.disturbed(name, fault, least))
                for address in {SCHEDULER, *WORKERS} - processes.running.keys():
                    processes.begin(address)
    sys.exit(not all(are_well))


if __name__ == "__main__":
    main()
