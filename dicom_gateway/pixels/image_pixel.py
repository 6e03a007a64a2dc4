"""The Image Pixel module (PS3.3 C.7.6.3): what the bytes of a frame mean."""

from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from hub.contracts.errors import Unsupported

from .unreadable import UNREADABLE

LARGEST_FRAME_BYTES = 256 << 20
"""Of one frame, decoded. A small file may claim any size: what claims more is not decoded."""
MOST_FRAMES = 100_000

FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA, PIXEL_DATA = 0x7FE00008, 0x7FE00009, 0x7FE00010
_BITS = {FLOAT_PIXEL_DATA: (32,), DOUBLE_FLOAT_PIXEL_DATA: (64,), PIXEL_DATA: (1, 8, 16, 32)}
_COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
_SINGLE = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})


@dataclass(frozen=True, slots=True)
class ImagePixel:
    """``signed`` is Pixel Representation 1, ``planar`` Planar Configuration 1; ``tag`` is the pixel data element's."""

    rows: int
    columns: int
    samples: int
    photometric: str
    allocated: int
    stored: int
    high_bit: int
    signed: bool = False
    planar: bool = False
    frames: int = 1
    tag: int = PIXEL_DATA

    @property
    def frame_bytes(self) -> int:
        """Of a decoded frame; single bits take a byte each."""
        return self.rows * self.columns * self.samples * max(self.allocated // 8, 1)

    @property
    def floating(self) -> bool:
        return self.tag != PIXEL_DATA


def image_pixel(header: Dataset, tag: int) -> ImagePixel:
    """Raises Unsupported naming the attribute where the module is incomplete, contradicts itself, or describes more
    than is decoded here."""
    allocated = _number(header, "BitsAllocated", 1, 64)
    floating = tag != PIXEL_DATA
    stored = allocated if floating else _number(header, "BitsStored", 1, 64, allocated)
    found = ImagePixel(
        rows=_number(header, "Rows", 1, 0xFFFF),
        columns=_number(header, "Columns", 1, 0xFFFF),
        samples=_number(header, "SamplesPerPixel", 1, 4, 1),
        photometric=str(header.get("PhotometricInterpretation", None) or "MONOCHROME2").strip().upper(),
        allocated=allocated,
        stored=stored,
        high_bit=stored - 1 if floating else _number(header, "HighBit", 0, 63, stored - 1),
        signed=_number(header, "PixelRepresentation", 0, 1, 0) == 1,
        planar=_number(header, "PlanarConfiguration", 0, 1, 0) == 1,
        frames=max(_number(header, "NumberOfFrames", 0, MOST_FRAMES, 1), 1),
        tag=tag,
    )
    if found.allocated not in _BITS.get(tag, ()):
        raise _not_decoded("(0028,0100)")
    if found.stored > found.allocated or found.high_bit >= found.allocated:
        raise _not_decoded("(0028,0101)")
    if found.photometric not in (_SINGLE if found.samples == 1 else _COLOUR) or found.samples not in (1, 3):
        raise _not_decoded("(0028,0004)")
    if found.frame_bytes > LARGEST_FRAME_BYTES:
        raise Unsupported(
            "A frame of this image is larger than is decoded here.",
            where="(0028,0010)",
            remedy="Retrieve it as stored.",
            http_status=406,
        )
    return found


def _number(header: Dataset, keyword: str, low: int, high: int, absent: int | None = None) -> int:
    try:
        value: Any = header.get(keyword, None)
        if value is None or value == "":
            if absent is None:
                raise ValueError
            return absent
        number = int(value)
    except UNREADABLE:  # several values, text: the library raises what it likes
        raise _not_decoded(keyword) from None
    if not low <= number <= high:
        raise _not_decoded(keyword)
    return number


def _not_decoded(where: str) -> Unsupported:
    return Unsupported(
        "The pixels are described in a way that is not decoded here.",
        where=where,
        remedy="Retrieve the object as stored.",
        http_status=406,
    )
