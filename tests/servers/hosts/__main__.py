"""Serves the imitated hosts on loopback, so that the network commands of the docs can be repeated.

`python -m servers.hosts [--port N] FOLDER [ID@RELEASE=ARCHIVE …]`: FOLDER gets a catalog that is
pinned to the synthetic releases that are served; an ARCHIVE of your own is what codeload answers
for a pinned release of the packaged catalog.
"""

import argparse
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

import covcat
from covcat.catalog.files import GitHubFile
from covcat.catalog.selection import Selection
from covcat.fetching import plan
from covcat.hosts.objects import list_series
from servers.hosts import shelf, stock
from servers.hosts.world import World


def serve_archive(world: World, name: str, archive: Path) -> None:
    """Let GitHub answer with this archive where the state of a release is asked for."""
    _, release = covcat.load_catalog().find(name)
    file = release.files[0] if release else None
    if not isinstance(file, GitHubFile) or file.commit is None:
        raise SystemExit(f"`{name}` is no pinned state of a repository")
    address = f"https://codeload.github.com/{file.repository}/zip/{file.commit}"
    world.web.add(address, archive.read_bytes(), "application/zip", etag='W/"made-up"')
    raw = f"https://raw.githubusercontent.com/{file.repository}/{file.commit}"
    with zipfile.ZipFile(archive) as members:  # and its files one by one
        for member in members.infolist():
            _, _, path = member.filename.partition("/")
            if path and not member.is_dir():
                world.web.add(
                    f"{raw}/{quote(path)}", members.read(member), "application/octet-stream"
                )


def serve_sample(world: World) -> None:
    """Serve the sample of the first collection, as large as its series are, for the packaged entry."""
    known = covcat.load_catalog()
    resource, release = known.find("covid-19-ar")
    table = known.series(resource, release) if release else None
    if release is None or table is None:
        raise SystemExit("the first collection has no series")
    (file,) = release.files
    sampled = plan.chosen(list_series(file, table), [Selection(sample=2)], None)
    for one in (table[remote.path] for remote, _ in sampled):
        (objects,) = stock.series([one]).values()
        twin = {"bucket": file.twin.bucket, "region": file.twin.region}
        shelf.put_series(world, {"bucket": file.bucket, "twin": twin}, one, objects)


def main() -> None:
    """Serve until somebody presses Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m servers.hosts", description=__doc__)
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("folder", type=Path)
    parser.add_argument("archives", nargs="*", metavar="ID@RELEASE=ARCHIVE")
    given = parser.parse_args()
    with World(given.port) as world:
        releases = shelf.fill(world, given.folder)
        serve_sample(world)
        for one in given.archives:
            name, _, archive = one.partition("=")
            serve_archive(world, name, Path(archive))
        print(f"{len(releases)} synthetic releases are served; press Ctrl-C to stop")
        print(f"  covcat --mirror {world.url} --catalog {given.folder.resolve()} fetch covid-ct")
        print(f"by the packaged catalog: covcat --mirror {world.url} fetch covid-19-ar --sample 2")
        if given.archives:
            print(f"your own archives, by the packaged catalog: covcat --mirror {world.url} …")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
