"""The catalog's rules: plain tree -> Resource, every mistake at once with its file and line.

User catalogs and `catalog check` go through this. The packaged catalog, which the tests validate,
is built without it, by `load.build_trusted`.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from covcat.catalog import listing, vocabulary, yaml
from covcat.catalog.columns import LABELS, NAMES
from covcat.catalog.entries import LabelTable, PublishedCounts, Resource
from covcat.catalog.files import GitHubFile
from covcat.catalog.yaml import KeyPath, Lines
from covcat.errors import CovcatError, IntegrityError

_DIGITS = re.compile(r"[0-9]+")
Mistake = tuple[KeyPath, str]  # where, and what is wrong

# ---- one entry ---------------------------------------------------------------------------------


def validate(tree: Mapping[str, Any], lines: Lines, name: str) -> Resource:
    """Check one entry whole.

    Raises:
        IntegrityError: `details` has one line a mistake, `file:line: key: what is wrong`.
    """
    from pydantic import ValidationError

    try:
        resource: Resource = _adapter().validate_python(tree)
    except ValidationError as error:
        mistakes = [_explained(one) for one in error.errors(include_url=False)]
        raise _refusal(mistakes, lines, name) from error
    if mistakes := find_inconsistencies(resource):
        raise _refusal(mistakes, lines, name)
    return resource


def _refusal(mistakes: Sequence[Mistake], lines: Lines, name: str) -> IntegrityError:
    found = sorted((_line(lines, place), text) for place, text in mistakes)
    details = [f"{name}:{line}: {text}" for line, text in found]
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return IntegrityError(f"{details[0]}{more}", details=details[1:])


def json_schema() -> dict[str, Any]:
    """Return the JSON schema that gives editors completion for catalog files."""
    return cast(dict[str, Any], _adapter().json_schema())


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Resource)


def find_inconsistencies(resource: Resource) -> list[Mistake]:
    """Return what the types cannot say: fields that contradict each other."""
    found: list[Mistake] = []
    if resource.access == "browse" and (resource.releases or not resource.browse):
        found.append((("access",), "`browse` needs `browse:` pages and terms, and no releases"))
    if resource.access != "browse" and not resource.releases:
        found.append((("access",), f"`{resource.access}` needs at least one release"))
    if resource.survey and not 1 <= resource.survey.row <= 14:
        found.append((("survey", "row"), "the survey has rows 1 to 14"))
    if not resource.is_sample and not (resource.homepage and resource.homepage_source):
        found.append(((), "the key `homepage` is missing, or its `homepage_source`"))
    for number, citation in enumerate(resource.citation):
        for index, one in enumerate(citation.authors):
            if bool(one.name) == bool(one.family) or (one.name and (one.given or one.particle)):
                place = ("citation", number, "authors", index)
                found.append((place, "expected `family` and `given`, or the `name` of a body"))
    found += _release_mistakes(resource) + _table_mistakes(resource)
    return found + _count_mistakes(resource)


def _release_mistakes(resource: Resource) -> list[Mistake]:
    found: list[Mistake] = []
    ids = [release.id for release in resource.releases]
    for number, release in enumerate(resource.releases):
        place = ("releases", number)
        if ids.index(release.id) != number:
            found.append(((*place, "id"), f"the release `{release.id}` is there twice"))
        if not release.files:
            found.append((place, "a release needs at least one file"))
        if (release.listing is None) != (release.contents is None):
            found.append(((*place, "listing"), "`listing` and `contents` go together"))
        for index, file in enumerate(release.files):
            where = (*place, "files", index)
            if file.unpack == "any" and not file.is_set:
                found.append(((*where, "unpack"), "`any` is for sets: name the format"))
            if isinstance(file, GitHubFile) and (mistake := _github_mistake(file)):
                found.append((where, mistake))
    return found


def _table_mistakes(resource: Resource) -> list[Mistake]:
    found: list[Mistake] = []
    ids = {release.id for release in resource.releases}
    for number, table in enumerate(resource.tables):
        place = ("tables", number)
        unknown = sorted(set(table.releases) - ids)
        found += [((*place, "releases"), f"there is no release `{one}`") for one in unknown]
        for key in ("columns", "constants", "values", "extract", "optional"):
            for name in getattr(table, key) or ():
                if name not in LABELS:
                    text = f"the index has no label `{name}`: expected one of {', '.join(LABELS)}"
                    found.append(((*place, key), text))
        found += [((*place, "values"), text) for text in _word_mistakes(table)]
        columns = table.columns or table.extract or {}
        if table.joins and not (table.adds and table.joins in columns):
            text = "`joins` needs `adds: yes`, and a column of that label"
            found.append(((*place, "joins"), text))
        patterns = [("extract", one.partition(": ")[2]) for one in (table.extract or {}).values()]
        patterns += [("pattern", table.pattern)] if table.pattern else []
        for key, pattern in patterns:
            if mistake := _pattern_mistake(pattern, needs_group=key == "extract"):
                found.append(((*place, key), mistake))
    return found


def _word_mistakes(table: LabelTable) -> list[str]:
    """Return what words of a table's own stand for that no word of the index is."""
    found = []
    for label, words in (table.values or {}).items():
        kind = vocabulary.LISTS.get(label)
        if kind is None:
            known = ", ".join(vocabulary.LISTS)
            found.append(f"`{label}` has no list of words: expected one of {known}")
            continue
        terms = dict.fromkeys(vocabulary.words().lists[kind].values())
        terms |= dict.fromkeys(vocabulary.DENIALS if label == "finding" else ())
        for word, meant in words.items():
            for term in meant.split(vocabulary.JOINED) if label == "finding" else [meant]:
                if term and term not in terms:
                    near = vocabulary.term(kind, term) or next(
                        iter(difflib.get_close_matches(term, terms, 1)), ""
                    )
                    perhaps = f" (did you mean `{near}`?)" if near else ""
                    found.append(f"`{label}`: `{word}` is called `{term}`, no word of it{perhaps}")
    return found


def _pattern_mistake(pattern: str, *, needs_group: bool) -> str | None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return f"`{pattern}` is no regular expression: {error}"
    return f"`{pattern}` needs one group" if needs_group and compiled.groups != 1 else None


def _count_mistakes(resource: Resource) -> list[Mistake]:
    found: list[Mistake] = []
    ids = [release.id for release in resource.releases]
    for number, counts in enumerate(resource.published):
        place = ("published", number)
        if counts.release and counts.release not in ids:
            found.append(((*place, "release"), f"there is no release `{counts.release}`"))
        if any(len(r) != len(counts.by) + 1 or not _DIGITS.fullmatch(r[-1]) for r in counts.rows):
            found.append(((*place, "rows"), "each row needs one value per `by`, then a count"))
        else:
            found += [((*place, "recount"), text) for text in recount_mistakes(counts)]
    return found


def recount_mistakes(counts: PublishedCounts) -> list[str]:
    """Return what in a `recount` contradicts the table or the index."""
    recount = counts.recount
    if recount is None:
        return []
    known = {row[:-1]: int(row[-1]) for row in counts.rows}
    found = [
        f"the index has no column `{one}`"
        for one in recount.by
        if one.isidentifier() and one not in NAMES  # else it is SQL over columns
    ]
    if len(recount.by) != len(counts.by):
        found.append("`recount.by` needs one column for each `by`")
    for one in recount.differs:
        if one.row not in known:
            found.append(f"`recount.differs`: the table has no row {', '.join(one.row)}")
        elif known[one.row] == one.found:
            found.append(f"`recount.differs`: {', '.join(one.row)} is {one.found} in both")
    if len({one.row for one in recount.differs}) < len(recount.differs):
        found.append("`recount.differs` names a row twice")
    return found


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


def _explained(error: Any) -> Mistake:
    """Say pydantic's finding in the catalog's words."""
    place: KeyPath = error["loc"]
    if place[2:3] == ("files",) and len(place) > 4:
        place = place[:4] + place[5:]  # without the host, which pydantic puts there
    key = place[-1] if place else ""
    got = error["input"]
    match error["type"]:
        case "missing":
            return place[:-1], f"the key `{key}` is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            return place, f"unknown key `{key}`{_nearest(str(key), place)}"
        case "value_error":
            text = str(error["ctx"]["error"])
        case "literal_error":
            text = f"expected {error['ctx']['expected']}, got `{got}`"
        case "union_tag_invalid":
            text = f"unknown host `{error['ctx']['tag']}`: expected {error['ctx']['expected_tags']}"
        case "union_tag_not_found":
            text = "the key `host` is missing"
        case _:
            text = error["msg"][0].lower() + error["msg"][1:]
            text += f", got `{got}`" if isinstance(got, str | int) else ""
    return place, f"{_dotted(place)}: {text}" if place else text


def _dotted(place: KeyPath) -> str:
    return ".".join(str(part) for part in place)


def _nearest(key: str, place: KeyPath) -> str:
    near = difflib.get_close_matches(key, [one for one in _known_keys() if one != key], 1)
    inside = f" in `{_dotted(place[:-1])}`" if place[:-1] else ""
    return inside + (f" (did you mean `{near[0]}`?)" if near else "")


@cache
def _known_keys() -> list[str]:
    def keys(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(keys, node))
        if not isinstance(node, dict):
            return set()
        return set(node.get("properties", {})).union(*map(keys, node.values()))

    return sorted(keys(json_schema()))


def _line(lines: Lines, place: KeyPath) -> int:
    """Find the line of a place; pydantic's may hold union tags that the file does not have."""
    known: KeyPath = ()
    for part in place:
        if (*known, part) in lines:
            known = (*known, part)
    return lines.get(known, 1)


# ---- files and catalogs ------------------------------------------------------------------------


def load_file(path: Path) -> Resource:
    """Load and check one file.

    Raises:
        IntegrityError: every mistake, with file and line.
    """
    tree, lines = yaml.parse(yaml.read(path), str(path))
    resource = validate(tree, lines, str(path))
    if path.stem != resource.id:
        raise IntegrityError(f"{path}:{lines['id',]}: expected id `{path.stem}` as the file's name")
    return resource


def check_file(path: Path) -> list[str]:
    """Return the mistakes of one catalog file and of its listings, a line each."""
    try:
        resource = load_file(path)
    except IntegrityError as error:
        return [error.message.removesuffix(f" (and {len(error.details)} more)"), *error.details]
    found = []
    for release in (one for one in resource.releases if one.listing):
        try:
            totals = listing.totals(listing.read(path.parent / str(release.listing)))
        except CovcatError as error:
            found.append(f"{path}: {release.listing}: {error.message}")
        else:
            if totals != release.contents:
                found.append(
                    f"{path}: {release.listing}: expected {release.contents}, got {totals}"
                )
    return found


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
        f"{resource.id}@{release.id}: images in an unknown release `{one.resource}@{one.release}`"
        for resource in entries
        for release in resource.releases
        for one in release.images_in
        if (one.resource, one.release) not in releases
    ]
    return mistakes + [
        f"{resource.id}: contains an unknown resource `{part.resource}`"
        for resource in entries
        for part in resource.contains
        if part.resource not in ids
    ]
