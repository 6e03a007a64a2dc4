"""One pass over the top level of a data set: is it whole, what does its header say, where are its pixels (PS3.5 7.1).

Nothing is decoded and no value is copied but those asked for, so that an image is checked and indexed in about a tenth
of a millisecond before it is acknowledged.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from mmap import mmap

from hub.contracts.errors import Incorrect

from .data_dictionary import representation_of
from .transfer_syntaxes import TransferSyntax

UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
LONG_LENGTH_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""Value representations whose explicit length has 32 bits (PS3.5 table 7.1-1)."""
VALUE_REPRESENTATIONS = LONG_LENGTH_VRS | frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
     b"ST", b"TM", b"UI", b"UL", b"US"}
)  # fmt: skip
MOST_ELEMENTS = 2_000_000
DEEPEST_NESTING = 64
LONGEST_INDEXED_VALUE_BYTES = 16 << 10

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

Buffer = bytes | bytearray | memoryview | mmap


class Layout:
    """The struct formats of one byte order, and whether value representations are written out."""

    __slots__ = ("implicit", "tag", "u16", "u32")

    def __init__(self, *, implicit: bool, big_endian: bool) -> None:
        order = ">" if big_endian else "<"
        self.implicit = implicit
        self.tag = struct.Struct(order + "HH").unpack_from
        self.u16 = struct.Struct(order + "H").unpack_from
        self.u32 = struct.Struct(order + "L").unpack_from

    def header(self, buffer: Buffer, at: int) -> tuple[int, bytes, int, int]:
        """(tag, value representation or b"", length, position of the value) of the element at ``at``.
        struct.error where the buffer ends within."""
        group, element = self.tag(buffer, at)
        tag = group << 16 | element
        if self.implicit or group == 0xFFFE:
            return tag, b"", self.u32(buffer, at + 4)[0], at + 8
        representation = bytes(buffer[at + 4 : at + 6])
        if representation in LONG_LENGTH_VRS:
            return tag, representation, self.u32(buffer, at + 8)[0], at + 12
        return tag, representation, self.u16(buffer, at + 6)[0], at + 8


IMPLICIT_LITTLE = Layout(implicit=True, big_endian=False)
EXPLICIT_LITTLE = Layout(implicit=False, big_endian=False)
EXPLICIT_BIG = Layout(implicit=False, big_endian=True)


def layout_at(buffer: Buffer, start: int, syntax: TransferSyntax) -> Layout:
    """The layout of the data set that begins at ``start``. Some senders write implicit elements under an explicit
    syntax, or the reverse: what the first element shows is believed over the name of the syntax."""
    if syntax.big_endian:
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if bytes(buffer[start + 4 : start + 6]) in VALUE_REPRESENTATIONS else IMPLICIT_LITTLE


@dataclass(slots=True)
class Scan:
    """``values`` holds the raw bytes of the wanted top-level elements that were there. ``pixel_at`` is where the value
    of the pixel data element begins, ``pixel_length`` its length or UNDEFINED, ``pixel_end`` where its element ends;
    all None without pixel data."""

    values: dict[int, bytes] = field(default_factory=dict)
    pixel_tag: int | None = None
    pixel_at: int | None = None
    pixel_length: int | None = None
    pixel_end: int | None = None


def scan(buffer: Buffer, start: int, end: int, syntax: TransferSyntax, wanted: Mapping[int, object]) -> Scan:
    """Walk the data set in ``buffer[start:end]``. Raises Incorrect with issue code ``structure`` where an element or an
    item, nested ones too, is longer than what holds it or has no end, or where there is nothing that could be a data
    set."""
    layout = layout_at(buffer, start, syntax)
    found = Scan()
    header, values = layout.header, found.values
    at, count = start, 0
    try:
        while at < end:
            tag, representation, length, value_at = header(buffer, at)
            count += 1
            if length == UNDEFINED:
                after = after_undefined(buffer, value_at, end, _inner(layout, representation))
            else:
                after = value_at + length
                if tag in wanted:
                    if length > LONGEST_INDEXED_VALUE_BYTES:
                        raise _wrong("A header value is far longer than its element allows.", tag)
                    values[tag] = bytes(buffer[value_at:after])
            if after > end:
                raise _wrong("An element is longer than the data set.", tag)
            if length and length != UNDEFINED and _is_sequence(tag, representation):
                _check_items(buffer, value_at, after, layout, 1)
            if tag in PIXEL_DATA:
                found.pixel_tag, found.pixel_at, found.pixel_length, found.pixel_end = tag, value_at, length, after
            if count > MOST_ELEMENTS:
                raise _wrong("The data set has too many elements.", tag)
            at = after
    except struct.error:
        if any(buffer[at:end]):
            raise _wrong("The data set ends within an element.", None) from None
    if not count:
        raise _wrong("The data set is empty.", None)
    return found


def _inner(layout: Layout, representation: bytes) -> Layout:
    """An element of unknown representation and undefined length is a sequence in implicit little endian
    (PS3.5 6.2.2)."""
    return IMPLICIT_LITTLE if representation == b"UN" else layout


def _is_sequence(tag: int, representation: bytes) -> bool:
    return representation == b"SQ" or (not representation and representation_of(tag) == "SQ")


def after_undefined(buffer: Buffer, at: int, end: int, layout: Layout, depth: int = 1) -> int:
    """Position after the sequence (or the encapsulated fragments) of undefined length whose items begin at ``at``."""
    if depth > DEEPEST_NESTING:
        raise _wrong("Sequences are nested too deeply.", None)
    count = 0
    while True:
        tag, _representation, length, at = layout.header(buffer, at)
        count += 1
        if at > end or count > MOST_ELEMENTS:
            raise _wrong("A sequence has no end.", None)
        if tag == SEQUENCE_END:
            return at
        if tag != ITEM:
            raise _wrong("A sequence holds something that is no item.", tag)
        if length != UNDEFINED:
            at += length
        else:
            at = after_item(buffer, at, end, layout, depth)
        if at > end:
            raise _wrong("An item is longer than the data set.", None)


def after_item(buffer: Buffer, at: int, end: int, layout: Layout, depth: int = 1) -> int:
    """Position after the item of undefined length whose elements begin at ``at``."""
    count = 0
    while True:
        tag, representation, length, value_at = layout.header(buffer, at)
        if tag == ITEM_END:
            return value_at
        at = _after_element(buffer, tag, representation, length, value_at, end, layout, depth)
        count += 1
        if count > MOST_ELEMENTS:
            raise _wrong("An item has no end.", tag)


def _check_items(buffer: Buffer, at: int, end: int, layout: Layout, depth: int) -> None:
    """The items of a sequence whose value is ``buffer[at:end]``."""
    if depth > DEEPEST_NESTING:
        raise _wrong("Sequences are nested too deeply.", None)
    while at + 8 <= end:
        tag, _representation, length, at = layout.header(buffer, at)
        if tag == SEQUENCE_END:
            continue
        if tag != ITEM:
            raise _wrong("A sequence holds something that is no item.", tag)
        if length == UNDEFINED:
            at = after_item(buffer, at, end, layout, depth)
        else:
            item_end = at + length
            if item_end > end:
                raise _wrong("An item is longer than its sequence.", None)
            while at + 8 <= item_end:
                tag, representation, length, value_at = layout.header(buffer, at)
                at = _after_element(buffer, tag, representation, length, value_at, item_end, layout, depth)
            at = item_end


def _after_element(
    buffer: Buffer, tag: int, representation: bytes, length: int, value_at: int, end: int, layout: Layout, depth: int
) -> int:
    """Position after an element inside an item that ends at ``end`` or before."""
    if length == UNDEFINED:
        return after_undefined(buffer, value_at, end, _inner(layout, representation), depth + 1)
    after = value_at + length
    if after > end:
        raise _wrong("An element is longer than its item.", tag)
    if length and _is_sequence(tag, representation):
        _check_items(buffer, value_at, after, layout, depth + 1)
    return after


def _wrong(what: str, tag: int | None) -> Incorrect:
    return Incorrect(
        what,
        where="" if tag is None else f"({tag >> 16:04x},{tag & 0xFFFF:04x})",
        remedy="Send the object again, complete.",
        issue_code="structure",
    )
