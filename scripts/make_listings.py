"""Write the catalog's listings from git object listings (`mode blob sha256 bytes path` TSV).

Usage: python scripts/make_listings.py FOLDER-OF-TSV

The TSV files were made from the git object stores of each repository at the pinned commit; every
blob in them was re-hashed to its git id. The gzipped result is what the catalog pins.
"""

import sys
from pathlib import Path

from covcat.gitid import tree_id
from covcat.listing import ListedFile, totals, write

CATALOG = Path(__file__).parents[1] / "catalog"

# listing, its source, the folder that is kept, and the prefix that is cut off
LISTINGS = [
    ("cohen@0.1", "cohen-v0.1", "", ""),
    ("cohen@0.2", "cohen-0.2", "", ""),
    ("cohen@2020-06-22", "cohen-584034aa", "", ""),
    ("covid-net@2022-02-17", "covidnet-65999806", "", ""),
    ("pocus@2022-04-13", "pocus-529c06a6", "data/", ""),
    ("covid-ct@2020-03-27", "covidct-early-b9a7750e", "", ""),
    ("covid-ct@latest", "covidct-images", "Images-processed/CT_", "Images-processed/"),
    ("v7@2020-06-29", "v7-51fca0d0", "", ""),
    ("figure1@2020-05-08", "figure1-95bb569e", "", ""),
    ("actualmed@2020-05-05", "actualmed-27240dd8", "", ""),
    ("hannover@2021-06-10", "hannover-ad7ab099", "", ""),
    ("covid-blues@2025-11-09", "covidblues-1857a6fb", "", ""),
]


def main(folder: Path) -> None:
    """Write every listing and print what its catalog entry must say."""
    for name, source, keep, cut in LISTINGS:
        rows = []
        for line in (folder / f"{source}.tsv").read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                continue
            mode, blob, sha256, size, path = line.split("\t")
            if not path.startswith(keep):
                continue
            if cut and path.count("/") < 2:  # the two zips themselves
                continue
            rows.append(
                ListedFile(
                    path.removeprefix(cut),
                    None if cut else mode,  # a third party's import: its modes say nothing
                    blob,
                    None if size == "-" else int(size),
                    None if sha256 == "-" else sha256,
                )
            )
        write(CATALOG / "listings" / f"{name}.tsv.gz", rows)
        tree = tree_id((r.path.removeprefix(keep), r.mode, r.blob) for r in rows if r.mode)
        sums = totals({row.path: row for row in rows})
        print(f"{name}: tree {tree}, {sums}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
