"""An association in which C-STORE goes from the socket straight to the spool file.

pynetdicom negotiates; then the association's thread reads PDUs itself (PS3.8 9.3.5) as long as they carry C-STORE.
Any other command, release or abort hands the socket back to the library for good.
"""

import contextlib
import socket
import time
from typing import Any

from pynetdicom.association import Association

from ..events import ASSOCIATION_BROKEN
from ..settings import DicomSettings
from . import command_set as dimse
from .peers import Peer, Peers
from .reception import Receiver, Reception
from .serving import Services
from .upper_layer import INVALID_PDU, UpperLayer

P_DATA_TF = 0x04
POLL_SECONDS = 0.5
_HEAD_BYTES = 6
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Provider:
    """What all associations of one listener share."""

    def __init__(
        self,
        settings: DicomSettings,
        peers: Peers,
        receiver: Receiver,
        *,
        fast: bool,
        services: Services | None = None,
    ) -> None:
        self.settings = settings
        self.peers = peers
        self.receiver = receiver
        self.services = services or Services({})
        self.fast = fast
        self.draining = False


class _Closed(Exception):
    """The peer closed the connection, or it broke."""


class _Broken(Exception):
    """The peer breaks the protocol; the association is aborted."""


class _Draining(Exception):
    """We stop, and are between two messages."""


class StoringAssociation(Association):  # type: ignore[misc]
    """``peer`` is set before the association is accepted; without one nothing is."""

    def __init__(self, ae: Any, mode: str, provider: Provider) -> None:
        super().__init__(ae, mode)
        self.provider = provider
        self.peer: Peer | None = None
        self.certificate_names: frozenset[str] | None = None
        self.relational: frozenset[str] = frozenset()
        settings = provider.settings
        self.dul = UpperLayer(self, fast=provider.fast, maximum_data_set_bytes=settings.maximum_data_set_bytes)
        self.acse_timeout = settings.association_seconds
        self.network_timeout = settings.network_seconds

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        finally:
            if self.peer is not None:
                self.provider.peers.leave(self.peer.ae_title)
            self.dul.hand_over()

    def _serve_request(self, msg: Any, context_id: int) -> None:
        if not self.provider.services.serve(self, msg, context_id):
            super()._serve_request(msg, context_id)

    def _run_reactor(self) -> None:
        if self.dul.owned_by_association and self.peer is not None:
            why = ""
            try:
                _FastReceive(self, self.peer).run()
            except _Closed:
                pass  # the library sees the closed socket and cleans up
            except _Draining:
                self.dul.hand_over()
                self.abort()
                return
            except _Broken as broken:
                why = str(broken)
            except Exception as failure:
                why = type(failure).__name__
            if why:
                ASSOCIATION_BROKEN.log(ae_title=self.peer.ae_title, why=why)
                self.dul.event_queue.put(INVALID_PDU)
            with contextlib.suppress(OSError, AttributeError):
                self.dul.socket.socket.settimeout(self.provider.settings.network_seconds)
            self.dul.hand_over()
        super()._run_reactor()


class _FastReceive:
    """The receive loop of one association. ``run`` returns when the library is to go on with what was fed to it."""

    def __init__(self, association: StoringAssociation, peer: Peer) -> None:
        self.association = association
        self.peer = peer
        self.provider = association.provider
        self.dul = association.dul
        self.socket = association.dul.socket.socket
        self.contexts = association._accepted_cx
        self.limit_bytes = self.provider.settings.maximum_pdu_bytes
        self.buffer = bytearray(self.limit_bytes + _HEAD_BYTES)
        self.view = memoryview(self.buffer)
        self.command = bytearray()
        self.context_id = 0
        self.request: dimse.CommandSet = {}
        self.reception: Reception | None = None

    def run(self) -> None:
        self.socket.settimeout(POLL_SECONDS)
        try:
            while True:
                length = self._read_pdu()
                if self.buffer[0] != P_DATA_TF:
                    self.dul.feed(self.view[: _HEAD_BYTES + length])
                    return
                self.dul._idle_timer.restart()
                if self._take_values(_HEAD_BYTES, _HEAD_BYTES + length):
                    return
        finally:
            if self.reception is not None:
                self.reception.abandon()

    def _read_pdu(self) -> int:
        """One whole PDU into the buffer; its length without the head."""
        # Senders that leave Nagle's algorithm on hold back a short last segment until we acknowledge the one before,
        # and the kernel would delay that by 40 ms; the option does not last, so it is renewed for each PDU.
        if _QUICK_ACK is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        self._read(0, _HEAD_BYTES, between_messages=self.reception is None and not self.command)
        length = int.from_bytes(self.buffer[2:6], "big")
        if length > self.limit_bytes:
            raise _Broken("PDU longer than negotiated")
        self._read(_HEAD_BYTES, length, between_messages=False)
        return length

    def _read(self, at: int, size: int, *, between_messages: bool) -> None:
        end, begun = at + size, time.monotonic()
        while at < end:
            try:
                count = self.socket.recv_into(self.view[at:end])
            except TimeoutError:
                count = -1
            except OSError:
                raise _Closed from None
            if count == 0:
                raise _Closed
            at += max(count, 0)
            if at < end:
                if self.association._kill:
                    raise _Closed
                if between_messages and count < 0 and self.provider.draining:
                    raise _Draining
                if time.monotonic() - begun > self.provider.settings.network_seconds:
                    raise _Broken("silent or too slow")

    def _take_values(self, at: int, end: int) -> bool:
        """The presentation data values of one P-DATA-TF; True where the library must go on."""
        view, buffer = self.view, self.buffer
        while at < end:
            if at + 6 > end:
                raise _Broken("PDV out of bounds")
            size = int.from_bytes(buffer[at : at + 4], "big")
            context_id, control = buffer[at + 4], buffer[at + 5]
            data, after = view[at + 6 : at + 4 + size], at + 4 + size
            if size < 2 or after > end:
                raise _Broken("PDV out of bounds")
            if control & 1:
                if self.reception is not None or (self.command and context_id != self.context_id):
                    raise _Broken("command within a message")
                self.context_id = context_id
                self.command += data
                if len(self.command) > self.provider.settings.maximum_command_bytes:
                    raise _Broken("command too long")
                if control & 2 and self._begin(view[after:end]):
                    return True
            else:
                if self.reception is None or context_id != self.context_id:
                    raise _Broken("data without command")
                self.reception.write(data)
                if control & 2:
                    reception, self.reception = self.reception, None
                    self._answer(*reception.finish())
            at = after
        return False

    def _begin(self, rest: memoryview) -> bool:
        """A command is complete; True where it is none of ours and has been fed to the library, with the rest of its
        PDU."""
        command, self.command = bytes(self.command), bytearray()
        try:
            self.request = dimse.parse(command)
            field = dimse.number(self.request, dimse.COMMAND_FIELD)
            data_set_type = dimse.number(self.request, dimse.DATA_SET_TYPE)
            if field == dimse.C_STORE_RQ:
                dimse.number(self.request, dimse.MESSAGE_ID)
        except ValueError:
            raise _Broken("not a command set") from None
        if field != dimse.C_STORE_RQ:
            values = (len(command) + 2).to_bytes(4, "big") + bytes([self.context_id, 3]) + command + bytes(rest)
            self.dul.feed(bytes([P_DATA_TF, 0]) + len(values).to_bytes(4, "big") + values)
            return True
        context = self.contexts.get(self.context_id)
        if context is None:
            raise _Broken("presentation context not accepted")
        if data_set_type == dimse.NO_DATA_SET:
            raise _Broken("C-STORE without a data set")
        self.reception = self.provider.receiver.begin(
            self.peer,
            self.request.get(dimse.AFFECTED_SOP_CLASS, b""),
            self.request.get(dimse.AFFECTED_SOP_INSTANCE, b""),
            str(context.transfer_syntax[0]),
        )
        return False

    def _answer(self, status: int, comment: str) -> None:
        try:
            self.socket.sendall(dimse.c_store_response(self.request, self.context_id, status, comment))
        except OSError:
            raise _Closed from None
