"""The catalog's nouns: Resource > Release > File."""

from typing import Annotated, Literal

from covcat.catalog.files import AnyFile, GitHubFile
from covcat.catalog.marks import (
    Date,
    ListingPath,
    Matches,
    Noun,
    Number,
    ReleaseId,
    ResourceId,
    Text,
    WebPage,
)

Reader = Literal["delimited", "sheet", "darwin", "coco", "covidx", "names", "dicom", "nifti"]


class Pictures(Noun):
    """Which files of a release are its images: globs of paths below files/."""

    include: tuple[str, ...] = ()  # none means all that have the suffix of an image
    exclude: tuple[str, ...] = ()  # masks, figures of the documentation


Allowed = Literal["yes", "no", "unknown"]
USES = ("commercial", "derivatives", "redistribution")  # of images, which a licence may allow


class Allows(Noun):
    """What the licence lets a user do; `unknown` is never read as yes."""

    commercial: Allowed
    derivatives: Allowed
    redistribution: Allowed


class Disputed(Noun):
    """Rows whose own licence others contradict, and what counts then: the strictest of all."""

    column: Text
    has: Text  # a part of the cell, by which these rows are known
    resource: ResourceId  # whose entry tells of the contradiction
    allows: Allows
    source: Text


class LabelTable(Noun):
    """One table of labels, or what stands for one: file names, headers of the images."""

    reader: Reader
    path: Text  # glob below files/: of the table; of `names`, `dicom`, `nifti`: of the images
    source: Text  # where its columns and quirks are described
    releases: tuple[ReleaseId, ...] = ()  # that have it in this form; none means all
    columns: dict[str, Text] | None = None  # ours: theirs; `a | b` is the first that is there
    constants: dict[str, Text] | None = None  # ours: the raw value that all rows have
    values: dict[str, dict[str, str]] | None = None  # ours: {their word: a word of the vocabulary}
    one_hot: dict[str, str] | None = None  # their column of one finding: that finding
    offset_from: Literal["image"] | None = None  # -4: the event was 4 days before the image
    extract: dict[str, Text] | None = None  # ours: `column: regular expression with one group`
    optional: tuple[Text, ...] = ()  # ours: labels whose columns not every release has
    image: Text | None = None  # path of the image with {their column}s; `a | b` are tried in turn
    match: Literal["path", "name", "stem", "fold"] = "path"  # what of the path has to agree
    mask: Text | None = None  # path of the mask, with {path}, {name}, {stem} of the image; `a | b`
    license: Literal["unknown"] | None = None  # of pictures that the set's own does not cover
    disputed: tuple[Disputed, ...] = ()  # rows whose stated licence others contradict
    adds: Literal["yes"] | None = None  # fills blanks of what other tables say; makes no rows
    joins: Literal["patient_id", "study", "series", "folder"] | None = None  # of `adds`: what by
    folder: Text | None = None  # of `joins: folder`: what it is called, with {their column}s
    encoding: Text | None = None  # default utf-8
    delimiter: Text | None = None  # default `,`; `tab` and `space` by name
    quote: Literal["none"] | None = None  # of a table in which `"` is a letter like any other
    comment: Text | None = None  # lines that start with it come before the header
    header: tuple[str, ...] = ()  # of a table that has none
    sheet: Text | None = None  # of a workbook; default the first
    member: Text | None = None  # glob of names in a zip: the table in it
    pattern: Text | None = None  # `names`: regular expression over the path, groups are columns
    dates: Literal["mdy", "dmy", "ymd"] | None = None  # order of 1/2/2020; else it stays blank


class PerImage(Noun):
    """Where each image states a licence of its own."""

    table: Text
    column: Text


class License(Noun):
    """Terms of the data as a whole, by SPDX id or `LicenseRef-…`."""

    spdx: Annotated[
        str, Matches(r"[A-Za-z0-9][A-Za-z0-9.+-]*", "an SPDX id or LicenseRef-SOMETHING")
    ]
    allows: Allows
    source: Text
    note: Text | None = None
    url: WebPage | None = None
    per_image: PerImage | None = None

    @property
    def short(self) -> str:
        """The id as tables show it: without the `LicenseRef-` that says nothing to a reader."""
        return self.spdx.removeprefix("LicenseRef-")


Flag = Literal["Y", "N", "U"]
MODALITIES = ("ct", "xray", "mri", "ultrasound")
CONTENT_FLAGS = (*MODALITIES, "metadata", "case_review")  # the survey's six columns, in its order


class Flags(Noun):
    """The survey's six columns: yes, no or unknown."""

    ct: Flag
    xray: Flag
    mri: Flag
    ultrasound: Flag
    metadata: Flag
    case_review: Flag


class Survey(Flags):
    """A row of Table 1 of Kalkreuth & Kaufmann (arXiv:2004.04569v2), verbatim."""

    row: Number


class Found(Flags):
    """What the resource really holds, and how that is known."""

    source: Text


class Correction(Noun):
    """A field that the survey prints one way and that is another way today."""

    field: Literal["title", "organization", "homepage"]
    value: Text
    reason: Text
    source: Text


class Author(Noun):
    """A person by `family` and `given`, or an organisation by its `name`."""

    family: Text | None = None
    given: Text | None = None
    particle: Text | None = None  # `van de`, which lists do not sort by
    name: Text | None = None


class Citation(Noun):
    """One BibTeX entry: `fields` are BibTeX's own, values without braces around them."""

    entry: Literal["article", "misc", "inproceedings", "data"]
    key: Annotated[str, Matches(r"[A-Za-z0-9][\w:./-]*", "a BibTeX key")]
    fields: dict[Annotated[str, Matches(r"[a-z][a-z-]*", "a field of BibTeX")], Text]
    source: Text
    authors: tuple[Author, ...] = ()  # BibTeX's `author` is made of them, unless `fields` has it


class Contained(Noun):
    """Another resource whose images are, wholly or in part, inside this one."""

    resource: ResourceId
    evidence: Text
    source: Text


class KnownIssue(Noun):
    """Something a user should know before trusting the data; `date` is when it was so."""

    date: Date
    severity: Literal["info", "warning", "serious"]
    text: Text
    source: Text


class BrowsePage(Noun):
    """A page for a person's browser."""

    url: WebPage
    shows: Text


class Browse(Noun):
    """Where a person looks at what offers no download, and on what terms."""

    pages: tuple[BrowsePage, ...]
    terms: Text
    source: Text


class Contents(Noun):
    """Totals of a listing or of series, so that `list` need not read them."""

    files: Number
    bytes: Number  # of those whose size is known
    of_unknown_size: Number = 0  # each of more than 4 MiB: smaller ones are in every listing

    @property
    def least_bytes(self) -> int:
        """Return the bytes that it has at least."""
        return self.bytes + self.of_unknown_size * ((4 << 20) + 1)


class Holds(Noun):
    """How many images and patients a release has, or has labels of; what is left out is unknown."""

    source: Text
    images: Number | None = None  # as `covcat images` counts: a volume or a video is one
    patients: Number | None = None
    covid_images: Number | None = None  # those with COVID-19


class ImagesIn(Noun):
    """Another resource, or one release of it, that holds images of which this one has labels."""

    resource: ResourceId
    by: Literal["name", "stem"]  # what an image and its label have in common
    evidence: Text
    source: Text
    release: ReleaseId | None = None  # None: any of the resource
    where: Text | None = None  # SQL over the columns: of which rows; None: of all

    @property
    def name(self) -> str:
        """What `fetch` takes: ID, or ID@RELEASE."""
        return self.resource if self.release is None else f"{self.resource}@{self.release}"


class ImagesOutside(Noun):
    """A set that covcat cannot fetch as it was then, and that holds images of some rows."""

    of: Text  # what the set is called
    where: Text  # SQL over the columns: of which rows
    get: Text  # how a person gets it
    source: Text


class Release(Noun):
    """One dated, named state of a resource."""

    id: ReleaseId
    files: tuple[AnyFile, ...]
    source: Text  # where the addresses, ids and digests below come from
    date: Date | None = None
    note: Text | None = None
    listing: ListingPath | None = None
    series: ListingPath | None = None  # of a bucket: which are of this release
    contents: Contents | None = None
    holds: Holds | None = None
    about_bytes: Number | None = None  # of all files, rounded by the source
    images_in: tuple[ImagesIn, ...] = ()  # the first that has a picture is taken
    images_outside: tuple[ImagesOutside, ...] = ()

    @property
    def is_pinned(self) -> bool:
        """True if every byte is fixed by the catalog: by listing, tree, sha256 or md5."""
        return self.listing is not None or all(
            file.sha256 or file.md5 or (isinstance(file, GitHubFile) and file.tree)
            for file in self.files
        )

    @property
    def download_bytes(self) -> int | None:
        """Bytes to transfer, or None if the catalog does not know all of them."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


BROUGHT = Release(  # of a resource that offers no download: what a person brought
    id="local", files=(), source="brought by hand; the resource itself offers no download"
)


class Explained(Noun):
    """A published count that the data does not give, and why."""

    row: tuple[str, ...]  # as published, without its count
    found: Number
    reason: Text
    source: Text


class Recount(Noun):
    """How a published table is counted from the image index."""

    by: tuple[str, ...] = ()  # for each of the table: a column of the index, or SQL
    of: Literal["rows", "images", "patients"] = "rows"  # rows of labels, files that are here, ids
    where: Text | None = None  # SQL over the columns: what is counted at all
    differs: tuple[Explained, ...] = ()


class PublishedCounts(Noun):
    """Counts as a paper or README prints them: each row is one value per `by`, then the count."""

    of: Text  # what is counted, in the source's words
    unit: Literal["images", "patients", "slices", "volumes", "videos", "papers", "cases"]
    rows: tuple[tuple[str, ...], ...]
    source: Text
    by: tuple[str, ...] = ()
    release: ReleaseId | None = None  # the release that the counts describe, where one does
    note: Text | None = None
    recount: Recount | None = None  # None: what was counted is not in the index


class Resource(Noun):
    """One entry of the catalog: a data set, a case database or a website."""

    id: ResourceId
    title: Text
    organization: Text  # as the survey prints it, for its 14 rows
    summary: Text
    found: Found
    license: License
    access: Literal["open", "account", "browse"]
    homepage: WebPage | None = None
    homepage_source: Text | None = None
    override: Literal["yes"] | None = None  # a user's entry that replaces a packaged one
    position: Number | None = None  # where lists show an entry that is not of the survey
    aliases: tuple[ResourceId, ...] = ()
    authors: tuple[str, ...] = ()
    survey: Survey | None = None
    corrections: tuple[Correction, ...] = ()
    citation: tuple[Citation, ...] = ()
    contains: tuple[Contained, ...] = ()
    known_issues: tuple[KnownIssue, ...] = ()
    browse: Browse | None = None
    releases: tuple[Release, ...] = ()  # oldest first
    tables: tuple[LabelTable, ...] = ()
    pictures: Pictures | None = None  # which files are images; None: by their suffixes
    published: tuple[PublishedCounts, ...] = ()

    @property
    def is_sample(self) -> bool:
        """True for the data set that comes with covcat: not counted, shown with `--all`."""
        return any(file.host == "bundled" for release in self.releases for file in release.files)

    @property
    def default_release(self) -> Release | None:
        """What `fetch ID` gets: the newest pinned release, else the newest one."""
        pinned = [release for release in self.releases if release.is_pinned]
        return (pinned or list(self.releases) or [None])[-1]  # type: ignore[list-item]

    def has(self, flag: str) -> bool:
        """True if the survey or covcat found `flag` (one of CONTENT_FLAGS); U is not a yes."""
        surveyed = self.survey is not None and getattr(self.survey, flag) == "Y"
        return surveyed or bool(getattr(self.found, flag) == "Y")
