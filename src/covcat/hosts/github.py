"""GitHub: a repository's state as codeload's zip.

The archive is made anew for each request, so its own digest is never pinned (GitHub's docs,
"Downloading source code archives"); its contents are, by tree id and listing. It has no length.
"""

from urllib.parse import quote

from covcat.model import GitHubFile, Location


def locate(file: GitHubFile) -> Location:
    """Ask codeload directly: github.com/…/archive only redirects there."""
    state = file.commit or f"refs/heads/{quote(file.branch or '')}"
    name = file.repository.rpartition("/")[2]
    return Location(
        url=f"https://codeload.github.com/{file.repository}/zip/{state}",
        name=file.name or f"{name}-{file.commit or file.branch}.zip".replace("/", "-"),
    )
