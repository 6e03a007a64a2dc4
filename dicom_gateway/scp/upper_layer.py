"""The DICOM upper layer (PS3.8 clause 9) of one association, as pynetdicom does it, with limits.

Two changes to the library: the socket reads with a deadline and a bound, and while one of our services answers, the
library's own reader leaves the socket alone.
"""

import threading
import time
from typing import Any

from pynetdicom.dul import DULServiceProvider
from pynetdicom.transport import AssociationSocket

from hub.telemetry.metrics import count, describe

from ..events import log_fault

INVALID_PDUS = describe("hub_dicom_invalid_pdus_total", "PDUs that could not be decoded; answered A-ABORT.")
INVALID_PDU = "Evt19"
"""The event upon which the state machine sends A-ABORT (PS3.8 table 9-10)."""
LARGEST_PDU_BYTES = 1 << 20
LONGEST_WAIT_SECONDS = 3600.0
_HANDED_OVER_POLL_SECONDS = 0.5
_GONE_POLL_SECONDS = 0.1


class BoundedSocket(AssociationSocket):  # type: ignore[misc]
    """Reads what was asked for within ``pdu_seconds`` or not at all, and never more than one sane PDU: the library's
    own would follow a length of four gigabytes, or wait a lifetime at a byte a second."""

    pdu_seconds = 60.0

    def recv(self, nr_bytes: int) -> bytearray:
        if nr_bytes > LARGEST_PDU_BYTES:
            raise OSError("PDU too long")
        deadline = time.monotonic() + self.pdu_seconds
        content = bytearray(nr_bytes)
        with memoryview(content) as view:
            got = 0
            while got < nr_bytes:
                try:
                    count = self.socket.recv_into(view[got:])
                except TimeoutError:
                    count = -1
                if count == 0:
                    break
                got += max(count, 0)
                if got < nr_bytes and time.monotonic() > deadline:
                    raise OSError("PDU too slow")
        return content if got == nr_bytes else content[:got]


class UpperLayer(DULServiceProvider):  # type: ignore[misc]
    """The library's provider, which leaves the socket to the association's own thread from ``take_back`` until
    ``hand_over``."""

    def __init__(self, association: Any, *, maximum_data_set_bytes: int) -> None:
        super().__init__(association)
        self._maximum_data_set_bytes = maximum_data_set_bytes
        self._ours = threading.Event()
        self._reading = threading.Lock()
        self._connected = False
        self._ours.set()

    @property
    def owned_by_association(self) -> bool:
        return not self._ours.is_set()

    def hand_over(self) -> None:
        """Give the socket back to the library."""
        self._ours.set()

    def take_back(self) -> bool:
        """Let the association's own thread have the socket until the next ``hand_over``. False where there is no
        association any more."""
        with self._reading:
            if self.state_machine.current_state != "Sta6":
                return False
            self._ours.clear()
            return True

    def feed(self, pdu_bytes: bytes | memoryview) -> None:
        """Let the state machine have a PDU that was read elsewhere."""
        try:
            pdu, event = self._decode_pdu(bytearray(pdu_bytes))
        except Exception as failure:  # whatever the library stumbles over in a peer's bytes, the answer is A-ABORT
            count(INVALID_PDUS)
            log_fault("PDU of a peer", failure)
            self.event_queue.put(INVALID_PDU)
            return
        self.event_queue.put(event)
        self._recv_pdu.put(pdu)

    def receive_pdu(self, wait: bool = False, timeout: float | None = None) -> Any:
        """As the library's, but a peer that has gone before it asked for an association is not waited for."""
        if not wait:
            return super().receive_pdu(wait=False)
        deadline = time.monotonic() + (LONGEST_WAIT_SECONDS if timeout is None else timeout)
        while True:
            primitive = super().receive_pdu(wait=True, timeout=_GONE_POLL_SECONDS)
            if primitive is not None or time.monotonic() > deadline or not self.is_alive():
                return primitive
            if self._connected and self.state_machine.current_state == "Sta1" and self.to_user_queue.empty():
                return None

    def _is_transport_event(self) -> bool:
        self._connected = self._connected or self.state_machine.current_state != "Sta1"
        with self._reading:
            theirs = self.owned_by_association and self.state_machine.current_state == "Sta6"
            happened: bool = not theirs and super()._is_transport_event()
        if theirs:
            self._ours.wait(_HANDED_OVER_POLL_SECONDS)
            return False
        if happened:
            self._bound_message()
        return happened

    def _bound_message(self) -> None:
        """The library gathers the data set of any message but C-STORE in memory, whatever its size."""
        message = self.assoc.dimse.message
        if message is None:
            return
        file = message._data_set_file
        limit = LARGEST_PDU_BYTES if file is None else self._maximum_data_set_bytes
        held = message.data_set.tell() if file is None else file.tell()
        if held > limit or message.encoded_command_set.tell() > LARGEST_PDU_BYTES:
            self.event_queue.put(INVALID_PDU)
