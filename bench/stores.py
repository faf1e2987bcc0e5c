"""Measure `covcat push` and `pull` against rclone, s5cmd and the AWS CLI, as ratios in one run.

Usage: MOTO=.venv/stores/bin/python python bench/stores.py [--files N] [--bytes B]

`make test-stores` makes that Python, which has moto's server of S3 and takes most of the time of
each tool; `--server URL` is a faster one that runs already, with a bucket `bench`, such as
`rclone serve s3` of a newer rclone, and its login in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
All are whole processes that copy the same files to it and back, in turn, with 16 requests at once,
so that a busy machine slows all of them. covcat's SHA-256, listings, manifest and syncs are
included. The seconds of the processor are those of the tool, without the server's. The exit code is
always 0: a ratio is for people to read.
"""

import argparse
import filecmp
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from serving import free_port
from start import environment
from verify import ENTRY, fill

JOBS = "16"
RCLONE = {"TYPE": "s3", "PROVIDER": "Other", "ENV_AUTH": "true"}
Command = list[str]


@contextmanager
def moto(python: str) -> Iterator[str]:
    """Run moto's server with a bucket `bench`; give its address."""
    port = free_port()
    command = [python, "-m", "moto.server", "-p", str(port)]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            while server.poll() is None:
                try:
                    urllib.request.urlopen(urllib.request.Request(f"{url}/bench", method="PUT"))
                    break
                except urllib.error.URLError:
                    time.sleep(0.2)
            yield url
        finally:
            server.kill()


def tools(release: Path, covcat: str) -> dict[str, tuple[Command, Command]]:
    """Return by tool what puts a release there, and what brings it back to a folder `back`."""
    files, bucket = str(release / "files"), "bench"
    jobs = ["--jobs", JOBS, "--progress", "none"]
    found = {
        "covcat": (
            [covcat, "push", f"s3://{bucket}/covcat", *jobs],
            [covcat, "--data-dir", "back", "pull", f"s3://{bucket}/covcat", *jobs],
        )
    }
    if rclone := shutil.which("rclone"):
        how = ["--transfers", JOBS, "--checkers", JOBS]
        there = f"peer:{bucket}/rclone"
        found["rclone"] = (
            [rclone, "copy", files, there, *how],
            [rclone, "copy", there, "back", *how],
        )
    if s5cmd := shutil.which("s5cmd"):
        copy, there = [s5cmd, "--numworkers", JOBS, "cp"], f"s3://{bucket}/s5cmd/"
        found["s5cmd"] = ([*copy, f"{files}/", there], [*copy, f"{there}*", "back/"])
    if aws := shutil.which("aws"):
        copy, there = [aws, "s3", "cp", "--recursive", "--only-show-errors"], f"s3://{bucket}/aws"
        found["aws s3 cp"] = ([*copy, files, there], [*copy, there, "back"])
    return found


def timed(
    name: str, command: Command, folder: Path, env: dict[str, str]
) -> tuple[float, float] | None:
    """Run a command; return its seconds and those of the processor, or None where it fails."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    if ran.returncode != 0:
        print(f"{name} failed: {ran.stderr[-300:]}")
        return None
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def same(one: Path, other: Path) -> bool:
    """Tell if two folders hold the same files."""
    paths = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    return not any(filecmp.cmpfiles(one, other, paths, shallow=False)[1:])


def measure(folder: Path, url: str, wanted: argparse.Namespace) -> None:
    """Let every tool copy there and back, and print what it took."""
    env = environment() | {
        "AWS_ENDPOINT_URL": url,
        "S3_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "HOME": str(folder),
    }
    env.pop("AWS_CA_BUNDLE", None)  # with which rclone does not start
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):  # moto takes any
        env[name] = os.environ.get(name, "bench")
    env |= {f"RCLONE_CONFIG_PEER_{key}": value for key, value in RCLONE.items()}
    env |= {"RCLONE_CONFIG_PEER_ENDPOINT": url, "COVCAT_CATALOG": "shelf"}
    (folder / "shelf").mkdir()
    (folder / "shelf/bench.yaml").write_text(ENTRY)
    covcat, release = str(Path(sys.executable).parent / "covcat"), folder / "covcat-data/bench/1"
    subprocess.run([covcat, "import", "bench", "bench.zip", "-q"], cwd=folder, env=env, check=True)
    first: list[tuple[float, float]] = []
    for name, ways in tools(release, covcat).items():
        if wanted.only and name not in ("covcat", *wanted.only):
            continue
        took = [timed(name, command, folder, env) for command in ways]
        back = folder / "back/bench/1/files" if name == "covcat" else folder / "back"
        right = same(release / "files", back) if back.is_dir() else False
        shutil.rmtree(folder / "back", ignore_errors=True)
        told = []
        for at, spent in enumerate(took):
            if spent is None:
                continue
            if name == "covcat":
                first.append(spent)
            wall, cpu = spent
            text = f"{('push', 'pull')[at]} {wall:7.1f} s {wanted.files / wall:7.0f} objects/s, "
            text += f"processor {cpu:6.1f} s"
            if name != "covcat" and len(first) == len(took):
                ours = first[at]
                text += f", covcat takes {ours[0] / wall:.2f} and {ours[1] / cpu:.2f} of it"
            told.append(text)
        print(f"{name:<10} {'; '.join(told)}{'' if right else '; NOT THE SAME'}", flush=True)


def main() -> None:
    """Make the files, serve, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--only", nargs="*", help="of the tools these: covcat, rclone …")
    parser.add_argument("--bytes", type=int, default=20_000, help="of a file, on average")
    parser.add_argument("--server", metavar="URL", help="of S3, that runs already")
    wanted = parser.parse_args()
    python = os.environ.get("MOTO", "")
    if not (wanted.server or Path(python).is_file()):
        print("left out: MOTO names no Python that has moto; make test-stores makes one")
        return
    serving = nullcontext(wanted.server) if wanted.server else moto(python)
    with tempfile.TemporaryDirectory() as name, serving as url:
        folder = Path(name)
        fill(folder / "files", wanted.files, wanted.bytes)
        shutil.make_archive(str(folder / "bench"), "zip", folder / "files")
        shutil.rmtree(folder / "files")
        measure(folder, url, wanted)


if __name__ == "__main__":
    main()
