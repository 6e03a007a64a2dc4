"""Where each frame lies (PS3.5 8.2, Annex A.4): native ones by size, encapsulated ones by fragment and offset."""

import struct

import msgspec

from hub.contracts.errors import Unsupported

from .header import Header
from .scan import MOST_ELEMENTS, SEQUENCE_END, UNDEFINED, Buffer, Scan
from .transfer_syntaxes import TransferSyntax

Frame = list[tuple[int, int]]
"""Pieces of one frame in order, each (position, length)."""

_CODESTREAM_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\x00\x00\x00\x0c")
"""First bytes of a JPEG or JPEG-LS image, a JPEG 2000 codestream, a boxed JPEG 2000 or JPEG XL file."""


def frame_table(buffer: Buffer, found: Scan, header: Header, syntax: TransferSyntax) -> list[Frame]:
    """One entry a frame; empty where there is no pixel data or where its frames cannot be told apart."""
    if found.pixel_at is None or found.pixel_length is None:
        return []
    count = max(header.frames or 1, 1)
    if syntax.media_type.startswith("video/"):
        count = 1  # the frames of a video lie in one stream
    if found.pixel_length == UNDEFINED:
        return _encapsulated(buffer, found.pixel_at, found.pixel_end or len(buffer), count)
    if count > found.pixel_length:
        return []
    size = native_frame_bytes(header)
    if size is None or size * count > found.pixel_length:
        if header.bits_allocated == 1 and count > 1:
            return []
        size = found.pixel_length // count
    return [[(found.pixel_at + number * size, size)] for number in range(count)] if size else []


def native_frame_bytes(header: Header) -> int | None:
    """Bytes of one frame by its dimensions; None where they are missing or frames share bytes."""
    if not (header.rows and header.columns and header.bits_allocated):
        return None
    bits = header.rows * header.columns * (header.samples or 1) * header.bits_allocated
    return bits // 8 if bits % 8 == 0 else None


def _encapsulated(buffer: Buffer, start: int, end: int, count: int) -> list[Frame]:
    items: list[tuple[int, int]] = []
    at = start
    while at + 8 <= end and len(items) < MOST_ELEMENTS:
        group, element, length = struct.unpack_from("<HHL", buffer, at)
        if group << 16 | element == SEQUENCE_END:
            break
        items.append((at + 8, length))
        at += 8 + length
    if len(items) < 2:
        return []
    (table_at, table_length), fragments = items[0], items[1:]
    if count == 1:
        return [fragments]
    if len(fragments) == count:
        return [[fragment] for fragment in fragments]
    if table_length == 4 * count:
        offsets = struct.unpack_from(f"<{count}L", buffer, table_at)
        begins = {fragments[0][0] - 8 + offset for offset in offsets}
        return _grouped(fragments, [position - 8 in begins for position, _length in fragments], count)
    starts = [bytes(buffer[position : position + 4]).startswith(_CODESTREAM_STARTS) for position, _length in fragments]
    return _grouped(fragments, starts, count)


def _grouped(fragments: list[tuple[int, int]], begins: list[bool], count: int) -> list[Frame]:
    frames: list[Frame] = []
    for fragment, begin in zip(fragments, begins, strict=True):
        if begin:
            frames.append([fragment])
        elif not frames:
            return []
        else:
            frames[-1].append(fragment)
    return frames if len(frames) == count else []


def pack(frames: list[Frame]) -> bytes:
    return msgspec.msgpack.encode(frames)


def unpack(packed: bytes) -> list[Frame]:
    return msgspec.msgpack.decode(packed, type=list[Frame])


def chosen(frames: list[Frame], numbers: list[int]) -> list[Frame]:
    """Frames by their numbers, counted from 1. Raises Unsupported where the frames cannot be told apart."""
    if not frames:
        raise Unsupported(
            "The frames of this object cannot be addressed one by one.",
            remedy="Retrieve the whole instance.",
            http_status=406,
        )
    return [frames[number - 1] for number in numbers]
