"""The listening side: a thread for each connection, TLS in it, and the way an association then takes.

Closed by default: an association is accepted only after ``Peers`` has recognised who calls.
"""

import select
import socket
import ssl
import threading
import time
from functools import partial
from typing import Any

from hub.contracts.far_end import FarEnd, certificate_names
from hub.telemetry.metrics import count

from ..events import ASSOCIATIONS, log_fault
from . import acceptor
from .connections import Connections
from .provider import Provider
from .stock import Stock

UNNEGOTIATED_SPARE = 16
"""Connections beyond the associations that may be."""
PATIENCE_SECONDS = 0.003
"""How long a connection is left to the sibling processes, for each association that this one holds more than they."""
MOST_PATIENCE_SECONDS = 0.02
_POLL_SECONDS = 0.2


class Listener:
    """Serves associations on a listening socket in threads of this process."""

    def __init__(self, provider: Provider, listening: socket.socket, ssl_context: ssl.SSLContext | None = None) -> None:
        """Takes a duplicate of ``listening``: closing it here closes no door for another process."""
        self.provider = provider
        self._tls = ssl_context
        self._stock = None if provider.fast else Stock(provider)
        self._socket = listening.dup()
        self._socket.setblocking(False)
        self._local = self._socket.getsockname()
        self._stopping = False
        self._connections = Connections(provider.settings.maximum_associations + UNNEGOTIATED_SPARE)
        self._thread = threading.Thread(target=self._listen, name="dicom-listener", daemon=True)

    @property
    def port(self) -> int:
        return int(self._local[1])

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def start(self) -> None:
        self._thread.start()

    def stop(self, drain_seconds: float) -> None:
        """No new association; messages on their way are finished, then every association is aborted."""
        self._stopping = True
        self._thread.join()
        self._socket.close()
        self.provider.draining = True
        deadline = time.monotonic() + drain_seconds
        while self._connections and time.monotonic() < deadline:
            if self._stock is not None:
                self._stock.abort_idle()
            time.sleep(0.02)
        self._connections.end()

    def _listen(self) -> None:
        while not self._stopping:
            if not select.select([self._socket], [], [], _POLL_SECONDS)[0]:
                continue
            if (lead := self.provider.peers.lead()) > 0:
                time.sleep(min(lead * PATIENCE_SECONDS, MOST_PATIENCE_SECONDS))
            try:
                connection, remote = self._socket.accept()
            except BlockingIOError:
                continue  # a sibling was faster
            except OSError as failure:  # no file descriptor left, or the peer has gone
                log_fault("listener", failure)
                time.sleep(_POLL_SECONDS)
                continue
            thread = threading.Thread(
                target=self._serve, args=(connection, remote), name="dicom-association", daemon=True
            )
            if not self._connections.add(thread, connection):
                count(ASSOCIATIONS, answer="too-many-connections")
                connection.close()
                continue
            thread.start()

    def _serve(self, connection: socket.socket, remote: Any) -> None:
        deadline = time.monotonic() + self.provider.settings.association_seconds
        thread = threading.current_thread()
        associated = partial(self._connections.associate, thread)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(self.provider.settings.association_seconds)
            names = None
            if self._tls is not None:
                # Here, in a thread of its own, so that a peer who stalls the handshake holds up nobody else.
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                self._connections.replace(thread, connection)
                connection.do_handshake()
                names = certificate_names(connection.getpeercert())
            far_end = FarEnd(str(remote[0]), names)
            if self._stock is not None:
                self._stock.serve(connection, far_end, self._local, remote, associated)
            else:
                acceptor.serve(self.provider, connection, far_end, deadline, associated)
        except OSError:
            count(ASSOCIATIONS, answer="no-handshake")
        except Exception as failure:
            log_fault("association", failure)
        finally:
            connection.close()
            self._connections.remove(thread)
