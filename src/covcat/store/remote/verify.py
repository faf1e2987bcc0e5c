"""Is the copy of a release in a place still what its record says, and that what is pinned?"""

import hashlib

from covcat.catalog.load import Catalog
from covcat.errors import IntegrityError
from covcat.files import StoredFile
from covcat.names import is_litter
from covcat.progress import Progress
from covcat.store.compare import Findings
from covcat.store.folder import OWN
from covcat.store.remote.place import Place, objects_of
from covcat.store.remote.threads import StoreThreads
from covcat.store.verify import Checked, check_pins


def verify_at(
    catalog: Catalog,
    place: Place,
    resource_id: str,
    release_id: str,
    progress: Progress,
    *,
    quick: bool = False,
    known_missing: bool = False,
) -> Checked:
    """Read every object, or with `quick` list them: then names and sizes are compared.

    Raises:
        IntegrityError: the record itself is damaged, or is not the pinned state.
    """
    record, top = place.record(resource_id, release_id), f"{resource_id}/{release_id}"
    if record is None:
        raise IntegrityError(f"`{resource_id}@{release_id}` has just lost its manifest there")
    check_pins(catalog, record)
    listed, files = place.objects(top), objects_of(record)
    missing = [one.path for one in files if one.path not in listed]
    here = [one for one in files if one.path in listed]
    changed = {
        one.path: f"bytes expected {one.bytes}, got {listed[one.path].bytes}"
        for one in here
        if listed[one.path].bytes != one.bytes
    }
    if not quick:
        changed |= _read(place, top, [one for one in here if one.path not in changed], progress)
    known = [f"files/{path}" for path in record.missing]
    extra = sorted(listed.keys() - {one.path for one in files} - OWN)
    findings = Findings(
        changed=tuple(sorted(f"{path}: {why}" for path, why in changed.items())),
        missing=tuple(sorted([*missing, *([] if known_missing else known)])),
        extra=tuple(path for path in extra if not is_litter(path)),
    )
    litter, accepted = tuple(filter(is_litter, extra)), tuple(known if known_missing else ())
    return Checked(record, findings, (*changed, *missing), (), litter, accepted)


def _read(place: Place, top: str, files: list[StoredFile], progress: Progress) -> dict[str, str]:
    """Return why, by the paths of those that are not as recorded."""
    threads, wrong = StoreThreads(place.jobs), dict[str, str]()
    task = progress.start(top.replace("/", "@"), sum(one.bytes for one in files))

    def look(file: StoredFile) -> None:
        found = hashlib.sha256()
        for data in place.stream(f"{top}/{file.path}"):
            threads.check()
            found.update(data)
            progress.advance(task, len(data))
        if found.hexdigest() != file.sha256:
            wrong[file.path] = f"sha256 expected {file.sha256}, got {found.hexdigest()}"

    try:
        threads.do(look, files)
    finally:
        progress.finish(task)
    return wrong
