"""Pictures that are here, by the pictures that they are the same as: what `overlap` found.

It is kept beside each release, so a picture that is not here any more is known by its copies. What
a record says holds for a file of that digest: whoever takes a copy looks for it in its index.
"""

from collections.abc import Iterable

from covcat.catalog import matching
from covcat.catalog.entries import ImagesIn
from covcat.catalog.matching import Find
from covcat.store import overlaps
from covcat.store.folder import Store

Place = tuple[str, str]  # ID@RELEASE and path


class Copies:
    """What is known of copies in some releases that are here."""

    def __init__(self, store: Store, here: Iterable[tuple[str, str]]) -> None:
        self._standing: dict[str, dict[str, str]] = {}  # of each path of ID@RELEASE, what stands
        self._copies: dict[str, dict[Place, None]] = {}  # of that picture, itself the first
        self._finders: dict[tuple[str, str], Find] = {}
        for id, release in sorted(here):
            record = overlaps.last(store.release(id, release))
            for one in record.pictures if record else ():
                if one.same_as is not None:
                    stands, _, its_path = one.same_as.partition(":")
                    for name, path in ((stands, its_path), (f"{id}@{release}", one.path)):
                        self._standing.setdefault(name, {})[path] = one.same_as
                        self._copies.setdefault(one.same_as, {})[name, path] = None

    def find(self, one: ImagesIn, filename: str) -> dict[str, list[Place]]:
        """Return what a name may mean in a set: each picture that stands, and its copies."""
        found = dict.fromkeys(
            standing[path]
            for name, standing in self._standing.items()
            if name == one.name or (one.release is None and name.startswith(f"{one.resource}@"))
            for path in self._finder(name, one.by)(filename)
        )
        return {standing: [*self._copies[standing]] for standing in found}

    def _finder(self, release: str, by: str) -> Find:
        if (release, by) not in self._finders:
            self._finders[release, by] = matching.finder(by, self._standing[release])
        return self._finders[release, by]
