"""A data set written in another layout (PS3.5 7.1, 7.3): the values stay the bytes they were, but for their byte
order."""

import struct
from collections.abc import Mapping

from hub.contracts.errors import Unsupported

from ..data_dictionary import is_signed_by_pixels, representation_of
from ..data_set_bytes import head
from ..scan import (
    DEEPEST_NESTING,
    EXPLICIT_BIG,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONG_LENGTH_VRS,
    PIXEL_DATA,
    SEQUENCE_END,
    UNDEFINED,
    VALUE_REPRESENTATIONS,
    Buffer,
    Layout,
    after_item,
    after_undefined,
)

_SIZES = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OL": 4, "OF": 4, "FD": 8, "OD": 8, "SV": 8,
          "UV": 8, "OV": 8}  # fmt: skip
_LONG = frozenset(one.decode("ascii") for one in LONG_LENGTH_VRS)
_LONGEST_SHORT_BYTES = 0xFFFF
_PIXEL_REPRESENTATION = 0x00280103
_BEFORE_PIXELS = min(PIXEL_DATA)


def swapped(raw: bytes, size: int) -> bytes:
    """Every ``size`` bytes in reverse; what is left over stays."""
    usable = len(raw) // size * size
    turned = bytearray(raw)
    for byte in range(size):
        turned[byte:usable:size] = raw[size - 1 - byte : usable : size]
    return bytes(turned)


class ElementWriter:
    """Writes what lies in ``buffer`` in ``layout`` as explicit or implicit VR little endian. ``pixel_bytes`` is Bits
    Allocated in bytes, which a big endian object's pixels are turned by."""

    def __init__(self, buffer: Buffer, layout: Layout, *, implicit: bool, pixel_bytes: int = 2) -> None:
        self._buffer = buffer
        self._layout = layout
        self._implicit = implicit
        self._pixel_bytes = pixel_bytes
        self._signed = False

    def data_set(self, begin: int, end: int) -> bytes:
        """All of it, without group lengths. Raises Unsupported where it cannot be read."""
        return b"".join(value for _tag, value in self._guarded(begin, end))

    def around_pixels(self, begin: int, end: int, instead: Mapping[int, bytes]) -> tuple[bytes, bytes]:
        """What stands before and after the pixel data, which is left out. ``instead`` are whole elements that come in
        the place of those that are there, or are added; an empty one removes."""
        found = {tag: value for tag, value in self._guarded(begin, end) if tag not in PIXEL_DATA} | dict(instead)
        ordered = sorted(found.items())
        before = b"".join(value for tag, value in ordered if tag < _BEFORE_PIXELS)
        return before, b"".join(value for tag, value in ordered if tag > _BEFORE_PIXELS)

    def _guarded(self, begin: int, end: int) -> list[tuple[int, bytes]]:
        try:
            return self._elements(begin, end, self._layout, 0)
        except (struct.error, ValueError, RecursionError):
            raise Unsupported(
                "The header of this object cannot be written anew.", remedy="Retrieve it as stored.", http_status=406
            ) from None

    def _elements(self, at: int, end: int, layout: Layout, depth: int) -> list[tuple[int, bytes]]:
        if depth > DEEPEST_NESTING:
            raise ValueError
        written: list[tuple[int, bytes]] = []
        while at + 8 <= end:
            tag, representation, length, value_at = layout.header(self._buffer, at)
            if tag == ITEM_END:
                break
            name = self._representation(tag, representation, length)
            inner = IMPLICIT_LITTLE if representation == b"UN" else layout
            at = after_undefined(self._buffer, value_at, end, inner) if length == UNDEFINED else value_at + length
            if not tag & 0xFFFF or (tag in PIXEL_DATA and length == UNDEFINED):
                continue  # a group length would be another now; fragments are for whoever decodes them
            if name == "SQ":
                value = self._items(value_at, at, inner, depth + 1)
            else:
                value = self._value(tag, name, bytes(self._buffer[value_at:at]), layout)
            if not self._implicit and name not in _LONG and len(value) > _LONGEST_SHORT_BYTES:
                name = "UN"  # PS3.5 6.2.2
            written.append((tag, head(tag, name, len(value), implicit=self._implicit) + value))
        return written

    def _items(self, at: int, end: int, layout: Layout, depth: int) -> bytes:
        written: list[bytes] = []
        while at + 8 <= end:
            tag, _representation, length, value_at = layout.header(self._buffer, at)
            if tag == SEQUENCE_END or tag != ITEM:
                break
            at = after_item(self._buffer, value_at, end, layout) if length == UNDEFINED else value_at + length
            item = b"".join(value for _tag, value in self._elements(value_at, at, layout, depth))
            written += [struct.pack("<HHL", 0xFFFE, 0xE000, len(item)), item]
        return b"".join(written)

    def _value(self, tag: int, name: str, raw: bytes, layout: Layout) -> bytes:
        if tag == _PIXEL_REPRESENTATION:
            self._signed = any(raw)
        if layout is not EXPLICIT_BIG or name not in _SIZES:
            return raw
        size = max(self._pixel_bytes, 2) if tag in PIXEL_DATA and name == "OW" else _SIZES[name]
        return swapped(raw, size)

    def _representation(self, tag: int, written: bytes, length: int) -> str:
        if written in VALUE_REPRESENTATIONS and not (written == b"UN" and length == UNDEFINED):
            return written.decode("ascii")
        if length == UNDEFINED and tag not in PIXEL_DATA:
            return "SQ"
        known = representation_of(tag)
        return "SS" if known == "US" and self._signed and is_signed_by_pixels(tag) else known
