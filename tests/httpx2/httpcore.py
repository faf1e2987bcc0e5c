"""httpcore2 in the place of httpcore: `make test-newest` puts this folder first on the path."""

import sys

import httpcore2

sys.modules[__name__] = httpcore2
