"""Lists of COVIDx and the sets that hold their pictures, shaped after labels/ at 65999806."""

from collections.abc import Mapping

from covcat.catalog import load
from makers.laid import lay
from makers.tables import png

V4 = "labels/train_COVIDx4.txt"
V1 = "labels/train_COVIDx.txt"
LISTS = {
    V4: b"10 SARS-day0.jpeg pneumonia cohen\n"
    b"99 later.png COVID-19 cohen\n"
    b"COVID-00033 COVID-00033.jpg COVID-19 fig1\n"
    b"COVID 1 COVID(1).png COVID-19 sirm\n"
    b"000db696 000db696.png pneumonia rsna\n",
    V1: b"10 SARS-day0.jpeg pneumonia\n7 000db696.png normal\n",
}
COHEN_HEADER = b"Patientid,filename,folder,license,finding\n"
COHEN = {
    "metadata.csv": COHEN_HEADER + b"10,SARS-day0.jpeg,images,CC BY-NC-SA 4.0,SARS\n",
    "images/SARS-day0.jpeg": png(5, 4),
    "images/COVID-00033.jpg": png(2, 2),  # of no row that says `cohen`
}
FIGURE1 = {
    "metadata.csv": b"patientid,finding\nCOVID-00033,COVID-19\n",
    "images/COVID-00033.jpg": png(6, 4),
}


def put(name: str, files: Mapping[str, bytes]) -> None:
    lay(load.load(()).find(name), files)


def put_sets() -> None:
    put("covid-net@2022-02-17", LISTS)
    put("cohen@0.1", COHEN)
    put("figure1", FIGURE1)
