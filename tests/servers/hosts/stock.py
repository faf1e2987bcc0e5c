"""What the synthetic releases consist of: names as the real ones have them, bytes made up."""

import io
import json
import stat
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from uuid import UUID, uuid5

from makers.archives import zip_of
from makers.rars import rar4_of, rar5_of
from makers.releases import git_rows

from covcat.catalog.listing import ListedFile, Listing
from covcat.catalog.series import Series
from servers.hosts.content import (
    dicom,
    made,
    metadata,
    nifti,
    noise,
    papers,
    plain,
    slice_of,
    tar_gz,
)

__all__ = ["Inside", "made", "tar_gz"]

Inside = dict[str, bytes]  # member -> bytes
_MOST = 12  # names that are taken from a listing
_CASES = ("coronacases_001", "coronacases_002", "radiopaedia_4_85506_1", "radiopaedia_7_85703_0")


def chosen(known: Listing, keep: str = "") -> list[str]:
    """Choose some names of a listing: the odd ones, then some from all over it."""
    names = sorted(name for name in known if name.startswith(keep))
    kinds: list[Callable[[str], object]] = [
        lambda name: name == "metadata.csv",
        lambda name: name.endswith((".csv", ".json")),
        lambda name: name.endswith("README.md"),
        lambda name: known[name].mode == "100755",
        lambda name: "%" in name,
        lambda name: not name.isascii() or " " in name,
        lambda name: name == max(names, key=len),
    ]
    odd = [name for is_odd in kinds for name in list(filter(is_odd, names))[:1]]
    return sorted({*odd, *names[:: max(1, len(names) // _MOST)][:_MOST]})


def repository(names: Iterable[str], *, is_part: bool = False) -> Inside:
    """Return files of those names; `is_part` adds some outside the folder that is kept."""
    files = {name: made(name) for name in names}
    pictures = [name for name in files if name.endswith((".png", ".jpg", ".jpeg"))]
    for name in files:
        if name.rpartition("/")[2] == "metadata.csv":
            files[name] = metadata(pictures)
    if is_part:
        files |= {name: plain(name) for name in ("README.md", "setup.py", "src/model.py")}
    return files


def pictures(known: Listing, folder: str) -> Inside:
    return {name: made(name) for name in chosen(known, f"{folder}/")}


def rows(files: Mapping[str, bytes]) -> list[ListedFile]:
    """Return the listing of files that git does not hold."""
    return [replace(row, mode=None) for row in git_rows(files)]


def zipped(files: Mapping[str, bytes], *, litter: bool = False) -> bytes:
    """Return a zip; with what a Mac leaves behind, if that is wanted."""
    folder = next(iter(files)).partition("/")[0]
    mess = {f"{folder}/.DS_Store": noise("mess"), f"__MACOSX/{folder}/._mess": noise("mess", 120)}
    members = {**files, **(mess if litter else {})}
    return zip_of(members, modes=dict.fromkeys(members, stat.S_IFREG | 420))


def doubled(files: Mapping[str, bytes]) -> Inside:
    """Return every picture twice, and a Mac's shadow of each, as one bundle on Kaggle has it."""
    again = {f"chest_xray/{name}": data for name, data in files.items()}
    shadows = {
        f"chest_xray/__MACOSX/{folder}/._{base}": noise(f"shadow {base}", 120)
        for folder, _, base in (name.rpartition("/") for name in files)
    }
    return {**files, **again, **shadows, "chest_xray/chest_xray/.DS_Store": noise("mess")}


def volumes(archive: str, folder: str = "") -> Inside:
    """Return volumes of the same names in every archive."""
    if folder:
        return {f"{folder}{n}.nii.gz": nifti(f"{archive} {n}") for n in range(1, 4)}
    found = {f"{case}.nii.gz": nifti(f"{archive} {case}") for case in _CASES}
    return {**found, **({"ReadMe.txt": plain(archive)} if "20cases" in archive else {})}


def patients(count: int) -> dict[str, tuple[bytes, Inside]]:
    """Return an archive of slices for each patient: RAR 5, and each third one RAR 4."""
    found = {}
    for number in range(1, count + 1):
        slices = {f"P{number:03}/IM{at:04}": dicom(f"{number} {at}") for at in range(1, 4)}
        pack = rar4_of if number % 3 == 0 else rar5_of
        found[f"P{number:03}.rar"] = (pack(slices), slices)
    return found


def series(known: Iterable[Series]) -> dict[Series, Inside]:
    """Return as many slices of each as it says, called by uuids as IDC's are, and their bytes."""
    found = {}
    for one in known:
        objects = {
            f"{uuid5(UUID(one.uuid), str(at))}.dcm": slice_of(one, at) for at in range(one.objects)
        }
        found[replace(one, bytes=sum(map(len, objects.values())))] = objects
    return found


def chest_xrays(with_oct: bool = False) -> Inside:
    """Return Kermany's pictures as Mendeley has them: no val folder."""
    root = "CellData/chest_xray" if with_oct else "chest_xray"
    names = [f"{root}/{name}" for name in _KERMANY.split()]
    names += ["CellData/OCT/train/CNV/CNV-13823-1.jpeg"] if with_oct else []
    return {name: made(name) for name in names}


def folders() -> Inside:
    found = ["description.txt"]
    for folder, name in (("COVID-19", "covid"), ("Non COVID-19", "other")):
        found += [f"{folder}/aug_{name}_1.png", f"{folder}/rotated/aug_{name}_2.png"]
    return {name: made(name) for name in found}


def kaggle(dataset: str) -> Inside:
    return {name: made(name) for name in _KAGGLE[dataset].split()}


def bucket(prefix: str) -> Inside:
    """Return what lies below a prefix of STOIC's bucket, as the organisers' code reads it."""
    if prefix == "metadata/":
        return {"reference.csv": b"PatientID,probCOVID,probSevere\n10011,1,0\n1002,0,0\n"}
    return {f"mha/{patient}.mha": made(f"{patient}.mha") for patient in (10011, 1002)}


def papers_of(date: str) -> Inside:
    """Return a release of CORD-19: archives inside an archive, in the layout of its time."""
    first = "0001418189999fea7f7cbe3e82703d71c85a6fe5.json"
    parses = {
        f"document_parses/pdf_json/{first}": _paper("a"),
        "document_parses/pmc_json/PMC1054884.xml.json": _paper("b"),
    }
    if date < "2020-05-19":
        table = "metadata.csv" if date > "2020-03-13" else f"all_sources_metadata_{date}.csv"
        subset = {f"comm_use_subset/{first}": _paper("a")}
        return {
            f"{date}/{table}": papers("made0001", "made0002"),
            f"{date}/comm_use_subset.tar.gz": tar_gz(subset),
            f"{date}/biorxiv_medrxiv.tar.gz": tar_gz({"biorxiv_medrxiv/b.json": _paper("b")}),
        }
    vector = ",".join(["made0001", *("0.5" for _ in range(768))]) + "\n"
    embeddings = {f"cord_19_embeddings_{date}.csv": vector.encode()}
    return {
        f"{date}/changelog": plain(f"changelog of {date}"),
        f"{date}/metadata.csv": papers("made0001", "made0002"),
        f"{date}/document_parses.tar.gz": tar_gz(parses),
        f"{date}/cord_19_embeddings.tar.gz": tar_gz(embeddings),
    }


def opened(inside: Inside) -> Inside:
    """Return the same with its archives unpacked, each into a folder of its own name."""
    found: dict[str, bytes] = {}
    for path, data in inside.items():
        if not path.endswith(".tar.gz"):
            found[path] = data
            continue
        own = path.removesuffix(".tar.gz")
        first = own.rpartition("/")[2] + "/"
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                inner = f"{own}/{member.name.removeprefix(first)}"
                found[inner] = archive.extractfile(member).read()
    return found


def _paper(id: str) -> bytes:
    return json.dumps({"paper_id": id, "body_text": [{"text": "Made up."}]}).encode()


_KERMANY = """
train/NORMAL/NORMAL-1003233-0001.jpeg train/PNEUMONIA/BACTERIA-1008087-0001.jpeg
test/NORMAL/NORMAL-1049278-0001.jpeg test/PNEUMONIA/VIRUS-1980593-0001.jpeg
"""
_RADIOGRAPHY = "COVID-19_Radiography_Dataset"
_KAGGLE: Mapping[str, str] = {
    "andyczhao/covidx-cxr2": "train/made-1.png train/made-2.jpg test/made-3.png train.txt test.txt",
    "bachrr/covid-chest-xray": (
        "images/made-1.jpg images/made-2.png annotations/made-1.json metadata.csv"
    ),
    "paultimothymooney/chest-xray-pneumonia": (
        "chest_xray/train/NORMAL/IM-0115-0001.jpeg "
        "chest_xray/train/PNEUMONIA/person1_bacteria_1.jpeg "
        "chest_xray/val/NORMAL/NORMAL2-IM-1427-0001.jpeg "
        "chest_xray/test/PNEUMONIA/person1_virus_6.jpeg"
    ),
    "tawsifurrahman/covid19-radiography-database": (
        f"{_RADIOGRAPHY}/COVID/images/COVID-1.png {_RADIOGRAPHY}/COVID/masks/COVID-1.png "
        f"{_RADIOGRAPHY}/Normal/images/Normal-1.png {_RADIOGRAPHY}/COVID.metadata.xlsx "
        f"{_RADIOGRAPHY}/README.md.txt"
    ),
}
