"""The tables beside COVID-CT's zips, made up for the names of its images, with their quirks."""

from collections.abc import Iterable
from itertools import islice

from makers.tables import workbook

PARTS = {"COVID": (191, 60, 98), "NonCOVID": (234, 58, 105)}  # train, val, test
PATIENTS = 213
HEAD = (
    *("File name", "Patient ID", "Age", "Gender", "Location", "Medical history", "Time"),
    *("Severity", "Other diseases", "DOI", "Captions"),
)


def covid_ct_tables(paths: Iterable[str]) -> dict[str, bytes]:
    """Return tables and split for the images below CT_COVID/ and CT_NonCOVID/."""
    names: dict[str, list[str]] = {kind: [] for kind in PARTS}
    for path in sorted(paths):
        folder, _, name = path.partition("/")
        if folder.removeprefix("CT_") in names:
            names[folder.removeprefix("CT_")].append(name)
    found = {
        "COVID-CT-MetaInfo.xlsx": _book(names["COVID"]),
        "NonCOVID-CT-MetaInfo.csv": _table(names["NonCOVID"]),
    }
    for kind, sizes in PARTS.items():
        left, end = iter(names[kind]), "\r\n" if kind == "NonCOVID" else "\n"
        for part, size in zip(("train", "val", "test"), sizes, strict=True):
            lines = list(islice(left, size))  # the last one without an end of its line
            found[f"Data-split/{kind}/{part}CT_{kind}.txt"] = end.join(lines).encode()
    return found


def _book(names: list[str]) -> bytes:
    """Return the workbook: each third name has no suffix, and a footnote is the last row."""
    rows: list[tuple[object, ...]] = [HEAD]
    for at, name in enumerate(names):
        short = name if at % 3 else name.rpartition(".")[0]
        sex, doi = ("F ", "10.1101/2020.02.11.20021493") if at % 2 else ("M", None)
        rows.append((short, f"Patient {at % PATIENTS + 1}", 50, sex, *5 * [None], doi, "['a']"))
    return workbook([*rows, (*10 * [None], "NTM, made up. ")])


def _table(names: list[str]) -> bytes:
    rows = [f"{at},{name},crawled_patient_{at // 2}\r\n" for at, name in enumerate(names)]
    return ("," + "image name,patient id\r\n" + "".join(rows)).encode()
