"""The listening side: TLS, admission by calling AE title, caps, and the associations' making.

Closed by default: an association is accepted only after ``Peers`` has recognised who calls.
"""

import contextlib
import os
import socket
import socketserver
import ssl
import threading
import time
from datetime import UTC, datetime
from typing import Any

from pynetdicom import AE, _config, evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import register_uid, uid_to_service_class
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from hub.contracts.errors import ExchangeError
from hub.contracts.far_end import FarEnd, certificate_names
from hub.telemetry.metrics import count

from ..events import ASSOCIATION_REFUSED, ASSOCIATIONS, log_fault
from ..file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from ..sop_classes import storage_sop_classes
from .association import POLL_SECONDS, Provider, StoringAssociation
from .contexts import supported_contexts
from .extended import on_extended
from .plain import on_c_store
from .upper_layer import BoundedSocket

REJECTED_PERMANENT, REJECTED_TRANSIENT = 1, 2
BY_USER, BY_PRESENTATION = 1, 3
CALLING_AE_TITLE_NOT_RECOGNISED = 3
TEMPORARY_CONGESTION, LOCAL_LIMIT_EXCEEDED = 1, 2
"""A-ASSOCIATE-RJ: result, source, reason (PS3.8 table 9-21)."""

_UNNEGOTIATED_SPARE = 16


class Listener:
    """Serves associations on a listening socket in threads of this process."""

    def __init__(self, provider: Provider, listening: socket.socket, ssl_context: ssl.SSLContext | None = None) -> None:
        """Takes a duplicate of ``listening``: closing it here closes no door for another process."""
        prepare_library()
        settings = provider.settings
        ae = AE(ae_title=settings.ae_title)
        ae.maximum_pdu_size = settings.maximum_pdu_bytes
        ae.maximum_associations = settings.maximum_associations
        ae.network_timeout = settings.network_seconds
        ae.acse_timeout = settings.association_seconds
        ae.dimse_timeout = settings.network_seconds
        ae.require_called_aet = settings.require_called_ae_title
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        self.provider = provider
        self._server = _Server(ae, provider, listening, ssl_context)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="dicom-listener", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self, drain_seconds: float) -> None:
        """No new association; messages on their way are finished, then every association is aborted."""
        self._server.stop_listening()
        self._thread.join()
        self.provider.draining = True
        deadline = time.monotonic() + drain_seconds
        while (left := self._server.active_associations) and time.monotonic() < deadline:
            for association in left:
                if not association.dul.owned_by_association and association.dimse.message is None:
                    association.abort(block=False)
            time.sleep(0.05)
        for association in left:
            with contextlib.suppress(OSError, AttributeError):
                association.dul.socket.socket.shutdown(socket.SHUT_RDWR)


def prepare_library() -> None:
    """pynetdicom's process-wide settings: no logging of message contents, data sets in files, retired classes."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.STORE_RECV_CHUNKED_DATASET = True
    for uid in storage_sop_classes():
        if uid_to_service_class(uid) is not StorageServiceClass:
            register_uid(uid, "Storage_" + uid.replace(".", "_"), StorageServiceClass)


class _Server(ThreadedAssociationServer):  # type: ignore[misc]
    daemon_threads = True

    def __init__(
        self, ae: AE, provider: Provider, listening: socket.socket, ssl_context: ssl.SSLContext | None
    ) -> None:
        self.provider = provider
        self.tls = ssl_context
        self._listening = listening
        super().__init__(
            ae,
            listening.getsockname(),
            ae.ae_title,
            supported_contexts(),
            evt_handlers=[
                (evt.EVT_REQUESTED, _admit),
                (evt.EVT_SOP_EXTENDED, on_extended),
                (evt.EVT_C_STORE, on_c_store),
            ],
            request_handler=_Handler,
        )

    socket: Any

    def server_bind(self) -> None:
        self.socket.close()
        self.socket = socket.socket(fileno=os.dup(self._listening.fileno()))
        self.server_address = self.socket.getsockname()

    def server_activate(self) -> None:
        """Whoever bound the socket listens already."""

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """More connections than associations could ever come of are closed at once."""
        return len(self.active_associations) < self.provider.settings.maximum_associations + _UNNEGOTIATED_SPARE

    def stop_listening(self) -> None:
        """Not the library's ``shutdown``: that shuts the socket down for every process that shares it."""
        socketserver.BaseServer.shutdown(self)
        self.socket.close()


class _Handler(RequestHandler):  # type: ignore[misc]
    """Runs in a thread of its own for each connection, so a slow TLS handshake holds up nobody else."""

    server: _Server
    request: Any

    def handle(self) -> None:
        settings = self.server.provider.settings
        connection = self.request
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.server.tls is not None:
                connection.settimeout(settings.association_seconds)
                connection = self.request = self.server.tls.wrap_socket(connection, server_side=True)
            connection.settimeout(POLL_SECONDS)
        except OSError:
            count(ASSOCIATIONS, answer="no-handshake")
            connection.close()
            return
        super().handle()

    def _create_association(self) -> StoringAssociation:
        """As the library does, but for our classes, and without copying 170 contexts for each association."""
        server, provider = self.server, self.server.provider
        association = StoringAssociation(self.ae, MODE_ACCEPTOR, provider)
        association._server = server
        association.name = f"AcceptorThread@{datetime.now(UTC):%H%M%S.%f}"
        connection = BoundedSocket(association, client_socket=self.request)
        connection.pdu_seconds = provider.settings.network_seconds
        association.set_socket(connection)
        acceptor = association.acceptor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        acceptor.supported_contexts = server.contexts
        association.requestor.address_info = self.remote
        if server.tls is not None:
            association.certificate_names = certificate_names(self.request.getpeercert())
        for event, bound in server._handlers.items():
            if event.is_intervention and bound:
                association.bind(event, *bound)
            elif not event.is_intervention:
                for handler in bound:
                    association.bind(event, handler[0], handler[1])
        return association


def _admit(event: Any) -> None:
    """On an A-ASSOCIATE-RQ, before the library negotiates. The library swallows what is raised here, so nothing is."""
    association = event.assoc
    refusal: tuple[int, int, int] | None = (REJECTED_TRANSIENT, BY_PRESENTATION, TEMPORARY_CONGESTION)
    try:
        refusal = _refusal(association)
    except ExchangeError:
        pass
    except Exception as failure:
        log_fault("admit", failure)
    count(ASSOCIATIONS, answer="rejected" if refusal else "accepted")
    if refusal:
        association.acse.send_reject(*refusal)
        association.kill()


def _refusal(association: StoringAssociation) -> tuple[int, int, int] | None:
    ae_title = str(association.requestor.primitive.calling_ae_title).strip()
    address = str(association.requestor.address)
    provider = association.provider
    if provider.draining:
        return REJECTED_TRANSIENT, BY_PRESENTATION, TEMPORARY_CONGESTION
    peer = provider.peers.recognise(ae_title, FarEnd(address, association.certificate_names))
    if peer is None:
        ASSOCIATION_REFUSED.log(ae_title=ae_title, address=address, why="calling AE title not recognised")
        return REJECTED_PERMANENT, BY_USER, CALLING_AE_TITLE_NOT_RECOGNISED
    if not provider.peers.enter(ae_title):
        ASSOCIATION_REFUSED.log(ae_title=ae_title, address=address, why="too many associations of this AE title")
        return REJECTED_TRANSIENT, BY_PRESENTATION, LOCAL_LIMIT_EXCEEDED
    association.peer = peer
    return None
