"""The catalog with a folder of the user's own: load, find, filter and check."""

import re
from pathlib import Path

import pytest

import covcat
from covcat.archives import FORMATS
from covcat.catalog import check, filter, listing, load, yaml
from covcat.catalog.entries import MODALITIES
from covcat.catalog.filter import Filter
from covcat.catalog.listing import ListedFile
from covcat.catalog.load import Catalog
from covcat.errors import IntegrityError, NotFoundError, UsageError

SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
WEB = "{host: web, name: set.zip, url: https://example.org/set.zip}"
PINNED = f"{{host: web, name: set.zip, url: https://example.org/set.zip, sha256: {SHA256}}}"
KAGGLE = "{host: kaggle, dataset: us/set}"
SURVEY = "survey: {row: %s, ct: N, xray: Y, mri: U, ultrasound: U, metadata: Y, case_review: N}"


def release(id: str, file: str, more: str = "") -> str:
    return f'  - {{id: "{id}", source: made up, files: [{file}]{more}}}\n'


def add(folder: Path, id: str, *lines: str, flags: str = "NNNNNN", **changes: str) -> Path:
    """Write an entry; `flags` are found's six columns, `changes` replace keys."""
    columns = ("ct", "xray", "mri", "ultrasound", "metadata", "case_review")
    found = ", ".join(f"{name}: {flag}" for name, flag in zip(columns, flags, strict=True))
    keys = {
        "id": id,
        "title": f"The {id} set",
        "organization": "Us",
        "summary": "Made up.",
        "homepage": "https://example.org",
        "homepage_source": "made up",
        "found": f"{{{found}, source: made up}}",
        "license": "{spdx: CC-BY-4.0, source: made up, allows: "
        '{commercial: "yes", derivatives: "yes", redistribution: "yes"}}',
        "access": "open",
        "releases": "\n" + release("1", WEB),
    }
    text = "".join(f"{key}: {value}\n" for key, value in (keys | changes).items() if value)
    folder.mkdir(exist_ok=True)
    path = folder / f"{id}.yaml"
    path.write_text(text + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four entries that differ in everything a filter asks for."""
    folder = tmp_path / "mine"
    two = "\n" + release("old", PINNED) + release("2020-05", PINNED) + release("new", WEB)
    more = ("aliases: [first-set]", "authors: [Ada Röntgen]", SURVEY % 4)
    add(folder, "my-ct", *more, flags="YNUNYN", releases=two)
    closed = "{commercial: unknown, derivatives: unknown, redistribution: "
    license = f"{{spdx: LicenseRef-per-image, source: made up, allows: {closed}unknown}}}}"
    add(folder, "my-xray", SURVEY % 3, access="account", license=license)
    kaggle = "\n" + release("1", KAGGLE)
    license = f'{{spdx: CC0-1.0, source: made up, allows: {closed}"yes"}}}}'
    add(folder, "my-both", flags="YYNNNY", releases=kaggle, license=license)
    pages = "browse: {pages: [{url: https://example.org, shows: x}], terms: x, source: x}"
    issue = "known_issues: [{date: 2020-03-27, severity: info, text: Some PNG are JPEG, source: x}]"
    add(folder, "my-mri", pages, issue, flags="UUYUUU", access="browse", releases="")
    return folder


@pytest.fixture
def loaded(folder: Path) -> Catalog:
    return load.load([folder])


@pytest.mark.parametrize(
    ("name", "id", "found"),
    [
        ("my-ct", "my-ct", "2020-05"),  # the newest that is pinned
        ("my-both", "my-both", "1"),  # the newest if none is pinned
        ("MY-CT", "my-ct", "2020-05"),
        ("first-set", "my-ct", "2020-05"),  # an alias
        ("First-Set@new", "my-ct", "new"),
        ("my-ct@old", "my-ct", "old"),
        ("my-mri", "my-mri", None),  # is browsed only
        ("cohen", "cohen", "2020-06-22"),  # packaged
        ("ieee8023@0.1", "cohen", "0.1"),
    ],
)
def test_a_resource_is_found_by_what_people_call_it(loaded, name, id, found) -> None:
    resource, got = loaded.find(name)
    assert (resource.id, got.id if got else None) == (id, found)


COVID = (
    "did you mean `covid-net`, `covid-ct`, `covid-blues`, `covid-cxnet`, `covidnet-ct` "
    "or another of `covcat search covid`?"
)
HAS = "it has: my-ct@old, my-ct@2020-05, my-ct@new"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("my-tc", "the catalog has no resource `my-tc`", "did you mean `my-ct`?"),
        ("FIRST-SETS", "the catalog has no resource `FIRST-SETS`", "did you mean `first-set`?"),
        ("first", "the catalog has no resource `first`", "did you mean `first-set`?"),
        ("covid", "the catalog has no resource `covid`", COVID),
        (
            "chest",
            "the catalog has no resource `chest`",
            "did you mean `kaggle-chest-xray`, `covid-chestxray-dataset` or `chest-xray-pneumonia`?",
        ),
        ("qqqq", "the catalog has no resource `qqqq`", "`covcat list` shows the ids"),
        ("", "`` has no id in it: expected ID@RELEASE", "covcat list"),
        ("first-set@9", "`my-ct` has no release `9`", HAS),
        ("my-ct@NEW", "`my-ct` has no release `NEW`", HAS),
        ("@1", "`@1` has no id in it: expected ID@RELEASE", "covcat list"),
        ("my-both@", "`my-both` has no release ``", "it has: my-both@1"),
        ("my-mri@1", "`my-mri` has no release `1`", "it has: none"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(loaded, name, message, hint) -> None:
    with pytest.raises(NotFoundError, match=f"^{re.escape(message)}$") as info:
        loaded.find(name)
    assert info.value.hint == hint


def asked(**wanted: object) -> Filter:
    """A filter; words become the sets that it takes."""
    sets = ("modalities", "has", "allows", "access", "fetched")
    for key in wanted.keys() & sets:
        wanted[key] = frozenset(str(wanted[key]).split())
    return Filter(**wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (asked(), "my-xray my-ct my-both my-mri"),
        (asked(modalities="ct"), "my-ct my-both"),
        (asked(modalities="xray"), "my-xray my-ct my-both"),  # by the survey, or as found
        (asked(modalities="xray mri"), "my-xray my-ct my-both my-mri"),  # one of them
        (asked(modalities="ultrasound"), ""),  # unknown never matches
        (asked(modalities="ct", has="metadata"), "my-ct"),  # each of the options
        (asked(has="metadata"), "my-xray my-ct"),
        (asked(has="metadata case_review"), "my-xray my-ct my-both"),
        (asked(modalities="xray", fetchable=True), "my-both"),  # as found
        (asked(modalities="mri", fetchable=True), ""),  # is browsed only
        (asked(fetchable=True), "my-xray my-ct my-both"),
        (asked(licenses=("CC-BY-4.0",)), "my-ct my-mri"),
        (asked(licenses=("cc*",)), "my-ct my-both my-mri"),
        (asked(licenses=("CC-BY",)), ""),  # is no prefix
        (asked(licenses=("cc0*", "per-image")), "my-xray my-both"),
        (asked(licenses=("LicenseRef-*",)), "my-xray"),
        (asked(allows="redistribution"), "my-ct my-both my-mri"),
        (asked(allows="redistribution commercial"), "my-ct my-mri"),  # all of them
        (asked(access="open"), "my-ct my-both"),
        (asked(access="browse account"), "my-xray my-mri"),
        (asked(fetched=""), ""),
        (asked(fetched="my-mri my-ct other"), "my-ct my-mri"),
        (asked(words=("MY-CT",)), "my-ct"),
        (asked(words=("röntgen",)), "my-ct"),  # an author
        (asked(words=("first-set",)), "my-ct"),  # an alias
        (asked(words=("jpeg", "made")), "my-mri"),  # all of them
        (asked(words=("jpeg", "röntgen")), ""),
        (asked(words=("per-image",)), "my-xray"),  # a licence
        (asked(words=("CT",)), "my-ct"),  # after a hyphen
        (asked(words=("röntg",)), "my-ct"),  # the start of a word
        (asked(words=("öntgen",)), ""),
        (asked(words=("myct",)), "my-ct"),  # without its hyphen
    ],
)
def test_a_filter_keeps_what_was_asked_for(loaded: Catalog, wanted: Filter, ids: str) -> None:
    mine = [one.id for one in filter.select(loaded, wanted) if one.id.startswith("my-")]
    assert mine == ids.split()


@pytest.mark.parametrize("unpack", [*FORMATS, "none"])
def test_every_format_that_covcat_unpacks_may_stand_in_the_catalog(tmp_path, unpack: str) -> None:
    file = WEB.replace("}", f", unpack: {unpack}}}")
    path = add(tmp_path, "mine", releases="\n" + release("1", file))
    assert filter.is_fetchable(check.load_file(path))


def test_the_sample_is_hidden_unless_it_is_asked_for(loaded: Catalog) -> None:
    without = {one.id for one in filter.select(loaded, Filter())}
    assert {one.id for one in loaded.resources} - without == {"sample"}
    everything = Filter(with_sample=True)
    assert {one.id for one in filter.select(loaded, everything)} - without == {"sample"}


def test_a_filter_is_empty_until_something_is_asked_for() -> None:
    assert Filter().is_empty
    assert not asked(words=("x",)).is_empty
    assert not asked(fetched="").is_empty


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ("ct", ["ct", "CT", "CAT", "tomography"]),
        ("xray", ["xray", "X-Ray", "x_ray", "x ray", "CXR", "Radiography", "RÖNTGEN"]),
        ("mri", ["mri", "MR", "mrt"]),
        ("ultrasound", ["ultrasound", "US", "ultra-sound", "POCUS", "sonography"]),
    ],
)
def test_a_modality_is_known_by_its_usual_names(known: str, words: list[str]) -> None:
    assert known in MODALITIES
    assert {word: filter.modality(word) for word in words} == dict.fromkeys(words, known)


@pytest.mark.parametrize("word", ["pet", "", "c", "ctx", "u.s."])
def test_an_unknown_modality_is_refused_with_those_that_are_known(word: str) -> None:
    message = f"unknown modality `{word}`: expected one of {', '.join(MODALITIES)}"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        filter.modality(word)


def test_lists_show_the_survey_first_then_positions_then_the_rest_by_id(tmp_path: Path) -> None:
    add(tmp_path, "my-b")
    add(tmp_path, "my-a")
    add(tmp_path, "my-first", "position: 0")
    add(tmp_path, "my-row", SURVEY % 3)
    ids = [one.id for one in load.load([tmp_path]).resources]
    assert ids.index("my-row") == ids.index("covid-net") + 1
    assert ids.index("my-first") == ids.index("radiopaedia") + 1
    assert ids[-3:] == ["sample", "my-a", "my-b"]


def test_a_user_entry_replaces_a_packaged_one_only_if_it_says_so(tmp_path: Path) -> None:
    path = add(tmp_path, "cohen")
    expected = f"{path}: the id `cohen` is taken by another entry"
    with pytest.raises(IntegrityError, match=f"^{re.escape(expected)}$") as info:
        load.load([tmp_path])
    assert info.value.hint == "choose another id, or add `override: yes` to replace it"
    add(tmp_path, "cohen", "override: yes", title="Ours")
    loaded = load.load([tmp_path])
    assert [one.title for one in loaded.resources if one.id == "cohen"] == ["Ours"]
    assert loaded.folders["cohen"] == tmp_path


@pytest.mark.parametrize("name", ["cohen", "ieee8023"], ids=["id", "alias"])
def test_a_user_alias_may_not_take_the_name_of_a_packaged_entry(tmp_path: Path, name: str) -> None:
    path = add(tmp_path, "mine", f"aliases: [{name}]")
    with pytest.raises(IntegrityError, match=f"{re.escape(str(path))}: .*`{name}`"):
        load.load([tmp_path])


def test_two_folders_may_not_hold_one_id(tmp_path: Path) -> None:
    add(tmp_path / "one", "mine")
    path = add(tmp_path / "two", "mine")
    with pytest.raises(IntegrityError, match=f"^{re.escape(str(path))}: the id `mine` is taken"):
        load.load([tmp_path / "one", tmp_path / "two"])


def test_an_entry_that_is_wrong_stops_the_load_with_file_and_line(tmp_path: Path) -> None:
    path = add(tmp_path, "mine", "zzz: 1")
    lines = len(path.read_text(encoding="utf-8").splitlines())
    with pytest.raises(IntegrityError, match=f"^{re.escape(f'{path}:{lines}: unknown key `zzz`')}"):
        load.load([tmp_path])


def test_entries_are_the_yaml_files_that_are_no_templates_named_after_their_ids(tmp_path) -> None:
    for name in ("b.yaml", "a.yml", "_template.yaml", "schema.json", "notes.txt", "c.yaml~"):
        (tmp_path / name).touch()
    assert [path.name for path in load.entry_files(tmp_path)] == ["a.yml", "b.yaml"]
    path = add(tmp_path, "mine").rename(tmp_path / "other.yaml")
    expected = f"{path}:1: expected id `other` as the file's name"
    with pytest.raises(IntegrityError, match=f"^{re.escape(expected)}$"):
        check.load_file(path)


def test_folders_are_taken_as_texts_and_one_that_is_not_there_is_named(folder: Path) -> None:
    assert covcat.load_catalog([str(folder)]) == load.load([folder])
    with pytest.raises(NotFoundError, match=f"^the catalog folder `{folder / 'absent'}` is not"):
        load.load([folder / "absent"])


ROWS = [ListedFile("a.png", None, None, 12, SHA256), ListedFile("b.png", None, None, 30, SHA256)]
LISTED = ", listing: listings/mine@1.tsv.gz, contents: {files: 2, bytes: 42}"


def add_listed(folder: Path, more: str = LISTED) -> Path:
    (folder / "listings").mkdir()
    listing.write(folder / "listings" / "mine@1.tsv.gz", ROWS)
    return add(folder, "mine", releases="\n" + release("1", WEB, more) + release("2", WEB))


def test_a_listing_lies_in_the_folder_of_its_entry(tmp_path: Path) -> None:
    assert check.check_file(add_listed(tmp_path)) == []
    loaded = load.load([tmp_path])
    resource = loaded.get("mine")
    assert loaded.listing(resource, resource.releases[0]) == {row.path: row for row in ROWS}
    assert loaded.listing(resource, resource.releases[1]) is None


def test_the_totals_of_a_listing_must_be_its_entrys(tmp_path: Path) -> None:
    path = add_listed(tmp_path, LISTED.replace("42", "4300, of_unknown_size: 1"))
    place, expected = f"{path}: listings/mine@1.tsv.gz", "2 files, 4,300 bytes"
    unknown = "and 1 file of unknown size as `contents`"
    assert check.check_file(path) == [
        f"{place}: expected {expected} {unknown}, got 2 files, 42 bytes"
    ]


@pytest.mark.parametrize("data", [None, b"", b"no gzip"], ids=["missing", "empty", "damaged"])
def test_a_listing_that_cannot_be_read_is_a_mistake_of_its_entry(tmp_path, data) -> None:
    path = add_listed(tmp_path)
    file = tmp_path / "listings" / "mine@1.tsv.gz"
    file.unlink() if data is None else file.write_bytes(data)
    (mistake,) = check.check_file(path)
    assert mistake.startswith(f"{path}: listings/mine@1.tsv.gz: the listing `{file}` ")


def test_every_mistake_of_an_entry_is_a_line_of_its_own(tmp_path: Path) -> None:
    path = add(tmp_path, "mine", "zzz: 1", title="")
    mistakes = check.check_file(path)
    said = [line.rpartition(": ")[2] for line in mistakes]
    assert said == ["the key `title` is missing", "unknown key `zzz`"]
    assert all(line.startswith(f"{path}:") and " more)" not in line for line in mistakes)


def test_names_that_are_taken_twice_and_overlaps_with_nothing_are_found(tmp_path: Path) -> None:
    part = "contains: [{resource: %s, evidence: x, source: x}]"
    add(tmp_path, "my-a", "aliases: [same]", part % "my-b")
    add(tmp_path, "my-b", "aliases: [same, my-a]", part % "absent")
    resources = [check.load_file(path) for path in load.entry_files(tmp_path)]
    assert check.check_together(resources) == [
        "my-b: `same` is a name of my-a too",
        "my-b: `my-a` is a name of my-a too",
        "my-b: contains an unknown resource `absent`",
    ]


def test_the_compiled_catalog_is_what_the_yaml_says() -> None:
    folder = yaml.packaged_catalog()
    on_disk = (folder / load.COMPILED).read_text(encoding="utf-8")
    assert on_disk == load.compile_entries(folder), "run `make docs`"


@pytest.mark.parametrize(
    "compiled",
    [None, "<<<<<<< HEAD\n{}", "{}", "older"],
    ids=["missing", "of-two-branches", "without-the-entry", "of-the-entry-before-an-edit"],
)
def test_an_edit_of_the_yaml_is_seen_at_once(tmp_path, monkeypatch, compiled) -> None:
    folder = tmp_path / "packaged"
    path = add(folder, "one", title="Before")
    if compiled is not None:
        text = load.compile_entries(folder) if compiled == "older" else compiled
        (folder / load.COMPILED).write_text(text)
    path.write_text(path.read_text().replace("Before", "After"))
    monkeypatch.setattr(load, "packaged_catalog", lambda: folder)
    assert [one.title for one in load.load().resources] == ["After"]
    path.write_text(path.read_text().replace("After", "Again"))
    assert [one.title for one in load.load().resources] == ["Again"]


def test_what_is_compiled_is_not_read_as_yaml_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "parse", lambda *_: pytest.fail("read as YAML"))
    monkeypatch.setattr(load, "_BUILT", {})
    assert len(load.load().resources) == len(load.entry_files(yaml.packaged_catalog()))
