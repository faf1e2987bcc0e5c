"""Catalog files are read as text: what stays as it was written, and what is refused where."""

import re
from pathlib import Path

import pytest

from covcat.catalog import yaml
from covcat.errors import IntegrityError

NAME = "mine.yaml"


def tree_of(text: str) -> dict[str, object]:
    return yaml.parse(text.encode(), NAME)[0]


@pytest.mark.parametrize(
    "written",
    [
        *("01234567012345670123456701234567", "12345678901234567890123456789012"),  # MD5s
        *("0x1F", "0b11", "1_000", "190:20:30", "1e5", "12e03", "0.10", ".inf", "-1"),
        *("no", "yes", "off", "True", "Y", "=", "nullable", "röntgen 肺"),
        *("2020-03-27", "2020-03-27 10:00:00"),
    ],
)
def test_a_plain_value_stays_the_text_that_was_written(written: str) -> None:
    assert tree_of(f"key: {written}\nlist: [{written}]\n") == {"key": written, "list": [written]}


@pytest.mark.parametrize("key", ["no", "1", "0777", "2020-03-27", "1e5", "true", "null"])
def test_a_key_stays_the_text_that_was_written(key: str) -> None:
    assert tree_of(f"{key}: x\n") == {key: "x"}


@pytest.mark.parametrize("quoted", ["''", '""', '"~"', "'null'", '"NULL"'])
def test_a_quoted_value_is_text_and_not_missing(quoted: str) -> None:
    assert tree_of(f"key: {quoted}\n") == {"key": quoted[1:-1]}


def test_block_texts_and_comments_are_read_as_yaml_has_them() -> None:
    text = (
        "# a comment\nfolded: >-\n  one\n  two\nkept: |\n  one\n  two # text\nlast: x # comment\n"
    )
    assert tree_of(text) == {"folded": "one two", "kept": "one\ntwo # text\n", "last": "x"}


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfa: b\nc: d\n",  # a byte-order mark
        b"a: b\r\nc: d\r\n",
        b"\xef\xbb\xbfa: b\r\nc: d\r\n",
        b"---\na: b\nc: d\n...\n",
        b"a: b\nc: d",
    ],
)
def test_what_editors_add_to_a_file_is_accepted(data: bytes) -> None:
    assert yaml.parse(data, NAME)[0] == {"a": "b", "c": "d"}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_value_knows_the_line_it_starts_on(newline: str) -> None:
    text = "# comment\nid: x\nreleases:\n  - id: a\n    date: b\n  - {id: c,\n     date: d}\n"
    _, lines = yaml.parse(text.replace("\n", newline).encode(), NAME)
    assert lines == {
        (): 2,
        ("id",): 2,
        ("releases",): 4,
        ("releases", 0): 4,
        ("releases", 0, "id"): 4,
        ("releases", 0, "date"): 5,
        ("releases", 1): 6,
        ("releases", 1, "id"): 6,
        ("releases", 1, "date"): 7,
    }


MISSING = "a value is missing; leave the key out if it is unknown"
ANCHORS = "anchors and aliases (`&`, `*`) are not allowed"
PLAIN_KEY = "a key must be plain text, without anchors or `<<`"
MAPPING = "expected a mapping of keys, such as `id: …`"


OS_SYSTEM = "python/object/apply:os.system"
SECOND = "expected one document, found a second one"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key `a` is there twice"),
        ("a: 1\n'a': 2\n", 2, "the key `a` is there twice"),
        ("a: {b: 1,\n b: 1}\n", 2, "the key `b` is there twice"),
        ("a: 1\nb: &x 2\n", 2, ANCHORS),
        ("a: 1\nb: *x\n", 2, ANCHORS),
        ("&x\na: 1\n", 1, ANCHORS),
        ("a: [1,\n &x 2]\n", 2, ANCHORS),
        ("a: 1\n<<: {b: 1}\n", 2, PLAIN_KEY),
        ("a: 1\n&x b: 1\n", 2, PLAIN_KEY),
        ("a: 1\n!!str b: 1\n", 2, PLAIN_KEY),
        ("a: 1\n? [b]\n: 1\n", 2, PLAIN_KEY),
        ("a: 1\nb: !!int 2\n", 2, "the tag `tag:yaml.org,2002:int` is not allowed"),
        (f"a: !!{OS_SYSTEM} [x]\n", 1, f"the tag `tag:yaml.org,2002:{OS_SYSTEM}` is not allowed"),
        ("a: 1\nb: ! 2\n", 2, "the tag `!` is not allowed"),
        ("a: 1\n---\na: 2\n", 2, SECOND),
        ("", 1, "the file is empty"),
        ("# one\n# two\n", 3, "the file is empty"),
        ("---\n", 1, MAPPING),
        ("- a: 1\n", 1, MAPPING),
        ("just text\n", 1, MAPPING),
        ("a: 1\nb:\nc: 3\n", 2, MISSING),
        ("a: 1\nb: ~\n", 2, MISSING),
        ("a: 1\nb: null\n", 2, MISSING),
        ("a:\n  - x\n  -\n", 3, MISSING),
        ("a: {b}\n", 1, MISSING),
    ],
)
def test_what_a_catalog_may_not_hold_is_refused_with_file_and_line(text, line, reason) -> None:
    with pytest.raises(IntegrityError, match=f"^{re.escape(f'{NAME}:{line}: {reason}')}$"):
        yaml.parse(text.encode(), NAME)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("a: 1\nb: c: d\n", 2, id="colon-in-text"),
        pytest.param("a: 1\nb: 'x\n", 3, id="open-quote"),
        pytest.param("a: 1\nb: [x\n", 3, id="open-list"),
        pytest.param("a: x\n\tb: y\n", 2, id="tab"),
        pytest.param("a: 1\nb: 2\nc: \x1b[31m\n", 3, id="escape-character"),
        pytest.param("a: 1\nb: \x00\n", 2, id="nul"),
        pytest.param("a: [" + "1, [2], " * 40 + "\nb: }\n", 2, id="many-lists-and-one-mistake"),
    ],
)
def test_what_is_no_yaml_is_refused_with_file_and_line(text: str, line: int) -> None:
    with pytest.raises(IntegrityError, match=rf"^mine\.yaml:{line}: not valid YAML: ."):
        yaml.parse(text.encode(), NAME)


@pytest.mark.parametrize(
    ("data", "line", "byte"),
    [
        pytest.param("a: b\n".encode("utf-16"), 1, "0xff", id="utf-16"),
        pytest.param("a: b\n".encode("utf-32"), 1, "0xff", id="utf-32"),
        pytest.param("a: 1\nb: café\n".encode("latin-1"), 2, "0xe9", id="latin-1"),
        pytest.param(b"a: 1\nb: 2\nc: \xed\xa0\x80\n", 3, "0xed", id="surrogate"),
        pytest.param(b"a: 1\nb: \xc0\xae\n", 2, "0xc0", id="overlong"),
    ],
)
def test_another_encoding_is_refused_with_its_line(data: bytes, line: int, byte: str) -> None:
    expected = f"{NAME}:{line}: expected UTF-8, got byte {byte}"
    with pytest.raises(IntegrityError, match=f"^{re.escape(expected)}$"):
        yaml.parse(data, NAME)


def test_nesting_is_accepted_up_to_the_limit_and_no_deeper() -> None:
    def nested(lists: int) -> str:
        return f"a: 1\nb: {'[' * lists}x{']' * lists}\n"

    assert tree_of(nested(yaml.MAX_DEPTH - 1))  # the key is a level, too
    with pytest.raises(IntegrityError, match=r"mine\.yaml:2: nested more than 32 levels deep"):
        tree_of(nested(yaml.MAX_DEPTH))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("a: " + "[" * 999_000, 1, id="lists"),
        pytest.param("a: " + "{a: " * 240_000, 1, id="mappings"),
        pytest.param("a: " + "[{a: " * 190_000, 1, id="lists-and-mappings"),
        pytest.param("a: " + "[ " * 490_000, 1, id="lists-with-spaces"),
        pytest.param("a: " + "[\n " * 330_000, 33, id="lists-on-lines"),
        pytest.param("a: x\nb: " + "[" * 2_000 + "]" * 2_000 + "\n", 2, id="lists-that-end"),
        pytest.param("a:\n" + "- " * 490_000, 2, id="items"),
        pytest.param("".join(" " * n + "a:\n" for n in range(1_300)), 34, id="keys-on-lines"),
        pytest.param("a: " + "[" * 1_500 + "\x00", 1, id="lists-and-what-is-no-text"),
        pytest.param("a: " + "[" * 1_500 + "&x y", 1, id="lists-and-an-anchor"),
    ],
)
def test_a_bomb_of_nesting_ends_at_our_limit_before_the_librarys(text: str, line: int) -> None:
    with pytest.raises(IntegrityError) as refused:
        tree_of(text)
    assert refused.value.message == f"{NAME}:{line}: nested more than 32 levels deep"


def test_brackets_in_texts_are_no_levels() -> None:
    text = "[{" * 2_000
    assert tree_of(f"a: '{text}'\nb: x {text}\n") == {"a": text, "b": f"x {text}"}
    with pytest.raises(IntegrityError, match=rf"^mine\.yaml:2: {re.escape(ANCHORS)}$"):
        tree_of(f"a: '{text}'\nb: &x 1\n")
    with pytest.raises(IntegrityError, match=r"^mine\.yaml:3: not valid YAML: ."):
        tree_of(f"a: '{text}'\nb: 'x\n")


def test_a_bomb_of_aliases_is_never_expanded() -> None:
    levels = "".join(
        f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9)}]\n" if n else "k0: &k0 [x]\n"
        for n in range(30)
    )
    with pytest.raises(IntegrityError, match=r"mine\.yaml:1: anchors and aliases"):
        tree_of(levels)


def test_a_file_is_read_up_to_the_limit_and_no_larger(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"#" * yaml.MAX_BYTES)
    assert len(yaml.read(path)) == yaml.MAX_BYTES
    path.write_bytes(b"#" * (yaml.MAX_BYTES + 1))
    with pytest.raises(IntegrityError, match=r":1: expected at most 1,000,000 bytes, got more$"):
        yaml.read(path)


def test_what_is_no_file_or_may_not_be_read_is_refused_by_name(tmp_path, monkeypatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "nobody may")

    (tmp_path / "folder.yaml").mkdir()
    for name in ("folder.yaml", "absent.yaml"):
        with pytest.raises(IntegrityError, match=f"{name}: expected a YAML file, found none"):
            yaml.read(tmp_path / name)
    (tmp_path / NAME).write_bytes(b"a: 1\n")
    monkeypatch.setattr("covcat.catalog.yaml.opened", refuse)
    with pytest.raises(IntegrityError, match=r"mine\.yaml: cannot be read \(nobody may\)$"):
        yaml.read(tmp_path / NAME)
