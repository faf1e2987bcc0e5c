"""httpx2 in the place of httpx: `make test-newest` puts this folder first on the path."""

import sys

import httpx2

sys.modules[__name__] = httpx2
