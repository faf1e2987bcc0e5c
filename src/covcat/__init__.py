"""covcat: a catalog and verified downloader of public COVID-19 medical imaging resources.

In a notebook:

    import covcat
    folder = covcat.fetch("figure1", data_dir="data")    # a pathlib.Path
    for resource in covcat.load_catalog().resources: ...
    films = covcat.images("figure1", data_dir="data", where="view = 'PA'")  # a pandas.DataFrame
"""

TYPE_CHECKING = False  # as type checkers read it: `typing` would take longer than all of this
if TYPE_CHECKING:  # every command imports this first, and cannot hear a signal before
    from collections.abc import Sequence
    from os import PathLike
    from pathlib import Path

    from pandas import DataFrame

    from covcat.catalog.load import Catalog
    from covcat.progress import Progress

__all__ = ["__version__", "fetch", "images", "load_catalog"]


def load_catalog(extra: "Sequence[str | PathLike[str]]" = ()) -> "Catalog":
    """Load the packaged catalog, and the user's own folders of entries.

    Raises:
        covcat.errors.IntegrityError: a file of `extra` is wrong; every mistake is named.
    """
    from pathlib import Path

    from covcat.catalog import load

    return load.load([Path(folder) for folder in extra])


def fetch(
    name: str,
    *,
    data_dir: "str | PathLike[str]" = "covcat-data",
    mirror: str | None = None,
    offline: bool = False,
    allow_missing: bool = False,
    keep_archives: bool = False,
    progress: "Progress | None" = None,
    catalog: "Catalog | None" = None,
) -> "Path":
    """Fetch `ID` or `ID@RELEASE`, verified, and return the folder of its files.

    What is there and complete is not asked for again.

    Raises:
        covcat.errors.CovcatError: as the command line does; each class has its exit `code`.
    """
    from pathlib import Path

    from covcat.download.remote import Network
    from covcat.fetching import run
    from covcat.fetching.plan import Options
    from covcat.progress import Silent
    from covcat.store.folder import Store

    known = catalog or load_catalog()
    store = Store(Path(data_dir))
    options = Options(allow_missing=allow_missing, keep_archives=keep_archives)
    plan = run.make_plan(store, [known.find(name)], options)
    network = Network(mirror=mirror, offline=offline)
    for outcome in run.run(plan, known, store, network, progress or Silent()):
        if outcome.error is not None:
            raise outcome.error
        if outcome.path is not None:
            return outcome.path
    raise AssertionError("unreachable: one step has one outcome")


def images(
    *names: str,
    data_dir: "str | PathLike[str]" = "covcat-data",
    where: str | None = None,
    with_files_only: bool = True,
    catalog: "Catalog | None" = None,
) -> "DataFrame":
    """Return the image records of releases that are here, `ID` or `ID@RELEASE`, as a table.

    Columns, units and vocabulary: docs/schema.md. A blank is `pandas.NA`. `where` is a condition
    in SQL over the columns; `with_files_only` leaves out labels of images that are not here.

    Raises:
        covcat.errors.NotFoundError: a release is not here.
        covcat.errors.UsageError: `where` cannot be asked.
    """
    from pathlib import Path

    import pandas

    from covcat.catalog.columns import COLUMNS
    from covcat.imaging import index, query
    from covcat.progress import Silent
    from covcat.store.folder import Store

    known, store = catalog or load_catalog(), Store(Path(data_dir))
    question = query.Question(where=where, with_files_only=with_files_only)
    records = []
    for resource, release in index.here(known, store, names):
        found = index.index_of(resource, release, store, Silent())
        records += list(query.select(found, question))
    types = {"text": "string", "integer": "Int64", "number": "Float64"}
    table = pandas.DataFrame(records, columns=[column.name for column in COLUMNS])
    return table.astype({column.name: types[column.type] for column in COLUMNS})
