"""report --site: the catalog as a folder of pages."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from covcat.catalog.entries import PublishedCounts, Resource
from covcat.cli import indexes
from covcat.cli.printing import open_page
from covcat.cli.session import Session
from covcat.errors import CovcatError, UsageError
from covcat.imaging.counts import RecountedTable, recount_table, tables_of_release
from covcat.report.site import site
from covcat.report.site_folder import check_free, write_site
from covcat.store import manifest
from covcat.store.folder import check_outside
from covcat.text import format_size, plural


def make_site(session: Session, folder: Path, others: Iterable[object], *, opens: bool) -> None:
    """Write the site, in place of an earlier one, and say where it is.

    `others` are what was asked of the one page, which a site has no use for.
    """
    if any(others):
        raise UsageError(
            "--site is of the whole catalog: it takes neither an ID nor what is of one page"
        )
    check_outside(session.data_dir, folder, hint="give another --site")
    check_free(folder)
    resources = [one for one in session.catalog.resources if not one.is_sample]
    files = site(resources, _recounted(session, resources))
    size = write_site(folder, files)
    session.say(f"{plural(len(resources), 'resource')}, {format_size(size)}")
    data = {"path": str(folder), "bytes": size, "pages": len(resources) + 1}
    session.result_path("report", folder, data)
    open_page(folder / "index.html", wanted=opens)


def _recounted(
    session: Session, resources: Sequence[Resource]
) -> dict[PublishedCounts, tuple[str, RecountedTable]]:
    """Count again what was published of the releases that are here whole, the default one last.

    A table that names no release is of each: what the default one gives stays.
    """
    found: dict[PublishedCounts, tuple[str, RecountedTable]] = {}
    here = {(id, release): folder for id, release, folder in session.store.releases()}
    for one in resources:
        default = one.default_release
        for release in sorted(one.releases, key=lambda each: each is default):
            folder, name = here.get((one.id, release.id)), f"{one.id}@{release.id}"
            tables = [each for each in tables_of_release(one, release) if each.recount is not None]
            if folder is None or not tables:
                continue
            try:
                record = manifest.load(folder)
                if record.selection or not record.complete or record.form != "files":
                    session.say(f"note: {name}: only a part is here: its counts are left out")
                    continue
                index = indexes.index_here(session, one, release)
                found |= {each: (name, recount_table(index, each)) for each in tables}
            except CovcatError as error:
                session.say(f"warning: {name}: its counts are left out: {error.message}")
    return found
