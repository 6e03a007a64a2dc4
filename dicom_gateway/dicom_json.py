"""The DICOM JSON Model (PS3.18 Annex F) of a data set, straight from its bytes.

Text is always Unicode, decoded by the character set that the bytes showed (``character_set``); numbers keep their
digits. Values too long to stand inline become a BulkDataURI that begins with ``*``: whoever answers a request puts the
URL of the instance in its place.
"""

import base64
import math
import re
import struct
from contextlib import suppress
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect

from .character_set import CharacterSet
from .data_dictionary import is_signed_by_pixels, representation_of
from .scan import (
    DEEPEST_NESTING,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    PIXEL_DATA,
    SEQUENCE_END,
    UNDEFINED,
    VALUE_REPRESENTATIONS,
    Buffer,
    Layout,
    after_undefined,
    layout_at,
)
from .transfer_syntaxes import TransferSyntax

INLINE_BINARY_LIMIT_BYTES = 1024
INLINE_LIMIT_BYTES = 64 << 10
BULK_MARK = "*"

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_SWAP_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
_SINGLE_TEXT = frozenset({"LT", "ST", "UR", "UT"})
_BY_CHARACTER_SET = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_STRUCT = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z")
_PIXEL_REPRESENTATION = 0x00280103
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

Attributes = dict[str, Any]


def dicom_json(buffer: Buffer, start: int, end: int, syntax: TransferSyntax, characters: CharacterSet) -> Attributes:
    """The attributes by tag, ascending, of a data set that ``scan`` has found whole. Sequences that are broken inside
    are given without items."""
    reader = _Reader(buffer, characters, big_endian=syntax.big_endian)
    attributes: Attributes = {}
    # What cannot be read in spite of scan ends the walk: the attributes before it are given.
    with suppress(_Malformed, struct.error, Incorrect):
        reader.data_set(start, end, layout_at(buffer, start, syntax), "", 0, bounded=True, into=attributes)
    attributes["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    attributes["00083002"] = {"vr": "UI", "Value": [syntax.uid]}
    return dict(sorted(attributes.items()))


def encode(attributes: Attributes) -> bytes:
    return msgspec.json.encode(attributes)


class _Malformed(Exception):
    pass


class _Reader:
    """``signed`` is Pixel Representation, which the type of some attributes depends on."""

    def __init__(self, buffer: Buffer, characters: CharacterSet, *, big_endian: bool) -> None:
        self.buffer = buffer
        self.characters = characters
        self.order = ">" if big_endian else "<"
        self.signed = False

    def data_set(
        self, at: int, end: int, layout: Layout, path: str, depth: int, *, bounded: bool, into: Attributes | None = None
    ) -> tuple[Attributes, int]:
        """Elements up to ``end``, or up to the item delimiter where the item is not ``bounded``."""
        if depth > DEEPEST_NESTING:
            raise _Malformed
        attributes: Attributes = {} if into is None else into
        while at + 8 <= end:
            try:
                tag, written, length, value_at = layout.header(self.buffer, at)
            except struct.error:
                break
            if tag == ITEM_END:
                if not bounded:
                    return attributes, value_at
                at = value_at
                continue
            name = self.representation(tag, written, length)
            here = f"{path}/{tag:08X}"
            if length == UNDEFINED:
                if name == "SQ":
                    inner = IMPLICIT_LITTLE if written == b"UN" else layout
                    try:
                        items, at = self.items(value_at, end, inner, here, depth, bounded=False)
                    except (_Malformed, struct.error):
                        if depth:
                            raise
                        items, at = [], after_undefined(self.buffer, value_at, end, inner)
                    shown: Attributes = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
                else:
                    at = self.after_fragments(value_at, end, layout)
                    shown = _bulk(name, here)
            else:
                at = value_at + length
                if at > end:
                    raise _Malformed
                shown = self.value(tag, name, written, value_at, length, layout, here, depth)
            if tag & 0xFFFF and tag >> 16 not in (0x0002, 0xFFFC, 0xFFFE) and (depth == 0 or tag != 0x00080005):
                attributes[f"{tag:08X}"] = shown
        if not bounded:
            raise _Malformed
        return attributes, end

    def representation(self, tag: int, written: bytes, length: int) -> str:
        if written and written != b"UN" and written in VALUE_REPRESENTATIONS:
            return written.decode("ascii")
        if length == UNDEFINED and tag not in PIXEL_DATA:
            return "SQ"
        known = representation_of(tag)
        return "SS" if self.signed and is_signed_by_pixels(tag) and known == "US" else known

    def value(
        self, tag: int, name: str, written: bytes, at: int, length: int, layout: Layout, here: str, depth: int
    ) -> Attributes:
        if name == "SQ":
            inner = IMPLICIT_LITTLE if written == b"UN" else layout
            try:
                items, _after = self.items(at, at + length, inner, here, depth, bounded=True)
            except (_Malformed, struct.error):
                items = []
            return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
        if tag in PIXEL_DATA or length > (INLINE_BINARY_LIMIT_BYTES if name in _BINARY else INLINE_LIMIT_BYTES):
            return _bulk(name, here)
        raw = bytes(self.buffer[at : at + length])
        if tag == _PIXEL_REPRESENTATION:
            self.signed = any(raw)
        if name in _BINARY:
            if not raw:
                return {"vr": name}
            if self.order == ">" and name in _SWAP_BYTES:
                raw = _swapped(raw, _SWAP_BYTES[name])
            return {"vr": name, "InlineBinary": base64.b64encode(raw).decode("ascii")}
        values = self.values(name, raw)
        return {"vr": name, "Value": values} if values else {"vr": name}

    def values(self, name: str, raw: bytes) -> list[Any]:
        if kind := _STRUCT.get(name):
            size = struct.calcsize("<" + kind)
            count = len(raw) // size
            numbers = struct.unpack_from(f"{self.order}{count}{kind}", raw)
            return [_float(number) for number in numbers] if kind in "fd" else list(numbers)
        if name == "AT":
            count = len(raw) // 4 * 2
            parts = struct.unpack_from(f"{self.order}{count}H", raw)
            return [f"{parts[i]:04X}{parts[i + 1]:04X}" for i in range(0, count, 2)]
        if name in _BY_CHARACTER_SET:
            text = self.characters.decode(raw, person_name=name == "PN")
        else:
            text = raw.rstrip(b"\0 ").decode("ascii", "replace")
        if not text:
            return []
        if name in _SINGLE_TEXT:
            return [text]
        parts_of_text = text.split("\\")
        if name == "PN":
            return [_person_name(part) for part in parts_of_text]
        if name in ("DS", "IS"):
            return [_number(part.strip(" \0")) for part in parts_of_text]
        return [part.strip(" \0") or None for part in parts_of_text]

    def items(
        self, at: int, end: int, layout: Layout, here: str, depth: int, *, bounded: bool
    ) -> tuple[list[Attributes], int]:
        found: list[Attributes] = []
        while at + 8 <= end:
            tag, _written, length, at = layout.header(self.buffer, at)
            if tag == SEQUENCE_END:
                if not bounded:
                    return found, at
                continue
            if tag != ITEM:
                raise _Malformed
            inside = f"{here}/{len(found)}"
            if length == UNDEFINED:
                item, at = self.data_set(at, end, layout, inside, depth + 1, bounded=False)
            else:
                if at + length > end:
                    raise _Malformed
                item, at = self.data_set(at, at + length, layout, inside, depth + 1, bounded=True)
            found.append(item)
        if not bounded:
            raise _Malformed
        return found, end

    def after_fragments(self, at: int, end: int, layout: Layout) -> int:
        while at + 8 <= end:
            tag, _written, length, at = layout.header(self.buffer, at)
            if tag == SEQUENCE_END:
                return at
            at += length
        raise _Malformed


def _bulk(name: str, here: str) -> Attributes:
    return {"vr": name, "BulkDataURI": f"{BULK_MARK}/bulkdata{here}"}


def _float(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _number(text: str) -> Any:
    """A decimal or integer string as a JSON number with its own digits; as text where it is no number
    (PS3.18 F.2.3 allows either)."""
    if not text:
        return None
    if _JSON_NUMBER.match(text):
        return msgspec.Raw(text.encode("ascii"))
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _person_name(text: str) -> Attributes | None:
    groups = {group: part for group, part in zip(_NAME_GROUPS, text.split("="), strict=False) if part.strip(" ^")}
    return {group: part.rstrip(" ") for group, part in groups.items()} or None


def _swapped(raw: bytes, size: int) -> bytes:
    usable = len(raw) // size * size
    return b"".join(raw[i : i + size][::-1] for i in range(0, usable, size)) + raw[usable:]
