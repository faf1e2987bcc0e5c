"""Files -> a folder of them, whole or none; only an earlier site gives way to a newer one."""

import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from covcat.beside import build_beside
from covcat.errors import DiskError
from covcat.files import disk_errors, exchange, make_folder, opened, sync, sync_folder, write_new
from covcat.names import unsafe_name

LIST = "site.json"  # says which files are of the site: whatever else lies there is somebody's
_MOST_BYTES = 1 << 22
_NAMED = 5  # files that an error names


def write_site(folder: Path, files: Mapping[str, bytes]) -> int:
    """Give a folder these files, in place of an earlier site; return their bytes.

    Raises:
        DiskError: it cannot be written, or holds anything else than an earlier site.
    """
    check_free(folder)
    with (
        build_beside(folder, "give another --site") as workshop,
        disk_errors(f"write the site `{folder}`"),
    ):
        built = workshop / "site"
        for path, data in sorted({**files, LIST: _listed(files)}.items()):
            make_folder((built / path).parent)
            write_new(built / path, data)
        sync(built)
        if os.path.lexists(folder):
            exchange(built, folder)
        else:
            built.rename(folder)
        sync_folder(folder.absolute().parent)
    return sum(map(len, files.values()))


def check_free(folder: Path) -> None:
    """Refuse a place where something else is than nothing, or an earlier site as it was made."""
    with disk_errors(f"look at `{folder}`"):
        if not os.path.lexists(folder):
            return
        if folder.is_symlink() or not folder.is_dir():
            raise DiskError(f"`{folder}` is no folder", hint="give another name")
        if folder.resolve() == Path.cwd():
            raise DiskError(
                "the working folder cannot be replaced by a site", hint="name a folder in it"
            )
        found = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_symlink() or not path.is_dir()
        }
        known = _known(folder)
        strange = [
            name
            for name, path in sorted(found.items())
            if name != LIST and known.get(name) != _digest(path)
        ]
    if strange or (found and LIST not in found):
        raise DiskError(
            f"`{folder}` holds something else than an earlier site as covcat made it",
            details=strange[:_NAMED],
            hint=f"look at it: ls -la {shlex.quote(str(folder))}; or give another name",
        )


def _listed(files: Mapping[str, bytes]) -> bytes:
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    return (json.dumps({"schema": "covcat.site/1", "files": digests}, indent=1) + "\n").encode()


def _known(folder: Path) -> dict[str, str]:
    """Return the digests of the files of an earlier site; none where its list is no list."""
    try:
        with opened(folder / LIST, follow=False) as stream:
            tree = json.loads(stream.read(_MOST_BYTES))
        files = tree["files"] if tree["schema"] == "covcat.site/1" else {}
        return {name: digest for name, digest in files.items() if not unsafe_name(name)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _digest(path: Path) -> str:
    """Return the sha256 of a regular file; "" of what is none."""
    try:
        with opened(path, follow=False) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
