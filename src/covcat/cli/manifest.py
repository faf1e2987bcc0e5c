"""manifest show and export: the records of releases, for programs and other tools."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from covcat import export as exports
from covcat.cli import here, usage
from covcat.cli.declare import choice, ids, new_file
from covcat.cli.options import Force, Names, check_force
from covcat.cli.printing import put
from covcat.cli.progress import drawn
from covcat.cli.session import Session, envelope, put_document
from covcat.errors import NotFoundError, UsageError
from covcat.export import ExportedRelease, bagit
from covcat.store import lockfile, manifest
from covcat.text import plural

FORMATS = ("json", "csv", "sha256sums", "bagit", "croissant")
_BY_SUFFIX = {"": "json", ".json": "json", ".csv": "csv", ".jsonld": "croissant"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    usage.add_group(
        app, "manifest", "The records of what is on disk.", show=manifest_show, export=export
    )


def export(
    ctx: typer.Context,
    name: Annotated[str | None, ids("A release on disk. Default: the one that is here.")] = None,
    form: str = choice(
        FORMATS, f"{', '.join(FORMATS)}; unless named, by the suffix of --output.", default="json"
    ),
    output: Path | None = new_file("New; a bag needs it. Default, and -: stdout.", "FILE|DIR"),
    force: Force = False,
) -> None:
    """Write the record of a release as other tools read it; a bag has its files too.

    Example: covcat manifest export figure1 --format bagit --output figure1-bag
    """
    session: Session = ctx.obj
    output = None if output == Path("-") else output
    check_force(output, force=force)
    form = _form(ctx, form, output, name)
    if form == "bagit" and output is None:
        raise UsageError(
            "a bag is a folder: expected --output DIR",
            hint=f"covcat manifest export {shlex.quote(name or 'ID')} --format bagit --output bag",
        )
    source = _source(session, name)
    _warn(session, source, form)
    data = b""
    if form == "bagit" and output is not None:
        exports.check_free(source.folder, output)
        with drawn(session, "auto") as progress:
            bagit.bag(source.folder, source.manifest, output, progress)
    else:
        data = exports.DOCUMENTS[form](source)
        if output is not None:
            exports.to_file(source, data, output, force=force)
    if output is None and not session.json:
        put_document(data)
        return
    facts: dict[str, Any] = {
        "id": f"{source.manifest.resource}@{source.manifest.release}",
        "format": form,
        "path": None if output is None else str(output),
        "files": len(source.manifest.files),
        "bytes": sum(one.bytes for one in source.manifest.files),
    }
    if output is None:
        text = data.decode("utf-8", "surrogateescape")
        facts["content"] = json.loads(text) if form in ("json", "croissant") else text
    session.result_path("manifest export", output, facts)


def _form(ctx: typer.Context, form: str, output: Path | None, name: str | None) -> str:
    """Decide the format: --format, else the suffix of --output: no JSON is called .csv."""
    how = ctx.get_parameter_source("form")
    if output is None or (how is not None and how.name == "COMMANDLINE"):
        return form
    found = _BY_SUFFIX.get(output.suffix.lower())
    if found is None:
        raise UsageError(
            f"the suffix of `{output}` names no format: expected --format {', '.join(FORMATS)}",
            hint=f"{_command(name)} --format json --output {shlex.quote(str(output))}",
        )
    return found


def _command(name: str | None) -> str:
    return shlex.join(["covcat", "manifest", "export", *([name] if name else [])])


def _source(session: Session, name: str | None) -> ExportedRelease:
    """Return what is known of a release: of several of one resource, the default or the last."""
    if name is None:
        ids = list(dict.fromkeys(one for one, _, _ in session.store.releases()))
        if not ids:
            raise NotFoundError(f"nothing is in `{session.data_dir}`", hint="covcat fetch ID")
        if len(ids) > 1:
            raise UsageError(
                f"which of {len(ids)} resources: expected one of {', '.join(ids)}",
                hint=f"covcat manifest export {shlex.quote(ids[0])}",
            )
        name = ids[0]
    id, _, folder = here.preferred(session, name)
    try:
        resource = session.catalog.get(id)
    except NotFoundError:  # its manifest says enough
        resource = None
    return ExportedRelease(folder, manifest.load(folder), resource)


def _warn(session: Session, source: ExportedRelease, form: str) -> None:
    record = source.manifest
    name = f"{record.resource}@{record.release}"
    if record.missing or record.selection:
        what = "; ".join(record.selection) or f"{plural(len(record.missing), 'file')} missing"
        session.say(f"note: not all of {name} is here: {what}")
    # by size alone: a document is of the record, not of the bytes
    lost = len(lockfile.changes_on_disk(source.folder, record))
    if lost and form != "bagit":
        session.say(
            f"note: {plural(lost, 'file')} of {name} went away or changed since: "
            f"covcat verify {shlex.quote(name)}"
        )
    if form == "sha256sums":
        session.say(f"note: the paths are below `{source.folder}`: sha256sum -c belongs there")
    odd = sum("%" in file.path for file in record.files)
    if form == "bagit" and odd:
        session.say(
            f"note: {plural(odd, 'path')} with a `%`, written `%25` as RFC 8493 wants it; "
            "bagit-python 1.9 does not read that (its issue 157)"
        )


def manifest_show(ctx: typer.Context, names: Names = None) -> None:
    """Print the manifests of what is here, merged into one JSON document.

    Example: covcat manifest show | jq '.data.manifests[].total_bytes'
    """
    session: Session = ctx.obj
    records = [asdict(manifest.load(folder)) for _, _, folder in here.releases(session, names)]
    put(sys.stdout, envelope("manifest show", {"manifests": records}))  # it has no other form
