"""Write the catalog's listings from git object listings (`mode blob sha256 bytes path` TSV).

Usage: python scripts/make_listings.py FOLDER-OF-TSV

The TSV files were made from the git object stores of each repository at the pinned commit; every
blob in them was re-hashed to its git id. The gzipped result is what the catalog pins.
"""

import sys
from pathlib import Path

from covcat.catalog.listing import ListedFile, totals, write
from covcat.digests import tree_id

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
    ("brixia@2022-01-17", "brixia-770036d2", "", ""),
    ("covid-cxnet@2024-04-28", "covidcxnet-3ade488b", "", ""),
    ("covidnet-ct@2022-06-08", "covidnetct-b5c92b7d", "", ""),
    ("covid-net@covidx-cxr3", "covidnet-cxr3-18d18a65", "", ""),
]

# Tables beside the zips of COVID-CT, as in a copy of the whole repository
# (sabapathyn/Covid_Challenge, import of 2020-09-03): the TSV has the images only.
COVID_CT_TABLES = [
    ListedFile(
        "COVID-CT-MetaInfo.xlsx",
        None,
        "ebd830ad85fae7392763e92bd6293ce691a28c5c",
        45_551,
        "b6aa93a8fbc3b55b48c7aed0570203d0e2a29cb4792b457fca2648ab0455a8f3",
    ),
    ListedFile(
        "NonCOVID-CT-MetaInfo.csv",
        None,
        "eff69f94be11ad2d9dc5f74f4cb5ce4751df4139",
        12_561,
        "d45a4b8af92ce2bac3085f6c1f8e0f324dbf3223565aeee7fbd877c3cb3090c9",
    ),
    ListedFile(
        "Data-split/COVID/trainCT_COVID.txt",
        None,
        "1bbd715d474123b9aeed377fb9709bfed6161e6d",
        6_375,
        "e46e2f7e3b719c0cd5e1aa01f3b0e0b8dd6599969bf5cd573d24c81fab339537",
    ),
    ListedFile(
        "Data-split/COVID/valCT_COVID.txt",
        None,
        "6ba514fc930bb23fec4bde7304eefb88b854cbaf",
        1_967,
        "0716d086c636a6526c9f2f806b7bd9175d037087c51bea3fef54b23a26f634ac",
    ),
    ListedFile(
        "Data-split/COVID/testCT_COVID.txt",
        None,
        "1c371a5abf4d473184734252b9a99ec0e6cb528c",
        4_570,
        "39a840012d648b0bacead20300c41413402117a67eb2ac5d9c9bc7c8f8b71474",
    ),
    ListedFile(
        "Data-split/NonCOVID/trainCT_NonCOVID.txt",
        None,
        "d297bfd691592d113e59807bbcec51c37b6a4e89",
        2_235,
        "b547c2c3d7b5c6f668ac316cf29967efdb68d86bd4a6ff1c8253ca1e5a75c002",
    ),
    ListedFile(
        "Data-split/NonCOVID/valCT_NonCOVID.txt",
        None,
        "2e6cc1bd2dd338439713b4b4a3014270e6591965",
        551,
        "e0aa49c70f6a7c564691a67f92df3e5a2db54cc4f50f7e8b4ee15763de264b7c",
    ),
    ListedFile(
        "Data-split/NonCOVID/testCT_NonCOVID.txt",
        None,
        "913189c207676e55218bfa577582427da0c2fdfe",
        983,
        "6fdeb5b2e8015605aa1db69765518ddbcb7d9417aec835765e5fe3cb3dc860f5",
    ),
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
        if name == "covid-ct@latest":
            rows += COVID_CT_TABLES
        write(CATALOG / "listings" / f"{name}.tsv.gz", rows)
        tree = tree_id((r.path.removeprefix(keep), r.mode, r.blob) for r in rows if r.mode)
        sums = totals(row.bytes for row in rows)
        print(f"{name}: tree {tree}, {sums}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
