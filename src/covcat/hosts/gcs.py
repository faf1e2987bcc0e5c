"""Objects of a public bucket in Google's store: one, or all below a prefix.

Lists come from the JSON API, which says an md5 of each object; the XML one, which is made as S3's
is, has an ETag in its place. What was put together of several objects has no md5.
"""

import base64
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import quote, urlencode

from covcat.catalog.files import GcsFile, S3File
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import RefusedError, TransientError
from covcat.hosts import s3
from covcat.hosts.base import HostContext, claim, one_of, remote_file
from covcat.hosts.objects import PAGE, Page, list_set, read_objects
from covcat.hosts.trees import Tree

HOST = "storage.googleapis.com"
_FIELDS = "items(name,size,md5Hash),nextPageToken"


def list_files(file: GcsFile, context: HostContext) -> list[RemoteFile]:
    """The entry is the file, whose md5 comes with it; or stands for a prefix, or for series."""
    if file.key is not None:
        one = remote_file(file, PurePosixPath(file.key).name, id=file.key)
        return [replace(one, has_claim=True)]
    return list_set(file, context, lambda prefix: list_objects(file, prefix, context))


def list_objects(file: GcsFile, prefix: str, context: HostContext) -> list[RemoteFile]:
    """Ask for all below a prefix; where Google does not answer, its twin, which has no digests."""
    twin = None if context.needs_digests else _twin(file)
    if twin is None:
        return _list(file, prefix, context)
    if HOST not in context.silent:
        try:
            return _list(file, prefix, context)
        except (TransientError, RefusedError) as error:
            if HOST not in context.silent:
                context.api.note(f"{error.message}; asking {s3.address(twin.bucket, twin.region)}")
            context.silent.add(HOST)
    return s3.list_objects(twin, prefix, context)


def _list(file: GcsFile, prefix: str, context: HostContext) -> list[RemoteFile]:
    top = f"https://{HOST}/storage/v1/b/{file.bucket}/o"

    def ask(token: str) -> Page:
        asked = {"prefix": prefix, "maxResults": str(PAGE), "fields": _FIELDS}
        if token:
            asked["pageToken"] = token
        found = context.api.json(f"{top}?{urlencode(asked, quote_via=quote)}", once=False)
        tree = Tree(found)
        return tree.find_rows("items"), tree.text("nextPageToken")

    return [
        one_of(
            file,
            row.text("name").removeprefix(prefix),
            id=row.text("name"),
            size=row.size("size"),
            claims=_md5(row),
        )
        for row in read_objects(f"the bucket {file.bucket}", ask)
    ]


def _md5(row: Tree) -> list[Digest]:
    """Return the md5, which is in base64 as in all of Google's interfaces."""
    try:
        found = base64.b64decode(row.text("md5Hash"), validate=True).hex()
    except ValueError:
        found = row.text("md5Hash")  # which is no md5 either, and refused as such
    return claim("md5", found, row.text("name"))


def _twin(file: GcsFile) -> S3File | None:
    if file.twin is None:
        return None
    return S3File(
        host="s3",
        bucket=file.twin.bucket,
        region=file.twin.region,
        unpack=file.unpack,
        into=file.into,
        exclude=file.exclude,
    )


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """Ask for the object itself."""
    file = remote.file
    assert isinstance(file, GcsFile)
    url = f"https://{HOST}/{file.bucket}/{quote(remote.id, safe='/~')}"
    return Location(url=url, name=remote.name)


def mirrors(remote: RemoteFile) -> tuple[str, ...]:
    """Return where the same object is in the twin."""
    file = remote.file
    assert isinstance(file, GcsFile)
    own = file.mirrors if remote.is_alone else ()
    return (*own, s3.address(file.twin.bucket, file.twin.region, remote.id)) if file.twin else own
