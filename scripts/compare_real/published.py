"""The counts of views that Cohen's READMEs print, of the states whose tables are here."""

import re
from collections.abc import Iterator

import pandas as pd
from releases import Place

COMMITS = {  # whose README a release has: the last before tag v0.1, and tag 0.2 itself
    "cohen-0.1": "00891cd93f4319620d545af80b165f30609d22b7",
    "cohen-0.2": "d0cb037cc863308a2f68780d9975275376f49a0b",
}


def counts(name: str, place: Place, said: pd.DataFrame) -> Iterator[tuple[str, int, int]]:
    """Give views, how many their README says, and how many covcat has."""
    lines = place.table("cohen-published-counts.txt").read_text(encoding="utf-8").splitlines()
    line = next((one for one in lines if one.startswith(COMMITS.get(name, "none"))), "")
    for number, names in re.findall(r"num_samples=(\d+) views=\[([^]]*)\]", line):
        views = [one.strip("' ").replace("Supine", "supine") for one in names.split(",")]
        yield ", ".join(views), int(number), int(said["view"].isin(views).sum())
