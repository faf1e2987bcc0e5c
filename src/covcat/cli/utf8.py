"""Names of files are UTF-8 whatever the locale says, as they are in archives and catalogs."""

import os
import sys


def start_again_in_utf8() -> None:
    """Start this program again in Python's UTF-8 mode, where the locale has another encoding.

    Python decides how names are encoded when it starts. What it prints stays as it would be.
    """
    is_asked = "utf8" in sys._xoptions  # by a person, or here already
    if sys.getfilesystemencoding() == "utf-8" or is_asked or not sys.executable:
        return
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    os.environ.setdefault("PYTHONIOENCODING", f"{encoding}:backslashreplace")
    again = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    os.execv(sys.executable, again)  # noqa: S606  # the same program with the same words
