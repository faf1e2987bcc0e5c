"""What covcat says: the program is run, and its CSV read."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from releases import Release

GUARDED = r"'[=+@'\t\r-]"  # docs/schema.md: what a spreadsheet might run has one `'` in front


@dataclass(frozen=True)
class Covcat:
    """The program to be asked, and a data folder for it."""

    program: Path
    data: Path

    def images(self, release: Release) -> pd.DataFrame:
        """Import a release and return its image index."""
        name = f"{release.resource}@{release.release}"
        catalog = ["--catalog", str(release.catalog)] if release.catalog else []
        self._run(*catalog, "import", name, str(release.archive), "--allow-missing")
        said = self._run(*catalog, "images", name, "--all", "--format", "csv")
        table = pd.read_csv(io.StringIO(said), dtype=str, keep_default_na=False)
        for column in table:
            is_guarded = table[column].str.match(GUARDED)
            table.loc[is_guarded, column] = table.loc[is_guarded, column].str[1:]
        return table

    def _run(self, *arguments: str) -> str:
        own = {key: value for key, value in os.environ.items() if not key.startswith("COVCAT_")}
        command = [self.program, "--offline", "--data-dir", self.data, *arguments]
        done = subprocess.run(command, capture_output=True, env=own, check=False)  # noqa: S603 -- covcat
        if done.returncode:
            said = done.stderr.decode().strip().splitlines()
            errors = [line for line in said if line.startswith("error:")] or said[-1:]
            raise RuntimeError(f"exit {done.returncode}: {' '.join(errors)}")
        return done.stdout.decode()


def default_program() -> Path:
    """Return the covcat that is installed beside the Python that runs this."""
    return Path(sys.executable).with_name("covcat.exe" if os.name == "nt" else "covcat")
