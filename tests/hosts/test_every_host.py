"""Every release of the catalog, fetched from the imitations of its hosts."""

import json
import re
from pathlib import Path
from shlex import quote

import pytest
from conftest import Stock
from makers.laid import lay
from makers.runs import here

import covcat as package
from covcat.catalog.load import load

pytestmark = pytest.mark.usefixtures("room")
RESOURCES = {one.id: one for one in package.load_catalog().resources}
RELEASES = [
    f"{one.id}@{release.id}"
    for one in RESOURCES.values()
    for release in one.releases
    if not one.is_sample
]
WITH_CONSENT = "kaggle-chest-xray@4"  # the imitation asks for a person's consent
BY_KIND = {  # what their files are verified by: the releases
    "git-tree": (
        "cohen@0.1 cohen@0.2 cohen@2020-06-22 covid-ct@2020-03-27 covid-net@2022-02-17 "
        "covid-net@covidx-cxr3 pocus@2022-04-13 v7@2020-06-29 actualmed@2020-05-05 "
        "figure1@2020-05-08 hannover@2021-06-10 covid-blues@2025-11-09 brixia@2022-01-17 "
        "covid-cxnet@2024-04-28 covidnet-ct@2022-06-08"
    ),
    "first-use": "cohen@latest stoic@latest",
    "md5": "cord-19@2020-07-16",
    "sha256": "covid-ct@latest coronacases@zenodo-3757476",
    "host-md5": (
        "covid-net@covidx-cxr2 kermany@kaggle-2 radiography-db@5 mashhad@latest "
        "covid-19-ar@idc-v25 covid-19-ny-sbu@idc-v25 midrc-ricord-1a@idc-v25 "
        "midrc-ricord-1b@idc-v25 midrc-ricord-1c@idc-v25"
    ),
    "host-md5 md5": "medseg@figshare-v2",
    "host-sha256": "augmented-xray@4 kermany@mendeley-2 kermany@mendeley-3",
}
VERIFIED = {name: {*kinds.split()} for kinds, names in BY_KIND.items() for name in names.split()}


def record_of(name: str) -> dict:
    id, _, release = name.partition("@")
    return json.loads((Path("covcat-data") / id / release / "manifest.json").read_text())


@pytest.mark.parametrize("name", [one for one in RELEASES if one != WITH_CONSENT])
@pytest.mark.large
def test_every_release_arrives_whole_and_verified(covcat, stock: Stock, name: str) -> None:
    ran = covcat("fetch", name, *stock.options, mirror=None)
    assert here(ran) == stock.filled[name].files
    kinds = {one["verified_by"] for one in record_of(name)["downloads"]}
    prefixed = {"md5-prefix"} if name.startswith("cord-19") else None
    assert kinds == VERIFIED.get(name, prefixed)
    assert covcat("verify", name, *stock.options, mirror=None).code == 0
    assert not stock.world.leaks


def _has_pins(name: str) -> bool:
    id, _, release_id = name.partition("@")
    release = next(one for one in RESOURCES[id].releases if one.id == release_id)
    has_prefix = any(file.md5_prefix or file.sha256 or file.md5 for file in release.files)
    return release.is_pinned or has_prefix


@pytest.mark.parametrize("name", [one for one in RELEASES if _has_pins(one)])
def test_other_bytes_are_refused_by_the_packaged_pins(covcat, stock: Stock, name: str) -> None:
    ran = covcat("fetch", name, mirror=stock.world.url)
    assert (ran.code, ran.out) == (5, "")
    assert not list(Path("covcat-data").glob("[!.]*"))


def test_the_labels_of_stoic_come_without_its_volumes(covcat, stock: Stock) -> None:
    ran = covcat("fetch", "stoic", "--include", "metadata/*", *stock.options, mirror=None)
    assert [*here(ran)] == ["metadata/reference.csv"]
    said = covcat("images", "stoic", "--all", "--columns", "image_id,covid", mirror=None)
    assert said.out.splitlines()[1:] == ["stoic:10011\tyes", "stoic:1002\tno"]


def test_who_must_agree_first_is_told_where_and_how_to_go_on(covcat, stock: Stock) -> None:
    ran = covcat("fetch", WITH_CONSENT, *stock.options, mirror=None)
    assert ran.code == 7
    assert "wants a person: access is refused (HTTP 403)" in ran.err
    assert "hint: open https://www.kaggle.com/datasets/bachrr/covid-chest-xray; then" in ran.err
    assert f"covcat import {WITH_CONSENT} FILE" in ran.err


@pytest.mark.parametrize("id", [one.id for one in RESOURCES.values() if one.access == "browse"])
def test_what_is_to_look_at_only_says_its_page_its_terms_and_the_import(covcat, id: str) -> None:
    ran = covcat("fetch", id)
    assert (ran.code, ran.out) == (7, "")
    assert f"hint: open {quote(RESOURCES[id].browse.pages[0].url)}; then" in ran.err
    assert f"covcat import {id} FILE" in ran.err
    assert "  terms: " in ran.err


@pytest.mark.parametrize(
    ("name", "require", "code"),
    [
        ("medseg", "host", 0),
        ("medseg", "pinned", 5),
        ("mashhad", "host", 0),
        ("mashhad", "pinned", 5),
        ("cord-19@2020-03-13", "host", 5),
        ("cord-19@2020-03-13", "pinned", 5),
        ("cord-19@2020-07-16", "pinned", 0),
        ("radiography-db", "host", 0),
        ("coronacases", "pinned", 0),
    ],
)
@pytest.mark.large
def test_how_strong_a_proof_must_be_can_be_asked(
    covcat, stock: Stock, name: str, require: str, code: int
) -> None:
    ran = covcat("fetch", name, "--require", require, *stock.options, mirror=None)
    assert ran.code == code, ran.err


def test_a_prefix_of_a_digest_is_said_to_be_weak(covcat, stock: Stock) -> None:
    ran = covcat("fetch", "cord-19@2020-03-13", *stock.options, mirror=None)
    assert "warning: only the first digits of its digest are published: that is weak" in ran.err


def test_one_wrong_digit_of_a_prefix_is_enough_to_refuse(
    covcat, stock: Stock, tmp_path: Path
) -> None:
    entry = (stock.catalog / "cord-19.yaml").read_text()
    prefix = re.search(r"md5_prefix: '?([0-9a-f]{8})", entry)[1]
    wrong = prefix[:7] + ("1" if prefix[7] == "0" else "0")
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "cord-19.yaml").write_text(entry.replace(prefix, wrong, 1))
    options = ["--catalog", str(tmp_path / "wrong"), "--mirror", stock.world.url]
    ran = covcat("fetch", "cord-19@2020-03-13", *options, mirror=None)
    assert ran.code == 5
    assert f"md5 expected {wrong}, got {prefix}" in ran.err


def test_every_host_says_what_it_has_newest(covcat, stock: Stock) -> None:
    known = load([stock.catalog])
    for name in RELEASES:
        lay(known.find(name), {"a.png": b"made up"})
    before = len(stock.world.requests)
    ran = covcat("outdated", "--json", *stock.options, mirror=None)
    rows = ran.document["data"]["outdated"]
    assert (ran.code, [row for row in rows if row["kind"] == "unknown"]) == (0, [])
    came = [one for one in stock.world.requests[before:] if one.status == 200]
    asked = [(one.host, one.path, one.raw_query) for one in came]
    assert sorted(set(asked)) == sorted(asked)
