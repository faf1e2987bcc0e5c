"""Draw docs/terminal.svg: a terminal in which a few commands were really run.

Usage: python scripts/make_picture.py [FILE]

Offline and with the bundled sample, so that the same covcat gives the same picture.
"""

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLUMNS = 100
COMMANDS = (
    "covcat list --license 'CC*' --fetchable",
    "covcat fetch sample",
    "covcat verify sample",
    "covcat images sample --covid yes --modality xray --columns path,view,finding,sex,age,license",
    "covcat cite sample",
)


def run(command: str, folder: Path) -> str:
    """Run a command on a terminal with colours; return what it showed."""
    leader, follower = pty.openpty()
    bin = Path(sys.executable).parent
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COVCAT_")}
    env = {
        **kept,
        "TERM": "dumb",  # no bars: what they erase, a picture keeps
        "COLUMNS": str(COLUMNS),
        "HOME": str(folder),
        "PATH": f"{bin}:{os.environ['PATH']}",
        "COVCAT_OFFLINE": "1",
        "COVCAT_COLOR": "always",
    }
    shell = subprocess.Popen(  # noqa: S603 -- the commands above
        ["/bin/bash", "-c", command], stdout=follower, stderr=follower, cwd=folder, env=env
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # Linux says EIO when the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    shell.wait()
    return shown.decode().replace("\r\n", "\n")


def picture() -> str:
    """Return the SVG."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI
    from rich.text import Text

    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "green"), (command, "bold")))
            console.print(Text.from_ansi(run(command, Path(folder)).rstrip("\n")))
    svg = console.export_svg(title="covcat", theme=MONOKAI, unique_id="covcat")
    # rich names fonts of a server of others: a page must not ask it for them
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/terminal.svg"
    target.write_text(picture(), encoding="utf-8")
