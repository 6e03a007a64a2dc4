"""One DIMSE message: its command set (PS3.7 clause 6.3, annex E) and the bytes of its data set."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from ..scp.command_set import NO_DATA_SET, CommandSet, number

_HEAD = struct.Struct("<HHL")
WITH_DATA_SET = 0x0001


class Field(IntEnum):
    """Command Field (0000,0100); a response has its request's with the highest bit set."""

    C_STORE_RQ = 0x0001
    C_GET_RQ = 0x0010
    C_FIND_RQ = 0x0020
    C_MOVE_RQ = 0x0021
    C_ECHO_RQ = 0x0030
    N_EVENT_REPORT_RQ = 0x0100
    N_SET_RQ = 0x0120
    N_ACTION_RQ = 0x0130
    N_CREATE_RQ = 0x0140
    C_CANCEL_RQ = 0x0FFF
    RESPONSE = 0x8000
    """The bit that makes a response of a request."""

    @property
    def response(self) -> int:
        return self | Field.RESPONSE


class Element(IntEnum):
    """Element numbers of group 0000."""

    AFFECTED_SOP_CLASS = 0x0002
    REQUESTED_SOP_CLASS = 0x0003
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    RESPONDED_TO = 0x0120
    MOVE_DESTINATION = 0x0600
    PRIORITY = 0x0700
    DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    OFFENDING_ELEMENT = 0x0901
    ERROR_COMMENT = 0x0902
    AFFECTED_SOP_INSTANCE = 0x1000
    REQUESTED_SOP_INSTANCE = 0x1001
    EVENT_TYPE = 0x1002
    ACTION_TYPE = 0x1008
    REMAINING = 0x1020
    COMPLETED = 0x1021
    FAILED = 0x1022
    WARNED = 0x1023
    MOVE_ORIGINATOR = 0x1030
    MOVE_ORIGINATOR_MESSAGE_ID = 0x1031


_UIDS = frozenset({0x0002, 0x0003, 0x1000, 0x1001})
Value = int | str | bytes


@dataclass(frozen=True, slots=True)
class Message:
    context_id: int
    command: CommandSet
    data: bytes = b""

    @property
    def field(self) -> int:
        return number(self.command, Element.COMMAND_FIELD)

    @property
    def status(self) -> int:
        return number(self.command, Element.STATUS)

    def text(self, element: int) -> str:
        return self.command.get(element, b"").decode("ascii", "replace").strip("\0 ")


def encode_command(elements: Mapping[int, Value], *, data_set: bool) -> bytes:
    """The command set with its group length and Command Data Set Type. Numbers are US, text is padded to even length;
    bytes stand as they are."""
    body = bytearray()
    for element, value in sorted(
        [*elements.items(), (Element.DATA_SET_TYPE, WITH_DATA_SET if data_set else NO_DATA_SET)]
    ):
        if isinstance(value, int):
            raw = value.to_bytes(2, "little")
        elif isinstance(value, str):
            raw = value.encode("ascii", "replace")
            raw += (b"\0" if element in _UIDS else b" ") * (len(raw) & 1)
        else:
            raw = value
        body += _HEAD.pack(0, element, len(raw)) + raw
    return _HEAD.pack(0, 0, 4) + len(body).to_bytes(4, "little") + bytes(body)


def offending(tag: int) -> bytes:
    """One tag as the value of Offending Element."""
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF)
