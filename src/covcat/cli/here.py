"""What is meant by `ID[@RELEASE]` where it names what is in the data folder."""

from collections.abc import Collection, Sequence
from pathlib import Path
from shlex import quote

from covcat.cli.session import Session
from covcat.errors import DiskError, NotFoundError

Here = tuple[str, str, Path]  # resource id, release id, release folder


def split(session: Session, name: str, ids: Collection[str]) -> tuple[str, str, str]:
    """Split a name into id, `@` if it has one, and release; an alias becomes the id it means."""
    id, at, release = name.partition("@")
    if not id:  # as Catalog.find says it
        raise NotFoundError(f"`{name}` has no id in it: expected ID@RELEASE", hint="covcat status")
    return (id if id in ids else session.catalog.get(id).id), at, release


def check_folder(session: Session) -> None:
    """Refuse a data folder that is not there: its disk may not be mounted, which is not `empty`."""
    if not session.data_dir.is_dir():
        raise NotFoundError(
            f"there is no data folder `{session.data_dir}`",
            hint="name it with --data-dir or COVCAT_DATA_DIR; covcat fetch makes it",
        )


def releases(session: Session, names: Sequence[str] | None) -> list[Here]:
    """Return the releases on disk that were named, each once, or all of them."""
    if names:
        return list(dict.fromkeys(one for name in names for one in named(session, name)))
    check_folder(session)
    if closed := session.store.closed():  # another user's, whose umask shuts the group out
        raise _shut(closed[0])
    found = session.store.releases()
    if not found:
        session.say(f"nothing is in `{session.data_dir}`")
    return found


def named(session: Session, name: str) -> list[Here]:
    """Return the releases on disk that a name means, one at least."""
    every = session.store.releases()
    id, at, release = split(session, name, {one for one, _, _ in every})
    matching = [one for one in every if one[0] == id and (not at or one[1] == release)]
    if not matching:
        for closed in session.store.closed():
            if id in (closed.name, closed.parent.name):
                raise _shut(closed)
        raise NotFoundError(
            f"`{name}` is not in `{session.data_dir}`", hint=f"covcat fetch {quote(name)}"
        )
    return matching


def preferred(session: Session, name: str) -> Here:
    """Return the one release that a name means: the default if it is here, else the last one."""
    matching = named(session, name)
    try:
        default = session.catalog.get(matching[0][0]).default_release
    except NotFoundError:
        default = None
    return next((one for one in matching if default and one[1] == default.id), matching[-1])


def _shut(folder: Path) -> DiskError:
    return DiskError(f"cannot look into `{folder}`: permission denied", hint="covcat doctor")
