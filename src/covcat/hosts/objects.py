"""Objects of a bucket -> files: all below a prefix, or those of the series that a release names.

A series is a folder of objects. The catalog says how many it has and their bytes, so that it can
be chosen without asking; what they are called, and perhaps their digests, its host says then.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from typing import Any

from covcat.catalog.files import AnyFile, BucketFile
from covcat.catalog.series import SeriesTable
from covcat.download.remote import RemoteFile
from covcat.errors import CovcatError, GoneError, IntegrityError, is_lost
from covcat.hosts.base import HostContext
from covcat.hosts.trees import Tree, read_pages
from covcat.text import plural

SERIES = "series"  # as `unpack`: its objects have to be asked for
CONNECTIONS = 16  # that a store of objects gets, made for thousands: 4 are idle most of the time
PAGE = 1000  # objects of an answer
Page = tuple[list[Tree], str]  # rows with `name` and `size`; what the next one is of


def list_set(
    file: BucketFile, context: HostContext, ask: Callable[[str], list[RemoteFile]]
) -> list[RemoteFile]:
    """Return all below the prefix of an entry; of one without it the release's series."""
    if file.prefix is None:
        return list_series(file, context.series or {})
    if not (found := ask(file.prefix)):
        raise GoneError(f"the bucket `{file.bucket}` has nothing below `{file.prefix}` any more")
    return found


def list_series(file: AnyFile, table: SeriesTable) -> list[RemoteFile]:
    """Return the series of a release; nobody is asked."""
    into = file.into or ""
    return [
        RemoteFile(
            file=file,
            name=path.rpartition("/")[2],
            id=one.uuid,
            folder=f"{into}{path}/",
            own_folder=path.rpartition("/")[2],
            unpack=SERIES,
            bytes=one.bytes,
            is_alone=False,
        )
        for path, one in table.items()
    ]


def read_objects(what: str, ask: Callable[[str], Page]) -> list[Tree]:
    """Return all rows of a list whose pages each name the next one."""
    token = ""

    def turn(*_: int) -> tuple[list[Tree], bool]:
        nonlocal token
        rows, token = ask(token)
        return rows, not token

    rows = read_pages(what, PAGE, turn, "name")
    return [row for row in rows if not row.text("name").endswith("/")]  # folders, as consoles draw


def open_series(
    series: Sequence[RemoteFile], context: HostContext, failed: dict[RemoteFile, CovcatError]
) -> dict[RemoteFile, list[RemoteFile]]:
    """Ask for the objects of series, several at once; `failed` takes why one is not there.

    Raises:
        CovcatError: their host does not answer, or has none of them.
    """
    found: dict[RemoteFile, list[RemoteFile]] = {}
    with ThreadPoolExecutor(context.jobs) as pool:
        asked = [(one, pool.submit(open_one, one, context)) for one in series]
        try:
            for one, answer in asked:
                try:
                    found[one] = answer.result()
                except CovcatError as error:
                    if not (is_lost(error) or isinstance(error, IntegrityError)):
                        raise
                    failed[one] = error
            if series and not found:
                raise failed[series[0]]
        except BaseException:
            context.api.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def open_one(series: RemoteFile, context: HostContext) -> list[RemoteFile]:
    """Return the objects of a series, which must be as many as the catalog says, and as large."""
    module: Any = import_module(f"covcat.hosts.{series.file.host}")
    objects = module.list_objects(series.file, f"{series.id}/", context)
    if not objects:
        raise GoneError(f"the series `{series.path}` has no objects any more")
    into = series.file.into or ""
    # one text for all: the largest collection has half a million objects
    folders = {one.folder: series.folder + one.folder.removeprefix(into) for one in objects}
    found = [replace(one, folder=folders[one.folder]) for one in objects]
    known = (context.series or {})[series.path.removeprefix(into)]
    size = sum(one.bytes or 0 for one in found)
    if (len(found), size) != (known.objects, known.bytes):
        raise IntegrityError(
            f"the series `{series.path}` is another one at its host: expected "
            f"{plural(known.objects, 'object')} of {known.bytes:,} bytes, got {len(found):,} of "
            f"{size:,}",
            hint="a newer covcat may know it: pip install -U covcat",
        )
    return found
