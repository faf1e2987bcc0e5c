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
    from typing import Any, Literal

    from pandas import DataFrame

    from covcat.catalog.entries import Release, Resource
    from covcat.catalog.load import Catalog
    from covcat.imaging.cohort import IndexedRelease
    from covcat.imaging.cohort_record import Form
    from covcat.imaging.counts import Of
    from covcat.imaging.elsewhere import Others
    from covcat.imaging.opening import Index
    from covcat.imaging.query import Question
    from covcat.progress import Progress
    from covcat.setting_files import Setting
    from covcat.store.folder import Store
    from covcat.store.verify import Checked

    Folder = str | PathLike[str]
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
    one_per: "Literal['patient', 'subject', 'picture', 'series'] | None" = None,
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

    from covcat.catalog.columns import NAMES
    from covcat.imaging import index, query
    from covcat.imaging.frame import table_of

    words = _words(finding, covid, view, modality, sex, license_allows)
    question = query.read_question(**words, age=age, where=where, one_per=one_per)
    known, store = catalog or load_catalog(), _store(data_dir)
    here = index.here(known, store, names)
    question = replace(question, with_files_only=with_files_only)
    if found:
        return _found_elsewhere(here, question, known, store)
    indexes = [_index_of(*one, store) for one in here]
    return table_of([*query.ask(indexes, question)], store, NAMES)


def counts(
    *names: str,
    by: "Sequence[str]" = ("finding",),
    of: "Of" = "rows",
    level: int | None = None,
    finding: "Words" = (),
    covid: "Words" = (),
    view: "Words" = (),
    modality: "Words" = (),
    sex: "Words" = (),
    age: str | None = None,
    license_allows: "Words" = (),
    data_dir: "Folder | None" = None,
    where: str | None = None,
    catalog: "Catalog | None" = None,
) -> "DataFrame":
    """Count images, rows of labels or patients of releases that are here, by columns.

    A record with several findings counts for each of them; by `finding_path` for each level of
    their paths, or with `level` for that one alone. Filters are those of `images`.

    Raises:
        covcat.errors.NotFoundError: a release is not here.
        covcat.errors.UsageError: there is no such column or word, or `where` cannot be asked.
    """
    from dataclasses import replace

    from covcat.catalog.columns import NAMES
    from covcat.errors import UsageError
    from covcat.imaging import index
    from covcat.imaging.counts import UNITS, count_groups
    from covcat.imaging.frame import frame
    from covcat.imaging.query import read_question

    words = _words(finding, covid, view, modality, sex, license_allows)
    question = read_question(**words, age=age, where=where)
    for what, given, expected in (("column", by, NAMES), ("unit", (of,), UNITS)):
        if wrong := [one for one in given if one not in expected]:
            raise UsageError(f"unknown {what} `{wrong[0]}`: expected {', '.join(expected)}")
    known, store = catalog or load_catalog(), _store(data_dir)
    here = index.here(known, store, names)
    indexes = [_index_of(*one, store) for one in here]
    question = replace(question, with_files_only=False)
    groups = count_groups(indexes, by, of, question, level).groups
    return frame([{**dict(zip(by, key, strict=True)), of: count} for key, count in groups], by, of)


def select(
    *names: str,
    finding: "Words" = (),
    covid: "Words" = (),
    view: "Words" = (),
    modality: "Words" = (),
    sex: "Words" = (),
    age: str | None = None,
    license_allows: "Words" = (),
    allow_unknown_license: bool = False,
    one_per: "Literal['patient', 'subject', 'picture', 'series'] | None" = None,
    found: bool = False,
    data_dir: "Folder | None" = None,
    where: str | None = None,
    output: "Folder | None" = None,
    form: "Form" = "links",
    catalog: "Catalog | None" = None,
) -> "DataFrame":
    """Choose the images that a licence and a protocol allow; return them as `images` does.

    Filters are those of `images`. With `found`, rows of labels are chosen with images that other
    sets here have: `path`, `license` and the like are those of the image, `found_in` says where.
    `attrs["counts"]` of the table says what became of all rows, by licence too. `output` is a new
    folder for links or copies, or with the `form` list or csv a new file.

    Raises:
        covcat.errors.NotFoundError: a release is not here.
        covcat.errors.UsageError: a word is none of the vocabulary, or `where` cannot be asked.
    """
    from dataclasses import asdict
    from pathlib import Path

    from covcat.imaging import cohort_files, index
    from covcat.imaging.cohort import Cohort, CohortRule
    from covcat.imaging.frame import table_of
    from covcat.imaging.query import read_question
    from covcat.progress import Silent

    words = _words(finding, covid, view, modality, sex, license_allows)
    question = read_question(**words, age=age, where=where, one_per=one_per, found=found)
    known, store = catalog or load_catalog(), _store(data_dir)
    parts = _parts(index.here(known, store, names), question, known, store)
    cohort = Cohort(parts, CohortRule(question, allow_unknown_license))
    if output is not None and form in ("list", "csv"):
        cohort_files.to_file(cohort, Path(output), form)
    elif output is not None:
        cohort_files.to_folder(cohort, Path(output), form, Silent())
    rows = [record for _, record, why in cohort.judge_rows(cohort.columns) if not why]
    table = table_of(rows, store, cohort.columns)
    table.attrs["counts"] = asdict(cohort.counts)
    return table


def _store(data_dir: "Folder | None") -> "Store":
    from pathlib import Path

    from covcat.engine import use_engine
    from covcat.store.folder import Store

    said = settings()
    folder = Path(said["data_dir"].value if data_dir is None else data_dir)
    use_engine(said["engine"].value, folder)
    return Store(folder.absolute() if said["engine"].value else folder)


def _found_elsewhere(
    here: "Iterable[tuple[Resource, Release]]",
    question: "Question",
    catalog: "Catalog",
    store: "Store",
) -> "DataFrame":
    """Make a table of the rows of labels whose images are here, in whatever release."""
    from covcat.catalog.columns import FOUND_NAMES, NAMES
    from covcat.errors import UsageError
    from covcat.imaging.elsewhere import Elsewhere
    from covcat.imaging.frame import table_of

    if question.one_per is not None:
        raise UsageError("`found` gives each row of labels: it takes no `one_per`")
    others = _others(catalog, store)
    every = [Elsewhere(_index_of(*one, store), one[1], others.of, others) for one in here]
    rows = [row for one in every for row in one.records(question)]
    kept = [row for row in rows if row["found_in"] or not question.with_files_only]
    return table_of(kept, store, (*NAMES, *FOUND_NAMES))


def _parts(
    here: "Iterable[tuple[Resource, Release]]",
    question: "Question",
    catalog: "Catalog",
    store: "Store",
) -> "list[IndexedRelease]":
    """Return what images are chosen from: releases, and those with images of their rows."""
    from covcat.imaging.cohort import IndexedRelease
    from covcat.imaging.elsewhere import with_pictures

    parts = [
        IndexedRelease(one, of, store.release(one.id, of.id), _index_of(one, of, store))
        for one, of in here
    ]
    return with_pictures(parts, question, _others(catalog, store))[0] if question.found else parts


def _others(catalog: "Catalog", store: "Store") -> "Others":
    from covcat.imaging.elsewhere import Others

    return Others(catalog, store, lambda one, release: _index_of(one, release, store))


def _index_of(resource: "Resource", release: "Release", store: "Store") -> "Index":
    from covcat.imaging.index import index_of
    from covcat.progress import Silent

    return index_of(resource, release, store, Silent())


def _words(*given: "Words") -> "dict[str, Any]":
    """Return the filters that take several words; a text is one word."""
    names = ("finding", "covid", "view", "modality", "sex", "license_allows")
    every = ((one,) if isinstance(one, str) else tuple(one) for one in given)
    return dict(zip(names, every, strict=True))
