"""What is here of a release as it was recorded, taken along with what a person gives."""

from dataclasses import replace

from covcat.catalog.files import AnyFile, GitHubFile
from covcat.errors import IntegrityError
from covcat.fetching import brought
from covcat.fetching.base import Build, Piece, record_given
from covcat.fetching.brought import GivenFile
from covcat.files import StoredFile, disk_errors, hashed
from covcat.hosts.base import remote_file
from covcat.store.manifest import data_files


def find_sound(build: Build) -> list[GivenFile]:
    """Return what is here of the release, as far as it is as it was recorded."""
    found = []
    for one in data_files(build.before.files if build.before else ()):
        path = build.here / "files" / one.path
        is_sound = path.is_file() and not path.is_symlink()
        with disk_errors(f"read `{path}`"):
            if is_sound and hashed(path, one).sha256 == one.sha256:
                found.append(GivenFile(one, path, None, is_ours=True))
            else:
                build.say(f"`{path}` is not as recorded")
    return found


def keep(build: Build, files: dict[str, StoredFile]) -> list[Piece]:
    """Return how what was here before came, with its files and archives."""
    downloads, parts = build.before.downloads if build.before else (), []
    if not files and not any(one.archive for one in downloads):
        return []
    for transfer in sorted(downloads, key=lambda one: one.is_archive):  # which take what is left
        file = file_of(build, transfer.entry)
        served = remote_file(file, transfer.name, entry=transfer.entry)
        folder = transfer.folder if transfer.folder is not None else file.into or ""
        own = [folder + transfer.name] if not transfer.is_archive else list(files)
        stored = tuple(files.pop(path) for path in own if path in files)
        if transfer.archive:
            path = build.here / transfer.archive
            copy = brought.read(path, target=build.folder / transfer.archive)
            if copy.sha256 != transfer.sha256:
                raise IntegrityError(
                    f"`{path}` is not as recorded", hint=f"covcat verify {build.name}"
                )
        parts.append(Piece(served, transfer, stored))
    if files and not parts:  # of a record that names no download: how they came is not known
        left, served = tuple(files.values()), remote_file(build.first_file, "files")
        parts.append(Piece(served, record_given(build, served, "files", left), left))
    elif files:  # copies of what came file by file
        parts[0] = replace(parts[0], files=(*parts[0].files, *files.values()))
    return parts


def file_of(build: Build, entry: int) -> AnyFile:
    """Return what the catalog says of a file; a tree only where nothing else is in the listing."""
    files = build.release.files
    file = files[entry] if entry < len(files) else files[0]
    if isinstance(file, GitHubFile) and len(files) > 1:
        return replace(file, tree=None)
    return file
