"""Real archives as their hosts serve them, where a developer has them beside the repository."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from servers.server import Answer

REAL = Path(__file__).parents[2] / "shared" / "real"
needs_real = pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real archives are not beside this repository"
)

CODE = "/codeload.github.com"
AT = "95bb569e55f4110d3b734c0f355340e04e16989a"
FIGURE1 = f"{CODE}/agchung/Figure1-COVID-chestxray-dataset/zip/{AT}"
COHEN = f"{CODE}/ieee8023/covid-chestxray-dataset/zip/81d807de30a1b0c148ca1f3f00fa48880ce3f356"
LOST = [
    "images/2C10A413-AABE-4807-8CCE-6A2025594067.jpeg",
    "images/7E335538-2F86-424E-A0AB-6397783A38D0.jpeg",
    "images/E1724330-1866-4581-8CD8-CEC9B8AFEDDE.jpeg",
    "images/covid-19-pneumonia-14-PA.png",
]


@pytest.fixture
def real(server, covcat):
    """Run covcat with the real archives on the mirror, as codeload serves them."""
    for path, name in ((FIGURE1, "figure1-95bb569e"), (COHEN, "cohen-0.1-four-files-short")):
        body = (REAL / f"{name}.zip").read_bytes()
        server.serve(path, Answer(body, has_length=False))
    return covcat


def test_figure1_is_fetched_with_its_58_files_and_tree(real, tmp_path: Path) -> None:
    ran = real("fetch", "figure1")
    assert ran.code == 0, ran.err
    release = Path("covcat-data/figure1/2020-05-08")
    record = json.loads((release / "manifest.json").read_text())
    assert record["total_files"] == 58
    assert record["downloads"][0]["tree"] == "6260483d571e3b2f9e3073f3f892698f73ea3056"
    for line in (release / "SHA256SUMS").read_text().splitlines():
        digest, path = line.split("  ", 1)
        assert hashlib.sha256((release / path).read_bytes()).hexdigest() == digest
    shutil.move("covcat-data", tmp_path / "moved")
    assert real("verify", "--data-dir", str(tmp_path / "moved")).code == 0


@pytest.mark.large
def test_cohen_four_files_short_names_exactly_those_four(real) -> None:
    ran = real("fetch", "cohen@0.1")
    assert ran.code == 5
    named = [line.split(": ")[1] for line in ran.err.splitlines() if line.startswith("  missing")]
    assert named == LOST
    assert not Path("covcat-data/cohen").exists()
    assert real("fetch", "cohen@0.1", "--allow-missing").code == 0
    record = json.loads(Path("covcat-data/cohen/0.1/manifest.json").read_text())
    assert (record["complete"], record["missing"]) == (False, LOST)
    verdict = real("verify", "cohen", "--json").document
    (release,) = verdict["data"]["verified"]
    assert (release["missing"], release["changed"]) == ([f"files/{path}" for path in LOST], [])


@pytest.mark.parametrize("how", ["fetch", "import"])
@pytest.mark.large
def test_cohen_four_files_short_is_locked_and_comes_again_as_it_is(real, how: str) -> None:
    archive = str(REAL / "cohen-0.1-four-files-short.zip")
    given = ["cohen@0.1", "--allow-missing"] + ([archive] if how == "import" else [])
    assert real(how, *given).code == 0
    assert real("lock").code == 0
    (one,) = json.loads(Path("covcat.lock").read_text())["releases"]
    assert (one["complete"], one["missing"], one["total_files"]) == (False, LOST, 164)
    assert real("lock", "--check").code == 0
    before = Path("covcat-data/cohen/0.1/SHA256SUMS").read_bytes()
    assert real("fetch", "--locked", "--data-dir", "other").code == 0
    assert Path("other/cohen/0.1/SHA256SUMS").read_bytes() == before
    assert real("lock", "--check", "--data-dir", "other").code == 0


def test_one_byte_changed_anywhere_in_the_archive_is_never_accepted(real, server) -> None:
    whole = server.routes[FIGURE1][0].body
    for position in range(0, len(whole), len(whole) // 20):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        server.serve(FIGURE1, Answer(bytes(damaged), has_length=False))
        ran = real("fetch", "figure1")
        assert ran.code in (5, 6), f"byte {position}: {ran.err}"
        assert not Path("covcat-data/figure1").exists()


def test_readme_shows_what_overlap_finds_in_two_real_sets(
    covcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    session = readme.partition("\n$ covcat overlap cohen@0.1 figure1 ")[2].partition("\n…\n")[0]
    command, *shown = session.splitlines()
    for name, file in (
        ("figure1", "figure1-95bb569e"),
        ("cohen@0.1", "cohen-0.1-four-files-short"),
    ):
        assert covcat("import", name, str(REAL / f"{file}.zip"), "--allow-missing").code == 0
    ran = covcat("overlap", "cohen@0.1", "figure1", *command.split())
    assert ran.code == 0, ran.err
    lines = [line.rstrip() for line in (ran.out + ran.err).splitlines()]
    assert [line for line in shown if line not in lines] == []
    assert len(shown) > 4
