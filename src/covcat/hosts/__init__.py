"""Hosts: one module each; `locate()` answers which request gets a file now.

To add one: a file kind in `covcat.model`, a module here, a line in HOSTS, a row in
tests/test_hosts.py. A host that is described in the catalog but not listed here is not
supported yet, and `fetch` says so.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from covcat.hosts import bundled, github, web
from covcat.model import Location


class Host(Protocol):
    """Signed addresses expire, so a location is asked for just before each transfer."""

    def locate(self, file: Any) -> Location:
        """Say which request gets `file` now."""
        ...


HOSTS: Mapping[str, Host] = {"github": github, "web": web, "bundled": bundled}
