"""What must hold after every run of every case; each check returns what is wrong, as texts."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from servers.chaos.body import difference
from servers.chaos.case import Case, Ran, parts_in
from servers.chaos.sandbox import Sandbox
from servers.chaos.server import Request
from servers.chaos.worlds import World

AFTER_SIGNAL = 2.0  # seconds
ALLOWED = "\n\t"
EXPECTED = {"manifest.json", "SHA256SUMS", "files/x.bin"}
SECRETS = ("authorization", "cookie", "x-api-key", "proxy-authorization", "x-evil")


def wrong_file(case: Case, sandbox: Sandbox) -> str:
    """Say how the published file differs from all that would be right."""
    path = sandbox.final / "files" / "x.bin"
    if not path.is_file():
        return "no file under the final name"
    found = [difference(path, content) for content in case.right]
    return "" if "" in found else f"WRONG FILE: {found[0]}"


def after_run(case: Case, ran: Ran, sandbox: Sandbox, exits: Sequence[int]) -> Iterator[str]:
    """Check exit code, output, and the disk."""
    if ran.exit == -9:
        yield f"HANG: killed after {case.limit} s"
    elif ran.exit not in exits:
        last = [line for line in ran.err.splitlines() if line.startswith(("error", "cause"))]
        yield f"exit {ran.exit}: {' / '.join(last)[:300]}"
    if "Traceback (most recent call last)" in ran.out + ran.err or "a bug in covcat" in ran.err:
        yield f"TRACEBACK: {ran.err.strip()[-300:]}"
    if strange := sorted({repr(one) for one in ran.out + ran.err if _is_control(one)}):
        yield f"CONTROL BYTES: {' '.join(strange)}"
    if ran.after_signal > AFTER_SIGNAL and case.signal != "STOP":
        yield f"{ran.after_signal:.1f} s after the signal"
    yield from _published(case, ran, sandbox)
    yield from _private(case, sandbox)


def _is_control(one: str) -> bool:
    return one not in ALLOWED and unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")


def _published(case: Case, ran: Ran, sandbox: Sandbox) -> Iterator[str]:
    """A run that ends well leaves one whole release; any other leaves nothing outside .covcat."""
    here = {
        str(path.relative_to(sandbox.data))
        for path in sandbox.data.rglob("*")
        if not path.is_dir() and ".covcat" not in path.relative_to(sandbox.data).parts
    }
    if ran.exit != 0:
        if here:
            yield f"UNDER A FINAL NAME: {sorted(here)[:3]}"
        if ran.out and case.signal not in ("PIPE", "TTY"):
            yield f"standard output: {ran.out[:60]!r}"
        return
    if here != {f"set/1/{name}" for name in EXPECTED}:
        yield f"files: {sorted(here)[:5]}"
    if ran.out != f"{sandbox.final / 'files'}\n" and case.signal not in ("PIPE", "TTY"):
        yield f"standard output: {ran.out[:60]!r}"
    if wrong := wrong_file(case, sandbox):
        yield wrong
    else:
        yield from _sums(sandbox.final)


def _sums(final: Path) -> Iterator[str]:
    if (final / "files" / "x.bin").stat().st_size > 1 << 30:
        return
    for line in (final / "SHA256SUMS").read_text().splitlines():
        digest, _, name = line.partition("  ")
        if hashlib.sha256((final / name).read_bytes()).hexdigest() != digest:
            yield f"SHA256SUMS is wrong of {name}"


def _private(case: Case, sandbox: Sandbox) -> Iterator[str]:
    """Staging is swept; what stays of a transfer agrees with its record."""
    staging = sandbox.data / ".covcat" / "staging"
    if staging.is_dir() and (left := [path.name for path in staging.iterdir()]):
        yield f"in staging: {left[:3]}"
    for part in parts_in(sandbox.data) if case.edit is None else ():
        try:
            record = json.loads(part.with_suffix(".json").read_text())
            kept = part.read_bytes()[: record["offset"]]
        except (OSError, ValueError, KeyError) as error:
            yield f"a part's record: {error!r}"
            continue
        digest = hashlib.sha256(kept).hexdigest()
        if len(kept) != record["offset"] or digest != record["sha256"]:
            yield "a part does not agree with its record"


def of_requests(world: World) -> Iterator[str]:
    """Every request asks for identity, says who asks, and carries no credential."""
    for number, request in enumerate(world.requests, 1):
        for fault in _of_request(request):
            yield f"request {number}: {fault}"
    for server in (world.server, *world.others):
        yield from (f"HARNESS: {fault}" for fault in server.faults)


def _of_request(request: Request) -> Iterator[str]:
    if request.get("accept-encoding") != "identity":
        yield f"Accept-Encoding: {request.get('accept-encoding')}"
    if not (request.get("user-agent") or "").startswith("covcat/"):
        yield f"User-Agent: {request.get('user-agent')}"
    yield from (f"{name} was sent" for name in SECRETS if request.get(name) is not None)
    if request.method != "GET" or request.line.count(" ") != 2:
        yield f"the line is {request.line[:80]!r}"
    if any(ord(one) < 33 or ord(one) > 126 for one in request.target):
        yield f"the target is {request.target[:80]!r}"
