"""figshare: ten files a page unless asked, links of ten seconds, and a site that challenges."""

import mimetypes
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from servers.hosts.s3 import S3
from servers.hosts.signing import Signer
from servers.message import (
    Reply,
    Request,
    Site,
    as_html,
    as_json,
    md5,
    redirect,
    spoilt,
    version_of,
)

API, DOWNLOADS, SITE = "api.figshare.com", "ndownloader.figshare.com", "figshare.com"
STORAGE, BUCKET = "s3-eu-west-1.amazonaws.com", "pfigshare-u-files"
_NGINX = (("Server", "nginx"),)
_SHUT = ("is_embargoed", "is_confidential", "is_metadata_record", "download_disabled")
_IN_ARTICLE = 10  # files that the article itself names at most
_MOST = 1000
_LINK_SECONDS = 10


@dataclass(frozen=True)
class Article:
    """One version of an article; files by id."""

    id: str
    number: str
    files: Mapping[str, tuple[str, bytes]]
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # name, address
    unhashed: Collection[str] = ()
    folders: Mapping[str, str] = field(default_factory=dict)
    doi: str = ""

    def file_list(self) -> list[dict[str, Any]]:
        """Return every file, those that lie elsewhere last."""
        here = [self._file(id, name, data) for id, (name, data) in self.files.items()]
        return here + [_linked(id, name, url) for id, (name, url) in self.links.items()]

    def _file(self, id: str, name: str, data: bytes) -> dict[str, Any]:
        digest = "" if id in self.unhashed else md5(data)
        return {
            "id": int(id),
            "name": name,
            "size": len(data),
            "is_link_only": False,
            "download_url": f"https://{DOWNLOADS}/files/{id}",
            "supplied_md5": digest,
            "computed_md5": digest,
            "mimetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
        }

    def as_json(self) -> dict[str, Any]:
        """Return the article; of its files only the first ten."""
        own = f"https://{API}/v2/articles/{self.id}"
        return {
            "id": int(self.id),
            "title": "A made-up article",
            "doi": self.doi,
            "url": own,
            "url_public_html": f"https://{SITE}/articles/dataset/Made_up/{self.id}",
            "url_public_api": own,
            "published_date": "2021-01-05T10:00:00Z",
            "defined_type_name": "dataset",
            "files": self.file_list()[:_IN_ARTICLE],
            "folder_structure": dict(self.folders),
            "size": sum(len(data) for _, data in self.files.values()),
            "version": int(self.number),
            "has_linked_file": bool(self.links),
            "authors": [{"id": 1, "full_name": "Made Up", "is_active": True, "orcid_id": ""}],
            "citation": "Made up.",
            "status": "public",
            "license": {
                "value": 2,
                "name": "CC0",
                "url": "https://creativecommons.org/publicdomain/zero/1.0/",
            },
            **dict.fromkeys(_SHUT, False),
        }


class Figshare(Site):
    """The API, the download host, and the site."""

    hosts = (API, DOWNLOADS, SITE, f"www.{SITE}")

    def __init__(self, signer: Signer, s3: S3) -> None:
        self._signer, self._s3 = signer, s3
        self.tokens = {"figshare-token"}
        self._articles: dict[str, list[Article]] = {}
        self._names: dict[str, str] = {}  # of files, by id
        s3.bucket(BUCKET, "eu-west-1", lists=False)

    def add(
        self,
        article: str,
        files: Mapping[str, tuple[str, bytes]],
        *,
        version: str = "1",
        links: Mapping[str, tuple[str, str]] = {},
        unhashed: Collection[str] = (),
        folders: Mapping[str, str] = {},
        wrong: Collection[str] = (),
    ) -> None:
        """Publish a version: `files` are id -> (name, data), `links` id -> (name, address).

        `computed_md5` of the `unhashed` is empty; of the `wrong`, other bytes come.
        """
        doi = f"10.6084/m9.figshare.{article}.v{version}"
        made = Article(article, version, files, links, unhashed, folders, doi)
        others = [one for one in self._articles.get(article, []) if one.number != version]
        self._articles[article] = [*others, made]
        for id, (name, data) in files.items():
            self._names[id] = name
            sent = spoilt(data) if id in wrong else data
            self._s3.add(BUCKET, "eu-west-1", f"{id}/{name}", sent, private=True)

    def files(self, article: str, version: str) -> dict[str, tuple[str, bytes]]:
        found = self._version(article, version)
        return dict(found.files) if found else {}

    def reply(self, request: Request) -> Reply:
        given = request.headers.get("authorization", "").removeprefix("token ")
        if given and given not in self.tokens:
            return _error(403, "Invalid OAuth token", "OAuthInvalidToken")
        if request.host == API:
            return self._api(request, request.parts[1:])
        if request.host == DOWNLOADS:
            return self._download(request.parts[1]) if request.parts[0] == "files" else _no_page()
        if request.parts[:1] != ["ndownloader"]:
            return as_html("A made-up article", "<h1>A page</h1>")
        # the pages' own host is no good to a downloader
        return Reply(202, [("x-amzn-waf-action", "challenge"), ("Server", "CloudFront")])

    def _download(self, id: str) -> Reply:
        name = self._names.get(id)
        if name is None:
            return _no_page()
        path = f"/{BUCKET}/{id}/{name}"
        return redirect(self._signer.link("aws", STORAGE, path, _LINK_SECONDS), 302, *_NGINX)

    def _version(self, article: str, number: str | None = None) -> Article | None:
        return version_of(self._articles.get(article, []), number)

    def _api(self, request: Request, parts: list[str]) -> Reply:
        match parts:
            case ["file", "download", id]:
                return self._download(id)
            case ["articles", id, "versions", version, *rest]:
                return self._article(request, self._version(id, version), rest)
            case ["articles", id, *rest]:
                return self._article(request, self._version(id), rest)
        return _error(404, "Not found", "NotFound")

    def _article(self, request: Request, article: Article | None, rest: list[str]) -> Reply:
        if article is None:
            return _error(404, "Entity not found: ArticleVersion", "EntityNotFound")
        if rest == ["files"]:
            return _page(article.file_list(), request.query)
        return _json(article.as_json())


def _page(files: list[dict[str, Any]], query: Mapping[str, str]) -> Reply:
    """Return one page: there is no total and no link to the next."""
    size, page = int(query.get("page_size", "10")), int(query.get("page", "1"))
    if not 1 <= size <= _MOST or page < 1:
        return _error(400, f"Invalid page size: {size}", "BadRequest")
    return _json(files[(page - 1) * size : page * size])


def _linked(id: str, name: str, url: str) -> dict[str, Any]:
    return {
        "id": int(id),
        "name": name,
        "size": 0,
        "is_link_only": True,
        "download_url": url,
        "supplied_md5": "",
        "computed_md5": "",
        "mimetype": "",
    }


def _no_page() -> Reply:
    return as_html("404 Not Found", "<h1>404 Not Found</h1>", 404, *_NGINX)


def _json(value: object) -> Reply:
    return as_json(value, 200, _NGINX)


def _error(status: int, message: str, code: str) -> Reply:
    return as_json({"message": message, "code": code}, status, _NGINX)
