"""An association as its requestor (PS3.8 clause 7), in the one thread that uses it.

The library writes and reads the A-ASSOCIATE PDUs; messages go by ``Exchange``, so that a series leaves as fast as the
line takes it.
"""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import build_context

from hub.contracts.errors import Busy

from ..dimse.exchange import Ended, Exchange
from ..events import TLS_FAILED, log_fault
from ..file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from ..settings import DicomSettings
from .tls import OutgoingTls

MOST_CONTEXTS = 128
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_ACCEPTED, _AC = 0, 0x02
_RELEASE_RQ = bytes((0x05, 0, 0, 0, 0, 4, 0, 0, 0, 0))
_ABORT = bytes((0x07, 0, 0, 0, 0, 4, 0, 0, 0, 0))


@dataclass(frozen=True, slots=True)
class Proposed:
    """One presentation context: a SOP class with one transfer syntax; ``as_scp`` asks for the SCP role."""

    sop_class: str
    transfer_syntaxes: tuple[str, ...]
    as_scp: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An association that is established. ``contexts`` are the accepted ones: id by (SOP class, transfer syntax)."""

    exchange: Exchange
    contexts: dict[tuple[str, str], int]


def to_device(
    settings: DicomSettings,
    ae_title: str,
    place: tuple[str, int],
    proposed: Sequence[Proposed],
    *,
    connect_seconds: float | None = None,
) -> contextlib.AbstractContextManager[Outgoing]:
    """``association`` with a registered device, over TLS where the settings say so."""
    return association(
        place,
        calling=settings.ae_title,
        called=ae_title,
        proposed=proposed,
        maximum_pdu_bytes=settings.maximum_pdu_bytes,
        connect_seconds=min(settings.association_seconds, connect_seconds or settings.association_seconds),
        network_seconds=settings.network_seconds,
        tls=settings.device(ae_title).tls,
    )


@contextlib.contextmanager
def association(
    place: tuple[str, int],
    *,
    calling: str,
    called: str,
    proposed: Sequence[Proposed],
    maximum_pdu_bytes: int,
    connect_seconds: float,
    network_seconds: float,
    tls: OutgoingTls | None = None,
) -> Iterator[Outgoing]:
    """Released at the end, aborted where something is raised. Raises Busy where the peer is not there, is not who its
    certificate should say, or does not accept."""
    with _connected(place, called, connect_seconds, tls) as connection:
        exchange = Exchange(
            connection, peer_maximum_bytes=0, own_maximum_bytes=maximum_pdu_bytes, seconds=connect_seconds
        )
        try:
            connection.sendall(_request(calling, called, proposed, maximum_pdu_bytes))
            pdu = exchange.read_pdu()
        except (OSError, Ended, ValueError):
            raise Busy("The destination does not answer the association request.", where=called) from None
        if pdu[0] != _AC:
            raise Busy("The destination rejected the association.", where=called)
        contexts, peer_maximum_bytes = _accepted(pdu, proposed)
        exchange = Exchange(
            connection,
            peer_maximum_bytes=peer_maximum_bytes,
            own_maximum_bytes=maximum_pdu_bytes,
            seconds=network_seconds,
        )
        try:
            yield Outgoing(exchange, contexts)
        except BaseException:
            with contextlib.suppress(OSError):
                connection.sendall(_ABORT)
            raise
        with contextlib.suppress(OSError, Ended, ValueError):
            connection.settimeout(connect_seconds)
            connection.sendall(_RELEASE_RQ)
            exchange.read_pdu()


def _connected(place: tuple[str, int], called: str, seconds: float, tls: OutgoingTls | None) -> socket.socket:
    try:
        connection = socket.create_connection(place, timeout=seconds)
    except OSError:
        raise Busy("The destination cannot be reached.", where=called) from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is None:
        return connection
    try:
        return tls.context().wrap_socket(connection, server_hostname=tls.name or place[0])
    except OSError as failure:
        connection.close()
        TLS_FAILED.log(ae_title=called, error=type(failure).__name__, why=getattr(failure, "reason", None) or "")
        raise Busy("No TLS connection with the destination came about.", where=called) from None


def _request(calling: str, called: str, proposed: Sequence[Proposed], maximum_pdu_bytes: int) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = _APPLICATION_CONTEXT
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    contexts = []
    for number, one in enumerate(proposed[:MOST_CONTEXTS]):
        context = build_context(one.sop_class, list(one.transfer_syntaxes))
        context.context_id = 2 * number + 1
        contexts.append(context)
    primitive.presentation_context_definition_list = contexts
    length = MaximumLengthNotification()
    length.maximum_length_received = maximum_pdu_bytes
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    roles = []
    for uid in dict.fromkeys(one.sop_class for one in proposed if one.as_scp):
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid, role.scu_role, role.scp_role = uid, False, True
        roles.append(role)
    primitive.user_information = [length, implementation, version, *roles]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    encoded: bytes = pdu.encode()
    return encoded


def _accepted(content: bytes, proposed: Sequence[Proposed]) -> tuple[dict[tuple[str, str], int], int]:
    pdu = A_ASSOCIATE_AC()
    try:
        pdu.decode(content)
        primitive = pdu.to_primitive()
    except Exception as failure:  # whatever the library stumbles over in a peer's bytes
        log_fault("association answer of a peer", failure)
        raise Busy("The destination's answer to the association request cannot be read.") from None
    contexts = {}
    for result in primitive.presentation_context_definition_results_list:
        number = (result.context_id - 1) // 2
        if result.result == _ACCEPTED and result.transfer_syntax and number < len(proposed):
            contexts[proposed[number].sop_class, str(result.transfer_syntax[0])] = result.context_id
    maximum = next(
        (
            one.maximum_length_received
            for one in primitive.user_information
            if isinstance(one, MaximumLengthNotification)
        ),
        0,
    )
    return contexts, int(maximum)
