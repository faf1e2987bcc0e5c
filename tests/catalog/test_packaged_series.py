"""The lists of series in the catalog, and the facts of their entries.

They are held against the package that they were made of, where it is installed:
`pip install idc-index-data==25.0.5`.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest

from covcat.catalog import series
from covcat.catalog.entries import Release, Resource
from covcat.catalog.load import load
from covcat.catalog.series import SeriesTable
from covcat.names import collision

CATALOG = load()
LISTED: dict[str, tuple[Resource, Release, SeriesTable]] = {
    f"{one.id}@{release.id}": (one, release, table)
    for one in CATALOG.resources
    for release in one.releases
    if (table := CATALOG.series(one, release)) is not None
}
# IDC v25, as its table of collections has them: patients, studies, series, objects, bytes, DOI
COLLECTIONS = {
    "covid-19-ar": (105, 256, 461, 31_935, 19_927_664_950, "10.7937/tcia.2020.py71-5978"),
    "covid-19-ny-sbu": (1_384, 7_361, 17_950, 562_376, 511_477_801_000, "10.7937/tcia.bbag-2923"),
    "midrc-ricord-1a": (110, 120, 229, 31_856, 11_675_021_334, "10.7937/vtw4-x588"),
    "midrc-ricord-1b": (117, 120, 120, 21_220, 8_668_672_674, "10.7937/31v8-4a40"),
    "midrc-ricord-1c": (361, 998, 1_241, 1_257, 12_265_162_106, "10.7937/91ah-v663"),
}


def test_the_five_collections_have_as_much_as_their_source_says() -> None:
    found = {}
    for resource, release, table in LISTED.values():
        total = series.totals(table.values())
        assert total == release.contents
        patients = {one.patient for one in table.values()}
        studies = {one.study for one in table.values()}
        assert release.holds.patients == len(patients)
        doi = resource.citation[0].fields["doi"]
        counts = len(patients), len(studies), len(table), total.files, total.bytes
        found[resource.id] = (*counts, doi)
    assert found == COLLECTIONS


def test_nobody_is_in_two_collections_and_no_path_of_a_series_is_another() -> None:
    people = [{one.patient for one in table.values()} for _, _, table in LISTED.values()]
    assert len(set().union(*people)) == sum(map(len, people))
    for _, _, table in LISTED.values():
        assert collision(table) is None
        assert len({one.uuid for one in table.values()}) == len(table)


@pytest.fixture(scope="module")
def index() -> list[dict[str, Any]]:
    """The rows of these collections in the index that the entries name as their source."""
    try:
        found = version("idc-index-data")
    except PackageNotFoundError:
        pytest.skip("pip install idc-index-data==25.0.5")
    if found != "25.0.5":
        pytest.skip(f"idc-index-data is {found}: the entries are of 25.0.5")
    import idc_index_data
    import pyarrow.parquet as parquet

    ids = [id.replace("-", "_") for id in COLLECTIONS]
    wanted = [("collection_id", "in", ids)]
    columns = [
        *("collection_id", "PatientID", "StudyInstanceUID", "Modality", "SeriesInstanceUID"),
        *("crdc_series_uuid", "instanceCount", "series_size_MB", "aws_bucket", "source_DOI"),
        *("license_short_name", "analysis_result_id"),
    ]
    table = parquet.read_table(
        idc_index_data.IDC_INDEX_PARQUET_FILEPATH, columns=columns, filters=wanted
    )
    return table.to_pylist()


@pytest.mark.parametrize("name", LISTED)
def test_an_entry_says_what_the_index_says(index: list[dict[str, Any]], name: str) -> None:
    resource, release, table = LISTED[name]
    own = [row for row in index if row["collection_id"] == resource.id.replace("-", "_")]
    assert {row["analysis_result_id"] for row in own} == {None}
    assert {row["source_DOI"] for row in own} == {resource.citation[0].fields["doi"]}
    licences = {
        row["license_short_name"].replace("CC BY", "CC-BY").replace(" ", "-") for row in own
    }
    assert licences == {resource.license.spdx}
    (file,) = release.files
    assert {row["aws_bucket"] for row in own} == {file.twin.bucket}
    listed = {
        (one.patient, one.study, one.modality, one.uid, one.uuid, one.objects, one.bytes)
        for one in table.values()
    }
    assert listed == {
        (
            *(row["PatientID"], row["StudyInstanceUID"], row["Modality"], row["SeriesInstanceUID"]),
            *(row["crdc_series_uuid"], row["instanceCount"], round(row["series_size_MB"] * 10**6)),
        )
        for row in own
    }
