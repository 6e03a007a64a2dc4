"""A corrected copy of an object: other values for its patient and accession number, what they were beside them
(PS3.3 C.12.1.1.9, Original Attributes Sequence). Pure.

Elements that are not concerned stay the bytes they were, and so do the old values inside the sequence.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ..answer_charset import can_write, encode
from ..character_set import GB18030, UTF_8, CharacterSet
from ..data_dictionary import representation_of
from ..scan import IMPLICIT_LITTLE, ITEM, LONG_LENGTH_VRS, UNDEFINED, Buffer, Layout, after_undefined, layout_at
from ..study_index.corrections import Corrected
from ..transfer_syntaxes import TransferSyntax

SPECIFIC_CHARACTER_SET, PATIENT_NAME, ORIGINAL_ATTRIBUTES = 0x00080005, 0x00100010, 0x04000561
STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, PIXELS = 0x0020000D, 0x0020000E, 0x7FE00000
_VALUES = {
    "accession_number": 0x00080050,
    "patient_name": PATIENT_NAME,
    "patient_id": 0x00100020,
    "issuer_of_patient_id": 0x00100021,
    "birth_date": 0x00100030,
    "sex": 0x00100040,
}
_OF_ANOTHER = frozenset({
    0x00100022, 0x00100024, 0x00100032, 0x00100050, 0x00101000, 0x00101001, 0x00101002, 0x00101005, 0x00101010,
    0x00101040, 0x00101060, 0x00101080, 0x00101081, 0x00101090, 0x00101100, 0x00102000, 0x00102110, 0x00102150,
    0x00102152, 0x00102154, 0x00102155, 0x00102160, 0x00102180, 0x001021B0, 0x001021C0, 0x001021D0, 0x001021F0,
    0x00104000,
})  # fmt: skip
"""What else of the Patient modules (PS3.3 C.7.1.1, C.2.2, C.2.3) is of the wrong person: left out with him. What was
measured for the examination (size, weight) stays."""
_TEXT = frozenset({b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"})
_LABELS = {UTF_8: "ISO_IR 192", GB18030: "GB18030"}
_GB2312 = "ISO 2022 IR 58"

Element = tuple[int, bytes, int, int, int]
"""Tag, value representation, begin of the element, of its value, and its end."""


@dataclass(frozen=True, slots=True)
class Coercion:
    """``series_uid``: the series it was parted into, None where it keeps its own. ``system``: who says so
    (Modifying System), ``at``: since when."""

    corrected: Corrected
    series_uid: str | None
    system: str
    at: datetime


def coerced(
    buffer: Buffer, begin: int, end: int, syntax: TransferSyntax, characters: CharacterSet, coercion: Coercion
) -> tuple[bytes, int]:
    """(new bytes, position in ``buffer`` from where on it goes on as it was): the data set, corrected."""
    layout = layout_at(buffer, begin, syntax)
    elements = list(_before_pixels(buffer, begin, end, layout))
    rest = elements[-1][4] if elements else begin
    writer = _Writer(layout, big_endian=syntax.big_endian)
    values = _values(coercion)
    label = label_for("".join(values.values()), characters)
    written = "\\".join(characters.labels) if label is None else label
    new = {tag: writer.element(tag, encode(written, value)) for tag, value in values.items()}
    removed = _OF_ANOTHER if coercion.corrected.names_patient else frozenset[int]()
    old = [one for one in elements if one[0] in removed or (one[0] in new and _raw(buffer, one) != new[one[0]])]
    if label is not None:
        old = [one for one in elements if one[0] == SPECIFIC_CHARACTER_SET] + old
        new[SPECIFIC_CHARACTER_SET] = writer.element(SPECIFIC_CHARACTER_SET, label.encode("ascii"))
    history = next((_items(buffer, one, layout) for one in elements if one[0] == ORIGINAL_ATTRIBUTES), b"")
    modified = b"".join(_raw(buffer, one) for one in old)
    new[ORIGINAL_ATTRIBUTES] = writer.sequence(ORIGINAL_ATTRIBUTES, history, writer.original(coercion, modified))
    for tag, representation, at, value_at, after in elements:
        if tag in new or tag in removed:
            continue
        raw = bytes(buffer[at:after])
        if label is not None and characters.codec is None and _is_text(tag, representation):
            value = bytes(buffer[value_at:after])
            if not value.isascii():
                said = characters.decode(value, person_name=representation == b"PN")
                raw = writer.element(tag, encode(label, said), representation)
        new[tag] = raw
    return b"".join(new[tag] for tag in sorted(new)), rest


def label_for(text: str, characters: CharacterSet) -> str | None:
    """The Specific Character Set under which the corrected copy has to stand, None for the one it has: its own where
    that is true and can hold ``text``, else what its bytes have shown themselves to be in, else Unicode."""
    own = "\\".join(characters.labels)
    shown = _LABELS.get(characters.codec or "")
    true = shown in (None, own) or (shown == "GB18030" and (own == "GBK" or own.endswith(_GB2312)))
    if text.isascii() or (true and can_write(own, text)):
        return None
    return shown or "ISO_IR 192"


def _values(coercion: Coercion) -> dict[int, str]:
    said = coercion.corrected
    values = {tag: value for name, tag in _VALUES.items() if (value := getattr(said, name)) is not None}
    if said.study_uid is not None:
        values[STUDY_INSTANCE_UID] = said.study_uid
    if coercion.series_uid is not None:
        values[SERIES_INSTANCE_UID] = coercion.series_uid
    return values


def _before_pixels(buffer: Buffer, begin: int, end: int, layout: Layout) -> Iterator[Element]:
    at = begin
    while at + 8 <= end:
        tag, representation, length, value_at = layout.header(buffer, at)
        if tag >= PIXELS:
            return
        inner = IMPLICIT_LITTLE if representation == b"UN" else layout
        after = after_undefined(buffer, value_at, end, inner) if length == UNDEFINED else value_at + length
        yield tag, representation, at, value_at, after
        at = after


def _is_text(tag: int, representation: bytes) -> bool:
    return (representation or representation_of(tag).encode("ascii")) in _TEXT


def _raw(buffer: Buffer, element: Element) -> bytes:
    return bytes(buffer[element[2] : element[4]])


def _items(buffer: Buffer, element: Element, layout: Layout) -> bytes:
    """The items of a sequence, without the delimiter of one of undefined length."""
    undefined = layout.header(buffer, element[2])[2] == UNDEFINED
    return bytes(buffer[element[3] : element[4] - (8 if undefined else 0)])


class _Writer:
    """Elements in the layout of the object."""

    def __init__(self, layout: Layout, *, big_endian: bool) -> None:
        self._implicit = layout.implicit
        self._order = ">" if big_endian else "<"

    def element(self, tag: int, value: bytes, representation: bytes = b"") -> bytes:
        representation = representation or representation_of(tag).encode("ascii")
        value += (b"\0" if representation == b"UI" else b" ") * (len(value) & 1)
        return self._head(tag, representation, len(value)) + value

    def sequence(self, tag: int, *items: bytes) -> bytes:
        value = b"".join(items)
        return self._head(tag, b"SQ", len(value)) + value

    def original(self, coercion: Coercion, modified: bytes) -> bytes:
        """One item of the Original Attributes Sequence: what was, since when it is otherwise, and who says so."""
        at = coercion.at.strftime("%Y%m%d%H%M%S.%f%z").encode("ascii")
        return self._item(
            self.sequence(0x04000550, self._item(modified))
            + self.element(0x04000562, at)
            + self.element(0x04000563, coercion.system.encode("ascii", "replace"))
            + self.element(0x04000564, b"")
            + self.element(0x04000565, b"CORRECT")
        )

    def _item(self, content: bytes) -> bytes:
        return struct.pack(self._order + "HHL", ITEM >> 16, ITEM & 0xFFFF, len(content)) + content

    def _head(self, tag: int, representation: bytes, length: int) -> bytes:
        opening = struct.pack(self._order + "HH", tag >> 16, tag & 0xFFFF)
        if self._implicit:
            return opening + struct.pack(self._order + "L", length)
        if representation in LONG_LENGTH_VRS:
            return opening + representation + b"\0\0" + struct.pack(self._order + "L", length)
        return opening + representation + struct.pack(self._order + "H", length)
