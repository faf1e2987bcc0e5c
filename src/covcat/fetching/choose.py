"""The hosts of a release: what they serve of it today, and which of that has to come."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from glob import escape
from shlex import quote

from covcat import hosts
from covcat.catalog import selection
from covcat.catalog.files import BucketFile, GitHubFile
from covcat.catalog.selection import Selection
from covcat.download.api import Api
from covcat.download.attempt import Transfers
from covcat.download.http import Web
from covcat.download.pace import PER_HOST, ConnectionLimit, RateLimit
from covcat.download.parts import Parts
from covcat.download.remote import RemoteFile
from covcat.errors import CovcatError, IntegrityError
from covcat.fetching import locked, plan
from covcat.fetching.base import Build
from covcat.fetching.plan import WantedFile
from covcat.hosts import github
from covcat.hosts.base import HostContext
from covcat.hosts.objects import CONNECTIONS, SERIES, open_series
from covcat.store.manifest import Transfer

Inside = Mapping[RemoteFile, tuple[Selection, ...]]  # by file: what of its members is wanted


@dataclass(frozen=True, slots=True)
class Choice:
    """What the hosts serve of a release, and what of it the release is to have."""

    served: Sequence[RemoteFile]
    inside: Inside
    lost: Mapping[RemoteFile, CovcatError]  # files that their hosts do not list any more


class Hosts:
    """All hosts of one release, by a web of its maker's; none is asked before a source wants it."""

    def __init__(self, build: Build, web: Web) -> None:
        network, progress = build.run.network, build.run.progress
        self.build = build
        has_objects = any(isinstance(one, BucketFile) for one in build.release.files)
        self.jobs = network.jobs or (CONNECTIONS if has_objects else PER_HOST)
        self.transfers = Transfers(
            web,
            network,
            RateLimit(network.limit_rate),
            ConnectionLimit(self.jobs),
            Parts(build.run.store.parts),
            progress,
        )
        # of several files, nobody knows which one a row of the listing belongs to
        listing = build.listing if len(build.release.files) == 1 else None
        self.context = HostContext(
            Api(web, network, progress),
            listing,
            _is_by_file(build),
            build.series,
            self.jobs,
            needs_digests=build.options.require == "host",
        )

    @cached_property
    def choice(self) -> Choice:
        """What they serve, and what of it is wanted."""
        build, lost = self.build, dict[RemoteFile, CovcatError]()
        served = [
            one
            for one in hosts.list_files(build.release.files, self.context, lost)
            if one.is_alone  # what the catalog excludes of an archive stays out as it is unpacked
            or not selection.matches(one.path.removeprefix(one.file.into or ""), one.file.exclude)
        ]
        chosen = plan.chosen(served, build.selections, build.listing)
        is_there = _is_there(build, served)
        if build.series is not None and is_there:
            chosen = self._look_into(chosen, lost)
            served = [one for one, _ in chosen]
        if build.before is not None and build.listing is None:
            # what came earlier, too, though a sample of what the host has today leaves it out
            came = {(one.entry, one.folder, one.name) for one in build.before.downloads}
            known = {one for one, _ in chosen}
            missed = [one for one in served if (one.entry, one.folder, one.name) in came]
            chosen += [(one, ()) for one in missed if one not in known]
        lock = build.options.locked
        if lock is not None and not lock.is_whole:
            chosen = locked.choose(build, served, chosen, lock)
        if not chosen or not is_there:
            raise plan.nothing_is_in(build.name, build.selections)
        for one, _ in chosen:  # links and other repositories are never written
            if isinstance(one.file, GitHubFile) and (what := github.odd(one.path, one.mode)):
                glob = quote(escape(one.path))
                raise IntegrityError(what, hint=f"to leave it out: covcat fetch … --exclude {glob}")
        many = sum(bool(inside) for _, inside in chosen)
        if many > 1 and build.listing is None:
            build.say(
                f"nobody lists what is in its archives: {many} of them come, to be looked into"
            )
        return Choice(served, dict(chosen), lost)

    @cached_property
    def earlier(self) -> Mapping[str, Sequence[Transfer]]:
        """What came before, by where it was asked for."""
        found: dict[str, list[Transfer]] = {}
        for one in self.build.before.downloads if self.build.before else ():
            found.setdefault(one.url, []).append(one)
        return found

    def _look_into(
        self, chosen: list[WantedFile], lost: dict[RemoteFile, CovcatError]
    ) -> list[WantedFile]:
        """Put the objects of series in their place; of what is lost the series itself stays."""
        found = self.open([one for one, _ in chosen], lost)
        inside: list[WantedFile] = []
        for one, parts in chosen:
            objects = {each.folder + each.name: each for each in found.get(one, ())}
            wants = selection.wanted(parts, objects)
            inside += [(each, ()) for path, each in objects.items() if wants(path)]
            inside += [(one, ())] if one in lost else []
        return inside

    def open(
        self, series: Sequence[RemoteFile], lost: dict[RemoteFile, CovcatError]
    ) -> dict[RemoteFile, list[RemoteFile]]:
        """Ask for the objects of series; `lost` takes why one is not there."""
        self.build.say(f"asking for the objects of {len(series):,} series")
        found = open_series(series, self.context, lost)
        hosts.check_paths([one for objects in found.values() for one in objects])
        return found

    def opened(self, served: Sequence[RemoteFile]) -> list[RemoteFile]:
        """Return the same files with the objects of each series in its place."""
        lost: dict[RemoteFile, CovcatError] = {}
        series = [one for one in served if one.unpack == SERIES]
        found = self.open(series, lost) if series else {}
        for error in lost.values():
            raise error
        return [each for one in served for each in found.get(one, [one])]


def _is_there(build: Build, served: list[RemoteFile]) -> bool:
    """Tell if what is asked for now is there, whatever other parts are here already."""
    asked = build.options.selection
    if not asked:
        return True
    if build.listing is not None:
        return any(map(selection.wanted((asked,), build.listing), build.listing))
    return bool(plan.chosen(served, (asked,), None))


def _is_by_file(build: Build) -> bool:
    """Ask one by one for what is not here yet, if that is little."""
    wanted: Collection[str] | None = None
    if build.lacking is not None:
        downloads = build.before.downloads if build.before is not None else ()
        is_plain = all(path.startswith("files/") for path in build.lacking)
        if is_plain and not any(one.archive for one in downloads):
            wanted = build.lacking
    elif build.selections and build.listing is not None:
        wanted = plan.to_come(build.listing, build.selections, build.before)
    return plan.is_by_file(build.release, build.options, wanted)
