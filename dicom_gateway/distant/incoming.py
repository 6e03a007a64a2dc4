"""One message of an association of ours whose data set goes to a file as it arrives (PS3.8 annex E)."""

from collections.abc import Callable
from typing import BinaryIO

from hub.contracts.errors import TooLarge

from ..dimse.exchange import P_DATA_TF, Ended, Exchange
from ..dimse.message import Element, Message
from ..scp import command_set
from ..scp.command_set import CommandSet

_COMMAND, _LAST = 1, 2
_STORE_REQUEST = command_set.C_STORE_RQ
_MOST_COMMAND_BYTES = 64 << 10

Begin = Callable[[int, CommandSet], BinaryIO]


def next_message(exchange: Exchange, begin: Begin | None, most_bytes: int) -> Message:
    """``begin`` gives the file for the data set of a C-STORE request; other data sets are read over. Raises Ended,
    TooLarge for a data set of more than ``most_bytes``, or ValueError where the peer breaks the protocol."""
    command = bytearray()
    parsed: CommandSet | None = None
    file: BinaryIO | None = None
    while True:
        pdu = exchange.read_pdu()
        if pdu[0] != P_DATA_TF:
            raise Ended(pdu)
        at, view = 6, memoryview(pdu)
        while at < len(pdu):
            size = int.from_bytes(pdu[at : at + 4], "big")
            if size < 2 or at + 4 + size > len(pdu):
                raise ValueError("PDV out of bounds")
            context_id, control, content = pdu[at + 4], pdu[at + 5], view[at + 6 : at + 4 + size]
            at += 4 + size
            if control & _COMMAND:
                command += content
                if len(command) > _MOST_COMMAND_BYTES:
                    raise ValueError("command set too long")
                if control & _LAST:
                    parsed = command_set.parse(command)
                    if command_set.number(parsed, Element.DATA_SET_TYPE) == command_set.NO_DATA_SET:
                        return Message(context_id, parsed)
                    if begin is not None and command_set.number(parsed, Element.COMMAND_FIELD) == _STORE_REQUEST:
                        file = begin(context_id, parsed)
            elif parsed is None:
                raise ValueError("data without command")
            else:
                if file is not None:
                    file.write(content)
                    if file.tell() > most_bytes:
                        raise TooLarge("The object is larger than this gateway takes.", http_status=502)
                if control & _LAST:
                    return Message(context_id, parsed)
