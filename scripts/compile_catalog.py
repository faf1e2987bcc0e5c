"""Print catalog/compiled.json: the packaged catalog in a form that is read in 2 ms.

Usage: python scripts/compile_catalog.py > catalog/compiled.json
"""

import sys

from covcat.catalog.load import compile_entries
from covcat.catalog.yaml import packaged_catalog

if __name__ == "__main__":
    sys.stdout.buffer.write(compile_entries(packaged_catalog()).encode())
