"""A data set in bytes (PS3.5 clause 7) from the DICOM JSON Model: what this gateway itself says to a peer.

Stored objects never pass here; they go out as they came in.
"""

import base64
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from .scan import LONG_LENGTH_VRS

Attributes = Mapping[str, Any]
EncodeText = Callable[[str], bytes]

_STRUCT = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_LONG = frozenset(vr.decode("ascii") for vr in LONG_LENGTH_VRS)
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_LONGEST_SHORT_BYTES = 0xFFFE
_HEAD = struct.Struct("<HHL")
_PLAIN = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "SH", "ST", "LT", "TM", "UI"})
"""Written as the text of their one value."""


def data_set_bytes(attributes: Attributes, *, implicit: bool, encode_text: EncodeText) -> bytes:
    """Little endian, ascending by tag, sequences with explicit lengths. Attributes with a BulkDataURI and group
    lengths are left out."""
    return b"".join(
        element(int(name, 16), attribute, implicit=implicit, encode_text=encode_text)
        for name, attribute in sorted(attributes.items())
        if "BulkDataURI" not in attribute and name[4:] != "0000"
    )


def element(tag: int, attribute: Attributes, *, implicit: bool, encode_text: EncodeText) -> bytes:
    representation = attribute["vr"]
    if representation in _PLAIN and (values := attribute.get("Value")) and len(values) == 1:
        text = values[0] if type(values[0]) is str else str(values[0])
        if text.isascii() and len(text) < _LONGEST_SHORT_BYTES:  # nearly every element of an answer
            raw = text.encode("ascii")
            if len(raw) & 1:
                raw += b"\0" if representation == "UI" else b" "
            opening, length = _opening(tag, representation, implicit)
            return opening + length(len(raw)) + raw
    if representation == "SQ":
        raw = b"".join(
            _HEAD.pack(0xFFFE, 0xE000, len(item)) + item
            for item in (
                data_set_bytes(one or {}, implicit=implicit, encode_text=encode_text)
                for one in attribute.get("Value", ())
            )
        )
    else:
        raw = value_bytes(representation, attribute, encode_text)
    return head(tag, representation, len(raw), implicit=implicit) + raw


def head(tag: int, representation: str, length: int, *, implicit: bool) -> bytes:
    opening, packed = _opening(tag, representation, implicit)
    return opening + packed(length)


@lru_cache(maxsize=4096)
def _opening(tag: int, representation: str, implicit: bool) -> tuple[bytes, Callable[[int], bytes]]:
    """What stands before the length, and how the length is written (PS3.5 7.1)."""
    opening = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return opening, struct.Struct("<L").pack
    opening += representation.encode("ascii")
    if representation in _LONG:
        return opening + b"\0\0", struct.Struct("<L").pack
    return opening, struct.Struct("<H").pack


def value_bytes(representation: str, attribute: Attributes, encode_text: EncodeText) -> bytes:
    """Padded to even length; a text too long for its length field is cut."""
    values = attribute.get("Value")
    if representation in _BINARY:
        raw = base64.b64decode(attribute.get("InlineBinary", ""))
        return raw + b"\0" * (len(raw) & 1)
    if not values:
        return b""
    if kind := _STRUCT.get(representation):
        return struct.pack(f"<{len(values)}{kind}", *(float(v) if kind in "fd" else int(v) for v in values))
    if representation == "AT":
        return b"".join(struct.pack("<HH", int(str(v)[:4], 16), int(str(v)[4:], 16)) for v in values)
    if representation == "PN":
        text = "\\".join(person_name(value) for value in values)
    else:
        text = "\\".join("" if value is None else str(value) for value in values)
    if text.isascii():
        raw = text.encode("ascii")
    else:
        raw = encode_text(text) if representation in _TEXT else text.encode("ascii", "replace")
    if representation not in _LONG:
        raw = raw[:_LONGEST_SHORT_BYTES]
    return raw + (b"\0" if representation == "UI" else b" ") * (len(raw) & 1)


def person_name(value: Any) -> str:
    """A PN value of the JSON Model as one text, component groups between equals signs."""
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    groups = [str(value.get(name, "")) for name in _NAME_GROUPS]
    return "=".join(groups).rstrip("=")
