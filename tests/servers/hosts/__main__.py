"""Serve a filled World until interrupted.

Usage, from `tests/`: python -m servers.hosts [--port N] [--folder FOLDER] [--patients N]
"""

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

from servers.hosts import shelf
from servers.hosts.world import World


def main() -> None:
    """Fill, print where it is, and wait."""
    parser = argparse.ArgumentParser(prog="python -m servers.hosts", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=0, help="of 127.0.0.1; else the kernel's choice"
    )
    parser.add_argument("--folder", type=Path, help="for the catalog; else a temporary one")
    parser.add_argument("--patients", type=int, default=3, help="archives of the Dataverse set")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as temporary, World(wanted.port) as world:
        folder = wanted.folder or Path(temporary)
        try:
            shelf.fill(world, folder, patients=wanted.patients)
            sys.stdout.write(f"--mirror {world.url} --catalog {folder}\n")
            sys.stdout.flush()
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


main()
