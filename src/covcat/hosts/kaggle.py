"""A Kaggle data set's zip, or one file of it. Kaggle publishes no digest.

Public sets are served without a login; sets that ask for consent, and some networks, need one.
The redirect leads to Google's storage, whose answer brings the md5 of what it sends
(`x-goog-hash`): that shows a whole transfer, not the right data.
"""

from dataclasses import replace
from urllib.parse import quote

from covcat.catalog.files import KaggleFile
from covcat.catalog.marks import Count
from covcat.download.remote import Location, RemoteFile
from covcat.errors import NetworkError
from covcat.hosts.base import HostContext, remote_file
from covcat.hosts.logins import of_kaggle
from covcat.hosts.record import NAME, Description, Forms, HostRecord, Newest, find_date
from covcat.hosts.trees import Tree

API = "https://www.kaggle.com/api/v1/datasets"
FILE_PAGE = "https://www.kaggle.com/datasets/{0.dataset}"
FORMS = Forms(
    short=rf"(?P<id>{NAME}/{NAME})(?:@(?P<version>\d+))?",
    full=rf"kaggle\.com/(?:datasets/)?(?P<id>{NAME}/{NAME})(?:/versions/(?P<version>\d+))?/?",
    example="kaggle:OWNER/SLUG or kaggle:OWNER/SLUG@5",
    page="https://www.kaggle.com/datasets/{id}",
)


def list_files(file: KaggleFile, _: HostContext) -> list[RemoteFile]:
    """The zip is made of all files of a version."""
    name = file.dataset.rpartition("/")[2] + (f"-{file.version}" if file.version else "") + ".zip"
    if file.file is not None:
        name = file.file.rpartition("/")[2]
    return [replace(remote_file(file, name), has_claim=True)]


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """Ask Kaggle for a signed address each time: it is good for three days."""
    file = remote.file
    assert isinstance(file, KaggleFile)
    one = f"/{quote(file.file)}" if file.file else ""
    version = f"?datasetVersionNumber={file.version}" if file.version else ""
    url = f"{API}/download/{file.dataset}{one}{version}"
    return Location(url=url, name=remote.name, login=of_kaggle())


def newest(file: KaggleFile, context: HostContext) -> Newest:
    """Return the newest version of the file's data set."""
    tree = _view(f"{API}/view/{file.dataset}", file.dataset, context)
    number = tree.mark(Count, "currentVersionNumber")
    is_held = None if file.version is None else number == file.version
    return Newest(kind="version", version=number, at=_created(tree, number), is_held=is_held)


def _view(asked: str, name: str, context: HostContext) -> Tree:
    tree = context.ask(asked, login=of_kaggle())
    if (tree.size("code") or 0) >= 400:  # Kaggle's own client knows errors with status 200
        raise NetworkError(f"Kaggle has no `{name}`", cause=tree.text("message"))
    return tree


def _created(tree: Tree, number: str) -> str:
    """Return when a version was made, "" where Kaggle does not say."""
    dates = {
        one.text("versionNumber"): one.text("creationDate") for one in tree.find_rows("versions")
    }
    return dates.get(number, "")


def describe(record: HostRecord, context: HostContext) -> Description:
    """Return what Kaggle says of a data set."""
    version = f"?datasetVersionNumber={record.version}" if record.version else ""
    asked = f"{API}/view/{record.id}{version}"
    tree = _view(asked, record.id, context)
    number = record.version or tree.mark(Count, "currentVersionNumber")
    return Description(
        asked=asked,
        release=f"kaggle-{number}",
        date=find_date(_created(tree, number)),
        title=tree.text("title"),
        license=tree.text("licenseName"),
        authors=[tree.text("ownerName") or tree.text("creatorName")],
        whole=KaggleFile(host="kaggle", dataset=record.id, version=number, unpack="zip"),
        notes=("Kaggle publishes no digest: nothing pins this; the first fetch records what came",),
    )
