"""Imitations, on loopback, of the hosts that the catalog names; every byte in them is made up.

with World() as world:
    world.zenodo.add("3757476", {"scans.zip": b"..."})
    ...  # `covcat --mirror {world.url}`, or httpx with `world.transport()`
    assert not world.leaks
"""

from servers.hosts.faults import FOR_EVER
from servers.hosts.world import Logged, World
from servers.message import Reply

__all__ = ["FOR_EVER", "Logged", "Reply", "World"]
