"""What the shell may complete: ids, releases and the words of options; never the network."""

from covcat import catalog
from covcat.model import MODALITIES


def ids(incomplete: str) -> list[str]:
    """Return the ids that start so, or the releases of one after its `@`."""
    known = catalog.load().resources
    if "@" not in incomplete:
        return [one.id for one in known if one.id.startswith(incomplete)]
    names = [f"{one.id}@{release.id}" for one in known for release in one.releases]
    return [name for name in names if name.startswith(incomplete)]


def modalities(incomplete: str) -> list[str]:
    """Return the modalities that start so."""
    return [word for word in MODALITIES if word.startswith(incomplete)]


def contents(incomplete: str) -> list[str]:
    """Return the words of --has."""
    return [word for word in ("metadata", "case-review") if word.startswith(incomplete)]


def uses(incomplete: str) -> list[str]:
    """Return the words of --license-allows."""
    words = ("commercial", "derivatives", "redistribution")
    return [word for word in words if word.startswith(incomplete)]


def accesses(incomplete: str) -> list[str]:
    """Return the words of --access."""
    return [word for word in ("open", "account", "browse") if word.startswith(incomplete)]


def formats(incomplete: str) -> list[str]:
    """Return the words of --format."""
    words = ("table", "tsv", "csv", "json", "yaml", "ids")
    return [word for word in words if word.startswith(incomplete)]
