"""Objects of a public S3 bucket, over https: one, or all below a prefix.

Of one nothing is asked beforehand. A list says their sizes, and no digest: an ETag is an md5 only
for some objects, which cannot be told from outside (encrypted ones look alike; `…-N` is of the
parts), so it is a validator.
"""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus, urlencode

from covcat.catalog.files import S3File
from covcat.download.remote import Location, RemoteFile
from covcat.errors import NetworkError
from covcat.hosts.base import HostContext, one_of, remote_file
from covcat.hosts.objects import PAGE, Page, list_set, read_objects
from covcat.hosts.trees import Tree

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def list_files(file: S3File, context: HostContext) -> list[RemoteFile]:
    """The entry is the file, or stands for all below its prefix, or for series."""
    if file.key is not None:
        return [remote_file(file, PurePosixPath(file.key).name, id=file.key)]
    return list_set(file, context, lambda prefix: list_objects(file, prefix, context))


def list_objects(file: S3File, prefix: str, context: HostContext) -> list[RemoteFile]:
    """Ask for all below a prefix; keys come encoded, since XML cannot hold every letter."""
    top = address(file.bucket, file.region)

    def ask(token: str) -> Page:
        asked = {"list-type": "2", "prefix": prefix, "encoding-type": "url", "max-keys": str(PAGE)}
        if token:
            asked["continuation-token"] = token
        tree = context.api.xml(f"{top}?{urlencode(asked, quote_via=quote)}")
        if not tree.tag.endswith("ListBucketResult"):
            raise NetworkError(f"`{top}` answered with `{tree.tag[:80]}`, which is no list")
        return list(map(_row, tree.iterfind("{*}Contents"))), _text(tree, "NextContinuationToken")

    return [
        one_of(file, name.removeprefix(prefix), id=name, size=row.size("size"))
        for row in read_objects(f"the bucket {file.bucket}", ask)
        for name in [row.text("name")]
    ]


def _row(found: "Element") -> Tree:
    return Tree({"name": unquote_plus(_text(found, "Key")), "size": _text(found, "Size")})


def _text(tree: "Element", name: str) -> str:
    return tree.findtext(f"{{*}}{name}") or ""


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """Ask the bucket's own host."""
    file = remote.file
    assert isinstance(file, S3File)
    return Location(url=address(file.bucket, file.region, remote.id), name=remote.name)


def address(bucket: str, region: str, key: str = "") -> str:
    """Return where a bucket is; names with dots have no certificate, so these go by path."""
    host = f"s3.{region}.amazonaws.com"
    where = f"{host}/{bucket}" if "." in bucket else f"{bucket}.{host}"
    return f"https://{where}/{quote(key, safe='/~')}"
