"""Messages over the socket of an established association (PS3.8 9.3.5, annex E), in the one thread that owns it.

A stored data set goes from the page cache to the socket without passing through a buffer of ours.
"""

import contextlib
import os
import select
import socket
import ssl
import struct
from collections.abc import Container

from ..scp import command_set as dimse
from .message import Element, Field, Message

P_DATA_TF, A_RELEASE_RQ = 0x04, 0x05
UNLIMITED_FRAGMENT_BYTES = 128 << 10
MOST_DATA_SET_BYTES = 1 << 20
"""Of a message that is received here; what is stored does not come this way."""
_GATHER = 256
_PDU = struct.Struct(">BBLLBB")
_COMMAND, _LAST = 1, 2
_MORE: int = getattr(socket, "MSG_MORE", 0)


class Ended(Exception):
    """The peer leaves: the whole PDU (A-RELEASE-RQ, A-ABORT, …) that said so, empty where the connection broke."""

    def __init__(self, pdu: bytes = b"") -> None:
        super().__init__("the association ended")
        self.pdu = pdu


class Exchange:
    """``peer_maximum_bytes`` is the Maximum Length that the peer has stated (0: none), ``own_maximum_bytes`` ours;
    ``seconds`` the longest silence; ``cancelled`` the requests known from elsewhere to be taken back."""

    def __init__(
        self,
        connection: socket.socket,
        *,
        peer_maximum_bytes: int,
        own_maximum_bytes: int,
        seconds: float,
        cancelled: Container[int] = (),
    ) -> None:
        self._socket = connection
        self._socket.settimeout(seconds)
        self._fragment = max(peer_maximum_bytes - 6, 128) if peer_maximum_bytes else UNLIMITED_FRAGMENT_BYTES
        self._own_maximum = own_maximum_bytes
        self._cancelled: set[int] = set()
        self._cancelled_before = cancelled
        self._waiting: list[bytes | memoryview] = []

    def send(self, context_id: int, command: bytes, data: bytes = b"") -> None:
        """One message. Raises Ended."""
        self._write(self._message_pdus(context_id, command, data))

    def send_pdu(self, pdu: bytes) -> None:
        """One that is made already. Raises Ended."""
        self._write([pdu])

    def break_off(self) -> None:
        """From another thread: whoever reads or writes here is told that the association has Ended."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def send_later(self, context_id: int, command: bytes) -> None:
        """One message without a data set, to go with the next one: the peer is woken once for both."""
        self._waiting += self._message_pdus(context_id, command, b"")

    def send_all(self, context_id: int, messages: list[tuple[bytes, bytes]]) -> None:
        """Several small messages, each a command and a data set, together. Raises Ended."""
        pieces: list[bytes | memoryview] = []
        last, opening = b"", b""
        for command, data in messages:
            if command is not last:
                last, opening = command, b"".join(self._fragments(context_id, command, _COMMAND, last=True))
            pieces.append(opening)
            size = len(data)
            if size <= self._fragment:
                pieces += (_PDU.pack(P_DATA_TF, 0, size + 6, size + 2, context_id, _LAST), data)
            else:
                pieces += self._fragments(context_id, data, 0, last=True)
        self._write([b"".join(pieces)])

    def send_file(self, context_id: int, command: bytes, descriptor: int, at: int, end: int) -> None:
        """One message whose data set is ``descriptor``'s bytes from ``at`` to ``end``. Raises Ended, also where the
        file cannot be read: half a message cannot be taken back."""
        self._write(self._fragments(context_id, command, _COMMAND, last=True))
        while at < end:
            size = min(self._fragment, end - at)
            opening = _PDU.pack(P_DATA_TF, 0, size + 6, size + 2, context_id, _LAST if at + size == end else 0)
            if isinstance(self._socket, ssl.SSLSocket):
                try:
                    content = _read_whole(descriptor, at, size)
                except OSError:
                    raise Ended from None
                self._write([opening, content])
            else:
                self._send_range(opening, descriptor, at, size)
            at += size

    def _send_range(self, opening: bytes, descriptor: int, at: int, size: int) -> None:
        """From the page cache to the socket, without a copy of ours."""
        try:
            self._socket.sendall(opening, _MORE)
            end = at + size
            while at < end:
                try:
                    sent = os.sendfile(self._socket.fileno(), descriptor, at, end - at)
                except BlockingIOError:
                    if not select.select([], [self._socket], [], self._socket.gettimeout())[1]:
                        raise TimeoutError from None
                    continue
                if not sent:
                    raise OSError("the file has become shorter")
                at += sent
        except OSError:
            raise Ended from None

    def receive(self) -> Message:
        """The next message but C-CANCEL, which is remembered. Raises Ended, or ValueError where the peer breaks the
        protocol."""
        while True:
            message = self._message()
            if message.field != Field.C_CANCEL_RQ:
                return message
            self._cancelled.add(dimse.number(message.command, Element.RESPONDED_TO))

    def cancelled(self, message_id: int) -> bool:
        """Has the peer taken this request back? Reads what has arrived, and never waits for more. To be asked only
        while no message but C-CANCEL can come. Raises Ended, ValueError."""
        while message_id not in self._cancelled and self._readable():
            message = self._message()
            if message.field != Field.C_CANCEL_RQ:
                raise ValueError("a message within an operation")
            self._cancelled.add(dimse.number(message.command, Element.RESPONDED_TO))
        return self.has_cancelled(message_id)

    def has_cancelled(self, message_id: int) -> bool:
        """The same, as far as ``receive`` has read."""
        return message_id in self._cancelled or message_id in self._cancelled_before

    def read_pdu(self) -> bytes:
        """One whole PDU. Raises Ended where the connection breaks, ValueError where the PDU is longer than ours may
        be."""
        head = self._read(6)
        length = int.from_bytes(head[2:6], "big")
        if length > self._own_maximum:
            raise ValueError("PDU longer than negotiated")
        return head + self._read(length)

    def _message(self) -> Message:
        command, data = bytearray(), bytearray()
        context_id, parsed = 0, None
        while True:
            pdu = self.read_pdu()
            if pdu[0] != P_DATA_TF:
                raise Ended(pdu)
            at, end = 6, len(pdu)
            while at < end:
                size = int.from_bytes(pdu[at : at + 4], "big")
                after = at + 4 + size
                if size < 2 or after > end:
                    raise ValueError("PDV out of bounds")
                context_id, control = pdu[at + 4], pdu[at + 5]
                (command if control & _COMMAND else data).extend(pdu[at + 6 : after])
                if len(command) + len(data) > MOST_DATA_SET_BYTES:
                    raise ValueError("message too long")
                at = after
                if control & _LAST:
                    if control & _COMMAND:
                        parsed = dimse.parse(command)
                        if dimse.number(parsed, Element.DATA_SET_TYPE) == dimse.NO_DATA_SET:
                            return Message(context_id, parsed)
                    elif parsed is None:
                        raise ValueError("data without command")
                    else:
                        return Message(context_id, parsed, bytes(data))

    def _readable(self) -> bool:
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return bool(select.select([self._socket], [], [], 0)[0])

    def _read(self, size: int) -> bytes:
        content = bytearray(size)
        view, at = memoryview(content), 0
        while at < size:
            try:
                count = self._socket.recv_into(view[at:])
            except OSError:
                raise Ended from None
            if count == 0:
                raise Ended
            at += count
        return bytes(content)

    def _message_pdus(self, context_id: int, command: bytes, data: bytes) -> list[bytes | memoryview]:
        pieces = self._fragments(context_id, command, _COMMAND, last=True)
        return pieces + self._fragments(context_id, data, 0, last=True) if data else pieces

    def _fragments(self, context_id: int, content: bytes, kind: int, *, last: bool) -> list[bytes | memoryview]:
        """P-DATA-TF PDUs of one PDV each, heads and values in turn."""
        view, whole, pieces = memoryview(content), len(content), list[bytes | memoryview]()
        for at in range(0, whole, self._fragment):
            piece = view[at : at + self._fragment]
            size = len(piece)
            control = kind | (_LAST if last and at + size == whole else 0)
            pieces.append(_PDU.pack(P_DATA_TF, 0, size + 6, size + 2, context_id, control))
            pieces.append(piece)
        return pieces

    def _write(self, pieces: list[bytes | memoryview]) -> None:
        if self._waiting:
            pieces, self._waiting = self._waiting + pieces, []
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.sendall(b"".join(pieces))
                return
            for begin in range(0, len(pieces), _GATHER):
                self._gather(pieces[begin : begin + _GATHER])
        except OSError:
            raise Ended from None

    def _gather(self, pieces: list[bytes | memoryview]) -> None:
        sent, at = self._socket.sendmsg(pieces), 0
        while True:
            while at < len(pieces) and sent >= len(pieces[at]):
                sent -= len(pieces[at])
                at += 1
            if at == len(pieces):
                return
            pieces[at] = memoryview(pieces[at])[sent:]
            sent = self._socket.sendmsg(pieces[at:])


def _read_whole(descriptor: int, at: int, size: int) -> bytes:
    content = os.pread(descriptor, size, at)
    if len(content) != size:
        raise OSError("the file has become shorter")
    return content
