"""WADO-RS: frames (PS3.18 10.4.1.1.6), as they are stored or in another transfer syntax."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import groupby

from hub.contracts.errors import Incorrect, NotFound, TooLarge

from ..archive import Archive
from ..frames import Frame, chosen, unpack
from ..pixels.codec import JPEG_2000, JPEG_2000_LOSSLESS, JPEG_LS, RLE
from ..pixels.elements import swapped
from ..pixels.image import image_of
from ..pixels.recode import recoded
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
    TransferSyntax,
)
from .accept import OCTET_STREAM, MediaRange, media_ranges, not_acceptable
from .asgi import Request
from .multipart import boundary, parts
from .ranges import ranged
from .retrieve import file_part
from .streaming import Segment, stream

MOST_FRAMES = 10_000
MOST_BYTES = 256 << 20
"""Of frames that are transcoded for one answer."""
_MADE = {
    OCTET_STREAM: (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN), "image/jls": (JPEG_LS,),
    "image/jp2": (JPEG_2000_LOSSLESS, JPEG_2000), "image/dicom-rle": (RLE,),
}  # fmt: skip
"""What frames are transcoded to; the first of a media type where the client names none (PS3.18 table 8.7.3-2)."""


async def retrieve_frames(row: InstanceRow, listed: str, request: Request, archive: Archive, threads: Executor) -> None:
    """``listed`` is the frame list of the path, counted from 1."""
    numbers = frame_numbers(listed)
    table = await frame_table_of(row, archive)
    if max(numbers) > max(len(table), row.frames or 1):
        raise NotFound("The instance has not so many frames.", remedy="Ask for frames from 1 to NumberOfFrames.")
    single_bits = row.bits_allocated == 1 and not table
    one, media_type, target = _choose(row, request.accept, single=len(numbers) == 1)
    if target is None and single_bits:
        target = EXPLICIT_VR_LITTLE_ENDIAN
    if target is None:
        await give(row, chosen(table, numbers), one, media_type, request, archive)
        return
    loop = asyncio.get_running_loop()
    made = await loop.run_in_executor(threads, _transcoded, row, numbers, target, archive)
    await _send([[content] for content in made], one, f"{media_type}; transfer-syntax={target}", media_type, request)


async def frame_table_of(row: InstanceRow, archive: Archive) -> list[Frame]:
    known = archive.descriptions.known([row])
    if not known:
        known = await asyncio.to_thread(archive.descriptions.of, [row])
    return unpack(known[row.id][1])


async def give(
    row: InstanceRow, frames: Sequence[Frame], one: MediaRange, media_type: str, request: Request, archive: Archive,
    *, native: bool = False,
) -> None:  # fmt: skip
    """Frames, or another value (``native``), as they are stored; in little endian, inflated."""
    syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
    uid = EXPLICIT_VR_LITTLE_ENDIAN if native or not syntax.encapsulated else syntax.uid
    if syntax.deflated or (syntax.big_endian and (row.bits_allocated or 8) > 8):
        pieces: list[list[Segment]] = await asyncio.to_thread(_read, row, frames, archive, syntax)
    else:
        pieces = [[file_part(row, archive.files, at, length) for at, length in frame] for frame in frames]
    await _send(pieces, one, f"{media_type}; transfer-syntax={uid}", media_type, request)


async def _send(
    pieces: list[list[Segment]], one: MediaRange, part_type: str, media_type: str, request: Request
) -> None:
    """One part by itself where the client wants that; then a byte range of it too."""
    if one.multipart or one.wild or one.media_type == "multipart/*" or len(pieces) != 1:
        mark = boundary()
        segments = parts(mark, [(part_type, piece, "") for piece in pieces])
        content_type = f'multipart/related; type="{media_type}"; boundary={mark}'
        await stream(200, segments, content_type, [], request.receive, request.send)
        return
    status, segments, headers = ranged(pieces[0], request.headers.get(b"range", b"").decode("latin-1"))
    await stream(status, segments, part_type, headers, request.receive, request.send)


def as_stored(one: MediaRange, row: InstanceRow, *, native: bool = False) -> str | None:
    """The media type under which the range takes what is stored, if it does. Compressed frames go as octets only to
    those who say that any (or this) transfer syntax is welcome: octets alone mean uncompressed (PS3.18 8.7.3.5)."""
    syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
    uncompressed = native or not syntax.encapsulated
    media_type, uid = (OCTET_STREAM, EXPLICIT_VR_LITTLE_ENDIAN) if uncompressed else (syntax.media_type, syntax.uid)
    if one.media_type == "multipart/*" or (one.takes(media_type) and one.takes_syntax(uid, row.transfer_syntax)):
        return media_type
    return OCTET_STREAM if one.takes(OCTET_STREAM) and one.transfer_syntax in ("*", uid) else None


def _choose(row: InstanceRow, accept: str, *, single: bool) -> tuple[MediaRange, str, str | None]:
    """The range that is served, the media type to name, and the syntax to transcode to or None. Of what the client
    likes equally well, as stored goes first."""
    usable = [
        one for one in media_ranges(accept) if one.multipart or single or one.wild or one.media_type == "multipart/*"
    ]
    for _quality, group in groupby(usable, key=lambda one: one.quality):
        equally = list(group)
        for one in equally:
            if (media_type := as_stored(one, row)) is not None:
                return one, media_type, None
        for one in equally:
            for media_type, targets in _MADE.items():
                target = one.transfer_syntax or targets[0]
                if one.takes(media_type) and target in targets:
                    return one, media_type, target
    syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
    raise not_acceptable(f'Accept multipart/related; type="{syntax.media_type}"; transfer-syntax={syntax.uid}.')


def _transcoded(row: InstanceRow, numbers: Sequence[int], target: str, archive: Archive) -> list[bytes]:
    made, size = [], 0
    with image_of(row, archive.files) as image:
        for number in numbers:
            pixels, photometric = image.frame(number, archive.codecs)
            made.append(recoded(pixels, photometric, image.form, target, archive.codecs))
            size += len(made[-1])
            if size > MOST_BYTES:
                raise TooLarge("These frames are too much for one answer.", remedy="Ask for fewer at a time.")
    return made


def _read(row: InstanceRow, frames: Sequence[Frame], archive: Archive, syntax: TransferSyntax) -> list[list[Segment]]:
    """Frames that do not lie in the file as they are sent: inflated, or turned to little endian."""
    size = (row.bits_allocated or 8) // 8
    turned: Callable[[bytes], bytes] = (lambda raw: swapped(raw, size)) if syntax.big_endian else bytes
    with archive.files.data_set(row) as (buffer, _begin, _end):
        return [[turned(b"".join(bytes(buffer[at : at + length]) for at, length in frame))] for frame in frames]


def frame_numbers(listed: str) -> list[int]:
    parts_of_list = listed.split(",")
    numbers = [int(part) for part in parts_of_list if part.isascii() and part.isdigit() and len(part) < 9]
    if len(numbers) != len(parts_of_list) or len(numbers) > MOST_FRAMES or min(numbers) < 1:
        raise Incorrect(
            "The frame list is malformed.",
            remedy="Give frame numbers from 1, with commas between them.",
            issue_code="value",
            http_status=400,
        )
    return numbers
