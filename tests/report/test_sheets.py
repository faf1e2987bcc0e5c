"""Contact sheets: which pictures are shown, how many, and what is told of each."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from makers.films import png

from covcat.imaging.people import names_people
from covcat.report.thumbnails import SIDE, Thumbnail, make_thumbnail

CC = "CC BY 4.0"
COVID = {"patientid": 1, "finding": "COVID-19", "view": "PA", "license": CC}


def pictures(seen) -> list[str]:
    """Give what sheets show; those side by side below have the names of their releases."""
    every = [str(names["alt"]) for tag, names in seen.tags if tag == "img"]
    return [one for one in every if "@" not in one]


@pytest.mark.parametrize(
    ("licences", "shown", "with_pictures"),
    [
        ([CC], 1, 1),
        (["CC BY-NC-ND 4.0"], 1, 1),
        (["CC0"], 1, 1),
        ([""], 0, 1),
        (["all rights reserved"], 0, 1),
        ([CC, "all rights reserved"], 0, 1),  # one row of the picture refuses
        ([CC, CC], 1, 1),
    ],
)
def test_a_picture_is_in_the_page_only_where_each_row_allows_redistribution(
    laid, report, licences: list[str], shown: int, with_pictures: int
) -> None:
    laid([{**COVID, "filename": "a.png", "license": one} for one in licences])
    seen = report()
    assert len(pictures(seen)) == shown
    assert ("cannot be shown" in seen.told("sheets")) == (shown == 0)
    assert "for your own use" not in seen.told("sheets") or not shown
    own = report("--with-pictures")
    assert len(pictures(own)) == with_pictures
    assert own.told("sheets").count("this page is for your own use") == 1


def test_a_click_leads_to_labels_raw_values_path_and_licence_without_a_script(laid, report) -> None:
    row = {**COVID, "filename": "a.png", "sex": "w", "age": 61, "location": "<b>here</b>"}
    laid([row])
    seen = report()
    (target,) = {names["popovertarget"] for _, names in seen.tags if "popovertarget" in names}
    assert [names["id"] for tag, names in seen.tags if tag == "dialog"] == [target]
    text = seen.told("sheets")
    for part in ("set/1/files/images/a.png", "sex F", "sex w", f"license {CC}", "metadata.csv"):
        assert part in text, text
    assert "<b>here</b>" in text


def test_few_pictures_of_each_group_are_shown_and_the_same_ones_in_any_order(laid, report) -> None:
    rows = [{**COVID, "filename": f"{at}.png"} for at in range(30)]
    rows += [{**COVID, "filename": f"l{at}.png", "view": "Lateral"} for at in range(3)]
    files = {str(row["filename"]): png(1, 40, 30) for row in rows}
    laid(rows, pictures=files)
    seen = report()
    assert "COVID-19, PA 8 of 30 pictures" in seen.told("sheets")
    assert "COVID-19, Lateral 3 of 3 pictures" in seen.told("sheets")
    before = pictures(seen)
    laid(rows[::-1], pictures=files)
    assert sorted(pictures(report())) == sorted(before)
    assert len(pictures(report("--pictures", "2"))) == 4
    assert not pictures(report("--pictures", "0"))


def test_a_thousand_pictures_of_many_groups_make_a_page_that_opens(laid, report) -> None:
    rows = [
        {**COVID, "finding": finding, "view": view, "filename": f"{finding}{view}{at}.png"}
        for finding in ("COVID-19", "SARS", "No finding", "Influenza", "Pneumonia")
        for view in ("PA", "AP", "Lateral", "Axial")
        for at in range(50)
    ]
    film = png(3)
    laid(rows, pictures={str(row["filename"]): film for row in rows})
    seen = report()
    assert 150 <= len(pictures(seen)) <= 180
    assert Path("page.html").stat().st_size <= 1_500_000


def test_a_picture_that_cannot_be_decoded_says_why(laid, report) -> None:
    laid([{**COVID, "filename": "a.png"}], pictures={"a.png": png(1)[:200]})
    assert not pictures(seen := report())
    assert "not shown: cut: the end of the png is missing" in seen.told("sheets")


def test_of_a_volume_the_middle_slice_is_shown(tmp_path: Path) -> None:
    slices = np.zeros((5, 40, 60), np.int16)
    slices[2, :, 30:] = 100
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 60, 40, 5, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    header[344:348] = b"n+1\0"
    path = tmp_path / "volume.nii"
    path.write_bytes(bytes(header) + slices.tobytes())
    small = make_thumbnail(str(path))
    assert isinstance(small, Thumbnail)
    assert (small.width, small.height, small.slice) == (60, 40, 3)
    grey = cv2.imdecode(np.frombuffer(small.data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey[20, 10] < 20
    assert grey[20, 50] > 235


def test_a_thumbnail_keeps_the_shape_and_is_small(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(1, 900, 300))
    small = make_thumbnail(str(path))
    assert isinstance(small, Thumbnail)
    assert (small.width, small.height) == (SIDE, round(SIDE / 3))
    assert len(small.data) < 6_000
    assert small.slice is None


@pytest.mark.parametrize(
    ("column", "is_of_people"),
    [
        *((one, True) for one in ("PatientName", "Patient's Name", "patient_name", "Name")),
        *((one, True) for one in ("ReferringPhysicianName", "OperatorsName", "PatientBirthDate")),
        *(
            (one, True)
            for one in ("InstitutionName", "first name", "Telephone", "e-mail", "PatientAddress")
        ),
        *((one, False) for one in ("filename", "file_name", "image name", "ProtocolName", "sex")),
        *((one, False) for one in ("finding", "location", "patientid")),
    ],
)
def test_columns_that_name_people_are_told_from_others(column: str, is_of_people: bool) -> None:
    assert names_people(column) == is_of_people


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_show_prints_no_cell_that_names_a_person_either(laid, covcat, options) -> None:
    named = {"PatientName": "Doe^Jane", "InstitutionName": "St. Elsewhere", "remark": "kept"}
    folder = laid([{**COVID, "filename": "a.png", **named}])
    ran = covcat("show", str(folder / "files/images/a.png"), *options)
    assert ran.code == 0, ran.err
    assert "kept" in ran.out
    assert "Doe" not in ran.out
    assert "Elsewhere" not in ran.out


def test_a_picture_that_declares_more_than_memory_holds_is_named_and_not_decoded(
    laid, report
) -> None:
    whole = png(1)
    head = whole[12:16] + struct.pack(">II", 40_000, 40_000) + whole[24:29]
    bomb = whole[:12] + head + struct.pack(">I", zlib.crc32(head)) + whole[33:]
    rows = [{"patientid": 1, "finding": "SARS", "filename": "a.png", "license": "CC BY 4.0"}]
    laid(rows, pictures={"a.png": bomb})
    seen = report()
    assert "40,000 x 40,000" in seen.text["pictures"]
    assert not [names for tag, names in seen.tags if tag == "img"]
    text = " ".join((seen.text["missing"] + seen.text["sheets"]).split())
    assert "a.png" in text
