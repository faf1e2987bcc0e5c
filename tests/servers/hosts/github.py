"""GitHub: archives without a length, raw files, LFS, releases; the API is in github_api."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import quote, unquote

from servers.hosts import github_api
from servers.hosts.github_api import Api
from servers.hosts.github_data import Commit, Repository, committed, pointed
from servers.hosts.signing import Signer
from servers.message import (
    Content,
    Reply,
    Request,
    Site,
    as_html,
    as_json,
    as_text,
    disposition,
    redirect,
    serve,
    sha256,
    spoilt,
)

SITE, CODE, API = "github.com", "codeload.github.com", github_api.HOST
RAW, MEDIA = "raw.githubusercontent.com", "media.githubusercontent.com"
ASSETS, LFS = "release-assets.githubusercontent.com", "github-cloud.githubusercontent.com"
_ASSET_SECONDS, _LFS_SECONDS = 300, 3600  # how long a link is good
_STORAGE = (ASSETS, LFS, "objects.githubusercontent.com")


class GitHub(Site):
    """All its hosts."""

    hosts = (SITE, CODE, API, RAW, MEDIA, *_STORAGE)

    def __init__(self, signer: Signer, now: Callable[[], float], granted: set[str]) -> None:
        self._signer, self._granted = signer, granted
        self._repositories: dict[str, Repository] = {}
        self.api = Api(now, self._repositories)
        self.lfs_header = {"X-Lfs-Ticket": "made-up-ticket"}  # what LFS storage must be sent
        self.over_quota: set[str] = set()  # owner/name, whose LFS contents are refused
        self._code: dict[str, Callable[[Request], Reply]] = {
            SITE: self._site,
            CODE: self._archive,
            API: self.api.reply,
            RAW: self._raw,
            MEDIA: self._media,
            ASSETS: self._stored_asset,
            LFS: self._stored_lfs,
        }

    def add(
        self,
        repository: str,
        commit: str,
        files: Mapping[str, bytes],
        *,
        branch: str | None = "master",
        tag: str | None = None,
        lfs: Collection[str] = (),
        links: Mapping[str, str] = {},
        submodules: Mapping[str, str] = {},
        modes: Mapping[str, str] = {},
        wrong: Collection[str] = (),
    ) -> str:
        """Push a commit, which becomes the branch's newest; return the id of its tree.

        Of `wrong` files other bytes come, whatever their ids say.
        """
        one = self._repositories.setdefault(
            repository.lower(), Repository(repository, 100 + len(self._repositories))
        )
        made = committed(commit, files, lfs, links, submodules, modes)
        one.commits[commit] = made
        if branch:
            one.refs[f"heads/{branch}"] = commit
            one.branch = branch
        if tag:
            one.refs[f"tags/{tag}"] = commit
        one.lfs |= {sha256(files[path]): files[path] for path in lfs}
        one.wrong |= set(wrong)
        return made.trees[""]

    def commit(self, repository: str, commit: str) -> Commit:
        return self._repositories[repository.lower()].commits[commit]

    def files(self, repository: str, commit: str) -> dict[str, bytes]:
        """Return what a commit has so far: nothing, if there is none."""
        one = self._repositories.get(repository.lower())
        found = one.commits.get(commit) if one else None
        return {path: entry.data for path, entry in found.entries.items()} if found else {}

    def release(
        self,
        repository: str,
        tag: str,
        files: Mapping[str, bytes],
        *,
        digests: bool = True,
        wrong: Collection[str] = (),
    ) -> None:
        """Publish files beside a tag; those from before June 2025 have no digests."""
        one = self._repositories[repository.lower()]
        assets = []
        for name, data in files.items():
            id = len(one.assets) + 1
            one.assets[id] = (name, spoilt(data) if name in wrong else data)
            digest = f"sha256:{sha256(data)}" if digests else None
            assets.append(github_api.asset(one, tag, id, name, len(data), digest))
        one.releases[tag] = github_api.release(one, tag, assets)

    def accepts(self, host: str) -> Collection[str]:
        return () if host in _STORAGE else self.credentials

    def reply(self, request: Request) -> Reply:
        return self._code.get(request.host, lambda _: _no_page())(request)

    def _known(self, parts: list[str]) -> Repository | None:
        return self._repositories.get("/".join(parts[:2]).lower())

    def _site(self, request: Request) -> Reply:
        parts = request.parts
        if len(parts) > 1:
            parts[1] = parts[1].removesuffix(".git")
        one = self._known(parts)
        if one is None:
            return _no_page()
        if parts[2:] == ["info", "lfs", "objects", "batch"] and request.method == "POST":
            return self._batch(request, one)
        return self._inside(one, parts[2:])

    def _inside(self, one: Repository, parts: list[str]) -> Reply:
        match parts:
            case ["raw", *place]:
                return self._to_raw(one, place)
            case ["releases", "download", tag, name] if tag in one.releases:
                known = {found["name"]: found["id"] for found in one.releases[tag]["assets"]}
                return self._asset(one, known[name]) if name in known else _no_page()
            case [] | ["blob" | "tree" | "releases", *_]:
                return as_html(one.name, "<h1>A page</h1>")
            case _:
                return _no_page()

    def _to_raw(self, one: Repository, place: list[str]) -> Reply:
        found = one.split(place)
        path = quote("/".join(place))
        if found and found[1] in found[0].entries and pointed(found[0].entries[found[1]].data):
            return redirect(f"https://{MEDIA}/media/{one.name}/{path}")
        return redirect(f"https://{RAW}/{one.name}/{path}")

    def _archive(self, request: Request) -> Reply:
        """Send an archive as it is made: chunked, a weak ETag, everything to every Range."""
        parts = request.parts
        one = self._known(parts)
        ref = "/".join(parts[3:])
        commit = one.find(ref) if one else None
        if one is None or commit is None:
            return as_text("404: Not Found", 404)
        name = one.name.partition("/")[2]
        short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/").replace("/", "-")
        root = f"{name}-{short.removeprefix('v') if 'refs/tags/' in ref else short}"
        data = commit.archive(root, one.wrong)
        headers = [
            ("Content-Type", "application/zip"),
            ("Content-Disposition", f"attachment; filename={root}.zip"),
            ("ETag", f'W/"{sha256(data)}"'),
            ("Vary", "Authorization,Accept-Encoding"),
            ("Strict-Transport-Security", "max-age=31536000"),
        ]
        return Reply(200, headers, data, framing="chunked")

    def _raw(self, request: Request) -> Reply:
        return self._file(request, request.parts, is_media=False)

    def _media(self, request: Request) -> Reply:
        return self._file(request, request.parts[1:], is_media=True)

    def _file(self, request: Request, parts: list[str], *, is_media: bool) -> Reply:
        one = self._known(parts)
        found = one.split(parts[2:]) if one else None
        entry = found[0].entries.get(found[1]) if found else None
        if one is None or entry is None:
            return as_text("404: Not Found", 404)
        data, oid = entry.data, pointed(entry.data)
        if is_media and oid and one.name not in self.over_quota:
            data = one.lfs[oid]
        sent = spoilt(data) if entry.path in one.wrong else data
        is_text = entry.path.endswith((".md", ".txt", ".csv", ".json", ".sh")) or oid
        kind = "text/plain; charset=utf-8" if is_text else "application/octet-stream"
        headers = (("Cache-Control", "max-age=300"),)
        return serve(request, Content(sent, f'"{sha256(data)}"', None, kind, headers))

    def _asset(self, one: Repository, id: int) -> Reply:
        name = one.assets[id][0]
        path = f"/github-production-release-asset/{one.number}/{id:08d}-0000-4000-8000-madeup"
        asked = {
            "jwt": "made-up",
            "response-content-disposition": disposition(name),
            "response-content-type": "application/octet-stream",
        }
        link = self._signer.link("azure", ASSETS, path, _ASSET_SECONDS, asked)
        return redirect(link, 302, ("Cache-Control", "no-cache"))

    def _stored_asset(self, request: Request) -> Reply:
        if "authorization" in request.headers:
            return _refused(400, "InvalidAuthenticationInfo")
        if self._signer.judge("azure", request) != "good":
            return _refused(403, "AuthenticationFailed")
        _, number, name = request.parts
        every = {str(one.number): one for one in self._repositories.values()}
        data = every[number].assets[int(name[:8])][1]
        named = ("Content-Disposition", request.query["response-content-disposition"])
        return serve(request, Content(data, f'"0x{sha256(data)[:15].upper()}"', headers=(named,)))

    def _batch(self, request: Request, one: Repository) -> Reply:
        kind = "application/vnd.git-lfs+json"
        if one.name in self.over_quota:
            text = (
                "This repository is over its data quota. Account responsible for LFS bandwidth "
                "should purchase more data packs to restore access."
            )
            return as_json({"message": text, "documentation_url": ""}, 403, (), kind)
        asked = (request.json or {}).get("objects", [])
        objects = [self._lfs_object(one, str(item.get("oid"))) for item in asked]
        self._granted.update(self.lfs_header.values())
        value = {"transfer": "basic", "objects": objects, "hash_algo": "sha256"}
        return as_json(value, 200, (), kind)

    def _lfs_object(self, one: Repository, oid: str) -> dict[str, Any]:
        if oid not in one.lfs:
            error = {"code": 404, "message": "Object does not exist on the server"}
            return {"oid": oid, "size": 0, "error": error}
        path = f"/alambic/media/{one.number}/{oid[:2]}/{oid[2:4]}/{oid}"
        download = {
            "href": self._signer.link("aws", LFS, path, _LFS_SECONDS),
            "header": dict(self.lfs_header),
            "expires_at": "2100-01-01T00:00:00Z",
            "expires_in": _LFS_SECONDS,
        }
        return {
            "oid": oid,
            "size": len(one.lfs[oid]),
            "authenticated": True,
            "actions": {"download": download},
        }

    def _stored_lfs(self, request: Request) -> Reply:
        verdict = self._signer.judge("aws", request)
        needed = {name.lower(): value for name, value in self.lfs_header.items()}
        if verdict != "good" or not needed.items() <= request.headers.items():
            return _refused(403, "AccessDenied")
        oid = unquote(request.path).rpartition("/")[2]
        every = (one.lfs.get(oid) for one in self._repositories.values())
        data = next((found for found in every if found is not None), b"")
        return serve(request, Content(data, f'"{sha256(data)[:32]}"'))


def _refused(status: int, code: str) -> Reply:
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'
    return Reply(status, [("Content-Type", "application/xml")], text.encode())


def _no_page() -> Reply:
    return as_html("Page not found", "<h1>404</h1>", 404)
