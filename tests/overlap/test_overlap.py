"""covcat overlap: which pictures are the same, what contradicts itself, and what is kept of it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import pytest
from makers.laid import lay
from makers.pictures import encoded, film
from makers.releases import labelled
from makers.runs import read_csv

from covcat.catalog import load
from covcat.overlap import run as finding
from covcat.overlap.matrix import count_shared, pair_files
from covcat.overlap.pairs import Pair, Picture
from covcat.store import overlaps

ENTRY = labelled(
    {"patient_id": "patient", **{name: name for name in ("finding", "split", "license")}},
    "{name}",
    path="t.csv",
    optional=["split", "license"],
)
HEADER = "name,patient,finding,split,license\n"
CLAIM = "contains:\n  - {resource: two, evidence: made up, source: made up}\n"


A, B, C, D = (encoded(film(number)) for number in range(1, 5))
A_TOO = encoded(film(1), ".png", cv2.IMWRITE_PNG_COMPRESSION, 0)  # its pixels


@pytest.fixture
def put(shelf) -> Callable[..., Path]:
    """Write a release of a set with a label table; return its folder."""

    def write(id: str, rows: str, files: Mapping[str, bytes], contains: str = "") -> Path:
        shelf.add(id, contains + ENTRY)
        catalog = load.load((shelf.folder,))
        return lay(catalog.find(id), {"t.csv": (HEADER + rows).encode(), **files})

    return write


@pytest.fixture
def two_sets(put) -> tuple[Path, Path]:
    """Two sets: a film under two patients of the first, and that film in the second."""
    one = put(
        "one",
        "a.png,1,COVID-19,train,CC BY 4.0\nb.png,2,COVID-19,test,CC BY 4.0\n"
        "more.png,2,SARS,test,CC BY 4.0\nc.png,,SARS,,\n",
        {"a.png": A, "b.png": A_TOO, "more.png": B, "c.png": C},
    )
    two = put("two", "x.png,7,SARS,,CC0-1.0\nz.png,8,SARS,,\n", {"x.png": A, "z.png": D})
    return one, two


def test_the_matrix_says_how_many_pictures_two_sets_share_and_in_which_way(covcat, two_sets):
    ran = covcat("overlap", "--format", "csv")
    assert ran.code == 0, ran.err
    (row,) = ran.rows
    assert [row[one] for one in ("a_set", "a_pictures", "b_set", "b_pictures")] == [
        *("one@1", "4", "two@1", "2"),
    ]
    assert [row[one] for one in ("shared", "percent", "same_bytes", "same_pixels", "look")] == [
        *("1", "50.0", "1", "0", "0"),
    ]
    inside = covcat("overlap", "one", "--within", "--format", "csv").rows
    assert [(one["b_set"], one["same_pixels"]) for one in inside] == [("one@1", "1")]


def test_pairs_begin_with_what_is_the_same_and_leave_out_what_is_twice_in_one_set(covcat, two_sets):
    ran = covcat("overlap", "--pairs", "--format", "csv")
    assert ran.out.splitlines()[0].startswith("a_set,a_path,b_set,b_path,verdict,score,scale,")
    across = [tuple(row.values())[:5] for row in ran.rows]
    assert across == [
        ("one@1", "a.png", "two@1", "x.png", "same bytes"),
        ("one@1", "b.png", "two@1", "x.png", "same pixels"),
    ]
    within = covcat("overlap", "--pairs", "--within", "--format", "csv").rows
    found = {(row["a_path"], row["b_path"]): row["verdict"] for row in within}
    assert found == {
        ("a.png", "b.png"): "same pixels",
        ("a.png", "x.png"): "same bytes",
        ("b.png", "x.png"): "same pixels",
    }
    none = covcat("overlap", "one", "--pairs", "--within", "--min-verdict", "same-bytes")
    assert (none.code, len(none.out.splitlines())) == (0, 1)


def test_what_is_said_differently_of_one_picture_is_named_with_its_rows(covcat, two_sets):
    ran = covcat("overlap", "--json")
    said = {one["kind"]: one["rows"] for one in ran.document["data"]["conflicts"]}
    assert sorted(said) == ["labels", "licences", "patients", "splits"]
    assert said["patients"] == [
        {"picture": "one@1:a.png", "says": "one:1"},
        {"picture": "one@1:b.png", "says": "one:2"},
    ]
    assert {one["says"] for one in said["splits"]} == {"train", "test"}
    assert {one["says"] for one in said["labels"]} == {"COVID-19", "SARS"}
    assert "conflict of splits: one@1:a.png: train; one@1:b.png: test" in ran.err


def test_the_index_joins_patients_by_what_was_found_and_keeps_who_is_alone(covcat, two_sets):
    ask = ("images", "--columns", "path,same_as,subject", "--format", "csv")
    before = {row["path"]: row["subject"] for row in covcat(*ask).rows}
    assert before == {
        "a.png": "one:1",
        "b.png": "one:2",
        "more.png": "one:2",
        "c.png": "one:c.png",
        "x.png": "two:7",
        "z.png": "two:8",
    }
    covcat("overlap")
    rows = {row["path"]: row for row in covcat(*ask).rows}
    joined = {path for path, row in rows.items() if row["subject"] == "one:1"}
    assert joined == {"a.png", "b.png", "more.png", "x.png"}
    assert {path for path, row in rows.items() if row["same_as"] == "one@1:a.png"} == {
        *("a.png", "b.png", "x.png"),
    }
    assert [(rows[one]["same_as"], rows[one]["subject"]) for one in ("c.png", "z.png")] == [
        *(("", "one:c.png"), ("", "two:8")),
    ]


def test_evidence_is_kept_beside_the_manifest_and_a_changed_file_loses_it(covcat, put, two_sets):
    covcat("overlap")
    record = overlaps.last(two_sets[1])
    assert record is not None
    (seen,) = record.pictures
    assert (seen.path, seen.verdict, seen.same_as) == ("x.png", "same bytes", "one@1:a.png")
    assert list(record.others) == ["one@1"]
    put("two", "x.png,7,SARS,,\nz.png,8,SARS,,\n", {"x.png": C, "z.png": D})
    ran = covcat("images", "two", "--columns", "path,same_as,subject", "--format", "csv")
    assert [tuple(row.values()) for row in ran.rows] == [
        *(("x.png", "", "two:7"), ("z.png", "", "two:8")),
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("one:1", "one:9"),
        lambda text: "{}",
        lambda text: text.replace("record/1", "record/2"),
    ],
    ids=["cut", "edited", "empty", "newer"],
)
def test_a_record_that_was_edited_or_cut_is_as_if_it_were_not_there(covcat, two_sets, damage):
    covcat("overlap")
    place = two_sets[1] / "overlap.json"
    place.write_text(damage(place.read_text()))
    ran = covcat("images", "two", "--columns", "subject", "--format", "csv")
    assert [row["subject"] for row in ran.rows] == ["two:7", "two:8"]


def test_status_verify_and_remove_know_the_record_and_cache_drops_it(covcat, two_sets):
    covcat("overlap")
    for line in (["verify", "two", "--quick"], ["status"], ["remove", "two", "--yes", "-n"]):
        ran = covcat(*line)
        assert (ran.code, "overlap.json" in ran.err) == (0, False), ran.err
    listed = covcat("cache", "list", "--json").document["data"]["cache"]
    assert {one["name"] for one in listed if one["kind"] == "overlap"} == {"one@1", "two@1"}
    covcat("cache", "prune")
    assert (two_sets[1] / "overlap.json").exists()
    covcat("cache", "prune", "--overlap")
    assert not (two_sets[1] / "overlap.json").exists()
    ran = covcat("images", "two", "--columns", "subject", "--format", "csv")
    assert ran.rows[0]["subject"] == "two:7"


def test_status_says_with_what_a_release_was_compared_and_what_was_found(covcat, two_sets):
    assert "compared with" not in covcat("status").err
    covcat("overlap")
    ran = covcat("status")
    assert (
        f"one@1: compared with two@1 on {overlaps.last(two_sets[0]).found_at[:10]}:"
        " 2 pictures of it have copies\n" in ran.err
    )
    assert "two@1: compared with one@1 on" in ran.err
    assert ": 1 picture of it has copies\n" in ran.err
    one, two = covcat("status", "--json").document["data"]["here"]
    assert (one["overlap_with"], one["overlap_pictures"]) == ("two@1", 2)
    assert (two["overlap_with"], two["overlap_pictures"]) == ("one@1", 1)
    assert one["overlap_at"] == overlaps.last(two_sets[0]).found_at
    manifest = two_sets[0] / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")  # another state of the release
    assert "one@1: compared" not in covcat("status").err


def test_a_run_over_fewer_sets_does_not_forget_what_was_found_over_more(covcat, two_sets):
    covcat("overlap")
    before = (two_sets[0] / "overlap.json").read_bytes()
    ran = covcat("overlap", "one")
    assert "stay as an earlier run found them: it was compared with two@1 too" in ran.err
    assert (two_sets[0] / "overlap.json").read_bytes() == before
    covcat("remove", "two", "--yes")
    assert "stay as an earlier run" not in covcat("overlap", "one").err
    record = overlaps.last(two_sets[0])
    assert record is not None
    assert record.others == {}


def test_the_same_run_again_leaves_the_indexes_as_they_are(covcat, two_sets):
    covcat("overlap")
    covcat("images")
    assert "making its image index" not in covcat("overlap").err + covcat("images").err


def test_the_index_of_a_set_that_shares_nothing_stays_as_it_is(covcat, put, two_sets):
    put("three", "q.png,1,SARS,,\n", {"q.png": encoded(film(9))})
    covcat("images")
    assert "1 within one" in covcat("overlap").err
    assert "three@1: making its image index" not in covcat("images").err
    assert "these within one set are told with --within" in covcat("overlap").err
    assert "these within" not in covcat("overlap", "--within").err


def test_ones_own_pictures_are_compared_with_everything_and_nothing_is_kept(
    covcat, two_sets, tmp_path
):
    for place in ("mine/test", "other/test"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "mine/test/again.png").write_bytes(D)
    (tmp_path / "mine/test/notes.txt").write_bytes(b"text")
    (tmp_path / "other/test/new.png").write_bytes(encoded(film(9)))
    asked = ("--with", str(tmp_path / "mine/test"), "--with", str(tmp_path / "other/test"))
    ran = covcat("overlap", "two", *asked, "--pairs", "--format", "csv")
    assert ran.code == 0, ran.err
    assert [tuple(row.values())[:5] for row in ran.rows] == [
        ("two@1", "z.png", "test", "again.png", "same bytes"),
    ]
    assert "test: 1 file not compared: no picture" in ran.err
    sets = covcat("overlap", "two", *asked, "--json").document["data"]["sets"]
    assert [one["set"] for one in sets] == ["two@1", "test", "test#2"]
    assert not (two_sets[1] / "overlap.json").exists()
    gone = covcat("overlap", "--with", str(tmp_path / "nowhere"))
    assert (gone.code, gone.out) == (3, "")


@pytest.mark.parametrize(
    ("contains", "x", "status", "code"),
    [
        (CLAIM, A, "agreed", 0),
        (CLAIM, C, "not found", 5),
        ("", A, "found, not claimed", 5),
        ("", C, None, 0),
    ],
)
def test_check_holds_the_catalogs_claims_beside_what_was_found(
    covcat, put, contains, x, status, code
):
    put("two", "x.png,7,SARS,,\n", {"x.png": x})
    put("one", "a.png,1,COVID-19,,\n", {"a.png": A}, contains)
    told = covcat("overlap", "--json").document["data"]["claims"]
    assert [one["status"] for one in told] == ([status] if status else [])
    ran = covcat("overlap", "--check", "--json")
    assert (ran.code, ran.document["ok"]) == (code, code == 0), ran.err
    assert ran.document["data"]["claims"] == told


def test_what_is_not_whole_cannot_show_that_nothing_is_there(covcat, put, shelf):
    put("two", "x.png,7,SARS,,\n", {"x.png": C})
    put("one", "a.png,1,COVID-19,,\n", {"a.png": A}, CLAIM)
    lay(load.load((shelf.folder,)).find("two"), {"x.png": C}, ("--include=x.png",))
    ran = covcat("overlap", "--check", "--json")
    (claim,) = ran.document["data"]["claims"]
    assert (ran.code, claim["status"]) == (0, "not judged")
    assert claim["reason"] == "two@1: only a part is here"


def test_without_the_extra_the_same_bytes_are_found_and_that_is_said(covcat, two_sets, monkeypatch):
    monkeypatch.setattr(finding, "has_extra", lambda: False)
    ran = covcat("overlap", "--pairs", "--within", "--format", "csv")
    assert [row["verdict"] for row in ran.rows] == ["same bytes"]
    assert "pip install 'covcat[overlap]'" in ran.err
    monkeypatch.setattr(finding, "has_extra", lambda: True)
    covcat("overlap")
    monkeypatch.setattr(finding, "has_extra", lambda: False)
    ran = covcat("overlap")
    assert "stay as an earlier run found them: pixels were compared then" in ran.err


def test_output_writes_a_new_file_whole_and_replaces_nothing(covcat, two_sets, tmp_path):
    out = tmp_path / "same.json"
    ran = covcat("overlap", "--output", str(out))
    assert (ran.code, ran.out) == (0, f"{out}\n")
    assert json.loads(out.read_text())["data"]["overlaps"][0]["shared"] == 1
    assert covcat("overlap", "--output", str(out)).code == 8
    assert covcat("overlap", "--output", str(tmp_path / "same.txt")).code == 2
    assert covcat("overlap", "--min-verdict", "alike").code == 2


def test_on_a_terminal_of_80_columns_the_matrix_is_whole(covcat, two_sets, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = covcat("overlap", "--format", "table")
    head, row = ran.out.splitlines()
    assert " ".join(head.split()) == "a set b set both % bytes pixels picture look"
    assert row.split()[:4] == ["one@1", "two@1", "1", "50.0"]
    assert max(map(len, ran.out.splitlines())) <= 80


def test_slices_count_as_one_pair_of_files_and_look_is_never_shared() -> None:
    def pair(frame: int, verdict, score: float) -> Pair:
        one, other = (Picture(name, f"{name}.nii", name, frame) for name in "ab")
        return Pair(one, other, verdict, score)

    pairs = pair_files(
        [pair(1, "look", 0.99), pair(2, "same picture", 0.98), pair(3, "same picture", 0.97)]
    )
    assert [(one.best.score, one.frames) for one in pairs] == [(0.98, 2)]
    (told,) = count_shared({"a": 1, "b": 1}, pairs, within=False)
    assert (told.shared, told.percent) == (1, 100.0)
    (told,) = count_shared({"a": 1, "b": 1}, pair_files([pair(1, "look", 0.99)]), within=False)
    assert (told.shared, told.verdicts["look"]) == (0, 1)


def test_a_thousand_copies_in_a_set_are_not_half_a_million_pairs(covcat, put) -> None:
    files = {f"{number}.png": A for number in range(300)}
    rows = "".join(f"{name},,SARS,,\n" for name in files)
    put("one", rows, files)
    put("two", rows, files)
    ran = covcat("overlap", "--json")
    (told,) = ran.document["data"]["overlaps"]
    assert (told["shared"], told["same_bytes"]) == (300, 300)


def test_each_picture_or_subject_is_asked_for_once_and_labels_that_differ_are_said(
    covcat, two_sets
):
    covcat("overlap")
    ask = ("--columns", "path", "--format", "csv")
    warned = "warning: 1 picture with copies that have other findings"
    for one_per, paths in (
        ("picture", ["a.png", "more.png", "c.png", "z.png"]),
        ("subject", ["a.png", "c.png", "z.png"]),
        ("patient", ["a.png", "b.png", "x.png", "z.png"]),
    ):
        ran = covcat("images", "--one-per", one_per, *ask)
        assert [row["path"] for row in ran.rows] == paths
        assert warned in ran.err
    ran = covcat("counts", "--of", "pictures", "--by", "finding", "--format", "csv")
    counted = {row["finding"]: row["pictures"] for row in ran.rows}
    assert counted == {"COVID-19": "1", "SARS": "4"}  # the film is in both, and said to be
    assert warned in ran.err
    total = covcat("counts", "--of", "pictures", "--format", "csv")
    assert total.out.split() == ["pictures", "4"]


def test_whatever_release_comes_first_the_picture_that_stands_is_taken(covcat, two_sets, tmp_path):
    covcat("overlap")
    out = tmp_path / "out.csv"
    for asked in (
        ("images", "--one-per", "picture"),
        ("select", "--distinct", "--allow-unknown-license"),
    ):
        for filters, paths in (
            ((), {"one@1:a.png", "one@1:more.png", "one@1:c.png", "two@1:z.png"}),
            (
                ("--finding", "SARS"),
                {"one@1:more.png", "one@1:c.png", "two@1:x.png", "two@1:z.png"},
            ),
        ):
            ran = covcat(*asked, "two", "one", *filters, "--output", str(out), "--force")
            assert ran.code == 0, ran.err
            taken = {f"{row['resource']}@1:{row['path']}" for row in read_csv(out)}
            assert taken == paths, asked


def test_a_cohort_of_distinct_pictures_has_the_one_that_stands_if_it_passes(
    covcat, two_sets, tmp_path
):
    covcat("overlap")
    allowed = ("--allow-unknown-license", "--distinct")
    for name, asked, paths in (
        ("all", (), ["a.png", "more.png", "c.png", "z.png"]),
        ("sars", ("--finding", "SARS"), ["more.png", "c.png", "x.png", "z.png"]),
    ):
        out = tmp_path / f"{name}.csv"
        ran = covcat("select", *allowed, *asked, "--output", str(out))
        assert ran.code == 0, ran.err
        assert [row["path"] for row in read_csv(out)] == paths
    folder = tmp_path / "cohort"
    assert covcat("select", *allowed, "--output", str(folder)).code == 0
    query = json.loads((folder / "query.json").read_text())
    assert query["question"]["one_per"] == "picture"
    left_out = query["counts"]["left_out"]
    assert left_out == {"another copy of the picture is chosen": 2}
    assert covcat("select", "--from", str(folder)).code == 0
    assert covcat("select", "--distinct", "--one-per", "patient").code == 2
