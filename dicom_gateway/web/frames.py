"""WADO-RS: frames and bulk data (PS3.18 10.4.1.1.5, 10.4.1.1.6)."""

import asyncio
from collections.abc import Callable, Sequence

from hub.contracts.errors import Incorrect, NotFound

from ..archive import Archive
from ..frames import Frame, chosen, unpack
from ..locate import locate
from ..scan import PIXEL_DATA
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES, TransferSyntax
from .accept import OCTET_STREAM, MediaRange, media_ranges, not_acceptable
from .asgi import Request
from .multipart import boundary, parts
from .retrieve import opener
from .streaming import FilePart, Segment, stream

_MOST_FRAMES = 10_000
_PIXEL_TAGS = frozenset(f"{tag:08X}" for tag in PIXEL_DATA)


async def retrieve_frames(row: InstanceRow, listed: str, request: Request, archive: Archive) -> None:
    """``listed`` is the frame list of the path, counted from 1."""
    numbers = _numbers(listed)
    table = await _table(row, archive)
    if table and max(numbers) > len(table):
        raise NotFound("The instance has not so many frames.", remedy="Ask for frames from 1 to NumberOfFrames.")
    await _give(row, chosen(table, numbers), request, archive)


async def retrieve_bulk_data(row: InstanceRow, path: list[str], request: Request, archive: Archive) -> None:
    """One value that metadata gave as a BulkDataURI; encapsulated pixel data as its frames."""
    if not path or any(not _is_step(step, number) for number, step in enumerate(path)):
        raise _no_such_value()
    syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
    if len(path) == 1 and path[0].upper() in _PIXEL_TAGS and syntax.encapsulated:
        table = await _table(row, archive)
        await _give(row, chosen(table, list(range(1, len(table) + 1))), request, archive)
        return
    found = await asyncio.to_thread(_locate, row, path, archive, syntax)
    if found is None:
        raise _no_such_value()
    await _give(row, [[found]], request, archive, native=True)


async def _table(row: InstanceRow, archive: Archive) -> list[Frame]:
    known = archive.descriptions.known([row])
    if not known:
        known = await asyncio.to_thread(archive.descriptions.of, [row])
    return unpack(known[row.id][1])


async def _give(
    row: InstanceRow, frames: Sequence[Frame], request: Request, archive: Archive, *, native: bool = False
) -> None:
    syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
    as_native = native or not syntax.encapsulated
    media_type, uid = (OCTET_STREAM, EXPLICIT_VR_LITTLE_ENDIAN) if as_native else (syntax.media_type, syntax.uid)
    one, given = _choose(media_type, uid, row, request.accept, single=len(frames) == 1)
    part_type = f"{given}; transfer-syntax={uid}"
    if syntax.deflated or (syntax.big_endian and (row.bits_allocated or 8) > 8):
        pieces: list[list[Segment]] = await asyncio.to_thread(_read, row, frames, archive, syntax)
    else:
        open_file = opener(row, archive.files)
        pieces = [[FilePart(open_file, at, length) for at, length in frame] for frame in frames]
    if one.multipart or one.wild or one.media_type == "multipart/*" or len(frames) != 1:
        mark = boundary()
        segments = parts(mark, [(part_type, piece, "") for piece in pieces])
        content_type = f'multipart/related; type="{given}"; boundary={mark}'
    else:
        segments, content_type = pieces[0], part_type
    await stream(200, segments, content_type, [], request.receive, request.send)


def _choose(media_type: str, uid: str, row: InstanceRow, accept: str, *, single: bool) -> tuple[MediaRange, str]:
    """The range that is served, and the media type to name. Compressed frames go as octets only to those who say that
    any (or this) transfer syntax is welcome: octets alone mean uncompressed ones (PS3.18 8.7.3.5)."""
    for one in media_ranges(accept):
        if not (one.multipart or single or one.wild or one.media_type == "multipart/*"):
            continue
        if one.media_type == "multipart/*" or (one.takes(media_type) and one.takes_syntax(uid, row.transfer_syntax)):
            return one, media_type
        if one.takes(OCTET_STREAM) and one.transfer_syntax in ("*", uid):
            return one, OCTET_STREAM
    raise not_acceptable(f'Accept multipart/related; type="{media_type}"; transfer-syntax={uid}.')


def _read(row: InstanceRow, frames: Sequence[Frame], archive: Archive, syntax: TransferSyntax) -> list[list[Segment]]:
    """Frames that do not lie in the file as they are sent: inflated, or turned to little endian."""
    swap: Callable[[bytes], bytes] = _swapped(row.bits_allocated or 8) if syntax.big_endian else bytes
    with archive.files.data_set(row) as (buffer, _begin, _end):
        return [[swap(b"".join(bytes(buffer[at : at + length]) for at, length in frame))] for frame in frames]


def _swapped(bits: int) -> Callable[[bytes], bytes]:
    size = bits // 8

    def swap(raw: bytes) -> bytes:
        turned = bytearray(raw)
        for byte in range(size):
            turned[byte::size] = raw[size - 1 - byte :: size]
        return bytes(turned)

    return swap


def _locate(row: InstanceRow, path: list[str], archive: Archive, syntax: TransferSyntax) -> tuple[int, int] | None:
    with archive.files.data_set(row) as (buffer, begin, end):
        return locate(buffer, begin, end, syntax, path)


def _numbers(listed: str) -> list[int]:
    parts_of_list = listed.split(",")
    numbers = [int(part) for part in parts_of_list if part.isascii() and part.isdigit() and len(part) < 9]
    if len(numbers) != len(parts_of_list) or len(numbers) > _MOST_FRAMES or min(numbers) < 1:
        raise Incorrect(
            "The frame list is malformed.",
            remedy="Give frame numbers from 1, with commas between them.",
            issue_code="value",
            http_status=400,
        )
    return numbers


def _is_step(step: str, number: int) -> bool:
    if number % 2:
        return step.isascii() and step.isdigit() and len(step) < 9
    return len(step) == 8 and all(character in "0123456789abcdefABCDEF" for character in step)


def _no_such_value() -> NotFound:
    return NotFound("The instance has no such bulk data.", remedy="Use a BulkDataURI of its metadata.")
