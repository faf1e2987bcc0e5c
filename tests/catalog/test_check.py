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


@pytest.mark.parametrize("path", load.entry_files(packaged_catalog()), ids=lambda p: p.stem)
def test_trusted_builds_what_validated_builds_from_a_packaged_entry(path: Path) -> None:
    tree, lines = yaml.parse(yaml.read(path), str(path))
    assert load.build_trusted(tree) == check.validate(tree, lines, str(path))


@pytest.mark.parametrize(
    "text",
    [
        ENTRY,
        github(f"commit: {SHA1}", f"tree: {SHA1}", "keep: data/"),
        github("tag: v1", "asset: mine.zip"),
        web("bytes: 12"),
        entry("", IMAGES_IN),
        web("exclude: [__MACOSX/*]"),
    ],
    ids=["web", "github", "github-asset", "number", "images-in", "list"],
)
def test_trusted_builds_what_validated_builds(text: str) -> None:
    assert load.build_trusted(yaml.parse(text.encode(), NAME)[0]) == validate(text)


def test_an_entry_is_read_as_it_says() -> None:
    resource = validate(web("md5: 01234567012345670123456701234567"))
    file = resource.releases[0].files[0]
    assert (resource.id, resource.license.allows.redistribution) == ("mine", "no")
    assert (file.host, file.name, file.md5) == ("web", "mine.zip", "01234567" * 4)
    assert file.bytes is None


HTTP = "expected an https address (http is for `private: yes`, in a network of your own)"
FILE_PLACE = "releases.0.files.0"
HEX64 = "expected 64 hexadecimal digits in lower case"
GIT_ID = "expected a git id of 40 hexadecimal digits"
LISTING = "expected a path like listings/ID@RELEASE.tsv.gz"
BOTH_OR_NEITHER = "expected either `commit` or `branch`"
TREE = "a commit needs its `tree` id, and a branch has none"
ASSET = "`tag` and `asset` go together, and with no commit, branch or tree"
BROWSE = "`browse` needs `browse:` pages and terms, and no releases"
HOSTS = "'github', 'web', 'bundled', 'dataverse', 'zenodo', 'figshare', 'mendeley', 'kaggle', 's3', 'gcs'"
ADDRESS = "expected an https address with a plain host name"
COUNT_RULE = "each row needs one value per `by`, then a count"
PERSON = "expected `family` and `given`, or the `name` of a body"
HOME = "the key `homepage` is missing, or its `homepage_source`"
TOGETHER = "`contents` goes with `listing` or `series`"
NO_FIELD = "20: citation.0.fields.a}b.[key]: expected a field of BibTeX, got `a}b`"
LISTED = "    listing: listings/mine@1.tsv.gz"
URL = "https://example.org/mine.zip"


def survey(row: int) -> str:
    columns = "ct: Y, xray: N, mri: N, ultrasound: N, metadata: N, case_review: U"
    return entry("", f"survey: {{row: {row}, {columns}}}\n")


def count(rows: str) -> str:
    return entry("", f"published: [{{of: images, unit: images, {rows}, source: README}}]\n")


def cited(author: str, field: str = "note") -> str:
    keys = f"entry: misc, key: A, fields: {{title: y, '{field}': x}}, authors: [{author}]"
    return entry("", f"citation: [{{{keys}, source: x}}]\n")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (entry("title: Mine\n"), "1: the key `title` is missing"),
        (entry("  source: LICENSE\n"), "9: the key `source` is missing"),
        (entry("host: web\n        "), f"17: {FILE_PLACE}: the key `host` is missing"),
        (entry("", "zzz: 1\n"), "20: unknown key `zzz`"),
        (
            entry("  source: LICENSE\n", "  source: LICENSE\n  spxd: x\n"),
            "12: unknown key `spxd` in `license` (did you mean `spdx`?)",
        ),
        (entry("", "alaises: [a]\n"), "20: unknown key `alaises` (did you mean `aliases`?)"),
        (web("sha256: abc"), f"20: {FILE_PLACE}.sha256: {HEX64}, got `abc`"),
        *(
            (web(f"sha256: {digest}"), f"20: {FILE_PLACE}.sha256: {HEX64}, got `{digest}`")
            for digest in (SHA256.upper(), SHA256[:32])
        ),
        (
            entry("access: open", "access: opne"),
            "12: access: expected 'open', 'account' or 'browse', got `opne`",
        ),
        (entry("ct: Y", "ct: y"), "7: found.ct: expected 'Y', 'N' or 'U', got `y`"),
        (entry("host: web", "host: a"), f"17: {FILE_PLACE}: unknown host `a`: expected {HOSTS}"),
        (
            entry("id: mine", "id: Mine"),
            "1: id: expected lower-case letters, digits and dashes, got `Mine`",
        ),
        (entry("its page", "' '"), "15: releases.0.source: expected some text, got ` `"),
        (entry("its page", "''"), "15: releases.0.source: expected some text, got ``"),
        (entry("title: Mine", "title: [Mine]"), "2: title: expected text, got a list"),
        (entry("", "authors: J\n"), "20: authors: expected a list, got `J`"),
        (entry("", "aliases: {a: b}\n"), "20: aliases: expected a list, got keys with values"),
        (entry("", "contains: [x]\n"), "20: contains.0: expected keys with values, got `x`"),
        (
            entry("access: open", "access: [open]"),
            "12: access: expected 'open', 'account' or 'browse', got a list",
        ),
        (
            entry(URL, "http://a.org/x"),
            f"18: {HTTP}, got `http://a.org/x`",
        ),
        (
            entry(URL, "https://u:p@a.org/x"),
            f"18: {FILE_PLACE}.url: {ADDRESS}, got `https://u:p@a.org/x`",
        ),
        (
            entry("name: mine.zip", "name: ../mine.zip"),
            f"19: {FILE_PLACE}.name: expected a plain file name without folders, got `../mine.zip`",
        ),
        (
            entry("its page", "its page\n    listing: ../x.tsv.gz"),
            f"16: releases.0.listing: {LISTING}, got `../x.tsv.gz`",
        ),
        (entry("homepage: https://example.org/mine\n"), f"1: {HOME}"),
        (entry("homepage_source: the page itself\n"), f"1: {HOME}"),
        (cited("{family: A, name: B}"), f"20: {PERSON}"),
        (cited("{given: A}"), f"20: {PERSON}"),
        (cited("", "a}b"), NO_FIELD),
        (survey(15), "20: the survey has rows 1 to 14"),
        (survey(0), "20: the survey has rows 1 to 14"),
        (github(), f"17: {BOTH_OR_NEITHER}"),
        (github(f"commit: {SHA1}", "branch: main"), f"17: {BOTH_OR_NEITHER}"),
        (github(f"commit: {SHA1}"), f"17: {TREE}"),
        (github("branch: main", f"tree: {SHA1}"), f"17: {TREE}"),
        (github("tag: v1"), f"17: {ASSET}"),
        (github("asset: mine.zip"), f"17: {ASSET}"),
        (github("tag: v1", "asset: mine.zip", "branch: main"), f"17: {ASSET}"),
        (github("tag: v1", "asset: mine.zip", "keep: data/"), f"17: {ASSET}"),
        (
            github("commit: 4b825dc6", f"tree: {SHA1}"),
            f"19: {FILE_PLACE}.commit: {GIT_ID}, got `4b825dc6`",
        ),
        (
            entry("", IMAGES_IN.replace("by: name", "by: eye")),
            "20: releases.0.images_in.0.by: expected 'name' or 'stem', got `eye`",
        ),
        (entry("", IMAGES_IN.replace("by: name, ", "")), "20: the key `by` is missing"),
        (
            entry("access: open", "access: browse\nbrowse: {pages: [], terms: x, source: x}"),
            f"12: {BROWSE}",
        ),
        (entry("access: open", "access: browse").partition("releases:")[0], f"12: {BROWSE}"),
        (ENTRY.partition("releases:")[0], "12: `open` needs at least one release"),
        (entry("its page", f"its page\n{LISTED}"), f"16: {TOGETHER}"),
        (entry("its page", "its page\n    contents: {files: 1, bytes: 2}"), f"14: {TOGETHER}"),
        (
            entry("its page", "its page\n    holds: {images: 2, covid_images: 3, source: x}"),
            "16: more images with COVID-19 than images",
        ),
        (entry("", ENTRY[ENTRY.index("  - id:") :]), "20: the release `1` is there twice"),
        (entry("    files:\n" + FILE, "    files: []\n"), "14: a release needs at least one file"),
        (count("rows: [[]]"), f"20: {COUNT_RULE}"),
        (count("by: [view], rows: [['1']]"), f"20: {COUNT_RULE}"),
        (count("rows: [[PA, '1']]"), f"20: {COUNT_RULE}"),
        (count("rows: [['1,000']]"), f"20: {COUNT_RULE}"),
        (
            entry('  - id: "1"\n', '  - id: "1"\n    about_bytes: 9000000\n')
            + "        bytes: 8700000\n",
            "15: exactly 8,700,000 are known",
        ),
        (count("rows: [['²']]"), f"20: {COUNT_RULE}"),
        (count("rows: [['1']], release: '2'"), "20: there is no release `2`"),
        *(
            (
                entry("its page", f"its page\n    date: {date}"),
                f"16: releases.0.date: expected a date like 2020-03-27, got `{date}`",
            )
            for date in ("2020-3-5", "27.03.2020", "20", "2020-03-27T10:00", "2020-13-45")
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_key(text: str, mistake: str) -> None:
    assert mistakes(text) == [f"{NAME}:{mistake}"]


RECOUNTED = """\
published:
  - of: films
    unit: images
    by: [view]
    rows: [[PA, "1"]]
    source: README
    recount:
      by:
        - {by}
      where: |-
        {where}
"""
JOINED = """\
    images_in:
      - resource: theirs
        by: name
        evidence: x
        source: x
        where: {where}
    images_outside:
      - of: others
        get: by hand
        source: x
        where: {outside}
"""


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("finding_rw = 'COVID-19'", "(did you mean `finding_raw`?)"),
        ("age >", ""),
        ("age > 1 ORDER BY age", ""),
        ("1) OR (1", ""),
        ("1; DROP TABLE images", ""),
        ("count(*) > 1", ""),
        ("levenshtein(view, 'PA')", ""),
        ("view = 'PA", ""),
    ],
)
def test_sql_that_no_index_can_be_asked_is_named_with_its_line(expression: str, said: str) -> None:
    text = "is no SQL over the columns of an index: "
    for lines, line, key in (
        (RECOUNTED.format(by="view", where=expression), 29, "where"),
        (RECOUNTED.format(by=json.dumps(expression), where="age > 1"), 28, "by"),
        (JOINED.format(where=json.dumps(expression), outside="1"), 25, "where"),
        (JOINED.format(where="1", outside=json.dumps(expression)), 30, "where"),
    ):
        found = [one for one in mistakes(entry("", lines)) if "SQL" in one]
        assert [one.startswith(f"{NAME}:{line}: `{key}` {text}") for one in found] == [True], found
        assert found[0].endswith(said)


def test_sql_over_columns_is_no_mistake() -> None:
    case = json.dumps("CASE WHEN view IN ('PA', 'AP') THEN 'PA, AP' ELSE view END")
    where = "view NOT NULL AND -- both\n        age > 1"
    validate(entry("", RECOUNTED.format(by=case, where=where)))
    validate(entry("", JOINED.format(where="split IS 'train'", outside="filename LIKE 'x%'")))


@pytest.mark.parametrize(
    "number", ["1_000", "-1", "+1", "1e3", "0x10", "1.0", "1 kB", '" 1"', '""', "٣", "9" * 16]
)
def test_a_number_is_written_in_plain_digits(number: str) -> None:
    (mistake,) = mistakes(web(f"bytes: {number}"))
    assert mistake.startswith(f"{NAME}:20: {FILE_PLACE}.bytes: ")


@pytest.mark.parametrize("date", ["2020", "2020-03", "2020-03-27"])
def test_a_date_may_leave_out_what_is_unknown(date: str) -> None:
    assert validate(entry("its page", f"its page\n    date: {date}")).releases[0].date == date


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
        ("finding: {a: COVID-19; Pneumona}", "`Pneumona`, no word of it (did you mean `Pneumonia`"),
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
    ("keys", "said"),
    [
        ("one_hot: {A: Pneumona}", "`A` is called `Pneumona`, no word of it (did you mean"),
        ("one_hot: {A: negative}", "`A`: expected a finding, whose column may deny it"),
        ("one_hot: {A: SARS}, columns: {finding: b}", "expected no other `finding` beside them"),
        ("adds: yes, joins: series", "`joins` needs `adds: yes`, and a column of that label"),
        ("joins: study, columns: {study: b}", "`joins` needs `adds: yes`, and a column of that"),
        ("adds: yes, joins: folder", "`joins: folder` and `folder` go together"),
        ("adds: yes, folder: '{A}'", "`joins: folder` and `folder` go together"),
        (
            "adds: yes, joins: folder, folder: '{A}', match: stem",
            "a folder has no suffix: expected",
        ),
    ],
)
def test_a_column_of_one_finding_stands_for_a_term_and_is_all_that_says_it(keys, said) -> None:
    table = f"tables:\n  - {{reader: delimited, path: t.csv, source: x, {keys}}}\n"
    (mistake,) = mistakes(entry("", table))
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


def test_every_mistake_of_a_file_is_reported_at_once() -> None:
    text = ENTRY.replace("summary", "sumary").replace("ct: Y", "ct: 1").replace("web", "ftp")
    assert mistakes(text) == [
        f"{NAME}:1: the key `summary` is missing",
        f"{NAME}:4: unknown key `sumary` (did you mean `summary`?)",
        f"{NAME}:7: found.ct: expected 'Y', 'N' or 'U', got `1`",
        f"{NAME}:17: releases.0.files.0: unknown host `ftp`: expected {HOSTS}",
    ]


def test_every_contradiction_of_a_file_is_reported_at_once() -> None:
    text = github().replace("homepage_source: the page itself\n", "")
    assert mistakes(text + survey(99).removeprefix(ENTRY)) == [
        f"{NAME}:1: {HOME}",
        f"{NAME}:16: {BOTH_OR_NEITHER}",
        f"{NAME}:18: the survey has rows 1 to 14",
    ]


def test_the_schema_on_disk_is_what_covcat_prints_and_editors_can_use_it() -> None:
    found = check.json_schema()
    on_disk = (packaged_catalog() / "schema.json").read_text(encoding="utf-8")
    assert on_disk == json.dumps(found, indent=1, sort_keys=True) + "\n"
    assert {"id", "releases", "found"} <= found["properties"].keys()
    assert found["additionalProperties"] is False
    patterns = set(re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(found)))
    assert patterns
    # (?s: and (?P< are Python's; JSON Schema asks for ECMA-262
    assert not [one for one in patterns if re.search(r"\(\?[a-zP#(]", json.loads(one))]
