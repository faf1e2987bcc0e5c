"""Who is on pictures that a study or series joins."""

from covcat.catalog.columns import Record
from covcat.overlap.labelled import Labelled, join_subjects


def row(path: str, patient: str | None, study: str | None, series: str | None = None) -> Record:
    known: Record = {"resource": "set", "release": "1", "path": path, "sha256": path}
    return known | {"patient_id": patient, "study": study, "series": series}


def subjects(*rows: Record) -> list[str]:
    """The subject of each, whatever was compared."""
    labelled = Labelled({("set@1", str(one["path"])): [one] for one in rows})
    return list(join_subjects(labelled, ()).subjects.values())


def test_a_uid_of_dicom_joins_whom_nobody_numbers_and_an_id_of_the_sets_own_does_not() -> None:
    assert subjects(row("a", None, "1.2.3"), row("b", None, "1.2.3")) == ["set:a", "set:a"]
    assert subjects(row("a", "set:P1", None, "1.2"), row("b", None, None, "1.2")) == ["set:P1"] * 2
    assert subjects(row("a", None, "1.2.3"), row("b", None, "1.2.4")) == ["set:a", "set:b"]
    assert subjects(row("a", "set:P1", "set:1"), row("b", "set:P2", "set:1")) == [
        *("set:P1", "set:P2"),
    ]
