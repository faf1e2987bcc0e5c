"""Run the torture harnesses and print one table; any violation makes the exit code 1.

Usage, from `tests/`: python -m torture [HARNESS…] [--quick] [--count N] [--only TEXT] [--patience F]
"""

import argparse
import importlib
import re
import sys
import time
from types import ModuleType

from torture.fixture import Case, Patience, Tally, Verdict, Wish

HARNESSES = ("kills", "crashes", "disks", "power", "races", "copies", "edits", "damage", "dcases")
_SHOWN = 12  # kinds of violations of each harness
_RANDOM = re.compile(r"[0-9a-f]{8,}|[0-9]+")
_ROW = "{:<28}{:>8}{:>11}{:>13}{:>7}{:>13}{:>9}\n"


def main() -> int:
    wanted = _arguments()
    wish = Wish(wanted.quick, wanted.count, wanted.only)
    began = time.monotonic()
    tallies: list[Tally] = []
    for name in wanted.harness or HARNESSES:
        _say(f"{name} …\n")
        found = _run(name, wish)
        for tally in found:
            _details(tally)
        tallies += found
    _table(tallies, time.monotonic() - began)
    return 1 if any(tally.violations for tally in tallies) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("harness", nargs="*", metavar="HARNESS", help=", ".join(HARNESSES))
    parser.add_argument("--quick", action="store_true", help="a few cases of each")
    parser.add_argument("--count", type=int, metavar="N", help="so many cases of each")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with TEXT in their label")
    parser.add_argument("--patience", type=float, default=1, metavar="F", help="times the time")
    wanted = parser.parse_args()
    Patience.factor = wanted.patience
    unknown = set(wanted.harness) - set(HARNESSES)
    if unknown:
        parser.error(f"no harness {', '.join(sorted(unknown))}: expected {', '.join(HARNESSES)}")
    return wanted


def _run(name: str, wish: Wish) -> list[Tally]:
    """Run one harness; one that cannot begin is a violation, not the end of the others."""
    began = time.monotonic()
    try:
        module = importlib.import_module(f"torture.{name}")
        return [_downloads(module, wish)] if name == "dcases" else module.run(wish)
    except Exception as error:
        fault = f"the harness itself failed: {error!r}"
        return [Tally(name, violations=[fault], seconds=time.monotonic() - began)]


def _downloads(module: ModuleType, wish: Wish) -> Tally:
    """Run the cases of the chaos server, and count them as the others are counted."""
    tally = Tally("downloads")
    began = time.monotonic()
    usual = [one for one in module.CASES if not one.is_big or wish.only.startswith(one.id[:3])]
    cases = [Case(f"{one.id}: {one.what}", Verdict) for one in usual]  # 5 GB, if named only
    chosen = {case.label for case in wish.some(cases, 16)}
    named = [one for one in usual if f"{one.id}: {one.what}" in chosen]
    for row in module.run_all(named):
        if not row.is_possible:
            tally.notes.append(f"{row.case}: {row.seen}")
            continue
        fault = [] if row.ok else [f"expected {row.expected}; seen: {row.seen}"]
        tally.add(f"{row.case}: {row.what}", Verdict(1, row.is_silent, False, fault))
    tally.seconds = time.monotonic() - began
    return tally


def _details(tally: Tally) -> None:
    """Print what a row cannot hold."""
    for note in dict.fromkeys(tally.notes):
        _say(f"  {tally.harness}: {note}\n")
    alike: dict[str, list[str]] = {}
    for fault in tally.violations:
        text = fault.split("] ", 1)[-1]
        alike.setdefault(_RANDOM.sub("…", text), []).append(fault)
    for faults in list(alike.values())[:_SHOWN]:
        more = f" (and {len(faults) - 1} like it)" if len(faults) > 1 else ""
        _say(f"  {tally.harness}: VIOLATION {faults[0]}{more}\n")
    if len(alike) > _SHOWN:
        _say(f"  {tally.harness}: and {len(alike) - _SHOWN} other kinds\n")


def _table(tallies: list[Tally], seconds: float) -> None:
    heads = ("harness", "tried", "completed", "wrong bytes", "lost", "violations", "seconds")
    _say("\n" + _ROW.format(*heads))
    for one in tallies:
        row = (one.harness, one.tried, one.completed, one.wrong, one.lost, len(one.violations))
        _say(_ROW.format(*row, f"{one.seconds:.0f}"))
    counts = ("tried", "completed", "wrong", "lost")
    total = [sum(getattr(one, name) for one in tallies) for name in counts]
    faults = sum(len(one.violations) for one in tallies)
    _say(_ROW.format("all", *total, faults, f"{seconds:.0f}"))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
