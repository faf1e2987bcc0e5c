"""covcat: a catalog and verified downloader of public COVID-19 medical imaging resources.

In a notebook:

    import covcat
    folder = covcat.fetch("figure1", data_dir="data")    # a pathlib.Path
    for resource in covcat.load_catalog().resources: ...
"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from covcat.version import __version__

if TYPE_CHECKING:
    from covcat.catalog import Catalog
    from covcat.progress import Progress

__all__ = ["__version__", "fetch", "load_catalog"]


def load_catalog(extra: Sequence[str | PathLike[str]] = ()) -> "Catalog":
    """Load the packaged catalog, and the user's own folders of entries.

    Raises:
        covcat.errors.IntegrityError: a file of `extra` is wrong; every mistake is named.
    """
    from covcat import catalog

    return catalog.load([Path(folder) for folder in extra])


def fetch(
    name: str,
    *,
    data_dir: str | PathLike[str] = "covcat-data",
    mirror: str | None = None,
    offline: bool = False,
    allow_missing: bool = False,
    keep_archives: bool = False,
    progress: "Progress | None" = None,
    catalog: "Catalog | None" = None,
) -> Path:
    """Fetch `ID` or `ID@RELEASE`, verified, and return the folder of its files.

    What is there and complete is not asked for again.

    Raises:
        covcat.errors.CovcatError: as the command line does; each class has its exit `code`.
    """
    from covcat import pipeline
    from covcat.model import Network, Options
    from covcat.progress import Silent
    from covcat.store import Store

    known = catalog or load_catalog()
    store = Store(Path(data_dir))
    options = Options(allow_missing=allow_missing, keep_archives=keep_archives)
    plan = pipeline.make_plan(store, [known.find(name)], options)
    network = Network(mirror=mirror, offline=offline)
    for outcome in pipeline.run(plan, known, store, network, progress or Silent()):
        if outcome.error is not None:
            raise outcome.error
        if outcome.path is not None:
            return outcome.path
    raise AssertionError("unreachable: one step has one outcome")
