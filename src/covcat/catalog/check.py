"""The catalog's rules: plain tree -> Resource, every mistake at once with its file and line.

User catalogs and `catalog check` go through this. The packaged catalog, which the tests validate,
is built without it, by `load.build_trusted`.
"""

import difflib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from covcat.catalog import listing, series, vocabulary, yaml
from covcat.catalog.columns import LABELS, NAMES
from covcat.catalog.entries import Contents, LabelTable, PublishedCounts, Release, Resource
from covcat.catalog.files import AnyFile, BucketFile, GitHubFile, WebFile
from covcat.catalog.yaml import KeyPath, Lines
from covcat.errors import CovcatError, IntegrityError
from covcat.text import plural

_DIGITS = re.compile(r"[0-9]+")
_EXPECTED = {  # by the kind of pydantic's finding
    "string_type": "text",
    "int_type": "a number",
    "tuple_type": "a list",
    **dict.fromkeys(("dict_type", "dataclass_type", "model_attributes_type"), "keys with values"),
}
Mistake = tuple[KeyPath, str]  # where, and what is wrong


def validate(tree: Mapping[str, Any], lines: Lines, name: str) -> Resource:
    """Check one entry whole.

    Raises:
        IntegrityError: `details` has one line a mistake, `file:line: key: what is wrong`.
    """
    from pydantic import ValidationError

    try:
        resource: Resource = _adapter().validate_python(tree)
        if not (mistakes := list(_inconsistencies(resource))):
            return resource
    except ValidationError as error:
        mistakes = [_explained(one) for one in error.errors(include_url=False)]
    found = []
    for place, text in mistakes:
        known: KeyPath = ()
        for part in place:  # pydantic's may hold union tags that the file does not have
            known = (*known, part) if (*known, part) in lines else known
        found.append((lines.get(known, 1), text))
    details = [f"{name}:{line}: {text}" for line, text in sorted(found)]
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    raise IntegrityError(f"{details[0]}{more}", details=details[1:])


def json_schema() -> dict[str, Any]:
    """Return the JSON schema that gives editors completion for catalog files."""
    return cast(dict[str, Any], _adapter().json_schema())


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Resource)


def _inconsistencies(resource: Resource) -> Iterator[Mistake]:
    """Give what the types cannot say: fields that contradict each other."""
    if resource.access == "browse" and (resource.releases or not resource.browse):
        yield ("access",), "`browse` needs `browse:` pages and terms, and no releases"
    if resource.access != "browse" and not resource.releases:
        yield ("access",), f"`{resource.access}` needs at least one release"
    if resource.survey and not 1 <= resource.survey.row <= 14:
        yield ("survey", "row"), "the survey has rows 1 to 14"
    if not resource.is_sample and not (resource.homepage and resource.homepage_source):
        yield (), "the key `homepage` is missing, or its `homepage_source`"
    for number, citation in enumerate(resource.citation):
        for index, one in enumerate(citation.authors):
            if bool(one.name) == bool(one.family) or (one.name and (one.given or one.particle)):
                place = ("citation", number, "authors", index)
                yield place, "expected `family` and `given`, or the `name` of a body"
    yield from _release_mistakes(resource)
    yield from _label_mistakes(resource)
    yield from _sql_mistakes(resource)


def _release_mistakes(resource: Resource) -> Iterator[Mistake]:
    ids = [release.id for release in resource.releases]
    for number, release in enumerate(resource.releases):
        place = ("releases", number)
        if ids.index(release.id) != number:
            yield (*place, "id"), f"the release `{release.id}` is there twice"
        if not release.files:
            yield place, "a release needs at least one file"
        if bool(release.listing) + bool(release.series) != bool(release.contents):
            yield (*place, "listing"), "`contents` goes with `listing` or `series`"
        is_of_series = [file.is_of_series for file in release.files]
        if is_of_series != [True] if release.series else any(is_of_series):
            meant = "`series` is for one file alone, which names neither `key` nor `prefix`"
            yield (*place, "series"), meant
        if release.holds and (release.holds.covid_images or 0) > (release.holds.images or 10**15):
            yield (*place, "holds"), "more images with COVID-19 than images"
        if release.about_bytes is not None and release.download_bytes is not None:
            yield (*place, "about_bytes"), f"exactly {release.download_bytes:,} are known"
        for index, file in enumerate(release.files):
            where = (*place, "files", index)
            yield from ((where + key, mistake) for key, mistake in _file_mistakes(file))


def _file_mistakes(file: AnyFile) -> Iterator[tuple[tuple[str, ...], str]]:
    if file.unpack == "any" and not file.is_set:
        yield ("unpack",), "`any` is for sets: name the format"
    if isinstance(file, GitHubFile) and (mistake := _github_mistake(file)):
        yield (), mistake
    if isinstance(file, BucketFile) and file.key and file.prefix:
        yield ("prefix",), "expected either `key` or `prefix`"
    if isinstance(file, WebFile):
        yield from _web_mistakes(file)


def _web_mistakes(file: WebFile) -> Iterator[tuple[tuple[str, ...], str]]:
    if file.private is None and not file.url.startswith("https:"):
        meant = "http is for `private: yes`, in a network of your own"
        yield ("url",), f"expected an https address ({meant}), got `{file.url}`"
    if (file.user is None) != (file.password is None) or (file.user and file.token):
        yield (), "a login is a `token`, or a `user` with a `password`"


def _github_mistake(file: GitHubFile) -> str | None:
    if file.asset or file.tag:
        if not (file.asset and file.tag) or file.commit or file.branch or file.tree or file.keep:
            return "`tag` and `asset` go together, and with no commit, branch or tree"
        return None
    if (file.commit is None) == (file.branch is None):
        return "expected either `commit` or `branch`"
    if file.tree and (file.exclude or file.strip):
        return "a pinned tree is that of all its files: no `exclude`, no `strip`"
    if (file.commit is None) != (file.tree is None):
        return "a commit needs its `tree` id, and a branch has none"
    return None


def _label_mistakes(resource: Resource) -> Iterator[Mistake]:
    """Give what is wrong in label tables and published counts, which name releases and columns."""
    ids = {release.id for release in resource.releases}
    for number, table in enumerate(resource.tables):
        for id in sorted(set(table.releases) - ids):
            yield ("tables", number, "releases"), f"there is no release `{id}`"
        for key, text in _table_mistakes(table):
            yield ("tables", number, key), text
    for number, counts in enumerate(resource.published):
        place = ("published", number)
        if counts.release and counts.release not in ids:
            yield (*place, "release"), f"there is no release `{counts.release}`"
        if any(len(r) != len(counts.by) + 1 or not _DIGITS.fullmatch(r[-1]) for r in counts.rows):
            yield (*place, "rows"), "each row needs one value per `by`, then a count"
        else:
            for text in recount_mistakes(counts):
                yield (*place, "recount"), text


def _table_mistakes(table: LabelTable) -> Iterator[tuple[str, str]]:
    """Give the keys of a table that are wrong, and why."""
    for key in ("columns", "constants", "values", "extract", "optional"):
        for name in getattr(table, key) or ():
            if name not in LABELS:
                known = ", ".join(LABELS)
                yield key, f"the index has no label `{name}`: expected one of {known}"
    for label, words in (table.values or {}).items():
        for text in _word_mistakes(label, words):
            yield "values", text
    yield from (("one_hot", text) for text in _one_hot_mistakes(table))
    yield from _join_mistakes(table)
    patterns = [("extract", one.partition(": ")[2]) for one in (table.extract or {}).values()]
    patterns += [("pattern", table.pattern)] if table.pattern else []
    for key, pattern in patterns:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            yield key, f"`{pattern}` is no regular expression: {error}"
        else:
            if key == "extract" and compiled.groups != 1:
                yield key, f"`{pattern}` needs one group"


def _join_mistakes(table: LabelTable) -> Iterator[tuple[str, str]]:
    """Give what is wrong with how a table is joined to many images."""
    if (table.joins == "folder") != (table.folder is not None):
        yield "folder", "`joins: folder` and `folder` go together"
    elif table.joins == "folder" and table.match == "stem":
        yield "match", "a folder has no suffix: expected path, name or fold"
    said = {**(table.columns or {}), **(table.extract or {})}
    if table.joins and not (table.adds and (table.joins == "folder" or table.joins in said)):
        yield "joins", "`joins` needs `adds: yes`, and a column of that label"


def _one_hot_mistakes(table: LabelTable) -> Iterator[str]:
    """Give what is wrong with columns of one finding each."""
    if table.one_hot is None:
        return
    yield from _word_mistakes("finding", table.one_hot)
    for name in (name for name, term in table.one_hot.items() if term in vocabulary.DENIALS):
        yield f"`{name}`: expected a finding, whose column may deny it"
    if any("finding" in (one or {}) for one in (table.columns, table.constants, table.extract)):
        yield "these columns say the finding: expected no other `finding` beside them"


def _word_mistakes(label: str, words: Mapping[str, str]) -> Iterator[str]:
    """Give what words of a table's own stand for that no word of the index is."""
    if (kind := vocabulary.LISTS.get(label)) is None:
        yield f"`{label}` has no list of words: expected one of {', '.join(vocabulary.LISTS)}"
        return
    terms = dict.fromkeys(vocabulary.words().lists[kind].values())
    terms |= dict.fromkeys(vocabulary.DENIALS if label == "finding" else ())
    for word, meant in words.items():
        for term in meant.split(vocabulary.JOINED) if label == "finding" else [meant]:
            if term and term not in terms:
                near = vocabulary.term(kind, term) or next(
                    iter(difflib.get_close_matches(term, terms, 1)), ""
                )
                perhaps = f" (did you mean `{near}`?)" if near else ""
                yield f"`{label}`: `{word}` is called `{term}`, no word of it{perhaps}"


def recount_mistakes(counts: PublishedCounts) -> Iterator[str]:
    """Give what in a `recount` contradicts the table or the index."""
    if (recount := counts.recount) is None:
        return
    known = {row[:-1]: int(row[-1]) for row in counts.rows}
    if len(recount.by) != len(counts.by):
        yield "`recount.by` needs one column for each `by`"
    for each in recount.differs:
        if each.row not in known:
            yield f"`recount.differs`: the table has no row {', '.join(each.row)}"
        elif known[each.row] == each.found:
            yield f"`recount.differs`: {', '.join(each.row)} is {each.found} in both"
    if len({each.row for each in recount.differs}) < len(recount.differs):
        yield "`recount.differs` names a row twice"


def _sql_mistakes(resource: Resource) -> Iterator[Mistake]:
    """Give what cannot be asked of the columns of an index: it is compiled, and never run."""
    for place, text in _expressions(resource):
        try:  # one expression, also without brackets: `1) OR (1` is none
            for whole in (text, f"({text}\n)"):
                _index_without_rows().execute(f"EXPLAIN SELECT 1 FROM images WHERE {whole}")  # noqa: S608
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            column = str(error).partition("no such column: ")[2]
            near = difflib.get_close_matches(column, NAMES, 1)
            perhaps = f" (did you mean `{near[0]}`?)" if near else ""
            key = next(one for one in reversed(place) if isinstance(one, str))
            yield place, f"`{key}` is no SQL over the columns of an index: {error}{perhaps}"


def _expressions(resource: Resource) -> Iterator[tuple[KeyPath, str]]:
    """Give the SQL of an entry, each with its place."""
    for number, release in enumerate(resource.releases):
        for key in ("images_in", "images_outside"):
            for index, one in enumerate(getattr(release, key)):
                if one.where is not None:
                    yield ("releases", number, key, index, "where"), one.where
    for number, counts in enumerate(resource.published):
        if (recount := counts.recount) is not None:
            place = ("published", number, "recount")
            yield from (((*place, "by", n), text) for n, text in enumerate(recount.by))
            if recount.where is not None:
                yield (*place, "where"), recount.where


@cache
def _index_without_rows() -> sqlite3.Connection:
    base = sqlite3.connect(":memory:", check_same_thread=False)
    base.execute(f"CREATE TABLE images ({', '.join(NAMES)})")
    return base


def _explained(error: Any) -> Mistake:
    """Say pydantic's finding in the catalog's words."""
    place: KeyPath = error["loc"]
    if place[2:3] == ("files",) and len(place) > 4:
        place = place[:4] + place[5:]  # without the host, which pydantic puts there
    key, dotted = place[-1] if place else "", ".".join(map(str, place))
    got = error["input"]
    match error["type"]:
        case "missing":
            return place[:-1], f"the key `{key}` is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            others = [one for one in _known_keys() if one != key]
            near = difflib.get_close_matches(str(key), others, 1)
            inside = f" in `{'.'.join(map(str, place[:-1]))}`" if place[:-1] else ""
            perhaps = f" (did you mean `{near[0]}`?)" if near else ""
            return place, f"unknown key `{key}`{inside}{perhaps}"
        case "value_error":
            text = str(error["ctx"]["error"])
        case "literal_error":
            text = f"expected {error['ctx']['expected']}, got {_in_words(got)}"
        case "union_tag_invalid":
            text = f"unknown host `{error['ctx']['tag']}`: expected {error['ctx']['expected_tags']}"
        case "union_tag_not_found":
            text = "the key `host` is missing"
        case kind:
            text = f"expected {_EXPECTED.get(kind) or error['msg']}, got {_in_words(got)}"
    return place, f"{dotted}: {text}" if place else text


def _in_words(value: object) -> str:
    """Say what stands in a catalog file, as its author wrote it."""
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        return _EXPECTED["tuple_type" if isinstance(value, list) else "dict_type"]
    return f"`{value}`"


@cache
def _known_keys() -> list[str]:
    def keys(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(keys, node))
        if not isinstance(node, dict):
            return set()
        return set(node.get("properties", {})).union(*map(keys, node.values()))

    return sorted(keys(json_schema()))


def load_file(path: Path) -> Resource:
    """Load and check one file; the error has every mistake, with file and line."""
    tree, lines = yaml.parse(yaml.read(path), str(path))
    resource = validate(tree, lines, str(path))
    if path.stem != resource.id:
        raise IntegrityError(f"{path}:{lines['id',]}: expected id `{path.stem}` as the file's name")
    return resource


def check_file(path: Path) -> list[str]:
    """Return the mistakes of one catalog file, of its listings and series, a line each."""
    try:
        resource = load_file(path)
    except IntegrityError as error:
        return [error.message.removesuffix(f" (and {len(error.details)} more)"), *error.details]
    found = []
    for one in resource.releases:
        name, expected = one.listing or one.series, one.contents
        try:
            if name is None or expected is None:
                continue
            if (totals := _totals(path.parent / name, one)) != expected:
                counts = f"expected {_counted(expected)} as `contents`, got {_counted(totals)}"
                found.append(f"{path}: {name}: {counts}")
        except CovcatError as error:
            found.append(f"{path}: {name}: {error.message}")
    return found


def _totals(path: Path, release: Release) -> Contents:
    if release.listing:
        return listing.totals(row.bytes for row in listing.read(path).values())
    return series.totals(series.read(path).values())


def _counted(contents: Contents) -> str:
    unknown = contents.of_unknown_size
    more = f" and {plural(unknown, 'file')} of unknown size" if unknown else ""
    return f"{plural(contents.files, 'file')}, {contents.bytes:,} bytes{more}"


def check_together(resources: Iterable[Resource]) -> list[str]:
    """Return what is wrong between entries: names taken twice, overlaps with nothing."""
    entries = list(resources)
    owners: dict[str, str] = {}
    names = [(name, one.id) for one in entries for name in (one.id, *one.aliases)]
    mistakes = [
        f"{owner}: `{name}` is a name of {owners[name]} too"
        for name, owner in names
        if owners.setdefault(name, owner) != owner
    ]
    ids = {one.id for one in entries}
    releases = {(one.id, release.id) for one in entries for release in one.releases}
    mistakes += [
        f"{resource.id}@{release.id}: images in an unknown release `{one.name}`"
        for resource in entries
        for release in resource.releases
        for one in release.images_in
        if (one.resource, one.release) not in releases
        and not (one.release is None and one.resource in ids)
    ]
    return mistakes + [
        f"{resource.id}: contains an unknown resource `{part.resource}`"
        for resource in entries
        for part in resource.contains
        if part.resource not in ids
    ]
