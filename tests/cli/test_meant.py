"""Words that people type: done where one reading is left, else answered with the right hint."""

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("rm cohen", 2, "did you mean `covcat remove cohen`?"),
        ("delete cohen@0.1", 2, "did you mean `covcat remove cohen@0.1`?"),
        ("download cohen --include *.png", 2, "`covcat fetch cohen --include '*.png'`?"),
        ("get cohen", 2, "did you mean `covcat fetch cohen`?"),
        ("info cohen", 2, "did you mean `covcat show cohen`?"),
        ("open cohen", 2, "did you mean `covcat path cohen`?"),
        ("update", 2, "`pip install -U covcat` brings a newer catalog"),
        ("catalog rm", 2, "covcat catalog --help"),  # it is no command of this group either
        ("fetch all", 3, "covcat fetch --all"),
        ("verify all", 3, "covcat verify"),
        ("show all", 3, "`covcat list` shows the ids"),
        ("fetch cohen 0.1", 3, "covcat fetch cohen@0.1"),
        ("--offline fetch cohen 0.1 v7 -n", 3, "covcat fetch cohen@0.1 v7 -n"),
        ("show ieee8023 0.1", 2, "covcat show ieee8023@0.1"),
        ("show cohen v7", 2, "covcat show --help"),
        ("list ct", 2, "covcat list --modality=ct"),
        ("list CT x-ray", 2, "covcat list --modality=ct --modality=xray"),
        ("list chest films", 2, "covcat search chest films"),
        ("fetch 10.1038/s41598-020-76550-z", 3, "covcat show covid-net"),  # a paper of three
        ("fetch https://nowhere.example.org/x", 3, "covcat search WORD, or covcat list"),
        ("fetch 10.5281/zenodo.1", 3, "covcat search WORD, or covcat list"),
    ],
)
def test_what_is_meant_is_said(covcat, line: str, code: int, hint: str) -> None:
    ran = covcat(*line.split(), mirror=None)
    assert (ran.code, ran.out) == (code, "")
    (said,) = (one for one in ran.err.splitlines() if one.startswith("hint: "))
    assert hint in said
    assert said.endswith(hint) or hint.endswith("?") or line == "update"


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("https://github.com/ieee8023/covid-chestxray-dataset", "cohen"),
        ("github.com/IEEE8023/covid-chestxray-dataset.git", "cohen"),
        ("10.5281/zenodo.3757476", "coronacases"),
        ("https://doi.org/10.5281/zenodo.3757476", "coronacases"),
        ("https://zenodo.org/records/3757476", "coronacases"),
        ("doi:10.7910/DVN/6ACUZI", "mashhad"),
        (
            "https://dataverse.harvard.edu/dataset.xhtml?persistentId=doi:10.7910/DVN/6ACUZI",
            "mashhad",
        ),
        ("https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia/", "kermany"),
        ("https://data.mendeley.com/datasets/rscbjbr9sj/2", "kermany"),
        ("https://doi.org/10.1109/JBHI.2025.3543686", "covid-blues"),  # its paper
    ],
)
def test_an_address_that_one_entry_has_is_its_name(covcat, name: str, id: str) -> None:
    shown = covcat("show", name, "--json")
    assert (shown.code, shown.document["data"]["id"]) == (0, id), shown.err
    assert shown.err.startswith(f"`{name}` is `{id}`: ")
    assert shown.err.count(f"`{id}`: ") == 1
    planned = covcat("fetch", name, "--dry-run", mirror=None)
    assert (planned.code, planned.out.splitlines()[1].partition("@")[0]) == (0, id)


@pytest.mark.parametrize(
    "line",
    [
        "images sample --data-dir s3://bucket/data",
        "list --data-dir file:///data",
        "fetch sample --data-dir gs://bucket",
        "manifest export sample -o s3://bucket/x.json",
        "images sample -o https://example.org/x.csv",
        "lock -o s3://bucket/covcat.lock",
    ],
)
def test_an_address_is_no_folder_of_this_machine(covcat, line: str) -> None:
    assert covcat("fetch", "sample").code == 0
    before = sorted(Path().iterdir())
    ran = covcat(*line.split(), mirror=None)
    assert (ran.code, ran.out) == (2, "")
    assert "is an address: expected a folder or file of this machine" in ran.err
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    "line",
    [
        "select --from nothing.json",
        "cite --from nothing.lock",
        "fetch --locked nothing.lock",
        "lock --check -o nothing.lock",
        "catalog check nothing.yaml",
        "extract nothing.zip",
        "extract nothing.zip --list",
        "import sample nothing.zip",
        "verify sample --repair --from nothing.zip",
        "list --catalog nothing",
    ],
)
def test_a_file_that_is_not_there_is_not_found(covcat, line: str) -> None:
    assert covcat("fetch", "sample").code == 0
    ran = covcat(*line.split(), mirror=None)
    assert (ran.code, ran.out) == (3, "")
    assert "nothing" in ran.err.splitlines()[0]
