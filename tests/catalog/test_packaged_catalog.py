"""What covcat lists is true: the packaged entries against the survey, git and themselves."""

import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from covcat.catalog import check, filter, load
from covcat.catalog.entries import CONTENT_FLAGS, Pictures, Release, Resource
from covcat.catalog.files import BundledFile, GitHubFile
from covcat.catalog.filter import Filter
from covcat.catalog.listing import Listing
from covcat.catalog.matching import IMAGE_SUFFIXES
from covcat.catalog.selection import matches
from covcat.catalog.yaml import packaged_catalog
from covcat.digests import tree_id
from covcat.names import collision_key, unsafe_name

FOLDER = packaged_catalog()
FILES = load.entry_files(FOLDER)
CATALOG = load.load()

# Table 1 of Kalkreuth & Kaufmann, arXiv:2004.04569v2, page 3; the flags are its six columns.
SURVEY = """\
 1 | cohen             | YYNNYN | Institute for Reproducible Research | COVID-19 Image Data Collection
 2 | cord-19           | YYUUYY | Allen Institute for AI and partners | COVID-19 Open Research Dataset (CORD-19)
 3 | covid-net         | NYNNNN | Vision and Image Processing Lab | COVID-Net Open Source Initiative
 4 | pocus             | NNNYYN | Dep. for Biosystems Science and Engineering | COVID-19 Pocus Ultrasound Dataset
 5 | sirm              | YYUUYY | Italian Society of Radiology | SIRM COVID-19 Database
 6 | bsti              | YYNUYY | British Institute of Radiology | COVID-19 BSTI Imaging Database
 7 | radiography-db    | NYNNYN | Kaggle | COVID-19 Chest X-Ray Database
 8 | kaggle-chest-xray | NYNNYN | Kaggle | COVID-19 Chest X-Ray
 9 | medseg            | YNNNNN | medicalsegmentation.com | COVID-19 CT Segmentation Dataset
10 | covid-ct          | YNNNYN | University of California San Diego | COVID-CT
11 | augmented-xray    | NYNNNN | Dep. of Biomedical Systems & Informatics Engineering | Augmented COVID-19 X-ray Images Dataset
12 | coronacases       | YNNUYY | Radiology Artificial Intelligence | coronacases.org
13 | eurorad           | YYUUYY | European Society of Radiology | eurorad.org
14 | radiopaedia       | YYUUYY | Radiopaedia | radiopaedia.org
"""
RELATED = [
    *("mashhad", "v7", "kermany", "figure1", "actualmed", "hannover", "covid-blues"),
    *("brixia", "covid-cxnet", "covidnet-ct", "mosmed", "bimcv"),
    *("stoic", "covid-ctset", "covid-ct-md"),
]
DEFAULTS = (
    "cohen@2020-06-22 cord-19@2020-07-16 covid-net@2022-02-17 pocus@2022-04-13 sirm bsti "
    "radiography-db@5 kaggle-chest-xray@4 medseg@figshare-v2 covid-ct@latest augmented-xray@4 "
    "coronacases@zenodo-3757476 eurorad radiopaedia mashhad@latest v7@2020-06-29 "
    "kermany@mendeley-2 figure1@2020-05-08 actualmed@2020-05-05 hannover@2021-06-10 "
    "covid-blues@2025-11-09 brixia@2022-01-17 covid-cxnet@2024-04-28 covidnet-ct@2022-06-08 "
    "mosmed bimcv stoic@latest covid-ctset covid-ct-md sample@1"
)
OURS = {one.partition("@")[0] for one in DEFAULTS.split()}
WITH_CT = (
    "cohen cord-19 sirm bsti kaggle-chest-xray medseg covid-ct coronacases eurorad radiopaedia "
    "mashhad v7 covidnet-ct mosmed bimcv stoic covid-ctset covid-ct-md"
)
# Pages that their sources give with http; nothing is fetched from them.
HTTP_PAGES = {"http://www.medicalsegmentation.com/covid19/", "http://radiopaedia.org/licence"}


def each_noun(noun: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Walk an entry: every value below `noun` that is not a container, and every noun."""
    if is_dataclass(noun):
        yield place, noun
        for field in fields(noun):
            yield from each_noun(getattr(noun, field.name), f"{place}.{field.name}")
    elif isinstance(noun, tuple | dict):
        items = noun.items() if isinstance(noun, dict) else enumerate(noun)
        for key, value in items:
            yield from each_noun(value, f"{place}.{key}")
    else:
        yield place, noun


LISTED: dict[str, tuple[Resource, Release, Listing]] = {
    f"{one.id}@{release.id}": (one, release, listing)
    for one in CATALOG.resources
    for release in one.releases
    if (listing := CATALOG.listing(one, release)) is not None
}


@pytest.fixture(params=CATALOG.resources, ids=lambda one: one.id)
def resource(request: pytest.FixtureRequest) -> Resource:
    return request.param


def test_the_surveyed_resources_are_table_1_verbatim_and_in_its_order() -> None:
    rows = [
        f"{one.survey.row:2} | {one.id:17} | {''.join(flags)} | {one.organization} | {one.title}\n"
        for one in CATALOG.resources
        if one.survey and (flags := [getattr(one.survey, flag) for flag in CONTENT_FLAGS])
    ]
    assert "".join(rows) == SURVEY


def test_the_related_resources_follow_and_the_sample_is_last() -> None:
    related = [one.id for one in CATALOG.resources][14:]
    assert [one for one in related if one in RELATED] == list(RELATED)
    assert [one.id for one in CATALOG.resources if one.is_sample] == ["sample"]


def test_each_resource_has_the_default_release_that_it_should() -> None:
    defaults = {one.id: one.default_release for one in CATALOG.resources}
    assert {f"{id}@{one.id}" if one else id for id, one in defaults.items()} >= {*DEFAULTS.split()}


def test_the_ct_resources_are_those_of_the_survey_or_of_what_was_found() -> None:
    wanted = Filter(modalities=frozenset({"ct"}))
    known = [one.id for one in filter.select(CATALOG, wanted)]
    assert [one for one in known if one in OURS] == WITH_CT.split()


MARKS = r"idx:|\[V[\]\d, -]|\[(?:G|GK|I|\?)\]|TODO|FIXME|XXX"  # of the research behind it


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_entry_passes_the_contributors_check_and_its_text_is_clean(path: Path) -> None:
    assert check.check_file(path) == []
    text = path.read_text(encoding="utf-8")
    assert re.findall(MARKS, text) == []
    lines = text.split("\n")
    assert lines[-1] == ""
    assert [line for line in lines if line != line.rstrip() or "\t" in line] == []


def test_the_entries_agree_with_each_other() -> None:
    assert check.check_together(CATALOG.resources) == []


def test_everything_that_states_a_fact_states_its_source(resource: Resource) -> None:
    stated = {place: noun.source for place, noun in each_noun(resource) if hasattr(noun, "source")}
    assert {".found", ".license"} <= stated.keys()
    assert [place for place, source in stated.items() if len(source.strip()) < 5] == []
    assert resource.is_sample or (resource.homepage_source or "").strip()


def test_every_resource_can_be_cited_and_explained(resource: Resource) -> None:
    assert resource.citation
    assert all(one.fields.get("title") for one in resource.citation)
    assert resource.summary
    if resource.access == "browse":
        assert resource.browse
        assert resource.browse.pages


def test_every_address_is_https_and_whole(resource: Resource) -> None:
    texts = {value for _, value in each_noun(resource) if isinstance(value, str)}
    assert [text for text in texts if re.search(r"cannot fetch|not supported", text)] == []
    addresses = {text for text in texts if re.match(r"[a-z]+://", text)}
    assert addresses
    for address in addresses - HTTP_PAGES:
        parts = urlsplit(address)
        assert (parts.scheme, parts.username, parts.port) == ("https", None, None), address
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), address
        assert not re.search(r"[\s<>\"`]|[.,;)]$", address), address


def test_releases_are_oldest_first_and_one_that_is_named_by_a_day_has_that_date(resource) -> None:
    dates = [release.date for release in resource.releases if release.date]
    assert dates == sorted(dates)
    for release in resource.releases:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", release.id):
            assert release.date == release.id


def test_images_that_lie_elsewhere_are_in_a_release_that_is_there(resource: Resource) -> None:
    """Labels without images name the release that holds these, and what shows that it does."""
    for release in resource.releases:
        for part in release.images_in:
            other, found = CATALOG.find(part.name)
            assert (other.id, found is not None) == (part.resource, True)
            assert (part.resource, part.release) != (resource.id, release.id)
            assert part.resource in {resource.id, *(one.resource for one in resource.contains)}
            assert other.found.ct == "Y" or other.found.xray == "Y"


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("v7", ["cohen@2020-06-22 by name", "cohen by name", "kermany@mendeley-2 by name"]),
        (
            "covid-net",
            [
                *("cohen by name", "figure1 by name", "actualmed by name"),
                "covid-net@covidx-cxr2 by name",
            ],
        ),
    ],
)
def test_labels_say_which_releases_hold_their_images_and_no_licence(id: str, expected) -> None:
    release = CATALOG.get(id).default_release
    assert release
    found = [f"{one.name} by {one.by}" for one in release.images_in]
    assert found == expected
    assert {table.license for table in CATALOG.get(id).tables} == {"unknown"}


def test_no_row_has_a_licence_that_no_source_wrote(resource: Resource) -> None:
    """A constant stands in the index as if the source had it in each row."""
    for table in resource.tables:
        assert "license" not in (table.constants or {})


def test_all_that_hannover_and_covid_blues_have_is_pinned_by_git() -> None:
    mine = [name for name in LISTED if name.startswith(("hannover", "covid-blues"))]
    sizes = {name: len(LISTED[name][2]) for name in mine}
    assert sizes == {"hannover@2021-06-10": 249, "covid-blues@2025-11-09": 369}


UNPACKED = {  # what stays as it is served: tables, and volumes that are packed as they are used
    "medseg@figshare-v2": {
        *("tr_im.nii.gz", "tr_mask.nii.gz", "val_im.nii.gz", "Test-Images-Clinical-Details.csv")
    },
    "covid-ct@latest": {
        *("COVID-CT-MetaInfo.xlsx", "NonCOVID-CT-MetaInfo.csv"),
        *(f"{part}CT_COVID.txt" for part in ("train", "val", "test")),
        *(f"{part}CT_NonCOVID.txt" for part in ("train", "val", "test")),
    },
}
ZIPS = {
    "medseg@figshare-v2": {"rp_im.zip", "rp_lung_msk.zip", "rp_msk.zip"},
    "covid-ct@latest": {"CT_COVID.zip", "CT_NonCOVID.zip"},
}


def test_every_archive_of_the_catalog_is_unpacked(resource: Resource) -> None:
    for release in resource.releases:
        name = f"{resource.id}@{release.id}"
        whole = {file.name for file in release.files if file.unpack == "none" and file.name}
        assert whole == UNPACKED.get(name, set())
        if name in ZIPS:
            assert {file.name for file in release.files if file.unpack == "zip"} == ZIPS[name]


def test_the_flat_zips_of_coronacases_have_a_folder_each() -> None:
    """They hold files of the same names."""
    (release,) = CATALOG.get("coronacases").releases
    assert len(release.files) == 4
    assert all(file.into == f"{Path(file.name or '').stem}/" for file in release.files)


def test_the_archives_in_the_releases_of_cord_19_are_unpacked_too() -> None:
    files = [file for release in CATALOG.get("cord-19").releases for file in release.files]
    assert {(file.host, file.unpack, file.nested) for file in files} == {
        ("s3", "tar", ("*.tar.gz",))
    }
    assert all(file.md5_prefix and file.sha1_prefix for file in files)


def test_a_rounded_size_is_the_sum_of_what_the_note_of_its_release_prints() -> None:
    units = {"MB": 1_000_000, "GB": 1_000_000_000}
    rounded = {}
    for resource in CATALOG.resources:
        for release in resource.releases:
            printed = re.findall(r"([0-9]+(?:\.[0-9]+)?) ([MG]B)", release.note or "")
            size = round(sum(float(number) * units[unit] for number, unit in printed))
            is_known = release.contents is not None or release.download_bytes is not None
            assert (release.about_bytes or 0) == (0 if is_known else size), release.id
            rounded[f"{resource.id}@{release.id}"] = release.about_bytes
    assert rounded["kermany@mendeley-2"] == 1_200_000_000
    assert rounded["cord-19@2022-06-02"] == 18_700_000_000


def test_every_listing_belongs_to_one_release() -> None:
    named = [release.listing for _, release, _ in LISTED.values()]
    of_series = {release.series for one in CATALOG.resources for release in one.releases} - {None}
    on_disk = {f"listings/{path.name}" for path in (FOLDER / "listings").iterdir()}
    assert {*named, *of_series} == on_disk
    assert len(named) == len(set(named))
    assert named == [f"listings/{name}.tsv.gz" for name in LISTED]


@pytest.mark.parametrize("name", LISTED)
def test_every_listed_path_can_be_written_on_every_system(name: str) -> None:
    paths = list(LISTED[name][2])
    assert {path: unsafe_name(path) for path in paths if unsafe_name(path)} == {}
    keys = {collision_key(path) for path in paths}
    assert len(keys) == len(paths)
    assert not keys & {collision_key(str(one)) for path in paths for one in Path(path).parents}


@pytest.mark.parametrize("name", LISTED)
def test_every_listed_digest_has_its_form(name: str) -> None:
    for path, row in LISTED[name][2].items():
        assert row.mode in (None, "100644", "100755"), path
        assert row.blob is None or re.fullmatch("[0-9a-f]{40}", row.blob), path
        assert row.sha256 is None or re.fullmatch("[0-9a-f]{64}", row.sha256), path
        assert row.bytes is None or row.bytes >= 0, path


COUNTED = [  # whose listing has the images themselves
    name for name, (_, release, _) in LISTED.items() if release.holds and not release.images_in
]


@pytest.mark.parametrize("name", COUNTED)
def test_the_images_that_a_release_holds_are_those_of_its_listing(name: str) -> None:
    resource, release, listing = LISTED[name]
    chosen = resource.pictures or Pictures()
    images = [
        path
        for path in listing
        if matches(path, chosen.include or ["*"]) and not matches(path, chosen.exclude)
    ]
    if not chosen.include:
        images = [path for path in images if path.lower().endswith(IMAGE_SUFFIXES)]
    assert (release.holds.images or 0) == len(images)  # of lists alone, nothing


def test_the_first_table_has_counts_of_most_that_can_be_fetched() -> None:
    held = {one.id for one in CATALOG.resources if one.releases and one.default_release.holds}
    assert {"cohen", "covid-net", "pocus", "covid-ct", "figure1", "actualmed"} <= held
    assert len(held) >= 15


PINNED_TREES = {
    name: (file, listing)
    for name, (_, release, listing) in LISTED.items()
    for file in release.files
    if isinstance(file, GitHubFile) and file.tree
}


def test_every_pinned_tree_has_a_listing_to_be_recomputed_from() -> None:
    pinned = {
        f"{one.id}@{release.id}"
        for one in CATALOG.resources
        for release in one.releases
        if any(isinstance(file, GitHubFile) and file.tree for file in release.files)
    }
    assert pinned == PINNED_TREES.keys()
    assert len(pinned) >= 9


@pytest.mark.parametrize(("file", "listing"), PINNED_TREES.values(), ids=PINNED_TREES)
def test_a_listing_has_the_tree_id_that_is_pinned(file: GitHubFile, listing: Listing) -> None:
    prefix = file.keep or ""
    rows = listing.values()
    assert all(row.path.startswith(prefix) and row.mode and row.blob for row in rows)
    entries = [(row.path.removeprefix(prefix), row.mode or "", row.blob or "") for row in rows]
    assert tree_id(entries) == file.tree


def test_the_bundled_sample_is_what_its_entry_and_listing_say() -> None:
    _, release, listing = LISTED["sample@1"]
    (file,) = release.files
    assert isinstance(file, BundledFile)
    data = (FOLDER / "bundled" / file.name).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
    with zipfile.ZipFile(FOLDER / "bundled" / file.name) as archive:
        inside = {
            info.filename: hashlib.sha256(archive.read(info)).hexdigest()
            for info in archive.infolist()
            if not info.is_dir()
        }
    assert inside == {path: row.sha256 for path, row in listing.items()}
