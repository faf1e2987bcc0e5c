"""Made in the tests: archives from dicts, catalog entries, a loopback server, runs of covcat."""

import contextlib
import hashlib
import io
import json
import os
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from covcat.catalog import listing
from covcat.digests import blob_hasher, tree_id

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = {
    "README.md": b"# a synthetic repository\n",
    "images/one.png": b"\x89PNG one" * 100,
    "images/two.png": b"\x89PNG two" * 100,
    "scripts/run.sh": b"#!/bin/sh\n",
}


# ---- archives ----------------------------------------------------------------------------------


def zip_of(members: Mapping[str, bytes], comment: str = "", modes: Mapping[str, int] = {}) -> bytes:
    """A deflated zip as `git archive` writes it: a mode only where it is special."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2020, 5, 8, 0, 0, 0))
            info.external_attr = modes.get(name, 0) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
        archive.comment = comment.encode()
    return buffer.getvalue()


def tar_of(members: Mapping[str, bytes], packing: str = "") -> bytes:
    """A tar, packed with gz, bz2, xz or nothing."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def git_zip(files: Mapping[str, bytes], name: str = "set", commit: str = COMMIT) -> bytes:
    """A repository as codeload serves it: one root folder, the commit in the comment."""
    root = f"{name}-{commit}/"
    modes = {root + path: stat.S_IFREG | 0o755 for path in files if path.endswith(".sh")}
    return zip_of({root: b"", **{root + path: data for path, data in files.items()}}, commit, modes)


def git_rows(files: Mapping[str, bytes]) -> list[listing.ListedFile]:
    """The listing rows of a repository."""
    rows = []
    for path, data in files.items():
        blob = blob_hasher(len(data))
        blob.update(data)
        mode = "100755" if path.endswith(".sh") else "100644"
        sha256 = hashlib.sha256(data).hexdigest()
        rows.append(listing.ListedFile(path, mode, blob.hexdigest(), len(data), sha256))
    return rows


# ---- the catalog -------------------------------------------------------------------------------

ENTRY = """\
id: {id}
title: {title}
organization: A test
homepage: https://example.org/{id}
homepage_source: made up
summary: Made up for a test.
found: {{ct: Y, xray: N, mri: N, ultrasound: N, metadata: Y, case_review: N, source: made up}}
license:
  spdx: CC-BY-4.0
  allows: {{commercial: "yes", derivatives: "yes", redistribution: "yes"}}
  source: made up
access: open
citation:
  - {{entry: misc, key: {id}, source: made up, fields: {{title: A set, year: "2020"}}}}
{more}"""


@dataclass
class Shelf:
    """A catalog folder of the user's own."""

    folder: Path

    def add(self, id: str, more: str, title: str = "A made-up set") -> None:
        """Write an entry; `more` are the keys after the common ones."""
        self.folder.mkdir(exist_ok=True)
        text = ENTRY.format(id=id, title=title, more=more)
        (self.folder / f"{id}.yaml").write_text(text, encoding="utf-8")

    def add_repository(
        self,
        id: str = "set",
        files: Mapping[str, bytes] = REPOSITORY,
        *,
        tree: str | None = None,
        keep: str = "",
        override: bool = False,
    ) -> str:
        """Write an entry pinned to a repository by tree and listing; return its tree id."""
        rows = [row for row in git_rows(files) if row.path.startswith(keep)]
        cut = [(row.path.removeprefix(keep), row.mode or "", row.blob or "") for row in rows]
        pinned = tree or tree_id(cut)
        (self.folder / "listings").mkdir(parents=True, exist_ok=True)
        listing.write(self.folder / "listings" / f"{id}@1.tsv.gz", rows)
        total = sum(row.bytes or 0 for row in rows)
        keeps = f"\n        keep: {keep}" if keep else ""
        more = f"""\
{"override: yes" if override else ""}
releases:
  - id: "1"
    source: made up
    files:
      - host: github
        repository: test/set
        commit: {COMMIT}
        tree: {pinned}
        unpack: zip{keeps}
    listing: listings/{id}@1.tsv.gz
    contents: {{files: {len(rows)}, bytes: {total}}}
"""
        self.add(id, more)
        return pinned

    def add_web(self, id: str, name: str, **keys: object) -> None:
        """Write an entry with one plain https file."""
        lines = "".join(f"        {key}: {value}\n" for key, value in keys.items())
        more = f"""\
releases:
  - id: "1"
    source: made up
    files:
      - host: web
        url: https://data.example.org/{name}
        name: {name}
{lines}"""
        self.add(id, more)


# ---- the server --------------------------------------------------------------------------------


@dataclass
class Answer:
    """What a path answers; `cut` ends the connection after so many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    has_length: bool = True  # else chunked, as codeload answers
    cut: int | None = None


@dataclass
class Server:
    """A loopback server; `routes` maps a path to its answers, the last of which stays."""

    url: str
    routes: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def serve(self, path: str, *answers: Answer) -> None:
        """Answer `path` with these, one after the other."""
        self.routes[path] = list(answers)

    def serve_repository(self, body: bytes, repository: str = "test/set") -> None:
        """Serve codeload's answer: chunked, no length, no ranges, a weak ETag."""
        headers = {"Content-Type": "application/zip", "ETag": 'W/"made-up"'}
        path = f"/codeload.github.com/{repository}/zip/{COMMIT}"
        self.serve(path, Answer(body, headers=headers, has_length=False))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for word that its head has come
    imitation: Server

    def do_GET(self) -> None:
        self.imitation.requests.append((self.path, dict(self.headers)))
        answers = self.imitation.routes.get(self.path, [Answer(b"no", 404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.has_length:
            self.send_header("Content-Length", str(len(answer.body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        body = answer.body if answer.cut is None else answer.body[: answer.cut]
        try:
            if answer.has_length:
                self.wfile.write(body)
            else:
                for start in range(0, len(body), 65536):
                    piece = body[start : start + 65536]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if answer.cut is None:
                    self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass
        if answer.cut is not None:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


# ---- the command line --------------------------------------------------------------------------


@dataclass
class Ran:
    """One run of covcat."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict:
        """Stdout as the one JSON document that it must be."""
        return json.loads(self.out)


def tree_on_disk(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, as relative path -> bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ---- terminals ---------------------------------------------------------------------------------


def seen_by(leader: int) -> bytes:
    """Return all that is written to a terminal until its last program ends."""
    seen = b""
    with contextlib.suppress(OSError):  # Linux says EIO when the other side is closed
        while piece := os.read(leader, 65536):
            seen += piece
    os.close(leader)
    return seen
