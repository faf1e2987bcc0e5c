"""Write the catalog's lists of series from the index of the Imaging Data Commons.

Usage: python scripts/make_series.py [IDC_INDEX.PARQUET]

Without a file it is that of the package idc-index-data, which has to be installed. It names the
series of each collection, where their objects are, how many, and their bytes.
"""

import sys
from pathlib import Path

import pyarrow.parquet as parquet

from covcat.catalog.series import Series, totals, write

CATALOG = Path(__file__).parents[1] / "catalog"
LISTS = {
    "covid-19-ar@idc-v25": "covid_19_ar",
    "covid-19-ny-sbu@idc-v25": "covid_19_ny_sbu",
    "midrc-ricord-1a@idc-v25": "midrc_ricord_1a",
    "midrc-ricord-1b@idc-v25": "midrc_ricord_1b",
    "midrc-ricord-1c@idc-v25": "midrc_ricord_1c",
}
COLUMNS = ("PatientID", "StudyInstanceUID", "Modality", "SeriesInstanceUID", "crdc_series_uuid")
MORE = ("instanceCount", "series_size_MB", "analysis_result_id", "aws_bucket", "collection_id")


def series_of(index: Path, collection: str) -> list[Series]:
    """Return the series of a collection; what others computed of it is not its own."""
    wanted = [("collection_id", "=", collection)]
    rows = parquet.read_table(index, columns=[*COLUMNS, *MORE], filters=wanted).to_pylist()
    return [
        Series(
            *(row[name] for name in COLUMNS),
            row["instanceCount"],
            round(row["series_size_MB"] * 1_000_000),  # it has six digits: bytes, all of them
        )
        for row in rows
        if row["analysis_result_id"] is None
    ]


def packaged_index() -> Path:
    """Return the index of the package."""
    import idc_index_data

    return Path(idc_index_data.IDC_INDEX_PARQUET_FILEPATH)


def main() -> None:
    """Write all lists; print what `contents` has to say."""
    index = Path(sys.argv[1]) if sys.argv[1:] else packaged_index()
    for name, collection in LISTS.items():
        rows = series_of(index, collection)
        write(CATALOG / f"listings/{name}.series.tsv.gz", rows)
        print(f"{name}: {len(rows):,} series, {totals(rows)}")


if __name__ == "__main__":
    main()
