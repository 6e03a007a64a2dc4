"""An association as its acceptor (PS3.8 9.2, 9.3), from the request to the release, in one thread.

The library decodes the request and negotiates (``negotiation``); the state machine of PS3.8 9.2 is the order in which
this thread goes. What is not in that order is aborted.
"""

import contextlib
import socket
import time
from collections.abc import Callable

from hub.contracts.far_end import FarEnd

from ..events import ASSOCIATION_BROKEN, log_fault
from .admission import (
    BY_ACSE,
    PROTOCOL_VERSION_NOT_SUPPORTED,
    REJECTED_PERMANENT,
    Rejection,
    admit,
)
from .messages import Broken, Closed, Draining, Messages
from .negotiation import CALLED, CALLING, FIXED_BYTES, Malformed
from .peers import Peer
from .provider import Provider

ASSOCIATE_RQ, RELEASE_RQ, ABORT = 1, 5, 7
BY_SERVICE_USER, BY_SERVICE_PROVIDER = 0, 2
NOT_SPECIFIED, UNEXPECTED_PDU = 0, 2
"""A-ABORT: source and reason (PS3.8 table 9-26)."""
LONGEST_REQUEST_BYTES = 1 << 20
ARTIM_SECONDS = 2.0
"""How long a peer may take to close the connection after the last PDU that we send it."""
_MOST_IGNORED_BYTES = 1 << 20
_RELEASE_RP = bytes((6, 0, 0, 0, 0, 4, 0, 0, 0, 0))


def serve(
    provider: Provider, connection: socket.socket, far_end: FarEnd, deadline: float, associated: Callable[[], None]
) -> None:
    """The whole life of an association on a connection. ``deadline``: monotonic time by which the request must be
    there. ``associated`` is called when it is admitted. The connection is the caller's to close."""
    request = _request(connection, deadline)
    if request is None:
        return
    if request[0] != ASSOCIATE_RQ or len(request) < FIXED_BYTES:
        return _end(connection, _abort(BY_SERVICE_PROVIDER, UNEXPECTED_PDU))
    if not request[7] & 1:
        return _end(connection, _reject((REJECTED_PERMANENT, BY_ACSE, PROTOCOL_VERSION_NOT_SUPPORTED)))
    peer = admit(provider, _title(request[CALLED]), _title(request[CALLING]), far_end)
    if not isinstance(peer, Peer):
        return _end(connection, _reject(peer))
    associated()
    try:
        try:
            agreement = provider.negotiation.agree(request)
        except Malformed as malformed:
            log_fault("association request of a peer", malformed.__cause__ or malformed)
            return _end(connection, _abort(BY_SERVICE_PROVIDER, NOT_SPECIFIED))
        with contextlib.suppress(OSError):
            connection.sendall(agreement.accept(request))
            _established(connection, peer, Messages(provider, connection, peer, agreement).run)
    finally:
        provider.peers.leave(peer.ae_title)


def _established(connection: socket.socket, peer: Peer, run: Callable[[], bytes]) -> None:
    why = ""
    try:
        pdu = run()
    except Closed:
        return
    except Draining:
        return _end(connection, _abort(BY_SERVICE_USER, NOT_SPECIFIED))
    except Broken as broken:
        why = str(broken)
    except Exception as failure:
        log_fault("association", failure)
        why = type(failure).__name__
    else:
        if pdu[0] == RELEASE_RQ:
            return _end(connection, _RELEASE_RP)
        if pdu[0] == ABORT:
            return
        why = f"PDU of type {pdu[0]} within an association"
    ASSOCIATION_BROKEN.log(ae_title=peer.ae_title, why=why)
    _end(connection, _abort(BY_SERVICE_PROVIDER, UNEXPECTED_PDU))


def _request(connection: socket.socket, deadline: float) -> bytes | None:
    """The first PDU whole, whatever it is; None where none comes in time or the connection ends."""
    content, wanted = bytearray(), 6
    while len(content) < wanted:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        connection.settimeout(left)
        try:
            piece = connection.recv(wanted - len(content))
        except OSError:
            return None
        if not piece:
            return None
        content += piece
        if len(content) == 6 == wanted:
            wanted += int.from_bytes(content[2:6], "big")
            if content[0] != ASSOCIATE_RQ or wanted > LONGEST_REQUEST_BYTES:
                break
    return bytes(content)


def _end(connection: socket.socket, last: bytes) -> None:
    """Send the last PDU and wait until the peer closes: to close before it would reset the connection where something
    of it is unread, and the PDU could be lost with it."""
    with contextlib.suppress(OSError):
        connection.settimeout(ARTIM_SECONDS)
        connection.sendall(last)
        connection.shutdown(socket.SHUT_WR)
        deadline, ignored = time.monotonic() + ARTIM_SECONDS, 0
        while ignored < _MOST_IGNORED_BYTES and (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not (piece := connection.recv(1 << 16)):
                return
            ignored += len(piece)


def _title(raw: bytes) -> str:
    return raw.decode("ascii", "replace").strip("\0 ")


def _reject(rejection: Rejection) -> bytes:
    return bytes((3, 0, 0, 0, 0, 4, 0, *rejection))


def _abort(source: int, reason: int) -> bytes:
    return bytes((7, 0, 0, 0, 0, 4, 0, 0, source, reason))
