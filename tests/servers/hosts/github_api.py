"""api.github.com: trees, commits, blobs, releases, and its limits."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from servers.hosts.github_data import Entry, Repository
from servers.hosts.message import Reply, Request, as_json, md5, redirect

HOST = "api.github.com"
_DOCS = "https://docs.github.com/rest"
_TIME = "2021-01-05T10:00:00Z"
_HOUR = 3600


class Api:
    """What answers below /repos/."""

    def __init__(self, now: Callable[[], float], repositories: Mapping[str, Repository]) -> None:
        self._now, self._repositories = now, repositories
        self.tokens = {"github-token"}
        self.limit: int | None = None  # of requests without a token; None counts only
        self.used = 0
        self.tree_limit = 100_000  # entries of a recursive tree, after which it is cut
        self.truncates = False  # if set, every recursive tree is cut after half of it

    def reply(self, request: Request, asset: Callable[[Repository, int], Reply]) -> Reply:
        """Answer; `asset` redirects to a release's file."""
        if not request.agent:
            text = "Request forbidden by administrative rules. Please make sure your request has "
            return Reply(403, body=f"{text}a User-Agent header\n".encode())
        token = _token(request)
        if token and token not in self.tokens:
            return self._error(401, "Bad credentials")
        if self.limit is not None and not token and self.used >= self.limit:
            return self.rate_limited()
        self.used += 1
        repository = self._repository(request.parts, is_known=bool(token))
        if repository is None:
            return self._error(404, "Not Found")
        return self._conditional(request, self._routed(request, repository, asset))

    def rate_limited(self, status: int = 403) -> Reply:
        """Return the answer after the last request of the hour."""
        text = (
            "API rate limit exceeded for 192.0.2.5. (But here's the good news: Authenticated "
            "requests get a higher rate limit. Check out the documentation for more details.)"
        )
        where = f"{_DOCS}/overview/resources-in-the-rest-api#rate-limiting"
        found = as_json({"message": text, "documentation_url": where}, status)
        return found.having({**self._headers(), "x-ratelimit-remaining": "0"})

    def secondary_limit(self, wait: int | None = 60, status: int = 403) -> Reply:
        """Return the answer to too many at once; it does not always say how long to wait."""
        text = "You have exceeded a secondary rate limit. Please wait a few minutes."
        where = f"{_DOCS}/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
        waits = [] if wait is None else [("retry-after", str(wait))]
        return as_json({"message": text, "documentation_url": where}, status, waits)

    def _repository(self, parts: list[str], *, is_known: bool) -> Repository | None:
        if parts[:1] != ["repos"] or len(parts) < 3:
            return None
        found = self._repositories.get(f"{parts[1]}/{parts[2]}".lower())
        return found if found and (is_known or not found.is_private) else None

    def _routed(
        self, request: Request, one: Repository, asset: Callable[[Repository, int], Reply]
    ) -> Reply:
        match request.parts[3:]:
            case []:
                return self._json(_about(one))
            case ["commits", *ref]:
                return self._commit(request, one, "/".join(ref))
            case ["git", "trees", id]:
                return self._tree(one, id, is_deep="recursive" in request.query)
            case ["git", "blobs", id]:
                return self._blob(request, one, one.blob(id))
            case ["releases", *rest]:
                return self._releases(request, one, rest, asset)
            case ["zipball" | "tarball" as kind, *ref]:
                form = "legacy.zip" if kind == "zipball" else "legacy.tar.gz"
                place = "/".join(ref) or "HEAD"
                return redirect(f"https://codeload.github.com/{one.name}/{form}/{place}")
        return self._error(404, "Not Found")

    # ---- git -----------------------------------------------------------------------------------

    def _tree(self, one: Repository, id: str, *, is_deep: bool) -> Reply:
        found = one.tree(id)
        if found is None:
            return self._error(404, "Not Found")
        commit, folder = found
        listed = list(commit.walk(folder)) if is_deep else commit.level(folder)
        rows = [one.row(path.removeprefix(folder), mode, sha) for path, mode, sha in listed]
        most = len(rows) // 2 if self.truncates and is_deep else self.tree_limit
        sha = commit.trees[folder]
        value = {
            "sha": sha,
            "url": f"https://{HOST}/repos/{one.name}/git/trees/{sha}",
            "tree": rows[:most],
            "truncated": len(rows) > most,
        }
        return self._json(value)

    def _commit(self, request: Request, one: Repository, ref: str) -> Reply:
        commit = one.find(ref)
        if commit is None:
            return self._error(422, f"No commit found for SHA: {ref}")
        if "vnd.github.sha" in request.headers.get("accept", ""):
            kind = ("Content-Type", "application/vnd.github.sha")
            return Reply(200, [kind, *self._headers().items()], commit.sha.encode())
        own, tree = f"https://{HOST}/repos/{one.name}", commit.trees[""]
        person = {"name": "Made Up", "email": "made@up.example", "date": _TIME}
        value = {
            "sha": commit.sha,
            "node_id": "MADEUP",
            "commit": {
                "author": person,
                "committer": person,
                "message": "Made up",
                "tree": {"sha": tree, "url": f"{own}/git/trees/{tree}"},
                "url": f"{own}/git/commits/{commit.sha}",
                "comment_count": 0,
            },
            "url": f"{own}/commits/{commit.sha}",
            "html_url": f"https://github.com/{one.name}/commit/{commit.sha}",
            "parents": [],
        }
        return self._json(value)

    def _blob(self, request: Request, one: Repository, entry: Entry | None) -> Reply:
        if entry is None:
            return self._error(404, "Not Found")
        if "raw" in request.headers.get("accept", ""):
            kind = ("Content-Type", "application/vnd.github.raw+json")
            return Reply(200, [kind, *self._headers().items()], entry.data)
        value = {
            "sha": entry.id,
            "node_id": "MADEUP",
            "size": len(entry.data),
            "url": f"https://{HOST}/repos/{one.name}/git/blobs/{entry.id}",
            "content": base64.encodebytes(entry.data).decode(),
            "encoding": "base64",
        }
        return self._json(value)

    # ---- releases ------------------------------------------------------------------------------

    def _releases(
        self,
        request: Request,
        one: Repository,
        rest: list[str],
        asset: Callable[[Repository, int], Reply],
    ) -> Reply:
        match rest:
            case []:
                return self._release_page(request, one)
            case ["latest"] if one.releases:
                return self._json(list(one.releases.values())[-1])
            case ["tags", *tag] if "/".join(tag) in one.releases:
                return self._json(one.releases["/".join(tag)])
            case ["assets", id] if id.isdecimal() and int(id) in one.assets:
                if "octet-stream" in request.headers.get("accept", ""):
                    return asset(one, int(id))
                every = (known for release in one.releases.values() for known in release["assets"])
                return self._json(next(known for known in every if known["id"] == int(id)))
        return self._error(404, "Not Found")

    def _release_page(self, request: Request, one: Repository) -> Reply:
        size = min(int(request.query.get("per_page", "30")), 100)
        page = int(request.query.get("page", "1"))
        every = list(reversed(one.releases.values()))
        found = self._json(every[(page - 1) * size : page * size])
        if page * size < len(every):
            own = f"https://{HOST}/repos/{one.name}/releases?per_page={size}&page={page + 1}"
            found = found.having({"Link": f'<{own}>; rel="next"'})
        return found

    # ---- shapes --------------------------------------------------------------------------------

    def _headers(self) -> dict[str, str]:
        most = 60 if self.limit is None else self.limit
        return {
            "x-github-media-type": "github.v3; format=json",
            "x-github-api-version-selected": "2022-11-28",
            "x-ratelimit-limit": str(most),
            "x-ratelimit-remaining": str(max(most - self.used, 0 if self.limit else 1)),
            "x-ratelimit-reset": str(int(self._now()) + _HOUR),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-resource": "core",
            "x-github-request-id": "MADEUP",
        }

    def _json(self, value: object) -> Reply:
        kind = "application/json; charset=utf-8"
        found = as_json(value, 200, self._headers().items(), kind)
        more = {
            "ETag": f'W/"{md5(found.body)}"',
            "Cache-Control": "public, max-age=60, s-maxage=60",
            "Vary": "Accept,Accept-Encoding, Accept, X-Requested-With",
        }
        return found.having(more)

    def _conditional(self, request: Request, reply: Reply) -> Reply:
        """Answer 304 where the client holds the same; with a token that does not count."""
        wanted = request.headers.get("if-none-match")
        if reply.status != 200 or wanted is None or wanted != reply.header("ETag"):
            return reply
        self.used -= bool(_token(request))
        return Reply(304, reply.headers)

    def _error(self, status: int, message: str) -> Reply:
        value = {"message": message, "documentation_url": _DOCS, "status": str(status)}
        return as_json(value, status, self._headers().items())


def _token(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() in ("bearer", "token", "basic") else kind


def _about(one: Repository) -> dict[str, Any]:
    owner, _, name = one.name.partition("/")
    return {
        "id": one.number,
        "name": name,
        "full_name": one.name,
        "private": one.is_private,
        "owner": {"login": owner},
        "html_url": f"https://github.com/{one.name}",
        "default_branch": one.branch,
    }


def release(one: Repository, tag: str, assets: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a release as the API gives it."""
    own, number = f"https://{HOST}/repos/{one.name}", len(one.releases) + 1
    return {
        "url": f"{own}/releases/{number}",
        "html_url": f"https://github.com/{one.name}/releases/tag/{tag}",
        "id": number,
        "tag_name": tag,
        "target_commitish": one.branch,
        "name": tag,
        "draft": False,
        "immutable": False,
        "prerelease": False,
        "created_at": _TIME,
        "published_at": _TIME,
        "assets": assets,
        "tarball_url": f"{own}/tarball/{tag}",
        "zipball_url": f"{own}/zipball/{tag}",
        "body": "",
    }


def asset(
    one: Repository, tag: str, id: int, name: str, size: int, digest: str | None
) -> dict[str, Any]:
    """Return a file of a release as the API gives it."""
    return {
        "url": f"https://{HOST}/repos/{one.name}/releases/assets/{id}",
        "id": id,
        "node_id": "MADEUP",
        "name": name,
        "label": "",
        "uploader": {"login": "made-up"},
        "content_type": "application/octet-stream",
        "state": "uploaded",
        "size": size,
        "digest": digest,
        "download_count": 1,
        "created_at": _TIME,
        "updated_at": _TIME,
        "browser_download_url": f"https://github.com/{one.name}/releases/download/{tag}/{name}",
    }
