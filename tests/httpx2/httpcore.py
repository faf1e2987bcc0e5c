"""httpcore2 in the place of httpcore: `make test-newest` puts this folder first on the path.

Its names are taken over, and not it itself: a thread that asks while another one imports this
module would get what was there before.
"""

import httpcore2

globals().update({name: one for name, one in vars(httpcore2).items() if name[:2] != "__"})
