"""Work for the engine's crews: it leaves a line for each time that it was done."""

import os
import signal
import time
from pathlib import Path
from typing import Any


def count(argument: tuple[str, str]) -> str:
    """Write a line to a file, and give the text back."""
    path, text = argument
    with Path(path).open("a") as stream:
        stream.write(f"{text}\n")
    if text.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    if text.startswith("once") and Path(path).read_text().count(f"{text}\n") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if text.startswith("sleeps"):
        time.sleep(60)
    if text.startswith("slow"):
        time.sleep(0.2)
    if text.startswith("raises"):
        raise ValueError(text)
    return text.upper()


def no_process(argument: Any) -> None:
    """End the process without a word."""
    os._exit(3)
