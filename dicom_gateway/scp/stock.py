"""An association by pynetdicom's own reactor: with the fast path off, by setting or because the self-test failed.

The library does everything but admission and the services, which are ours in either case.
"""

import socket
import threading
from collections.abc import Callable
from typing import Any

from pynetdicom import AE, _config, evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import register_uid, uid_to_service_class
from pynetdicom.transport import AddressInformation

from hub.contracts.far_end import FarEnd

from ..dimse.exchange import Ended, Exchange
from ..events import ASSOCIATION_BROKEN
from ..file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from ..settings import DicomSettings
from ..sop_classes import storage_sop_classes
from .admission import admit
from .contexts import supported_contexts
from .extended import on_extended
from .peers import Peer
from .plain import on_c_store
from .primitive import request_of_primitive
from .provider import Provider
from .upper_layer import INVALID_PDU, BoundedSocket, UpperLayer


def prepare_library() -> None:
    """pynetdicom's process-wide settings: no logging of message contents, data sets in files, retired classes."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.STORE_RECV_CHUNKED_DATASET = True
    for uid in storage_sop_classes():
        if uid_to_service_class(uid) is not StorageServiceClass:
            register_uid(uid, "Storage_" + uid.replace(".", "_"), StorageServiceClass)


class Stock:
    """Makes associations for one provider."""

    def __init__(self, provider: Provider) -> None:
        prepare_library()
        self._provider = provider
        self._ae = _application_entity(provider.settings)
        self._contexts = supported_contexts()
        self._associations: set[StockAssociation] = set()
        self._lock = threading.Lock()

    def serve(
        self, connection: socket.socket, far_end: FarEnd, local: Any, remote: Any, associated: Callable[[], None]
    ) -> None:
        """The whole life of an association on a connection. ``associated`` is called when it is admitted."""
        association = StockAssociation(self._ae, self._provider, far_end, associated)
        transport = BoundedSocket(association, client_socket=connection)
        transport.pdu_seconds = self._provider.settings.network_seconds
        association.set_socket(transport)
        acceptor = association.acceptor
        acceptor.maximum_length = self._ae.maximum_pdu_size
        acceptor.ae_title = self._ae.ae_title
        acceptor.address_info = AddressInformation.from_tuple(local)
        acceptor.implementation_class_uid = self._ae.implementation_class_uid
        acceptor.implementation_version_name = self._ae.implementation_version_name
        acceptor.supported_contexts = self._contexts
        association.requestor.address_info = AddressInformation.from_tuple(remote)
        for event, handler in (
            (evt.EVT_REQUESTED, _on_requested), (evt.EVT_SOP_EXTENDED, on_extended), (evt.EVT_C_STORE, on_c_store),
        ):  # fmt: skip
            association.bind(event, handler)
        with self._lock:
            self._associations.add(association)
        association.start()
        association.join()
        with self._lock:
            self._associations.discard(association)

    def abort_idle(self) -> None:
        """Abort what is between two messages."""
        with self._lock:
            for association in self._associations:
                if association.dimse.message is None and not association.dul.owned_by_association:
                    association.abort(block=False)


def _application_entity(settings: DicomSettings) -> AE:
    ae = AE(ae_title=settings.ae_title)
    ae.maximum_pdu_size = settings.maximum_pdu_bytes
    ae.maximum_associations = 1 << 16  # admission counts, and connections are capped by the listener
    ae.network_timeout = settings.network_seconds
    ae.acse_timeout = settings.association_seconds
    ae.dimse_timeout = settings.network_seconds
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return ae


class StockAssociation(Association):  # type: ignore[misc]
    """``peer`` is set before the association is accepted; without one nothing is."""

    def __init__(self, ae: AE, provider: Provider, far_end: FarEnd, associated: Callable[[], None]) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.daemon = True
        self.provider = provider
        self.far_end = far_end
        self.associated = associated
        self.peer: Peer | None = None
        self.relational: frozenset[str] = frozenset()
        settings = provider.settings
        self.dul = UpperLayer(self, maximum_data_set_bytes=settings.maximum_data_set_bytes)
        self.acse_timeout = settings.association_seconds
        self.network_timeout = settings.network_seconds

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        finally:
            if self.peer is not None:
                self.provider.peers.leave(self.peer.ae_title)
            self.dul.hand_over()
            self._drop_half_received()

    def _drop_half_received(self) -> None:
        """The library leaves the file of an object that did not come to its end."""
        message = self.dimse.message
        if message is not None and message._data_set_file is not None:
            message._data_set_file.close()
            if message._data_set_path is not None:
                message._data_set_path.unlink(missing_ok=True)

    def _serve_request(self, msg: Any, context_id: int) -> None:
        request = request_of_primitive(self, msg, context_id)
        if request is None:
            super()._serve_request(msg, context_id)
            return
        if not self.dul.take_back():
            return
        settings = self.provider.settings
        exchange = Exchange(
            self.dul.socket.socket,
            peer_maximum_bytes=self.requestor.maximum_length,
            own_maximum_bytes=settings.maximum_pdu_bytes,
            seconds=settings.network_seconds,
            cancelled=self.dimse.cancel_req,
        )
        try:
            self.provider.services.answer(request, exchange)
        except Ended as ended:
            if ended.pdu:
                self.dul.feed(ended.pdu)
        except ValueError as failure:
            ASSOCIATION_BROKEN.log(ae_title=request.peer.ae_title, why=str(failure))
            self.dul.event_queue.put(INVALID_PDU)
        finally:
            self.dul._idle_timer.restart()
            self.dul.hand_over()


def _on_requested(event: Any) -> None:
    """On an A-ASSOCIATE-RQ, before the library negotiates. The library swallows what is raised here; nothing is."""
    association = event.assoc
    asked = association.requestor.primitive
    verdict = admit(
        association.provider,
        str(asked.called_ae_title).strip(),
        str(asked.calling_ae_title).strip(),
        association.far_end,
    )
    if isinstance(verdict, Peer):
        association.peer = verdict
        association.associated()
    else:
        association.acse.send_reject(*verdict)
        association.kill()
