"""Command sets of DIMSE messages (PS3.7 clause 6.3.1, annex E): always implicit VR little endian."""

import struct

C_STORE_RQ = 0x0001
C_STORE_RSP = 0x8001
NO_DATA_SET = 0x0101

AFFECTED_SOP_CLASS = 0x0002
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
DATA_SET_TYPE = 0x0800
STATUS = 0x0900
ERROR_COMMENT = 0x0902
AFFECTED_SOP_INSTANCE = 0x1000

CommandSet = dict[int, bytes]
"""Raw values by element number; the group is 0000."""

_HEAD = struct.Struct("<HHL")
_PDATA = struct.Struct(">BBLLBB")


def parse(raw: bytes | bytearray) -> CommandSet:
    """Raises ValueError for bytes that are no command set."""
    found: CommandSet = {}
    at, end = 0, len(raw)
    while at < end:
        if at + 8 > end:
            raise ValueError("command set ends within an element")
        group, element, length = _HEAD.unpack_from(raw, at)
        at += 8
        if group or at + length > end:
            raise ValueError("not a command set")
        found[element] = bytes(raw[at : at + length])
        at += length
    return found


def number(command: CommandSet, element: int) -> int:
    """A US value; ValueError where it is missing or none."""
    raw = command.get(element, b"")
    if len(raw) != 2:
        raise ValueError("a number of the command set is missing")
    return int.from_bytes(raw, "little")


def _element(element: int, value: bytes) -> bytes:
    return _HEAD.pack(0, element, len(value)) + value


def c_store_response(request: CommandSet, context_id: int, status: int, comment: str = "") -> bytes:
    """The whole P-DATA-TF PDU of a C-STORE-RSP (PS3.7 table 9.3-2), ready for one send."""
    body = (
        _element(AFFECTED_SOP_CLASS, request.get(AFFECTED_SOP_CLASS, b""))
        + _element(COMMAND_FIELD, C_STORE_RSP.to_bytes(2, "little"))
        + _element(MESSAGE_ID_BEING_RESPONDED_TO, request[MESSAGE_ID])
        + _element(DATA_SET_TYPE, NO_DATA_SET.to_bytes(2, "little"))
        + _element(STATUS, status.to_bytes(2, "little"))
    )
    if comment:
        text = comment.encode("ascii", "replace")
        body += _element(ERROR_COMMENT, text + b" " * (len(text) & 1))
    body += _element(AFFECTED_SOP_INSTANCE, request.get(AFFECTED_SOP_INSTANCE, b""))
    body = _element(0x0000, len(body).to_bytes(4, "little")) + body
    return _PDATA.pack(0x04, 0, len(body) + 6, len(body) + 2, context_id, 0x03) + body
