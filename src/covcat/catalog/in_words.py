"""What the catalog knows of a resource, in words that commands and pages share."""

from covcat.catalog.entries import Contents, Holds, KnownIssue, Release, Resource
from covcat.catalog.files import GitHubFile
from covcat.text import format_size, plural

FLAGS = ("CT", "X-ray", "MRI", "Ultrasound", "Metadata", "Case review")  # as CONTENT_FLAGS
ACCESS = {
    "open": "open: no account is known to be needed",
    "account": "account: the host may ask for a login, or a person's consent",
    "browse": "browse: to look at only; covcat downloads nothing from it",
}
_SEVERITY = ("serious", "warning", "info")


def sorted_issues(resource: Resource) -> list[KnownIssue]:
    """Return what is known to be wrong with a resource, the most serious first."""
    return sorted(resource.known_issues, key=lambda one: _SEVERITY.index(one.severity))


def size(release: Release | None) -> str:
    """Return the bytes of a release for people: `-` is no download."""
    if release is None:
        return "-"
    return sized(release.contents, release.download_bytes, release.about_bytes)


def sized(contents: Contents | None, exact: int | None, about: int | None) -> str:
    """Return the bytes of files as they are unpacked, else as they are downloaded, for people."""
    return least(contents) if contents else transferred(exact, about)


def transferred(exact: int | None, about: int | None) -> str:
    """Return the bytes of downloads for people; `~` is about, `?` unknown."""
    return f"~{format_size(about)}" if exact is None and about else format_size(exact)


def least(contents: Contents) -> str:
    """Return the bytes of files for people; `+` is at least."""
    return format_size(contents.least_bytes) + ("+" if contents.of_unknown_size else "")


def size_in_words(release: Release) -> str:
    """Return the bytes of a release without marks."""
    return size(release).replace("?", "size unknown").replace("~", "about ")


def held(holds: Holds) -> str:
    """Return the numbers that `list` shows, and their source."""
    return f"{numbers(holds)} [{holds.source}]"


def numbers(holds: Holds) -> str:
    """Return how many images and patients there are, as far as known."""
    known = [
        plural(holds.images, "image") if holds.images is not None else "",
        plural(holds.patients, "patient") if holds.patients is not None else "",
        f"{holds.covid_images:,} with COVID-19" if holds.covid_images is not None else "",
    ]
    return ", ".join(filter(None, known))


def how_verified(release: Release) -> str:
    """Say in words what pins a release."""
    if release.series:
        is_gcs = release.files[0].host == "gcs"  # Amazon's store has no digest to say
        said = ", and each object by the md5 that its host lists" if is_gcs else ""
        return f"verified by the number and the bytes of the objects of each series{said}"
    files = plural(release.contents.files, "file") if release.contents else ""
    listed = f"the sha256 or git id of {files}" if files else ""
    for file in release.files:
        if isinstance(file, GitHubFile) and file.tree:
            of = f" of {file.keep}" if file.keep else ""
            return f"verified by git tree {file.tree}{of}" + (f" and {listed}" if listed else "")
    if listed:
        return f"verified by {listed}"
    kinds = {
        "sha256": sum(file.sha256 is not None for file in release.files),
        "md5": sum(file.md5 is not None for file in release.files),
        "the first digits of md5": sum(file.md5_prefix is not None for file in release.files),
    }
    for kind, number in kinds.items():
        if number == len(release.files):
            return f"verified by {kind}"
        if number:
            some = f"{number} of {plural(len(release.files), 'file')}"
            return f"verified by {kind} for {some}; the rest is recorded at first use"
    return "not pinned: recorded at first use, and a later difference is an error"
