"""Structure of an SCP-ECG record (EN 1064 / ISO 11073-91064, clause 5.2-5.3), checked before anything is decoded.

A record is CRC (2 bytes), length (4), then sections, each with CRC, number, length, versions and 6 reserved bytes.
Section 0 points to the others: number (2), length (4), index of the first byte counted from 1 (4). All little-endian;
the CRC is CRC-CCITT, start FFFF.
"""

import binascii
import struct
from dataclasses import dataclass
from itertools import pairwise

from hub.contracts.errors import Incorrect

_HEADER_BYTES = 16
_POINTER_BYTES = 10
_REQUIRED = {1: "patient and acquisition", 3: "lead definition", 6: "rhythm data"}
_CODED_LIMIT_BYTES = 2 << 20
"""Sections 5 and 6 hold at most 64 KiB a lead; more than this is no resting ECG."""
_OTHER_LIMIT_BYTES = 128 << 10
_LEADS_LIMIT = 32
_SAMPLES_LIMIT = 4_000_000
_RESEND = "Send the file again; if it stays so, the cart does not write conformant SCP-ECG: ask for aECG or DICOM."


@dataclass(frozen=True, slots=True)
class Section:
    number: int
    offset: int
    length: int

    def body(self, content: bytes) -> bytes:
        return content[self.offset + _HEADER_BYTES : self.offset + self.length]


def looks_like_scp(content: bytes) -> bool:
    """Whether section 0 stands where SCP-ECG has it, conformant or not."""
    if len(content) < 6 + _HEADER_BYTES + _POINTER_BYTES:
        return False
    if content[16:22] == b"SCPECG":
        return True
    number, length = struct.unpack_from("<HI", content, 8)
    pointer_number, pointer_length, index = struct.unpack_from("<HII", content, 22)
    return bool(
        number == 0
        and _HEADER_BYTES + _POINTER_BYTES <= length <= 4096
        and pointer_number == 0
        and pointer_length == length
        and index in (6, 7)
    )


def checked_sections(content: bytes) -> dict[int, Section]:
    """The sections by number. Raises Incorrect for a wrong length, pointer, header or CRC, and for a missing one."""
    (record_bytes,) = struct.unpack_from("<I", content, 2)
    if not 6 + _HEADER_BYTES <= record_bytes <= len(content):
        raise _damaged("The record length does not agree with the file.", "record length (bytes 3-6)")
    record = content[:record_bytes]
    if binascii.crc_hqx(record[2:], 0xFFFF) != int.from_bytes(record[:2], "little"):
        raise _damaged("The CRC of the record is wrong.", "record CRC (bytes 1-2)")
    sections = {0: _section(record, 0, 6, struct.unpack_from("<I", record, 10)[0])}
    pointers = sections[0].body(record)
    for position in range(0, len(pointers) - _POINTER_BYTES + 1, _POINTER_BYTES):
        number, length, index = struct.unpack_from("<HII", pointers, position)
        if number == 0 or length == 0:
            continue
        if number in sections:
            raise _damaged("Section 0 points to a section twice.", f"section {number}")
        sections[number] = _section(record, number, index - 1, length)
    for number, meaning in _REQUIRED.items():
        if number not in sections:
            raise _damaged(f"Section {number} ({meaning}) is missing.", f"section {number}")
    _check_disjoint(sections)
    _check_size(record, sections)
    return sections


def _section(record: bytes, number: int, offset: int, length: int) -> Section:
    where = f"section {number}"
    if offset < 6 or length < _HEADER_BYTES or offset + length > len(record):
        raise _damaged("A section lies outside the record.", where)
    if number > 11:
        return Section(number, offset, length)
    crc, stated, header_length = struct.unpack_from("<HHI", record, offset)
    if stated != number or header_length != length:
        raise _damaged("The header of a section does not agree with its pointer.", where)
    if binascii.crc_hqx(record[offset + 2 : offset + length], 0xFFFF) != crc:
        raise _damaged("The CRC of a section is wrong.", where)
    return Section(number, offset, length)


def _check_disjoint(sections: dict[int, Section]) -> None:
    ordered = sorted(sections.values(), key=lambda section: section.offset)
    for one, following in pairwise(ordered):
        if one.offset + one.length > following.offset:
            raise _damaged("Two sections overlap.", f"sections {one.number} and {following.number}")


def _check_size(record: bytes, sections: dict[int, Section]) -> None:
    """Bounds the work of decoding, which runs bit by bit."""
    for section in sections.values():
        limit = _CODED_LIMIT_BYTES if section.number in (5, 6) else _OTHER_LIMIT_BYTES
        if section.number <= 11 and section.length > limit:
            raise _damaged("A section is longer than a resting ECG can need.", f"section {section.number}")
    definition = sections[3].body(record)
    count = definition[0] if definition else 0
    if not 1 <= count <= _LEADS_LIMIT or 2 + 9 * count > len(definition):
        raise _damaged("The lead definition is cut short or defines an impossible number of leads.", "section 3")
    samples = 0
    for lead in range(count):
        first, last = struct.unpack_from("<II", definition, 2 + 9 * lead)
        if first < 1 or last < first:
            raise _damaged("A lead has an impossible range of samples.", "section 3")
        samples += last - first + 1
    if samples > _SAMPLES_LIMIT:
        raise _damaged("The leads hold more samples than a resting ECG can.", "section 3")


def _damaged(what: str, where: str) -> Incorrect:
    return Incorrect(f"SCP-ECG: {what}", where=where, remedy=_RESEND)
