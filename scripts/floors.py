"""Print the oldest version of each dependency that pyproject.toml allows, as pip's constraints.

Those of what users install, of its extras, and of what the tests need; what these need in turn
is free. Needs nothing but Python: `make test-oldest`, and `scripts/try_packages.py`.
"""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def floors() -> list[str]:
    """Return `name==version; marker` for each requirement."""
    tree = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    project = tree["project"]
    extras = [one for group in project["optional-dependencies"].values() for one in group]
    found = {}
    for one in [*project["dependencies"], *extras, *tree["dependency-groups"]["test"]]:
        if one.startswith(f"{project['name']}["):  # extras that are made of others
            continue
        match = re.fullmatch(r"([\w.-]+)(?:\[\w+\])? *>=([\d.]+)[^;]*(;.*)?", one)
        assert match, f"`{one}` has no floor"
        found[match[1]] = f"{match[1]}=={match[2]}{match[3] or ''}"
    return list(found.values())


if __name__ == "__main__":
    print("\n".join(floors()))
