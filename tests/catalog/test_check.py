"""The catalog's rules: each mistake with its file, line and key, and all of them at once."""

import json
import re
from pathlib import Path

import pytest

from covcat.catalog import check, load, yaml
from covcat.catalog.entries import Resource
from covcat.catalog.yaml import packaged_catalog
from covcat.errors import IntegrityError

NAME = "mine.yaml"
ENTRY = """\
id: mine
title: Mine
organization: Us
summary: A small set.
homepage: https://example.org/mine
homepage_source: the page itself
found: {ct: Y, xray: N, mri: N, ultrasound: N, metadata: N, case_review: U, source: read}
license:
  spdx: CC0-1.0
  allows: {commercial: "yes", derivatives: "yes", redistribution: "no"}
  source: LICENSE
access: open
releases:
  - id: "1"
    source: its page
    files:
      - host: web
        url: https://example.org/mine.zip
        name: mine.zip
"""
FILE = ENTRY[ENTRY.index("      - host") :]
IMAGES_IN = '    images_in: [{resource: theirs, release: "1", by: name, evidence: x, source: x}]\n'
SHA1 = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def entry(old: str = "", new: str = "") -> str:
    """Return the entry with `old` replaced, or with `new` as further lines."""
    assert old in ENTRY
    return ENTRY.replace(old, new, 1) if old else ENTRY + new


def github(*lines: str) -> str:
    """Return the entry with its file on GitHub; `lines` pin it."""
    keys = "".join(f"        {line}\n" for line in ("repository: us/mine", *lines))
    return entry(FILE, "      - host: github\n" + keys)


def web(line: str) -> str:
    return entry("", f"        {line}\n")


def validate(text: str) -> Resource:
    tree, lines = yaml.parse(text.encode(), NAME)
    return check.validate(tree, lines, NAME)


def mistakes(text: str) -> list[str]:
    """Return what is wrong, a line each."""
    with pytest.raises(IntegrityError, match=rf"^{NAME}:\d+: ") as info:
        validate(text)
    count = f" (and {len(info.value.details)} more)" if info.value.details else ""
    assert info.value.message.endswith(count)
    return [info.value.message.removesuffix(count), *info.value.details]


# ---- two ways to one Resource ------------------------------------------------------------------


@pytest.mark.parametrize("path", load.entry_files(packaged_catalog()), ids=lambda p: p.stem)
def test_trusted_builds_what_validated_builds_from_a_packaged_entry(path: Path) -> None:
    tree, lines = yaml.parse(yaml.read(path), str(path))
    assert load.build_trusted(tree) == check.validate(tree, lines, str(path))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ENTRY, id="web"),
        pytest.param(github(f"commit: {SHA1}", f"tree: {SHA1}", "keep: data/"), id="github"),
        pytest.param(github("tag: v1", "asset: mine.zip"), id="github-asset"),
        pytest.param(web("bytes: 12"), id="number"),
        pytest.param(entry("", IMAGES_IN), id="images-in"),
        pytest.param(web("exclude: [__MACOSX/*]"), id="list"),
    ],
)
def test_trusted_builds_what_validated_builds(text: str) -> None:
    assert load.build_trusted(yaml.parse(text.encode(), NAME)[0]) == validate(text)


def test_an_entry_is_read_as_it_says() -> None:
    resource = validate(web("md5: 01234567012345670123456701234567"))
    file = resource.releases[0].files[0]
    assert (resource.id, resource.license.allows.redistribution) == ("mine", "no")
    assert (file.host, file.name, file.md5) == ("web", "mine.zip", "01234567" * 4)
    assert file.bytes is None


# ---- one mistake -------------------------------------------------------------------------------

FILE_PLACE = "releases.0.files.0"
HEX64 = "expected 64 hexadecimal digits in lower case"
GIT_ID = "expected a git id of 40 hexadecimal digits"
LISTING = "expected a path like listings/ID@RELEASE.tsv.gz"
BOTH_OR_NEITHER = "expected either `commit` or `branch`"
TREE = "a commit needs its `tree` id, and a branch has none"
ASSET = "`tag` and `asset` go together, and with no commit, branch or tree"
BROWSE = "`browse` needs `browse:` pages and terms, and no releases"
HOSTS = "'github', 'web', 'bundled', 'dataverse', 'zenodo', 'figshare', 'mendeley', 'kaggle', 's3'"
ADDRESS = "expected an https address with a plain host name"
SURVEY = "survey: {row: %s, ct: Y, xray: N, mri: N, ultrasound: N, metadata: N, case_review: U}\n"
COUNTS = "published: [{of: images, unit: images, %s, source: README}]\n"
CITATION = "citation: [{entry: misc, key: A, fields: {title: y}, authors: [%s], source: x}]\n"
COUNT_RULE = "each row needs one value per `by`, then a count"

ONE_MISTAKE = {
    "missing-key": (entry("title: Mine\n"), "1: the key `title` is missing"),
    "missing-inside": (entry("  source: LICENSE\n"), "9: the key `source` is missing"),
    "missing-host": (
        entry("host: web\n        "),
        "17: releases.0.files.0: the key `host` is missing",
    ),
    "unknown-key": (entry("", "zzz: 1\n"), "20: unknown key `zzz`"),
    "unknown-key-inside": (
        entry("  source: LICENSE\n", "  source: LICENSE\n  spxd: x\n"),
        "12: unknown key `spxd` in `license` (did you mean `spdx`?)",
    ),
    "misspelt-key": (
        entry("", "alaises: [ours]\n"),
        "20: unknown key `alaises` (did you mean `aliases`?)",
    ),
    "short-digest": (web("sha256: abc"), f"20: {FILE_PLACE}.sha256: {HEX64}, got `abc`"),
    "capital-digest": (
        web(f"sha256: {SHA256.upper()}"),
        f"20: {FILE_PLACE}.sha256: {HEX64}, got `{SHA256.upper()}`",
    ),
    "md5-as-sha256": (
        web(f"sha256: {SHA256[:32]}"),
        f"20: {FILE_PLACE}.sha256: {HEX64}, got `{SHA256[:32]}`",
    ),
    "wrong-word": (
        entry("access: open", "access: opne"),
        "12: access: expected 'open', 'account' or 'browse', got `opne`",
    ),
    "small-flag": (entry("ct: Y", "ct: y"), "7: found.ct: expected 'Y', 'N' or 'U', got `y`"),
    "unknown-host": (
        entry("host: web", "host: ftp"),
        f"17: releases.0.files.0: unknown host `ftp`: expected {HOSTS}",
    ),
    "capital-id": (
        entry("id: mine", "id: Mine"),
        "1: id: expected lower-case letters, digits and dashes, got `Mine`",
    ),
    "blank-source": (
        entry("its page", "' '"),
        "15: releases.0.source: expected some text, got ` `",
    ),
    "empty-source": (entry("its page", "''"), "15: releases.0.source: expected some text, got ``"),
    "list-for-text": (
        entry("title: Mine", "title: [Mine]"),
        "2: title: input should be a valid string",
    ),
    "text-for-list": (
        entry("", "authors: Joe\n"),
        "20: authors: input should be a valid tuple, got `Joe`",
    ),
    "http-address": (
        entry("https://example.org/mine.zip", "http://example.org/x"),
        f"18: {FILE_PLACE}.url: {ADDRESS}, got `http://example.org/x`",
    ),
    "user-name-in-address": (
        entry("https://example.org/mine.zip", "https://u:p@example.org/x"),
        f"18: {FILE_PLACE}.url: {ADDRESS}, got `https://u:p@example.org/x`",
    ),
    "file-name-with-folder": (
        entry("name: mine.zip", "name: ../mine.zip"),
        f"19: {FILE_PLACE}.name: expected a plain file name without folders, got `../mine.zip`",
    ),
    "listing-elsewhere": (
        entry("its page", "its page\n    listing: ../x.tsv.gz"),
        f"16: releases.0.listing: {LISTING}, got `../x.tsv.gz`",
    ),
    "no-homepage": (
        entry("homepage: https://example.org/mine\n"),
        "1: the key `homepage` is missing, or its `homepage_source`",
    ),
    "homepage-without-source": (
        entry("homepage_source: the page itself\n"),
        "1: the key `homepage` is missing, or its `homepage_source`",
    ),
    "author-of-two-kinds": (
        entry("", CITATION % "{family: A, name: B}"),
        "20: expected `family` and `given`, or the `name` of a body",
    ),
    "author-without-a-family": (
        entry("", CITATION % "{given: A}"),
        "20: expected `family` and `given`, or the `name` of a body",
    ),
    "citation-field": (
        entry("", "citation: [{entry: misc, key: A, fields: {'a}b': x, title: y}, source: x}]\n"),
        "20: citation.0.fields.a}b.[key]: expected a field of BibTeX, got `a}b`",
    ),
    "survey-row": (entry("", SURVEY % 15), "20: the survey has rows 1 to 14"),
    "survey-row-zero": (entry("", SURVEY % 0), "20: the survey has rows 1 to 14"),
    "github-without-state": (github(), f"17: {BOTH_OR_NEITHER}"),
    "github-with-two": (github(f"commit: {SHA1}", "branch: main"), f"17: {BOTH_OR_NEITHER}"),
    "github-without-tree": (github(f"commit: {SHA1}"), f"17: {TREE}"),
    "github-tag-alone": (github("tag: v1"), f"17: {ASSET}"),
    "github-asset-alone": (github("asset: mine.zip"), f"17: {ASSET}"),
    "github-asset-of-a-branch": (
        github("tag: v1", "asset: mine.zip", "branch: main"),
        f"17: {ASSET}",
    ),
    "github-asset-with-a-folder": (
        github("tag: v1", "asset: mine.zip", "keep: data/"),
        f"17: {ASSET}",
    ),
    "images-in-by-eye": (
        entry("", IMAGES_IN.replace("by: name", "by: eye")),
        "20: releases.0.images_in.0.by: expected 'name', got `eye`",
    ),
    "images-in-no-release": (
        entry("", IMAGES_IN.replace('release: "1", ', "")),
        "20: the key `release` is missing",
    ),
    "github-branch-with-tree": (github("branch: main", f"tree: {SHA1}"), f"17: {TREE}"),
    "github-short-commit": (
        github("commit: 4b825dc6", f"tree: {SHA1}"),
        f"19: releases.0.files.0.commit: {GIT_ID}, got `4b825dc6`",
    ),
    "browse-with-releases": (
        entry("access: open", "access: browse\nbrowse: {pages: [], terms: x, source: x}"),
        f"12: {BROWSE}",
    ),
    "browse-without-pages": (
        entry("access: open", "access: browse").partition("releases:")[0],
        f"12: {BROWSE}",
    ),
    "open-without-releases": (
        ENTRY.partition("releases:")[0],
        "12: `open` needs at least one release",
    ),
    "listing-alone": (
        entry("its page", "its page\n    listing: listings/mine@1.tsv.gz"),
        "16: `listing` and `contents` go together",
    ),
    "contents-alone": (
        entry("its page", "its page\n    contents: {files: 1, bytes: 2}"),
        "14: `listing` and `contents` go together",
    ),
    "release-twice": (
        entry("", ENTRY[ENTRY.index("  - id:") :]),
        "20: the release `1` is there twice",
    ),
    "row-without-count": (entry("", COUNTS % "rows: [[]]"), f"20: {COUNT_RULE}"),
    "row-too-short": (entry("", COUNTS % "by: [view], rows: [['1']]"), f"20: {COUNT_RULE}"),
    "row-too-long": (entry("", COUNTS % "rows: [[PA, '1']]"), f"20: {COUNT_RULE}"),
    "count-with-comma": (entry("", COUNTS % "rows: [['1,000']]"), f"20: {COUNT_RULE}"),
    "count-in-superscript": (entry("", COUNTS % "rows: [['²']]"), f"20: {COUNT_RULE}"),
    "count-of-no-release": (
        entry("", COUNTS % "rows: [['1']], release: '2'"),
        "20: there is no release `2`",
    ),
}


@pytest.mark.parametrize(("text", "mistake"), ONE_MISTAKE.values(), ids=ONE_MISTAKE)
def test_a_mistake_is_named_with_its_line_and_key(text: str, mistake: str) -> None:
    assert mistakes(text) == [f"{NAME}:{mistake}"]


@pytest.mark.parametrize(
    "number", ["1_000", "-1", "+1", "1e3", "0x10", "1.0", "1 kB", '" 1"', '""', "٣", "9" * 16]
)
def test_a_number_is_written_in_plain_digits(number: str) -> None:
    (mistake,) = mistakes(web(f"bytes: {number}"))
    assert mistake.startswith(f"{NAME}:20: {FILE_PLACE}.bytes: ")


@pytest.mark.parametrize("date", ["2020", "2020-03", "2020-03-27"])
def test_a_date_may_leave_out_what_is_unknown(date: str) -> None:
    assert validate(entry("its page", f"its page\n    date: {date}")).releases[0].date == date


@pytest.mark.parametrize("date", ["2020-3-5", "27.03.2020", "20", "2020-03-27T10:00", "2020-13-45"])
def test_what_is_no_date_is_refused(date: str) -> None:
    (mistake,) = mistakes(entry("its page", f"its page\n    date: {date}"))
    assert mistake == f"{NAME}:16: releases.0.date: expected a date like 2020-03-27, got `{date}`"


@pytest.mark.parametrize("folder", ["data/", "a/b/", "a..b/", ".hidden/", "röntgen bilder/"])
def test_a_folder_inside_the_release_is_accepted(folder: str) -> None:
    assert validate(web(f"into: {folder}")).releases[0].files[0].into == folder


@pytest.mark.parametrize(
    "folder",
    [
        *("data", "/", "//", "/abs/", "../", "./", "a/../b/", "a/./b/", "a//b/", "C:/x/", "a\\b/"),
        *('"a\\tb/"', '"a\\x9bb/"', '"a\\u202eb/"'),
    ],
)
def test_a_folder_outside_the_release_or_with_an_unsafe_name_is_refused(folder: str) -> None:
    (mistake,) = mistakes(web(f"into: {folder}"))
    assert mistake.startswith(f"{NAME}:20: {FILE_PLACE}.into: expected a folder like `data/`")


def test_a_release_without_files_is_refused() -> None:
    (mistake,) = mistakes(entry("    files:\n" + FILE, "    files: []\n"))
    assert mistake == f"{NAME}:14: a release needs at least one file"


def test_a_key_is_never_suggested_in_its_own_place() -> None:
    (mistake,) = mistakes(github("branch: main", "url: https://example.org"))
    assert mistake.startswith(f"{NAME}:20: unknown key `url` in `releases.0.files.0`")
    assert "did you mean `url`" not in mistake


TABLES = "tables:\n  - {reader: names, path: '*', pattern: '(?P<a>.)', source: x, values: {%s}}\n"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("finding: {positive: COVID19}", "`COVID19`, no word of it (did you mean `COVID-19`?)"),
        ("finding: {positive: covid-19}", "`covid-19`, no word of it (did you mean `COVID-19`?)"),
        (
            "finding: {a: COVID-19; Pneumona}",
            "`Pneumona`, no word of it (did you mean `Pneumonia`?)",
        ),
        ("sex: {woman: female}", "`female`, no word of it (did you mean `F`?)"),
        ("icu: {ja: 'Yes'}", "`Yes`, no word of it (did you mean `yes`?)"),
        ("view: {front: negative}", "`negative`, no word of it"),
        ("age: {old: '80'}", "`age` has no list of words: expected one of finding, view"),
    ],
)
def test_a_word_may_only_stand_for_one_of_the_vocabulary(values: str, said: str) -> None:
    (mistake,) = mistakes(entry("", TABLES % values))
    assert said in mistake


@pytest.mark.parametrize(
    "values",
    [
        "finding: {a: COVID-19, b: negative, c: non-COVID, d: COVID-19; Pneumonia, e: ''}",
        "view: {front: PA}",
        "survival: {'*': 'yes'}",
    ],
)
def test_words_of_the_vocabulary_are_no_mistake(values: str) -> None:
    assert validate(entry("", TABLES % values)).tables


# ---- all mistakes at once ----------------------------------------------------------------------


def test_every_mistake_of_a_file_is_reported_at_once() -> None:
    text = ENTRY.replace("summary", "sumary").replace("ct: Y", "ct: 1").replace("web", "ftp")
    assert mistakes(text) == [
        f"{NAME}:1: the key `summary` is missing",
        f"{NAME}:4: unknown key `sumary` (did you mean `summary`?)",
        f"{NAME}:7: found.ct: expected 'Y', 'N' or 'U', got `1`",
        f"{NAME}:17: releases.0.files.0: unknown host `ftp`: expected {HOSTS}",
    ]


def test_every_contradiction_of_a_file_is_reported_at_once() -> None:
    text = github().replace("homepage_source: the page itself\n", "") + SURVEY % 99
    assert [line.partition(": ")[2] for line in mistakes(text)] == [
        "the key `homepage` is missing, or its `homepage_source`",
        BOTH_OR_NEITHER,
        "the survey has rows 1 to 14",
    ]


# ---- for editors -------------------------------------------------------------------------------


def test_the_schema_on_disk_is_what_covcat_prints() -> None:
    on_disk = (packaged_catalog() / "schema.json").read_text(encoding="utf-8")
    assert json.loads(on_disk) == check.json_schema()
    assert on_disk == json.dumps(check.json_schema(), indent=1, sort_keys=True) + "\n"


def test_the_schema_knows_the_keys_and_refuses_others() -> None:
    found = check.json_schema()
    assert {"id", "releases", "found"} <= found["properties"].keys()
    assert found["additionalProperties"] is False


def test_the_patterns_for_editors_are_regular_expressions_of_ecmascript() -> None:
    patterns = set(re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(check.json_schema())))
    groups = {group for one in patterns for group in re.findall(r"\(\?[a-zP#(]", json.loads(one))}
    assert patterns
    assert groups == set()  # (?s: and (?P< are Python's; JSON Schema asks for ECMA-262
