"""push: copies of what is here, in an object store or another folder."""

import time

import typer

from covcat.cli.declare import grouped
from covcat.cli.here import releases
from covcat.cli.options import Names, StoreAddress, Transport
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.text import format_size, plural, took


@grouped
def push(
    ctx: typer.Context, url: StoreAddress, names: Names = None, *, transport: Transport
) -> None:
    """Copy verified releases to an object store or a folder, the manifest last.

    What has a manifest there is whole. Each file is hashed as it is read: one that is not as
    recorded ends the push with exit 5, and no manifest. Nothing there is written over. A push that
    was broken off goes on with the same command. Logins are taken from the environment, as the
    provider's own tools do: docs/stores.md.

    Example: covcat push s3://bucket/imaging figure1
    """
    from covcat.store.remote.place import Place
    from covcat.store.remote.push import push

    session: Session = ctx.obj
    place = Place(url, transport.network(session), makes=True)
    rows = []
    for resource_id, release_id, folder in releases(session, names):
        name, since = f"{resource_id}@{release_id}", time.monotonic()
        with drawn(session, transport.progress) as progress:
            done = push(session.store, session.catalog, folder, place, progress)
        there = f"{place.address}/{resource_id}/{release_id}"
        row = {"id": name, "url": there, "files": done.files, "bytes": done.bytes}
        rows.append({**row, "sent": done.sent, "was_whole": done.was_whole})
        what = f"{plural(done.files, 'file')}, {format_size(done.bytes)}"
        sent = "there already" if done.was_whole and not done.sent else f"{done.sent:,} sent now"
        session.say(f"{name}: {what}, {sent}{took(time.monotonic() - since)}")
    session.result("push", {"pushed": rows}, "".join(f"{row['url']}\n" for row in rows))
