"""The connections of one listener: how many there may be, and which of them gives way when there are too many."""

import contextlib
import socket
import threading


class Connections:
    """At most ``most``. One that holds an association keeps its place; of those that have not asked for one yet, the
    oldest is ended when a new connection needs room: silent peers keep nobody out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[threading.Thread, socket.socket] = {}
        self._associated: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._associated)

    def add(self, thread: threading.Thread, connection: socket.socket) -> bool:
        """False where every place holds an association."""
        with self._lock:
            if len(self) >= self._most:
                if not self._waiting:
                    return False
                oldest = next(iter(self._waiting))
                _end(self._waiting.pop(oldest))
            self._waiting[thread] = connection
            return True

    def replace(self, thread: threading.Thread, connection: socket.socket) -> None:
        """The same connection by the socket that now owns its descriptor."""
        with self._lock:
            if thread in self._waiting:
                self._waiting[thread] = connection
            else:
                _end(connection)  # it had to give way in between

    def associate(self, thread: threading.Thread) -> None:
        """It holds an association from now on."""
        with self._lock:
            if (connection := self._waiting.pop(thread, None)) is not None:
                self._associated[thread] = connection

    def remove(self, thread: threading.Thread) -> None:
        with self._lock:
            self._waiting.pop(thread, None)
            self._associated.pop(thread, None)

    def end(self) -> None:
        """End all of them; each thread notices and closes its own."""
        with self._lock:
            for connection in (*self._waiting.values(), *self._associated.values()):
                _end(connection)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Of the plain socket: that of TLS would drop its state, which another thread may be using.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
