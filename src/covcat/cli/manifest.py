"""manifest export: the record of a release, for tools that do not know covcat."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covcat.cli import complete
from covcat.cli.options import wanted
from covcat.cli.printing import put
from covcat.cli.session import Session, chosen_output, envelope, parted, put_document
from covcat.errors import NotFoundError, UsageError
from covcat.text import escaped, plural

if TYPE_CHECKING:
    from covcat.export import ExportedRelease
    from covcat.files import StoredFile


FORMATS = ("json", "csv", "sha256sums", "bagit", "croissant")
_BY_SUFFIX = {"": "json", ".json": "json", ".csv": "csv", ".jsonld": "croissant"}


def export(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ID[@RELEASE]",
            autocompletion=complete.ids,
            help="A release on disk. Default: the one that is here.",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="WORD",
            autocompletion=complete.one_of(*FORMATS),
            help=f"{', '.join(FORMATS)}; unless named, by the suffix of --output.",
        ),
    ] = "json",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="New; a bag needs it. Default, and -: stdout.",
        ),
    ] = None,
) -> None:
    """Write the record of a release as other tools read it; a bag has its files too.

    Example: covcat manifest export figure1 --format bagit --output figure1-bag
    """
    from covcat import export as exports

    session: Session = ctx.obj
    output = None if output == Path("-") else output
    form = _form(ctx, form, output)
    if form == "bagit" and output is None:
        raise UsageError(
            "a bag is a folder: expected --output DIR",
            hint=f"covcat manifest export {name or 'ID'} --format bagit --output bag",
        )
    source = _source(session, name)
    _warn(session, source, form)
    if form == "bagit" and output is not None:
        _bag(session, source, output)
        data = None
    else:
        data = exports.DOCUMENTS[form](source)
        if output is not None:
            exports.to_file(source, data, output)
    _tell(session, source, form, output, data)


def _form(ctx: typer.Context, form: str, output: Path | None) -> str:
    """Decide the format: --format, else the suffix of --output: no JSON is called .csv."""
    chosen_output(form, FORMATS)
    how = ctx.get_parameter_source("form")
    if output is None or (how is not None and how.name == "COMMANDLINE"):
        return form
    found = _BY_SUFFIX.get(output.suffix.lower())
    if found is None:
        raise UsageError(
            f"the suffix of `{output}` names no format: expected --format {', '.join(FORMATS)}",
            hint=f"covcat manifest export --format json --output {shlex.quote(str(output))}",
        )
    return found


def _source(session: Session, name: str | None) -> "ExportedRelease":
    from covcat.export import ExportedRelease
    from covcat.store import manifest

    resource_id, folder = _chosen(session, name)
    try:
        resource = session.catalog.get(resource_id)
    except NotFoundError:  # its manifest says enough
        resource = None
    return ExportedRelease(folder, manifest.load(folder), resource)


def _chosen(session: Session, name: str | None) -> tuple[str, Path]:
    """Return a resource's id and a folder: of several releases of one, the default's or the last.

    Raises:
        NotFoundError: it is not here.
        UsageError: no name, and several resources are here.
    """
    here = session.store.releases()
    if name is None:
        if not here:
            raise NotFoundError(f"nothing is in `{session.data_dir}`", hint="covcat fetch ID")
        ids = list(dict.fromkeys(one for one, _, _ in here))
        if len(ids) > 1:
            raise UsageError(
                f"which of {len(ids)} resources: expected one of {', '.join(ids)}",
                hint=f"covcat manifest export {ids[0]}",
            )
        name = ids[0]
    wanted, _, release_id = parted(name)
    if wanted not in {one for one, _, _ in here}:  # an alias, or not here at all
        wanted = session.catalog.get(wanted).id
    found = {one: folder for id, one, folder in here if id == wanted}
    chosen = release_id or _default(session, wanted)
    if release_id not in ("", *found) or not found:
        raise NotFoundError(f"`{name}` is not in `{session.data_dir}`", hint=f"covcat fetch {name}")
    return wanted, found.get(chosen) or list(found.values())[-1]


def _default(session: Session, resource_id: str) -> str:
    try:
        release = session.catalog.get(resource_id).default_release
    except NotFoundError:
        return ""
    return release.id if release else ""


def _warn(session: Session, source: "ExportedRelease", form: str) -> None:
    record = source.manifest
    name = f"{record.resource}@{record.release}"
    if record.missing or record.selection:
        what = "; ".join(record.selection) or f"{plural(len(record.missing), 'file')} missing"
        session.say(f"note: not all of {name} is here: {what}")
    lost = sum(not _is_as_recorded(source, file) for file in record.files)
    if lost and form != "bagit":
        session.say(
            f"note: {plural(lost, 'file')} of {name} went away or changed since: "
            f"covcat verify {name}"
        )
    if form == "sha256sums":
        session.say(f"note: the paths are below `{source.folder}`: sha256sum -c belongs there")
    odd = sum("%" in file.path for file in record.files)
    if form == "bagit" and odd:
        session.say(
            f"note: {plural(odd, 'path')} with a `%`, written `%25` as RFC 8493 wants it; "
            "bagit-python 1.9 does not read that (its issue 157)"
        )


def _is_as_recorded(source: "ExportedRelease", file: "StoredFile") -> bool:
    """Look at the size only: a document is of the record, not of the bytes."""
    try:
        return (source.folder / file.path).lstat().st_size == file.bytes
    except OSError:
        return False


def _bag(session: Session, source: "ExportedRelease", target: Path) -> None:
    from covcat.cli.progress import drawn
    from covcat.export import bagit, check_free

    check_free(source.folder, target)
    with drawn(session, "auto") as progress:
        bagit.bag(source.folder, source.manifest, target, progress)


def _tell(
    session: Session, source: "ExportedRelease", form: str, output: Path | None, data: bytes | None
) -> None:
    record = source.manifest
    if session.json:
        what: dict[str, Any] = {
            "id": f"{record.resource}@{record.release}",
            "format": form,
            "path": None if output is None else str(output),
            "files": len(record.files),
            "bytes": sum(one.bytes for one in record.files),
        }
        if output is None and data is not None:
            text = data.decode("utf-8", "surrogateescape")
            what["content"] = json.loads(text) if form in ("json", "croissant") else text
        put(sys.stdout, envelope("manifest export", what))
    elif output is not None:
        put(sys.stdout, f"{escaped(output) if sys.stdout.isatty() else output}\n")
    elif data is not None:
        put_document(data)


def manifest_show(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID[@RELEASE]", autocompletion=complete.ids, help="Default: all that is here."
        ),
    ] = None,
) -> None:
    """Print the manifests of what is here, merged into one JSON document.

    Example: covcat manifest show | jq '.data.manifests[].total_bytes'
    """
    from covcat.store import manifest

    session: Session = ctx.obj
    records = [asdict(manifest.load(folder)) for _, _, folder in wanted(session, names)]
    put(sys.stdout, envelope("manifest show", {"manifests": records}))  # it has no other form
