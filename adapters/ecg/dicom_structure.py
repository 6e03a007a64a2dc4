"""A DICOM file walked once before it is decoded (PS3.10 7.1, PS3.5 7.1): every length leads to another element, and
there are no more elements than an ECG has. pydicom stops quietly at a cut and builds an object for every element.
"""

import struct
import zlib

from pydicom.datadict import dictionary_VR
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from hub.contracts.errors import Incorrect, TooLarge

ELEMENTS_LIMIT = 200_000
_INFLATED_LIMIT_BYTES = 128 << 20
_UNKNOWN_LIMIT_BYTES = 1 << 20
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_ITEMS = 0xFFFE
_UNDEFINED = 0xFFFFFFFF
_RESEND = "Send the object again as the cart wrote it."


def check_structure(content: bytes) -> None:
    """Raises Incorrect for a file that is cut, overlong or endless, TooLarge for one that inflates beyond measure."""
    if content[128:132] != b"DICM" or content[132:138] != b"\x02\x00\x00\x00UL":
        raise Incorrect("The file is no DICOM Part 10 file.", remedy="Send it with its file meta information.")
    begin = 144 + int.from_bytes(content[140:144], "little")
    syntax = _transfer_syntax(content[144:begin])
    if syntax == DeflatedExplicitVRLittleEndian:
        content, begin = _inflated(content[begin:]), 0
    _walk(content, begin, ">" if syntax == ExplicitVRBigEndian else "<", syntax == ImplicitVRLittleEndian)


def _transfer_syntax(meta: bytes) -> str:
    """(0002,0010), always Explicit VR Little Endian."""
    place = meta.find(b"\x02\x00\x10\x00UI")
    if place < 0:
        raise Incorrect("The transfer syntax is not stated.", where="(0002,0010)", remedy=_RESEND)
    length = int.from_bytes(meta[place + 6 : place + 8], "little")
    return meta[place + 8 : place + 8 + length].decode("ascii", "replace").rstrip("\0 ")


def _inflated(content: bytes) -> bytes:
    try:
        inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, _INFLATED_LIMIT_BYTES)
    except zlib.error:
        raise Incorrect("The deflated DICOM object is damaged.", remedy=_RESEND) from None
    if len(inflated) >= _INFLATED_LIMIT_BYTES:
        raise TooLarge("The deflated DICOM object is too large.", remedy="Send it uncompressed, below the limit.")
    return inflated


def _walk(content: bytes, begin: int, endian: str, implicit: bool) -> None:
    """Sequences and their items are walked into; only the values of other elements are stepped over."""
    head = struct.Struct(f"{endian}HH")
    end, elements, unknown = len(content), 0, 0
    while begin + 8 <= end:
        group, number = head.unpack_from(content, begin)
        if group == _ITEMS:
            begin, step = begin + 8, 0
        else:
            begin, step, unread = _element(content, begin, endian, implicit, group << 16 | number)
            unknown += unread
        begin += step
        elements += 1
        if elements > ELEMENTS_LIMIT or unknown > _UNKNOWN_LIMIT_BYTES:
            raise Incorrect(
                "The DICOM object holds more elements than an ECG can.", remedy="Send one recording a file."
            )
    if (begin != end and any(content[begin:end])) or begin > end:
        raise Incorrect("The DICOM object is cut short, or an element is longer than it.", remedy=_RESEND)


def _element(content: bytes, begin: int, endian: str, implicit: bool, tag: int) -> tuple[int, int, int]:
    """Where the value begins, how much of it to step over, and how much of it is of unknown kind."""
    kind = content[begin + 4 : begin + 6]
    if implicit or not (kind.isalpha() and kind.isupper()):
        (length,) = struct.unpack_from(f"{endian}I", content, begin + 4)
        return begin + 8, 0 if length == _UNDEFINED or _is_sequence(tag) else length, 0
    if kind not in _LONG:
        (length,) = struct.unpack_from(f"{endian}H", content, begin + 6)
        return begin + 8, length, 0
    if begin + 12 > len(content):
        return len(content) + 1, 0, 0
    (length,) = struct.unpack_from(f"{endian}I", content, begin + 8)
    if length == _UNDEFINED and kind not in (b"SQ", b"UN"):
        raise Incorrect("The DICOM object holds encapsulated data, which no ECG has.", remedy=_RESEND)
    if kind == b"SQ" or length == _UNDEFINED:
        return begin + 12, 0, 0
    return begin + 12, length, length if kind == b"UN" else 0


def _is_sequence(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False
