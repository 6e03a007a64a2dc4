"""The messages of one established association (PS3.8 9.3.5, PS3.7 9), in the one thread that owns its socket.

C-STORE goes from the socket straight to the spool file; every other request is gathered, and answered by its service.
"""

import contextlib
import socket
import time
from dataclasses import dataclass

from ..dimse.exchange import Ended, Exchange
from ..dimse.message import Field
from . import command_set as dimse
from .negotiation import Agreement
from .peers import Peer
from .provider import POLL_SECONDS, Provider
from .reception import Reception
from .serving import request_of, unrecognized

P_DATA_TF = 0x04
LARGEST_DATA_SET_BYTES = 1 << 20
"""Of a message that is not stored."""
_HEAD_BYTES = 6
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Closed(Exception):
    """The peer closed the connection, or it broke."""


class Broken(Exception):
    """The peer breaks the protocol; the association is aborted."""


class Draining(Exception):
    """We stop, and are between two messages."""


@dataclass(slots=True)
class _Gathering:
    """A request whose data set is still coming."""

    command: dimse.CommandSet
    data: bytearray


class Messages:
    """``run`` returns the PDU that is none of data: release, abort, or what has no place here. Raises Closed, Broken,
    Draining."""

    def __init__(self, provider: Provider, connection: socket.socket, peer: Peer, agreement: Agreement) -> None:
        self._provider = provider
        self._socket = connection
        self._peer = peer
        self._agreement = agreement
        self._limit_bytes = provider.settings.maximum_pdu_bytes
        self._buffer = bytearray(self._limit_bytes + _HEAD_BYTES)
        self._view = memoryview(self._buffer)
        self._command = bytearray()
        self._context_id = 0
        self._request: dimse.CommandSet = {}
        self._reception: Reception | None = None
        self._gathering: _Gathering | None = None

    def run(self) -> bytes:
        self._socket.settimeout(POLL_SECONDS)
        try:
            while True:
                length = self._read_pdu()
                if self._buffer[0] != P_DATA_TF:
                    return bytes(self._view[: _HEAD_BYTES + length])
                try:
                    self._take_values(_HEAD_BYTES, _HEAD_BYTES + length)
                except Ended as ended:
                    if not ended.pdu:
                        raise Closed from None
                    return ended.pdu
        finally:
            if self._reception is not None:
                self._reception.abandon()

    def _read_pdu(self) -> int:
        """One whole PDU into the buffer; its length without the head."""
        # Senders that leave Nagle's algorithm on hold back a short last segment until we acknowledge the one before,
        # and the kernel would delay that by 40 ms; the option does not last, so it is renewed for each PDU.
        if _QUICK_ACK is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        between_messages = self._reception is None and not self._command and self._gathering is None
        self._read(0, _HEAD_BYTES, between_messages=between_messages)
        length = int.from_bytes(self._buffer[2:6], "big")
        if length > self._limit_bytes:
            raise Broken("PDU longer than negotiated")
        self._read(_HEAD_BYTES, length, between_messages=False)
        return length

    def _read(self, at: int, size: int, *, between_messages: bool) -> None:
        end, begun = at + size, time.monotonic()
        while at < end:
            try:
                count = self._socket.recv_into(self._view[at:end])
            except TimeoutError:
                count = -1
            except OSError:
                raise Closed from None
            if count == 0:
                raise Closed
            at += max(count, 0)
            if at < end:
                if between_messages and count < 0 and self._provider.draining:
                    raise Draining
                if time.monotonic() - begun > self._provider.settings.network_seconds:
                    raise Broken("silent or too slow")

    def _take_values(self, at: int, end: int) -> None:
        """The presentation data values of one P-DATA-TF."""
        view, buffer = self._view, self._buffer
        while at < end:
            if at + 6 > end:
                raise Broken("PDV out of bounds")
            size = int.from_bytes(buffer[at : at + 4], "big")
            context_id, control = buffer[at + 4], buffer[at + 5]
            data, after = view[at + 6 : at + 4 + size], at + 4 + size
            if size < 2 or after > end:
                raise Broken("PDV out of bounds")
            if control & 1:
                self._take_command(context_id, data, last=bool(control & 2))
            else:
                self._take_data(context_id, data, last=bool(control & 2))
            at = after

    def _take_command(self, context_id: int, data: memoryview, *, last: bool) -> None:
        within = self._reception is not None or self._gathering is not None
        if within or (self._command and context_id != self._context_id):
            raise Broken("command within a message")
        self._context_id = context_id
        self._command += data
        if len(self._command) > self._provider.settings.maximum_command_bytes:
            raise Broken("command too long")
        if last:
            command, self._command = bytes(self._command), bytearray()
            self._begin(command)

    def _take_data(self, context_id: int, data: memoryview, *, last: bool) -> None:
        if context_id != self._context_id:
            raise Broken("data of another context")
        if self._reception is not None:
            self._reception.write(data)
            if last:
                reception, self._reception = self._reception, None
                self._send(dimse.c_store_response(self._request, self._context_id, *reception.finish()))
        elif self._gathering is not None:
            self._gathering.data += data
            if len(self._gathering.data) > LARGEST_DATA_SET_BYTES:
                raise Broken("message too long")
            if last:
                gathered, self._gathering = self._gathering, None
                self._serve(gathered.command, bytes(gathered.data))
        else:
            raise Broken("data without command")

    def _begin(self, command: bytes) -> None:
        """A command is complete."""
        try:
            request = dimse.parse(command)
            field = dimse.number(request, dimse.COMMAND_FIELD)
            without_data_set = dimse.number(request, dimse.DATA_SET_TYPE) == dimse.NO_DATA_SET
            if field != Field.C_CANCEL_RQ:
                dimse.number(request, dimse.MESSAGE_ID)
        except ValueError:
            raise Broken("not a command set") from None
        context = self._agreement.contexts.get(self._context_id)
        if context is None:
            raise Broken("presentation context not accepted")
        if field == dimse.C_STORE_RQ:
            if without_data_set:
                raise Broken("C-STORE without a data set")
            self._request = request
            self._reception = self._provider.receiver.begin(
                self._peer,
                request.get(dimse.AFFECTED_SOP_CLASS, b""),
                request.get(dimse.AFFECTED_SOP_INSTANCE, b""),
                context[1],
            )
        elif without_data_set:
            self._serve(request, b"")
        else:
            self._gathering = _Gathering(request, bytearray())

    def _serve(self, command: dimse.CommandSet, data: bytes) -> None:
        field = dimse.number(command, dimse.COMMAND_FIELD)
        if field == Field.C_CANCEL_RQ:
            return  # what it takes back has been answered already
        if field & Field.RESPONSE:
            raise Broken("a response to nothing")
        settings = self._provider.settings
        exchange = Exchange(
            self._socket,
            peer_maximum_bytes=self._agreement.peer_maximum_bytes,
            own_maximum_bytes=settings.maximum_pdu_bytes,
            seconds=settings.network_seconds,
        )
        request = request_of(command, data, self._context_id, self._peer, self._agreement)
        try:
            if request is None:
                exchange.send(self._context_id, unrecognized(command))
            else:
                self._provider.services.answer(request, exchange)
        except ValueError as failure:
            raise Broken(str(failure)) from None
        finally:
            self._socket.settimeout(POLL_SECONDS)

    def _send(self, pdu: bytes) -> None:
        try:
            self._socket.sendall(pdu)
        except OSError:
            raise Closed from None
