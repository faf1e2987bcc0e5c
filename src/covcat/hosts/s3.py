"""One object of a public S3 bucket, over https.

Nothing is asked beforehand: an ETag is an md5 only for some objects, which cannot be told from
outside (encrypted ones look alike; `…-N` is of the parts), so it is a validator and no digest.
"""

from pathlib import PurePosixPath
from urllib.parse import quote

from covcat.catalog.files import S3File
from covcat.download.remote import Location, RemoteFile
from covcat.hosts.base import HostContext, alone


def list_files(file: S3File, _: HostContext) -> list[RemoteFile]:
    """The entry is the file."""
    return [alone(file, PurePosixPath(file.key).name)]


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """Ask the bucket's own host; names with dots have no certificate, so these go by path."""
    file = remote.file
    assert isinstance(file, S3File)
    key = quote(file.key, safe="/~")
    if "." in file.bucket:
        url = f"https://s3.{file.region}.amazonaws.com/{file.bucket}/{key}"
    else:
        url = f"https://{file.bucket}.s3.{file.region}.amazonaws.com/{key}"
    return Location(url=url, name=remote.name)
