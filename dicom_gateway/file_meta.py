"""Part 10 files: preamble, prefix and File Meta Information (PS3.10 clause 7.1)."""

from functools import lru_cache

from hub.contracts.errors import Incorrect

from .scan import EXPLICIT_LITTLE, Buffer
from .uids import is_uid

IMPLEMENTATION_CLASS_UID = "2.25.259402519734613508461029384712348912310"
IMPLEMENTATION_VERSION_NAME = "REGIONALHUB_1"
PREFIX = b"\0" * 128 + b"DICM"
"""Preamble and prefix of a file that we write."""
BEGIN_OF_GROUP = b"\x02\x00"
TRANSFER_SYNTAX, GROUP_LENGTH = 0x00020010, 0x00020000
CLASS, INSTANCE = 0x00020002, 0x00020003


def _element(element: int, tail: bytes) -> bytes:
    return b"\x02\x00" + element.to_bytes(2, "little") + tail


def _ui_element(element: int, uid: str) -> bytes:
    raw = uid.encode("ascii")
    raw += b"\0" * (len(raw) & 1)
    return _element(element, b"UI" + len(raw).to_bytes(2, "little") + raw)


@lru_cache(maxsize=256)
def _around_instance(sop_class_uid: str, transfer_syntax: str) -> tuple[bytes, bytes]:
    version = IMPLEMENTATION_VERSION_NAME.encode("ascii")
    version += b" " * (len(version) & 1)
    before = _element(0x0001, b"OB\0\0\x02\0\0\0\x00\x01") + _ui_element(0x0002, sop_class_uid)
    after = (
        _ui_element(0x0010, transfer_syntax)
        + _ui_element(0x0012, IMPLEMENTATION_CLASS_UID)
        + _element(0x0013, b"SH" + len(version).to_bytes(2, "little") + version)
    )
    return before, after


def part10_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str) -> bytes:
    """Everything before the data set in a file we write for an object that came without one (C-STORE)."""
    before, after = _around_instance(sop_class_uid, transfer_syntax)
    group = before + _ui_element(0x0003, sop_instance_uid) + after
    return PREFIX + _element(0x0000, b"UL\x04\0" + len(group).to_bytes(4, "little")) + group


def read_file_meta(buffer: Buffer) -> tuple[str, int]:
    """(transfer syntax UID, position of the data set) of a Part 10 file. The group is walked element by element: a
    wrong group length misleads nobody. Raises Incorrect for what is no Part 10 file."""
    if len(buffer) < 140 or bytes(buffer[128:132]) != b"DICM":
        raise Incorrect(
            "This is not a DICOM file.",
            remedy="Send a Part 10 file with its preamble and File Meta Information.",
            issue_code="structure",
        )
    at, syntax = 132, ""
    while at + 8 <= len(buffer) and bytes(buffer[at : at + 2]) == b"\x02\x00":
        tag, _representation, length, value_at = EXPLICIT_LITTLE.header(buffer, at)
        if value_at + length > len(buffer):
            break
        if tag == TRANSFER_SYNTAX:
            syntax = bytes(buffer[value_at : value_at + length]).rstrip(b"\0 ").decode("ascii", "replace")
        at = value_at + length
    if not syntax:
        raise Incorrect(
            "The file does not say its transfer syntax.",
            where="(0002,0010)",
            remedy="Send a Part 10 file with complete File Meta Information.",
            issue_code="structure",
        )
    return syntax, at


def read_named(buffer: Buffer) -> tuple[str, str]:
    """SOP Class and SOP Instance UID as the group says; "" where it does not."""
    found, at = {CLASS: "", INSTANCE: ""}, 132
    while at + 8 <= len(buffer) and bytes(buffer[at : at + 2]) == BEGIN_OF_GROUP:
        tag, _representation, length, value_at = EXPLICIT_LITTLE.header(buffer, at)
        at = value_at + length
        if tag in found and at <= len(buffer):
            text = bytes(buffer[value_at:at]).rstrip(b"\0 ").decode("ascii", "replace")
            found[tag] = text if is_uid(text) else ""
    return found[CLASS], found[INSTANCE]
