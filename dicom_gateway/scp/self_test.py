"""Are the library's internals as the fast receive path expects them? Asked once at start, by receiving for real.

pynetdicom promises nothing about what lies behind its public names; rather than trust a version number, one object is
sent over the loopback to a listener that keeps nothing.
"""

import socket
from functools import cache

import pynetdicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

from hub.contracts.caller import Caller, Role, Scope
from hub.contracts.far_end import FarEnd
from hub.contracts.gate import Gate
from hub.contracts.hub_client import HubClient

from ..scan import Buffer
from ..settings import DicomSettings
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from ..uids import VERIFICATION
from .echo import EchoService
from .listener import Listener
from .peers import Peer, Peers
from .provider import Provider
from .reception import Answer
from .serving import Services

_EXPECTED = ((A_ASSOCIATE_RQ, ("decode", "to_primitive")), (A_ASSOCIATE_AC, ("from_primitive", "encode")))
_TITLE = "SELFTEST"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_INSTANCE = "2.25.1"


class _Anybody:
    """A hub and a gate for the one client of the test."""

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None:
        return Caller(_TITLE, Role.SERVICE, _TITLE) if ae_title == _TITLE else None

    def scope(self, caller: Caller) -> Scope:
        return Scope(owners=frozenset())

    def check_action(self, caller: Caller, action: str) -> None:
        """The test may."""


class _Counting:
    """Keeps nothing but how much came, and under which UID."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, int]] = []
        self._instance, self._size = b"", 0

    def begin(self, peer: Peer, sop_class: bytes, sop_instance: bytes, transfer_syntax: str) -> "_Counting":
        self._instance, self._size = sop_instance.rstrip(b"\0"), 0
        return self

    def write(self, piece: Buffer) -> None:
        self._size += len(piece)

    def finish(self) -> Answer:
        self.received.append((self._instance, self._size))
        return 0, ""

    def abandon(self) -> None:
        self._size = 0


@cache
def why_not() -> str:
    """Empty where the fast path works, else one sentence. Tried once a process."""
    if not pynetdicom.__version__.startswith("3.0."):
        return f"pynetdicom {pynetdicom.__version__} is not 3.0"
    for owner, names in _EXPECTED:
        for name in names:
            if not hasattr(owner, name):
                return f"pynetdicom has no {owner.__name__}.{name}"
    try:
        return _live()
    except Exception as failure:
        return f"the trial failed with {type(failure).__name__}"


def _live() -> str:
    anybody, counting = _Anybody(), _Counting()
    hub: HubClient = anybody  # type: ignore[assignment]
    gate: Gate = anybody  # type: ignore[assignment]
    settings = DicomSettings(network_seconds=5, association_seconds=5)
    peers = Peers(hub, gate, most=2, most_per_ae_title=2, recheck_seconds=60)
    services = Services({VERIFICATION: EchoService()})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listener = Listener(Provider(settings, peers, counting, services, fast=True), listening)
        listener.start()
        try:
            statuses = _send(listener.port)
        finally:
            listener.stop(1.0)
    if statuses != [0, 0, 0]:
        return "the trial was answered wrongly"
    if len(counting.received) != 2 or {instance for instance, _size in counting.received} != {_INSTANCE.encode()}:
        return "the trial's object did not arrive"
    sizes = {size for _instance, size in counting.received}
    return "" if len(sizes) == 1 and sizes.pop() > 300_000 else "the trial's object arrived incomplete"


def _send(port: int) -> list[int]:
    """The object, an echo, and the object again."""
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = UID(EXPLICIT_VR_LITTLE_ENDIAN)
    data_set.SOPClassUID, data_set.SOPInstanceUID = UID(_SECONDARY_CAPTURE), UID(_INSTANCE)
    data_set.add_new(0x7FE00010, "OW", bytes(300_000))
    ae = AE(ae_title=_TITLE)
    ae.add_requested_context(_SECONDARY_CAPTURE, EXPLICIT_VR_LITTLE_ENDIAN)
    ae.add_requested_context(VERIFICATION)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 5
    association = ae.associate("127.0.0.1", port)
    if not association.is_established:
        return []
    answers = [association.send_c_store(data_set), association.send_c_echo(), association.send_c_store(data_set)]
    association.release()
    return [int(answer.Status) if "Status" in answer else -1 for answer in answers]
