"""Compare what covcat says of every real label table with what pandas and other rules find.

Usage: python scripts/compare_real [--shared DIR] [--only NAME]… [--covcat PROGRAM] [--kinds N]

DIR holds real/tables, real/listings and the real archives. Nothing of covcat is imported here: its
readers, words and labels are what is checked. Each table is imported by the program into a folder
of its own; where a set's pictures are not among the archives, a release is made of the real table
and of tiny pictures under the listed names. A row is right if all its columns are.

Ends with 1 if a difference is not explained in explained.py, a published count differs, or a table
could not be compared; with 2 if DIR is not there.
"""

import argparse
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import cohen
import covid_blues
import covid_ct
import covid_net
import figure1
import hannover
import pandas as pd
import pocus
import published
import v7
from answers import Covcat, default_program
from compared import Compared, compare
from expected import Expected
from explained import reason
from releases import Place, Release

TABLES: dict[str, Callable[[Place], tuple[Release, Expected]]] = {
    "cohen-0.1-archive": cohen.archive_01,
    "cohen-0.1": cohen.listed_01,
    "cohen-0.2": cohen.listed_02,
    "figure1": figure1.archive,
    "pocus": pocus.listed,
    "covid-ct": covid_ct.listed,
    "v7": v7.listed,
    "hannover": hannover.archive,
    "covid-blues": covid_blues.listed,
    "covid-net": covid_net.archive,
}


def main() -> int:
    """Compare the tables that are asked for; return the exit code."""
    asked = _arguments()
    if not (real := asked.shared / "real").is_dir():
        print(f"no folder `{real}`: name the one that holds real/ with --shared DIR")
        return 2
    names = asked.only or [*TABLES]
    left = [name for name in names if not _is_right(name, real, asked)]
    print(f"\n{len(names) - len(left)} of {len(names)} tables without an unexplained difference")
    return 1 if left else 0


def _arguments() -> argparse.Namespace:
    about, _, more = (__doc__ or "").partition("\n")
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=about, epilog=more, formatter_class=form)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), metavar="DIR")
    parser.add_argument("--only", action="append", choices=TABLES, metavar="NAME")
    parser.add_argument("--covcat", type=Path, default=default_program(), metavar="PROGRAM")
    parser.add_argument("--kinds", type=int, default=8, metavar="N", help="to print of a column")
    return parser.parse_args()


def _is_right(name: str, real: Path, asked: argparse.Namespace) -> bool:
    """Compare one table, and print what was found."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(real, Path(folder))
        try:
            release, right = TABLES[name](place)
            said = Covcat(asked.covcat.absolute(), place.work / "data").images(release)
            compared = compare(right, said)
        except RuntimeError as error:
            print(f"\n{name}: not compared: {error}")
            return False
    print(f"\n{name}: ", end="")
    is_right = _print(name, release.made or release.archive.name, compared, asked.kinds)
    for views, printed, here in published.counts(name, place, said):
        print(f"  published: {printed} images of {views}; covcat has {here}")
        is_right = is_right and printed == here
    return is_right


def _print(name: str, made: str, compared: Compared, most: int) -> bool:
    wrong = compared.wrong
    right = compared.rows - wrong["row"].nunique()
    print(f"{right} of {compared.rows} rows right ({made})")
    counts = (f"{column} {a}/{b}" for column, (a, b) in compared.columns.items() if b)
    print(textwrap.fill("  ".join(counts), 118, initial_indent="  ", subsequent_indent="  "))
    wrong = wrong.assign(
        why=[reason(name, *row) for row in wrong[["column", "expected", "got"]].to_numpy()]
    )
    for (column, why), rows in wrong.groupby(["column", "why"], sort=False):
        print(f"  {column}: {len(rows)} rows differ: {why or 'NOT EXPLAINED'}")
        _print_kinds(rows, most)
    return bool((wrong["why"] != "").all())


def _print_kinds(rows: pd.DataFrame, most: int) -> None:
    kinds = rows.groupby(["raw", "expected", "got"], sort=False)["row"].agg(["size", "first"])
    kinds = kinds.sort_values("size", ascending=False, kind="stable")
    for kind, (size, first) in kinds.head(most).iterrows():
        raw, expected, got = (
            f"`{text[:99]}…`" if len(text) > 100 else f"`{text}`" for text in kind
        )
        print(f"    {size} rows: raw {raw}, expected {expected}, got {got}, as {first}")
    if len(kinds) > most:
        print(f"    and {len(kinds) - most} more kinds")


sys.exit(main())
