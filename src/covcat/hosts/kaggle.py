"""A Kaggle data set's zip, or one file of it. Kaggle publishes no digest.

Public sets are served without a login; sets that ask for consent, and some networks, need one.
The redirect leads to Google's storage, whose answer brings the md5 of what it sends
(`x-goog-hash`): that shows a whole transfer, not the right data.
"""

from dataclasses import replace
from urllib.parse import quote

from covcat.catalog.files import KaggleFile
from covcat.download.remote import Location, RemoteFile
from covcat.hosts.base import HostContext, alone
from covcat.hosts.logins import of_kaggle

API = "https://www.kaggle.com/api/v1/datasets"


def listed(file: KaggleFile, ask: HostContext) -> list[RemoteFile]:
    """The zip is made of all files of a version."""
    del ask
    name = file.dataset.rpartition("/")[2] + (f"-{file.version}" if file.version else "") + ".zip"
    if file.file is not None:
        name = file.file.rpartition("/")[2]
    return [replace(alone(file, name), has_claim=True)]


def locate(served: RemoteFile, ask: HostContext) -> Location:
    """Ask Kaggle for a signed address each time: it is good for three days."""
    del ask
    file = served.file
    assert isinstance(file, KaggleFile)
    one = f"/{quote(file.file)}" if file.file else ""
    version = f"?datasetVersionNumber={file.version}" if file.version else ""
    url = f"{API}/download/{file.dataset}{one}{version}"
    return Location(url=url, name=served.name, login=of_kaggle())
