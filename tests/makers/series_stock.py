"""A collection of series in both stores, of any size, and the catalog that names it."""

from collections.abc import Collection
from pathlib import Path

import yaml
from servers.hosts import World, shelf, stock
from servers.hosts.stock import Inside

from covcat.catalog import series
from covcat.catalog.series import Series
from covcat.catalog.yaml import packaged_catalog

ID = "covid-19-ar"
BUCKET = "idc-open-data"
FILE = {"bucket": BUCKET, "twin": {"bucket": BUCKET, "region": "us-east-1"}}


def made_series(count: int, objects: int) -> list[Series]:
    """Return series of a made up collection: one of three is a CT, a patient has four."""
    return [
        Series(
            patient=f"COVID-19-AR-{at // 4:08}",
            study=f"1.3.6.1.4.1.14519.5.2.1.9999.103.1{at // 2:04}",
            modality=("CT", "DX", "CR")[at % 3],
            uid=f"1.3.6.1.4.1.14519.5.2.1.9999.103.1{at:06}",
            uuid=f"{at:08x}-0000-4000-8000-000000000000",
            objects=objects,
            bytes=0,
        )
        for at in range(count)
    ]


def stocked(
    world: World, catalog: Path, known: Collection[Series], wrong: Collection[str] = ()
) -> dict[str, bytes]:
    """Put series into both stores, and an entry of them into a catalog; return all files by path.

    Google's md5 of the `wrong` paths is of other bytes.
    """
    served = stock.series(known)
    for one, objects in served.items():
        odd = {name for name in objects if f"{one.path}/{name}" in wrong}
        shelf.put_series(world, FILE, one, objects, odd)
    text = (packaged_catalog() / f"{ID}.yaml").read_text(encoding="utf-8")
    entry = yaml.load(text, Loader=yaml.BaseLoader)
    (release,) = entry["releases"]
    total = series.totals(served)
    release["contents"] = {"files": str(total.files), "bytes": str(total.bytes)}
    entry["override"] = "yes"
    written = yaml.safe_dump(entry, allow_unicode=True)
    (catalog / f"{ID}.yaml").write_text(written, encoding="utf-8")
    (catalog / "listings").mkdir(exist_ok=True)
    series.write(catalog / release["series"], served)
    return _paths(served)


def _paths(served: dict[Series, Inside]) -> dict[str, bytes]:
    return {
        f"{one.path}/{name}": data
        for one, objects in served.items()
        for name, data in objects.items()
    }
