"""`covcat split`: nobody on two sides, nobody moves when more come, and what would leak is told."""

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import pytest
from makers.laid import lay
from makers.releases import NUMBERED, Shelf
from makers.runs import Covcat, read_csv, tree_on_disk
from test_real_data import REAL

from covcat.catalog import load
from covcat.overlap import split_files
from covcat.overlap.split import sides_of

Row = tuple[str, str, str, str]  # patient, finding, view, name
Put = Callable[..., None]


def many(patients: int, each: int = 3) -> list[Row]:
    """Rows of patients with one to `each` pictures; a third has COVID-19, a tenth is lateral."""
    return [
        (
            f"P{who:04}",
            "COVID-19" if who % 3 else "SARS",
            "L" if who % 10 else "PA",
            f"{who}-{n}.png",
        )
        for who in range(patients)
        for n in range(1 + who % each)
    ]


@pytest.fixture
def put(shelf: Shelf) -> Put:
    """Lay the release `set@1` with a table and a picture for each name of it."""
    shelf.add("set", NUMBERED)

    def lay_rows(rows: Iterable[Row], alike: Mapping[str, str] = {}) -> None:
        rows = list(rows)
        table = Path("metadata.csv")
        with table.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("patientid", "finding", "view", "filename"), *rows])
        pictures = {
            f"images/{name}": b"\x89PNG " + alike.get(name, name).encode() for *_, name in rows
        }
        shutil.rmtree("covcat-data", ignore_errors=True)
        found = load.load((shelf.folder,)).find("set@1")
        lay(found, {"metadata.csv": table.read_bytes(), **pictures})

    return lay_rows


def sides(rows: Iterable[Mapping[str, str]], key: str = "patient_id") -> dict[str, str]:
    """The side of each patient, who must be on one alone."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row[key], set()).add(row["split"])
    assert all(len(one) == 1 for one in found.values())
    return {key: one.pop() for key, one in found.items()}


def split(covcat: Covcat, *args: str) -> list[dict[str, str]]:
    ran = covcat("split", "set", "--output", "split.csv", "--force", *args)
    assert ran.code == 0, ran.err
    return read_csv("split.csv")


def test_no_patient_is_on_two_sides_and_the_shares_are_kept(put: Put, covcat) -> None:
    put(many(300))
    rows = split(covcat, "--stratify", "finding,view")
    assert len(sides(rows)) == 300
    assert Counter(sides(rows).values()).keys() == {"train", "val", "test"}
    for column in ("resource", "finding", "view"):
        for value in {row[column] for row in rows}:
            of = [row["split"] for row in rows if row[column] == value]
            for side, share in (("train", 70), ("val", 15), ("test", 15)):
                assert abs(100 * of.count(side) / len(of) - share) < 5, (column, value)


def test_a_side_is_where_the_hash_of_seed_and_name_says(put: Put, covcat) -> None:
    put(many(40))
    for patient, side in sides(split(covcat, "--seed", "7", "--shares", "60,40")).items():
        digest = hashlib.sha256(f"7:{patient}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        assert side == ("train" if place < 0.6 else "test")


@pytest.mark.parametrize(
    ("seed", "name", "place"),
    [  # what `printf 'SEED:NAME' | sha256sum | head -c16` prints
        (0, "cohen:8", "5e6c46009faf40ed"),
        (7, "cohen:8", "e88cb723507b3a22"),
        (7, "set@1:images/a b.png", "4aac922edd89ad43"),
        (999, "Größe", "897bd3e7e139bed9"),
    ],
)
def test_the_place_of_a_name_is_for_ever(seed: int, name: str, place: str) -> None:
    share = Fraction(int(place, 16), 1 << 64)
    little = Fraction(1, 1 << 63)  # more than a double would tell apart
    for first, side in ((share - little, 1), (share + little, 0)):
        assert [*sides_of([name], {"train": first, "test": 1 - first}, seed)] == [side]


@pytest.mark.parametrize("has_lock", [True, False], ids=["lock", "seed"])
@pytest.mark.large
def test_who_was_there_stays_when_a_tenth_more_come(has_lock: bool, put: Put, covcat) -> None:
    rows = many(200)
    put(rows[: len(rows) * 9 // 10])
    before = sides(split(covcat, "--stratify", "finding"))
    seed = json.loads(Path("split.lock").read_text())["seed"]
    put(rows)
    if not has_lock:
        Path("split.lock").unlink()
    ran = covcat(
        *("split", "set", "-o", "split.csv", "--force"),
        *([] if has_lock else ["--seed", str(seed)]),
    )
    assert ran.code == 0, ran.err
    after = sides(read_csv("split.csv"))
    assert len(before) < len(after) == 200
    assert before.items() <= after.items()
    assert ("subjects of the earlier split stay, " in ran.err) == has_lock


def test_the_lock_says_what_was_split_and_how(put: Put, covcat) -> None:
    put(many(60))
    rows = split(covcat, "--stratify", "finding", "--where", "view = 'Lateral'")
    lock = json.loads(Path("split.lock").read_text())
    assert lock["schema"] == "covcat.split/1"
    assert lock["question"]["where"] == "view = 'Lateral'"
    assert lock["stratify"] == ["finding"]
    assert lock["shares"] == {"train": "7/10", "val": "3/20", "test": "3/20"}
    assert [one["release"] for one in lock["releases"]] == ["set@1"]
    for side, counts in lock["counts"].items():
        assert counts["rows"] == sum(row["split"] == side for row in rows)
        assert set(lock["ids"][side]) == {row["patient_id"] for row in rows if row["split"] == side}


def test_what_leaves_and_comes_back_is_where_it_was(put: Put, covcat) -> None:
    rows = many(60)
    put(rows)
    before = sides(split(covcat))
    put(rows[30:])
    split(covcat)
    put(rows)
    assert sides(split(covcat)) == before


A, B = ("A", "COVID-19", "PA", "a.png"), ("B", "COVID-19", "PA", "b.png")


def of_two_sides(found: Mapping[str, str]) -> tuple[str, str]:
    """Two patients, one of whom is in train and the other in test."""
    return tuple(  # type: ignore[return-value]
        min(who for who, side in found.items() if side == wanted).removeprefix("set:")
        for wanted in ("train", "test")
    )


@pytest.mark.parametrize("joint", ["bytes", "patient", "moved"])
def test_what_would_join_train_and_test_is_refused_with_the_pictures(
    joint: str, put: Put, covcat
) -> None:
    rows = many(40)
    put(rows)
    train, test = of_two_sides(sides(split(covcat)))
    before = {name: Path(name).read_bytes() for name in ("split.csv", "split.lock")}
    one = next(row for row in rows if row[0] == train)
    if joint == "bytes":  # a copy of a picture comes under the other patient's id
        put([*rows, (test, "SARS", "PA", "copy.png")], {"copy.png": one[3]})
        names = (one[3], "copy.png")
    elif joint == "patient":  # one picture of two rows, which name two patients
        put([*rows, (test, *one[1:])])
        names = (one[3], test)
    else:  # the picture is another patient's now
        put([(test, *row[1:]) if row is one else row for row in rows])
        names = (one[3], test)
    ran = covcat("split", "set", "--output", "split.csv", "--force")
    assert ran.code == 5
    assert "1 subject that was on two sides" in ran.err
    assert all(name in ran.err for name in names), ran.err
    assert {name: Path(name).read_bytes() for name in before} == before
    assert not list(Path().glob(".covcat-*"))


def test_pictures_of_the_same_bytes_are_on_one_side(put: Put, covcat) -> None:
    rows = [(f"P{n}", "SARS", "PA", f"{n}.png") for n in range(40)]
    put(rows, {f"{n}.png": f"{n // 2}.png" for n in range(40)})
    found = sides(split(covcat))
    assert all(found[f"set:P{n}"] == found[f"set:P{n + 1}"] for n in range(0, 40, 2))
    counts = json.loads(Path("split.lock").read_text())["counts"]
    assert sum(one["subjects"] for one in counts.values()) == 20
    assert sum(one["pictures"] for one in counts.values()) == 20


ODD = ['a,b".png', "=cmd.png", "ü b.png", "'q.png"]


def test_a_digest_that_is_none_is_an_error_of_integrity(put: Put, covcat) -> None:
    put(many(5))
    for name in ("manifest.json", "SHA256SUMS"):  # whoever edits one of them is told that
        place = Path("covcat-data/set/1", name)
        lines = place.read_text().splitlines(keepends=True)
        edited = [re.sub("[0-9a-f]{64}", "ab cd", one) if ".png" in one else one for one in lines]
        place.write_text("".join(edited))
    ran = covcat("split", "set")
    assert ran.code == 5
    assert "has a sha256 that is none" in ran.err


def test_odd_names_and_several_rows_of_a_picture_are_written_whole(put: Put, covcat) -> None:
    rows = [(f"P{n}", "line\nbreak", "PA", name) for n, name in enumerate(ODD)]
    put([*rows, *many(30), ("P0", "COVID-19", "PA", ODD[0])])
    found = split(covcat, "--columns", "filename,patient_id,finding_raw")
    assert list(found[0]) == ["filename", "patient_id", "finding_raw", "split"]
    assert {"ü b.png", "'=cmd.png", "''q.png"} <= {row["filename"] for row in found}
    assert [row["filename"] for row in found].count(ODD[0]) == 2
    assert "line\nbreak" in {row["finding_raw"] for row in found}
    sides(found)


@pytest.mark.parametrize("form", ["links", "copies"])
def test_folders_have_each_picture_on_its_side(form: str, put: Put, covcat) -> None:
    put(many(40))
    ran = covcat("split", "set", "--output", "out", "--as", form)
    assert ran.code == 0, ran.err
    assert ran.out == "out\n"
    for row in read_csv("out/split.csv"):
        place = Path("out", row["file"])
        assert row["file"].startswith(f"{row['split']}/")
        assert place.is_symlink() == (form == "links")
        assert hashlib.sha256(place.read_bytes()).hexdigest() == row["sha256"]
    assert {"split.lock", "query.json", "CITATION.bib"} <= set(os.listdir("out"))
    grown = covcat("split", "set", "--output", "next", "--lock", "out/split.lock")
    assert grown.code == 0, grown.err
    assert sides(read_csv("next/split.csv")) == sides(read_csv("out/split.csv"))


def test_a_cohort_is_split_as_it_was_chosen(put: Put, covcat) -> None:
    put(many(60))
    args = ("--finding", "SARS", "--allow-unknown-license")
    assert covcat("select", "set", *args, "--output", "cohort").code == 0
    ran = covcat("split", "--from", "cohort", "--output", "split.csv")
    assert ran.code == 0, ran.err
    assert {row["image_id"] for row in read_csv("split.csv")} == {
        r["image_id"] for r in read_csv("cohort/cohort.csv")
    }
    assert covcat("split", "--from", "cohort", "--covid", "yes").code == 2


@pytest.mark.parametrize(
    ("rows", "args", "said"),
    [
        (many(2), [], "2 subjects cannot be on 3 sides"),
        (many(2), ["--finding", "MERS"], "no picture that is here passes the filters"),
        (
            [A, B, *(("C", "SARS", "PA", f"{n}.png") for n in range(20))],
            [],
            "the subject `set:C` alone has 20 of 22 pictures",
        ),
        (many(3, 1), ["--seed", "0"], "nobody of 3 subjects is in"),
        (many(1), [], "hint: ask for more pictures\n"),
        (many(9), ["--where", "view = 'AP'"], "there is nothing to split"),
        (many(9), ["--shares", "70,20"], "expected shares of 1 or 100, got 90"),
        (many(9), ["--shares", "100,0"], "nobody would be in test: leave out such a side"),
        (many(9), ["--shares", "0,0,0"], "nobody would be in train or val or test"),
        (many(9), ["--shares", "train=0.5,train=0.5"], "expected two or three of train"),
        (many(9), ["--shares", "a=0.5,b=0.5"], "expected two or three of train"),
        (many(9), ["--shares", "70,x,15"], "expected plain numbers"),
        (many(250, 1), ["--stratify", "filename"], "it has 250 different values"),
        (many(9), ["--stratify", "nothing"], "unknown column `nothing`"),
        (many(9), ["--as", "zip"], "unknown --as `zip`"),
        (many(9), ["--lock", "none.lock"], "there is no record of a split"),
    ],
)
def test_a_split_that_is_none_is_refused_and_leaves_nothing(
    rows: list[Row], args: list[str], said: str, put: Put, covcat
) -> None:
    put(rows)
    ran = covcat("split", "set", "--output", "out/split.csv", *args)
    assert ran.code == (3 if "--lock" in args else 2)
    assert said in ran.err
    assert not Path("out").exists()


def test_a_value_that_nobody_in_test_has_is_told(put: Put, covcat) -> None:
    put([*many(60), ("Q", "Pneumocystis", "PA", "q.png")])
    ran = covcat("split", "set", "--stratify", "finding")
    assert ran.code == 0
    rows = ran.rows
    assert rows[0]["value"] == "(all pictures)"
    assert {row["value"]: row["test"] for row in rows}["Pneumocystis"] == "0"
    assert "finding Pneumocystis: 1 subject, nobody in test" in ran.err


def test_a_column_that_says_nothing_is_told_to_balance_nothing(put: Put, covcat) -> None:
    put(many(9))
    ran = covcat("split", "set", "--stratify", "age,finding")
    assert ran.code == 0, ran.err
    assert "warning: nothing is known of age in any row: it is not balanced" in ran.err


@pytest.mark.parametrize(
    ("edit", "code", "said"),
    [
        (lambda text: text.replace('"set:P0001"', '"set:P9999"'), 5, "was changed"),
        (lambda text: text.replace('"7/10"', '"9/10"'), 2, "not 1 in all"),
        (lambda text: text.replace("covcat.split/1", "covcat.split/2"), 5, "newer covcat"),
        (lambda text: text.replace('"method": "1"', '"method": "0"'), 2, "made by method 0"),
        (lambda text: text[:200], 2, "is not what"),
        (lambda text: "[" * 100_000, 2, "is not what `covcat split` records"),
    ],
)
def test_a_lock_that_is_damaged_is_not_followed(edit, code, said, put: Put, covcat) -> None:
    put(many(30))
    split(covcat)
    lock = Path("split.lock")
    lock.write_text(edit(lock.read_text()))
    before = tree_on_disk(Path())
    ran = covcat("split", "set", "--output", "split.csv", "--force")
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert tree_on_disk(Path()) == before


def test_other_shares_or_another_seed_than_the_lock_has_are_refused(put: Put, covcat) -> None:
    put(many(30))
    split(covcat, "--seed", "5")
    for option in (["--shares", "80,20"], ["--seed", "6"]):
        ran = covcat("split", "set", "--output", "split.csv", "--force", *option)
        assert ran.code == 2
        assert f"was made with {option[0]}" in ran.err
    assert covcat("split", "set", "-o", "split.csv", "--force", "--seed", "5").code == 0


def test_a_failure_at_the_last_step_leaves_the_earlier_lock(
    put: Put, covcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(many(30))
    split(covcat)
    before = tree_on_disk(Path())
    put(many(40))
    real = split_files.place_new

    def fail(built: Path, target: Path, *, force: bool) -> None:
        if target.name == "split.csv":
            raise PermissionError(13, "no")
        real(built, target, force=force)

    monkeypatch.setattr(split_files, "place_new", fail)
    assert covcat("split", "set", "--output", "split.csv", "--force").code == 8
    for name in ("split.csv", "split.lock"):
        assert Path(name).read_bytes() == before[name]


def test_killed_in_the_middle_it_leaves_no_output(put: Put, shelf: Shelf, covcat) -> None:
    put(many(3000))
    assert covcat("images", "set", "--paths").code == 0  # makes the index
    command = [sys.executable, "-m", "covcat", "--catalog", str(shelf.folder), "split", "set"]
    Path("w").mkdir()
    run = subprocess.Popen([*command, "--output", "w/split.csv"], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not [*Path("w").glob(".covcat-*/made-by-covcat")] and run.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    if run.returncode == 0:
        pytest.skip("it was done before it could be killed")
    assert [name for name in os.listdir("w") if not name.startswith(".covcat-")] in (
        [],
        ["split.lock"],
    )
    assert covcat("split", "set", "--output", "w/split.csv").code == 0
    assert sorted(os.listdir("w")) == ["split.csv", "split.lock"]


def test_of_cohens_collection_no_patient_moves_when_the_last_tenth_comes(covcat) -> None:
    archive = REAL / "cohen-0.1-four-files-short.zip"
    if not archive.is_file():
        pytest.skip("the real archives are not beside this repository")
    assert covcat("import", "cohen@0.1", str(archive), "--allow-missing").code == 0
    images = covcat("images", "cohen@0.1", "--format", "csv", "--columns", "patient_id")
    patients = sorted({line for line in images.out.split()[1:] if line})
    late = patients[len(patients) * 9 // 10 :]
    early = "patient_id IS NULL OR patient_id NOT IN ({})".format(
        ", ".join(f"'{one}'" for one in late)
    )
    args = ("split", "cohen@0.1", "--output", "split.csv", "--force", "--stratify", "finding")
    assert covcat(*args, "--where", early).code == 0
    before = sides(read_csv("split.csv"), "image_id")
    ran = covcat(*args)
    assert ran.code == 0, ran.err
    after = sides(read_csv("split.csv"), "image_id")
    sides(row for row in read_csv("split.csv") if row["patient_id"])
    assert before.items() < after.items()
    for column, value in (("resource", "cohen"), ("finding", "COVID-19")):
        of = [row["split"] for row in read_csv("split.csv") if row[column] == value]
        for side, share in (("train", 70), ("val", 15), ("test", 15)):
            assert abs(100 * of.count(side) / len(of) - share) < 7.5
