"""api.github.com: trees, commits, blobs, releases, and its limits."""

from collections.abc import Callable, Mapping
from typing import Any

from servers.hosts.github_data import Repository
from servers.message import Reply, Request, as_json, md5

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
        self.truncates = False  # if set, every recursive tree is cut after half of it

    def reply(self, request: Request) -> Reply:
        if not request.agent:
            text = "Request forbidden by administrative rules. Please make sure your request has "
            return Reply(403, body=f"{text}a User-Agent header\n".encode())
        token = _token(request)
        if token and token not in self.tokens:
            return self._error(401, "Bad credentials")
        if self.limit is not None and not token and self.used >= self.limit:
            return self._rate_limited()
        self.used += 1
        match request.parts:
            case ["repos", owner, name, *rest] if f"{owner}/{name}".lower() in self._repositories:
                one = self._repositories[f"{owner}/{name}".lower()]
                found = self._routed(one, rest, is_deep="recursive" in request.query)
                if found.header("etag") and found.header("etag") == request.headers.get(
                    "if-none-match"
                ):
                    self.used -= bool(token)  # of those who are logged in it does not count
                    kept = [row for row in found.headers if row[0].lower() != "content-type"]
                    return Reply(304, kept)
                return found
        return self._error(404, "Not Found")

    def _rate_limited(self) -> Reply:
        """Return the answer after the last request of the hour."""
        text = (
            "API rate limit exceeded for 192.0.2.5. (But here's the good news: Authenticated "
            "requests get a higher rate limit. Check out the documentation for more details.)"
        )
        where = f"{_DOCS}/overview/resources-in-the-rest-api#rate-limiting"
        found = as_json({"message": text, "documentation_url": where}, 403)
        return found.having({**self._headers(), "x-ratelimit-remaining": "0"})

    def _routed(self, one: Repository, parts: list[str], *, is_deep: bool) -> Reply:
        match parts:
            case []:
                return self._json(_about(one))
            case ["commits", *ref]:
                return self._commit(one, "/".join(ref))
            case ["git", "trees", id]:
                return self._tree(one, id, is_deep=is_deep)
            case ["releases", "latest"] if one.releases:
                return self._json(list(one.releases.values())[-1])
            case ["releases", "tags", *tag] if "/".join(tag) in one.releases:
                return self._json(one.releases["/".join(tag)])
        return self._error(404, "Not Found")

    def _tree(self, one: Repository, id: str, *, is_deep: bool) -> Reply:
        found = one.tree(id)
        if found is None:
            return self._error(404, "Not Found")
        commit, folder = found
        listed = list(commit.walk(folder)) if is_deep else commit.level(folder)
        rows = [one.row(path.removeprefix(folder), mode, sha) for path, mode, sha in listed]
        most = len(rows) // 2 if self.truncates and is_deep else 100_000
        sha = commit.trees[folder]
        value = {
            "sha": sha,
            "url": f"https://{HOST}/repos/{one.name}/git/trees/{sha}",
            "tree": rows[:most],
            "truncated": len(rows) > most,
        }
        return self._json(value)

    def _commit(self, one: Repository, ref: str) -> Reply:
        commit = one.find(ref)
        if commit is None:
            return self._error(422, f"No commit found for SHA: {ref}")
        own, tree = f"https://{HOST}/repos/{one.name}", commit.trees[""]
        person = {"name": "Made Up", "email": "made@up.example", "date": _TIME}
        value = {
            "sha": commit.sha,
            "commit": {
                "author": person,
                "committer": person,
                "message": "Made up",
                "tree": {"sha": tree, "url": f"{own}/git/trees/{tree}"},
                "url": f"{own}/git/commits/{commit.sha}",
            },
            "url": f"{own}/commits/{commit.sha}",
            "html_url": f"https://github.com/{one.name}/commit/{commit.sha}",
        }
        return self._json(value)

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
        "private": False,
        "owner": {"login": owner},
        "html_url": f"https://github.com/{one.name}",
        "default_branch": one.branch,
    }


def release(one: Repository, tag: str, assets: list[dict[str, Any]]) -> dict[str, Any]:
    own, number = f"https://{HOST}/repos/{one.name}", len(one.releases) + 1
    return {
        "url": f"{own}/releases/{number}",
        "id": number,
        "tag_name": tag,
        "name": tag,
        "draft": False,
        "prerelease": False,
        "published_at": _TIME,
        "assets": assets,
    }


def asset(
    one: Repository, tag: str, id: int, name: str, size: int, digest: str | None
) -> dict[str, Any]:
    return {
        "url": f"https://{HOST}/repos/{one.name}/releases/assets/{id}",
        "id": id,
        "name": name,
        "content_type": "application/octet-stream",
        "state": "uploaded",
        "size": size,
        "digest": digest,
        "browser_download_url": f"https://github.com/{one.name}/releases/download/{tag}/{name}",
    }
