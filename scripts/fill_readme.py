"""Write the real output of each command into README's console sessions.

Usage: python scripts/fill_readme.py

tests/test_readme.py holds README to it. Sessions marked `text` need a network and are left alone.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from test_readme import on_a_terminal  # noqa: E402 -- the test knows how to run a session


def filled(session: re.Match[str]) -> str:
    """Run the commands of one session, in a folder of its own."""
    text = ""
    for step in re.split(r"^\$ ", session[1], flags=re.M)[1:]:
        command = step.partition("\n")[0]
        text += f"$ {command}\n{on_a_terminal(command)}"
    return f"```console\n{text}```"


def main() -> None:
    """Rewrite README.md."""
    path = ROOT / "README.md"
    readme = path.read_text(encoding="utf-8")
    for old in re.finditer(r"```console\n(.*?)```", readme, re.S):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            readme = readme.replace(old[0], filled(old), 1)
            os.chdir(ROOT)
    path.write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
