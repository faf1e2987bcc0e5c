"""covcat: a catalog and verified downloader of public COVID-19 medical imaging resources.

In a notebook:

    import covcat
    folder = covcat.fetch("figure1")    # a pathlib.Path
    for resource in covcat.load_catalog().resources: ...
    films = covcat.images("figure1", where="view = 'PA'")  # a pandas.DataFrame

Settings are those of the command line: `covcat.settings()` tells them. docs/python.md has all.
"""

from covcat.version import __version__

TYPE_CHECKING = False  # as type checkers read it: `typing` would take longer than all of this
if TYPE_CHECKING:  # every command imports this first, and cannot hear a signal before
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike
    from pathlib import Path
    from typing import Literal

    from pandas import DataFrame

    from covcat.catalog.columns import Record
    from covcat.catalog.entries import Release, Resource
    from covcat.catalog.load import Catalog
    from covcat.imaging.cohort_record import Form
    from covcat.imaging.counts import Of
    from covcat.imaging.opening import Index
    from covcat.imaging.query import Question
    from covcat.progress import Progress
    from covcat.setting_files import Setting
    from covcat.store.folder import Store
    from covcat.store.verify import Checked

    Folder = str | PathLike[str]
    Use = Literal["commercial", "derivatives", "redistribution"]
    Words = str | Iterable[str]

__all__ = [
    "__version__",
    "settings",
    "load_catalog",
    "fetch",
    "path",
    "verify",
    "images",
    "counts",
    "select",
]


def settings() -> "dict[str, Setting]":
    """Return each setting's `value`, and its `origin`: a `COVCAT_…` variable, a file, or `default`.

    The functions here obey them, as the command line does; what they are given wins.

    Raises:
        covcat.errors.UsageError: a file or a variable says what cannot be.
    """
    from covcat import setting_files

    return setting_files.resolve()


def load_catalog(extra: "Sequence[Folder] | None" = None) -> "Catalog":
    """Load the packaged catalog, and the user's own folders of entries: by default the settings'.

    Raises:
        covcat.errors.IntegrityError: a file of `extra` is wrong; every mistake is named.
    """
    from pathlib import Path

    from covcat.catalog import load

    folders = settings()["catalog"].value if extra is None else extra
    return load.load([Path(folder) for folder in folders])


def fetch(
    name: str,
    *,
    data_dir: "Folder | None" = None,
    mirror: str | None = None,
    offline: bool | None = None,
    jobs: int | None = None,
    allow_missing: bool = False,
    keep_archives: bool = False,
    progress: "Progress | Callable[[str, int, int | None], object] | None" = None,
    catalog: "Catalog | None" = None,
    password: str | None = None,
) -> "Path":
    """Fetch `ID` or `ID@RELEASE`, verified, and return the folder of its files.

    What is there and complete is not asked for again. `progress` is called, from several threads,
    with what is done, how many bytes of it, and of how many or None. `mirror=""` asks no mirror.
    `password` opens encrypted archives, and is recorded nowhere.

    Raises:
        covcat.errors.CovcatError: as the command line does; each class has its exit `code`.
    """
    from covcat.download.remote import Network
    from covcat.fetching import run
    from covcat.fetching.base import Run
    from covcat.fetching.plan import Options
    from covcat.progress import Callback, Silent
    from covcat.text import read_size

    known, store = catalog or load_catalog(), _store(data_dir)
    options = Options(allow_missing=allow_missing, keep_archives=keep_archives)
    plan = run.make_plan(store, [known.find(name)], options)
    said = {key: one.value for key, one in settings().items()}
    network = Network(
        mirror=(said["mirror"] if mirror is None else mirror) or None,
        offline=said["offline"] if offline is None else offline,
        jobs=said["jobs"] if jobs is None else jobs,
        limit_rate=read_size(said["limit_rate"] or ""),
        **{key: said[key] for key in ("retries", "timeout", "allow_private")},
    )
    heard = Callback(progress) if callable(progress) else progress or Silent()
    for outcome in run.run(plan, Run(known, store, network, heard, password)):
        if outcome.error is not None:
            raise outcome.error
        if outcome.path is not None:
            return outcome.path
    raise AssertionError("unreachable: one step has one outcome")


def path(
    name: str, *, data_dir: "Folder | None" = None, catalog: "Catalog | None" = None
) -> "Path":
    """Return the folder of the files of a release that is here, `ID` or `ID@RELEASE`.

    Raises:
        covcat.errors.NotFoundError: it is not here.
    """
    from covcat.imaging import index
    from covcat.store import manifest

    store = _store(data_dir)
    ((resource, release),) = index.here(catalog or load_catalog(), store, [name])
    return manifest.data_folder(store.release(resource.id, release.id))


def verify(
    *names: str,
    data_dir: "Folder | None" = None,
    quick: bool = False,
    catalog: "Catalog | None" = None,
) -> "dict[str, Checked]":
    """Check every byte of releases that are here, by default all; return by ID@RELEASE what was.

    `quick` compares sizes, and reads only what was modified since it was fetched.

    Raises:
        covcat.errors.IntegrityError: a file is not as recorded; each is named in `details`.
        covcat.errors.NotFoundError: a release is not here.
    """
    from covcat.errors import IntegrityError
    from covcat.imaging import index
    from covcat.progress import Silent
    from covcat.store.verify import verify_release

    known, store = catalog or load_catalog(), _store(data_dir)
    pairs = [(one, release) for one, release, _ in store.releases()]
    if names:
        pairs = [(one.id, release.id) for one, release in index.here(known, store, names)]
    found, details = dict[str, "Checked"](), list[str]()
    for id, release_id in pairs:
        name = f"{id}@{release_id}"
        found[name] = verify_release(known, store.release(id, release_id), Silent(), quick=quick)
        details += [f"{name}: {line}" for line in found[name].findings.lines()]
    if details:
        wrong = ", ".join(name for name, one in found.items() if one.findings)
        hint = "covcat verify --repair"
        raise IntegrityError(f"not as recorded: {wrong}", details=details, hint=hint)
    return found


def images(
    *names: str,
    finding: "Words" = (),
    covid: "Words" = (),
    view: "Words" = (),
    modality: "Words" = (),
    sex: "Words" = (),
    age: str | None = None,
    license_allows: "Words" = (),
    one_per: "Literal['patient', 'subject', 'picture'] | None" = None,
    data_dir: "Folder | None" = None,
    where: str | None = None,
    with_files_only: bool = True,
    found: bool = False,
    catalog: "Catalog | None" = None,
) -> "DataFrame":
    """Return the image records of releases that are here, `ID` or `ID@RELEASE`, as a table.

    Columns, units and vocabulary: docs/schema.md; and `file`, the whole path of each. A blank is
    `pandas.NA`; columns of few words are categories. What is asked is what `covcat images` asks:
    a word or several, of which one is enough. `where` is a condition in SQL over the columns;
    `with_files_only` leaves out labels of images that are not here. With `found`, images of rows of
    labels are looked for in the other sets that are here too: `file` and columns `found_…`.

    Raises:
        covcat.errors.NotFoundError: a release is not here.
        covcat.errors.UsageError: a word is none of the vocabulary, or `where` cannot be asked.
    """
    from dataclasses import replace

    from covcat.imaging import index, query
    from covcat.progress import Silent

    words = {"finding": finding, "covid": covid, "view": view, "modality": modality, "sex": sex}
    words["license_allows"] = license_allows
    asked = {key: (one,) if isinstance(one, str) else tuple(one) for key, one in words.items()}
    question = query.read_question(**asked, age=age, where=where, one_per=one_per)
    known, store = catalog or load_catalog(), _store(data_dir)
    here = index.here(known, store, names)
    question = replace(question, with_files_only=with_files_only)
    if found:
        return _found_elsewhere(here, question, known, store)
    indexes = [index.index_of(resource, release, store, Silent()) for resource, release in here]
    return _table_of([*query.ask(indexes, question)], store)


def counts(
    *names: str,
    by: "Sequence[str]" = ("finding",),
    of: "Of" = "rows",
    level: int | None = None,
    data_dir: "Folder | None" = None,
    where: str | None = None,
    catalog: "Catalog | None" = None,
) -> "DataFrame":
    """Count images, rows of labels or patients of releases that are here, by columns.

    A record with several findings counts for each of them; by `finding_path` for each level of
    their paths, or with `level` for that one alone.

    Raises:
        covcat.errors.NotFoundError: a release is not here.
        covcat.errors.UsageError: there is no such column, or `where` cannot be asked.
    """
    from covcat.catalog.columns import NAMES
    from covcat.errors import UsageError
    from covcat.imaging import index
    from covcat.imaging.counts import UNITS, count_groups
    from covcat.imaging.query import Question
    from covcat.progress import Silent

    for what, words, expected in (("column", by, NAMES), ("unit", (of,), UNITS)):
        if wrong := [one for one in words if one not in expected]:
            raise UsageError(f"unknown {what} `{wrong[0]}`: expected {', '.join(expected)}")
    known, store = catalog or load_catalog(), _store(data_dir)
    here = index.here(known, store, names)
    indexes = [index.index_of(one, release, store, Silent()) for one, release in here]
    question = Question(where=where, with_files_only=False)
    groups = count_groups(indexes, by, of, question, level).groups
    return _frame([{**dict(zip(by, key, strict=True)), of: count} for key, count in groups], by, of)


def select(
    *names: str,
    license_allows: "Iterable[Use]" = (),
    allow_unknown_license: bool = False,
    one_per: "Literal['patient', 'subject', 'picture'] | None" = None,
    data_dir: "Folder | None" = None,
    where: str | None = None,
    output: "Folder | None" = None,
    form: "Form" = "links",
    catalog: "Catalog | None" = None,
) -> "DataFrame":
    """Choose the images that a licence and a protocol allow; return them as `images` does.

    `attrs["counts"]` of the table says what became of all rows, by licence too. `output` is a new
    folder for links or copies, or with the `form` list or csv a new file.

    Raises:
        covcat.errors.NotFoundError: a release is not here.
        covcat.errors.UsageError: there is no such use, or `where` cannot be asked.
    """
    from dataclasses import asdict
    from pathlib import Path

    from covcat.catalog.columns import NAMES
    from covcat.catalog.entries import USES
    from covcat.errors import UsageError
    from covcat.imaging import cohort_files, index
    from covcat.imaging.cohort import Cohort, CohortRule, IndexedRelease
    from covcat.imaging.query import Question
    from covcat.progress import Silent

    allows = tuple(license_allows)
    if wrong := [one for one in allows if one not in USES]:
        raise UsageError(f"unknown use `{wrong[0]}`: expected some of {', '.join(USES)}")
    known, store = catalog or load_catalog(), _store(data_dir)
    parts = []
    for one, of in index.here(known, store, names):
        found = index.index_of(one, of, store, Silent())
        parts.append(IndexedRelease(one, of, store.release(one.id, of.id), found))
    question = Question(where=where, one_per=one_per, allows=allows)
    cohort = Cohort(parts, CohortRule(question, allow_unknown_license))
    if output is not None and form in ("list", "csv"):
        cohort_files.to_file(cohort, Path(output), form)
    elif output is not None:
        cohort_files.to_folder(cohort, Path(output), form, Silent())
    table = _table_of([record for _, record, why in cohort.judge_rows(NAMES) if not why], store)
    table.attrs["counts"] = asdict(cohort.counts)
    return table


def _store(data_dir: "Folder | None") -> "Store":
    from pathlib import Path

    from covcat.store.folder import Store

    return Store(Path(settings()["data_dir"].value if data_dir is None else data_dir))


def _found_elsewhere(
    here: "Iterable[tuple[Resource, Release]]",
    question: "Question",
    catalog: "Catalog",
    store: "Store",
) -> "DataFrame":
    """Make a table of the rows of labels whose images are here, in whatever release."""
    from covcat.catalog.columns import FOUND_NAMES
    from covcat.errors import UsageError
    from covcat.imaging.elsewhere import Elsewhere, Others
    from covcat.imaging.index import index_of
    from covcat.progress import Silent

    if question.one_per is not None:
        raise UsageError("`found` gives each row of labels: it takes no `one_per`")

    def open_index(resource: "Resource", release: "Release") -> "Index":
        return index_of(resource, release, store, Silent())

    others = Others(catalog, store, open_index)
    every = [Elsewhere(open_index(*one), one[1], others.of) for one in here]
    rows = [row for one in every for row in one.records(question)]
    kept = [row for row in rows if row["found_in"] or not question.with_files_only]
    return _table_of(kept, store, FOUND_NAMES)


def _table_of(records: "list[Record]", store: "Store", more: "tuple[str, ...]" = ()) -> "DataFrame":
    """Make a table of image records, with the whole path of each file."""
    from covcat.catalog.columns import NAMES
    from covcat.imaging.elsewhere import place_of

    for record in records:
        its = place_of(record)
        path, folder = its["path"], store.release(str(its["resource"]), str(its["release"]))
        record["file"] = str(folder.absolute() / "files" / str(path)) if path else None
    return _frame(records, (*NAMES, *more, "file"))


def _frame(records: "list[Record]", columns: "Sequence[str]", count: str = "") -> "DataFrame":
    """Make a table whose blanks are `pandas.NA`; `count` is a further column, of numbers.

    Columns that have few words are categories, of all words that they may have.
    """
    import pandas

    from covcat.catalog import vocabulary
    from covcat.catalog.columns import COLUMNS, FOUND_COLUMNS

    types = {"text": "string", "integer": "Int64", "number": "Float64"}
    every_column = (*COLUMNS, *FOUND_COLUMNS)
    known = {column.name: types[column.type] for column in every_column} | {"file": "string"}
    known |= {count: "Int64"}
    words = {column.name: column.words for column in every_column if column.words}
    for name, kind in (("view", "views"), ("split", "splits")):
        words[name] = tuple(dict.fromkeys(vocabulary.words().lists[kind].values()))
    chosen = [*columns, *([count] if count else [])]
    table = pandas.DataFrame(records, columns=chosen).astype({one: known[one] for one in chosen})
    for name in words.keys() & set(chosen):  # no value is lost, whatever the words are
        every = dict.fromkeys((*words[name], *table[name].dropna().unique()))
        table[name] = table[name].astype(pandas.CategoricalDtype([*every]))
    return table
