"""What hosts serve, as the catalog describes it: one kind of file for each host."""

from typing import Annotated, ClassVar, Literal

from covcat.catalog.marks import (
    Branch,
    ByHost,
    Count,
    DataUrl,
    FileName,
    Folder,
    GitId,
    HexPrefix,
    LoginVariable,
    Matches,
    Md5,
    Noun,
    Number,
    OwnerName,
    Sha256,
    Text,
    WebAddress,
)


class File(Noun):
    """One thing that a host serves: an archive or a plain file."""

    # By which keys its host knows it. Journals on people's disks state these by name: a key may be
    # added, and is left out where it is not set; none may be renamed or dropped.
    IDENTITY: ClassVar[tuple[str, ...]] = ()
    NAMES_ONE: ClassVar[str] = ""  # the key without which it is a set; "" if it is one file

    name: FileName | None = None  # as kept; hosts that need none derive it
    mirrors: tuple[DataUrl, ...] = ()  # further addresses of the same bytes, tried in order
    bytes: Number | None = None
    sha256: Sha256 | None = None
    md5: Md5 | None = None
    md5_prefix: HexPrefix | None = None  # CORD-19's README prints only the first 8 digits
    sha1_prefix: HexPrefix | None = None
    # of a set: what of it is unpacked; `any` is every zip, tar, 7z and rar of one
    unpack: Literal["zip", "tar", "7z", "rar", "gz", "bz2", "xz", "zst", "any", "none"] = "none"
    into: Folder | None = None  # a folder of the release that its members go under
    strip: Number | None = None  # leading folders that are dropped from its members' paths
    exclude: tuple[str, ...] = ()  # globs of members that are left out
    nested: tuple[str, ...] = ()  # globs of archives inside, unpacked into folders of their names
    name_encoding: Text | None = None  # of member names that are not UTF-8, such as gbk
    links: Literal["skip", "copy"] | None = None  # that stay inside; else one refuses the archive
    max_bytes: Number | None = None  # most that unpacking may write, where the sizes are unknown

    @property
    def is_set(self) -> bool:
        """True if its host lists what it stands for: perhaps a thousand files."""
        return bool(self.NAMES_ONE) and getattr(self, self.NAMES_ONE) is None

    @property
    def is_of_series(self) -> bool:
        """True if it stands for the objects of the series that its release names."""
        return self.is_set and getattr(self, "prefix", "") is None

    @property
    def identity(self) -> dict[str, str]:
        """Return what tells it from every other file of its host, by stated names."""
        known = ((key, getattr(self, key)) for key in self.IDENTITY)
        return {key: value for key, value in known if value is not None}


class GitHubFile(File):
    """A repository's state as codeload's zip, its root folder stripped; or a release's asset."""

    IDENTITY = ("repository", "commit", "branch", "tag", "asset")
    host: Literal["github"]
    repository: OwnerName
    commit: GitId | None = None
    branch: Branch | None = None  # instead of a commit: whatever it is today
    tag: Branch | None = None  # instead of both: of the release that has the `asset`
    asset: FileName | None = None
    tree: GitId | None = None  # git tree id of the commit, or of `keep` where that is set
    keep: Folder | None = None  # nothing outside this folder is written

    @property
    def is_state(self) -> bool:
        """True for a state of the repository, False for an asset of a release."""
        return self.asset is None


class WebFile(File):
    """A plain https address; one of a private network may be http."""

    IDENTITY = ("url",)
    host: Literal["web"]
    name: FileName
    url: WebAddress
    private: Literal["yes"] | None = None  # of this machine, or of a network of one's own
    # The variables that a login is in: an entry may ask for no other secret of the environment.
    token: LoginVariable | None = None
    user: LoginVariable | None = None
    password: LoginVariable | None = None


class BundledFile(File):
    """A file that comes with covcat itself, in `catalog/bundled`."""

    IDENTITY = ("name",)
    host: Literal["bundled"]
    name: FileName
    sha256: Sha256


class DataverseFile(File):
    """Every file of a Dataverse data set, or one `file` of it, by its id."""

    IDENTITY = ("server", "doi", "version", "file")
    NAMES_ONE = "file"
    host: Literal["dataverse"]
    server: DataUrl
    doi: Annotated[str, Matches(r"10\.\d+/\S+", "a DOI like 10.7910/DVN/6ACUZI")]
    version: Annotated[str, Matches(r"[0-9]+\.[0-9]+", "a version like 1.0")] | None = None
    file: Count | None = None


class ZenodoFile(File):
    """One named file of a Zenodo record."""

    IDENTITY = ("record", "name")
    host: Literal["zenodo"]
    record: Count
    name: FileName


class FigshareFile(File):
    """One file of a figshare article, by its file id."""

    IDENTITY = ("article", "version", "file")
    host: Literal["figshare"]
    article: Count
    version: Count
    file: Count
    name: FileName


class MendeleyFile(File):
    """A Mendeley Data set (or one `file` of it, by its uuid)."""

    IDENTITY = ("dataset", "version", "file")
    NAMES_ONE = "file"
    host: Literal["mendeley"]
    dataset: Annotated[str, Matches(r"[a-z0-9]{6,20}", "a Mendeley data set id")]
    version: Count
    file: Annotated[str, Matches(r"[0-9a-f-]{36}", "a uuid")] | None = None


class KaggleFile(File):
    """A Kaggle data set's zip, or one `file` of it; of the version that is named."""

    IDENTITY = ("dataset", "version", "file")
    host: Literal["kaggle"]
    dataset: OwnerName
    version: Count | None = None
    file: Text | None = None


Bucket = Annotated[str, Matches(r"[a-z0-9][a-z0-9._-]+", "a bucket name")]
Region = Annotated[str, Matches(r"[a-z0-9-]+", "a region")]


class S3File(File):
    """One object of a public bucket; all below a `prefix`; or those of the release's series."""

    IDENTITY = ("bucket", "region", "key", "prefix")
    NAMES_ONE = "key"
    host: Literal["s3"]
    bucket: Bucket
    region: Region
    key: Text | None = None
    prefix: Folder | None = None


class Twin(Noun):
    """A bucket at Amazon that has the same keys."""

    bucket: Bucket
    region: Region


class GcsFile(File):
    """The same as of `s3` in Google's store, which says an md5 of each object."""

    IDENTITY = ("bucket", "key", "prefix")
    NAMES_ONE = "key"
    host: Literal["gcs"]
    bucket: Bucket
    key: Text | None = None
    prefix: Folder | None = None
    twin: Twin | None = None  # asked where Google does not answer


BucketFile = S3File | GcsFile
AnyFile = Annotated[
    GitHubFile
    | WebFile
    | BundledFile
    | DataverseFile
    | ZenodoFile
    | FigshareFile
    | MendeleyFile
    | KaggleFile
    | S3File
    | GcsFile,
    ByHost(),
]
